"""kvino.SparseTensor, and what the operators make of one: include/kvino/ops/sparse_rules.def says which does what.

The arithmetic is in C (include/kvino/ops/sparse.def), over the three values of a sparse tensor: here they go through an operator
together."""

import numpy as np

from kvino import _core
from kvino._core import Tensor
from kvino._core import ops
from kvino.operators import BINARY
from kvino.operators import define


def _plain(shape):
    """The shape as a tuple of int and, where a length is known at run time only, 0-d tensors."""
    return tuple(d if isinstance(d, Tensor) and d.is_symbolic else int(d) for d in shape)


class SparseTensor:
    """A tensor of which the elements that are not zero are kept: row i of `indices` says where values[i] is. Entries at the same
    place are added. Indices of fewer axes than the shape has place slices of the last axes, as of the rows of an embedding.

    canonical: the indices are sorted and no two the same. None: that is looked up, unless the graph is only recorded."""

    __slots__ = ("indices", "values", "_shape", "canonical", "__weakref__")
    __array_priority__ = 100

    def __init__(self, indices, values, shape, canonical=None, check=True):
        self.indices, self.values = _core.convert_to_tensor(indices), _core.convert_to_tensor(values)
        self._shape = _plain(shape)
        if self.indices.ndim != 2 or "int" not in self.indices.dtype:
            raise ValueError(f"indices must be integers with a row for each value, not {self.indices.dtype} {self.indices.shape}")
        axes = self.indices.shape[1]
        if axes > len(self._shape):
            raise ValueError(f"indices of {axes} axes do not fit the shape {self.shape}")
        if any(isinstance(d, int) and d < 0 for d in self._shape):
            raise ValueError(f"negative dimensions are not allowed: {self.shape}")
        entries = self.indices.shape[0], self.values.shape[0] if self.values.ndim else None
        if self.values.ndim != 1 + len(self._shape) - axes or (None not in entries and entries[0] != entries[1]):
            raise ValueError(
                f"values of shape {self.values.shape} do not fit indices of shape {self.indices.shape} in a tensor of shape {self.shape}"
            )
        if check and not self.indices.is_symbolic:
            self.indices = ops.sparse_check(self.indices, self._shape)
        self.canonical = _is_canonical(self.indices) if canonical is None else canonical

    # ---- what it is ----

    @property
    def shape(self):
        return tuple(d if isinstance(d, int) else None for d in self._shape)

    @property
    def dense_shape(self):
        """The shape as a tensor."""
        return ops.stack([ops.cast(d, "int64") for d in self._shape]) if self._shape else _core.convert_to_tensor(np.zeros(0, "int64"))

    @property
    def ndim(self):
        return len(self._shape)

    @property
    def dtype(self):
        return self.values.dtype

    @property
    def size(self):
        return int(np.prod(self.shape, dtype="int64"))

    @property
    def nse(self):
        """Entries, explicit zeros included; None where only a run will know."""
        return self.indices.shape[0]

    @property
    def dense_dims(self):
        return self.values.ndim - 1

    @property
    def is_symbolic(self):
        return self.indices.is_symbolic or self.values.is_symbolic

    def __repr__(self):
        return f"SparseTensor(shape={self.shape}, dtype={str(self.dtype)!r}, nse={self.nse})"

    def __len__(self):
        if not self._shape:
            raise TypeError("len() of unsized object")
        return self._shape[0]

    # ---- other forms of it ----

    @classmethod
    def fromdense(cls, x, dense_dims=0, index_dtype="int32"):
        x = _core.convert_to_tensor(x)
        indices, values = ops.sparse_from_dense(x, dense_dims, index_dtype)
        shape = x.shape if None not in x.shape else tuple(ops.shape_tensor(x, "int64")[i] for i in range(x.ndim))
        return cls(indices, values, shape, canonical=True, check=False)

    def todense(self):
        if not self.indices.shape[1]:
            return ops.cast(ops.sum(self.values, 0), self.dtype)
        if self.dtype == "bool":
            return ops.not_equal(ops.scatter(self.indices, ops.cast(self.values, "int32"), self._shape), 0)
        return ops.scatter(self.indices, self.values, self._shape)

    def coalesce(self):
        """The same in canonical form."""
        if self.canonical or not self.indices.shape[1]:
            return self
        return SparseTensor(*ops.sparse_coalesce(self.indices, self.values, self._shape), self._shape, True, False)

    def with_values(self, values):
        return SparseTensor(self.indices, values, self._shape, self.canonical, False)

    def with_axes(self):
        """The same with indices of all axes."""
        if not self.dense_dims:
            return self
        mine = self.coalesce()
        entries, values = ops.sparse_from_dense(mine.values)
        rows = ops.take(mine.indices, ops.squeeze(ops.sparse_axes(entries, [0]), 1), 0)
        rest = ops.sparse_axes(entries, range(1, mine.values.ndim))
        return SparseTensor(ops.concatenate([rows, ops.cast(rest, rows.dtype)], 1), values, self._shape, True, False)

    def numpy(self):
        return np.asarray(self.todense())

    def __array__(self, dtype=None, copy=None):
        x = self.numpy()
        return x if dtype is None else x.astype(dtype)

    def __kvino_tensor__(self):
        """What operators without a rule for sparse operands take it for."""
        return self.todense()

    def astype(self, dtype):
        return ops.cast(self, dtype)

    def tocoo(self):
        """As scipy.sparse.coo_array (a matrix, or with SciPy 1.13 any number of axes)."""
        from scipy import sparse

        mine = self.with_axes()
        coordinates = tuple(np.asarray(mine.indices).T)
        return sparse.coo_array((np.asarray(mine.values), coordinates), shape=self.shape)

    def tocsr(self):
        """As scipy.sparse.csr_array."""
        return self.tocoo().tocsr()

    def tobcoo(self):
        """As JAX's BCOO."""
        from jax.experimental import sparse

        arrays = np.asarray(self.values), np.asarray(self.indices)
        return sparse.BCOO(arrays, shape=self.shape, indices_sorted=self.canonical, unique_indices=self.canonical)

    def to_tf(self):
        """As tf.SparseTensor, in canonical form."""
        import tensorflow as tf

        mine = self.with_axes().coalesce()
        return tf.SparseTensor(np.asarray(mine.indices, "int64"), np.asarray(mine.values), self.shape)

    def row_splits(self):
        """Of the canonical form of a matrix, where each row's entries begin, and where the last one's end: CSR's indptr."""
        rows = ops.squeeze(ops.sparse_axes(self.coalesce().indices, [0]), 1)
        return ops.searchsorted(rows, ops.arange(self._shape[0] + 1, dtype=rows.dtype))

    @property
    def T(self):
        return ops.transpose(self)

    def __bool__(self):
        return bool(self.todense())

    __hash__ = object.__hash__


def _is_canonical(indices):
    if indices.is_symbolic:
        return False
    if indices.shape[0] < 2 or not indices.shape[1]:
        return indices.shape[0] < 2
    before, after = indices[:-1], indices[1:]
    rising = False
    for axis in reversed(range(indices.shape[1])):  # compared as rows: places counted in elements might not fit
        a, b = before[:, axis], after[:, axis]
        rising = ops.logical_or(ops.less(a, b), ops.logical_and(ops.equal(a, b), rising))
    return bool(ops.all(rising))


# ---- operators of Python ----

define(SparseTensor, BINARY)


# ---- from others' sparse tensors, by what they have ----


def is_foreign(x):
    """Whether x is a sparse tensor of SciPy's, JAX's or TensorFlow's."""
    module = type(x).__module__
    if module.startswith("scipy.sparse"):
        return hasattr(x, "tocoo")
    if module.startswith("jax.experimental.sparse"):
        return True
    return module.startswith("tensorflow") and type(x).__name__ in ("SparseTensor", "SparseTensorValue", "IndexedSlices")


def from_foreign(x):
    module = type(x).__module__
    if module.startswith("scipy.sparse"):
        return _from_scipy(x)
    if module.startswith("jax."):
        return _from_jax(x)
    indices, shape = np.asarray(x.indices), x.dense_shape
    if type(x).__name__ == "IndexedSlices":
        indices = indices[:, None]
    return SparseTensor(indices, np.asarray(x.values), [int(d) for d in np.asarray(shape)])


def _from_scipy(x):
    canonical = getattr(x, "format", "") == "csr" and x.has_canonical_format
    x = x.tocoo()
    coordinates = getattr(x, "coords", None) or (x.row, x.col)
    return SparseTensor(np.stack(coordinates, 1), x.data, x.shape, canonical=canonical or None, check=False)


def _from_jax(x):
    if not hasattr(x, "n_batch"):
        x = x.to_bcoo() if hasattr(x, "to_bcoo") else type(x)._bcoo_from_elt(x)
    if x.n_batch:
        x = x.update_layout(n_batch=0)
    indices, values = np.asarray(x.indices), np.asarray(x.data)
    inside = (indices < np.asarray(x.shape[: indices.shape[1]])).all(1)  # the rest is filled up with entries out of bounds
    if not inside.all():
        indices, values = indices[inside], values[inside]
    return SparseTensor(indices, values, x.shape)


def asparse(x):
    """x as a SparseTensor: one of ours, someone else's, or a dense tensor."""
    if isinstance(x, SparseTensor):
        return x
    return from_foreign(x) if is_foreign(x) else SparseTensor.fromdense(x)


# ---- what operators do ----


def _dense(x):
    if isinstance(x, SparseTensor):
        return x.todense()
    if isinstance(x, (list, tuple)) and any(isinstance(item, SparseTensor) for item in x):
        return type(x)(_dense(item) for item in x)
    return x


def _call_dense(function, args, kwargs):
    return function(*map(_dense, args), **{name: _dense(x) for name, x in kwargs.items()})


def _linear(function, args, kwargs):
    return _keep(function, args, kwargs, coalesce=False)


def _keep(function, args, kwargs, coalesce=True):
    given = [x for x in (*args, *kwargs.values()) if isinstance(x, SparseTensor)]
    if len(given) > 1:
        return _call_dense(function, args, kwargs)
    (x,) = given
    if coalesce:
        x = x.coalesce()
    args = [x.values if item is given[0] else item for item in args]
    kwargs = {name: x.values if item is given[0] else item for name, item in kwargs.items()}
    return x.with_values(function(*args, **kwargs))


def _operands(args, kwargs):
    if len(args) + len(kwargs) != 2:
        raise TypeError(f"a sparse operand: expected two operands, got {len(args) + len(kwargs)}")
    return (*args, *(kwargs[name] for name in sorted(kwargs)))


def _same_shape(x1, x2):
    return len(x1._shape) == len(x2._shape) and all(a == b for a, b in zip(x1.shape, x2.shape))


def _aligned(x1, x2, both=False):
    """Both with the same indices."""
    if x1.indices is x2.indices and x1.canonical and x2.canonical:
        return x1, x2
    if x1.dense_dims != x2.dense_dims:
        x1, x2 = x1.with_axes(), x2.with_axes()
    if not x1.indices.shape[1]:  # of numbers: an entry each
        return SparseTensor(x1.indices[:1] * 0, ops.sum(x1.values, 0)[None], x1._shape, True, False), SparseTensor(
            x1.indices[:1] * 0, ops.sum(x2.values, 0)[None], x1._shape, True, False
        )
    indices, values1, values2 = ops.sparse_align(x1.indices, x1.values, x2.indices, x2.values, x1._shape, both)
    return SparseTensor(indices, values1, x1._shape, True, False), SparseTensor(indices, values2, x1._shape, True, False)


def _unite(function, args, kwargs):
    x1, x2 = _operands(args, kwargs)
    if not (isinstance(x1, SparseTensor) and isinstance(x2, SparseTensor) and _same_shape(x1, x2)):
        return function(_dense(x1), _dense(x2))
    x1, x2 = _aligned(x1, x2)
    return x1.with_values(function(x1.values, x2.values))


def _at(x, dense):
    """The dense tensor's elements (slices) at the indices of x, or the number itself."""
    dense = _core.convert_to_tensor(dense) if not isinstance(dense, (int, float)) else dense
    if isinstance(dense, (int, float)) or not dense.ndim:
        return dense
    if tuple(dense.shape) != x.shape:
        dense = ops.broadcast_to(dense, x._shape)
    if not x.indices.shape[1]:
        return dense[None]
    return ops.gather_nd(dense, x.indices)


def _fits(x, dense):
    """Whether the dense operand broadcasts to the sparse one, and not the other way."""
    shape = tuple(getattr(dense, "shape", ()) if not isinstance(dense, (list, tuple)) else np.shape(dense))
    if len(shape) > x.ndim:
        return False
    return all(d == 1 or e is None or d is None or d == e for d, e in zip(reversed(shape), reversed(x.shape))) and all(
        not (e == 1 and d not in (1, None)) for d, e in zip(reversed(shape), reversed(x.shape))
    )


def _intersect(function, args, kwargs):
    x1, x2 = _operands(args, kwargs)
    if isinstance(x1, SparseTensor) and isinstance(x2, SparseTensor):
        if not _same_shape(x1, x2):
            return function(_dense(x1), _dense(x2))
        x1, x2 = _aligned(x1, x2, both=True)
        return x1.with_values(function(x1.values, x2.values))
    x, dense = (x1, x2) if isinstance(x1, SparseTensor) else (x2, x1)
    if not _fits(x, dense):
        return function(_dense(x1), _dense(x2))
    there = _at(x, dense)
    return x.with_values(function(x.values, there) if x is x1 else function(there, x.values))


def _quotient(function, args, kwargs):
    x1, x2 = _operands(args, kwargs)
    if isinstance(x2, SparseTensor) or not _fits(x1, x2):
        return function(_dense(x1), _dense(x2))
    divisor = _core.convert_to_tensor(x2)
    # A number that is 0, or NaN, makes NaN of every element; of one that only a run will know that is not asked, as with JAX.
    if not divisor.ndim and (divisor.is_symbolic or abs(complex(np.asarray(divisor))) > 0):
        return x1.with_values(function(x1.values, x2))
    if tuple(divisor.shape) != x1.shape:
        divisor = ops.broadcast_to(divisor, x1._shape)
    special = ops.logical_or(ops.equal(divisor, 0), ops.isnan(divisor))
    special = SparseTensor.fromdense(special, x1.dense_dims, x1.indices.dtype)
    x1, _ = _aligned(x1, special.with_values(ops.cast(special.values, x1.dtype)))
    return x1.with_values(function(x1.values, _at(x1, divisor)))


def _axes(axis, rank):
    axes = range(rank) if axis is None else axis if isinstance(axis, (list, tuple)) else (axis,)
    result = []
    for a in axes:
        a = int(a)
        if not -rank <= a < rank:
            raise ValueError(f"axis {a} is out of bounds for array of dimension {rank}")
        result.append(a % rank)
    if len(set(result)) != len(result):
        raise ValueError("duplicate value in 'axis'")
    return result


def _sum(function, x, axis=None, keepdims=False):
    axes = _axes(axis, x.ndim)
    x = x if all(a < x.indices.shape[1] for a in axes) else x.with_axes()
    kept = [i for i in range(x.ndim) if i not in axes]
    columns = [i for i in kept if i < x.indices.shape[1]]
    indices = ops.sparse_axes(x.indices, columns)
    values = function(x.values[:, None], 1)  # in the dtype that a sum has
    shape = [x._shape[i] for i in kept]
    if columns:
        y = SparseTensor(indices, values, shape, False, False).coalesce() if axes else SparseTensor(indices, values, shape, x.canonical, False)
    else:
        y = SparseTensor(indices[:1] if indices.shape[0] else np.zeros((1, 0), "int32"), function(values, 0)[None], shape, True, False)
    return _expand_dims(None, y, sorted(axes)) if keepdims else y


def _mean(function, x, axis=None, keepdims=False):
    axes = _axes(axis, x.ndim)
    count = 1
    for a in axes:
        count = count * x._shape[a]
    values = function(x.values[:, None], 1)  # in the dtype that a mean has
    total = _sum(ops.sum, x.with_values(values), axis, keepdims)
    return total.with_values(ops.cast(ops.true_divide(total.values, count), values.dtype))


def _expand_dims(_, x, axis):
    n = x.ndim + (len(axis) if isinstance(axis, (list, tuple)) else 1)
    new = _axes(axis, n)
    if new and x.dense_dims and max(new) > x.indices.shape[1]:
        x = x.with_axes()
    old, places, shape = iter(range(x.ndim)), [], []
    for i in range(n):
        k = None if i in new else next(old)
        shape.append(1 if k is None else x._shape[k])
        if k is None or k < x.indices.shape[1]:
            places.append(-1 if k is None else k)
    return SparseTensor(ops.sparse_axes(x.indices, places), x.values, shape, x.canonical, False)


def _squeeze(_, x, axis=None):
    axes = [i for i, d in enumerate(x.shape) if d == 1] if axis is None else _axes(axis, x.ndim)
    if any(x.shape[a] not in (1, None) for a in axes):
        raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    if axes and max(axes) >= x.indices.shape[1]:
        x = x.with_axes()
    kept = [i for i in range(x.ndim) if i not in axes]
    places = [i for i in kept if i < x.indices.shape[1]]
    return SparseTensor(ops.sparse_axes(x.indices, places), x.values, [x._shape[i] for i in kept], x.canonical, False)


def _transpose(_, x, axes=None):
    axes = list(reversed(range(x.ndim))) if axes is None else _axes(axes, x.ndim)
    if len(axes) != x.ndim:
        raise ValueError("axes don't match array")
    if axes == list(range(x.ndim)):
        return x
    x = x.with_axes()
    return SparseTensor(ops.sparse_axes(x.indices, axes), x.values, [x._shape[a] for a in axes], False, False)


def _product(lengths):
    n = 1
    for d in lengths:
        n = n * d
    return n


def _reshape(_, x, newshape):
    shape = [newshape] if not isinstance(newshape, (list, tuple)) else list(newshape)
    shape = list(_plain(shape))
    open_ = [i for i, d in enumerate(shape) if isinstance(d, int) and d < 0]
    if len(open_) > 1:
        raise ValueError("can only specify one unknown dimension")
    for i in open_:
        others = _product(d for k, d in enumerate(shape) if k != i)
        shape[i] = _product(x._shape) // others if not isinstance(others, int) or others else 0
    if all(isinstance(d, int) for d in (*shape, *x._shape)) and _product(shape) != _product(x._shape):
        raise ValueError(f"cannot reshape array of size {x.size} into shape {tuple(newshape)}")
    x = x.with_axes()
    if not x.ndim:
        return SparseTensor(ops.sparse_axes(x.indices, [-1] * len(shape)), x.values, shape, x.canonical, False)
    return SparseTensor(ops.sparse_reshape(x.indices, x._shape, shape), x.values, shape, x.canonical, False)


def _concatenate(function, tensors, axis=0):
    tensors = list(tensors)
    if not all(isinstance(x, SparseTensor) for x in tensors):
        return function([_dense(x) for x in tensors], axis)
    (axis,) = _axes(axis, tensors[0].ndim)
    shapes = [x._shape[:axis] + x._shape[axis + 1 :] for x in tensors]
    known = [[d if isinstance(d, int) else None for d in shape] for shape in shapes]
    if any(len(k) != len(known[0]) or any(a != b and None not in (a, b) for a, b in zip(k, known[0])) for k in known):
        raise ValueError("all the input array dimensions except for the concatenation axis must match exactly")
    tensors = [x.with_axes() for x in tensors]
    dtype = tensors[0].indices.dtype if all(x.indices.dtype == tensors[0].indices.dtype for x in tensors) else "int64"
    parts, start = [], 0
    for x in tensors:
        offset = [start if i == axis else 0 for i in range(x.ndim)]
        if not isinstance(start, int):
            offset = ops.stack([ops.cast(d, dtype) for d in offset])
        parts.append(ops.add(ops.cast(x.indices, dtype), ops.cast(offset, dtype)))
        start = start + x._shape[axis]
    shape = list(tensors[0]._shape)
    shape[axis] = start
    values = function([x.values for x in tensors], 0)
    canonical = axis == 0 and all(x.canonical for x in tensors)
    return SparseTensor(ops.concatenate(parts, 0), values, shape, canonical, False)


def _matmul(function, x1, x2):
    if not isinstance(x1, SparseTensor):
        x1 = _core.convert_to_tensor(x1)
    if not isinstance(x2, SparseTensor):
        x2 = _core.convert_to_tensor(x2)
    if x1.ndim == 2 and x2.ndim == 1 and not isinstance(x2, SparseTensor):
        return ops.squeeze(_matmul(function, x1, ops.expand_dims(x2, 1)), 1)
    if x1.ndim == 1 and x2.ndim == 2 and not isinstance(x1, SparseTensor):
        return ops.squeeze(_matmul(function, ops.expand_dims(x1, 0), x2), 0)
    if x1.ndim != x2.ndim or x1.ndim < 2:
        return function(_dense(x1), _dense(x2))
    if isinstance(x1, SparseTensor) and isinstance(x2, SparseTensor):
        if tuple(x1.shape[:-2]) != tuple(x2.shape[:-2]):  # stacks that broadcast
            return SparseTensor.fromdense(function(_dense(x1), _dense(x2)), 0, x1.indices.dtype)
        x1, x2 = x1.with_axes(), x2.with_axes()
        product = ops.sparse_product(x1.indices, x1.values, x1._shape, x2.indices, x2.values, x2._shape)
        return SparseTensor(*product, (*x1._shape[:-1], x2._shape[-1]), True, False)
    if isinstance(x1, SparseTensor):
        if tuple(x1.shape[:-2]) != tuple(x2.shape[:-2]):
            return function(_dense(x1), x2)
        x1 = x1.with_axes()
        return ops.sparse_matmul(x1.indices, x1.values, x1._shape, x2)
    turned = [*range(x1.ndim - 2), x1.ndim - 1, x1.ndim - 2]
    return ops.transpose(_matmul(function, ops.transpose(x2, turned), ops.transpose(x1, turned)), turned)


def _take(function, x, indices, axis=None):
    return function(_dense(x), _dense(indices), axis)


def _digitize(function, x, bins):
    if isinstance(bins, SparseTensor):
        return function(_dense(x), _dense(bins))
    x = x.coalesce()
    zero = function(np.zeros((), str(x.dtype) if x.dtype != "bfloat16" else "float32"), bins)
    if zero.is_symbolic or int(zero):  # or it may be another bin than the first
        return function(_dense(x), bins)
    return x.with_values(function(x.values, bins))


def one_hot(x, num_classes, axis=-1, dtype=None, values=None):
    """A 1, or the values given, at each index in [0, num_classes); without entries where there is none."""
    x = _core.convert_to_tensor(_dense(x))
    (axis,) = _axes(axis, x.ndim + 1)
    shape = list(x.shape if None not in x.shape else [ops.shape_tensor(x, "int64")[i] for i in range(x.ndim)])
    inside = ops.logical_and(ops.greater_equal(x, 0), ops.less(x, num_classes))
    places, _ = ops.sparse_from_dense(inside)
    classes = ops.cast(ops.gather_nd(x, places) if x.ndim else x[None], places.dtype)[:, None]
    ones = ops.ones_like(classes[:, 0], dtype=dtype or "float32")
    if values is not None:
        ones = ops.gather_nd(values, places)
    indices = ops.concatenate([places[:, :axis], classes, places[:, axis:]], 1)
    shape.insert(axis, num_classes)
    return SparseTensor(indices, ones, shape, axis == x.ndim, False)


def multi_hot(x, num_classes, axis=-1, dtype=None):
    x = _core.convert_to_tensor(_dense(x))
    counts = _sum(ops.sum, one_hot(x, num_classes, axis, "int32"), 1 if x.ndim > 1 else 0)
    return counts.with_values(ops.ones_like(counts.values, dtype=dtype or "float32"))


def bincount(x, weights=None, minlength=0):
    """One of these counts of a sparse x: of its entries."""
    if isinstance(x, SparseTensor):
        if weights is not None:
            if not isinstance(weights, SparseTensor):
                raise ValueError("`x` and `weights` must both be sparse tensors")
            same = x.indices is weights.indices or bool(ops.all(ops.equal(x.indices, weights.indices)))
            if not same:
                raise ValueError("`x` and `weights` must have the same indices")
        places, entries, batch = x.indices, x.values, x.ndim == 2
        weights = None if weights is None else weights.values
        if batch:
            length = _most(entries, minlength)
            row, column = ops.sparse_axes(places, [0]), ops.cast(entries[:, None], places.dtype)
            values = ops.ones_like(entries, dtype="int32") if weights is None else weights
            y = SparseTensor(ops.concatenate([row, column], 1), values, (x._shape[0], length), False)
            return y.coalesce()
        x = entries
    x = _core.convert_to_tensor(x)
    y = one_hot(x, _most(x, minlength), -1, "int32", weights)
    return _sum(ops.sum, y, 1 if x.ndim > 1 else 0)


def _most(x, minlength):
    return max(int(ops.max(x)) + 1 if x.size else 0, minlength)


def _bincount(function, x, weights=None, minlength=0, sparse=False):
    return bincount(x, weights, minlength)


_RULES = {
    "linear": _linear, "keep": _keep, "unite": _unite, "intersect": _intersect, "quotient": _quotient,
    "own": lambda function, args, kwargs: _OWN[function.__name__](function, *args, **kwargs),
}  # fmt: skip
_OWN = {
    "bincount": _bincount, "concatenate": _concatenate, "digitize": _digitize, "expand_dims": _expand_dims, "matmul": _matmul,
    "mean": _mean, "reshape": _reshape, "squeeze": _squeeze, "sum": _sum, "take": _take, "transpose": _transpose,
}  # fmt: skip


def _call(rule, function, args, kwargs):
    """An operator with a sparse operand and a rule for it."""
    return _RULES[rule](function, args, kwargs)


_core._set_form(False, SparseTensor, _call)
