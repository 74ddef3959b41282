"""Derivatives of products and decompositions of matrices: reverse, forward and second ones against differences in float64 and
complex128, with the leading dimensions known and unknown; singular matrices; what is not defined."""


import numpy as np
import pytest

import capi
from derivatives import derivatives, listed, pairing

STEP = 1e-6


def inexact(arrays):
    return [i for i, a in enumerate(arrays) if a.dtype.kind in "fc"]


def direction(like, rng):
    d = rng.uniform(-1, 1, like.shape)
    return (d + 1j * rng.uniform(-1, 1, like.shape) if like.dtype.kind == "c" else d).astype(like.dtype)


def check(name, operands, constants=(), second=True, unknown=0, outputs=None, rtol=2e-6, **attributes):
    """Derivatives of the float outputs (or of those named) with respect to the float operands that are not constants.
    `unknown`: so many leading dimensions of each of these are; -1: all."""
    operands = [np.asarray(a) for a in operands]
    rng, graph = np.random.default_rng(11), capi.Graph()

    def parameter(a):
        n = a.ndim if unknown < 0 else min(unknown, max(0, a.ndim - 2) if unknown < 9 else a.ndim)
        return graph.parameter(a.dtype.name, [-1] * n + list(a.shape[n:]))

    places = [i for i in inexact(operands) if i not in constants]
    taken = [i for i in range(len(operands)) if i not in constants]
    at = [graph.constant(a) if i in constants else parameter(a) for i, a in enumerate(operands)]

    def value(t=0, v=()):
        moved = list(operands)
        for i, d in zip(places, v):
            moved[i] = moved[i] + t * d
        y = listed(capi.prim(name, *moved, **attributes))
        return [y[i] for i in (inexact(y) if outputs is None else outputs)]

    found = listed(graph.call(name, *at, **attributes))
    all_values = listed(capi.prim(name, *operands, **attributes))
    y = [found[i] for i in (inexact(all_values) if outputs is None else outputs)]
    values = value()
    u, v = [direction(a, rng) for a in values], [direction(operands[i], rng) for i in places]
    up, vp = [parameter(a) for a in u], [parameter(a) for a in v]
    x = [at[i] for i in places]
    reverse = derivatives(graph, "kvino_gradients", y, up, x, None)
    results = reverse + derivatives(graph, "kvino_jvp", y, None, x, vp)
    if second:
        results += derivatives(graph, "kvino_gradients", reverse, vp, x, None)
    graph.result(*results)
    run = graph.compile("native")
    given = [operands[i] for i in taken] + u + v
    found = listed(run(*given))
    back, ahead, twice = found[: len(x)], found[len(x) : len(x) + len(y)], found[len(x) + len(y) :]
    assert [(t.shape, t.dtype) for t in back] == [(operands[i].shape, operands[i].dtype) for i in places]
    expected = [(a - b) / (2 * STEP) for a, b in zip(value(STEP, v), value(-STEP, v))]
    scale = max([1.0] + [np.abs(e).max() for e in expected if e.size])
    for a, e in zip(ahead, expected):
        np.testing.assert_allclose(a, e, rtol=rtol, atol=rtol * scale)
    total = sum(np.abs(a * b).sum() for a, b in zip(u, expected))
    assert abs(pairing(back, v) - pairing(u, expected)) <= rtol * max(1, total)
    if not second:
        return

    def slope(t):
        moved = dict(zip(places, (operands[i] + t * d for i, d in zip(places, v))))
        return pairing(listed(run(*(moved.get(i, operands[i]) for i in taken), *u, *v))[: len(x)], v)

    difference = (slope(STEP) - slope(-STEP)) / (2 * STEP)
    assert abs(pairing(twice, v) - difference) <= 20 * rtol * max(1, pairing(map(np.abs, twice), map(np.abs, v)))


def gradient(name, *operands, wanted=0, u=None, output=0, **attributes):
    """Of the sum of one output (or of that times u), compiled natively."""
    graph = capi.Graph()
    at = [graph.parameter(a.dtype.name, a.shape) for a in operands]
    y = listed(graph.call(name, *at, **attributes))[output]
    like = listed(capi.prim(name, *operands, **attributes))[output]
    given = graph.constant(np.ones_like(like) if u is None else u)
    graph.result(*derivatives(graph, "kvino_gradients", [y], [given], [at[wanted]], None))
    return graph.compile("native")(*operands)


def refused(why, name, *operands, **attributes):
    with pytest.raises(capi.KvinoError, match=why):
        gradient(name, *operands, **attributes)


def numbers(shape, kind, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    return x + 1j * rng.normal(size=shape) if kind == "complex" else x


def positive(shape, kind, seed=0):
    x = numbers(shape, kind, seed)
    return x @ np.conj(np.swapaxes(x, -1, -2)) + shape[-1] * np.eye(shape[-1])


def regular(shape, kind, seed=0):
    return numbers(shape, kind, seed) + 3 * np.eye(shape[-2], shape[-1])


BOTH = pytest.mark.parametrize("kind", ["real", "complex"])
UNKNOWN = pytest.mark.parametrize("unknown", [0, 1], ids=["known", "unknown"])


@BOTH
@pytest.mark.parametrize("b", [(4, 2), (3, 4, 2), (1, 4, 1), (2, 3, 4, 2)], ids=str)
def test_equations(b, kind):
    for batch in ((), (3,), (1,)):
        check("Solve", [regular((*batch, 4, 4), kind), numbers(b, kind, 1)], rtol=5e-6)
        for lower in (True, False):
            check("SolveTriangular", [regular((*batch, 4, 4), kind), numbers(b, kind, 1)], lower=lower, rtol=2e-5)


def test_equations_of_unknown_batches():
    check("Solve", [regular((3, 4, 4), "real"), numbers((2, 3, 4, 2), "real")], unknown=-1)
    check("SolveTriangular", [regular((3, 4, 4), "real"), numbers((1, 4, 2), "real")], unknown=-1, lower=True, rtol=2e-5)


@BOTH
@UNKNOWN
@pytest.mark.parametrize("lower", [True, False], ids=["lower", "upper"])
def test_cholesky(lower, unknown, kind):
    check("Cholesky", [positive((2, 4, 4), kind)], unknown=unknown, lower=lower)


@BOTH
@UNKNOWN
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (2, 3, 3)], ids=str)
def test_determinants(shape, unknown, kind):
    check("Determinant", [regular(shape, kind)], unknown=unknown)
    check("SignLogDeterminant", [regular(shape, kind)], unknown=unknown)
    check("Cofactors", [regular(shape, kind)], unknown=unknown, rtol=1e-5)


def minors(x):
    n = len(x)
    rest = [[np.delete(np.delete(x, i, 0), j, 1) for j in range(n)] for i in range(n)]
    return np.array([[(-1) ** (i + j) * (np.linalg.det(rest[i][j]) if n > 1 else 1) for j in range(n)] for i in range(n)])


@BOTH
@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["single", "double"])
def test_cofactors_of_singular_matrices(dtype, rank, kind):
    x = numbers((4, rank), kind) @ numbers((rank, 4), kind, 1)
    x = x.astype({"realdouble": "f8", "realsingle": "f4", "complexdouble": "c16", "complexsingle": "c8"}[kind + dtype])
    tolerance = 2e-4 if dtype == "single" else 1e-11
    expected = minors(x.astype("c16" if kind == "complex" else "f8"))
    np.testing.assert_allclose(capi.prim("Cofactors", x), expected, rtol=tolerance, atol=tolerance * 10)
    np.testing.assert_allclose(gradient("Determinant", x), expected, rtol=tolerance, atol=tolerance * 10)


def test_cofactors_of_special_matrices():
    singular = np.arange(9.0).reshape(3, 3)
    np.testing.assert_allclose(gradient("Determinant", singular), minors(singular), atol=1e-13)
    np.testing.assert_allclose(capi.prim("Cofactors", np.array([[7.0]])), [[1]])
    np.testing.assert_array_equal(gradient("Determinant", np.zeros((3, 3))), np.zeros((3, 3)))
    assert np.isnan(capi.prim("Cofactors", np.array([[np.nan, 1], [2, 3]]))).all()
    assert capi.prim("Cofactors", np.zeros((2, 0, 0))).shape == (2, 0, 0)
    large = np.diag(np.array([1e200, 1e200, 1e-200, 1e-200]))
    np.testing.assert_allclose(np.diag(capi.prim("Cofactors", large)), [1e-200, 1e-200, 1e200, 1e200])


@BOTH
@UNKNOWN
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 3, 3), (2, 4, 2), (2, 2, 4)], ids=str)
def test_lu(shape, unknown, kind):
    check("LU", [numbers(shape, kind, 2)], unknown=unknown, rtol=1e-5)


def test_order_of_pivots():
    pivots = np.array([[1, 2, 2], [2, 2, 2]], np.int32)
    np.testing.assert_array_equal(capi.prim("PivotsToOrder", pivots, np.int64(3)), [[1, 2, 0], [2, 0, 1]])
    np.testing.assert_array_equal(capi.prim("PivotsToOrder", pivots[:, :2], np.int64(4)), [[1, 2, 0, 3], [2, 0, 1, 3]])
    with pytest.raises(capi.KvinoError, match="pivot 2 of a matrix of 2 rows"):
        capi.prim("PivotsToOrder", pivots, np.int64(2))


@BOTH
@UNKNOWN
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 4, 2), (2, 2, 3)], ids=str)
def test_qr(shape, unknown, kind):
    check("QR", [numbers(shape, kind, 3)], unknown=unknown, rtol=1e-5, complete=False)
    if shape[-2] <= shape[-1]:
        check("QR", [numbers(shape, kind, 3)], unknown=unknown, rtol=1e-5, complete=True)


@UNKNOWN
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 4, 2), (2, 2, 3), (3, 1)], ids=str)
def test_svd(shape, unknown):
    for full in (False, True)[: 1 + (shape[-2] == shape[-1])]:
        check("SVD", [numbers(shape, "real", 4)], unknown=unknown, rtol=1e-5, full_matrices=full, compute_uv=True)


@BOTH
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 2, 3)], ids=str)
def test_singular_values(shape, kind):
    x = numbers(shape, kind, 4)
    check("SVD", [x], rtol=1e-5, full_matrices=False, compute_uv=False)
    for full in (False, True):
        check("SVD", [x], rtol=1e-5, full_matrices=full, compute_uv=True, outputs=[1], second=False)


@UNKNOWN
def test_eigh(unknown):
    check("EigH", [positive((2, 4, 4), "real", 5)], unknown=unknown, rtol=1e-5)
    check("EigH", [positive((2, 4, 4), "complex", 5)], unknown=unknown, rtol=1e-5, outputs=[0])


@BOTH
def test_what_no_phase_changes(kind):
    """Vectors of complex matrices have a phase that LAPACK chooses: their projections do not."""
    x = positive((4, 4), kind, 6)
    u = numbers((4, 4), kind, 7)
    v = numbers((4, 4), kind, 8)
    v = v + np.conj(v.T)

    def projection(x):
        y = np.linalg.eigh(x)[1][:, 1]
        return np.real(np.sum(np.outer(y, np.conj(y)) * u))

    graph = capi.Graph()
    at = graph.parameter(x.dtype.name, x.shape)
    y = graph.call("Slice", graph.call("EigH", at)[1], np.array([1]), np.array([2]), np.array([1]), np.array([1]))
    other = graph.call("Conj", y) if kind == "complex" else y
    p = graph.call("MatMul", y, other, transpose_a=False, transpose_b=True)
    graph.result(*derivatives(graph, "kvino_gradients", [p], [graph.constant(u)], [at], None))
    found = graph.compile("native")(x)
    expected = (projection(x + STEP * v) - projection(x - STEP * v)) / (2 * STEP)
    np.testing.assert_allclose(pairing([found], [v]), expected, rtol=1e-6)


@pytest.mark.parametrize("kind, seed", [("real", 0), ("real", 3), ("complex", 1)])
def test_eig(kind, seed):
    check("Eig", [numbers((2, 4, 4), kind, seed)], rtol=2e-5)


def test_equal_eigenvalues():
    """Where only the values are asked for, equal ones do no harm; the vectors have no derivative."""
    np.testing.assert_allclose(gradient("EigH", np.eye(3)), np.eye(3))
    np.testing.assert_allclose(gradient("SVD", np.eye(3), output=1, full_matrices=False, compute_uv=True), np.eye(3))
    assert not np.isfinite(gradient("EigH", np.eye(3), u=np.arange(9.0).reshape(3, 3), output=1)).all()


def test_not_defined():
    tall = numbers((5, 3), "real")
    refused("QR is not defined for mode 'complete' with more rows .5. than columns .3.", "QR", tall, complete=True)
    refused("full_matrices=True is not defined", "SVD", tall, full_matrices=True, compute_uv=True)
    refused("Singular matrix", "SignLogDeterminant", np.zeros((2, 2)), output=1)


@pytest.mark.parametrize("name", ["Cholesky", "LU", "QR", "Determinant", "SignLogDeterminant", "EigH", "Eig", "SVD"])
def test_without_elements(name):
    attributes = {"Cholesky": {"lower": True}, "QR": {"complete": False}}.get(name, {})
    if name == "SVD":
        attributes = {"full_matrices": False, "compute_uv": False}
    for shape in ((0, 3, 3), (2, 0, 0)):
        assert gradient(name, np.zeros(shape), **attributes).shape == shape


@BOTH
@pytest.mark.parametrize("a, b", [((4,), (4,)), ((4,), (4, 3)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3)), ((3, 4), (4, 5)),
                                  ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((1, 3, 4), (6, 4, 2))], ids=str)
def test_products(a, b, kind):
    for ta in (False, True):
        for tb in (False, True):
            turn_a = (*a[:-2], a[-1], a[-2]) if ta and len(a) > 1 else a
            turn_b = (*b[:-2], b[-1], b[-2]) if tb and len(b) > 1 else b
            operands = [numbers(turn_a, kind), numbers(turn_b, kind, 1)]
            check("MatMul", operands, transpose_a=ta, transpose_b=tb)
            check("MatMul", operands, transpose_a=ta, transpose_b=tb, unknown=-1)
