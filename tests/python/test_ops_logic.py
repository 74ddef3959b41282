"""Comparison, logic and bits of keras.ops.numpy against NumPy."""

import numpy as np
import pytest

import kvino
from opcheck import (
    ALL,
    COMPLEX,
    FLOATS,
    INTEGERS,
    SIGNED,
    Case,
    agree,
    broadcast_pairs,
    case,
    cast,
    eager,
    is_exact,
    layouts,
    make_tests,
    name_of,
    npd,
    numbers,
    result_type,
    truths,
    values,
)

COMPILED = ["float32", "int32", "bool", "float16", "int64", "float64", "uint8", "complex64"]
REALS = ["bool"] + INTEGERS + FLOATS


def logical(f):
    return lambda *xs: f(*(np.asarray(x).astype(bool) for x in xs))


def of_bits(f):
    def reference(*xs):
        name = result_type(*xs)
        return np.asarray(f(*(cast(x, name) for x in xs)))

    return reference


def isclose(a, b, rtol=1e-5, atol=1e-8, equal_nan=False):
    name = result_type(a, b)
    work = "float64" if is_exact(name) or name == "float64" else name if name in COMPLEX else "float32"
    with np.errstate(all="ignore"):
        return np.isclose(cast(a, work), cast(b, work), rtol, atol, equal_nan)


COMPARE = {
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}
LOGICAL = {"logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor}
BITS = {"bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor}
SHIFTS = {
    "bitwise_left_shift": np.left_shift,
    "left_shift": np.left_shift,
    "bitwise_right_shift": np.right_shift,
    "right_shift": np.right_shift,
}
CLASSES = {"isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite}


def few(dtype, shape, seed):
    """Few different values, so that equal ones meet."""
    return (
        values(dtype, shape, seed, 0 if dtype.startswith("u") else -2, 2)
        if dtype != "bool" and is_exact(dtype)
        else (
            values(dtype, shape, seed)
            if dtype == "bool"
            else np.rint(values(dtype, shape, seed, -2, 2).astype("complex128").real).astype(npd(dtype))
        )
    )


CASES = {}
for _name, _f in COMPARE.items():
    CASES[_name] = [
        *(case(few(d, (3, 1, 4), 1), few(d, (2, 4), 2), expect=truths(_f), compile=d in COMPILED) for d in ALL),
        case(few("int32", (3, 4), 3), 1, expect=truths(_f)),
        case(0.5, few("float32", (3, 4), 3), expect=truths(_f)),
        case(few("int32", (3, 4), 3), 0.5, expect=truths(_f)),
        case(few("uint8", (3, 4), 3), few("float16", (4,), 4), expect=truths(_f)),
        case(few("float32", (), 3), few("float32", (), 4), expect=truths(_f)),
        case(few("float32", (0, 3), 3), few("float32", (1,), 4), expect=truths(_f)),
        case(
            np.array([2**24, 2**24 + 1, -(2**30), 2**31 - 1], "int32"),
            np.array([2**24 + 1, 2**24, 5, 2**31 - 2], "int32"),
            expect=truths(_f),
            label="int32_beyond_2_24",
        ),
        case(
            np.array([2**53, 2**53 + 1, -(2**62), 2**63 - 1]),
            np.array([2**53 + 1, 2**53, 5, 2**63 - 2]),
            expect=truths(_f),
            label="int64_beyond_2_53",
        ),
        case(
            np.array([np.nan, 0.0, -0.0, np.inf, np.nan], "float32"),
            np.array([np.nan, -0.0, 0.0, np.inf, 1], "float32"),
            expect=truths(_f),
            label="special",
        ),
    ]
for _name, _f in LOGICAL.items():
    CASES[_name] = [
        *(case(few(d, (3, 1, 4), 1), few(d, (2, 4), 2), expect=logical(_f), compile=d in COMPILED) for d in ALL),
        case(few("int32", (3, 4), 1), few("float32", (4,), 2), expect=logical(_f)),
        case(few("bool", (3, 4), 1), True, expect=logical(_f)),
        case(few("bool", (3, 4), 1), 0.0, expect=logical(_f)),
        case(
            np.array([np.nan, -0.0, 1e-45], "float32"),
            np.array([False, True, True]),
            expect=logical(_f),
            label="special",
        ),
    ]
CASES["logical_not"] = [
    *(case(few(d, (3, 4), 1), expect=logical(np.logical_not), compile=d in COMPILED) for d in ALL),
    case(np.array([np.nan, -0.0, 1e-45, np.inf], "float32"), expect=logical(np.logical_not), label="special"),
]
for _name, _f in BITS.items():
    CASES[_name] = [
        *(
            case(values(d, (3, 1, 4), 1), values(d, (2, 4), 2), expect=of_bits(_f), compile=d in COMPILED)
            for d in ["bool"] + INTEGERS
        ),
        case(values("int32", (3, 4), 1), 12, expect=of_bits(_f)),
        case(values("int8", (3, 4), 1), values("uint8", (4,), 2), expect=of_bits(_f)),
        case(values("bool", (3, 4), 1), values("uint8", (4,), 2), expect=of_bits(_f)),
    ]
for _name, _f in SHIFTS.items():
    CASES[_name] = [
        *(
            case(values(d, (3, 4), 1), values(d, (4,), 2, 0, 9), expect=of_bits(_f), compile=d in COMPILED)
            for d in INTEGERS
        ),
        case(values("int32", (3, 4), 1), 3, expect=of_bits(_f)),
        case(values("uint8", (3, 4), 1), 9, expect=of_bits(_f)),
        case(values("bool", (4,), 1), values("bool", (4,), 2), expect=numbers(_f)),
    ]
for _name in ("bitwise_not", "bitwise_invert"):
    CASES[_name] = [case(values(d, (3, 4), 1), expect=np.invert, compile=d in COMPILED) for d in ["bool"] + INTEGERS]
for _name, _f in CLASSES.items():
    CASES[_name] = [
        *(case(values(d, (3, 4), 1, special=True), expect=_f, compile=d in COMPILED) for d in FLOATS + COMPLEX),
        *(
            case(values(d, (3, 4), 1), expect=lambda x, f=_f: f(x.astype("float64")), compile=d in COMPILED)
            for d in ["bool"] + INTEGERS
        ),
        case(
            np.array([1 + 1j, complex(np.nan, 1), complex(1, np.inf), complex(-np.inf, np.nan)]),
            expect=_f,
            label="complex",
        ),
        case(values("float32", (2, 0)), expect=_f),
    ]
NEAR = np.array([1.0, 1.00001, 1.1, np.nan, np.inf, -np.inf, 0.0, 1e-9], "float64")
OTHER = np.array([1.0, 1.0, 1.0, np.nan, np.inf, np.inf, 1e-9, 0.0], "float64")
CASES["isclose"] = [
    *(case(NEAR.astype(npd(d)), OTHER.astype(npd(d)), expect=isclose) for d in FLOATS),
    *(
        case(NEAR.astype(npd(d)), OTHER.astype(npd(d)), expect=isclose, equal_nan=True)
        for d in ("float32", "float64", "complex64")
    ),
    case(values("float32", (3, 1), 1), values("float32", (4,), 2), expect=isclose, rtol=0.5, atol=0.25),
    case(np.array([2**24, 2**30], "int32"), np.array([2**24 + 1, 2**30], "int32"), expect=isclose, rtol=0.0, atol=0.5),
    case(values("bool", (4,), 1), values("bool", (4,), 2), expect=isclose),
    case(values("int8", (4,), 1), 3, expect=isclose),
]
# `rtol` and `atol` of isclose are its own parameters, not the case's.
for _case in CASES["isclose"]:
    for _key in ("rtol", "atol"):
        if getattr(_case, _key):
            _case.kwargs[_key] = getattr(_case, _key)
    _case.rtol, _case.atol = None, 0.0
CASES["isclose"][-3].kwargs.update(rtol=0.0, atol=0.5)

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


@pytest.mark.parametrize("name", list(COMPARE) + list(LOGICAL))
def test_layouts_and_shapes(name):
    f = truths(COMPARE[name]) if name in COMPARE else logical(LOGICAL[name])
    for dtype in ("float32", "uint16"):
        for a, b in broadcast_pairs(dtype, 3):
            eager(Case((a, b), f, op=name))
        b = values(dtype, (4, 5), 12)
        for _, view in layouts(values(dtype, (4, 5), 11)):
            eager(Case((view, b), f, op=name))
            eager(Case((b, view), f, op=name))


@pytest.mark.parametrize("name", list(BITS) + list(SHIFTS))
@pytest.mark.parametrize("dtype", SIGNED + ["uint32"])
def test_bits_over_the_whole_range(name, dtype):
    a = values(dtype, (200,), 1, special=True)
    b = (
        values(dtype, (200,), 2, special=True)
        if name in BITS
        else values(dtype, (200,), 2, 0, np.iinfo(dtype).bits - 1)
    )
    agree(getattr(kvino.ops, name)(a, b), getattr(np, name)(a, b))


def test_bool_bytes_other_than_one():
    """A bool is true where its byte is anything but 0."""
    odd = np.frombuffer(bytes([0, 1, 2, 255, 128]), dtype=bool)
    agree(kvino.ops.logical_not(odd), np.array([True, False, False, False, False]))
    agree(kvino.ops.logical_and(odd, odd), np.array([False, True, True, True, True]))


def test_refusals():
    x = np.ones(3, "float32")
    for name in (*BITS, *SHIFTS):
        with pytest.raises(TypeError, match="not supported for the input types"):
            getattr(kvino.ops, name)(x, x)
    with pytest.raises(TypeError, match="not supported for the input types"):
        kvino.ops.bitwise_not(x)
    with pytest.raises(ValueError, match="could not be broadcast together"):
        kvino.ops.equal(np.ones((2, 3)), np.ones((3, 2)))
    assert name_of(np.asarray(kvino.ops.less(x, 2))) == "bool"
