"""Every primitive in the table of src/openvino/exactness.c, compiled for OpenVINO against the native kernels, in every dtype:
integers and bool bit for bit over their whole range, floats to the device's precision with NaN, infinities and zeros in
place. What is not exact on OpenVINO must have been rewritten or gone native: which, does not matter here."""

import functools

import numpy as np
import pytest

from capi import Graph, KvinoError

DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "int32", "int64", "uint32", "uint64", "float16", "float32", "float64"]
TOLERANCE = {"float16": 2e-3, "float32": 3e-6, "float64": 1e-12}


def data(dtype, n, seed=0, special=True):
    rng, d = np.random.default_rng(seed), np.dtype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, n).astype(bool)
    if d.kind in "iu":
        i = np.iinfo(d)
        ends = np.array([i.min, i.max, 0, 1, i.max - 1, i.min + 1], d)
        small = rng.integers(max(i.min, -100), min(i.max, 100), n // 3).astype(d)
        middle = rng.integers(max(i.min, -2**26), min(i.max, 2**26), n // 6).astype(d)
        wide = rng.integers(i.min, i.max, n - n // 3 - n // 6 - 6, dtype=d, endpoint=True)
        return rng.permutation(np.concatenate([ends, small, middle, wide]))
    ends = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1, 0.5, 2.5, -2.5, 3, 1e-3] if special else []
    return rng.permutation(np.concatenate([rng.normal(size=n - len(ends)) * 3, ends])).astype(d)


def check(build, *arrays, absolute=0.0, dynamic=False):
    """build(graph, parameters...) gives the same on OpenVINO as natively; what has no native meaning has none at all."""
    graphs = []
    for _ in range(2):
        g = Graph()
        try:
            out = build(g, *[g.parameter(a.dtype.name, [-1] * a.ndim if dynamic else a.shape) for a in arrays])
        except KvinoError:
            return  # the primitive does not take this dtype
        g.result(*(out if isinstance(out, list) else [out]))
        graphs.append(g)
    try:
        expected = graphs[0].compile("native")(*arrays)
    except KvinoError as e:
        with pytest.raises(KvinoError) as info:
            graphs[1].compile("CPU")(*arrays)
        assert str(info.value) == str(e)
        return
    f = graphs[1].compile("CPU")
    got = f(*arrays)
    for a, b in zip(got if isinstance(got, list) else [got], expected if isinstance(expected, list) else [expected]):
        assert a.dtype == b.dtype and a.shape == b.shape, f.describe()
        if a.dtype.kind == "f":
            np.testing.assert_allclose(a.astype("float64"), b.astype("float64"), rtol=TOLERANCE[a.dtype.name],
                                       atol=max(absolute, 1e-30), err_msg=f.describe())
        else:
            np.testing.assert_array_equal(a, b, err_msg=f.describe())


# Absolute errors of the plugin's formulas (relative ones are large near 0).
ABSOLUTE = {"Erf": 1e-6, "Mish": 2e-6, "Tan": 1e-5, "Sin": 1e-6, "Cos": 1e-6, "Asin": 1e-6, "Acos": 1e-6, "Atan": 1e-6,
            "Log": 1e-6, "Log2": 1e-6, "Log10": 1e-6, "Sinh": 1e-6, "Asinh": 2e-6, "Acosh": 1e-6, "Atanh": 1e-6,
            "Tanh": 1e-6, "Swish": 1e-6, "HSwish": 1e-6, "Exp": 1e-6, "Sigmoid": 1e-6}
UNARY = """Abs Negative Sign Ceiling Floor Trunc Sqrt Rsqrt Reciprocal ReLU HSwish HSigmoid SoftSign Exp Expm1 Log Log1p Log2
Log10 Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh Acosh Atanh Erf Sigmoid Swish SoftPlus Mish IsNaN IsInf IsFinite
LogicalNot BitwiseNot Exp2 Cbrt ErfInv Angle""".split()
BINARY = """Add Subtract Multiply Divide Maximum Minimum SquaredDifference Equal NotEqual Less LessEqual Greater GreaterEqual
LogicalAnd LogicalOr LogicalXor BitwiseAnd BitwiseOr BitwiseXor Power FloorDivide FloorMod Mod PReLU BitwiseLeftShift
BitwiseRightShift FMax FMin Heaviside Hypot""".split()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name, dtype):
    check(lambda g, x: g.call(name, x), data(dtype, 300), absolute=ABSOLUTE.get(name, 0))


def test_erf_inv_between_its_ends():
    x = np.concatenate([[-1, 1, -0.0, 0.0, 1.5, 1 - 2**-24], np.linspace(-1, 1, 4001), 1 - np.logspace(-7, -1, 500), np.logspace(-30, 0, 500)])
    check(lambda g, a: g.call("ErfInv", a), x.astype("float32"))


@pytest.mark.parametrize("ids", ["int32", "int64"])
@pytest.mark.parametrize("fill_mode", ["zero", "lowest"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_segment_max(dtype, fill_mode, ids):
    """Segments of NaN, of minus infinities alone and of nothing; ids below and above those there are, in no order."""
    x, i = data(dtype, 60).reshape(20, 3), np.random.default_rng(3).integers(-3, 12, 20).astype(ids)
    if np.dtype(dtype).kind == "f":
        x[i == 2], x[i == 4] = -np.inf, np.finfo(dtype).min
        x[i == 5, 1] = np.nan
    lowest = False if dtype == "bool" else -np.inf if x.dtype.kind == "f" else np.iinfo(dtype).min
    expected = np.full((10, 3), 0 if fill_mode == "zero" else lowest, dtype)
    for k in range(10):
        if (i == k).any():
            expected[k] = x[i == k].max(0)
    for dynamic in (False, True):
        check(lambda g, a, b: g.call("SegmentMax", a, b, np.array(10, "int64"), fill_mode=fill_mode), x, i, dynamic=dynamic)
    g = Graph()
    g.result(g.call("SegmentMax", *[g.parameter(a.dtype.name, a.shape) for a in (x, i)], np.array(10, "int64"), fill_mode=fill_mode))
    np.testing.assert_array_equal(g.compile("native")(x, i), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_binary(name, dtype):
    a, b = data(dtype, 300, 1), data(dtype, 300, 2)
    b[::3] = a[::3]
    constants = [np.array(v).astype(dtype) for v in (0, 2, 7, -3) if v >= 0 or np.dtype(dtype).kind in "if"]
    check(lambda g, x, y: [g.call(name, x, y)] + [g.call(name, x, c) for c in constants], a, b)
    check(lambda g, x: [g.call(name, c, x) for c in constants], a)


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_convert(source, target):
    a = data(source, 300, 3)
    if np.dtype(source).kind == "f" and np.dtype(target).kind in "iu":
        a = np.abs(np.nan_to_num(a, posinf=1, neginf=1))  # elsewhere C leaves the result open
    def through(g, x):
        y = g.call("Convert", x, destination_type=target)
        if target == "float16":  # which OpenVINO keeps in float32 inside
            return y
        return [y, g.call("Convert", y, destination_type="float32")]
    check(through, a)


AXES = [np.array(a, "int64") for a in ([0], [1], [-1], [0, 2], [0, 1, 2], [])]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceMean", "ReduceL1", "ReduceL2",
                                  "ReduceLogicalAnd", "ReduceLogicalOr"])
def test_reduce(name, dtype):
    special = name in ("ReduceMax", "ReduceMin")
    a = data(dtype, 120, 4, special).reshape(4, 5, 6)
    if a.dtype.kind == "f" and not special:
        a = np.abs(a) % a.dtype.type(2)
    check(lambda g, x: [g.call(name, x, axes, keep_dims=keep) for axes in AXES for keep in (False, True)], a)
    check(lambda g, x: g.call(name, x, AXES[0], keep_dims=False), a.ravel()[:7])
    check(lambda g, x: g.call(name, x, AXES[1], keep_dims=False), a, dynamic=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["ReduceArgMax", "ReduceArgMin", "CountNonZero"])
def test_reduce_to_index(name, dtype):
    a = data(dtype, 120, 5).reshape(4, 5, 6)
    check(lambda g, x: [g.call(name, x, axes, keep_dims=keep, output_type="int32")
                        for axes in AXES[:-1] for keep in (False, True)], a)
    check(lambda g, x: g.call(name, x, AXES[1], keep_dims=False, output_type="int64"), a, dynamic=True)


def I(*values):
    return np.array(values, "int64")


def like(x_dtype, value, *shape):
    return np.full(shape, value).astype(x_dtype)


MOVES = {
    "Reshape": lambda g, x, d: g.call("Reshape", x, I(5, -1), special_zero=False),
    "Transpose": lambda g, x, d: g.call("Transpose", x, I(2, 0, 1)),
    "Unsqueeze": lambda g, x, d: g.call("Unsqueeze", x, I(0, 2)),
    "Broadcast": lambda g, x, d: g.call("Broadcast", x, I(2, 4, 5, 6), mode="numpy"),
    "Tile": lambda g, x, d: g.call("Tile", x, I(1, 2, 3)),
    "Concat": lambda g, x, d: g.call("Concat", x, x, axis=1),
    "Split": lambda g, x, d: g.call("Split", x, np.int64(2), num_splits=3),
    "VariadicSplit": lambda g, x, d: g.call("VariadicSplit", x, np.int64(1), I(2, -1)),
    "Slice": lambda g, x, d: g.call("Slice", x, I(3, 1), I(-2**63, 2**63 - 1), I(-1, 2), I(0, 2)),
    "SliceScatter": lambda g, x, d: g.call("SliceScatter", x, like(d, 1, 4, 2, 6), I(1), I(5), I(2), I(1)),
    "Pad": lambda g, x, d: g.call("Pad", x, I(1, 0, -2), I(0, 2, 1), like(d, 1), pad_mode="constant"),
    "Pad reflect": lambda g, x, d: g.call("Pad", x, I(1, 0, 2), I(0, 2, 1), pad_mode="reflect"),
    "Pad edge": lambda g, x, d: g.call("Pad", x, I(1, 0, 2), I(0, 2, 1), pad_mode="edge"),
    "Roll": lambda g, x, d: g.call("Roll", x, I(1, -2), I(0, 2)),
    "ReverseSequence": lambda g, x, d: g.call("ReverseSequence", x, I(1, 2, 3, 5), batch_axis=0, seq_axis=1),
    "Gather": lambda g, x, d: g.call("Gather", x, np.array([[0, -1], [2, 1]]), np.int64(1), batch_dims=0),
    "GatherElements": lambda g, x, d: g.call("GatherElements", x, np.arange(72).reshape(4, 3, 6) % 10 - 5, axis=1),
    "GatherND": lambda g, x, d: g.call("GatherND", x, np.array([[0, 1], [3, -1]]), batch_dims=0),
    "ScatterUpdate": lambda g, x, d: g.call("ScatterUpdate", x, I(0, 2), like(d, 0, 4, 2, 6), np.int64(1)),
    "ScatterUpdate -1": lambda g, x, d: g.call("ScatterUpdate", x, I(-1), like(d, 0, 4, 1, 6), np.int64(1)),
    "ScatterNDUpdate": lambda g, x, d: g.call("ScatterNDUpdate", x, np.array([[0, 1], [3, -1]]), like(d, 1, 2, 6),
                                              reduction="none"),
    "Select": lambda g, x, d: g.call("Select", np.arange(6) % 2 == 0, x, like(d, 1)),
    "NonZero": lambda g, x, d: g.call("NonZero", x, output_type="int64"),
    "CumSum": lambda g, x, d: g.call("CumSum", x, np.int64(1), exclusive=False, reverse=False),
    "CumSum back": lambda g, x, d: g.call("CumSum", x, np.int64(2), exclusive=True, reverse=True),
    "OneHot": lambda g, x, d: g.call("OneHot", x, np.int64(4), np.float32(1), np.float32(0), axis=-1),
    "Clamp": lambda g, x, d: g.call("Clamp", x, min=-2.0, max=3.0),
    "Clamp 0": lambda g, x, d: g.call("Clamp", x, min=0.0, max=6.0),
    "Clamp up": lambda g, x, d: g.call("Clamp", x, min=1.0, max=float("inf")),
    "Round": lambda g, x, d: g.call("Round", x, mode="half_to_even"),
    "HardSigmoid": lambda g, x, d: g.call("HardSigmoid", x, like(d, 0.25), like(d, 0.5)),
    "ShapeOf": lambda g, x, d: g.call("ShapeOf", x, output_type="int64"),
}
for how in ("sum", "max", "mean"):
    MOVES["ScatterElementsUpdate " + how] = functools.partial(
        lambda g, x, d, how: g.call("ScatterElementsUpdate", x, np.array([[[0, 0], [2, 2]]]), like(d, 1, 1, 2, 2), np.int64(1),
                                    reduction=how, use_init_val=True), how=how)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MOVES)
def test_move(name, dtype):
    a = data(dtype, 120, 6, not name.startswith("CumSum")).reshape(4, 5, 6)
    check(lambda g, x: MOVES[name](g, x, dtype), a, absolute=1e-5 if name.startswith("CumSum") else 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sorted(dtype):
    a = data(dtype, 120, 7, special=False).reshape(4, 5, 6)
    check(lambda g, x: g.call("TopK", x, np.int64(3), axis=2, mode="max", sort="value", index_element_type="int64",
                              stable=True), a)
    check(lambda g, x: g.call("TopK", x, np.int64(4), axis=0, mode="min", sort="value", index_element_type="int32",
                              stable=True), a)
    b, edges = data(dtype, 120, 7), np.sort(a.ravel())
    check(lambda g, x: g.call("SearchSorted", edges, x, right_mode=False, output_type="int64"), b)
    check(lambda g, x: g.call("Bucketize", x, edges, output_type="int32", with_right_bound=True), b)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32"])
def test_range_of_what_is_computed(dtype):
    check(lambda g, n: g.call("Range", like(dtype, 1), n, like(dtype, 3), output_type=dtype), like(dtype, 20))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_softmax_and_gelu(dtype):
    a = data(dtype, 120, 8, special=False).reshape(4, 5, 6)
    check(lambda g, x: g.call("SoftMax", x, axis=1), a, absolute=1e-6)
    check(lambda g, x: g.call("LogSoftmax", x, axis=-1), a, absolute=1e-5)
    for how in ("ERF", "TANH"):
        check(lambda g, x: g.call("Gelu", x, approximation_mode=how), a, absolute=2e-6)
    check(lambda g, x: g.call("Elu", x, alpha=1.0), a, absolute=1e-6)
    check(lambda g, x: g.call("Selu", x, like(dtype, 1.67), like(dtype, 1.05)), a, absolute=1e-6)


def line(n, seed):
    """float32 of every magnitude, normal and not, and the special ones."""
    rng = np.random.default_rng(seed)
    x = (rng.integers(0, 2**32, n, dtype="uint32")).view("float32")
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1, 2, 8, 0.125, 1e-45, -1e-45, 3.4e38, 1.2e-38, 126.5, -149], "float32")
    rng.shuffle(special)
    return np.concatenate([x, (rng.normal(size=n) * 50).astype("float32"), special])


ULP = {"Angle": 0, "FMax": 0, "FMin": 0, "Heaviside": 0, "Hypot": 3}


@pytest.mark.parametrize("name", ULP)
def test_formulas_in_ulp(name):
    """Substitutes of what OpenVINO lacks, relative to the native result, over the whole of float32."""
    arrays = [line(20000, 10), line(20000, 11)][: 2 if name in BINARY else 1]
    if len(arrays) == 2:
        arrays[1][::5] = arrays[0][::5]
    g = Graph()
    g.result(g.call(name, *[g.parameter("float32", a.shape) for a in arrays]))
    f = g.compile()
    assert "native" not in f.describe()
    got, expected = f(*arrays), g.compile("native")(*arrays)
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(got.astype("float64") - expected) / np.spacing(np.maximum(np.abs(expected), np.float32(1.2e-38)))
    wrong = ~same & ~(error <= ULP[name])
    assert not wrong.any(), [a[wrong][:5] for a in arrays] + [got[wrong][:5], expected[wrong][:5], np.nanmax(error[~same])]
