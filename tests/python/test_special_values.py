"""Numbers that OpenVINO's transformations would change: compiled graphs of nodes that it merges, and of weights that it shares,
against the native kernels (which the other tests hold against NumPy)."""

import itertools

import numpy as np
import pytest

import kvino  # isort: skip: makes Keras use it
from keras.src.backend import core

K = kvino.ops


def normal(*shape, seed=0):
    return kvino.convert_to_tensor(np.random.default_rng(seed).normal(size=shape).astype("float32"))


def both(f, *x, dynamic=False):
    """What f gives compiled for OpenVINO, and natively: lists of arrays."""
    x = [kvino.convert_to_tensor(v) for v in x]
    got, want = (kvino.function(f, device=device, dynamic=dynamic)(*x) for device in ("CPU", "native"))
    as_list = lambda v: [np.asarray(t) for t in (v if isinstance(v, (tuple, list)) else [v])]
    return as_list(got), as_list(want)


# ---- one constant, read in several ways ----


@pytest.mark.parametrize("n", [3, 16, 64])
def test_a_matrix_used_in_two_orientations(n):
    w, x = normal(n, n), normal(8, n, seed=1)
    forward = lambda v: K.einsum("ij,jk->ik", [v, w])
    backward = lambda v: K.einsum("ij,kj->ik", [v, w])
    for f, g in itertools.product((forward, backward), repeat=2):
        got, want = both(lambda v: (g(K.relu(f(v))), f(v * 2.0), g(v)), x)
        for a, b in zip(got, want):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


def test_a_view_of_a_matrix_used_in_another_orientation():
    w, x = normal(16, 16), normal(8, 16, seed=1)
    view = K.reshape(w, (16, 4, 4))
    got, want = both(lambda v: K.einsum("iab,kab->ik", [K.einsum("ij,jab->iab", [v, view]), view]), x)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5, atol=1e-5 * np.abs(want[0]).max())


@pytest.mark.parametrize(("size", "channels"), [(1, 3), (2, 4), (3, 8), (3, 16), (3, 64)])
def test_filters_used_for_a_convolution_and_its_transpose(size, channels):
    kernel, x = normal(size, size, channels, channels), normal(1, 9, 9, channels, seed=1)
    conv = lambda v: K.conv(v, kernel, padding="same")
    transposed = lambda v: K.conv_transpose(v, kernel, padding="same")
    for f, g in itertools.product((conv, transposed), repeat=2):
        got, want = both(lambda v: g(K.relu(f(v))), x)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-4, atol=1e-5 * np.abs(want[0]).max())


def test_the_gradient_of_a_frozen_convolution():
    kernel, x = normal(3, 3, 8, 8), normal(1, 9, 9, 8, seed=1)
    def f(v):
        y = K.conv(v, kernel, padding="same")
        return y, kvino.gradients((K.sum(y * y),), (None,), (v,))[0]
    got, want = both(f, x)
    for a, b in zip(got, want):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())


# ---- special values ----

SPECIAL = np.float32([np.nan, np.inf, -np.inf, 0, -0.0, 1e-40, -1e-40, 1e-38, 1.2e-38, 3e38, -3e38, 3.4e38, 1, -1, .4, -.4, .5, -.5,
                      2.5, -2.5, 6, 7, -7, 87.5, 88.3, 88.5, 88.7, -87, 100, -100, 1000.0001, 12345.678, .1])[None]


def check(f, x=SPECIAL, dynamic=False, absolute=3e-6):
    got, want = both(f, x, dynamic=dynamic)
    for a, b in zip(got, want):
        assert a.dtype == b.dtype and a.shape == b.shape
        a, b = a.astype("float64"), b.astype("float64")
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=absolute)


SINGLE = {
    "relu6": K.relu6, "relu": K.relu, "clip": lambda x: K.clip(x, 0.0, 1.0), "hard_sigmoid": K.hard_sigmoid, "hard_tanh": K.hard_tanh,
    "hard_silu": K.hard_silu, "maximum": lambda x: K.maximum(x, 0.5), "minimum": lambda x: K.minimum(0.5, x), "isfinite": K.isfinite,
    "isinf": K.isinf, "isnan": K.isnan, "exp": K.exp, "sinc": K.sinc, "ratio": lambda x: x / x, "third": lambda x: x / 3.0,
    "reciprocal": K.reciprocal, "divide_no_nan": lambda x: K.divide_no_nan(x, x), "tiny ratio": lambda x: (x * 1e-20) / (x * 1e-20),
    "root": lambda x: K.power(x, 0.5), "inverse root": lambda x: K.power(x, -0.5), "square": lambda x: K.power(x, 2.0),
    "max of one": lambda x: K.max(K.reshape(x, (-1, 1)), 1), "min of one": lambda x: K.min(K.reshape(x, (-1, 1)), 1),
    "largest divisors": lambda x: x / np.float32([[3e38]]), "subnormal divisors": lambda x: x / np.float32([[1e-39]]),
}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", SINGLE)
def test_special_values(name, dynamic):
    check(SINGLE[name], dynamic=dynamic)


def test_extremes_of_infinities_alone():
    x = np.float32([[-np.inf, -np.inf], [np.inf, np.inf], [np.inf, -np.inf], [np.nan, -np.inf], [-3.4028235e38, -np.inf]])
    check(lambda v: (K.max(v, 1), K.min(v, 1), K.amax(v), K.min(v, 0)), x)


@pytest.mark.parametrize("dynamic", [False, True])
def test_what_is_not_a_number_is_found_behind_other_nodes(dynamic):
    check(lambda x: tuple(test(f(x)) for test in (K.isnan, K.isinf, K.isfinite)
                          for f in (lambda v: v * 2.0, K.abs, lambda v: v + v, K.relu, K.negative, lambda v: 1.0 / v)), dynamic=dynamic)


CLAMPS = {"relu": K.relu, "relu6": K.relu6, "clip": lambda x: K.clip(x, -1.0, 2.0), "unit": lambda x: K.clip(x, 0.0, 1.0),
          "least": lambda x: K.maximum(x, -1.0), "most": lambda x: K.minimum(x, 2.0), "hard_sigmoid": K.hard_sigmoid,
          "add": lambda x: x + 0.25, "abs": K.abs, "negative": K.negative, "multiply": lambda x: x * 3.0}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("first", CLAMPS)
def test_clamps_after_clamps_keep_nan(first, dynamic):
    check(lambda x: tuple(second(CLAMPS[first](x)) for second in CLAMPS.values()), dynamic=dynamic)
    check(lambda x: tuple(K.relu6(second(CLAMPS[first](x))) for second in CLAMPS.values()), dynamic=dynamic)


BODIES = {
    "cond": lambda f, x: core.cond(K.any(x < 1.0), lambda: f(x), lambda: f(x) * 0.0), "scan": lambda f, x: core.scan(lambda c, _: (c, f(c)), x, np.zeros((2, 1)))[1],
    "while": lambda f, x: core.while_loop(lambda i, _: i < 1, lambda i, _: (i + 1, f(x)), (np.int32(0), K.zeros_like(f(x))))[1],
}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("body", BODIES)
def test_clamps_in_bodies_keep_nan(body, dynamic):
    """The plugin compiles a body as if it knew no lengths, also where they are known."""
    f = lambda v: K.stack([g(v) for clamp in CLAMPS.values() for g in (clamp, lambda u: clamp(u * 2.0), lambda u: K.tanh(clamp(u)))])
    check(lambda x: BODIES[body](f, x), dynamic=dynamic)


# ---- constants one after another ----

M = 12582912.0  # 1.5 * 2^23
CHAINS = {
    "rounding": lambda t: (t + M) - M, "rounding from the left": lambda t: M - (M - t), "rounding, reversed": lambda t: (M + t) + -M,
    "overflow": lambda t: t * 1e20 * 1e20, "overflow and back": lambda t: t * 1e10 * 1e-10, "underflow": lambda t: t * 1e-30 * 1e-30,
    "overflow in three": lambda t: t * 1e15 * 1e15 * 1e15, "sum, then scale": lambda t: (t - 1000.0) * 1e6,
    "sum, then two scales": lambda t: (t - 1000.0) * 1e3 * 1e3, "scale by powers of two": lambda t: t * 2.0**100 / 2.0**-100,
    "zero scale": lambda t: t * 1e38 * 0.0, "infinite sums": lambda t: (t + np.inf) - 1.0, "vector": lambda t: (t + np.full(1, M, "f")) - M,
    "quotients": lambda t: t / 1e20 / 1e20, "quotient of a product": lambda t: (t * 1e20) / 1e20,
}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", CHAINS)
def test_constants_are_not_put_together_at_a_loss(name, dynamic):
    check(CHAINS[name], dynamic=dynamic)


def test_scales_do_not_overflow_in_weights():
    w, x = np.full((4, 4), 1e30, "float32"), np.zeros((2, 4), "float32")
    kernel, image = np.full((1, 1, 4, 4), 1e30, "float32"), np.zeros((1, 2, 2, 4), "float32")
    check(lambda v: K.matmul(v, w) * 1e20, x)
    check(lambda v: (K.matmul(v, w) + 1.0) * 1e20, x)
    check(lambda v: K.conv(v, kernel) * 1e20, image)


# ---- what NaN and infinities do to their neighbours ----

ROWS = np.float32([[np.nan, 1, 2], [1, np.inf, 2], [np.inf, np.inf, 0], [-np.inf, 1, 2], [-np.inf, -np.inf, -np.inf],
                   [-np.inf, np.nan, 1], [1, 2, 3]])
SPREADING = {
    "softmax": K.softmax, "log_softmax": K.log_softmax, "compared": lambda x: K.softmax(x) > 0.5,
    "largest of softmax": lambda x: K.argmax(K.softmax(x), -1), "marked": lambda x: K.where(K.isnan(K.softmax(x)), 0.0, 1.0),
    "a column": lambda x: K.softmax(x)[:, 1], "product": lambda x: K.matmul(K.softmax(x), K.ones((3, 2))),
    "row of a product": lambda x: K.matmul(K.softmax(x), K.ones((3, 2)))[3], "gelu": lambda x: K.gelu(x, approximate=False),
    "relu of gelu": lambda x: K.relu(K.gelu(x, approximate=False)), "approximate gelu": K.gelu,
    "top_k": lambda x: K.top_k(x, 2), "sorted": lambda x: K.sort(x, -1),
    "segment_max": lambda x: K.segment_max(x, np.int32([0, 0, 1, 1, 2, 2, 2]), 3), "fft": lambda x: K.fft((x[:, :2], x[:, 1:])),
}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", SPREADING)
def test_nan_and_infinities_spread_as_they_do_natively(name, dynamic):
    check(SPREADING[name], ROWS, dynamic=dynamic)
    check(SPREADING[name], np.float32(ROWS[[3, 6, 6, 3, 6, 3, 3]]), dynamic=dynamic)  # -inf masks


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("conv", [K.conv, K.conv_transpose])
def test_convolutions_of_bfloat16_with_nan(conv, dynamic):
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 4)).astype("float32")
    x[0, 2, 2, 1], x[0, 5, 5, 0] = np.nan, np.inf
    kernel = K.cast(normal(3, 3, 4, 4), "bfloat16")
    got, want = both(lambda v: K.cast(conv(K.cast(v, "bfloat16"), kernel, padding="same"), "float32"), x, dynamic=dynamic)
    np.testing.assert_array_equal(np.isnan(got[0]), np.isnan(want[0]))
    np.testing.assert_allclose(got[0], want[0], rtol=0.02, atol=0.05)


# ---- small floats ----

HALVES = np.float16([np.nan, np.inf, -np.inf, 0, -0.0, 6e-8, -6e-8, 6.2e-5, 65504, -65504, 40000, 1, -1, .4, -.4, 2.5, 1.1, 1234.5])[None]
ROUNDED = {
    "overflow": lambda x: K.isinf(x * 2.0), "overflow and back": lambda x: (x + x) - x, "halves": lambda x: (x * 2.0) / 2.0,
    "rounding": lambda x: (x + 2048.0) - 2048.0, "underflow": lambda x: K.where(x * 1e-4 > 0.0, 1.0, 0.0), "squares": lambda x: K.sqrt(x * x),
    "in float32": lambda x: K.cast(x * 1.1, "float32") * 3.0, "signs": lambda x: 1.0 / (x * 1.0),
    "hard_silu": lambda x: x * K.relu6(x + 3.0) / 6.0,
}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", ROUNDED)
def test_float16_is_rounded_between_nodes(name, dynamic):
    got, want = both(ROUNDED[name], HALVES, dynamic=dynamic)
    np.testing.assert_allclose(got[0].astype("float64"), want[0].astype("float64"), rtol=2e-3, atol=1e-7)


@pytest.mark.parametrize("dynamic", [False, True])
def test_casts_to_float16_and_back_give_what_numpy_gives(dynamic):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2**32, 100000, dtype="uint64").astype("uint32").view("float32")
    x = np.concatenate([x, np.float32([1.1, 1e6, -1e6, 65519, 65520, -65520, 2**-24, 2**-25, 1.5 * 2**-25, 0, np.inf, -np.inf, np.nan])])
    got, _ = both(lambda v: (K.cast(K.cast(v, "float16"), "float32"), K.isinf(K.cast(v, "float16"))), x, dynamic=dynamic)
    with np.errstate(all="ignore"):
        want = x.astype("float16").astype("float32")
    np.testing.assert_array_equal(got[0], want)
    np.testing.assert_array_equal(got[1], np.isinf(want))


def test_a_product_of_float16_overflows():
    x, w = np.full((2, 4), 200, "float16"), np.full((4, 3), 100, "float16")
    got, want = both(lambda v: (K.matmul(v, w) - 40000.0, K.isinf(K.matmul(v, w))), x)
    assert np.isinf(got[0]).all() and np.isinf(want[0]).all() and got[1].all()


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("back", ["float32", "float16"])
def test_casts_to_bfloat16_and_back(back, dynamic):
    x = np.random.default_rng(0).integers(0, 2**32, 100000, dtype="uint64").astype("uint32").view("float32")
    x = x[~(np.abs(x) < 2e-38)] if back == "float32" else np.float16([.4, -.4, 1.1, .1, 1234.5, -0.0, np.inf, np.nan])
    got, want = both(lambda v: K.cast(K.cast(v, "bfloat16"), back), x, dynamic=dynamic)
    np.testing.assert_array_equal(got[0], want[0])


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "int16"])
def test_integers_to_bfloat16_are_rounded_to_even(dtype, dynamic):
    x = np.array([515, 513, 514, 129, -515, 1000, 32767], "int64").astype(dtype)
    got, want = both(lambda v: K.cast(K.cast(v, "bfloat16"), "float32"), x, dynamic=dynamic)
    np.testing.assert_array_equal(got[0], want[0])


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_running_sums_of_small_floats_are_rounded_once(dtype, dynamic):
    got, want = both(lambda v: K.cast(K.cumsum(K.cast(v, dtype)), "float32"), np.ones(600, "float32"), dynamic=dynamic)
    np.testing.assert_array_equal(got[0], want[0])


TINY_PAIRS = np.float32([[1, 1e-39, 1e-39, 0, 3, 1e-39], [1e-39, 1e-39, 0, 1e-39, 2e-40, 0.5]])


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_quotients_of_the_smallest_numbers(dtype, dynamic):
    """Where a device takes the smallest bfloat16 for 0, divide_no_nan gives 0, and never infinity or NaN in its place."""
    x, y = TINY_PAIRS * (2.0**110 if dtype == "float16" else 1)
    got, want = both(lambda a, b: K.cast(K.divide_no_nan(K.cast(a, dtype), K.cast(b, dtype)), "float32"), x, y, dynamic=dynamic)
    given = [np.asarray(kvino.Tensor(v)) for v in got]
    same = (given[0] == want[0]) | (dtype == "bfloat16") & (given[0] == 0)
    assert same.all(), (given[0], want[0])


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("compare", ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "digitize", "searchsorted"])
def test_comparisons_with_subnormal_constants(compare, dynamic):
    x, tiny = np.float32([0, 1e-40, 2e-40, -1e-40, 1]), np.float32([1e-40])
    f = {"digitize": lambda v: K.digitize(v * 1.0, tiny), "searchsorted": lambda v: K.searchsorted(tiny, v * 1.0)}
    f = f.get(compare, lambda v: getattr(K, compare)(v * 1.0, tiny[0]))
    got, want = both(f, x, dynamic=dynamic)
    np.testing.assert_array_equal(got[0], want[0])


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("source", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "bool"])
def test_what_is_no_integer_becomes_what_it_does_natively(dtype, source, dynamic):
    x = np.float32([np.inf, -np.inf, np.nan, 300.5, -300.5, 6e4, -0.4])
    for f in (lambda v: K.cast(K.cast(v, source), dtype), lambda v: K.cast(K.cast(v, source) * 2, dtype)):
        got, want = both(f, x, dynamic=dynamic)
        np.testing.assert_array_equal(got[0], want[0])


def test_quotients_of_bfloat16_are_rounded_to_even():
    x = np.arange(1, 601).astype("float32")
    for dynamic in (False, True):
        got, want = both(lambda v: K.cast(K.cast(v, "bfloat16") / K.cast(v * 3 + 1, "bfloat16"), "float32"), x, dynamic=dynamic)
        np.testing.assert_array_equal(got[0], want[0])


def test_searchsorted_of_unknown_length_gives_int32():
    got, want = both(K.searchsorted, np.int32([1, 3, 5]), np.int32([0, 4, 9]), dynamic=True)
    assert got[0].dtype == want[0].dtype == np.int32
    np.testing.assert_array_equal(got[0], [0, 2, 3])
