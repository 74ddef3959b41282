"""What the tests of operators share: cases (a call and what NumPy makes of it), the dtypes that Keras's promotion gives, generated
operands in many memory layouts, and comparison.

A case is checked eagerly, and traced and compiled: by kvino's own kernels and by OpenVINO's CPU device, with the dimensions
known and unknown.
"""

import dataclasses
import functools
import itertools

import ml_dtypes
import numpy as np
import pytest

import kvino

EXTENDED = {
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
    "bfloat16": ml_dtypes.bfloat16,
}
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
SIGNED = ["int8", "int16", "int32", "int64"]
INTEGERS = UNSIGNED + SIGNED
FLOATS = ["float16", "bfloat16", "float32", "float64"]
FLOAT8 = ["float8_e4m3fn", "float8_e5m2"]
COMPLEX = ["complex64", "complex128"]
REAL = ["bool"] + INTEGERS + FLOATS
ALL = REAL + COMPLEX


def npd(name):
    """The NumPy dtype of this name."""
    return np.dtype(EXTENDED.get(name, name))


def name_of(x):
    """Keras's name of a value's dtype; of a Python number its weak type."""
    if isinstance(x, (np.ndarray, np.generic)):
        return x.dtype.name
    if isinstance(x, bool):
        return "bool"
    if isinstance(x, int):
        return "int"
    if isinstance(x, float):
        return "float"
    return x if isinstance(x, str) else np.asarray(x).dtype.name


# ---- promotion: Keras's lattice, written down anew; test_ops_promotion.py holds it against Keras itself ----

_ABOVE = {
    "bool": ["int"],
    "int": ["uint8", "int8", "complex64"],
    "uint8": ["int16", "uint16"],
    "uint16": ["int32", "uint32"],
    "uint32": ["int64", "uint64"],
    "uint64": ["float"],
    "int8": ["int16"],
    "int16": ["int32"],
    "int32": ["int64"],
    "int64": ["float"],
    "float": ["bfloat16", "float16"],
    "bfloat16": ["float32"],
    "float16": ["float32"],
    "float32": ["float64", "complex64"],
    "float64": ["complex128"],
    "complex64": ["complex128"],
    "complex128": [],
}
_WIDE = {"int64": "int32", "uint64": "uint32", "float64": "float32", "complex128": "complex64"}


@functools.cache
def _reach(node):
    return {node}.union(*(_reach(n) for n in _ABOVE[node]))


def result_type(*values):
    """kvino's: Keras's, where an operand that is 64 bits wide by itself keeps its width."""
    names = [name_of(v) for v in values]
    if len(set(names)) == 1 and names[0] not in ("int", "float"):
        return names[0]
    common = set.intersection(*(_reach(n) for n in names))
    (least,) = [n for n in common if common <= _reach(n)]
    least = {"int": "int32", "float": "float32"}.get(least, least)
    return least if any(n in _WIDE for n in names) else _WIDE.get(least, least)


def is_exact(name):
    return name == "bool" or name in INTEGERS


def result_float(*values):
    name = result_type(*values)
    return "float32" if is_exact(name) else name


def cast(x, name):
    """x in that dtype, as NumPy's astype."""
    with np.errstate(all="ignore"):
        return np.asarray(x).astype(npd(name))


def wide(x):
    """x as float64 or complex128: what references compute floats in."""
    x = np.asarray(x)
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def floats(f):
    """A reference in float64: operands in their common float dtype first, the result rounded to it."""

    def reference(*xs):
        name = result_float(*xs)
        with np.errstate(all="ignore"):
            return cast(f(*(wide(cast(x, name)) for x in xs)), name)

    return reference


def numbers(f, bool_as="int32"):
    """A reference in the operands' common dtype: integers as they are, floats through float64."""

    def reference(*xs):
        name = result_type(*xs)
        name = bool_as if name == "bool" else name
        xs = [cast(x, name) for x in xs]
        with np.errstate(all="ignore"):
            if is_exact(name):
                return np.asarray(f(*xs)).astype(npd(name))
            return cast(f(*map(wide, xs)), name)

    return reference


def truths(f):
    """A reference that compares in the common dtype and gives bool."""

    def reference(*xs):
        name = result_type(*xs)
        with np.errstate(all="ignore"):
            return np.asarray(f(*(cast(x, name) for x in xs)))

    return reference


# ---- operands ----


def axes(axis):
    """NumPy takes several axes as a tuple only."""
    return tuple(axis) if isinstance(axis, list) else axis


def averaging(f):
    """A reference for means: f in float64, the result in floatx, or real where f gives that of complex numbers."""
    def reference(x, axis=None, keepdims=False):
        name = result_float(x)
        real = {"complex64": "float32", "complex128": "float64"}.get(name, name)
        y = f(wide(x), axis=axes(axis), keepdims=keepdims)
        return cast(y, name if np.iscomplexobj(y) else real)

    return reference


def values(name, shape=(3, 4), seed=0, low=None, high=None, special=False):
    """An array of this dtype; `special` puts NaN, infinities, zeros of both signs and the extremes among its elements."""
    generator = np.random.default_rng(seed)
    dtype = npd(name)
    if name == "bool":
        return generator.integers(0, 2, shape).astype(bool)
    if is_exact(name):
        info = np.iinfo(dtype)
        low = info.min if low is None else max(low, info.min)
        high = info.max if high is None else min(high, info.max)
        x = generator.integers(low, high, shape, dtype=dtype, endpoint=True)
        extremes = [info.min, info.max, 0, 1]
    else:
        low, high = -4 if low is None else low, 4 if high is None else high
        x = generator.uniform(low, high, shape)
        if name in COMPLEX:
            x = x + 1j * generator.uniform(low, high, shape)
        x = np.asarray(x).astype(dtype)
        extremes = [np.nan, 0.0, -0.0, 1.0] + ([] if name == "float8_e4m3fn" else [np.inf, -np.inf])
    if special and x.size:
        flat = x.reshape(-1)
        for i, v in enumerate(extremes[: flat.size]):
            flat[(5 * i + seed) % flat.size] = np.asarray(v).astype(dtype)
    return x


def layouts(x):
    """The array in several memory layouts, each equal to x."""
    yield "plain", x
    if x.ndim == 0:
        return
    wider = np.repeat(x, 2, axis=-1)
    yield "strided", wider[..., ::2]
    yield "reversed", np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    if x.ndim > 1:
        yield "transposed", np.ascontiguousarray(x.T).T
        yield "upside_down", np.ascontiguousarray(x[::-1])[::-1]
        padded = np.zeros((x.shape[0] + 2, *x.shape[1:]), x.dtype)
        padded[1:-1] = x
        yield "offset", padded[1:-1]


def broadcast_pairs(name, seed=0, **range_):
    """Pairs of operands whose shapes broadcast, 0-d and empty ones among them."""
    for i, (a, b) in enumerate(
        [((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2, 3)), ((2, 0), (1, 1)), ((), ()), ((0,), (1,)), ((2, 1, 3), (4, 1))]
    ):
        yield values(name, a, seed + i, **range_), values(name, b, seed + i + 50, **range_)


# ---- comparison ----

RTOL = {
    "float8_e4m3fn": 0.13,
    "float8_e5m2": 0.26,
    "float16": 1.1e-3,
    "bfloat16": 8e-3,
    "float32": 2e-6,
    "float64": 1e-12,
    "complex64": 4e-6,
    "complex128": 1e-12,
}
"""A unit in the last place of the small floats; a few of the others."""


def agree(actual, expected, rtol=None, atol=0.0):
    """Same dtype, same shape, integers and bool exactly, floats within the tolerance; NaN and infinities in the same places."""
    expected = np.asarray(expected)
    got = np.asarray(actual)
    assert got.dtype == expected.dtype, f"dtype {got.dtype}, expected {expected.dtype}"
    assert got.shape == expected.shape, f"shape {got.shape}, expected {expected.shape}"
    name = expected.dtype.name
    if is_exact(name):
        np.testing.assert_array_equal(got, expected)
    else:
        np.testing.assert_allclose(wide(got), wide(expected), rtol=RTOL[name] if rtol is None else rtol, atol=atol)


def agree_all(actual, expected, rtol=None, atol=0.0):
    """The same for results that may be lists."""
    if isinstance(expected, (list, tuple)):
        assert isinstance(actual, tuple), f"{type(actual)}, expected a tuple"
        assert len(actual) == len(expected), f"{len(actual)} results, expected {len(expected)}"
        for a, e in zip(actual, expected):
            agree(a, e, rtol, atol)
    else:
        assert isinstance(actual, kvino.Tensor), f"{type(actual)}, expected a Tensor"
        agree(actual, expected, rtol, atol)


# ---- cases ----


@dataclasses.dataclass
class Case:
    """kvino.ops.<op>(*args, **kwargs) gives what expected(*args, **kwargs) gives, or `expected` itself where it is no function.

    Arrays among args (also in lists) are the inputs of the compiled function, except those at the positions `fixed`.
    device_rtol, device_atol: against the eager result on OpenVINO. dynamic=False: not with unknown dimensions, because `why`.
    """

    args: tuple
    expected: object
    kwargs: dict = dataclasses.field(default_factory=dict)
    rtol: float = None
    atol: float = 0.0
    fixed: tuple = ()
    compile: bool = True
    dynamic: bool = True
    weights: tuple = ()  # positions of arrays whose dimensions are known: constants where the others' are not
    device_rtol: float = None
    device_atol: float = 1e-6
    why: str = ""
    op: str = ""
    label: str = ""

    def reference(self):
        if not callable(self.expected):
            return self.expected
        with np.errstate(all="ignore"):
            return self.expected(*self.args, **self.kwargs)


def case(
    *args,
    expect,
    fixed=(),
    rtol=None,
    atol=0.0,
    compile=True,
    dynamic=True,
    weights=(),
    device_rtol=None,
    device_atol=1e-6,
    why="",
    label="",
    **kwargs,
):
    return Case(
        args, expect, kwargs, rtol, atol, fixed, compile, dynamic, weights, device_rtol, device_atol, why, "", label
    )


def describe(x):
    if isinstance(x, np.ndarray):
        return f"{x.dtype.name}{list(x.shape)}".replace(" ", "")
    if isinstance(x, (list, tuple)) and any(isinstance(i, np.ndarray) for i in x):
        return "[" + ",".join(map(describe, x)) + "]"
    return str(x).replace(" ", "")


def flat(table, keep=lambda c: True):
    """pytest parameters from {name: cases}."""
    parameters = []
    for name, cases in table.items():
        for i, c in enumerate(cases):
            c.op = name
            if keep(c):
                text = "-".join([c.label] if c.label else map(describe, c.args))
                extra = "".join(f",{k}={v}" for k, v in c.kwargs.items()).replace(" ", "")
                parameters.append(pytest.param(c, id=f"{name}-{i}-{(text + extra)[:60]}"))
    return parameters


def function_of(name):
    return getattr(kvino.ops, name)


def eager(c):
    """The case with kvino's tensors as operands, and with what they were made from."""
    expected = c.reference()
    f = function_of(c.op)
    with np.errstate(all="ignore"):
        agree_all(f(*c.args, **c.kwargs), expected, c.rtol, c.atol)
        agree_all(f(*map(tensors, c.args), **c.kwargs), expected, c.rtol, c.atol)


def tensors(x):
    if isinstance(x, np.ndarray):
        return kvino.Tensor(x)
    if isinstance(x, (list, tuple)) and any(isinstance(i, np.ndarray) for i in x):
        return [tensors(i) for i in x]
    return x


def compiled(c, device, dynamic):
    """The case traced, compiled and run, against the eager result."""
    f = function_of(c.op)
    inputs = []

    def collect(i, x):
        if i in c.fixed or (dynamic and i in c.weights):
            return x
        if isinstance(x, np.ndarray):
            inputs.append(x)
            return len(inputs) - 1, None
        if isinstance(x, (list, tuple)) and any(isinstance(y, np.ndarray) for y in x):
            return [collect(-1, y) for y in x]
        return x

    plan = [collect(i, x) for i, x in enumerate(c.args)]

    def traced(*given):
        def fill(x):
            if isinstance(x, tuple) and len(x) == 2 and x[1] is None:
                return given[x[0]]
            if isinstance(x, list) and any(isinstance(y, tuple) and y[-1:] == (None,) for y in x):
                return [fill(y) for y in x]
            return x

        return f(*map(fill, plan), **c.kwargs)

    expected = f(*c.args, **c.kwargs)
    g = kvino.function(traced, device=device, dynamic=dynamic)
    rtol = c.device_rtol
    for _ in range(2):  # the second call finds the compiled graph
        actual = g(*inputs)
        if isinstance(expected, tuple):
            assert isinstance(actual, tuple) and len(actual) == len(expected)
            pairs = list(zip(actual, expected))
        else:
            pairs = [(actual, expected)]
        for a, e in pairs:
            e = np.asarray(e)
            name = e.dtype.name
            exact = device == "native"
            agree(
                a,
                e,
                rtol=None if is_exact(name) else 0 if exact else rtol or max(RTOL[name], 1e-5),
                atol=0 if exact else c.device_atol,
            )


def compilable(c):
    return c.compile and any(
        isinstance(x, np.ndarray) or isinstance(x, (list, tuple)) for i, x in enumerate(c.args) if i not in c.fixed
    )


DEVICES = ["native", "CPU"]


def make_tests(table):
    """(test_eager, test_compiled, test_compiled_dynamic) for a module's cases."""

    @pytest.mark.parametrize("case", flat(table))
    def test_eager(case):
        eager(case)

    @pytest.mark.parametrize("device", DEVICES)
    @pytest.mark.parametrize("case", flat(table, compilable))
    def test_compiled(case, device):
        compiled(case, device, dynamic=False)

    @pytest.mark.parametrize("device", DEVICES)
    @pytest.mark.parametrize("case", flat(table, lambda c: compilable(c) and c.dynamic))
    def test_compiled_dynamic(case, device):
        compiled(case, device, dynamic=True)

    return test_eager, test_compiled, test_compiled_dynamic


def product(*lists):
    return list(itertools.product(*lists))
