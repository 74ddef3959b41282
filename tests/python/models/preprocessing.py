"""Preprocessing."""


def alone(shape, layer, dtype="float32"):
    return lambda keras: keras.Sequential([keras.Input(shape, dtype=dtype), layer(keras.layers)])


CASES = {
    "rescaling": alone((4, 4, 3), lambda k: k.Rescaling(1 / 127.5, offset=-1)),
    "rescaling_by_channel": alone((4, 4, 3), lambda k: k.Rescaling([0.1, 0.2, 0.3], offset=[1.0, 2.0, 3.0])),
    "rescaling_of_bytes": alone((4, 4, 3), lambda k: k.Rescaling(1 / 255), "uint8"),
    "normalization": alone((4, 3), lambda k: k.Normalization()),
    "normalization_axes": alone((4, 5, 3), lambda k: k.Normalization(axis=(1, 3))),
    "normalization_of_all": alone((4, 3), lambda k: k.Normalization(axis=None)),
    "normalization_given": alone((4, 3), lambda k: k.Normalization(mean=[1.0, 2, 3], variance=[1.0, 4, 0])),
    "normalization_given_number": alone((4, 3), lambda k: k.Normalization(axis=(1, 2), mean=1.0, variance=4.0), "int32"),
    "normalization_inverted": alone((4, 3), lambda k: k.Normalization(mean=[1.0, 2, 3], variance=[1.0, 4, 0], invert=True)),
}
