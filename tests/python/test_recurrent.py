"""LSTM and GRU as operators, and rnn with a Python function for its steps: eager, native and on OpenVINO, against the formulas
in NumPy."""

import kvino  # isort: skip: makes Keras use it
import importlib

import keras
import numpy as np
import pytest

from kvino import _core

OPS = _core.op_namespaces()
NP = OPS["numpy"]
rnn = importlib.import_module("kvino.keras_backend.rnn")  # in Keras 3.15 the backend's name rnn is the function
RNG = np.random.default_rng(3)
B, T, I, H = 3, 5, 4, 6


def weights(gates, dtype="float32"):
    return [(RNG.standard_normal(s) * 0.4).astype(dtype) for s in ((I, gates * H), (H, gates * H), (gates * H,), (gates * H,))]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, h, c, kernel, recurrent, bias, reverse):
    ys = np.zeros(x.shape[:2] + (h.shape[-1],), x.dtype)
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        ys[:, t] = h
    return ys, h, c


def gru(x, h, kernel, recurrent, bias, reset_after, reverse):
    ys = np.zeros(x.shape[:2] + (h.shape[-1],), x.dtype)
    given, state = bias if reset_after else (bias, bias * 0)
    n = h.shape[-1]
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        a = x[:, t] @ kernel + given
        b = h @ recurrent + state
        z, r = sigmoid(a[:, :n] + b[:, :n]), sigmoid(a[:, n : 2 * n] + b[:, n : 2 * n])
        inner = r * b[:, 2 * n :] if reset_after else (r * h) @ recurrent[:, 2 * n :]
        g = np.tanh(a[:, 2 * n :] + inner)
        h = z * h + (1 - z) * g
        ys[:, t] = h
    return ys, h


TOLERANCE = {"float64": dict(rtol=1e-12, atol=1e-13), "float32": dict(rtol=3e-5, atol=3e-6), "float16": dict(rtol=4e-3, atol=2e-3)}


def inputs(dtype):
    return [RNG.standard_normal(s).astype(dtype) for s in ((B, T, I), (B, H), (B, H))]


def check(f, args, expected, dtype, device, dynamic, engine=None):
    run = f if device is None else kvino.function(f, device=device, dynamic=dynamic)
    got = run(*[kvino.asarray(a) for a in args])
    assert len(got) == len(expected)
    for a, b in zip(got, expected):
        assert a.dtype == dtype and tuple(a.shape) == b.shape
        np.testing.assert_allclose(np.asarray(a, "float64"), b, **TOLERANCE[dtype])
    if engine:
        segments = run.describe(*args).splitlines()
        kernels = [line for line in segments if "Sequence" in line] or segments
        assert all((": native" in line) == (engine == "native") for line in kernels), run.describe(*args)


DEVICES = [(None, False), ("native", False), ("native", True), ("CPU", False), ("CPU", True)]


@pytest.mark.parametrize("device,dynamic", DEVICES)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_lstm(dtype, reverse, device, dynamic):
    k, r, b, _ = weights(4, dtype)
    x, h, c = inputs(dtype)
    expected = lstm(*[v.astype("float64") for v in (x, h, c, k, r, b)], reverse)
    engine = {None: None, "native": "native", "CPU": "native" if dtype == "float64" else "CPU"}[device]
    f = lambda x, h, c: OPS["rnn"]["lstm_sequence"](x, h, c, k, r, b, reverse=reverse)  # noqa: E731
    check(f, (x, h, c), expected, dtype, device, dynamic, engine)


@pytest.mark.parametrize("device,dynamic", DEVICES)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("reset_after", [False, True])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_gru(dtype, reset_after, reverse, device, dynamic):
    k, r, b, d = weights(3, dtype)
    b = np.stack([b, d]) if reset_after else b
    x, h, _ = inputs(dtype)
    expected = gru(*[v.astype("float64") for v in (x, h, k, r, b)], reset_after, reverse)
    engine = {None: None, "native": "native", "CPU": "native" if dtype == "float64" else "CPU"}[device]
    f = lambda x, h: OPS["rnn"]["gru_sequence"](x, h, k, r, b, reset_after=reset_after, reverse=reverse)  # noqa: E731
    check(f, (x, h), expected, dtype, device, dynamic, engine)


@pytest.mark.parametrize("device", [None, "native", "CPU"])
def test_weights_that_are_inputs(device):
    k, r, b, _ = weights(4)
    x, h, c = inputs("float32")
    expected = lstm(x, h, c, k, r, b, False)
    check(lambda *a: OPS["rnn"]["lstm_sequence"](*a), (x, h, c, k, r, b), expected, "float32", device, False)


def test_without_bias_and_without_steps():
    k, r, b, _ = weights(4)
    x, h, c = inputs("float32")
    check(lambda *a: OPS["rnn"]["lstm_sequence"](*a), (x, h, c, k, r), lstm(x, h, c, k, r, b * 0, False), "float32", None, False)
    y, last, cell = OPS["rnn"]["lstm_sequence"](x[:, :0], h, c, k, r, b)
    assert tuple(y.shape) == (B, 0, H)
    np.testing.assert_array_equal(last, h)
    np.testing.assert_array_equal(cell, c)
    assert tuple(OPS["rnn"]["lstm_sequence"](x[:0], h[:0], c[:0], k, r, b)[0].shape) == (0, T, H)


def simple(x, h, kernel, recurrent, bias, activation, reverse):
    ys = np.zeros(x.shape[:2] + (h.shape[-1],), x.dtype)
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        h = activation(x[:, t] @ kernel + h @ recurrent + bias)
        ys[:, t] = h
    return ys, h


ACTIVATIONS = {"tanh": np.tanh, "sigmoid": sigmoid, "relu": lambda x: np.maximum(x, 0)}


@pytest.mark.parametrize("device,dynamic", DEVICES)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_simple(dtype, activation, reverse, device, dynamic):
    k, r, b, _ = weights(1, dtype)
    x, h, _ = inputs(dtype)
    expected = simple(*[v.astype("float64") for v in (x, h, k, r, b)], ACTIVATIONS[activation], reverse)
    engine = {None: None, "native": "native", "CPU": "native" if dtype == "float64" else "CPU"}[device]
    f = lambda x, h: OPS["rnn"]["rnn_sequence"](x, h, k, r, b, activation=activation, reverse=reverse)  # noqa: E731
    check(f, (x, h), expected, dtype, device, dynamic, engine)


def masked(one, x, mask, states, reverse, zero):
    """Steps of `one`, a step of a sequence of length 1, where the mask is true."""
    ys, y = np.zeros(x.shape[:2] + states[0].shape[-1:], x.dtype), states[0]
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        new, *after = one(x[:, t : t + 1], *states)
        m = mask[:, t, None]
        y = np.where(m, new[:, 0], 0 if zero else y)
        states = [np.where(m, a, b) for a, b in zip(after, states)]
        ys[:, t] = y
    return ys, *states


MASKS = {
    "any": np.array([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1], [0, 1, 0, 0, 0]], bool),
    "padded": np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool),
    "alone": np.array([[1, 1, 0, 1, 0]], bool),
}


@pytest.mark.parametrize("device,dynamic", DEVICES)
@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_masks(kind, mask, reverse, zero, device, dynamic):
    k, r, b, d = weights({"lstm": 4, "gru": 3, "rnn": 1}[kind])
    x, *states = (a[: len(MASKS[mask])] for a in inputs("float32"))
    states = states if kind == "lstm" else states[:1]
    op, more = OPS["rnn"][f"{kind}_sequence"], {"reset_after": False} if kind == "gru" else {}
    step = {
        "lstm": lambda x, h, c: lstm(x, h, c, k, r, b, False),
        "gru": lambda x, h: gru(x, h, k, r, b, False, False),
        "rnn": lambda x, h: simple(x, h, k, r, b, np.tanh, False),
    }[kind]
    f = lambda x, m, *s: op(x, *s, k, r, b, reverse=reverse, mask=m, zero_output=zero, **more)  # noqa: E731
    check(f, (x, MASKS[mask], *states), masked(step, x, MASKS[mask], states, reverse, zero), "float32", device, dynamic)


def test_lengths_are_heeded():
    """OpenVINO's kernel takes every sequence for one of full length where the number of steps is not known."""
    from capi import Graph

    k, r, b, _ = weights(1)
    x, h, _ = inputs("float32")
    attributes = {"hidden_size": H, "direction": "forward", "activations": "tanh"}
    for lengths in (np.array([2, 5, 3]), np.array([5, 5, 5])):
        expected = masked(lambda x, h: simple(x, h, k, r, b, np.tanh, False), x, np.arange(T) < lengths[:, None], [h], False, True)
        for shape in ([B, T, I], [-1, -1, I]):
            g = Graph()
            given = [g.parameter("float32", shape), g.parameter("float32", [-1, 1, H]), g.parameter("int64", [-1])]
            g.result(*g.call("RNNSequence", *given, k.T[None], r.T[None], b[None], **attributes))
            y, last = g.compile()(x, h[:, None], lengths)
            np.testing.assert_allclose(y[:, 0], expected[0], **TOLERANCE["float32"])
            np.testing.assert_allclose(last[:, 0], expected[1], **TOLERANCE["float32"])


def test_shapes_must_fit():
    k, r, b, _ = weights(4)
    x, h, c = inputs("float32")
    with pytest.raises(ValueError, match="3|dimensions"):
        OPS["rnn"]["lstm_sequence"](x[0], h, c, k, r, b)
    with pytest.raises(ValueError, match="recurrent kernel"):
        OPS["rnn"]["lstm_sequence"](x, h, c, k, r[:, :5], b)
    with pytest.raises(ValueError, match="LSTMSequence"):
        OPS["rnn"]["lstm_sequence"](x, h[:2], c, k, r, b)
    with pytest.raises(ValueError, match="LSTMSequence"):
        OPS["rnn"]["lstm_sequence"](x, h, c, k[:2], r, b)
    with pytest.raises(ValueError, match="mask must have the shape"):
        OPS["rnn"]["lstm_sequence"](x, h, c, k, r, b, mask=MASKS["any"][:, :4])
    with pytest.raises(ValueError, match="must be 'tanh'"):
        OPS["rnn"]["rnn_sequence"](x, h, k[:, :H], r[:, :H], activation="elu")
    with pytest.raises(ValueError, match="bias of a GRU"):
        OPS["rnn"]["gru_sequence"](x, h, k[:, : 3 * H], r[:, : 3 * H], b[: 3 * H])


# ---- rnn ----

MASK = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1]], bool)
W, U = (RNG.standard_normal(s).astype("float32") * 0.4 for s in ((I, H), (H, H)))


def cell(x, states):
    h, count = states[0], states[1]
    h = NP["tanh"](NP["matmul"](x, W) + NP["matmul"](h, U))
    return h * 2, [h, count + 1]


def stepped(x, h, mask, go_backwards, zero):
    count, y, ys = np.zeros((B, 1), "float32"), np.zeros((B, H), "float32"), []
    for t in reversed(range(T)) if go_backwards else range(T):
        new = np.tanh(x[:, t] @ W + h @ U)
        m = np.ones((B, 1), bool) if mask is None else mask[:, t, None]
        y = np.where(m, new * 2, 0 if zero else y)
        h, count = np.where(m, new, h), np.where(m, count + 1, count)
        ys.append(y)
    return y, np.stack(ys, 1), h, count


@pytest.mark.parametrize("device,dynamic", DEVICES)
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("masked", ["no", "kept", "zero"])
@pytest.mark.parametrize("unroll", [False, True])
def test_rnn(unroll, masked, go_backwards, device, dynamic):
    if unroll and dynamic:
        pytest.skip("unrolling needs a known number of steps, see below")
    x, h, _ = inputs("float32")
    mask = None if masked == "no" else MASK

    def f(x, h):
        y, ys, (last, count) = rnn.rnn(
            cell, x, [h, np.zeros((B, 1), "float32")], mask=mask, go_backwards=go_backwards, unroll=unroll,
            zero_output_for_mask=masked == "zero",
        )
        return y, ys, last, count

    expected = stepped(x, h, mask, go_backwards, masked == "zero")
    check(f, (x, h), expected, "float32", device, dynamic, "CPU" if device == "CPU" and not dynamic else None)


@pytest.mark.parametrize("device", [None, "CPU"])
def test_rnn_of_last_outputs_time_major(device):
    x, h, _ = inputs("float32")
    f = lambda x, h: rnn.rnn(  # noqa: E731
        cell, x, [h, np.zeros((B, 1), "float32")], time_major=True, mask=MASK.T, return_all_outputs=False)[:2]
    y, _, _, _ = stepped(x, h, MASK, False, False)
    check(f, (np.swapaxes(x, 0, 1).copy(), h), (y, y[None]), "float32", device, False)


def test_rnn_lengths_and_constants():
    x, h, _ = inputs("float32")

    def scaled(v, states):
        y, after = cell(v * states[2], states[:2])
        return y, after

    lengths = np.array([2, 5, 3], "int32")
    got = rnn.rnn(scaled, x, [h, np.zeros((B, 1), "float32")], constants=[kvino.asarray(np.float32(2))], input_length=lengths)
    expected = stepped(x * 2, h, np.arange(T) < lengths[:, None], False, False)
    for a, b in zip((got[0], got[1], *got[2]), expected):
        np.testing.assert_allclose(a, b, rtol=3e-5, atol=3e-6)


def test_unrolling_needs_a_length():
    x, h, _ = inputs("float32")
    graph = kvino.Graph()
    x, h = graph.parameter((None, None, x.shape[2])), graph.parameter((None, h.shape[1]))
    with pytest.raises(ValueError, match="fixed number of timesteps"):
        rnn.rnn(cell, x, [h, h[:, :1]], unroll=True)


# ---- Keras's layers ----


def layers():
    k = keras.layers
    yield "lstm", lambda: k.LSTM(7, return_sequences=True, return_state=True)
    yield "lstm backwards", lambda: k.LSTM(7, go_backwards=True, return_sequences=True)
    yield "lstm relu", lambda: k.LSTM(7, activation="relu", use_bias=False)
    yield "gru", lambda: k.GRU(7, return_sequences=True)
    yield "gru before", lambda: k.GRU(7, reset_after=False, go_backwards=True)
    yield "simple", lambda: k.SimpleRNN(7, return_sequences=True, unroll=True)
    yield "simple relu backwards", lambda: k.SimpleRNN(7, activation="relu", go_backwards=True, return_state=True)
    yield "simple sigmoid", lambda: k.SimpleRNN(7, activation="sigmoid", return_sequences=True, zero_output_for_mask=True)
    yield "simple elu", lambda: k.SimpleRNN(7, activation="elu", use_bias=False)
    yield "lstm of zeros", lambda: k.LSTM(7, return_sequences=True, zero_output_for_mask=True, go_backwards=True)
    yield "gru backwards", lambda: k.GRU(7, return_sequences=True, return_state=True, go_backwards=True)
    yield "cells", lambda: k.RNN(k.GRUCell(7), return_sequences=True)
    yield "bidirectional lstm", lambda: k.Bidirectional(k.LSTM(7, return_sequences=True))
    yield "bidirectional gru", lambda: k.Bidirectional(k.GRU(7), merge_mode="sum")
    yield "stacked", lambda: k.RNN([k.LSTMCell(7), k.GRUCell(5)])


# Their cells are not what an operator computes.
STEP_BY_STEP = {"lstm relu", "simple elu", "stacked"}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name,make", list(layers()), ids=[n for n, _ in layers()])
def test_layer(name, make, masked, monkeypatch):
    """The layer, against the same weights stepped through its cells (use_cudnn=False), and compiled by predict."""
    given = keras.Input((None, I))
    x = keras.layers.Masking()(given) if masked else given
    layer = make()
    model = keras.Model(given, layer(x))
    data = RNG.standard_normal((4, 6, I)).astype("float32")
    data[0, 4:] = 0
    data[1, :2] = 0
    used = []
    spies = {op: lambda *args, op=op, **kwargs: used.append(op) or OPS["rnn"][op](*args, **kwargs) for op in OPS["rnn"]}
    monkeypatch.setattr(rnn, "_table", spies)
    eager = model(data, training=False)
    predicted = model.predict(data, verbose=0)
    # The call and the trace of predict each take the operator.
    assert len(used) == (0 if name in STEP_BY_STEP else 4 if "bidirectional" in name else 2)
    config = layer.get_config()
    plain = type(layer).from_config(config)
    for part in [plain, getattr(plain, "forward_layer", None), getattr(plain, "backward_layer", None)]:
        if part is not None and hasattr(part, "use_cudnn"):
            part.use_cudnn = False
    second = keras.Model(given, plain(x))
    plain.set_weights(layer.get_weights())
    monkeypatch.setattr(rnn, "_whole_sequence", lambda *args: None)
    expected = second(data, training=False)
    for a, b, c in zip(*(keras.tree.flatten(v) for v in (eager, predicted, expected))):
        np.testing.assert_allclose(np.asarray(a), np.asarray(c), rtol=3e-5, atol=3e-6)
        np.testing.assert_allclose(np.asarray(b), np.asarray(c), rtol=3e-5, atol=3e-6)
