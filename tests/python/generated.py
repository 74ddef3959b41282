"""Generated operands: arrays of every dtype, shape and memory layout, and the comparison of a primitive with NumPy."""

import re
from pathlib import Path

import capi
import numpy as np
from hypothesis import strategies as st

EVERY = capi.NAMES
REAL = [n for n in EVERY if not n.startswith("complex")]
NUMBERS = [n for n in EVERY if n != "bool"]
INTEGERS = [n for n in EVERY if "int" in n]
BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64, 16: np.complex128}


def ints(*values):
    return np.array(values, np.int64)


def bits(a):
    """The elements as plain bytes of their size, so that NumPy moves them without looking at them."""
    return a.view(BITS[a.dtype.itemsize])


@st.composite
def shapes(draw, min_dims=0, max_dims=4, max_side=5, min_side=0):
    return tuple(draw(st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims)))


def fill(dtype, shape, seed, few=False):
    """Random elements; `few`: of few values, among them NaN, infinities and both zeros where the dtype has them."""
    rng = np.random.default_rng(seed)
    kind = capi.dtype(dtype)
    n = int(np.prod(shape, dtype=np.int64))
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if few:
        pool = [0, 1, 2, 3, 7, 100]
        if dtype.startswith("int"):
            pool += [-1, -128, np.iinfo(kind).min, np.iinfo(kind).max]
        elif dtype.startswith("uint"):
            pool += [np.iinfo(kind).max]
        else:
            pool += [-0.0, -1, -2.5, 0.125, np.nan]
            if dtype != "float8_e4m3fn":
                pool += [np.inf, -np.inf]
        pool = np.array([np.array(v).astype(kind) for v in pool])
        if dtype.startswith("complex"):
            pool = (pool[:, None].real + 1j * np.array([0, 1, -1, np.nan])).ravel().astype(kind)
        return pool[rng.integers(0, len(pool), shape)].reshape(shape)
    return np.frombuffer(rng.bytes(n * kind.itemsize), kind).reshape(shape).copy()


@st.composite
def arrays(draw, dtypes=EVERY, shape=None, few=False, **limits):
    """An array whose memory may be in C order, transposed, with steps, backwards, or with repeated elements."""
    shape = draw(shapes(**limits)) if shape is None else shape
    dtype, seed = draw(st.sampled_from(dtypes)), draw(st.integers(0, 2**31))
    layout = draw(st.sampled_from(["C", "F", "step", "backwards", "broadcast"]))
    if layout == "F":
        return fill(dtype, shape[::-1], seed, few).T
    if layout == "step":
        steps = [draw(st.integers(1, 3)) for _ in shape]
        whole = fill(dtype, tuple(d * s for d, s in zip(shape, steps)), seed, few)
        return whole[tuple(slice(None, None, s) for s in steps)]
    if layout == "backwards":
        return fill(dtype, shape, seed, few)[tuple(slice(None, None, draw(st.sampled_from([1, -1]))) for _ in shape)]
    if layout == "broadcast" and shape:
        axis = draw(st.integers(0, len(shape) - 1))
        return np.broadcast_to(fill(dtype, shape[:axis] + (1,) + shape[axis + 1 :], seed, few), shape)
    return fill(dtype, shape, seed, few)


def same(got, expected):
    """Same dtype, shape and bytes."""
    assert got.dtype == expected.dtype, (got.dtype, expected.dtype)
    assert got.shape == expected.shape, (got.shape, expected.shape)
    assert got.tobytes() == np.ascontiguousarray(expected).tobytes(), f"\n{got}\nis not\n{expected}"


def close(got, expected, rtol=0.0, atol=0.0):
    """Same dtype and shape; equal values, NaN equal to NaN, within the tolerance."""
    assert got.dtype == expected.dtype, (got.dtype, expected.dtype)
    assert got.shape == expected.shape, (got.shape, expected.shape)
    if got.dtype.kind == "V" or got.dtype.name in capi.EXTENDED:
        got, expected = got.astype(np.float32), expected.astype(np.float32)
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol, equal_nan=True)


def check(name, operands, expected, constants=(), compare=same, graphs=True, **attributes):
    """The primitive against `expected` (one array or several): called natively, and in graphs with known and with
    unknown dimensions, where the operands `constants` are constants."""
    several = isinstance(expected, (list, tuple))
    expected = list(expected) if several else [expected]

    def judge(results):
        results = results if isinstance(results, list) else [results]
        assert len(results) == len(expected)
        for got, wanted in zip(results, expected):
            compare(got, wanted)

    judge(capi.prim(name, *operands, **attributes))
    if not graphs:
        return
    # Lists of integers may be computed in the graph, but their length is known: it is the rank of something.
    unknown = {i for i, a in enumerate(operands) if i == 0 or a.ndim > 1 or a.dtype != np.int64}
    for dynamic in (False, unknown):
        judge(capi.compiled(name, *operands, device="native", dynamic=dynamic, constants=constants, **attributes))


def fails(text, name, *operands, status=1, **attributes):
    try:
        capi.prim(name, *operands, **attributes)
    except capi.KvinoError as e:
        assert text in str(e), str(e)
        assert e.status == status, e.status
        return
    raise AssertionError(f"{name} did not fail")


def declared(family):
    """The primitives of a .def file."""
    text = (Path(__file__).parents[2] / "src" / "vocabulary" / f"{family}.def").read_text()
    return re.findall(r"^PRIM\((\w+),", text, re.MULTILINE)
