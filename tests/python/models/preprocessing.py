"""Preprocessing."""


def alone(shape, layer, dtype="float32"):
    return lambda keras: keras.Sequential([keras.Input(shape, dtype=dtype), layer(keras.layers)])


CASES = {
    "rescaling": alone((4, 4, 3), lambda k: k.Rescaling(1 / 127.5, offset=-1)),
    "rescaling_by_channel": alone((4, 4, 3), lambda k: k.Rescaling([0.1, 0.2, 0.3], offset=[1.0, 2.0, 3.0])),
    "rescaling_of_bytes": alone((4, 4, 3), lambda k: k.Rescaling(1 / 255), "uint8"),
}
