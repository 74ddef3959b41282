"""keras.ops.vectorize against NumPy, eager and traced; and what else keras.ops has as glue over the table."""

import kvino  # isort: skip: makes Keras use it
import keras
import numpy as np
import pytest

ops = keras.ops
A = np.arange(12, dtype="float32").reshape(3, 4) - 5
B = np.arange(4, dtype="float32")
M = np.arange(24, dtype="float32").reshape(2, 3, 4)


def pick(a, b):
    """A function that looks at its elements: it cannot be traced."""
    return a - b if a > b else a + b


def check(got, expected):
    if isinstance(expected, tuple):
        assert isinstance(got, tuple) and len(got) == len(expected)
        for g, e in zip(got, expected):
            check(g, e)
        return
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-6)
    assert np.shape(got) == np.shape(expected)


@pytest.mark.parametrize("args", [(A, B), (A, 2.0), (A[:, :1], B), (3.0, 4.0), (B, A), ([1, 2, 3], [[1], [2]])])
def test_elements(args):
    check(ops.vectorize(pick)(*args), np.vectorize(pick)(*args))


SIGNATURES = [
    ("(d,d)->()", ops.trace, np.trace, (np.stack([np.eye(3)] * 4),)),
    ("(d,d)->(d)", ops.diag, np.diag, (np.eye(4),)),
    ("(n),(n)->()", ops.dot, np.dot, (A, B)),
    ("(m,n),(n)->(m)", ops.matmul, np.matmul, (M, A)),
    ("(n)->(n),()", lambda v: (v * 2, ops.sum(v)), lambda v: (v * 2, np.sum(v)), (M,)),
    ("(n) -> (m)", lambda v: v[:2], lambda v: v[:2], (M,)),
]


@pytest.mark.parametrize("signature, f, g, args", SIGNATURES, ids=[s[0] for s in SIGNATURES])
def test_signatures(signature, f, g, args):
    if signature.startswith("(m,n)"):
        args = (M, A[:2])
    check(ops.vectorize(f, signature=signature)(*args), np.vectorize(g, signature=signature)(*args))


@pytest.mark.parametrize("device", ["native", "CPU"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_traced(device, dynamic):
    f = ops.vectorize(lambda a, b: ops.where(a > b, a - b, a + b))
    check(kvino.function(f, device=device, dynamic=dynamic)(A, B), np.vectorize(pick)(A, B))
    dot = ops.vectorize(ops.dot, signature="(n),(n)->()")
    check(kvino.function(dot, device=device, dynamic=dynamic)(A, B), A @ B)


def test_excluded():
    def polynomial(p, x):
        result = 0 * x
        for c in p:
            result = result * x + c
        return result

    check(ops.vectorize(polynomial, excluded={0})([1, 2, 3], A), np.vectorize(polynomial, excluded={0})([1, 2, 3], A))

    def scaled(x, how="double", by=1.0):
        return x * (2 if how == "double" else 3) * by

    f, g = (v(scaled, excluded={"how"}) for v in (ops.vectorize, np.vectorize))
    check(f(A, how="triple"), g(A, how="triple"))
    check(f(A, how="double", by=B), g(A, how="double", by=B))


def test_refusals():
    with pytest.raises(ValueError, match="not a valid gufunc signature: a->b"):
        ops.vectorize(pick, signature="a->b")(A)
    with pytest.raises(TypeError, match="wrong number of positional arguments: expected 2, got 1"):
        ops.vectorize(ops.dot, signature="(n),(n)->()")(A)
    with pytest.raises(ValueError, match="inconsistent size for core dimension n: 3 vs 4"):
        ops.vectorize(ops.dot, signature="(n),(n)->()")(A, B[:3])
    with pytest.raises(ValueError, match="does not have enough dimensions for all core dimensions"):
        ops.vectorize(ops.trace, signature="(n,n)->()")(B)
    with pytest.raises(ValueError, match="broadcast"):
        ops.vectorize(pick)(A, B[:3])
    with pytest.raises(TypeError, match="output must be a tuple"):
        ops.vectorize(ops.sum, signature="(n)->(),()")(A)
    with pytest.raises(ValueError, match="does not match core dimensions"):
        ops.vectorize(ops.sum, signature="(n)->(n)")(A)
    with pytest.raises(ValueError, match="callable"):
        ops.vectorize(3)


def test_no_elements():
    """What the function gives for no elements is found by tracing it."""
    assert ops.vectorize(lambda a, b: a + b)(A[:0], B).shape == (0, 4)
    with pytest.raises(TypeError):
        ops.vectorize(pick)(A[:0], B)


def test_linspace_with_its_step():
    for arguments in ((0, 10, 5, True), (0, 10, 5, False), (A, 3.0, 4, True), (0, 1, 1, True)):
        got, expected = ops.linspace(*arguments, True), np.linspace(*arguments, True)
        np.testing.assert_allclose(np.asarray(got[0]), expected[0], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(np.asarray(got[1]), expected[1], rtol=1e-6)


def test_sizes():
    assert ops.size(A) == 12 and ops.ndim(A) == 2 and ops.size(3) == 1
    f = kvino.function(lambda x: ops.size(x) + 0, device="native", dynamic=True)
    assert int(np.asarray(f(A))) == 12


def test_lists():
    for result in (ops.split(A, 2, 1), ops.array_split(A, 2), ops.hsplit(A, 2), ops.vsplit(A, 3), ops.dsplit(M, 2)):
        assert isinstance(result, list)


def test_polar():
    got = np.asarray(ops.polar(A, A / 4))
    assert got.dtype == np.complex64
    np.testing.assert_allclose(got, A * np.exp(0.25j * A), rtol=1e-5, atol=1e-6)
    parts = keras.src.backend.math._get_complex_tensor_from_tuple
    got = np.asarray(parts((np.float64([np.inf, 1]), np.float64([np.nan, -0.0]))))
    assert got.dtype == np.complex128 and got[0].real == np.inf and np.isnan(got[0].imag) and np.signbit(got[1].imag)
    for wrong in (A, (A,), (A, B), (A, A.astype("int32"))):
        with pytest.raises(ValueError):
            parts(wrong)
