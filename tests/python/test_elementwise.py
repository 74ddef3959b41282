"""Every elementwise primitive, natively, against NumPy: dtypes, shapes, strides, special values, instruction sets.

OPS has one row for each primitive: adding a primitive without a row fails test_every_primitive_has_a_row. Exact
operations must agree to the bit (all NaN are one); others within `ulp` units in the last place of the result's dtype,
measured against the function evaluated in a wider type and rounded (f64 for f32 and smaller, long double for f64)."""

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import capi

# NumPy's references overflow and divide by zero on purpose: the values they give are what is compared.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

BOOL = ["bool"]
UINT = ["uint8", "uint16", "uint32", "uint64"]
SINT = ["int8", "int16", "int32", "int64"]
SMALL = ["float8_e4m3fn", "float8_e5m2", "float16", "bfloat16"]
FLOAT = [*SMALL, "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
KINDS = {"L": BOOL, "U": UINT, "S": SINT, "I": UINT + SINT, "F": FLOAT, "C": COMPLEX}
TYPE_ERROR = 2  # KVINO_TYPE


@dataclass
class Op:
    kinds: str  # which dtypes: letters of KINDS
    ref: Callable
    n: int = 2
    ulp: float = 0  # f8 to f32; 0: exact
    ulp64: float | None = None  # f64; as `ulp` where not given
    absolute: float = 0  # in addition, near a root (f64; for f32 what f64 can tell)
    attrs: dict = field(default_factory=dict)
    limit: float = np.inf  # magnitude of the operands
    zeros_differ: bool = False  # -0.0 and 0.0 are one
    call: Callable | None = None

    def dtypes(self):
        return [d for kind in self.kinds for d in KINDS[kind]]


def trunc_divide(a, b):
    if a.dtype.kind not in "iu":
        return a / b
    q = a // b
    low = (q * b != a) & ((a < 0) != (b < 0)) & (b != 0)
    return np.where(b == 0, 0, q + low.astype(a.dtype)).astype(a.dtype)


def half_away(a):
    if a.dtype.kind in "iu":
        return a
    if a.dtype.kind == "c":
        return half_away(a.real) + 1j * half_away(a.imag)
    t = np.trunc(a)
    return np.copysign(np.where(np.abs(a - t) >= 0.5, t + np.sign(a), t), a)


def clip(v, low, high):
    return np.where(v < low, np.asarray(low, v.dtype), np.where(v > high, np.asarray(high, v.dtype), v))


def clamp(a):
    if a.dtype.kind == "u":
        return np.minimum(a, a.dtype.type(3))
    return clip(a, -2, 3) if a.dtype.kind == "i" else clip(a, np.float32(-2.5), np.float32(3.25))


def logical(f):
    return lambda *x: f(*[v != 0 for v in x])


def reciprocal(a):
    return trunc_divide(np.ones_like(a), a) if a.dtype.kind in "iu" else np.ones_like(a) / a


def sign_bit(a):
    return a < 0 if a.dtype.kind in "iub" else np.signbit(a)


def like_int(f):
    """floor and the like: NumPy leaves bool and integers alone."""
    return lambda a: a if a.dtype.kind in "iub" else f(a)


def sigmoid(x):
    return np.where(x < 0, np.exp(x) / (1 + np.exp(x)), 1 / (1 + np.exp(-x)))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def gelu(x):
    return (x * special.erfc(-np.asarray(x, float) / np.sqrt(2)) / 2).astype(x.dtype)


def gelu_tanh(x):  # (1 + tanh(u)) / 2 without cancellation
    return x * sigmoid(2 * np.sqrt(x.dtype.type(2) / PI.astype(x.dtype)) * (x + 0.044715 * x**3))


def scipy1(f):
    return lambda x: f(np.asarray(x, float)).astype(x.dtype)


def log_gamma(x):  # scipy: infinite for denormals, and -inf at -inf, where C's is inf
    return np.where(np.abs(x) < 1e-300, -np.log(np.abs(x)), np.where(np.isinf(x), np.abs(x), special.gammaln(x)))


def gamma_inc(a, x):  # scipy's is off by hundreds of ulp (test_ops_math.py has exact values), and 0 for denormal a
    a, x = np.asarray(a, float), np.asarray(x, float)
    return np.where((a > 0) & (a < 1e-300) & (x > 0), 1, special.gammainc(a, x))


def digamma(x):
    """By recurrence to where the asymptotic series holds, which loses nothing beside the poles (scipy's reflection does)."""
    x = np.asarray(x, np.longdouble)
    y = np.where((x < 0) & (x == np.rint(x)), np.nan, 0)
    start = x.copy()
    for _ in range(100):
        low = x < 40
        y = np.where(low, y - 1 / np.where(low, x, 1), y)
        x = np.where(low, x + 1, x)
    r = 1 / (x * x)
    tail = 1 / np.longdouble(12) - r * (1 / np.longdouble(120) - r * (1 / np.longdouble(252) - r / 240))
    y += np.log(x) - 1 / (2 * x) - r * tail
    return np.where(start == 0, np.copysign(np.inf, -start), y)


def order(n):  # whole, small, of any operand
    return np.abs(np.rint(np.asarray(n, float))) % 4


def by_order(name):
    return lambda n, x: capi.prim(name, order(n).astype(n.dtype), x)


def bessel_i(n, x):  # scipy's is NaN at denormals
    return special.iv(order(n), np.where(np.abs(x) < 1e-300, 0, np.asarray(x, float))).astype(x.dtype)


def polygamma(n, x):
    dtype, n, x = x.dtype, order(n), np.asarray(x, float)
    y = (-1) ** (n + 1) * special.gamma(n + 1) * special.zeta(n + 1, x)
    y = np.where((n == 2) & (x <= 0) & (x == np.rint(x)), np.where(x == 0, np.copysign(np.inf, -x), np.nan), y)
    return np.where(n == 0, digamma(x), y).astype(dtype)


def gamma_inc_gradient(a, x):
    """dP/da by differences of order 8 where a > 1; P(a, x) = P(a + 1, x) + x^a exp(-x) / gamma(a + 1) leads there."""
    dtype, a, x = x.dtype, np.asarray(a, float), np.asarray(x, float)
    term = np.exp(special.xlogy(a, x) - x - special.gammaln(a + 1)) * (np.log(np.where(x > 0, x, 1)) - special.psi(a + 1))
    steps = [special.gammainc(a + 1 + k, x) - special.gammainc(a + 1 - k, x) for k in (0.05, 0.1, 0.15, 0.2)]
    y = sum(w * d for w, d in zip((4 / 5, -1 / 5, 4 / 105, -1 / 280), steps)) / 0.05 + term
    y = np.where(x == 0, np.where(a == 0, np.nan, 0), y)
    return np.where((a >= 0) & (x >= 0), y, np.nan).astype(dtype)


def logaddexp(exp, scale):
    def f(a, b):
        d = np.abs(a - b)
        return np.where(a == b, a + scale * np.log(a.dtype.type(2)), np.maximum(a, b) + scale * np.log1p(exp(-d)))
    return f


PI = np.longdouble("3.14159265358979323846264338327950288")


def ldexp(a, b):
    return np.ldexp(a, np.nan_to_num(np.clip(b, -5000, 5000)).astype("i4"))


def binary(kinds, ref, **more):
    return Op(kinds, ref, 2, **more)


def unary(kinds, ref, **more):
    return Op(kinds, ref, 1, **more)


LN2 = np.log(np.longdouble(2))
OPS = {
    "Add": binary("LIFC", np.add),
    "Subtract": binary("IFC", np.subtract),
    "Multiply": binary("LIFC", np.multiply),
    "Divide": binary("IFC", trunc_divide),
    "FloorDivide": binary("IF", np.floor_divide),
    "Maximum": binary("LIFC", np.maximum, zeros_differ=True),
    "Minimum": binary("LIFC", np.minimum, zeros_differ=True),
    "FMax": binary("LIFC", np.fmax, zeros_differ=True),
    "FMin": binary("LIFC", np.fmin, zeros_differ=True),
    "SquaredDifference": binary("IFC", lambda a, b: (a - b) * (a - b)),
    "Copysign": binary("F", np.copysign),
    "Heaviside": binary("F", np.heaviside),
    "Power": binary("IFC", np.power, ulp=1, ulp64=2),
    "Mod": binary("IF", np.fmod),
    "FloorMod": binary("IF", np.mod),
    "Equal": binary("LIFC", np.equal),
    "NotEqual": binary("LIFC", np.not_equal),
    "Less": binary("LIFC", np.less),
    "LessEqual": binary("LIFC", np.less_equal),
    "Greater": binary("LIFC", np.greater),
    "GreaterEqual": binary("LIFC", np.greater_equal),
    "LogicalAnd": binary("L", logical(np.logical_and)),
    "LogicalOr": binary("L", logical(np.logical_or)),
    "LogicalXor": binary("L", logical(np.logical_xor)),
    "BitwiseAnd": binary("LI", np.bitwise_and),
    "BitwiseOr": binary("LI", np.bitwise_or),
    "BitwiseXor": binary("LI", np.bitwise_xor),
    "BitwiseLeftShift": binary("I", np.left_shift),
    "BitwiseRightShift": binary("I", np.right_shift),
    "Gcd": binary("I", np.gcd),
    "Lcm": binary("I", np.lcm),
    "Atan2": binary("F", np.arctan2, ulp=1),
    "Hypot": binary("F", np.hypot, ulp=1),
    "LogAddExp": binary("F", logaddexp(np.exp, 1), ulp=1, ulp64=2, absolute=1e-15),
    "LogAddExp2": binary("F", logaddexp(np.exp2, 1 / LN2), ulp=1, ulp64=2, absolute=1e-15),
    "Ldexp": binary("F", ldexp),
    "NextAfter": binary("F", np.nextafter, zeros_differ=True),
    "LogicalNot": unary("L", np.logical_not),
    "BitwiseNot": unary("LI", np.bitwise_not),
    "IsNaN": unary("FC", np.isnan),
    "IsInf": unary("FC", np.isinf),
    "IsFinite": unary("FC", np.isfinite),
    "SignBit": unary("LIF", sign_bit),
    "Abs": unary("LIFC", np.abs),
    "Negative": unary("IFC", np.negative),
    "Sign": unary("IFC", np.sign),
    "Ceiling": unary("LIF", like_int(np.ceil)),
    "Floor": unary("LIF", like_int(np.floor)),
    "Trunc": unary("LIF", like_int(np.trunc)),
    "Round": unary("IFC", like_int(np.rint)),
    "Clamp": unary("IF", clamp, attrs={"min": -2.5, "max": 3.25}),
    "Sqrt": unary("FC", np.sqrt),
    "Rsqrt": unary("FC", lambda a: 1 / np.sqrt(a), ulp=0.5001, ulp64=1.5),
    "Reciprocal": unary("IFC", reciprocal),
    "Real": unary("LIFC", np.real),
    "Imag": unary("LIFC", np.imag),
    "Conj": unary("LIFC", like_int(np.conj)),
    "Angle": unary("FC", np.angle, ulp=1),
    "ReLU": unary("IF", lambda a: np.maximum(a, a.dtype.type(0)), zeros_differ=True),
    "PReLU": binary("F", lambda a, b: np.where(a < 0, a * b, a)),
    "HSwish": unary("F", lambda a: a * clip(a + 3, 0, 6) / 6),
    "HSigmoid": unary("F", lambda a: clip(a + 3, 0, 6) / 6),
    "HardSigmoid": Op("F", lambda a, b, c: clip(a * b + c, 0, 1), 3),
    "SoftSign": unary("F", lambda a: a / (1 + np.abs(a))),
    "Exp": unary("FC", np.exp, ulp=1),
    "Exp2": unary("FC", np.exp2, ulp=1),
    "Expm1": unary("FC", np.expm1, ulp=1, ulp64=1),
    "Log": unary("FC", np.log, ulp=1),
    "Log2": unary("FC", np.log2, ulp=1),
    "Log10": unary("FC", np.log10, ulp=1, ulp64=2),
    "Log1p": unary("FC", np.log1p, ulp=1, ulp64=1),
    "Cbrt": unary("F", np.cbrt, ulp=1, ulp64=1),
    "Sin": unary("FC", np.sin, ulp=1),
    "Cos": unary("FC", np.cos, ulp=1),
    "Tan": unary("FC", np.tan, ulp=1, ulp64=1),
    "Asin": unary("FC", np.arcsin, ulp=1, ulp64=1),
    "Acos": unary("FC", np.arccos, ulp=1, ulp64=1),
    "Atan": unary("FC", np.arctan, ulp=1, ulp64=1),
    "Sinh": unary("FC", np.sinh, ulp=1, ulp64=1),
    "Cosh": unary("FC", np.cosh, ulp=1, ulp64=1),
    "Tanh": unary("FC", np.tanh, ulp=1, ulp64=1),
    "Asinh": unary("FC", np.arcsinh, ulp=1, ulp64=2),
    "Acosh": unary("FC", np.arccosh, ulp=1, ulp64=2),
    "Atanh": unary("FC", np.arctanh, ulp=1, ulp64=2),
    "Erf": unary("F", scipy1(special.erf), ulp=1, ulp64=4),
    "Erfc": unary("F", scipy1(special.erfc), ulp=0.5001, ulp64=200, limit=27),
    "ErfInv": unary("F", scipy1(special.erfinv), ulp=0.5001, ulp64=40),
    "LGamma": unary("F", scipy1(log_gamma), ulp=0.501, ulp64=20, absolute=1e-14, limit=1e30),
    "Digamma": unary("F", digamma, ulp=0.501, ulp64=20, absolute=1e-14, limit=50),
    "BesselI0": unary("F", scipy1(special.i0), ulp=0.501, ulp64=20, limit=700),
    "GammaInc": binary("F", gamma_inc, ulp=0.501, ulp64=2000, absolute=1e-300, limit=30),
    "BesselI": binary("F", bessel_i, ulp=0.501, ulp64=200, absolute=1e-300, limit=700, call=by_order("BesselI")),
    "Polygamma": binary("F", polygamma, ulp=0.501, ulp64=200, absolute=1e-12, limit=50,
                        call=by_order("Polygamma")),
    "GammaIncGradient": binary("F", gamma_inc_gradient, ulp=0.501, absolute=1e-9, limit=30),
    "Sigmoid": unary("F", sigmoid, ulp=0.5001, ulp64=3),
    "Swish": binary("F", lambda a, b: a * sigmoid(a * b), ulp=0.501, ulp64=100, limit=10),
    "SoftPlus": unary("F", softplus, ulp=0.5001, ulp64=3),
    "Mish": unary("F", lambda a: a * np.tanh(softplus(a)), ulp=0.5001, ulp64=4),
    "Gelu": unary("F", gelu, ulp=0.5001, ulp64=200, limit=10),
    "Elu": unary("F", lambda a: np.where(a > 0, a, a.dtype.type(1.5) * np.expm1(a)), ulp=0.5001, ulp64=2, attrs={"alpha": 1.5}),
    "Selu": Op("F", lambda a, b, c: c * np.where(a > 0, a, b * np.expm1(a)), 3, ulp=0.5001, ulp64=2, absolute=1e-300, limit=1e10),
    "Select": Op("LIFC", lambda c, a, b: np.where(c != 0, a, b), 3,
                 call=lambda c, a, b: capi.prim("Select", c.astype(bool), a, b)),
    "Convert": unary("LIFC", lambda a: a, call=lambda a: capi.prim("Convert", a, destination_type=a.dtype.name)),
}
VARIANTS = {  # attributes and optional operands beside the first row
    "Round away": ("Round", unary("IFC", half_away, attrs={"mode": "half_away_from_zero"})),
    "Gelu tanh": ("Gelu", unary("F", gelu_tanh, ulp=0.5001, ulp64=200, attrs={"approximation_mode": "TANH"}, limit=10)),
    "Swish 1": ("Swish", unary("F", lambda a: a * sigmoid(a), ulp=0.5001, ulp64=3)),
}
ROWS = {**{name: (name, op) for name, op in OPS.items()}, **VARIANTS}
CASES = [(row, d) for row, (_, op) in ROWS.items() for d in op.dtypes()]


def registry():
    names = [capi.lib.kvino_primitive_name(i).decode() for i in range(capi.lib.kvino_primitive_count())]
    return names[names.index("Add"):names.index("Convert") + 1]


def test_every_primitive_has_a_row():
    assert sorted(registry()) == sorted(OPS)


# ---- values ----

def values(rng, dtype, n, limit=np.inf):
    """n values: special ones, and every order of magnitude."""
    dtype = capi.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, n).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        wide = rng.integers(info.min, info.max, n, dtype, endpoint=True)
        near = rng.integers(max(info.min, -9), 10, n).astype(dtype)
        ends = rng.choice(np.array([0, 1, info.max, info.min], dtype), n)
        return np.choose(rng.integers(0, 4, n), [wide, wide, near, ends])
    if dtype.kind == "c":
        part = "float32" if dtype.itemsize == 8 else "float64"
        return values(rng, part, n, limit) + 1j * values(rng, part, n, limit).astype(dtype)
    wide = capi.dtype("float64") if dtype == np.float64 else np.dtype("float32")
    top = {8: 300, 4: 37}.get(dtype.itemsize, 8)
    near = rng.normal(0, 3, n)
    far = rng.choice([-1.0, 1.0], n) * 10.0 ** rng.uniform(-top, top, n)
    x = np.where(rng.random(n) < 0.7, near, far)
    odd = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 6.0, -3.0, 3.0, 0.49999997, 1e-40, -1e-45, 5e-324, 65504.0,
           3e38]
    x = np.where(rng.random(n) < 0.15, rng.choice(odd, n), x)
    if limit == np.inf:
        x = np.where(rng.random(n) < 0.06, rng.choice([np.inf, -np.inf, np.nan], n), x)
    else:
        x = np.clip(x, -limit, limit)
    with np.errstate(all="ignore"):
        return x.astype(wide).astype(dtype)


# ---- comparison ----

def wider(dtype):
    return np.dtype({"float64": np.longdouble, "complex64": "complex128", "complex128": np.clongdouble}.get(dtype.name, "float64"))


def ulps(got, ref, dtype):
    """|got - ref| in units in the last place of `dtype` at ref, both in the wide type."""
    bits = {"float8_e4m3fn": (3, -6), "float8_e5m2": (2, -14), "float16": (10, -14), "bfloat16": (7, -126),
            "float32": (23, -126), "float64": (52, -1022)}[dtype.name]
    _, exponent = np.frexp(ref)
    unit = np.ldexp(np.ones_like(ref), np.maximum(exponent - 1, bits[1]) - bits[0])
    return np.abs(got - ref) / unit


def assert_exact(got, want, zeros_differ=False):
    assert got.dtype == want.dtype and got.shape == want.shape
    if got.dtype.kind in "biu":
        np.testing.assert_array_equal(got, want)
        return
    parts = [(got.real, want.real), (got.imag, want.imag)] if got.dtype.kind == "c" else [(got, want)]
    for g, w in parts:
        g, w = (v if v.dtype == np.float64 else v.astype(np.float32) for v in (g, w))
        bad = ~((g == w) | (np.isnan(g) & np.isnan(w)))
        if not zeros_differ:
            bad |= (g == 0) & (w == 0) & (np.signbit(g) != np.signbit(w))
        assert not bad.any(), (got[bad][:5], want[bad][:5])


# Complex functions whose results cancel near their zeros, in NumPy as here: the relative error says little there.
NEAR_ZEROS = {"Power", "Log1p", "Tan", "Tanh", "Expm1", "Log", "Log2", "Log10", "Atanh", "Atan", "Asinh", "Acosh", "Asin", "Acos"}
EXACT_COMPLEX = {"Add", "Subtract", "Negative", "Conj", "Real", "Imag", "Maximum", "Minimum", "FMax", "FMin", "Round",
                 "Select", "Convert"}


def assert_complex(got, args, ref, name):
    """Complex functions: the error as a vector, relative to the result, where operands and result are finite."""
    wide = ref(*[a.astype(wider(a.dtype)) for a in args])
    real = np.finfo(args[0].dtype)
    fine = np.isfinite(wide) & (np.abs(wide) < real.max / 4) & (np.abs(wide) > real.tiny * 1e3) & np.isfinite(got)
    for a in args:
        fine = fine & np.isfinite(a) & (np.abs(a) < 1e3) & (np.abs(a) > 1e-3)
    bound = (1e4 if name in NEAR_ZEROS else 16) * float(real.eps)
    error = np.abs(got - wide)[fine] / np.abs(wide)[fine]
    assert not (error > bound).any(), (name, error.max() / float(real.eps))


def check(row, args, call=None):
    name, op = ROWS[row]
    dtype = args[-1].dtype
    call = op.call or call or (lambda *x: capi.prim(name, *x, **op.attrs))
    got = call(*args)
    with np.errstate(all="ignore"):
        if dtype.kind in "biu":
            want = op.ref(*args)
            assert_exact(got, np.asarray(want))
            return
        if dtype.kind == "c":
            direct = np.asarray(op.ref(*args))
            assert got.dtype == direct.dtype and got.shape == direct.shape
            if direct.dtype == bool or name in EXACT_COMPLEX:
                assert_exact(got, direct, op.zeros_differ or row == "Round away")
            else:
                assert_complex(got, args, op.ref, name)
            return
        if op.ulp == 0 and dtype.name in SMALL and name == "NextAfter":
            want = op.ref(*args)
        elif op.ulp == 0:  # exact: what f32 gives, rounded once
            want = np.asarray(op.ref(*[a.astype(np.float32) if dtype.name in SMALL else a for a in args]))
            want = want if want.dtype == bool else want.astype(dtype)
        if op.ulp == 0:
            assert_exact(got, np.asarray(want), op.zeros_differ)
            return
        ref = np.asarray(op.ref(*[a.astype(wider(dtype)) for a in args]))
        assert got.dtype == dtype and got.shape == ref.shape
        rounded = ref.astype(dtype)
        wide = got.astype(ref.dtype)
        same = (wide == rounded.astype(ref.dtype)) | (np.isnan(wide) & np.isnan(rounded.astype("f8")))
        if dtype.name in SMALL:  # f32 first: a tie may fall to either side
            for nudge in (1 + 2e-7, 1 - 2e-7):
                neighbour = np.asarray(ref.astype(np.float32) * np.float32(nudge)).astype(dtype)
                same |= wide == neighbour.astype(ref.dtype)
        bound = op.ulp if dtype.name != "float64" or op.ulp64 is None else op.ulp64
        finite = np.isfinite(ref) & np.isfinite(wide)
        error = np.where(finite, ulps(np.where(finite, wide, 0), np.where(finite, ref, 0), dtype), np.inf)
        near = np.abs(wide - ref) <= op.absolute
        # beyond the largest number an error of an ulp may be infinite
        edge = np.isinf(wide) != np.isinf(ref)
        largest = 3.4028e38 if dtype == np.float32 else 1.79e308
        edge &= np.abs(np.where(np.isinf(ref), wide, ref)) >= largest
        bad = ~(same | (error <= bound) | near | edge)
        failing = [a[bad][:4] for a in np.broadcast_arrays(*args)]
        assert not bad.any(), (row, dtype, failing, got[bad][:4], ref[bad][:4], error[bad].max())


# ---- tests ----

def operands(rng, op, dtype, shape):
    x = [values(rng, dtype, int(np.prod(shape)), op.limit).reshape(shape) for _ in range(op.n)]
    if op.ref is np.power and dtype in SINT:
        x[1] = np.abs(x[1] % np.asarray(20, dtype))
    if op.ref is ldexp:
        x[1] = np.round(np.clip(np.nan_to_num(x[1].astype("f4")), -150, 150)).astype(x[1].dtype)
    return x


@pytest.mark.parametrize("row,dtype", CASES, ids=lambda v: str(v))
def test_values(row, dtype):
    op = ROWS[row][1]
    rng = np.random.default_rng(hash_of(row, dtype))
    for n in (1, 7, 33, 3000):
        check(row, operands(rng, op, dtype, (n,)))


def every_value(dtype):
    kind = capi.dtype(dtype)
    return np.arange(2 ** (8 * kind.itemsize), dtype=f"u{kind.itemsize}").view(kind)


def hash_of(*text):
    return int.from_bytes(hashlib.sha256(" ".join(text).encode()).digest()[:4], "big")


@pytest.mark.parametrize("row", [r for r, (_, op) in ROWS.items() if op.n == 1 and "F" in op.kinds])
@pytest.mark.parametrize("dtype", SMALL)
def test_every_value_of_the_small_floats(row, dtype):
    x = every_value(dtype)
    limit = ROWS[row][1].limit
    with np.errstate(all="ignore"):
        check(row, [x[np.abs(x.astype("f4")) <= limit]])


@pytest.mark.parametrize("name", [n for n, op in OPS.items() if op.call is None])
def test_refused_dtypes(name):
    op = OPS[name]
    for dtype in capi.NAMES:
        x = [np.ones(2, capi.dtype(dtype))] * op.n
        if dtype in op.dtypes():
            capi.prim(name, *x, **op.attrs)
            continue
        with pytest.raises(capi.KvinoError, match="not supported") as e:
            capi.prim(name, *x, **op.attrs)
        assert e.value.status == TYPE_ERROR


def test_mixed_dtypes_are_refused():
    with pytest.raises(capi.KvinoError, match="one dtype, not float32 and float64"):
        capi.prim("Add", np.ones(2, "f4"), np.ones(2, "f8"))


def test_shapes_that_do_not_fit():
    with pytest.raises(capi.KvinoError, match=r"operands could not be broadcast together with shapes \(2,3\) \(4,\)"):
        capi.prim("Add", np.ones((2, 3), "f4"), np.ones(4, "f4"))


# What an operand may look like in memory.
def layouts(a, how):
    if how == "reversed" and a.ndim:
        return a[::-1].copy()[::-1]
    if how == "transposed":
        return np.ascontiguousarray(a.T).T
    if how == "spaced" and a.ndim:
        wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1] + 1), a.dtype)
        wide[..., 1::2] = a
        return wide[..., 1::2]
    if how == "unaligned":
        raw = np.zeros(a.nbytes + 1, "u1")
        view = np.ndarray(a.shape, a.dtype, raw, 1)
        view[...] = a
        return view
    return a


HOW = ["plain", "reversed", "transposed", "spaced", "unaligned"]


@st.composite
def arrangement(draw, n):
    """A result shape, and for each operand which axes it is broadcast along, and its layout."""
    rank = draw(st.integers(0, 4))
    shape = draw(st.lists(st.sampled_from([0, 1, 2, 3, 5, 17, 70]), min_size=rank, max_size=rank))
    operands = []
    for _ in range(n):
        kept = draw(st.integers(0, rank))
        mask = draw(st.lists(st.booleans(), min_size=kept, max_size=kept))
        how = draw(st.sampled_from(HOW))
        operands.append((tuple(1 if one else d for d, one in zip(shape[rank - kept:], mask)), how, draw(st.booleans())))
    return operands


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_layouts(data):
    row = data.draw(st.sampled_from(sorted(ROWS)))
    op = ROWS[row][1]
    dtype = data.draw(st.sampled_from(op.dtypes()))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    args = []
    for shape, how, spread in data.draw(arrangement(op.n)):
        a = operands(rng, op, dtype, shape)[len(args)]
        a = layouts(a, how)
        if spread and a.ndim:  # a view with a stride of 0
            a = np.broadcast_to(a, (2, *a.shape))
        args.append(a)
    try:
        np.broadcast_shapes(*[a.shape for a in args])
    except ValueError:
        args = operands(rng, op, dtype, args[0].shape)
    check(row, args)


@pytest.mark.parametrize("shapes", [
    ((300, 700), (300, 700)), ((300, 700), (700,)), ((300, 700), (300, 1)), ((300, 700), ()), ((1,), (200001,)),
    ((70000, 3), (3,)), ((3, 70000), (3, 1)), ((40, 50, 60, 2), (50, 1, 2)), ((5000, 31), (5000, 31)), ((2, 1, 9000), (7, 1)),
    ((300, 700), (1, 700)),
])
@pytest.mark.parametrize("dtype", ["float32", "int8", "bool", "bfloat16", "complex128"])
@pytest.mark.parametrize("how", HOW)
def test_large(shapes, dtype, how):
    rng = np.random.default_rng(5)
    a, b = (values(rng, dtype, int(np.prod(s))).reshape(s) for s in shapes)
    for row in ("Add", "Less", "Maximum"):
        check(row, [layouts(a, how), b])
        check(row, [b, layouts(a, how)])


def test_rank_64():
    a = np.arange(6, dtype="f4").reshape((1,) * 31 + (2,) + (1,) * 31 + (3,))
    np.testing.assert_array_equal(capi.prim("Add", a, a[..., ::-1]), a + a[..., ::-1])


def test_bool_bytes_other_than_0_and_1():
    a = np.array([0, 1, 2, 255], "u1").view(bool)
    b = np.array([0, 4, 1, 0], "u1").view(bool)
    # a and b are F T T T and F T T F
    for name, want in (("LogicalAnd", [0, 1, 1, 0]), ("LogicalXor", [0, 0, 0, 1]), ("Equal", [1, 1, 1, 0]), ("Add", [0, 1, 1, 1])):
        np.testing.assert_array_equal(capi.prim(name, a, b).view("u1"), want)
    np.testing.assert_array_equal(capi.prim("LogicalNot", a), [True, False, False, False])
    np.testing.assert_array_equal(capi.prim("Select", a, np.full(4, 7, "i2"), np.full(4, 9, "i2")), [9, 7, 7, 7])
    np.testing.assert_array_equal(capi.prim("Convert", a, destination_type="int32"), [0, 1, 1, 1])


def test_integer_power_with_negative_exponents():
    with pytest.raises(capi.KvinoError, match="Integers to negative integer powers are not allowed."):
        capi.prim("Power", np.array([2, 3], "i4"), np.array([1, -1], "i4"))


def test_division_by_zero_and_overflow_of_integers():
    for dtype in SINT:
        low = np.iinfo(dtype).min
        a, b = np.array([low, low, 7, -7, 7], dtype), np.array([-1, 0, 0, 2, -2], dtype)
        np.testing.assert_array_equal(capi.prim("Divide", a, b), np.array([low, 0, 0, -3, -3], dtype))
        np.testing.assert_array_equal(capi.prim("FloorDivide", a, b), np.array([low, 0, 0, -4, -4], dtype))
        np.testing.assert_array_equal(capi.prim("FloorMod", a, b), np.array([0, 0, 0, 1, -1], dtype))
        np.testing.assert_array_equal(capi.prim("Mod", a, b), np.array([0, 0, 0, -1, 1], dtype))


def test_clamp_limits_of_integers():
    for dtype in UINT + SINT:
        info = np.iinfo(dtype)
        a = np.array([info.min, 0, 1, info.max], dtype)
        np.testing.assert_array_equal(capi.prim("Clamp", a, min=float("-inf"), max=float("inf")), a)
        np.testing.assert_array_equal(capi.prim("Clamp", a, min=-1e30, max=0.99), np.minimum(a, np.asarray(0, dtype)))
        np.testing.assert_array_equal(capi.prim("Clamp", a, min=1e30, max=1e30), np.full(4, info.max, dtype))
    with pytest.raises(capi.KvinoError, match="min .* must not be larger"):
        capi.prim("Clamp", np.ones(2, "f4"), min=2.0, max=1.0)


def test_prelu_slopes_are_per_channel():
    x = np.random.default_rng(1).normal(size=(2, 3, 5, 4)).astype("f4")
    slope = np.array([0.1, 0.2, 0.3], "f4")
    np.testing.assert_array_equal(capi.prim("PReLU", x, slope), np.where(x < 0, x * slope[:, None, None], x))
    plane = x[0, 0]
    np.testing.assert_array_equal(capi.prim("PReLU", plane, slope[:1]), np.where(plane < 0, plane * slope[0], plane))


@pytest.mark.parametrize("source", capi.NAMES)
@pytest.mark.parametrize("target", capi.NAMES)
def test_convert(source, target):
    rng = np.random.default_rng(hash_of(source, target))
    small = capi.dtype(source).itemsize <= 2 and capi.dtype(source).kind not in "biu"
    x = every_value(source) if small else values(rng, source, 5000)
    x = np.resize(x, max(4000, x.size))
    got = capi.prim("Convert", x, destination_type=target)
    with np.errstate(all="ignore"):
        assert_exact(got, converted(x, target))
    shaped = x[:4000].reshape(40, 100)
    for how in HOW:
        np.testing.assert_array_equal(capi.prim("Convert", layouts(shaped, how), destination_type=target).view("u1"),
                                      got[:4000].reshape(40, 100).view("u1"))


def converted(x, target):
    """astype, where NumPy defines it; what x86-64's instructions give where it does not; one rounding to small floats."""
    to = capi.dtype(target)
    if x.dtype.kind == "c" and to.kind != "c" and to.kind != "b":
        x = x.real
    if x.dtype.name in SMALL:
        x = x.astype("f4")
    if to.kind in "iu" and x.dtype.kind == "f":
        return truncated(x, to)
    if target in SMALL and x.dtype.name in ("float64", "int64", "uint64", "int32", "uint32"):
        return rounded_once(x, to)
    if target in SMALL and x.dtype.kind in "biu":
        return x.astype("f4").astype(to)
    return x.astype(to)


def truncated(x, to):
    wide = x.astype(np.longdouble)
    t = np.trunc(np.where(np.isfinite(wide), wide, 0))
    bits = 32 if to.itemsize <= 2 or to.name == "int32" else 64
    fits = np.isfinite(wide) & (t >= -(2.0 ** (bits - 1))) & (t < 2.0 ** (bits - 1))
    low = np.where(fits, t, -(2.0 ** (bits - 1))).astype("i8")
    if to.name == "uint64":
        upper = np.isfinite(wide) & (t >= 2.0**63) & (t < 2.0**64)
        result = np.where(upper, np.where(upper, t, 0).astype("u8"), low.astype("u8"))
        return np.where(np.isfinite(wide) & (t >= 2.0**64) | (wide == np.inf), np.uint64(0), result)
    return low.astype(to)


def rounded_once(x, to):
    """Through the table of all values of the target: the nearest, ties to even."""
    table = np.arange(2 ** (8 * to.itemsize - 1), dtype=f"u{to.itemsize}").view(to).astype("f4").astype(np.longdouble)
    finite = int(np.isfinite(table).sum())
    table = table[:finite]
    top = table[-1] + (table[-1] - table[-2]) / 2
    wide = x.astype(np.longdouble)
    a = np.where(np.isnan(wide), 0, np.abs(wide))
    at = np.clip(np.searchsorted(table, a, side="right") - 1, 0, finite - 1)
    above = np.minimum(at + 1, finite - 1)
    middle = (table[at] + table[above]) / 2
    index = np.where((a > middle) | ((a == middle) & (at % 2 == 1)), above, at)
    overflow = (a >= top) if finite % 2 == 0 else (a > top)
    index = np.where(overflow, finite, index)  # the next code is infinity, or NaN
    result = index.astype(f"u{to.itemsize}").view(to)
    result = np.where(np.signbit(wide), -result, result)
    return np.where(np.isnan(wide), np.asarray(np.nan, to), result).astype(to)


def test_convert_to_the_same_dtype_and_bool():
    x = np.array([np.nan, 0.0, -0.0, 1e-45, np.inf], "f4")
    np.testing.assert_array_equal(capi.prim("Convert", x, destination_type="bool"), [True, False, False, True, True])
    z = np.array([0, 1j, np.nan * 1j, 2], "c8")
    np.testing.assert_array_equal(capi.prim("Convert", z, destination_type="bool"), [False, True, True, True])


# ---- instruction sets: the same bits from each, SLEEF's functions apart ----

SLEEF = {"Exp", "Exp2", "Expm1", "Log", "Log2", "Log10", "Log1p", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Atan2", "Sinh",
         "Cosh", "Tanh", "Asinh", "Acosh", "Atanh", "Power", "Cbrt", "Hypot", "Erf", "Erfc", "Gelu",
         "Sigmoid", "SoftPlus"}
"""Computed by the C library where there is no AVX2."""

def digests():
    lines = []
    for row, dtype in CASES:
        name, op = ROWS[row]
        x = operands(np.random.default_rng(hash_of(row, dtype)), op, dtype, (1500,))
        got = op.call(*x) if op.call else capi.prim(name, *x, **op.attrs)
        lines.append((row, dtype, canonical(got)))
    for source in capi.NAMES:
        x = values(np.random.default_rng(hash_of(source)), source, 1500)
        for target in capi.NAMES:
            lines.append((source, target, canonical(capi.prim("Convert", x, destination_type=target))))
    return "\n".join(" ".join(line) for line in lines)


def canonical(a):
    parts = [a.real, a.imag] if a.dtype.kind == "c" else [a]
    out = hashlib.sha256()
    for p in parts:
        if p.dtype.kind not in "biu":
            p = np.where(np.isnan(p.astype("f8")), np.asarray(np.nan, p.dtype), p)  # one NaN: its sign and payload are free
        out.update(np.ascontiguousarray(p).tobytes())
    return out.hexdigest()[:16]


def test_instruction_sets_agree():
    seen = {}
    for isa in ("scalar", "avx2", "avx512"):
        environment = {**os.environ, "KVINO_ISA": isa}
        run = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        seen[isa] = run.stdout.splitlines()
        assert len(seen[isa]) > 1000
    assert [pair for pair in zip(seen["avx2"], seen["avx512"]) if pair[0] != pair[1]] == []
    for pair in zip(seen["scalar"], seen["avx2"]):
        *name, dtype, _ = pair[0].split()
        assert pair[0] == pair[1] or (name[0] in SLEEF and dtype in FLOAT), pair


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(SLEEF))
def test_neither_place_nor_neighbours_matter(name, dtype):
    """Vector functions choose their method by the largest element of a vector: what another gives must not change."""
    op = ROWS[name][1]
    x = operands(np.random.default_rng(hash_of(name, dtype)), op, dtype, (4000,))
    together = capi.prim(name, *x, **op.attrs)
    order = np.argsort(np.abs(x[0]), kind="stable")
    sorted_apart = np.empty_like(together)
    sorted_apart[order] = capi.prim(name, *[a[order] for a in x], **op.attrs)
    assert canonical(together) == canonical(sorted_apart)
    for i in range(0, 4000, 371):
        assert canonical(together[i:i + 1]) == canonical(capi.prim(name, *[a[i:i + 1] for a in x], **op.attrs))


if __name__ == "__main__":
    print(digests())
