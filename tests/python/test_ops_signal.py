"""Fourier transforms and frames of keras.ops.math against NumPy."""

import numpy as np
import pytest

import kvino
from opcheck import agree, case, cast, make_tests, values, wide

F32 = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 3e-7, "float64": 1e-15}
"""Errors allowed, relative to the largest element."""


def split(z, name):
    return [cast(z.real, name), cast(z.imag, name)]


def joined(x):
    return wide(x[0]) + 1j * wide(x[1])


def transform(f):
    def reference(x, *args):
        return split(f(joined(x), *args), x[0].dtype.name)

    return reference


def rfft(x, fft_length=None):
    name = x.dtype.name if x.dtype.kind == "f" or x.dtype.name == "bfloat16" else "float32"
    return split(np.fft.rfft(wide(cast(x, name)), fft_length), name)


def irfft(x, fft_length=None):
    return cast(np.fft.irfft(joined(x), fft_length), x[0].dtype.name)


def frames(x, sequence_length, sequence_stride):
    n = max(0, (x.shape[-1] - sequence_length) // sequence_stride + 1)
    parts = [x[..., i * sequence_stride : i * sequence_stride + sequence_length] for i in range(n)]
    return np.stack(parts, -2) if n else np.zeros((*x.shape[:-1], 0, sequence_length), x.dtype)


def window_of(window, weights, sequence_length, fft_length):
    k = np.arange(sequence_length)
    w = {
        "hann": 0.5 - 0.5 * np.cos(2 * np.pi * k / sequence_length),
        "hamming": 0.54 - 0.46 * np.cos(2 * np.pi * k / sequence_length),
        None: None,
    }[window if weights is None else None]
    w = wide(weights) if weights is not None else w
    if w is None:
        return np.ones(fft_length)
    before = (fft_length - sequence_length) // 2
    return np.pad(w, (before, fft_length - sequence_length - before))


def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True, weights=None):
    y = wide(x)
    if center:
        y = np.pad(y, [(0, 0)] * (y.ndim - 1) + [(fft_length // 2,) * 2], mode="reflect")
    y = frames(y, fft_length, sequence_stride) * window_of(window, weights, sequence_length, fft_length)
    return split(np.fft.rfft(y), x.dtype.name)


def istft(
    x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True, weights=None
):
    y = np.fft.irfft(joined(x), fft_length)
    n = y.shape[-2]
    w = window_of(window, weights, sequence_length, fft_length)
    if window is not None or weights is not None:
        squares = np.zeros(fft_length + sequence_stride)
        for shift in range(-fft_length // sequence_stride * sequence_stride, fft_length + 1, sequence_stride):
            for k in range(fft_length):
                if 0 <= k + shift < fft_length:
                    squares[k + shift] += w[k] ** 2
        squares = squares[:fft_length]
        y = y * np.divide(w, squares, out=np.zeros(fft_length), where=squares != 0)
    total = np.zeros((*y.shape[:-2], (n - 1) * sequence_stride + fft_length))
    for i in range(n):
        total[..., i * sequence_stride : i * sequence_stride + fft_length] += y[..., i, :]
    start = fft_length // 2 if center else 0
    end = start + length if length is not None else -start if center and start else None
    return cast(total[..., start:end], x[0].dtype.name)


def pair(shape, name="float32", seed=0):
    return [values(name, shape, seed), values(name, shape, seed + 1)]


def near(*args, expect, scale=8.0, name="float32", **kwargs):
    """A case whose errors are those of sums: relative to the largest elements."""
    tolerance = F32[name] * scale
    return case(
        *args,
        expect=expect,
        rtol=1e-3 if name in ("float16",) else 8e-3 if name == "bfloat16" else 1e-6 if name == "float32" else 1e-13,
        atol=tolerance,
        device_rtol=1e-4 if name in ("float32", "float64") else 1e-2,
        device_atol=2e-5 * scale,
        **kwargs,
    )


LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 16, 30, 31, 32, 37, 60, 61, 64, 74, 97, 100, 128, 143]

CASES = {
    "fft": [near(pair((3, n)), expect=transform(np.fft.fft), compile=n in (1, 4, 7, 16, 37)) for n in LENGTHS]
    + [near(pair((2, 3, 8), n), expect=transform(np.fft.fft), name=n) for n in F32]
    + [near(pair(s), expect=transform(np.fft.fft), compile=False) for s in [(5,), (0, 4), (2, 2, 2, 6), (17, 24)]],
    "fft2": [
        near(pair(s), expect=transform(np.fft.fft2), scale=32) for s in [(4, 6), (2, 5, 8), (3, 16, 16), (2, 1, 7)]
    ]
    + [near(pair((3, 4, 5), n), expect=transform(np.fft.fft2), name=n, scale=32) for n in F32],
    "ifft2": [near(pair(s), expect=transform(np.fft.ifft2)) for s in [(4, 6), (2, 5, 8), (3, 16, 16), (2, 1, 7)]]
    + [near(pair((3, 4, 5), n), expect=transform(np.fft.ifft2), name=n) for n in F32],
    "rfft": [near(values("float32", (3, n)), expect=rfft, compile=n in (1, 4, 7, 16, 37)) for n in LENGTHS]
    + [near(values("float32", (2, 10)), n, expect=rfft, compile=n in (3, 16)) for n in (1, 2, 3, 4, 9, 10, 15, 16)]
    + [near(values(n, (2, 3, 8)), expect=rfft, name=n) for n in F32]
    + [near(values(n, (6,), low=-9, high=9), expect=rfft, scale=40) for n in ("int32", "uint8", "bool")]
    + [near(values("float32", (0, 4)), expect=rfft, compile=False)],
    "irfft": [near(pair((3, n)), expect=irfft, compile=n in (4, 7, 9, 17, 38)) for n in LENGTHS[1:]]
    + [near(pair((2, 10)), n, expect=irfft, compile=n in (3, 15, 32)) for n in (1, 2, 3, 4, 15, 16, 18, 19, 25, 32)]
    + [near(pair((2, 3, 9), n), expect=irfft, name=n) for n in F32],
    "extract_sequences": [
        case(values(n, s), length, step, expect=frames)
        for n, s, length, step in [
            ("float32", (10,), 3, 2),
            ("float32", (2, 3, 12), 4, 4),
            ("float32", (2, 12), 5, 1),
            ("float32", (2, 12), 2, 5),
            ("float32", (4, 9), 9, 2),
            ("float32", (4, 9), 10, 2),
            ("float32", (0, 9), 4, 2),
            ("int32", (3, 8), 3, 3),
            ("bool", (8,), 3, 1),
            ("float64", (8,), 3, 1),
            ("float16", (2, 8), 3, 2),
            ("complex64", (2, 8), 3, 2),
        ]
    ],
    "stft": [
        near(values(n, s), *options, expect=stft, name=n, scale=16, **more)
        for n, s, options, more in [
            ("float32", (64,), (16, 4, 16), {}),
            ("float32", (2, 3, 64), (16, 4, 16), {"window": "hamming"}),
            ("float32", (2, 64), (8, 8, 16), {}),
            ("float32", (2, 64), (4, 4, 7), {}),
            ("float32", (2, 64), (16, 4, 16), {"center": False}),
            ("float32", (2, 64), (16, 5, 20), {"window": None}),
            ("float64", (2, 64), (16, 4, 16), {}),
        ]
    ]
    + [near(values("float32", (40,)), 8, 4, 10, None, True, values("float32", (8,), 3), expect=stft)],
    "istft": [
        near(pair((*s, o[2] // 2 + 1), n), *o, expect=istft, name=n, **more)
        for n, s, o, more in [
            ("float32", (13,), (16, 4, 16), {}),
            ("float32", (2, 3, 9), (16, 4, 16), {"window": "hamming"}),
            ("float32", (2, 9), (8, 8, 16), {}),
            ("float32", (2, 9), (4, 4, 7), {}),
            ("float32", (2, 9), (8, 3, 8), {}),
            ("float32", (2, 9), (8, 4, 8), {"center": False}),
            ("float32", (2, 9), (16, 5, 20), {"window": None}),
            ("float32", (2, 9), (16, 4, 16), {"length": 30}),
            ("float32", (1, 1), (8, 4, 8), {"center": False}),
            ("float64", (2, 9), (16, 4, 16), {}),
        ]
    ]
    + [near(pair((7, 6)), 8, 4, 10, None, None, True, values("float32", (8,), 3) + 5, expect=istft)],
}

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


@pytest.mark.parametrize("n", [1009, 4096, 10007, 30030, 65536, 131072, 3**9])
@pytest.mark.parametrize("name", ["float32", "float64"])
def test_long_lines(n, name):
    x = pair((2, n), name)
    scale = np.sqrt(n) * 16
    for f, reference in [("fft", transform(np.fft.fft)), ("irfft", irfft)]:
        got, expected = getattr(kvino.ops, f)(x), reference(x)
        if f == "irfft":
            got, expected = [got], [expected]
        for g, e in zip(got, expected):
            agree(g, e, rtol=1e-6 if name == "float32" else 1e-12, atol=F32[name] * scale)
    for g, e in zip(kvino.ops.rfft(x[0]), rfft(x[0])):
        agree(g, e, rtol=1e-6 if name == "float32" else 1e-12, atol=F32[name] * scale)


def test_many_lines_and_axes_in_any_layout():
    x = pair((100, 48, 18), "float64")
    x = [np.asfortranarray(part)[::-1] for part in x]
    for g, e in zip(kvino.ops.fft2(x), transform(np.fft.fft2)(x)):
        agree(g, e, rtol=1e-11, atol=1e-11)


def test_special_values_spread_over_their_line_alone():
    x = np.ones((3, 8), "float32")
    x[1, 2] = np.nan
    real, _ = map(np.asarray, kvino.ops.rfft(x))
    assert np.isnan(real[1]).all() and np.isfinite(real[[0, 2]]).all()


def test_back_and_forth():
    x = values("float32", (3, 100))
    spectrum = kvino.ops.stft(x, 32, 8, 32)
    y = np.asarray(kvino.ops.istft(spectrum, 32, 8, 32, 100))
    agree(y[:, 16:-16], x[:, 16:-16], atol=2e-6)  # as in TensorFlow, the ends are not made up for


ERRORS = {
    "one part": (lambda: kvino.ops.fft([np.ones(3, "f")]), ValueError, "tuple of two tensors"),
    "shapes": (lambda: kvino.ops.fft((np.ones(3, "f"), np.ones(4, "f"))), ValueError, "the same shape"),
    "integers": (lambda: kvino.ops.fft((np.ones(3, "i"), np.ones(3, "i"))), ValueError, "not of type float"),
    "rank": (lambda: kvino.ops.fft2((np.ones(3, "f"), np.ones(3, "f"))), ValueError, "rank >= 2"),
    "no elements": (lambda: kvino.ops.rfft(np.ones(0, "f")), ValueError, "Invalid number of FFT data points"),
    "length": (lambda: kvino.ops.rfft(np.ones(3, "f"), 0), ValueError, "Invalid number of FFT data points"),
    "too long": (lambda: kvino.ops.rfft(np.ones(3, "f"), 2**62), ValueError, "Invalid number of FFT data points"),
    "complex": (lambda: kvino.ops.rfft(np.ones(3, "F")), TypeError, "real numbers"),
    "dtype": (lambda: kvino.ops.stft(np.ones(8, "i"), 2, 1, 4), TypeError, "`float32` or `float64`"),
    "fft_length": (lambda: kvino.ops.stft(np.ones(8, "f"), 4, 1, 2), ValueError, "`fft_length` must equal or larger"),
    "window": (lambda: kvino.ops.stft(np.ones(8, "f"), 4, 1, 4, "kaiser"), ValueError, "If a string is passed to"),
    "stride": (lambda: kvino.ops.stft(np.ones(8, "f"), 4, 0, 4), ValueError, "`sequence_stride` must be a positive"),
    "weights": (
        lambda: kvino.ops.stft(np.ones(8, "f"), 4, 1, 4, None, True, np.ones(3, "f")),
        ValueError,
        "The shape of `window` must be equal to",
    ),
    "frames": (lambda: kvino.ops.extract_sequences(np.ones(8, "f"), 0, 1), ValueError, "`sequence_length`"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    call, kind, words = ERRORS[name]
    with pytest.raises(kind, match=words):
        call()
