"""Sequences of keras.ops.numpy against NumPy: spacings, windows, powers, differences."""

import numpy as np
import pytest

import kvino
from opcheck import (
    ALL,
    COMPLEX,
    agree,
    case,
    cast,
    is_exact,
    make_tests,
    name_of,
    result_float,
    result_type,
    values,
    wide,
)

V = values("float32", (6,), 3)
X = values("float32", (2, 3, 4), 1)
E = values("float32", (2, 0, 4), 1)
COMPILED = ["float32", "int32", "float64"]
POSITIVE = values("float32", (2, 3), 1, 0.5, 9)
NATIVE = "computed in float64"


def spaced(f):
    def reference(start, stop, num=50, endpoint=True, dtype=None, axis=0, **more):
        work = np.complex128 if result_type(start, stop) in COMPLEX else np.float64
        y = f(np.asarray(start, work), np.asarray(stop, work), num, endpoint=endpoint, axis=axis, **more)
        return cast(y, dtype or result_float(start, stop))

    return reference


def windowed(f):
    return lambda x, *more: np.asarray(f(x, *more)).astype("float32")


def vander(x, N=None, increasing=False):
    name = "int32" if name_of(x) == "bool" else name_of(x)
    return cast(np.vander(cast(x, "int64") if is_exact(name) else wide(x), N, increasing), name)


def diff(a, n=1, axis=-1):
    if name_of(a) in ("float16", "bfloat16"):  # rounded at each step
        for _ in range(n):
            a = cast(np.diff(wide(a), 1, axis), name_of(a))
        return a
    return np.diff(a, n, axis)


def trapezoid(y, x=None, dx=1.0, axis=-1):
    name = result_float(y)
    return cast(np.trapezoid(wide(y), None if x is None else wide(x), dx, axis), name)


logspace, geomspace = spaced(np.logspace), spaced(np.geomspace)
CASES = {
    "logspace": [
        case(0, 10, 5, expect=logspace),
        case(0, 10, 5, endpoint=False, expect=logspace),
        case(1.5, -2, 7, base=2, expect=logspace),
        case(0, 3, 4, dtype="int32", expect=logspace),
        case(0, 3, 4, base=0.5, dtype="float64", expect=logspace),
        case(0, 3, 0, expect=logspace),
        case(0, 3, 1, expect=logspace),
        case(POSITIVE, 3, 4, expect=logspace, device_rtol=1e-4),
        case(POSITIVE, POSITIVE[:1], 4, axis=-1, expect=logspace, device_rtol=1e-4),
        case(values("int32", (2,), 1, 0, 3), 4, 3, axis=1, expect=logspace),
        *(
            case(values(d, (2,), 1, 0, 2), 3, 3, expect=logspace, compile=False)
            for d in ("float16", "bfloat16", "float64")
        ),
        case(np.complex64(1j), 2, 3, expect=logspace, compile=False),
    ],
    "geomspace": [
        case(1, 1000, 4, expect=geomspace),
        case(1, 1000, 4, endpoint=False, expect=geomspace),
        case(-1000, -1, 4, expect=geomspace),
        case(1, 256, 9, dtype="int32", expect=geomspace),
        case(1, 256, 9, dtype="float64", expect=geomspace),
        case(2, 3, 0, expect=geomspace),
        case(2, 3, 1, expect=geomspace),
        case(POSITIVE, 300, 4, expect=geomspace, device_rtol=1e-4),
        case(-POSITIVE, -POSITIVE[:1], 5, axis=1, expect=geomspace, device_rtol=1e-4),
        *(
            case(values(d, (2,), 1, 1, 3), 9, 3, expect=geomspace, compile=False)
            for d in ("float16", "bfloat16", "int64")
        ),
        case(np.complex64(1j), np.complex64(16j), 5, expect=geomspace, compile=False, atol=1e-5),
    ],
    "vander": [
        *(case(values(d, (4,), 1, -3, 3), expect=vander, compile=d in COMPILED) for d in ALL),
        case(V, 3, expect=vander, device_rtol=1e-4),
        case(V, 0, expect=vander),
        case(V, 9, increasing=True, expect=vander, device_rtol=1e-4),
        case(V[:0], expect=vander),
        case(np.array([0, np.nan, np.inf, -np.inf, -0.0], "float32"), increasing=True, expect=vander),
        case(values("int8", (5,), 1), 7, expect=vander),
    ],
    "bartlett": [case(n, expect=windowed(np.bartlett)) for n in (0, 1, 2, 3, 8, 51, -2)],
    "blackman": [case(n, expect=windowed(np.blackman), atol=1e-8) for n in (0, 1, 2, 3, 8, 51, -2)],
    "hamming": [case(n, expect=windowed(np.hamming)) for n in (0, 1, 2, 3, 8, 51, -2)],
    "hanning": [case(n, expect=windowed(np.hanning), atol=1e-8) for n in (0, 1, 2, 3, 8, 51, -2)],
    "kaiser": [case(n, b, expect=windowed(np.kaiser)) for n in (0, 1, 2, 3, 8, 51) for b in (0.0, 2.5, 14)]
    + [case(np.array(7, d), np.float32(3), expect=windowed(np.kaiser), dynamic=False, why=NATIVE) for d in ("int32",)],
    "diff": [
        *(case(values(d, (3, 4), 1), expect=diff, compile=d in COMPILED) for d in ALL),
        *(case(X, n, axis=a, expect=diff) for n in (0, 1, 2) for a in (0, 1, -1)),
        case(V, 6, expect=diff),
        case(V, 99, expect=diff, dynamic=False, why="the length is what ends it"),
        case(E, expect=diff),
        case(E, axis=1, expect=diff),
        case(values("bool", (7,), 1), 3, expect=diff),
    ],
    "trapezoid": [
        *(case(values(d, (3, 4), 1), expect=trapezoid, compile=d in COMPILED, atol=1e-6) for d in ALL),
        *(case(X, axis=a, expect=trapezoid, atol=1e-6) for a in (0, 1, -1)),
        case(X, X * 2, expect=trapezoid, atol=1e-5),
        case(X, X * 2, axis=0, expect=trapezoid, atol=1e-5),
        case(X, V[:4], expect=trapezoid, atol=1e-5),
        case(X, V[:3], axis=1, expect=trapezoid, atol=1e-5),
        case(X, dx=0.25, expect=trapezoid, atol=1e-6),
        case(X[..., :1], expect=trapezoid),
        case(E, axis=1, expect=trapezoid),
        case(values("int32", (5,), 1), values("float64", (5,), 1), expect=trapezoid),
    ],
}

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


def test_lengths_from_the_graph():
    """A window as long as an axis that is not known."""
    x = np.ones((5, 2), "float32")
    for device in ("native", "CPU"):
        f = kvino.function(lambda t: kvino.ops.hanning(kvino.ops.shape_tensor(t)[0]), device=device, dynamic=True)
        agree(f(x), np.hanning(5).astype("float32"), atol=1e-8)


def test_floatx():
    for name in ("float16", "bfloat16", "float64"):
        try:
            kvino.config.floatx = name
            agree(kvino.ops.kaiser(9, 3.0), cast(np.kaiser(9, 3.0), name))
        finally:
            kvino.config.floatx = "float32"


REFUSALS = [
    (lambda o: o.logspace(0, 1, -1), "Number of samples, -1, must be non-negative."),
    (lambda o: o.geomspace(0, 1), "Geometric sequence cannot include zero"),
    (lambda o: o.geomspace(POSITIVE, np.zeros(3)), "Geometric sequence cannot include zero"),
    (lambda o: o.geomspace(POSITIVE, 1, 3, axis=3), "axis 3 is out of bounds for array of dimension 3"),
    (lambda o: o.vander(X), "x must be a one-dimensional array or sequence."),
    (lambda o: o.vander(V, -1), "negative dimensions are not allowed"),
    (lambda o: o.diff(V, -1), "order must be non-negative but got -1"),
    (lambda o: o.diff(np.float32(1)), "diff requires input that is at least one dimensional"),
    (lambda o: o.diff(V, axis=1), "axis 1 is out of bounds for array of dimension 1"),
    (lambda o: o.trapezoid(X, V), "broadcast"),
]


@pytest.mark.parametrize("call, words", REFUSALS)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call(kvino.ops)


@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hanning"])
def test_windows_are_refused(name):
    with pytest.raises(TypeError):
        getattr(kvino.ops, name)(V)
    with pytest.raises((ValueError, OverflowError, MemoryError)):
        getattr(kvino.ops, name)(2**62)
