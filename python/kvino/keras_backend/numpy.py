"""keras.ops.numpy: the table's operators, and those whose signature or results Keras has otherwise."""

import functools
import string

import numpy as np

from kvino import sparse as _sparse
from kvino.keras_backend.core import convert_to_tensor
from kvino.keras_backend.operators import missing
from kvino.keras_backend.operators import operators
from kvino.keras_backend.vectorize import vectorize  # noqa: F401

_table = operators("numpy")
globals().update(_table)
__getattr__ = missing("numpy")


def array(x, dtype=None):
    return convert_to_tensor(x, dtype)


def ndim(x):
    return convert_to_tensor(x).ndim


def size(x):
    x = convert_to_tensor(x)
    return _table["prod"](operators("core")["shape_tensor"](x)) if None in x.shape else x.size


# ---- indices are int32 in Keras ----

argwhere = functools.partial(_table["argwhere"], dtype="int32")
flatnonzero = functools.partial(_table["flatnonzero"], dtype="int32")


def nonzero(x):
    return _table["nonzero"](x, dtype="int32")


def count_nonzero(x, axis=None):
    return _table["count_nonzero"](x, axis, dtype="int32")


def where(condition, x1=None, x2=None):
    if x1 is None and x2 is None:
        return nonzero(condition)
    return _table["where"](condition, x1, x2)


def bincount(x, weights=None, minlength=0, sparse=False):
    if sparse:
        return _sparse.bincount(x, weights, minlength)
    return _table["bincount"](x, weights, minlength)


# ---- results are one tensor, a list, or more than that ----


def unique(
    x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None, size=None, fill_value=None
):
    results = _table["unique"](x, sorted, return_index, return_inverse, return_counts, axis, size, fill_value)
    return results[0] if len(results) == 1 else results


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    samples = _table["linspace"](start, stop, num, endpoint, dtype, axis)
    if not retstep:
        return samples
    gaps = num - 1 if endpoint else num
    gap = _table["subtract"](stop, start)
    return samples, _table["divide"](gap, gaps if gaps > 0 else float("nan"))


def _as_list(name):
    op = _table[name]
    return functools.wraps(op)(lambda *args, **kwargs: list(op(*args, **kwargs)))


split = _as_list("split")
array_split = _as_list("array_split")
hsplit = _as_list("hsplit")
vsplit = _as_list("vsplit")
dsplit = _as_list("dsplit")


def meshgrid(*x, indexing="xy"):
    return list(_table["meshgrid"](x, indexing))


# ---- arguments ----


def histogram(x, bins=10, range=None):
    """The two ends as doubles, not as a list that becomes floatx."""
    return _table["histogram"](x, bins, None if range is None else np.asarray(range, "float64"))


def _letters(numbers):
    letters = string.ascii_uppercase + string.ascii_lowercase
    return "".join("..." if n is Ellipsis else letters[n] for n in numbers)


def einsum(subscripts, *operands, **kwargs):
    """einsum("ij,jk", a, b), or with lists of numbers instead of letters behind each operand: einsum(a, [0, 1], b, [1, 2])."""
    kwargs.pop("optimize", None)  # chooses among ways to the same sum
    if kwargs:
        raise TypeError(f"einsum() got an unexpected keyword argument '{next(iter(kwargs))}'")
    if isinstance(subscripts, str):
        return _table["einsum"](subscripts, operands)
    operands = subscripts, *operands
    text = ",".join(_letters(numbers) for numbers in operands[1::2])
    if len(operands) % 2:
        return _table["einsum"](f"{text}->{_letters(operands[-1])}", operands[:-1:2])
    return _table["einsum"](text, operands[::2])
