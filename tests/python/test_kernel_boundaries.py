"""Lengths around the widths of vectors and the shares of threads, where a kernel goes from one loop to another."""

import os
import subprocess
import sys

import kvino
import numpy as np
import pytest

ops = kvino.ops
LENGTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129]


def made(dtype, *shape, seed=0):
    rng = np.random.default_rng([seed, *shape])
    return rng.standard_normal(shape).astype(dtype) if np.dtype(dtype).kind == "f" else rng.integers(-99, 99, shape).astype(dtype)


def read(x):
    return np.asarray(x)


# ---- functions of vectors: the rest of a row is what a whole one gives, whatever the place ----

FUNCTIONS = ["expm1", "sinh", "cosh", "tanh", "cbrt", "arctan", "arcsin", "arccos", "log1p", "arcsinh", "erf", "erfc", "gelu"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_rest_of_a_vector(name, dtype):
    x = np.random.default_rng(1).uniform(-0.99, 0.99, 200).astype(dtype)
    whole = read(getattr(ops, name)(kvino.Tensor(x)))
    for n in LENGTHS:
        for start in (0, 1, 3):
            np.testing.assert_array_equal(read(getattr(ops, name)(kvino.Tensor(x[start:start + n]))), whole[start:start + n])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_at_the_ends_of_their_range(dtype):
    wide = np.longdouble if dtype == "float64" else np.float64
    ends = {"float32": [88.72283, 88.7229, 89.41598, 89.4160, -17.4, -103, 1e-40, 3e38, 2.0**24, 2.0**-13],
            "float64": [709.7827, 709.783, 710.4758, 710.476, -37.5, -746, 1e-310, 1.7e308, 2.0**28, 2.0**-28]}[dtype]
    x = np.array([*ends, 0.0, np.inf, np.nan, 0.55, 1.0, 2.414, 0.4142, 1e-3], dtype)
    x = np.concatenate([x, -x])
    for name in ("expm1", "sinh", "cosh", "tanh", "cbrt", "arctan", "arcsinh", "log1p"):
        got = read(getattr(ops, name)(kvino.Tensor(x)))
        with np.errstate(all="ignore"):
            want = getattr(np, name)(x.astype(wide)).astype(dtype)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want), name)
        np.testing.assert_array_equal(np.isinf(got), np.isinf(want), name)
        fine = np.isfinite(want)
        np.testing.assert_array_max_ulp(got[fine], want[fine], 1 if name != "arcsinh" else 2)
        np.testing.assert_array_equal(np.signbit(got[fine]), np.signbit(want[fine]), name)


# ---- windows ----

def depthwise(x, w, stride, dilation, pad):
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    h, k = ((n - (m - 1) * dilation - 1) // stride + 1 for n, m in zip(x.shape[1:3], w.shape[:2], strict=True))
    y = 0
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            a, b = i * dilation, j * dilation
            part = x[:, a:a + (h - 1) * stride + 1:stride, b:b + (k - 1) * stride + 1:stride]
            y = y + part[..., None] * w[i, j]
    return y.reshape(*y.shape[:3], -1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels, multiplier", [(1, 2), (2, 1), (3, 1), (3, 3), (16, 1), (33, 1), (300, 1), (5, 2)])
def test_depthwise(channels, multiplier, dtype):
    for width in (1, 4, 9, 17, 70):
        for stride, dilation in ((1, 1), (2, 1), (3, 1), (1, 2)):
            x, w = made(dtype, 2, 7, width, channels), made(dtype, 3, 2 if width > 2 else 1, channels, multiplier, seed=1)
            for pad in (0, 1):
                if width + 2 * pad < dilation * (w.shape[1] - 1) + 1:
                    continue
                padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
                want = depthwise(x.astype("f8"), w.astype("f8"), stride, dilation, pad)
                got = read(ops.depthwise_conv(kvino.Tensor(padded), kvino.Tensor(w), stride, "valid", "channels_last", dilation))
                first = read(ops.depthwise_conv(kvino.Tensor(padded.transpose(0, 3, 1, 2)), kvino.Tensor(w), stride, "valid",
                                                "channels_first", dilation))
                bound = 1e-5 if dtype == "float32" else 1e-13
                np.testing.assert_allclose(got, want, rtol=bound, atol=bound)
                np.testing.assert_allclose(first.transpose(0, 2, 3, 1), want, rtol=bound, atol=bound)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_sliding_products(mode, dtype):
    for n in (1, 2, 15, 16, 17, 127, 128, 129, 300, 1100):
        for m in (1, 2, 127, 128, 129, 255, 256, 257, 600):
            a, b = made(dtype, n), made(dtype, m, seed=1)
            want = np.correlate(a.astype("f8"), b.astype("f8"), mode)
            got = read(ops.correlate(kvino.Tensor(a), kvino.Tensor(b), mode))
            assert got.shape == want.shape
            size = np.sqrt(min(n, m))
            np.testing.assert_allclose(got, want, rtol=0, atol=(1e-5 if dtype == "float32" else 1e-14) * size)


def test_sliding_products_of_infinity_stay_where_they_are():
    a, b = np.ones(400, "f4"), np.ones(300, "f4")
    a[200] = np.inf
    for mode in ("valid", "same", "full"):
        np.testing.assert_array_equal(read(ops.correlate(kvino.Tensor(a), kvino.Tensor(b), mode)), np.correlate(a, b, mode))


# ---- reductions ----

@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "uint8", "int16", "float16"])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_place_of_the_extreme_in_short_rows(name, dtype):
    for n in (*LENGTHS, 1023, 1024, 1025):
        x = made(dtype, 9, n)
        if np.dtype(dtype).kind == "f":
            x[3, n // 2] = x[4, 0] = x[5, n - 1] = np.nan
        for view in (x, x[::-1, ::-1], x[::2]):
            np.testing.assert_array_equal(read(getattr(ops, name)(kvino.Tensor(view), 1)), getattr(np, name)(view, 1))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "complex64", "complex128"])
def test_any_and_all_of_many_numbers(dtype):
    for shape in ((16383,), (16384,), (40000,), (130, 131), (5, 64, 61)):
        zeros, ones = -np.zeros(shape, dtype), np.ones(shape, dtype)
        cases = [zeros, ones]
        for x in (zeros, ones):
            x = x.copy()
            x.flat[x.size // 3] = np.nan if np.dtype(dtype).kind in "fc" and not x.flat[0] else 1 - x.flat[0]
            cases.append(x)
        for x in cases:
            for axis in (None, *range(x.ndim)):
                for name in ("any", "all"):
                    got = read(getattr(ops, name)(kvino.Tensor(x), axis, True))
                    want = getattr(np, name)(x, axis=axis, keepdims=True)
                    assert got.dtype == bool and got.shape == want.shape
                    np.testing.assert_array_equal(got, want)
    empty = np.zeros((0, 20000), "f4")
    for axis in (None, 0, 1):
        np.testing.assert_array_equal(read(ops.all(kvino.Tensor(empty), axis)), np.all(empty, axis=axis))


RUNNING_SUMS = """
import kvino, numpy as np
for dtype in ("int32", "uint32", "int64", "uint64"):
    for n in (1, 2, 3, 4, 5, 7, 65536, 131071, 131072, 131073, 200001, 393217):
        x = np.random.default_rng(n).integers(0, np.iinfo(dtype).max, n, dtype=dtype)
        y = np.asarray(kvino.ops.cumsum(kvino.Tensor(x)))
        np.testing.assert_array_equal(y, np.cumsum(x, dtype=dtype))
"""


@pytest.mark.parametrize("threads", ["1", "2", "3"])
def test_running_sums_of_integers_wrap(threads):
    run = subprocess.run([sys.executable, "-c", RUNNING_SUMS], env={**os.environ, "KVINO_THREADS": threads}, capture_output=True,
                         text=True)
    assert run.returncode == 0, run.stderr


# ---- short rows are sorted in vectors ----

SHORT_ROWS = """
import kvino, numpy as np
def same(got, want, what):
    got = np.asarray(got)
    assert got.dtype == want.dtype and got.tobytes() == want.tobytes(), (what, got, want)
rng = np.random.default_rng(5)
for dtype in ("bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64",
              "complex64"):
    kind = np.dtype(dtype).kind
    for n in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100, 127, 129, 255, 257, 300, 400, 511, 512, 513):
        if kind in "biu":
            rows = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (4, n), dtype, endpoint=True) if kind != "b" else rng.integers(0, 2, (4, n))
            rows[1] = 5
            rows[2] = rng.integers(0, 3, n)
        else:
            rows = rng.standard_normal((4, n))
            rows[0, ::3] = 1 + np.arange(len(rows[0, ::3]))[::-1] * np.finfo(dtype).eps  # last places decide
            rows[1] = rng.choice([0.0, -0.0, 1, -1], n)
            rows[2] = rng.choice([np.nan, np.inf, -np.inf, 2, -0.0], n)
        x = rows.astype(dtype)
        x = x + 1j * x[:, ::-1] if kind == "c" else x
        t, order = kvino.Tensor(x), np.argsort(x, -1, kind="stable")
        same(kvino.ops.argsort(t), order.astype(np.int32), ("argsort", dtype, n))
        same(kvino.ops.sort(t), np.take_along_axis(x, order, -1), ("sort", dtype, n))
        k = n // 2 + 1
        if kind != "c" and not np.isnan(x.astype("float64")).any():
            down = np.argsort(-x.astype("float64") if kind == "f" else [[-int(v) for v in r] for r in x], -1, kind="stable")[:, :k]
            values, places = kvino.ops.top_k(t, k)
            same(places, down.astype(np.int32), ("top_k", dtype, n))
            same(values, np.take_along_axis(x, down, -1), ("top_k", dtype, n))
        if dtype in ("float32", "float64"):
            np.testing.assert_allclose(np.asarray(kvino.ops.median(t, axis=-1)), np.median(x, -1), rtol=1e-6)
"""


@pytest.mark.parametrize("isa", ["avx512", "avx2", "scalar"])
def test_short_rows(isa):
    run = subprocess.run([sys.executable, "-c", SHORT_ROWS], env={**os.environ, "KVINO_ISA": isa}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


# ---- reductions of columns: rows one by one or four together, adjacent or apart ----

@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("columns", [100, 511, 512, 513, 2000])
def test_reduced_columns(dtype, columns):
    for rows in (1, 2, 3, 4, 5, 7, 8, 9, 41):
        whole = made(dtype, rows, columns + 5) if dtype != "uint8" else made("int32", rows, columns + 5).astype(dtype)
        for x in (whole, whole[:, 2:-3], np.ascontiguousarray(whole[:, 2:-3])):
            t = kvino.Tensor(x)
            for name in ("max", "min", "sum", "prod"):
                want = getattr(np, name)(x.astype("float64") if dtype == "float32" else x, axis=0)
                got = read(getattr(ops, name)(t, axis=0))
                if dtype.startswith("float"):
                    scale = np.abs(x.astype("float64")).sum(0) if name == "sum" else np.abs(want)
                    assert (np.abs(got - want) <= 4 * np.finfo(dtype).eps * scale * (1 if dtype == "float32" else rows)).all(), (name, rows)
                else:
                    np.testing.assert_array_equal(got, want.astype(got.dtype), f"{name} {rows}")
            if dtype.startswith("float"):
                holed = x.copy()
                holed[-1, ::3] = np.nan
                np.testing.assert_array_equal(read(ops.max(kvino.Tensor(holed), axis=0)), np.max(holed, axis=0))
                holed[:-1, 1::3] = np.nan
                got = read(ops.nanmax(kvino.Tensor(holed), axis=0))
                np.testing.assert_array_equal(got, np.fmax.reduce(holed, axis=0))
