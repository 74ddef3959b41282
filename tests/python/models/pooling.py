"""Pooling."""


def alone(shape, layer):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


def masked_mean(keras):
    k = keras.layers
    return keras.Sequential([keras.Input((7,), dtype="int32"), k.Embedding(5, 3, mask_zero=True), k.GlobalAveragePooling1D()])


CASES = {
    "max_2d": alone((7, 6, 3), lambda k: k.MaxPooling2D()),
    "max_2d_same": alone((7, 6, 3), lambda k: k.MaxPooling2D(3, strides=2, padding="same")),
    "average_2d": alone((7, 6, 3), lambda k: k.AveragePooling2D((2, 3), padding="same")),
    "global_average_2d": alone((7, 6, 3), lambda k: k.GlobalAveragePooling2D(keepdims=True)),
    "global_average_1d": alone((7, 3), lambda k: k.GlobalAveragePooling1D()),
    "global_average_1d_masked": masked_mean,
}
