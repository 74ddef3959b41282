"""Patches, pixels and channels, adaptive pooling, multi-hot and PSNR of keras.ops.nn; references are written here."""

import itertools
import math

import numpy as np
import pytest

import kvino
from opcheck import ALL, FLOATS, agree, case, cast, is_exact, make_tests, name_of, result_float, values, wide

COMPILED = ["float32", "float16", "int64"]


def image(*shape, dtype="float32", seed=1):
    return values(dtype, shape, seed, -9, 9)


def pair(v):
    return (v, v) if isinstance(v, int) else tuple(v)


def geometry(size, kernel_size, dilation, padding, stride):
    k, d, p, s = map(pair, (kernel_size, dilation, padding, stride))
    count = [(size[i] + 2 * p[i] - d[i] * (k[i] - 1) - 1) // s[i] + 1 for i in range(2)]
    for j in range(k[0] * k[1]):
        for w in range(count[0] * count[1]):
            yield (
                j,
                w,
                w // count[1] * s[0] + j // k[1] * d[0] - p[0],
                w % count[1] * s[1] + j % k[1] * d[1] - p[1],
            )


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    at = list(geometry(x.shape[2:], kernel_size, dilation, padding, stride))
    k, n = at[-1][0] + 1, at[-1][1] + 1
    y = np.zeros((*x.shape[:2], k, n), x.dtype)
    for j, w, row, column in at:
        if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
            y[:, :, j, w] = x[:, :, row, column]
    return y.reshape(x.shape[0], x.shape[1] * k, n)


def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    at = list(geometry(pair(output_size), kernel_size, dilation, padding, stride))
    k, n = at[-1][0] + 1, at[-1][1] + 1
    channels = x.shape[1] // k
    exact = is_exact(name_of(x))
    y = np.zeros((x.shape[0], channels, *pair(output_size)), x.dtype if exact else wide(x).dtype)
    x4 = (x if exact else wide(x)).reshape(x.shape[0], channels, k, n)
    for j, w, row, column in at:
        if 0 <= row < y.shape[2] and 0 <= column < y.shape[3]:
            y[:, :, row, column] += x4[:, :, j, w]
    return cast(y, name_of(x))


def depth_to_space(x, block_size, data_format="channels_last"):
    b = block_size
    if data_format == "channels_last":
        n, h, w, c = x.shape
        return x.reshape(n, h, w, b, b, c // b**2).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * b, w * b, c // b**2)
    n, c, h, w = x.shape
    return x.reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // b**2, h * b, w * b)


def space_to_depth(x, block_size, data_format="channels_last"):
    b = block_size
    if data_format == "channels_last":
        n, h, w, c = x.shape
        return x.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // b, w // b, c * b**2)
    n, c, h, w = x.shape
    return x.reshape(n, c, h // b, b, w // b, b).transpose(0, 1, 3, 5, 2, 4).reshape(n, c * b**2, h // b, w // b)


def adaptive(f, to_float):
    def reference(x, output_size, data_format=None):
        name = result_float(x) if to_float else name_of(x)
        first = data_format == "channels_first"
        y = (wide(x) if to_float else x) if first else np.moveaxis(wide(x) if to_float else x, -1, 1)
        rank = x.ndim - 2
        size = (output_size,) * rank if isinstance(output_size, int) else output_size
        z = np.zeros((*y.shape[:2], *size), y.dtype)
        for at in itertools.product(*map(range, size)):
            box = tuple(
                slice(i * n // m, math.ceil((i + 1) * n / m)) for i, n, m in zip(at, y.shape[2:], size)
            )
            z[(slice(None), slice(None), *at)] = f(y[(slice(None), slice(None), *box)], tuple(range(2, 2 + rank)))
        return cast(z if first else np.moveaxis(z, 1, -1), name)

    return reference


def multi_hot(x, num_classes, axis=-1, dtype=None):
    x = np.asarray(x)
    hot = np.zeros((*x.shape, num_classes))
    for at in np.ndindex(x.shape):
        if 0 <= x[at] < num_classes:
            hot[(*at, int(x[at]))] = 1
    hot = np.moveaxis(hot, -1, axis)
    return cast(hot.max(1 if x.ndim > 1 else 0), dtype or "float32")


def psnr(a, b, max_val):
    return cast(20 * np.log10(max_val) - 10 * np.log10(np.mean((wide(a) - wide(b)) ** 2)), result_float(a, b))


mean, largest = adaptive(np.mean, True), adaptive(np.max, False)
GEOMETRIES = [
    dict(kernel_size=2),
    dict(kernel_size=(2, 3), stride=2),
    dict(kernel_size=3, padding=1),
    dict(kernel_size=2, dilation=(2, 1), padding=(0, 2), stride=(1, 2)),
    dict(kernel_size=(3, 1), dilation=2, padding=2, stride=3),
    dict(kernel_size=1),
]


def windows(size, k):
    at = list(geometry(pair(size), k["kernel_size"], k.get("dilation", 1), k.get("padding", 0), k.get("stride", 1)))
    return at[-1][0] + 1, at[-1][1] + 1


def folded(size, k, dtype="float32", n=2, c=3):
    kernel, count = windows(size, k)
    return case(image(n, c * kernel, count, dtype=dtype), size, expect=fold, compile=dtype in COMPILED, atol=1e-5, **k)


FIRST = dict(data_format="channels_first")
CASES = {
    "unfold": [
        *(case(image(2, 3, 6, 7), expect=unfold, **k) for k in GEOMETRIES),
        *(case(image(2, 3, 4, 5, dtype=d), 2, expect=unfold, padding=1, compile=d in COMPILED) for d in ALL),
        case(image(0, 3, 4, 5), 2, expect=unfold),
        case(image(2, 0, 4, 5), 2, expect=unfold),
    ],
    "fold": [
        *(folded((6, 7), k) for k in GEOMETRIES),
        *(folded(4, GEOMETRIES[0], d) for d in ALL if d != "bool"),
        folded((5, 4), GEOMETRIES[2], n=0),
        folded((5, 4), GEOMETRIES[2], c=0),
    ],
    "depth_to_space": [
        case(image(2, 3, 5, 8), 2, expect=depth_to_space),
        case(image(2, 8, 3, 5), 2, expect=depth_to_space, **FIRST),
        case(image(1, 2, 1, 18), 3, expect=depth_to_space),
        case(image(0, 3, 5, 4), 2, expect=depth_to_space),
        *(case(image(2, 3, 2, 4, dtype=d), 2, expect=depth_to_space, compile=d in COMPILED) for d in ALL),
    ],
    "space_to_depth": [
        case(image(2, 4, 6, 3), 2, expect=space_to_depth),
        case(image(2, 3, 4, 6), 2, expect=space_to_depth, **FIRST),
        case(image(1, 6, 3, 2), 3, expect=space_to_depth),
        case(image(0, 4, 6, 3), 2, expect=space_to_depth),
        *(case(image(2, 4, 2, 3, dtype=d), 2, expect=space_to_depth, compile=d in COMPILED) for d in ALL),
    ],
    "adaptive_average_pool": [
        case(image(2, 7, 3), 3, expect=mean, atol=1e-6),
        case(image(2, 7, 6, 3), (3, 4), expect=mean, atol=1e-6),
        case(image(2, 3, 7, 6), (3, 4), expect=mean, atol=1e-6, **FIRST),
        case(image(1, 5, 4, 3, 2), (2, 4, 1), expect=mean, atol=1e-6),
        case(image(1, 2, 5, 4, 3), 2, expect=mean, atol=1e-6, **FIRST),
        case(image(2, 3, 2, 1), (5, 2), expect=mean, atol=1e-6),
        case(image(0, 3, 2, 1), 2, expect=mean),
        *(
            case(image(2, 7, 3, dtype=d), 3, expect=mean, compile=d in COMPILED, atol=1e-6)
            for d in FLOATS + ["int32", "bool"]
        ),
    ],
    "adaptive_max_pool": [
        case(image(2, 7, 3), 3, expect=largest),
        case(image(2, 7, 6, 3), (3, 4), expect=largest),
        case(image(2, 3, 7, 6), (3, 4), expect=largest, **FIRST),
        case(image(1, 5, 4, 3, 2), (2, 4, 1), expect=largest),
        case(image(1, 2, 5, 4, 3), 2, expect=largest, **FIRST),
        case(image(2, 3, 2, 1), (5, 2), expect=largest),
        *(case(image(2, 7, 3, dtype=d), 3, expect=largest, compile=d in COMPILED) for d in FLOATS + ["int32", "uint8"]),
    ],
    "multi_hot": [
        case(np.array([[0, 2], [3, 3], [-1, 4]], "int32"), 4, expect=multi_hot),
        case(np.array([1, 3, 9], "int64"), 4, expect=multi_hot),
        case(np.array([1, 3, 9], "uint8"), 12, dtype="bool", expect=multi_hot),
        case(np.array([[[0, 2], [1, 1]], [[3, 3], [0, 0]]], "int32"), 4, expect=multi_hot),
        case(np.array([[[0, 2], [1, 1]], [[3, 3], [0, 0]]], "int32"), 4, axis=0, expect=multi_hot),
        case(np.array([[0, 2], [3, 3]], "int32"), 4, axis=1, dtype="int32", expect=multi_hot),
        case(np.array(2, "int32"), 3, expect=lambda x, n: np.float32(1), dynamic=False, why="a single class"),
    ],
    "psnr": [
        *(
            case(image(2, 4, 4, dtype=d), image(2, 4, 4, dtype=d, seed=2), 9.0, expect=psnr, compile=d in COMPILED)
            for d in FLOATS + ["int32"]
        ),
        case(image(3), image(3), 255, expect=lambda a, b, m: np.float32(np.inf)),
        case(image(3), image(3, dtype="float16"), 255, expect=psnr),
        case(image(), image(seed=2), 2.5, expect=psnr),
    ],
}

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)

REFUSALS = [
    (lambda o: o.unfold(image(2, 3, 4), 2), "Input must be a 4D tensor"),
    (lambda o: o.unfold(image(2, 3, 4, 5), 5), "smaller than the kernel's reach"),
    (lambda o: o.unfold(image(2, 3, 4, 5), 0), "`kernel_size` must be"),
    (lambda o: o.unfold(image(2, 3, 4, 5), 2, padding=-1), "`padding` must be"),
    (lambda o: o.unfold(image(2, 3, 4, 5), (1, 2, 3)), "at most 2 integers"),
    (lambda o: o.fold(image(2, 12), 2, 2), "Input must be a 3D tensor"),
    (lambda o: o.fold(image(2, 7, 9), 4, 2), r"The second dimension of the input \(7\) must be divisible"),
    (lambda o: o.fold(image(2, 8, 10), 4, 2), "the input has 10 windows, the geometry 9"),
    (lambda o: o.depth_to_space(image(2, 3, 4, 6), 2), r"The number of channels \(6\) must be divisible"),
    (lambda o: o.depth_to_space(image(2, 3, 4), 2), "4 dimensions"),
    (lambda o: o.depth_to_space(image(2, 3, 4, 6), 0), "`block_size` must be positive"),
    (lambda o: o.space_to_depth(image(2, 3, 4, 6), 2), "must be divisible by block_size"),
    (lambda o: o.space_to_depth(image(2, 4, 4, 6), 2, "nonsense"), "`data_format` must be"),
    (lambda o: o.adaptive_average_pool(image(2, 3), 2), "inputs must have 3, 4 or 5 dimensions"),
    (lambda o: o.adaptive_max_pool(image(2, 3, 4), (2, 2)), "`output_size` must be an integer or a list of 1"),
    (lambda o: o.adaptive_max_pool(image(2, 3, 4), 0), "`output_size` must be positive"),
    (lambda o: o.multi_hot(np.array([1]), -1), "num_classes must not be negative"),
    (lambda o: o.psnr(image(2, 3), image(3, 2), 1), r"Input shapes \(2, 3\) and \(3, 2\) must match"),
]


@pytest.mark.parametrize("call, words", REFUSALS)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call(kvino.ops)


def test_there_and_back():
    x = image(2, 6, 4, 8)
    agree(kvino.ops.space_to_depth(kvino.ops.depth_to_space(x, 2), 2), x)
    ones = np.ones((1, 1, 5, 6), "float32")
    covered = kvino.ops.fold(kvino.ops.unfold(ones, 2), (5, 6), 2)
    y = kvino.ops.fold(kvino.ops.unfold(image(1, 1, 5, 6), 2), (5, 6), 2)
    agree(kvino.ops.divide(y, covered), image(1, 1, 5, 6))
