"""What Keras's tests make sparse tensors with: they know those of TensorFlow and of JAX, so they are told that the backend is JAX and
get kvino's for `jax.experimental.sparse`.

JAX's leading axes of batches (n_batch) are axes of the indices like all others here."""

import contextlib
import sys
import types

import jax.experimental
import jax.numpy
import numpy as np
from jax.experimental import sparse as jax_sparse

import kvino


class _Type(type(kvino.SparseTensor)):
    def __instancecheck__(cls, x):
        return isinstance(x, kvino.SparseTensor)


class BCOO(metaclass=_Type):
    def __new__(cls, args, *, shape, **flags):
        data, indices = args
        x = jax_sparse.BCOO((np.asarray(data), np.asarray(indices)), shape=shape, **flags)
        y = kvino.sparse.from_foreign(x)
        # Tensors that are made with the same indices share them, as BCOO does; the tests say "sparse" or "slices" by its name.
        return y if x.n_batch or not isinstance(indices, kvino.Tensor) else kvino.SparseTensor(indices, y.values, shape)

    @staticmethod
    def fromdense(x, n_batch=0, **options):
        return kvino.SparseTensor.fromdense(np.asarray(x))


module = types.ModuleType("jax.experimental.sparse")
module.BCOO = module.JAXSparse = BCOO
module.random_bcoo = jax_sparse.random_bcoo


@contextlib.contextmanager
def in_place():
    """Whoever imports jax.experimental.sparse meanwhile gets kvino's."""
    saved, take = sys.modules[jax_sparse.__name__], jax.numpy.take
    sys.modules[jax_sparse.__name__] = jax.experimental.sparse = module
    jax.numpy.take = lambda x, *args, **kwargs: take(np.asarray(x), *args, **kwargs)  # of tensors that are not JAX's, either
    try:
        yield
    finally:
        sys.modules[jax_sparse.__name__] = jax.experimental.sparse = saved
        jax.numpy.take = take
