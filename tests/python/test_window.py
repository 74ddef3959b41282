"""Convolution and pooling: native against sums written out in NumPy, and against OpenVINO."""

import itertools
import os
import subprocess
import sys

import capi
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generated import check, close, declared, fails, ints

WINDOW_PRIMITIVES = {"Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MaxPool",
                     "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool", "Col2Im"}
WAY_BACK = {"ConvolutionBackpropFilters", "MaxPoolBackprop", "MaxPoolGather", "AvgPoolBackprop",
            "AdaptiveAvgPoolBackprop"}  # tested in test_gradients_windows.py


def test_every_primitive_is_tested():
    assert set(declared("window")) == WINDOW_PRIMITIVES | WAY_BACK


def geometry(length, kernel, stride, dilation, begin, end, auto_pad):
    """(length of the result, padding in front, padding behind) along one axis."""
    reach = (kernel - 1) * dilation + 1
    if auto_pad == "valid":
        begin = end = 0
    elif auto_pad.startswith("same"):
        out = -(-length // stride)
        total = max((out - 1) * stride + reach - length, 0)
        begin = total // 2 if auto_pad == "same_upper" else total - total // 2
        end = total - begin
    return (length + begin + end - reach) // stride + 1, begin, end


def windows(x, kernel, strides, dilations, begins, ends, auto_pad, fill):
    """[N, C, taps, positions...] of x [N, C, spatial...]."""
    places = [geometry(n, *rest, auto_pad) for n, *rest in zip(x.shape[2:], kernel, strides, dilations, begins, ends)]
    padded = np.pad(x, [(0, 0), (0, 0)] + [(b, e) for _, b, e in places], constant_values=fill)
    taps = []
    for tap in itertools.product(*map(range, kernel)):
        index = [slice(t * d, t * d + (out - 1) * s + 1, s) for t, d, s, (out, _, _) in zip(tap, dilations, strides, places)]
        taps.append(padded[(slice(None), slice(None), *index)])
    return np.stack(taps, 2)


def convolution(x, w, groups, **geometry_of):
    """w [groups, out, in, spatial...]"""
    columns = windows(x, w.shape[3:], fill=0, **geometry_of)
    n, c, taps, *places = columns.shape
    columns = columns.reshape(n, groups, c // groups, taps, *places)
    y = np.einsum("goct,ngct...->ngo...", w.reshape(*w.shape[:3], -1), columns)
    return y.reshape(n, -1, *places)


def backprop(y, w, shape, groups, **geometry_of):
    """The adjoint of `convolution` by its definition: <convolution(x), y> = <x, backprop(y)>, one unit vector at a time."""
    result = np.zeros((y.shape[0], w.shape[2] * groups, *shape))
    unit = np.zeros((1, *result.shape[1:]))
    for index in np.ndindex(*unit.shape[1:]):
        unit[(0, *index)] = 1
        image = convolution(unit, w, groups, **geometry_of)[0]
        result[(slice(None), *index)] = np.tensordot(y, image, axes=(range(1, y.ndim), range(image.ndim)))
        unit[(0, *index)] = 0
    return result


@st.composite
def calls(draw, spatial_most=3):
    n = draw(st.integers(1, spatial_most))
    sizes = lambda low, high: draw(st.lists(st.integers(low, high), min_size=n, max_size=n))  # noqa: E731
    strides, dilations, kernel = sizes(1, 3), sizes(1, 2), sizes(1, 3)
    begins, ends = sizes(0, 2), sizes(0, 2)
    lengths = [draw(st.integers((k - 1) * d + 1, 7)) for k, d in zip(kernel, dilations)]
    return dict(lengths=lengths, kernel=kernel, strides=strides, dilations=dilations, begins=begins, ends=ends,
                auto_pad=draw(st.sampled_from(["explicit", "valid", "same_upper", "same_lower"])),
                groups=draw(st.integers(1, 3)), seed=draw(st.integers(0, 1000)),
                dtype=draw(st.sampled_from(["float32", "float64", "float16", "bfloat16"])))


def operands(call, rng):
    g = call["groups"]
    x = rng.integers(-4, 5, (2, 2 * g, *call["lengths"])).astype(capi.dtype(call["dtype"]))
    w = rng.integers(-4, 5, (g, 3, 2, *call["kernel"])).astype(x.dtype)
    return x, w


def shared(call):
    return {key: call[key] for key in ("strides", "dilations", "begins", "ends", "auto_pad")}


def attributes(call):
    return dict(strides=call["strides"], dilations=call["dilations"], pads_begin=call["begins"], pads_end=call["ends"],
                auto_pad=call["auto_pad"])


@given(calls())
def test_convolution(call):
    """Small whole numbers: every dtype is exact."""
    x, w = operands(call, np.random.default_rng(call["seed"]))
    expected = convolution(x.astype(float), w.astype(float), call["groups"], **shared(call))
    got = capi.prim("GroupConvolution", x, w, **attributes(call))
    assert got.dtype == x.dtype
    np.testing.assert_array_equal(got.astype(float), expected.astype(x.dtype).astype(float))
    if call["groups"] == 1:
        np.testing.assert_array_equal(capi.prim("Convolution", x, w[0], **attributes(call)).astype(float), got.astype(float))


@given(calls(2))
def test_strided_operands(call):
    x, w = operands(call, np.random.default_rng(call["seed"]))
    flipped = np.flip(np.asfortranarray(x), -1)
    np.testing.assert_array_equal(capi.prim("GroupConvolution", flipped, w, **attributes(call)).astype(float),
                                  capi.prim("GroupConvolution", np.ascontiguousarray(flipped), w, **attributes(call)).astype(float))


@given(calls(2))
def test_backprop(call):
    call = dict(call, auto_pad="explicit", dtype="float64")
    rng = np.random.default_rng(call["seed"])
    x, w = operands(call, rng)
    forward = convolution(x, w, call["groups"], **shared(call))
    y = rng.integers(-4, 5, forward.shape).astype(float)
    # Where the windows did not reach the end of x, output_padding names the rest.
    reached = [(o - 1) * s + (k - 1) * d + 1 - b - e for o, s, k, d, b, e in
               zip(forward.shape[2:], call["strides"], call["kernel"], call["dilations"], call["begins"], call["ends"])]
    rest = [n - r for n, r in zip(call["lengths"], reached)]
    expected = backprop(y, w, call["lengths"], call["groups"], **shared(call))
    got = capi.prim("GroupConvolutionBackpropData", y, w, output_padding=rest, **attributes(call))
    np.testing.assert_array_equal(got, expected)
    if call["groups"] == 1:
        np.testing.assert_array_equal(capi.prim("ConvolutionBackpropData", y, w[0], output_padding=rest, **attributes(call)), expected)


@given(calls())
def test_pooling(call):
    dtype = "float32" if call["dtype"] == "bfloat16" else call["dtype"]
    rng = np.random.default_rng(call["seed"])
    x = rng.integers(-9, 9, (2, 3, *call["lengths"])).astype(dtype)
    # Padding by less than the window, as OpenVINO demands: no window without an element.
    begins, ends = ([min(p, k - 1) for p, k in zip(call[side], call["kernel"])] for side in ("begins", "ends"))
    place = dict(strides=call["strides"], dilations=[1] * len(begins), begins=begins, ends=ends, auto_pad=call["auto_pad"])
    given_ = dict(kernel=call["kernel"], strides=call["strides"], pads_begin=begins, pads_end=ends, rounding_type="floor",
                  auto_pad=call["auto_pad"])
    columns = windows(x.astype(float), call["kernel"], fill=np.nan, **place)
    np.testing.assert_array_equal(capi.prim("MaxPool", x, **given_).astype(float), np.nanmax(columns, 2))
    mean = np.nanmean(columns, 2).astype(dtype)
    np.testing.assert_allclose(capi.prim("AvgPool", x, exclude__pad=True, **given_).astype(float), mean.astype(float), rtol=2e-3 if dtype == "float16" else 1e-6)
    with_pads = np.nan_to_num(columns).mean(2).astype(dtype)
    np.testing.assert_allclose(capi.prim("AvgPool", x, exclude__pad=False, **given_).astype(float), with_pads.astype(float), rtol=2e-3 if dtype == "float16" else 1e-6)


@pytest.mark.parametrize("dtype", [n for n in capi.NAMES if n not in ("complex64", "complex128")])
def test_max_pool_of_every_dtype(dtype):
    x = np.arange(2 * 6).reshape(1, 2, 6).astype(capi.dtype(dtype))
    y = capi.prim("MaxPool", x, kernel=[2], strides=[2], pads_begin=[0], pads_end=[0], rounding_type="floor", auto_pad="explicit")
    np.testing.assert_array_equal(y.astype(float), np.maximum(x[..., ::2].astype(float), x[..., 1::2].astype(float)))


def test_nan_wins_in_max_pool():
    x = np.array([[[1, np.nan, 3, 4]]], np.float32)
    y = capi.prim("MaxPool", x, kernel=[2], strides=[2], pads_begin=[0], pads_end=[0], rounding_type="floor", auto_pad="explicit")
    np.testing.assert_array_equal(y, [[[np.nan, 4]]])


def test_rounding_up_counts_a_window_that_is_cut_off():
    x = np.arange(5, dtype=np.float32).reshape(1, 1, 5)
    y = capi.prim("MaxPool", x, kernel=[2], strides=[2], pads_begin=[0], pads_end=[0], rounding_type="ceil", auto_pad="explicit")
    np.testing.assert_array_equal(y, [[[1, 3, 4]]])


CASES = [
    ("Convolution", (2, 3, 9, 8), (4, 3, 3, 2), {}),
    ("GroupConvolution", (2, 6, 9, 8), (3, 2, 2, 3, 3), {}),
    ("ConvolutionBackpropData", (2, 6, 5, 4), (6, 4, 3, 3), {"output_padding": [1, 0]}),
    ("GroupConvolutionBackpropData", (2, 6, 5, 4), (3, 2, 4, 3, 3), {"output_padding": [1, 0]}),
    ("MaxPool", (2, 3, 9, 8), None, {"kernel": [3, 2], "rounding_type": "floor"}),
    ("AvgPool", (2, 3, 9, 8), None, {"kernel": [3, 2], "rounding_type": "floor", "exclude__pad": True}),
]


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name, shape, weights, more", CASES, ids=[case[0] for case in CASES])
def test_against_openvino(name, shape, weights, more, dynamic):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=s).astype("float32") for s in (shape, weights) if s]
    given_ = dict(strides=[2, 1], pads_begin=[1, 0], pads_end=[0, 1], auto_pad="explicit", **more)
    if weights:
        given_["dilations"] = [1, 1]
    native = capi.prim(name, *inputs, **given_)
    compiled = capi.compiled(name, *inputs, constants=(1,), dynamic=dynamic, **given_)
    np.testing.assert_allclose(compiled, native, rtol=2e-5, atol=2e-5)


def test_empty_batch():
    x, w = np.zeros((0, 3, 8, 8), np.float32), np.ones((4, 3, 3, 3), np.float32)
    y = capi.prim("Convolution", x, w, strides=[1, 1], dilations=[1, 1], pads_begin=[0, 0], pads_end=[0, 0], auto_pad="valid")
    assert y.shape == (0, 4, 6, 6)


@pytest.mark.parametrize("shape, weights, text", [
    ((1, 3, 8), (4, 2, 3), "the data has 3 channels, the kernel takes 2"),
    ((1, 3, 2), (4, 3, 3), "does not fit"),
    ((3, 8), (4, 3, 3), "dimensions"),
    ((1, 3, 8), (4, 3, 3, 3), "dimensions"),
])
def test_errors(shape, weights, text):
    with pytest.raises(capi.KvinoError, match=text):
        capi.prim("Convolution", np.ones(shape, np.float32), np.ones(weights, np.float32), strides=[1], dilations=[1],
                  pads_begin=[0], pads_end=[0], auto_pad="explicit")


def test_integers_are_refused():
    with pytest.raises(capi.KvinoError, match="takes floats, not int32"):
        capi.prim("Convolution", np.ones((1, 1, 3), np.int32), np.ones((1, 1, 1), np.int32), strides=[1], dilations=[1],
                  pads_begin=[0], pads_end=[0], auto_pad="explicit")


# ---- orders of memory, sizes that are cut into tiles, the paths for one channel in a group and for one tap ----

PLAIN = dict(strides=[1, 1], dilations=[1, 1], pads_begin=[0, 0], pads_end=[0, 0], auto_pad="explicit")


def channels_last(x):
    """The same array, whose channels (axis 1) follow each other in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def weights_last(w):
    """[(groups,) out, in, spatial...] over memory in the order of Keras's kernels: spatial, in, out."""
    return np.ascontiguousarray(w.T).T


def orders(x, w):
    for a in (x, channels_last(x), np.flip(np.flip(x, 2).copy(), 2)):
        for b in (w, weights_last(w)):
            yield a, b


# groups, in, out, length, kernel, stride, dilation, padding
SHAPES = [(1, 3, 5, 40, 3, 1, 1, 1), (1, 70, 9, 33, 3, 2, 1, 0), (1, 16, 24, 21, 1, 1, 1, 0), (1, 16, 24, 21, 1, 2, 1, 0),
          (1, 8, 8, 16, 5, 1, 2, 4), (4, 3, 2, 17, 3, 1, 1, 2), (12, 1, 1, 30, 3, 1, 1, 1), (12, 1, 1, 31, 3, 2, 1, 1), (7, 1, 3, 19, 4, 1, 2, 3),
          (3, 4, 5, 12, 1, 1, 1, 0), (1, 1, 1, 50, 7, 3, 1, 3), (1, 2, 3, 4, 6, 1, 1, 3), (1, 1, 6, 9, 3, 1, 1, 0), (1, 160, 8, 40, 3, 1, 1, 1)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "float8_e5m2"])
@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_orders_and_sizes(case, dtype):
    groups, ci, co, length, kernel, stride, dilation, pad = case
    rng = np.random.default_rng(7)
    given_ = dict(strides=[stride] * 2, dilations=[dilation] * 2, pads_begin=[pad] * 2, pads_end=[pad] * 2, auto_pad="explicit")
    geometry_ = dict(strides=[stride] * 2, dilations=[dilation] * 2, begins=[pad] * 2, ends=[pad] * 2, auto_pad="explicit")
    low, high = (-1, 2) if "float8" in dtype else (-3, 4)  # sums of small whole numbers: exact in f32
    x = rng.integers(low, high, (2, groups * ci, length, length + 1)).astype(capi.dtype(dtype))
    w = rng.integers(low, high, (groups, co, ci, kernel, kernel)).astype(x.dtype)
    expected = convolution(x.astype(float), w.astype(float), groups, **geometry_).astype(x.dtype).astype(float)
    for a, b in orders(x, w):
        np.testing.assert_array_equal(capi.prim("GroupConvolution", a, b, **given_).astype(float), expected)
        if groups == 1:
            np.testing.assert_array_equal(capi.prim("Convolution", a, b[0], **given_).astype(float), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("case", [c for c in SHAPES if c[3] < 22 and c[1] < 20], ids=str)
def test_orders_of_backprop(case, dtype):
    """Against the convolution: the transpose of a convolution from y to x takes x to y."""
    groups, ci, co, length, kernel, stride, dilation, pad = case
    rng = np.random.default_rng(8)
    given_ = dict(strides=[stride] * 2, dilations=[dilation] * 2, pads_begin=[pad] * 2, pads_end=[pad] * 2, auto_pad="explicit")
    x = rng.integers(-2, 3, (2, groups * ci, length, length - 1)).astype(capi.dtype(dtype))
    w = rng.integers(-2, 3, (groups, ci, co, kernel, kernel)).astype(x.dtype)
    if min(x.shape[2:]) * stride + (kernel - 1) * dilation < 2 * pad + 1:
        return
    reach = (kernel - 1) * dilation
    spread = np.zeros((*x.shape[:2], *((n - 1) * stride + 1 + 2 * reach for n in x.shape[2:])))
    spread[:, :, reach : spread.shape[2] - reach : stride, reach : spread.shape[3] - reach : stride] = x.astype(float)
    turned = w.astype(float).swapaxes(1, 2)[..., ::-1, ::-1]
    full = convolution(spread, turned, groups, strides=[1, 1], dilations=[dilation] * 2, begins=[0, 0], ends=[0, 0], auto_pad="explicit")
    expected = full[:, :, pad : full.shape[2] - pad, pad : full.shape[3] - pad].astype(x.dtype).astype(float)
    for a, b in orders(x, w):
        np.testing.assert_array_equal(capi.prim("GroupConvolutionBackpropData", a, b, **given_).astype(float), expected)


def test_special_values_reach_only_their_windows():
    x = np.zeros((1, 4, 9, 9), np.float32)
    x[0, 1, 4, 4] = np.nan
    w = np.ones((1, 2, 4, 3, 3), np.float32)
    expected = convolution(x, w, 1, strides=[1, 1], dilations=[1, 1], begins=[1, 1], ends=[1, 1], auto_pad="explicit")
    for a, b in orders(x, w):
        np.testing.assert_array_equal(capi.prim("Convolution", a, b[0], **{**PLAIN, "pads_begin": [1, 1], "pads_end": [1, 1]}), expected)


@pytest.mark.parametrize("dtype", [n for n in capi.NAMES if not n.startswith("complex")])
@pytest.mark.parametrize("channels", [1, 3, 20, 3000])
def test_pooling_of_every_order_and_dtype(dtype, channels):
    rng = np.random.default_rng(9)
    x = rng.integers(0, 2 if dtype == "bool" else 5, (2, channels, 5, 7)).astype(capi.dtype(dtype))
    place = dict(strides=[2, 1], begins=[1, 0], ends=[0, 1], dilations=[1, 1], auto_pad="explicit")
    given_ = dict(kernel=[3, 2], strides=[2, 1], pads_begin=[1, 0], pads_end=[0, 1], rounding_type="floor", auto_pad="explicit")
    columns = windows(x.astype(float), [3, 2], fill=np.nan, **place)
    for a in (x, channels_last(x), np.flip(np.flip(x, 2).copy(), 2)):
        got = capi.prim("MaxPool", a, **given_)
        assert got.dtype == x.dtype
        np.testing.assert_array_equal(got.astype(float), np.nanmax(columns, 2))
        if "float" in dtype:
            close(capi.prim("AvgPool", a, exclude__pad=True, **given_), np.nanmean(columns, 2).astype(x.dtype), rtol=1e-7)
    if "float" not in dtype:
        fails(f"AvgPool does not take dtype {dtype}", "AvgPool", x, exclude__pad=True, status=2, **given_)


@pytest.mark.parametrize("length", [5, 6, 7, 8])
@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize("exclude", [True, False])
def test_rounding_up_and_averages_as_openvino(length, pad, exclude):
    x = np.random.default_rng(1).normal(size=(1, 2, length)).astype(np.float32)
    given_ = dict(kernel=[4], strides=[3], pads_begin=[0], pads_end=[pad], rounding_type="ceil", auto_pad="explicit")
    close(capi.prim("AvgPool", x, exclude__pad=exclude, **given_), capi.compiled("AvgPool", x, exclude__pad=exclude, **given_), 1e-6)
    close(capi.prim("MaxPool", x, **given_), capi.compiled("MaxPool", x, **given_))


def adaptive(x, shape):
    """The windows of each element of the result, in order."""
    for index in np.ndindex(*shape):
        yield index, tuple(slice(i * n // s, -(-(i + 1) * n // s)) for i, n, s in zip(index, x.shape[2:], shape))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("spatial, shape", [((7,), (3,)), ((5, 8), (2, 8)), ((3, 3), (5, 1)), ((4, 5, 6), (2, 3, 4))])
def test_adaptive_pooling(dtype, spatial, shape):
    rng = np.random.default_rng(2)
    for channels in (2, 11):
        x = rng.integers(-9, 9, (2, channels, *spatial)).astype(dtype)
        mean, top = np.zeros((2, channels, *shape), dtype), np.zeros((2, channels, *shape), dtype)
        where = np.zeros((2, channels, *shape), np.int64)
        flat = np.arange(np.prod(spatial)).reshape(spatial)
        for index, window in adaptive(x, shape):
            cut = x[(slice(None), slice(None), *window)].reshape(2, channels, -1)
            at = (slice(None), slice(None), *index)
            mean[at], top[at] = cut.astype(np.float64).mean(-1), cut.max(-1)
            where[at] = flat[window].ravel()[cut.argmax(-1)]
        for a in (x, channels_last(x)):
            close(capi.prim("AdaptiveAvgPool", a, ints(*shape)), mean, rtol=1e-7)
            got = capi.prim("AdaptiveMaxPool", a, ints(*shape), index_element_type="int64")
            close(got[0], top)
            close(got[1], where)
        check("AdaptiveAvgPool", [x, ints(*shape)], mean, constants=(1,), compare=lambda g, e: close(g, e, 1e-3))
        check("AdaptiveMaxPool", [x, ints(*shape)], [top, where.astype(np.int32)], constants=(1,), compare=close, index_element_type="int32")


def folded(x, size, kernel, strides, dilations, pads_begin, pads_end):
    """The images whose windows the columns are, added up: every window at its place in a padded plane."""
    places = [geometry(*rest, "explicit") for rest in zip(size, kernel, strides, dilations, pads_begin, pads_end)]
    counts = [max(n, 0) for n, _, _ in places]
    y = np.zeros((len(x), x.shape[1] // int(np.prod(kernel)), *(n + b + e for n, (_, b, e) in zip(size, places))), x.dtype)
    columns = x.reshape(*y.shape[:2], *kernel, *counts)
    for tap in itertools.product(*map(range, kernel)) if all(counts) else ():
        index = [slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, s, n in zip(tap, dilations, strides, counts)]
        y[(slice(None), slice(None), *index)] += columns[(slice(None), slice(None), *tap)]
    return y[(slice(None), slice(None), *(slice(b, b + n) for n, (_, b, _) in zip(size, places)))]


COLUMNS = [  # size, kernel, strides, dilations, pads_begin, pads_end
    ((5, 6), (3, 2), (1, 1), (1, 1), (0, 0), (0, 0)), ((5, 6), (3, 2), (2, 3), (1, 1), (1, 0), (2, 1)), ((7, 4), (2, 2), (1, 2), (3, 1), (0, 4), (5, 0)),
    ((4, 4), (4, 4), (4, 4), (1, 1), (0, 0), (0, 0)), ((2, 2), (3, 3), (1, 1), (1, 1), (0, 0), (0, 0)), ((1, 9), (1, 1), (1, 4), (1, 1), (3, 0), (0, 0)),
    ((40, 70), (3, 3), (1, 1), (1, 1), (1, 1), (1, 1)), ((40, 70), (3, 3), (1, 2), (1, 1), (1, 1), (1, 1)),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8", "complex64"])
@pytest.mark.parametrize("size, kernel, strides, dilations, pads_begin, pads_end", COLUMNS, ids=str)
def test_Col2Im(size, kernel, strides, dilations, pads_begin, pads_end, dtype):
    counts = [max(geometry(*rest, "explicit")[0], 0) for rest in zip(size, kernel, strides, dilations, pads_begin, pads_end)]
    attributes = dict(strides=strides, dilations=dilations, pads_begin=pads_begin, pads_end=pads_end)
    for batch, channels in ((2, 3), (1, 1), (0, 2)):
        x = np.random.default_rng(0).integers(0, 9, (batch, channels * np.prod(kernel), np.prod(counts))).astype(dtype)
        expected = folded(x, size, kernel, **attributes)
        close(capi.prim("Col2Im", np.flip(x, 1).copy()[:, ::-1], ints(*size), ints(*kernel), **attributes), expected)
        check("Col2Im", [x, ints(*size), ints(*kernel)], expected, constants=(1, 2), compare=close, **attributes)


def test_Col2Im_rounds_once():
    x = np.full((1, 9, 16), 1 / 3, "float16")
    expected = folded(x.astype("float32"), (4, 4), (3, 3), (1, 1), (1, 1), (1, 1), (1, 1)).astype("float16")
    check("Col2Im", [x, ints(4, 4), ints(3, 3)], expected, constants=(1, 2), compare=close, pads_begin=[1, 1], pads_end=[1, 1])


def test_errors_of_Col2Im():
    x = np.ones((1, 8, 9), np.float32)
    fails("must be divisible by kernel_size product (9)", "Col2Im", x, ints(4, 4), ints(3, 3))
    fails("the input has 9 windows, the geometry 4", "Col2Im", x, ints(3, 3), ints(2, 2))
    fails("Input must be a 3D tensor", "Col2Im", x[0], ints(4, 4), ints(2, 2))
    for plane, kernel, attributes in ([(4, 4), (2,), {}], [(4, -4), (2, 2), {}], [(4, 4), (0, 2), {}], [(2**40, 2), (2, 2), {}],
                                      [(4, 4), (2, 2), {"strides": [0, 1]}], [(4, 4), (2, 2), {"pads_end": [-1, 0]}]):
        fails("takes two lengths of the plane and of the kernel", "Col2Im", x, ints(*plane), ints(*kernel), **attributes)


def test_more_errors():
    x, w = np.ones((1, 4, 8, 8), np.float32), np.ones((4, 4, 3, 3), np.float32)
    fails("must be positive", "Convolution", x, w, **{**PLAIN, "strides": [0, 1]})
    fails("operands of one dtype", "Convolution", x, w.astype(np.float64), status=2, **PLAIN)
    fails("takes a kernel of 2 sizes, found 1", "MaxPool", x, kernel=[2], strides=[1, 1], rounding_type="floor", auto_pad="explicit")
    fails("the shape of the output has one value for each of the 2 spatial dimensions", "AdaptiveAvgPool", x, ints(2))
    fails("indices are int32 or int64, not float32", "AdaptiveMaxPool", x, ints(2, 2), index_element_type="float32", status=2)
    fails("the padding of dimension 0 is larger than the result", "ConvolutionBackpropData", x[:, :, :1], w, **{**PLAIN, "pads_begin": [4, 0]})
    fails("negative dimensions are not allowed", "AdaptiveAvgPool", x, ints(2, -1))
    fails("of an empty dimension", "AdaptiveAvgPool", x[:, :, :0], ints(2, 2))


def test_the_result_does_not_depend_on_threads():
    script = """
import hashlib, numpy as np, capi
r, h = np.random.default_rng(0), hashlib.sha256()
x, w = r.normal(size=(3, 32, 40, 40)).astype("f4"), r.normal(size=(48, 32, 3, 3)).astype("f4")
g = dict(strides=[1, 1], dilations=[1, 1], pads_begin=[1, 1], pads_end=[1, 1], auto_pad="explicit")
h.update(capi.prim("Convolution", x, w, **g).tobytes())
h.update(capi.prim("ConvolutionBackpropData", x, w.swapaxes(0, 1).copy(), **g).tobytes())
h.update(capi.prim("MatMul", r.normal(size=(700, 300)), r.normal(size=(300, 500)), transpose_a=False, transpose_b=False).tobytes())
print(h.hexdigest())
"""
    digests = set()
    for threads in ("1", "2", "3"):
        env = {**os.environ, "KVINO_THREADS": threads, "PYTHONPATH": os.path.dirname(os.path.abspath(__file__))}
        digests.add(subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True).stdout)
    assert len(digests) == 1 and len(digests.pop().strip()) == 64
