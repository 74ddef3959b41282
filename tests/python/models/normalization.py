"""Normalization."""


def alone(shape, layer):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


CASES = {
    "batch": alone((5, 4, 3), lambda k: k.BatchNormalization()),
    "batch_axis_1": alone((5, 4, 3), lambda k: k.BatchNormalization(axis=1, scale=False, epsilon=0.1)),
    "batch_no_center": alone((3,), lambda k: k.BatchNormalization(center=False)),
    "layer": alone((5, 4), lambda k: k.LayerNormalization()),
    "layer_two_axes": alone((5, 4, 3), lambda k: k.LayerNormalization(axis=[2, 3], center=False)),
}
