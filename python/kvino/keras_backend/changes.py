"""What a compiled step of a model rests on besides variables' values: the model's layers and their attributes, its optimizers'
and its regularizers'.

Every attribute that is set on one of these is noted here, and every change of a layer's list, dict or set, so that a step can tell
at once that nothing has changed anywhere, and otherwise whether its own model has."""

import functools
import itertools

from keras.src.utils import tracking

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
# What Keras makes of a layer's lists, dicts and sets, the methods that change them, and those of them that Keras keeps for itself.
CONTAINERS = {tracking.TrackedList, tracking.TrackedDict, tracking.TrackedOrderedDict, tracking.TrackedSet}
CHANGING = (
    "__setitem__", "__delitem__", "__iadd__", "__imul__", "__ior__", "__iand__", "__isub__", "__ixor__", "add", "append", "clear", "discard",
    "extend", "insert", "move_to_end", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update",
)  # fmt: skip
KERAS_OWN = BOOKKEEPING | {
    "_build_shapes_dict", "_call_context_args", "_call_has_context_arg", "_inbound_nodes", "_outbound_nodes", "call_signature_parameters",
}  # fmt: skip

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
    containers = layer.__dict__.setdefault("_kvino_containers", {})  # of any layer: Keras compares what layers have
    if type(value) in CONTAINERS:
        if name in KERAS_OWN:
            value._kvino_ignored = True
        else:
            containers[name] = None
    if name in BOOKKEEPING or isinstance(getattr(type(layer), name, None), property):
        return
    before = layer.__dict__.get(name, layer)
    same = before is value or (type(before) is type(value) and type(value) in PLAIN and before == value)
    if not same:
        number = note()
        if not is_recording():
            layer.__dict__["_kvino_changed"] = number


def _noting(method):
    @functools.wraps(method)
    def changing(self, *args, **kwargs):
        if "_kvino_ignored" not in self.__dict__:
            note()
        return method(self, *args, **kwargs)

    return changing


for _container in CONTAINERS:
    for _name in CHANGING:
        if hasattr(_container, _name):
            setattr(_container, _name, _noting(getattr(_container, _name)))


def note_attributes_of(cls):
    """Notes the attributes that are set on the objects of a class of Keras's."""
    set_attribute = cls.__setattr__

    @functools.wraps(set_attribute)
    def setattr_(self, name, value):
        note_attribute(self, name, value)
        set_attribute(self, name, value)

    cls.__setattr__ = setattr_


def _contents(x):
    """What a container holds: a layer by what it is, a number by its value."""
    if isinstance(x, dict):
        return type(x), *((key, _contents(value)) for key, value in x.items())
    if isinstance(x, (list, tuple, set)):
        return type(x), *map(_contents, x)
    return (type(x), x) if type(x) in PLAIN else id(x)


def _of_layer(layer):
    attributes = layer.__dict__
    held = tuple((name, _contents(attributes.get(name))) for name in attributes.get("_kvino_containers", ()))
    return _of_object(layer), _of_object(attributes.get("activity_regularizer")), held


def _of_variable(v):
    return id(v), v.trainable, _of_object(v.regularizer), _of_object(v.constraint)


def _of_optimizer(optimizer):
    """Of an optimizer around another one, both."""
    inner = getattr(optimizer, "inner_optimizer", None)
    return _of_object(optimizer), inner and _of_optimizer(inner)


def _of_object(x):
    return x is not None and (id(x), getattr(x, "__dict__", {}).get("_kvino_changed"))


def structure(model, optimizer=None):
    """What differs where the model does; with the type of optimizers, where one of its own does."""
    optimizers = (x for x in vars(model).values() if optimizer and isinstance(x, optimizer))
    return (
        tuple(map(_of_layer, model._flatten_layers())),
        tuple(map(_of_variable, model.variables)),
        tuple(map(_of_optimizer, optimizers)),
    )
