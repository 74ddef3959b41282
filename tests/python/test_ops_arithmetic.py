"""Arithmetic of keras.ops.numpy against NumPy."""

import math

import numpy as np
import pytest

import kvino
from opcheck import (
    ALL,
    COMPLEX,
    FLOATS,
    INTEGERS,
    SIGNED,
    UNSIGNED,
    Case,
    agree,
    broadcast_pairs,
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
    result_type,
    values,
    wide,
)

# ---- references ----


def or_bool(f, of_bool):
    """The same, where bool has an operation of its own."""
    general = numbers(f)
    return lambda *xs: of_bool(*xs) if result_type(*xs) == "bool" else general(*xs)


def floor_divide(a, b):
    name = result_type(a, b)
    if is_exact(name):
        return numbers(np.floor_divide)(a, b)
    return floats(np.floor_divide)(a, b)


def power(a, b):
    return numbers(np.power)(a, b)


def divide_no_nan(a, b):
    return floats(lambda x, y: np.where(y == 0, 0, np.divide(x, np.where(y == 0, 1, y))))(a, b)


def same_dtype(f, bool_as="bool"):
    def reference(x):
        name = name_of(x) if name_of(x) != "bool" else bool_as
        x = cast(x, name)
        with np.errstate(all="ignore"):
            return np.asarray(f(x)).astype(npd(name)) if is_exact(name) else cast(f(wide(x)), name)

    return reference


def absolute(x):
    if name_of(x) in COMPLEX:
        return cast(np.abs(wide(x)), "float32" if name_of(x) == "complex64" else "float64")
    return same_dtype(np.abs)(x)


def clip(x, low, high):
    work = result_type(x, low, high)
    work = "int32" if work == "bool" else work
    y = np.minimum(np.maximum(cast(x, work), cast(low, work)), cast(high, work))
    return cast(y, "int32" if name_of(x) == "bool" else name_of(x))


def rounded(x, decimals=0):
    name = name_of(x)
    if name == "bool":
        return cast(x, "float32")
    if is_exact(name):
        return np.round(x, decimals)
    with np.errstate(all="ignore"):
        work = cast(
            x, "float64" if name in ("float64", "complex128") else "complex64" if name in COMPLEX else "float32"
        )
        return cast(np.round(work, decimals), name)


def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    name = name_of(x)
    if is_exact(name):
        return x
    real = {"complex64": "float32", "complex128": "float64"}.get(name, name)
    import ml_dtypes

    top = float(ml_dtypes.finfo(npd(real)).max)
    return cast(
        np.nan_to_num(
            wide(x), nan=nan, posinf=top if posinf is None else posinf, neginf=-top if neginf is None else neginf
        ),
        name,
    )


# ---- tables: name -> (reference, range of generated values, dtypes) ----

REALS = ["bool"] + INTEGERS + FLOATS
BINARY = {
    "add": (or_bool(np.add, np.logical_or), {}, ALL),
    "multiply": (or_bool(np.multiply, np.logical_and), {}, ALL),
    "maximum": (or_bool(np.maximum, np.logical_or), {}, REALS),
    "minimum": (or_bool(np.minimum, np.logical_and), {}, REALS),
    "subtract": (numbers(np.subtract), {}, [d for d in ALL if d != "bool"]),
    "divide": (floats(np.divide), {}, ALL),
    "true_divide": (floats(np.divide), {}, ALL),
    "divide_no_nan": (divide_no_nan, {"low": -2, "high": 2}, REALS),
    "floor_divide": (floor_divide, {"low": -20, "high": 20}, REALS),
    "mod": (numbers(np.mod), {"low": -20, "high": 20}, REALS),
    "power": (power, {"low": 0, "high": 5}, REALS),
    "arctan2": (floats(np.arctan2), {}, REALS),
    "hypot": (floats(np.hypot), {}, REALS),
    "logaddexp": (floats(np.logaddexp), {}, REALS),
}
POSITIVE = {"low": 0.05, "high": 9}
UNIT = {"low": -0.95, "high": 0.95}
UNARY = {
    "negative": (same_dtype(np.negative), {}, [d for d in ALL if d != "bool"]),
    "absolute": (absolute, {}, ALL),
    "abs": (absolute, {}, ALL),
    "sign": (same_dtype(np.sign, "int32"), {}, ALL),
    "square": (same_dtype(np.square, "int32"), {}, ALL),
    "sqrt": (floats(np.sqrt), POSITIVE, ALL),
    "cbrt": (floats(np.cbrt), {}, REALS),
    "reciprocal": (floats(np.reciprocal), POSITIVE, ALL),
    "exp": (floats(np.exp), {"low": -6, "high": 6}, ALL),
    "exp2": (floats(np.exp2), {"low": -6, "high": 6}, REALS),
    "expm1": (floats(np.expm1), {"low": -3, "high": 3}, ALL),
    "log": (floats(np.log), POSITIVE, ALL),
    "log2": (floats(np.log2), POSITIVE, ALL),
    "log10": (floats(np.log10), POSITIVE, ALL),
    "log1p": (floats(np.log1p), POSITIVE, ALL),
    "sin": (floats(np.sin), {}, ALL),
    "cos": (floats(np.cos), {}, ALL),
    "tan": (floats(np.tan), {"low": -1.4, "high": 1.4}, ALL),
    "arcsin": (floats(np.arcsin), UNIT, ALL),
    "arccos": (floats(np.arccos), UNIT, ALL),
    "arctan": (floats(np.arctan), UNIT, ALL),
    "sinh": (floats(np.sinh), {}, ALL),
    "cosh": (floats(np.cosh), {}, ALL),
    "tanh": (floats(np.tanh), {}, ALL),
    "arcsinh": (floats(np.arcsinh), {}, ALL),
    "arccosh": (floats(np.arccosh), {"low": 1, "high": 9}, REALS),
    "arctanh": (floats(np.arctanh), UNIT, ALL),
    "ceil": (floats(np.ceil), {}, REALS),
    "floor": (floats(np.floor), {}, REALS),
    "trunc": (same_dtype(np.trunc), {}, REALS),
    "deg2rad": (floats(np.deg2rad), {"low": -400, "high": 400}, REALS),
    "rad2deg": (floats(np.rad2deg), {}, REALS),
}
ABSOLUTE = {
    "float16": 2e-3,
    "bfloat16": 2e-2,
    "float32": 1e-6,
    "float64": 1e-14,
    "complex64": 2e-6,
    "complex128": 1e-14,
}
"""For results near zero of operands that were rounded before (log near 1, cos near pi / 2)."""


def atol(dtype):
    return 0 if is_exact(dtype) else ABSOLUTE[dtype]


def limited(dtype, range_):
    """The range for a dtype: unsigned ones have no negative values."""
    if is_exact(dtype) and dtype != "bool" and range_:
        low, high = math.ceil(range_["low"]), math.floor(range_["high"])
        if low > high or high == 0:
            low, high = 0, 1
        return {"low": max(low, 0) if dtype in UNSIGNED else low, "high": high}
    return range_


COMPILED = ["float32", "int32", "bool", "float16", "bfloat16", "int64", "float64", "uint8", "int8"]


def unary_cases(name):
    reference, range_, dtypes = UNARY[name]
    for k, dtype in enumerate(dtypes):
        r = limited(dtype, range_)
        yield case(
            values(dtype, (3, 5), k, **r),
            expect=reference,
            atol=atol(result_float(dtype)),
            compile=dtype in COMPILED,
            device_atol=2 * ABSOLUTE[result_float(dtype)],
        )
    yield case(values("float32", (), 1, **range_), expect=reference, atol=1e-6)
    yield case(values("float32", (2, 0, 3), 1), expect=reference)


def binary_cases(name):
    reference, range_, dtypes = BINARY[name]
    for k, dtype in enumerate(dtypes):
        r = limited(dtype, range_)
        yield case(
            values(dtype, (3, 1, 4), k, **r),
            values(dtype, (2, 1), k + 9, **r),
            expect=reference,
            atol=atol(result_float(dtype)),
            compile=dtype in COMPILED,
            device_atol=2 * ABSOLUTE[result_float(dtype)],
        )
    if "float32" in dtypes:
        r = limited("float32", range_)
        yield case(values("float32", (3, 4), 5, **r), 2, expect=reference, atol=1e-6)
        yield case(2.0, values("float32", (3, 4), 6, **r), expect=reference, atol=1e-6)
        yield case(values("int32", (3,), 6, **limited("int32", range_)), 2.5, expect=reference, atol=1e-6)
        yield case(
            values("int8", (3,), 6, **limited("int8", range_)),
            values("float16", (2, 3), 7, **r),
            expect=reference,
            atol=2e-3,
            device_atol=4e-3,
        )
        yield case(values("uint8", (3,), 6, **limited("uint8", range_)), 3, expect=reference, atol=1e-6)


CASES = {name: list(unary_cases(name)) for name in UNARY} | {name: list(binary_cases(name)) for name in BINARY}
NAN, INF = np.nan, np.inf
CASES["clip"] = [
    case(values("float32", (3, 4), 1), -1, 2, expect=clip),
    case(values("float32", (3, 4), 1, special=True), -1.5, 2.5, expect=clip),
    case(values("int32", (3, 4), 1, -9, 9), -2, 5, expect=clip),
    case(values("int32", (3, 4), 1, -9, 9), -2.5, 5.5, expect=clip),
    case(values("uint8", (3, 4), 1), 10, 200, expect=clip),
    case(values("bool", (3, 4), 1), 0, 1, expect=clip),
    case(
        values("float64", (3, 4), 1), values("float64", (4,), 2, -2, 0), values("float64", (3, 1), 3, 0, 2), expect=clip
    ),
    case(values("float16", (0, 4), 1), -1, 2, expect=clip),
    case(values("int64", (5,), 1), -(2**40), 2**50, expect=clip),
]
CASES["round"] = [
    case(np.array([0.5, 1.5, 2.5, -0.5, -1.5, 3.49], "float32"), expect=rounded),
    case(values("float32", (3, 4), 1, -50, 50), decimals=2, expect=rounded),
    case(values("float64", (3, 4), 1, -500, 500), decimals=-1, expect=rounded),
    case(values("float16", (3, 4), 1, -5, 5), decimals=2, expect=rounded),
    case(values("bfloat16", (3, 4), 1, -5, 5), decimals=1, expect=rounded),
    case(values("int32", (3, 4), 1, -999, 999), decimals=-2, expect=rounded),
    case(values("int32", (3, 4), 1, -999, 999), decimals=1, expect=rounded),
    case(values("bool", (3,), 1), expect=rounded),
    case(values("float32", (3,), 1, special=True), expect=rounded),
    case(values("float16", (3,), 1), decimals=6, expect=rounded),
]
CASES["nan_to_num"] = [
    *(
        case(values(d, (3, 4), 3, special=True), expect=nan_to_num, compile=d in COMPILED)
        for d in FLOATS + ["int32", "bool", "float8_e4m3fn", "float8_e5m2"] + COMPLEX
    ),
    case(values("float32", (3, 4), 3, special=True), expect=nan_to_num, nan=1.5, posinf=7.0, neginf=-8.0),
    case(values("float32", (), 3), expect=nan_to_num),
]

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


@pytest.mark.parametrize("name", UNARY)
def test_unary_layouts(name):
    reference, range_, _ = UNARY[name]
    for dtype in ("float32", "int16", "float16"):
        x = values(dtype, (4, 5), 11, **limited(dtype, range_))
        for layout, view in layouts(x):
            eager(Case((view,), reference, op=name, label=layout, atol=atol(result_float(dtype))))


@pytest.mark.parametrize("name", BINARY)
def test_binary_layouts_and_shapes(name):
    reference, range_, _ = BINARY[name]
    for dtype in ("float32", "int16"):
        r = limited(dtype, range_)
        for a, b in broadcast_pairs(dtype, 3, **r):
            eager(Case((a, b), reference, op=name, atol=atol(result_float(dtype))))
        b = values(dtype, (4, 5), 12, **r)
        for _, view in layouts(values(dtype, (4, 5), 11, **r)):
            eager(Case((view, b), reference, op=name, atol=atol(result_float(dtype))))
            eager(Case((b, view), reference, op=name, atol=atol(result_float(dtype))))


@pytest.mark.parametrize(
    "name", [n for n, (_, range_, _) in UNARY.items() if not range_ or n in ("exp", "log", "sqrt", "arcsin")]
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_unary_special_values(name, dtype):
    """NaN, infinities and zeros of both signs. Beyond exact places of these, tan and sin of large values are not asked for."""
    x = np.array([NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5], npd(dtype))
    reference = UNARY[name][0]
    with np.errstate(all="ignore"):
        eager(Case((x,), reference, op=name, atol=atol(dtype)))


@pytest.mark.parametrize(
    "name",
    [
        "add",
        "subtract",
        "multiply",
        "divide",
        "maximum",
        "minimum",
        "power",
        "mod",
        "floor_divide",
        "arctan2",
        "hypot",
        "logaddexp",
        "divide_no_nan",
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_special_values(name, dtype):
    some = np.array([NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 2.5], npd(dtype))
    a, b = np.meshgrid(some, some)
    if name == "divide_no_nan":
        expected = np.where(b == 0, 0, np.divide(a, np.where(b == 0, 1, b))).astype(npd(dtype))
    else:
        with np.errstate(all="ignore"):
            expected = getattr(np, name)(a, b)
    agree(getattr(kvino.ops, name)(a, b), expected, atol=atol(dtype))


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "floor_divide", "mod", "maximum", "minimum"])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_to_the_last_bit(name, dtype):
    """Over the whole range: wrapping, extremes, division by zero."""
    a, b = values(dtype, (300,), 1, special=True), values(dtype, (300,), 2, special=True)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(a, b)
    agree(getattr(kvino.ops, name)(a, b), expected)


@pytest.mark.parametrize("dtype", SIGNED)
def test_power_of_integers(dtype):
    a, b = values(dtype, (100,), 1, -7, 7), values(dtype, (100,), 2, 0, 9)
    agree(kvino.ops.power(a, b), np.power(a, b))
    with pytest.raises(ValueError, match="Integers to negative integer powers are not allowed."):
        kvino.ops.power(a, np.asarray(-1, npd(dtype)))


def test_refusals():
    ops, x = kvino.ops, np.ones((2, 3), "float32")
    flags = np.array([True, False])
    with pytest.raises(TypeError, match="numpy boolean subtract, the `-` operator, is not supported"):
        ops.subtract(flags, flags)
    with pytest.raises(TypeError, match="The numpy boolean negative, the `-` operator, is not supported"):
        ops.negative(flags)
    with pytest.raises(ValueError, match=r"operands could not be broadcast together with shapes \(2,3\) \(4,\)"):
        ops.add(x, np.ones(4, "float32"))
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x2'"):
        ops.add(x)
    with pytest.raises(TypeError, match="unexpected keyword argument 'x3'"):
        ops.add(x, x, x3=1)
    for text in ("hello", None, object()):
        with pytest.raises(TypeError):
            ops.add(x, text)
    with pytest.raises(TypeError, match="not supported for the input types"):
        ops.arctan2(x.astype("complex64"), x.astype("complex64"))
