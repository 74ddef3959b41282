"""Wrappers."""


def alone(shape, layer):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


CASES = {
    "time_distributed": alone((5, 4), lambda k: k.TimeDistributed(k.Dense(3, "tanh"))),
    "time_distributed_conv": alone((None, 6, 6, 2), lambda k: k.TimeDistributed(k.Conv2D(3, 3))),
}
