"""kvino.profile and kvino.explain: where the time of a model or function goes, and on which engine."""

import sys

from kvino import _core
from kvino.saving import record


def profile(model_or_function, *args, runs=10, device=None, **properties):
    """Runs a Keras model, or a function of tensors, on these arguments, and says what its layers and operations took: a Profile,
    which print() shows as a table and .html(path) writes as a page. Device and properties as in docs/configuration.md."""
    graph, tensors = _record(model_or_function, args)
    if (device or _core.config.device) != "native":
        properties = {"profiling": "yes", **properties}
    return graph.compile(device, **properties).profile(tuple(tensors), runs=runs)


def explain(model_or_function, *args, device=None, **properties):
    """The same without running: engine, precision and, where it is kvino's own, the reason, by layer. A model needs no
    arguments: without them, its batch and what else is None stay unknown."""
    graph, _ = _record(model_or_function, args)
    return graph.compile(device, **properties).explain()


def _record(f, args):
    """A call as a graph, and the tensors that it takes."""
    keras = sys.modules.get("keras")
    if keras is not None and isinstance(f, keras.Model):
        return _record_model(f, args)
    if not callable(f):
        raise TypeError(f"a Keras model or a function of tensors is expected here, not {type(f).__name__}")
    graph, leaves = record(f, args, {})
    return graph, [_core.convert_to_tensor(x) for x in leaves]


def _record_model(model, args):
    import keras

    from kvino.keras_backend.openvino_export import trace

    leaves = [_core.convert_to_tensor(x) for x in keras.tree.flatten(args)]
    specs = iter([keras.InputSpec(shape=x.shape, dtype=x.dtype) for x in leaves])
    signature = [keras.tree.map_structure(lambda _: next(specs), x) for x in args] if args else None
    return trace(model, signature, "profiled"), leaves
