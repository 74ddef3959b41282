"""Matrix and tensor products of keras.ops.numpy against NumPy."""

import numpy as np
import pytest

import kvino
from opcheck import (
    ALL,
    COMPLEX,
    FLOATS,
    INTEGERS,
    Case,
    case,
    cast,
    eager,
    is_exact,
    layouts,
    make_tests,
    name_of,
    result_type,
    values,
    wide,
)

COMPILED = ["float32", "int32", "float16", "bfloat16", "int64", "float64", "bool", "uint8", "int8"]
TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2}


def product(f):
    def reference(a, b, *more, **kwargs):
        name = "int32" if name_of(a) == name_of(b) == "int8" else result_type(a, b)
        a, b = cast(a, name), cast(b, name)
        if name == "bool":
            return f(a.astype("int32"), b.astype("int32"), *more, **kwargs) != 0
        if is_exact(name):
            return np.asarray(f(a, b, *more, **kwargs))
        return cast(f(wide(a), wide(b), *more, **kwargs), name)

    return reference


def outer(a, b):
    name = result_type(a, b)
    return np.outer(cast(a, name), cast(b, name))


def v(dtype, shape, seed):
    return values(dtype, shape, seed, 0 if dtype.startswith("u") else -5, 5)


def every(f, dtypes=ALL, a=(3, 4), b=(4, 5)):
    return [
        case(
            v(d, a, 1),
            v(d, b, 2),
            expect=f,
            compile=d in COMPILED,
            atol=TOLERANCE.get(d, 1e-5 if d in FLOATS + COMPLEX else 0),
            rtol=1e-2 if d in TOLERANCE else None,
            device_rtol=1e-2 if d in TOLERANCE else None,
            device_atol=0.1 if d in TOLERANCE else 1e-5,
        )
        for d in dtypes
    ]


def plain(f, a, b, *more, **kwargs):
    return case(v("float32", a, 1), v("float32", b, 2), *more, expect=f, atol=1e-4, device_atol=1e-4, **kwargs)


MATMUL, DOT, TENSORDOT = product(np.matmul), product(np.dot), product(np.tensordot)
CASES = {
    "matmul": every(MATMUL)
    + [
        plain(MATMUL, a, b)
        for a, b in (
            ((4,), (4,)),
            ((4,), (4, 5)),
            ((3, 4), (4,)),
            ((2, 3, 4), (4, 5)),
            ((2, 3, 4), (2, 4, 5)),
            ((2, 1, 3, 4), (6, 4, 5)),
            ((4,), (2, 4, 5)),
            ((2, 3, 4), (4,)),
            ((3, 0), (0, 5)),
            ((0, 4), (4, 5)),
            ((3, 4), (4, 0)),
            ((0, 3, 4), (4, 5)),
            ((1, 1), (1, 1)),
            ((65, 70), (70, 33)),
        )
    ]
    + [
        case(v("int32", (3, 4), 1), v("float32", (4, 2), 2), expect=MATMUL, atol=1e-5),
        case(v("int8", (3, 4), 1), v("uint8", (4, 2), 2), expect=MATMUL),
        case(values("int32", (3, 4), 1), values("int32", (4, 2), 2), expect=MATMUL, label="int32_wraps"),
        case(np.full((1, 300), 127, "int8"), np.full((300, 1), 127, "int8"), expect=MATMUL, label="int8_as_int32"),
        case(values("int64", (3, 4), 1), values("int64", (4, 2), 2), expect=MATMUL, label="int64_wraps"),
    ],
    "dot": every(DOT)
    + [
        plain(DOT, a, b)
        for a, b in (
            ((4,), (4,)),
            ((), (3, 4)),
            ((3, 4), ()),
            ((), ()),
            ((2, 3, 4), (4,)),
            ((4,), (2, 4, 5)),
            ((0,), (0,)),
        )
    ]
    + [plain(DOT, (2, 3, 4), (6, 4, 5)), plain(DOT, (2, 4), (3, 4, 5))],
    "tensordot": every(TENSORDOT, FLOATS + INTEGERS[:5], (2, 3, 4), (3, 4, 5))
    + [
        plain(TENSORDOT, (3, 4), (4, 5), 1),
        plain(TENSORDOT, (3, 4), (2, 5), 0),
        plain(TENSORDOT, (3, 4), (5, 4), [[1], [1]]),
        plain(TENSORDOT, (3, 4, 2), (4, 3, 5), ([0, 1], [1, 0])),
        plain(TENSORDOT, (3, 4, 2), (2, 3), [[-1, 0], [0, 1]]),
        plain(TENSORDOT, (3, 4), (4, 5), (1, 0)),
        plain(TENSORDOT, (3, 0), (0, 5), 1),
        plain(TENSORDOT, (3, 4), (3, 4), 2),
    ],
    "outer": [
        case(v(d, (3,), 1), v(d, (4,), 2), expect=outer, compile=d in COMPILED, rtol=1e-2 if d in TOLERANCE else None)
        for d in ALL
    ]
    + [
        plain(outer, (2, 3), (4,)),
        plain(outer, (), (4,)),
        plain(outer, (0,), (4,)),
        case(v("float32", (3,), 1), 2, expect=outer),
        case(v("int8", (3,), 1), v("float16", (2,), 2), expect=outer),
    ],
}
for _c in CASES["tensordot"]:
    if 0 in _c.args[0].shape:
        _c.dynamic, _c.why = False, "what -1 means is ambiguous where the summed axis turns out to be empty"

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


@pytest.mark.parametrize("name", ["matmul", "dot", "outer", "tensordot"])
def test_layouts(name):
    reference = CASES[name][0].expected
    for dtype in ("float32", "float64", "int32", "complex64"):
        b = v(dtype, (6, 5), 4)
        for label, view in layouts(v(dtype, (5, 6), 3)):
            more = (1,) if name == "tensordot" else ()
            eager(Case((view, b, *more), reference, op=name, label=label, atol=1e-4))
            eager(Case((b, view, *more), reference, op=name, label=label, atol=1e-4))


@pytest.mark.parametrize("shape", [(1, 700, 1), (300, 2, 300), (129, 257, 65), (1, 1, 500)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "float16"])
def test_larger(shape, dtype):
    n, k, m = shape
    a, b = v(dtype, (n, k), 1), v(dtype, (k, m), 2)
    eager(
        Case(
            (a, b),
            MATMUL,
            op="matmul",
            rtol={"float16": 2e-3}.get(dtype, 1e-4),
            atol={"float16": 0.2, "float32": 2e-3}.get(dtype, 1e-9),
        )
    )


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda o, x: o.matmul(x, x), "mismatch in its core dimension"),
        (lambda o, x: o.matmul(x, np.float32(2)), "does not have enough dimensions"),
        (lambda o, x: o.matmul(np.ones((2, 3, 4)), np.ones((3, 4, 5))), "could not be broadcast together|broadcast"),
        (lambda o, x: o.dot(x, np.ones((3, 3))), "not aligned|mismatch"),
        (lambda o, x: o.tensordot(x, x, 1), "shape-mismatch for sum"),
        (lambda o, x: o.tensordot(x, x, [[0], [1]]), "shape-mismatch for sum"),
        (lambda o, x: o.tensordot(x, x, 3), "shape-mismatch for sum"),
        (lambda o, x: o.tensordot(x, x, [[2], [0]]), "axis 2 is out of bounds for array of dimension 2"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call(kvino.ops, np.ones((3, 4), "float32"))
