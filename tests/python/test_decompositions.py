"""The primitives over LAPACK, natively: what they give multiplied back, batches, strides, matrices without elements, NaN, errors.
A primitive of factor.def without a test fails test_every_primitive_is_tested."""

import numpy as np
import pytest

import capi
from generated import close, declared, fails
from opcheck import layouts

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

DTYPES = ["float32", "float64", "complex64", "complex128"]
TOLERANCE = {"float32": 2e-4, "float64": 1e-11, "complex64": 2e-4, "complex128": 1e-11}
SHAPES = [(1, 1), (3, 3), (4, 2), (2, 5), (2, 3, 3), (2, 2, 5, 3), (0, 0), (3, 0), (0, 2), (2, 0, 0), (0, 3, 3), (33, 17)]
SQUARE = [s for s in SHAPES if s[-1] == s[-2]] + [(70, 70)]
TYPE_ERROR = 2


def test_every_primitive_is_tested():
    source = open(__file__, encoding="utf-8").read()
    missing = [name for name in declared("factor") if f'"{name}"' not in source]
    assert not missing, missing


def matrix(dtype, shape, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def adjoint(x):
    return np.swapaxes(x.conj(), -1, -2)


def positive(dtype, shape, seed=0):
    x = matrix(dtype, shape, seed)
    return (x @ adjoint(x) + shape[-1] * np.eye(shape[-1])).astype(dtype)


def near(got, expected, dtype, scale=1.0):
    expected = np.asarray(expected)
    assert got.shape == expected.shape, (got.shape, expected.shape)
    np.testing.assert_allclose(got, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)


def real(dtype):
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


def each(name, x, compare, **attributes):
    """The primitive called natively on x in several layouts, and in graphs with known and unknown dimensions."""
    first = capi.prim(name, x, **attributes)
    compare(first)
    for _, view in list(layouts(x))[1:]:
        compare(capi.prim(name, view, **attributes))
    for dynamic in (False, True):
        again = capi.compiled(name, x, device="native", dynamic=dynamic, **attributes)
        for a, b in zip(first if isinstance(first, list) else [first], again if isinstance(again, list) else [again]):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SQUARE, ids=str)
@pytest.mark.parametrize("lower", [True, False])
def test_cholesky(dtype, shape, lower):
    x = positive(dtype, shape)
    other = np.triu(np.full(shape, np.nan), 1) if lower else np.tril(np.full(shape, np.nan), -1)

    def compare(y):
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, np.tril(y) if lower else np.triu(y))
        near(y @ adjoint(y) if lower else adjoint(y) @ y, x, dtype, shape[-1])

    each("Cholesky", x, compare, lower=lower)
    compare(capi.prim("Cholesky", (x + other).astype(dtype), lower=lower))  # the other triangle is not read


def test_what_has_no_cholesky_factor():
    x = np.stack([np.eye(3), -np.eye(3), np.eye(3)]).astype("float32")
    fails("Matrix is not positive definite", "Cholesky", x, lower=True)
    fails("Matrix is not positive definite", "Cholesky", np.zeros((2, 2)), lower=True)
    with pytest.raises(capi.KvinoError, match="not positive definite"):  # and when a graph runs
        capi.compiled("Cholesky", x, device="native", lower=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_lu(dtype, shape):
    x, few = matrix(dtype, shape), min(shape[-2:])

    def compare(y):
        lu, pivots = y
        assert (lu.dtype, pivots.dtype, lu.shape, pivots.shape) == (dtype, "int32", shape, (*shape[:-2], few))
        back = np.tril(lu[..., :few], -1) + np.eye(shape[-2], few)
        back = back @ np.triu(lu[..., :few, :])
        for at in np.ndindex(shape[:-2]):
            for i in reversed(range(few)):
                p = pivots[at][i]
                back[at][[i, p]] = back[at][[p, i]]
        near(back, x, dtype, 10)

    each("LU", x, compare)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SQUARE, ids=str)
def test_determinants(dtype, shape):
    x = matrix(dtype, shape)
    expected = np.linalg.det(x.astype(np.complex128 if "complex" in dtype else np.float64))
    sign, logarithm = np.linalg.slogdet(x.astype(np.complex128 if "complex" in dtype else np.float64))
    tolerance = 1e-3 if real(dtype) == "float32" else 1e-10
    if shape[-1] < 70:
        each("Determinant", x, lambda y: close(y, expected.astype(dtype), tolerance, tolerance * 1e-2))

    def compare(y):
        assert [a.dtype for a in y] == [dtype, real(dtype)]
        np.testing.assert_allclose(y[0], sign, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(y[1], logarithm, rtol=tolerance, atol=tolerance)

    each("SignLogDeterminant", x, compare)


def test_determinants_at_the_edges():
    huge = np.diag([1e30, 1e30, 1e-30]).astype("float32")  # a product in this order overflows
    np.testing.assert_allclose(capi.prim("Determinant", huge), 1e30, rtol=1e-6)
    tiny = np.eye(400) * 1e-3
    assert capi.prim("Determinant", tiny) == 0
    np.testing.assert_allclose(capi.prim("SignLogDeterminant", tiny)[1], 400 * np.log(1e-3))
    for x, value, sign, logarithm in (
        (np.zeros((2, 2)), 0, 0, -np.inf),
        (np.array([[1.0, 2], [2, 4]]), 0, 0, -np.inf),
        (np.array([[0.0, 1], [1, 0]]), -1, -1, 0),
        (np.array([[np.inf, 1], [1, 2]]), np.inf, 1, np.inf),
        (np.array([[np.nan, 1], [1, 2]]), np.nan, np.nan, np.nan),
        (np.array([[1, 2], [3, np.nan]]), np.nan, np.nan, np.nan),
        (np.array([[2j, 0], [0, 3]]), 6j, 1j, np.log(6)),
        (np.zeros((2, 2), complex), 0, 0, -np.inf),
    ):
        np.testing.assert_allclose(capi.prim("Determinant", x), value)
        got = capi.prim("SignLogDeterminant", x)
        np.testing.assert_allclose(got[0], sign)
        np.testing.assert_allclose(got[1], logarithm)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("complete", [False, True])
def test_qr(dtype, shape, complete):
    x = matrix(dtype, shape)
    m, n = shape[-2:]
    columns = m if complete else min(m, n)

    def compare(y):
        q, r = y
        assert (q.dtype, r.dtype, q.shape[-2:], r.shape[-2:]) == (dtype, dtype, (m, columns), (columns, n))
        near(q @ r, x, dtype, 10)
        near(adjoint(q) @ q, np.broadcast_to(np.eye(columns), (*shape[:-2], columns, columns)), dtype, 10)
        np.testing.assert_array_equal(r, np.triu(r))

    each("QR", x, compare, complete=complete)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_svd(dtype, shape):
    x = matrix(dtype, shape)
    m, n = shape[-2:]
    few = min(m, n)
    values = np.linalg.svd(x, compute_uv=False) if few else np.zeros((*shape[:-2], 0))
    for full in (False, True):

        def compare(y):
            u, s, vh = y
            assert (u.dtype, s.dtype, vh.dtype) == (dtype, real(dtype), dtype)
            assert u.shape[-2:] == (m, m if full else few) and vh.shape[-2:] == (n if full else few, n)
            near(s, values, dtype, 10)
            near((u[..., :few] * s[..., None, :]) @ vh[..., :few, :], x, dtype, 10)
            for q in (u, adjoint(vh)):
                eye = np.eye(q.shape[-1])
                near(adjoint(q) @ q, np.broadcast_to(eye, (*shape[:-2], *eye.shape)), dtype, 10)

        each("SVD", x, compare, full_matrices=full, compute_uv=True)
    each("SVD", x, lambda s: near(s, values, dtype, 10), full_matrices=False, compute_uv=False)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SQUARE, ids=str)
def test_eigenvalues(dtype, shape):
    x = positive(dtype, shape)
    upper = np.triu(np.full(shape, 7.0), 1)

    def compare(y):
        w, v = y
        assert (w.dtype, v.dtype) == (real(dtype), dtype)
        near((v * w[..., None, :]) @ adjoint(v), x, dtype, 100)
        assert (np.diff(w) >= 0).all()

    each("EigH", x, compare)
    compare(capi.prim("EigH", (x + upper).astype(dtype)))  # the lower triangle is read
    x = matrix(dtype, shape, 1)

    def compare_general(y):
        w, v = y
        assert w.dtype == v.dtype == ("complex64" if real(dtype) == "float32" else "complex128")
        near(x @ v, v * w[..., None, :], dtype, 100)
        near(np.linalg.norm(v, axis=-2), np.ones(shape[:-1]), dtype, 10)

    each("Eig", x, compare_general)


def test_eigenvalues_of_a_rotation():
    w, v = capi.prim("Eig", np.array([[0.0, -1], [1, 0]]))
    np.testing.assert_allclose(np.sort_complex(w), [-1j, 1j])
    np.testing.assert_allclose(v[:, 0], v[:, 1].conj())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("a,b", [((3, 3), (3, 2)), ((2, 3, 3), (3, 1)), ((3, 3), (4, 3, 2)), ((2, 1, 3, 3), (5, 3, 2)),
                                 ((3, 3), (3, 0)), ((0, 0), (0, 2)), ((0, 3, 3), (3, 2)), ((40, 40), (40, 7))], ids=str)
def test_solve(dtype, a, b):
    x, y = matrix(dtype, a) + 3 * np.eye(a[-1], dtype=dtype), matrix(dtype, b, 1)
    expected = np.linalg.solve(x, y) if 0 not in a + b else np.zeros(np.broadcast_shapes(a[:-2], b[:-2]) + b[-2:], dtype)
    near(capi.prim("Solve", x, y), expected, dtype, 10)
    for (_, v), (_, w) in zip(layouts(x), layouts(y)):
        near(capi.prim("Solve", v, w), expected, dtype, 10)
    near(capi.compiled("Solve", x, y, device="native", dynamic=True), expected, dtype, 10)
    for lower, part in ((True, np.tril), (False, np.triu)):
        junk = np.where(part(np.ones(a[-2:])), x, np.nan).astype(dtype)
        expected = np.linalg.solve(part(x), y) if 0 not in a + b else expected
        near(capi.prim("SolveTriangular", junk, y, lower=lower), expected, dtype, 10)
        near(capi.compiled("SolveTriangular", junk, y, device="native", lower=lower), expected, dtype, 10)


def test_singular_matrices():
    for name, more in (("Solve", {}), ("SolveTriangular", {"lower": True})):
        fails("Singular matrix", name, np.zeros((2, 3, 3)), np.ones((3, 1)), **more)
        with pytest.raises(capi.KvinoError, match="Singular matrix"):
            capi.compiled(name, np.zeros((3, 3)), np.ones((3, 1)), device="native", **more)


@pytest.mark.parametrize("at", [(0, 0), (2, 0), (1, 2)], ids=str)
def test_nan_spreads(at):
    for dtype in DTYPES:
        x = positive(dtype, (3, 3))
        x[at] = np.nan
        for y in (capi.prim("LU", x)[0], *capi.prim("QR", x, complete=False), capi.prim("Solve", x, np.eye(3, dtype=dtype))):
            assert np.isnan(y[np.triu_indices(3)]).all()
        y = capi.prim("Cholesky", x, lower=True)
        assert np.isnan(y[np.tril_indices(3)]).all() == (at[0] >= at[1])
        fails("SVD did not converge", "SVD", x, compute_uv=True)
        fails("Array must not contain infs or NaNs", "Eig", x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SQUARE, ids=str)
def test_cofactors(dtype, shape):
    """Those of singular matrices: test_gradients_linalg.py."""
    n = shape[-1]
    x = (matrix(dtype, shape) * (1.6 / max(1, n) ** 0.5)).astype(dtype)
    determinant = np.linalg.det(x.astype("complex128"))[..., None, None] * np.eye(n)

    def compare(y):
        assert y.dtype == dtype and y.shape == shape
        scale = np.abs(x).max(initial=0) * np.abs(y).max(initial=0) * n
        np.testing.assert_allclose(x @ np.swapaxes(y, -1, -2), determinant, rtol=0, atol=TOLERANCE[dtype] * max(scale, 1e-30))

    each("Cofactors", x, compare)


@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5), (2, 4, 3), (0, 3), (3, 0), (0, 3, 3)], ids=str)
def test_order_of_rows(shape):
    x = matrix("float64", shape, 5)
    y, pivots = capi.prim("LU", x)
    m, k = shape[-2], min(shape[-2:])
    order = capi.prim("PivotsToOrder", pivots, np.int64(m))
    assert order.dtype == "int32" and order.shape == (*shape[:-2], m)
    lower = np.tril(y[..., :k], -1) + np.eye(m, k)
    near(lower @ np.triu(y[..., :k, :]), np.take_along_axis(x, order[..., None].astype(int), -2), "float64")
    for dynamic in (False, True):
        again = capi.compiled("PivotsToOrder", pivots, np.int64(m), device="native", dynamic=dynamic)
        np.testing.assert_array_equal(again, order)


def test_a_batch_on_several_threads():
    x = matrix("float32", (3000, 8, 8))
    np.testing.assert_allclose(capi.prim("Determinant", x), np.linalg.det(x.astype(float)), rtol=2e-3, atol=1e-2)
    y = x.copy()
    y[2311] = 0
    fails("Singular matrix", "Solve", y, x)


@pytest.mark.parametrize("name", ["Cholesky", "LU", "QR", "Determinant", "SignLogDeterminant", "SVD", "EigH", "Eig", "Cofactors"])
def test_refusals(name):
    fails("array type float16 is unsupported in linalg", name, np.ones((2, 2), "float16"), status=TYPE_ERROR)
    fails("array type int32 is unsupported in linalg", name, np.ones((2, 2), "int32"), status=TYPE_ERROR)
    fails("Expected input to have rank >= 2. Received input with shape (3,).", name, np.ones(3))
    if name not in ("LU", "QR", "SVD"):
        fails("Expected a square matrix. Received non-square input with shape (2, 3)", name, np.ones((2, 3)))


def test_refusals_of_systems():
    for name in ("Solve", "SolveTriangular"):
        fails("Expected `a.shape[-2] == b.shape[-2]`. Received: a.shape=(2, 2), b.shape=(3, 1)", name, np.eye(2), np.ones((3, 1)))
        fails("could not be broadcast together", name, np.ones((2, 2, 2)), np.ones((3, 2, 1)))
        fails("Expected a square matrix", name, np.ones((2, 3)), np.ones((3, 1)))
