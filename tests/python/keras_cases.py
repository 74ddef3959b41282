"""Small Keras models, one for each kind of layer. As a script: saves each as a .keras file with an input and the output of the
backend that KERAS_BACKEND names, for test_keras.py to compare with.

    KERAS_BACKEND=numpy python keras_cases.py FOLDER
"""

import os
import sys

import numpy as np

IMAGE = (12, 10, 3)
SEQUENCE = (11, 4)


def cases():
    """name -> (input shape without batch, function of the input tensor)."""
    from keras import layers as L
    from keras import ops

    table = {
        "dense": ((7,), lambda x: L.Dense(5, activation="relu")(x)),
        "dense_softmax": ((7,), lambda x: L.Dense(5, activation="softmax")(x)),
        "dense_sequence": (SEQUENCE, lambda x: L.Dense(5, use_bias=False)(x)),
        "conv1d": (SEQUENCE, lambda x: L.Conv1D(6, 3, padding="same", dilation_rate=2)(x)),
        "conv1d_causal": (SEQUENCE, lambda x: L.Conv1D(6, 3, padding="causal")(x)),
        "conv2d_valid": (IMAGE, lambda x: L.Conv2D(6, (3, 2), strides=2)(x)),
        "conv2d_same": (IMAGE, lambda x: L.Conv2D(6, 3, strides=2, padding="same", activation="relu")(x)),
        "conv2d_groups": (IMAGE, lambda x: L.Conv2D(6, 3, groups=3)(x)),
        "conv2d_dilated": (IMAGE, lambda x: L.Conv2D(4, 3, dilation_rate=2, padding="same")(x)),
        "conv3d": ((6, 5, 4, 2), lambda x: L.Conv3D(3, 2, padding="same")(x)),
        "depthwise": (IMAGE, lambda x: L.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x)),
        "separable": (IMAGE, lambda x: L.SeparableConv2D(5, 3, strides=2, padding="same")(x)),
        "conv2d_transpose": (IMAGE, lambda x: L.Conv2DTranspose(4, 3, strides=2, padding="same")(x)),
        "conv2d_transpose_valid": (IMAGE, lambda x: L.Conv2DTranspose(4, 3, strides=2)(x)),
        "max_pool": (IMAGE, lambda x: L.MaxPooling2D(2)(x)),
        "max_pool_same": (IMAGE, lambda x: L.MaxPooling2D(3, strides=2, padding="same")(x)),
        "average_pool": (IMAGE, lambda x: L.AveragePooling2D(2)(x)),
        "average_pool_same": (IMAGE, lambda x: L.AveragePooling2D(3, strides=2, padding="same")(x)),
        "global_average": (IMAGE, lambda x: L.GlobalAveragePooling2D(keepdims=True)(x)),
        "global_max": (IMAGE, lambda x: L.GlobalMaxPooling2D()(x)),
        "batch_norm": (IMAGE, lambda x: L.BatchNormalization()(x)),
        "layer_norm": (SEQUENCE, lambda x: L.LayerNormalization()(x)),
        "group_norm": ((6, 5, 8), lambda x: L.GroupNormalization(4)(x)),
        "rms_norm": (SEQUENCE, lambda x: L.RMSNormalization()(x)),
        "unit_norm": (SEQUENCE, lambda x: L.UnitNormalization()(x)),
        "leaky_relu": (SEQUENCE, lambda x: L.LeakyReLU(0.1)(x)),
        "prelu": (SEQUENCE, lambda x: L.PReLU()(x)),
        "elu": (SEQUENCE, lambda x: L.ELU()(x)),
        "relu_max": (SEQUENCE, lambda x: L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2)(x)),
        "softmax": (SEQUENCE, lambda x: L.Softmax(axis=1)(x)),
        "flatten": (IMAGE, lambda x: L.Flatten()(x)),
        "reshape": (IMAGE, lambda x: L.Reshape((6, -1))(x)),
        "permute": (IMAGE, lambda x: L.Permute((3, 1, 2))(x)),
        "repeat_vector": ((7,), lambda x: L.RepeatVector(3)(x)),
        "zero_padding": (IMAGE, lambda x: L.ZeroPadding2D(((1, 2), (3, 0)))(x)),
        "cropping": (IMAGE, lambda x: L.Cropping2D(((1, 2), (3, 0)))(x)),
        "add": (SEQUENCE, lambda x: L.Add()([x, L.Dense(4)(x)])),
        "subtract": (SEQUENCE, lambda x: L.Subtract()([x, L.Dense(4)(x)])),
        "multiply": (SEQUENCE, lambda x: L.Multiply()([x, L.Dense(4, activation="sigmoid")(x)])),
        "average": (SEQUENCE, lambda x: L.Average()([x, L.Dense(4)(x)])),
        "maximum": (SEQUENCE, lambda x: L.Maximum()([x, L.Dense(4)(x)])),
        "minimum": (SEQUENCE, lambda x: L.Minimum()([x, L.Dense(4)(x)])),
        "concatenate": (SEQUENCE, lambda x: L.Concatenate(axis=1)([x, L.Dense(4)(x)])),
        "dot": (SEQUENCE, lambda x: L.Dot(axes=2)([x, L.Dense(4)(x)])),
        "dropout": (SEQUENCE, lambda x: L.Dropout(0.5)(x)),
        "rescaling": (SEQUENCE, lambda x: L.Rescaling(2.0, offset=-1.0)(x)),
        "functional_ops": (SEQUENCE, lambda x: ops.transpose(ops.mean(x * 2 - 1, axis=1, keepdims=True), (0, 2, 1))),
        "residual": (IMAGE, _residual),
        "einsum_dense": (SEQUENCE, lambda x: L.EinsumDense("abc,cd->abd", output_shape=(11, 6), bias_axes="d")(x)),
        "einsum_dense_heads": (SEQUENCE, lambda x: L.EinsumDense("abc,cde->abde", output_shape=(11, 3, 2), bias_axes="de")(x)),
        "multi_head_attention": (SEQUENCE, lambda x: L.MultiHeadAttention(3, 2)(x, x)),
        "einsum": (SEQUENCE, lambda x: ops.einsum("btc,bsc->bts", x, x)),
        "linalg": (SEQUENCE, lambda x: ops.inv(ops.einsum("btc,btd->bcd", x, x) + ops.eye(4))),
    }
    for name in ("relu6", "sigmoid", "tanh", "softplus", "softsign", "silu", "gelu", "selu", "elu", "hard_sigmoid",
                 "hard_silu", "log_sigmoid", "exponential", "leaky_relu", "celu", "hard_tanh", "tanh_shrink"):
        table[f"activation_{name}"] = (SEQUENCE, lambda x, name=name: L.Activation(name)(x))
    return table


def _residual(x):
    from keras import layers as L

    y = L.Conv2D(8, 3, padding="same", use_bias=False)(x)
    y = L.ReLU(6.0)(L.BatchNormalization()(y))
    z = L.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
    z = L.ReLU(6.0)(L.BatchNormalization()(z))
    y = L.Add()([y, L.BatchNormalization()(L.Conv2D(8, 1, use_bias=False)(z))])
    y = L.ZeroPadding2D(1)(y)
    y = L.Conv2D(6, 3, strides=2)(y)
    return L.Dense(4, activation="softmax")(L.GlobalAveragePooling2D()(y))


def build(name):
    import keras

    shape, function = cases()[name]
    x = keras.Input(shape)
    return keras.Model(x, function(x), name=name)


def main(folder):
    rng = np.random.default_rng(11)
    for name in cases():
        model = build(name)
        for v in model.variables:
            if v.name in ("seed_generator_state",) or "seed" in v.path:
                continue
            low = 0.5 if "variance" in v.name or "gamma" in v.name else -0.8
            v.assign(rng.uniform(low, 1.0, v.shape).astype("float32"))
        x = rng.normal(size=(3,) + model.input_shape[1:]).astype("float32")
        y = np.asarray(model(x, training=False))
        model.save(os.path.join(folder, f"{name}.keras"))
        np.savez(os.path.join(folder, f"{name}.npz"), x=x, y=y)


if __name__ == "__main__":
    main(sys.argv[1])
