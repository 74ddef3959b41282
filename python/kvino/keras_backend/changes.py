"""What a compiled step of a model rests on besides variables' values: the model's layers and their attributes.

Every attribute that is set on a layer is noted here, so that a step can tell at once that nothing has changed anywhere, and
otherwise whether its own model has."""

import itertools

from kvino.keras_backend.recording import is_recording

# What fit, evaluate and predict keep on a model for themselves.
BOOKKEEPING = {
    "_called",
    "_eval_epoch_iterator",
    "_initial_epoch",
    "_loss_ids",
    "_losses",
    "_losses_override",
    "history",
    "predict_function",
    "stop_evaluating",
    "stop_predicting",
    "stop_training",
    "test_function",
    "train_function",
}
PLAIN = (bool, int, float, str, type(None))

_numbers = itertools.count(1)
_last = 0


def note():
    global _last
    _last = next(_numbers)
    return _last


def last():
    """The number of the last change of any layer."""
    return _last


def note_attribute(layer, name, value):
    """Called before a layer's attribute is set. What a traced step sets on its layers is a part of what was traced."""
    if name in BOOKKEEPING or isinstance(getattr(type(layer), name, None), property):
        return
    before = layer.__dict__.get(name, layer)
    same = before is value or (type(before) is type(value) and type(value) in PLAIN and before == value)
    if not same:
        number = note()
        if not is_recording():
            layer.__dict__["_kvino_changed"] = number


def structure(model):
    """What differs where the model does."""
    layers = tuple((id(layer), layer.__dict__.get("_kvino_changed")) for layer in model._flatten_layers())
    return layers, tuple((id(v), v.trainable) for v in model.variables)
