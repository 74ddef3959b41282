"""Derivatives of every elementwise primitive: against differences of its values in float64 and complex128 (reverse,
forward, second; operands broadcast, dimensions known and unknown), in the smaller dtypes against float64, by OpenVINO
against the native ones; where functions saturate, and at kinks, ties and NaN."""

import pathlib
import re

import numpy as np
import pytest
from scipy import special

import capi
import kvino
from kvino import _core
from test_elementwise import OPS
from derivatives import derivatives, gradients, listed, pairing

STEP = 1e-6
ALL = (-2.5, 2.5)
POSITIVE = (0.3, 4.0)
INNER = (-0.9, 0.9)
WIDE = (-30.0, 30.0)

KERNELS = pathlib.Path(__file__).parents[2] / "src" / "kernels" / "elementwise"
LINES = [line for path in KERNELS.glob("*.def") for line in re.split(r"\n(?=\w)", path.read_text())]
WITH_RULE = {line.split("(")[1].split(",")[0] for line in LINES if " GRADIENT(" in line}

# Ranges of the operands where they are not ALL.
RANGES = {
    **dict.fromkeys(["Acosh"], [(1.2, 5)]),
    **dict.fromkeys(["Atanh", "Asin", "Acos", "ErfInv"], [INNER]),
    **dict.fromkeys(["Log", "Log2", "Log10", "Log1p", "LGamma", "Digamma"], [POSITIVE]),
    **dict.fromkeys(["Sqrt", "Rsqrt", "Cbrt", "Reciprocal"], [POSITIVE]),
    **dict.fromkeys(["Sigmoid", "SoftPlus", "Mish", "Tanh", "Erf", "Erfc", "SoftSign", "Atan", "Asinh"], [WIDE]),
    **dict.fromkeys(["LogAddExp", "LogAddExp2", "Hypot", "Atan2"], [WIDE, WIDE]),
    "Swish": [WIDE, ALL],
    "Gelu": [(-12, 12)],
    "Elu": [WIDE],
    "Selu": [(-12, 12), POSITIVE, POSITIVE],
    "HardSigmoid": [ALL, (0.1, 0.3), (0.3, 0.7)],
    "HSwish": [(-5, 5)],
    "HSigmoid": [(-5, 5)],
    "Power": [POSITIVE, ALL],
    "Divide": [ALL, POSITIVE],
    "FloorMod": [WIDE, POSITIVE],
    "Mod": [WIDE, POSITIVE],
    "GammaInc": [POSITIVE, (0.2, 9)],
    "GammaIncGradient": [POSITIVE, (0.2, 9)],
}
# Operands without derivative, or whose derivative has none.
FIXED = {
    **dict.fromkeys(["Heaviside", "BesselI", "Polygamma", "GammaIncGradient"], {0}),
    **dict.fromkeys(["Ldexp", "NextAfter", "Copysign"], {1}),
}
WHOLE = {("Ldexp", 1), ("BesselI", 0), ("Polygamma", 0)}
NO_SECOND = {"GammaInc"}  # that by its first operand
VARIANTS = {"Gelu tanh": ("Gelu", {"approximation_mode": "TANH"}), "Swish 1": ("Swish", {})}
CONSTANT = {"Sign", "Angle", "Imag"}  # of real operands
NAMES = [n for n, op in OPS.items() if n in WITH_RULE and "F" in op.kinds and n not in ("Select", "Convert")]
FLOATS = [n for n in NAMES if n not in CONSTANT] + list(VARIANTS)


def random(name):
    return np.random.default_rng(sum(map(ord, name)))


class Call:
    """A primitive with operands; x: the values of those that are differentiated, of which the first is the largest."""

    def __init__(self, row, operands=None, fixed=None, dtype="float64", **attributes):
        self.name, more = VARIANTS.get(row, (row, {}))
        self.attributes = {**OPS[self.name].attrs, **more, **attributes} if self.name in OPS else attributes
        self.fixed = FIXED.get(self.name, set()) if fixed is None else fixed
        operands = self.some(row) if operands is None else operands
        kind = capi.dtype(dtype)
        self.operands = [a.astype(kind) if a.dtype.kind == "f" else a for a in operands]
        self.places = [i for i in range(len(self.operands)) if i not in self.fixed]

    def some(self, row):
        rng, n = random(row), 1 if row == "Swish 1" else OPS[self.name].n
        ranges = RANGES.get(self.name, [ALL] * n)
        shapes = [(5, 4), (4,), (5, 1)][:n]
        x = [rng.uniform(*r, s) for r, s in zip(ranges, shapes)]
        return [np.round(np.abs(a)) if (self.name, i) in WHOLE else a for i, a in enumerate(x)]

    def value(self, t=0, v=()):
        operands = list(self.operands)
        for i, d in zip(self.places, v):
            operands[i] = operands[i] + t * d
        return capi.prim(self.name, *operands, **self.attributes)

    def direction(self, like, rng):
        d = rng.uniform(-1, 1, like.shape)
        return (d + 1j * rng.uniform(-1, 1, like.shape) if like.dtype.kind == "c" else d).astype(like.dtype)

    def record(self, graph, unknown=False):
        """The parameters and the output."""
        at = [graph.parameter(a.dtype.name, [-1] * a.ndim if unknown else list(a.shape)) for a in self.operands]
        return at, graph.call(self.name, *at, **self.attributes)


def parameter(graph, a, unknown=False):
    return graph.parameter(a.dtype.name, [-1] * a.ndim if unknown else list(a.shape))


def check_differences(call, unknown, second=True, rtol=2e-6):
    rng, graph = random(call.name), capi.Graph()
    at, y = call.record(graph, unknown)
    x = [at[i] for i in call.places]
    value = call.value()
    u, v = call.direction(value, rng), [call.direction(call.operands[i], rng) for i in call.places]
    up, vp = parameter(graph, u, unknown), [parameter(graph, d, unknown) for d in v]
    reverse = gradients(graph, y, up, x)
    results = reverse + derivatives(graph, "kvino_jvp", [y], None, x, vp)
    if second:
        results = results + derivatives(graph, "kvino_gradients", reverse, vp, x, None)
    graph.result(*results)
    run = graph.compile("native")
    found = listed(run(*call.operands, u, *v))
    reverse, forward, twice = found[: len(x)], found[len(x)], found[len(x) + 1 :]
    assert [t.shape for t in reverse] == [call.operands[i].shape for i in call.places]
    assert [t.dtype for t in reverse] == [call.operands[i].dtype for i in call.places]
    expected = (call.value(STEP, v) - call.value(-STEP, v)) / (2 * STEP)
    np.testing.assert_allclose(forward, expected, rtol=rtol, atol=rtol * max(1, np.abs(expected).max()))
    assert abs(pairing(reverse, v) - pairing([u], [expected])) <= rtol * max(1, np.abs(u * expected).sum())
    if not second:
        return

    def slope(t):
        operands = list(call.operands)
        for i, d in zip(call.places, v):
            operands[i] = operands[i] + t * d
        return pairing(listed(run(*operands, u, *v))[: len(x)], v)

    difference = (slope(STEP) - slope(-STEP)) / (2 * STEP)
    assert abs(pairing(twice, v) - difference) <= 10 * rtol * max(1, pairing(map(np.abs, twice), map(np.abs, v)))


@pytest.mark.parametrize("unknown", [False, True], ids=["known", "unknown"])
@pytest.mark.parametrize("row", FLOATS)
def test_differences(row, unknown):
    check_differences(Call(row), unknown, row not in NO_SECOND)


COMPLEX = [n for n, op in OPS.items() if n in WITH_RULE and "C" in op.kinds and n not in ("Select", "Convert")]


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_differences(name):
    rng = random(name)
    x = [rng.uniform(0.3, 1.6, s) + 1j * rng.uniform(0.2, 1.5, s) for s in [(5, 4), (4,)][: OPS[name].n]]
    check_differences(Call(name, x), False)


@pytest.mark.parametrize("source, target", [("complex128", "float64"), ("float64", "complex128")])
def test_complex_numbers_as_pairs(source, target):
    x = np.random.default_rng(3).uniform(-1, 1, (3, 4)).view(source)
    check_differences(Call("Bitcast", [x], set(), source, destination_type=target), False)


@pytest.mark.parametrize("source, target", [("complex128", "float64"), ("float64", "complex128")])
def test_complex_conversion(source, target):
    call = Call("Convert", [np.random.default_rng(3).uniform(-1, 1, (3, 4)).view(source)], set(), source)
    call.attributes = {"destination_type": target}
    check_differences(call, False)


# ---- values ----


def slopes(row, operands, dtype="float64", device="native", fixed=None, second=False, **attributes):
    """The gradients of the operands for a cotangent of ones; one: by itself. `second`: the gradients of their sums."""
    call = Call(row, operands, fixed, dtype, **attributes)
    graph = capi.Graph()
    at, y = call.record(graph)
    x = [at[i] for i in call.places]
    ones = np.ones_like(call.value())
    d = gradients(graph, y, parameter(graph, ones), x)
    rest = []
    if second:
        rest = [np.ones_like(call.operands[i]) for i in call.places]
        d = derivatives(graph, "kvino_gradients", d, [parameter(graph, r) for r in rest], x, None)
    graph.result(*d)
    found = listed(graph.compile(device)(*call.operands, ones, *rest))
    return found[0] if len(found) == 1 else found


# The slope far below and far above 0.
SATURATED = {
    **dict.fromkeys(["Sigmoid", "Tanh", "Erf", "Erfc", "SoftSign", "Atan", "HSigmoid"], (0, 0)),
    **dict.fromkeys(["SoftPlus", "Mish", "Gelu", "Gelu tanh", "Swish 1", "Elu", "HSwish", "ReLU"], (0, 1)),
}
FAR = np.array([200, 1e4, 1e18, 1e30, 3e38])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", SATURATED)
def test_saturation(row, dtype):
    below, above = SATURATED[row]
    far = np.append(FAR, np.inf)
    np.testing.assert_allclose(slopes(row, [-far], dtype), np.full(6, below), atol=3e-5)
    np.testing.assert_allclose(slopes(row, [far], dtype), np.full(6, above), atol=3e-5)
    np.testing.assert_allclose(slopes(row, [np.append(-FAR, FAR)], dtype, second=True), np.zeros(10), atol=1e-6)


def test_digits_far_out():
    x = np.array([-700.0, -40, -1e-300, 1e-300, 40])
    np.testing.assert_allclose(slopes("Expm1", [x]), np.exp(x), rtol=1e-15)
    np.testing.assert_allclose(slopes("Elu", [x[:2]], alpha=2.0), 2 * np.exp(x[:2]), rtol=1e-15)
    np.testing.assert_allclose(slopes("SoftPlus", [x]), special.expit(x), rtol=1e-14)
    np.testing.assert_allclose(slopes("Sigmoid", [x[:2]]), np.exp(x[:2]), rtol=1e-14)
    near = 1 - np.array([1e-15, 1e-12])  # 1 - x^2 has one digit, (1 - x)(1 + x) all
    np.testing.assert_allclose(slopes("Asin", [near]), 1 / np.sqrt((1 - near) * (1 + near)), rtol=1e-15)
    a, b = np.array([1e-200, 1e200, 3e200]), np.array([1e-200, 1e200, 4e200])
    np.testing.assert_allclose(slopes("Hypot", [a, b]), [a / np.hypot(a, b), b / np.hypot(a, b)], rtol=1e-15)
    expected = [[0.5e200, 0.5e-200, 0.16e-200], [-0.5e200, -0.5e-200, -0.12e-200]]
    np.testing.assert_allclose(slopes("Atan2", [a, b]), expected, rtol=1e-15)
    np.testing.assert_allclose(slopes("Acosh", [np.array([1e200])]), [1e-200], rtol=1e-15)
    np.testing.assert_allclose(slopes("Rsqrt", [np.array([1e150, 1e-150])]), [-0.5e-225, -0.5e225], rtol=1e-15)


INF, NAN = np.inf, np.nan
# primitive, operands, gradients of all of them
POINTS = [
    ("Maximum", [[1, 2, 2, NAN, 1], [2, 1, 2, 1, NAN]], [[0, 1, 0.5, 0, 0], [1, 0, 0.5, 0, 0]], {}),
    ("Minimum", [[1, 2, 2, NAN, 1], [2, 1, 2, 1, NAN]], [[1, 0, 0.5, 0, 0], [0, 1, 0.5, 0, 0]], {}),
    ("FMax", [[1, 2, 2, NAN, 1, NAN], [2, 1, 2, 1, NAN, NAN]], [[0, 1, 0.5, 0, 1, 1], [1, 0, 0.5, 1, 0, 0]], {}),
    ("FMin", [[1, 2, 2, NAN, 1, NAN], [2, 1, 2, 1, NAN, NAN]], [[1, 0, 0.5, 0, 1, 1], [0, 1, 0.5, 1, 0, 0]], {}),
    ("Clamp", [[-1, 0, 0.5, 6, 7, NAN, INF]], [[0, 1, 1, 1, 0, 0, 0]], {"min": 0.0, "max": 6.0}),
    ("Abs", [[-2, -0.0, 0, 3, INF]], [[-1, 0, 0, 1, 1]], {}),
    ("ReLU", [[-1, 0, 1, NAN]], [[0, 0, 1, 0]], {}),
    ("PReLU", [[-1, 0, 1], [0.5, 0.5, 0.5]], [[0.5, 1, 1], [-1, 0, 0]], {}),
    ("HSigmoid", [[-3, 3, 0]], [[0, 0, 1 / 6]], {}),
    ("HSwish", [[-3, 3, 0]], [[0, 1, 0.5]], {}),
    ("HardSigmoid", [[-1, 1, 0], [1, 1, 1], [1, 0, 0.5]], [[0, 0, 1], [0, 0, 0], [0, 0, 1]], {}),
    ("Elu", [[0, 1e-9, 800]], [[1.5, 1, 1]], {"alpha": 1.5}),
    ("Sqrt", [[0, 4]], [[INF, 0.25]], {}),
    ("Cbrt", [[0, -8]], [[INF, 1 / 12]], {}),
    ("Rsqrt", [[0, 4, INF]], [[-INF, -1 / 16, 0]], {}),
    ("Log", [[0, 4]], [[INF, 0.25]], {}),
    ("Hypot", [[0, 3], [0, -4]], [[0, 0.6], [0, -0.8]], {}),
    ("Power", [[0, 0, 0, 2, -2], [0, 1, 2, 0, 3]], [[0, 1, 0, 0, 12], [0, 0, 0, np.log(2), NAN]], {}),
    ("LogAddExp", [[-INF, INF, INF, -INF], [-INF, INF, 0, 0]], [[0.5, 0.5, 1, 0], [0.5, 0.5, 0, 1]], {}),
    ("LogAddExp2", [[-INF, INF, INF, 1], [-INF, INF, 0, 1]], [[0.5, 0.5, 1, 0.5], [0.5, 0.5, 0, 0.5]], {}),
    ("Heaviside", [[-1, 0, 1], [2, 2, 2]], [[0, 0, 0], [0, 1, 0]], {}),
    ("Copysign", [[1, -1, 0, -0.0], [-1, -1, -1, 1]], [[-1, 1, -1, -1], [0, 0, 0, 0]], {}),
    ("FloorMod", [[7, -7, 7.5], [2, 2, INF]], [[1, 1, 1], [-3, 4, 0]], {}),
    ("Mod", [[7, -7, 7.5], [2, 2, INF]], [[1, 1, 1], [-3, 3, 0]], {}),
    ("NextAfter", [[1, 2], [2, 2]], [[1, 1], [0, 0]], {}),
    ("ErfInv", [[0, 1, -1]], [[np.sqrt(np.pi) / 2, INF, INF]], {}),
    ("GammaInc", [[1, 0.5, 2, 3, 1], [0, 0, 0, INF, 1]], [[0, 0, 0, 0, NAN], [1, INF, 0, 0, np.exp(-1)]], {}),
    ("BesselI0", [[0, 2, -2]], [[0, special.i1(2), -special.i1(2)]], {}),
    ("Digamma", [[1, -0.5]], [[np.pi**2 / 6, np.pi**2 / 2 + 4]], {}),
]


@pytest.mark.parametrize("name, operands, expected, attributes", POINTS, ids=[p[0] for p in POINTS])
def test_points(name, operands, expected, attributes):
    found = slopes(name, [np.array(x, float) for x in operands], fixed=set(), **attributes)
    found, expected = np.array(listed(found)), np.array(expected, float)
    if name == "GammaInc":  # by the first operand at (1, 1): below
        found[0, 4] = NAN
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_incomplete_gamma_by_its_first_operand():
    a, x = np.array([1.0, 0.5, 1000, 2500, 1e12, 0.5]), np.array([1.0, 2, 990, 2600, 1e12, 80])
    # By quadrature of the density's derivative, and by differences of P in many digits.
    expected = [-0.4317297106348986, -0.1356193352039975, -0.012057749285282, -0.00111509042899502,
                -3.98942280401464e-07, -7.19375918106e-36]
    np.testing.assert_allclose(slopes("GammaInc", [a, x], fixed={1}), expected, rtol=1e-11)


def test_operands_without_a_derivative_are_named():
    for name, operand in (("BesselI", "order"), ("Polygamma", "order"), ("GammaIncGradient", "first operand")):
        with pytest.raises(capi.KvinoError, match=f"derivative of {name} with respect to its {operand}"):
            slopes(name, [np.ones(2), np.ones(2)], fixed=set())


def test_prelu_with_slopes_of_channels():
    x, slope = np.random.default_rng(1).normal(size=(2, 3, 5, 4)), np.array([0.1, 0.2, 0.3])
    of_x, of_slope = slopes("PReLU", [x, slope])
    np.testing.assert_allclose(of_x, np.where(x < 0, slope[:, None, None], 1))
    np.testing.assert_allclose(of_slope, np.where(x < 0, x, 0).sum((0, 2, 3)))
    for unknown in (False, True):
        check_differences(Call("PReLU", [x, slope]), unknown)


def slope_of(f, at, device="native"):
    """The derivative of an operator, whose results do not depend on each other."""
    graph = _core.Graph()
    x = graph.parameter(at.shape, at.dtype.name)
    y = f(x)
    (d,) = _core.gradients((y,), (kvino.Tensor(np.ones(y.shape, y.dtype)),), (x,))
    graph.result(d)
    (found,) = graph.compile(device)(at)
    return np.asarray(found)


@pytest.mark.parametrize("name, slope", [("elu", 1), ("celu", 1), ("selu", 1.0507009873554805 * 1.6732632423543772)])
def test_operators_at_zero(name, slope):
    np.testing.assert_allclose(slope_of(getattr(kvino.ops, name), np.zeros(1)), slope, rtol=1e-15)


@pytest.mark.parametrize("device", ["native", "CPU"])
@pytest.mark.parametrize("name", "elu celu selu silu gelu softplus softsign mish sigmoid log_sigmoid tanh tanh_shrink squareplus expm1".split())
def test_the_derivative_at_nan_is_nan(name, device):
    f = (lambda x: x * kvino.ops.tanh(kvino.ops.softplus(x))) if name == "mish" else getattr(kvino.ops, name)
    assert np.isnan(slope_of(f, np.array([NAN, 1], "float32"), device)).tolist() == [True, False]


@pytest.mark.parametrize("device", ["native", "CPU"])
@pytest.mark.parametrize(
    "f, bounds, slope, at_bounds",
    [
        (lambda x: kvino.ops.clip(x, -1.0, 3.0), (-1, 3), 1, 1),
        (kvino.ops.hard_tanh, (-1, 1), 1, 1),
        (kvino.ops.relu6, (0, 6), 1, 0),
        (kvino.ops.hard_sigmoid, (-3, 3), 1 / 6, 0),
        (kvino.ops.sparse_sigmoid, (-1, 1), 0.5, 0),
    ],
    ids=["clip", "hard_tanh", "relu6", "hard_sigmoid", "sparse_sigmoid"],
)
def test_bounds(f, bounds, slope, at_bounds, device):
    """What a clip holds at its bound can leave it; activations are flat from there on, as in JAX and TensorFlow."""
    low, high = bounds
    x = np.array([low - 1, low, (low + high) / 2, high, high + 1, NAN], "float32")
    expected = [0, at_bounds * slope, slope, at_bounds * slope, 0, 0]
    np.testing.assert_allclose(slope_of(f, x, device), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sinc_near_zero(dtype):
    """cos(x) / x - sin(x) / x^2 has no digits there."""
    x = np.array([0, 1e-20, -1e-10, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.159, 0.16, 0.3], dtype)
    p = np.pi * x.astype(float)
    terms = [(-1) ** k * 2 * k * p ** (2 * k - 1) / special.factorial(2 * k + 1) for k in range(1, 12)]
    rtol = 1e-6 if dtype == "float32" else 1e-14
    np.testing.assert_allclose(slope_of(kvino.ops.sinc, x), np.pi * sum(terms), rtol=rtol)
    np.testing.assert_allclose(np.asarray(kvino.ops.sinc(x)), np.sinc(x.astype(float)), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("device", ["native", "CPU"])
def test_deviation_beside_nan(device):
    x = np.array([[1, NAN, 2, 4], [NAN, NAN, NAN, NAN]], "float32")
    d = np.array([[1, NAN, 2, 4]]) - 7 / 3
    variance = np.array([[*np.nan_to_num(2 / 3 * d[0])], [0] * 4])
    np.testing.assert_allclose(slope_of(lambda t: kvino.ops.nanvar(t, axis=1), x, device), variance, rtol=1e-5)
    deviation = np.nan_to_num(d[0] / 3 / np.nanstd(x[0]))
    np.testing.assert_allclose(slope_of(lambda t: kvino.ops.nanstd(t, axis=1), x, device)[0], deviation, rtol=1e-5)


@pytest.mark.parametrize("device", ["native", "CPU"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_crossentropy_of_large_logits(dtype, device):
    logits = np.array([0, 15, -15, 30, -30, 1000, -1000, 1e30, -1e30], dtype)
    for target in (0.0, 0.25, 1.0):
        t = np.full_like(logits, target)
        slope = slope_of(lambda x: kvino.ops.binary_crossentropy(t, x, from_logits=True), logits, device)
        x = logits.astype(float)
        np.testing.assert_allclose(slope, (1 - target) * special.expit(x) - target * special.expit(-x), rtol=1e-5, atol=1e-12)


# ---- dtypes and devices ----


BEYOND_FLOAT8 = {"Polygamma", "Digamma"}  # their largest slopes here


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float8_e4m3fn", "float8_e5m2"])
def test_dtypes(dtype):
    """Of the operand's dtype, and as in float64 at the same operands: formulas of several steps are rounded once."""
    kind = capi.dtype(dtype)
    digits = {"float16": 10, "bfloat16": 7, "float32": 23, "float8_e4m3fn": 3, "float8_e5m2": 2}
    eps = 2.0 ** -digits[dtype]
    for row in FLOATS:
        call = Call(row)
        x = [a.astype(kind) for a in call.operands]
        found = listed(slopes(row, [t.astype(float) for t in x], dtype))
        expected = listed(slopes(row, [t.astype(float) for t in x]))
        for f, e, i in zip(found, expected, call.places):
            assert f.dtype == kind and f.shape == x[i].shape, row
            if "float8" in dtype and row in BEYOND_FLOAT8:
                continue
            scale = max(1, np.abs(e).max())
            np.testing.assert_allclose(f.astype(float), e, rtol=8 * eps, atol=4 * eps * scale, err_msg=row)


def test_steps_of_float16_do_not_overflow():
    x = np.array([300.0, 6e4])
    found = slopes("Asinh", [x], "float16").astype(float)
    np.testing.assert_allclose(found, 1 / np.sqrt(1 + x * x), rtol=1e-3, atol=6e-8)
    np.testing.assert_allclose(slopes("Atan", [x[:1]], "float16").astype(float), 1 / (1 + x[:1] ** 2), rtol=1e-2)
    found = np.array(slopes("Hypot", [x[:1], x[:1]], "float16"), float)
    np.testing.assert_allclose(found, np.full((2, 1), 0.5**0.5), rtol=1e-3)


def test_float8_passes_cotangents():
    graph = capi.Graph()
    x = graph.parameter("float32", [3])
    narrow = graph.call("Convert", x, destination_type="float8_e4m3fn")
    y = graph.call("Convert", narrow, destination_type="float32")
    ones = parameter(graph, np.ones(3, "f4"))
    graph.result(*gradients(graph, y, ones, [x]))
    found = graph.compile("native")(np.array([0.1, -3, 200], "f4"), np.array([1, 0.3, -2], "f4"))
    np.testing.assert_array_equal(found, np.array([1, 0.3125, -2], "f4"))


def test_on_openvino():
    """All in one graph, in float32, against the native engine."""
    graph, inputs, results = capi.Graph(), [], []
    for row in FLOATS:
        call = Call(row, dtype="float32")
        at, y = call.record(graph)
        u = np.linspace(-1, 1, call.value().size, dtype="f4").reshape(call.value().shape)
        results += gradients(graph, y, parameter(graph, u), [at[i] for i in call.places])
        inputs += [*call.operands, u]
    graph.result(*results)
    for found, expected in zip(graph.compile("CPU")(*inputs), graph.compile("native")(*inputs)):
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * max(1, np.abs(expected).max()))
