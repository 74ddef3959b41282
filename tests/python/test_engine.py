"""From a graph to a running executable: what the plugin alone gets wrong and kvino must not, partition, runs, caches.

Every trap is shown twice: OpenVINO alone is wrong (so that the test says when a release repairs it: then the substitute may
go), kvino is right."""

import concurrent.futures
import pathlib
import re

import numpy as np
import openvino
import openvino.opset15 as ov
import pytest

import capi
from capi import Graph, KvinoError

core = openvino.Core()


def plugin(build, *arrays):
    """What OpenVINO alone makes of build(parameters...)."""
    parameters = [ov.parameter(a.shape, openvino.Type(a.dtype)) for a in arrays]
    model = openvino.Model([build(*parameters)], parameters)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(list(arrays))[0]


def kvino(build, *arrays, device="CPU", dynamic=False):
    """What kvino makes of build(graph, parameters...), and the description."""
    g = Graph()
    out = build(g, *[g.parameter(a.dtype.name, [-1] * a.ndim if dynamic else a.shape) for a in arrays])
    g.result(*(out if isinstance(out, list) else [out]))
    f = g.compile(device)
    return f(*arrays), f.describe()


def on_openvino(text):
    return "native" not in text and text.count("segment") == 1


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def expect(build, expected, *arrays, openvino_computes=True, dynamic=False):
    out, text = kvino(build, *arrays, dynamic=dynamic)
    assert same(out, np.asarray(expected)), (out, expected, text)
    assert on_openvino(text) == openvino_computes, text


I32 = np.array([16777216, 16777217, 2147483647, -2147483648, -2147483647, 5, -7, 0], "int32")


# ---- integers through float32 ----

@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name, op", [("Equal", np.equal), ("NotEqual", np.not_equal), ("Less", np.less),
                                      ("LessEqual", np.less_equal), ("Greater", np.greater),
                                      ("GreaterEqual", np.greater_equal)])
def test_comparison_of_int32(name, op, dynamic):
    a, b = np.meshgrid(I32, I32)
    a, b = a.ravel(), b.ravel()
    expect(lambda g, x, y: g.call(name, x, y), op(a, b), a, b, dynamic=dynamic)


def test_plugin_compares_int32_in_float32():
    a, b = np.array([16777216], "int32"), np.array([16777217], "int32")
    assert plugin(ov.equal, a, b)[0]


@pytest.mark.parametrize("divisor", [1, -1, 2, 3, 7, -7, 1000003, 1 << 22])
@pytest.mark.parametrize("name, op", [("Divide", lambda a, b: np.trunc(a.astype("f8") / b)), ("FloorDivide", np.floor_divide),
                                      ("FloorMod", np.mod), ("Mod", np.fmod)])
def test_division_of_int32(name, op, divisor):
    a = np.concatenate([I32, np.random.default_rng(0).integers(-2**31, 2**31, 5000).astype("int32")])
    expected = op(a.astype("int64"), divisor).astype("int64").astype("int32")
    expect(lambda g, x: g.call(name, x, np.int32(divisor)), expected, a)


def test_plugin_divides_int32_in_float32():
    a = np.array([2147483647], "int32")
    assert plugin(lambda x: ov.divide(x, np.int32(7)), a)[0] != 2147483647 // 7


def test_division_by_what_may_be_zero_is_native():
    a, b = np.array([7, -7, 5], "int32"), np.array([2, 2, 0], "int32")
    expect(lambda g, x, y: g.call("FloorDivide", x, y), np.array([3, -4, 0], "int32"), a, b, openvino_computes=False)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("name, op", [("ReduceSum", np.sum), ("ReduceMax", np.max), ("ReduceMin", np.min)])
@pytest.mark.parametrize("axes", [[0], [1], [0, 1], [-1]])
@pytest.mark.parametrize("dynamic", [False, True])
def test_reduction_of_int32(name, op, axes, keep, dynamic):
    a = np.random.default_rng(1).integers(-2**31, 2**31, (40, 30)).astype("int32")
    a.ravel()[:8] = I32
    kwargs = {"dtype": "int32"} if op is np.sum else {}
    expect(lambda g, x: g.call(name, x, np.array(axes, "int64"), keep_dims=keep),
           op(a, axis=tuple(axes), keepdims=keep, **kwargs), a, dynamic=dynamic)


def test_plugin_reduces_int32_in_float32():
    a = np.array([2147483647, 16777217], "int32")
    assert plugin(lambda x: ov.reduce_max(x, np.int64(0)), a) != 2147483647
    assert plugin(lambda x: ov.reduce_sum(x, np.int64(0)), np.array([16777217, 2], "int32")) != 16777219


def test_int32_to_bool():
    a = np.array([-2147483648, 0, 1], "int32")
    expect(lambda g, x: g.call("Convert", x, destination_type="bool"), [True, False, True], a)


# ---- 8 and 16 bits ----

@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("name, op", [("Add", np.add), ("Subtract", np.subtract), ("Multiply", np.multiply)])
def test_narrow_arithmetic_wraps(dtype, name, op):
    i = np.iinfo(dtype)
    a = np.random.default_rng(2).integers(i.min, i.max, 1000, endpoint=True).astype(dtype)
    b = a[::-1].copy()
    expect(lambda g, x, y: g.call(name, x, y), op(a, b), a, b)
    # and what follows sees the wrapped value
    expect(lambda g, x, y: g.call("Convert", g.call(name, x, y), destination_type="float32"), op(a, b).astype("float32"), a, b)
    expect(lambda g, x, y: g.call("Divide", g.call(name, x, y), np.array(3, dtype)),
           np.trunc(op(a, b).astype("float64") / 3).astype(dtype), a, b)


def test_plugin_saturates_uint8():
    assert plugin(ov.add, np.array([250], "uint8"), np.array([10], "uint8"))[0] == 255


def test_narrow_sum_wraps():
    a = np.full((3, 100), 200, "uint8")
    expect(lambda g, x: g.call("ReduceSum", x, np.array([1], "int64"), keep_dims=False), a.sum(1, dtype="uint8"), a)


# ---- 64 bits ----

def test_large_int64():
    a = np.array([2**33, 5, -2**40], "int64")
    expect(lambda g, x: g.call("Add", x, np.int64(1)), a + 1, a)  # planned for OpenVINO, seen not to fit: run natively
    small = np.array([3, -4, 5], "int64")
    expect(lambda g, x: g.call("Add", x, np.int64(1)), small + 1, small)


def test_plugin_truncates_int64():
    a = np.array([2**33], "int64")
    assert plugin(lambda x: ov.add(x, np.int64(1)), a)[0] != 2**33 + 1


def test_int64_that_overflows_32_bits_inside():
    a = np.array([2**20, 3], "int64")
    expect(lambda g, x: g.call("Multiply", x, x), a * a, a, openvino_computes=False)


@pytest.mark.parametrize("dtype", ["uint32", "uint64"])
def test_unsigned(dtype):
    a = np.array([4000000000, 7, 0], dtype)
    expect(lambda g, x: g.call("Less", x, np.array(5, dtype)), a < 5, a)
    expect(lambda g, x: g.call("Convert", x, destination_type="float32"), a.astype("float32"), a)


def test_float64_is_native():
    a = np.array([300.0, -1e300, np.inf])
    out, text = kvino(lambda g, x: g.call("Exp", x), a)
    assert same(out, np.exp(a)) and "float64" in text
    assert plugin(ov.exp, np.array([300.0]))[0] != np.exp(300.0)


def test_indices_stay_on_openvino():
    """Shape arithmetic, indices of NonZero and TopK are 64-bit integers that fit."""
    def build(g, x, t):
        n = g.call("Gather", g.call("ShapeOf", x, output_type="int64"), np.array([0]), np.int64(0), batch_dims=0)
        shape = g.call("Concat", n, np.array([-1]), axis=0)
        return [g.call("Reshape", x, shape, special_zero=False),
                g.call("Gather", t, g.call("NonZero", x, output_type="int64"), np.int64(0), batch_dims=0)]
    x, t = np.arange(6, dtype="float32").reshape(2, 3), np.arange(10, 20).astype("float32")
    (a, b), text = kvino(build, x, t, dynamic=True)
    assert same(a, x) and same(b, t[np.array(np.nonzero(x))])
    assert on_openvino(text), text


# ---- NaN and division of floats ----

NAN = np.array([np.nan, 1, -1, np.inf, -np.inf, 0, 7, -0.0], "float32")


@pytest.mark.parametrize("name, op", [("Maximum", np.maximum), ("Minimum", np.minimum)])
def test_nan_in_maximum(name, op):
    a, b = [m.ravel() for m in np.meshgrid(NAN, NAN)]
    expect(lambda g, x, y: g.call(name, x, y), op(a, b), a, b)
    for constant in (np.float32(0.5), b):
        expect(lambda g, x: g.call(name, x, constant), op(a, constant), a)
        expect(lambda g, x: g.call(name, constant, x), op(constant, a), a)


def test_nan_in_activations():
    expect(lambda g, x: g.call("ReLU", x), np.maximum(NAN, 0), NAN)
    expect(lambda g, x: g.call("Clamp", x, min=0.0, max=6.0), np.clip(NAN, 0, 6), NAN)
    expect(lambda g, x: g.call("Clamp", x, min=-1.0, max=float("inf")), np.clip(NAN, -1, np.inf), NAN)
    out, _ = kvino(lambda g, x: g.call("HSigmoid", x), NAN)
    assert np.isnan(out[0]) and not np.isnan(out[1:]).any()
    out, _ = kvino(lambda g, x: g.call("Exp", x), NAN)
    assert np.isnan(out[0]) and out[3] == np.inf and out[4] == 0


def test_plugin_swallows_nan():
    assert plugin(ov.relu, NAN)[0] == 0
    assert plugin(lambda x: ov.maximum(x, np.float32(0)), NAN)[0] == 0
    assert plugin(ov.exp, NAN)[0] == np.inf
    assert plugin(lambda x: ov.greater(x, np.float32(0)), NAN)[0]


@pytest.mark.parametrize("name, op", [("Less", np.less), ("LessEqual", np.less_equal), ("Greater", np.greater),
                                      ("GreaterEqual", np.greater_equal), ("Equal", np.equal), ("NotEqual", np.not_equal)])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_nan_in_comparison(name, op, dtype):
    a, b = [m.ravel().astype(dtype) for m in np.meshgrid(NAN, NAN)]
    expect(lambda g, x, y: g.call(name, x, y), op(a, b), a, b)


@pytest.mark.parametrize("name, op", [("ReduceMax", np.max), ("ReduceMin", np.min)])
def test_nan_in_reduction(name, op):
    a = np.random.default_rng(3).normal(size=(20, 50)).astype("float32")
    a[3, 4] = a[7, 0] = a[9, 49] = np.nan
    for axis in (0, 1):
        expect(lambda g, x: g.call(name, x, np.array([axis]), keep_dims=False), op(a, axis=axis), a)


@pytest.mark.parametrize("dynamic", [False, True])
def test_nan_and_infinities_in_max_pool(dynamic):
    x = np.random.default_rng(1).normal(size=(2, 3, 9, 8)).astype("float32")
    x[:, :, :4, :4], x[0, 1, 6, 5], x[1, 0, 1, 1] = -np.inf, np.nan, np.inf
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
    attributes = dict(kernel=[3, 3], strides=[1, 1], pads_begin=[0, 0], pads_end=[0, 0], rounding_type="floor",
                      auto_pad="valid")
    expect(lambda g, a: g.call("MaxPool", a, **attributes), windows.max((4, 5)), x, dynamic=dynamic)


def test_nan_is_true():
    expect(lambda g, x: g.call("Convert", x, destination_type="bool"), NAN.astype(bool), NAN)


def test_float_division():
    a = np.random.default_rng(4).normal(size=20000).astype("float32")
    expect(lambda g, x: g.call("Divide", x, x), np.ones_like(a), a)
    assert (plugin(lambda x, y: ov.divide(x, y), a, a) != 1).mean() > 0.05
    special, by = [m.ravel() for m in np.meshgrid(np.append(NAN, np.float32(3e38)), np.append(NAN, np.float32(3e38)))]
    with np.errstate(all="ignore"):
        expect(lambda g, x, y: g.call("Divide", x, y), special / by, special, by)


# ---- booleans ----

def test_bool_of_other_bytes():
    odd = np.array([0, 1, 2, 255, 128], "uint8").view(bool)
    expect(lambda g, x: g.call("Convert", x, destination_type="float32"), np.array([0, 1, 1, 1, 1], "float32"), odd)
    assert plugin(lambda x: ov.convert(x, "f32"), odd).tolist() == [0, 1, 2, 255, 128]
    x = np.arange(5, dtype="float32")
    expect(lambda g, x: g.call("Select", g.constant(odd), x, np.float32(-1)), np.where(odd.view("u1") != 0, x, -1).astype("f4"), x)


@pytest.mark.parametrize("name, op", [("Add", np.add), ("Multiply", np.multiply), ("Maximum", np.maximum),
                                      ("Less", np.less), ("GreaterEqual", np.greater_equal), ("Equal", np.equal)])
def test_bool_arithmetic(name, op):
    a, b = np.array([False, False, True, True]), np.array([False, True, False, True])
    expect(lambda g, x, y: g.call(name, x, y), op(a, b), a, b)


# ---- shapes ----

def test_parameter_to_result():
    g = Graph()
    x = g.parameter("float32", [-1])
    g.result(x, g.call("Add", x, np.float32(1)), x)
    a = np.arange(4, dtype="float32")
    f = g.compile()
    for _ in range(3):
        p, q, r = f(a)
        assert same(p, a) and same(q, a + 1) and same(r, a)


@pytest.mark.parametrize("device", ["CPU", "native"])
def test_only_parameters_and_constants(device):
    g = Graph()
    x = g.parameter("int64", [2])
    g.result(x, g.constant(np.float32(5)))
    f = g.compile(device)
    a, b = f(np.array([2**40, 1]))
    assert a.tolist() == [2**40, 1] and b == 5
    assert "no segment" in f.describe()


def test_reshaped_parameter_as_result_does_not_overwrite():
    """Views inside OpenVINO share memory: outputs must not land in the inputs."""
    g = Graph()
    x = g.parameter("float32", [2, 3])
    g.result(g.call("Reshape", x, np.array([3, 2]), special_zero=False), g.call("Unsqueeze", x, np.array([0])),
             g.call("Multiply", x, x))
    f = g.compile()
    for k in range(3):
        a = np.arange(6, dtype="float32").reshape(2, 3) + k
        kept = a.copy()
        p, q, r = f(a)
        assert same(p, kept.reshape(3, 2)) and same(q, kept[None]) and same(r, kept * kept) and same(a, kept)


def test_scalars():
    a = np.array(3, "float32")
    expect(lambda g, x: g.call("Add", x, np.float32(2)), np.float32(5), a)
    expect(lambda g, x: g.call("ReduceSum", x, np.array([0]), keep_dims=False), np.float32(6), np.array([1, 2, 3], "float32"))


@pytest.mark.parametrize("dynamic", [False, True])
def test_no_elements(dynamic):
    a = np.zeros((0, 3), "float32")
    out, _ = kvino(lambda g, x: g.call("Add", x, np.float32(1)), a, dynamic=dynamic)
    assert out.shape == (0, 3)
    out, _ = kvino(lambda g, x: g.call("ReduceSum", x, np.array([0]), keep_dims=False), a, dynamic=dynamic)
    assert same(out, np.zeros(3, "float32"))


@pytest.mark.parametrize("name", ["ReduceMax", "ReduceMin"])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_nothing_to_reduce(name, dtype):
    """A crop to the strokes of an empty image must not become a crop to the largest negative number."""
    def build(g, x):
        rows = g.call("NonZero", x, output_type="int64")
        return [g.call(name, rows, np.array([1]), keep_dims=False), g.call("Add", x, np.array(1, dtype))]
    g = Graph()
    g.result(*build(g, g.parameter(dtype, [8, 8])))
    f = g.compile()
    assert on_openvino(f.describe()), f.describe()
    image = np.zeros((8, 8), dtype)
    image[2:5, 3:7] = 1
    want = np.array(np.nonzero(image))
    assert same(f(image)[0], want.max(1) if name == "ReduceMax" else want.min(1))
    with pytest.raises(KvinoError, match="zero-size array to reduction operation m.* which has no identity"):
        f(np.zeros((8, 8), dtype))
    assert same(f(image)[1], image + np.array(1, dtype))


def test_mean_of_nothing():
    g = Graph()
    x = g.parameter("float32", [6])
    positive = g.call("Gather", x, g.call("NonZero", g.call("ReLU", x), output_type="int64"), np.int64(0), batch_dims=0)
    g.result(g.call("ReduceMean", positive, np.array([0, 1]), keep_dims=False))
    f = g.compile()
    assert on_openvino(f.describe()), f.describe()
    assert f(np.array([1, -1, 3, -2, 5, 0], "float32")) == 3
    assert np.isnan(f(np.full(6, -1, "float32")))


def test_dynamic_shapes():
    g = Graph()
    x, y = g.parameter("float32", [-1, -1]), g.parameter("float32", [-1])
    g.result(g.call("Add", x, y))
    f = g.compile()
    rng = np.random.default_rng(5)
    for n, m in [(2, 3), (1, 1), (300, 200), (0, 4), (2, 3), (5, 1)]:
        a, b = rng.normal(size=(n, m)).astype("float32"), rng.normal(size=m).astype("float32")
        assert same(f(a, b), a + b)


def test_views_as_inputs():
    a = np.arange(24, dtype="float32").reshape(4, 6)
    for view in (a.T, a[::-1, ::2], a[1:2], np.broadcast_to(a[0], (4, 6))):
        expect(lambda g, x: g.call("Add", x, x), view + view, view)


def test_large_outputs_outlive_the_executable():
    g = Graph()
    x = g.parameter("float32", [-1])
    g.result(g.call("Multiply", x, np.float32(2)))
    f = g.compile()
    a = np.arange(100000, dtype="float32")
    results = [f(a + k) for k in range(4)]
    del f, g
    for k, r in enumerate(results):
        assert same(r, (a + k) * 2)


# ---- constants ----

def test_many_constants_without_a_copy():
    rng = np.random.default_rng(6)
    constants = [rng.normal(size=(n, 8)).astype("float32")[:, ::step] for n, step in [(1, 1), (700, 1), (700, 2), (5000, 1)]]
    g = Graph()
    x = g.parameter("float32", [1])
    g.result(*[g.call("Add", g.constant(c), x) for c in constants])
    f = g.compile()
    for r, c in zip(f(np.array([0.5], "float32")), constants):
        assert same(r, c + np.float32(0.5))


def test_constants_live_as_long_as_the_model():
    def make(k):
        g = Graph()
        g.result(g.call("Add", np.full(5000, k, "float32"), g.parameter("float32", [1])))
        return g.compile()
    functions = [make(k) for k in range(10)]
    for k, f in enumerate(functions):
        assert same(f(np.zeros(1, "float32")), np.full(5000, k, "float32"))


def test_slice_to_the_end():
    a = np.arange(10, dtype="float32")
    big, least = 2**63 - 1, -2**63
    expect(lambda g, x: g.call("Slice", x, np.array([2]), np.array([big]), np.array([3]), np.array([0])), a[2::3], a)
    expect(lambda g, x: g.call("Slice", x, np.array([big]), np.array([least]), np.array([-1]), np.array([0])), a[::-1], a)


def test_infinite_constants():
    a = np.array([1, 2], "float32")
    with np.errstate(all="ignore"):
        expect(lambda g, x: g.call("Multiply", x, np.array([np.inf, -np.inf], "float32")), a * np.array([np.inf, -np.inf], "float32"), a)


# ---- partition ----

def test_native_in_the_middle():
    def build(g, x):
        y = g.call("Convert", g.call("Tanh", x), destination_type="float64")
        y = g.call("Exp", y)
        return g.call("Sin", g.call("Convert", y, destination_type="float32"))
    a = np.random.default_rng(7).normal(size=(3, 4)).astype("float32")
    out, text = kvino(build, a)
    np.testing.assert_allclose(out, np.sin(np.exp(np.tanh(a.astype("f8")))), rtol=1e-5)
    lines = text.splitlines()
    assert [": native" in line for line in lines] == [False, True, False], text
    assert "CPU" in lines[0] and "Tanh" in lines[0] and "float64" in lines[1]


def test_two_chains_share_segments():
    """Nodes that do not depend on each other join one segment of each engine."""
    def build(g, x):
        out = []
        for f in ("Sin", "Cos"):
            y = g.call("Exp", g.call("Convert", g.call(f, x), destination_type="float64"))
            out.append(g.call("Tanh", g.call("Convert", y, destination_type="float32")))
        return out
    a = np.linspace(-2, 2, 9, dtype="float32")
    out, text = kvino(build, a)
    assert text.count("segment") == 3, text
    for r, f in zip(out, (np.sin, np.cos)):
        np.testing.assert_allclose(r, np.tanh(np.exp(f(a.astype("f8")))), rtol=1e-5)


def test_value_used_on_both_sides():
    def build(g, x):
        y = g.call("Tanh", x)
        z = g.call("Convert", g.call("Exp", g.call("Convert", y, destination_type="float64")), destination_type="float32")
        return [g.call("Add", y, z), y]
    a = np.linspace(-2, 2, 9, dtype="float32")
    (r, y), text = kvino(build, a)
    np.testing.assert_allclose(y, np.tanh(a), rtol=1e-5)
    np.testing.assert_allclose(r, np.tanh(a) + np.exp(np.tanh(a)), rtol=1e-5)


def test_everything_native():
    a = np.linspace(-2, 2, 9, dtype="float32")
    out, text = kvino(lambda g, x: g.call("Add", g.call("Tanh", x), x), a, device="native")
    np.testing.assert_allclose(out, np.tanh(a) + a, rtol=1e-6)
    assert "CPU" not in text and text.count("segment") == 1


# ---- runs ----

def test_many_threads():
    g = Graph()
    x = g.parameter("float32", [-1, 8])
    w = np.random.default_rng(8).normal(size=(8, 8)).astype("float32")
    y = g.call("Tanh", g.call("Add", x, w[0]))
    z = g.call("Convert", g.call("Exp", g.call("Convert", y, destination_type="float64")), destination_type="float32")
    g.result(g.call("Multiply", z, x), y)
    f = g.compile()

    def work(k):
        rng = np.random.default_rng(k)
        for _ in range(50):
            a = rng.normal(size=(rng.integers(0, 30), 8)).astype("float32")
            p, q = f(a)
            np.testing.assert_allclose(q, np.tanh(a + w[0]), rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(p, np.exp(np.tanh(a + w[0])) * a, rtol=1e-4, atol=1e-5)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work, k) for k in range(8)]:
            future.result()


def test_wrong_inputs():
    g = Graph()
    g.result(g.call("Add", g.parameter("float32", [-1, 3], "image"), np.float32(1)))
    f = g.compile()
    good = np.zeros((2, 3), "float32")
    for arrays, text in [((), "0 inputs were given, the function takes 1"), ((good, good), "2 inputs were given"),
                         ((good.astype("float64"),), "input 0 'image' has dtype float64, the function was compiled for float32"),
                         ((good.T.copy(),), r"input 0 'image' has shape \(3, 2\), the function was compiled for \(None, 3\)"),
                         ((good[0],), r"has shape \(3,\)")]:
        with pytest.raises(KvinoError, match=text):
            f(*arrays)
    assert same(f(good), good + 1)


@pytest.mark.parametrize("device, text", [("GPU.7", "GPU"), ("TPU", "TPU"), ("CPU,,", "CPU")])
def test_unknown_device(device, text):
    g = Graph()
    g.result(g.call("Add", g.parameter("float32", [1]), np.float32(1)))
    with pytest.raises(KvinoError, match=text):
        g.compile(device)


def test_properties():
    g = Graph()
    g.result(g.call("Add", g.parameter("float32", [1]), np.float32(1)))
    assert "NUM_STREAMS=0" in g.compile().describe()  # small: no threads of its own
    assert "NUM_STREAMS=1" in g.compile(streams=1).describe()
    with pytest.raises(KvinoError, match="unknown property 'speed'"):
        g.compile(speed="high")
    with pytest.raises(KvinoError, match="takes no properties"):
        g.compile("native", streams=1)


# ---- caches ----

def test_changed_constant_changes_the_result():
    """The cache of compiled models goes by contents: no stale weight is ever served."""
    value = np.full(3000, 1, "float32")
    a = np.zeros(1, "float32")
    for k in (1, 2, 1, 3):
        value[:] = k
        g = Graph()
        g.result(g.call("Add", g.constant(value.copy()), g.parameter("float32", [1])))
        assert same(g.compile()(a), np.full(3000, k, "float32"))


def test_equal_graphs_compile_once():
    import time

    def build():
        g = Graph()
        x = g.parameter("float32", [3, 5])
        for _ in range(30):
            x = g.call("Tanh", g.call("Add", x, np.float32(0.125)))
        g.result(x)
        start = time.perf_counter()
        f = g.compile()
        return f, time.perf_counter() - start
    first = [build() for _ in range(1)]
    again = [build() for _ in range(5)]
    assert min(t for _, t in again) < first[0][1] / 3
    a = np.ones((3, 5), "float32")
    assert same(again[0][0](a), first[0][0](a))


# ---- indices out of range ----

ROWS = np.arange(1, 25, dtype="float32").reshape(4, 6)


def tuples(g, x, i):
    return g.call("GatherND", x, g.call("Reshape", i, np.array([-1, 2]), special_zero=False), batch_dims=0)


TAKING = {
    "Gather": (lambda g, x, i: g.call("Gather", x, i, np.array(0), batch_dims=0), [3, 0, 1, 0], [0, 4, 1, 2]),
    "Gather along 1": (lambda g, x, i: g.call("Gather", x, i, np.array(1), batch_dims=0), [3, -6, 5, 0], [0, 4, 6, 2]),
    "Gather of one": (
        lambda g, x, i: g.call("Gather", x, g.call("Squeeze", i, np.array([0])), np.array(0), batch_dims=0), [-4], [2**29],
    ),
    "Gather in a batch of one": (
        lambda g, x, i: g.call("Gather", g.call("Unsqueeze", x, np.array([0])), g.call("Unsqueeze", i, np.array([0])), np.array(1), batch_dims=1),
        [3, 0, 1, -4], [0, 4, 1, 2],
    ),
    "Gather of computed": (
        lambda g, x, i: g.call("Gather", x, g.call("Add", i, i), np.array(0), batch_dims=0), [1, 0, 0, -2], [0, -3, 0, 0],
    ),
    "GatherElements": (
        lambda g, x, i: g.call("GatherElements", x, g.call("Reshape", i, np.array([-1, 6]), special_zero=False), axis=0),
        [3, 0, 1, 2, 0, -4], [3, 0, 1, 2, 0, -5],
    ),
    "GatherND": (tuples, [3, 0, -4, 5], [3, 0, -4, 6]),
    "GatherND far away": (tuples, [3, 0, 1, -6], [3, 0, 2**29, 0]),
}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("name", TAKING)
def test_an_index_out_of_range_is_an_error(name, dtype, dynamic):
    build, good, bad = TAKING[name]
    good, bad = np.array(good, dtype), np.array(bad, dtype)
    g = Graph()
    g.result(build(g, *[g.parameter(a.dtype.name, [-1] * a.ndim if dynamic else a.shape) for a in (ROWS, good)]))
    f, native = g.compile("CPU"), g.compile("native")
    for _ in range(2):
        assert same(f(ROWS, good), native(ROWS, good))
        with pytest.raises(KvinoError, match="is out of bounds for axis") as e:
            f(ROWS, bad)
        assert e.value.status == 3
    assert on_openvino(f.describe()) or (dynamic and "GatherND" in name), f.describe()


def test_plugin_takes_zero_for_an_index_out_of_range():
    taken = plugin(lambda x, i: ov.gather(x, i, np.int64(0)), ROWS, np.array([1, 4, -5]))
    assert np.array_equal(taken, np.stack([ROWS[1], 0 * ROWS[0], 0 * ROWS[0]]))


def test_indices_between_segments():
    """The range is known of an input; where it is a value of the native engine's, it is looked at as well."""
    def build(g, x, i):
        i = g.call("Convert", g.call("Convert", i, destination_type="float64"), destination_type="int32")
        return g.call("Tanh", g.call("Gather", x, i, np.array(0), batch_dims=0))

    i = np.array([3, -4, 0])
    out, text = kvino(build, ROWS, i)
    assert same(out, np.tanh(ROWS[i])) or np.allclose(out, np.tanh(ROWS[i]), rtol=1e-6)
    assert "native" in text and "Gather" in text.split("\n")[1]
    with pytest.raises(KvinoError, match="index 4 is out of bounds for axis 0 with size 4"):
        g = Graph()
        g.result(build(g, g.parameter("float32", (4, 6)), g.parameter("int64", (3,))))
        g.compile("CPU")(ROWS, np.array([3, 4, 0]))


def test_an_executable_says_what_it_takes_and_gives():
    g = capi.Graph()
    x = g.parameter("float32", [-1, 4], "x")
    g.result(g.call("Negative", x))
    f, port, error = g.compile("native"), capi.Port(), capi.Error()
    for kind, name in (("input", b"x"), ("output", None)):
        count, get = getattr(capi.lib, f"kvino_executable_{kind}_count"), getattr(capi.lib, f"kvino_executable_{kind}")
        count.restype = capi.C.c_size_t
        assert count(f.handle) == 1 and count(None) == 0
        capi.check(get(f.handle, capi.C.c_size_t(0), capi.C.byref(port), capi.C.byref(error)), error)
        assert (port.name, capi.NAMES[port.dtype], port.shape[: port.rank]) == (name, "float32", [-1, 4])
        with pytest.raises(capi.KvinoError, match="out of range: there are 1"):
            capi.check(get(f.handle, capi.C.c_size_t(1), capi.C.byref(port), capi.C.byref(error)), error)


def test_names_of_statuses_and_the_version():
    capi.lib.kvino_status_name.restype = capi.lib.kvino_version.restype = capi.C.c_char_p
    assert [capi.lib.kvino_status_name(i) for i in (0, 1, 8, 9)] == [b"KVINO_OK", b"KVINO_INVALID", b"KVINO_DEVICE", b"unknown status"]
    header = (pathlib.Path(__file__).parents[2] / "include" / "kvino" / "common.h").read_text()
    parts = [re.search(rf"#define KVINO_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH")]
    assert ".".join(parts).encode() == capi.lib.kvino_version()
