"""Arguments of the operators of models whose parameters depend on each other: nn, math, linalg, image, random, rnn."""

import numpy as np

from graphs import arrays
from graphs.arguments import arguments
from graphs.special import some

LAPACK = ["float32", "float32", "float64", "complex64"]
REAL_LAPACK = ["float32", "float32", "float64"]
FORMATS = [None, "channels_last", "channels_first"]


# ---- nn ----


@arguments("glu")
def _(g):
    shape = arrays.some_shape(g.r, g.r.randint(1, 3))
    return (g.of(g.float(), (*shape[:-1], 2 * shape[-1])),), {}


@arguments("softmax log_softmax sparsemax")
def _(g):
    x = g.any()
    return (x,), some(g, axis=g.axis(g.rank(x)))


def _image(g, spatial, channels, dtype=None, data_format=None):
    """Values of `spatial` spatial dimensions with channels."""
    sides = [g.side() + 2 for _ in range(spatial)]
    n = g.r.choice([0, 1, 1, 2, 2]) if g.r.random() < 0.5 else 1
    shape = (n, channels, *sides) if data_format == "channels_first" else (n, *sides, channels)
    return g.of(dtype or g.float(), shape)


def _kernel(g, x, spatial, *channels):
    return g.of(g.dtype(x), (*(g.r.randint(1, 3) for _ in range(spatial)), *channels))


@arguments("conv")
def _(g):
    spatial, groups, form = g.r.choice([1, 2, 2, 3]), g.r.choice([1, 1, 2]), g.r.choice(FORMATS)
    c = groups * g.r.randint(1, 3)
    x = _image(g, spatial, c, None, form)
    kernel = _kernel(g, x, spatial, c // groups, groups * g.r.randint(1, 3))
    strided = {"strides": g.r.choice([1, 2])} if g.flag() else some(g, dilation_rate=g.r.choice([1, 2]))
    return (x, kernel), {"data_format": form, **strided, **some(g, padding=g.r.choice(["valid", "same"]))}


def _depthwise(g, pointwise):
    spatial, c, m, form = g.r.choice([1, 2]), g.r.randint(1, 3), g.r.randint(1, 2), g.r.choice(FORMATS)
    x = _image(g, spatial, c, None, form)
    kernels = [_kernel(g, x, spatial, c, m)] + ([g.of(g.dtype(x), (*[1] * spatial, c * m, 2))] if pointwise else [])
    return (x, *kernels), {"data_format": form, **some(g, strides=g.r.choice([1, 2]), padding=g.r.choice(["valid", "same"]))}


@arguments("depthwise_conv")
def _(g):
    return _depthwise(g, False)


@arguments("separable_conv")
def _(g):
    return _depthwise(g, True)


@arguments("conv_transpose")
def _(g):
    spatial, c, form = g.r.choice([1, 2, 2, 3]), g.r.randint(1, 3), g.r.choice(FORMATS)
    x = _image(g, spatial, c, None, form)
    kernel = _kernel(g, x, spatial, g.r.randint(1, 3), c)
    return (x, kernel), {"data_format": form, **some(g, strides=g.r.choice([1, 2, 3]), padding=g.r.choice(["valid", "same"]))}


@arguments("max_pool average_pool")
def _(g):
    spatial, form = g.r.choice([1, 2, 2, 3]), g.r.choice(FORMATS)
    x = _image(g, spatial, g.r.randint(1, 3), g.r.choice(["float32"] * 3 + g.palette), form)
    return (x, g.r.choice([1, 2, 3])), {"data_format": form, **some(g, strides=g.r.choice([None, 1, 2]), padding=g.r.choice(["valid", "same"]))}


@arguments("adaptive_average_pool adaptive_max_pool")
def _(g):
    spatial, form = g.r.choice([1, 2, 2, 3]), g.r.choice(FORMATS)
    return (_image(g, spatial, 2, None, form), [g.r.randint(1, 3) for _ in range(spatial)]), {"data_format": form}


@arguments("unfold")
def _(g):
    x = _image(g, 2, g.r.randint(1, 2), g.r.choice(["float32", *g.palette]), "channels_first")
    return (x, g.r.choice([1, 2, [2, 3]])), some(g, dilation=g.r.choice([1, 2]), padding=g.r.choice([0, 1]), stride=g.r.choice([1, 2]))


@arguments("fold")
def _(g):
    h, w, k = g.r.randint(2, 5), g.r.randint(2, 5), g.r.randint(1, 2)
    return (g.of(g.float(), (g.r.randint(1, 2), 2 * k * k, (h - k + 1) * (w - k + 1))), [h, w], k), {}


@arguments("depth_to_space")
def _(g):
    form = g.r.choice(["channels_last", "channels_first"])
    return (_image(g, 2, 4 * g.r.randint(1, 2), g.r.choice(["float32", *g.palette]), form), 2), {"data_format": form}


@arguments("space_to_depth")
def _(g):
    form, (h, w) = g.r.choice(["channels_last", "channels_first"]), (2 * g.r.randint(1, 3), 2 * g.r.randint(0, 3))
    shape = (1, h, w, 3) if form == "channels_last" else (2, 1, h, w)
    return (g.of(g.r.choice(["float32", *g.palette]), shape), 2), {"data_format": form}


@arguments("batch_normalization")
def _(g):
    x = g.any(dtypes=arrays.FLOATS, ranks=range(2, 5))
    axis = g.r.choice([-1, 1, 0])
    n, d = g.shape(x)[axis], g.dtype(x)
    part = lambda: g.of(d, (n,))
    return (x, part(), g.new(d, (n,), low=0, high=3), axis), some(g, offset=part(), scale=part(), epsilon=g.r.choice([0.001, 0.1]))


@arguments("layer_normalization")
def _(g):
    x = g.any(dtypes=arrays.FLOATS, ranks=range(1, 4))
    return (x,), some(g, gamma=g.of(g.dtype(x), g.shape(x)[-1:]), beta=g.of(g.dtype(x), g.shape(x)[-1:]), epsilon=0.01)


@arguments("rms_normalization")
def _(g):
    x = g.any(dtypes=arrays.FLOATS, ranks=range(1, 4))
    return (x,), some(g, scale=g.of(g.dtype(x), g.shape(x)[-1:]), epsilon=0.01)


@arguments("one_hot multi_hot")
def _(g):
    x = g.new(g.r.choice(["int32", "int64", "uint8", "int8"]), arrays.some_shape(g.r, g.r.randint(0, 2)), low=0, high=6)
    return (x, g.r.randint(1, 5)), some(g, axis=g.r.choice([-1, 0]), dtype=arrays.some_dtype(g.r))


@arguments("moments")
def _(g):
    x = g.any(dtypes=arrays.FLOATS)
    return (x, g.axes(g.rank(x), none=0.0)), some(g, keepdims=g.flag())


@arguments("categorical_crossentropy binary_crossentropy")
def _(g):
    x = g.any(dtypes=arrays.FLOATS, ranks=range(1, 4))
    return (g.of(g.dtype(x), g.shape(x)), x), some(g, from_logits=g.flag())


@arguments("sparse_categorical_crossentropy")
def _(g):
    x = g.any(dtypes=arrays.FLOATS, ranks=range(1, 4))
    return (g.new("int32", g.shape(x)[:-1], low=0, high=max(0, g.shape(x)[-1] - 1)), x), some(g, from_logits=g.flag())


@arguments("psnr")
def _(g):
    x = g.any(dtypes=arrays.FLOATS)
    return (x, g.of(g.dtype(x), g.shape(x)), g.r.choice([1.0, 255])), {}


@arguments("ctc_loss")
def _(g):
    b, t, c, n = g.r.randint(1, 2), g.r.randint(1, 5), g.r.randint(2, 4), g.r.randint(1, 3)
    lengths = lambda most: g.new("int32", (b,), low=1, high=most)
    return (g.new("int32", (b, n), low=1, high=c - 1), g.of(g.float(), (b, t, c)), lengths(n), lengths(t)), {}


@arguments("ctc_decode")
def _(g):
    b, t, c = g.r.randint(1, 2), g.r.randint(1, 5), g.r.randint(2, 4)
    strategy = {"strategy": "greedy"} if g.flag() else {"strategy": "beam_search", "beam_width": 4, "top_paths": g.r.choice([1, 2])}
    return (g.of(g.float(), (b, t, c)), g.new("int32", (b,), low=1, high=t)), {**strategy, **some(g, merge_repeated=g.flag())}


@arguments("dot_product_attention")
def _(g):
    b, t, s, h, d, kv = g.r.randint(1, 2), g.r.randint(1, 4), g.r.randint(1, 4), g.r.choice([1, 2, 4]), g.r.choice([2, 4, 8]), g.r.choice([1, 2])
    dtype, n = g.float(), h if g.flag() else max(1, h // kv)
    extra = some(g, scale=g.r.choice([None, 0.5]), is_causal=g.flag(0.3), mask=g.r.choice([None, g.of("bool", (b, h, t, s))]))
    extra |= {"bias": g.of(dtype, (b, h, t, s))} if g.flag(0.2) else {}
    return (g.of(dtype, (b, t, h, d)), g.of(dtype, (b, s, n, d)), g.of(dtype, (b, s, n, d))), extra


# ---- math ----


@arguments("segment_sum segment_max segment_min segment_prod")
def _(g):
    x = g.any(ranks=range(1, 4))
    n, k = g.shape(x)[0], g.r.randint(1, 4)
    ids = np.array([g.r.randrange(-1 if g.r.random() < 0.1 else 0, k) for _ in range(n)], g.r.choice(["int32", "int64"]))
    ordered = g.flag(0.3)
    return (x, g.add(np.sort(ids) if ordered else ids)), {"num_segments": g.r.choice([None, k, k + 1]), "sorted": ordered}


@arguments("top_k")
def _(g):
    x = g.any(ranks=range(1, 4))
    return (x, g.r.randint(0 if g.r.random() < 0.1 else 1, max(1, g.shape(x)[-1]))), some(g, sorted=g.flag(0.8))


@arguments("in_top_k")
def _(g):
    x = g.any(dtypes=["float32", "float16", "float64"], ranks=[2])
    return (g.new("int32", g.shape(x)[:1], low=0, high=max(0, g.shape(x)[1] - 1)), x, g.r.randint(1, 3)), {}


@arguments("logsumexp")
def _(g):
    x = g.any(dtypes=arrays.FLOATS)
    return (x,), some(g, axis=g.axes(g.rank(x)), keepdims=g.flag())


@arguments("cdist")
def _(g):
    x = g.any(dtypes=arrays.FLOATS, ranks=[2])
    return (x, g.of(g.dtype(x), (g.side(), g.shape(x)[1]))), {}


@arguments("gammainc")
def _(g):
    x = g.new(g.float(), arrays.some_shape(g.r), low=0.1, high=4)
    return (x, g.new(g.dtype(x), g.shape(x), low=0, high=5)), {}


@arguments("extract_sequences")
def _(g):
    x = g.any(ranks=range(1, 4))
    return (x, g.r.randint(1, max(1, g.shape(x)[-1])), g.r.randint(1, 3)), {}


def _pair(g, rank):
    x = g.any(dtypes=["float32", "float64", "float16"], ranks=range(rank, 4))
    return [x, g.of(g.dtype(x), g.shape(x))]


@arguments("fft")
def _(g):
    return (_pair(g, 1),), {}


@arguments("fft2 ifft2")
def _(g):
    return (_pair(g, 2),), {}


@arguments("rfft")
def _(g):
    return (g.any(dtypes=["float32", "float64", "float16"], ranks=range(1, 4)),), some(g, fft_length=g.r.choice([None, 4, 7]))


@arguments("irfft")
def _(g):
    return (_pair(g, 1),), some(g, fft_length=g.r.choice([None, 4, 7]))


@arguments("stft")
def _(g):
    x = g.of(g.r.choice(["float32", "float64"]), (*g.r.choice([(), (2,)]), g.r.randint(8, 20)))
    return (x, 4, 2, g.r.choice([4, 8])), some(g, window=g.r.choice(["hann", "hamming", None]), center=g.flag())


@arguments("istft")
def _(g):
    d, n, t = g.r.choice(["float32", "float64"]), g.r.choice([4, 8]), g.r.randint(2, 6)
    pair = [g.of(d, (t, n // 2 + 1)), g.of(d, (t, n // 2 + 1))]
    return (pair, 4, 2, n), some(g, length=g.r.choice([None, 6]), window=g.r.choice(["hann", None]), center=g.flag())


# ---- linalg ----


def _matrix(g, dtypes, m=None, n=None):
    m = g.r.choice([1, 2, 2, 3, 4]) if m is None else m
    batch = g.r.choice([(), (), (), (2,), (0,)])
    return g.of(g.r.choice(dtypes), (*batch, m, m if n is None else n), "noise" if g.flag(0.8) else None)


def _definite(g):
    """x x' + a multiple of the identity."""
    x = _matrix(g, LAPACK[:3])
    y = g.step("matmul", x, g.step("swapaxes", x, -1, -2) or x)
    return y and g.step("add", y, g.step("multiply", g.step("eye", g.shape(x)[-1], dtype=g.dtype(x)), 3)) or x


@arguments("cholesky")
def _(g):
    return (_definite(g) if g.r.random() < 0.85 else _matrix(g, LAPACK),), some(g, upper=g.flag())


@arguments("cholesky_inverse")
def _(g):
    x = _definite(g)
    return (g.step("cholesky", x) or x,), {}


@arguments("det inv logdet slogdet eig")
def _(g):
    return (_matrix(g, LAPACK if g.r.random() < 0.8 else g.palette),), {}


@arguments("eigh")
def _(g):
    return (_definite(g),), {}


@arguments("lu_factor")
def _(g):
    return (_matrix(g, REAL_LAPACK, None, g.r.choice([None, 2, 3])),), {}


@arguments("qr")
def _(g):
    return (_matrix(g, LAPACK, None, g.r.choice([None, 2, 3])),), some(g, mode=g.r.choice(["reduced", "complete"]))


@arguments("svd")
def _(g):
    return (_matrix(g, LAPACK, None, g.r.choice([None, 2, 3])),), some(g, full_matrices=g.flag(), compute_uv=g.flag(0.7))


@arguments("matrix_rank pinv")
def _(g):
    return (_matrix(g, REAL_LAPACK, None, g.r.choice([None, 2, 3])),), {}


@arguments("solve solve_triangular")
def _(g):
    a = _matrix(g, LAPACK)
    return (a, g.of(g.dtype(a), (*g.shape(a)[:-1], g.r.randint(1, 3)))), {}


@arguments("lstsq")
def _(g):
    a = g.of(g.r.choice(REAL_LAPACK), (g.r.randint(1, 4), g.r.randint(1, 3)), "noise")
    return (a, g.of(g.dtype(a), (g.shape(a)[0], *g.r.choice([(), (2,)])))), {}


@arguments("matrix_power")
def _(g):
    return (_matrix(g, LAPACK), g.r.randint(-1, 4)), {}


@arguments("norm")
def _(g):
    x = g.any(ranks=range(1, 4))
    axis = g.r.choice([None, g.axis(g.rank(x)), [0, -1]])
    return (x,), {"axis": axis, **some(g, ord=g.r.choice([None, 1, 2, 0, "inf", "-inf", "fro", "nuc", -1, 3]), keepdims=g.flag())}


# ---- image ----


def _picture(g, channels=None, dtypes=("float32", "float32", "float16", "float64", "uint8")):
    form = g.r.choice([None, "channels_last", "channels_first"])
    h, w, c = g.r.randint(1, 6), g.r.randint(1, 6), channels or g.r.choice([1, 3])
    shape = (c, h, w) if form == "channels_first" else (h, w, c)
    return g.of(g.r.choice(dtypes), (g.r.choice([(1,), (2,), ()]) + shape)), {"data_format": form}


@arguments("rgb_to_grayscale rgb_to_hsv hsv_to_rgb")
def _(g):
    x, form = _picture(g, 3)
    return (x,), form


@arguments("resize")
def _(g):
    x, form = _picture(g)
    method = g.r.choice(["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"])
    fit = g.r.choice([{}, {}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}])
    return (x, [g.r.randint(1, 7), g.r.randint(1, 7)]), {"interpolation": method, **fit, **some(g, antialias=g.flag()), **form}


@arguments("scale_and_translate")
def _(g):
    x = g.any(dtypes=["float32", "float64"], ranks=[2, 3])
    size = [*(g.r.randint(1, 5) for _ in range(2)), *g.shape(x)[2:]]
    method = g.r.choice(["linear", "cubic", "lanczos3", "lanczos5"])
    return (x, size, g.new("float32", (2,), low=0.5, high=2), g.new("float32", (2,), low=-1, high=1), [0, 1], method), some(g, antialias=g.flag())


@arguments("gaussian_blur sobel_edges")
def _(g):
    x, form = _picture(g)
    return (x,), form


@arguments("map_coordinates")
def _(g):
    x = g.any(dtypes=["float32", "float64", "int32", "uint8"], ranks=[1, 2, 3])
    places = g.new(g.r.choice(["float32", "int32"]), (g.rank(x), g.r.randint(0, 4)), low=-2, high=5)
    return (x, places, g.r.choice([0, 1])), some(g, fill_mode=g.r.choice(["constant", "nearest", "wrap", "mirror", "reflect"]), fill_value=1.0)


def _points(g, n):
    return g.add(np.array([[[0, 0], [0, 5], [5, 0], [5, 5]]] * n, "float32") + arrays.array(g.r, "float32", (n, 4, 2), low=0, high=1))


@arguments("affine_transform")
def _(g):
    x, form = _picture(g)
    n = g.shape(x)[:-3]
    transform = arrays.array(g.r, "float32", (*n, 8), low=-0.2, high=0.2) + np.array([1, 0, 0, 0, 1, 0, 0, 0], "float32")
    return (x, g.add(transform.astype("float32"))), {**form, **some(g, interpolation=g.r.choice(["nearest", "bilinear"]),
                                                     fill_mode=g.r.choice(["constant", "nearest", "wrap", "mirror", "reflect"]))}


@arguments("compute_homography_matrix")
def _(g):
    return (_points(g, 1), _points(g, 1)), {}


@arguments("perspective_transform")
def _(g):
    x, form = _picture(g)
    n = 1 if g.rank(x) == 3 else g.shape(x)[0]
    a, b = _points(g, n), _points(g, n)
    if g.rank(x) == 3:
        a, b = g.step("squeeze", a, axis=0), g.step("squeeze", b, axis=0)
    return (x, a, b), {**form, **some(g, interpolation=g.r.choice(["nearest", "bilinear"]))}


@arguments("elastic_transform")
def _(g):
    x, form = _picture(g)
    return (_seed(g), x), {**form, **some(g, alpha=2.0, interpolation=g.r.choice(["nearest", "bilinear"]))}


# ---- random ----


def _seed(g):
    return g.new("uint32" if g.flag(0.2) else "int32", (2,), low=0, high=9999)


def _limits(g, low, high):
    return g.new("float32", (), low=low, high=high) if g.flag(0.3) else g.r.choice([low, high])


@arguments("uniform")
def _(g):
    return (_seed(g), list(arrays.some_shape(g.r))), some(g, minval=_limits(g, -1, 0), maxval=_limits(g, 1, 3), dtype=g.float())


@arguments("normal truncated_normal")
def _(g):
    return (_seed(g), list(arrays.some_shape(g.r))), some(g, mean=_limits(g, -1, 1), stddev=_limits(g, 1, 2), dtype=g.float())


@arguments("gamma")
def _(g):
    return (_seed(g), list(arrays.some_shape(g.r)), _limits(g, 0.5, 3)), some(g, dtype=g.float())


@arguments("beta")
def _(g):
    return (_seed(g), list(arrays.some_shape(g.r)), _limits(g, 0.5, 3), _limits(g, 0.5, 3)), some(g, dtype=g.float())


@arguments("binomial")
def _(g):
    return (_seed(g), list(arrays.some_shape(g.r)), _limits(g, 1, 9), _limits(g, 0.1, 0.9)), some(g, dtype=g.float())


@arguments("randint")
def _(g):
    return (_seed(g), list(arrays.some_shape(g.r)), g.r.choice([-3, 0]), g.r.choice([1, 9])), some(g, dtype=g.r.choice(arrays.INTEGERS))


@arguments("categorical")
def _(g):
    return (_seed(g), g.of(g.float(), (g.r.randint(0, 3), g.r.randint(1, 4))), g.r.randint(0, 4)), some(g, dtype=g.r.choice(["int32", "int64"]))


@arguments("shuffle")
def _(g):
    x = g.any(ranks=range(1, 4))
    return (_seed(g), x), some(g, axis=g.r.randrange(g.rank(x)))


@arguments("dropout")
def _(g):
    x = g.any(dtypes=arrays.FLOATS)
    return (_seed(g), x, g.r.choice([0.0, 0.3, 0.5])), {}


# ---- rnn ----


def _recurrent(g, gates, states):
    b, t, f, n = g.r.randint(1, 2), g.r.randint(1, 4), g.r.randint(1, 3), g.r.randint(1, 3)
    d = g.float()
    x = [g.of(d, (b, t, f))] + [g.of(d, (b, n)) for _ in range(states)] + [g.of(d, (f, gates * n)), g.of(d, (n, gates * n))]
    mask = g.of("bool", (b, t))
    return x, d, gates * n, some(g, reverse=g.flag(), mask=g.r.choice([None, mask]), zero_output=g.flag())


@arguments("lstm_sequence")
def _(g):
    x, d, n, extra = _recurrent(g, 4, 2)
    return tuple(x), {**extra, **some(g, bias=g.of(d, (n,)))}


@arguments("gru_sequence")
def _(g):
    x, d, n, extra = _recurrent(g, 3, 1)
    after = g.flag()
    return tuple(x), {**extra, "reset_after": after, **some(g, bias=g.of(d, (2, n) if after else (n,)))}


@arguments("rnn_sequence")
def _(g):
    x, d, n, extra = _recurrent(g, 1, 1)
    return tuple(x), {**extra, **some(g, bias=g.of(d, (n,)), activation=g.r.choice(["tanh", "sigmoid", "relu"]))}
