"""Reshaping."""


def alone(shape, layer):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


IMAGE = (4, 6, 2)
CASES = {
    "reshape": alone((4, 6), lambda k: k.Reshape((3, -1))),
    "reshape_unknown": alone((None, 6), lambda k: k.Reshape((-1, 3))),
    "permute": alone((4, 6, 2), lambda k: k.Permute((3, 1, 2))),
    "repeat_vector": alone((4,), lambda k: k.RepeatVector(3)),
    "cropping_1d": alone((None, 3), lambda k: k.Cropping1D((1, 0))),
    "cropping_2d": alone(IMAGE, lambda k: k.Cropping2D(((1, 0), (2, 1)))),
    "cropping_2d_channels_first": alone((2, 6, 5), lambda k: k.Cropping2D((1, 2), data_format="channels_first")),
    "cropping_3d": alone((4, 5, 6, 2), lambda k: k.Cropping3D(1)),
    "zero_padding_1d": alone((4, 3), lambda k: k.ZeroPadding1D((1, 2))),
    "zero_padding_1d_channels_first": alone((3, 4), lambda k: k.ZeroPadding1D(2, data_format="channels_first")),
    "zero_padding_2d": alone(IMAGE, lambda k: k.ZeroPadding2D(((1, 0), (2, 3)))),
    "zero_padding_2d_one": alone(IMAGE, lambda k: k.ZeroPadding2D(2)),
    "zero_padding_3d": alone((2, 3, 4, 2), lambda k: k.ZeroPadding3D((1, 0, 2))),
    "up_sampling_1d": alone((None, 3), lambda k: k.UpSampling1D(3)),
    "up_sampling_2d": alone(IMAGE, lambda k: k.UpSampling2D((2, 3))),
    "up_sampling_2d_channels_first": alone((2, 4, 3), lambda k: k.UpSampling2D(2, data_format="channels_first")),
    "up_sampling_2d_bilinear": alone((None, 6, 2), lambda k: k.UpSampling2D(2, interpolation="bilinear")),
    "up_sampling_2d_bicubic": alone((2, 4, 6), lambda k: k.UpSampling2D(2, interpolation="bicubic", data_format="channels_first")),
    "up_sampling_3d": alone((2, 3, 4, 2), lambda k: k.UpSampling3D((1, 2, 3))),
    "up_sampling_3d_channels_first": alone((2, 3, 4, 2), lambda k: k.UpSampling3D(2, data_format="channels_first")),
}
OLD = {
    "zero_padding_2d_symmetric": ("zero_padding_2d_one", lambda layer: layer["config"].update(padding=[2, 2])),
    "zero_padding_2d_number": ("zero_padding_2d_one", lambda layer: layer["config"].update(padding=2)),
}
