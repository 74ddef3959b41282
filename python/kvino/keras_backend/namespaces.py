"""The operator modules that Keras expects (numpy, nn, core, math, ...), filled from kvino's table.

A name that is not in the table is an AttributeError that names the operator, so that Keras 3.16 can see what is there.
"""

import functools
import sys
import types

from keras.src.random.seed_generator import SeedGenerator
from keras.src.random.seed_generator import draw_seed
from keras.src.random.seed_generator import make_default_seed

from kvino import _core
from kvino.keras_backend import core as _control

_table = _core.op_namespaces()


class MissingOperator(AttributeError, NotImplementedError):
    """An operator that kvino does not have yet."""


def _missing(space):
    def __getattr__(name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise MissingOperator(f"kvino does not have the operator keras.ops {space}.{name} yet")

    return __getattr__


class _Rnn(types.ModuleType):
    """A module that can be called: `rnn` is both in Keras."""

    def __call__(self, *args, **kwargs):
        return self.rnn(*args, **kwargs)


def _not_yet(space, name):
    """A function that Keras looks for when it starts, for an operator that is missing: its call says so."""

    def missing(*args, **kwargs):
        raise MissingOperator(f"kvino does not have the operator keras.ops {space}.{name} yet")

    missing.__name__ = name
    return missing


def _module(space, kind=types.ModuleType, **more):
    module = kind(f"{__package__}.{space}", f"keras.ops {space}, computed by kvino.")
    module.__dict__.update(_table.get(space, {}))
    module.__dict__.update(more)
    module.__getattr__ = _missing(space)
    sys.modules[module.__name__] = module
    return module


def _where(condition, x1=None, x2=None):
    if x1 is None and x2 is None:
        return numpy.nonzero(condition)
    return _table["numpy"]["where"](condition, x1, x2)


def _uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    return _table["random"]["uniform"](draw_seed(seed), shape, minval, maxval, dtype)


def _normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    return _table["random"]["normal"](draw_seed(seed), shape, mean, stddev, dtype)


def _truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    return _table["random"]["truncated_normal"](draw_seed(seed), shape, mean, stddev, dtype)


def _randint(shape, minval, maxval, dtype="int32", seed=None):
    return _table["random"]["randint"](draw_seed(seed), shape, minval, maxval, dtype)


def _dropout(inputs, rate, noise_shape=None, seed=None):
    return _table["random"]["dropout"](draw_seed(seed), inputs, rate, noise_shape)


def _with_int32(name):
    """NumPy's operator with the index dtype of Keras."""
    return functools.partial(_table["numpy"][name], dtype="int32")


def _count_nonzero(x, axis=None):
    return _table["numpy"]["count_nonzero"](x, axis, dtype="int32")


def _array(x, dtype=None):
    return _control.convert_to_tensor(x, dtype)


def _ndim(x):
    return _control.convert_to_tensor(x).ndim


def _size(x):
    return _control.convert_to_tensor(x).size


def _meshgrid(*x, indexing="xy"):
    return list(_table["numpy"]["meshgrid"](x, indexing))


def _moments(x, axes, keepdims=False, synchronized=False):
    if synchronized:
        raise NotImplementedError("kvino: moments with synchronized=True")
    return _table["nn"]["moments"](x, axes, keepdims)


def _one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    if sparse:
        raise ValueError("`sparse=True` is not supported with the kvino backend")
    return _table["nn"]["one_hot"](x, num_classes, axis, dtype)


numpy = _module(
    "numpy",
    where=_where,
    nonzero=_with_int32("nonzero"),
    argwhere=_with_int32("argwhere"),
    flatnonzero=_with_int32("flatnonzero"),
    count_nonzero=_count_nonzero,
    array=_array,
    ndim=_ndim,
    size=_size,
    meshgrid=_meshgrid,
)
nn = _module("nn", tanh=_table["numpy"].get("tanh"), moments=_moments, one_hot=_one_hot)
math = _module("math")
linalg = _module("linalg")
image = _module("image")
random = _module(
    "random",
    SeedGenerator=SeedGenerator,
    draw_seed=draw_seed,
    make_default_seed=make_default_seed,
    uniform=_uniform,
    normal=_normal,
    truncated_normal=_truncated_normal,
    randint=_randint,
    dropout=_dropout,
)
rnn = _module(
    "rnn",
    _Rnn,
    cudnn_ok=lambda *args, **kwargs: False,
    **{name: _not_yet("rnn", name) for name in ("rnn", "lstm", "gru", "bidirectional_lstm", "bidirectional_gru")},
)

# keras.ops.core: the table's operators beside the control flow of core.py.
for _name, _op in _table["core"].items():
    if not hasattr(_control, _name):
        setattr(_control, _name, _op)
_control.__getattr__ = _missing("core")

ops = types.ModuleType(f"{__package__}.ops", "The operator modules, as Keras 3.16 names them.")
for _name, _part in dict(core=_control, numpy=numpy, nn=nn, math=math, linalg=linalg, image=image).items():
    setattr(ops, _name, _part)
    sys.modules[f"{ops.__name__}.{_name}"] = _part
for _name in ("IS_THREAD_SAFE", "SUPPORTS_COMPLEX_DTYPES", "SUPPORTS_RAGGED_TENSORS", "SUPPORTS_SPARSE_TENSORS", "cast",
              "compute_output_spec", "cond", "convert_to_numpy", "convert_to_tensor", "device_scope", "is_tensor",
              "random_seed_dtype", "shape", "vectorized_map"):
    setattr(ops, _name, getattr(_control, _name))
sys.modules[ops.__name__] = ops
