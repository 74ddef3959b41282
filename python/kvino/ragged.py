"""kvino.RaggedTensor, whose rows have lengths of their own, and what the operators make of one: include/kvino/ops/ragged_rules.def
says which does what.

The arithmetic is in C (include/kvino/ops/ragged.def), over values and row_splits: here they go through an operator together."""

import numpy as np

from kvino import _core
from kvino._core import Tensor
from kvino._core import ops
from kvino.operators import BINARY
from kvino.operators import BITWISE
from kvino.operators import define


def _vector(x):
    x = _core.convert_to_tensor(x)
    return ops.cast(x, "int64") if "int" in x.dtype and x.dtype != "int64" else x


class RaggedTensor:
    """Rows of values: row i is values[row_splits[i] : row_splits[i + 1]]. Where the values are ragged themselves, so are the
    rows of each row. All axes behind those have one length."""

    __slots__ = ("flat_values", "nested_row_splits", "__weakref__")
    __array_priority__ = 100

    def __init__(self, values, row_splits, check=True):
        splits = _vector(row_splits)
        if isinstance(values, RaggedTensor):
            inner, outermost = values.nested_row_splits, values.nested_row_splits[0][1:]
            self.flat_values = values.flat_values
        else:
            inner, outermost = (), values
            outermost = self.flat_values = _core.convert_to_tensor(values)
        if check:
            splits = ops.ragged_check(splits, outermost)
        self.nested_row_splits = (splits, *inner)

    # ---- made of something else ----

    @classmethod
    def from_row_splits(cls, values, row_splits):
        return cls(values, row_splits)

    @classmethod
    def from_row_lengths(cls, values, row_lengths):
        return cls(values, ops.ragged_splits(_vector(row_lengths)))

    @classmethod
    def from_value_rowids(cls, values, value_rowids, nrows=None):
        """Rows of values by the number of the row that each is in: these must not decrease."""
        rows = np.asarray(value_rowids, "int64")
        if rows.size and rows[0] < 0:
            raise ValueError(f"value_rowids must not be negative: entry 0 is {rows[0]}")
        for i in np.flatnonzero(np.diff(rows) < 0)[:1]:
            raise ValueError(f"value_rowids must not decrease: entry {i + 1} is {rows[i + 1]}, after {rows[i]}")
        n = int(rows[-1]) + 1 if rows.size else 0
        if nrows is not None and nrows < n:
            raise ValueError(f"value_rowids must be below nrows={nrows}: entry {rows.size - 1} is {n - 1}")
        return cls.from_row_lengths(values, np.bincount(rows, minlength=n if nrows is None else nrows))

    @classmethod
    def from_tensor(cls, x, lengths=None, padding=None):
        """The rows of a dense tensor: all of each, or the first `lengths`, or what is left without `padding` at their ends."""
        x = _core.convert_to_tensor(x)
        if x.ndim < 2:
            raise ValueError(f"a ragged tensor has two axes or more, not {x.ndim}")
        if padding is not None:
            if lengths is not None:
                raise ValueError("Specify only one of `lengths` and `padding`")
            is_value = ops.not_equal(x, padding)
            if x.ndim > 2:
                is_value = ops.any(is_value, axis=tuple(range(2, x.ndim)))
            place = ops.arange(1, x.shape[1] + 1, dtype="int64")
            lengths = ops.max(ops.where(is_value, place, 0), 1, initial=0)
        elif lengths is None:
            rows, width = (ops.shape_tensor(x, "int64")[i : i + 1] for i in range(2))
            lengths = ops.broadcast_to(width, [rows[0]])
        lengths = _vector(lengths)
        return cls(ops.ragged_from_dense(x, lengths), ops.ragged_splits(lengths), check=False)

    # ---- what it is ----

    @property
    def row_splits(self):
        return self.nested_row_splits[0]

    @property
    def ragged_rank(self):
        return len(self.nested_row_splits)

    @property
    def values(self):
        if self.ragged_rank == 1:
            return self.flat_values
        return with_splits(self.flat_values, self.nested_row_splits[1:])

    @property
    def shape(self):
        rows = self.row_splits.shape[0]
        return (None if rows is None else rows - 1, *(None for _ in self.nested_row_splits), *self.flat_values.shape[1:])

    @property
    def ndim(self):
        return self.ragged_rank + self.flat_values.ndim

    @property
    def dtype(self):
        return self.flat_values.dtype

    @property
    def is_symbolic(self):
        return any(x.is_symbolic for x in parts(self))

    def nrows(self):
        """How many rows there are; a tensor where only a run will know."""
        rows = self.shape[0]
        return ops.shape_tensor(self.row_splits, "int64")[0] - 1 if rows is None else rows

    def row_lengths(self):
        return self.row_splits[1:] - self.row_splits[:-1]

    def value_rowids(self):
        """The row that each value is in."""
        return ops.ragged_rows(self.row_splits)

    def bounding_shape(self):
        """The smallest shape that all rows fit into, as a tensor."""
        longest = [ops.max(splits[1:] - splits[:-1], initial=0)[None] for splits in self.nested_row_splits]
        inner = ops.shape_tensor(self.flat_values, "int64")[1:]
        return ops.concatenate([ops.shape_tensor(self.row_splits, "int64") - 1, *longest, inner])

    def __repr__(self):
        return f"RaggedTensor(shape={self.shape}, dtype={str(self.dtype)!r})"

    def __len__(self):
        return self.shape[0]

    def __bool__(self):
        raise ValueError("The truth value of a ragged tensor is ambiguous. Use any() or all() of its values")

    # ---- other forms of it ----

    def to_tensor(self, default_value=0, width=None):
        """Dense, shorter rows filled up; width: a length of the rows, which may cut some off."""
        if isinstance(default_value, str):
            default_value = _core.convert_to_tensor(default_value)
        values = self.values
        if self.ragged_rank > 1:
            values = values.to_tensor(default_value)
        return ops.ragged_to_dense(values, self.row_splits, default_value, width)

    def to_list(self):
        values = self.values.to_list() if self.ragged_rank > 1 else self.flat_values.numpy().tolist()
        splits = self.row_splits.numpy()
        return [values[a:b] for a, b in zip(splits, splits[1:])]

    def to_tf(self):
        """As tf.RaggedTensor."""
        import tensorflow as tf

        return tf.RaggedTensor.from_nested_row_splits(self.flat_values.numpy(), [splits.numpy() for splits in self.nested_row_splits])

    def with_flat_values(self, values):
        return with_splits(values, self.nested_row_splits)

    def with_values(self, values):
        return RaggedTensor(values, self.row_splits)

    def numpy(self):
        return np.asarray(self.to_tensor("" if self.dtype == "string" else 0))

    def __array__(self, dtype=None, copy=None):
        x = self.numpy()
        return x if dtype is None else x.astype(dtype)

    def __kvino_tensor__(self):
        """What operators without a rule for ragged operands take it for."""
        raise TypeError("this operator does not take ragged tensors: to_tensor() makes a dense one, with shorter rows filled up")

    def astype(self, dtype):
        return ops.cast(self, dtype)

    # ---- rows ----

    def __getitem__(self, rows):
        if isinstance(rows, tuple):
            return self._column(*rows)
        if isinstance(rows, (int, np.integer)):
            n = len(self)
            if not -n <= rows < n:
                raise IndexError(f"row {rows} is out of bounds for a ragged tensor with {n} rows")
            rows = int(rows) % n
            begin, end = (int(i) for i in self.row_splits.numpy()[rows : rows + 2])
            return self.values[begin:end]
        if isinstance(rows, slice):
            rows = np.arange(len(self))[rows]
        rows = np.asarray(rows)
        if rows.dtype == bool:
            if rows.shape != (len(self),):
                raise IndexError(f"a mask of shape {rows.shape} does not fit a ragged tensor with {len(self)} rows")
            rows = np.flatnonzero(rows)
        return self.take_rows(rows)

    def _column(self, rows, place=slice(None), *others):
        """x[:, i]: what stands at one place of each row, 0 where the row is shorter; of the last ones, too."""
        if rows != slice(None) or not isinstance(place, (int, np.integer)) or self.ragged_rank > 1:
            raise TypeError("a ragged tensor is indexed by rows, x[i], or by one place in each row, x[:, i]; to_tensor() makes a dense one")
        x, place = (self, int(place)) if place >= 0 else (_reversed_rows(self), -1 - int(place))
        return x.to_tensor(width=place + 1)[(slice(None), place, *others)]

    def take_rows(self, rows):
        """The rows of these numbers, in that order."""
        rows = np.asarray(rows, "int64")
        wrong = np.flatnonzero((rows < -len(self)) | (rows >= len(self)))
        if rows.ndim != 1 or wrong.size:
            raise IndexError(f"row {rows[wrong[0]]} is out of bounds for a ragged tensor with {len(self)} rows" if wrong.size else "rows must be a vector")
        rows = rows % max(len(self), 1)
        splits = self.row_splits.numpy()
        lengths = splits[rows + 1] - splits[rows]
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1] if rows.size else 0) + np.repeat(splits[rows] - ends + lengths, lengths)
        values = self.values.take_rows(places) if self.ragged_rank > 1 else ops.take(self.values, places, 0)
        return RaggedTensor(values, np.concatenate([[0], ends]), check=False)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    __hash__ = object.__hash__


def parts(x):
    """The tensors that x is made of."""
    return (x.flat_values, *x.nested_row_splits)


def with_splits(values, nested_row_splits):
    """Of tensors that fit each other."""
    x = RaggedTensor.__new__(RaggedTensor)
    x.flat_values, x.nested_row_splits = values, tuple(nested_row_splits)
    return x


# ---- operators of Python ----

define(RaggedTensor, {**BINARY, **BITWISE})
RaggedTensor.__invert__ = lambda self: ops.bitwise_not(self)


# ---- from nested lists, and from others' ragged tensors ----


def _is_list(x):
    return isinstance(x, (list, tuple))


def _depth(x):
    """Of nested lists: their number, one within the other; arrays inside have their axes."""
    if not _is_list(x):
        return np.ndim(x)
    return 1 + max(map(_depth, x), default=0)


def _items(rows, where):
    """The items of all rows, one after the other, and the lengths of the rows."""
    items, lengths = [], []
    for i, row in enumerate(rows):
        if not _is_list(row) and not np.ndim(row):
            raise ValueError(f"nested lists must have values at one depth: {where}[{i}] is {row!r}, not a list")
        lengths.append(len(row))
        items.extend(row)
    return items, lengths


def constant(rows, dtype=None, ragged_rank=None):
    """Of nested lists, of any lengths, or a list of arrays. ragged_rank: how many axes after the first are ragged; of lists all,
    of arrays the first."""
    if not _is_list(rows):
        raise TypeError(f"a ragged tensor is made of nested lists, not of {type(rows).__name__}")
    depth = _depth(rows)
    if ragged_rank is None:
        arrays = any(not _is_list(row) and np.ndim(row) for row in rows)
        ragged_rank = 1 if arrays else max(depth - 1, 1)
    if not 1 <= ragged_rank < max(depth, 2):
        raise ValueError(f"ragged_rank {ragged_rank} of lists of depth {depth}: it is at least 1 and below the depth")
    items, nested = list(rows), []
    for level in range(ragged_rank):
        items, lengths = _items(items, "row" if level == 0 else f"row of level {level}")
        nested.append(ops.ragged_splits(np.asarray(lengths, "int64")))
    kinds = {_depth(x) for x in items}
    if len(kinds) > 1:
        raise ValueError(f"nested lists must have values at one depth, found {' and '.join(str(ragged_rank + d) for d in sorted(kinds))}")
    if any(isinstance(x, np.ndarray) for x in items):
        items = np.asarray(items)
    values = _core.convert_to_tensor(items if len(items) else np.zeros(0, dtype or "float32"), dtype)
    return with_splits(values, nested)


RaggedTensor.constant = staticmethod(constant)


def is_foreign(x):
    """Whether x is a ragged tensor of TensorFlow's."""
    return type(x).__name__ in ("RaggedTensor", "RaggedTensorValue") and type(x).__module__.startswith("tensorflow")


def from_foreign(x):
    values = x.flat_values
    values = values.numpy() if hasattr(values, "numpy") else values
    return with_splits(_core.convert_to_tensor(values), [_vector(np.asarray(splits)) for splits in x.nested_row_splits])


def asragged(x):
    """x as a RaggedTensor: one of ours, or TensorFlow's."""
    return x if isinstance(x, RaggedTensor) else from_foreign(x)


# ---- what operators do ----


def _same_rows(x1, x2):
    """x1, if x2 has the same rows."""
    if x1.ragged_rank != x2.ragged_rank:
        raise ValueError(f"ragged operands must have the same ragged_rank: {x1.ragged_rank} and {x2.ragged_rank}")
    pairs = list(zip(x1.nested_row_splits, x2.nested_row_splits))
    if all(a is b for a, b in pairs):
        return x1
    return with_splits(x1.flat_values, [a if a is b else ops.ragged_same(a, b) for a, b in pairs])


def _beside(x, dense):
    """A dense operand as one that broadcasts against x's values."""
    dense = _core.convert_to_tensor(dense)
    inner = x.flat_values.ndim - 1
    if dense.ndim <= inner:
        return dense
    outer = dense.ndim - inner  # axes of the dense one that are not among the inner ones
    lengths = dense.shape[:outer]
    if outer == x.ragged_rank + 1 and all(d == 1 for d in lengths[1:]):
        dense = ops.squeeze(dense, tuple(range(1, outer)))
        return dense if lengths[0] == 1 else _at_values(x, dense)
    if all(d == 1 for d in lengths):
        return ops.squeeze(dense, tuple(range(outer - 1)))
    raise ValueError(
        f"operands of shapes {x.shape} and {dense.shape} do not fit: a dense one has a length of 1 on the ragged axes; to_tensor() fills up rows"
    )


def _at_values(x, rows):
    """What is there for each row of x, for each of its values."""
    rows = ops.take(rows, x.value_rowids(), 0)
    return rows if x.ragged_rank == 1 else _at_values(x.values, rows)


def _flat(function, args, kwargs):
    given = [x for x in (*args, *kwargs.values()) if isinstance(x, RaggedTensor)]
    x = given[0]
    for other in given[1:]:
        x = _same_rows(x, other)

    def values(item):
        if isinstance(item, RaggedTensor):
            return item.flat_values
        if item is None or isinstance(item, (str, bool, int, float, complex, type, np.dtype)):
            return item
        return _beside(x, item)

    return x.with_flat_values(function(*map(values, args), **{name: values(item) for name, item in kwargs.items()}))


def _axis(axis, rank):
    axis = int(axis)
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} is out of bounds for array of dimension {rank}")
    return axis % rank


def _axes(axis, rank):
    axes = list(range(rank)) if axis is None else [_axis(a, rank) for a in (axis if isinstance(axis, (list, tuple)) else (axis,))]
    if len(set(axes)) != len(axes):
        raise ValueError("duplicate value in 'axis'")
    return sorted(axes)


def _inner(x, axis):
    """The axis of x's values that this one is, which must not be ragged."""
    axis = _axis(axis, x.ndim)
    if axis <= x.ragged_rank:
        raise ValueError(f"axis {axis} of a ragged tensor of shape {x.shape}: to_tensor() makes a dense one")
    return axis - x.ragged_rank


def _least(dtype, most=False):
    if dtype == "bool":
        return most
    if "int" in dtype:
        return np.iinfo(dtype).max if most else np.iinfo(dtype).min
    return float("inf" if most else "-inf")


# What rows are filled up with, so that a result over them is not another.
_NEUTRAL = {
    "sum": lambda dtype: 0, "prod": lambda dtype: 1, "count_nonzero": lambda dtype: 0,
    "any": lambda dtype: 0, "all": lambda dtype: 1, "logsumexp": _least,
    "max": _least, "amax": _least, "min": lambda dtype: _least(dtype, True), "amin": lambda dtype: _least(dtype, True),
}  # fmt: skip


def _reduce(function, args, kwargs):
    return _reduced(function, *args, **kwargs)


def _reduced(function, x, axis=None, keepdims=False, **options):
    axes = _axes(axis, x.ndim)
    ragged = x.ragged_rank
    leading = [a for a in axes if a <= ragged]
    inner = tuple(a - ragged for a in axes if a > ragged)
    if not leading:
        return x.with_flat_values(function(x.flat_values, axis=inner, keepdims=keepdims, **options))
    if len(leading) == ragged + 1:  # all of them: of the values
        y = function(x.flat_values, axis=(0, *inner), keepdims=keepdims, **options)
        return ops.expand_dims(y, tuple(range(ragged))) if keepdims else y
    if leading[0] == 0:
        if leading == [0] and ragged == 1:
            return _reduced_rows(function, x, (0, *(a + 1 for a in inner)), keepdims, options)
    elif leading == [1] and ragged == 1:
        return _reduced_rows(function, x, (1, *(a + 1 for a in inner)), keepdims, options)
    elif leading[0] > 1 and not keepdims:  # of the rows inside
        y = _reduced(function, x.values, tuple(a - 1 for a in axes), **options)
        return RaggedTensor(y, x.row_splits, check=False)
    raise ValueError(f"{function.__name__}() over the axes {axis} of a ragged tensor of shape {x.shape}: to_tensor() makes a dense one")


def _reduced_rows(function, x, axes, keepdims, options):
    """Over one of the first two axes and others."""
    name = function.__name__
    if name in ("mean", "var", "std"):
        return _moment(name, x, axes, keepdims)
    neutral = _NEUTRAL[name](x.dtype)
    if name in ("max", "amax", "min", "amin"):  # of no rows, too
        function, options = (ops.max if "max" in name else ops.min), {"initial": neutral, **options}
    return function(x.to_tensor(neutral), axis=axes, keepdims=keepdims, **options)


def _moment(name, x, axes, keepdims):
    """mean, var and std: of what is there."""
    values = ops.mean(x.flat_values[:, None], axis=1)  # in the dtype that a mean has
    dtype, x = values.dtype, x.with_flat_values(values)
    if dtype in ("float16", "bfloat16"):
        x = ops.cast(x, "float32")
    there = x.with_flat_values(ops.ones_like(x.flat_values)).to_tensor()
    dense, count = x.to_tensor(), ops.sum(there, axis=axes, keepdims=True)
    mean = ops.true_divide(ops.sum(dense, axis=axes, keepdims=True), count)
    if name != "mean":
        apart = ops.subtract(dense, mean)
        apart = ops.multiply(ops.multiply(apart, ops.conj(apart)), there)
        mean = ops.real(ops.true_divide(ops.sum(apart, axis=axes, keepdims=True), count))
        mean = ops.sqrt(mean) if name == "std" else mean
    mean = ops.cast(mean, dtype) if "complex" not in dtype else mean
    return mean if keepdims else ops.squeeze(mean, axes)


def _by_rows(function, x, filling):
    """A function of the padded rows, [rows, width, ...], whose results have the same places."""
    lengths = x.row_lengths()
    return with_splits(ops.ragged_from_dense(function(x.to_tensor(filling)), lengths), x.nested_row_splits)


def _softmax(function, x, axis=-1):
    axes = _axes(axis, x.ndim)
    if x.ragged_rank == 1 and axes == [1]:
        return _by_rows(lambda dense: function(dense, axis=1), x, _least(x.dtype))
    return x.with_flat_values(function(x.flat_values, axis=tuple(_inner(x, a) for a in axes)))


def _layer_normalization(function, x, gamma=None, beta=None, axis=-1, *args, **kwargs):
    inner = tuple(_inner(x, a) for a in _axes(axis, x.ndim))
    return x.with_flat_values(function(x.flat_values, gamma, beta, inner, *args, **kwargs))


def _rms_normalization(function, x, scale=None, axis=-1, *args, **kwargs):
    inner = tuple(_inner(x, a) for a in _axes(axis, x.ndim))
    return x.with_flat_values(function(x.flat_values, scale, inner, *args, **kwargs))


def _moments(function, x, axes, keepdims=False, **options):
    axes = _axes(axes, x.ndim)
    leading = [a for a in axes if a <= x.ragged_rank]
    inner = tuple(a - x.ragged_rank for a in axes if a > x.ragged_rank)
    if not leading:
        return tuple(x.with_flat_values(y) for y in function(x.flat_values, inner, keepdims, **options))
    if len(leading) <= x.ragged_rank:
        raise ValueError(f"moments() over the axes {axes} of a ragged tensor of shape {x.shape}: to_tensor() makes a dense one")
    results = function(x.flat_values, (0, *inner), keepdims, **options)
    return tuple(ops.expand_dims(y, tuple(range(x.ragged_rank))) for y in results) if keepdims else results


def _batch_normalization(function, x, mean, variance, axis, *args, **kwargs):
    return x.with_flat_values(function(x.flat_values, mean, variance, _inner(x, axis), *args, **kwargs))


def _expand_dims(function, x, axis):
    axis = _axis(axis if not isinstance(axis, (list, tuple)) else axis[0], x.ndim + 1)
    if axis <= x.ragged_rank:
        raise ValueError(f"expand_dims() of a ragged tensor of shape {x.shape} adds axes behind the ragged ones, not {axis}")
    return x.with_flat_values(function(x.flat_values, axis - x.ragged_rank))


def _squeeze(function, x, axis=None):
    lengths = x.flat_values.shape
    axes = [i for i in range(1, len(lengths)) if lengths[i] == 1] if axis is None else [_inner(x, a) for a in _axes(axis, x.ndim)]
    return x.with_flat_values(function(x.flat_values, tuple(axes)) if axes else x.flat_values)


def _one_hot(function, x, num_classes, axis=-1, dtype=None):
    axis = _axis(axis, x.ndim + 1)
    if axis <= x.ragged_rank:
        raise ValueError(f"one_hot() of a ragged tensor puts the classes behind its ragged axes, not at {axis}")
    return x.with_flat_values(function(x.flat_values, num_classes, axis - x.ragged_rank, dtype or "float32"))


def _matmul(function, x1, x2):
    """Rows of vectors by a matrix."""
    if isinstance(x1, RaggedTensor) and not isinstance(x2, RaggedTensor):
        x2 = _core.convert_to_tensor(x2)
        if x1.flat_values.ndim >= 2 and x2.ndim <= 2:
            return x1.with_flat_values(function(x1.flat_values, x2))
    raise ValueError("matmul() takes a ragged tensor whose last axis is not ragged, and a dense matrix; to_tensor() makes a dense one")


def _dropout(function, seed, x, rate, noise_shape=None):
    if noise_shape is not None:
        raise ValueError("dropout() of a ragged tensor does not take a noise_shape")
    return x.with_flat_values(function(seed, x.flat_values, rate, None))


def _reversed_rows(x):
    splits, rows = x.row_splits, x.value_rowids()
    place = ops.arange(ops.shape_tensor(rows, "int64")[0], dtype="int64")
    at = ops.take(splits[:-1], rows, 0) + ops.take(splits[1:], rows, 0) - 1 - place
    return with_splits(ops.take(x.flat_values, at, 0), x.nested_row_splits)


def _flip(function, x, axis=None):
    for a in reversed(_axes(axis, x.ndim)):
        if a == 1 and x.ragged_rank == 1:
            x = _reversed_rows(x)
        else:
            x = x.with_flat_values(function(x.flat_values, _inner(x, a)))
    return x


def _take(function, x, indices, axis=None):
    if isinstance(x, RaggedTensor):
        if isinstance(indices, RaggedTensor) or axis is None or _axis(axis, x.ndim):
            raise ValueError("take() from a ragged tensor takes rows, by dense indices: axis=0")
        return x.take_rows(np.asarray(indices))
    x = _core.convert_to_tensor(x)
    if axis is None or not _axis(axis, x.ndim):
        return indices.with_flat_values(function(x, indices.flat_values, axis))
    # For each of the axes before, all rows once more.
    axis = _axis(axis, x.ndim)
    there = indices.with_flat_values(ops.ones_like(indices.flat_values)).to_tensor()
    taken = function(x, indices.to_tensor(), axis)
    for _ in range(x.ndim - 1 - axis):
        there = ops.expand_dims(there, -1)
    return ops.where(ops.not_equal(there, 0), taken, ops.zeros_like(taken))


def _as_ragged(x, like):
    if isinstance(x, RaggedTensor):
        return x
    if like.ragged_rank > 1:
        raise ValueError("concatenate() of dense and ragged tensors takes ragged ones of one ragged axis")
    return RaggedTensor.from_tensor(x)


def _concatenate(function, tensors, axis=0):
    tensors = list(tensors)
    like = next(x for x in tensors if isinstance(x, RaggedTensor))
    axis = _axis(axis, like.ndim)
    if axis > like.ragged_rank:
        for x in tensors:
            if not isinstance(x, RaggedTensor):
                raise ValueError("concatenate() along an axis that is not ragged takes ragged tensors alone")
            like = _same_rows(like, x)
        return like.with_flat_values(function([x.flat_values for x in tensors], axis - like.ragged_rank))
    tensors = [_as_ragged(x, like) for x in tensors]
    if any(x.ragged_rank != like.ragged_rank for x in tensors):
        raise ValueError("concatenate() takes ragged tensors of the same ragged_rank")
    if axis == 0:
        return _one_below_the_other(function, tensors)
    if axis > 1:
        inner = _concatenate(function, [x.values for x in tensors], axis - 1)
        return RaggedTensor(inner, like.row_splits, check=False)
    if like.ragged_rank > 1:
        raise ValueError("concatenate() of rows of rows is along the first or the last ragged axis")
    return _side_by_side(function, tensors)


def _one_below_the_other(function, tensors):
    nested = []
    for level in range(tensors[0].ragged_rank):
        parts = [x.nested_row_splits[level] for x in tensors]
        joined, end = [parts[0]], parts[0][-1]
        for part in parts[1:]:
            joined.append(part[1:] + end)
            end = end + part[-1]
        nested.append(ops.concatenate(joined, 0))
    return with_splits(function([x.flat_values for x in tensors], 0), nested)


def _side_by_side(function, tensors):
    first, k = tensors[0], len(tensors)
    lengths = [x.row_lengths() for x in tensors]
    for x in tensors[1:]:
        if None not in (first.shape[0], x.shape[0]) and first.shape[0] != x.shape[0]:
            raise ValueError(f"concatenate() of {first.shape[0]} and {x.shape[0]} rows")
    # The parts of each row one after the other: the order of (row, tensor), in which values stay in that of their tensor.
    keys = ops.concatenate([x.value_rowids() * k + i for i, x in enumerate(tensors)], 0)
    values = ops.take(function([x.flat_values for x in tensors], 0), ops.argsort(keys), 0)
    total = lengths[0]
    for more in lengths[1:]:
        total = total + more
    return with_splits(values, (ops.ragged_splits(total),))


_RULES = {
    "flat": _flat, "reduce": _reduce,
    "own": lambda function, args, kwargs: _OWN[function.__name__](function, *args, **kwargs),
}  # fmt: skip
_OWN = {
    "batch_normalization": _batch_normalization, "concatenate": _concatenate, "dropout": _dropout, "expand_dims": _expand_dims, "flip": _flip,
    "layer_normalization": _layer_normalization, "log_softmax": _softmax, "matmul": _matmul, "moments": _moments, "one_hot": _one_hot,
    "rms_normalization": _rms_normalization, "softmax": _softmax, "squeeze": _squeeze, "take": _take,
}  # fmt: skip


def _call(rule, function, args, kwargs):
    """An operator with a ragged operand and a rule for it."""
    return _RULES[rule](function, args, kwargs)


_core._set_form(True, RaggedTensor, _call)
