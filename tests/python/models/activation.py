"""Activation layers."""


def alone(layer, shape=(6,)):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


def softmax_with_a_mask(keras):
    x, mask = keras.Input((3, 5)), keras.Input((3, 5), dtype="bool")
    return keras.Model([x, mask], keras.layers.Softmax()(x, mask=mask)), [
        [[[1.0, 2, 3, 4, 5], [1, 1, 1, 2, 0], [3, 2, 1, 0, 1]]],
        [[[True, True, False, True, False], [True] * 5, [False] * 5]],
    ]


CASES = {
    "relu": alone(lambda k: k.ReLU()),
    "relu6": alone(lambda k: k.ReLU(6.0)),
    "relu_of_all": alone(lambda k: k.ReLU(0.7, negative_slope=0.1, threshold=0.2)),
    "leaky_relu": alone(lambda k: k.LeakyReLU()),
    "leaky_relu_slope": alone(lambda k: k.LeakyReLU(negative_slope=0.05), (4, 3)),
    "threshold": alone(lambda k: k.ReLU(threshold=0.3)),
    "prelu": alone(lambda k: k.PReLU(), (3, 4)),
    "prelu_shared": alone(lambda k: k.PReLU(shared_axes=[1, 2]), (None, 4, 3)),
    "elu": alone(lambda k: k.ELU(0.7)),
    "softmax": alone(lambda k: k.Softmax(), (3, 4)),
    "softmax_axes": alone(lambda k: k.Softmax(axis=(1, 2)), (3, 4)),
    "softmax_axis_1": alone(lambda k: k.Softmax(axis=1), (3, 4)),
    "softmax_with_a_mask": softmax_with_a_mask,
    "dense_with_a_layer": lambda keras: keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation=keras.layers.ReLU(0.5))]),
    "dense_with_leaky_relu": lambda keras: keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation=keras.layers.LeakyReLU(0.1))]),
}
OLD = {
    "leaky_relu_alpha": ("leaky_relu_slope", lambda layer: layer["config"].update(alpha=layer["config"].pop("negative_slope"))),
    "thresholded_relu": ("threshold", lambda layer: layer.update(class_name="ThresholdedReLU", config={"theta": 0.3})),
}
