"""keras.ops.core: the table's operators, conversions, control flow and derivatives, devices, shape inference."""

import contextlib

from keras.src import tree
from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.keras_tensor import KerasTensor
from keras.src.backend.common.stateless_scope import StatelessScope
from keras.src.backend.common.symbolic_scope import SymbolicScope

from kvino import _core
from kvino.keras_backend.control_flow import associative_scan  # noqa: F401
from kvino.keras_backend.control_flow import cond  # noqa: F401
from kvino.keras_backend.control_flow import fori_loop  # noqa: F401
from kvino.keras_backend.control_flow import map  # noqa: F401
from kvino.keras_backend.control_flow import scan  # noqa: F401
from kvino.keras_backend.control_flow import switch  # noqa: F401
from kvino.keras_backend.control_flow import vectorized_map  # noqa: F401
from kvino.keras_backend.control_flow import while_loop  # noqa: F401
from kvino.keras_backend.derivatives import custom_gradient  # noqa: F401
from kvino.keras_backend.derivatives import grad  # noqa: F401
from kvino.keras_backend.derivatives import remat  # noqa: F401
from kvino.keras_backend.operators import missing
from kvino.keras_backend.operators import operators
from kvino.keras_backend.tensors import cast  # noqa: F401
from kvino.keras_backend.tensors import convert_to_numpy  # noqa: F401
from kvino.keras_backend.tensors import convert_to_tensor  # noqa: F401
from kvino.keras_backend.tensors import is_tensor  # noqa: F401
from kvino.keras_backend.tensors import shape  # noqa: F401
from kvino.keras_backend.variable import Variable  # noqa: F401
from kvino.ragged import RaggedTensor
from kvino.ragged import with_splits
from kvino.sparse import SparseTensor

_table = operators("core")
globals().update({name: op for name, op in _table.items() if name not in globals()})
__getattr__ = missing("core")

SUPPORTS_SPARSE_TENSORS = True
SUPPORTS_RAGGED_TENSORS = True
SUPPORTS_COMPLEX_DTYPES = True
SUPPORTS_GRADIENT = True
IS_THREAD_SAFE = True


def random_seed_dtype():
    return "uint32"


def _device(name):
    """OpenVINO's name of a device of Keras's: "cpu:0" is "CPU", "gpu:1" is "GPU.1"; others are as written: "AUTO:GPU,CPU"."""
    kind, _, rest = str(name).partition(":")
    if rest and not rest.isdecimal():
        return str(name)
    kind = "native" if kind.lower() == "native" else kind.upper()
    return kind if kind in ("CPU", "native") or not rest else f"{kind}.{rest}"


@contextlib.contextmanager
def device_scope(device_name):
    """The device that functions traced inside, by this thread, are compiled for."""
    with _core.config(device=_device(device_name)):
        yield


# ---- shape inference ----


def _trace_spec(fn, args, kwargs, unknown):
    """The outputs of fn as (shape, dtype), every None of the inputs replaced by `unknown`."""
    graph = _core.Graph()

    def symbolic(x):
        if not isinstance(x, KerasTensor):
            return x
        known, dtype = tuple(unknown if d is None else d for d in x.shape), standardize_dtype(x.dtype)
        if x.sparse:
            indices, values = graph.parameter((None, len(known)), "int32"), graph.parameter((None,), dtype)
            return SparseTensor(indices, values, known, canonical=False, check=False)
        if x.ragged:
            ragged = x.ragged_rank or 1
            values = graph.parameter((None, *known[1 + ragged :]), dtype)
            splits = [graph.parameter((n,), "int64") for n in (known[0] + 1, *(None,) * (ragged - 1))]
            return with_splits(values, splits)
        return graph.parameter(known, dtype)

    args, kwargs = tree.map_structure(symbolic, (args, kwargs))
    with StatelessScope(), SymbolicScope():  # what fn assigns to variables is of this trace alone
        return fn(*args, **kwargs)


def compute_output_spec(fn, *args, **kwargs):
    """Traces fn without computing. Where dimensions are unknown it is traced with two different lengths: what differs in the
    results is unknown, and code that computes with x.shape in Python works."""
    first = _trace_spec(fn, args, kwargs, 83)
    inputs = [x for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)]
    second = _trace_spec(fn, args, kwargs, 89) if any(None in x.shape for x in inputs) else first

    def spec(a, b):
        if not is_tensor(a):
            return a
        same = tuple(d if d == e else None for d, e in zip(a.shape, b.shape))
        if isinstance(a, RaggedTensor):
            return KerasTensor(same, standardize_dtype(a.dtype), ragged=True, ragged_rank=a.ragged_rank)
        return KerasTensor(same, standardize_dtype(a.dtype), sparse=isinstance(a, SparseTensor))

    flat = [spec(a, b) for a, b in zip(tree.flatten(first), tree.flatten(second))]
    return tree.pack_sequence_as(first, flat)
