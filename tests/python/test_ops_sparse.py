"""The operators under sparse tensors against NumPy; the tensors themselves are in test_sparse.py."""

import numpy as np

from opcheck import case, cast, make_tests, result_type

DTYPES = ["float32", "float64", "int32", "int64", "bool", "complex64", "float16", "uint8"]
COMPILED = ["float32", "int32"]
SHAPE = (3, 4, 2)


def ordered(shape, n, seed=0):
    """n places of this shape, in order."""
    places = np.sort(np.random.default_rng(seed).permutation(int(np.prod(shape)))[:n])
    return np.stack(np.unravel_index(places, shape), 1).astype("int32")


def from_dense(x, dense_dims=0, dtype="int32"):
    kept = x.any(tuple(range(x.ndim - dense_dims, x.ndim))) if dense_dims else x != 0
    places = np.stack(np.nonzero(kept), 1) if kept.ndim else np.zeros((1, 0))
    return places.astype(dtype), x[tuple(places.T.astype(int))] if kept.ndim else x[None]


def dense(indices, values, shape):
    x = np.zeros(shape, values.dtype)
    (np.logical_or if values.dtype == bool else np.add).at(x, tuple(indices.T), values)
    return x


def places(indices, shape):
    return sorted(set(map(tuple, indices.tolist())))


def coalesce(indices, values, shape):
    kept = np.array(places(indices, shape), indices.dtype).reshape(-1, indices.shape[1])
    return kept, dense(indices, values, shape)[tuple(kept.T)]


def align(indices1, values1, indices2, values2, shape, both=False):
    a, b = set(places(indices1, shape)), set(places(indices2, shape))
    kept = np.array(sorted(a & b if both else a | b), indices1.dtype).reshape(-1, indices1.shape[1])
    return kept, dense(indices1, values1, shape)[tuple(kept.T)], dense(indices2, values2, shape)[tuple(kept.T)]


def axes(indices, axes):
    columns = [indices[:, a] if a >= 0 else np.zeros_like(indices[:, :1]).sum(1) for a in axes]
    return np.stack(columns, 1).astype(indices.dtype) if axes else indices[:, :0]


def reshape(indices, shape, newshape):
    flat = np.ravel_multi_index(tuple(indices.T), shape)
    return np.stack(np.unravel_index(flat, newshape), 1).astype(indices.dtype)


def matmul(indices, values, shape, x):
    name = result_type(values, x)
    y = np.matmul(cast(dense(indices, values, shape), name).astype(np.result_type(name, "float64") if "float" in name else name), x)
    return cast(y, name)


def product(indices1, values1, shape1, indices2, values2, shape2):
    """As of dense matrices, with an entry wherever a product of two entries falls."""
    name = result_type(values1, values2)
    work = np.result_type(name, "int32") if "float" not in name and "complex" not in name else np.result_type(name, "float64")
    y = np.matmul(dense(indices1, values1, shape1).astype(work), dense(indices2, values2, shape2).astype(work))
    one = [dense(i, np.ones(len(i), "int64"), s) for i, s in ((indices1, shape1), (indices2, shape2))]
    kept = np.stack(np.nonzero(np.matmul(*one)), 1)
    index = indices1.dtype if indices1.dtype == indices2.dtype else "int64"
    return kept.astype(index), cast(y[tuple(kept.T)], name)


def numbers(name, shape, seed=1):
    x = np.random.default_rng(seed).integers(-3, 4, shape)
    return cast(x + 1j * x[::-1] if "complex" in name else x, name)


def mostly_zero(name, shape=SHAPE, seed=1):
    return np.where(np.random.default_rng(seed).random(shape) < 0.4, numbers(name, shape, seed), cast(0, name))


SOME = ordered(SHAPE, 9)
TWICE = np.concatenate([SOME, SOME[3:6], SOME[:1]])
OTHERS = ordered(SHAPE, 8, 5)
MATRIX = ordered((5, 7), 12)
OTHER = ordered((7, 4), 9, 3)
COLUMNS = {"dynamic": False, "why": "how many axes the indices have must be known"}
CASES = {
    "gather_nd": [
        *(case(numbers(d, SHAPE), SOME, expect=lambda x, i: x[tuple(i.T)], compile=d in COMPILED, **COLUMNS) for d in DTYPES),
        case(numbers("float32", SHAPE), SOME[:, :2].astype("int64"), expect=lambda x, i: x[tuple(i.T)], **COLUMNS),
    ],
    "sparse_check": [case(SOME, SHAPE, expect=lambda i, s: i, **COLUMNS), case(SOME[:0], SHAPE, expect=lambda i, s: i, **COLUMNS)],
    "sparse_from_dense": [
        *(case(mostly_zero(d), expect=from_dense, compile=d in COMPILED) for d in DTYPES),
        *(case(mostly_zero("float32"), n, expect=from_dense, dtype=i) for n in (1, 2, 3) for i in ("int32", "int64")),
        case(np.zeros((0, 3), "float32"), expect=from_dense),
    ],
    "sparse_coalesce": [
        *(case(TWICE, numbers(d, 13), SHAPE, expect=coalesce, compile=d in COMPILED, **COLUMNS) for d in DTYPES),
        case(TWICE[:, :2].astype("int64"), numbers("float32", (13, 2)), SHAPE, expect=coalesce, **COLUMNS),
        case(TWICE[:0], numbers("float32", 0), SHAPE, expect=coalesce, **COLUMNS),
    ],
    "sparse_align": [
        *(case(SOME, numbers(d, 9), OTHERS, numbers(d, 8, 2), SHAPE, both, expect=align, compile=d in COMPILED, **COLUMNS)
          for d in DTYPES for both in (False, True)),
        case(SOME[:0], numbers("float32", 0), OTHERS, numbers("float32", 8, 2), SHAPE, True, expect=align, **COLUMNS),
        case(SOME[:, :1], numbers("float32", (9, 2)), OTHERS[:, :1], numbers("int32", (8, 2)), (3, 2), expect=align, **COLUMNS),
    ],
    "sparse_axes": [case(SOME, a, expect=axes, **COLUMNS) for a in ((2, 0, 1), (1,), (-1, 0, -1, 2), ())],
    "sparse_reshape": [case(SOME, SHAPE, s, expect=reshape, **COLUMNS) for s in ((24,), (2, 12), (2, 3, 4), (1, 24, 1))],
    "sparse_matmul": [
        *(case(MATRIX, numbers(d, 12), (5, 7), numbers(d, (7, 3), 2), expect=matmul, compile=d in COMPILED, **COLUMNS) for d in DTYPES),
        case(MATRIX[::-1], numbers("float32", 12), (5, 7), numbers("int32", (7, 1), 2), expect=matmul, **COLUMNS),
        case(np.concatenate([MATRIX, MATRIX]), numbers("float32", 24), (5, 7), numbers("float32", (7, 70), 2), expect=matmul, **COLUMNS),
        case(SOME, numbers("float32", 9), SHAPE, numbers("float32", (3, 2, 5), 2), expect=matmul, **COLUMNS),
        case(MATRIX[:0], numbers("float32", 0), (5, 7), numbers("float32", (7, 3), 2), expect=matmul, **COLUMNS),
    ],
    "sparse_product": [
        case(SOME, numbers("float32", 9), SHAPE, ordered((3, 2, 5), 8), numbers("float32", 8, 2), (3, 2, 5), expect=product, **COLUMNS),
        *(case(MATRIX, numbers(d, 12), (5, 7), OTHER, numbers(d, 9, 2), (7, 4), expect=product, compile=d in COMPILED, **COLUMNS)
          for d in (*DTYPES, "complex128", "uint32", "bfloat16")),
        case(MATRIX, numbers("float32", 12), (5, 7), OTHER.astype("int64"), numbers("int32", 9, 2), (7, 4), expect=product, **COLUMNS),
        case(MATRIX.astype("uint8"), numbers("float32", 12), (5, 7), OTHER.astype("uint8"), numbers("float32", 9), (7, 4), expect=product, compile=False, **COLUMNS),
        case(np.concatenate([MATRIX, MATRIX])[::-1], numbers("float32", 24), (5, 7), np.concatenate([OTHER, OTHER[2:4]])[::-1],
             numbers("float32", 11, 2), (7, 4), expect=product, **COLUMNS),
        case(MATRIX[:0], numbers("float32", 0), (5, 7), OTHER, numbers("float32", 9, 2), (7, 4), expect=product, **COLUMNS),
        case(MATRIX[:0], numbers("float32", 0), (5, 0), OTHER[:0], numbers("float32", 0), (0, 4), expect=product, **COLUMNS),
    ],
}  # fmt: skip

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)
