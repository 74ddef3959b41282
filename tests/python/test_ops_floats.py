"""What looks at the representation of numbers (fabs, nextafter, ldexp, real, ...), and the special functions, against NumPy and
SciPy."""

import numpy as np
import pytest
from scipy import special

import kvino
from opcheck import (
    COMPLEX,
    FLOATS,
    INTEGERS,
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

REALS = ["bool"] + INTEGERS + FLOATS
COMPILED = ["float32", "int32", "bfloat16", "float64"]
ABSOLUTE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-6, "float64": 1e-14, "complex64": 2e-6, "complex128": 1e-14}
REAL_OF = {"complex64": "float32", "complex128": "float64"}

# ---- references ----


def or_bool(f, of_bool):
    general = numbers(f)
    return lambda *xs: of_bool(*xs) if result_type(*xs) == "bool" else general(*xs)


def exactly(f):
    """In the operands' common float dtype itself: what depends on the next representable number."""

    def reference(*xs):
        name = result_float(*xs)
        with np.errstate(all="ignore"):
            return np.asarray(f(*(cast(x, name) for x in xs)))

    return reference


def heaviside(a, b):
    name = result_type(a, b)
    name = name if not is_exact(name) else "float64" if npd(name).itemsize == 8 else "float32"
    return cast(np.heaviside(wide(cast(a, name)), wide(cast(b, name))), name)


def ldexp(a, b):
    name = result_float(a, b)
    with np.errstate(all="ignore"):
        return cast(np.ldexp(wide(cast(a, name)), np.clip(np.asarray(b, "int64"), -3000, 3000)), name)


def i0(x):
    name = "float64" if name_of(x) in ("int64", "uint64") else result_float(x)
    x = wide(cast(x, name))
    return cast(np.where(np.isinf(x), np.inf, special.i0(x)), name)


def sinc(x):
    """In f32, as NumPy: near whole numbers the rounding of pi * x decides."""
    name = result_float(x)
    work = "float32" if name in ("float16", "bfloat16") else name
    with np.errstate(all="ignore"):
        return cast(np.sinc(cast(cast(x, name), work)), name)


def part(f):
    def reference(x):
        return np.asarray(f(x)).astype(npd(REAL_OF.get(name_of(x), name_of(x))))

    return reference


def angle(x):
    name = result_float(x)
    return cast(np.angle(wide(cast(x, name))), REAL_OF.get(name, name))


def allclose(a, b, rtol=1e-5, atol=1e-8, equal_nan=False):
    return np.asarray(np.allclose(wide(a), wide(b), rtol, atol, equal_nan))


def is_real(x):
    return np.asarray(np.isreal(x)) if name_of(x) in COMPLEX else np.ones(x.shape, bool)


def infinite(sign):
    return lambda x: np.zeros(x.shape, bool) if is_exact(name_of(x)) else wide(x) == sign * np.inf


def signbit(x):
    return np.zeros(x.shape, bool) if name_of(x) == "bool" else np.signbit(x)


# ---- tables: name -> (reference, range, dtypes) ----

UNARY = {
    "fabs": (floats(np.fabs), {}, REALS),
    "isposinf": (infinite(1), {}, REALS),
    "isneginf": (infinite(-1), {}, REALS),
    "isreal": (is_real, {}, REALS + COMPLEX),
    "signbit": (signbit, {}, REALS),
    "real": (part(np.real), {}, REALS + COMPLEX),
    "imag": (part(np.imag), {}, REALS + COMPLEX),
    "conj": (lambda x: np.conj(x).astype(x.dtype), {}, REALS + COMPLEX),
    "conjugate": (lambda x: np.conj(x).astype(x.dtype), {}, REALS + COMPLEX),
    "angle": (angle, {}, REALS + COMPLEX),
    "sinc": (sinc, {}, REALS + COMPLEX),
    "i0": (i0, {"low": -40, "high": 40}, REALS),
    "erfc": (floats(special.erfc), {"low": -3, "high": 3}, REALS),
    "erfinv": (floats(special.erfinv), {"low": -0.99, "high": 0.99}, REALS),
    "lgamma": (floats(special.gammaln), {"low": -9.5, "high": 90}, REALS),
}
BINARY = {
    "fmax": (or_bool(np.fmax, np.logical_or), {}, REALS),
    "fmin": (or_bool(np.fmin, np.logical_and), {}, REALS),
    "fmod": (numbers(np.fmod), {"low": -20, "high": 20}, REALS),
    "gcd": (numbers(np.gcd), {"low": -60, "high": 60}, INTEGERS),
    "lcm": (numbers(np.lcm), {"low": -9, "high": 9}, INTEGERS),
    "heaviside": (heaviside, {"low": -2, "high": 2}, REALS),
    "nextafter": (exactly(np.nextafter), {}, REALS),
    "copysign": (exactly(np.copysign), {}, REALS),
    "logaddexp2": (floats(np.logaddexp2), {}, REALS),
    "float_power": (floats(np.float_power), {"low": 0, "high": 5}, REALS),
    "gammainc": (floats(special.gammainc), {"low": 0, "high": 9}, REALS),
}


def limited(dtype, range_):
    if not is_exact(dtype) or dtype == "bool" or not range_:
        return range_
    low, high = int(np.ceil(range_["low"])), int(np.floor(range_["high"]))
    return {"low": 0 if dtype.startswith("u") else low, "high": max(high, 1)}


def tolerance(dtype):
    return 0 if is_exact(dtype) else ABSOLUTE[dtype]


def unary_cases(name):
    reference, range_, dtypes = UNARY[name]
    for k, dtype in enumerate(dtypes):
        yield case(
            values(dtype, (3, 5), k, **limited(dtype, range_)),
            expect=reference,
            rtol=1e-11 if name in ("i0", "lgamma") and result_float(dtype) == "float64" else None,
            atol=tolerance(result_float(dtype)),
            compile=dtype in COMPILED,
            device_atol=2 * ABSOLUTE[result_float(dtype)],
        )
    yield case(values("float32", (), 1, **range_), expect=reference, atol=1e-6)
    yield case(values("float32", (2, 0, 3), 1), expect=reference, compile=False)


def binary_cases(name):
    reference, range_, dtypes = BINARY[name]
    for k, dtype in enumerate(dtypes):
        r = limited(dtype, range_)
        yield case(
            values(dtype, (3, 1, 4), k, **r),
            values(dtype, (2, 1), k + 9, **r),
            expect=reference,
            atol=0 if name in ("nextafter", "copysign") else tolerance(result_float(dtype)),
            compile=dtype in COMPILED,
            device_atol=2 * ABSOLUTE[result_float(dtype)],
        )
    yield case(values("int32", (3,), 6, **limited("int32", range_)), values("int8", (2, 3), 7, **limited("int8", range_)),
               expect=reference, atol=1e-6)
    if "float32" in dtypes:
        r = limited("float32", range_)
        yield case(values("float32", (3, 4), 5, **r), 2, expect=reference, atol=1e-6)
        yield case(values("int8", (3,), 6, **limited("int8", range_)), values("float16", (2, 3), 7, **r),
                   expect=reference, atol=2e-3, device_atol=4e-3)


CASES = {name: list(unary_cases(name)) for name in UNARY} | {name: list(binary_cases(name)) for name in BINARY}
CASES["ldexp"] = [
    *(
        case(values(a, (3, 1), 1, *(() if a in FLOATS else (0, 9))), np.array([-3, 0, 5], b), expect=ldexp, compile=a in COMPILED)
        for a in FLOATS + ["int32", "uint8", "int64"]
        for b in ("int32", "int64", "int8")
    ),
    case(np.array([1, 1e-30, 3], "float32"), np.array([[300], [-300], [2**31 - 1]], "int32"), expect=ldexp),
    case(np.array([1, 1e-38], "bfloat16"), np.array([[-133], [257]], "int16"), expect=ldexp),
    case(values("float64", (4,), 2), 3, expect=ldexp),
    case(np.ones(2, "float64"), np.array([1023, -1074], "int64"), expect=ldexp),
]
CASES["allclose"] = [
    case(values("float32", (3, 4), 1), values("float32", (3, 4), 1), expect=allclose),
    case(values("float32", (3, 4), 1), values("float32", (4,), 2), expect=allclose),
    case(np.array([1.0, np.nan]), np.array([1.0, np.nan]), expect=allclose),
    case(np.array([1.0, np.nan]), np.array([1.0, np.nan]), equal_nan=True, expect=allclose),
    case(np.array([1.0, np.inf], "float32"), np.array([1.1, np.inf], "float32"), rtol=0.2, expect=allclose),
    case(values("int32", (5,), 1), values("int32", (5,), 1), expect=allclose),
    case(values("float16", (2, 0), 1), values("float16", (1,), 1), expect=allclose),
]

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)

# ---- special values, layouts ----

SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.5]


@pytest.mark.parametrize("name", [n for n in UNARY if n not in ("lgamma",)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_unary_special_values(name, dtype):
    x = np.array(SPECIAL + [-2.5], npd(dtype))
    with np.errstate(all="ignore"):
        eager(Case((x,), UNARY[name][0], op=name, atol=ABSOLUTE[dtype]))


def test_lgamma_special_values():
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, -3.0, 1.0, 2.0, 1e-30, 1e30], "float64")
    want = [np.nan, np.inf, np.inf, np.inf, np.inf, np.inf, np.inf, 0.0, 0.0, -np.log(1e-30), special.gammaln(1e30)]
    agree(kvino.ops.lgamma(x), np.array(want))


@pytest.mark.parametrize("name", ["fmax", "fmin", "fmod", "heaviside", "nextafter", "copysign", "logaddexp2", "float_power"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_binary_special_values(name, dtype):
    a, b = np.meshgrid(*[np.array(SPECIAL, npd(dtype))] * 2)
    got = np.asarray(function(name)(a, b))
    with np.errstate(all="ignore"):
        want = BINARY[name][0](a, b)
    agree(got, want, atol=ABSOLUTE[dtype] if name in ("logaddexp2",) else 0)
    # Zeros of both signs are one to these (to NumPy's nextafter in float16 and bfloat16).
    alike = name in ("fmax", "fmin", "logaddexp2") or (name == "nextafter" and dtype in ("float16", "bfloat16"))
    signs = ~np.isnan(wide(want)) & (not alike)
    np.testing.assert_array_equal(np.signbit(wide(got))[signs], np.signbit(wide(want))[signs])


def function(name):
    return getattr(kvino.ops, name)


@pytest.mark.parametrize("name", sorted(UNARY | BINARY))
def test_layouts(name):
    reference, range_, dtypes = (UNARY | BINARY)[name]
    for dtype in ("float32", "int16"):
        if dtype not in dtypes:
            continue
        r = limited(dtype, range_)
        x = values(dtype, (4, 5), 11, **r)
        for label, view in layouts(x):
            more = (values(dtype, (4, 5), 12, **r),) if name in BINARY else ()
            eager(Case((view, *more), reference, op=name, label=label, atol=1e-5))
        for a, b in broadcast_pairs(dtype, 3, **r) if name in BINARY else ():
            eager(Case((a, b), reference, op=name, atol=1e-6))


# P(a, x), computed with 50 digits
GAMMAINC = [
    (0.5, 0.25, 0.5204998778130465),
    (1.0, 1e-30, 1e-30),
    (0.001, 5.0, 0.9999988490186603),
    (35.38025304473216, 1.5e-05, 5.300091159331935e-212),
    (20.0, 19.5, 0.48485574668593734),
    (30.0, 31.5, 0.6293313411887193),
    (100.0, 50.0, 3.200065324585125e-10),
    (100.0, 140.0, 0.9998389428252874),
    (1900.0, 2000.0, 0.9881733825632396),
    (2500.0, 2400.0, 0.02165968786536333),
    (2500.0, 2500.0, 0.5026596211076548),
    (50000.0, 51000.0, 0.9999955880607448),
    (1000000.0, 995000.0, 2.749580359270071e-07),
    (10000000000.0, 10000100000.0, 0.8413447460725758),
    (100000000000000.0, 100000000000000.0, 0.500000013298076),
]


def test_gammainc_to_the_last_digits():
    a, x, want = np.array(GAMMAINC).T
    got = np.asarray(kvino.ops.gammainc(a, x))
    assert (np.abs(got - want) <= 2 * np.spacing(want)).all(), (got - want) / np.spacing(want)


def test_gammainc_at_the_borders():
    nan, inf = np.nan, np.inf
    a = np.array([0.0, 0.0, 0.0, 1.0, 1.0, inf, inf, -1.0, 1.0, nan, 1.0])
    x = np.array([0.0, 1.0, inf, 0.0, inf, 1.0, inf, 1.0, -1.0, 1.0, nan])
    agree(kvino.ops.gammainc(a, x), np.array([nan, 1, 1, 0, 1, 0, nan, nan, nan, nan, nan]))
    agree(kvino.ops.gammainc(a.astype("float32"), x.astype("float32")), np.array([nan, 1, 1, 0, 1, 0, nan, nan, nan, nan, nan], "float32"))


def test_refusals():
    ops, z = kvino.ops, np.array([1j])
    for name in ("fabs", "signbit", "isposinf", "isneginf"):
        with pytest.raises(TypeError, match=f"{name} does not support complex inputs"):
            function(name)(z)
    with pytest.raises(TypeError, match="heaviside does not support complex inputs"):
        ops.heaviside(z, 1.0)
    with pytest.raises(TypeError, match="ldexp exponent must be an integer type. Received: x2 dtype=float32"):
        ops.ldexp(np.ones(2, "float32"), np.ones(2, "float32"))
    for name in ("gcd", "lcm"):
        with pytest.raises(TypeError, match=f"ufunc '{name}' not supported"):
            function(name)(np.ones(2, "float32"), np.ones(2, "float32"))
    with pytest.raises(TypeError):
        ops.nextafter(z, z)
    with pytest.raises(TypeError):
        ops.erfc(z)
    with pytest.raises(ValueError, match="shapes"):
        ops.fmax(np.ones(2), np.ones(3))
