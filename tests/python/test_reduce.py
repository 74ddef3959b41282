"""Every reduction, natively, against NumPy: dtypes, axes, strides, special values, sizes that use blocks, chunks and threads,
instruction sets. OPS has a row for each primitive of reduce.def: one without a row fails test_every_primitive_has_a_row."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import capi
from generated import EVERY, INTEGERS, arrays, check, close, declared, fill, ints, same

# NumPy's references overflow and average nothing on purpose: the values they give are what is compared.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

SMALL = ["float8_e4m3fn", "float8_e5m2", "float16", "bfloat16"]
FLOATS = [*SMALL, "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
INVALID, TYPE_ERROR = 1, 2


def wide(x):
    """The type in which a reference computes, and the values in it."""
    if x.dtype.kind == "c":
        return x.astype(np.clongdouble)
    return x.astype(np.longdouble) if x.dtype.name in FLOATS else x


def floating(function):
    """A reference on floats and complex numbers, rounded to their dtype once; integers wrap in their own."""
    def reference(x, axes, keep):
        if x.dtype.kind in "iu":
            return function(x, axis=axes, keepdims=keep, dtype=x.dtype)
        y = function(wide(x), axis=axes, keepdims=keep)
        return np.asarray(y).astype(np.complex128 if x.dtype.kind == "c" else np.float64).astype(x.dtype)
    return reference


def extreme(function):
    """NumPy's; ml_dtypes' numbers have no maximum of their own: theirs is that of the same floats."""
    def reference(x, axes, keep):
        if x.dtype.name in capi.EXTENDED:
            return np.asarray(function(x.astype(np.float32), axis=axes, keepdims=keep)).astype(x.dtype)
        return np.asarray(function(x, axis=axes, keepdims=keep))
    return reference


def l1(x, axes, keep):
    if x.dtype.kind in "iu":
        return np.sum(np.abs(x), axis=axes, keepdims=keep, dtype=x.dtype)
    return np.asarray(np.sum(np.abs(wide(x)), axis=axes, keepdims=keep)).astype(np.float64).astype(x.dtype)


def l2(x, axes, keep):
    return np.asarray(np.sqrt(np.sum(np.square(wide(x)), axis=axes, keepdims=keep))).astype(np.float64).astype(x.dtype)


def number_extreme(function):
    def reference(x, axes, keep):
        x = x.astype(np.float32) if x.dtype.name in capi.EXTENDED else x
        return np.asarray(function.reduce(x, axis=axes, keepdims=keep))
    return lambda x, axes, keep: reference(x, axes, keep).astype(x.dtype)


def mean_square(x, axes, keep):
    square = np.square(x if x.dtype == np.float64 else x.astype(np.float32)).astype(np.longdouble)
    return np.asarray(np.mean(square, axis=axes, keepdims=keep)).astype(np.float64).astype(x.dtype)


def arg(function):
    def reference(x, axes, keep):
        order = [a for a in range(x.ndim) if a not in axes] + list(axes)
        outer = [x.shape[a] for a in order[: x.ndim - len(axes)]]
        flat = x.transpose(order).reshape(*outer, int(np.prod([x.shape[a] for a in axes])))
        flat = flat.astype(np.float32) if x.dtype.name in capi.EXTENDED else flat
        y = function(flat, axis=-1)
        return np.asarray(np.expand_dims(y, axes) if keep else y).astype(np.int64)
    return reference


def count(x, axes, keep):
    return np.asarray(np.sum(x != 0, axis=axes, keepdims=keep)).astype(np.int64)


# name -> (dtypes, reference, attributes, largest error in units in the last place, refused with no elements)
OPS = {
    "ReduceSum": (INTEGERS + FLOATS + COMPLEX, floating(np.sum), {}, 1, None),
    "ReduceProd": (INTEGERS + FLOATS + COMPLEX, floating(np.prod), {}, 16, None),
    "ReduceMax": (EVERY, extreme(np.max), {}, 0, "zero-size array to reduction operation maximum which has no identity"),
    "ReduceMin": (EVERY, extreme(np.min), {}, 0, "zero-size array to reduction operation minimum which has no identity"),
    "ReduceMean": (FLOATS + COMPLEX, floating(np.mean), {}, 2, None),
    "ReduceL1": (INTEGERS + FLOATS, l1, {}, 4, None),
    "ReduceL2": (FLOATS, l2, {}, 4, None),
    "ReduceLogicalAnd": (["bool"], extreme(np.all), {}, 0, None),
    "ReduceLogicalOr": (["bool"], extreme(np.any), {}, 0, None),
    "ReduceFMax": (FLOATS, number_extreme(np.fmax), {}, 0, "zero-size array to reduction operation fmax which has no identity"),
    "ReduceFMin": (FLOATS, number_extreme(np.fmin), {}, 0, "zero-size array to reduction operation fmin which has no identity"),
    "ReduceMeanSquare": (FLOATS, mean_square, {}, 2, None),
    "ReduceArgMax": (EVERY, arg(np.argmax), {"output_type": "int64"}, 0, "attempt to get argmax of an empty sequence"),
    "ReduceArgMin": (EVERY, arg(np.argmin), {"output_type": "int64"}, 0, "attempt to get argmin of an empty sequence"),
    "CountNonZero": (EVERY, count, {"output_type": "int64"}, 0, None),
}
CASES = [(name, dtype) for name, row in OPS.items() for dtype in row[0]]


def test_every_primitive_has_a_row():
    assert sorted(declared("reduce")) == sorted(OPS)


def judge(name, x, got, expected):
    """Equal, or within a few units in the last place of the largest intermediate value."""
    ulp = OPS[name][3]
    if not ulp or x.dtype.kind in "iu":
        return same_numbers(got, expected)
    kind = x.dtype if x.dtype.kind != "c" else np.dtype(f"f{x.dtype.itemsize // 2}")
    eps = {"float8_e4m3fn": 2**-3, "float8_e5m2": 2**-2, "bfloat16": 2**-7}.get(x.dtype.name) or np.finfo(kind).eps
    close(got, expected, rtol=ulp * eps, atol=float(tolerance(name, x, eps)))


def tolerance(name, x, eps):
    """What cancellation may leave: an ulp in f64 (or of the dtype, where that is f64) of the sum of magnitudes."""
    if name in ("ReduceProd", "ReduceL1", "ReduceL2", "ReduceMeanSquare") and x.dtype.kind != "c":
        return 0
    if name == "ReduceProd":
        return np.nan_to_num(np.prod(np.maximum(1, np.abs(wide(x))))) * eps * 8
    total = np.nansum(np.abs(wide(x)[np.isfinite(x.astype(np.complex128))])) if x.size else 0
    return total * 2.0**-52


def same_numbers(got, expected):
    """All NaN are one, and the sign of zero does not count: NumPy's own results differ in it with the size."""
    assert got.dtype == expected.dtype and got.shape == expected.shape, (got, expected)
    if got.dtype.kind in "biu":
        return same(got, expected)
    g, e = (v.astype(np.complex128) for v in (got, expected))
    equal = (g == e) | (np.isnan(g) & np.isnan(e))
    assert equal.all(), f"\n{got}\nis not\n{expected}"


def run(name, x, axes, keep):
    reference, attributes = OPS[name][1:3]
    axes = tuple(a % x.ndim for a in axes) if x.ndim else ()
    signed = [a - x.ndim if i % 2 else a for i, a in enumerate(axes)]
    got = capi.prim(name, x, ints(*signed), keep_dims=keep, **attributes)
    judge(name, x, got, np.asarray(reference(x, tuple(sorted(axes)), keep)))


@pytest.mark.parametrize("name,dtype", CASES)
@settings(max_examples=25)
@given(data=st.data())
def test_against_numpy(name, dtype, data):
    lowest = 0 if OPS[name][4] is None else 1
    x = data.draw(arrays([dtype], few=data.draw(st.booleans()), min_side=lowest, max_dims=5, max_side=6))
    if dtype in SMALL + ["float32", "float64"] and name in ("ReduceSum", "ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2"):
        x = np.where(np.abs(x.astype(np.float64)) > 1e18, 3, x.astype(np.float64)).astype(x.dtype)  # no overflow on the way
    if dtype == "float64" and name == "ReduceL2":
        x = np.where(np.abs(x) < 1e-120, 0, x)  # whose squares underflow, as in numpy.linalg.norm
    if dtype in COMPLEX and name in ("ReduceSum", "ReduceMean", "ReduceProd"):
        x = np.where(np.isfinite(x) & (np.abs(x) < 1e3), x, 2 - 1j).astype(x.dtype)
    axes = data.draw(st.lists(st.integers(0, max(0, x.ndim - 1)), unique=True, max_size=x.ndim)) if x.ndim else []
    run(name, x, axes, data.draw(st.booleans()))


def ordinary(dtype, shape, seed):
    """Numbers between -4 and 4 (or every bit pattern of an integer)."""
    rng = np.random.default_rng(seed)
    if dtype == "bool" or dtype in INTEGERS:
        return fill(dtype, shape, seed)
    x = rng.standard_normal(shape)
    if dtype in COMPLEX:
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(capi.dtype(dtype))


# Rows and columns around the widths of registers, blocks (512, 1024), tiles (512 to 4096), folds (64) and chunks (65536).
SHAPES = [((n,), (0,)) for n in (31, 32, 33, 63, 65, 511, 513, 1025, 4099)] + [
    ((7, 600), (0,)), ((7, 600), (1,)), ((600, 7), (0,)), ((600, 7), (1,)), ((3, 5, 7, 11), (0, 2)), ((3, 5, 7, 11), (1, 3)),
    ((40, 3, 50), (0, 2)), ((2, 1030, 3), (1,)), ((9, 4500), (0,)), ((300, 64), (0,)), ((300, 65), (0,)), ((1, 1, 1), (1,)), ((5, 1, 1, 5), (3,)),
    ((200001,), (0,)), ((3, 100003), (1,)), ((100003, 3), (0,)), ((400, 700), (0,)), ((64, 50, 50), (1, 2)), ((90, 50, 40), (0, 1))]


@pytest.mark.parametrize("name,dtype", CASES)
def test_sizes(name, dtype):
    big = name not in ("ReduceProd",)
    for seed, (shape, axes) in enumerate(SHAPES):
        if np.prod(shape) > 5000 and (not big or (dtype in SMALL[:2] + ["complex128"] and seed % 3)):
            continue  # the product of thousands is 0 or infinity; the small formats go through the same loops
        x = ordinary(dtype, shape, seed)
        if name == "ReduceProd" and dtype not in INTEGERS:
            x = (np.exp2(np.clip(x.real.astype(np.float64), -1, 1) * 8 / x.size)).astype(x.dtype)
            if x.size > 600 and dtype in SMALL:
                continue
        run(name, x, axes, bool(seed % 2))
        run(name, np.asfortranarray(x), axes, False)
        run(name, x[::-1], axes, False)
        doubled = np.repeat(x, 2, axis=-1)[..., ::2]
        run(name, doubled, axes, False)


@pytest.mark.parametrize("name", OPS)
def test_in_graphs(name):
    dtypes, reference, attributes, *_ = OPS[name]
    dtype = "bool" if dtypes == ["bool"] else "float32"
    x = ordinary(dtype, (3, 4, 5), 1)
    for axes, keep in (((1,), True), ((0, 2), False), ((0, 1, 2), False)):
        expected = np.asarray(reference(x, axes, keep))
        check(name, [x, ints(*axes)], expected, constants=(1,), compare=lambda g, e: judge(name, x, g, e), keep_dims=keep, **attributes)


@pytest.mark.parametrize("name", OPS)
def test_nothing(name):
    dtypes, reference, attributes, _, message = OPS[name]
    dtype = "bool" if dtypes == ["bool"] else "float32"
    for shape, axes in (((0,), (0,)), ((0, 3), (0,)), ((3, 0, 2), (1,)), ((2, 0), (0, 1))):
        x = np.empty(shape, dtype)
        if message is None:
            same_numbers(capi.prim(name, x, ints(*axes), keep_dims=False, **attributes), np.asarray(reference(x, axes, False)))
            continue
        with pytest.raises(capi.KvinoError, match=message) as e:
            capi.prim(name, x, ints(*axes), keep_dims=False, **attributes)
        assert e.value.status == INVALID
    x = np.empty((0, 3), dtype)  # no outputs: nothing is wrong
    assert capi.prim(name, x, ints(1), keep_dims=True, **attributes).shape == (0, 1)


@pytest.mark.parametrize("name", OPS)
def test_refusals(name):
    dtypes, _, attributes, *_ = OPS[name]
    for dtype in set(EVERY) - set(dtypes):
        with pytest.raises(capi.KvinoError, match=f"{name} does not take dtype {dtype}") as e:
            capi.prim(name, np.ones(3, capi.dtype(dtype)), ints(0), keep_dims=False, **attributes)
        assert e.value.status == TYPE_ERROR
    x = np.ones((2, 3), "bool" if dtypes == ["bool"] else "float32")
    with pytest.raises(capi.KvinoError, match="axis 2 is out of bounds for array of dimension 2"):
        capi.prim(name, x, ints(2), keep_dims=False, **attributes)
    with pytest.raises(capi.KvinoError, match="duplicate value in 'axis'"):
        capi.prim(name, x, ints(1, -1), keep_dims=False, **attributes)
    if attributes:
        with pytest.raises(capi.KvinoError, match="gives int32 or int64, not float32"):
            capi.prim(name, x, ints(1), keep_dims=False, output_type="float32")
        got = capi.prim(name, x, ints(1), keep_dims=False, output_type="int32")
        assert got.dtype == np.int32 and got.shape == (2,)


def test_bytes_of_bool_other_than_one():
    x = np.array([0, 2, 1, 255], np.uint8).view(bool)
    assert capi.prim("CountNonZero", x, ints(0), keep_dims=False, output_type="int64") == 3
    assert capi.prim("ReduceArgMax", x, ints(0), keep_dims=False, output_type="int64") == 1
    same(capi.prim("ReduceMax", x, ints(), keep_dims=False), np.array([False, True, True, True]))
    same(capi.prim("ReduceLogicalAnd", x[1:], ints(0), keep_dims=False), np.array(True))


@pytest.mark.parametrize("dtype,value", [(d, v) for d in FLOATS for v in (np.nan, np.inf, -np.inf)
                                         if d != "float8_e4m3fn" or np.isnan(v)])  # which has no infinities
def test_special_values_anywhere(dtype, value):
    for n in (1, 40, 700):
        for at in {0, n // 2, n - 1}:
            for shape, axes in (((n,), (0,)), ((n, 20), (0,))):
                x = np.ones(shape, capi.dtype(dtype))
                x[at] = value
                for name in ("ReduceSum", "ReduceMax", "ReduceMin", "ReduceMean", "ReduceL2", "ReduceFMax", "ReduceFMin",
                             "ReduceArgMax", "ReduceArgMin"):
                    run(name, x, axes, False)


@pytest.mark.parametrize("axis", [0, 1])
def test_accuracy_of_sums(axis):
    """As accurate as NumPy's pairwise sums along rows, and along columns, where NumPy adds one after the other."""
    rng = np.random.default_rng(5)
    for dtype in ("float32", "float64"):
        for shape in ((100, 100), (3, 40000), (40000, 3), (1, 300000), (20000, 1)):
            x = rng.lognormal(0, 4, shape).astype(dtype)
            exact = x.astype(np.longdouble).sum(axis)
            error = np.abs(capi.prim("ReduceSum", x, ints(axis), keep_dims=False) - exact).max()
            numpy = np.abs(x.sum(axis) - exact).max()
            assert error <= max(numpy, (np.spacing(exact.astype(dtype)) / 2 * 1.001).max()), (dtype, shape, error, numpy)


def test_sums_lose_nothing_to_order():
    x = np.array([1e16, 1.0, -1e16] * 1000 + [0.5])
    assert capi.prim("ReduceSum", np.stack([x, x], 1), ints(0), keep_dims=False)[0] == 1000.5
    x = np.ones(2**25 + 1, np.float32)
    assert capi.prim("ReduceSum", x, ints(0), keep_dims=False) == np.float32(2**25 + 1)


def test_more_than_two_to_the_31_elements():
    x = np.broadcast_to(np.int8(1), (2**16, 2**16))
    assert capi.prim("ReduceSum", np.broadcast_to(np.int64(3), (2**15, 2**17)), ints(0, 1), keep_dims=False) == 3 * 2**32
    with pytest.raises(capi.KvinoError, match="does not fit int32"):
        capi.prim("ReduceArgMax", x, ints(0, 1), keep_dims=False, output_type="int32")


def test_sixty_four_dimensions():
    x = np.arange(4, dtype=np.int64).reshape((2,) + (1,) * 62 + (2,))
    assert capi.prim("ReduceSum", x, ints(*range(64)), keep_dims=False) == 6
    assert capi.prim("ReduceMax", x, ints(0), keep_dims=False).shape == (1,) * 62 + (2,)


def test_misaligned():
    raw = np.zeros(4 * 100 + 1, np.uint8)
    x = raw[1:].view(np.float32)
    x[:] = np.arange(100)
    for shape, axes in (((100,), (0,)), ((10, 10), (0,)), ((10, 10), (1,))):
        run("ReduceSum", x.reshape(shape), axes, False)
        run("ReduceArgMax", x.reshape(shape), axes, False)


DIGEST = """
import hashlib, sys
import numpy as np, capi
from generated import ints
rng, h = np.random.default_rng(3), hashlib.sha256()
for dtype in ("float32", "float64", "float16", "int32", "int8", "complex64", "complex128"):
    for shape, axis in (((300001,), 0), ((700, 500), 0), ((700, 500), 1), ((90000, 3), 0), ((61, 67, 71), 1)):
        x = (rng.standard_normal(shape) * 50).astype(dtype)
        for name in ("ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin"):
            h.update(capi.prim(name, x, ints(axis), keep_dims=False).tobytes())
        h.update(capi.prim("ReduceArgMax", x, ints(axis), keep_dims=False, output_type="int64").tobytes())
print(h.hexdigest())
"""


def digest(**environment):
    here = os.path.dirname(os.path.abspath(__file__))
    env = {**os.environ, **environment, "PYTHONPATH": here, "PYTHONWARNINGS": "ignore"}
    return subprocess.run([sys.executable, "-c", DIGEST], env=env, capture_output=True, text=True, check=True).stdout


def test_same_bits_on_every_instruction_set_and_number_of_threads():
    """Of additions too: their order follows from the shape alone."""
    expected = digest()
    assert len(expected.strip()) == hashlib.sha256().digest_size * 2
    for isa in ("scalar", "avx2"):
        assert digest(KVINO_ISA=isa) == expected, isa
    for threads in ("1", "3"):
        assert digest(KVINO_THREADS=threads) == expected, threads
