"""keras.ops.nn: the table's operators, and those whose signature or defaults Keras has otherwise."""

from keras.src.backend.config import epsilon as default_epsilon

from kvino import sparse as _sparse
from kvino.keras_backend.operators import missing
from kvino.keras_backend.operators import operators

_table = operators("nn")
globals().update(_table)
__getattr__ = missing("nn")

tanh = operators("numpy")["tanh"]


def moments(x, axes, keepdims=False, synchronized=False):
    if synchronized:
        raise NotImplementedError("kvino: moments with synchronized=True")
    return _table["moments"](x, axes, keepdims)


def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None):
    return _table["layer_normalization"](x, gamma, beta, axis, default_epsilon() if epsilon is None else epsilon)


def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    return _table["rms_normalization"](x, scale, axis, default_epsilon() if epsilon is None else epsilon)


def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    if sparse:
        return _sparse.one_hot(x, num_classes, axis, dtype)
    return _table["one_hot"](x, num_classes, axis, dtype)


def multi_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    if sparse:
        return _sparse.multi_hot(x, num_classes, axis, dtype)
    return _table["multi_hot"](x, num_classes, axis, dtype)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    return _table["categorical_crossentropy"](target, output, from_logits, axis, default_epsilon())


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    return _table["sparse_categorical_crossentropy"](target, output, from_logits, axis, default_epsilon())


def binary_crossentropy(target, output, from_logits=False):
    return _table["binary_crossentropy"](target, output, from_logits, default_epsilon())
