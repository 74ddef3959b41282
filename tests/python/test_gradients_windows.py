"""Derivatives of convolutions and pooling: against JAX's, by their being linear, and (which maximum gets what) against
plain loops; the native sums for filters in all their forms; how many Transposes a compiled training step has."""

import itertools
import re

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

import capi
import kvino
from derivatives import gradients
from kvino import _core

DEVICES = ("native", "CPU")


def numbers(seed, *shape, dtype=np.float32):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(dtype)


def differentiate(f, x, u, device="native", unknown=()):
    """f(*x) and its gradients at the cotangent u; of operands at `unknown` the last dimension alone is known."""
    graph = _core.Graph()
    shapes = [(None,) * (a.ndim - 1) + a.shape[-1:] if i in unknown else a.shape for i, a in enumerate(x)]
    p = tuple(graph.parameter(s, a.dtype.name) for s, a in zip(shapes, x))
    y = f(*p)
    d = graph.parameter((None,) * u.ndim if unknown else u.shape, u.dtype.name)
    for t in (y, *_core.gradients((y,), (d,), p)):
        graph.result(t)
    return [np.asarray(t) for t in graph.compile(device)(*x, u)]


def close(a, b, rtol=2e-5):
    assert a.shape == b.shape and a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1e-6, np.abs(b).max(initial=0)))


# ---- convolution ----

# spatial shape, channels, groups, filters, kernel, strides, padding, dilation
CONVOLUTIONS = [
    ((9,), 3, 1, 4, (3,), 1, "same", 1),
    ((450,), 2, 1, 3, (4,), 1, "valid", 3),
    ((17,), 4, 2, 6, (3,), 3, "same", 1),
    ((8, 9), 3, 1, 5, (3, 2), 1, "valid", 1),
    ((11, 10), 20, 1, 35, (3, 3), 1, "same", 1),
    ((11, 10), 4, 1, 3, (3, 3), 2, "same", 1),
    ((12, 10), 4, 1, 3, (2, 3), 3, "valid", 1),
    ((12, 11), 4, 2, 6, (3, 3), 1, "same", 2),
    ((7, 7), 18, 1, 40, (1, 1), 1, "same", 1),
    ((7, 8), 5, 1, 4, (1, 1), 2, "valid", 1),
    ((7, 8), 6, 3, 12, (3, 3), 2, "same", 1),
    ((9, 9), 20, 20, 20, (3, 3), 1, "same", 1),
    ((9, 9), 5, 5, 10, (3, 2), 2, "valid", 1),
    ((5, 6, 7), 3, 1, 4, (2, 3, 3), 1, "same", 1),
    ((6, 5, 7), 4, 2, 2, (2, 2, 3), 2, "valid", 1),
]


def jax_conv(case):
    spatial, _, groups, _, _, strides, padding, dilation = case
    n = len(spatial)
    letters = "DHW"[3 - n :]
    names = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    return lambda x, w: jax.lax.conv_general_dilated(
        x, w, (strides,) * n, padding.upper(), rhs_dilation=(dilation,) * n, dimension_numbers=names,
        feature_group_count=groups)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("unknown", [False, True], ids=["known", "unknown"])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=lambda c: "-".join(map(str, c)).replace(" ", ""))
def test_convolution(case, unknown, device):
    spatial, channels, groups, filters, kernel, strides, padding, dilation = case
    x = numbers(1, 5, *spatial, channels)
    w = numbers(2, *kernel, channels // groups, filters)
    y, pull = jax.vjp(jax_conv(case), jnp.asarray(x), jnp.asarray(w))
    u = numbers(3, *y.shape)
    f = lambda a, b: kvino.ops.conv(a, b, strides=strides, padding=padding, dilation_rate=dilation)  # noqa: E731
    got = differentiate(f, [x, w], u, device, (0,) if unknown else ())
    for a, b in zip(got, (y, *pull(jnp.asarray(u)))):
        close(a, np.asarray(b))


TRANSPOSES = list(itertools.product([(6,), (4, 5)], [1, 2, 3], ["same", "valid"], [None, 1]))
TRANSPOSES += [((3, 4, 3), 2, "same", None)]


@pytest.mark.parametrize("unknown", [False, True], ids=["known", "unknown"])
@pytest.mark.parametrize("case", TRANSPOSES, ids=str)
def test_transposed_convolution_is_bilinear(case, unknown):
    spatial, strides, padding, more = case
    if more is not None and more >= strides:
        more = None
    x, v = (numbers(i, 2, *spatial, 3, dtype=np.float64) for i in (1, 2))
    w, b = (numbers(i, *(3,) * len(spatial), 4, 3, dtype=np.float64) for i in (3, 4))
    f = lambda a, k: kvino.ops.conv_transpose(a, k, strides=strides, padding=padding, output_padding=more)  # noqa: E731
    u = numbers(5, *np.asarray(f(x, w)).shape, dtype=np.float64)
    _, dx, dw = differentiate(f, [x, w], u, "native", (0,) if unknown else ())
    assert np.sum(dx * v) == pytest.approx(np.sum(u * np.asarray(f(v, w))), rel=1e-11)
    assert np.sum(dw * b) == pytest.approx(np.sum(u * np.asarray(f(x, b))), rel=1e-11)


@pytest.mark.parametrize("unknown", [False, True], ids=["known", "unknown"])
@pytest.mark.parametrize("strides", [1, 2])
def test_second_derivatives_of_convolution(strides, unknown):
    """<v, dx(u, w)> and <b, dw(x, u)> by their operands."""
    x, v = (numbers(i, 2, 6, 7, 3, dtype=np.float64) for i in (1, 2))
    w, b = (numbers(i, 3, 3, 3, 4, dtype=np.float64) for i in (3, 4))
    f = lambda a, k: kvino.ops.conv(a, k, strides=strides, padding="same")  # noqa: E731
    u = numbers(5, *np.asarray(f(x, w)).shape, dtype=np.float64)
    graph = _core.Graph()
    p = tuple(graph.parameter((None, None, None, 3) if unknown and a is x else a.shape, "float64") for a in (x, w, u))
    dx, dw = _core.gradients((f(*p[:2]),), p[2:], p[:2])
    results = _core.gradients((dx,), (kvino.Tensor(v),), p[1:])
    results += _core.gradients((dw,), (kvino.Tensor(b),), (p[0], p[2]))
    for t in results:
        graph.result(t)
    by_w, by_u, by_x, by_u2 = [np.asarray(t) for t in graph.compile("native")(x, w, u)]
    _, _, dw_v = differentiate(f, [v, w], u)
    _, dx_b, _ = differentiate(f, [x, b], u)
    close(by_w, dw_v, 1e-12)
    close(by_u, np.asarray(f(v, w)), 1e-12)
    close(by_x, dx_b, 1e-12)
    close(by_u2, np.asarray(f(x, b)), 1e-12)


def filters_by_loops(x, d, shape, strides, dilations, begin):
    """Channels first, in float64."""
    n, grouped = x.ndim - 2, len(shape) == x.ndim + 1
    groups = shape[0] if grouped else 1
    co, ci = shape[grouped : grouped + 2]
    y = np.zeros((groups, co, ci, *shape[grouped + 2 :]))
    x, d = x.astype(np.float64), d.astype(np.float64)
    for tap in np.ndindex(*shape[grouped + 2 :]):
        for at in np.ndindex(*d.shape[2:]):
            place = [at[i] * strides[i] - begin[i] + tap[i] * dilations[i] for i in range(n)]
            if all(0 <= p < m for p, m in zip(place, x.shape[2:])):
                a = x[(slice(None), slice(None), *place)].reshape(-1, groups, ci)
                b = d[(slice(None), slice(None), *at)].reshape(-1, groups, co)
                y[(slice(None), slice(None), slice(None), *tap)] += np.einsum("ngi,ngo->goi", a, b)
    return y.reshape(shape)


# x, d, filters, strides, dilations, pads
FILTERS = [
    ((3, 1, 6, 6), (3, 33, 6, 6), (33, 1, 3, 3), (1, 1), (1, 1), (1, 1)),
    ((9, 17, 7, 7), (9, 40, 7, 7), (40, 17, 3, 3), (1, 1), (1, 1), (1, 1)),
    ((2, 33, 7, 7), (2, 3, 7, 7), (3, 33, 1, 1), (1, 1), (1, 1), (0, 0)),
    ((2, 5, 1, 400), (2, 4, 1, 400), (4, 5, 1, 3), (1, 1), (1, 1), (0, 1)),
    ((2, 6, 9, 8), (2, 8, 5, 3), (2, 4, 3, 3, 3), (2, 3), (1, 1), (1, 1)),
    ((2, 37, 6, 5), (2, 37, 6, 5), (37, 1, 1, 3, 4), (1, 1), (1, 1), (1, 1)),
    ((2, 5, 9, 9), (2, 10, 4, 4), (5, 2, 1, 2, 2), (2, 2), (2, 2), (1, 0)),
    ((2, 2, 4, 5, 6), (2, 3, 4, 3, 6), (3, 2, 3, 3, 1), (1, 2, 1), (1, 1, 1), (1, 1, 0)),
    ((4, 3, 10), (4, 2, 5), (2, 3, 4), (2,), (3,), (4,)),
    ((0, 3, 5, 5), (0, 2, 5, 5), (2, 3, 3, 3), (1, 1), (1, 1), (1, 1)),
]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("case", FILTERS, ids=str)
def test_ConvolutionBackpropFilters(case, last, dtype):
    x_shape, d_shape, filters, strides, dilations, pads = case
    kind = capi.dtype(dtype)
    x, d = numbers(1, *x_shape).astype(kind), numbers(2, *d_shape).astype(kind)
    expected = filters_by_loops(x, d, filters, strides, dilations, pads)
    if last:
        x, d = (np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1) for a in (x, d))
    y = capi.prim("ConvolutionBackpropFilters", x, d, filters=filters, strides=strides, dilations=dilations,
                  pads_begin=pads, pads_end=pads, auto_pad="explicit")
    assert y.dtype == kind
    eps = float(ml_dtypes.finfo(kind).eps)
    # up to 800 terms of size 1
    np.testing.assert_allclose(y.astype(np.float64), expected, rtol=4 * eps, atol=400 * eps)


def test_ConvolutionBackpropFilters_refuses():
    def call(x, d, filters):
        capi.prim("ConvolutionBackpropFilters", np.zeros(x), np.zeros(d), filters=filters, strides=(1,), dilations=(1,),
                  pads_begin=(0,), pads_end=(0,), auto_pad="explicit")

    with pytest.raises(capi.KvinoError, match="channels do not fit"):
        call((1, 2, 5), (1, 4, 5), (3, 2, 1))
    with pytest.raises(capi.KvinoError, match="batches of 1 and 2"):
        call((1, 2, 5), (2, 3, 5), (3, 2, 1))
    with pytest.raises(capi.KvinoError, match="filters of 2 dimensions"):
        call((1, 2, 5), (1, 3, 5), (3, 2))


# ---- pooling ----


def max_pool_by_loops(x, u, size, strides, padding):
    """Channels last: the first maximum of each window, NaN before all, gets u."""
    n, d = x.ndim - 2, np.zeros_like(x)
    total = [max((u.shape[1 + i] - 1) * strides + size - x.shape[1 + i], 0) for i in range(n)]
    begin = [t // 2 if padding == "same" else 0 for t in total]
    for at in np.ndindex(*u.shape[1 : 1 + n]):
        window = tuple(slice(max(a * strides - b, 0), a * strides - b + size) for a, b in zip(at, begin))
        for i in range(x.shape[0]):
            for c in range(x.shape[-1]):
                part = x[(i, *window, c)]
                place = np.unravel_index(np.argmax(part), part.shape)
                d[(i, *window, c)][place] += u[(i, *at, c)]
    return d


POOLS = [((8, 8), 2, 2, "valid"), ((7, 9), 3, 2, "same"), ((6, 7), 3, 1, "same"), ((9, 8), 2, 3, "valid"),
         ((11,), 4, 3, "same"), ((5, 4, 6), 2, 2, "same")]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("channels", [1, 21, 70])
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_max_pool_gives_the_first_maximum_all(case, channels, device):
    spatial, size, strides, padding = case
    x = np.random.default_rng(4).integers(-1, 2, (2, *spatial, channels)).astype(np.float32)  # many ties
    for data_format in ("channels_last", "channels_first"):
        given = x if data_format == "channels_last" else np.ascontiguousarray(np.moveaxis(x, -1, 1))
        f = lambda a: kvino.ops.max_pool(a, size, strides, padding, data_format)  # noqa: E731, B023
        u = numbers(5, *np.asarray(f(given)).shape)
        _, d = differentiate(f, [given], u, device)
        if data_format == "channels_first":
            u, d = np.moveaxis(u, 1, -1), np.moveaxis(d, 1, -1)
        close(d, max_pool_by_loops(x, u, size, strides, padding), 1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 40])
def test_max_pool_of_infinities_and_nan(dtype, channels):
    x = np.array([[1, np.nan, np.nan, 2], [-np.inf, -np.inf, 3, np.inf]], dtype)
    x = x.repeat(channels).reshape(1, 2, 4, channels)
    u = np.full((1, 1, 2, channels), 2, dtype)
    _, d = differentiate(lambda a: kvino.ops.max_pool(a, 2), [x], u)
    assert d.dtype == dtype and (d[0, :, :, 0] == [[0, 2, 2, 0], [0, 0, 0, 0]]).all() and (d == d[..., :1]).all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("unknown", [False, True], ids=["known", "unknown"])
@pytest.mark.parametrize("channels", [21])
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_average_pool_is_linear(case, channels, unknown, device):
    spatial, size, strides, padding = case
    x, v = (numbers(i, 2, *spatial, channels) for i in (1, 2))
    f = lambda a: kvino.ops.average_pool(a, size, strides, padding)  # noqa: E731
    u = numbers(3, *np.asarray(f(x)).shape)
    _, d = differentiate(f, [x], u, device, (0,) if unknown else ())
    y = np.asarray(f(v)).astype(np.float64)
    assert d.shape == v.shape and np.sum(d * v, dtype=np.float64) == pytest.approx(np.sum(u * y), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("pads", [((0, 0), (0, 0)), ((1, 0), (1, 1))], ids=str)
@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize("rounding", ["floor", "ceil"])
def test_AvgPoolBackprop_is_the_transpose(rounding, exclude, pads):
    attributes = dict(kernel=(3, 2), strides=(2, 2), pads_begin=pads[0], pads_end=pads[1], exclude__pad=exclude,
                      rounding_type=rounding, auto_pad="explicit")
    x = numbers(1, 2, 3, 8, 7, dtype=np.float64)
    y = capi.prim("AvgPool", x, **attributes)
    u = numbers(2, *y.shape, dtype=np.float64)
    d = capi.prim("AvgPoolBackprop", u, np.array([8, 7]), **attributes)
    assert np.sum(d * x) == pytest.approx(np.sum(u * y), rel=1e-12)
    with pytest.raises(capi.KvinoError, match="do not belong together"):
        capi.prim("AvgPoolBackprop", u, np.array([12, 6]), **attributes)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("size, kernel, attributes", [
    ((5, 6), (3, 2), {}), ((5, 6), (3, 2), dict(strides=[2, 3], pads_begin=[1, 0], pads_end=[2, 1])), ((7, 4), (2, 2), dict(dilations=[3, 1])),
    ((2, 2), (3, 3), {})], ids=str)
def test_Col2Im(size, kernel, attributes, device):
    """Linear: <u, fold(x)> = <its gradient at u, x>; the gradient of that gradient is fold again. No window, no gradient."""
    padded = np.add(size, np.add(attributes.get("pads_begin", [0, 0]), attributes.get("pads_end", [0, 0])))
    reach = np.subtract(kernel, 1) * attributes.get("dilations", [1, 1]) + 1
    counts = np.maximum((padded - reach) // attributes.get("strides", [1, 1]) + 1, 0)
    x = numbers(1, 2, 3 * kernel[0] * kernel[1], int(np.prod(counts)), dtype=np.float64)
    shapes = [np.array(size), np.array(kernel)]
    y = capi.prim("Col2Im", x, *shapes, **attributes)
    u = numbers(2, *y.shape, dtype=np.float64)
    graph = capi.Graph()
    p, q = graph.parameter("float32", x.shape), graph.parameter("float32", u.shape)
    (d,) = gradients(graph, graph.call("Col2Im", p, *shapes, **attributes), [q], [p])
    (back,) = gradients(graph, d, [p], [q])
    graph.result(d)
    graph.result(back)
    d, back = graph.compile(device)(x.astype("float32"), u.astype("float32"))
    assert d.shape == x.shape and np.sum(d * x) == pytest.approx(np.sum(u * y), rel=1e-5)
    np.testing.assert_allclose(back, y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape,size", [((2, 9, 3), 4), ((2, 7, 8, 5), (3, 5)), ((1, 5, 4, 6, 20), (2, 3, 4))], ids=str)
def test_adaptive_pools(shape, size):
    x, v = numbers(1, *shape, dtype=np.float64), numbers(2, *shape, dtype=np.float64)
    f = lambda a: kvino.ops.adaptive_average_pool(a, size)  # noqa: E731
    u = numbers(3, *np.asarray(f(x)).shape, dtype=np.float64)
    _, d = differentiate(f, [x], u)
    assert np.sum(d * v) == pytest.approx(np.sum(u * np.asarray(f(v))), rel=1e-11)
    f = lambda a: kvino.ops.adaptive_max_pool(a, size)  # noqa: E731
    y, d = differentiate(f, [x], u)
    assert np.sum(d * x) == pytest.approx(np.sum(u * y), rel=1e-11)  # each u at its maximum
    assert d.sum() == pytest.approx(u.sum(), rel=1e-11)


# ---- a training step ----


def test_few_transposes_in_a_training_step():
    """Convolutions and pools and their derivatives all work channels first: what moves is the image, filters and the
    last feature map."""
    graph, ops = _core.Graph(), kvino.ops
    shapes = [(8, 14, 14, 3), (3, 3, 3, 16), (3, 3, 16, 32), (3 * 3 * 32, 10)]
    x, *w = (graph.parameter(s, "float32") for s in shapes)
    h = ops.max_pool(ops.relu(ops.conv(x, w[0], padding="same")), 2)
    h = ops.max_pool(ops.relu(ops.conv(h, w[1], padding="same")), 2)
    loss = ops.sum(ops.square(ops.matmul(ops.reshape(h, (8, -1)), w[2])))
    gradients = _core.gradients((loss,), (kvino.Tensor(np.float32(1)),), tuple(w))
    for t in (loss, *gradients):
        graph.result(t)
    given = [numbers(i, *s) for i, s in enumerate(shapes)]
    executable = graph.compile("CPU")
    for a, b in zip(executable(*given), graph.compile("native")(*given)):
        close(np.asarray(a), np.asarray(b), 1e-4)
    text = executable.describe()
    counts = [int(n or 1) for n in re.findall(r"\bTranspose(?: x(\d+))?", text)]
    # the image; filters of both layers forward, and of both gradients; the last feature map, and its cotangent
    assert sum(counts) <= 7, text
    assert text.count("segment") <= 7, text
