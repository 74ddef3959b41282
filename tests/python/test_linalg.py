"""Matrix products, softmax and normalization, natively, against NumPy: dtypes, shapes, strides, batches, transposes, special
values. A primitive of linalg.def without a test fails test_every_primitive_is_tested."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import capi
from generated import EVERY, INTEGERS, arrays, check, close, declared, fails, fill, ints, same

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

SMALL = ["float8_e4m3fn", "float8_e5m2", "float16", "bfloat16"]
FLOATS = [*SMALL, "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
EPS = {"float8_e4m3fn": 2**-3, "float8_e5m2": 2**-2, "float16": 2**-10, "bfloat16": 2**-7, "float32": 2**-23,
       "float64": 2**-52, "complex64": 2**-23, "complex128": 2**-52}
TYPE_ERROR = 2


def test_every_primitive_is_tested():
    assert sorted(declared("linalg")) == sorted(["MatMul", "MatMulInteger", "SparseMatMul", "SparseProduct", "SparseAlign", "SoftMax", "LogSoftmax", *NORMALIZATIONS])
    # SparseMatMul, SparseProduct, SparseAlign: test_ops_sparse.py


def ordinary(dtype, shape, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    if dtype in INTEGERS:
        return fill(dtype, shape, seed)
    x = rng.standard_normal(shape) * scale
    if dtype in COMPLEX:
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(capi.dtype(dtype))


def wide(x):
    return x.astype(np.complex128) if x.dtype.kind == "c" else x.astype(np.float64) if x.dtype.name in FLOATS else x


def layouts(x):
    """The same elements in C order, transposed, with steps, backwards and misaligned in memory."""
    yield x
    if x.ndim > 1:
        yield np.ascontiguousarray(np.swapaxes(x, -1, -2)).swapaxes(-1, -2)
    yield np.repeat(x, 2, axis=-1)[..., ::2]
    yield x[::-1].copy()[::-1]
    raw = np.zeros(x.nbytes + 1, np.uint8)
    misaligned = raw[1:].view(x.dtype).reshape(x.shape)
    misaligned[...] = x
    yield misaligned


# ---- MatMul ----


def judge_product(got, a, b):
    """Integers exactly; of floats the error may be some ulp of what the magnitudes' product is."""
    if a.dtype.kind in "iu":
        return same(got, np.matmul(a, b))
    expected = np.asarray(np.matmul(wide(a), wide(b)))
    inner = EPS["float32"] if a.dtype.name in SMALL else EPS[a.dtype.name]
    bound = np.matmul(np.abs(wide(a)), np.abs(wide(b))) * inner * 4 * max(1, a.shape[-1]) ** 0.5
    assert got.dtype == a.dtype and got.shape == expected.shape
    if a.dtype.kind == "c":
        assert (np.abs(wide(got) - expected) <= bound).all()
        return
    low, high, got = (wide(np.asarray(v).astype(a.dtype)) for v in (expected - bound, expected + bound, got))
    over = np.isnan(low) | np.isnan(high)  # float8_e4m3fn has no infinity
    assert (((low <= got) & (got <= high)) | (over & np.isnan(got))).all()


def product(a, b, ta=False, tb=False):
    return capi.prim("MatMul", a, b, transpose_a=ta, transpose_b=tb)


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS, *COMPLEX])
@given(data=st.data())
def test_matmul(dtype, data):
    side = st.integers(0, 20)
    m, k, n = data.draw(side), data.draw(side), data.draw(side)
    batch = data.draw(st.lists(st.integers(0, 3), max_size=3))
    ta, tb = data.draw(st.booleans()), data.draw(st.booleans())
    batches = []
    for _ in range(2):
        cut = batch[data.draw(st.integers(0, len(batch))):]
        batches.append(tuple(1 if data.draw(st.booleans()) else d for d in cut))
    a = data.draw(arrays([dtype], shape=batches[0] + ((k, m) if ta else (m, k)), few=False))
    b = data.draw(arrays([dtype], shape=batches[1] + ((n, k) if tb else (k, n)), few=False))
    if dtype not in INTEGERS:
        a, b = (np.where(np.isfinite(wide(x)) & (np.abs(wide(x)) < 1e4), wide(x), 1.5).astype(x.dtype) for x in (a, b))
    judge_product(product(a, b, ta, tb), a.swapaxes(-1, -2) if ta else a, b.swapaxes(-1, -2) if tb else b)


SIZES = [(1, 1, 1), (1, 5, 1), (1, 700, 300), (300, 700, 1), (64, 64, 64), (33, 65, 129), (130, 1, 131), (257, 31, 5), (200, 300, 250)]


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS, *COMPLEX])
def test_matmul_sizes(dtype):
    for m, k, n in SIZES:
        if m * k * n > 3e5 and dtype in SMALL[:2]:
            continue  # the same loops as f16
        a, b = ordinary(dtype, (m, k), 1), ordinary(dtype, (k, n), 2)
        judge_product(product(a, b), a, b)
        judge_product(product(a.T.copy(), b.T.copy(), True, True), a, b)


@pytest.mark.parametrize("dtype", ["int8", "float16", "float32", "float64", "complex64"])
def test_matmul_layouts(dtype):
    for shape_a, shape_b in (((7, 9), (9, 5)), ((9,), (9, 5)), ((7, 9), (9,)), ((9,), (9,)), ((3, 7, 9), (9, 5)), ((3, 1, 9), (9, 5)),
                             ((2, 1, 7, 9), (3, 9, 5)), ((1, 9, 1), (4, 1, 6)), ((40, 16, 16), (40, 16, 16))):
        a, b = ordinary(dtype, shape_a, 1), ordinary(dtype, shape_b, 2)
        for x in layouts(a):
            for y in layouts(b):
                judge_product(product(x, y), a, b)
    a = np.broadcast_to(ordinary(dtype, (1, 9), 3), (7, 9))
    judge_product(product(a, a.T), a, a.T)


def test_matmul_transposes_leave_vectors_alone():
    a, b = ordinary("float32", (3,), 1), ordinary("float32", (3, 4), 2)
    judge_product(product(a, b, True, False), a, b)
    judge_product(product(b.T.copy(), a, False, True), b.T, a)


def test_matmul_of_nothing():
    for dtype in ("int32", "float32", "float16", "complex128"):
        for shape_a, shape_b in (((3, 0), (0, 4)), ((0, 3), (3, 4)), ((0,), (0,)), ((2, 0, 3), (3, 0)), ((0, 2, 2), (2, 2)), ((1, 0), (0, 1))):
            a, b = np.zeros(shape_a, dtype), np.zeros(shape_b, dtype)
            same(product(a, b), np.asarray(np.matmul(a, b)))


def test_matmul_nan_and_infinity():
    """Zeros beside them are multiplied, not skipped; garbage in new memory is not read."""
    for shape in ((3, 3), (50, 50), (1, 50), (50, 1), (400, 400)):
        a = np.zeros(shape, np.float32)
        a[0, 0] = np.nan
        b = np.zeros(shape[::-1], np.float32)
        b[-1, -1] = np.inf
        for _ in range(3):
            np.testing.assert_array_equal(product(a, b), np.matmul(a, b))


def test_matmul_in_graphs():
    for a, b in (((2, 3, 4), (4, 5)), ((4,), (4, 5)), ((2, 1, 3, 4), (3, 4, 2))):
        a, b = ordinary("float32", a, 1), ordinary("float32", b, 2)
        check("MatMul", [a, b], np.asarray(np.matmul(a, b)), compare=lambda g, e: close(g, e, 1e-5, 1e-6), transpose_a=False, transpose_b=False)


def numpy_says(a, b):
    with pytest.raises(ValueError) as e:
        np.matmul(a, b)
    return str(e.value)


@pytest.mark.parametrize("a,b", [((2, 3), (4, 5)), ((3,), (4, 5)), ((), (2, 2)), ((2, 2), ()), ((2, 2, 3), (4, 3, 5)), ((2, 3), (4,)),
                                 ((2, 1, 2, 3), (3, 3, 3, 5))])
def test_matmul_errors_are_numpys(a, b):
    a, b = np.ones(a, np.float32), np.ones(b, np.float32)
    fails(numpy_says(a, b).strip(), "MatMul", a, b, transpose_a=False, transpose_b=False)


def test_matmul_refuses():
    fails("MatMul does not take dtype bool", "MatMul", np.ones((2, 2), bool), np.ones((2, 2), bool), status=TYPE_ERROR)
    fails("operands of one dtype", "MatMul", np.ones((2, 2), np.int32), np.ones((2, 2), np.float32), status=TYPE_ERROR)


# ---- MatMulInteger ----


def bytes_of(shape, seed):
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


def judge_bytes(a, b, ta=False, tb=False):
    got = capi.prim("MatMulInteger", a, b, transpose_a=ta, transpose_b=tb)
    turn = [x.swapaxes(-1, -2) if turned and x.ndim > 1 else x for x, turned in ((a, ta), (b, tb))]
    same(got, np.asarray(np.matmul(*(x.astype(np.int32) for x in turn)), np.int32))


@pytest.mark.parametrize("m,k,n", [*SIZES, (9, 131, 1030), (300, 3, 70), (2, 4, 64), (8, 5, 513)])
def test_products_of_bytes(m, k, n):
    a, b = bytes_of((m, k), 1), bytes_of((k, n), 2)
    judge_bytes(a, b)
    judge_bytes(a.T.copy(), b.T.copy(), True, True)
    judge_bytes(a.T.copy().T, b.T.copy().T)
    judge_bytes(np.full_like(a, -128), np.full_like(b, -128))


def test_products_of_bytes_layouts():
    for shape_a, shape_b in (((7, 9), (9, 5)), ((9,), (9, 5)), ((7, 9), (9,)), ((9,), (9,)), ((3, 7, 9), (9, 5)), ((2, 1, 7, 9), (3, 9, 5)),
                             ((40, 16, 16), (40, 16, 16)), ((3, 0), (0, 4)), ((0, 3), (3, 4)), ((2, 0, 3), (3, 0))):
        a, b = bytes_of(shape_a, 1), bytes_of(shape_b, 2)
        for x in layouts(a):
            for y in layouts(b):
                judge_bytes(x, y)


def test_products_of_bytes_in_graphs():
    for shape_a, shape_b in (((2, 3, 4), (4, 5)), ((4,), (4, 5)), ((2, 1, 3, 4), (3, 4, 2)), ((3, 2000), (2000, 5)), ((2, 600), (600, 500))):
        a, b = bytes_of(shape_a, 1), bytes_of(shape_b, 2)
        expected = np.asarray(np.matmul(a.astype(np.int32), b.astype(np.int32)), np.int32)
        check("MatMulInteger", [a, b], expected, transpose_a=False, transpose_b=False)


def test_products_of_bytes_refuse():
    fails("MatMulInteger takes int8, not uint8", "MatMulInteger", np.ones((2, 2), np.uint8), np.ones((2, 2), np.uint8), status=TYPE_ERROR)


# ---- softmax ----


def softmax(x, axis, log):
    x = wide(x)
    shifted = x - np.max(x, axis, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis, keepdims=True)
    return shifted - np.log(total) if log else e / total


@pytest.mark.parametrize("name", ["SoftMax", "LogSoftmax"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax(name, dtype):
    for seed, (shape, axis) in enumerate([((10,), 0), ((3, 5), 1), ((3, 5), 0), ((2, 7, 3), 1), ((1, 1), -1), ((4, 1000), 1), ((300, 600), 0),
                                          ((8, 30, 33), -2), ((3, 0), 0), ((2, 300, 70), 2)]):
        x = ordinary(dtype, shape, seed, 4.0)
        expected = softmax(x, axis, name == "LogSoftmax") if x.size else wide(x)
        for v in layouts(x):
            got = capi.prim(name, v, axis=axis)
            close(got, expected.astype(x.dtype), rtol=EPS[dtype] * (16 if dtype == "float64" else 2),
                  atol=0 if name == "SoftMax" and dtype not in SMALL else EPS[dtype] * (32 if dtype == "float64" else 2))


def test_softmax_extremes():
    for dtype in ("float32", "float64"):
        x = np.array([[1e38, -1e38, 0], [-np.inf, 0, 0], [-np.inf] * 3, [np.inf, 0, 1], [np.nan, 0, 1], [-1000, 0, -90]], dtype)
        with np.errstate(all="ignore"):
            close(capi.prim("SoftMax", x, axis=1), softmax(x, 1, False).astype(dtype), 1e-6, 1e-45)
            close(capi.prim("LogSoftmax", x, axis=1), softmax(x, 1, True).astype(dtype), 1e-6)
            close(capi.prim("SoftMax", x.T.copy(), axis=0), softmax(x, 1, False).astype(dtype).T, 1e-6, 1e-45)
    fails("axis 2 is out of bounds for array of dimension 2", "SoftMax", x, axis=2)
    fails("SoftMax takes floats, not int32", "SoftMax", np.ones(3, np.int32), axis=0, status=TYPE_ERROR)
    x = ordinary("float32", (2, 3, 4))
    for name in ("SoftMax", "LogSoftmax"):
        check(name, [x], softmax(x, 1, name != "SoftMax").astype(x.dtype), compare=lambda g, e: close(g, e, 1e-6, 1e-7), axis=1)


# ---- normalization ----


def along_channels(v, x):
    return wide(v).reshape((1, -1) + (1,) * (x.ndim - 2))


def batch_norm(x, gamma, beta, mean, variance, epsilon):
    f = [along_channels(v, x) for v in (gamma, beta, mean, variance)]
    return (wide(x) - f[2]) * f[0] / np.sqrt(f[3] + epsilon) + f[1]


def group_norm(x, scale, bias, num_groups, epsilon):
    g = wide(x).reshape(x.shape[0], num_groups, int(np.prod(x.shape[1:])) // num_groups)
    g = (g - g.mean(2, keepdims=True)) / np.sqrt(g.var(2, keepdims=True) + epsilon)
    return g.reshape(x.shape) * along_channels(scale, x) + along_channels(bias, x)


def mvn(x, axes, normalize_variance, eps, eps_mode="inside_sqrt"):
    x, axes = wide(x), tuple(axes)
    y = x - x.mean(axes, keepdims=True)
    variance = np.square(y).mean(axes, keepdims=True)
    if not normalize_variance:
        return y
    return y / (np.sqrt(variance + eps) if eps_mode == "inside_sqrt" else np.sqrt(variance) + eps)


def normalize_l2(x, axes, eps, eps_mode):
    square = np.square(wide(x)).sum(tuple(axes), keepdims=True)
    return wide(x) / np.sqrt(square + eps if eps_mode == "add" else np.maximum(square, eps))


NORMALIZATIONS = {"BatchNormInference": batch_norm, "GroupNormalization": group_norm, "MVN": mvn, "NormalizeL2": normalize_l2}
SHAPES = [(2, 6), (3, 6, 5), (2, 6, 4, 7), (1, 6, 3, 2, 2), (5, 6, 300), (0, 6, 2)]


def compare(dtype, got, expected):
    close(got, expected.astype(got.dtype), rtol=EPS[dtype] * 4, atol=EPS[dtype] * 4)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_and_group_norm(dtype, shape):
    x = ordinary(dtype, shape, 1)
    gamma, beta, mean = (ordinary(dtype, (6,), s) for s in (2, 3, 4))
    variance = np.abs(ordinary(dtype, (6,), 5)) + ordinary(dtype, (), 0) * 0 + np.asarray(0.5, x.dtype)
    for v in layouts(x):
        got = capi.prim("BatchNormInference", v, gamma, beta, mean, variance, epsilon=0.25)
        compare(dtype, got, batch_norm(x, gamma, beta, mean, variance, 0.25))
        for groups in (1, 2, 6):
            got = capi.prim("GroupNormalization", v, gamma, beta, num_groups=groups, epsilon=0.25)
            compare(dtype, got, group_norm(x, gamma, beta, groups, 0.25))


@pytest.mark.parametrize("dtype", FLOATS)
def test_mvn_and_normalize_l2(dtype):
    for shape, axes in (((7,), (0,)), ((3, 5), (1,)), ((3, 5), (0,)), ((2, 3, 4, 5), (2, 3)), ((2, 3, 4, 5), (0, 2)), ((2, 3, 4), (0, 1, 2)),
                        ((2, 300), (1,)), ((0, 3), (1,))):
        x = ordinary(dtype, shape, 1)
        for v in layouts(x):
            for variance in (False, True):
                for mode in ("inside_sqrt", "outside_sqrt"):
                    got = capi.prim("MVN", v, ints(*axes), normalize_variance=variance, eps=0.125, eps_mode=mode)
                    compare(dtype, got, mvn(x, axes, variance, 0.125, mode))
            for mode in ("add", "max"):
                got = capi.prim("NormalizeL2", v, ints(*(a - x.ndim for a in axes)), eps=2.0, eps_mode=mode)
                compare(dtype, got, normalize_l2(x, axes, 2.0, mode))


def test_normalization_of_special_values():
    x = np.array([[1, np.nan, 2], [3, np.inf, 4], [5, 6, 7]], np.float32)
    with np.errstate(all="ignore"):
        close(capi.prim("MVN", x, ints(1), normalize_variance=True, eps=0.1), mvn(x, (1,), True, 0.1).astype(np.float32), 1e-6)
        close(capi.prim("NormalizeL2", x, ints(1), eps=0.1, eps_mode="max"), normalize_l2(x, (1,), 0.1, "max").astype(np.float32), 1e-6)


def test_normalization_in_graphs():
    x = ordinary("float32", (2, 4, 3, 3))
    v = [np.abs(ordinary("float32", (4,), s)) for s in range(4)]
    near = {"compare": lambda g, e: close(g, e.astype(np.float32), 1e-5, 1e-6)}
    check("BatchNormInference", [x, *v], batch_norm(x, *v, 0.1), **near, epsilon=0.1)
    check("GroupNormalization", [x, *v[:2]], group_norm(x, *v[:2], 2, 0.1), **near, num_groups=2, epsilon=0.1)
    check("MVN", [x, ints(1, 2)], mvn(x, (1, 2), True, 0.1), constants=(1,), **near, normalize_variance=True, eps=0.1)
    check("NormalizeL2", [x, ints(1)], normalize_l2(x, (1,), 0.1, "add"), constants=(1,), **near, eps=0.1, eps_mode="add")


def test_normalization_refuses():
    x, v = np.ones((2, 4, 3), np.float32), np.ones(4, np.float32)
    fails("operand 2 has shape (3,), one value is needed for each of the 4 channels", "GroupNormalization", x, v, v[:3], num_groups=2, epsilon=0.1)
    fails("4 channels do not fall into 3 equal groups", "GroupNormalization", x, v, v, num_groups=3, epsilon=0.1)
    fails("2 dimensions or more", "BatchNormInference", v, v, v, v, v, epsilon=0.1)
    for name, operands in (("BatchNormInference", 5), ("GroupNormalization", 3), ("MVN", 2), ("NormalizeL2", 2)):
        for dtype in set(EVERY) - set(FLOATS):
            y = np.ones((2, 4), capi.dtype(dtype))
            rest = [ints(1)] if operands == 2 else [y[0]] * (operands - 1)
            fails(f"{name} takes floats, not {dtype}", name, y, *rest, status=TYPE_ERROR)
