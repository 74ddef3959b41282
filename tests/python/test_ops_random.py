"""keras.ops.random: the generator against its published vectors, the distributions by their moments and ranges. Samples of a fixed
seed are always the same, so that no test fails by chance."""

import numpy as np
import pytest

import kvino
from opcheck import FLOATS, INTEGERS, agree, npd

OPS = {"uniform", "normal", "truncated_normal", "randint", "dropout"}  # test_ops_table.py asks for them
SEED = np.array([1234, 5678], "uint32")
N = 200_000


def test_philox_words():
    """Philox4x32-10 of key 0 and counter 0 gives 6627e8d5 e169c58d bc57ac4c 9b00dbd8 (Salmon et al.): uniform has its upper 24 bits."""
    words = np.array([0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8], "uint32")
    agree(kvino.ops.uniform(np.zeros(2, "uint32"), (4,)), ((words >> 8) * 2.0**-24).astype("float32"), rtol=0)


def draw(name, shape=(N,), seed=SEED, dtype=None, **kwargs):
    more = {"minval": -3, "maxval": 11} if name == "randint" else {}
    if name == "randint" and dtype is None:
        dtype = "int32"
    return np.asarray(getattr(kvino.ops, name)(seed, shape, dtype=dtype, **{**more, **kwargs}))


DRAWN = ["uniform", "normal", "truncated_normal", "randint"]


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
    more = (-3, 11) if name == "randint" else ()
    f = kvino.function(lambda seed: getattr(kvino.ops, name)(seed, (20, 3), *more), device=device)
    expected = draw(name, (20, 3))
    tolerance = {} if name == "randint" else {"rtol": 1e-5, "atol": 1e-6}
    agree(f(SEED), expected, **tolerance)
    assert not np.array_equal(np.asarray(f(SEED + 1)), expected)


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
        (lambda o: o.dropout(SEED, np.ones(3, "float32"), 1.5), ValueError, "rate"),
    ],
)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call(kvino.ops)
