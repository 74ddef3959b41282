"""keras.ops.nn against NumPy: the references of convolution and pooling are written out here as sums over windows."""

import itertools
import math

import numpy as np
import pytest

import kvino
from opcheck import (
    FLOATS,
    Case,
    case,
    cast,
    eager,
    floats,
    is_exact,
    layouts,
    make_tests,
    name_of,
    npd,
    numbers,
    result_float,
    values,
    wide,
)

COMPILED = ["float32", "float16", "bfloat16", "float64", "int32"]
erf = np.vectorize(math.erf, otypes=[float])


def sigmoid(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def keeping(f):
    """Integers stay what they are; bool becomes int32."""
    return numbers(f)


ACTIVATIONS = {
    "relu": keeping(lambda x: np.maximum(x, 0)),
    "relu6": keeping(lambda x: np.minimum(np.maximum(x, 0), 6)),
    "sigmoid": floats(sigmoid),
    "softplus": floats(lambda x: np.logaddexp(x, 0)),
    "softsign": floats(lambda x: x / (1 + np.abs(x))),
    "silu": floats(lambda x: x * sigmoid(x)),
    "log_sigmoid": floats(lambda x: -np.logaddexp(-x, 0)),
    "hard_sigmoid": floats(lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    "hard_silu": floats(lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "selu": floats(lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))),
    "hard_tanh": floats(lambda x: np.clip(x, -1, 1)),
    "tanh_shrink": floats(lambda x: x - np.tanh(x)),
}


def leaky_relu(x, negative_slope=0.2):
    return floats(lambda y: np.where(y > 0, y, negative_slope * y))(x)


def elu(x, alpha=1.0):
    return floats(lambda y: np.where(y > 0, y, alpha * np.expm1(np.minimum(y, 0))))(x)


def celu(x, alpha=1.0):
    return floats(lambda y: np.maximum(y, 0) + alpha * np.expm1(np.minimum(y, 0) / alpha))(x)


def gelu(x, approximate=True):
    def exact(y):
        return 0.5 * y * (1 + erf(y / np.sqrt(2)))

    def by_tanh(y):
        return 0.5 * y * (1 + np.tanh(np.sqrt(2 / np.pi) * (y + 0.044715 * y**3)))

    return floats(by_tanh if approximate else exact)(x)


def axes_of(axis):
    return tuple(axis) if isinstance(axis, list) else axis


def softmax(x, axis=-1):
    def f(y):
        e = np.exp(y - np.max(y, axis=axes_of(axis), keepdims=True))
        return e / e.sum(axis=axes_of(axis), keepdims=True)

    return floats(f)(x)


def log_softmax(x, axis=-1):
    def f(y):
        y = y - np.max(y, axis=axes_of(axis), keepdims=True)
        return y - np.log(np.exp(y).sum(axis=axes_of(axis), keepdims=True))

    return floats(f)(x)


# ---- windows ----


def each(value, n):
    return (value,) * n if isinstance(value, int) else tuple(value)


def same_padding(length, reach, stride):
    """(before, after) so that ceil(length / stride) windows fit."""
    total = max((math.ceil(length / stride) - 1) * stride + reach - length, 0)
    return total // 2, total - total // 2


def windows(x, size, strides, padding, dilation, fill):
    """x (N, spatial..., C) -> (N, places..., size..., C)."""
    n = x.ndim - 2
    reach = [(s - 1) * d + 1 for s, d in zip(size, dilation)]
    if padding == "same":
        x = np.pad(
            x,
            [(0, 0), *(same_padding(x.shape[i + 1], reach[i], strides[i]) for i in range(n)), (0, 0)],
            constant_values=fill,
        )
    places = [max((x.shape[i + 1] - reach[i]) // strides[i] + 1, 0) for i in range(n)]
    out = np.zeros((x.shape[0], *places, *size, x.shape[-1]), x.dtype)
    for at in itertools.product(*(range(p) for p in places)):
        box = tuple(slice(a * s, a * s + r, d) for a, s, r, d in zip(at, strides, reach, dilation))
        out[(slice(None), *at)] = x[(slice(None), *box)]
    return out


def last(x, data_format):
    return np.moveaxis(x, 1, -1) if data_format == "channels_first" else x


def back(y, data_format):
    return np.moveaxis(y, -1, 1) if data_format == "channels_first" else y


def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    name, n = result_float(inputs, kernel), inputs.ndim - 2
    x, k = wide(last(cast(inputs, name), data_format)), wide(cast(kernel, name))
    w = windows(x, kernel.shape[:n], each(strides, n), padding, each(dilation_rate, n), 0)
    groups = x.shape[-1] // kernel.shape[-2]
    parts = [
        np.tensordot(a, b, (list(range(-n - 1, 0)), list(range(n + 1))))
        for a, b in zip(np.split(w, groups, -1), np.split(k, groups, -1))
    ]
    return cast(back(np.concatenate(parts, -1), data_format), name)


def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    name, n = result_float(inputs, kernel), inputs.ndim - 2
    x, k = wide(last(cast(inputs, name), data_format)), wide(cast(kernel, name))
    w = windows(x, kernel.shape[:n], each(strides, n), padding, each(dilation_rate, n), 0)
    letters = "abc"[:n]
    y = np.einsum(f"n...{letters}i,{letters}im->n...im", w, k)
    return cast(back(y.reshape(*y.shape[:-2], -1), data_format), name)


def separable_conv(
    inputs, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None, dilation_rate=1
):
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, 1, "valid", data_format)


def conv_transpose(inputs, kernel, strides=1, padding="valid", output_padding=None, data_format=None, dilation_rate=1):
    """Each element of the input adds the kernel, scaled, to the output; then the output is cut to what Keras defines."""
    name, n = result_float(inputs, kernel), inputs.ndim - 2
    x, k = wide(last(cast(inputs, name), data_format)), wide(cast(kernel, name))
    strides, dilation = each(strides, n), each(dilation_rate, n)
    reach = [(s - 1) * d + 1 for s, d in zip(kernel.shape, dilation)]
    length = [(x.shape[i + 1] - 1) * strides[i] + reach[i] for i in range(n)]
    room = [m + r + 2 * s for m, r, s in zip(length, reach, strides)]
    full = np.zeros((x.shape[0], *room, kernel.shape[-2]))
    for at in np.ndindex(*x.shape[1:-1]):
        box = tuple(slice(a * s, a * s + r, d) for a, s, r, d in zip(at, strides, reach, dilation))
        full[(slice(None), *box)] += np.tensordot(x[(slice(None), *at)], k, (-1, -1))
    for i in range(n):
        s, r, m = strides[i], reach[i], x.shape[i + 1]
        if output_padding is not None and padding == "same":  # Keras: (m - 1) * s + r % 2 + output_padding elements
            more = each(output_padding, n)[i]
            before = min(math.ceil((r + r % 2 - 2 + more) / 2), r - 1)
            begin, size = r - 1 - before, (m - 1) * s + r % 2 + more
        elif output_padding is not None:
            begin, size = 0, (m - 1) * s + r + each(output_padding, n)[i]
        elif padding == "same":
            begin, size = max(r - s, 0) // 2, m * s
        else:
            begin, size = 0, (m - 1) * s + max(r, s)
        full = np.take(full, range(begin, begin + size), axis=i + 1)
    return cast(back(full, data_format), name)


def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    n, x = inputs.ndim - 2, last(inputs, data_format)
    exact = is_exact(name_of(x))
    w = windows(
        x if exact else wide(x),
        each(pool_size, n),
        each(pool_size if strides is None else strides, n),
        padding,
        (1,) * n,
        np.iinfo(x.dtype).min if exact else -np.inf,
    )
    return cast(back(w.max(axis=tuple(range(-n - 1, -1))), data_format), name_of(inputs))


def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    name, n = result_float(inputs), inputs.ndim - 2
    x = wide(last(cast(inputs, name), data_format))
    args = each(pool_size, n), each(pool_size if strides is None else strides, n), padding, (1,) * n, np.nan
    return cast(back(np.nanmean(windows(x, *args), axis=tuple(range(-n - 1, -1))), data_format), name)


# ---- the rest ----


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    shape = [1] * x.ndim
    shape[axis] = -1
    m, v = wide(mean).reshape(shape), wide(variance).reshape(shape)
    y = (wide(x) - m) / np.sqrt(v + epsilon)
    y = y if scale is None else y * wide(scale).reshape(shape)
    y = y if offset is None else y + wide(offset).reshape(shape)
    return cast(y, result_float(x))


def one_hot(x, num_classes, axis=-1, dtype=None):
    y = np.expand_dims(x, -1) == np.arange(num_classes)
    return np.moveaxis(y, -1, axis).astype(npd(dtype or "float32"))


def moments(x, axes, keepdims=False):
    name = result_float(x)
    return [cast(f(wide(x), axis=axes_of(axes), keepdims=keepdims), name) for f in (np.mean, np.var)]


def probabilities(output, axis):
    return np.clip(output / output.sum(axis=axis, keepdims=True), 1e-7, 1 - 1e-7)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    y = wide(output)
    logs = wide(log_softmax(y, axis)) if from_logits else np.log(probabilities(y, axis))
    return cast(-(wide(target) * logs).sum(axis=axis), result_float(output))


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    target = target[..., 0] if target.ndim == output.ndim and target.shape[-1] == 1 else target
    return categorical_crossentropy(one_hot(target, output.shape[axis], axis, "float64"), output, from_logits, axis)


def binary_crossentropy(target, output, from_logits=False):
    t, x = wide(target), wide(output)
    if from_logits:
        return cast(t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x), result_float(output))
    p = np.clip(x, 1e-7, 1 - 1e-7)
    return cast(-(t * np.log(p) + (1 - t) * np.log(1 - p)), result_float(output))


# ---- tables ----

WIDER = {"float16": 3e-3, "bfloat16": 2e-2}


def smooth(f, **kwargs):
    for d in FLOATS + ["int32", "bool", "int8"]:
        name = result_float(d)
        yield case(
            values(d, (3, 5), 1, -6, 6),
            expect=f,
            compile=d in COMPILED,
            atol=WIDER.get(name, 1e-6 if name == "float32" else 1e-13),
            device_atol=2 * WIDER.get(name, 2e-6),
            device_rtol=WIDER.get(name, 1e-4),
            **kwargs,
        )
    yield case(values("float32", (), 1), expect=f, atol=1e-6, **kwargs)
    yield case(values("float32", (2, 0), 1), expect=f, **kwargs)
    yield case(
        np.array([-90, 90, -1e30, 1e30, 0, -0.0, -20, 20], "float32"),
        expect=f,
        atol=1e-6,
        device_atol=2e-6,
        device_rtol=1e-4,
        label="large",
        **kwargs,
    )


def image(*shape, dtype="float32", seed=1):
    return values(dtype, shape, seed, -2, 2)


K = {"atol": 1e-5, "device_atol": 1e-4, "device_rtol": 1e-4}
CASES = {name: list(smooth(f)) for name, f in ACTIVATIONS.items()}
CASES["leaky_relu"] = [
    *smooth(leaky_relu),
    *smooth(leaky_relu, negative_slope=0.5),
    *smooth(leaky_relu, negative_slope=2.0),
]
CASES["elu"] = [*smooth(elu), *smooth(elu, alpha=0.3)]
CASES["celu"] = [*smooth(celu), *smooth(celu, alpha=0.3)]
CASES["gelu"] = [*smooth(gelu), *smooth(gelu, approximate=False)]
for _name, _f in (("softmax", softmax), ("log_softmax", log_softmax)):
    CASES[_name] = [
        *(
            case(
                values(d, (3, 5), 1, -6, 6),
                expect=_f,
                compile=d in COMPILED,
                atol=WIDER.get(result_float(d), 1e-6),
                device_atol=2 * WIDER.get(result_float(d), 2e-6),
                device_rtol=WIDER.get(result_float(d), 1e-4),
            )
            for d in FLOATS + ["int32"]
        ),
        *(case(image(3, 4, 5), axis=a, expect=_f, **K) for a in (0, 1, 2, -1)),
        case(image(3, 0), axis=0, expect=_f),
        *(
            case(image(3, 4, 5), axis=a, expect=_f, dynamic=False, why="several axes need known dimensions", **K)
            for a in (None, (0, 2), [1, 2], (2, 0))
        ),
        case(np.array([[1e4, 1e4 - 1, -1e30], [-1e30, -1e30, -1e30]], "float32"), expect=_f, label="large", **K),
    ]
CONVOLUTIONS = [
    ((2, 9, 3), (3, 3, 4), {}),
    ((2, 9, 3), (3, 3, 4), {"padding": "same"}),
    ((2, 9, 3), (3, 3, 4), {"strides": 2, "padding": "same"}),
    ((2, 9, 3), (3, 3, 4), {"dilation_rate": 2}),
    ((1, 8, 7, 3), (3, 2, 3, 4), {}),
    ((2, 8, 7, 3), (3, 2, 3, 4), {"strides": 2, "padding": "same"}),
    ((2, 8, 7, 3), (3, 3, 3, 4), {"strides": (2, 3)}),
    ((2, 8, 7, 3), (3, 3, 3, 4), {"dilation_rate": (2, 1), "padding": "same"}),
    ((2, 8, 7, 4), (3, 3, 2, 6), {"padding": "same"}),
    ((2, 8, 7, 4), (1, 1, 4, 5), {}),
    ((2, 8, 7, 4), (1, 1, 1, 8), {}),
    ((2, 8, 7, 3), (4, 4, 3, 5), {"strides": 3, "padding": "same"}),
    ((1, 5, 6, 4, 2), (2, 3, 2, 2, 3), {}),
    ((1, 5, 6, 4, 2), (2, 3, 2, 2, 3), {"strides": 2, "padding": "same"}),
    ((0, 8, 7, 3), (3, 3, 3, 4), {}),
]


def first(shape):
    return (shape[0], shape[-1], *shape[1:-1])


CASES["conv"] = (
    [case(image(*a), image(*b, seed=2), expect=conv, **k, **K) for a, b, k in CONVOLUTIONS]
    + [
        case(image(*first(a)), image(*b, seed=2), expect=conv, data_format="channels_first", **k, **K)
        for a, b, k in CONVOLUTIONS[:10]
    ]
    + [
        case(
            image(1, 6, 5, 2, dtype=d),
            image(3, 3, 2, 3, dtype=d, seed=2),
            expect=conv,
            atol=WIDER.get(d, 1e-6),
            rtol=WIDER.get(d),
            device_atol=0.1,
            device_rtol=1e-2,
        )
        for d in FLOATS
    ]
)
CASES["depthwise_conv"] = [
    case(image(*a), image(*b, seed=2), expect=depthwise_conv, **k, **K)
    for a, b, k in (
        ((2, 9, 3), (3, 3, 2), {}),
        ((2, 8, 7, 3), (3, 3, 3, 1), {"padding": "same"}),
        ((2, 8, 7, 3), (3, 2, 3, 2), {"strides": 2}),
        ((2, 8, 7, 3), (3, 3, 3, 2), {"dilation_rate": 2, "padding": "same"}),
        ((2, 3, 8, 7), (3, 3, 3, 2), {"data_format": "channels_first"}),
        ((2, 8, 7, 1), (3, 3, 1, 2), {}),
    )
]
CASES["separable_conv"] = [
    case(image(*a), image(*b, seed=2), image(*c, seed=3), expect=separable_conv, **k, **K)
    for a, b, c, k in (
        ((2, 9, 3), (3, 3, 2), (1, 6, 4), {}),
        ((2, 8, 7, 3), (3, 3, 3, 1), (1, 1, 3, 4), {"padding": "same", "strides": 2}),
        ((2, 8, 7, 3), (3, 2, 3, 2), (1, 1, 6, 4), {"dilation_rate": 2}),
    )
]
CASES["conv_transpose"] = [
    case(image(*a), image(*b, seed=2), expect=conv_transpose, **k, **K)
    for a, b, k in (
        ((2, 5, 3), (3, 4, 3), {}),
        ((2, 5, 3), (3, 4, 3), {"strides": 2}),
        ((2, 5, 3), (3, 4, 3), {"strides": 2, "padding": "same"}),
        ((2, 5, 3), (2, 4, 3), {"strides": 3}),
        ((2, 5, 3), (2, 4, 3), {"strides": 3, "padding": "same"}),
        ((2, 5, 3), (3, 4, 3), {"dilation_rate": 2}),
        ((1, 5, 4, 3), (3, 3, 2, 3), {"strides": 2, "padding": "same"}),
        ((1, 5, 4, 3), (4, 3, 2, 3), {"strides": (2, 1)}),
        ((1, 5, 4, 3), (3, 3, 2, 3), {"strides": 2, "output_padding": 1}),
        ((1, 5, 4, 3), (3, 3, 2, 3), {"strides": 2, "padding": "same", "output_padding": 1}),
        ((1, 5, 4, 3), (3, 3, 2, 3), {"strides": 3, "padding": "same", "output_padding": (0, 2)}),
        ((1, 3, 5, 4), (3, 3, 2, 3), {"data_format": "channels_first", "strides": 2}),
        ((1, 3, 4, 3, 2), (2, 3, 2, 3, 2), {"strides": 2, "padding": "same"}),
    )
]
POOLS = [
    ((2, 9, 3), 2, {}),
    ((2, 9, 3), 3, {"strides": 2, "padding": "same"}),
    ((2, 8, 7, 3), 2, {}),
    ((2, 8, 7, 3), (3, 2), {"strides": (1, 2)}),
    ((2, 8, 7, 3), 3, {"strides": 2, "padding": "same"}),
    ((2, 3, 8, 7), 2, {"data_format": "channels_first"}),
    ((1, 5, 6, 4, 2), 2, {}),
    ((1, 5, 6, 4, 2), 2, {"padding": "same"}),
    ((1, 4, 4, 1), 4, {}),
    ((0, 4, 4, 1), 2, {}),
]
for _name, _f in (("max_pool", max_pool), ("average_pool", average_pool)):
    CASES[_name] = [case(image(*a), b, expect=_f, **k, **K) for a, b, k in POOLS] + [
        case(image(1, 6, 5, 2, dtype=d), 2, expect=_f, rtol=WIDER.get(d), device_rtol=WIDER.get(d)) for d in FLOATS
    ]
CASES["max_pool"] += [
    case(values(d, (1, 6, 5, 2), 1), 3, padding="same", expect=max_pool) for d in ("int8", "uint8", "int32", "int64")
]
CASES["max_pool"] += [
    case(
        np.where(image(1, 5, 5, 1) > 1.5, np.nan, image(1, 5, 5, 1)),
        2,
        expect=max_pool,
        label="nan",
        compile=False,
        why="OpenVINO's MaxPool loses NaN",
    )
]
ROW = values("float32", (4,), 3), values("float32", (4,), 4, 0.1, 2)
CASES["batch_normalization"] = [
    case(image(3, 5, 4), *ROW, -1, expect=batch_normalization, **K),
    case(image(3, 5, 4), *ROW, 2, offset=ROW[0] + 1, expect=batch_normalization, **K),
    case(image(3, 4, 5), *ROW, 1, offset=ROW[0] + 1, scale=ROW[1] * 2, epsilon=0.01, expect=batch_normalization, **K),
    case(image(4, 2), *ROW, 0, scale=ROW[1], expect=batch_normalization, **K),
    case(
        image(3, 4, dtype="float64"),
        ROW[0].astype("float64"),
        ROW[1].astype("float64"),
        1,
        expect=batch_normalization,
        atol=1e-13,
    ),
    case(
        image(3, 4, dtype="float16"), *ROW, 1, expect=batch_normalization, atol=1e-2, device_atol=2e-2, device_rtol=1e-2
    ),
    case(values("int32", (3, 4), 1, -9, 9), *ROW, 1, expect=batch_normalization, **K),
]
N = np.array([[0, 2, 1], [3, -1, 7]], "int32")
CASES["one_hot"] = [
    case(N, 4, expect=one_hot),
    case(N, 4, axis=0, expect=one_hot),
    case(N, 4, axis=1, expect=one_hot),
    case(N, 4, dtype="int32", expect=one_hot),
    case(N.astype("int64") + 2**32, 4, expect=one_hot),
    case(N.astype("uint8"), 5, dtype="bool", expect=one_hot),
    case(np.int32(2), 3, expect=one_hot),
    case(N.astype("float32"), 4, expect=one_hot),
    case(np.zeros((0, 2), "int32"), 3, expect=one_hot),
    case(N, 0, expect=one_hot),
    case(N.astype("int8"), 4, axis=-2, expect=one_hot),
]
CASES["moments"] = [
    *(
        case(
            values(d, (3, 4, 5), 1, -9, 9),
            1,
            expect=moments,
            compile=d in COMPILED,
            atol=WIDER.get(d, 1e-5),
            device_atol=0.1 if d in WIDER else 1e-5,
        )
        for d in FLOATS + ["int32"]
    ),
    *(
        case(image(3, 4, 5), a, keepdims=k, expect=moments, **K)
        for a in (0, (0, 2), [-1], (0, 1, 2))
        for k in (False, True)
    ),
]
ONE = softmax(image(4, 5), -1)
HOT = one_hot(np.array([0, 3, 2, 4]), 5)
CASES["categorical_crossentropy"] = [
    case(HOT, ONE, expect=categorical_crossentropy, **K),
    case(HOT, image(4, 5), from_logits=True, expect=categorical_crossentropy, **K),
    case(HOT.T.copy(), ONE.T.copy(), axis=0, expect=categorical_crossentropy, **K),
    case(HOT, HOT, expect=categorical_crossentropy, **K),
    case(HOT.astype("int32"), ONE, expect=categorical_crossentropy, **K),
]
CASES["sparse_categorical_crossentropy"] = [
    case(np.array([0, 3, 2, 4]), ONE, expect=sparse_categorical_crossentropy, **K),
    case(np.array([0, 3, 2, 4], "uint8"), ONE, expect=sparse_categorical_crossentropy, **K),
    case(np.array([0, 3, -1, 5]), ONE, expect=sparse_categorical_crossentropy, label="out_of_range", **K),
    case(np.array([1, 3, 2, 0, 1]), ONE, axis=0, expect=sparse_categorical_crossentropy, **K),
    case(
        np.array([[0], [3], [2], [4]], "int32"), image(4, 5), from_logits=True, expect=sparse_categorical_crossentropy, **K
    ),
]
CASES["binary_crossentropy"] = [
    case(HOT, ONE, expect=binary_crossentropy, **K),
    case(HOT, image(4, 5), from_logits=True, expect=binary_crossentropy, **K),
    case(HOT, HOT, expect=binary_crossentropy, rtol=0.3, device_rtol=0.3, label="at_the_limits"),
    *(
        case(np.tile([0, 1, 0.5], 3).astype(d), np.repeat([30, -1000, 88.5], 3).astype(d), from_logits=True,
             expect=binary_crossentropy, label="large", **K)
        for d in ("float32", "float64")
    ),
]
for _name in ("conv", "depthwise_conv", "separable_conv", "conv_transpose"):
    for _c in CASES[_name]:
        _c.weights = (1, 2)
        channels = _c.args[0].shape[1 if _c.kwargs.get("data_format") == "channels_first" else -1]
        if _name == "conv" and channels != _c.args[1].shape[-2]:
            _c.dynamic, _c.why = False, "the number of groups must be known"

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


@pytest.mark.parametrize("name", list(ACTIVATIONS) + ["leaky_relu", "elu", "celu", "gelu", "softmax", "log_softmax"])
def test_layouts(name):
    for label, view in layouts(values("float32", (4, 5), 3)):
        eager(Case((view,), CASES[name][0].expected, op=name, label=label, atol=1e-6))


@pytest.mark.parametrize("name", list(ACTIVATIONS) + ["leaky_relu", "elu", "celu", "gelu"])
def test_nan_stays(name):
    assert np.isnan(np.asarray(getattr(kvino.ops, name)(np.array([np.nan, 1], "float32")))[0])


@pytest.mark.parametrize(
    "call, words",
    [
        (
            lambda o: o.conv(image(2, 8, 7, 3), image(3, 3, 2, 4)),
            "The number of input channels must be evenly divisible by kernel's in_channels.",
        ),
        (lambda o: o.conv(image(2, 8, 7, 3), image(3, 3, 4)), "kernel must have the 4 dimensions of inputs, found 3"),
        (lambda o: o.conv(image(2, 8), image(3, 3)), "inputs must have 3, 4 or 5 dimensions, found 2"),
        (
            lambda o: o.conv(image(2, 8, 7, 3), image(3, 3, 3, 4), padding="nonsense"),
            "`padding` must be 'valid' or 'same'. Received: 'nonsense'",
        ),
        (lambda o: o.conv(image(2, 8, 7, 3), image(3, 3, 3, 4), data_format="nonsense"), "`data_format` must be"),
        (lambda o: o.conv(image(2, 8, 7, 3), image(3, 3, 3, 4), strides=0), "`strides` must be positive. Received: 0"),
        (
            lambda o: o.conv(image(2, 8, 7, 3), image(3, 3, 3, 4), strides=(1, 2, 3)),
            "`strides` must be an integer or a list of 2 integers",
        ),
        (
            lambda o: o.conv(image(2, 2, 2, 3), image(3, 3, 3, 4)),
            "The convolution operation resulted in an empty output",
        ),
        (lambda o: o.depthwise_conv(image(2, 8, 7, 3), image(3, 3, 4, 1)), "channels"),
        (lambda o: o.max_pool(image(2, 8, 7, 3), 0), "`pool_size` must be positive. Received: 0"),
        (lambda o: o.softmax(image(2, 3), axis=2), "axis 2 is out of bounds for array of dimension 2"),
        (lambda o: o.one_hot(N, -1), "num_classes must not be negative"),
        (
            lambda o: o.categorical_crossentropy(HOT, ONE[:2]),
            "Arguments `target` and `output` must have the same shape.",
        ),
        (lambda o: o.binary_crossentropy(HOT, ONE[:, :2]), "Arguments `target` and `output` must have the same shape."),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call(kvino.ops)
