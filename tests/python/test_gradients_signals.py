"""Derivatives of Fourier transforms, of what is done to images, of CTCLoss, and of random samples: reverse, forward and second
ones against differences in float64; the new transposes against sums; what has no derivative."""

import numpy as np
import pytest

import capi
import kvino
from derivatives import gradients as gradients_of
from kvino import _core
from test_gradients_linalg import check, gradient, refused

RANDOM = np.random.default_rng(2)


def n(values, dtype=np.int64):
    return np.array(values, dtype)


# ---- Fourier transforms ----

COMPLEX_LINES = [((5, 2), [0], None), ((3, 4, 5, 2), [1], None), ((3, 4, 5, 2), [-1, 0], None), ((3, 4, 2), [0, 1], [5, 2]),
                 ((3, 4, 2), [1, 0], [-1, 2]), ((1, 6, 2), [1], [9])]
REAL_LINES = [((6,), [0], None), ((5,), [0], None), ((3, 4, 5), [1], None), ((3, 4, 5), [0, 2], None), ((3, 6), [0, 1], [4, 5]),
              ((3, 6), [1, 0], [8, 2]), ((3, 5), [-1], [-1]), ((2, 1), [1], None), ((2, 2), [1], [1])]


@pytest.mark.parametrize("unknown", [0, 10, -1], ids=["known", "all but pairs", "unknown"])
@pytest.mark.parametrize("shape, axes, lengths", COMPLEX_LINES, ids=str)
@pytest.mark.parametrize("name", ["DFT", "IDFT"])
def test_complex_transforms(name, shape, axes, lengths, unknown):
    x = RANDOM.normal(size=shape)
    check(name, [x, n(axes)] + ([n(lengths)] if lengths else []), constants=(1, 2), unknown=0 if unknown == 10 else unknown)


@pytest.mark.parametrize("unknown", [0, -1], ids=["known", "unknown"])
@pytest.mark.parametrize("shape, axes, lengths", REAL_LINES, ids=str)
def test_real_transforms(shape, axes, lengths, unknown):
    check("RDFT", [RANDOM.normal(size=shape), n(axes)] + ([n(lengths)] if lengths else []), constants=(1, 2), unknown=unknown)


@pytest.mark.parametrize("unknown", [0, -1], ids=["known", "unknown"])
@pytest.mark.parametrize("shape, axes, lengths", [((4, 2), [0], None), ((3, 4, 2), [1], [7]), ((3, 4, 2), [1], [5]), ((3, 4, 2), [1], [12]),
                                                  ((3, 4, 2), [0, 1], [5, 6]), ((3, 4, 2), [1, 0], [2, 4]), ((2, 2, 2), [1], [1])], ids=str)
def test_transforms_to_real(shape, axes, lengths, unknown):
    x = RANDOM.normal(size=shape)
    check("IRDFT", [x, n(axes)] + ([n(lengths)] if lengths else []), constants=(1, 2), unknown=unknown)


# ---- images ----


@pytest.mark.parametrize("unknown", [0, -1], ids=["known", "unknown"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("one_row", [False, True])
def test_resample(axis, one_row, unknown):
    x = RANDOM.normal(size=(4, 5, 3))
    start = n([-2, 0, 0, 1, 3, 9, 2], np.int32)
    w = RANDOM.normal(size=(1 if one_row else 7, 3))
    check("Resample", [x, start, w], unknown=unknown, axis=axis)
    d = np.moveaxis(RANDOM.normal(size=(4, 5, 7)), 2, axis)
    back = capi.prim("ResampleBackprop", d, start, w, n(6), axis=axis)
    expected = np.zeros((6, 4, 5))
    for o in range(7):
        for k in range(3):
            if 0 <= start[o] + k < 6:
                expected[start[o] + k] += w[0 if one_row else o, k] * np.moveaxis(d, axis, 0)[o]
    np.testing.assert_allclose(np.moveaxis(back, axis, 0), expected, rtol=1e-12, atol=1e-12)
    narrow = capi.prim("ResampleBackprop", d.astype("f4"), start, w.astype("f4"), n(6), axis=axis)
    np.testing.assert_allclose(narrow, back, rtol=1e-5, atol=1e-5)
    check("ResampleBackprop", [d, start, w, n(6)], constants=(3,), unknown=unknown, axis=axis)


def test_resample_of_wide_rows():
    d, start, w = RANDOM.normal(size=(3, 2500)), n([0, 1, 1], np.int32), RANDOM.normal(size=(3, 2))
    back = capi.prim("ResampleBackprop", d, start, w, n(3), axis=0)
    matrix = np.array([[w[0, 0], 0, 0], [w[0, 1], w[1, 0], w[2, 0]], [0, w[1, 1], w[2, 1]]])
    np.testing.assert_allclose(back, matrix @ d, atol=1e-12)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("scale", [0.41, 1.83])
@pytest.mark.parametrize("filter", ["linear", "cubic", "lanczos3", "lanczos5", "area"])
def test_weights(filter, scale, antialias):
    operands = [n(9), n(7), np.float64(scale), np.float64(0.317)]
    check("ResampleWeights", operands, constants=(0, 1), outputs=[1], rtol=1e-5, filter=filter, antialias=antialias, output_type="f64")


MODES = ["constant", "nearest", "wrap", "mirror", "reflect"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("axes, grids", [(1, 2), (2, 1), (2, 2), (3, 2)], ids=str)
def test_sample(axes, grids, order, mode):
    x = RANDOM.normal(size=(2, *(4, 3, 5)[:axes], 2))
    at = RANDOM.uniform(-4, 8, (grids, axes, 3, 4)).round(1) + 0.03
    for unknown in (0, -1):
        check("Sample", [x, at, np.float64(0.7)], unknown=unknown, second=order == 1, order=order, fill_mode=mode)
    d = RANDOM.normal(size=(2, 3, 4, 2))
    check("SampleBackprop", [d, at, n(x.shape)], constants=(2,), second=order == 1, order=order, fill_mode=mode)


def test_sample_at_places_that_are_none():
    x, at = np.arange(8.0).reshape(1, 4, 2), np.array([[[0.5, np.nan, np.inf, 1.0]]])
    at, fill = at.reshape(1, 1, 4), np.float64(3)
    slope = gradient("Sample", x, at, fill, wanted=1, order=1, fill_mode="nearest")
    np.testing.assert_array_equal(slope, [[[4, np.nan, np.nan, 4]]])  # the value is none, either
    back = gradient("Sample", x, at, fill, order=1, fill_mode="nearest")
    np.testing.assert_array_equal(back[0, :, 0], [0.5, 1.5, 0, 0])
    assert gradient("Sample", x, at, fill, wanted=2, order=1, fill_mode="nearest") == 0  # which is not used


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_nearest_places_of_small_floats(dtype):
    x, at = np.zeros((1, 3, 1), capi.dtype(dtype)), np.array([[[0.2, 0.3, 2.4, 9.0]]])
    back = gradient("Sample", x, at, np.asarray(0, x.dtype), order=0, fill_mode="constant")
    np.testing.assert_array_equal(back.astype("f8")[0, :, 0], [2, 0, 1])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("batch", [1, 2])
def test_project(batch, mode):
    x = RANDOM.normal(size=(2, 4, 5, 3))
    t = np.array([[0.9, 0.13, 0.47, -0.11, 1.07, 0.31, 0.011, -0.017]])[[0] * batch] * RANDOM.uniform(0.97, 1.03, (batch, 8))
    for unknown in (0, -1):
        check("Project", [x, t, np.float64(0.5)], unknown=unknown, rtol=1e-5, order=1, fill_mode=mode)
    check("Project", [x, t, np.float64(0.5)], second=False, order=0, fill_mode=mode)


@pytest.mark.parametrize("to", ["hsv", "rgb"])
@pytest.mark.parametrize("axis", [-1, 1])
def test_colours(to, axis):
    x = np.moveaxis(RANDOM.uniform(0.05, 0.95, (2, 7, 6, 3)), -1, axis)
    for unknown in (0, -1):
        check("ConvertColor", [x], unknown=unknown, rtol=1e-5, axis=axis, to=to, epsilon=1e-16)


def test_grey_has_no_hue():
    grey = np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])
    assert np.isfinite(gradient("ConvertColor", grey, axis=1, to="hsv", epsilon=1e-16)).all()


# ---- connectionist temporal classification ----


@pytest.mark.parametrize("blank", [0, 2, -1])
def test_ctc(blank):
    logits = RANDOM.normal(size=(4, 6, 5))
    label = n([[1, 3, 3], [3, 1, 0], [1, 0, 0], [3, 3, 3]], np.int32)
    if blank != 0:
        label = np.where(label == 0, 1, label)
    operands = [logits, n([6, 4, 6, 6]), label, n([3, 2, 0, 1])]
    for unknown in (0, -1):
        check("CTCLoss", operands, second=False, unknown=unknown, blank=blank)
    slopes = capi.prim("CTCLossGradient", *operands, blank=blank)
    np.testing.assert_allclose(slopes.sum(-1), 0, atol=1e-12)
    assert not slopes[1, 4:].any()
    narrow = capi.prim("CTCLossGradient", logits.astype("f4"), *operands[1:], blank=blank)
    np.testing.assert_allclose(narrow, slopes, rtol=1e-5, atol=1e-6)


def test_ctc_of_what_cannot_be_read():
    operands = [RANDOM.normal(size=(1, 2, 3)), n([2]), n([[1, 1, 1]]), n([3])]
    assert capi.prim("CTCLoss", *operands, blank=0) == np.inf
    assert not gradient("CTCLoss", *operands, blank=0).any()
    operands[0][0, 0, 0] = np.nan
    assert np.isnan(gradient("CTCLoss", *operands[:2], n([[1, 1, 1]]), n([1]), blank=0)).any()
    with pytest.raises(capi.KvinoError, match="target 5 of batch item 0 is out of range for 3 classes"):
        capi.prim("CTCLossGradient", *operands[:2], n([[5, 1, 1]]), n([1]), blank=0)


def test_ctc_beam_search():
    log_p = np.log(RANDOM.dirichlet(np.ones(3), (1, 4)))
    refused("CTCBeamSearch has no derivative", "CTCBeamSearch", log_p, n([4]), output=1, beam_width=4, top_paths=1, blank=0)


# ---- random samples ----

SEED = np.array([3, 5], np.uint32)


def sampled(name, a, b, dtype="float64", unknown=False):
    """The sample of [2, 3, 4], and a function that gives its derivatives: reverse (of its sum) and forward (along ones)."""
    graph = _core.Graph()
    x = tuple(graph.parameter((None,) * p.ndim if unknown else p.shape, p.dtype.name) for p in (a, b))
    y = getattr(kvino.ops, name)(SEED, (2, 3, 4), *x, dtype=dtype)
    u = kvino.Tensor(np.ones((2, 3, 4), dtype))
    for t in _core.gradients((y,), (u,), x) + _core.jvp((y,), x, tuple(kvino.Tensor(np.ones_like(p)) for p in (a, b))):
        graph.result(t)
    return [np.asarray(t) for t in graph.compile("native")(a, b)]


@pytest.mark.parametrize("unknown", [False, True], ids=["known", "unknown"])
@pytest.mark.parametrize("name", ["uniform", "normal", "truncated_normal"])
@pytest.mark.parametrize("a, b", [((), ()), ((4,), (3, 1)), ((3, 4), ())], ids=str)
def test_parameters_of_samples(name, a, b, unknown):
    low, high = RANDOM.uniform(-1, 1, a), RANDOM.uniform(2, 3, b)
    z = np.asarray(getattr(kvino.ops, name)(SEED, (2, 3, 4), np.float64(0), np.float64(1), dtype="float64"))
    one = 1 - z if name == "uniform" else np.ones_like(z)
    of_low, of_high, ahead = sampled(name, low, high, unknown=unknown)
    np.testing.assert_allclose(of_low, to_shape(one, a), rtol=1e-12)
    np.testing.assert_allclose(of_high, to_shape(z, b), rtol=1e-12)
    np.testing.assert_allclose(ahead, one + z, rtol=1e-12)


def to_shape(x, shape):
    """Summed over what was broadcast from that shape."""
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    return x.sum(axis=tuple(i for i, d in enumerate(shape) if d == 1), keepdims=True)


def test_samples_without_spread():
    z = np.asarray(kvino.ops.normal(SEED, (2, 3, 4), 0.0, 1.0, dtype="float32"))
    _, of_deviation, ahead = sampled("normal", np.float32([2]), np.float32([0]), "float32")
    np.testing.assert_allclose(of_deviation, [z.astype("f8").sum()], rtol=1e-6)
    np.testing.assert_allclose(ahead, 1 + z, rtol=1e-6)


@pytest.mark.parametrize("name, a, b", [("beta", 2.0, 3.0), ("binomial", 5.0, 0.5)])
def test_other_distributions(name, a, b):
    with pytest.raises(NotImplementedError, match=f"with respect to the parameters of {name}"):
        sampled(name, np.float64([a]), np.float64([b]))


def test_gamma_has_no_derivative():
    graph = _core.Graph()
    x = graph.parameter((), "float32")
    y = kvino.ops.gamma(SEED, (3,), x)
    with pytest.raises(NotImplementedError, match="with respect to the parameters of gamma"):
        _core.gradients((y,), (kvino.Tensor(np.ones(3, "f4")),), (x,))


def test_samples_themselves_do_not_hinder():
    """Noise of fixed parameters is a constant."""
    graph = _core.Graph()
    x = graph.parameter((3,), "float32")
    y = x * kvino.ops.gamma(SEED, (3,), 2.0)
    graph.result(_core.gradients((y,), (kvino.Tensor(np.ones(3, "f4")),), (x,))[0])
    np.testing.assert_array_equal(np.asarray(graph.compile("native")(np.ones(3, "f4"))[0]), kvino.ops.gamma(SEED, (3,), 2.0))


@pytest.mark.parametrize("order", [0, 1])
def test_a_fill_value_has_no_part_in_a_place_that_is_nan(order):
    g = capi.Graph()
    fill = g.parameter("float32", ())
    at = np.float32([[[np.nan, -3, 1, 9]]])
    y = g.call("Sample", np.ones((1, 4, 1), "float32"), at, fill, order=order, fill_mode="constant")
    g.result(*gradients_of(g, y, None, [fill]))
    np.testing.assert_array_equal(g.compile("native")(np.float32(2)), 2)


# ---- by OpenVINO: what it has is computed there, the rest natively ----

CALLS = {
    "rfft": lambda x: kvino.ops.rfft(x)[0],
    "fft2": lambda x: kvino.ops.fft2((x, x * x))[1],
    "stft": lambda x: kvino.ops.stft(x, 4, 2, 4)[0],
    "solve": lambda x: kvino.ops.solve(kvino.ops.matmul(x, kvino.ops.transpose(x)) + kvino.ops.eye(6), x),
    "cholesky": lambda x: kvino.ops.cholesky(kvino.ops.matmul(x, kvino.ops.transpose(x)) + kvino.ops.eye(6)),
    "pinv": lambda x: kvino.ops.pinv(x),
    "norm": lambda x: kvino.ops.norm(x, "nuc"),
    "resize": lambda x: kvino.ops.resize(kvino.ops.reshape(x, (6, 4, 1)), (5, 7), data_format="channels_last"),
    "hsv": lambda x: kvino.ops.rgb_to_hsv(kvino.ops.reshape(x * x, (4, 2, 3)), data_format="channels_last"),
    "blur": lambda x: kvino.ops.gaussian_blur(kvino.ops.reshape(x, (6, 4, 1)), (3, 3), (0.7, 0.9), data_format="channels_last"),
    "map_coordinates": lambda x: kvino.ops.map_coordinates(x, kvino.ops.stack([x[:2] + 1.3, x[2:4] + 1.1]), 1),
    "einsum": lambda x: kvino.ops.einsum("ab,cb,ad->dc", [x, x, x]),
}


@pytest.mark.parametrize("name", CALLS)
def test_float32_compiled(name):
    x = RANDOM.normal(size=(6, 4))
    found = []
    for dtype, device in (("float64", "native"), ("float32", "native"), ("float32", "CPU")):
        graph = _core.Graph()
        p = graph.parameter((6, 4), dtype)
        y = CALLS[name](p)
        u = kvino.Tensor(np.cos(np.arange(np.prod(y.shape, dtype=int))).reshape(y.shape).astype(dtype))
        graph.result(_core.gradients((y,), (u,), (p,))[0])
        found.append(np.asarray(graph.compile(device)(x.astype(dtype))[0]))
    assert np.abs(found[0]).max() > 0
    for narrow in found[1:]:
        assert narrow.dtype == np.float32
        np.testing.assert_allclose(narrow, found[0], rtol=2e-4, atol=2e-4 * np.abs(found[0]).max())
