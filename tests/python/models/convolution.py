"""Convolutions."""


def alone(shape, layer):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


CASES = {
    "conv2d": alone((9, 8, 3), lambda k: k.Conv2D(4, 3, activation="relu")),
    "conv2d_same_stride": alone((None, None, 4), lambda k: k.Conv2D(6, (3, 2), strides=2, padding="same", groups=2, use_bias=False)),
    "conv2d_dilated": alone((9, 8, 2), lambda k: k.Conv2D(3, 3, dilation_rate=(2, 1))),
    "conv1d_causal": alone((9, 3), lambda k: k.Conv1D(4, 3, padding="causal", dilation_rate=2)),
    "conv3d": alone((5, 6, 4, 2), lambda k: k.Conv3D(3, 2, padding="same")),
    "depthwise": alone((7, 6, 3), lambda k: k.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same")),
}
