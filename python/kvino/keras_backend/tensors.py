"""Conversion and shapes: what the other parts of keras.ops.core are written with."""

import numpy as np
from keras.src.backend.common import KerasVariable
from keras.src.backend.common import standardize_dtype

from kvino import _core
from kvino import ragged as _ragged
from kvino import sparse as _sparse
from kvino._core import Tensor
from kvino.keras_backend.operators import operators
from kvino.ragged import RaggedTensor
from kvino.sparse import SparseTensor

_table = operators("core")
_cast = _table["cast"]


def is_tensor(x):
    return isinstance(x, (Tensor, SparseTensor, RaggedTensor))


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """sparse=False and ragged=False make a dense tensor of such ones, and nothing makes a dense one sparse or ragged, as with
    Keras's other backends."""
    if isinstance(x, KerasVariable):
        x = x.value
    if not isinstance(x, (Tensor, np.ndarray)) and (isinstance(x, SparseTensor) or _sparse.is_foreign(x)):
        x = _sparse.asparse(x)
        x = x.todense() if sparse is False else x
        return x if dtype is None or x.dtype == standardize_dtype(dtype) else _cast(x, standardize_dtype(dtype))
    if not isinstance(x, (Tensor, np.ndarray)) and (isinstance(x, RaggedTensor) or _ragged.is_foreign(x)):
        x = _ragged.asragged(x)
        x = x.to_tensor() if ragged is False else x
        return x if dtype is None or x.dtype == standardize_dtype(dtype) else _cast(x, standardize_dtype(dtype))
    if dtype is None:
        return x if isinstance(x, Tensor) else _core.convert_to_tensor(x)
    dtype = standardize_dtype(dtype)
    if isinstance(x, Tensor):
        return x if x.dtype == dtype else _cast(x, dtype)
    return _core.convert_to_tensor(x, dtype)


def convert_to_numpy(x):
    """A copy that may be written to, as Keras promises."""
    if isinstance(x, (list, tuple)):
        return np.array([convert_to_numpy(item) for item in x])
    if isinstance(x, KerasVariable):
        x = x.value
    if _sparse.is_foreign(x):
        x = _sparse.asparse(x)
    elif _ragged.is_foreign(x):
        x = _ragged.asragged(x)
    return np.array(x)


def cast(x, dtype):
    if isinstance(x, (Tensor, SparseTensor, RaggedTensor)):
        return _cast(x, standardize_dtype(dtype))
    return convert_to_tensor(x, dtype)


def saturating_cast(x, dtype):
    """`keras.src.backend.cast`, which Keras's own code calls, where `keras.ops.cast` calls `backend.core.cast`: floats out of an
    integer's range become its nearest end. keras.ops.saturate_cast leaves that to it, as the bounds that it clips to are
    rounded to floats: the upper one of int32 to 2**31."""
    dtype = standardize_dtype(dtype)
    if isinstance(x, Tensor) and "float" in x.dtype and "int" in dtype:
        return _table["saturate_cast"](x, dtype)
    return cast(x, dtype)


def shape(x):
    """Known dimensions as int, those unknown while tracing as 0-d int32 tensors."""
    if isinstance(x, SparseTensor):
        return tuple(d if isinstance(d, int) else cast(d, "int32") for d in x._shape)
    if isinstance(x, RaggedTensor) or _ragged.is_foreign(x):  # None is what has many lengths
        rows, *others = _ragged.asragged(x).shape
        return (cast(x.nrows(), "int32") if rows is None else rows, *others)
    dimensions = tuple(x.shape)
    if None not in dimensions:
        return dimensions
    lengths = _table["shape_tensor"](x)
    return tuple(lengths[i] if d is None else d for i, d in enumerate(dimensions))
