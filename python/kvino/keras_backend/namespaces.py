"""The operator modules that Keras expects (numpy, nn, core, math, ...), filled from kvino's table.

A name that is not in the table is an AttributeError that names the operator, so that Keras 3.16 can see what is there.
"""

import functools
import string
import sys
import types

import numpy as np
from keras.src.backend.config import standardize_data_format
from keras.src.backend.config import epsilon as _epsilon
from keras.src.random.seed_generator import SeedGenerator
from keras.src.random.seed_generator import draw_seed
from keras.src.random.seed_generator import make_default_seed

from kvino import _core
from kvino.keras_backend import core as _control
from kvino.keras_backend import recurrent as _recurrent
from kvino.keras_backend.derivatives import jvp
from kvino.keras_backend.vectorize import vectorize

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
    if noise_shape is not None:
        lengths = _control.shape(inputs)
        noise_shape = [lengths[i] if n is None else n for i, n in enumerate(noise_shape)]
    return _table["random"]["dropout"](draw_seed(seed), inputs, rate, noise_shape)


def _gamma(shape, alpha, dtype=None, seed=None):
    return _table["random"]["gamma"](draw_seed(seed), shape, alpha, dtype)


def _beta(shape, alpha, beta, dtype=None, seed=None):
    return _table["random"]["beta"](draw_seed(seed), shape, alpha, beta, dtype)


def _binomial(shape, counts, probabilities, dtype=None, seed=None):
    return _table["random"]["binomial"](draw_seed(seed), shape, counts, probabilities, dtype)


def _categorical(logits, num_samples, dtype="int64", seed=None):
    return _table["random"]["categorical"](draw_seed(seed), logits, num_samples, dtype)


def _shuffle(x, axis=0, seed=None):
    return _table["random"]["shuffle"](draw_seed(seed), x, axis)


def _with_int32(name):
    """NumPy's operator with the index dtype of Keras."""
    return functools.partial(_table["numpy"][name], dtype="int32")


def _nonzero(x):
    return _table["numpy"]["nonzero"](x, dtype="int32")


def _count_nonzero(x, axis=None):
    return _table["numpy"]["count_nonzero"](x, axis, dtype="int32")


def _unique(x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None, size=None, fill_value=None):
    results = _table["numpy"]["unique"](x, sorted, return_index, return_inverse, return_counts, axis, size, fill_value)
    return results[0] if len(results) == 1 else results


def _histogram(x, bins=10, range=None):
    """The two ends as doubles, not as a list that becomes floatx."""
    return _table["numpy"]["histogram"](x, bins, None if range is None else np.asarray(range, "float64"))


def _array(x, dtype=None):
    return _control.convert_to_tensor(x, dtype)


def _ndim(x):
    return _control.convert_to_tensor(x).ndim


def _size(x):
    x = _control.convert_to_tensor(x)
    return _table["numpy"]["prod"](_table["core"]["shape_tensor"](x)) if None in x.shape else x.size


def _linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    samples = _table["numpy"]["linspace"](start, stop, num, endpoint, dtype, axis)
    if not retstep:
        return samples
    gaps = num - 1 if endpoint else num
    gap = _table["numpy"]["subtract"](stop, start)
    return samples, _table["numpy"]["divide"](gap, gaps if gaps > 0 else float("nan"))


def _as_list(name):
    """An operator that gives a list in Keras."""
    op = _table["numpy"][name]
    return functools.wraps(op)(lambda *args, **kwargs: list(op(*args, **kwargs)))


def _meshgrid(*x, indexing="xy"):
    return list(_table["numpy"]["meshgrid"](x, indexing))


def _moments(x, axes, keepdims=False, synchronized=False):
    if synchronized:
        raise NotImplementedError("kvino: moments with synchronized=True")
    return _table["nn"]["moments"](x, axes, keepdims)


def _layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None):
    return _table["nn"]["layer_normalization"](x, gamma, beta, axis, _epsilon() if epsilon is None else epsilon)


def _rms_normalization(x, scale=None, axis=-1, epsilon=None):
    return _table["nn"]["rms_normalization"](x, scale, axis, _epsilon() if epsilon is None else epsilon)


def _one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    if sparse:
        raise ValueError("`sparse=True` is not supported with the kvino backend")
    return _table["nn"]["one_hot"](x, num_classes, axis, dtype)


def _multi_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    if sparse:
        raise ValueError("`sparse=True` is not supported with the kvino backend")
    return _table["nn"]["multi_hot"](x, num_classes, axis, dtype)


def _einsum(subscripts, *operands, **kwargs):
    """einsum("ij,jk", a, b), or with lists of numbers instead of letters behind each operand: einsum(a, [0, 1], b, [1, 2])."""
    kwargs.pop("optimize", None)  # chooses among ways to the same sum
    if kwargs:
        raise TypeError(f"einsum() got an unexpected keyword argument '{next(iter(kwargs))}'")
    if isinstance(subscripts, str):
        return _table["numpy"]["einsum"](subscripts, operands)
    operands = subscripts, *operands

    def letters(numbers):
        return "".join("..." if n is Ellipsis else (string.ascii_uppercase + string.ascii_lowercase)[n] for n in numbers)

    lists = [letters(numbers) for numbers in operands[1::2]]
    if len(operands) % 2:
        return _table["numpy"]["einsum"](",".join(lists) + "->" + letters(operands[-1]), operands[:-1:2])
    return _table["numpy"]["einsum"](",".join(lists), operands[::2])


def _svd(x, full_matrices=True, compute_uv=True):
    parts = _table["linalg"]["svd"](x, full_matrices, compute_uv)
    return parts if compute_uv else parts[0]


def _window(window):
    """(name, tensor) of Keras's `window`, which is either."""
    return (window, None) if window is None or isinstance(window, str) else (None, window)


def _stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    name, weights = _window(window)
    return _table["math"]["stft"](x, sequence_length, sequence_stride, fft_length, name, center, weights)


def _istft(x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    name, weights = _window(window)
    return _table["math"]["istft"](x, sequence_length, sequence_stride, fft_length, length, name, center, weights)


def _complex_of_parts(x):
    """What keras.ops.nn.polar asks its backend for: (real, imaginary) side by side, seen as complex numbers."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"Input `x` should be a tuple of two tensors - real and imaginary. Received: x={x}")
    parts = [_control.convert_to_tensor(part) for part in x]
    if parts[0].shape != parts[1].shape:
        shapes = [tuple(part.shape) for part in parts]
        raise ValueError(f"Both the real and imaginary parts should have the same shape. Received: {shapes}")
    if any("float" not in part.dtype for part in parts):
        raise ValueError(f"At least one tensor in input `x` is not of type float. Received: x={x}.")
    wide = any(part.dtype == "float64" for part in parts)
    pairs = numpy.stack([_control.cast(part, "float64" if wide else "float32") for part in parts], -1)
    return numpy.squeeze(numpy.view(pairs, "complex128" if wide else "complex64"), -1)


def _on_images(name, position):
    """An operator of images, with the data format (the last parameter) that Keras is set to where none is given."""
    op = _table["image"][name]

    @functools.wraps(op)
    def on_images(*args, **kwargs):
        if len(args) <= position:
            kwargs["data_format"] = standardize_data_format(kwargs.get("data_format"))
        return op(*args, **kwargs)

    return on_images


def _map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0.0):
    if isinstance(coordinates, (list, tuple)):
        coordinates = numpy.stack(coordinates)
    return _table["image"]["map_coordinates"](inputs, coordinates, order, fill_mode, fill_value)


def _gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    if isinstance(sigma, (list, tuple)):
        sigma = numpy.stack(sigma)
    data_format = standardize_data_format(data_format)
    return _table["image"]["gaussian_blur"](images, tuple(kernel_size), sigma, data_format)


def _elastic_transform(images, alpha=20.0, sigma=5.0, interpolation="bilinear", fill_mode="reflect", fill_value=0.0,
                       seed=None, data_format=None):
    data_format = standardize_data_format(data_format)
    return _table["image"]["elastic_transform"](
        draw_seed(seed), images, alpha, sigma, interpolation, fill_mode, fill_value, data_format
    )


numpy = _module(
    "numpy",
    where=_where,
    nonzero=_nonzero,
    argwhere=_with_int32("argwhere"),
    flatnonzero=_with_int32("flatnonzero"),
    count_nonzero=_count_nonzero,
    unique=_unique,
    histogram=_histogram,
    array=_array,
    ndim=_ndim,
    size=_size,
    linspace=_linspace,
    meshgrid=_meshgrid,
    vectorize=vectorize,
    **{name: _as_list(name) for name in ("split", "array_split", "hsplit", "vsplit", "dsplit")},
    einsum=_einsum,
)
nn = _module("nn", tanh=_table["numpy"].get("tanh"), moments=_moments, one_hot=_one_hot, layer_normalization=_layer_normalization,
             rms_normalization=_rms_normalization, multi_hot=_multi_hot)
math = _module("math", stft=_stft, istft=_istft, _get_complex_tensor_from_tuple=_complex_of_parts)
linalg = _module("linalg", svd=_svd, jvp=jvp)
image = _module(
    "image",
    map_coordinates=_map_coordinates,
    gaussian_blur=_gaussian_blur,
    elastic_transform=_elastic_transform,
    **{
        name: _on_images(name, position)
        for name, position in dict(
            rgb_to_grayscale=1,
            rgb_to_hsv=1,
            hsv_to_rgb=1,
            sobel_edges=1,
            resize=8,
            affine_transform=5,
            perspective_transform=5,
        ).items()
    },
)
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
    gamma=_gamma,
    beta=_beta,
    binomial=_binomial,
    categorical=_categorical,
    shuffle=_shuffle,
)
rnn = _module(
    "rnn",
    _Rnn,
    **{
        name: getattr(_recurrent, name)
        for name in ("rnn", "cudnn_ok", "lstm", "gru", "bidirectional_lstm", "bidirectional_gru")
    },
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
