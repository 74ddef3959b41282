"""Every pair of a set of nodes one after the other, and triples by a fixed seed: what OpenVINO's transformations make of them is what they
are one by one. The nodes are those that are exact on the values, so that nothing hides behind noise; special values are among these. Signs of
zeros are not compared: docs/exactness.md says which are kept."""

import random

import ml_dtypes
import numpy as np
import pytest

import kvino

K = kvino.ops
VALUES = np.float32([np.nan, np.inf, -np.inf, 0, -0.0, 1e-40, -1e-40, 1.5e-38, 3e38, -3e38, 1e20, 40000, 70000, 2049, 1, -1, 0.5, -0.5, 2.5, -2.5, 3,
                     6, 7, -7]).reshape(2, 3, 4)
ROW = np.float32([2, -0.0, 0.5, -1])

NODES = {
    "add": lambda x: x + 1.0,
    "add_large": lambda x: x + 12582912.0,
    "subtract_from": lambda x: 1.0 - x,
    "multiply": lambda x: x * 2.0,
    "multiply_huge": lambda x: x * 1e20,
    "divide": lambda x: x / 4.0,
    "divide_huge": lambda x: x / 3e38,
    "by_row": lambda x: x * ROW,
    "negative": K.negative,
    "abs": K.abs,
    "square": K.square,
    "sign": K.sign,
    "floor": K.floor,
    "round": K.round,
    "relu": K.relu,
    "relu6": K.relu6,
    "leaky_relu": lambda x: K.leaky_relu(x, 0.25),
    "hard_sigmoid": lambda x: K.clip(x * 0.25 + 0.5, 0.0, 1.0),
    "clip": lambda x: K.clip(x, -1.0, 2.0),
    "maximum": lambda x: K.maximum(x, 0.5),
    "minimum": lambda x: K.minimum(x, 2.0),
    "where": lambda x: K.where(x > 0.5, x, 2.0),
    "isnan": lambda x: K.cast(K.isnan(x), "float32"),
    "isfinite": lambda x: K.cast(K.isfinite(x), "float32"),
    "equal": lambda x: K.cast(K.equal(x, 1.0), "float32"),
    "half": lambda x: K.cast(K.cast(x, "float16"), "float32"),
    "brain": lambda x: K.cast(K.cast(x, "bfloat16"), "float32"),
    "transpose": lambda x: K.transpose(x, (*range(x.ndim)[1:], 0)) if x.ndim else x,
    "turn": lambda x: K.flip(x, -1) if x.ndim else x,
    "reshape": lambda x: K.reshape(x, (-1, 4)) if x.ndim else x,
    "expand": lambda x: K.expand_dims(x, 0) if x.ndim < 5 else x,
    "concatenate": lambda x: K.concatenate([x, x], -1) if x.ndim else x,
    "self": lambda x: x + x,
    "max": lambda x: K.max(x, -1, keepdims=True) if x.ndim else x,
    "min": lambda x: K.min(x, 0) if x.ndim else x,
    "any": lambda x: K.cast(K.any(x, -1), "float32") if x.ndim else x,
    "pad": lambda x: K.pad(x, [(0, 0)] * (x.ndim - 1) + [(1, 0)]) if x.ndim else x,
    "slice": lambda x: x[..., 1:] if x.ndim else x,
    "take": lambda x: K.take(x, np.int32([0, 0]), -1) if x.ndim else x,
}


def chain(names):
    def f(x):
        for name in names:
            x = NODES[name](x)
        return x

    return f


SUMS = {"add", "add_large", "subtract_from", "hard_sigmoid"}


def absolute(names):
    """Constants of sums up to 8 may be put together: half a unit of them is lost."""
    return 1e-6 if sum(name in SUMS for name in names) > 1 else 0


def values(names):
    """Subnormal numbers are no bfloat16 of known lengths on the plugin."""
    return np.where(np.abs(VALUES) < 10, np.float32(0.25), VALUES) if "brain" in names else VALUES


def wrong(chains, dynamic):
    """The chains that a model of all of them gives other values of than calls do."""
    kept, wanted = [], []
    for names in chains:
        if {"divide_huge", "brain"} <= set(names):  # subnormal again
            continue
        try:
            wanted.append(np.asarray(chain(names)(kvino.Tensor(values(names)))))
            kept.append(names)
        except ValueError:  # shapes that do not fit
            pass
    inputs = [values(()), values(("brain",))]
    model = kvino.function(lambda *x: tuple(chain(names)(x["brain" in names]) for names in kept), device="CPU", dynamic=dynamic)
    found = []
    for names, want, got in zip(kept, wanted, map(np.asarray, model(*inputs)), strict=True):
        assert want.shape == got.shape
        at = ~np.isclose(got, want, 3e-7, absolute(names), equal_nan=True)
        if at.any():
            found.append((names, want[at][:3].tolist(), got[at][:3].tolist()))
    assert len(kept) > len(chains) // 2
    return found


@pytest.mark.parametrize("last", NODES)
def test_pairs(last):
    assert not wrong([(first, last) for first in NODES], dynamic=False)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_triples(seed, dynamic):
    r = random.Random(seed)
    assert not wrong([tuple(r.choice(list(NODES)) for _ in range(3)) for _ in range(40)], dynamic)


@pytest.mark.parametrize("name, f", [
    ("divide", lambda x: x / 6), ("reciprocal", lambda x: 6 / (x + 1)), ("rsqrt", lambda x: K.rsqrt(x)), ("max", lambda x: K.max(x, 1)),
    ("cumsum", lambda x: K.cumsum(x, 1)), ("hard_sigmoid", lambda x: K.hard_sigmoid(x)), ("stack", lambda x: K.stack([x / 6, x])),
    ("cast", lambda x: K.cast(K.cast(x * 100, "int32") + 515, "bfloat16")), ("sum", lambda x: K.sum(x / 3, 1)),
])
def test_bfloat16_of_unknown_lengths_beside_products(name, f):
    """The hint rounds there: the arithmetic that rounds elsewhere would be made in bfloat16, and gives 0."""
    x = (np.arange(30).reshape(2, 5, 3) % 7 / 4 + 0.25).astype(ml_dtypes.bfloat16)
    kernel = kvino.Tensor(np.eye(3).astype(ml_dtypes.bfloat16))
    for g in (lambda x: (f(x), x @ kernel), lambda x: (f(x @ kernel),)):
        graph = kvino.Graph()
        for y in g(graph.parameter((None, None, None), "bfloat16")):
            graph.result(y)
        for y, want in zip(graph.compile("CPU")(x), g(kvino.Tensor(x))):
            np.testing.assert_allclose(np.asarray(y).astype("float32"), np.asarray(want).astype("float32"), rtol=2**-7)


WEIGHTS, BIAS = np.random.default_rng(3).standard_normal((40, 40)).astype("float32"), np.linspace(-2, 2, 40, dtype="float32")
FLOAT32 = {
    "bias": lambda x: x @ WEIGHTS + BIAS,
    "scale": lambda x: (x @ WEIGHTS) * BIAS,
    "two layers": lambda x: K.relu(x @ WEIGHTS + BIAS) @ WEIGHTS + BIAS,
    "three axes": lambda x: K.reshape(x, (4, 10, 40)) @ WEIGHTS + BIAS,
    "by the transposed": lambda x: x @ K.transpose(x),
    "of the transposed": lambda x: K.transpose(x) @ x,
    "the transposed by weights": lambda x: K.transpose(K.transpose(x) @ WEIGHTS + BIAS) @ WEIGHTS,
    "softmax": lambda x: K.softmax(x @ K.transpose(x) * 0.1) @ x,
    "attention": lambda x: (lambda q: K.dot_product_attention(q, q, q))(K.reshape(x, (1, 10, 4, 40))),
    "differences": lambda x: (x - K.mean(x, -1, keepdims=True)) @ x,
    "quotients": lambda x: (K.exp(x) / K.sum(K.exp(x), -1, keepdims=True)) @ WEIGHTS,
    "elementwise": lambda x: (K.exp(x * 0.1 + BIAS) * K.sigmoid(x) + K.maximum(x, BIAS) * 2.5) @ x,
    "a convolution": lambda x: K.relu(K.conv(K.reshape(x, (1, 40, 40)), WEIGHTS[None]) + BIAS),
}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", FLOAT32)
def test_what_is_float32_beside_products_of_bfloat16(name, dynamic):
    """The mark that keeps a layer in float32 is lost where a transformation writes it otherwise."""
    f, x = FLOAT32[name], np.random.default_rng(4).standard_normal((40, 40)).astype("float32")
    half = np.ones((3, 3), ml_dtypes.bfloat16)
    want = np.asarray(f(kvino.Tensor(x)))
    got = np.asarray(kvino.function(lambda a, x: (a @ a, f(x)), device="CPU", dynamic=dynamic)(half, x)[1])
    assert np.abs(got - want).max() <= 1e-5 * np.abs(want).max()


def test_a_float32_head_leaves_the_hint():
    """Its layers come after the last product of bfloat16, or are products: the model is not written in bfloat16 for it."""
    def compiled(g):
        graph = kvino.Graph()
        for y in g(graph.parameter((3, 3), "bfloat16"), graph.parameter((8, 40), "float32")):
            graph.result(y)
        return graph.compile("CPU").describe()

    hint = "INFERENCE_PRECISION_HINT=bf16"
    by_hint = hint in compiled(lambda a, x: (a @ a,))  # the processor has it
    assert (hint in compiled(lambda a, x: (a @ a, K.softmax(x @ WEIGHTS + BIAS)))) == by_hint
    assert hint not in compiled(lambda a, x: (a @ a, K.softmax(x) @ WEIGHTS))
