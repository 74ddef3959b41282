"""What an eager call refuses because of values or lengths, a compiled one refuses, too; and a run after it is as if it had not been."""

import threading

import kvino  # isort: skip: makes Keras use it
import keras
import numpy as np
import pytest

from kvino import ops as K

core = keras.src.backend.core
DEVICES = ["native", "CPU"]
rng = np.random.default_rng(0)


def u(*shape):
    return rng.random(shape, "float32")


KERNEL, GATES = u(3, 3, 3, 4), [u(3, 16), u(4, 16), u(16)]
GRU, NONE = [u(3, 12), u(4, 12), u(2, 12)], np.zeros((2, 4), "float32")

# name: the function, inputs that it takes, inputs that it refuses
LENGTHS = {
    "conv": (lambda x: K.conv(x, KERNEL), [u(1, 8, 8, 3)], [u(1, 8, 8, 5)]),
    "max_pool": (lambda x: K.max_pool(x, 3), [u(1, 8, 8, 3)], [u(1, 2, 2, 3)]),
    "reshape": (lambda x: K.reshape(x * 2, (-1, 4)), [u(4, 4)], [u(3, 3)]),
    "stack": (lambda x, y: K.stack([x * 2, y]), [u(3), u(3)], [u(3), u(4)]),
    "concatenate": (lambda x, y: K.concatenate([x * 2, y]), [u(3, 4), u(3, 4)], [u(3, 4), u(3, 5)]),
    "matmul": (lambda x, y: K.matmul(x * 2, y), [u(3, 4), u(4, 5)], [u(3, 4), u(3, 5)]),
    "add": (lambda x, y: x * 2 + y, [u(3), u(3)], [u(3), u(4)]),
    "where": (lambda c, x, y: K.where(c > 0.5, x, y), [u(3), u(3), u(3)], [u(3), u(4), u(3)]),
    "attention": (K.dot_product_attention, [u(1, 3, 2, 4)] * 3, [u(1, 3, 2, 4), u(1, 3, 2, 4), u(1, 4, 2, 4)]),
    "dot": (K.dot, [u(3, 4), u(4, 5)], [u(3, 4), u(5, 5)]),
    "dot of vectors": (K.dot, [u(4), u(4)], [u(4), u(5)]),
    "einsum": (lambda a, b: K.einsum("ij,jk->ik", [a, b]), [u(3, 4), u(4, 5)], [u(3, 4), u(5, 5)]),
    "einsum of a diagonal": (lambda a: K.einsum("ii->i", [a]), [u(1, 1)], [u(2, 1)]),
    "einsum of rows": (lambda a, b: K.einsum("ij,ij->i", [a, b]), [u(3, 4), u(3, 4)], [u(3, 4), u(2, 4)]),
    "squeeze": (lambda a: K.squeeze(a, 0) * 2, [u(1, 4)], [u(3, 4)]),
    "batches": (K.matmul, [u(2, 3, 4), u(2, 4, 3)], [u(2, 3, 4), u(3, 4, 3)]),
    "split": (lambda a: K.split(a, 3)[0] * 2, [u(6, 3)], [u(7, 3)]),
    "broadcast_to": (lambda a: K.broadcast_to(a * 2, (3, 4)), [u(1, 4)], [u(2, 4)]),
    "reshape of a reshape": (lambda a: K.reshape(K.reshape(a, [2, -1]), [-1]) * 2, [u(4)], [u(5)]),
    "reshape between squeezes": (lambda a: K.reshape(K.squeeze(K.reshape(a, [1, 4, -1]), 0), [2, -1]), [u(8)], [u(6)]),
    "broadcast_to the shape of another": (lambda a: K.broadcast_to(u(2, 1), K.shape_tensor(a)) * 0, [u(2, 1)], [u(4, 1)]),
    "full_like": (lambda a: K.full_like(a, NONE[:, :1]), [u(2, 1)], [u(4, 1)]),
    "batch_normalization": (lambda a: K.batch_normalization(a, NONE[0], NONE[0] + 1, -1), [u(3, 4)], [u(3, 5)]),
    "segment_sum": (lambda a, i: K.segment_sum(a, i, 3), [u(4), np.zeros(4, "int32")], [u(4), np.zeros(5, "int32")]),
    "lstm": (lambda x: K.lstm_sequence(x, NONE, NONE, *GATES)[0], [u(2, 5, 3)], [u(3, 5, 3)]),
    "gru": (lambda x: K.gru_sequence(x, NONE, *GRU)[0], [u(2, 5, 3)], [u(3, 5, 3)]),
}


def refusal(f, *args):
    with pytest.raises(Exception) as raised:
        f(*args)
    return raised


@pytest.mark.parametrize("name", LENGTHS)
def test_a_run_after_a_refused_one(name):
    f, good, bad = LENGTHS[name]
    expected = np.asarray(f(*map(kvino.convert_to_tensor, good)))
    eager = refusal(f, *map(kvino.convert_to_tensor, bad))
    compiled = kvino.function(f, device="CPU", dynamic=True)
    np.testing.assert_allclose(compiled(*good), expected, rtol=1e-5)
    for _ in range(2):
        assert refusal(compiled, *bad).type is eager.type
        np.testing.assert_allclose(compiled(*good), expected, rtol=1e-5)
    np.testing.assert_allclose(kvino.function(f, device="CPU", dynamic=True)(*good), expected, rtol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("n", [2, 3, 4])
def test_indices_that_do_not_broadcast_are_refused_in_the_same_words(n, device):
    """How many elements of a mask are true, only a run knows."""
    x, where = u(3, 2, 2, 2), [np.array([0, 1]), np.array([[1], [0]]), np.array([[[1]]])][: n - 1]
    f = lambda x, mask, *i: x[(mask, *i)]
    compiled = kvino.function(f, device=device)
    good = [x, np.array([True, False, True]), *where]
    np.testing.assert_array_equal(compiled(*good), x[tuple(good[1:])])
    bad = [x, np.array([True, True, True]), *where]
    eager = refusal(f, *map(kvino.convert_to_tensor, bad))
    got = refusal(compiled, *bad)
    assert got.type is eager.type is IndexError and str(got.value) == str(eager.value)
    np.testing.assert_array_equal(compiled(*good), x[tuple(good[1:])])


@pytest.mark.parametrize("name", ["gru", "lstm", "sparse"])
def test_a_length_that_a_graph_must_know_is_named(name):
    graph = kvino.Graph()
    p = lambda *shape, dtype="float32": graph.parameter(shape, dtype)
    f = {"gru": lambda: K.gru_sequence(p(2, 5, 3), p(2, None), p(3, None), p(None, None), p(2, None)),
         "lstm": lambda: K.lstm_sequence(p(2, 5, 3), p(2, None), p(2, None), p(3, None), p(None, None), p(None)),
         "sparse": lambda: K.sparse_matmul(p(None, None, dtype="int32"), p(None), (2, 3), p(3, 2))}
    with pytest.raises(NotImplementedError, match="must be known"):
        f[name]()


@pytest.mark.parametrize("axis", [None, 0, (1, -2), (0,), (1,)])
@pytest.mark.parametrize("name", ["nanmin", "nanmax"])
def test_extremes_of_nothing_but_nan_say_the_same_compiled(name, axis):
    f, x = lambda v: getattr(K, name)(v, axis=axis), np.zeros((0, 5), "float32")
    for device in DEVICES:
        for y in (f, kvino.function(f, device=device), kvino.function(f, device=device, dynamic=True)):
            if axis == (1,):
                assert np.asarray(y(kvino.Tensor(x))).shape == (0,)
            else:
                assert f"reduction operation f{name[3:]} which has no identity" in str(refusal(y, kvino.Tensor(x)).value)


def test_runs_beside_refused_ones():
    """Threads that run one compiled model, some of them with what it refuses: those that are right stay right."""
    f = kvino.function(lambda x, y: K.matmul(x * 2, y), device="CPU", dynamic=True)
    x, y, z = u(3, 4), u(4, 5), u(3, 5)
    expected, wrong = np.matmul(x * 2, y), []

    def right():
        for _ in range(100):
            if not np.allclose(f(x, y), expected, rtol=1e-5):
                wrong.append("a number")

    def refused():
        for _ in range(10):
            try:
                wrong.append(f(x, z))
            except ValueError:
                pass

    threads = [threading.Thread(target=t) for t in (right, refused, right)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


# ---- numbers whose sums and products overflow ----

HUGE = [2**31, 2**61, 2**62, 2**63 - 1]
WINDOWS = {
    "conv": lambda h: [lambda: K.conv(u(1, 10, 3), u(2, 3, 4), dilation_rate=h), lambda: K.conv(u(1, 10, 3), u(2, 3, 4), strides=h)],
    "conv_transpose": lambda h: [lambda: K.conv_transpose(u(1, 1, 3), u(2, 3, 3), strides=h),
                                 lambda: K.conv_transpose(u(1, 1, 3), u(2, 3, 3), dilation_rate=h),
                                 lambda: K.conv_transpose(u(1, 1, 3), u(2, 3, 3), strides=2, output_padding=h)],
    "depthwise_conv": lambda h: [lambda: K.depthwise_conv(u(1, 10, 3), u(2, 3, 1), dilation_rate=h)],
    "pool": lambda h: [lambda: K.max_pool(u(1, 10, 3), h), lambda: K.max_pool(u(1, 10, 3), 2, h, "same"),
                       lambda: K.average_pool(u(1, 10, 3), h, 1, "same"), lambda: K.adaptive_max_pool(u(1, 10, 3), h)],
    "patches": lambda h: [lambda: K.unfold(u(1, 1, 9, 9), h), lambda: K.unfold(u(1, 1, 9, 9), 2, h),
                          lambda: K.unfold(u(1, 1, 9, 9), 2, 1, h), lambda: K.unfold(u(1, 1, 9, 9), 2, 1, 0, h)],
    "pad": lambda h: [lambda m=m: K.pad(u(3), max(h, 2**61), m) for m in ("constant", "wrap", "linear_ramp", "mean")],
}


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_of_huge_numbers(name):
    for h in HUGE:
        for f in WINDOWS[name](h):
            with pytest.raises(ValueError):
                f()


# ---- shapes that only a run can know are looked at before OpenVINO computes ----

WEIGHTS = u(1_000_000, 8)


def test_a_product_reads_no_other_memory():
    f = kvino.function(lambda x: x @ WEIGHTS, device="CPU", dynamic=True)
    for _ in range(2):
        with pytest.raises(ValueError, match="size 1000000 is different from 1"):
            f(u(1, 1))
    assert f(u(2, 1_000_000)).shape == (2, 8)


@pytest.mark.parametrize("device", DEVICES)
def test_shapes_inside_of_branches_and_loops(device):
    """What is not executed is not refused."""
    small = u(3, 4)

    def branch(x, y, flag):
        return core.cond(flag, lambda: x @ y, lambda: K.sum(x) * small[:, :1])

    def loop(x, n):
        return core.fori_loop(0, n, lambda i, v: K.tanh(v @ WEIGHTS[:3, :3]), x)

    f = kvino.function(branch, device=device, dynamic=True)
    for x, y in [(small, small.T), (small, small)]:
        assert f(x, y, np.bool_(False)).shape == (3, 1)
    assert f(small, small.T, np.bool_(True)).shape == (3, 3)
    with pytest.raises(ValueError, match="size 3 is different from 4"):
        f(small, small, np.bool_(True))
    g = kvino.function(loop, device=device, dynamic=True)
    assert g(u(2, 3), np.int64(2)).shape == (2, 3)
    with pytest.raises(ValueError, match="size 3 is different from 5"):
        g(u(2, 5), np.int64(2))
    assert g(u(2, 3), np.int64(3)).shape == (2, 3)


# ---- values ----

def i(*values):
    return np.array(values, "int32")


def f(*values):
    return np.array(values, "float32")


EYE, FLAT = np.eye(3, dtype="float32"), np.zeros((3, 3), "float32")
TRUTH = np.array([True, False, True, True])

# name: the function, inputs that it takes, inputs that it refuses
VALUES = {
    "unravel_index": (lambda x: K.unravel_index(x, (7, 9)), [i(3, 62)], [i(0, 63, 64)]),
    "unravel_index of negative ones": (lambda x: K.unravel_index(x, (7, 9)), [np.int64([3])], [np.int64([3, -1])]),
    "bincount": (K.bincount, [i(0, 1, 2)], [i(0, -1, 2)]),
    "bincount of rows": (K.bincount, [i(0, 1, 2, 1).reshape(2, 2)], [i(0, 1, 2, -1).reshape(2, 2)]),
    "bincount with weights": (lambda x, w: K.bincount(x, w), [i(0, 1, 2), f(1, 2, 3)], [i(0, -1, 2), f(1, 2, 3)]),
    "quantile": (K.quantile, [u(5), f(0.5)], [u(5), f(1.5)]),
    "quantile of nan": (K.quantile, [u(5), f(0.5)], [u(5), f(np.nan)]),
    "percentile": (K.percentile, [u(5), f(50)], [u(5), f(150)]),
    "nanquantile": (K.nanquantile, [u(5), f(0.5)], [u(5), f(-1)]),
    "digitize": (K.digitize, [u(5), f(1, 2, 3)], [u(5), f(3, 1, 2)]),
    "digitize backwards": (K.digitize, [u(5), f(3, 2, 1)], [u(5), f(3, 1, 2)]),
    "histogram": (K.histogram, [u(5), f(1, 2, 3)], [u(5), f(3, 1, 2)]),
    "histogram of nan": (lambda x: K.histogram(x, 4), [u(5)], [f(1, np.nan)]),
    "slice": (lambda x, at: K.slice(x, (at, 0), (2, 2)), [u(4, 4), np.int32(2)], [u(4, 4), np.int32(3)]),
    "slice from behind": (lambda x, at: K.slice(x, (at, 0), (2, 2)), [u(4, 4), np.int32(-2)], [u(4, 4), np.int32(-1)]),
    "slice from before the first": (lambda x, at: K.slice(x, (at, 0), (2, 2)), [u(4, 4), np.int32(-4)], [u(4, 4), np.int32(-5)]),
    "slice from long before": (lambda x, at: K.slice(x, (0, at), (2, 2)), [u(4, 4), np.int64(-4)], [u(4, 4), np.int64(-(2**31))]),
    "slice of too few": (lambda x: K.slice(x, (-5, 0), (2, 2)), [u(5, 4)], [u(4, 4)]),
    "slice of the rest": (lambda x, at: K.slice(x, (at, 0), (-1, 2)), [u(4, 4), np.int32(2)], [u(4, 4), np.int32(5)]),
    "slice of what is shorter": (lambda x: K.slice(x, (2, 0), (2, 2)), [u(4, 4)], [u(3, 4)]),
    "slice_update": (lambda x, at, y: K.slice_update(x, (at,), y), [u(4), np.int32(2), u(2)], [u(4), np.int32(3), u(2)]),
    "take": (K.take, [u(4), i(2)], [u(4), i(4)]),
    "take_along_axis": (lambda x, at: K.take_along_axis(x, at, 0), [u(4), i(3)], [u(4), i(-5)]),
    "an index": (lambda x, at: x[at], [u(4, 3), i(1)], [u(4, 3), i(4)]),
    "a mask": (lambda x, m: x[m], [u(4), TRUTH], [u(4), TRUTH[:3]]),
    "a mask of rows": (lambda x, m: x[m], [u(2, 2), TRUTH.reshape(2, 2)], [u(2, 1), TRUTH.reshape(2, 2)]),
    "scatter": (lambda at, y: K.scatter(at, y, (4,)), [i(1).reshape(1, 1), u(1)], [i(4).reshape(1, 1), u(1)]),
    "inv": (K.inv, [EYE], [FLAT]),
    "solve": (K.solve, [EYE, u(3, 1)], [FLAT, u(3, 1)]),
    "cholesky": (K.cholesky, [EYE], [-EYE]),
    "arange": (lambda n: K.arange(0, 10, n), [np.int32(2)], [np.int32(0)]),
    "tile": (lambda x, n: K.tile(x, (n,)), [u(2), np.int32(2)], [u(2), np.int32(-2)]),
    "reshape": (lambda x, n: K.reshape(x, (n, 2)), [u(4), np.int32(2)], [u(4), np.int32(3)]),
    "broadcast_to": (lambda x, n: K.broadcast_to(x, (n, 2)), [u(2), np.int32(2)], [u(2), np.int32(-2)]),
    "power": (K.power, [i(1, 2), i(1, 2)], [i(1, 2), i(1, -2)]),
    "tensordot": (lambda a, b: K.tensordot(a, b, 2), [u(3, 4), u(3, 4)], [u(3, 4), u(4, 3)]),
    "max": (K.max, [u(3)], [u(0)]),
    "geomspace": (lambda a: K.geomspace(a, 2.0, 3), [np.float32(1)], [np.float32(0)]),
    "geomspace of integers": (lambda a: K.geomspace(1, a, 3), [np.int32(2)], [np.int32(0)]),
    "argpartition": (lambda x: K.argpartition(x, 3), [u(5)], [u(3)]),
    "argpartition from behind": (lambda x: K.argpartition(x, -3), [u(5)], [u(2)]),
    "top_k": (lambda x: K.top_k(x, 3)[0], [u(3)], [u(2)]),
    "top_k of nothing": (lambda x: K.top_k(x, 1), [u(3)], [u(0)]),
    "top_k of what is found": (lambda x: K.top_k(K.nonzero(x)[0], 1), [f(0, 1, 1)], [f(0, 0, 0)]),
    "top_k of floats that are found": (lambda x: K.top_k(x[x > 0], 2)[1], [f(0, 1, 3)], [f(0, 1, 0)]),
    "top_k of rows that are found": (lambda x: K.top_k(K.ragged_rows(x), 1)[0], [i(0, 2, 3)], [i(0, 0, 0)]),
}

STEPS = [np.zeros((2, 4), "float32")] * 2 + GATES
QUERIES = [u(2, 3, 4, 1)] * 3
POINTS = f([0, 0, 0, 5, 5, 0, 6, 5]).reshape(1, 4, 2)

# The same, of lengths that an operator compares: each row in the operator's own words.
COMPARED = {
    "no row splits": (lambda x, s: K.ragged_to_dense(x, s), [u(3), i(0, 3)], [u(3), i()]),
    "an element of nothing": (lambda at: K.take_along_axis(K.zeros((0,)), at), [i()], [i(0)]),
    "binary_crossentropy": (K.binary_crossentropy, [u(1, 2), u(1, 2)], [u(1, 2), u(1, 1)]),
    "categorical_crossentropy": (K.categorical_crossentropy, [u(2, 2), u(2, 2)], [u(2, 2), u(1, 2)]),
    "sparse_categorical_crossentropy": (K.sparse_categorical_crossentropy, [i(0, 1), u(2, 2)], [i(0), u(2, 2)]),
    "psnr": (lambda a, b: K.psnr(a, b, 1.0), [u(1, 2), u(1, 2) + 1], [u(1, 2), u(1, 1)]),
    "cdist": (K.cdist, [u(3, 4), u(5, 4)], [u(3, 4), u(5, 1)]),
    "batch_normalization of one mean": (lambda x, m: K.batch_normalization(x, m, f(1), -1), [u(1, 1, 1), u(1)], [u(1, 1, 1), u(2)]),
    "batch_normalization of one variance": (lambda x, m, v: K.batch_normalization(x, m, v, -1), [u(2, 3), u(3), u(3)],
                                            [u(2, 3), u(3), u(1)]),
    "ctc_decode": (lambda x, n: K.ctc_decode(x, n)[1], [u(2, 3, 3), i(2, 2)], [u(1, 3, 3), i(2, 2)]),
    "ctc_decode of fixed lengths": (lambda x: K.ctc_decode(x, np.int32([1]))[1], [u(1, 3, 3)], [u(2, 3, 3)]),
    "matrix_power": (lambda x: K.matrix_power(x, 1), [u(3, 3)], [u(3, 4)]),
    "matrix_power of 0": (lambda x: K.matrix_power(x, 0), [u(2, 3, 3)], [u(2, 3, 4)]),
    "ctc_decode by beams": (lambda x, n: K.ctc_decode(x, n, "beam_search")[0], [u(2, 3, 3), i(2, 2)], [u(1, 3, 3), i(2, 2)]),
    "scale_and_translate": (lambda v: K.scale_and_translate(EYE, [4, 3], v, f(0, 0), [0, 1], "linear"), [f(1, 2)], [f(1)]),
    "scale_and_translate by more": (lambda v: K.scale_and_translate(EYE, [4, 3], f(1, 1), v, [0, 1], "cubic"), [f(1, 2)], [f(1, 2, 3)]),
    "compute_homography_matrix": (K.compute_homography_matrix, [POINTS, POINTS + 1], [POINTS, u(1, 4, 3)]),
    "perspective_transform": (K.perspective_transform, [u(1, 4, 4, 3), POINTS, POINTS + 1], [u(1, 4, 4, 3), u(1, 5, 2), POINTS]),
    "affine_transform": (K.affine_transform, [u(1, 4, 4, 3), u(8)], [u(1, 4, 4, 3), u(7)]),
    "map_coordinates": (lambda x, at: K.map_coordinates(x, at, 1), [u(4, 4), u(2, 3)], [u(4, 4), u(3, 3)]),
    "gaussian_blur": (lambda x, v: K.gaussian_blur(x, (3, 3), v), [u(1, 4, 4, 3), f(1, 2)], [u(1, 4, 4, 3), f(1, 2, 3)]),
    "rgb_to_grayscale": (K.rgb_to_grayscale, [u(1, 2, 2, 3)], [u(1, 2, 2, 6)]),
    "rgb_to_grayscale of grey": (K.rgb_to_grayscale, [u(1, 2, 2, 1)], [u(1, 2, 2, 2)]),
    "rgb_to_hsv": (K.rgb_to_hsv, [u(1, 2, 2, 3)], [u(1, 2, 2, 1)]),
    "average": (lambda x, w: K.average(x, weights=w), [u(3, 2), u(3, 2)], [u(3, 2), u(3, 1)]),
    "average along an axis": (lambda x, w: K.average(x, 0, w), [u(3, 2), u(3)], [u(3, 2), u(1)]),
    "bincount": (K.bincount, [i(1, 2), u(2)], [i(1, 2), u(1)]),
    "unfold": (lambda x: K.unfold(x, 3), [u(1, 1, 4, 4)], [u(1, 1, 2, 4)]),
    "attention": (K.dot_product_attention, QUERIES, [QUERIES[0], u(2, 3, 3, 1), u(2, 3, 3, 1)]),
    "attention of other values": (K.dot_product_attention, QUERIES, [*QUERIES[:2], u(2, 3, 1, 1)]),
    "attention of no queries": (K.dot_product_attention, QUERIES, [u(2, 3, 0, 1), *QUERIES[1:]]),
    "a mask of steps": (lambda x, m: K.lstm_sequence(x, *STEPS, mask=m)[0], [u(2, 5, 3), np.ones((2, 5), bool)],
                        [u(2, 5, 3), np.ones((2, 4), bool)]),
    "repeat": (lambda x: K.repeat(x, [1, 2]), [u(1, 2)], [u(1, 1)]),
    "in_top_k": (lambda t, p: K.in_top_k(t, p, 2), [i(0, 1, 2), u(3, 4)], [i(0), u(3, 4)]),
    "lstsq": (K.lstsq, [EYE, u(3)], [EYE, u(1)]),
    "tensordot": (lambda a, b: K.tensordot(a, b, 1), [u(3, 4), u(4, 6)], [u(3, 4), u(5, 6)]),
    "inner": (K.inner, [u(2, 3), u(4, 3)], [u(2, 3), u(4, 1)]),
    "a mask": (lambda x, m: x[m], [u(4), TRUTH], [u(4), TRUTH[:3]]),
    "zeros beside a constant": (lambda x: K.add(K.zeros_like(x), EYE), [u(3, 3)], [u(4, 3)]),
}


def arrays(out):
    return [np.asarray(x) for x in (out if isinstance(out, (list, tuple)) else [out])]


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("table, name", [("values", n) for n in VALUES] + [("compared", n) for n in COMPARED])
def test_values(table, name, device, dynamic):
    """The same class and the same words; and what is not refused is as it is eagerly, before and afterwards."""
    function, good, bad = {"values": VALUES, "compared": COMPARED}[table][name]
    eager = refusal(function, *map(kvino.convert_to_tensor, bad))
    expected = arrays(function(*map(kvino.convert_to_tensor, good)))
    compiled = kvino.function(function, device=device, dynamic=dynamic)
    for _ in range(2):
        for a, b in zip(expected, arrays(compiled(*good)), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)
        found = refusal(compiled, *bad)
        assert (found.type, str(found.value)) == (eager.type, str(eager.value))


UNEQUAL = {
    "groups of heads": (K.dot_product_attention, QUERIES, [QUERIES[0], u(2, 3, 2, 1), u(2, 3, 2, 1)]),
    "one head for all": (K.dot_product_attention, QUERIES, [QUERIES[0], u(2, 3, 1, 1), u(2, 3, 1, 1)]),
    "grey": (K.rgb_to_grayscale, [u(1, 2, 2, 3)], [f(np.inf, np.nan, -1, 2).reshape(1, 2, 2, 1)]),
    "grey integers": (K.rgb_to_grayscale, [np.full((1, 2, 2, 3), 2**25, "int32")], [np.full((1, 2, 2, 1), 2**25 + 1, "int32")]),
    "a histogram of nothing": (lambda x: K.histogram(x, 4), [u(2, 3)], [u(0, 3)]),
    "segments of nothing": (K.segment_max, [u(3, 2), i(0, 1, 0)], [u(0, 2), i()]),
    "sums of segments of nothing": (K.segment_sum, [u(3, 2), i(0, 1, 0)], [u(0, 2), i()]),
    "a diagonal of bool": (lambda x: K.einsum("ii", [x]), [np.eye(3, dtype=bool)], [np.zeros((2, 2), bool)]),
    "argpartition of nothing": (lambda x: K.argpartition(x, 3, 0), [u(5, 2)], [u(2, 0)]),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", UNEQUAL)
def test_lengths_that_differ_rightly(name, device):
    """What an operator takes in several forms it takes so in a graph that was traced with lengths unknown."""
    function, traced, other = UNEQUAL[name]
    compiled = kvino.function(function, device=device, dynamic=True)
    for args in (traced, other):
        for a, b in zip(arrays(function(*map(kvino.convert_to_tensor, args))), arrays(compiled(*args)), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-5)
            assert a.dtype == b.dtype and a.shape == b.shape


@pytest.mark.parametrize("device", DEVICES)
def test_values_inside_of_branches_and_loops(device):
    """A branch that is not executed refuses nothing, and a loop what it meets in any iteration."""
    def branch(flag, x):
        return core.cond(flag, lambda: K.bincount(x, minlength=3)[:3], lambda: K.cast(K.abs(x)[:3], "int32"))

    def loop(x, n):
        return core.fori_loop(0, n, lambda k, v: v + K.slice(x, (k,), (1,)), np.zeros(1, "float32"))

    compiled = kvino.function(branch, device=device)
    np.testing.assert_array_equal(compiled(np.bool_(True), i(0, 1, 1)), [1, 2, 0])
    np.testing.assert_array_equal(compiled(np.bool_(False), i(0, -1, 1)), [0, 1, 1])
    with pytest.raises(ValueError, match="no negative elements"):
        compiled(np.bool_(True), i(0, -1, 1))
    compiled = kvino.function(loop, device=device)
    np.testing.assert_array_equal(compiled(f(1, 2, 3), np.int32(3)), [6])
    with pytest.raises(ValueError, match="the box of length 1 at 3 is out of bounds for axis 0 with size 3"):
        compiled(f(1, 2, 3), np.int32(4))
    np.testing.assert_array_equal(compiled(f(1, 2, 3), np.int32(2)), [3])


@pytest.mark.parametrize("device", DEVICES)
def test_a_check_belongs_to_its_value(device):
    """Who does not need the value does not ask for it; an operation on the value does not take the check away."""
    unused = kvino.function(lambda x: (K.bincount(x), x + 1)[1], device=device)
    np.testing.assert_array_equal(unused(i(-1, 2)), [0, 3])
    used = kvino.function(lambda x: K.sum(K.bincount(x, minlength=4)[:0]) + 1, device=device, dynamic=True)
    assert used(i(1, 2)).shape == ()
    with pytest.raises(ValueError, match="no negative elements"):
        used(i(-1, 2))


@pytest.mark.parametrize("kernel", [(1, 1, 2, 1), (1, 1, 1, 3), (0, 1, 2, 1), (1, 1, 0, 1)])
def test_a_convolution_of_no_channels_is_refused(kernel):
    """There is no number of groups for them."""
    for dtype in ("float32", "float64", "float16"):
        with pytest.raises(ValueError):
            kvino.ops.conv(np.ones((1, 3, 3, 0), dtype), np.ones(kernel, dtype))
    with pytest.raises(ValueError):
        kvino.function(kvino.ops.conv, dynamic=True)(np.ones((1, 3, 3, 0), "float32"), np.ones(kernel, "float32"))
