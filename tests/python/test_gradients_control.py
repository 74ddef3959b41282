"""Derivatives through control flow and recurrent layers: reverse mode, forward mode and second derivatives against differences of
the values in float64, and what is compiled for OpenVINO against the native kernels."""

import kvino  # isort: skip: makes Keras use it

import importlib

import keras
import numpy as np
import pytest

import capi
from keras import ops
from kvino import _core
from derivatives import gradients, pairing

core = keras.src.backend.core
rnn = importlib.import_module("kvino.keras_backend.rnn")
OPS = _core.op_namespaces()
STEP = 1e-5
X = np.random.default_rng(1).uniform(0.2, 1, (3,))
W = np.random.default_rng(2).uniform(0.2, 1, (3,))
XS = np.random.default_rng(3).uniform(0.2, 1, (5, 3))


def trace(f, shapes, dtype):
    graph = _core.Graph()
    x = tuple(graph.parameter(s, dtype) for s in shapes)
    y = f(*x)
    return graph, x, tuple(y) if isinstance(y, (list, tuple)) else (y,)


def compiled(graph, values, device="native"):
    for t in values:
        graph.result(t)
    run = graph.compile(device)
    return lambda *xs: [np.asarray(t) for t in run(*xs)]


def along(f, xs, k, v):
    """The derivative of f's values along v of operand k."""
    up, down = ([x + s * v if i == k else x for i, x in enumerate(xs)] for s in (STEP, -STEP))
    return [(a - b) / (2 * STEP) for a, b in zip(f(*up), f(*down))]


def check(f, *xs, shapes=None, second=True):
    """f at xs; shapes: of the traced parameters, with None for unknown dimensions."""
    generator = np.random.default_rng(5)
    shapes = shapes or [x.shape for x in xs]
    values = compiled(*trace(f, shapes, "float64")[::2])
    u = [generator.uniform(-1, 1, y.shape) for y in values(*xs)]
    v = [generator.uniform(-1, 1, x.shape) for x in xs]

    graph, x, y = trace(f, shapes, "float64")
    first = _core.gradients(y, tuple(map(kvino.Tensor, u)), x)
    forward = _core.jvp(y, x, tuple(map(kvino.Tensor, v)))
    again = _core.gradients(first, tuple(map(kvino.Tensor, v)), x) if second else ()
    results = compiled(graph, first + forward + again)(*xs)
    n, m = len(x), len(y)
    assert [r.shape for r in results[:n]] == [a.shape for a in xs]
    for k in range(n):
        expected = pairing(along(values, xs, k, v[k]), u)
        np.testing.assert_allclose(np.sum(results[k] * v[k]), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(pairing(results[n : n + m], u), pairing(results[:n], v), rtol=1e-9, atol=1e-11)
    if second:
        graph, x, y = trace(f, shapes, "float64")
        gradient = compiled(graph, _core.gradients(y, tuple(map(kvino.Tensor, u)), x))
        for k in range(n):
            expected = pairing(along(gradient, xs, k, v[k]), v)
            np.testing.assert_allclose(np.sum(results[n + m + k] * v[k]), expected, rtol=1e-6, atol=1e-7)


def check_on_openvino(f, *xs, shapes=None):
    """The float32 gradients of both engines; what describe says of the one of OpenVINO."""
    shapes = shapes or [x.shape for x in xs]
    xs = [x.astype("float32") for x in xs]
    results = []
    for device in ("native", "CPU"):
        graph, x, y = trace(f, shapes, "float32")
        for t in _core.gradients(y, (None,) * len(y), x):
            graph.result(t)
        executable = graph.compile(device)
        results.append([np.asarray(t) for t in executable(*xs)])
    for a, b in zip(*results):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-5)
    return executable.describe()


def integer_power(x, w):
    return core.fori_loop(0, 4, lambda i, v: v * w + x * ops.cast(i, v.dtype), x)


def scanned(carry, xs, w, **kwargs):
    last, ys = core.scan(lambda c, x: (ops.tanh(c * w + x), c * x), carry, xs, **kwargs)
    return last, ys


def nested(x, w):
    def outer(i, v):
        return core.fori_loop(0, 2, lambda j, u: ops.sin(u * w) + v * x, v)

    return core.fori_loop(0, 3, outer, x)


def branch_in_loop(x, w):
    return core.fori_loop(0, 4, lambda i, v: core.cond(i % 2 == 0, lambda: v * w, lambda: ops.sin(v) + x), x)


def loop_in_branch(x, w):
    return core.cond(ops.sum(x) > 0, lambda: core.fori_loop(0, 3, lambda i, v: v * w + x, x), lambda: x)


def doubling(x, w):
    """Ended by its condition, with a counter that is carried."""
    return core.while_loop(lambda i, v: ops.sum(v) < 20, lambda i, v: (i + 1, v * (1 + w)), (0, x))[1]


def unused_value(x, w):
    """A carried value that nothing depends on, and one whose first value has no influence."""
    return core.fori_loop(0, 3, lambda i, v: (v[0] * w, v[0] + 0 * x, ops.exp(v[2])), (x, w, x))[:2]


def products(x, w):
    """An invariant used twice, and one value given as two."""
    return core.fori_loop(0, 3, lambda i, v: v * w + w * x, w)


FUNCTIONS = {
    "taken": (lambda x, w: core.cond(ops.sum(x) > 0, lambda: x * w * w, lambda: ops.sin(x)), X, W),
    "not_taken": (lambda x, w: core.cond(ops.sum(x) < 0, lambda: x * w * w, lambda: ops.sin(x)), X, W),
    "several_outputs": (lambda x, w: core.cond(x[0] > 0, lambda: [x, x * w], lambda: [w, w * w]), X, W),
    "no_influence": (lambda x, w: core.cond(x[0] > 0, lambda: ops.ones_like(x) * 1.0, lambda: w), X, W),
    "switch": (
        lambda x, w: core.switch(ops.cast(x[0] * 0 + 1, "int32"), [lambda a: a * w, lambda a: a * a * w, ops.exp], x),
        X,
        W,
    ),
    "fori": (integer_power, X, W),
    "while": (doubling, X, W),
    "at_most": (
        lambda x, w: core.while_loop(lambda v: ops.sum(v) < 1e9, lambda v: v * w, x, maximum_iterations=4),
        X,
        W,
    ),
    "no_iterations": (lambda x, w: core.while_loop(lambda v: ops.sum(v) < -1, lambda v: v * w, x), X, W),
    "unused_value": (unused_value, X, W),
    "products": (products, X, W),
    "scan": (scanned, X, XS, W),
    "scan_reverse": (lambda c, xs, w: scanned(c, xs, w, reverse=True), X, XS, W),
    "scan_length": (lambda c, w: core.scan(lambda c, _: (ops.sin(c) * w, c), c, None, length=3), X, W),
    "map": (lambda xs, w: core.map(lambda x: ops.sin(x) * w * w, xs), XS, W),
    "vectorized_map": (lambda xs, w: core.vectorized_map(lambda x: ops.sin(x) * w * w, xs), XS, W),
    "vectorized_map_two": (
        lambda a, b: core.vectorized_map(lambda ab: ab[0] * ops.exp(ab[1]), [a, b]),
        XS,
        XS[::-1].copy(),
    ),
    "associative_scan": (lambda xs: core.associative_scan(lambda a, b: a * b, xs), XS),
    "associative_scan_reverse": (lambda xs: core.associative_scan(lambda a, b: a * b, xs, reverse=True), XS),
    "nested": (nested, X, W),
    "branch_in_loop": (branch_in_loop, X, W),
    "loop_in_branch": (loop_in_branch, X, W),
}
UNKNOWN = ["taken", "fori", "while", "scan", "scan_reverse", "map", "associative_scan", "nested", "branch_in_loop"]
ON_OPENVINO = [
    "taken",
    "not_taken",
    "fori",
    "while",
    "no_iterations",
    "scan",
    "scan_reverse",
    "map",
    "nested",
    "branch_in_loop",
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    f, *xs = FUNCTIONS[name]
    check(f, *xs)


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_dimensions(name):
    f, *xs = FUNCTIONS[name]
    check(f, *xs, shapes=[(None,) * x.ndim for x in xs], second=name == "scan")


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("name", ON_OPENVINO)
def test_on_openvino(name, dynamic):
    f, *xs = FUNCTIONS[name]
    check_on_openvino(f, *xs, shapes=[(None,) * x.ndim for x in xs] if dynamic else None)


def test_integers_and_bools_are_carried():
    def f(x, w):
        def step(i, state):
            v, count, flag = state
            return ops.where(flag, v * w, v + x), count + 1, ops.logical_not(flag)

        return core.fori_loop(0, 5, step, (x, ops.zeros((), "int32"), x[0] > 0))[0]

    check(f, X, W)


def test_the_branch_that_is_not_taken_gives_no_nan():
    def f(x):
        return core.cond(x[0] > 0, lambda: ops.sqrt(x), lambda: x * 0)

    graph, x, y = trace(f, [(3,)], "float64")
    (g,) = compiled(graph, _core.gradients(y, (None,), x))(-X)
    np.testing.assert_array_equal(g, 0 * X)


def test_inside_of_a_body():
    """Derivatives that are taken within a body."""

    def f(x, w):
        def step(i, v):
            y = ops.sin(v * w)
            return v + _core.gradients((y,), (None,), (v,))[0] * x

        return core.fori_loop(0, 3, step, x)

    check(f, X, W, second=False)


def test_loop_and_what_it_repeats_are_one():
    """The derivative repeats the Loop to keep what its iterations were given; compiled there is one of both."""
    graph, x, y = trace(lambda c, xs, w: scanned(c, xs, w), [X.shape, XS.shape, W.shape], "float32")
    for t in y + _core.gradients(y, (None, None), x):
        graph.result(t)
    assert "Loop x2" in graph.compile("CPU").describe()


def test_unused_history_is_not_kept():
    """A linear loop needs nothing of its iterations: its derivative does not repeat it."""
    graph, (x, u), y = trace(lambda v, u: core.fori_loop(0, 4, lambda i, v: v * 3, v), [(3,), (3,)], "float32")
    for t in _core.gradients(y, (u,), (x,)):
        graph.result(t)
    executable = graph.compile("CPU")
    text = executable.describe()
    assert "Loop" in text and "Loop x2" not in text
    np.testing.assert_allclose(np.asarray(executable(X.astype("float32"), W.astype("float32"))[0]), 81 * W, rtol=1e-6)


def test_scanned_operands_against_jax():
    jax = pytest.importorskip("jax")
    xs, w = XS.astype("float32"), np.random.default_rng(4).uniform(-1, 1, (3, 3)).astype("float32")

    def by(scan, tanh, matmul, total):
        def f(c, xs, w):
            last, ys = scan(lambda c, x: ((tanh(matmul(c, w) + x),) * 2), c, xs)
            return total(last * last) + total(ys * xs)

        return f

    expected = jax.grad(by(jax.lax.scan, jax.numpy.tanh, jax.numpy.matmul, jax.numpy.sum), (0, 1, 2))(
        X.astype("float32"), xs, w
    )
    f = by(core.scan, ops.tanh, ops.matmul, ops.sum)
    graph, x, y = trace(f, [X.shape, xs.shape, w.shape], "float32")
    got = compiled(graph, _core.gradients(y, (None,), x))(X.astype("float32"), xs, w)
    for a, b in zip(got, expected):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# ---- recurrent layers ----

BATCH, STEPS, INPUTS, UNITS = 2, 4, 3, 2


def arrays(*shapes):
    generator = np.random.default_rng(11)
    return [generator.uniform(-1, 1, s) for s in shapes]


def lstm_arrays():
    return arrays(
        (BATCH, STEPS, INPUTS), (BATCH, UNITS), (BATCH, UNITS), (INPUTS, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,)
    )


def gru_arrays(reset_after):
    bias = (2, 3 * UNITS) if reset_after else (3 * UNITS,)
    return arrays((BATCH, STEPS, INPUTS), (BATCH, UNITS), (INPUTS, 3 * UNITS), (UNITS, 3 * UNITS), bias)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("layer", ["lstm", "gru", "gru_reset_after"])
def test_recurrent_operators(layer, reverse):
    if layer == "lstm":
        f, xs = OPS["rnn"]["lstm_sequence"], lstm_arrays()
        check(lambda *a: f(*a, reverse=reverse), *xs)
    else:
        f, after = OPS["rnn"]["gru_sequence"], layer == "gru_reset_after"
        xs = gru_arrays(after)
        check(lambda *a: f(*a, reset_after=after, reverse=reverse), *xs)
    check_on_openvino(lambda *a: f(*a, reverse=reverse, **({} if layer == "lstm" else {"reset_after": after})), *xs)


@pytest.mark.parametrize("layer", ["lstm", "gru", "rnn"])
def test_masked_operators(layer):
    mask = np.array([[True, False, True, True], [False, True, False, False]])
    f = OPS["rnn"][layer + "_sequence"]
    if layer == "rnn":
        xs = arrays((BATCH, STEPS, INPUTS), (BATCH, UNITS), (INPUTS, UNITS), (UNITS, UNITS), (UNITS,))
    else:
        xs = lstm_arrays() if layer == "lstm" else gru_arrays(True)
    check(lambda *a: f(*a, mask=mask), *xs, second=layer == "gru")
    check(lambda *a: f(*a, mask=mask, reverse=True, zero_output=True), *xs, second=False)
    check_on_openvino(lambda *a: f(*a, mask=mask), *xs)


def test_recurrent_operator_of_unknown_dimensions():
    f, xs = OPS["rnn"]["lstm_sequence"], lstm_arrays()
    shapes = [(None, None, None), (None, UNITS), (None, UNITS)] + [x.shape for x in xs[3:]]
    check(f, *xs, shapes=shapes, second=False)
    check_on_openvino(f, *xs, shapes=shapes)


@pytest.mark.parametrize("layer", ["lstm", "gru", "rnn"])
def test_derivatives_are_one_primitive(layer):
    """No Loop: one node for each sequence, and no product for inputs whose derivative nobody wants."""
    f = OPS["rnn"][layer + "_sequence"]
    rnn_arrays = arrays((BATCH, STEPS, INPUTS), (BATCH, UNITS), (INPUTS, UNITS), (UNITS, UNITS), (UNITS,))
    xs = {"lstm": lstm_arrays, "gru": lambda: gru_arrays(True), "rnn": lambda: rnn_arrays}[layer]()
    graph, x, y = trace(f, [a.shape for a in xs], "float32")
    for t in _core.gradients(y, (None,) * len(y), x[1:]):
        graph.result(t)
    text = graph.compile("CPU").describe()
    assert f"{layer.upper()}SequenceBack" in text and "Loop" not in text and "MatMul" not in text


def test_no_steps():
    f, xs = OPS["rnn"]["lstm_sequence"], lstm_arrays()
    xs[0] = xs[0][:, :0]
    graph, x, y = trace(f, [(None, None, INPUTS)] + [a.shape for a in xs[1:]], "float64")
    got = compiled(graph, _core.gradients(y, (None,) * 3, x))(*xs)
    assert got[0].shape == xs[0].shape
    np.testing.assert_array_equal(got[1], np.ones_like(xs[1]))
    np.testing.assert_array_equal(got[3], np.zeros_like(xs[3]))


PRIMITIVES = {
    "lstm": ("LSTMSequence", 4, 4, {}),
    "gru": ("GRUSequence", 3, 3, {"linear_before_reset": False}),
    "gru_linear": ("GRUSequence", 3, 4, {"linear_before_reset": True}),
    "rnn_tanh": ("RNNSequence", 1, 1, {"activations": "tanh"}),
    "rnn_sigmoid": ("RNNSequence", 1, 1, {"activations": "sigmoid"}),
    "rnn_relu": ("RNNSequence", 1, 1, {"activations": "relu"}),
}


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("layer", PRIMITIVES)
def test_sequences_of_several_lengths(layer, direction):
    name, gates, biases, attributes = PRIMITIVES[layer]
    n = 2 if direction == "bidirectional" else 1
    states = [(3, n, UNITS)] * (2 if name == "LSTMSequence" else 1)
    xs = arrays((3, STEPS, INPUTS), *states, (n, gates * UNITS, INPUTS), (n, gates * UNITS, UNITS), (n, biases * UNITS))
    lengths = np.array([2, STEPS, 0])
    after = [STEPS * 0 + len(states) + 1]  # lengths stand after the states
    generator = np.random.default_rng(12)

    def graph_of(derivative):
        graph = capi.Graph()
        given = [graph.parameter("float64", list(x.shape)) for x in xs]
        counts = graph.parameter("int64", [3])
        operands = given[: after[0]] + [counts] + given[after[0] :]
        y = graph.call(name, *operands, hidden_size=UNITS, direction=direction, **attributes)
        shapes = [(3, n, STEPS, UNITS)] + [(3, n, UNITS)] * len(states)
        weights = np.random.default_rng(13)
        y = [graph.call("Multiply", t, weights.uniform(-1, 1, s)) for t, s in zip(y, shapes)]
        graph.result(*(gradients(graph, y, None, given) if derivative else y))
        run = graph.compile("native")
        return lambda *a: run(*a, lengths)

    values, got = graph_of(False), graph_of(True)(*xs)
    for k, x in enumerate(xs):
        v = generator.uniform(-1, 1, x.shape)
        expected = sum(float(np.sum(t)) for t in along(values, xs, k, v))
        np.testing.assert_allclose(np.sum(got[k] * v), expected, rtol=1e-6, atol=1e-8, err_msg=f"operand {k}")
    assert not got[0][2].any() and not got[0][0, 2:].any()  # steps past the end count for nothing


@pytest.mark.parametrize("direction", ["reverse", "bidirectional"])
@pytest.mark.parametrize("layer", PRIMITIVES)
def test_sequences_are_independent(layer, direction):
    """A large batch goes through its steps in blocks: results and derivatives are those of each sequence alone."""
    name, gates, biases, attributes = PRIMITIVES[layer]
    batch, steps, units, inputs, n = 19, 12, 68, 5, 2 if direction == "bidirectional" else 1
    assert units * units * steps * batch > 1 << 20  # enough work for blocks (kv_sequence_blocks)
    states = [(batch, n, units)] * (2 if name == "LSTMSequence" else 1)
    given = arrays((batch, steps, inputs), *states)
    weights = [w / 4 for w in arrays((n, gates * units, inputs), (n, gates * units, units), (n, biases * units))]  # stable
    lengths = np.arange(batch) % (steps + 1)
    cotangents = arrays((batch, n, steps, units), *states)

    def run(part):
        graph = capi.Graph()
        xs = [graph.parameter("float64", list(x[part].shape)) for x in given] + [
            graph.parameter("float64", list(w.shape)) for w in weights]
        counts = graph.parameter("int64", [len(lengths[part])])
        y = graph.call(name, *xs[:-3], counts, *xs[-3:], hidden_size=units, direction=direction, **attributes)
        products = [graph.call("Multiply", t, c[part]) for t, c in zip(y, cotangents, strict=True)]
        graph.result(*y, *gradients(graph, products, None, xs))
        results = graph.compile("native")(*(x[part] for x in given), *weights, lengths[part])
        return results[:-3], results[-3:]

    whole, of_weights = run(slice(None))
    single = [run(slice(b, b + 1)) for b in range(batch)]
    for k, t in enumerate(whole):
        np.testing.assert_allclose(t, np.concatenate([rows[k] for rows, _ in single]), rtol=1e-10, atol=1e-12)
    for k, w in enumerate(of_weights):
        np.testing.assert_allclose(w, sum(ws[k] for _, ws in single), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
@pytest.mark.parametrize("back", [False, True], ids=["forward", "backwards"])
def test_rnn(masked, back):
    x, h, k, r = arrays((BATCH, STEPS, INPUTS), (BATCH, UNITS), (INPUTS, UNITS), (UNITS, UNITS))
    mask = np.array([[True, True, False, True], [False, True, True, False]]) if masked else None

    def f(x, h, k, r):
        def step(x, states):
            h = ops.tanh(ops.matmul(x, k) + ops.matmul(states[0], r))
            return h, [h]

        last, outputs, states = rnn.rnn(step, x, [h], go_backwards=back, mask=mask)
        return last, outputs, states[0]

    check(f, x, h, k, r, second=not masked)


@pytest.mark.parametrize(
    "layer", [keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN], ids=lambda c: c.__name__
)
def test_layers(layer):
    net = keras.layers.Bidirectional(layer(UNITS, return_sequences=True, dtype="float64"), dtype="float64")
    (x,) = arrays((BATCH, STEPS, INPUTS))
    net(x)
    check(lambda x: net(x), x, second=False)
