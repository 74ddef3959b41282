"""kvino.save: a model or a function of tensors as a file of kvino's own graph, which C and the command read (docs/files.md)."""

import inspect
import os
import sys

from kvino import _core


def save(model_or_function, filepath, *args, **kwargs):
    """Writes `filepath`, which ends in ".kvino": what a Keras model computes in predict, subclassed models and Lambda layers
    too, or what a function of tensors computes. What it takes from elsewhere, weights too, is in the file as it is now.

    args, kwargs: what it is called with: arrays, tensors or keras.InputSpec, of which the dtype and the shape count (None is any
    length), in tuples, lists and dicts; anything else is the value that the function gets. A model that knows its inputs needs
    none. Inputs are called after the function's parameters and the keys of dicts, outputs after the keys of dicts."""
    keras = sys.modules.get("keras")
    if keras is not None and isinstance(model_or_function, keras.Model):
        from kvino.keras_backend.openvino_export import trace

        if kwargs:
            raise TypeError(f"kvino.save: a model takes no keyword arguments here, but {sorted(kwargs)}")
        spec = lambda x: keras.InputSpec(shape=x.shape, dtype=_dtype(x))
        graph = trace(model_or_function, [keras.tree.map_structure(spec, x) for x in args] if args else None, "saved")
    else:
        graph, _ = record(model_or_function, args, kwargs)
    graph.save(os.fspath(filepath))


def record(function, args, kwargs):
    """A call as a graph, and those of the arguments that are its inputs."""
    graph, leaves, taken, given = _core.Graph(), [], set(), set()
    function = getattr(function, "__wrapped__", function)  # a kvino.function: what it was made of
    names = _parameter_names(function, len(args))

    def symbolic(x, name):
        if hasattr(x, "shape") and hasattr(x, "dtype"):
            leaves.append(x)
            return graph.parameter(tuple(x.shape), _dtype(x), _unique(name, taken))
        if isinstance(x, dict):
            return {key: symbolic(y, str(key)) for key, y in x.items()}
        if type(x) in (tuple, list):
            return type(x)(symbolic(y, name) for y in x)
        return x

    def results(x, name):
        if isinstance(x, dict):
            for key, y in x.items():
                results(y, str(key))
        elif isinstance(x, (tuple, list)):
            for y in x:
                results(y, name)
        elif x is not None:
            graph.result(_core.convert_to_tensor(x), _unique(name, given))

    positional = [symbolic(x, name) for x, name in zip(args, names)]
    results(function(*positional, **{key: symbolic(x, key) for key, x in kwargs.items()}), "output")
    return graph, leaves


def _dtype(x):
    """Keras's name of it, of whatever has one."""
    return x.dtype if isinstance(x.dtype, str) else _core.convert_to_tensor(x).dtype


def _parameter_names(function, n):
    """A name for each of the n positional arguments."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a builtin
        return ["input"] * n
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = [p.name for p in parameters if p.kind == p.VAR_POSITIONAL] or ["input"]
    return [names[i] if i < len(names) else rest[0] for i in range(n)]


def _unique(name, taken):
    wanted, number = name, 0
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return name
