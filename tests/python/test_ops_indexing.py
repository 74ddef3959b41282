"""Taking elements and sorting of keras.ops.numpy against NumPy."""

import numpy as np
import pytest

import kvino
from opcheck import ALL, FLOATS, INTEGERS, Case, agree, case, cast, eager, layouts, make_tests, name_of, values, wide

X = values("float32", (3, 4, 5), 1)
V = values("float32", (7,), 2)
COMPILED = ["float32", "int32", "bool", "float16", "int64", "float64", "uint8"]


def index(shape, n, seed=0, dtype="int32", low=None):
    return np.random.default_rng(abs(seed)).integers(-n if low is None else low, n, shape).astype(dtype)


def sort(x, axis=-1):
    return cast(np.sort(wide(x) if name_of(x) in FLOATS else x, axis=axis, kind="stable"), name_of(x))


def argsort(x, axis=-1):
    return np.argsort(wide(x) if name_of(x) in FLOATS else x, axis=axis, kind="stable").astype("int32")


CASES = {
    "take": [
        *(
            case(values(d, (4, 3), 1), index((5,), 4), axis=0, expect=np.take, compile=d in COMPILED + ["complex64"])
            for d in ALL
        ),
        *(case(X, index((2, 3), X.shape[a], a), axis=a, expect=np.take) for a in (0, 1, 2, -1)),
        case(X, index((4,), 60), expect=np.take),
        case(V, index((), 7), expect=np.take),
        case(V, 3, expect=np.take),
        case(V, -1, expect=np.take),
        case(X, index((2,), 4, 3, "int64"), axis=1, expect=np.take),
        case(X, index((2,), 4, 3, "uint8", 0), axis=1, expect=np.take),
        case(X, np.zeros((0,), "int32"), axis=1, expect=np.take),
        case(X, [0, 2, 1], axis=0, expect=np.take),
        case(values("float32", (3, 0), 1), index((2,), 3), axis=0, expect=np.take),
        case(X, np.array([True, False]), axis=0, expect=lambda x, i, axis: np.take(x, i.astype(int), axis)),
    ],
    "take_along_axis": [
        *(
            case(values(d, (4, 3), 1), index((2, 3), 4), axis=0, expect=np.take_along_axis, compile=d in COMPILED)
            for d in ALL
        ),
        case(X, index((3, 4, 2), 5), axis=2, expect=np.take_along_axis),
        case(X, index((3, 1, 5), 4), axis=-2, expect=np.take_along_axis),
        case(X, index((1, 4, 2), 5), axis=2, expect=np.take_along_axis),
        case(X[:1], index((6, 4, 2), 5), axis=2, expect=np.take_along_axis),
        case(V, index((9,), 7), axis=None, expect=np.take_along_axis),
        case(V, index((9,), 7, 1, "int64"), axis=0, expect=np.take_along_axis),
        case(X, index((3, 0, 5), 4), axis=1, expect=np.take_along_axis),
    ],
    "sort": [
        *(
            case(values(d, (3, 9), 1, -9 if not d.startswith("u") else 0, 9), expect=sort, compile=d in COMPILED)
            for d in ["bool"] + INTEGERS + FLOATS
        ),
        *(case(X, axis=a, expect=sort) for a in (0, 1, -1)),
        case(X, axis=None, expect=sort),
        case(np.zeros((3, 0), "float32"), expect=sort),
        case(np.array([3, np.nan, -np.inf, 0, np.inf, np.nan, -1], "float32"), expect=sort, label="nan"),
        case(values("int64", (50,), 1), expect=sort),
        case(values("uint64", (50,), 1), expect=sort),
        case(values("int32", (50,), 1), expect=sort),
    ],
    "argsort": [
        *(
            case(values(d, (3, 9), 1, -3 if not d.startswith("u") else 0, 3), expect=argsort, compile=d in COMPILED)
            for d in ["bool"] + INTEGERS + FLOATS
        ),
        *(case(X, axis=a, expect=argsort) for a in (0, 1, -1)),
        case(X, axis=None, expect=argsort),
        case(np.zeros((3, 0), "float32"), expect=argsort),
        case(np.array([3, np.nan, -np.inf, 0, np.inf, np.nan, -1], "float32"), expect=argsort, label="nan"),
        case(np.zeros(40, "float32"), expect=argsort, label="stable"),
        case(values("int64", (50,), 1), expect=argsort),
    ],
}

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


@pytest.mark.parametrize("name", ["take", "sort", "argsort", "take_along_axis"])
def test_layouts(name):
    reference = CASES[name][0].expected
    for dtype in ("float32", "int16"):
        for label, view in layouts(values(dtype, (5, 6), 3)):
            for axis in (0, 1):
                if name.startswith("take"):
                    i = index((5, 6), 5)
                    for _, j in layouts(i):
                        eager(Case((view, j), reference, {"axis": axis}, op=name, label=label))
                else:
                    eager(Case((view,), reference, {"axis": axis}, op=name, label=label))


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 100, 1000, 40000])
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "int64", "float64", "float16"])
def test_long_sorts(n, dtype):
    x = values(dtype, (n,), 5, special=dtype.startswith("f") and n > 16)
    agree(kvino.ops.sort(x), sort(x))
    agree(kvino.ops.argsort(x), argsort(x))


def test_refusals():
    ops = kvino.ops
    for bad in (7, -8):
        with pytest.raises(IndexError, match=f"index {bad} is out of bounds for axis 0 with size 7"):
            ops.take(V, bad)
        with pytest.raises(IndexError, match=f"index {bad} is out of bounds"):
            ops.take_along_axis(V, np.array([bad]), axis=0)
    with pytest.raises(TypeError, match="Cannot cast array data from dtype"):
        ops.take(V, np.array([1.0]))
    with pytest.raises(ValueError, match="must have the same number of dimensions"):
        ops.take_along_axis(X, index((2, 2), 3), axis=0)
    with pytest.raises(ValueError, match="axis 3 is out of bounds for array of dimension 3"):
        ops.take(X, 0, axis=3)
    with pytest.raises(ValueError, match="axis -1 is out of bounds for array of dimension 0"):
        ops.sort(np.float32(3))
    agree(ops.argsort(np.float32(3)), np.zeros(1, "int32"))
