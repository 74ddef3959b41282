"""keras.ops.math against NumPy."""

import math

import numpy as np
import pytest

import kvino
from opcheck import (
    FLOATS,
    INTEGERS,
    Case,
    agree,
    case,
    eager,
    floats,
    is_exact,
    layouts,
    make_tests,
    name_of,
    values,
    wide,
)

COMPILED = ["float32", "int32", "float16", "int64", "float64", "uint8"]
LOSES = {"max": (-np.inf, "min"), "min": (np.inf, "max")}


def segments(how):
    def reference(data, segment_ids, num_segments=None, sorted=False):
        rows = int(num_segments) if num_segments is not None else int(segment_ids.max()) + 1
        name = name_of(data)
        if how in ("sum", "prod"):
            start = np.full((), how == "prod", data.dtype)
        else:
            start = np.asarray(
                LOSES[how][0] if not is_exact(name) else getattr(np.iinfo(data.dtype), LOSES[how][1])
            ).astype(data.dtype)
        exact = is_exact(name)
        y = np.full((rows, *data.shape[1:]), start if exact else wide(start))
        f = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}[how]
        for i, row in zip(segment_ids, data if exact else wide(data)):
            if 0 <= i < rows:
                y[i] = f(y[i], row)
        return y.astype(data.dtype)

    return reference


def top_k(x, k, sorted=True):
    order = np.argsort(-wide(x) if not is_exact(name_of(x)) else np.invert(x), axis=-1, kind="stable")[..., :k]
    return [np.take_along_axis(x, order, -1), order.astype("int32")]


def logsumexp(x, axis=None, keepdims=False):
    def f(y):
        with np.errstate(all="ignore"):
            top = np.max(y, axis=axis, keepdims=True)
            top = np.where(np.isfinite(top), top, 0)
            z = np.log(np.exp(y - top).sum(axis=axis, keepdims=True)) + top
        return z if keepdims else np.squeeze(z, axis=axis if axis is not None else tuple(range(y.ndim)))

    return floats(f)(x)


IDS = np.array([2, 0, 0, 5, 2, -1, 9], "int32")
SEGMENTS = [
    *(
        case(values(d, (7, 2), 1, 0 if d.startswith("u") else -9, 9), IDS, 6, expect=None, compile=d in COMPILED)
        for d in INTEGERS + FLOATS
    ),
    case(values("float32", (7,), 1), IDS, 6, expect=None),
    case(values("float32", (7, 2, 3), 1), IDS, 10, expect=None),
    case(values("float32", (7, 2), 1), IDS, expect=None),
    case(values("float32", (7, 2), 1), IDS.astype("int64"), 6, expect=None),
    case(values("float32", (7, 2), 1), np.sort(np.abs(IDS)), 12, expect=None, sorted=True),
    case(values("float32", (0, 2), 1), IDS[:0], 3, expect=None),
    case(values("float32", (7, 2), 1), IDS.astype("int64") + 2**32, 6, expect=None),
    case(values("float32", (7, 2), 1), np.zeros(7, "int32"), 1, expect=None),
]
CASES = {}
for _how in ("sum", "prod", "max", "min"):
    CASES[f"segment_{_how}"] = [
        case(
            *c.args,
            expect=segments(_how),
            compile=c.compile,
            atol=1e-6,
            device_atol=3e-2,
            **c.kwargs,
        )
        for c in SEGMENTS
    ]


def in_top_k(targets, predictions, k):
    y = []
    for t, row in zip(targets, wide(predictions)):
        inside = 0 <= t < len(row)
        y.append(inside and not np.isnan(row[t]) and np.sum(~(row <= row[t])) < k)
    return np.array(y, bool)


def cdist(x, y):
    gap = x[..., :, None, :] - y[..., None, :, :]
    return np.sqrt((gap * gap).sum(-1))


TARGETS = np.array([0, 3, 8, 9, -1], "int32")
CASES["in_top_k"] = [
    *(case(TARGETS, np.round(values("float32", (5, 9), 1)), k, expect=in_top_k) for k in (0, 1, 2, 5, 9, 20)),
    *(case(TARGETS, values(d, (5, 9), 1, special=True), 3, expect=in_top_k) for d in FLOATS),
    case(TARGETS.astype("int64"), values("int32", (5, 9), 1, -3, 3).astype("float32"), 3, expect=in_top_k),
    case(TARGETS[:0], values("float32", (0, 9)), 3, expect=in_top_k),
    case(TARGETS, values("float32", (5, 0)), 3, expect=in_top_k),
    case(TARGETS, values("int32", (5, 9), 1, -3, 3), 3, expect=in_top_k),
]
CASES["cdist"] = [
    *(
        case(values(d, (5, 3), 1, 0, 9), values(d, (4, 3), 2, 0, 9), expect=floats(cdist), device_atol=2e-2)
        for d in FLOATS + ["int32", "uint8", "bool"]
    ),
    case(values("float32", (2, 5, 3), 1), values("float32", (2, 4, 3), 2), expect=floats(cdist)),
    case(values("float32", (2, 1, 5, 3), 1), values("float32", (3, 4, 3), 2), expect=floats(cdist)),
    case(values("float32", (5, 3), 1), values("float64", (4, 3), 2), expect=floats(cdist)),
    case(values("float32", (0, 3), 1), values("float32", (4, 3), 2), expect=floats(cdist)),
    case(values("float32", (5, 0), 1), values("float32", (4, 0), 2), expect=floats(cdist)),
]
CASES["top_k"] = [
    *(
        case(values(d, (3, 9), 1, 0 if d.startswith("u") else -3, 3), 4, expect=top_k, compile=d in COMPILED)
        for d in INTEGERS + FLOATS
    ),
    case(
        values("bool", (3, 9), 1),
        2,
        expect=lambda x, k: [a if i else a.astype(bool) for i, a in enumerate(top_k(x.astype("int8"), k))],
    ),
    case(values("float32", (9,), 1), 1, expect=top_k),
    case(values("float32", (2, 3, 9), 1), 9, expect=top_k),
    case(values("float32", (9,), 1), 3, sorted=False, expect=top_k),
    case(values("float32", (0, 9), 1), 3, expect=top_k),
    case(values("int64", (50,), 1), 7, expect=top_k),
    case(values("int32", (50,), 1), 7, expect=top_k),
]
CASES["logsumexp"] = [
    *(
        case(
            values(d, (3, 4, 5), 1, -9, 9),
            axis=1,
            expect=logsumexp,
            compile=d in COMPILED,
            atol=1e-2 if d in ("float16", "bfloat16") else 0,
            rtol=1e-2 if d in ("float16", "bfloat16") else None,
            device_atol=3e-2 if d == "float16" else 1e-5,
        )
        for d in FLOATS + ["int32"]
    ),
    *(
        case(values("float32", (3, 4, 5), 1), axis=a, keepdims=k, expect=logsumexp, device_atol=1e-5)
        for a in (None, 0, -1, (0, 2))
        for k in (False, True)
    ),
    case(values("float32", (1, 4), 1), axis=(), expect=logsumexp, label="no_axis"),
    case(
        np.array([[1e4, 1e4], [-np.inf, -np.inf], [np.inf, 1], [np.nan, 1]], "float32"),
        axis=1,
        expect=logsumexp,
        label="special",
    ),
    case(values("float32", (), 1), expect=logsumexp),
    *(
        case(np.zeros(shape, "float32"), axis=a, expect=lambda x, axis: np.full(x.sum(axis).shape, -np.inf, "float32"))
        for shape, a in (((2, 0), 1), ((2, 0), None), ((0, 2), 0), ((2, 0, 3), (1, 2)), ((0,), -1), ((2, 0), 0))
    ),
]
CASES["rsqrt"] = [
    case(
        values(d, (3, 4), 1, 1, 9),
        expect=floats(lambda x: 1 / np.sqrt(x)),
        compile=d in COMPILED,
        rtol=2e-2 if d == "bfloat16" else 2e-3 if d == "float16" else None,
    )
    for d in FLOATS + ["int32", "uint8"]
]
CASES["erf"] = [
    case(values(d, (3, 4), 1, -3, 3), expect=floats(np.vectorize(math.erf, otypes=[float])), compile=d in COMPILED)
    for d in FLOATS + ["int32", "bool"]
]
CASES["erf"] += [
    case(
        np.array([np.nan, np.inf, -np.inf, 0.0, 1e-10], "float32"),
        expect=floats(np.vectorize(math.erf, otypes=[float])),
        label="special",
    )
]

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


def test_top_k_of_ties_and_nan():
    got, index = kvino.ops.top_k(np.array([3, 7, 7, 1, 7, 3], "float32"), 5)
    agree(got, np.array([7, 7, 7, 3, 3], "float32"))
    agree(index, np.array([1, 2, 4, 0, 5], "int32"))
    got, index = kvino.ops.top_k(np.array([3, np.nan, np.inf, 1], "float32"), 2)
    agree(index, np.array([1, 2], "int32"))
    assert np.isnan(np.asarray(got)[0])


def test_layouts():
    for label, view in layouts(values("float32", (4, 5), 3)):
        eager(Case((view, 3), top_k, op="top_k", label=label))
        eager(Case((view,), logsumexp, op="logsumexp", label=label))
        eager(Case((view, np.array([0, 1, 0, 2], "int32"), 3), segments("sum"), op="segment_sum", label=label))


def test_refusals():
    ops, x = kvino.ops, np.ones((3, 4), "float32")
    with pytest.raises(ValueError, match="segment_ids must have 1 dimension, found 2"):
        ops.segment_sum(x, np.zeros((3, 1), "int32"))
    with pytest.raises(ValueError, match="top_k needs at least 1 dimension"):
        ops.top_k(np.float32(1), 1)
    for k in (5, -1):
        with pytest.raises(ValueError):
            ops.top_k(x, k)
    with pytest.raises(ValueError):
        ops.segment_sum(x, np.zeros(2, "int32"), 2)
