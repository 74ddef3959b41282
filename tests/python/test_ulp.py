"""How exact operators are, element by element: units in the last place (ulp) between the result and one of higher precision.

float32 is swept over all its exponents (two million patterns of bits: subnormals, huge numbers, infinities, NaN), float64 and the
small floats at random patterns of bits. The bounds stand in docs/exactness.md and are read from there; what is not there must
be within 1 ulp. `python test_ulp.py` prints the tables of that page as measured here.

References: NumPy's float64 for float32 and smaller, its 80-bit longdouble for float64. Where NumPy has no such function,
it is a formula of those that it has, or Python's math module, for fewer values and float32 only. digamma, erfinv, gammainc and
the Bessel functions have neither: their own tests compare them with values.
"""

import math
import pathlib
import re
import sys

import ml_dtypes
import numpy as np
import pytest

import kvino

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "exactness.md"
DTYPES = {"float32": np.float32, "float64": np.float64, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
PATTERNS = 1 << 21  # of float32
DRAWN = 1 << 17  # of the other dtypes
FEW = 1 << 15  # where the reference is Python's
LONG = np.finfo(np.longdouble).nmant >= 63  # elsewhere float64 has no reference


def python(f):
    """Python's function, for each element; NaN where it refuses."""

    def one(x):
        try:
            return f(x)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf

    return lambda x: np.array([one(v) for v in x.tolist()])


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def gelu(x):
    return 0.5 * x * python(math.erfc)(-x / math.sqrt(2))


UNARY = {
    "abs": np.abs, "negative": np.negative, "square": np.square, "sqrt": np.sqrt, "reciprocal": lambda x: 1 / x,
    "rsqrt": lambda x: 1 / np.sqrt(x), "cbrt": np.cbrt, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log,
    "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tan": np.tan, "arcsin": np.arcsin,
    "arccos": np.arccos, "arctan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "arcsinh": np.arcsinh,
    "arccosh": np.arccosh, "arctanh": np.arctanh, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "round": np.rint,
    "sign": np.sign, "relu": lambda x: np.maximum(x, 0), "sigmoid": sigmoid, "softplus": softplus,
    "log_sigmoid": lambda x: -softplus(-x), "silu": lambda x: x * sigmoid(x), "softsign": lambda x: x / (1 + np.abs(x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
}
PYTHON = {"erf": math.erf, "gelu": None}  # float32 alone
BINARY = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "maximum": np.maximum,
    "minimum": np.minimum, "power": np.power, "arctan2": np.arctan2, "hypot": np.hypot, "logaddexp": np.logaddexp,
    "floor_divide": None, "mod": None,  # exact: NumPy's own, in the same dtype
}
ABSENT = {n for n in list(UNARY) + list(PYTHON) + list(BINARY) if not hasattr(kvino.ops, n)}


def patterns(name, seed=0):
    """Values of the dtype by their bits."""
    if name == "float32":
        step = 2**32 // PATTERNS
        return np.arange(seed % step, 2**32, step, dtype="uint64").astype("uint32").view("float32")
    generator = np.random.default_rng(seed)
    if name == "float64":
        bits = generator.integers(0, 2**64, DRAWN, "uint64")
        near = generator.uniform(-40, 40, DRAWN // 2)  # most patterns are huge or tiny
        return np.concatenate([bits.view("float64"), near, [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1.7e308]])
    return np.arange(2**16, dtype="uint16").view(DTYPES[name])  # all


def spacing(x, dtype):
    """The unit in the last place of x, a wide value, in dtype."""
    info = ml_dtypes.finfo(dtype)
    least = float(info.smallest_subnormal) if float(info.smallest_subnormal) else 5e-324
    with np.errstate(all="ignore"):
        _, e = np.frexp(np.abs(x))
    return np.maximum(np.ldexp(x.dtype.type(1), e - 1 - info.nmant), x.dtype.type(least))


def ulps(got, want, dtype):
    """The largest distance, and where. NaN belongs to NaN; beyond the largest number, infinity does."""
    wide = want.dtype.type
    got = got.astype(wide)
    largest = wide(float(ml_dtypes.finfo(dtype).max))
    with np.errstate(all="ignore"):
        unit = spacing(want, dtype)
        beyond = np.abs(want) > largest
        over = np.where(np.isinf(got) & (np.sign(got) == np.sign(want)), 0, np.abs(got - np.sign(want) * largest) / unit + 1)
        error = np.where(beyond, over, np.abs(got - want) / unit)
        error = np.where(np.isinf(got) & ~beyond, np.where(np.abs(want) > largest * (1 - wide(2.0) ** -20), 1, np.inf), error)
    error = np.where(np.isnan(want) & np.isnan(got), 0, error)
    error = np.where(np.isnan(error), np.inf, error)
    at = int(np.argmax(error))
    return float(error[at]), at


def measure(op, name):
    """(largest error in ulp, the operands there); None where there is no reference."""
    dtype, f = DTYPES[name], getattr(kvino.ops, op)
    wide = np.longdouble if name == "float64" else np.float64
    if name == "float64" and (not LONG or op in PYTHON):
        return None
    xs = [patterns(name)]
    if op in BINARY:
        other = np.random.default_rng(7).permutation(xs[0])
        near = np.random.default_rng(8).uniform(-30, 30, (2, DRAWN)).astype(dtype)
        xs = [np.concatenate([xs[0], near[0], xs[0]]), np.concatenate([other, near[1], xs[0]])]
    if op in PYTHON:
        xs = [xs[0][:: max(1, len(xs[0]) // FEW)]]
    with np.errstate(all="ignore"):
        if op == "power":  # what float64 itself holds
            xs[1] = np.where(np.abs(xs[1].astype(wide)) < 1e4, xs[1], dtype(2.5)).astype(dtype)
        if op in BINARY and BINARY[op] is None:
            g = {"floor_divide": np.floor_divide, "mod": np.mod}[op]
            small = name in ("float16", "bfloat16")
            want = g(*(x.astype(np.float32 if small else dtype) for x in xs)).astype(dtype).astype(wide)
        elif op in PYTHON:
            want = (gelu if op == "gelu" else python(PYTHON[op]))(xs[0].astype(wide))
        else:
            want = (UNARY.get(op) or BINARY[op])(*(x.astype(wide) for x in xs))
        kwargs = {"approximate": False} if op == "gelu" else {}
        got = np.asarray(f(*xs, **kwargs))
    error, at = ulps(got, want.astype(wide), dtype)
    return error, tuple(x[at] for x in xs)


def stated():
    """{(operator, dtype): ulp} of docs/exactness.md: | operator | float32 | float64 | float16 | bfloat16 |"""
    found = {}
    for line in PAGE.read_text().splitlines():
        cells = [c.strip() for c in line.strip("| ").split("|")]
        if len(cells) == 5 and re.fullmatch(r"`\w+`", cells[0]):
            for name, cell in zip(DTYPES, cells[1:]):
                if cell != "-":
                    found[cells[0].strip("`"), name] = float(cell)
    return found


OPS = [op for op in [*UNARY, *PYTHON, *BINARY] if op not in ABSENT]


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_ulp(op, name):
    found = measure(op, name)
    if found is None:
        pytest.skip("no reference of higher precision for float64")
    bound = max(1.0, stated().get((op, name), 1.0))
    assert found[0] <= bound, f"{found[0]:.3f} ulp at {found[1]}"


def test_the_page_has_every_operator():
    assert {op for op, _ in stated()} == set(OPS)


# ---- OpenVINO's CPU device ----

COMPILED_BOUND = re.compile(r"^\| `(\w+)` \| ([\d.e-]+) \|$", re.M)


def drawn(op, name, n=20000):
    generator = np.random.default_rng(3)
    low = {"log": 0, "log2": 0, "log10": 0, "sqrt": 0, "rsqrt": 0.01, "log1p": -0.9, "arccosh": 1}.get(op, -9)
    high = 1 if op in ("arcsin", "arccos", "arctanh") else 9
    low = -1 if op in ("arcsin", "arccos", "arctanh") else low
    x = [generator.uniform(low, high, n).astype(DTYPES[name]) for _ in range(2 if op in BINARY else 1)]
    return [np.abs(v) + DTYPES[name](0.01) for v in x] if op == "power" else x


def against_eager(op, name):
    """The largest relative difference of the compiled result from the eager one; absolute below 1."""
    xs, f = drawn(op, name), getattr(kvino.ops, op)
    compiled = np.asarray(kvino.function(f, device="CPU")(*xs)).astype("float64")
    eager = np.asarray(f(*xs)).astype("float64")
    with np.errstate(all="ignore"):
        error = np.abs(compiled - eager) / np.maximum(np.abs(eager), 1)
    return float(np.where(np.isnan(compiled) == np.isnan(eager), np.nan_to_num(error), np.inf).max())


@pytest.mark.parametrize("op", OPS)
def test_compiled(op):
    bounds = {op: float(bound) for op, bound in COMPILED_BOUND.findall(PAGE.read_text())}
    assert against_eager(op, "float32") <= bounds.get(op, 1e-6)


@pytest.mark.parametrize("name", ["float64"])
@pytest.mark.parametrize("op", OPS)
def test_compiled_wide(op, name):
    assert against_eager(op, name) == 0


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@pytest.mark.parametrize("op", OPS)
def test_compiled_small(op, name):
    """Two units in the last place at most: OpenVINO rounds between the steps of a formula."""
    assert against_eager(op, name) <= {"float16": 2**-9, "bfloat16": 2**-6}[name]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("op", ["add", "subtract", "multiply", "floor_divide", "mod", "maximum", "minimum", "less", "equal"])
def test_compiled_integers(op, dtype):
    info, f = np.iinfo(dtype), getattr(kvino.ops, op)
    x, y = np.random.default_rng(5).integers(info.min, info.max, (2, 4000), dtype, endpoint=True)
    y[y == 0] = 1
    np.testing.assert_array_equal(np.asarray(kvino.function(f, device="CPU")(x, y)), np.asarray(f(x, y)))


def main():
    print("| operator | float32 | float64 | float16 | bfloat16 |\n|---|---|---|---|---|")
    where = []
    for op in OPS:
        cells = []
        for name in DTYPES:
            found = measure(op, name)
            cells.append("-" if found is None else f"{math.ceil(found[0] * 100) / 100:g}" if np.isfinite(found[0]) else "inf")
            if found and found[0] > 1:
                where.append(f"{op} {name}: {found[0]:.3f} at {found[1]}")
        print(f"| `{op}` | {' | '.join(cells)} |", flush=True)
    print(*where, sep="\n")
    print("\n| operator | largest difference |\n|---|---|")
    for op in OPS:
        for name in ("float32", "float64", "float16", "bfloat16"):
            error = against_eager(op, name)
            if name == "float32" and error > 1e-6:
                print(f"| `{op}` | {error:.1e} |", flush=True)
            elif error > {"float32": 1, "float64": 0, "float16": 2**-9, "bfloat16": 2**-6}[name]:
                print(f"{op} {name} {error:.1e}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
