"""keras.ops.nn: gates, thresholds, sparsemax, layer and RMS normalization against their formulas in NumPy."""

import numpy as np
import pytest

import kvino
from opcheck import FLOATS, Case, agree, case, cast, eager, floats, layouts, make_tests, npd, result_float, values, wide

DTYPES = FLOATS + ["int32", "uint8", "bool", "int64"]
COMPILED = ["float32", "float16", "float64", "int32"]


def glu(x, axis=-1):
    def f(y):
        a, b = np.split(y, 2, axis)
        return a / (1 + np.exp(-b))

    return floats(f)(x)


def shrink(x, threshold=0.5):
    return floats(lambda y: np.where(np.abs(y) > cast(threshold, result_float(x)), y, 0))(x)


def soft_shrink(x, threshold=0.5):
    return floats(lambda y: np.where(y > threshold, y - threshold, np.where(y < -threshold, y + threshold, 0)))(x)


def above(x, threshold, default_value):
    return floats(lambda y: np.where(y > wide(cast(threshold, result_float(x))), y, default_value))(x)


def sparse_plus(x):
    return floats(lambda y: np.where(y <= -1, 0, np.where(y < 1, (y + 1) ** 2 / 4, y)))(x)


def sparse_sigmoid(x):
    return floats(lambda y: np.clip((y + 1) / 2, 0, 1))(x)


def squareplus(x, b=4):
    return floats(lambda y: (y + np.sqrt(y * y + b)) / 2)(x)


def sparsemax(x, axis=-1):
    """By bisection for the threshold: sum(max(x - tau, 0)) = 1."""

    def f(y):
        low, high = y.max(axis, keepdims=True) - 1, y.max(axis, keepdims=True)
        for _ in range(80):
            middle = (low + high) / 2
            more = np.maximum(y - middle, 0).sum(axis, keepdims=True) > 1
            low, high = np.where(more, middle, low), np.where(more, high, middle)
        return np.maximum(y - (low + high) / 2, 0)

    return floats(f)(x)


def spread(v, x, axis):
    axes = [axis] if isinstance(axis, int) else sorted(axis)
    if v is None or v.ndim == x.ndim or v.ndim != len(axes):
        return v
    return v.reshape([x.shape[i] if i in [a % x.ndim for a in axes] else 1 for i in range(x.ndim)])


def layer(x, gamma=None, beta=None, axis=-1, epsilon=1e-7):
    def f(y):
        over = axis if isinstance(axis, int) else tuple(axis)
        y = (y - y.mean(over, keepdims=True)) / np.sqrt(y.var(over, keepdims=True) + epsilon)
        y = y if gamma is None else y * wide(spread(gamma, x, axis))
        return y if beta is None else y + wide(spread(beta, x, axis))

    return floats(f)(x)


def rms(x, scale=None, axis=-1, epsilon=1e-7):
    def f(y):
        over = axis if isinstance(axis, int) else tuple(axis)
        y = y / np.sqrt((y * y).mean(over, keepdims=True) + epsilon)
        return y if scale is None else y * wide(spread(scale, x, axis))

    return floats(f)(x)


ROUGH = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-6, "float64": 1e-13}


def each_dtype(reference, *more, shape=(3, 4), low=-3, high=3, **kwargs):
    for k, d in enumerate(DTYPES):
        r = (0 if d.startswith("u") else low, high) if d != "bool" else ()
        yield case(
            values(d, shape, k, *r),
            *more,
            expect=reference,
            compile=d in COMPILED,
            atol=ROUGH[result_float(npd(d).type(0))],
            device_atol=2 * ROUGH[result_float(npd(d).type(0))],
            **kwargs,
        )


X = values("float32", (2, 3, 4), 1)
CASES = {
    "glu": [
        *each_dtype(glu),
        case(X, axis=0, expect=glu, atol=1e-6),
        case(values("float32", (3, 0), 1), expect=glu),
    ],
    "hard_shrink": [*each_dtype(shrink), case(X, 1.25, expect=shrink), case(X[0, 0, 0], expect=shrink)],
    "soft_shrink": [*each_dtype(soft_shrink), case(X, 1.25, expect=soft_shrink), case(X[:0], expect=soft_shrink)],
    "threshold": [*each_dtype(above, 0.5, 7.0), case(X, -1.0, 0.0, expect=above), case(X[0, 0, 0], 0.1, 20.0, expect=above)],
    "sparse_plus": [*each_dtype(sparse_plus), case(np.float32([-1, 1, 0, -2, 2]), expect=sparse_plus)],
    "sparse_sigmoid": [*each_dtype(sparse_sigmoid), case(np.float32([-1, 1, 0, -2, 2]), expect=sparse_sigmoid)],
    "squareplus": [*each_dtype(squareplus), case(X, b=0.5, expect=squareplus, atol=1e-6), case(X[0, 0, 0], expect=squareplus)],
    "sparsemax": [
        *each_dtype(sparsemax),
        *(case(X, axis=a, expect=sparsemax, atol=1e-6) for a in (0, 1, -2)),
        case(values("float32", (5,), 3, -0.3, 0.3), expect=sparsemax, atol=1e-6),
        case(np.float32([[1, 1, 1], [5, 0, 0]]), expect=sparsemax, atol=1e-6),
        case(values("float32", (0, 3), 3), expect=sparsemax),
    ],
    "layer_normalization": [
        *each_dtype(layer),
        *each_dtype(layer, values("float32", (4,), 5), values("float32", (4,), 6), weights=(1, 2)),
        case(X, values("float32", (3,), 5), values("float32", (3,), 6), axis=1, epsilon=1e-3, expect=layer, atol=2e-6, weights=(1, 2)),
        case(X, values("float32", (3, 4), 5), None, axis=(1, 2), epsilon=1e-3, expect=layer, atol=2e-6, weights=(1,)),
        case(X, None, values("float32", (2, 4), 5), axis=(-1, 0), epsilon=1e-3, expect=layer, atol=2e-6, weights=(2,)),
        case(np.full((2, 4), 1e8, "float32"), values("float32", (4,), 5), values("float32", (4,), 6), expect=layer, label="constant",
             weights=(1, 2)),
    ],
    "rms_normalization": [
        *each_dtype(rms, low=1),
        *each_dtype(rms, values("float32", (4,), 5), weights=(1,), low=1),
        case(X, axis=0, epsilon=1e-3, expect=rms, atol=2e-6),
        case(X, values("float32", (3, 4), 5), axis=(1, 2), epsilon=1e-3, expect=rms, atol=2e-6, weights=(1,)),
    ],
}

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


def test_layouts():
    for label, view in layouts(values("float32", (4, 6), 3)):
        for name, reference in [("glu", glu), ("sparsemax", sparsemax), ("layer_normalization", layer), ("rms_normalization", rms),
                                ("soft_shrink", soft_shrink)]:
            eager(Case((view,), reference, op=name, label=label, atol=2e-6))


def test_nan_and_infinities():
    x = np.array([np.nan, np.inf, -np.inf, -0.0], "float32")
    ops, nan, inf = kvino.ops, np.nan, np.inf
    agree(ops.sparse_plus(x), np.array([nan, inf, 0, 0.25], "float32"))
    agree(ops.sparse_sigmoid(x), np.array([nan, 1, 0, 0.5], "float32"))
    agree(ops.squareplus(x[:2]), np.array([nan, inf], "float32"))
    agree(ops.hard_shrink(x), np.array([0, inf, -inf, 0], "float32"))  # a comparison with NaN is false, as in NumPy
    agree(ops.soft_shrink(x), np.array([0, inf, -inf, 0], "float32"))
    agree(ops.threshold(x, 0.5, 3.0), np.array([3, inf, 3, 3], "float32"))


def test_a_number_is_normalized_as_one_element():
    agree(kvino.ops.rms_normalization(np.float32(3)), np.array([1], "float32"), rtol=1e-6)


def test_refusals():
    ops = kvino.ops
    with pytest.raises(ValueError, match="axis size must be divisible by 2"):
        ops.glu(np.ones((2, 3), "float32"))
    for f in (ops.glu, ops.sparsemax, ops.layer_normalization, ops.rms_normalization):
        with pytest.raises(ValueError, match="out of bounds"):
            f(np.ones((2, 4), "float32"), axis=2)
    with pytest.raises(ValueError):
        ops.layer_normalization(np.ones((2, 4), "float32"), np.ones(3, "float32"))
