"""Creation of keras.ops.numpy against NumPy."""

import numpy as np
import pytest

import kvino
from opcheck import ALL, COMPLEX, FLOATS, agree, case, cast, make_tests, name_of, npd, result_float, result_type, values

DTYPES = ["bool", "int8", "uint16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64"]


def of(name):
    """The dtype that is meant: floatx where it is None."""
    return npd(name or "float32")


def zeros(shape, dtype=None):
    return np.zeros(shape, of(dtype))


def ones(shape, dtype=None):
    return np.ones(shape, of(dtype))


def full(shape, value, dtype=None):
    return np.broadcast_to(cast(value, of(dtype).name), shape)


def like(f):
    return lambda x, dtype=None: f(np.shape(x), npd(dtype or name_of(x)))


def full_like(x, value, dtype=None):
    return np.broadcast_to(cast(value, dtype or name_of(x)), x.shape)


def eye(N, M=None, k=0, dtype=None):
    return np.eye(N, M, k).astype(of(dtype))


def tri(N, M=None, k=0, dtype=None):
    return np.tri(N, M, k).astype(of(dtype))


def arange(start, stop=None, step=None, dtype=None):
    name = dtype or result_type(*(v for v in (start, stop, step) if v is not None))
    if stop is None:
        start, stop = 0, start
    x = np.arange(*(v if isinstance(v, int) else float(v) for v in (start, stop, 1 if step is None else step)))
    return cast(x, name)


def linspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    name = dtype or result_float(start, stop)
    work = np.complex128 if result_type(start, stop) in COMPLEX else np.float64
    y = np.linspace(np.asarray(start, work), np.asarray(stop, work), num, endpoint, axis=axis)
    return cast(np.floor(y) if "int" in name else y, name)


def meshgrid(x, indexing="xy"):
    return np.meshgrid(*x, indexing=indexing)


SHAPES = [(2, 3), (), (0,), (4, 0, 2), 3, [2, 2]]
CASES = {}
for _name, _f in (("zeros", zeros), ("empty", zeros), ("ones", ones)):
    CASES[_name] = [case(s, expect=_f) for s in SHAPES] + [case((2, 2), expect=_f, dtype=d) for d in DTYPES]
CASES["full"] = [
    *(case(s, 7, expect=full) for s in SHAPES),
    *(case((2, 2), 1, expect=full, dtype=d) for d in DTYPES),
    case((3,), 0.1, expect=full, dtype="float64"),
    case((2, 3), values("float32", (3,), 1), expect=full),
    case((2, 3), values("int32", (2, 1), 1), expect=full, dtype="int64"),
    case((2,), True, expect=full),
    case((2,), 2, expect=full, dtype="bool"),
]
for _name, _f in (("zeros_like", np.zeros), ("empty_like", np.zeros), ("ones_like", np.ones)):
    CASES[_name] = [
        *(case(values(d, (2, 3)), expect=like(_f), compile=d in ("float32", "int64", "bool")) for d in ALL),
        case(values("float32", (2, 3)), expect=like(_f), dtype="int8"),
        case(values("float32", ()), expect=like(_f)),
        case(values("float32", (2, 0)), expect=like(_f)),
    ]
CASES["full_like"] = [
    *(case(values(d, (2, 3)), 1, expect=full_like, compile=d in ("float32", "int64", "bool")) for d in ALL),
    case(values("float32", (2, 3)), 2.5, expect=full_like, dtype="float16"),
    case(values("int32", (2, 3)), values("float32", (3,), 1, 0, 9), expect=full_like),
    case(values("float32", (2, 0)), 3, expect=full_like),
]
CASES["arange"] = [
    case(5, expect=arange),
    case(5.0, expect=arange),
    case(2, 9, expect=arange),
    case(2, 9, 3, expect=arange),
    case(9, 2, -2, expect=arange),
    case(5, 5, expect=arange),
    case(0, -3, expect=arange),
    case(0.5, 3, expect=arange),
    case(0, 1, 0.1, expect=arange),
    case(3, expect=arange, dtype="float16"),
    case(0, 300, 7, expect=arange, dtype="bfloat16"),
    case(5, expect=arange, dtype="uint8"),
    case(5.5, expect=arange, dtype="int32"),
    case(1, 7, 2.5, expect=arange, dtype="float64"),
    case(-(2**40), -(2**40) + 3, expect=arange, dtype="int64"),
    case(np.int32(7), expect=arange),
    case(np.float64(2.5), expect=arange),
    case(np.array(4, "int32"), np.array(9, "int32"), expect=arange),
]
CASES["linspace"] = [
    case(0, 1, expect=linspace),
    case(0, 10, 5, expect=linspace),
    case(0.0, 1.0, 7, expect=linspace, endpoint=False),
    case(3, 3, 4, expect=linspace),
    case(5, -5, 11, expect=linspace),
    case(0, 1, 1, expect=linspace),
    case(0, 1, 0, expect=linspace),
    case(0, 10, 4, expect=linspace, dtype="int32"),
    case(-3, 3, 5, expect=linspace, dtype="int64"),
    case(0, 1, 5, expect=linspace, dtype="float64"),
    case(0, 1, 5, expect=linspace, dtype="float16"),
    case(values("float32", (3,), 1), values("float32", (2, 3), 2), 5, expect=linspace, device_atol=1e-5),
    case(values("float32", (3,), 1), values("float32", (3,), 2), 5, expect=linspace, axis=-1),
    case(values("int32", (3,), 1, -9, 9), 4, 3, expect=linspace),
    case(values("complex64", (3,), 1), 2, 5, expect=linspace),
    case(values("float64", (2,), 1), 9.0, 5, expect=linspace, rtol=1e-14),
]
for _name, _f in (("eye", eye), ("tri", tri)):
    CASES[_name] = [
        case(3, expect=_f),
        case(3, 5, expect=_f),
        case(5, 3, expect=_f, k=-2),
        case(4, expect=_f, k=1),
        case(0, expect=_f),
        case(3, expect=_f, k=9),
        case(3, expect=_f, k=-9),
        *(case(3, expect=_f, dtype=d) for d in DTYPES),
    ]
CASES["identity"] = [
    case(4, expect=lambda n, dtype=None: eye(n, dtype=dtype)),
    case(3, expect=lambda n, dtype=None: eye(n, dtype=dtype), dtype="int32"),
]
for _name in ("tril", "triu"):
    _f = getattr(np, _name)
    CASES[_name] = [
        *(
            case(values(d, (4, 5), 1), expect=_f, compile=d in ("float32", "int32", "bool", "float16", "int64"))
            for d in ALL
        ),
        *(case(values("float32", (2, 4, 3), 1), expect=_f, k=k) for k in (-5, -1, 0, 2, 7)),
        case(values("float32", (2, 0, 3), 1), expect=_f),
    ]
CASES["meshgrid"] = [
    case([values("float32", (3,), 1), values("float32", (4,), 2)], expect=meshgrid),
    case([values("float32", (3,), 1), values("int32", (4,), 2)], expect=meshgrid, indexing="ij"),
    case([values("int32", (3,), 1), values("float32", (4,), 2), values("bool", (2,), 3)], expect=meshgrid),
    case([values("float32", (3,), 1)], expect=meshgrid),
    case([values("float32", (), 1), values("float32", (4,), 2)], expect=meshgrid),
    case([values("float32", (0,), 1), values("float32", (4,), 2)], expect=meshgrid),
    case([values("float32", (2,), i) for i in range(5)], expect=meshgrid),
]

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


def test_no_grids():
    assert kvino.ops.meshgrid([]) == ()


@pytest.mark.parametrize("dtype", FLOATS)
def test_arange_of_fractions(dtype):
    """The i-th is start + i * step, rounded once."""
    agree(kvino.ops.arange(0, 5, 0.1, dtype=dtype), (0.1 * np.arange(50)).astype(npd(dtype)))


def test_made_in_a_graph():
    """Shapes and bounds that are known at run time only."""

    def f(x):
        n = kvino.ops.shape_tensor(x)
        rows = n[0]
        return (
            kvino.ops.zeros((rows, 2)),
            kvino.ops.arange(rows),
            kvino.ops.full((2, rows), x[0, 0]),
            kvino.ops.ones_like(x),
            kvino.ops.broadcast_to(x[:1], (rows, 3)),
        )

    x = values("float32", (4, 3), 1)
    for device in ("native", "CPU"):
        got = kvino.function(f, device=device, dynamic=True)(x)
        expected = (
            np.zeros((4, 2), "float32"),
            np.arange(4, dtype="int32"),
            np.full((2, 4), x[0, 0]),
            np.ones_like(x),
            np.broadcast_to(x[:1], (4, 3)),
        )
        for g, e in zip(got, expected):
            agree(g, e)


def test_refusals():
    ops = kvino.ops
    with pytest.raises(ValueError, match="negative dimensions are not allowed"):
        ops.zeros((2, -1))
    with pytest.raises(ValueError, match="negative dimensions are not allowed"):
        ops.eye(-1)
    with pytest.raises(ValueError, match="Number of samples, -1, must be non-negative."):
        ops.linspace(0, 1, -1)
    with pytest.raises(ValueError, match="Valid values for `indexing` are 'xy' and 'ij'."):
        ops.meshgrid([np.ones(2)], indexing="yx")
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        ops.tril(np.ones(3))
    with pytest.raises(TypeError):
        ops.zeros(2.5)
    with pytest.raises((TypeError, ValueError), match="nonsense"):
        ops.zeros(2, dtype="nonsense")
    with pytest.raises(ValueError):
        ops.arange(0, 5, 0)
    with pytest.raises(OverflowError):
        ops.full((2,), 300, dtype="uint8")


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
def test_ranges_that_lead_away_from_their_end(dtype):
    """Empty, whichever of the three is known only when the graph runs."""
    number = lambda v: np.array(v, dtype)
    for start, stop, step in ((3, 1, 1), (1, 3, -1), (3, -5, 2), (0, 0, 1), (0, -1, 3), (1, 6, 2), (6, 1, -2)):
        want = np.arange(start, stop, step)
        for f, v in ((lambda v: kvino.ops.arange(v, stop, step), start), (lambda v: kvino.ops.arange(start, v, step), stop),
                     (lambda v: kvino.ops.arange(start, stop, v), step)):
            for device in ("native", "CPU"):
                np.testing.assert_array_equal(np.asarray(kvino.function(f, device=device)(number(v))), want)
