"""Searching in sorted values, bins, partitions and sets against NumPy."""

import numpy as np
import pytest

import kvino
from opcheck import FLOATS, INTEGERS, agree, agree_all, case, cast, is_exact, make_tests, name_of, npd, values, wide

REALS = ["bool"] + INTEGERS + FLOATS
COMPILED = ["float32", "int32", "uint8"]
NAN, INF = np.nan, np.inf


def plain(x):
    return x if is_exact(name_of(x)) else wide(x)


def searchsorted(a, v, side="left"):
    return np.asarray(np.searchsorted(plain(a), plain(v), side=side)).astype("int32")


def digitize(x, bins):
    return np.asarray(np.digitize(plain(x), plain(bins))).astype("int32")


def isin(a, b, assume_unique=False, invert=False):
    return np.isin(plain(a), plain(b), invert=invert)


def argpartition(x, kth, axis=-1):
    """Sorted and stable: one of the orders that partition, and the one that there is."""
    return np.argsort(plain(x), axis=axis, kind="stable").astype("int32")


def unique(x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None, size=None, fill_value=0):
    v, i, k, c = np.unique(
        plain(x), return_index=True, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    v = cast(v, name_of(x))
    k = k.reshape(-1) if axis is not None else k
    if size is not None:
        along = 0 if axis is None else axis
        take = [slice(None)] * v.ndim
        take[along] = slice(0, size)
        width = [(0, 0)] * v.ndim
        more = max(0, size - v.shape[along])
        width[along] = (0, more)
        v = np.pad(v[tuple(take)], width, constant_values=fill_value)
        i = np.pad(i[:size], (0, more), constant_values=1)
        c = np.pad(c[:size], (0, more))
    rest = [(return_index, i), (return_inverse, k), (return_counts, c)]
    return [v, *(np.asarray(y).astype("int32") for wanted, y in rest if wanted)]


def ordered(name, n=20, seed=1):
    return np.sort(values(name, (n,), seed, 0 if name.startswith("u") else -9, 9))


EVERYTHING = {"return_index": True, "return_inverse": True, "return_counts": True}
ROWS = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 3]], "int32")
CASES = {
    "searchsorted": [
        *(
            case(ordered(d), values(d, (3, 4), 2, 0 if d.startswith("u") else -9, 9), expect=searchsorted, side=s,
                 compile=d in COMPILED)
            for d in REALS for s in ("left", "right")
        ),
        case(ordered("float32"), np.array([NAN, INF, -INF, -0.0], "float32"), expect=searchsorted),
        case(np.array([-1, 0, NAN, NAN], "float32"), np.array([NAN, 0], "float32"), expect=searchsorted, side="right"),
        case(np.array([-1, INF, NAN, NAN], "float32"), np.array([NAN, 0, INF, 2], "float32"), expect=searchsorted),
        case(np.array([-1, INF, NAN], "float32"), np.array([NAN, INF], "float32"), expect=searchsorted, side="right"),
        case(ordered("int32"), values("float32", (5,), 2), expect=searchsorted),
        case(np.array([2**53, 2**53 + 1]), np.array([2.0**53], "float32"), expect=searchsorted),
        case(np.array([2**24, 2**24 + 1], "int32"), np.array([2**24 + 2], "float32"), expect=searchsorted),
        case(ordered("float32"), np.float32(0.5), expect=searchsorted),
        case(np.zeros((0,), "float32"), values("float32", (3,)), expect=searchsorted),
        case(ordered("float32"), np.zeros((2, 0), "float32"), expect=searchsorted),
        case(ordered("int64", 5000), values("int64", (9000,), 3, -9, 9), expect=searchsorted, compile=False),
    ],
    "digitize": [
        *(case(values(d, (3, 4), 2, 0 if d.startswith("u") else -9, 9), ordered(d, 5), expect=digitize, compile=d in COMPILED)
          for d in REALS),
        case(np.array([[1, NAN], [5, 0]], "float32"), np.array([3, 2, 1], "float32"), expect=digitize, label="falling"),
        case(np.array([0, 1, 2, 3], "int32"), np.array([2, 2, 1], "int32"), expect=digitize, label="falling"),
        case(np.array([0, 1, 2], "int32"), np.array([1, 1], "int32"), expect=digitize),
        case(np.array([0, 1, 2], "int32"), np.array([0.5, 1.5], "float32"), expect=digitize),
        case(np.array([0, 1, 2], "int32"), np.array([1], "int32"), expect=digitize),
        case(np.array([0, 1, 2], "int32"), np.zeros((0,), "int32"), expect=digitize),
        case(np.float32(1.5), np.array([1, 2], "float32"), expect=digitize),
    ],
    "isin": [
        *(case(values(d, (3, 4), 2, 0, 5), values(d, (2, 2), 3, 0, 5), expect=isin, compile=d in COMPILED) for d in REALS),
        case(values("int32", (3, 4), 2, 0, 5), np.array([1, 4], "int32"), expect=isin, invert=True, assume_unique=True),
        case(np.array([1, NAN, -0.0, INF], "float32"), np.array([NAN, 0, INF], "float32"), expect=isin),
        case(values("int32", (3, 4), 2, 0, 5), np.zeros((0,), "int32"), expect=isin),
        case(np.zeros((0, 3), "int32"), np.array([1], "int32"), expect=isin),
        case(np.float32(2), np.float32(2), expect=isin),
        case(np.array([2**24, 2**24 + 1], "int32"), np.array([2**24], "float32"), expect=isin),
        case(values("complex64", (3,), 2), values("complex64", (3,), 2)[:2], expect=isin, compile=False),
    ],
    "argpartition": [
        *(case(values(d, (3, 9), 1, 0, 3), 4, expect=argpartition, compile=d in COMPILED) for d in REALS),
        *(case(values("float32", (3, 4, 2), 1), 1, expect=argpartition, axis=a) for a in (0, 1, -1, None)),
        case(values("float32", (9,), 1), -2, expect=argpartition),
        case(np.array([3, NAN, -INF, 0, INF], "float32"), 2, expect=argpartition, label="nan"),
    ],
    "unique": [
        *(case(values(d, (20,), 1, 0, 5), expect=unique, compile=d in COMPILED, **EVERYTHING) for d in REALS),
        case(values("int32", (3, 4), 1, 0, 5), expect=unique),
        case(values("int32", (3, 4), 1, 0, 5), expect=unique, **EVERYTHING),
        *(case(values("int32", (3, 4), 1, 0, 5), expect=unique, return_counts=True, return_inverse=i) for i in (False, True)),
        *(case(ROWS, expect=unique, axis=a, **EVERYTHING) for a in (0, 1, -1)),
        case(values("float32", (2, 3, 4), 1, 0, 1).round(), expect=unique, axis=2, **EVERYTHING),
        case(np.array([1, NAN, 2, NAN, -0.0, 0], "float32"), expect=unique, **EVERYTHING),
        *(case(np.array([3, 1, 2, 1], "int32"), expect=unique, size=n, fill_value=f, **EVERYTHING)
          for n, f in ((5, -1), (2, 0), (3, 0), (0, 0))),
        case(ROWS, expect=unique, axis=0, size=6, fill_value=7, **EVERYTHING),
        case(np.int32(3), expect=unique, **EVERYTHING),
        case(np.zeros((0,), "float32"), expect=unique, **EVERYTHING),
        case(np.zeros((0, 3), "float32"), expect=unique, axis=0),
        case(np.zeros((0,), "float32"), expect=unique, size=2, return_counts=True),
        *(case(values(d, (9000,), 1), expect=unique, compile=False, **EVERYTHING) for d in ("int8", "float32", "float64", "bfloat16")),
    ],
}  # fmt: skip

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "float16", "float64", "uint8"])
def test_long_unique(dtype):
    """Beyond one block and one thread; with and without what needs the order."""
    for x in (values(dtype, (150_000,), 1, 0, 50), values(dtype, (150_000,), 2), np.full(150_000, 7, npd(dtype))):
        expected = unique(x, **EVERYTHING)
        agree_all(kvino.ops.unique(x, **EVERYTHING), expected)
        agree_all(kvino.ops.unique(x), expected[:1])
        agree_all(kvino.ops.unique(x, return_counts=True), [expected[0], expected[3]])


def test_unique_unsorted():
    v, i, k, c = (np.asarray(y) for y in kvino.ops.unique(np.array([3, 1, 3, 2]), sorted=False, **EVERYTHING))
    np.testing.assert_array_equal(v, [3, 1, 2])
    np.testing.assert_array_equal(i, [0, 1, 3])
    np.testing.assert_array_equal(k, [0, 1, 0, 2])
    np.testing.assert_array_equal(c, [2, 1, 1])


def test_long_search():
    a, v = np.sort(values("float32", (70_000,), 1)), values("float32", (90_000,), 2)
    for side in ("left", "right"):
        agree(kvino.ops.searchsorted(a, v, side=side), searchsorted(a, v, side))
    for dtype in ("int32", "uint8", "int64", "float32"):
        x, y = values(dtype, (90_000,), 1, 0, 300), values(dtype, (1000,), 2, 0, 250)
        agree(kvino.ops.isin(x, y), isin(x, y))


def test_digitize_with_computed_bins():
    f = kvino.function(lambda x, b: kvino.ops.digitize(x, b * 2), device="native", dynamic=True)
    x = np.array([1, 3, 5], "float32")
    for bins in ([1, 2], [2, 1], [2], []):
        agree(f(x, np.array(bins, "float32")), digitize(x, np.array(bins, "float32") * 2))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_isin_of_many(dtype):
    """Sets of few values are looked up in a table: at both ends of the dtype, and what lies far outside."""
    rng, least, most = np.random.default_rng(3), np.iinfo(dtype).min, np.iinfo(dtype).max
    for low, high in ((0, 50), (least, least + 40), (least + 1, least + 40), (most - 40, most), (most - 40, most - 1), (least, most)):
        x = rng.integers(low, high, 5000, dtype, endpoint=True)
        x[:2] = least, most
        for n in (0, 1, 30):
            some = rng.integers(low, high, n, dtype, endpoint=True)
            for invert in (False, True):
                np.testing.assert_array_equal(np.asarray(kvino.ops.isin(x, some, invert=invert)), np.isin(x, some, invert=invert))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_search_among_even_spaces(dtype):
    """The nearest element follows from arithmetic: exact on, before and behind each, and where spaces are not quite even."""
    rng = np.random.default_rng(4)
    for n in (2, 3, 11, 101):
        for low, high in ((0, 1), (-3.7, 9.1), (1e6, 1e6 + 7), (1e30, 3e30), (-1e-40, 1e-40), (2**24, 2**24 + n)):
            even = np.linspace(low, high, n).astype(dtype)
            uneven = np.sort(even + rng.uniform(-0.3, 0.3, n) * (even[1] - even[0])).astype(dtype)
            for edges in (even, uneven):
                around = rng.uniform(low - (high - low) / 9, high + (high - low) / 9, 900).astype(dtype)
                x = np.concatenate([edges, np.nextafter(edges, edges.dtype.type(INF)), np.nextafter(edges, edges.dtype.type(-INF)),
                                    around, np.array([NAN, INF, -INF, 0.0, -0.0], dtype)])
                for side in ("left", "right"):
                    np.testing.assert_array_equal(np.asarray(kvino.ops.searchsorted(edges, x, side=side)), np.searchsorted(edges, x, side))


def test_refusals():
    ops = kvino.ops
    x = np.arange(3, dtype="float32")
    with pytest.raises(ValueError, match="search side must be 'left' or 'right'"):
        ops.searchsorted(x, x, side="middle")
    with pytest.raises(ValueError, match="only supports 1-D sorted sequences"):
        ops.searchsorted(np.zeros((2, 2)), x)
    with pytest.raises(ValueError, match="monotonically increasing or decreasing"):
        ops.digitize(x, np.array([3, 1, 2], "float32"))
    with pytest.raises(ValueError, match="must be a 1D array"):
        ops.digitize(x, np.zeros((2, 2), "float32"))
    with pytest.raises(TypeError, match="x may not be complex"):
        ops.digitize(x.astype("complex64"), x)
    for kth in (3, -4):
        with pytest.raises(ValueError, match=r"kth\(=.*\) out of bounds \(3\)"):
            ops.argpartition(x, kth)
    with pytest.raises(ValueError, match="axis 0 is out of bounds"):
        ops.unique(np.int32(3), axis=0)
    with pytest.raises(ValueError, match="size must be non-negative"):
        ops.unique(x, size=-1)
