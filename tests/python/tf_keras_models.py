"""Models of Keras 2 (tf_keras), with functions of TensorFlow between layers, and layers that Keras 3 has no more.

`python tf_keras_models.py FOLDER` saves each as NAME.h5 and NAME.keras, with inputs and outputs in NAME.npz.
"""

import inspect
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


def node(keras, tf, operation, *inputs, **attributes):
    """A TensorFlowOpLayer, as tf.keras made one of each operation between layers before TensorFlow 2.4. Inputs are tensors, constants, and
    lists of both."""
    from google.protobuf import json_format
    from tf_keras.src.engine.base_layer import TensorFlowOpLayer

    flat, fixed = tf.nest.flatten(inputs), (np.ndarray, np.generic)
    names = list(inspect.signature(getattr(tf.raw_ops, operation)).parameters)[: len(inputs)]
    with tf.Graph().as_default():
        placed = [tf.constant(x) if isinstance(x, fixed) else tf.compat.v1.placeholder(x.dtype, x.shape) for x in flat]
        made = getattr(tf.raw_ops, operation)(**dict(zip(names, tf.nest.pack_sequence_as(inputs, placed))), **attributes)
        definition = json_format.MessageToDict(tf.nest.flatten(made)[0].op.node_def)
    constants = {i: np.asarray(x) for i, x in enumerate(flat) if isinstance(x, fixed)}
    tensors = [x for x in flat if not isinstance(x, fixed)]
    layer = TensorFlowOpLayer(definition, f"{operation}_{keras.backend.get_uid('node')}", constants)
    return layer(tensors if len(tensors) > 1 else tensors[0])


i32 = np.int32


@case((4, 3), (4, 3), archive=False)
def nodes_elementwise(keras, tf, x, y):
    def of(*arguments, **attributes):
        return node(keras, tf, *arguments, **attributes)

    one = [of(name, x) for name in "Abs Ceil Cos Elu Erf Exp Floor Identity Neg Relu Relu6 Round Selu Sigmoid Sign Softmax Softplus Square Tanh".split()]
    two = [of(name, x, y) for name in "AddV2 Sub Mul Maximum Minimum SquaredDifference DivNoNan FloorMod RealDiv".split()]
    return [*one, *two, of("Mul", x, np.float32(2)), of("Sub", np.float32(1), x), of("AddV2", np.array([1, 2, 3], "f"), x), of("Pow", x, np.float32(2)),
            of("AddN", [x, y, x]), of("LeakyRelu", x, alpha=0.3), of("SelectV2", of("Greater", x, y), x, y), of("ClipByValue", x, np.float32(-0.5), np.float32(0.5)),
            of("Cast", of("GreaterEqual", x, np.float32(0)), DstT="int32"), of("BiasAdd", x, np.array([1, 2, 3], "f")), of("Rsqrt", of("Exp", x))]


@case((4, 6), (4, 6), archive=False)
def nodes_shapes(keras, tf, x, y):
    def of(*arguments, **attributes):
        return node(keras, tf, *arguments, **attributes)

    def cut(begin, end, step, tensor=x, **masks):
        return of("StridedSlice", tensor, np.array(begin, i32), np.array(end, i32), np.array(step, i32), **masks)

    batch = cut([0], [1], [1], of("Shape", x), shrink_axis_mask=1)
    return [of("Reshape", x, np.array([-1, 24], i32)), of("Reshape", x, of("Pack", [batch, i32(24)])), of("Transpose", x, np.array([0, 2, 1], i32)),
            of("ExpandDims", x, i32(1)), of("Squeeze", of("ExpandDims", x, i32(1)), axis=[1]), of("ConcatV2", [x, y], i32(-1)), of("Pack", [x, y], axis=1),
            of("Tile", x, np.array([1, 2, 1], i32)), of("Pad", x, np.array([[0, 0], [1, 1], [0, 2]], i32)), of("PadV2", x, np.array([[0, 0], [1, 1], [0, 2]], i32), np.float32(3)),
            of("MirrorPad", x, np.array([[0, 0], [1, 1], [2, 2]], i32), mode="REFLECT"), of("GatherV2", x, np.array([0, 2], i32), i32(1)),
            of("ReverseV2", x, np.array([1], i32)), *of("Split", i32(2), x, num_split=2), *of("SplitV", x, np.array([1, 3], i32), i32(1), num_split=2),
            *of("Unpack", x, num=4, axis=1), cut([0, 1], [0, 3], [1, 1], begin_mask=1, end_mask=1), cut([0, -1], [0, 0], [1, 1], begin_mask=1, end_mask=1, shrink_axis_mask=2),
            cut([0, 0, 0], [0, 0, 2], [1, 1, 1], ellipsis_mask=1, new_axis_mask=2, begin_mask=4), cut([0, 3], [0, 0], [1, -1], begin_mask=1, end_mask=3)]


@case((4, 4), (4, 4), archive=False)
def nodes_reductions(keras, tf, x, y):
    def of(*arguments, **attributes):
        return node(keras, tf, *arguments, **attributes)

    sums = [of(name, x, np.array([1], i32), keep_dims=keep) for name in ("Sum", "Mean", "Max", "Min", "Prod") for keep in (False, True)]
    return [*sums, of("Mean", x, i32(-1)), of("ArgMax", x, i32(-1)), of("ArgMin", x, i32(1), output_type="int32"), of("BatchMatMulV2", x, y),
            of("BatchMatMulV2", x, y, adj_x=True), of("Cumsum", x, i32(1)), *of("TopKV2", x, i32(2)),
            of("OneHot", of("ArgMax", x, i32(-1)), i32(4), np.float32(1), np.float32(0)), of("Any", of("Greater", x, y), np.array([2], i32))]


@case((6, 8, 4), archive=False)
def nodes_images(keras, tf, x):
    def of(*arguments, **attributes):
        return node(keras, tf, *arguments, **attributes)

    four = [1, 2, 2, 1]
    return [of("MaxPool", x, ksize=four, strides=four, padding="VALID"), of("AvgPool", x, ksize=[1, 3, 2, 1], strides=four, padding="SAME"),
            of("ResizeBilinear", x, np.array([12, 9], i32), half_pixel_centers=True), of("ResizeNearestNeighbor", x, np.array([3, 4], i32), half_pixel_centers=True)]


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
