"""The memory of operators: beside the result, no more than one value of the size of the result or of the largest operand, and half
of one for masks and indices. An operator that needs more says so in its sentence of documentation: "Memory: 3 intermediates
(why)."; what it says is what is tested. Sizes count four bytes for each element at least: smaller dtypes are computed in 32 bits.

The operands are those of the operators' own tests (tests/python/test_ops_*.py), stretched along one axis until they are large;
operators that have no operands to stretch are called with those of CREATED. Small cases: with KVINO_LARGE_BYTES a process of
its own takes everything for large, and all the operators' tests pass in it.
"""

import importlib
import os
import re
import resource
import subprocess
import sys

import numpy as np
import pytest

SIZE = 512 << 10  # bytes of the operand that is stretched
LARGE = 1 << 16  # from how many bytes on a value is large
ROOM = 1.5  # intermediate values that every operator may have
SLACK = 48 << 10
MOST = 4  # cases of each operator
SECONDS = 300
DOCUMENTED = re.compile(r"Memory: (\d+) intermediates? \(([^)]+)\)")
SEED = np.array([1, 2], "uint32")
N = SIZE // 4
CREATED = {
    "arange": (N,), "bartlett": (N,), "blackman": (N,), "hamming": (N,), "hanning": (N,),
    "kaiser": (N, 3.0),
    "broadcast_to": (np.ones(4, "float32"), (N // 4, 4)), "diagflat": (np.ones(360, "float32"),), "empty": ((N,),),
    "eye": (360,), "identity": (360,), "tri": (360,), "full": ((N,), 2.5), "ones": ((N,),), "zeros": ((N,),),
    "beta": (SEED, (N,), 2.0, 3.0), "binomial": (SEED, (N,), 5.0, 0.4), "gamma": (SEED, (N,), 2.0), "normal": (SEED, (N,)),
    "uniform": (SEED, (N,)), "randint": (SEED, (N,), 0, 9), "truncated_normal": (SEED, (N,)),
    "shuffle": (SEED, np.ones((N // 4, 4), "float32")), "dropout": (SEED, np.ones(N, "float32"), 0.5),
    "categorical": (SEED, np.zeros((64, 9), "float32"), N // 64),
    "elastic_transform": (SEED, np.ones((8, 64, 64, 4), "float32")),
    "gru_sequence": (np.ones((64, 32, 8), "float32"), np.zeros((64, 64), "float32"), np.ones((8, 192), "float32"),
                     np.ones((64, 192), "float32")),
    "rnn_sequence": (np.ones((64, 32, 8), "float32"), np.zeros((64, 64), "float32"), np.ones((8, 64), "float32"),
                     np.ones((64, 64), "float32")),
    "lstm_sequence": (np.ones((64, 32, 8), "float32"), np.zeros((64, 64), "float32"), np.zeros((64, 64), "float32"),
                      np.ones((8, 256), "float32"), np.ones((64, 256), "float32")),
}


def arrays(x):
    if isinstance(x, np.ndarray):
        yield x
    elif isinstance(x, (list, tuple)):
        for y in x:
            yield from arrays(y)


def each(f, x):
    if isinstance(x, np.ndarray):
        return f(x)
    return [each(f, y) for y in x] if isinstance(x, (list, tuple)) and any(True for _ in arrays(x)) else x


def stretched(args):
    """The arguments with an axis of some of the arrays made longer, in several ways: which of them fit is found by calling."""
    rank = max((a.ndim for a in arrays(args)), default=0)
    big = max(arrays(args), key=lambda a: a.size, default=None)
    if not rank or not big.size:
        return
    times = max(1, SIZE // big.nbytes)
    for axis in [a for a in (0, -1, 1, -2, 2) if -big.ndim <= a < big.ndim]:
        for which in (lambda a: a.ndim == rank, lambda a: a.shape[axis] == big.shape[axis], lambda a: a is big,
                      lambda a: a.shape[axis] != 1):

            def longer(a, which=which, axis=axis):
                if not -a.ndim <= axis < a.ndim or not which(a):
                    return a
                return np.ascontiguousarray(np.concatenate([a] * times, axis))

            new = each(longer, args)
            try:
                outer = np.prod(np.broadcast_shapes(*(a.shape for a in arrays(new))), dtype=float)
            except ValueError:
                outer = 0
            if outer <= 4 * SIZE:  # not the outer product of two long vectors
                yield new


def elements(y):
    """(bytes, bytes with four for each element at least)"""
    all_of = [np.asarray(a) for a in (y if isinstance(y, (tuple, list)) else [y])]
    return sum(a.nbytes for a in all_of), max((a.size * max(4, a.itemsize) for a in all_of), default=0)


def measure(name, args, kwargs):
    """Intermediate values at the same time beside the result, in units of the larger of result and operands; None for small ones."""
    import kvino
    from kvino import _core

    operands = each(kvino.Tensor, args)
    _core._memory_watch(True)
    try:
        y = getattr(kvino.ops, name)(*operands, **kwargs)
    finally:
        peak = _core._memory_peak()
        _core._memory_watch(False)
    result, unit = elements(y)
    unit = max([unit] + [a.size * max(4, a.itemsize) for a in arrays(args)])
    return (peak - result - SLACK) / unit if unit >= SIZE // 2 else None


def tables():
    from test_ops_table import MODULES

    found = {}
    for module in MODULES:
        for op, cases in getattr(importlib.import_module(f"test_ops_{module}"), "CASES", {}).items():
            found.setdefault(op, []).extend(cases)
    return found


def chosen(cases):
    """Cases of float32; where there are none, of 32-bit integers; where there are none, all."""
    allowed = [{"float32", "int32", "int64", "bool"}, {"int32", "int64", "uint32"}]
    for dtypes in allowed:
        some = [c for c in cases if any(a.dtype.name in ("float32", "int32") for a in arrays(c.args))
                and {a.dtype.name for a in arrays(c.args)} <= dtypes and c.kwargs.get("axis", 0) != ()]
        if dtypes is allowed[0]:
            some = [c for c in some if any(a.dtype == "float32" for a in arrays(c.args))]
        if some:
            return some
    return cases


def worst(name, cases):
    """(intermediates, how often that was measured)"""
    most, n = 0.0, 0
    for case in chosen(cases):
        for args in stretched(case.args):
            try:
                found = measure(name, args, case.kwargs)
            except Exception:  # the axis that is stretched is not free
                continue
            if found is not None:
                most, n = max(most, found), n + 1
                break
        if n == MOST:
            break
    if name in CREATED:
        most, n = max(most, measure(name, CREATED[name], {})), n + 1
    return most, n


def child(names):
    import kvino

    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    found = tables()
    for name in names or sorted(n for n in dir(kvino.ops) if not n.startswith("_")):
        most, n = worst(name, found.get(name, []))
        print(name, n, f"{most:.2f}", flush=True)


@pytest.fixture(scope="module")
def measured():
    run = subprocess.run([sys.executable, __file__], capture_output=True, text=True, timeout=SECONDS,
                         env=dict(os.environ, KVINO_LARGE_BYTES=str(LARGE), KVINO_THREADS="2", PYTHONWARNINGS="ignore"))
    assert run.returncode == 0, run.stdout[-300:] + run.stderr[-2000:]
    rows = [line.split() for line in run.stdout.splitlines()]
    return {name: (int(n), float(most)) for name, n, most in rows}


def allowed(name):
    import kvino

    said = DOCUMENTED.search(getattr(kvino.ops, name).__doc__)
    return int(said.group(1)) + 0.5 if said else ROOM


def test_every_operator_keeps_to_its_memory(measured):
    over = {name: most for name, (n, most) in measured.items() if most > allowed(name)}
    assert not over, f"intermediates beyond what the operator's sentence allows: {over}"


def test_no_operator_claims_more_than_it_takes(measured):
    """The sentence is no excuse: a formula that became better says so."""
    # Threads have scratch memory of their own, and on a busy machine one may do all the work.
    least = {name: min(allowed(name) - 1.5, 0.55 * allowed(name)) for name in measured if allowed(name) > ROOM}
    under = {name: measured[name][1] for name in least if measured[name][1] < least[name]}
    assert not under


def test_every_operator_is_measured(measured):
    import kvino

    assert set(measured) == {n for n in dir(kvino.ops) if not n.startswith("_")}
    texts = importlib.import_module("test_ops_strings").OPS  # what they take depends on the texts, not on their number
    assert {name for name, (n, _) in measured.items() if not n} == texts


def test_everything_late():
    """Every value of more than a few elements computed late: the operators' tests pass all the same."""
    here = os.path.dirname(os.path.abspath(__file__))
    run = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "eager",
                          *sorted(os.path.join(here, f) for f in os.listdir(here) if f.startswith("test_ops_"))],
                         capture_output=True, text=True, timeout=SECONDS, env=dict(os.environ, KVINO_LARGE_BYTES="32"))
    assert run.returncode == 0, run.stdout[-3000:]


if __name__ == "__main__":
    child(sys.argv[1:])
