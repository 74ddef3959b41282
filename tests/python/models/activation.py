"""Activation layers."""


def alone(layer, shape=(6,)):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


CASES = {
    "relu": alone(lambda k: k.ReLU()),
    "relu6": alone(lambda k: k.ReLU(6.0)),
    "relu_of_all": alone(lambda k: k.ReLU(0.7, negative_slope=0.1, threshold=0.2)),
    "dense_with_a_layer": lambda keras: keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation=keras.layers.ReLU(0.5))]),
}
