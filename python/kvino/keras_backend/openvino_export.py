"""model.export(format="openvino"): what Keras imports as keras.src.export.openvino. The IR is kvino's own graph of the model."""

import os
import warnings

import numpy as np
from keras.src import tree
from keras.src.backend.common.stateless_scope import StatelessScope
from keras.src.export.export_utils import get_input_signature
from keras.src.export.export_utils import make_input_spec
from keras.src.models.functional import Functional
from keras.src.utils import io_utils

from kvino import _core
from kvino._core import Tensor
from kvino.keras_backend.recording import Recording
from kvino.keras_backend.steps import _where


def export_openvino(model, filepath, verbose=None, input_signature=None, compress_to_f16=False, **kwargs):
    """Writes the model's call(training=False) as OpenVINO's IR: `filepath`, which ends in ".xml", and a ".bin" beside it.

    input_signature: shapes and dtypes of the arguments (keras.InputSpec, KerasTensor or tensors); None in a shape is any
    length. Without it, the model's own, with any batch size. compress_to_f16: float32 weights are written as float16, which
    halves the file; the default leaves them as they are."""
    filepath = os.fspath(filepath)
    if not filepath.endswith(".xml"):
        raise ValueError(f"The OpenVINO export requires the filepath to end with '.xml'. Got: filepath={filepath}")
    if kwargs:
        raise ValueError(f"export(format='openvino') takes compress_to_f16 besides, not {sorted(kwargs)}")
    notes = trace(model, input_signature).save_ir(filepath, compress_to_f16=compress_to_f16)
    if notes:
        warnings.warn(
            f"kvino computes some of {model.name} itself, because OpenVINO is not exact there; a plain OpenVINO that reads "
            f"{filepath!r} is not either:\n{notes.rstrip()}",
            stacklevel=3,
        )
    if verbose is None or verbose:
        io_utils.print_msg(f"Saved OpenVINO IR at '{filepath}'.")


def trace(model, input_signature=None, purpose="exported"):
    """The graph of a call of the model, its variables constants. The purpose is for the words of errors."""
    arguments = _arguments(model, input_signature)
    graph = _core.Graph()
    names = iter(_names(arguments, "input"))
    inputs = tree.map_structure(lambda x: graph.parameter(x.shape, x.dtype, next(names)), arguments)
    try:
        with Recording(graph) as scope:
            outputs = model(*inputs, training=False) if model._call_has_training_arg else model(*inputs)
    except Exception as error:
        raise _own_error(model, arguments) or refusal(model, error, purpose) from error
    for x, name in zip(tree.flatten(outputs), _output_names(model, outputs), strict=True):
        if not isinstance(x, Tensor):
            raise ValueError(f"{model.name} cannot be {purpose}: output '{name}' is no tensor but {type(x).__name__}")
        graph.result(x, name)
    if scope.assigned:
        moved = ", ".join(v.path for v in scope.assigned.values())
        warnings.warn(f"{model.name} changes {moved} when it is called; the exported model does not", stacklevel=4)
    weights = [variable._value for variable, _ in scope.read.values()]
    return graph.bind((None,) * len(tree.flatten(arguments)) + tuple(weights))


def _own_error(model, arguments):
    """What the model says to a call with such arguments, where one can tell: it refuses them, recorded or not."""
    shapes = [x.shape[1:] for x in tree.flatten(arguments)]
    if any(None in shape for shape in shapes):
        return None
    try:
        values = tree.map_structure(lambda x: _core.convert_to_tensor(np.zeros([n or 1 for n in x.shape], x.dtype)), arguments)
    except TypeError:  # a dtype that NumPy has not
        return None
    try:
        with StatelessScope():
            model(*values)
    except Exception as error:
        return error
    return None


def refusal(model, error, purpose="exported"):
    """The error of a model that cannot be recorded."""
    place, text = _where(error)
    return ValueError(
        f"{model.name} cannot be {purpose}: it cannot be recorded because of {place} ({text}): {type(error).__name__}: "
        f"{error}\nWhat a layer does in Python or NumPy has no place in a model of OpenVINO: write it with keras.ops. If a "
        "length that is not known is the reason, give fixed ones: input_signature=[keras.InputSpec(shape=(1, 28, 28), "
        'dtype="float32")].'
    )


def _arguments(model, signature):
    """A list with a structure of specs for each positional argument of the model."""
    if signature is None:
        signature = get_input_signature(model)
    if not isinstance(signature, (list, tuple)) or isinstance(model, Functional) and len(signature) > 1:
        signature = [signature]
    return [tree.map_structure(make_input_spec, x) for x in signature]


def _names(structure, default):
    """A name for each leaf, in the order of tree.flatten: the key of a dict, else the leaf's own, else the default; none twice."""
    names, taken = [], set()
    for path, leaf in tree.flatten_with_path(structure):
        keys = [key for key in path if isinstance(key, str)]
        name = wanted = keys[-1] if keys else getattr(leaf, "name", None) or default
        number = 0
        while name in taken:
            number += 1
            name = f"{wanted}_{number}"
        taken.add(name)
        names.append(name)
    return names


def _output_names(model, outputs):
    own = getattr(model, "output_names", None)  # of a functional model: its last layers
    leaves = tree.flatten(outputs)
    if own and not isinstance(outputs, dict) and len(own) == len(leaves):
        return _names([_Named(name) for name in own], "output")
    return _names(outputs, "output")


class _Named:
    """A leaf that has nothing but a name."""

    def __init__(self, name):
        self.name = name
