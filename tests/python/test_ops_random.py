"""keras.ops.random: the generator against its published vectors, the distributions by their moments and ranges. Samples of a fixed
seed are always the same, so that no test fails by chance."""

import hashlib
import math
import os
import subprocess
import sys

import numpy as np
import pytest

import kvino
from opcheck import FLOATS, INTEGERS, agree, npd

OPS = {
    "uniform", "normal", "truncated_normal", "gamma", "beta", "binomial", "randint", "categorical", "shuffle", "dropout"
}  # test_ops_table.py asks for them
SEED = np.array([1234, 5678], "uint32")
N = 200_000


def test_philox_words():
    """Philox4x32-10 of key 0 and counter 0 gives 6627e8d5 e169c58d bc57ac4c 9b00dbd8 (Salmon et al.): uniform has its upper 24 bits."""
    words = np.array([0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8], "uint32")
    agree(kvino.ops.uniform(np.zeros(2, "uint32"), (4,)), ((words >> 8) * 2.0**-24).astype("float32"), rtol=0)


PARAMETERS = {
    "randint": {"minval": -3, "maxval": 11, "dtype": "int32"},
    "gamma": {"alpha": 2.5},
    "beta": {"alpha": 2.0, "beta": 3.0},
    "binomial": {"counts": 60, "probabilities": 0.4},
}
DRAWN = ["uniform", "normal", "truncated_normal", "gamma", "beta", "binomial", "randint"]


def draw(name, shape=(N,), seed=SEED, **kwargs):
    return np.asarray(getattr(kvino.ops, name)(seed, shape, **{**PARAMETERS.get(name, {}), **kwargs}))


@pytest.mark.parametrize("name", DRAWN)
def test_seeds(name):
    """The same seed gives the same numbers, whatever the seed's integer dtype; each of its words counts."""
    x = draw(name, (50, 4))
    assert np.array_equal(x, draw(name, (50, 4)))
    assert np.array_equal(x, draw(name, (50, 4), SEED.astype("int64")))
    for other in ([1235, 5678], [1234, 5679]):
        assert not np.array_equal(x, draw(name, (50, 4), np.array(other, "uint32")))


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 5)])
def test_shapes(name, shape):
    assert draw(name, shape).shape == shape


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform(dtype):
    x = draw("uniform", dtype=dtype)
    assert x.dtype == npd(dtype) and x.min() >= 0 and x.max() < 1
    x = x.astype("float64")
    coarse = {"bfloat16": 4e-3}.get(dtype, 2e-3)
    assert abs(x.mean() - 0.5) < coarse and abs(x.var() - 1 / 12) < 1e-3
    counts = np.histogram(x, 16, (0, 1))[0]
    assert (abs(counts - N / 16) < 5 * np.sqrt(N / 16)).all()
    x = draw("uniform", dtype=dtype, minval=-2, maxval=6)
    assert x.min() >= -2 and x.max() < 6 and abs(x.astype("float64").mean() - 2) < 0.03


def test_uniform_never_gives_the_end():
    """Rounding to a coarse dtype may reach maxval, which is excluded."""
    for dtype in ("bfloat16", "float16", "float32"):
        x = draw("uniform", dtype=dtype, minval=1000.0, maxval=1000.5)
        assert (x.astype("float64") < 1000.5).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal(dtype):
    x = draw("normal", dtype=dtype)
    assert x.dtype == npd(dtype) and np.isfinite(x.astype("float64")).all()
    x = x.astype("float64")
    assert abs(x.mean()) < 0.01 and abs(x.std() - 1) < 0.01
    assert abs((x**3).mean()) < 0.03 and abs((x**4).mean() - 3) < 0.08
    y = draw("normal", dtype=dtype, mean=5, stddev=2).astype("float64")
    assert abs(y.mean() - 5) < 0.02 and abs(y.std() - 2) < 0.02


@pytest.mark.parametrize("dtype", FLOATS)
def test_truncated_normal(dtype):
    x = draw("truncated_normal", dtype=dtype).astype("float64")
    assert abs(x).max() <= 2 and abs(x.mean()) < 0.01 and abs(x.std() - 0.87962566) < 0.01
    y = draw("truncated_normal", mean=3, stddev=0.5).astype("float64")
    assert y.min() >= 2 and y.max() <= 4 and abs(y.mean() - 3) < 0.01


@pytest.mark.parametrize("dtype", INTEGERS)
def test_randint(dtype):
    low = 0 if dtype.startswith("u") else -3
    x = draw("randint", dtype=dtype, minval=low)
    assert x.dtype == dtype
    found, counts = np.unique(x, return_counts=True)
    assert list(found) == list(range(low, 11))
    assert (abs(counts - N / found.size) < 5 * np.sqrt(N / found.size)).all()


def test_randint_over_wide_ranges():
    x = draw("randint", (1000,), dtype="int64", minval=-(2**62), maxval=2**62)
    assert x.min() < -(2**60) and x.max() > 2**60 and np.unique(x).size == 1000


@pytest.mark.parametrize("dtype", FLOATS)
def test_dropout(dtype):
    x = np.ones((400, 500), npd(dtype))
    y = np.asarray(kvino.ops.dropout(SEED, x, 0.25))
    assert y.dtype == npd(dtype)
    kept = y != 0
    assert abs(kept.mean() - 0.75) < 0.005
    np.testing.assert_allclose(y[kept].astype("float64"), 4 / 3, rtol=8e-3)
    agree(kvino.ops.dropout(SEED, x, 0.0), x)
    agree(kvino.ops.dropout(SEED, x, 1.0), np.zeros_like(x))
    rows = np.asarray(kvino.ops.dropout(SEED, x, 0.5, noise_shape=(400, 1)))
    assert ((rows != 0).all(axis=1) | (rows == 0).all(axis=1)).all() and (rows == 0).any()


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("device", ["native", "CPU"])
def test_in_graphs(name, device):
    """The same numbers in a compiled graph, the seed being an input."""
    more = PARAMETERS.get(name, {})
    f = kvino.function(lambda seed: getattr(kvino.ops, name)(seed, (20, 3), **more), device=device)
    expected = draw(name, (20, 3))
    agree(f(SEED), expected, rtol=0)
    assert not np.array_equal(np.asarray(f(SEED + 1)), expected)


# ---- the same everywhere ----

# Made once; a change here is a change of what every seed gives.
FACTS = {
    "uniform": ["0x1.20813d17bfc0cp-3", "0x1.1e4958131db9cp-3", "0x1.361e62baa7450p-2", "0x1.dd6fd3676c46cp-2"],
    "normal": ["-0x1.2839de3c64373p-1", "0x1.f3ce583346063p+0", "0x1.431e91a51140ap+0", "0x1.d045845e6663ap-2"],
    "truncated_normal": ["0x1.149a88686cfdep-5", "-0x1.8c7d3bb59bc7bp+0", "-0x1.5baa8870c5b7ap+0", "0x1.b51ad43575c5ep-1"],
    "gamma": ["0x1.eefdf8a47787dp-1", "0x1.1f1e37ad4020cp+1", "0x1.955e847b23eeap+1", "0x1.5714fb7895d23p+2"],
    "beta": ["0x1.c2de1663c5bb3p-2", "0x1.2c64176be7d85p-1", "0x1.247c2aed0f17fp-1", "0x1.1a602f18d6797p-1"],
    "binomial": ["0x1.7000000000000p+4", "0x1.0000000000000p+5", "0x1.6000000000000p+4", "0x1.a000000000000p+4"],
    "randint": [4, 0, 9, 10],
}


@pytest.mark.parametrize("name", FACTS)
def test_facts(name):
    """Four numbers of a seed, to the last bit: no machine, C library or instruction set gives others."""
    x = draw(name, (4,), **({} if name == "randint" else {"dtype": "float64"}))
    assert [v.hex() if isinstance(v, float) else v for v in x.tolist()] == FACTS[name]


def digest():
    """Of everything random, in sizes that threads share."""
    h = hashlib.sha256()
    for name in DRAWN:
        for dtype in ["int32"] if name == "randint" else ["float32", "float64"]:
            h.update(draw(name, (70_001,), dtype=dtype).tobytes())
    x = np.arange(50_000).reshape(100, 500)
    h.update(np.asarray(kvino.ops.shuffle(SEED, x, 1)).tobytes())
    h.update(np.asarray(kvino.ops.dropout(SEED, x.astype("float32"), 0.3)).tobytes())
    h.update(np.asarray(kvino.ops.categorical(SEED, x[:, :50].astype("float32") / 50_000, 700)).tobytes())
    return h.hexdigest()


@pytest.mark.parametrize("threads", ["1", "2", "7"])
def test_threads(threads):
    """The number of threads does not matter."""
    here = os.path.dirname(os.path.abspath(__file__))
    out = subprocess.run([sys.executable, "-c", "import test_ops_random; print(test_ops_random.digest())"], cwd=here,
                         env=dict(os.environ, KVINO_THREADS=threads), check=True, capture_output=True, text=True).stdout
    assert out.strip() == digest()


# ---- distributions: distance of the empirical distribution function (Kolmogorov and Smirnov) ----


def erf(x):
    return np.vectorize(math.erf)(x)


def poisson_tail(k, x):
    """P(gamma of integer shape k <= x)."""
    return 1 - sum(np.exp(-x) * x**i / math.factorial(i) for i in range(k))


def beta_integers(a, b, x):
    n = a + b - 1
    return sum(math.comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(a, n + 1))


CONTINUOUS = [
    ("uniform", {}, lambda x: x),
    ("normal", {}, lambda x: (1 + erf(x / 2**0.5)) / 2),
    ("truncated_normal", {}, lambda x: (1 + erf(x / 2**0.5) / math.erf(2**0.5)) / 2),
    ("gamma", {"alpha": 0.5}, lambda x: erf(np.sqrt(x))),
    ("gamma", {"alpha": 1.0}, lambda x: 1 - np.exp(-x)),
    ("gamma", {"alpha": 3.0}, lambda x: poisson_tail(3, x)),
    ("gamma", {"alpha": 20}, lambda x: poisson_tail(20, x)),
    ("beta", {"alpha": 0.5, "beta": 0.5}, lambda x: 2 / np.pi * np.arcsin(np.sqrt(x))),
    ("beta", {"alpha": 0.3, "beta": 1}, lambda x: x**0.3),
    ("beta", {"alpha": 1, "beta": 0.01}, lambda x: 1 - (1 - x) ** 0.01),
    ("beta", {"alpha": 2.0, "beta": 3.0}, lambda x: beta_integers(2, 3, x)),
    ("beta", {"alpha": 9, "beta": 4}, lambda x: beta_integers(9, 4, x)),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, parameters, cdf", CONTINUOUS)
def test_distribution_functions(name, parameters, cdf, dtype):
    n = 50_000
    x = np.sort(draw(name, (n,), dtype=dtype, **parameters).astype("float64"))
    x = x[x < 0.99] if parameters.get("beta") == 0.01 else x  # most of the others round to 1
    i = np.arange(x.size)
    y = cdf(x)
    assert max((y - i / n).max(), ((i + 1) / n - y).max()) * n**0.5 < 1.95  # exceeded once in a thousand seeds


@pytest.mark.parametrize(
    "n, p", [(1, 0.3), (7, 0.5), (19, 0.97), (30, 0.4), (24, 0.42), (100, 0.01), (400, 0.2), (1000, 0.999), (3000, 0.7)]
)
def test_binomial(n, p):
    """Every count as often as the probability says: by inversion, by rejection, and with p above a half."""
    x = draw("binomial", counts=n, probabilities=p, dtype="float64")
    assert (x == np.floor(x)).all() and x.min() >= 0 and x.max() <= n
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p)
            for k in range(n + 1)]
    expected = np.exp(logs) * N
    found = np.bincount(x.astype(int), minlength=n + 1)
    seen = expected > 10
    square = ((found - expected)[seen] ** 2 / expected[seen]).sum()
    freedom = max(seen.sum() - 1, 1)
    assert square < freedom + 4 * math.sqrt(2 * freedom) + 3
    assert found[expected < 1e-4].sum() == 0


@pytest.mark.parametrize("n, p", [(1e9, 1e-9), (1e7, 0.5), (1e12, 0.1), (2.0**53, 0.75)])
def test_binomial_of_many(n, p):
    x = draw("binomial", (20_000,), counts=n, probabilities=p, dtype="float64")
    z = (x - n * p) / math.sqrt(n * p * (1 - p))
    assert abs(z.mean()) < 0.03 and abs(z.var() - 1) < 0.05 and x.min() >= 0


def test_binomial_edges():
    x = draw("binomial", (6,), counts=[0, 5, 5, 0, 1e6, 1e6], probabilities=[0.5, 0, 1, 1, 0, 1])
    assert x.tolist() == [0, 0, 5, 0, 0, 1e6]


def test_parameters_are_broadcast():
    alpha = np.array([[0.5], [4.0], [50.0]], "float32")
    x = draw("gamma", (3, 40_000), alpha=alpha)
    assert np.allclose(x.mean(axis=1), alpha[:, 0], rtol=0.02)
    x = draw("normal", (2, 40_000, 3), mean=np.array([-5, 0, 5]), stddev=np.array([[[1.0]], [[2.0]]]))
    assert np.allclose(x.mean(axis=1), [[-5, 0, 5]] * 2, atol=0.05)
    assert np.allclose(x.std(axis=1), [[1] * 3, [2] * 3], rtol=0.02)
    one = draw("beta", (5, 7), alpha=np.full((5, 7), 2.0)[::-1], beta=3.0)
    assert np.array_equal(one, draw("beta", (5, 7)))


def test_gamma_edges():
    x = draw("gamma", (5,), alpha=np.array([0.0, np.nan, np.inf, 1e-300, 1e30]), dtype="float64")
    assert x[0] == 0 and np.isnan(x[1]) and x[2] == np.inf and x[3] == 0 and abs(x[4] / 1e30 - 1) < 1e-10
    tiny = draw("beta", (1000,), alpha=1e-5, beta=1e-5)
    assert set(tiny[(tiny < 1e-30) | (tiny == 1)].tolist()) >= {1.0} and abs(tiny.mean() - 0.5) < 0.06


@pytest.mark.parametrize("name", ["gamma", "beta", "binomial"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_dtypes(name, dtype):
    x = draw(name, (2000,), dtype=dtype)
    assert x.dtype == npd(dtype)
    exact = draw(name, (2000,), dtype="float64")
    agree(x, exact.astype("float32").astype(npd(dtype)) if dtype != "float64" else exact, rtol=1e-2 if len(dtype) > 7 else 1e-3)


# ---- classes ----


def test_categorical():
    p = np.array([[0.5, 0.25, 0.125, 0.125, 0.0], [0.01, 0.0, 0.0, 0.0, 0.99], [0.2] * 5])
    with np.errstate(divide="ignore"):
        logits = np.log(p).astype("float32") + np.array([[0], [1000], [-1000]], "float32")
    x = np.asarray(kvino.ops.categorical(SEED, logits, 50_000))
    assert x.dtype == "int64" and x.shape == (3, 50_000)
    for row, want in zip(x, p):
        found = np.bincount(row, minlength=5) / row.size
        assert abs(found - want).max() < 0.01 and (found[want == 0] == 0).all()
    assert not np.array_equal(x[2, :100], x[2, 100:200])
    assert np.asarray(kvino.ops.categorical(SEED, logits, 4, dtype="uint8")).dtype == "uint8"
    assert kvino.ops.categorical(SEED, logits, 0).shape == (3, 0)
    assert kvino.ops.categorical(SEED, logits[:0], 3).shape == (0, 3)


@pytest.mark.parametrize("device", ["native", "CPU"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_categorical_and_shuffle_in_graphs(device, dynamic):
    x = np.random.default_rng(3).normal(size=(4, 9)).astype("float32")
    for f in (lambda s, x: kvino.ops.categorical(s, x, 11), lambda s, x: kvino.ops.shuffle(s, x, 1)):
        agree(kvino.function(f, device=device, dynamic=dynamic)(SEED, x), np.asarray(f(SEED, x)), rtol=0)


# ---- shuffle ----


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "bfloat16", "float64", "complex64"])
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_shuffle(dtype, axis):
    x = np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(npd(dtype))
    y = np.asarray(kvino.ops.shuffle(SEED, x, axis))
    assert y.dtype == x.dtype and y.shape == x.shape and (dtype == "bool" or not np.array_equal(x, y))
    order = (lambda a: np.sort(a.astype("complex128"), axis=axis))
    assert np.array_equal(order(x), order(y))


def test_every_order_is_as_likely():
    x = np.tile(np.arange(4), (48_000, 1))
    y = np.asarray(kvino.ops.shuffle(SEED, x, axis=1))
    counts = np.unique(y @ [1000, 100, 10, 1], return_counts=True)[1]
    assert counts.size == 24 and (abs(counts - 2000) < 5 * 2000**0.5).all()
    assert kvino.ops.shuffle(SEED, np.zeros((0, 3)), 0).shape == (0, 3)
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        kvino.ops.shuffle(SEED, x, 2)


@pytest.mark.parametrize("device", ["native", "CPU"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_dropout_in_graphs(device, dynamic):
    x = np.arange(1, 61, dtype="float32").reshape(5, 12)
    f = kvino.function(lambda seed, x: kvino.ops.dropout(seed, x, 0.4), device=device, dynamic=dynamic)
    agree(f(SEED, x), np.asarray(kvino.ops.dropout(SEED, x, 0.4)), rtol=1e-6)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda o: o.uniform(np.zeros(3, "uint32"), (2,)), ValueError, "the seed must be a vector of two integers"),
        (lambda o: o.uniform(np.zeros(2, "float32"), (2,)), ValueError, "the seed must be a vector of two integers"),
        (lambda o: o.uniform(SEED, (2,), dtype="int32"), TypeError, "a float dtype is expected"),
        (lambda o: o.normal(SEED, (-2,)), ValueError, "negative dimensions are not allowed"),
        (
            lambda o: o.randint(SEED, (2,), 0, 5, dtype="float32"),
            ValueError,
            "`keras.random.randint` requires an integer `dtype`",
        ),
        (lambda o: o.randint(SEED, (2,), 5, 5), ValueError, "low >= high"),
        (lambda o: o.randint(SEED, (2,), [0, 5], [5, 4]), ValueError, "low >= high"),
        (lambda o: o.uniform(SEED, (2,), np.zeros(3)), ValueError, "is not compatible with broadcast dimensions"),
        (lambda o: o.uniform(SEED, (3,), np.zeros((2, 3))), ValueError, "is not compatible with broadcast dimensions"),
        (lambda o: o.uniform(SEED, (3,), 0.0, np.inf), ValueError, "range exceeds valid bounds"),
        (lambda o: o.gamma(SEED, (2,), [1.0, -1.0]), ValueError, "alpha < 0"),
        (lambda o: o.beta(SEED, (2,), 0.0, 1.0), ValueError, "alpha <= 0"),
        (lambda o: o.beta(SEED, (2,), 1.0, -1.0), ValueError, "beta <= 0"),
        (lambda o: o.binomial(SEED, (2,), -1, 0.5), ValueError, "counts < 0"),
        (lambda o: o.binomial(SEED, (2,), 5, 1.5), ValueError, "probabilities > 1"),
        (lambda o: o.binomial(SEED, (2,), 5, np.nan), ValueError, "probabilities > 1 or NaN"),
        (lambda o: o.gamma(SEED, (2,), np.ones(2, "complex64")), TypeError, "must be real numbers"),
        (lambda o: o.categorical(SEED, np.zeros(3), 2), ValueError, "`logits` should be a 2-D tensor"),
        (lambda o: o.categorical(SEED, np.full((1, 3), np.nan), 2), ValueError, "probabilities contain NaN"),
        (lambda o: o.categorical(SEED, np.zeros((1, 0)), 2), ValueError, "no classes"),
        (lambda o: o.categorical(SEED, np.zeros((1, 2)), -2), ValueError, "negative dimensions"),
        (lambda o: o.dropout(SEED, np.ones(3, "float32"), 1.5), ValueError, "rate"),
    ],
)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call(kvino.ops)
