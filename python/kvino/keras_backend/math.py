"""keras.ops.math: the table's operators, and those whose signature Keras has otherwise."""

from kvino.keras_backend.core import cast
from kvino.keras_backend.core import convert_to_tensor
from kvino.keras_backend.operators import missing
from kvino.keras_backend.operators import operators

_numpy = operators("numpy")
_table = operators("math")
globals().update(_table)
__getattr__ = missing("math")


def _window(window):
    """(name, tensor) of Keras's `window`, which is either."""
    return (window, None) if window is None or isinstance(window, str) else (None, window)


def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    name, weights = _window(window)
    return _table["stft"](x, sequence_length, sequence_stride, fft_length, name, center, weights)


def istft(x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    name, weights = _window(window)
    return _table["istft"](x, sequence_length, sequence_stride, fft_length, length, name, center, weights)


def _get_complex_tensor_from_tuple(x):
    """What keras.ops.nn.polar asks its backend for: (real, imaginary) side by side, seen as complex numbers."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"Input `x` should be a tuple of two tensors - real and imaginary. Received: x={x}")
    parts = [convert_to_tensor(part) for part in x]
    if parts[0].shape != parts[1].shape:
        shapes = [tuple(part.shape) for part in parts]
        raise ValueError(f"Both the real and imaginary parts should have the same shape. Received: {shapes}")
    if any("float" not in part.dtype for part in parts):
        raise ValueError(f"At least one tensor in input `x` is not of type float. Received: x={x}.")
    wide = any(part.dtype == "float64" for part in parts)
    pairs = _numpy["stack"]([cast(part, "float64" if wide else "float32") for part in parts], -1)
    return _numpy["squeeze"](_numpy["view"](pairs, "complex128" if wide else "complex64"), -1)
