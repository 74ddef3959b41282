"""Vocabularies without TensorFlow. Keras's layers of texts and categories are made, and learn in `adapt`, by TensorFlow's tables
and arrays, whatever the backend. Where TensorFlow is not installed, Keras's code is given these instead, by the names that it
uses: arrays of NumPy's, texts as bytes in UTF-8 as TensorFlow has them, and dictionaries."""

import collections
import contextlib
import functools
import importlib.util
import os
import sys

import numpy as np

from kvino.ragged import RaggedTensor as _Ragged
from kvino.sparse import SparseTensor as _Sparse


class DType(str):
    """A dtype by its name."""

    name = property(str)
    is_integer = property(lambda self: self.startswith(("int", "uint")))
    max = property(lambda self: np.iinfo(str(self)).max)


class Shape(tuple):
    rank = property(len)


class Tensor(np.ndarray):
    shape = property(lambda self: Shape(self.numpy().shape))
    dtype = property(lambda self: DType("string" if self.numpy().dtype == object else self.numpy().dtype.name))

    def numpy(self):
        return self.view(np.ndarray)


class Variable(Tensor):
    def __new__(cls, value, dtype=None, trainable=True):
        return np.array(value, dtype).view(cls)

    def value(self):
        return self.numpy().copy().view(Tensor)

    def assign(self, value):
        self[...] = value

    def assign_add(self, value):
        self[...] += value


def _as_bytes(x):
    """An array of texts as one of bytes."""
    texts = [text.encode() if isinstance(text, str) else text for text in x.ravel().tolist()]
    if not all(isinstance(text, bytes) for text in texts):
        raise TypeError(f"texts (str or bytes) are expected here, not an array of {x.dtype}")
    out = np.empty(len(texts), object)
    out[:] = texts
    return out.reshape(x.shape)


def convert_to_tensor(x, dtype=None):
    if isinstance(x, (_Ragged, _Sparse)):
        raise TypeError(f"a vocabulary is learned from dense arrays, not from a {type(x).__name__}")
    x = np.asarray(x)
    if dtype == "string" or x.dtype.kind in "USTO":
        if dtype not in (None, "string"):
            raise TypeError(f"an array of {dtype} is expected here, not one of texts")
        return _as_bytes(x).view(Tensor)
    return np.array(x, dtype or x.dtype).view(Tensor)


def _tensors(function):
    """A function of NumPy's whose result is a Tensor."""
    return lambda *args, **kwargs: np.asarray(function(*args, **kwargs)).view(Tensor)


def _counted(x, out_idx="int64"):
    counts = collections.Counter(x.tolist())
    values = convert_to_tensor(np.array(list(counts), x.numpy().dtype), x.dtype)
    return values, None, np.fromiter(counts.values(), out_idx, len(counts)).view(Tensor)


# ---- tables ----


class KeyValueTensorInitializer:
    def __init__(self, keys, values, key_dtype, value_dtype):
        self.items = zip(convert_to_tensor(keys, key_dtype).tolist(), convert_to_tensor(values, value_dtype).tolist())
        self.key_dtype, self.value_dtype = key_dtype, value_dtype


class TextFileIndex:
    WHOLE_LINE, LINE_NUMBER = -2, -1


class TextFileInitializer(KeyValueTensorInitializer):
    def __init__(self, filename, key_dtype, key_index, value_dtype, value_index, value_index_offset):
        with open(filename, "rb") as file:
            lines = file.read().replace(b"\r", b"").split(b"\n")
        lines = lines[:-1] if not lines[-1] else lines
        if "string" not in (key_dtype, value_dtype):
            lines = [int(line) for line in lines]
        numbers, by_line = range(len(lines)), key_index == TextFileIndex.WHOLE_LINE
        if by_line and len(set(lines)) < len(lines):
            twice = next(line for line, n in collections.Counter(lines).items() if n > 1)
            raise ValueError(f"{filename}: {twice!r} is there twice")
        numbers = [n + value_index_offset for n in numbers] if by_line else numbers
        self.items = zip(lines, numbers) if by_line else zip(numbers, lines)
        self.key_dtype, self.value_dtype = key_dtype, value_dtype


class Table:
    """MutableHashTable, and StaticHashTable."""

    def __init__(self, key_dtype, value_dtype, default_value):
        self.of, self.key_dtype, self.value_dtype, self.default = {}, key_dtype, value_dtype, default_value

    def insert(self, keys, values):
        self.of.update(zip(convert_to_tensor(keys, self.key_dtype).tolist(), np.asarray(values).tolist()))

    def remove(self, keys):
        for key in keys.tolist():
            self.of.pop(key, None)

    def lookup(self, keys):
        found = [self.of.get(key, self.default) for key in keys.tolist()]
        return convert_to_tensor(np.array(found, None if found else self.value_dtype), self.value_dtype)

    def size(self):
        return np.array(len(self.of)).view(Tensor)

    def export(self):
        keys, values = (np.array(list(x), object if dtype == "string" else dtype)
                        for x, dtype in ((self.of, self.key_dtype), (self.of.values(), self.value_dtype)))
        return convert_to_tensor(keys, self.key_dtype), convert_to_tensor(values, self.value_dtype)


def static_table(initializer, default_value):
    table = Table(initializer.key_dtype, initializer.value_dtype, default_value)
    table.of = dict(getattr(initializer, "items", ()))
    return table


# ---- by TensorFlow's names ----


class _Names:
    """A module: the names given, and others from `behind`."""

    def __init__(self, behind=None, **names):
        self._behind = behind
        self.__dict__.update(names)

    def __getattr__(self, name):
        return getattr(self._behind, name)  # in Keras's words: that TensorFlow is required


def _no_class(name):
    return type(name, (), {})


def _tensorflow(behind):
    nothing = contextlib.nullcontext
    return _Names(
        behind, available=True, string=DType("string"), as_dtype=DType, Tensor=Tensor, Variable=Variable,
        RaggedTensor=_no_class("RaggedTensor"), SparseTensor=_no_class("SparseTensor"), data=_Names(behind, Dataset=_no_class("Dataset")),
        executing_eagerly=lambda: True, is_tensor=lambda x: isinstance(x, Tensor), init_scope=nothing, device=lambda name: nothing(),
        convert_to_tensor=convert_to_tensor, constant=convert_to_tensor, cast=convert_to_tensor,
        shape=_tensors(lambda x, out_type="int32": np.array(x.shape, out_type)), size=np.size, equal=np.equal, reduce_mean=lambda x: np.mean(x.numpy()),
        expand_dims=_tensors(np.expand_dims), reshape=_tensors(np.reshape), concat=_tensors(np.concatenate), gather=_tensors(np.take),
        pad=_tensors(lambda x, widths, constant_values: np.pad(np.asarray(x), widths, constant_values=constant_values)),
        range=_tensors(np.arange),
        unique=lambda x: _counted(x)[:2], unique_with_counts=_counted, math=_Names(behind, log=np.log),
        compat=_Names(behind, as_text=lambda x, encoding: x.decode(encoding) if isinstance(x, bytes) else x),
        io=_Names(behind, gfile=_Names(behind, exists=os.path.exists, join=os.path.join)),
        lookup=_Names(behind, StaticHashTable=static_table, KeyValueTensorInitializer=KeyValueTensorInitializer, TextFileIndex=TextFileIndex,
                      TextFileInitializer=TextFileInitializer, experimental=_Names(behind, MutableHashTable=Table)),
    )


_MODULES = {"index_lookup", "string_lookup", "integer_lookup", "text_vectorization", "hashing", "hashed_crossing", "discretization",
            "normalization"}


@functools.cache
def has_tensorflow():
    return importlib.util.find_spec("tensorflow") is not None


def stand_in(layer_class):
    """Called for each of Keras's classes of preprocessing layers: where TensorFlow is not installed, its module gets what is here."""
    module = sys.modules[layer_class.__module__]
    if has_tensorflow() or module.__name__.rpartition(".")[2] not in _MODULES:
        return
    from keras.src.utils import tf_utils

    if not isinstance(module.tf, _Names):
        tf_utils.tf = module.tf = _tensorflow(module.tf)
