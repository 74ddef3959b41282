"""Convolutions."""


def alone(shape, layer):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


CASES = {
    "conv2d": alone((9, 8, 3), lambda k: k.Conv2D(4, 3, activation="relu")),
    "conv2d_same_stride": alone((None, None, 4), lambda k: k.Conv2D(6, (3, 2), strides=2, padding="same", groups=2, use_bias=False)),
    "conv2d_dilated": alone((9, 8, 2), lambda k: k.Conv2D(3, 3, dilation_rate=(2, 1))),
    "conv2d_channels_first": alone((3, 9, 8), lambda k: k.Conv2D(4, 3, data_format="channels_first")),
    "conv1d": alone((None, 3), lambda k: k.Conv1D(4, 3, strides=2, activation="tanh")),
    "conv1d_causal": alone((9, 3), lambda k: k.Conv1D(4, 3, padding="causal", dilation_rate=2)),
    "conv1d_causal_channels_first": alone((3, 9), lambda k: k.Conv1D(4, 3, padding="causal", data_format="channels_first")),
    "conv3d": alone((5, 6, 4, 2), lambda k: k.Conv3D(3, 2, padding="same")),
    "depthwise": alone((7, 6, 3), lambda k: k.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same")),
    "depthwise_1d": alone((9, 3), lambda k: k.DepthwiseConv1D(3, depth_multiplier=2, dilation_rate=2, activation="relu")),
    "separable": alone((7, None, 3), lambda k: k.SeparableConv2D(4, 3, depth_multiplier=2, padding="same", activation="relu")),
    "separable_channels_first": alone((3, 7, 6), lambda k: k.SeparableConv2D(4, 3, strides=2, use_bias=False, data_format="channels_first")),
    "separable_1d": alone((9, 3), lambda k: k.SeparableConv1D(4, 3, strides=2)),
    "transpose": alone((4, 5, 3), lambda k: k.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")),
    "transpose_valid": alone((None, 5, 3), lambda k: k.Conv2DTranspose(4, (3, 2), strides=(2, 3), use_bias=False)),
    "transpose_output_padding": alone((4, 5, 3), lambda k: k.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1)),
    "transpose_dilated": alone((4, 5, 3), lambda k: k.Conv2DTranspose(2, 3, dilation_rate=2)),
    "transpose_channels_first": alone((3, 4, 5), lambda k: k.Conv2DTranspose(2, 3, strides=2, data_format="channels_first")),
    "transpose_1d": alone((6, 3), lambda k: k.Conv1DTranspose(4, 3, strides=2, padding="same")),
    "transpose_3d": alone((3, 4, 2, 3), lambda k: k.Conv3DTranspose(2, 2, strides=2)),
}
OLD = {
    "depthwise_of_keras_2": ("depthwise", lambda layer: layer["config"].update(groups=1, filters=None)),
    "separable_of_keras_2": ("separable", lambda layer: layer["config"].update(groups=1)),
    "transpose_of_keras_2": ("transpose", lambda layer: layer["config"].update(groups=1)),
}
