"""keras.ops.image against the definitions: resampling as a product with a matrix of weights, places outside of an image by
numpy.pad, convolutions as sums of shifted images."""

import math

import ml_dtypes
import numpy as np
import pytest

import kvino
from opcheck import DEVICES, agree, case, cast, make_tests, npd, values, wide

# ---- resizing ----

FILTERS = {
    "bilinear": (1, lambda x: np.maximum(0, 1 - x)),
    "bicubic": (
        2,
        lambda x: np.where(
            x < 1, 1.5 * x**3 - 2.5 * x**2 + 1, np.where(x < 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0)
        ),
    ),
    "lanczos3": (3, lambda x: np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0)),
    "lanczos5": (5, lambda x: np.where(x < 5, np.sinc(x) * np.sinc(x / 5), 0)),
}


def weight_matrix(m, n, method, antialias, scale=None, translation=0.0):
    """[n, m]: what each of m places gives to each of n."""
    scale = n / m if scale is None else float(scale)
    if method == "area":
        left = (np.arange(n) - translation) / scale
        i = np.arange(m)
        w = np.minimum(left[:, None] + 1 / scale, i + 1) - np.maximum(left[:, None], i)
        w = np.maximum(w, 0)
        return w / w.sum(1, keepdims=True)
    centre = (np.arange(n) + 0.5 - translation) / scale - 0.5
    stretch = max(1 / scale, 1) if antialias else 1
    w = FILTERS[method][1](np.abs(centre[:, None] - np.arange(m)) / stretch)
    total = w.sum(1, keepdims=True)
    w = np.where(np.abs(total) > 1e-4, w / np.where(total == 0, 1, total), 0)
    return np.where(((centre >= -0.5) & (centre <= m - 0.5))[:, None], w, 0)


def along(w, x, axis):
    return np.moveaxis(np.tensordot(w, x, (1, axis)), 0, axis)


def saturated(y, dtype):
    """y, computed in float64, rounded to the dtype; integers half to even and limited to their range."""
    if npd(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return np.clip(np.round(y), info.min, info.max).astype(dtype)
    return cast(y, dtype)


def resized(x, size, interpolation="bilinear", antialias=False, crop_to_aspect_ratio=False, pad_to_aspect_ratio=False,
            fill_mode="constant", fill_value=0.0, data_format=None):
    y, dtype = x.astype("float64"), x.dtype.name
    h = x.ndim - (2 if data_format == "channels_first" else 3)
    high, wide_ = x.shape[h], x.shape[h + 1]
    if crop_to_aspect_ratio:
        ch = max(min(high, wide_ * size[0] // size[1]), 1)
        cw = max(min(wide_, high * size[1] // size[0]), 1)
        top, left = (high - ch) // 2, (wide_ - cw) // 2
        y = y.take(range(top, top + ch), h).take(range(left, left + cw), h + 1)
    if pad_to_aspect_ratio:
        ph, pw = max(high, wide_ * size[0] // size[1]), max(wide_, high * size[1] // size[0])
        room = [(0, 0)] * x.ndim
        room[h], room[h + 1] = ((ph - high) // 2,) * 2, ((pw - wide_) // 2,) * 2
        y = np.pad(y, room, constant_values=fill_value)
    for axis, n in zip((h, h + 1), size):
        m = y.shape[axis]
        if interpolation == "nearest":
            y = y.take((2 * np.arange(n) + 1) * m // (2 * n), axis)
        elif n != m:
            y = along(weight_matrix(m, n, interpolation, antialias), y, axis)
    return saturated(y, dtype)


METHODS = ["nearest", "area", *FILTERS]


def resize_cases():
    x = values("float32", (2, 9, 7, 3))
    for i, method in enumerate(METHODS):
        for j, size in enumerate(((4, 5), (18, 20), (9, 3))):
            for antialias in (False, True):
                # Compiled, each of the methods once.
                yield case(x, size, method, antialias, expect=resized, rtol=1e-5, atol=1e-5, compile=antialias and i % 3 == j)
    for dtype in ("uint8", "int8", "uint16", "int32", "float16", "bfloat16", "float64"):
        y = values(dtype, (5, 6, 2))
        for method in ("nearest", "bilinear", "bicubic"):
            # The small floats: the sums of the definition may round to the other side.
            yield case(y, (7, 4), method, expect=resized, atol=1e-6, compile=dtype == "uint8")
    first = values("float32", (2, 3, 8, 5))
    yield case(first, (4, 10), data_format="channels_first", expect=resized, rtol=1e-5, atol=1e-5)
    yield case(first[0], (3, 3), "lanczos3", True, data_format="channels_first", expect=resized, rtol=1e-5, atol=1e-5)
    for size in ((4, 4), (6, 3), (3, 6)):
        for how in ("crop_to_aspect_ratio", "pad_to_aspect_ratio"):
            yield case(x, size, expect=resized, fill_value=1.5, rtol=1e-5, atol=1e-5, **{how: True})
            yield case(first, size, "nearest", expect=resized, data_format="channels_first", **{how: True})
    yield case(values("uint8", (8, 5, 3)), (4, 4), pad_to_aspect_ratio=True, fill_value=7.5, expect=resized)
    yield case(values("float32", (1, 1, 1)), (3, 2), "lanczos5", expect=resized, rtol=1e-5)
    yield case(values("float32", (0, 4, 4, 3)), (2, 2), expect=resized)


def scaled(x, output_shape, scale, translation, spatial_dims, method, antialias=True):
    method = {"linear": "bilinear", "trilinear": "bilinear", "cubic": "bicubic", "tricubic": "bicubic"}.get(method, method)
    y = x.astype("float64")
    for d, k, t in zip(spatial_dims, scale, translation):
        y = along(weight_matrix(x.shape[d], output_shape[d], method, antialias, k, t), y, d)
    return saturated(y, x.dtype.name)


def scale_cases():
    x = values("float32", (6, 9, 2))
    scale, translation = np.array([1.5, 0.4], "float32"), np.array([-1.25, 2.0], "float32")
    for method in ("linear", "bilinear", "cubic", "lanczos3", "lanczos5"):
        for antialias in (False, True):
            yield case(x, (8, 5, 2), scale, translation, (0, 1), method, antialias, expect=scaled, rtol=1e-5, atol=1e-5)
    yield case(x, (6, 9, 3), np.array([1.5]), np.array([0.25]), (-1,), "tricubic", expect=scaled, rtol=1e-5, atol=1e-5)
    yield case(x, (6, 9, 2), np.zeros(0, "float32"), np.zeros(0, "float32"), (), "linear", expect=x)
    yield case(values("uint8", (6, 9, 2)), (8, 5, 2), scale, translation, (0, 1), "cubic", expect=scaled)


# ---- colours ----


def grey(x, data_format=None):
    axis = -3 if data_format == "channels_first" else -1
    r, g, b = np.split(x.astype("float64"), 3, axis)
    return cast(0.2989 * r + 0.587 * g + 0.114 * b, x.dtype.name)


def hsv(x, data_format=None):
    axis = -3 if data_format == "channels_first" else -1
    planes = wide(x)
    planes = np.where(np.abs(planes) < float(ml_dtypes.finfo(x.dtype).eps), 0, planes)
    r, g, b = (p.squeeze(axis) for p in np.split(planes, 3, axis))
    value = np.maximum(np.maximum(r, g), b)
    spread = value - np.minimum(np.minimum(r, g), b)
    saturation = np.divide(spread, value, out=np.zeros_like(value), where=value > 0)
    six = 6 * np.where(spread > 0, spread, 1)
    hue = np.select([value == r, value == g], [(g - b) / six, (b - r) / six + 1 / 3], (r - g) / six + 2 / 3)
    hue = np.where(spread > 0, hue, 0) + (hue < 0)
    return cast(np.stack([hue, saturation, value], axis), x.dtype.name)


def rgb(x, data_format=None):
    axis = -3 if data_format == "channels_first" else -1
    h, s, v = (p.squeeze(axis) for p in np.split(wide(x), 3, axis))
    h6 = np.mod(h, 1) * 6
    shares = [np.abs(h6 - 3) - 1, 2 - np.abs(h6 - 2), 2 - np.abs(h6 - 4)]
    return cast(np.stack([v * (1 - s + s * np.clip(k, 0, 1)) for k in shares], axis), x.dtype.name)


UNKNOWN = "the number of channels decides"


def colour_cases(f, dtypes):
    for dtype in dtypes:
        high = 1 if npd(dtype).kind not in "iu" else None
        yield case(values(dtype, (2, 4, 5, 3), low=0, high=high), expect=f, atol=2e-6)
        first = values(dtype, (3, 4, 5), low=0, high=high)
        yield case(first, data_format="channels_first", expect=f, atol=2e-6, compile=False)
    special = np.array([[[0, 0, 0], [1, 1, 1], [1e-9, 0, 0], [0.5, 0.5, 0.2], [0.2, 0.5, 0.5], [1, 0, 0.25]]], "float32")
    yield case(special, expect=f, atol=2e-6)
    yield case(np.zeros((0, 4, 3), "float32"), expect=f)


def grey_cases():
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        yield case(values(dtype, (2, 4, 5, 3), low=0, high=255), expect=grey, rtol=None if dtype == "float64" else 8e-3)
    yield case(values("uint8", (3, 4, 5)), data_format="channels_first", expect=grey)
    yield case(values("int32", (4, 5, 3), low=-1000, high=1000), expect=grey)
    one = values("uint8", (4, 5, 1))
    yield case(one, expect=one, dynamic=False, why=UNKNOWN)


# ---- filters ----


def correlated(x, kernel, axes):
    """The sum of x shifted by each place of the kernel, zeros around."""
    before = [(n - 1) // 2 for n in kernel.shape]
    room = [(0, 0)] * x.ndim
    for axis, b, n in zip(axes, before, kernel.shape):
        room[axis] = (b, n - 1 - b)
    padded, y = np.pad(x, room), 0
    for i, j in np.ndindex(kernel.shape):
        part = padded.take(range(i, i + x.shape[axes[0]]), axes[0]).take(range(j, j + x.shape[axes[1]]), axes[1])
        y = y + kernel[i, j] * part
    return y


def gaussian(size, sigma):
    x = np.arange(size) - (size - 1) / 2
    k = np.exp(-0.5 * (x / float(sigma)) ** 2)
    return k / k.sum()


def blurred(x, kernel_size=(3, 3), sigma=1.0, data_format=None):
    h = x.ndim - (2 if data_format == "channels_first" else 3)
    sigma = np.broadcast_to(np.asarray(sigma, "float64"), (2,))
    kernel = np.outer(gaussian(kernel_size[1], sigma[1]), gaussian(kernel_size[0], sigma[0]))
    return saturated(correlated(x.astype("float64"), kernel, (h, h + 1)), x.dtype.name)


def blur_cases():
    x = values("float32", (2, 9, 7, 3))
    sigma = np.array([0.7, 1.9], "float32")
    for size in ((3, 3), (5, 1), (1, 4), (2, 6), (11, 31)):
        yield case(x, size, sigma, expect=blurred, rtol=1e-5, atol=1e-6)
    yield case(x, expect=blurred, rtol=1e-5, atol=1e-6)
    yield case(values("float32", (2, 3, 20, 30)), (5, 7), sigma, "channels_first", expect=blurred, rtol=1e-5, atol=1e-6)
    yield case(values("float32", (40, 50, 16)), (5, 3), sigma, expect=blurred, rtol=1e-5, atol=1e-6)
    for dtype in ("uint8", "int16", "float16", "bfloat16", "float64"):
        yield case(values(dtype, (6, 5, 1)), (3, 5), sigma, expect=blurred, atol=1e-6, compile=dtype == "uint8")
    yield case(values("float32", (0, 4, 4, 1)), expect=blurred)


def sobel(x, data_format=None):
    h = 2 if data_format == "channels_first" else 1
    dy = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    y = np.stack([correlated(x.astype("float64"), k, (h, h + 1)) for k in (dy, dy.T)], -1)
    return cast(y.astype("int64") if x.dtype.kind in "iu" else y, x.dtype.name)


def sobel_cases():
    for dtype in ("float32", "float64", "float16", "bfloat16", "int32", "uint8"):
        yield case(values(dtype, (2, 5, 6, 3), low=-50, high=50), expect=sobel, atol=1e-5)
    yield case(values("float32", (2, 3, 5, 6)), "channels_first", expect=sobel, atol=1e-5)
    yield case(values("float32", (1, 1, 1, 1)), expect=sobel)


# ---- places ----

PAD = {"nearest": "edge", "mirror": "reflect", "reflect": "symmetric", "wrap": "wrap"}
MODES = ["constant", *PAD]


def rounded(c):
    return np.floor(np.abs(c) + 0.5) * np.sign(c)


def mapped(x, coordinates, order, fill_mode="constant", fill_value=0.0):
    """Outside is what numpy.pad puts there."""
    c, room = np.asarray(coordinates, "float64"), 40
    filled = np.asarray(fill_value, "float64").astype(x.dtype)
    padded = np.pad(x, room, constant_values=filled) if fill_mode == "constant" else np.pad(x, room, PAD[fill_mode])
    if order == 0:
        return padded[tuple(rounded(c).astype(int) + room)]
    low, y = np.floor(c), 0.0
    for corner in np.ndindex((2,) * x.ndim):
        side = np.array(corner).reshape((-1,) + (1,) * (c.ndim - 1))
        weight = np.prod(np.where(side, c - low, 1 - (c - low)), axis=0)
        y = y + weight * wide(padded[tuple((low + side).astype(int) + room)])
    return rounded(y).astype(x.dtype) if x.dtype.kind in "iu" else cast(y, x.dtype.name)


def map_cases():
    generator = np.random.default_rng(1)
    for mode in MODES:
        for order in (0, 1):
            for shape in ((5,), (4, 3), (2, 3, 4)):
                c = generator.uniform(-12, 15, (len(shape), 3, 7)).astype("float32")
                c[:, 0, :3] = [-0.5, 0.5, 2.0]
                yield case(values("float32", shape), c, order, mode, 2.5, expect=mapped, rtol=1e-5, atol=1e-6,
                           compile=len(shape) == 2)
    c = generator.uniform(-2, 6, (2, 9))
    for dtype in ("bool", "uint8", "int32", "int64", "uint64", "float16", "bfloat16", "float64", "complex64"):
        low, high = (-(2**40), 2**40) if dtype in ("int64", "uint64") else (None, None)
        yield case(values(dtype, (4, 3), low=low, high=high), c, 0, "reflect", expect=mapped, compile=dtype == "bool")
        if dtype not in ("bool", "complex64"):
            yield case(values(dtype, (4, 3), low=low, high=high), c, 1, "mirror", expect=mapped, atol=1e-6,
                       compile=dtype in ("uint8", "float16"))
    yield case(values("uint8", (4, 3)), c, 1, "constant", 7.0, expect=mapped)
    yield case(values("float32", (4, 3)), np.array([[0, 1, 5], [2, -1, 0]]), 1, "wrap", expect=mapped, rtol=1e-5)
    for mode in MODES:
        yield case(values("float32", (1, 4)), c.astype("float16"), 1, mode, expect=mapped, rtol=1e-5, atol=1e-6,
                   compile=False)
        yield case(values("float32", (3, 0)), c, 1, mode, 5.0, expect=np.full(9, 5, "float32"), compile=False)
    yield case(values("float32", (3, 2)), np.zeros((2, 0), "float32"), 1, expect=np.zeros(0, "float32"))


def projected(x, t, interpolation="bilinear", fill_mode="constant", fill_value=0.0, data_format=None):
    first, single = data_format == "channels_first", x.ndim == 3
    batch = x[None] if single else x
    batch = batch.transpose(0, 2, 3, 1) if first else batch
    t = np.broadcast_to(np.asarray(t, "float64"), (len(batch), 8))
    h, w = np.mgrid[: batch.shape[1], : batch.shape[2]].astype("float64")
    results = []
    for image, (a0, a1, a2, b0, b1, b2, c0, c1) in zip(batch, t):
        k = c0 * w + c1 * h + 1
        place = [(b0 * w + b1 * h + b2) / k, (a0 * w + a1 * h + a2) / k]
        channels = [mapped(image[..., i], place, interpolation == "bilinear", fill_mode, fill_value)
                    for i in range(image.shape[-1])]
        results.append(np.stack(channels, -1))
    y = np.stack(results)
    y = y.transpose(0, 3, 1, 2) if first else y
    return y[0] if single else y


TRANSFORM = np.array([0.9, 0.2, -1.3, -0.15, 1.1, 0.7, 0.0, 0.0], "float32")
TRANSFORMS = np.stack([TRANSFORM, [1.5, 0.1, 2.3, 0.3, 0.6, -4.1, 0.01, -0.02]]).astype("float32")


def affine_cases():
    x = values("float32", (2, 8, 6, 3))
    for mode in MODES:
        for interpolation in ("nearest", "bilinear"):
            yield case(x, TRANSFORMS, interpolation, mode, 1.5, expect=projected, rtol=1e-5, atol=1e-5,
                       compile=mode in ("constant", "wrap"))
    yield case(x, TRANSFORM, expect=projected, rtol=1e-5, atol=1e-5)
    yield case(x[0], TRANSFORM, expect=projected, rtol=1e-5, atol=1e-5)
    first = values("float32", (3, 5, 6))
    yield case(first, TRANSFORM, data_format="channels_first", expect=projected, rtol=1e-5, atol=1e-5)
    identity = np.array([1, 0, 0, 0, 1, 0, 0, 0])
    for dtype in ("uint8", "int16", "float16", "bfloat16", "float64"):
        yield case(values(dtype, (5, 6, 4)), TRANSFORM, "bilinear", "reflect", expect=projected, atol=1e-6,
                   compile=dtype == "float16")
        yield case(values(dtype, (5, 6, 1)), identity, expect=lambda image, *_: image, compile=False)
        yield case(values(dtype, (5, 6, 1)), identity, "nearest", expect=lambda image, *_: image, compile=False)
    for channels in (1, 3, 5):
        for dtype in ("uint8", "float32", "float64"):
            yield case(values(dtype, (4, 6, channels)), TRANSFORM, "nearest", "constant", 2.0, expect=projected, compile=False)


def homography(start, end):
    start, end = np.asarray(start, "float64"), np.asarray(end, "float64")
    if start.ndim == 3:
        return np.stack([homography(a, b) for a, b in zip(start, end)]).astype("float32")
    rows, target = [], []
    for (sx, sy), (ex, ey) in zip(start, end):
        rows += [[ex, ey, 1, 0, 0, 0, -sx * ex, -sx * ey], [0, 0, 0, ex, ey, 1, -sy * ex, -sy * ey]]
        target += [sx, sy]
    return np.linalg.solve(rows, target).astype("float32")


SQUARE = np.array([[0, 0], [5, 0], [0, 7], [5, 7]], "float32")
MOVED = np.array([[0.5, -1], [4.5, 0.25], [1, 6], [6, 7.5]], "float32")
POINTS = np.stack([SQUARE, SQUARE + 1]), np.stack([MOVED, MOVED[::-1]])


def perspective(x, start, end, interpolation="bilinear", fill_value=0.0, data_format=None):
    return projected(x, homography(start, end), interpolation, "constant", fill_value, data_format)


def perspective_cases():
    x = values("float32", (2, 8, 6, 3))
    for interpolation in ("nearest", "bilinear"):
        yield case(x, *POINTS, interpolation, 0.5, expect=perspective, rtol=1e-3, atol=1e-3)
    yield case(x[0], SQUARE, MOVED, expect=perspective, rtol=1e-3, atol=1e-3)
    first = values("float32", (3, 8, 6))
    yield case(first, SQUARE, MOVED, data_format="channels_first", expect=perspective, rtol=1e-3, atol=1e-3)
    yield case(values("uint8", (8, 6, 1)), SQUARE, SQUARE, expect=lambda image, start, end: image)


CASES = {
    "rgb_to_grayscale": list(grey_cases()),
    "rgb_to_hsv": list(colour_cases(hsv, ["float16", "bfloat16", "float32", "float64"])),
    "hsv_to_rgb": list(colour_cases(rgb, ["float16", "bfloat16", "float32", "float64"])),
    "resize": list(resize_cases()),
    "scale_and_translate": list(scale_cases()),
    "gaussian_blur": list(blur_cases()),
    "sobel_edges": list(sobel_cases()),
    "map_coordinates": list(map_cases()),
    "affine_transform": list(affine_cases()),
    "compute_homography_matrix": [
        case(*POINTS, expect=homography, rtol=1e-3, atol=1e-4),
        case(SQUARE, MOVED, expect=homography, rtol=1e-3, atol=1e-4),
        case(SQUARE.astype("int32"), MOVED, expect=homography, rtol=1e-3, atol=1e-4),
    ],
    "perspective_transform": list(perspective_cases()),
}
OPS = {"elastic_transform"}  # random: test_elastic
test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)

# ---- what is no case ----

SEED = np.array([3, 4], "uint32")


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "bfloat16", "uint8", "int32"])
def test_not_finite_places(dtype):
    """NaN is no place, infinity one outside: where all is the same there. Integers have no NaN."""
    c = np.array([[np.nan, 1, 1, np.inf, 1e300], [0, np.nan, -np.inf, 0, -1e300]])
    nowhere = np.nan if "float" in dtype else 9
    for mode in MODES:
        outside, far = (9, 9) if mode == "constant" else (nowhere, 1)
        for order in (0, 1):
            y = kvino.ops.map_coordinates(np.ones((3, 2), npd(dtype)), c, order, mode, 9.0)
            expected = [nowhere, nowhere, outside, outside, far]
            np.testing.assert_array_equal(np.asarray(y).astype(float), expected)


@pytest.mark.parametrize("device", [None, *DEVICES])
def test_elastic(device):
    """The noise is normal, blurred, and each pixel comes from where it says: a ramp shows the displacement."""
    h, w, alpha, sigma = 60, 50, 3.0, 2.0
    ramps = np.stack(np.mgrid[:h, :w], -1).astype("float32")[None].repeat(4, 0)

    def f(x):
        return kvino.ops.elastic_transform(SEED, x, alpha, sigma, "bilinear", "nearest")

    y = np.asarray(f(ramps) if device is None else kvino.function(f, device=device, dynamic=True)(ramps))
    moved = (y - ramps)[:, 20:-20, 20:-20]
    kernel = gaussian(13, sigma)
    expected = alpha * sigma * (kernel**2).sum()
    assert moved.shape == (4, 20, 10, 2)
    assert abs(moved.std() / expected - 1) < 0.2 and abs(moved.mean()) < 0.3 * expected
    assert abs(np.corrcoef(moved[..., 0].ravel(), moved[..., 1].ravel())[0, 1]) < 0.3
    assert not np.array_equal(moved[0], moved[1])
    assert np.array_equal(y, np.asarray(kvino.ops.elastic_transform(SEED, ramps, alpha, sigma, "bilinear", "nearest")))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_colours_of_many_pixels(dtype):
    """More than a vector at a time, on all threads, and there and back; NaN goes into its own pixel only."""
    x = values(dtype, (3, 131, 101, 3), low=0, high=1)
    for form, y in (("channels_last", x), ("channels_first", np.ascontiguousarray(np.moveaxis(x, -1, 1)))):
        there = kvino.ops.rgb_to_hsv(y, form)
        agree(there, hsv(y, form), atol=1e-6)
        agree(kvino.ops.hsv_to_rgb(there, form), y, rtol=1e-5, atol=1e-6)
    x[1, 2, 3, 1] = np.nan
    bad = np.argwhere(np.isnan(np.asarray(kvino.ops.rgb_to_hsv(x))))
    assert len(bad) and (bad[:, :3] == [1, 2, 3]).all()


def test_elastic_keeps_dtype_and_format():
    x = values("uint8", (3, 10, 12))
    y = kvino.ops.elastic_transform(SEED, x, 1.0, 0.5, "nearest", data_format="channels_first")
    assert np.asarray(y).dtype == np.uint8 and y.shape == (3, 10, 12)
    still = kvino.ops.elastic_transform(SEED, x, 0.0, 0.5, data_format="channels_first")
    agree(still, x)


def test_large_images_on_all_threads():
    """Many rows at a time, wide and narrow ones, as one."""
    x = values("float32", (301, 207, 3))
    for shape in (x, x.transpose(2, 0, 1)):
        form = "channels_last" if shape is x else "channels_first"
        agree(kvino.ops.resize(shape, (77, 310), "bicubic", True, data_format=form),
              resized(shape, (77, 310), "bicubic", True, data_format=form), rtol=1e-4, atol=1e-5)
        agree(kvino.ops.gaussian_blur(shape, (9, 5), 2.0, form), blurred(shape, (9, 5), 2.0, form), rtol=1e-4, atol=1e-5)
    agree(kvino.ops.affine_transform(x, TRANSFORM, "bilinear", "nearest"),
          projected_far(x), rtol=1e-4, atol=1e-4)


def projected_far(x):
    """As projected(), of places far outside: numpy.clip is fill mode nearest."""
    a0, a1, a2, b0, b1, b2 = TRANSFORM[:6].astype("float64")
    h, w = np.mgrid[: x.shape[0], : x.shape[1]].astype("float64")
    v = np.clip(b0 * w + b1 * h + b2, 0, x.shape[0] - 1)
    u = np.clip(a0 * w + a1 * h + a2, 0, x.shape[1] - 1)
    return np.stack([mapped(x[..., i], [v, u], 1, "nearest") for i in range(3)], -1)


X = np.zeros((2, 4, 4, 3), "float32")
ERRORS = [
    (lambda k: k.resize(X, (2, 2), "cubic"), ValueError, "interpolation=cubic"),
    (lambda k: k.resize(X, (2, 2), fill_mode="edge"), ValueError, "Only `'constant'`"),
    (lambda k: k.resize(X, (0, 2)), ValueError, "positive height and width"),
    (lambda k: k.resize(X, (2,)), ValueError, "tuple of two elements"),
    (lambda k: k.resize(X[0, 0], (2, 2)), ValueError, "Invalid images rank"),
    (lambda k: k.resize(X, (2, 2), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), ValueError, "Only one of"),
    (lambda k: k.resize(X, (2, 2), data_format="first"), ValueError, "data_format"),
    (lambda k: k.resize(X.astype("complex64"), (2, 2)), TypeError, "complex64"),
    (lambda k: k.resize(X, (2**40, 2)), ValueError, "1099511627776"),
    (lambda k: k.scale_and_translate(X, (2, 4, 4, 3), [1.0], [0.0], (0,), "area"), ValueError, "method=area"),
    (lambda k: k.scale_and_translate(X, (4, 4), [1.0], [0.0], (0,), "cubic"), ValueError, "output_shape"),
    (lambda k: k.scale_and_translate(X, (2, 4, 4, 3), [1.0, 1.0], [0.0], (0,), "cubic"), ValueError, "scale"),
    (lambda k: k.rgb_to_hsv(X.astype("uint8")), ValueError, "expected float dtype"),
    (lambda k: k.rgb_to_hsv(X, "channels_first"), ValueError, "Invalid channel size"),
    (lambda k: k.hsv_to_rgb(X[..., :2]), ValueError, "Invalid channel size"),
    (lambda k: k.rgb_to_grayscale(X[..., :2]), ValueError, "Invalid channel size"),
    (lambda k: k.map_coordinates(X[0], np.zeros((2, 3)), 1), ValueError, "First dim of `coordinates`"),
    (lambda k: k.map_coordinates(X[0], np.zeros(3), 1), ValueError, "Invalid coordinates rank"),
    (lambda k: k.map_coordinates(X[0], np.zeros((3, 3)), 2), ValueError, "order=2"),
    (lambda k: k.map_coordinates(X[0], np.zeros((3, 3)), 1, "edge"), ValueError, "fill_mode=edge"),
    (lambda k: k.affine_transform(X, np.zeros((3, 8))), ValueError, "3"),
    (lambda k: k.affine_transform(X, np.zeros((2, 1, 8))), ValueError, "Invalid transform rank"),
    (lambda k: k.affine_transform(X, np.zeros(6)), ValueError, "8 parameters"),
    (lambda k: k.affine_transform(X, np.zeros(8), "cubic"), ValueError, "interpolation=cubic"),
    (lambda k: k.perspective_transform(X, SQUARE[:3], SQUARE[:3]), ValueError, "Invalid start_points shape"),
    (lambda k: k.perspective_transform(X, SQUARE, POINTS[1]), ValueError, "same shape"),
    (lambda k: k.gaussian_blur(X, (0, 3)), ValueError, "must be positive"),
    (lambda k: k.gaussian_blur(X, (3, 3), np.ones(3)), ValueError, "sigma"),
    (lambda k: k.sobel_edges(X[0]), ValueError, "expected rank 4"),
    (lambda k: k.elastic_transform(SEED, X[0, 0]), ValueError, "Invalid images rank"),
]


@pytest.mark.parametrize("i", range(len(ERRORS)))
def test_errors(i):
    call, kind, text = ERRORS[i]
    with pytest.raises(kind, match=text):
        call(kvino.ops)


def test_homography_sends_points_to_points():
    t = np.asarray(kvino.ops.compute_homography_matrix(SQUARE, MOVED)).astype("float64")
    for (sx, sy), (ex, ey) in zip(SQUARE, MOVED):
        k = t[6] * ex + t[7] * ey + 1
        assert math.isclose((t[0] * ex + t[1] * ey + t[2]) / k, sx, abs_tol=1e-4)
        assert math.isclose((t[3] * ex + t[4] * ey + t[5]) / k, sy, abs_tol=1e-4)


@pytest.mark.parametrize("filter", ["bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_a_length_that_stays_leaves_every_bit(filter):
    """Also where that is known only when the graph runs: the weights of other places are 0."""
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 1))
    f = kvino.function(lambda v: kvino.ops.resize(v, (5, 4), interpolation=filter), device="native", dynamic=True)
    np.testing.assert_array_equal(f(x[:, :3, :2]), kvino.ops.resize(kvino.Tensor(x[:, :3, :2]), (5, 4), interpolation=filter))
    np.testing.assert_array_equal(f(x), x)
