"""keras.ops.core: conversion, shapes and the control flow that calls Python functions."""

import contextlib
import functools

import numpy as np
from keras.src import tree
from keras.src.backend.common import KerasVariable
from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.keras_tensor import KerasTensor
from keras.src.backend.common.stateless_scope import StatelessScope
from keras.src.backend.common.symbolic_scope import SymbolicScope

from kvino import _core
from kvino._core import Tensor

SUPPORTS_SPARSE_TENSORS = False
SUPPORTS_RAGGED_TENSORS = False
SUPPORTS_COMPLEX_DTYPES = True
SUPPORTS_GRADIENT = False
IS_THREAD_SAFE = True

_ops = _core.op_namespaces()
_cast = _ops["core"]["cast"]
_stack = _ops["numpy"]["stack"]
_where = _ops["numpy"]["where"]


def is_tensor(x):
    return isinstance(x, Tensor)


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    if sparse:
        raise ValueError("`sparse=True` is not supported with the kvino backend")
    if ragged:
        raise ValueError("`ragged=True` is not supported with the kvino backend")
    if isinstance(x, KerasVariable):
        x = x.value
    if dtype is None:
        return x if isinstance(x, Tensor) else _core.convert_to_tensor(x)
    dtype = standardize_dtype(dtype)
    if isinstance(x, Tensor):
        return x if x.dtype == dtype else _cast(x, dtype)
    return _core.convert_to_tensor(x, dtype)


def convert_to_numpy(x):
    if isinstance(x, (list, tuple)):
        return np.array([convert_to_numpy(item) for item in x])
    if isinstance(x, KerasVariable):
        x = x.value
    return np.asarray(x)


def cast(x, dtype):
    if isinstance(x, Tensor):
        return _cast(x, standardize_dtype(dtype))
    return convert_to_tensor(x, dtype)


def shape(x):
    """Known dimensions as int, those unknown while tracing as 0-d int32 tensors."""
    dimensions = tuple(x.shape)
    if None not in dimensions:
        return dimensions
    lengths = _ops["core"]["shape_tensor"](x)
    return tuple(lengths[i] if d is None else d for i, d in enumerate(dimensions))


def random_seed_dtype():
    return "uint32"


@contextlib.contextmanager
def device_scope(device_name):
    """The device that functions traced inside are compiled for ("cpu:0", "gpu:1" as Keras writes them)."""
    name, _, index = str(device_name).upper().partition(":")
    device = name if name == "CPU" or not index else f"{name}.{index}"
    before = _core.config.device
    _core.config.device = device
    try:
        yield
    finally:
        _core.config.device = before


# ---- shape inference ----


def _trace_spec(fn, args, kwargs, unknown):
    """The outputs of fn as (shape, dtype), every None of the inputs replaced by `unknown`."""
    graph = _core.Graph()

    def symbolic(x):
        if not isinstance(x, KerasTensor):
            return x
        return graph.parameter(tuple(unknown if d is None else d for d in x.shape), standardize_dtype(x.dtype))

    args, kwargs = tree.map_structure(symbolic, (args, kwargs))
    return fn(*args, **kwargs)


def compute_output_spec(fn, *args, **kwargs):
    """Traces fn without computing. Where dimensions are unknown it is traced with two different lengths: what differs in the
    results is unknown, and code that computes with x.shape in Python works."""
    with StatelessScope(), SymbolicScope():
        first = _trace_spec(fn, args, kwargs, 83)
        inputs = [x for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)]
        second = _trace_spec(fn, args, kwargs, 89) if any(None in x.shape for x in inputs) else first

    def spec(a, b):
        if not isinstance(a, Tensor):
            return a
        same = tuple(d if d == e else None for d, e in zip(a.shape, b.shape))
        return KerasTensor(same, standardize_dtype(a.dtype))

    flat = [spec(a, b) for a, b in zip(tree.flatten(first), tree.flatten(second))]
    return tree.pack_sequence_as(first, flat)


# ---- control flow ----


def _is_symbolic(x):
    return isinstance(x, Tensor) and x.is_symbolic


def cond(pred, true_fn, false_fn):
    pred = convert_to_tensor(pred)
    if not _is_symbolic(pred):
        return true_fn() if bool(pred) else false_fn()
    # Nothing that is traced has side effects: both branches are recorded, and one is taken.
    return tree.map_structure(
        lambda a, b: _where(pred, a, b) if a is not None else None, true_fn(), false_fn()
    )


def switch(index, branches, *operands):
    index = convert_to_tensor(index, "int32")
    if _is_symbolic(index):
        raise NotImplementedError("kvino: switch on a value computed in a traced graph")
    return branches[max(0, min(int(index), len(branches) - 1))](*operands)


def while_loop(cond, body, loop_vars, maximum_iterations=None):
    single = not isinstance(loop_vars, (list, tuple))
    values = (loop_vars,) if single else tuple(loop_vars)
    values = tree.map_structure(convert_to_tensor, values)
    steps = 0
    while maximum_iterations is None or steps < maximum_iterations:
        go_on = convert_to_tensor(cond(*values))
        if _is_symbolic(go_on):
            raise NotImplementedError("kvino: while_loop with a condition computed in a traced graph")
        if not bool(go_on):
            break
        values = body(*values)
        values = tuple(values) if isinstance(values, (list, tuple)) else (values,)
        steps += 1
    return values[0] if single else values


def fori_loop(lower, upper, body_fun, init_val):
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"`unroll` must be an positive integer or boolean. Received: unroll={unroll}")
    if xs is None and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided.")
    carry = tree.map_structure(convert_to_tensor, init)
    xs = None if xs is None else tree.map_structure(convert_to_tensor, xs)
    n = int(length) if length is not None else tree.flatten(xs)[0].shape[0]
    zeros = tree.map_structure(lambda x: _ops["numpy"]["zeros_like"](x), carry)
    ys = []
    for i in reversed(range(n)) if reverse else range(n):
        item = None if xs is None else tree.map_structure(lambda x: x[i], xs)
        carry, y = f(carry, item)
        ys.append(zeros if y is None else y)
    if reverse:
        ys.reverse()
    stacked = tree.map_structure(lambda *items: _stack(items), *ys) if ys else zeros
    return carry, stacked


def map(f, xs):
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


def vectorized_map(function, elements):
    if not isinstance(elements, (list, tuple)):
        return map(function, elements)
    return map(lambda items: function(list(items)), tuple(elements))


def remat(f):
    """Recomputation saves memory in training only."""
    return f


class custom_gradient:
    """The forward half of a function that returns (outputs, gradient function)."""

    def __init__(self, fun):
        functools.update_wrapper(self, fun)
        self.fun = fun

    def __call__(self, *args, **kwargs):
        outputs, _ = self.fun(*args, **kwargs)
        return outputs
