"""Reshaping."""


def alone(shape, layer):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


CASES = {
    "reshape": alone((4, 6), lambda k: k.Reshape((3, -1))),
    "zero_padding_2d": alone((4, 6, 2), lambda k: k.ZeroPadding2D(((1, 0), (2, 3)))),
    "zero_padding_2d_one": alone((4, 6, 2), lambda k: k.ZeroPadding2D(2)),
}
