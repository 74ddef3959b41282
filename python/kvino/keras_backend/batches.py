"""The batches of fit, evaluate and predict: Keras's, but that sparse data (kvino's, SciPy's, JAX's, TensorFlow's) stays sparse,
and ragged data (kvino's, TensorFlow's) ragged."""

import numpy as np
from keras.src import backend
from keras.src import tree
from keras.src.backend.common.variables import is_float_dtype
from keras.src.trainers.data_adapters import array_slicing
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
from keras.src.trainers.data_adapters.generator_data_adapter import GeneratorDataAdapter
from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter
from keras.src.trainers.epoch_iterator import EpochIterator

from kvino.keras_backend.strings import Texts
from kvino.keras_backend.strings import as_data
from kvino.keras_backend.strings import as_tensors
from kvino.keras_backend.tensors import convert_to_tensor
from kvino import ragged
from kvino.ragged import RaggedTensor
from kvino.sparse import SparseTensor
from kvino.sparse import is_foreign


def is_sparse(x):
    return isinstance(x, SparseTensor) or is_foreign(x)


def is_ragged(x):
    return isinstance(x, RaggedTensor) or ragged.is_foreign(x)


class RaggedRows(array_slicing.Sliceable):
    """A ragged tensor, of which rows are taken."""

    def __init__(self, x):
        x = convert_to_tensor(x)
        if is_float_dtype(x.dtype) and x.dtype != backend.floatx():
            x = x.astype(backend.floatx())
        super().__init__(x)

    @property
    def shape(self):
        return self.array.shape


class SparseRows(array_slicing.Sliceable):
    """A sparse tensor, of which rows are taken: its entries row by row, as in the CSR format."""

    def __init__(self, x):
        x = convert_to_tensor(x).coalesce()
        if is_float_dtype(x.dtype) and x.dtype != backend.floatx():
            x = x.astype(backend.floatx())
        super().__init__(x)
        self.indices, self.values = np.asarray(x.indices), np.asarray(x.values)
        self.splits = np.searchsorted(self.indices[:, 0], np.arange(x.shape[0] + 1))

    @property
    def shape(self):
        return self.array.shape

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(self.shape[0])
            n, entries = max(stop - start, 0), slice(self.splits[start], self.splits[max(stop, start)])
            indices = self.indices[entries].copy()
            indices[:, 0] -= start
        else:
            rows = np.asarray(rows)
            n, first = len(rows), self.splits[rows]
            counts = self.splits[rows + 1] - first
            entries = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
            indices = self.indices[entries]
            indices[:, 0] = np.repeat(np.arange(n), counts)
        return SparseTensor(indices, self.values[entries], (n, *self.shape[1:]), canonical=True, check=False)


def train_validation_split(arrays, validation_split):
    """Keras's, which takes SciPy's matrices as they are."""
    arrays = tree.map_structure(lambda x: x.tocsr() if isinstance(x, SparseTensor) and x.ndim == 2 else x, arrays)
    if any(map(is_ragged, tree.flatten(arrays))):
        return _split_rows(arrays, validation_split)
    return array_slicing.train_validation_split(as_data(arrays), validation_split)


def _split_rows(arrays, validation_split):
    """The same, where some of them are ragged."""
    arrays = tree.map_structure(lambda x: x if x is None else convert_to_tensor(x), arrays)
    n = len(next(x for x in tree.flatten(arrays) if x is not None))
    at = int(np.floor(n * (1.0 - validation_split)))
    if not 0 < at < n:
        raise ValueError(
            f"Training data contains {n} samples, which is not sufficient to split it into a validation and training set as "
            f"specified by `validation_split={validation_split}`."
        )
    return tuple(tree.map_structure(lambda x: x if x is None else x[rows], arrays) for rows in (slice(at), slice(at, n)))


class Batches(EpochIterator):
    def _get_iterator(self):
        adapter = self.data_adapter
        if isinstance(adapter, ArrayDataAdapter) and not any(isinstance(x, Texts) for x in tree.flatten(adapter._inputs)):
            return self._get_batches(adapter)
        return map(as_tensors, self._get_batches(adapter))

    def _get_batches(self, adapter):
        if isinstance(adapter, ArrayDataAdapter) and any(is_sparse(x) or is_ragged(x) for x in tree.flatten(adapter._inputs)):
            return self._of_arrays(adapter)
        if isinstance(adapter, GeneratorDataAdapter):
            return self._of_generator(adapter.generator())
        if isinstance(adapter, PyDatasetAdapter):
            return self._of_generator(adapter._get_iterator())
        return adapter.get_numpy_iterator()

    def _of_arrays(self, adapter):
        def sliceable(x):
            if is_ragged(x):
                return RaggedRows(x)
            return SparseRows(x) if is_sparse(x) else array_slicing.convert_to_sliceable(x, target_backend="numpy")

        def rows(x, indices=None):
            part = x[indices]
            return part if isinstance(part, (SparseTensor, RaggedTensor)) else x.convert_to_numpy(part)

        return adapter._get_iterator(rows, tree.map_structure(sliceable, adapter._inputs))

    def _of_generator(self, generator):
        """As Keras's get_numpy_iterator, which makes arrays of what is not one."""

        def array(x):
            if is_sparse(x) or is_ragged(x):
                return convert_to_tensor(x)
            return np.asarray(x) if hasattr(x, "__array__") else x

        for batch in generator:
            yield tree.map_structure(array, batch, none_is_leaf=False)
