"""keras.ops.core against NumPy."""

import ml_dtypes
import numpy as np
import pytest

import kvino
from opcheck import (
    ALL,
    COMPLEX,
    FLOAT8,
    FLOATS,
    INTEGERS,
    Case,
    agree,
    case,
    cast,
    eager,
    layouts,
    make_tests,
    name_of,
    npd,
    product,
    values,
)

X = values("float32", (4, 5, 6), 1)
V = values("float32", (7,), 2)
COMPILED = ["float32", "int32", "bool", "float16", "int64", "uint8"]


def slice_(x, start, shape):
    return x[
        tuple(
            slice(s if s >= 0 else s + n, (s if s >= 0 else s + n) + k if k != -1 else n)
            for s, k, n in zip(start, shape, x.shape)
        )
    ]


def slice_update(x, start, updates):
    y = x.copy()
    y[tuple(slice(s, s + k) for s, k in zip(start, updates.shape))] = cast(updates, name_of(x))
    return y


def scatter(indices, values_, shape):
    y = np.zeros(shape, values_.dtype)
    np.add.at(y, tuple(np.moveaxis(indices, -1, 0)), values_)
    return y


def scatter_update(x, indices, updates, reduction=None):
    y, at, updates = x.copy(), tuple(np.moveaxis(indices, -1, 0)), cast(updates, name_of(x))
    if reduction is None:
        y[at] = updates
    else:
        {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}[reduction].at(y, at, updates)
    return y


def unstack(x, num=None, axis=0):
    return [np.take(x, i, axis) for i in range(x.shape[axis])]


def shape_tensor(x, dtype="int32"):
    return np.array(x.shape, dtype)


def to(x, dtype):
    return cast(x, dtype)


def limits(name):
    """The least and the largest value: of integers as int, of floats as that float."""
    if npd(name).kind in "iu":
        return int(np.iinfo(name).min), int(np.iinfo(name).max)
    info = ml_dtypes.finfo(npd(name))
    return info.min, info.max


def saturated(x, dtype):
    """One by one in Python's integers. Infinity is the largest float of x's dtype."""
    if "bool" in (dtype, name_of(x)):
        return cast(x, dtype)
    low, high = limits(dtype)
    x = x if npd(name_of(x)).kind in "iu" else np.clip(x, *limits(name_of(x)))
    if npd(dtype).kind in "iu":
        return np.array([min(max(int(v), low), high) for v in x.ravel().tolist()], dtype).reshape(x.shape)
    return cast(np.clip(x.astype("float64"), float(low), float(high)), dtype)


ENDS = [2.0**k for k in (7, 8, 15, 16, 31, 32, 63, 64)]
with np.errstate(over="ignore"):
    EDGES = [np.array([0, 0.5, -0.5, *ENDS, *(-e for e in ENDS), 3e38, -3e38, np.inf, -np.inf]).astype(npd(a)) for a in FLOATS]
AT = np.array([[0, 1], [3, 4], [0, 1]], "int32")
CASES = {
    "cast": [
        case(values(a, (3, 4), 1, 0, 9), b, expect=to, compile=a in COMPILED and b in COMPILED + ["complex64"])
        for a, b in product(ALL, ALL)
        if not (a in COMPLEX and b not in COMPLEX)
    ]
    + [
        case(values(a, (3, 4), 1), b, expect=to)
        for a in ("float32", "float16", "bfloat16", "float64")
        for b in FLOAT8 + ["float16", "bfloat16"]
    ]
    + [
        case(values(b, (3, 4), 1), a, expect=to, compile=False)
        for b in FLOAT8
        for a in ("float32", "float16", "int32", "bool")
    ]
    + [
        case(3, "float16", expect=to),
        case(2.5, "int32", expect=to),
        case(True, "float32", expect=to),
        case(values("int64", (30,), 1), "int32", expect=to, label="wraps"),
        case(values("float32", (), 1), "int8", expect=to),
        case(values("float32", (2, 0), 1), "int8", expect=to),
    ],
    "saturate_cast": [
        case(x, b, expect=saturated, compile=name_of(x) in COMPILED and b in COMPILED, label="edges")
        for x, b in product(EDGES, INTEGERS + FLOATS)
    ]
    + [
        case(
            np.array([*limits(a), 0, 1, limits(a)[1] // 3], a),
            b,
            expect=saturated,
            compile=a in COMPILED and b in COMPILED,
            label="edges",
        )
        for a, b in product(INTEGERS, INTEGERS + ["float16", "float32"])
    ]
    + [case(values("bool", (4,), 1), "int8", expect=to), case(values("float32", (3, 4), 1), "bool", expect=saturated)],
    "slice": [
        case(X, (1, 2, 0), (2, 3, 6), expect=slice_),
        case(X, [0, 0, 0], [4, 5, 6], expect=slice_),
        case(X, (3, 0, 5), (1, -1, 1), expect=slice_),
        case(V, (7,), (0,), expect=slice_),
        case(X, (-2, 0, -1), (2, 5, 1), expect=slice_, dynamic=False, why="counted from the end of a known length"),
        case(X.astype("int64"), (1, 1, 1), (2, 2, 2), expect=slice_),
        case(values("float32", (), 1), (), (), expect=lambda x, a, b: x),
        case(V, 2, 3, expect=lambda x, a, b: x[2:5]),
    ],
    "slice_update": [
        case(X, (1, 2, 0), values("float32", (2, 3, 6), 3), expect=slice_update),
        case(X, [0, 0, 0], X[:1, :1, :1] + 1, expect=slice_update),
        case(V, (7,), V[:0], expect=slice_update),
        case(V, (0,), V * 2, expect=slice_update),
        case(X.astype("int64"), (1, 1, 1), values("int64", (2, 2, 2), 3), expect=slice_update),
        case(V, (3,), values("int32", (2,), 3, 0, 9), expect=slice_update),
        case(values("bool", (4, 4), 1), (1, 1), values("bool", (2, 2), 2), expect=slice_update),
    ],
    "scatter": [
        case(AT, values("float32", (3,), 1), (4, 5), expect=scatter),
        case(AT, values("float32", (3, 2), 1), (4, 5, 2), expect=scatter),
        case(AT[:, :1], values("int32", (3, 5), 1, -9, 9), (4, 5), expect=scatter),
        case(AT.astype("int64"), values("float64", (3,), 1), [4, 5], expect=scatter),
        case(AT[:0], values("float32", (0,), 1), (4, 5), expect=scatter),
        case(AT[None], values("float32", (1, 3), 1), (4, 5), expect=scatter),
        case(AT, values("int64", (3,), 1), (4, 5), expect=scatter),
        case(AT, values("uint8", (3,), 1), (4, 5), expect=scatter),
    ],
    "scatter_update": [
        case(
            values(d, (4, 5), 1, 0, 5),
            AT,
            values(d, (3,), 2, 0, 5),
            reduction=r,
            expect=scatter_update,
            compile=d in COMPILED,
            rtol=1e-2 if d in ("float16", "bfloat16") else None,
            atol=1e-6,
        )
        for d in INTEGERS + FLOATS
        for r in ("add", "max", "min", "mul")
    ]
    + [
        case(values(d, (4, 5), 1), AT[:2], values(d, (2,), 2), expect=scatter_update, compile=d in COMPILED)
        for d in ALL
    ]
    + [
        case(X, AT[:2], values("float32", (2, 6), 2), expect=scatter_update),
        case(X, AT[:2], values("int32", (2, 6), 2, 0, 9), reduction="add", expect=scatter_update),
        case(X, AT[:0], X[:0, 0], expect=scatter_update),
    ],
    "stop_gradient": [case(values(d, (3, 4), 1), expect=np.copy, compile=d in COMPILED) for d in ALL]
    + [case(values("float32", (), 1), expect=np.copy)],
    "unstack": [
        case(X, axis=a, expect=unstack, dynamic=False, why="the number of slices must be known") for a in (0, 1, 2, -1)
    ]
    + [
        case(V, 7, expect=unstack),
        case(X, num=4, expect=unstack),
        case(X[:1], expect=unstack, dynamic=False, why="as above"),
        case(X.astype("int64"), 5, 1, expect=unstack),
    ],
    "shape_tensor": [
        case(x, expect=shape_tensor, compile=c)
        for x, c in ((X, True), (V, True), (values("float32", (), 1), True), (X[:0], True))
    ]
    + [case(X, dtype="int64", expect=shape_tensor)],
}

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


@pytest.mark.parametrize("source", ALL)
def test_casts_of_special_values(source):
    """NaN, infinities, zeros of both signs and the extremes, to every dtype that holds them."""
    x = values(source, (12,), 3, special=True)
    for target in FLOATS + COMPLEX + ["bool"] + ([] if source in FLOATS + COMPLEX else INTEGERS):
        if source in COMPLEX and target not in COMPLEX + ["bool"]:
            continue
        eager(Case((x, target), to, op="cast", label=target))


def test_casts_round_once():
    """float64 to float16 and bfloat16 in one rounding: by float32 these would come out otherwise."""
    x = np.array([1 + 2**-11 + 2**-40, 1 + 2**-8 + 2**-40, 2048 + 1 + 2**-30])
    agree(kvino.ops.cast(x, "float16"), x.astype("float16"), rtol=0)
    agree(
        kvino.ops.cast(x, "bfloat16"), np.array([1, 1 + 2**-7, 2048], npd("bfloat16")), rtol=0
    )  # ml_dtypes rounds twice


def test_large_integers_stay_exact():
    x = np.array([2**62 + 1, -(2**62) - 1, 2**53 + 1])
    agree(kvino.ops.cast(x, "uint64"), x.astype("uint64"))
    agree(kvino.ops.cast(x, "float64"), x.astype("float64"))


@pytest.mark.parametrize("name", ["slice", "slice_update", "unstack", "scatter_update"])
def test_layouts(name):
    for label, view in layouts(values("float32", (4, 5), 3)):
        args = {
            "slice": ((1, 2), (2, 3)),
            "slice_update": ((1, 2), view[:2, 1:3]),
            "unstack": (),
            "scatter_update": (AT[:2], V[:2]),
        }[name]
        eager(Case((view, *args), CASES[name][0].expected, op=name, label=label))


def test_boxes_from_the_graph():
    """Starts computed in the traced function."""

    def f(x, i):
        return kvino.ops.slice(x, (i, 1), (2, 3)), kvino.ops.slice_update(x, (i, 1), kvino.ops.zeros((2, 2)))

    x, i = values("float32", (5, 4), 1), np.array(2, "int32")
    for device in ("native", "CPU"):
        for dynamic in (False, True):
            got = kvino.function(f, device=device, dynamic=dynamic)(x, i)
            agree(got[0], x[2:4, 1:4])
            agree(got[1], slice_update(x, (2, 1), np.zeros((2, 2), "float32")))


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda o: o.slice(X, (0, 0), (1, 1)), ValueError, "one entry for each of the 3 dimensions"),
        (
            lambda o: o.slice(V, (5,), (3,)),
            ValueError,
            "the box of length 3 at 5 is out of bounds for axis 0 with size 7",
        ),
        (lambda o: o.slice(V, (-8,), (1,)), ValueError, "out of bounds for axis 0 with size 7"),
        (
            lambda o: o.slice_update(V, (5,), V[:3]),
            ValueError,
            "the box of length 3 at 5 is out of bounds for axis 0 with size 7",
        ),
        (lambda o: o.slice_update(V, (0,), X), ValueError, "must have the 1 dimensions of inputs"),
        (
            lambda o: o.scatter_update(V, AT[:, :1], V[:3], reduction="nonsense"),
            ValueError,
            "Invalid value for argument `reduction`",
        ),
        (lambda o: o.scatter_update(V, np.array([[7]]), V[:1]), IndexError, "index 7 is out of bounds"),
        (lambda o: o.scatter(np.array([[9]]), V[:1], (7,)), IndexError, "index 9 is out of bounds"),
        (lambda o: o.unstack(V, 3), ValueError, "axis 0 has 7 slices, not 3"),
        (lambda o: o.unstack(np.float32(1)), ValueError, "axis 0 is out of bounds for array of dimension 0"),
        (lambda o: o.cast(V, None), TypeError, "dtype must be given"),
        (lambda o: o.cast(V, "nonsense"), (TypeError, ValueError), "nonsense"),
    ],
)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call(kvino.ops)


def test_fractions_are_no_indices():
    with pytest.raises(TypeError, match="indices must be integers, not float32"):
        kvino.ops.scatter_update(V, np.array([[0.5]], "float32"), V[:1])
    with pytest.raises(TypeError, match="indices must be integers, not float64"):
        kvino.ops.scatter(np.array([[0.5]]), V[:1], (3,))
