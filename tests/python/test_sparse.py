"""kvino.SparseTensor: what it is made of, what operators make of it, in graphs too, in Keras's layers, fit and predict."""

import kvino  # isort: skip: makes Keras use it
import keras
import numpy as np
import pytest
import scipy.sparse

from kvino import SparseTensor, ops

RNG = np.random.default_rng(0)


def some(shape=(4, 3, 2), seed=0, dtype="float32"):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < 0.4, rng.integers(1, 9, shape), 0).astype(dtype)


def is_sparse(x):
    return isinstance(x, SparseTensor)


def close(x, expected):
    expected = np.asarray(expected)
    assert tuple(x.shape) == expected.shape
    np.testing.assert_allclose(np.asarray(x), expected, 1e-5, 1e-6)


# ---- what it is made of ----


def test_attributes():
    x = SparseTensor([[1, 0], [0, 2]], [1.0, 2.0], (2, 3))
    assert (x.shape, x.ndim, x.dtype, x.nse, x.size, len(x)) == ((2, 3), 2, "float32", 2, 6, 2)
    assert x.dense_shape.numpy().tolist() == [2, 3]
    assert repr(x) == "SparseTensor(shape=(2, 3), dtype='float32', nse=2)"
    close(x, [[0, 0, 2], [1, 0, 0]])
    assert not x.canonical and x.coalesce().canonical
    assert x.coalesce().indices.numpy().tolist() == [[0, 2], [1, 0]]
    assert SparseTensor([[0, 2], [1, 0]], [1.0, 2.0], (2, 3)).canonical


def test_entries_at_one_place_are_added():
    x = SparseTensor([[1], [0], [1]], [1.0, 2.0, 3.0], (3,))
    close(x, [2, 4, 0])
    close(ops.sqrt(x), np.sqrt([2, 4, 0]))  # not sqrt(1) + sqrt(3)
    close(ops.negative(x), [-2, -4, 0])
    assert x.coalesce().nse == 2
    assert SparseTensor([[0], [0]], [False, True], (2,)).numpy().tolist() == [True, False]


def test_more_places_than_integers():
    """Rows are compared as rows; what would count elements says that it cannot."""
    long = 1 << 40
    rows = np.array([[1 << 39, 5], [1 << 39, 6], [(1 << 39) + 1, 0]])
    assert SparseTensor(rows, [1.0, 2.0, 3.0], (long, long)).canonical
    x = SparseTensor(rows[::-1], [1.0, 2.0, 3.0], (long, long))
    assert not x.canonical
    with pytest.raises(NotImplementedError, match="more than 2\\^63 elements"):
        x.coalesce()


@pytest.mark.parametrize(
    "indices, values, shape, error, text",
    [
        ([[0, 0], [1, 7]], [1.0, 2.0], (2, 3), IndexError, "entry 1: index 7 is out of bounds for axis 1 with size 3"),
        ([[0, 0], [-1, 0]], [1.0, 2.0], (2, 3), IndexError, "entry 1: index -1 is out of bounds for axis 0 with size 2"),
        ([[0, 0]], [1.0, 2.0], (2, 3), ValueError, "do not fit indices of shape"),
        ([[0, 0, 0]], [1.0], (2, 3), ValueError, "indices of 3 axes do not fit the shape"),
        ([0, 1], [1.0, 2.0], (2, 3), ValueError, "indices must be integers with a row for each value"),
        ([[0.0, 1.0]], [1.0], (2, 3), ValueError, "indices must be integers"),
        ([[0, 0]], [1.0], (2, -3), ValueError, "negative dimensions"),
    ],
)
def test_what_is_refused(indices, values, shape, error, text):
    with pytest.raises(error, match=text):
        SparseTensor(indices, values, shape)


@pytest.mark.parametrize("dense_dims", [0, 1, 2, 3])
def test_from_dense_and_back(dense_dims):
    a = some()
    x = SparseTensor.fromdense(a, dense_dims)
    assert x.canonical and x.dense_dims == dense_dims and x.values.shape[1:] == a.shape[3 - dense_dims :]
    close(x, a)
    close(x.with_axes(), a)
    assert x.with_axes().dense_dims == 0


# ---- from others, and to them ----


def test_scipy():
    a = some((5, 6))
    for form in ("coo", "csr", "csc"):
        x = keras.ops.convert_to_tensor(scipy.sparse.coo_matrix(a).asformat(form))
        assert is_sparse(x)
        close(x, a)
    assert np.array_equal(x.tocsr().toarray(), a)
    assert x.row_splits().numpy().tolist() == scipy.sparse.csr_matrix(a).indptr.tolist()


def test_jax():
    jax_sparse = pytest.importorskip("jax.experimental.sparse")
    a = some((5, 6))
    for n_batch in (0, 1):
        close(keras.ops.convert_to_tensor(jax_sparse.BCOO.fromdense(a, n_batch=n_batch)), a)
    close(keras.ops.convert_to_tensor(jax_sparse.BCOO.fromdense(a, nse=30)), a)  # filled up with places out of bounds
    close(keras.ops.convert_to_tensor(jax_sparse.BCOO.fromdense(a, n_dense=1)), a)
    for dense_dims in (0, 1):
        np.testing.assert_array_equal(SparseTensor.fromdense(a, dense_dims).tobcoo().todense(), a)


def test_tensorflow():
    tf = pytest.importorskip("tensorflow")
    a = some((5, 6))
    close(keras.ops.convert_to_tensor(tf.sparse.from_dense(a)), a)
    x = keras.ops.convert_to_tensor(tf.IndexedSlices(a[[1, 3]], [1, 3], (5, 6)))
    back = x.to_tf()
    assert x.dense_dims == 1 and isinstance(back, tf.SparseTensor)
    np.testing.assert_array_equal(tf.sparse.to_dense(back), a * np.isin(np.arange(5), (1, 3))[:, None])
    close(x, a * np.isin(np.arange(5), (1, 3))[:, None])


def test_convert_to_tensor():
    x = SparseTensor.fromdense(some((3, 4)))
    assert keras.ops.is_tensor(x) and keras.ops.shape(x) == (3, 4)
    assert keras.ops.convert_to_tensor(x) is x and is_sparse(keras.ops.convert_to_tensor(x, sparse=True))
    assert not is_sparse(keras.ops.convert_to_tensor(x, sparse=False))
    assert keras.ops.cast(x, "int32").dtype == "int32" and keras.ops.convert_to_tensor(x, "float64").dtype == "float64"
    assert isinstance(keras.ops.convert_to_numpy(x), np.ndarray)


# ---- operators ----

KEPT = ["absolute", "sin", "tanh", "sqrt", "square", "negative", "floor", "sign", "log1p", "relu", "gelu", "isnan", "cast"]


@pytest.mark.parametrize("dense_dims", [0, 1, 3])
@pytest.mark.parametrize("name", KEPT)
def test_kept(name, dense_dims):
    a = some()
    arguments = ("int32",) if name == "cast" else ()
    y = getattr(ops, name)(SparseTensor.fromdense(a, dense_dims), *arguments)
    assert is_sparse(y)
    close(y, getattr(ops, name)(a, *arguments))


def test_every_rule_keeps_its_promise():
    """What is done to the entries alone must make zeros of zeros."""
    import kvino.sparse

    zeros = SparseTensor(np.zeros((0, 1), "int32"), np.zeros(0, "float32"), (3,))
    arguments = {"cast": ("int32",), "digitize": ([1.0, 2.0],), "expand_dims": (0,), "reshape": ((3, 1),), "take": ([0],)}
    two = {"add", "subtract", "maximum", "minimum", "multiply", "divide", "true_divide", "matmul"}
    seen = []
    saved = kvino.sparse._RULES.copy()
    try:
        for rule, f in saved.items():
            kvino.sparse._RULES[rule] = lambda *a, f=f, rule=rule: (seen.append(rule), f(*a))[1]
        for name in (n for n in dir(ops) if not n.startswith(("_", "sparse_"))):
            if name in two or name in ("concatenate", "bincount"):
                continue
            seen.clear()
            try:
                y = getattr(ops, name)(zeros, *arguments.get(name, ()))
            except Exception:
                assert not seen, name
                continue
            if seen:
                assert not np.asarray(getattr(ops, name)(np.zeros(3, "float32"), *arguments.get(name, ()))).any(), name
                assert is_sparse(y) or name == "take", name
    finally:
        kvino.sparse._RULES.update(saved)


def test_the_rest_takes_dense_tensors():
    a = some((3, 4))
    x = SparseTensor.fromdense(a)
    for name in ("exp", "cos", "softmax", "max", "cumsum", "argsort", "nonzero"):
        y = getattr(ops, name)(x)
        expected = getattr(ops, name)(a)
        for one, other in zip(y, expected) if isinstance(y, tuple) else [(y, expected)]:
            assert not is_sparse(one)
            close(one, other)


@pytest.mark.parametrize("dense_dims", [(0, 0), (1, 1), (0, 2), (3, 3)])
@pytest.mark.parametrize("name", ["add", "subtract", "maximum", "minimum", "multiply", "divide"])
def test_binary(name, dense_dims):
    f, (d, e) = getattr(ops, name), dense_dims
    a, b = some(), some(seed=1)
    x, y = SparseTensor.fromdense(a, d), SparseTensor.fromdense(b, e)
    assert is_sparse(f(x, y)) == (name != "divide")
    close(f(x, y), f(a, b))
    assert is_sparse(f(x, b)) == (name in ("multiply", "divide"))
    close(f(x, b), f(a, b))
    assert is_sparse(f(a, y)) == (name == "multiply")
    close(f(a, y), f(a, b))
    close(f(x, 2), f(a, 2))
    close(f(x1=x, x2=0.5), f(a, 0.5))
    close(f(x, b[:, :1, :1]), f(a, b[:, :1, :1]))  # broadcast
    close(f(x, b[None]), f(a, b[None]))
    if name == "divide":
        for divisor in (0.0, np.nan):
            close(f(x, divisor), f(a, divisor))


def test_operators_of_python():
    a, b = some((3, 3)), some((3, 3), 1)
    x, y, z = SparseTensor.fromdense(a), SparseTensor.fromdense(b), kvino.convert_to_tensor(b)
    for got, expected, sparse in [
        (x + y, a + b, True), (x - z, a - b, False), (z + x, a + b, False), (z * x, a * b, True), (2 * x, 2 * a, True), (x / 2, a / 2, True),
        (x @ z, a @ b, False), (z @ x, b @ a, False), (-x, -a, True), (abs(x), a, True), (x > z, a > b, False), (z == x, a == b, False),
        (x.T, a.T, True), (x.astype("int32"), a, True),
    ]:  # fmt: skip
        assert is_sparse(got) == sparse
        close(got, expected)


@pytest.mark.parametrize("dense_dims", [0, 1, 2])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1), (0, 2), (0, 1, 2), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_sum_and_mean(axis, keepdims, dense_dims):
    a = some()
    x = SparseTensor.fromdense(a, dense_dims)
    for name in ("sum", "mean"):
        y = getattr(ops, name)(x, axis, keepdims)
        assert is_sparse(y) and y.dtype == getattr(ops, name)(a).dtype
        close(y, getattr(np, name)(a, axis=axis, keepdims=keepdims))


def test_sums_of_nothing():
    x = SparseTensor(np.zeros((0, 2), "int32"), np.zeros(0, "float32"), (2, 3))
    close(ops.sum(x), 0)
    close(ops.sum(x, 0), np.zeros(3))
    assert ops.sum(SparseTensor([[0]], np.array([7], "int8"), (3,))).dtype == ops.sum(np.zeros(3, "int8")).dtype


@pytest.mark.parametrize("dense_dims", [0, 1, 2])
def test_moves(dense_dims):
    a, b = some(), some(seed=1)
    x, y = SparseTensor.fromdense(a, dense_dims), SparseTensor.fromdense(b, dense_dims)
    for got, expected in [
        *((ops.transpose(x, p), a.transpose(p) if p else a.T) for p in (None, (2, 0, 1), (0, 1, 2))),
        *((ops.reshape(x, s), a.reshape(s)) for s in ((24,), (4, -1), -1, (2, 3, 4), (1, 24))),
        *((ops.expand_dims(x, i), np.expand_dims(a, i)) for i in (0, 1, -1, (0, 2))),
        *((ops.squeeze(ops.expand_dims(x, 1), i), a) for i in (1, None)),
        *((ops.concatenate([x, y, x], i), np.concatenate([a, b, a], i)) for i in (0, 1, -1)),
    ]:
        assert is_sparse(got)
        close(got, expected)
    close(ops.concatenate([x, b], 0), np.concatenate([a, b]))
    with pytest.raises(ValueError, match="cannot reshape array of size 24"):
        ops.reshape(x, (5, 5))
    with pytest.raises(ValueError, match="must match exactly"):
        ops.concatenate([x, ops.transpose(y)], 0)
    with pytest.raises(ValueError, match="not equal to one"):
        ops.squeeze(x, 0)


@pytest.mark.parametrize("shapes", [((3, 4), (4, 2)), ((2, 3, 4), (2, 4, 5)), ((2, 2, 3, 4), (2, 2, 4, 3)), ((2, 3, 4), (4, 2))])
def test_matmul(shapes):
    a, b = some(shapes[0]), some(shapes[1], 1)
    x, y = SparseTensor.fromdense(a), SparseTensor.fromdense(b)
    close(ops.matmul(x, b), a @ b)
    close(ops.matmul(a, y), a @ b)
    close(ops.matmul(x, y), a @ b)
    assert is_sparse(ops.matmul(x, y)) == (len(shapes[0]) == len(shapes[1]))
    with pytest.raises(ValueError, match="mismatch in its core dimension"):
        ops.matmul(x, np.zeros((7, 7), "float32") if a.ndim == 2 else np.zeros((*shapes[0][:-2], 7, 7), "float32"))


@pytest.mark.parametrize("dtype", ["float64", "int32", "complex64"])
@pytest.mark.parametrize(
    "shape, entries",
    [((90, 80, 70), (900, 1200)), ((300, 300, 5000), (3000, 20000)), ((40, 3000, 60000), (2000, 9000)), ((2000, 2000, 3), (9000, 700)),
     ((900, 700, 800), (40000, 60000))],
)  # fmt: skip
def test_products_are_scipy_s(shape, entries, dtype):
    """However many the entries of a row are; entries that come twice and in any order; more work than one thread is given."""
    rng = np.random.default_rng(3)
    operands, ours = [], []
    for n, size in zip(entries, (shape[:2], shape[1:])):
        places = np.stack([rng.integers(0, d, n) for d in size], 1)
        values = (rng.integers(-9, 9, n) * (1 + 1j if dtype == "complex64" else 1)).astype(dtype)
        operands.append(scipy.sparse.csr_array((values, places.T), size))
        ours.append(SparseTensor(places, values, size))
    got = ops.matmul(*ours)
    expected = operands[0] @ operands[1]
    assert got.canonical and got.dtype == dtype and np.array_equal(got.numpy(), expected.toarray())
    assert kvino.sparse._is_canonical(got.indices)


@pytest.mark.parametrize("shape, density", [((3, 5000), 0.5), ((3000, 40), 0.2), ((5000, 7), 0.001), ((1, 4000), 1), ((0, 9), 1), ((9, 0), 1)])
@pytest.mark.parametrize("width", [1, 5, 21, 70])
def test_dense_products_are_scipy_s(shape, density, width):
    """Rows of any number of entries, more and fewer than are looked at together; the same bits with any number of threads, and of
    entries in any order."""
    rng = np.random.default_rng(1)
    a = scipy.sparse.random(*shape, density, "csr", "float32", rng)
    x, w = kvino.sparse.asparse(a), rng.random((shape[1], width), "float32")
    expected, saved = np.asarray(ops.matmul(x, w)), kvino.config.threads
    np.testing.assert_allclose(expected, a @ w, 1e-4, 1e-4)
    mixed = np.argsort(x.indices.numpy()[:, 1], kind="stable")
    y = SparseTensor(x.indices.numpy()[mixed].astype("int64"), x.values.numpy()[mixed], shape)
    try:
        for kvino.config.threads in (1, 2, 7):
            assert np.array_equal(ops.matmul(x, w), expected) and np.array_equal(ops.matmul(y, w), expected)
    finally:
        kvino.config.threads = saved


@pytest.mark.parametrize("dtype", ["bool", "float16", "float32", "float64", "complex128"])
@pytest.mark.parametrize("axes, index", [(1, "int32"), (2, "int32"), (2, "int64"), (3, "int32"), (2, "uint8")])
@pytest.mark.parametrize("entries", [(9000, 20000), (20000, 9000), (0, 500), (500, 0), (0, 0)])
def test_sums_of_many_entries(dtype, axes, index, entries):
    """In order, and in any order with some twice; of more entries than a thread takes."""
    shape = {1: (90000,), 2: (250, 240), 3: (41, 39, 40)}[axes]
    rng = np.random.default_rng(1)
    for mixed in (False, True):
        parts = []
        for n in entries:
            at = rng.permutation(int(np.prod(shape)))[:n] if not mixed else rng.integers(0, np.prod(shape), n)
            indices = np.stack(np.unravel_index(at if mixed else np.sort(at), shape), 1)
            parts += [indices.astype(index), rng.integers(0, 2, n).astype(dtype)]
        dense = [np.zeros(shape, dtype) for _ in range(2)]
        for d, i, v in zip(dense, parts[::2], parts[1::2]):
            (np.logical_or if dtype == "bool" else np.add).at(d, tuple(i.T.astype("int64")), v)
        places = [set(np.ravel_multi_index(tuple(i.T.astype("int64")), shape)) for i in parts[::2]]
        for both in (False, True):
            kept = np.array(sorted(places[0] & places[1] if both else places[0] | places[1]), "int64")
            found = ops.sparse_align(*parts, shape, both)
            expected = np.unravel_index(kept, shape)
            assert found[0].dtype == index and np.array_equal(found[0], np.stack(expected, 1))
            for v, d in zip(found[1:], dense):
                assert v.dtype == dtype and np.array_equal(v, d[expected])


def test_an_entry_of_a_sum_is_out_of_bounds():
    good, v = np.array([[0, 1], [2, 2]]), np.ones(2, "float32")
    for bad, text in (([[0, 1], [2, 3]], "entry 1: index 3 is out of bounds for axis 1"), ([[-1, 1], [2, 0]], "entry 0: index -1 is out")):
        for index in ("int32", "int64", "int8"):
            wrong = np.array(bad, index)
            for pair in ((wrong, good.astype(index)), (good.astype(index), wrong)):
                with pytest.raises(IndexError, match=text):
                    ops.sparse_align(pair[0], v, pair[1], v, (3, 3))


def test_derivatives_of_sums():
    """Each entry has that of the value that it went to, those that are there twice, too."""
    a, b = SparseTensor([[1, 1], [0, 2], [1, 1]], [2.0, 3.0, 4.0], (2, 3)), SparseTensor([[1, 1], [1, 2]], [5.0, 7.0], (2, 3))
    for f, expected in ((ops.add, ([22, 6, 22], [22, 14])), (ops.multiply, ([300, 0, 300], [360, 0]))):
        g = kvino.function(lambda v, w: kvino.gradients((ops.sum(ops.square(f(a.with_values(v), b.with_values(w)).values)),), (None,), (v, w)))
        for d, e in zip(g(a.values, b.values), expected):
            close(d, e)
    slices = SparseTensor([[2], [0]], [[1.0, 2.0], [3.0, 4.0]], (3, 2)), SparseTensor([[2]], [[5.0, 6.0]], (3, 2))
    g = kvino.function(lambda v, w: kvino.gradients((ops.sum(ops.square(ops.add(slices[0].with_values(v), slices[1].with_values(w)).values)),), (None,), (v, w)))
    dv, dw = g(slices[0].values, slices[1].values)
    close(dv, [[12, 16], [6, 8]])
    close(dw, [[12, 16]])


def test_products_with_vectors():
    a, v = some((4, 6)), np.arange(6, dtype="float32")
    close(ops.matmul(SparseTensor.fromdense(a), v), a @ v)
    close(ops.matmul(v, SparseTensor.fromdense(a.T)), v @ a.T)
    tall = SparseTensor([[1, 5], [1 << 20, 3]], [2.0, 3.0], ((1 << 20) + 1, 1 << 20))  # no room for it as a dense matrix
    y = ops.matmul(tall, np.ones(1 << 20, "float32")).numpy()
    assert y[1] == 2 and y[1 << 20] == 3 and y.sum() == 5


@pytest.mark.parametrize("entry", [0, 1, 2, 2999])
def test_the_first_entry_out_of_bounds_is_named(entry):
    indices = np.stack([np.arange(3000), np.arange(3000)], 1)
    for axis in (0, 1):
        for dtype in ("int32", "int64"):
            wrong = indices.astype(dtype)
            wrong[entry, axis] = 5000
            with pytest.raises(IndexError, match=f"entry {entry}: index 5000 is out of bounds for axis {axis} with size 3000"):
                ops.sparse_matmul(wrong, np.ones(3000, "float32"), (3000, 3000), np.ones((3000, 2), "float32"))


def test_products_of_long_matrices():
    """Memory is as of the entries, however long the axes."""
    x = np.array([[5, 2**40], [2**41, 7]]), np.array([2.0, 3.0]), (2**42, 2**43)
    y = np.array([[2**40, 2**35], [3, 1], [2**40, 9]]), np.array([5.0, 6.0, 7.0]), (2**43, 2**36)
    indices, values = ops.sparse_product(*x, *y)
    assert np.array_equal(indices, [[5, 9], [5, 2**35]]) and np.array_equal(values, [14, 10])


def test_products_keep_what_adds_up_to_zero():
    """As JAX's do: an entry that is 0 now has a derivative."""
    z = ops.matmul(SparseTensor([[0, 0], [0, 1]], [1.0, 1.0], (1, 2)), SparseTensor([[0, 0], [1, 0]], [2.0, -2.0], (2, 1)))
    assert z.nse == 1 and np.asarray(z.values) == 0


def test_products_refuse():
    i, v = np.array([[0, 1], [1, 0]]), np.ones(2, "float32")
    for other, name in ((i + 1, "entry 1: index 2 is out of bounds for axis 0 with size 2"), (i - 1, "entry 0: index -1 is out of bounds for axis 0")):
        for operands in ((other, v, (2, 2), i, v, (2, 2)), (i, v, (2, 2), other, v, (2, 2))):
            with pytest.raises(IndexError, match=name):
                ops.sparse_product(*operands)
    with pytest.raises(ValueError, match=r"core dimension 0 \(size 3 is different from 2"):
        ops.sparse_product(i, v, (2, 2), i, v, (3, 2))
    j = np.array([[0, 0, 1], [1, 1, 0]])
    for shape in ((3, 2, 2), (2, 4, 2)):  # the first would fit as one long matrix
        with pytest.raises(ValueError, match="mismatch in its core dimension 0"):
            ops.sparse_product(j, v, (2, 2, 3), j, v, shape)
    with pytest.raises(ValueError, match="operands of 2 and 3 axes"):
        ops.sparse_product(i, v, (2, 2), j, v, (2, 2, 2))
    with pytest.raises(ValueError, match="a row and a column for each value"):
        ops.sparse_product(i, v[:1], (2, 2), i, v, (2, 2))


@pytest.mark.parametrize("shapes", [((4, 6), (6, 5)), ((2, 3, 4), (2, 4, 3))])
@pytest.mark.parametrize("device", ["native", "CPU"])
def test_derivatives_of_products(shapes, device):
    (a, b), n = (some(shape, seed) for seed, shape in enumerate(shapes)), len(shapes[0])
    x, y = SparseTensor.fromdense(a), SparseTensor.fromdense(b)

    def f(v, w):
        z = ops.matmul(x.with_values(v), y.with_values(w))
        return ops.sum(ops.square(z.values))

    grad = kvino.function(lambda v, w: kvino.gradients((f(v, w),), (None,), (v, w)), device=device)
    dv, dw = grad(x.values, y.values)
    turned = (*range(n - 2), n - 1, n - 2)
    close(dv, (2 * (a @ b) @ b.transpose(turned))[np.nonzero(a)])
    close(dw, (a.transpose(turned) @ (2 * (a @ b)))[np.nonzero(b)])


def test_encodings():
    labels = np.array([[1, -1, 2], [0, 5, 2]])
    for axis in (-1, 0, 1):
        y = keras.ops.one_hot(labels, 4, axis=axis, sparse=True)
        assert is_sparse(y) and y.dtype == "float32"
        close(y, keras.ops.one_hot(labels, 4, axis=axis))
    y = keras.ops.multi_hot(labels, 4, sparse=True)
    assert is_sparse(y)
    close(y, keras.ops.multi_hot(labels, 4))
    counted = np.array([[1, 1, 2], [0, 3, 2]])
    for weights in (None, np.array([[1, 2, 3], [4, 5, 6]])):
        y = keras.ops.bincount(counted, weights, 5, sparse=True)
        assert is_sparse(y)
        close(y, keras.ops.bincount(counted, weights, 5))
    close(keras.ops.bincount(SparseTensor([[1], [3]], [2, 2], (5,))), [0, 0, 2])  # of the entries
    with pytest.raises(ValueError, match="same indices"):
        keras.ops.bincount(SparseTensor([[1]], [2], (5,)), SparseTensor([[2]], [2], (5,)))


def test_take_and_digitize():
    a = some((3, 4), dtype="int32")
    table = RNG.random((9, 2)).astype("float32")
    close(ops.take(table, SparseTensor.fromdense(a), 0), table[a])
    assert is_sparse(ops.digitize(SparseTensor.fromdense(a), [1, 5]))
    close(ops.digitize(SparseTensor.fromdense(a), [1, 5]), np.digitize(a, [1, 5]))
    y = ops.digitize(SparseTensor.fromdense(a), [-1, 5])  # a zero is in another bin than the first
    assert not is_sparse(y)
    close(y, np.digitize(a, [-1, 5]))


# ---- graphs ----


@pytest.mark.parametrize("device", ["native", "CPU"])
def test_in_graphs(device):
    """Any number of entries goes through one graph."""
    w = RNG.random((6, 3)).astype("float32")

    @kvino.function(device=device)
    def f(indices, values, x):
        a = SparseTensor(indices, values, (4, 6), canonical=False, check=False)
        b = SparseTensor.fromdense(x)
        total = ops.multiply(ops.add(a, b), 2.0)
        square = ops.matmul(a, ops.transpose(b)).todense()
        return ops.matmul(total, w), ops.sum(ops.multiply(a, b), 1).todense(), ops.reshape(ops.tanh(a), (3, 8)).todense(), square

    for seed in range(3):
        a, b = some((4, 6), seed), some((4, 6), seed + 7)
        x = SparseTensor.fromdense(a)
        y = f(x.indices, x.values, b)
        for got, expected in zip(y, [2 * (a + b) @ w, (a * b).sum(1), np.tanh(a).reshape(3, 8), a @ b.T], strict=True):
            close(got, expected)


def test_derivatives():
    a = some((4, 6))
    x = SparseTensor.fromdense(a)
    w = kvino.convert_to_tensor(RNG.random((6, 3)).astype("float32"))
    g = kvino._core.Graph()
    values, weights = g.watch(x.values), g.watch(w)
    y = ops.sum(ops.square(ops.matmul(x.with_values(values), weights)))
    dv, dw = kvino.gradients((y,), (None,), (values, weights))
    out = 2 * a @ np.asarray(w)
    close(dv.detach(), (out @ np.asarray(w).T)[np.nonzero(a)])
    close(dw.detach(), a.T @ out)


# ---- Keras ----


def model(units=3):
    inputs = keras.Input((6,), sparse=True)
    assert inputs.sparse
    return keras.Model(inputs, keras.layers.Dense(units)(inputs))


@pytest.mark.parametrize("make", [scipy.sparse.csr_matrix, scipy.sparse.coo_matrix, SparseTensor.fromdense])
def test_fit_and_predict(make):
    """The same numbers as with dense data, and never a dense batch of it."""
    a = some((50, 6))
    y = RNG.random((50, 3)).astype("float32")
    keras.utils.set_random_seed(1)
    one = model()
    other = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    other.set_weights(one.get_weights())
    for m in (one, other):
        m.compile("adam", "mse")
    dense = SparseTensor.todense
    SparseTensor.todense = lambda self: pytest.fail("a sparse tensor was made dense")
    try:
        mine = one.fit(make(a), y, 16, epochs=3, shuffle=False, verbose=0).history["loss"]
        predicted, loss = one.predict(make(a), verbose=0), one.evaluate(make(a), y, verbose=0)
    finally:
        SparseTensor.todense = dense
    assert np.allclose(mine, other.fit(a, y, 16, epochs=3, shuffle=False, verbose=0).history["loss"], rtol=1e-4)
    assert np.allclose(predicted, other.predict(a, verbose=0), atol=1e-4)
    assert np.allclose(loss, other.evaluate(a, y, verbose=0), rtol=1e-4)
    one.fit(make(a), y, epochs=1, validation_split=0.2, verbose=0)
    one.run_eagerly = True
    one.fit(make(a), y, epochs=1, verbose=0)


def test_one_graph_for_any_number_of_entries():
    m = model()
    m.predict_on_batch(SparseTensor.fromdense(some((8, 6))))
    step = [c.cell_contents for c in m.predict_function.__closure__ if hasattr(c.cell_contents, "compiled")][0]
    for seed in range(4):
        m.predict_on_batch(SparseTensor.fromdense(some((8, 6), seed)))
    assert len(step.compiled) == 1


def test_rows_of_sparse_data():
    from kvino.keras_backend.batches import SparseRows

    a = some((9, 4, 2))
    rows = SparseRows(SparseTensor.fromdense(a))
    close(rows[2:5], a[2:5])
    close(rows[np.array([7, 0, 7, 8])], a[[7, 0, 7, 8]])
    close(rows[5:5], a[5:5])


def test_layers():
    a = some((4, 6))
    x = SparseTensor.fromdense(a)
    for layer in (keras.layers.Reshape((2, 3)), keras.layers.Flatten(), keras.layers.Permute((1,)), keras.layers.Identity()):
        assert is_sparse(layer(x))
        close(layer(x), layer(a))
    for layer in (keras.layers.Add(), keras.layers.Multiply(), keras.layers.Concatenate(), keras.layers.Average()):
        assert is_sparse(layer([x, x]))
        close(layer([x, x]), layer([a, a]))
    encode = keras.layers.CategoryEncoding(8, output_mode="multi_hot", sparse=True)
    assert is_sparse(encode(np.array([[1, 2], [3, 3]])))


def test_updates_of_rows():
    v = keras.Variable(np.ones((5, 2), "float32"))
    rows = SparseTensor([[1], [3], [1]], np.ones((3, 2), "float32"), (5, 2))
    v.assign_sub(rows)
    close(v.value, [[1, 1], [-1, -1], [1, 1], [0, 0], [1, 1]])
    v.assign_add(rows)
    close(v.value, np.ones((5, 2)))
    v.assign(rows)
    close(v.value, rows.numpy())
