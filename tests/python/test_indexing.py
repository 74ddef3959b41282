"""t[...] against NumPy: every form of basic and advanced indexing, concrete and traced."""

import kvino
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

SHAPES = st.lists(st.integers(0, 4), min_size=0, max_size=4).map(tuple)


def array_of(shape):
    return np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int32).reshape(shape)


def slices():
    bound = st.none() | st.integers(-6, 6)
    return st.builds(slice, bound, bound, st.none() | st.integers(-3, 3).filter(bool))


@st.composite
def masks(draw, shape):
    bits = draw(st.lists(st.booleans(), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    return np.array(bits, bool).reshape(shape)


@st.composite
def index_for(draw, shape, wrong=False):
    """An index of an array of that shape: every kind of item; now and then out of bounds."""
    items, axis, ellipsis = [], 0, False
    batch = draw(st.lists(st.integers(0, 3), min_size=0, max_size=2).map(tuple))  # what the arrays broadcast to
    low_high = (lambda n: (-n - 1, n)) if wrong else (lambda n: (-n, n - 1))
    kinds = st.sampled_from(["integer", "slice", "none", "ellipsis", "array", "mask", "bool"])
    for kind in draw(st.lists(kinds, max_size=6)):
        n = shape[axis] if axis < len(shape) else None
        if kind == "none":
            items.append(None)
        elif kind == "ellipsis" and not ellipsis:
            ellipsis = True
            items.append(Ellipsis)
            axis = draw(st.integers(axis, len(shape)))
        elif kind == "bool":
            items.append(draw(st.sampled_from([True, False, np.True_])))
        elif n is None:
            continue
        elif kind == "slice":
            items.append(draw(slices()))
            axis += 1
        elif kind == "integer" and n:
            i = draw(st.integers(*low_high(n)))
            items.append(draw(st.sampled_from([int, np.int64, np.uint8 if i >= 0 else np.int8, np.array]))(i))
            axis += 1
        elif kind == "array" and n:
            dims = tuple(draw(st.sampled_from([d, 1])) for d in batch)[draw(st.integers(0, len(batch))) :]
            values = draw(st.lists(st.integers(*low_high(n)), min_size=int(np.prod(dims)), max_size=int(np.prod(dims))))
            dtype = draw(st.sampled_from([np.int64, np.int32, np.int8]))
            a = np.array(values, dtype).reshape(dims)
            items.append(a.tolist() if draw(st.booleans()) and a.ndim and a.size else a)
            axis += 1
        elif kind == "mask":
            rank = draw(st.integers(1, min(2, len(shape) - axis)))
            m = draw(masks(shape[axis : axis + rank]))
            items.append(m.tolist() if draw(st.booleans()) and m.size else m)
            axis += rank
    if len(items) == 1 and draw(st.booleans()):
        return items[0]
    return tuple(items)


def outcome(function):
    try:
        return function()
    except (IndexError, ValueError) as e:
        return type(e), str(e)


def check(array, tensor, index):
    expected = outcome(lambda: array[index])
    found = outcome(lambda: tensor[index])
    if isinstance(expected, tuple):
        assert found == expected
        return
    assert not isinstance(found, tuple), (index, found, expected)
    assert found.shape == expected.shape, index
    assert found.dtype == str(expected.dtype)
    np.testing.assert_array_equal(np.asarray(found), expected)


@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_as_numpy(data):
    shape = data.draw(SHAPES)
    array = array_of(shape)
    index = data.draw(index_for(shape, data.draw(st.booleans())))
    check(array, kvino.Tensor(array), index)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_of_a_view(data):
    """The same where the tensor is itself a view of odd strides."""
    array = array_of((3, 4, 5))
    first = tuple(data.draw(st.lists(slices(), min_size=3, max_size=3)))
    view, tensor = array[first], kvino.Tensor(array)[first]
    check(view, tensor, data.draw(index_for(view.shape)))


def test_a_list_of_slices_is_a_tuple():
    """As with TensorFlow's tensors: KerasHub's RoFormerV2 indexes so. Lists of numbers are arrays as before."""
    x = np.arange(24).reshape(2, 3, 4)
    t = kvino.asarray(x)
    for index in ([slice(1), None, Ellipsis], [Ellipsis, 1], [slice(None), 2, slice(None, None, -1)]):
        np.testing.assert_array_equal(t[index], x[tuple(index)])
    np.testing.assert_array_equal(t[[1, 0]], x[[1, 0]])


def test_basic_indexing_is_a_view():
    t = kvino.Tensor(array_of((4, 6)))
    base = np.asarray(t)
    for index in [1, (slice(None, None, -2), 3), (None, Ellipsis, 2), (slice(1, 3), slice(5, 0, -2))]:
        assert np.shares_memory(np.asarray(t[index]), base)
    assert not np.shares_memory(np.asarray(t[[0, 1]]), base)


@pytest.mark.parametrize(
    "index",
    [1.0, "x", 5, -4, (0, 0, 0), (Ellipsis, Ellipsis), np.array([1.0]), np.array([True, False]), ([0, 1], [0, 1, 2]), [7],
     (slice(None), [True]), np.ones((2, 2), bool), (np.ones((3, 4), bool), 0), [[0, 1], [1]], object(), ([0], [-5]),
     (slice(0), [9]), np.zeros((3, 4, 1), bool)],
    ids=lambda index: "object" if type(index) is object else repr(index),
)
def test_errors_in_numpys_words(index):
    array = array_of((3, 4))
    with pytest.raises(Exception) as expected:
        array[index]
    with pytest.raises(expected.type) as found:
        kvino.Tensor(array)[index]
    assert str(found.value) == str(expected.value)


def test_slice_step_zero():
    with pytest.raises(ValueError, match="slice step cannot be zero"):
        kvino.Tensor([1, 2, 3])[::0]


def test_huge_bounds():
    array = array_of((5,))
    big = 10**30
    for index in [slice(-big, big), slice(big, -big, -1), slice(None, -big, -1), slice(-big, None, -1), slice(1, None, 2**62),
                  slice(None, None, -(2**63)), slice(-(2**63), 3), slice(2**63 - 1, None, -1)]:
        check(array, kvino.Tensor(array), index)
    with pytest.raises(IndexError):
        kvino.Tensor(array)[big]


def test_too_many_dimensions():
    with pytest.raises(IndexError):
        kvino.Tensor([1])[(None,) * 64]
    assert kvino.Tensor([1])[(None,) * 63].ndim == 64


def test_keys_that_are_tensors():
    array = array_of((3, 4))
    t = kvino.Tensor(array)
    np.testing.assert_array_equal(t[kvino.Tensor([0, 2])], array[[0, 2]])
    np.testing.assert_array_equal(t[kvino.Tensor(1)], array[1])
    np.testing.assert_array_equal(t[kvino.Tensor(array) > 5], array[array > 5])
    np.testing.assert_array_equal(t[kvino.Tensor(1) :, : kvino.Tensor(-1)], array[1:, :-1])
    assert [int(row[1]) for row in t] == array[:, 1].tolist()


def test_items_cannot_be_set():
    with pytest.raises(TypeError):
        kvino.Tensor([1, 2])[0] = 3


def test_every_dtype():
    import ml_dtypes

    for dtype in ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32",
                  "float64", "complex64", "complex128", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2]:
        array = np.arange(12).reshape(3, 4).astype(dtype)
        t = kvino.Tensor(array)
        for index in [(1,), (slice(None, None, -1), [0, 3]), np.eye(3, 4) > 0]:
            found = np.asarray(t[index])
            assert found.dtype == array.dtype
            np.testing.assert_array_equal(found.view(np.uint8), np.ascontiguousarray(array[index]).view(np.uint8))


# ---- in a traced function ----


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_traced(data):
    shape = data.draw(SHAPES.filter(lambda s: 0 not in s))
    array = array_of(shape)
    index = data.draw(index_for(shape))
    dynamic = data.draw(st.booleans())
    expected = outcome(lambda: array[index])
    assume(not isinstance(expected, tuple))
    found = kvino.function(lambda x: x[index], device="native", dynamic=dynamic)(kvino.Tensor(array))
    assert found.shape == expected.shape, index
    np.testing.assert_array_equal(np.asarray(found), expected)


@pytest.mark.parametrize("dynamic", [False, True])
def test_traced_keys(dynamic):
    array = np.arange(20, dtype=np.float32).reshape(4, 5)

    def pick(x, i, rows, mask):
        return x[i], x[:, i], x[i:], x[: i + 1, ::-1], x[rows], x[rows, i], x[mask], x[mask, rows[0]], x[:, None, rows]

    compiled = kvino.function(pick, device="native", dynamic=dynamic)
    i, rows, mask = np.int32(2), np.array([3, -1, 0], np.int32), np.array([True, False, True, True])
    for found, expected in zip(compiled(array, i, rows, mask), pick(array, i, rows, mask), strict=True):
        np.testing.assert_array_equal(np.asarray(found), expected)


@pytest.mark.parametrize("dynamic", [False, True])
def test_traced_on_openvino(dynamic):
    array = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    rows = np.array([2, 0, -1], np.int32)

    def pick(x, rows):
        return x[1], x[..., ::-2], x[:, 1:3, None], x[rows], x[:, rows, :, None], x[rows, rows], x[rows, :, rows], x[x > 30]

    compiled = kvino.function(pick, dynamic=dynamic)
    for found, expected in zip(compiled(array, rows), pick(array, rows), strict=True):
        np.testing.assert_array_equal(np.asarray(found), expected)


@pytest.mark.parametrize("device", ["native", "CPU"])
def test_backwards_from_before_the_axis(device):
    """Nothing, also where the length of the axis is not known when the graph is compiled."""
    x = np.arange(4, dtype="int32").reshape(2, 2)
    for at in (np.s_[-3::-3, -1:-2:2], np.s_[-3::-1], np.s_[-2::-1], np.s_[:, -4:1:-1]):
        got = np.asarray(kvino.function(lambda t: t[at], device=device, dynamic=True)(x))
        assert got.shape == x[at].shape
        np.testing.assert_array_equal(got, x[at])


@pytest.mark.parametrize("device", ["native", "CPU"])
@pytest.mark.parametrize("at", [np.s_[:0], np.s_[-3:0], np.s_[2:1], np.s_[-1:-2], np.s_[:-1:-1], np.s_[1:1:-2], np.s_[9:]])
def test_nothing_of_an_axis(device, at):
    """The other dimensions stay what they are; the plugin would lose them."""
    x = np.arange(12, dtype="int32").reshape(4, 3)
    got = kvino.function(lambda t: (t[None, at], t.T[:, at]), device=device, dynamic=True)(x)
    for y, expected in zip(got, (x[None, at], x.T[:, at])):
        np.testing.assert_array_equal(np.asarray(y), expected)
        assert y.shape == expected.shape
