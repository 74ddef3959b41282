"""keras.ops.linalg, slogdet and logdet against NumPy."""

import numpy as np
import pytest

import kvino
from opcheck import FLOATS, INTEGERS, Case, agree, case, cast, eager, layouts, make_tests, name_of, result_float, wide

COMPILED = ["float32", "int32"]
DTYPES = ["float32", "float64", "complex64", "complex128", "float16", "bfloat16", "int32", "int64", "uint8", "bool"]
ROUGH = {"float16": 2e-2, "bfloat16": 0.1}
CLOSE = {**ROUGH, "float64": 1e-11, "complex128": 1e-11}
SHAPES = [(1, 1), (2, 3, 3), (0, 0), (2, 0, 0), (0, 3, 3), (2, 2, 4, 4)]


def real(name):
    return {"complex64": "float32", "complex128": "float64"}.get(name, name)


def matrix(dtype, shape, seed=0):
    rng = np.random.default_rng(seed)
    if dtype == "bool" or "int" in dtype:
        return cast(rng.integers(0, 2 if dtype == "bool" else 9, shape), dtype)
    x = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        x = x + 1j * rng.standard_normal(shape)
    return cast(x, dtype)


def regular(dtype, shape, seed=0):
    """With an inverse, and symmetric positive definite."""
    x = matrix(dtype, shape, seed)
    y = wide(x) @ np.swapaxes(wide(x).conj(), -1, -2) + 2 * np.eye(shape[-1])
    return cast(np.real(y) if dtype[0] != "c" else y, "int32" if dtype == "bool" else dtype)


def of(f, *kinds):
    """NumPy's in float64; result i in the operands' float dtype, or ('real', 'complex', a dtype's name) as kinds[i] says."""

    def reference(*xs, **kwargs):
        arrays = [x for x in xs if isinstance(x, np.ndarray)]
        name = result_float(*arrays)
        to = {"": name, "real": real(name), "complex": "complex128" if name in ("float64", "complex128") else "complex64"}
        y = f(*(wide(x) if isinstance(x, np.ndarray) else x for x in xs), **kwargs)
        if not isinstance(y, tuple):
            kind = kinds[0] if kinds else ""
            return cast(y, to.get(kind, kind))
        return [cast(a, to.get(k, k)) for a, k in zip(y, kinds or [""] * len(y))]

    return reference


def every(f, make=regular, dtypes=DTYPES, shapes=SHAPES, square=(3, 3), rtol=2e-4, **kwargs):
    def one(x, d):
        return case(
            x,
            expect=f,
            compile=d in COMPILED,
            rtol=CLOSE.get(d, rtol),
            atol=CLOSE.get(d, rtol),
            device_rtol=1e-3,
            device_atol=2e-2 if d in ROUGH else 1e-4,
            **kwargs,
        )

    return [one(make(d, square, 1), d) for d in dtypes] + [one(make("float32", s, 2), "float32") for s in shapes]


def lower_factor(dtype, shape, seed=0):
    return np.tril(regular(dtype, shape, seed))


def cholesky_inverse(x, upper=False):
    y = np.triu(x) if upper else np.tril(x)
    return np.linalg.inv(np.swapaxes(y.conj(), -1, -2) @ y if upper else y @ np.swapaxes(y.conj(), -1, -2))


def lu_factor(x):
    lu, pivots = x.copy(), np.zeros((*x.shape[:-2], min(x.shape[-2:])), "int32")
    for at in np.ndindex(x.shape[:-2]):
        a = lu[at]
        for i in range(min(a.shape)):
            p = i + int(np.argmax(np.abs(np.real(a[i:, i])) + np.abs(np.imag(a[i:, i]))))
            pivots[at][i] = p
            a[[i, p]] = a[[p, i]]
            a[i + 1 :, i] /= a[i, i]
            a[i + 1 :, i + 1 :] -= np.outer(a[i + 1 :, i], a[i, i + 1 :])
    return lu, pivots


def solve(a, b, lower=None):
    a = a if lower is None else np.tril(a) if lower else np.triu(a)
    vectors = b.ndim == a.ndim - 1
    y = np.linalg.solve(a, b[..., None] if vectors else b)
    return y[..., 0] if vectors else y


def pinv(x, rcond=None):
    return np.linalg.pinv(x, rcond=rcond if rcond is not None else 10 * max(x.shape[-2:], default=0) * 2**-23)


def lstsq(a, b, rcond=None):
    return np.linalg.lstsq(a, b, rcond=rcond if rcond is not None else 2**-23 * max(a.shape))[0]


def matrix_rank(x, tol=None):
    tol = tol if tol is not None else max(x.shape[-2:]) * 2**-23 * np.linalg.svd(x, compute_uv=False).max(-1, initial=0)
    return np.asarray(np.linalg.matrix_rank(x, tol=tol)).astype("int32")


def matrix_power(x, n):
    name = name_of(x)
    if n < 0:
        return of(np.linalg.matrix_power)(x, n)
    if name == "bool":
        return np.linalg.matrix_power(x.astype(int), n) != 0
    with np.errstate(all="ignore"):
        return np.linalg.matrix_power(x, n) if name in INTEGERS else cast(np.linalg.matrix_power(wide(x), n), name)


def tall(dtype, shape, seed=0):
    return matrix(dtype, (*shape[:-2], shape[-2] + 2 * (shape[-2] > 0), shape[-1]), seed)


def systems(f, **kwargs):
    return [
        case(regular(d, (3, 3), 1), matrix(d, (3, 2), 2), expect=of(f), compile=d in COMPILED, rtol=CLOSE.get(d, 1e-5),
             atol=CLOSE.get(d, 1e-5), device_atol=2e-2 if d in ROUGH else 1e-5, **kwargs)
        for d in DTYPES
    ] + [
        case(regular("float32", a, 1), matrix("float32", b, 2), expect=of(f), rtol=1e-5, atol=1e-5, device_atol=1e-5, **kwargs)
        for a, b in (((3, 3), (3,)), ((2, 3, 3), (2, 3)), ((2, 3, 3), (2, 3, 1)), ((3, 3), (2, 3, 2)),
                     ((3, 3), (3, 0)), ((0, 0), (0,)))
    ]


def norms():
    x = matrix("float32", (2, 3, 4), 3)
    for order in (None, 0, 1, 2, -1, -2, 3, 0.5, np.inf, -np.inf):
        for keepdims in (False, True):
            yield x, {"ord": order, "axis": 1, "keepdims": keepdims}
    for order in (None, "fro", "nuc", 1, 2, -1, -2, np.inf, -np.inf):
        for axis in ((0, 2), (2, 1), (-1, 0)):
            yield x, {"ord": order, "axis": axis, "keepdims": axis[0] == 2}
        yield x[0], {"ord": order}
    for y in (x, x[0], x[0, 0], np.float32(-2), np.zeros((0,), "float32"), np.zeros((2, 0), "float32")):
        yield np.asarray(y), {}
        yield np.asarray(y), {"keepdims": True}
    yield np.zeros((0,), "float32"), {"ord": np.inf}
    yield np.array([3, np.nan, 1], "float32"), {"ord": np.inf}
    for d in DTYPES:
        for order in (None, 1, 3, np.inf):
            yield matrix(d, (3, 4), 4), {"ord": order, "axis": -1}
        yield matrix(d, (3, 4), 4), {"ord": "nuc"}


CASES = {
    "cholesky": every(of(np.linalg.cholesky))
    + every(of(lambda x, upper: np.swapaxes(np.linalg.cholesky(x).conj(), -1, -2)), upper=True, dtypes=["float32", "complex64"]),
    "cholesky_inverse": every(of(cholesky_inverse), lower_factor)
    + every(of(cholesky_inverse), upper=True, dtypes=["float32", "complex64"]),
    "det": every(of(np.linalg.det), matrix, rtol=1e-3),
    "slogdet": every(of(lambda x: tuple(np.linalg.slogdet(x)), "", "real"), regular, rtol=1e-3),
    "logdet": every(of(lambda x: np.linalg.slogdet(x)[1], "real"), regular, rtol=1e-3),
    "eigh": every(of(lambda x: tuple(np.linalg.eigh(x)), "real", ""), rtol=2e-3),
    "eig": every(of(lambda x: tuple(np.linalg.eig(x)), "complex", "complex"), shapes=SHAPES[:4], dtypes=["float32", "float64", "complex64"],
                 rtol=2e-3),
    "inv": every(of(np.linalg.inv), rtol=1e-3),
    "lu_factor": every(of(lu_factor, "", "int32"), regular) + every(of(lu_factor, "", "int32"), tall, shapes=[(2, 2, 3)], dtypes=FLOATS),
    "qr": every(of(lambda x: tuple(np.linalg.qr(x))), tall)
    + every(of(lambda x, mode: tuple(np.linalg.qr(x, mode))), tall, mode="complete", dtypes=["float32", "complex64"]),
    "svd": every(of(lambda x: tuple(np.linalg.svd(x)), "", "real", ""), tall, rtol=2e-3)
    + every(of(lambda x, full_matrices: tuple(np.linalg.svd(x, full_matrices)), "", "real", ""), tall, full_matrices=False, rtol=2e-3,
            dtypes=["float32", "complex64"])
    + every(of(lambda x, compute_uv: (np.linalg.svd(x, compute_uv=False),), "real"), tall, compute_uv=False,
            dtypes=["float32", "complex64"]),
    "solve": systems(solve),
    "solve_triangular": systems(solve, lower=True) + systems(solve, lower=False),
    "pinv": every(of(pinv), tall, rtol=1e-3, dtypes=["float32", "complex64", "int32", "float16"]) + every(of(pinv), tall, rcond=0.5, dtypes=["float32"], shapes=[])
    + [case(np.outer([1, 2, 3], [2, 1]).astype("float32"), expect=of(pinv), rtol=1e-4, atol=1e-6, label="rank 1", device_atol=1e-5)],
    "lstsq": [
        case(matrix(d, a, 1), matrix(d, b, 2), expect=of(lstsq), rtol=ROUGH.get(d, 2e-3), atol=ROUGH.get(d, 1e-4),
             device_atol=2e-2 if d in ROUGH else 1e-4, compile=d in COMPILED, **k)
        for d, a, b, k in [(d, (5, 3), (5, 2), {}) for d in DTYPES] + [
            ("float32", a, b, {}) for a, b in (((3, 5), (3,)), ((3, 3), (3, 1)), ((0, 3), (0, 2)), ((3, 0), (3,)), ((1, 1), (1,)))
        ] + [("float32", (5, 4), (5,), {"rcond": 0.5})]
    ]
    + [case(np.outer([1, 2, 3], [2, 1]).astype("float32"), matrix("float32", (3,), 1), expect=of(lstsq), rtol=1e-4, atol=1e-5, label="rank 1")],
    "matrix_rank": [
        case(x, expect=lambda x, **k: matrix_rank(wide(x), **k), **k)
        for x, k in [(matrix(d, (4, 3), 1), {}) for d in ("float32", "float64", "complex64", "int32")] + [
            (np.outer([1, 2, 3], [2, 1]).astype("float32"), {}),
            (np.zeros((2, 3, 3), "float32"), {}),
            (np.zeros((3, 0), "float32"), {}),
            (matrix("float32", (2, 2, 3, 4), 1), {}),
            (np.diag([3, 2, 1]).astype("float32"), {"tol": 1.5}),
        ]
    ],
    "matrix_power": [
        case(matrix(d, (3, 3), 1), n, expect=matrix_power, rtol=ROUGH.get(d, 1e-4), atol=ROUGH.get(d, 1e-3), compile=d in COMPILED,
             device_rtol=2e-3, device_atol=5e-2 if d in ROUGH else 1e-3)
        for d, n in [(d, n) for d in DTYPES for n in (0, 1, 2, 5)] + [("float32", -1), ("float32", -3), ("float64", -2)]
    ]
    + [case(matrix("float32", s, 1), n, expect=matrix_power, rtol=1e-4, atol=1e-4) for s in ((2, 3, 3), (0, 0), (0, 2, 2)) for n in (0, 3)]
    + [case(matrix("int8", (2, 2), 1), 7, expect=matrix_power, label="int8 wraps")],
    "norm": [
        case(x, expect=of(np.linalg.norm, "real"), rtol=ROUGH.get(name_of(x), 1e-5), atol=1e-6, device_rtol=1e-3, device_atol=1e-3,
             compile=name_of(x) in COMPILED, **k)
        for x, k in norms()
    ],
}

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "slogdet", "norm", "pinv", "lu_factor"])
def test_layouts(name):
    c = next(c for c in CASES[name] if not c.kwargs)
    for dtype in ("float32", "float64", "complex64", "float16"):
        for label, view in layouts(regular(dtype, (4, 4), 3)):
            eager(Case((view,), c.expected, rtol=5e-3, atol=5e-3, op=name, label=label))


def test_every_operator_counts_the_last_axes():
    x = regular("float32", (2, 3, 4, 4))
    for name in ("inv", "cholesky", "det", "matrix_rank", "pinv"):
        whole = np.asarray(getattr(kvino.ops, name)(x))
        for at in np.ndindex(2, 3):
            np.testing.assert_array_equal(whole[at], np.asarray(getattr(kvino.ops, name)(x[at])))


def test_the_order_of_a_norm_is_a_number_or_text():
    x = np.array([[3.0, -4], [1, 2]], "float32")
    for order in (1, 1.0, "1", np.float32(1).item(), np.int64(1), np.float64(1)):
        agree(kvino.ops.norm(x, order), np.float32(6))
    agree(kvino.ops.norm(x, float("inf"), axis=1), np.array([4, 2], "float32"))
    agree(kvino.ops.norm(x, "-inf", axis=1), np.array([3, 1], "float32"))


def test_refusals():
    ops, x, singular = kvino.ops, np.ones((2, 3), "float32"), np.zeros((2, 2), "float32")
    for name in ("inv", "det", "cholesky", "eig", "eigh", "slogdet", "logdet", "cholesky_inverse"):
        with pytest.raises(ValueError, match="Expected a square matrix. Received non-square input with shape"):
            getattr(ops, name)(x)
    for name in ("inv", "det", "svd", "qr", "lu_factor", "matrix_rank", "pinv"):
        with pytest.raises(ValueError, match="Expected input to have rank >= 2. Received input with shape"):
            getattr(ops, name)(x[0])
    with pytest.raises(ValueError, match="Singular matrix"):
        ops.inv(singular)
    with pytest.raises(ValueError, match="Singular matrix"):
        ops.matrix_power(singular, -1)
    with pytest.raises(ValueError, match="Matrix is not positive definite"):
        ops.cholesky(singular)
    with pytest.raises(ValueError, match="SVD did not converge"):
        ops.svd(singular + np.float32(np.nan))
    with pytest.raises(ValueError, match=r"Expected one of \{'reduced', 'complete'\}. Received: mode=raw"):
        ops.qr(x, "raw")
    for a, b, words in ((x, np.ones(3), "Leading dimensions"), (x[None], x, "must be two-dimensional"), (x, x[None], "one or two")):
        with pytest.raises(ValueError, match=words):
            ops.lstsq(a, b)
    with pytest.raises(ValueError, match=r"a.shape\[-2\] == b.shape\[-1\]"):
        ops.solve(singular, np.ones(3, "float32"))
    with pytest.raises(TypeError):
        ops.matrix_power(singular, 1.5)


@pytest.mark.parametrize("order,axis,words", [("fro", 0, "Invalid norm order 'fro' for vectors"), (3, (0, 1), "Invalid norm order for matrices"),
                                              (0, None, "Invalid norm order for matrices"), (2, (0, 0), "Duplicate axes"),
                                              (2, (0, 1, 2), "axis 2 is out of bounds"), ("odd", None, "Received: ord=odd"),
                                              (None, 2, "axis 2 is out of bounds"), (None, (), "Improper number of dimensions")])
def test_refusals_of_norm(order, axis, words):
    with pytest.raises(ValueError, match=words):
        kvino.ops.norm(np.ones((2, 2)), order, axis)


def test_an_error_comes_when_the_function_runs():
    f = kvino.function(kvino.ops.inv)
    agree(f(2 * np.eye(2, dtype="float32")), np.eye(2, dtype="float32") / 2)
    with pytest.raises(ValueError, match="Singular matrix"):
        f(np.zeros((2, 2), "float32"))
