"""The nonzero family: nonzero, argwhere, flatnonzero, count_nonzero, where, and indexing by masks, exactly as NumPy 2.4."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvino
from opcheck import (
    ALL,
    DEVICES,
    FLOAT8,
    INTEGERS,
    agree,
    agree_all,
    case,
    cast,
    make_tests,
    npd,
    result_type,
    values,
)

DTYPES = ALL + FLOAT8
SHAPES = [
    (0,),
    (1,),
    (7,),
    (64,),
    (65,),
    (1000,),
    (3, 4),
    (1, 9),
    (9, 1),
    (0, 3),
    (3, 0),
    (2, 0, 4),
    (5, 6, 7),
    (2, 3, 4, 5),
    (1, 1, 1),
    (2, 1, 3, 1, 2),
]


def sparse(dtype, shape, density=0.5, seed=0):
    """About this part of the elements is not zero."""
    generator = np.random.default_rng(seed)
    x = values(dtype, shape, seed + 1, 1, 5)
    if dtype == "bool":
        x = np.ones(shape, bool)
    return np.where(generator.uniform(size=shape) < density, x, np.zeros((), x.dtype))


# ---- references; size and fill_value are JAX's: cut, or filled up ----


def nonzero(x, size=None, fill_value=0, dtype="int64"):
    return [resized(i, size, fill_value).astype(dtype) for i in np.nonzero(x)]


def resized(i, size, fill_value):
    if size is None:
        return i
    out = np.full(size, fill_value, i.dtype)
    out[: min(size, i.size)] = i[:size]
    return out


def argwhere(x, size=None, fill_value=0, dtype="int64"):
    rows = np.argwhere(x)
    if size is None:
        return rows.astype(dtype)
    out = np.full((size, rows.shape[1]), fill_value, "int64")
    out[: min(size, len(rows))] = rows[:size]
    return out.astype(dtype)


def flatnonzero(x, size=None, fill_value=0, dtype="int64"):
    return resized(np.flatnonzero(x), size, fill_value).astype(dtype)


def count_nonzero(x, axis=None, keepdims=False, dtype="int64"):
    x = np.asarray(x) != np.zeros((), np.asarray(x).dtype)
    return np.asarray(np.count_nonzero(x, axis=axis, keepdims=keepdims)).astype(dtype)


def where(condition, x1, x2):
    name = result_type(x1, x2)
    return np.where(np.asarray(condition).astype(bool), cast(x1, name), cast(x2, name))


def masks(f):
    """Several dtypes and shapes, for an operator of one operand."""
    return (
        [case(sparse(d, (4, 5), seed=i), expect=f, compile=d not in FLOAT8) for i, d in enumerate(DTYPES)]
        + [case(sparse("float32", s, seed=i), expect=f) for i, s in enumerate(SHAPES)]
        + [
            case(np.array([np.nan, -0.0, 0.0, 1e-45, -1e-45, np.inf], "float32"), expect=f, label="special32"),
            case(np.array([np.nan, -0.0, 0.0, 5e-324, -np.inf]), expect=f, label="special64"),
            case(np.array([2**32, 0, -(2**40), 2**63 - 1, -(2**63)]), expect=f, label="int64_low_half_zero"),
            case(np.array([2**63, 0, 2**32], "uint64"), expect=f, label="uint64"),
            case(np.array([1e-320, 0, -0.0, 1e-310]), expect=f, label="float64_denormal"),
            case(np.array([2**-24, -0.0, 0, 65504], "float16"), expect=f, label="float16_denormal"),
            case(
                np.array([0j, 1j, 1, complex(-0.0, -0.0), complex(0, np.nan), complex(1e-45, 0)], "complex64"),
                expect=f,
                label="complex",
            ),
            case(np.array([0j, 1e-320j, complex(-0.0, 0)]), expect=f, label="complex128_denormal"),
            case(
                np.frombuffer(bytes([0, 1, 2, 128, 255, 0]), dtype=bool),
                expect=lambda x, **k: f(x.view("uint8"), **k),
                label="bool_bytes",
            ),
            case(np.zeros((3, 4), "float32"), expect=f, label="none"),
            case(np.ones((3, 4), "float32"), expect=f, label="all"),
            case([[1, 0], [0, 3]], expect=lambda x, **k: f(np.array(x), **k)),
        ]
    )


def sized(f):
    x = sparse("float32", (4, 5), seed=3)
    return (
        [case(x, size=n, expect=f) for n in (0, 1, 7, 20, 30)]
        + [case(x, size=25, fill_value=v, expect=f) for v in (-1, 99)]
        + [
            case(np.zeros((3, 2), "int32"), size=4, fill_value=5, expect=f),
            case(x[:0], size=3, expect=f),
            case(x, size=6, dtype="int32", expect=f),
            case(x, dtype="int32", expect=f),
        ]
    )


CASES = {
    "nonzero": masks(nonzero) + sized(nonzero),
    "argwhere": masks(argwhere)
    + sized(argwhere)
    + [
        case(np.float32(3), expect=argwhere),
        case(np.float32(0), expect=argwhere),
        case(5, expect=argwhere),
        case(np.array(True), expect=argwhere),
    ],
    "flatnonzero": masks(flatnonzero)
    + sized(flatnonzero)
    + [case(np.float32(3), expect=flatnonzero), case(np.float32(0), expect=flatnonzero)],
    "count_nonzero": masks(count_nonzero)
    + [
        case(sparse("float32", (3, 4, 5), seed=2), axis=a, keepdims=k, expect=count_nonzero)
        for a in (None, 0, 1, -1, (0, 2), (2, 0, 1), ())
        for k in (False, True)
    ]
    + [
        case(np.float32(3), expect=count_nonzero),
        case(np.array(0), expect=count_nonzero),
        case(sparse("int64", (3, 4)), axis=1, dtype="int32", expect=count_nonzero),
        case(np.zeros((2, 0, 3)), axis=1, expect=count_nonzero),
        case(np.zeros((2, 0, 3)), axis=0, expect=count_nonzero),
    ],
    "where": [
        case(
            sparse("bool", (4, 5), seed=i),
            values(d, (4, 5), 1),
            values(d, (4, 5), 2),
            expect=where,
            compile=d not in FLOAT8,
        )
        for i, d in enumerate(ALL)
    ]
    + [
        case(sparse(d, (4, 5), seed=i), values("float32", (5,), 1), values("float32", (4, 1), 2), expect=where)
        for i, d in enumerate(ALL)
    ]
    + [
        case(sparse("bool", (4, 5)), 1, 0, expect=where),
        case(sparse("bool", (4, 5)), values("float16", (5,), 1), 0, expect=where),
        case(sparse("bool", (4, 5)), values("int32", (5,), 1), 2.5, expect=where),
        case(sparse("bool", (4, 5)), values("uint8", (5,), 1), values("int8", (5,), 2), expect=where),
        case(sparse("bool", ()), values("float32", (3,), 1), values("float32", (3,), 2), expect=where),
        case(sparse("bool", (0, 5)), values("float32", (5,), 1), 0.0, expect=where),
        case(np.array([np.nan, -0.0, 1e-45], "float32"), 1.0, 2.0, expect=where, label="special"),
        case(
            sparse("bool", (40,)),
            values("int64", (40,), 1),
            values("int64", (40,), 2),
            expect=where,
            label="int64_exact",
        ),
        case(
            sparse("bool", (40,)),
            values("int32", (40,), 1),
            values("int32", (40,), 2),
            expect=where,
            label="int32_exact",
        ),
    ],
}

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


def family(x):
    """All of it against NumPy, on one operand."""
    plain = x.astype("float32") if x.dtype.kind == "V" else x
    agree_all(kvino.ops.nonzero(x), nonzero(plain))
    agree(kvino.ops.argwhere(x), argwhere(plain))
    agree(kvino.ops.flatnonzero(x), flatnonzero(plain))
    agree(kvino.ops.count_nonzero(x), count_nonzero(plain))
    for axis in range(x.ndim):
        agree(kvino.ops.count_nonzero(x, axis=axis), count_nonzero(plain, axis=axis))
    agree_all(kvino.ops.where(x), nonzero(plain))
    agree_all(kvino.ops.nonzero(x, dtype="int32"), nonzero(plain, dtype="int32"))


# ---- generated operands ----


@st.composite
def operands(draw):
    """dtype, shape, density, and a view: strides of both signs, a permutation, broadcast axes."""
    dtype = draw(st.sampled_from(DTYPES))
    rank = draw(st.integers(1, 5))
    shape = draw(st.lists(st.integers(0, 9), min_size=rank, max_size=rank))
    if draw(st.booleans()):
        shape[draw(st.integers(0, rank - 1))] = draw(st.sampled_from([15, 16, 17, 63, 64, 65, 127, 130, 200]))
    steps = [draw(st.sampled_from([1, 1, 1, 2, 3, -1, -2])) for _ in shape]
    offset = draw(st.integers(0, 3))
    store = [n * abs(s) + offset for n, s in zip(shape, steps)]
    while np.prod(store) > 300_000:
        store[int(np.argmax(store))] //= 2
    x = sparse(dtype, store, draw(st.sampled_from([0.0, 0.01, 0.1, 0.5, 0.9, 1.0])), draw(st.integers(0, 99)))
    x = x[tuple(slice(offset, None, s) if s > 0 else slice(None, offset - 1 if offset else None, s) for s in steps)]
    x = x.transpose(draw(st.permutations(range(rank))))
    if draw(st.booleans()) and x.size < 3000:
        x = (
            np.broadcast_to(x[None], (4, *x.shape))
            if draw(st.booleans())
            else np.broadcast_to(x[..., None], (*x.shape, 4))
        )
    return x


@given(operands())
def test_generated(x):
    family(x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("density", [0.0, 0.01, 0.5, 1.0])
def test_sizes_around_the_vectors(dtype, density):
    """Every length up to some vectors of every instruction set, and starts at every byte."""
    x = sparse(dtype, (700,), density, 4)
    for n in [*range(0, 140), 255, 256, 257, 511, 512, 513, 700]:
        agree_all(kvino.ops.nonzero(x[:n]), nonzero(x[:n]))
    for start in range(0, 70, 3):
        agree_all(kvino.ops.nonzero(x[start:]), nonzero(x[start:]))


@pytest.mark.parametrize(
    "shape", [(1_000_003,), (1000, 1003), (10, 100, 1001), (200_001, 5), (5, 200_001), (10, 10, 10, 10, 101)]
)
@pytest.mark.parametrize("dtype", ["float32", "bool", "uint8", "int64"])
def test_larger_than_a_thread_takes(shape, dtype):
    x = sparse(dtype, shape, 0.3, 1)
    agree_all(kvino.ops.nonzero(x), nonzero(x))
    assert int(np.asarray(kvino.ops.count_nonzero(x))) == np.count_nonzero(x)
    turned = x.transpose()
    agree_all(kvino.ops.nonzero(turned), nonzero(turned))
    if x.ndim > 1:
        for view in (x[:, ::2], x[::-1], x[..., ::-3]):
            agree_all(kvino.ops.nonzero(view), nonzero(view))
            agree(kvino.ops.count_nonzero(view, axis=0), count_nonzero(view, axis=0))


def test_order_is_c_order():
    """Whatever the order in memory."""
    x = sparse("float32", (6, 7, 8), seed=5)
    expected = nonzero(x)
    agree_all(kvino.ops.nonzero(np.asfortranarray(x)), expected)
    agree_all(
        kvino.ops.nonzero(kvino.ops.transpose(kvino.Tensor(np.ascontiguousarray(x.transpose(2, 0, 1))), (1, 2, 0))),
        expected,
    )


def test_a_view_is_not_copied():
    """2^34 elements of one byte in memory: a copy could not be made."""
    x = np.broadcast_to(np.uint8(0), (2**17, 2**17))
    assert int(np.asarray(kvino.ops.count_nonzero(x[:, : 2**4]))) == 0
    y = np.lib.stride_tricks.as_strided(np.array([0, 1], "uint8"), (2**20, 3), (0, 0))
    assert int(np.asarray(kvino.ops.count_nonzero(y))) == 0


# ---- dtypes ----


@pytest.mark.parametrize(
    "dtype", [d for d in INTEGERS + ["float16", "float32", "float64", "complex64", "complex128"] if npd(d).itemsize > 1]
)
def test_byte_swapped(dtype):
    """Handled, or refused in words; never taken for the other order."""
    x = sparse(dtype, (5, 6), seed=7)
    swapped = x.astype(x.dtype.newbyteorder())
    assert not swapped.dtype.isnative
    agree_all(kvino.ops.nonzero(swapped), nonzero(x))
    assert int(np.asarray(kvino.ops.count_nonzero(swapped))) == np.count_nonzero(x)


@pytest.mark.parametrize("stride", [1, 2, 3, 5, -1, -2])
def test_bool_bytes(stride):
    """Any byte but 0 is true, in every layout: NumPy says so too."""
    raw = np.random.default_rng(1).integers(0, 256, 900).astype("uint8")
    raw[::3] = 0
    x = raw.view(bool)[::stride]
    expected = np.flatnonzero(raw[::stride])
    agree(kvino.ops.flatnonzero(x), expected)
    assert int(np.asarray(kvino.ops.count_nonzero(x))) == expected.size
    agree(kvino.ops.count_nonzero(x.reshape(-1, 1), axis=0), np.array([expected.size]))
    grid = raw[:900].view(bool).reshape(30, 30)
    agree(kvino.ops.count_nonzero(grid, axis=1), np.count_nonzero(raw.reshape(30, 30), axis=1))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", *FLOAT8])
def test_every_kind_of_float(dtype):
    """All bit patterns of the small formats; of the others those around zero, infinity and NaN."""
    d = npd(dtype)
    if d.itemsize <= 2:
        bits = np.arange(2 ** (8 * d.itemsize), dtype=f"uint{8 * d.itemsize}")
    else:
        unsigned = np.dtype(f"uint{8 * d.itemsize}")
        one = unsigned.type(1)
        top = unsigned.type(8 * d.itemsize - 1)
        bits = np.array(
            [0, 1, 2, one << top, (one << top) + one, np.iinfo(unsigned).max, np.iinfo(unsigned).max >> 1], unsigned
        )
    x = bits.view(d)
    zero = (bits == 0) | (bits == bits.dtype.type(1) << bits.dtype.type(8 * d.itemsize - 1))
    agree(kvino.ops.flatnonzero(x), np.flatnonzero(~zero))
    assert int(np.asarray(kvino.ops.count_nonzero(x))) == np.count_nonzero(~zero)
    if d.kind == "f":
        agree_all(kvino.ops.nonzero(x), nonzero(x))


def test_complex_parts():
    """Zero where both parts are; a NaN in either is not."""
    parts = [0.0, -0.0, 1.0, np.nan, np.inf, 5e-324]
    x = np.array([complex(a, b) for a, b in itertools.product(parts, parts)])
    family(x)
    family(x.astype("complex64"))


def test_int32_indices():
    x = sparse("float32", (7, 9), seed=2)
    for i in kvino.ops.nonzero(x, dtype="int32"):
        assert i.dtype == "int32"
    for dtype in ("int16", "float32", "uint64", None):
        for name in ("nonzero", "argwhere", "flatnonzero", "count_nonzero"):
            with pytest.raises(TypeError, match="indices are int32 or int64"):
                getattr(kvino.ops, name)(x, dtype=dtype)


def test_int32_indices_that_could_overflow():
    """An axis longer than int32 counts is refused; memory for it is not needed."""
    x = np.broadcast_to(np.uint8(0), (2**31 + 1,))
    with pytest.raises(OverflowError):
        kvino.ops.nonzero(x, dtype="int32")


# ---- ranks ----


def test_zero_dimensions():
    """NumPy's own words."""
    words = r"^Calling nonzero on 0d arrays is not allowed\. Use np\.atleast_1d\(scalar\)\.nonzero\(\) instead\."
    context = r" If the context of this error is of the form `arr\[nonzero\(cond\)\]`, just use `arr\[cond\]`\.$"
    for x in (np.float32(3), np.array(0), 5, 0.0):
        with pytest.raises(ValueError, match=words + "$"):
            kvino.ops.nonzero(x)
        with pytest.raises(ValueError, match=words):
            np.nonzero(np.asarray(x))
        with pytest.raises(ValueError, match=words):
            kvino.ops.where(x)
    for x in (True, np.array(False)):
        with pytest.raises(ValueError) as numpys:
            np.nonzero(np.asarray(x))
        with pytest.raises(ValueError, match=words + context) as ours:
            kvino.ops.nonzero(x)
        assert str(ours.value) == str(numpys.value)


@pytest.mark.parametrize("rank", [2, 3, 8, 16, 31, 32, 33, 63, 64])
def test_many_dimensions(rank):
    """Up to 64, NumPy's limit."""
    shape = [1] * rank
    shape[0], shape[-1], shape[rank // 2] = 2, 3, 2
    x = sparse("float32", shape, 0.6, 3)
    agree_all(kvino.ops.nonzero(x), nonzero(x))
    agree(kvino.ops.argwhere(x), argwhere(x))
    agree(kvino.ops.count_nonzero(x, axis=0), count_nonzero(x, axis=0))
    turned = np.ascontiguousarray(x.T).T
    agree_all(kvino.ops.nonzero(turned), nonzero(x))


@pytest.mark.parametrize("shape", [(0,), (0, 0), (3, 0, 2), (0, 5), (5, 0)])
@pytest.mark.parametrize("dtype", ["bool", "float32", "complex64"])
def test_empty(shape, dtype):
    x = np.zeros(shape, dtype)
    family(x)
    agree_all(kvino.ops.nonzero(x), [np.zeros(0, "int64")] * len(shape))


# ---- what NumPy's published tests of nonzero state ----


def test_numpy_trivial():
    for empty in ([], np.array([])):
        assert int(np.asarray(kvino.ops.count_nonzero(np.array(empty)))) == 0
    assert int(np.asarray(kvino.ops.count_nonzero(np.array([], "?")))) == 0
    agree_all(kvino.ops.nonzero(np.array([])), [np.zeros(0, "int64")])
    for dtype in ("bool", "int64"):
        zero, one = np.array([0], dtype), np.array([1], dtype)
        assert (
            int(np.asarray(kvino.ops.count_nonzero(zero))) == 0 and int(np.asarray(kvino.ops.count_nonzero(one))) == 1
        )
        agree_all(kvino.ops.nonzero(zero), [np.zeros(0, "int64")])
        agree_all(kvino.ops.nonzero(one), [np.array([0])])


def test_numpy_zero_d():
    assert int(np.asarray(kvino.ops.count_nonzero(np.array(1)))) == 1
    assert int(np.asarray(kvino.ops.count_nonzero(np.array(0)))) == 0


@pytest.mark.parametrize(
    "x, places",
    [
        ([1, 0, 2, -1, 0, 0, 8], [[0, 2, 3, 6]]),
        ([[0, 1, 0], [2, 0, 3]], [[0, 1, 1], [1, 0, 2]]),
        (np.eye(3), [[0, 1, 2], [0, 1, 2]]),
        ([[True, False], [False, False], [True, True]], [[0, 2, 2], [0, 0, 1]]),
    ],
)
def test_numpy_small(x, places):
    x = np.array(x)
    agree_all(kvino.ops.nonzero(x), [np.array(p) for p in places])
    assert int(np.asarray(kvino.ops.count_nonzero(x))) == len(places[0])


def test_numpy_sparse_bools():
    """Runs of true bytes at every position of a word: the paths of the published test for sparse booleans."""
    for i in range(20):
        x = np.zeros(200, bool)
        x[i::20] = True
        agree_all(kvino.ops.nonzero(x), [np.arange(i, 200, 20)])
        x = np.zeros(400, bool)
        x[10 + i : 20 + i] = True
        x[20 + 2 * i] = True
        agree_all(kvino.ops.nonzero(x), [np.unique([*range(10 + i, 20 + i), 20 + 2 * i])])


def test_numpy_contiguous_floats():
    """Counts of a float array with one element set, and of all set, contiguous and strided."""
    for dtype in ("float32", "float64", "bool", "int8", "int16", "int32", "int64", "uint64"):
        x = np.zeros((50, 60), dtype)
        assert int(np.asarray(kvino.ops.count_nonzero(x))) == 0
        x[7, 11] = 1
        agree_all(kvino.ops.nonzero(x), [np.array([7]), np.array([11])])
        agree_all(kvino.ops.nonzero(x[1::2, 1::2]), [np.array([3]), np.array([5])])
        x[...] = 1
        assert int(np.asarray(kvino.ops.count_nonzero(x[::2, ::3]))) == 25 * 20


def test_numpy_axis():
    x = np.array([[0, 1, 7, 0, 0], [3, 0, 0, 2, 19]])
    agree(kvino.ops.count_nonzero(x, axis=0), np.array([1, 1, 1, 1, 1]))
    agree(kvino.ops.count_nonzero(x, axis=1), np.array([2, 3]))
    agree(kvino.ops.count_nonzero(x, axis=1, keepdims=True), np.array([[2], [3]]))
    agree(kvino.ops.count_nonzero(x, axis=(0, 1)), np.array(5))
    with pytest.raises(ValueError, match="duplicate value in 'axis'"):
        kvino.ops.count_nonzero(x, axis=(1, 1))
    with pytest.raises(ValueError, match="axis 3 is out of bounds for array of dimension 2"):
        kvino.ops.count_nonzero(x, axis=3)
    with pytest.raises(TypeError):
        kvino.ops.count_nonzero(x, axis="foo")


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_axis_all_dtypes(dtype):
    """As the published test: rows of zeros and ones of each dtype counted along either axis."""
    x = np.zeros((3, 3), npd(dtype))
    x[0, 0] = x[1, 0] = np.asarray(1).astype(npd(dtype))
    agree(kvino.ops.count_nonzero(x, axis=0), np.array([2, 0, 0]))
    agree(kvino.ops.count_nonzero(x, axis=1), np.array([1, 1, 0]))


def test_numpy_axis_consistent():
    """Over every set of axes: the counts are those of nonzero, added up."""
    x = sparse("float32", (5, 6, 7, 3), 0.4, 11)
    for n in range(1, 5):
        for axes in itertools.permutations(range(4), n):
            agree(kvino.ops.count_nonzero(x, axis=axes), count_nonzero(x, axis=axes))


# ---- where with one argument, and masks ----


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32", "complex64"])
def test_where_of_a_condition(dtype):
    x = sparse(dtype, (5, 6), seed=3)
    for got in (kvino.ops.where(x), kvino.ops.where(kvino.Tensor(x))):
        agree_all(got, nonzero(x))


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "complex64", "float16"])
def test_mask_indexing(dtype):
    x = values(dtype, (5, 6, 4), 1)
    t = kvino.Tensor(x)
    full, rows, plane = sparse("bool", (5, 6, 4), seed=1), sparse("bool", (5,), seed=2), sparse("bool", (5, 6), seed=3)
    agree(t[full], x[full])
    agree(t[rows], x[rows])
    agree(t[plane], x[plane])
    agree(t[:, sparse("bool", (6,), seed=4)], x[:, sparse("bool", (6,), seed=4)])
    agree(t[rows, 1:3], x[rows, 1:3])
    agree(t[kvino.Tensor(full)], x[full])
    agree(t[np.zeros((5, 6, 4), bool)], x[np.zeros((5, 6, 4), bool)])
    agree(t[kvino.ops.nonzero(full)], x[np.nonzero(full)])
    odd = np.frombuffer(bytes([0, 2, 255, 0, 1]), dtype=bool)
    agree(t[odd], x[odd.view("uint8") != 0])
    with pytest.raises(
        IndexError,
        match="boolean index did not match indexed array along axis 0; size of axis is 5 but size of corresponding boolean axis is 4",
    ):
        t[np.ones(4, bool)]


def test_indices_are_views_of_nothing_foreign():
    x = np.array([0, 1, 2.0])
    (i,) = kvino.ops.nonzero(x)
    x[:] = 0
    agree(i, np.array([1, 2]))


# ---- in graphs ----


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_traced(dtype, dynamic, device):
    """One compiled function, operands of different counts; the int32 indices that Keras asks for as well."""
    f = kvino.function(
        lambda x: (
            kvino.ops.nonzero(x),
            kvino.ops.nonzero(x, dtype="int32"),
            kvino.ops.argwhere(x),
            kvino.ops.flatnonzero(x),
            kvino.ops.count_nonzero(x),
            kvino.ops.count_nonzero(x, axis=1),
        ),
        device=device,
        dynamic=dynamic,
    )
    for seed, density in enumerate([0.5, 0.0, 1.0]):
        x = sparse(dtype, (5, 7), density, seed)
        a, b, c, d, e, g = f(x)
        agree_all(a, nonzero(x))
        agree_all(b, nonzero(x, dtype="int32"))
        agree(c, argwhere(x))
        agree(d, flatnonzero(x))
        agree(e, count_nonzero(x))
        agree(g, count_nonzero(x, axis=1))


@pytest.mark.parametrize("device", DEVICES)
def test_traced_shapes_that_change(device):
    f = kvino.function(lambda x: kvino.ops.nonzero(x), device=device, dynamic=True)
    for shape in [(3, 4), (1, 1), (0, 5), (40, 30), (5, 0)]:
        x = sparse("float32", shape, 0.4, 6)
        agree_all(f(x), nonzero(x))


@pytest.mark.parametrize("device", DEVICES)
def test_static_size_has_a_static_shape(device):
    """With `size` the traced result's shape is known: what devices without dynamic shapes need."""
    seen = []

    def f(x):
        i, j = kvino.ops.nonzero(x, size=9, fill_value=-1)
        seen.append((i.shape, kvino.ops.argwhere(x, size=4).shape, kvino.ops.flatnonzero(x, size=3).shape))
        return i, j, kvino.ops.nonzero(x)[0]

    x = sparse("float32", (4, 5), 0.3, 2)
    i, j, _ = kvino.function(f, device=device)(x)
    assert seen[0] == ((9,), (4, 2), (3,))
    agree_all((i, j), nonzero(x, size=9, fill_value=-1))


@pytest.mark.parametrize("device", DEVICES)
def test_constants_fold(device):
    """A mask that is known while tracing leaves no NonZero in the graph."""
    mask = sparse("float32", (4, 5), 0.4, 3)
    f = kvino.function(
        lambda x: kvino.ops.add(x, kvino.ops.cast(kvino.ops.count_nonzero(kvino.Tensor(mask)), "float32")),
        device=device,
    )
    x = values("float32", (3,), 1)
    agree(f(x), x + np.float32(np.count_nonzero(mask)))
    assert "NonZero" not in f.describe(x)
    g = kvino.function(
        lambda x: kvino.ops.take(x, kvino.ops.nonzero(kvino.ops.multiply(kvino.Tensor(mask), 2.0))[1]), device=device
    )
    y = values("float32", (5,), 1)
    agree(g(y), y[np.nonzero(mask)[1]])
    assert "NonZero" not in g.describe(y)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dynamic", [False, True])
def test_inside_larger_graphs(device, dynamic):
    """Computed conditions, indices that are used, 64-bit and complex operands beside float ones."""

    def f(x, n, z):
        i, j = kvino.ops.nonzero(kvino.ops.greater(x, 0.5))
        k = kvino.ops.flatnonzero(kvino.ops.subtract(n, 2**40))
        (m,) = kvino.ops.nonzero(kvino.ops.multiply(z, z))
        total = kvino.ops.add(kvino.ops.sum(kvino.ops.multiply(i, j)), kvino.ops.sum(k))
        return total, kvino.ops.take(n, k), m, kvino.ops.max(i), kvino.ops.min(j)

    x = values("float32", (6, 5), 1, 0, 1)
    n = np.array([2**40, 2**40 + 1, 5, 2**40 + 2**32])
    z = np.array([0, 1j, complex(0, 0), 3], "complex64")
    i, j = np.nonzero(x > 0.5)
    k = np.flatnonzero(n - 2**40)
    for got in (f(*map(kvino.Tensor, (x, n, z))), kvino.function(f, device=device, dynamic=dynamic)(x, n, z)):
        agree(got[0], np.asarray((i * j).sum() + k.sum()))
        agree(got[1], n[k])
        agree(got[2], np.flatnonzero(z))
        agree(got[3], np.asarray(i.max()))
        agree(got[4], np.asarray(j.min()))


@pytest.mark.parametrize("device", DEVICES)
def test_bounding_box(device):
    """What the digits example does: crop an image to its strokes."""

    def f(image):
        rows, columns = kvino.ops.nonzero(image)
        top, left = kvino.ops.min(rows), kvino.ops.min(columns)
        return kvino.ops.slice(kvino.ops.pad(image, ((0, 8), (0, 8))), (top, left), (8, 8))

    image = np.zeros((16, 16), "float32")
    image[5:11, 7:12] = values("float32", (6, 5), 1, 0.5, 1)
    expected = np.pad(image, ((0, 8), (0, 8)))[5:13, 7:15]
    agree(kvino.function(f, device=device)(image), expected)
    agree(f(kvino.Tensor(image)), expected)


@pytest.mark.parametrize("device", DEVICES)
def test_traced_where_and_masks(device):
    x, mask = values("float32", (4, 5), 1), sparse("bool", (4, 5), 0.5, 2)
    f = kvino.function(lambda x, m: (kvino.ops.where(m), kvino.ops.where(m, x, 0.0), x[m]), device=device)
    places, chosen, taken = f(x, mask)
    agree_all(places, nonzero(mask))
    agree(chosen, np.where(mask, x, np.float32(0)))
    agree(taken, x[mask])


def test_refusals():
    with pytest.raises(ValueError, match="size must be non-negative, not -1"):
        kvino.ops.nonzero(np.ones(3), size=-1)
    with pytest.raises(ValueError, match="could not be broadcast together"):
        kvino.ops.where(np.ones(3, bool), np.ones(4), np.ones(3))
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x2'"):
        kvino.ops.where(np.ones(3, bool), np.ones(3))
    with pytest.raises(TypeError):
        kvino.ops.nonzero("text")
    with pytest.raises(TypeError):
        kvino.ops.nonzero(None)
