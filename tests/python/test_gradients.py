"""Derivatives of every operator: reverse and forward mode against differences of the values, in float64.

The calls are those of the tests of operators (CASES), with float operands. Of each operator some are taken whose results are
finite; their floats become float64 and are moved off integers, where many functions have kinks.
"""

import importlib
import itertools

import numpy as np
import pytest

import kvino
from kvino import _core
from test_ops_table import MODULES
from derivatives import pairing

PER_OPERATOR = 4  # cases of each operator that are tried
STEP = 1e-6  # of the differences
LARGE = 1e6  # of operands
LARGEST = 20_000  # elements of a result

# Operators whose derivative is zero by definition, whatever their values do.
WITHOUT = {"stop_gradient"}

# Operators that have no derivative where a result is 0: the deviation of a single number is the root of 0.
ROOTS = {"nanstd"}

# Operators whose differences need another accuracy, and why.
ACCURACY = {}

# Operators of which some cases have no derivative, and what their error says.
UNDEFINED = {
    "svd": "the derivative of SVD with full_matrices=True is not defined for vectors of matrices that are not square",
    "qr": "the derivative of QR is not defined for mode 'complete' with more rows",
}


def is_float(x):
    return isinstance(x, np.ndarray) and (x.dtype.kind in "fc" or x.dtype.name == "bfloat16")


def widened(x, generator):
    """x as float64 or complex128, off the integers."""
    if x.dtype.kind == "c":
        return x.astype(np.complex128)
    return x.astype(np.float64) + generator.uniform(0.01, 0.09, x.shape)


class Call:
    """A call with its float arrays (in lists, too) taken out: `inputs`."""

    def __init__(self, case, seed):
        generator = np.random.default_rng(seed)
        self.inputs = []

        def take(x):
            if is_float(x):
                self.inputs.append(widened(x, generator))
                return lambda given, i=len(self.inputs) - 1: given[i]
            if isinstance(x, (list, tuple)) and any(is_float(y) for y in x):
                parts = [take(y) for y in x]
                return lambda given: type(x)(part(given) for part in parts)
            return lambda given: x

        self.args = [x if i in case.fixed else take(x) for i, x in enumerate(case.args)]
        self.args = [a if callable(a) else (lambda given, a=a: a) for a in self.args]
        self.kwargs = {k: take(x) for k, x in case.kwargs.items()}
        self.f = getattr(kvino.ops, case.op)

    def outputs(self, given):
        y = self.f(*(a(given) for a in self.args), **{k: a(given) for k, a in self.kwargs.items()})
        return [t for t in (y if isinstance(y, tuple) else (y,)) if t.dtype.startswith(("float", "complex"))]

    def __call__(self, given):
        return [np.asarray(y) for y in self.outputs(given)]


def usable(call):
    """The values, or None where there is nothing to differentiate."""
    if not call.inputs or any(x.size == 0 or not np.isfinite(x).all() for x in call.inputs):
        return None
    if any(np.abs(x).max() > LARGE for x in call.inputs):  # a step would be less than an ulp
        return None
    try:
        with np.errstate(all="ignore"):
            y = call(call.inputs)
    except (TypeError, ValueError):  # float64 has no such call (a bit view, a promotion)
        return None
    if not y or sum(t.size for t in y) > LARGEST or not all(t.size and np.isfinite(t).all() for t in y):
        return None
    return y if all(t.dtype in (np.float64, np.complex128) for t in y) else None


def all_cases():
    for module in MODULES:
        for op, cases in getattr(importlib.import_module(f"test_ops_{module}"), "CASES", {}).items():
            for i, case in enumerate(cases):
                case.op = op
                yield op, i, case


def chosen():
    """(operator, number of the case, call): cases of different ranks and keywords first."""
    for op, cases in itertools.groupby(all_cases(), key=lambda c: c[0]):
        seen, kept = set(), 0
        for _, i, case in cases:
            floats = [x for x in case.args if is_float(x)]
            if any(x.dtype.name not in ("float32", "complex64", "float64") for x in floats):
                continue
            form = (
                tuple(np.ndim(x) if isinstance(x, np.ndarray) else str(x)[:40] for x in case.args),
                tuple(sorted((k, str(v)[:40]) for k, v in case.kwargs.items())),
            )
            if form in seen or kept == PER_OPERATOR:
                continue
            call = Call(case, i)
            values = usable(call)
            if values is None or (op in ROOTS and any((y == 0).any() for y in values)):
                continue
            seen.add(form)
            kept += 1
            yield pytest.param(call, id=f"{op}-{i}")


def directions(like, generator):
    def one(x):
        v = generator.uniform(-1, 1, x.shape)
        return (v + 1j * generator.uniform(-1, 1, x.shape)).astype(np.complex128) if x.dtype.kind == "c" else v

    return [one(x) for x in like]


def differences(call, v, step):
    up = call([x + step * d for x, d in zip(call.inputs, v)])
    down = call([x - step * d for x, d in zip(call.inputs, v)])
    return [(a - b) / (2 * step) for a, b in zip(up, down)]


@pytest.mark.parametrize("call", list(chosen()))
def test_operator(call):
    op = call.f.__name__
    generator = np.random.default_rng(7)
    values = call(call.inputs)
    u, v = directions(values, generator), directions(call.inputs, generator)
    graph = _core.Graph()
    x = tuple(graph.parameter(i.shape, i.dtype.name) for i in call.inputs)
    y = tuple(call.outputs(x))
    try:
        gradients = _core.gradients(y, tuple(map(kvino.Tensor, u)), x)
    except NotImplementedError as error:
        if op in UNDEFINED and str(error).startswith(UNDEFINED[op]):
            return
        raise
    forward = _core.jvp(y, x, tuple(map(kvino.Tensor, v)))
    for t in y + gradients + forward:
        graph.result(t)
    results = [np.asarray(t) for t in graph.compile("native")(*call.inputs)]
    back = results[len(y) : len(y) + len(x)]
    ahead = results[len(y) + len(x) :]
    assert [t.shape for t in back] == [t.shape for t in call.inputs]
    assert [t.shape for t in ahead] == [t.shape for t in values]
    expected = differences(call, v, STEP)
    if op in WITHOUT:
        expected = [np.zeros_like(e) for e in expected]
    scale = max(1.0, max(np.abs(t).max() for t in expected))
    rtol = ACCURACY.get(op, 2e-6)
    for a, e in zip(ahead, expected):
        np.testing.assert_allclose(a, e, rtol=rtol, atol=rtol * scale)
    total = sum(np.abs(a * b).sum() for a, b in zip(u, expected))
    assert abs(pairing(back, v) - pairing(u, expected)) <= rtol * max(1.0, total)
