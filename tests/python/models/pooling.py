"""Pooling."""


def alone(shape, layer):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


def masked_mean(keras):
    k = keras.layers
    return keras.Sequential([keras.Input((7,), dtype="int32"), k.Embedding(5, 3, mask_zero=True), k.GlobalAveragePooling1D()])


def mean_of_masking(keras):
    k = keras.layers
    return keras.Sequential([keras.Input((3, 2)), k.Masking(2.0), k.Dense(4), k.GlobalAveragePooling1D(keepdims=True)]), [
        [[[2.0, 2], [1, 2], [3, 4]], [[2, 2.5], [2, 2], [2, 2]]]
    ]


IMAGE, VOLUME, SERIES = (7, 6, 3), (4, 5, 6, 2), (7, 3)
CASES = {
    "max_1d": alone(SERIES, lambda k: k.MaxPooling1D(3, strides=2)),
    "max_1d_same": alone((None, 3), lambda k: k.MaxPooling1D(2, padding="same")),
    "max_2d": alone(IMAGE, lambda k: k.MaxPooling2D()),
    "max_2d_same": alone(IMAGE, lambda k: k.MaxPooling2D(3, strides=2, padding="same")),
    "max_2d_channels_first": alone((3, 7, 6), lambda k: k.MaxPooling2D(3, data_format="channels_first")),
    "max_3d": alone(VOLUME, lambda k: k.MaxPooling3D(2, padding="same")),
    "average_1d": alone(SERIES, lambda k: k.AveragePooling1D(2, padding="same")),
    "average_2d": alone(IMAGE, lambda k: k.AveragePooling2D((2, 3), padding="same")),
    "average_3d": alone(VOLUME, lambda k: k.AveragePooling3D(2, strides=1)),
    "global_max_1d": alone(SERIES, lambda k: k.GlobalMaxPooling1D()),
    "global_max_2d": alone((None, None, 3), lambda k: k.GlobalMaxPooling2D(keepdims=True)),
    "global_max_2d_channels_first": alone(IMAGE, lambda k: k.GlobalMaxPooling2D(data_format="channels_first")),
    "global_max_3d": alone(VOLUME, lambda k: k.GlobalMaxPooling3D()),
    "global_average_2d": alone(IMAGE, lambda k: k.GlobalAveragePooling2D(keepdims=True)),
    "global_average_1d": alone(SERIES, lambda k: k.GlobalAveragePooling1D()),
    "global_average_1d_channels_first": alone(SERIES, lambda k: k.GlobalAveragePooling1D(data_format="channels_first")),
    "global_average_1d_masked": masked_mean,
    "global_average_1d_of_masking": mean_of_masking,
    "global_average_3d": alone(VOLUME, lambda k: k.GlobalAveragePooling3D()),
    "adaptive_average_1d": alone(SERIES, lambda k: k.AdaptiveAveragePooling1D(3)),
    "adaptive_average_2d": alone(IMAGE, lambda k: k.AdaptiveAveragePooling2D((3, 4))),
    "adaptive_average_2d_channels_first": alone((3, 7, 6), lambda k: k.AdaptiveAveragePooling2D(2, data_format="channels_first")),
    "adaptive_average_3d": alone(VOLUME, lambda k: k.AdaptiveAveragePooling3D((2, 3, 4))),
    "adaptive_max_1d": alone(SERIES, lambda k: k.AdaptiveMaxPooling1D(3)),
    "adaptive_max_2d": alone(IMAGE, lambda k: k.AdaptiveMaxPooling2D((3, 4))),
    "adaptive_max_3d": alone(VOLUME, lambda k: k.AdaptiveMaxPooling3D(2)),
}
OLD = {"max_1d_lists": ("max_1d", lambda layer: layer["config"].update(pool_size=[3], strides=[2], data_format="channels_last"))}
