"""Joining, splitting, turning, diagonals and choosing of keras.ops.numpy against NumPy."""

import numpy as np
import pytest

import kvino
from opcheck import ALL, INTEGERS, Case, agree, case, cast, eager, layouts, make_tests, npd, result_type, values

X = values("float32", (2, 3, 4), 1)
M = values("int32", (4, 6), 2, -99, 99)
V = values("float32", (6,), 3)
E = values("float32", (2, 0, 4), 1)
S = values("float32", (), 1)
COMPILED = ["float32", "int64", "complex64"]


def joined(f):
    def reference(xs, **kwargs):
        name = result_type(*xs)
        return f([cast(x, name) for x in xs], **kwargs)

    return reference


def append(a, b, axis=None):
    name = result_type(a, b)
    return np.append(cast(a, name), cast(b, name), axis)


def kron(a, b):
    name = result_type(a, b)
    return np.kron(cast(a, name), cast(b, name))


def select(conditions, choices, default=0):
    name = result_type(*choices, default)
    return np.select(conditions, [cast(c, name) for c in choices], cast(default, name))


def unravel(indices, shape):
    return [i.astype(np.asarray(indices).dtype) for i in np.unravel_index(indices, shape)]


def view(x, dtype=None):
    return np.ascontiguousarray(x).reshape(x.shape).view(npd(dtype) if dtype else x.dtype)


def places(name, size, shape=(5,)):
    return values(name, shape, 4, 0, size - 1)


CASES = {
    "append": [
        *(case(values(d, (2, 3), 1), values(d, (4,), 2), expect=append, compile=d in COMPILED) for d in ALL),
        case(X, M, expect=append),
        case(X, X[:1], axis=0, expect=append),
        case(X, E, axis=1, expect=append),
        case(M, values("float16", (4, 2), 1), axis=-1, expect=append),
        case(S, 3, expect=append),
        case(M, 2.5, expect=append),
        case(E, E, expect=append),
    ],
    "dstack": [
        case([X, X[:, :, :1]], expect=joined(np.dstack)),
        case([M, M.astype("float32")], expect=joined(np.dstack)),
        case([V, V], expect=joined(np.dstack)),
        case([S, S, S], expect=joined(np.dstack)),
        case([E, X[:, :0]], expect=joined(np.dstack)),
        *(
            case([values(d, (2, 3), 1), values(d, (2, 3), 2)], expect=joined(np.dstack), compile=d in COMPILED)
            for d in ALL
        ),
    ],
    "column_stack": [
        case([V, V, values("int32", (6, 2), 1)], expect=joined(np.column_stack)),
        case([M, M[:, :1]], expect=joined(np.column_stack)),
        case([S, S], expect=joined(np.column_stack)),
        case([V[:0], V[:0]], expect=joined(np.column_stack)),
        case([X, X], expect=joined(np.column_stack)),
        *(
            case([values(d, (3,), 1), values(d, (3,), 2)], expect=joined(np.column_stack), compile=d in COMPILED)
            for d in ALL
        ),
    ],
    "array_split": [
        *(case(V, n, expect=np.array_split) for n in (1, 2, 4, 6, 8)),
        *(case(X, n, axis=a, expect=np.array_split) for n, a in ((2, 1), (3, -1), (3, 0))),
        case(M, [1, 3], axis=1, expect=np.array_split),
        case(V, [2, 9, 4], expect=np.array_split),
        case(E, 2, axis=1, expect=np.array_split),
        *(case(values(d, (5, 2), 1), 3, expect=np.array_split, compile=d in COMPILED) for d in ALL),
    ],
    "hsplit": [
        case(M, 3, expect=np.hsplit),
        case(M, [1, 4], expect=np.hsplit),
        case(V, 2, expect=np.hsplit),
        case(V, [2], expect=np.hsplit),
        case(X, 3, expect=np.hsplit),
        case(E, [0], expect=np.hsplit),
    ],
    "vsplit": [
        case(M, 2, expect=np.vsplit),
        case(M, [1, -1], expect=np.vsplit),
        case(X, 2, expect=np.vsplit),
        case(X, [], expect=np.vsplit),
    ],
    "dsplit": [
        case(X, 2, expect=np.dsplit),
        case(X, (1, 2), expect=np.dsplit),
        case(E, 4, expect=np.dsplit),
        case(values("uint8", (1, 2, 4, 2), 1), 2, expect=np.dsplit),
    ],
    "fliplr": [case(x, expect=np.fliplr) for x in (X, M, E, values("bool", (3, 2), 1), values("complex64", (3, 2), 1))],
    "flipud": [case(x, expect=np.flipud) for x in (X, V, E, values("int64", (3, 2), 1), values("float16", (3,), 1))],
    "rot90": [
        *(case(M, k, expect=np.rot90) for k in (0, 1, 2, 3, 4, 5, -1, -2, -3)),
        *(case(X, k, axes=a, expect=np.rot90) for k in (1, 2, 3) for a in ((1, 2), (2, 0), (-1, -2))),
        case(E, 1, axes=(0, 1), expect=np.rot90),
        *(case(values(d, (2, 3), 1), expect=np.rot90, compile=d in COMPILED) for d in ALL),
    ],
    "view": [
        *(case(values("int16", (3, 8), 1), d, expect=view) for d in ("int8", "uint16", "float16", "int32", "float64")),
        *(case(values(d, (2, 16), 1), "uint8", expect=view) for d in ALL),
        *(case(values(d, (2, 2), 1), "float32", expect=view) for d in ("int32", "uint64", "float64", "complex128")),
        case(values("float32", (2, 4), 1), "complex64", expect=view),
        case(values("float32", (2, 4), 1), "bfloat16", expect=view),
        case(values("int8", (2, 4), 1, 0, 1), "bool", expect=view),
        case(S, "int32", expect=view),
        case(M, expect=view),
        case(E, "float64", expect=view),
        case(values("int8", (2, 0), 1), "int64", expect=view),
    ],
    "diag": [
        *(case(V, k, expect=np.diag) for k in (0, 1, -2, 7)),
        *(case(M, k, expect=np.diag) for k in (0, 1, 5, 6, 9, -1, -3, -4)),
        case(M.T, 1, expect=np.diag),
        case(V[:0], 2, expect=np.diag),
        case(V[:0], expect=np.diag),
        case(values("float32", (0, 3), 1), expect=np.diag),
        *(case(values(d, (3,), 1, special=True), -1, expect=np.diag, compile=d in COMPILED) for d in ALL),
        *(case(values(d, (3, 4), 1), 1, expect=np.diag, compile=d in COMPILED) for d in ALL),
    ],
    "diagflat": [
        *(case(M[:2], k, expect=np.diagflat) for k in (0, 2, -1)),
        case(S, expect=np.diagflat),
        case(S, 3, expect=np.diagflat),
        case(E, 1, expect=np.diagflat),
        case(X, expect=np.diagflat),
    ],
    "kron": [
        case(M, X, expect=kron),
        case(V, values("float32", (2,), 1), expect=kron),
        case(S, X, expect=kron),
        case(X, 2, expect=kron),
        case(S, S, expect=kron),
        case(E, M, expect=kron),
        *(
            case(values(d, (2, 3), 1, -9, 9), values(d, (3, 2), 2, -9, 9), expect=kron, compile=d in COMPILED)
            for d in ALL
        ),
        case(values("int8", (2,), 1), values("uint8", (3, 2), 1), expect=kron),
    ],
    "select": [
        case([X < 0, X > 1], [X, X * 2], 42, expect=select),
        case([X < 0, X > 1], [M[0, 0], X], expect=select),
        case([V < 0, V < 1, V < 2], [V, values("int32", (6,), 1), values("int32", (), 1)], S, expect=select),
        case([X[0] < 0, X[:, :1] > 1], [X, V[:4]], np.float32(7), expect=select, fixed=(2,)),
        case([E > 0], [E], expect=select),
        case([np.array(True)], [S], expect=select),
        *(
            case([V > 0], [values(d, (6,), 1)], values(d, (), 2), expect=select, compile=d in COMPILED)
            for d in ALL
        ),
    ],
    "unravel_index": [
        *(case(places(d, 120), (4, 5, 6), expect=unravel) for d in INTEGERS),
        case(places("int64", 2**40), (2**20, 2**15, 2**5), expect=unravel),
        case(places("int32", 2**31 - 1), (2**16, 2**15), expect=unravel),
        case(places("int32", 6, (2, 3)), (2, 3), expect=unravel),
        case(places("int32", 6, ()), (6,), expect=unravel),
        case(np.zeros((0,), "int32"), (2, 3), expect=unravel),
        case(np.zeros((0, 2), "int32"), (0, 3), expect=unravel),
        case(np.zeros((), "int32"), (), expect=unravel),
    ],
}

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)

PLANS = {"rot90": (1,), "diagflat": (), "fliplr": (), "array_split": (3,), "view": ("int8",), "diag": (1,)}


@pytest.mark.parametrize("name", PLANS)
def test_layouts(name):
    reference = CASES[name][0].expected
    for dtype in ("float32", "uint8", "complex128"):
        for label, x in layouts(values(dtype, (4, 5), 3)):
            eager(Case((x, *PLANS[name]), reference, op=name, label=label))


def test_view_shares_memory_where_it_can():
    x = kvino.Tensor(M)
    for dtype in ("float32", "int8", "int64"):
        assert np.shares_memory(np.asarray(kvino.ops.view(x, dtype)), np.asarray(x))


def test_view_of_odd_places():
    """Wider elements start where x's may not: copied."""
    x = kvino.Tensor(np.arange(40, dtype="uint8").reshape(4, 10))
    for y in (x[:, 1:9], x[:, ::2][:, :4], x[1:, 2:], x[::2, ::-1][:, :8]):
        agree(kvino.ops.view(y, "uint32"), np.ascontiguousarray(np.asarray(y)).view("uint32"))


def test_bytes_viewed_as_bool_are_truths():
    x = np.array([0, 1, 2, -128], "int8")
    agree(kvino.ops.logical_not(kvino.ops.view(x, "bool")), np.array([True, False, False, False]))


@pytest.mark.parametrize("offset", [-5, -4, -1, 0, 1, 3, 5])
def test_diagonal_of_unknown_lengths(offset):
    for shape in ((2, 4, 5), (2, 5, 4), (0, 3, 3), (3, 0, 2)):
        x = values("float32", shape, 1)
        for device in ("native", "CPU"):
            f = kvino.function(lambda t: kvino.ops.diagonal(t, offset, 1, 2), device=device, dynamic=True)
            agree(f(x), np.diagonal(x, offset, 1, 2))


REFUSALS = [
    (lambda o: o.append(X, M, axis=0), "all the input array"),
    (lambda o: o.dstack([]), "need at least one array to concatenate"),
    (lambda o: o.column_stack([V, V[:2]]), "must match exactly"),
    (lambda o: o.array_split(V, 0), "number sections must be larger than 0"),
    (lambda o: o.array_split(V, 2, axis=1), "axis 1 is out of bounds for array of dimension 1"),
    (lambda o: o.hsplit(S, 2), "hsplit only works on arrays of 1 or more dimensions"),
    (lambda o: o.vsplit(V, 2), "vsplit only works on arrays of 2 or more dimensions"),
    (lambda o: o.dsplit(M, 2), "dsplit only works on arrays of 3 or more dimensions"),
    (lambda o: o.hsplit(M, 4), "array split does not result in an equal division"),
    (lambda o: o.fliplr(V), "Input must be >= 2-d."),
    (lambda o: o.flipud(S), "Input must be >= 1-d."),
    (lambda o: o.rot90(V), "at least 2 dimensions"),
    (lambda o: o.rot90(X, axes=(1, -2)), "two different dimensions"),
    (lambda o: o.rot90(X, axes=(0, 1, 2)), "two different dimensions"),
    (lambda o: o.view(S, "float64"), "Changing the dtype of a 0d array is only supported if the itemsize is unchanged"),
    (lambda o: o.view(V[:5], "float64"), "its size must be a divisor of the total size in bytes of the last axis"),
    (lambda o: o.diag(S), "Input must be 1- or 2-d."),
    (lambda o: o.diag(X), "Input must be 1- or 2-d."),
    (lambda o: o.diag(V, 2**62), "Maximum allowed dimension exceeded"),
    (lambda o: o.kron(values("int8", (1,) * 33, 1), S), "maximum supported dimension for an ndarray is currently 64"),
    (lambda o: o.select([X > 0], [X, X]), "list of cases must be same length as list of conditions"),
    (lambda o: o.select([], []), "select with an empty condition list is not possible"),
    (lambda o: o.unravel_index([6], (2, 3)), "index 6 is out of bounds for array with size 6"),
    (lambda o: o.unravel_index([-1], (2, 3)), "index -1 is out of bounds for array with size 6"),
    (lambda o: o.unravel_index([0], (2**40, 2**40)), "too large"),
]


@pytest.mark.parametrize("call, words", REFUSALS)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call(kvino.ops)


def test_refusals_of_types():
    with pytest.raises(TypeError, match="invalid entry 1 in condlist: should be boolean ndarray"):
        kvino.ops.select([X > 0, M], [X, X])
    with pytest.raises(TypeError, match="only int indices permitted"):
        kvino.ops.unravel_index(V, (2, 3))
    with pytest.raises((TypeError, ValueError)):
        kvino.ops.view(V, "string")
