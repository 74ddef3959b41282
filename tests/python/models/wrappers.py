"""Wrappers."""


def alone(shape, layer):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


def pipeline(keras):
    k = keras.layers
    x = keras.Input((6, 3))
    y = k.Pipeline([k.Normalization(), k.Rescaling(0.5), k.Dense(4, "relu"), k.Pipeline([k.GaussianNoise(0.5), k.Dense(2)])])(x)
    return keras.Model(x, k.Dense(3)(y))


CASES = {
    "pipeline": pipeline,
    "time_distributed": alone((5, 4), lambda k: k.TimeDistributed(k.Dense(3, "tanh"))),
    "time_distributed_conv": alone((None, 6, 6, 2), lambda k: k.TimeDistributed(k.Conv2D(3, 3))),
}
