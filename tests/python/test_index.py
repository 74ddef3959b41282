"""Index, search, sort and range primitives against NumPy, eager and in graphs."""

import capi
import numpy as np
import pytest
from generated import (
    EVERY,
    INTEGERS,
    NUMBERS,
    REAL,
    arrays,
    bits,
    check,
    close,
    declared,
    fails,
    fill,
    ints,
    same,
    shapes,
)
from hypothesis import given
from hypothesis import strategies as st

X = np.arange(6, dtype=np.float32).reshape(2, 3)
INDEX_TYPES = ["int32", "int64"]


@pytest.mark.parametrize("name", [n for n in declared("index") if n != "NonZero"])  # test_nonzero.py has that one
def test_every_primitive_is_tested(name):
    assert any(test.startswith(f"test_{name}_") for test in globals())


def indices(draw, shape, limit, negative=True):
    """Indices of any integer dtype, that are within an axis of `limit` elements."""
    dtype = draw(st.sampled_from(INTEGERS))
    low = -limit if negative and not dtype.startswith("u") else 0
    n = int(np.prod(shape, dtype=np.int64))
    values = draw(st.lists(st.integers(low, limit - 1), min_size=n, max_size=n)) if limit else []
    return np.array(values, np.int64).astype(dtype).reshape(shape)


# ---- Gather ----


@given(arrays(min_dims=1), st.data())
def test_Gather_values(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    shape = data.draw(shapes(max_dims=2, max_side=4)) if x.shape[axis] else (0,)
    i = indices(data.draw, shape, x.shape[axis])
    expected = np.take(bits(x), i.astype(np.int64), axis).view(x.dtype)
    check("Gather", [x, i, np.array(axis)], expected, constants=(2,))
    check("Gather", [x, i, np.array(axis)], expected, constants=(1, 2))


@given(arrays(min_dims=2), st.data())
def test_Gather_batches(x, data):
    batch = data.draw(st.integers(1, x.ndim - 1))
    axis = data.draw(st.integers(batch, x.ndim - 1))
    i = indices(data.draw, x.shape[:batch] + (data.draw(st.integers(0, 3)) if x.shape[axis] else 0,), x.shape[axis])
    rows = x.reshape((-1,) + x.shape[batch:]) if x.size else None
    expected = np.zeros(x.shape[:axis] + i.shape[batch:] + x.shape[axis + 1 :], x.dtype)
    if expected.size:
        flat = expected.reshape((len(rows),) + expected.shape[batch:])
        for k, row in enumerate(i.reshape(-1, i.shape[-1])):
            flat[k] = np.take(bits(rows[k]), row.astype(np.int64), axis - batch).view(x.dtype)
    check("Gather", [x, i, np.array(axis)], expected, constants=(2,), batch_dims=batch)
    check("Gather", [x, i, np.array(axis)], expected, constants=(2,), batch_dims=batch - i.ndim)


@pytest.mark.parametrize(
    "shape,axis", [((50000, 4), 0), ((40, 3000), 1), ((100000,), 0), ((700, 30, 20), 0), ((20, 700, 31), 1)]
)
@pytest.mark.parametrize("index", INDEX_TYPES)
def test_Gather_large_runs_on_threads(shape, axis, index):
    x = fill("float32", shape, 3)
    i = np.random.default_rng(0).integers(-shape[axis], shape[axis], 40000 if axis == 0 else 900).astype(index)
    same(capi.prim("Gather", x, i, np.array(axis)), np.take(bits(x), i, axis).view(x.dtype))
    if x.ndim > 1:
        t = x.swapaxes(0, 1)
        same(capi.prim("Gather", t, i, np.array(1 - axis)), np.take(bits(t), i, 1 - axis).view(x.dtype))
    i[-1] = shape[axis]
    fails(
        f"index {shape[axis]} is out of bounds for axis {axis} with size {shape[axis]}",
        "Gather",
        x,
        i,
        np.array(axis),
        status=3,
    )


def test_Gather_errors():
    for i, axis in [(5, 0), ([0, 5], 0), ([-4], 1), ([[1, 7]], 1)]:
        with pytest.raises(IndexError) as e:
            np.take(X, i, axis)
        fails(str(e.value), "Gather", X, np.array(i), np.array(axis), status=3)
    fails("index 0 is out of bounds for axis 0 with size 0", "Gather", X[:0], ints(0), np.array(0), status=3)
    fails(
        "index 18446744073709551615 is out of bounds",
        "Gather",
        X,
        np.array([2**64 - 1], np.uint64),
        np.array(0),
        status=3,
    )
    fails("must be integers", "Gather", X, np.array([0.0]), np.array(0), status=2)
    fails("axis 2 is out of bounds for array of dimension 2", "Gather", X, ints(0), np.array(2))
    fails("batch_dims", "Gather", X, ints(0), np.array(0), batch_dims=1)


def test_Gather_of_one_index_is_a_view():
    x = np.arange(12.0).reshape(3, 4)
    same(capi.prim("Gather", x.T, np.array(-1), np.array(0)), x.T[-1])


# ---- GatherElements, GatherND ----


@given(arrays(min_dims=1), st.data())
def test_GatherElements_values(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    shape = list(x.shape)
    shape[axis] = data.draw(st.integers(0, 5)) if x.shape[axis] else 0
    i = indices(data.draw, tuple(shape), x.shape[axis])
    expected = np.take_along_axis(bits(x), i.astype(np.int64), axis).view(x.dtype)
    check("GatherElements", [x, i], expected, axis=axis)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64", "complex128"])
def test_GatherElements_large(dtype):
    x = fill(dtype, (60, 70, 80), 5)
    for axis in range(3):
        i = np.random.default_rng(axis).integers(-x.shape[axis], x.shape[axis], x.shape)
        same(capi.prim("GatherElements", x, i, axis=axis), np.take_along_axis(bits(x), i, axis).view(x.dtype))


def test_GatherElements_errors():
    fails(
        "index 7 is out of bounds for axis 1 with size 3",
        "GatherElements",
        X,
        ints(0, 7).reshape(2, 1),
        axis=1,
        status=3,
    )
    fails("`indices` and `arr` must have the same number of dimensions", "GatherElements", X, ints(0), axis=1)
    fails("dimension 0 has size 2 in the data and 1 in the indices", "GatherElements", X, ints(0, 1)[None], axis=1)


@st.composite
def tuples(draw, shape, batch=0, distinct=False):
    """Index tuples into an array of this shape, and the index arrays that they mean."""
    k = draw(st.integers(0 if distinct else 1, len(shape) - batch)) if len(shape) > batch else 0
    outer = draw(shapes(max_dims=2, max_side=3)) if all(shape[batch : batch + k]) else (0,)
    columns = [indices(draw, shape[:batch] + outer, d).astype(np.int64) for d in shape[batch : batch + k]]
    return np.stack(columns, -1) if k else np.zeros(shape[:batch] + outer + (0,), np.int64)


@given(arrays(min_dims=1), st.data())
def test_GatherND_values(x, data):
    i = data.draw(tuples(x.shape))
    expected = bits(x)[tuple(i[..., k] for k in range(i.shape[-1]))].view(x.dtype)
    constants = () if i.ndim > 1 else (1,)
    check("GatherND", [x, i], expected, constants=(1,))
    check("GatherND", [x, i.astype(np.int32)], expected, constants=(1,))
    check("GatherND", [x, i], expected, constants=constants, graphs=i.ndim == 1)


@given(arrays(min_dims=2), st.data())
def test_GatherND_batches(x, data):
    batch = data.draw(st.integers(1, x.ndim - 1))
    i = data.draw(tuples(x.shape, batch))
    n = int(np.prod(x.shape[:batch]))
    expected = np.zeros(i.shape[:-1] + x.shape[batch + i.shape[-1] :], x.dtype)
    if n and expected.size:
        rows, tuples_, flat = (
            bits(x).reshape((n,) + x.shape[batch:]),
            i.reshape((n,) + i.shape[batch:]),
            expected.reshape((n,) + expected.shape[batch:]),
        )
        for k in range(n):
            flat[k] = rows[k][tuple(tuples_[k][..., j] for j in range(i.shape[-1]))].view(x.dtype)
    check("GatherND", [x, i], expected, constants=(1,), batch_dims=batch)


def test_GatherND_errors():
    fails("index 3 is out of bounds for axis 1 with size 3", "GatherND", X, ints(0, 3)[None], status=3)
    fails(
        "too many indices for array: array is 2-dimensional, but 3 were indexed", "GatherND", X, ints(0, 0, 0), status=3
    )


# ---- ScatterUpdate, ScatterElementsUpdate, ScatterNDUpdate ----


@given(arrays(min_dims=1), st.data())
def test_ScatterUpdate_values(x, data):
    axis = data.draw(st.integers(0, x.ndim - 1))
    i = indices(data.draw, data.draw(shapes(max_dims=2, max_side=3)) if x.shape[axis] else (0,), x.shape[axis])
    updates = data.draw(arrays([x.dtype.name], shape=x.shape[:axis] + i.shape + x.shape[axis + 1 :]))
    expected = np.array(bits(x))
    flat = bits(updates).reshape(x.shape[:axis] + (i.size,) + x.shape[axis + 1 :])
    for k, at in enumerate(i.ravel()):  # in order: the last one stays
        expected[(slice(None),) * axis + (int(at),)] = flat[(slice(None),) * axis + (k,)]
    check("ScatterUpdate", [x, i, updates, np.array(axis - x.ndim)], expected.view(x.dtype), constants=(3,))


def test_ScatterUpdate_errors():
    fails("index 2 is out of bounds for axis 0 with size 2", "ScatterUpdate", X, ints(2), X[:1], np.array(0), status=3)
    fails("have shape (2, 3) where the indices want (1, 3)", "ScatterUpdate", X, ints(0), X, np.array(0))
    fails("one dtype", "ScatterUpdate", X, ints(0), X[:1].astype(int), np.array(0), status=2)


REDUCERS = {"sum": np.add, "sub": np.subtract, "prod": np.multiply, "min": np.minimum, "max": np.maximum}
NEUTRAL = {
    "sum": lambda t: 0,
    "prod": lambda t: 1,
    "min": lambda t: np.iinfo(t).max if t.kind in "iu" else 448 if t.name == "float8_e4m3fn" else np.inf,
    "max": lambda t: np.iinfo(t).min if t.kind in "iu" else -448 if t.name == "float8_e4m3fn" else -np.inf,
}


def scatter_reference(x, target, updates, reduction, initial=True):
    """One update after the other into flat positions."""
    y = np.array(x).ravel()
    target, updates = target.ravel(), updates.ravel()
    if reduction == "none":
        for t, u in zip(target, updates):
            y[t] = u
        return y.reshape(x.shape)
    if reduction == "mean":
        for t in set(target.tolist()):
            values = [v for k, v in zip(target, updates) if k == t] + ([y[t]] if initial else [])
            if y.dtype.kind in "iu":
                y[t] = sum(map(int, values)) // len(values)
            else:
                y[t] = sum(map(float, values)) / len(values)
        return y.reshape(x.shape)
    if not initial:
        y[target] = NEUTRAL[reduction](y.dtype)
    with np.errstate(all="ignore"):
        for t, u in zip(target, updates):
            wide = np.float32 if y.dtype.name in capi.EXTENDED or y.dtype == np.float16 else y.dtype
            y[t] = REDUCERS[reduction](y[t].astype(wide), u.astype(wide)).astype(y.dtype)
    return y.reshape(x.shape)


def small(dtype, shape, seed):
    """Values whose sums and products stay exact in wide floats but wrap in small integers."""
    rng = np.random.default_rng(seed)
    low = 0 if dtype.startswith("uint") else -9
    return (rng.integers(low, 10, shape) if dtype != "uint8" else rng.integers(0, 256, shape)).astype(capi.dtype(dtype))


@given(
    st.sampled_from([n for n in REAL if n != "bool"]),
    st.sampled_from(["none", "sum", "prod", "min", "max", "mean"]),
    st.booleans(),
    st.data(),
)
def test_ScatterElementsUpdate_values(dtype, reduction, initial, data):
    shape = data.draw(shapes(min_dims=1, max_dims=3, max_side=4, min_side=1))
    axis = data.draw(st.integers(0, len(shape) - 1))
    smaller = tuple(
        data.draw(st.integers(1, 5)) if k == axis else data.draw(st.integers(1, d)) for k, d in enumerate(shape)
    )
    i = indices(data.draw, smaller, shape[axis])
    x, updates = (
        small(dtype, shape, data.draw(st.integers(0, 99))),
        small(dtype, smaller, data.draw(st.integers(100, 199))),
    )
    grid = list(np.indices(smaller))
    grid[axis] = np.where(i.astype(np.int64) < 0, i.astype(np.int64) + shape[axis], i)
    target = np.ravel_multi_index([g.astype(np.int64) for g in grid], shape)
    expected = scatter_reference(x, target, updates, reduction, initial)
    compare = (lambda a, b: close(a, b, rtol=1e-6)) if reduction == "mean" else close
    check(
        "ScatterElementsUpdate",
        [x, i, updates, np.array(axis)],
        expected,
        constants=(3,),
        compare=compare,
        reduction=reduction,
        use_init_val=initial,
    )


@pytest.mark.parametrize("dtype", EVERY)
def test_ScatterElementsUpdate_moves_every_dtype(dtype):
    x, updates = fill(dtype, (3, 4), 1), fill(dtype, (2, 4), 2)
    i = np.array([[0, 1, 2, 0], [2, 0, 1, 0]])
    expected = np.array(bits(x))
    for r, c in np.ndindex(2, 4):
        expected[i[r, c], c] = bits(updates)[r, c]
    check(
        "ScatterElementsUpdate", [x, i, updates, np.array(0)], expected.view(x.dtype), constants=(3,), reduction="none"
    )


def test_ScatterElementsUpdate_special_values():
    x = np.array([1.0, np.nan, 3.0, -np.inf])
    i, updates = ints(0, 1, 2, 2, 3), np.array([np.nan, 5.0, 2.0, 7.0, 1.0])
    run = lambda r: capi.prim("ScatterElementsUpdate", x, i, updates, np.array(0), reduction=r, use_init_val=True)
    close(run("min"), np.array([np.nan, np.nan, 2, -np.inf]))
    close(run("max"), np.array([np.nan, np.nan, 7, 1]))
    truth = np.array([True, False, True])
    got = capi.prim(
        "ScatterElementsUpdate",
        truth,
        ints(0, 1),
        np.array([False, True]),
        np.array(0),
        reduction="sum",
        use_init_val=True,
    )
    same(got, np.array([True, True, True]))
    z = np.array([1 + 2j, 3 - 1j], np.complex64)
    got = capi.prim("ScatterElementsUpdate", z, ints(1, 1), z, np.array(0), reduction="prod", use_init_val=True)
    same(got, np.array([1 + 2j, np.complex64((3 - 1j) * (1 + 2j)) * z[1]], np.complex64))
    big = np.array([2**63 - 1, 2**63 - 3], np.int64)
    got = capi.prim("ScatterElementsUpdate", big, ints(0), big[1:], np.array(0), reduction="mean", use_init_val=True)
    same(got, np.array([2**63 - 2, 2**63 - 3]))


def test_ScatterElementsUpdate_errors():
    i = ints(0, 0, 5).reshape(1, 3)
    fails(
        "index 5 is out of bounds for axis 0 with size 2",
        "ScatterElementsUpdate",
        X,
        i,
        X[:1],
        np.array(0),
        reduction="none",
        status=3,
    )
    z = X.astype(np.complex64)
    fails("does not take dtype complex64", "ScatterElementsUpdate", z, i, z[:1], np.array(0), reduction="min", status=2)
    fails(
        "dimension 1 has size 3 in the data and 4",
        "ScatterElementsUpdate",
        X,
        np.zeros((1, 4), int),
        np.zeros((1, 4), np.float32),
        np.array(0),
        reduction="none",
    )
    fails("has no reduction 'sub'", "ScatterElementsUpdate", X, i, X[:1], np.array(0), reduction="sub")


@given(
    st.sampled_from([n for n in REAL if n != "bool"]),
    st.sampled_from(["none", "sum", "sub", "prod", "min", "max"]),
    st.data(),
)
def test_ScatterNDUpdate_values(dtype, reduction, data):
    shape = data.draw(shapes(min_dims=1, max_dims=3, max_side=4, min_side=1))
    i = data.draw(tuples(shape, distinct=True))
    k = i.shape[-1]
    x, updates = small(dtype, shape, 1), small(dtype, i.shape[:-1] + shape[k:], 2)
    positive = np.where(i < 0, i + np.array(shape[:k], np.int64), i)
    whole = np.arange(x.size).reshape(shape)
    target = whole[tuple(positive[..., j] for j in range(k))] if k else np.broadcast_to(whole, updates.shape)
    expected = scatter_reference(x, target, updates, reduction)
    check("ScatterNDUpdate", [x, i, updates], expected, constants=(1,), compare=close, reduction=reduction)


@pytest.mark.parametrize("dtype", EVERY)
def test_ScatterNDUpdate_moves_every_dtype(dtype):
    x, updates = fill(dtype, (3, 4), 1), fill(dtype, (2, 4), 2)
    expected = np.array(bits(x))
    expected[[2, -3]] = bits(updates)
    check(
        "ScatterNDUpdate",
        [x, np.array([[2], [-3]], np.int8), updates],
        expected.view(x.dtype),
        reduction="none",
        constants=(1,),
    )


def test_ScatterNDUpdate_errors():
    fails(
        "index -3 is out of bounds for axis 0 with size 2",
        "ScatterNDUpdate",
        X,
        ints(-3)[None],
        X[:1],
        reduction="none",
        status=3,
    )
    fails("have shape (2, 3) where the indices want (1, 3)", "ScatterNDUpdate", X, ints(0)[None], X, reduction="none")
    fails("too many indices", "ScatterNDUpdate", X, ints(0, 0, 0)[None], X[0, :1], reduction="none", status=3)
    fails("has no reduction 'mean'", "ScatterNDUpdate", X, ints(0)[None], X[:1], reduction="mean")


# ---- CumSum, CumProd ----


def running(x, axis, function, exclusive, reverse):
    if x.dtype.name in capi.EXTENDED or x.dtype == np.float16:
        return running(x.astype(np.float32), axis, function, exclusive, reverse).astype(x.dtype)
    y = np.flip(x, axis) if reverse else x
    y = function(y, axis=axis, dtype=x.dtype)
    if exclusive:
        first = [slice(None)] * x.ndim
        first[axis] = slice(0, 1)
        neutral = np.full_like(y[tuple(first)], 0 if function is np.cumsum else 1)
        first[axis] = slice(0, -1)
        y = np.concatenate([neutral, y[tuple(first)]], axis)
    return np.flip(y, axis) if reverse else y


@given(arrays(NUMBERS, min_dims=1, few=True), st.booleans(), st.booleans(), st.data())
def test_CumSum_and_CumProd_values(x, exclusive, reverse, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    for name, function in ("CumSum", np.cumsum), ("CumProd", np.cumprod):
        with np.errstate(all="ignore"):
            expected = running(x, axis, function, exclusive, reverse)
        check(name, [x, np.array(axis)], expected, constants=(1,), compare=close, exclusive=exclusive, reverse=reverse)


def test_CumProd_and_CumSum_large():
    x = np.random.default_rng(0).random((30, 300, 130))
    for axis in range(3):
        close(capi.prim("CumSum", x, np.array(axis)), np.cumsum(x, axis))
        close(capi.prim("CumProd", x, np.array(axis), reverse=True), np.flip(np.cumprod(np.flip(x, axis), axis), axis))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "complex64", "complex128"])
def test_LinearRecurrence_values(dtype):
    g = np.random.default_rng(3)
    for shape, axis in (((7,), 0), ((3, 5, 70), 1), ((300, 130, 4), 0), ((2, 9), -1), ((0, 3), 1), ((3, 0), 1)):
        a, b = (g.uniform(-1, 1, shape).astype(capi.dtype(dtype)) for _ in range(2))
        work = np.float32 if dtype in ("float16", "bfloat16") else a.dtype
        for reverse in (False, True):
            order = -1 if reverse else 1
            x, y = np.moveaxis(a, axis, 0)[::order].astype(work), np.moveaxis(b, axis, 0)[::order].astype(work)
            expected = np.zeros_like(y)
            for k in range(len(y)):
                expected[k] = x[k] * expected[k - 1] + y[k] if k else y[0]
            expected = np.moveaxis(expected[::order], 0, axis).astype(a.dtype)
            close(capi.prim("LinearRecurrence", a, b, np.array(axis), reverse=reverse), expected)


def test_LinearRecurrence_starts_anew_at_zeros():
    a, b = np.array([9.0, 2, 0, 3]), np.array([np.inf, 1, 5, 1])
    same(capi.prim("LinearRecurrence", a, b, np.array(0)), np.array([np.inf, np.inf, 5, 16]))


def test_LinearRecurrence_errors():
    fails("LinearRecurrence does not take dtype int64", "LinearRecurrence", np.arange(3), np.arange(3), np.array(0), status=2)
    fails("must have one shape", "LinearRecurrence", X * 1.0, X[:1] * 1.0, np.array(0))
    fails("axis 2 is out of bounds for array of dimension 2", "LinearRecurrence", X * 1.0, X * 1.0, np.array(2))


def test_CumSum_keeps_small_floats_exact():
    ones = np.ones(3000, np.float16)
    same(capi.prim("CumSum", ones, np.array(0)), np.arange(1, 3001).astype(np.float16))
    same(capi.prim("CumSum", np.array([-0.0]), np.array(0)), np.array([-0.0]))


def test_CumSum_errors():
    fails("axis 2 is out of bounds for array of dimension 2", "CumSum", X, np.array(2))
    fails("does not take dtype bool", "CumSum", X > 1, np.array(0), status=2)


# ---- TopK, Sort, ArgSort ----


def order_keys(x):
    """Numbers that order as NumPy sorts x: floats with NaN last."""
    if x.dtype.name in capi.EXTENDED:
        x = x.astype(np.float32)
    if np.iscomplexobj(x):
        return x
    return x


def stable_order(x, axis, descending):
    """Where the sorted elements stand; descending keeps the order of equal ones too, NaN first."""
    x = order_keys(x)
    if not descending:
        return np.argsort(x, axis, kind="stable")
    back = np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    return x.shape[axis] - 1 - back


@given(arrays(min_dims=1, few=True, max_side=7), st.sampled_from(INDEX_TYPES), st.booleans(), st.data())
def test_Sort_and_ArgSort_values(x, index, descending, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    order = stable_order(x, axis, descending)
    check("ArgSort", [x], order.astype(index), axis=axis, descending=descending, output_type=index)
    check(
        "Sort", [x], np.take_along_axis(np.array(bits(x)), order, axis).view(x.dtype), axis=axis, descending=descending
    )


@given(
    arrays(min_dims=1, few=True, max_side=7),
    st.sampled_from(INDEX_TYPES),
    st.sampled_from(["max", "min"]),
    st.sampled_from(["value", "index"]),
    st.data(),
)
def test_TopK_values(x, index, mode, sort, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    k = data.draw(st.integers(0, x.shape[axis]))
    order = np.take(stable_order(x, axis, mode == "max"), range(k), axis)
    if sort == "index":
        order = np.sort(order, axis)
    expected = [np.take_along_axis(np.array(bits(x)), order, axis).view(x.dtype), order.astype(index)]
    for constants in ((1,), ()):
        check(
            "TopK",
            [x, np.array(k)],
            expected,
            constants=constants,
            axis=axis,
            mode=mode,
            sort=sort,
            stable=True,
            index_element_type=index,
        )


@pytest.mark.parametrize("dtype", EVERY)
@pytest.mark.parametrize("n", [40, 60, 5000, 9000, 150_000])
def test_Sort_long_rows(dtype, n):
    """Short digits, long ones, several threads; zeros of both signs and NaNs keep their order."""
    for few in (True, False):
        x = fill(dtype, (2, n), n, few)
        for descending in (False, True):
            order = stable_order(x, 1, descending)
            expected = np.take_along_axis(np.array(bits(x)), order, 1).view(x.dtype)
            same(capi.prim("Sort", x, axis=1, descending=descending), expected)
            same(capi.prim("ArgSort", x, axis=1, descending=descending, output_type="int64"), order)


@given(arrays(min_dims=1, few=True, max_side=7), st.booleans(), st.data())
def test_OrderStatistics_values(x, own, data):
    n = x.shape[-1]
    if x.dtype == np.complex128 or x.dtype.name == "string":
        return
    m = data.draw(st.integers(0, 4)) if n else 0
    shape = (*x.shape[:-1], m) if own else (m,)
    size = int(np.prod(shape))
    ranks = np.array(data.draw(st.lists(st.integers(0, max(n - 1, 0)), min_size=size, max_size=size)), "int64").reshape(shape)
    keys = np.take_along_axis(np.array(bits(x)), stable_order(x, -1, False), -1).view(x.dtype)
    expected = np.take_along_axis(keys, np.broadcast_to(ranks, (*x.shape[:-1], m)), -1)
    got = capi.prim("OrderStatistics", x, ranks)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(order_keys(got), order_keys(expected))


def test_OrderStatistics_refuses():
    x = np.arange(4.0)
    for rank in (4, -1):
        with pytest.raises(capi.KvinoError, match=f"rank {rank} is out of bounds for an axis of size 4"):
            capi.prim("OrderStatistics", x, np.array([rank]))
    with pytest.raises(capi.KvinoError, match="int64"):
        capi.prim("OrderStatistics", x, np.array([1], "int32"))


@given(st.sampled_from(INDEX_TYPES), st.integers(0, 9), st.lists(st.integers(-3, 12), max_size=30))
def test_BinCount_values(dtype, n, values):
    x = np.array(values, dtype)
    expected = np.array([(x == i).sum() for i in range(n)], "int32")
    for constants in ((1,), ()):
        check("BinCount", [x, np.array(n)], expected, constants=constants)


@given(st.sampled_from(INDEX_TYPES), st.integers(0, 5), st.lists(st.integers(-2, 7), min_size=1, max_size=20), st.sampled_from(["zero", "lowest"]))
def test_SegmentMax_rows(dtype, n, ids, fill_mode):
    x, ids = np.random.default_rng(len(ids)).integers(-50, 50, (len(ids), 2)).astype("int32"), np.array(ids, dtype)
    expected = np.full((n, 2), 0 if fill_mode == "zero" else np.iinfo("int32").min, "int32")
    for k in range(n):
        if (ids == k).any():
            expected[k] = x[ids == k].max(0)
    for constants in ((1, 2), ()):
        check("SegmentMax", [x, ids, np.array(n)], expected, constants=constants, fill_mode=fill_mode)


@pytest.mark.parametrize("n", [10, 1 << 17])
def test_BinCount_on_threads(n):
    x = np.random.default_rng(1).integers(-1, n + 1, 300_000)
    same(capi.prim("BinCount", x, np.array(n)), np.bincount(x[(x >= 0) & (x < n)], minlength=n).astype("int32"))


@pytest.mark.parametrize("dtype", EVERY)
@pytest.mark.parametrize("n", [15, 17, 50, 399, 400, 1599, 5000])
def test_ArgSort_long_rows(dtype, n):
    for few in (True, False):
        x = fill(dtype, (3, n), n, few)
        for descending in (False, True):
            order = stable_order(x, 1, descending)
            same(capi.prim("ArgSort", x, axis=1, descending=descending, output_type="int32"), order.astype(np.int32))
            for k in (1, 2, 20, n // 2 - 1, n // 2, n):
                k = min(k, n)
                got = capi.prim(
                    "TopK",
                    x,
                    np.array(k),
                    axis=1,
                    mode="max" if descending else "min",
                    sort="value",
                    index_element_type="int64",
                )
                same(got[1], order[:, :k])
        got = capi.prim("TopK", x, np.array(n // 2), axis=1, mode="min", sort="index", index_element_type="int64")
        same(got[1], np.sort(stable_order(x, 1, False)[:, : n // 2], 1))


def test_TopK_adversarial_rows():
    n = 20000
    rows = [np.arange(n), np.arange(n)[::-1], np.zeros(n, int), np.arange(n) % 2, np.abs(np.arange(n) - n // 2)]
    for row in rows:
        for kind in ("float32", "float64"):
            x = row.astype(kind)
            got = capi.prim("TopK", x, np.array(100), axis=0, mode="min", sort="value", index_element_type="int64")[1]
            same(got, np.argsort(x, kind="stable")[:100])


def test_TopK_errors():
    fails(
        "k = 4 is not within 0 and the 3 elements of axis 1", "TopK", X, np.array(4), axis=1, index_element_type="int32"
    )
    fails(
        "indices are int32 or int64, not float32",
        "TopK",
        X,
        np.array(1),
        axis=1,
        index_element_type="float32",
        status=2,
    )
    fails("axis 2 is out of bounds", "TopK", X, np.array(1), axis=2, index_element_type="int32")
    fails("axis -1 is out of bounds for array of dimension 0", "Sort", np.array(1.0), axis=-1)


# ---- Unique, SearchSorted, Bucketize ----


@given(arrays([n for n in EVERY if n not in capi.EXTENDED], few=True), st.sampled_from(INDEX_TYPES), st.booleans())
def test_Unique_values(x, index, ordered):
    judged = (
        np.where(np.isnan(x), np.complex64(complex("nan+nanj")), x) if np.iscomplexobj(x) else x
    )  # any NaN is one value
    values, first, inverse, counts = np.unique(judged, return_index=True, return_inverse=True, return_counts=True)
    inverse = inverse.ravel()
    if not ordered:
        order = np.argsort(first)
        rank = np.argsort(order)
        values, first, counts, inverse = (
            values[order],
            first[order],
            counts[order],
            rank[inverse] if inverse.size else inverse,
        )
    got = capi.prim("Unique", x, sorted=ordered, index_element_type=index, count_element_type="int64")
    for g, e in zip(got[1:], (first.astype(index), inverse.astype(index), counts)):
        same(g, e)
    same(got[0], np.array(x).ravel()[first] if x.size else np.zeros(0, x.dtype))
    check("Unique", [x], got, sorted=ordered, index_element_type=index, count_element_type="int64")


@given(arrays([n for n in EVERY if "complex" not in n], min_dims=1, few=True, max_side=4, min_side=1), st.data())
def test_Unique_slices(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    rows = np.moveaxis(np.array(x), axis, 0)
    keys = [
        tuple((np.isnan(v), 0.0 if np.isnan(v) else v) for v in map(float, r.astype(np.float64).ravel())) for r in rows
    ]
    if x.dtype.itemsize == 8 and x.dtype.kind in "iu":
        keys = [tuple((False, int(v)) for v in r.ravel()) for r in rows]
    distinct = sorted(set(keys))
    first = [keys.index(k) for k in distinct]
    expected = [
        np.moveaxis(rows[first], 0, axis),
        ints(*first),
        ints(*[distinct.index(k) for k in keys]),
        ints(*[keys.count(k) for k in distinct]),
    ]
    check(
        "Unique",
        [x, np.array(axis)],
        expected,
        constants=(1,),
        sorted=True,
        index_element_type="int64",
        count_element_type="int64",
    )


def test_Unique_errors():
    fails("indices are int32 or int64", "Unique", X, index_element_type="float32", count_element_type="int64", status=2)
    fails("axis 2 is out of bounds", "Unique", X, np.array(2), index_element_type="int32", count_element_type="int64")


@given(st.sampled_from([n for n in EVERY if n != "bool"]), st.booleans(), st.sampled_from(INDEX_TYPES), st.data())
def test_SearchSorted_values(dtype, right, index, data):
    n = data.draw(st.integers(0, 20))
    a = fill(dtype, (n,), data.draw(st.integers(0, 999)), few=True)
    a = a[stable_order(a, 0, False)]
    v = data.draw(arrays([dtype], few=True, max_dims=3, max_side=4))
    expected = np.searchsorted(order_keys(a), order_keys(v), "right" if right else "left")
    check("SearchSorted", [a, v], np.asarray(expected).astype(index), right_mode=right, output_type=index)
    check("Bucketize", [v, a], np.asarray(expected).astype(index), with_right_bound=not right, output_type=index)


def test_SearchSorted_rows():
    rng = np.random.default_rng(0)
    a, v = np.sort(rng.random((3, 4, 50)), -1), rng.random((3, 4, 7000))
    expected = np.array([[np.searchsorted(r, w) for r, w in zip(*p)] for p in zip(a, v)])
    check("SearchSorted", [a, v], expected, output_type="int64")


def test_SearchSorted_and_Bucketize_errors():
    fails("object too deep for desired array", "SearchSorted", X, ints(1).astype(np.float32), output_type="int64")
    fails("must be 1-dimensional", "Bucketize", X, X, output_type="int64")
    fails("one dtype", "SearchSorted", X[0], X.astype(int), output_type="int64", status=2)


def test_Bucketize_bounds():
    edges, x = np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.5, 3.0, np.nan, 4.0])
    check("Bucketize", [x, edges], np.digitize(x, edges, right=True), with_right_bound=True, output_type="int64")
    check("Bucketize", [x, edges], np.digitize(x, edges), with_right_bound=False, output_type="int64")


# ---- Range, Eye, OneHot ----


@given(
    st.integers(-40, 40),
    st.integers(-40, 40),
    st.integers(-7, 7).filter(bool),
    st.sampled_from(["int8", "int32", "int64"]),
    st.sampled_from([n for n in NUMBERS if "complex" not in n]),
)
def test_Range_of_integers(start, stop, step, dtype, output):
    operands = [np.array(v, dtype) for v in (start, stop, step)]
    if output.startswith("u") and (start < 0 or step < 0 or stop < 0):
        start, stop, step = abs(start), abs(stop), abs(step)
        operands = [np.array(v, dtype) for v in (start, stop, step)]
    wide = np.arange(start, stop, step)
    if output in capi.EXTENDED or output == "float16":
        first, second = np.array([start, start + step]).astype(capi.dtype(output)).astype(np.float32)
        expected = first + np.arange(len(wide), dtype=np.float32) * (second - first)
        expected[1:2] = second
        expected = expected.astype(capi.dtype(output))
    else:
        expected = wide.astype(output)
    for constants in ((0, 1, 2), (0, 2), ()):
        check("Range", operands, expected, constants=constants, output_type=output, graphs=len(constants) < 3)


@given(
    st.floats(-50, 50),
    st.floats(-50, 50),
    st.floats(0.03, 9),
    st.booleans(),
    st.sampled_from(["float32", "float64", "int32"]),
)
def test_Range_of_floats(start, stop, step, down, output):
    step = -step if down else step
    expected = np.arange(start, stop, step, dtype=output)
    check("Range", [np.array(v) for v in (start, stop, step)], expected, output_type=output)


def test_Range_errors():
    zero, one = np.array(0), np.array(1)
    fails("division by zero", "Range", zero, one, zero, output_type="int64")
    fails(
        "arange: cannot compute length", "Range", np.array(0.0), np.array(np.nan), np.array(1.0), output_type="float64"
    )
    fails(
        "Maximum allowed size exceeded", "Range", np.array(0.0), np.array(np.inf), np.array(1.0), output_type="float64"
    )
    fails("must be scalars", "Range", ints(0, 1), one, one, output_type="int64")
    fails("does not give dtype bool", "Range", zero, one, one, output_type="bool", status=2)
    check(
        "Range",
        [np.array(-(2**63)), np.array(2**63 - 1), np.array(2**62)],
        np.array([-(2**63), -(2**62), 0, 2**62]),
        output_type="int64",
    )


@given(st.integers(0, 6), st.integers(0, 6), st.integers(-8, 8), st.sampled_from(EVERY), shapes(max_dims=2, max_side=3))
def test_Eye_values(rows, columns, diagonal, output, batch):
    plane = np.eye(rows, columns, diagonal).astype(capi.dtype(output))
    operands = [np.array(v, np.int32) for v in (rows, columns, diagonal)]
    for constants in ((0, 1), (2,)):
        check("Eye", operands, plane, constants=constants, output_type=output)
        check(
            "Eye",
            operands + [ints(*batch)],
            np.broadcast_to(plane, batch + plane.shape),
            constants=constants,
            output_type=output,
        )


def test_Eye_errors():
    fails("negative dimensions are not allowed", "Eye", np.array(-1), np.array(2), np.array(0), output_type="float32")


@given(st.sampled_from(EVERY), st.integers(0, 5), st.data())
def test_OneHot_values(dtype, depth, data):
    shape = data.draw(shapes(max_dims=3, max_side=3))
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    i = indices(data.draw, shape, depth + 2)
    on, off = fill(dtype, (), 1), fill(dtype, (), 2)
    place = axis % (len(shape) + 1)
    hot = np.expand_dims(i.astype(np.int64), place) == np.arange(depth).reshape((-1,) + (1,) * (len(shape) - place))
    expected = np.where(hot, bits(on), bits(off)).view(on.dtype)
    for constants in ((1,), ()):
        check("OneHot", [i, np.array(depth), on, off], expected, constants=constants, axis=axis)


def test_OneHot_errors():
    fails("must be integers", "OneHot", X, np.array(3), np.array(1), np.array(0), axis=0, status=2)
    fails("negative dimensions are not allowed", "OneHot", ints(0), np.array(-3), np.array(1), np.array(0), axis=0)
    fails(
        "axis 2 is out of bounds for array of dimension 2",
        "OneHot",
        ints(0),
        np.array(3),
        np.array(1),
        np.array(0),
        axis=2,
    )
