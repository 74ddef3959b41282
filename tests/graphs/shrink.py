"""Makes a failing program small: fewer results, fewer steps, fewer and simpler numbers, as long as it fails in the same way."""

import dataclasses
import time

import numpy as np

import kvino
from graphs.program import PER_INPUT, Ref, call, function_of, mapped, refs


def shrink(program, fails, seconds=20.0):
    """The smallest program found for which fails(program) is true."""
    end = time.monotonic() + seconds
    best = program

    def attempt(candidate):
        nonlocal best
        if time.monotonic() < end and fails(candidate):
            best = candidate
            return True
        return False

    for result in program.results:
        if len(best.results) > 1 and attempt(program.copy(results=[result]).pruned()):
            break
    before = None
    while before != size(best) and time.monotonic() < end:
        before = size(best)
        for candidate in _cuts(best):
            attempt(candidate(best))
        for candidate in _simpler(best):
            attempt(candidate(best))
    return best


def size(program):
    arrays = [*program.inputs.values(), *program.constants.values()]
    nonzero = sum(int(np.count_nonzero(np.asarray(a).astype(complex))) for a in arrays)
    return len(program.steps), len(program.results), len(arrays), sum(a.size for a in arrays), nonzero, _arguments(program)


def _arguments(program):
    return sum(len(s.kwargs) for s in program.steps)


def _cuts(program):
    """Programs in which an input or a constant stands for a step, or an earlier value for its result."""
    values = {}

    def around(step, args, kwargs):
        y = call(step.op, args, kwargs)
        values.update(zip(step.outs, y if step.several else (y,)))
        return y

    try:
        whole = program.copy(results=[o for s in program.steps for o in s.outs])
        function_of(whole, around)(*(kvino.Tensor(x) for x in program.inputs.values()))
    except Exception:  # of a program that raises only the steps before are cut
        pass
    numbers = [i for s in reversed(program.steps) for i in s.outs if i in values]
    for i in numbers:
        for kind in ("inputs", "constants"):

            def cut(p, i=i, kind=kind):
                array = np.array(values[i])
                changes = {kind: {**getattr(p, kind), i: array}}
                if kind == "inputs":
                    new = {"other": array, "unknown": (), "partly": array}
                    changes |= {name: {**getattr(p, name), i: new[name]} for name in PER_INPUT if getattr(p, name)}
                steps = [s for s in p.steps if i not in s.outs]
                kept = {o for s in steps for o in s.outs} | set(p.inputs) | set(p.constants) | {i}
                used = refs([(s.args, s.kwargs) for s in steps]) | set(p.results)
                return p.copy(steps=steps, **changes).pruned() if used <= kept else p.copy(steps=steps, results=[], **changes)

            yield cut
    shapes = {i: (np.array(v).dtype, np.array(v).shape) for i, v in values.items()}
    shapes.update({i: (v.dtype, v.shape) for i, v in {**program.inputs, **program.constants}.items()})
    for i in numbers:
        for j in [j for j in shapes if j < i and shapes[j] == shapes[i]][:3]:
            move = lambda leaf, i=i, j=j: Ref(j) if leaf == Ref(i) else leaf
            yield lambda p, move=move, i=i, j=j: p.copy(
                steps=[_with(s, mapped(move, s.args), mapped(move, s.kwargs)) for s in p.steps],
                results=[j if r == i else r for r in p.results],
            ).pruned()


def _with(step, args, kwargs):
    return dataclasses.replace(step, args=args, kwargs=kwargs)


def _simpler(program):
    for k, step in enumerate(program.steps):
        for name in step.kwargs:
            yield lambda p, k=k, name=name: p.copy(
                steps=[_with(s, s.args, {n: v for n, v in s.kwargs.items() if n != name}) if i == k else s for i, s in enumerate(p.steps)]
            ).pruned()
    for i in program.inputs:
        yield lambda p, i=i: p if i not in p.inputs else p.copy(constants={**p.constants, i: p.inputs[i]}).with_inputs(
            lambda values: {j: v for j, v in values.items() if j != i})
    for kind in ("inputs", "constants"):
        for i, a in getattr(program, kind).items():
            for f in (np.zeros_like, np.ones_like, _rounded):
                yield lambda p, kind=kind, i=i, f=f: _replaced(p, kind, i, f)
            if 1 < a.size <= 16:
                for k in range(a.size):
                    yield lambda p, kind=kind, i=i, k=k: _replaced(p, kind, i, lambda x: _zeroed(x, k))
    for old in sorted({d for a in [*program.inputs.values(), *program.constants.values()] for d in a.shape if d > 1}, reverse=True):
        for new in (1, 2, old // 2, old - 1):
            if new < old:
                yield lambda p, old=old, new=new: _resized(p, old, new)


def _rounded(a):
    with np.errstate(all="ignore"):
        return np.round(np.asarray(a).astype(np.float64)).astype(a.dtype) if a.dtype.kind == "f" else a


def _zeroed(a, k):
    a = np.array(a)
    if k < a.size:
        a.reshape(-1)[k] = np.zeros((), a.dtype)
    return a


def _replaced(p, kind, i, f):
    values = getattr(p, kind)
    return p.copy(**{kind: {**values, i: f(values[i])}}) if i in values else p


def _resized(p, old, new):
    """Every axis of the one length has the other."""
    def resize(arrays):
        return arrays and {i: a[tuple(slice(0, new if d == old else None) for d in a.shape)] for i, a in arrays.items()}

    return p.copy(inputs=resize(p.inputs), constants=resize(p.constants))

