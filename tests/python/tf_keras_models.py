"""Models of Keras 2 (tf_keras), with functions of TensorFlow between layers, and layers that Keras 3 has no more.

`python tf_keras_models.py FOLDER` saves each as NAME.h5 and NAME.keras, with inputs and outputs in NAME.npz.
"""

import pathlib
import sys

import numpy as np

CASES = {}


def case(*shapes, dtype="float32", archive=True):
    """A Functional model: a function of (keras, tf, inputs) that gives its outputs."""

    def register(build):
        CASES[build.__name__] = (build, shapes, dtype, archive)
        return build

    return register


@case((4, 3))
def arithmetic(keras, tf, x):
    return [(x + 1.0) * 2.0 - x / 3.0, 1.0 - x, 2.0 / (x + 3.0), -x, abs(x), x**2.0, x * tf.constant([1.0, 2.0, 3.0]) + np.float32(2)]


@case((4, 3), (4, 3))
def binary(keras, tf, x, y):
    return [x + y, x * y, x - y, x / (tf.abs(y) + 1.0), tf.maximum(x, y), tf.minimum(x, y), tf.math.squared_difference(x, y), tf.add_n([x, y, x]),
            tf.math.divide_no_nan(x, tf.round(y)), tf.math.atan2(x, y), tf.math.floordiv(x, 0.3), tf.math.floormod(x, 0.3)]


@case((4, 3))
def elementwise(keras, tf, x):
    of_all = [tf.exp, tf.square, tf.sin, tf.cos, tf.tanh, tf.sigmoid, tf.floor, tf.math.ceil, tf.round, tf.sign, tf.math.erf, tf.math.softplus, tf.math.expm1]
    return [f(x) for f in of_all] + [f(tf.abs(x) + 1.0) for f in (tf.sqrt, tf.math.log, tf.math.rsqrt, tf.math.log1p, tf.math.reciprocal)] + [
        tf.pow(x, 2.0), tf.clip_by_value(x, -0.5, 0.5), tf.identity(x), tf.stop_gradient(x), tf.zeros_like(x), tf.ones_like(x)]


@case((4, 3))
def activations(keras, tf, x):
    named = [tf.nn.relu, tf.nn.softmax, tf.nn.leaky_relu, tf.nn.elu, tf.nn.relu6, tf.nn.gelu, tf.nn.silu, tf.nn.log_softmax, tf.nn.selu, tf.nn.softsign]
    return [f(x) for f in named] + [tf.nn.l2_normalize(x, axis=-1), tf.nn.leaky_relu(x, 0.3), tf.nn.gelu(x, approximate=True), tf.nn.softmax(x, axis=1),
                                    keras.layers.Dense(3, activation=tf.nn.relu6)(x)]


@case((4, 3))
def reductions(keras, tf, x):
    return [tf.reduce_sum(x, axis=1), tf.reduce_mean(x, axis=-1, keepdims=True), tf.reduce_max(x, 1), tf.reduce_min(x, [1, 2]), tf.reduce_prod(x, 1),
            tf.math.reduce_std(x, axis=1), tf.math.reduce_variance(x, axis=1), tf.math.reduce_logsumexp(x, axis=1), tf.argmax(x, axis=-1), tf.argmin(x, 1),
            tf.argmax(x, axis=-1, output_type="int32"), tf.cumsum(x, axis=1), tf.reduce_any(x > 0, axis=1), *tf.nn.moments(x, [1]),
            *tf.math.top_k(x, 2)]


@case((4, 6))
def shapes(keras, tf, x):
    return [tf.reshape(x, (-1, 24)), tf.reshape(x, (tf.shape(x)[0], -1)), tf.transpose(x, (0, 2, 1)), tf.expand_dims(x, -1), tf.squeeze(x[:, :1], axis=1),
            tf.concat([x, x], axis=-1), tf.stack([x, x], axis=1), tf.tile(x, [1, 2, 1]), tf.pad(x, [[0, 0], [1, 1], [0, 2]]), tf.gather(x, [0, 2], axis=1),
            tf.reverse(x, axis=[1]), tf.repeat(x, 2, axis=1), tf.roll(x, 1, axis=1), *tf.split(x, 2, axis=2), *tf.split(x, [1, 3], axis=1),
            *tf.unstack(x, axis=1), tf.gather(x, tf.argmax(x, axis=2), axis=2, batch_dims=1)]


@case((6, 5), archive=False)  # it cannot write an ellipsis
def slices(keras, tf, x):
    return [x[:, 0], x[:, 1:3], x[..., -1:], x[:, ::2, tf.newaxis], x[:, :, 2], x[:, 1 : tf.shape(x)[1]]]


@case((4, 3), (3, 5))
def products(keras, tf, x, y):
    return [tf.matmul(x, y), x @ y, tf.matmul(y, x, transpose_a=True, transpose_b=True), tf.nn.bias_add(x, tf.constant([1.0, 2.0, 3.0]))]


@case((4,), (4,))
def comparisons(keras, tf, x, y):
    return [tf.where(x > y, x, y), tf.cast(tf.equal(x, y), "int32"), tf.logical_and(x > 0, y > 0), tf.cast(x >= y, "float32"), tf.not_equal(x, 0.0), x < y,
            tf.one_hot(tf.cast(x > 0, "int32"), 2), tf.logical_not(x > 0)]


@case((6, 6, 4))
def images(keras, tf, x):
    return [tf.image.resize(x, (12, 9)), tf.image.resize(x, (3, 3), method="nearest"), tf.nn.max_pool2d(x, 2, 2, "VALID"), tf.nn.avg_pool2d(x, 2, 2, "SAME"),
            tf.nn.depth_to_space(x, 2), tf.nn.space_to_depth(x, 2), x * keras.layers.Dense(4, "sigmoid")(tf.reduce_mean(x, axis=[1, 2], keepdims=True))]


@case((4, 3))
def backend(keras, tf, x):
    k = keras.backend
    return [k.sum(x, axis=1), k.mean(x, axis=1, keepdims=True), k.batch_flatten(x), k.square(x), k.sqrt(k.abs(x)), k.expand_dims(x, 1), k.exp(x),
            k.l2_normalize(x, axis=-1), k.clip(x, 0.0, 1.0), k.softmax(x), k.concatenate([x, x]), k.permute_dimensions(x, (0, 2, 1)), k.max(x, 1),
            k.repeat_elements(x, 2, 1), k.reverse(x, 1)]


@case((5, 8))
def attention(keras, tf, x):
    layers = keras.layers
    q, k, v = (layers.Dense(4)(x) for _ in range(3))
    scores = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) / np.sqrt(4.0))
    return layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x)), tf.matmul(scores, v)


@case((8, 2))
def local_1d(keras, tf, x):
    return [keras.layers.LocallyConnected1D(3, 2)(x), keras.layers.LocallyConnected1D(3, 3, strides=2, use_bias=False, activation="relu")(x)]


@case((6, 7, 2))
def local_2d(keras, tf, x):
    return [keras.layers.LocallyConnected2D(3, 2)(x), keras.layers.LocallyConnected2D(2, (2, 3), strides=(2, 1), activation="relu")(x)]


@case((8, 8, 3))
def preprocessing(keras, tf, x):
    k = keras.layers
    for layer in (k.Rescaling(0.5), k.RandomFlip(), k.RandomRotation(0.1), k.RandomZoom(0.1), k.RandomContrast(0.1), k.RandomTranslation(0.1, 0.1),
                  k.RandomHeight(0.1), k.RandomWidth(0.1), k.RandomCrop(7, 7), k.RandomBrightness(0.1), k.CenterCrop(6, 6), k.Resizing(4, 4)):
        x = layer(x)
    return x, k.Discretization([-0.5, 0.0, 0.5])(x)


@case((5,), dtype="int32")
def masked(keras, tf, x):
    k = keras.layers
    y = k.Bidirectional(k.LSTM(3, return_sequences=True))(k.Embedding(10, 4, mask_zero=True)(x))
    return k.GRU(4)(y), k.TimeDistributed(keras.Sequential([k.Dense(4), k.BatchNormalization()]))(y)


def write(folder, name, keras, tf):
    build, shapes, dtype, archive = CASES[name]
    keras.backend.clear_session()
    rng = np.random.default_rng(len(name))
    inputs = [keras.Input(shape, dtype=dtype) for shape in shapes]
    model = keras.Model(inputs, build(keras, tf, *inputs))
    model.set_weights([rng.uniform(0.1, 1, w.shape) if "variance" in w.name else rng.uniform(-0.5, 0.5, w.shape) if w.dtype.is_floating else w.numpy()
                       for w in model.weights])
    data = [rng.integers(0, 5, (2, *s)).astype(dtype) if dtype == "int32" else rng.uniform(-1, 1, (2, *s)).astype(dtype) for s in shapes]
    outputs = tf.nest.flatten(model(data, training=False))
    model.save(folder / f"{name}.h5")
    if archive:
        model.save(folder / f"{name}.keras")
    np.savez(folder / f"{name}.npz", **{f"x{i}": x for i, x in enumerate(data)}, **{f"y{i}": np.asarray(y) for i, y in enumerate(outputs)})


if __name__ == "__main__":
    import tensorflow as tf
    import tf_keras as keras

    for name in CASES:
        write(pathlib.Path(sys.argv[1]), name, keras, tf)
