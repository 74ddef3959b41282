"""The operators under ragged tensors against NumPy; the tensors themselves are in test_ragged.py."""

import numpy as np

from opcheck import case, cast, make_tests

DTYPES = ["float32", "float64", "int32", "int64", "bool", "complex64", "float16", "uint8"]
COMPILED = ["float32", "int32"]
SPLITS = np.array([0, 2, 2, 5, 6], "int64")


def numbers(name, shape, seed=1):
    x = np.random.default_rng(seed).integers(-3, 4, shape)
    return cast(x + 1j * x[::-1] if "complex" in name else x, name)


def to_dense(values, row_splits, default_value=0, width=None):
    lengths = np.diff(row_splits)
    width = max(lengths, default=0) if width is None else width
    y = np.full((len(lengths), width, *values.shape[1:]), default_value, values.dtype)
    for i, begin in enumerate(row_splits[:-1]):
        n = min(lengths[i], width)
        y[i, :n] = values[begin : begin + n]
    return y


def from_dense(x, row_lengths):
    return x[np.arange(x.shape[1]) < np.asarray(row_lengths)[:, None]]


def splits(row_lengths):
    return np.concatenate([[0], np.cumsum(row_lengths)]).astype("int64")


def rows(row_splits):
    return np.repeat(np.arange(len(row_splits) - 1), np.diff(row_splits)).astype("int64")


LENGTHS = np.diff(SPLITS)
CASES = {
    "ragged_check": [case(s, numbers("float32", (s[-1], 2)), expect=lambda s, x: s) for s in (SPLITS, SPLITS[:1], SPLITS[:3])],
    "ragged_splits": [case(x, expect=splits) for x in (LENGTHS, LENGTHS[:0], LENGTHS.astype("int32"))],
    "ragged_rows": [case(s, expect=rows) for s in (SPLITS, SPLITS[:1], np.zeros(4, "int64"), SPLITS.astype("int32"))],
    "ragged_same": [case(s, s.copy(), expect=lambda a, b: a) for s in (SPLITS, SPLITS[:1])],
    "ragged_to_dense": [
        *(case(numbers(d, 6), SPLITS, expect=to_dense, compile=d in COMPILED) for d in DTYPES),
        *(case(numbers("float32", (6, 2)), SPLITS, np.float32(-1), w, expect=to_dense) for w in (None, 0, 1, 5)),
        case(numbers("float32", (0, 2)), np.zeros(3, "int64"), expect=to_dense),
        case(numbers("float32", (0, 2)), np.zeros(1, "int64"), expect=to_dense),
        case(numbers("float32", (0, 2)), np.zeros(3, "int64"), np.float32(7), 2, expect=to_dense),
    ],
    "ragged_from_dense": [
        *(case(numbers(d, (4, 3)), LENGTHS, expect=from_dense, compile=d in COMPILED) for d in DTYPES),
        case(numbers("float32", (4, 3, 2)), LENGTHS.astype("int32"), expect=from_dense),
        case(numbers("float32", (4, 3, 2)), LENGTHS * 0, expect=from_dense),
        case(numbers("float32", (0, 3)), LENGTHS[:0], expect=from_dense),
    ],
}  # fmt: skip

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)
