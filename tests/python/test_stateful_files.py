"""Model files with recurrent layers of stateful=True: what C keeps between runs is what Keras keeps."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import capi

# Calls: two parts of a sequence, all of it after a reset, and once more without one.
WRITE = """
import pathlib, sys
import keras, numpy as np

k = keras.layers


def alone(layer, shape=(None, 3)):
    return keras.Sequential([keras.Input(batch_shape=(2, *shape)), layer])


def functional():
    x = keras.Input(batch_shape=(2, None, 3), name="x")
    y, h, c = k.LSTM(4, return_sequences=True, return_state=True, stateful=True)(x)
    z = k.LSTM(4, stateful=True)(y, initial_state=[h, c])  # begins with what it is given
    return keras.Model(x, {"z": k.Dense(2)(z), "h": h, "u": k.GRU(2, stateful=True)(y)})


def nested():
    inner = keras.Sequential([keras.Input(batch_shape=(2, None, 3)), k.GRU(4, return_sequences=True, stateful=True)])
    return keras.Sequential([keras.Input(batch_shape=(2, None, 3)), inner, k.SimpleRNN(2, stateful=True)])


def shared(order):
    x = keras.Input(batch_shape=(2, None, 3), name="x")
    layer = k.GRU(3, return_sequences=True, stateful=True)
    if order == "chain":
        return keras.Model(x, layer(layer(x)))
    a, b, c = layer(x), layer(k.Dense(3)(x)), layer(k.Dense(3)(k.Dense(3)(x)))
    return keras.Model(x, [a, b, c] if order == "branches" else [c, k.Dense(2)(a), a, b])


def shared_given():
    x = keras.Input(batch_shape=(2, None, 3), name="x")
    layer, first = k.LSTM(3, return_sequences=True, stateful=True), k.Dense(3)(x)[:, 0]
    y = layer(x)
    return keras.Model(x, [y, layer(layer(y, initial_state=[first, first]))])


def shared_model():
    inner = keras.Sequential([keras.Input(batch_shape=(2, None, 3)), k.LSTM(3, return_sequences=True, stateful=True)])
    x = keras.Input(batch_shape=(2, None, 3), name="x")
    both = k.Bidirectional(k.GRU(2, return_sequences=True, stateful=True))
    return keras.Model(x, [inner(k.Dense(3)(inner(x))), both(both(k.Dense(4)(x)))])


CASES = {
    "lstm": lambda: alone(k.LSTM(4, return_sequences=True, stateful=True)),
    "gru": lambda: alone(k.GRU(4, return_sequences=True, stateful=True)),
    "gru_before": lambda: alone(k.GRU(4, reset_after=False, stateful=True)),
    "simple": lambda: alone(k.SimpleRNN(4, return_sequences=True, stateful=True)),
    "lstm_stepwise": lambda: alone(k.LSTM(4, activation="softsign", return_sequences=True, stateful=True)),
    "stack": lambda: keras.Sequential([keras.Input(batch_shape=(2, None, 3)), k.LSTM(4, return_sequences=True, stateful=True),
                                       k.GRU(3, return_sequences=True, stateful=True), k.LSTM(2, return_sequences=True, stateful=True)]),
    "cells": lambda: alone(k.RNN([k.LSTMCell(4), k.GRUCell(3)], return_sequences=True, stateful=True)),
    "both": lambda: alone(k.Bidirectional(k.LSTM(4, return_sequences=True, stateful=True))),
    "both_gru": lambda: alone(k.Bidirectional(k.GRU(4, stateful=True), merge_mode="sum")),
    "backwards": lambda: alone(k.LSTM(4, return_sequences=True, go_backwards=True, stateful=True)),
    "masked": lambda: keras.Sequential([keras.Input(batch_shape=(2, None, 3)), k.Masking(0.5), k.GRU(4, stateful=True)]),
    "half": lambda: alone(k.LSTM(4, return_sequences=True, stateful=True, dtype="mixed_float16")),
    "conv1": lambda: alone(k.ConvLSTM1D(2, 3, return_sequences=True, stateful=True), (None, 5, 3)),
    "conv2": lambda: alone(k.ConvLSTM2D(2, 2, padding="same", stateful=True), (None, 4, 3, 3)),
    "conv3": lambda: alone(k.ConvLSTM3D(1, 2, stateful=True), (None, 3, 2, 2, 3)),
    "functional": functional,
    "nested": nested,
    "shared": lambda: shared("chain"),
    "shared_branches": lambda: shared("branches"),
    "shared_uneven": lambda: shared("uneven"),
    "shared_given": shared_given,
    "shared_model": shared_model,
}
SEQUENCES = ["lstm", "gru", "simple", "lstm_stepwise", "stack", "cells", "conv1"]
rng = np.random.default_rng(5)
for name, make in CASES.items():
    model = make()
    model.set_weights([rng.uniform(-0.5, 0.5, w.shape) for w in model.weights])
    x = rng.uniform(-1, 1, (2, 7, *model.inputs[0].shape[2:])).astype("float32")
    if name == "masked":
        x[0, 1:5] = x[1, 5:] = 0.5
    data = {"x": x}

    def call(i, x):
        for key, y in enumerate(keras.tree.flatten(model(x))):
            data[f"y{i}_{key}"] = np.asarray(y)

    def reset(layer):
        for inner in getattr(layer, "layers", []):
            reset(inner)
        if getattr(layer, "stateful", False):
            for state in keras.tree.flatten(layer.states):  # as reset_state, which takes no states of cells in cells
                state.assign(np.zeros(state.shape))

    reset(model)
    call(0, x[:, :3])
    call(1, x[:, 3:])
    reset(model)
    call(2, x)
    call(3, x)
    if name in SEQUENCES:
        np.testing.assert_allclose(np.concatenate([data["y0_0"], data["y1_0"]], 1), data["y2_0"], atol=1e-5)
    model.save(pathlib.Path(sys.argv[1]) / f"{name}.keras")
    if name == "lstm":
        model.save(pathlib.Path(sys.argv[1]) / f"{name}.h5")
    np.savez(pathlib.Path(sys.argv[1]) / f"{name}.npz", **data)
x = keras.Input(batch_shape=(2, None, 3))
keras.Model(x, k.LSTM(4, stateful=True, name="lstm")(x)).save(pathlib.Path(sys.argv[1]) / "chain.keras")
alone(k.TimeDistributed(k.GRU(4, stateful=True)), (5, 4, 3)).save(pathlib.Path(sys.argv[1]) / "distributed.keras")
print(*CASES)
"""
NAMES = ("lstm gru gru_before simple lstm_stepwise stack cells both both_gru backwards masked half conv1 conv2 conv3 functional "
         "nested shared shared_branches shared_uneven shared_given shared_model").split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("stateful")
    run = subprocess.run([sys.executable, "-c", WRITE, path], capture_output=True, text=True, env=dict(os.environ, KERAS_BACKEND="numpy"))
    assert not run.returncode, run.stderr
    assert run.stdout.split()[-len(NAMES):] == NAMES
    return path


def calls(model, x):
    """What the calls of WRITE give."""
    found = [model(x[:, :3]), model(x[:, 3:])]
    model.reset_states()
    return [y if isinstance(y, list) else [y] for y in (*found, model(x), model(x))]


def compare(model, data, tolerance=1e-5):
    for i, outputs in enumerate(calls(model, data["x"])):
        for key, y in enumerate(outputs):
            np.testing.assert_allclose(y, data[f"y{i}_{key}"], rtol=tolerance, atol=tolerance, err_msg=f"call {i}, output {key}")


@pytest.mark.parametrize("device", ["CPU", "native"])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept(folder, name, device):
    data, model = np.load(folder / f"{name}.npz"), capi.Model(folder / f"{name}.keras", device)
    assert len(model.inputs) == 1 and len(model.outputs) == len([key for key in data if key.startswith("y0_")])
    compare(model, data, 2e-3 if name == "half" else 1e-5)
    assert any(not np.allclose(data[f"y2_{i}"], data[f"y3_{i}"]) for i in range(len(model.outputs)))


def test_many_lengths(folder):
    """More shapes than are compiled for one by one: the states go from one to the other."""
    data, model = np.load(folder / "lstm.npz"), capi.Model(folder / "lstm.keras", "native")
    long = np.concatenate([data["x"]] * 8, 1)
    whole, found, at = model(long), [], 0
    model.reset_states()
    for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 2, 9):
        found.append(model(long[:, at:at + n]))
        at += n
    assert at == long.shape[1]
    np.testing.assert_allclose(np.concatenate(found, 1), whole, atol=1e-6)


def test_a_model_has_states_of_its_own(folder):
    data = np.load(folder / "gru.npz")
    one, other = (capi.Model(folder / "gru.keras", "native") for _ in range(2))
    one(data["x"])
    compare(other, data)


def test_new_weights_leave_the_states(folder):
    data, model = np.load(folder / "lstm.npz"), capi.Model(folder / "lstm.keras", "native")
    model(data["x"][:, :3])
    model.set_weight("lstm", "cell/bias", model.get_weight("lstm", "cell/bias"))
    np.testing.assert_allclose(model(data["x"][:, 3:]), data["y1_0"], atol=1e-5)


def test_a_run_that_fails_leaves_the_states(folder):
    data, model = np.load(folder / "lstm.npz"), capi.Model(folder / "lstm.keras", "native")
    x = data["x"]
    model(x[:, :3])
    with pytest.raises(capi.KvinoError, match=r"must have the shape \(2, None, 3\), not \(3, 7, 3\)"):
        model(np.concatenate([x, x[:1]]))
    with pytest.raises(capi.KvinoError, match="there is room for 4"):
        model.run_into(x, np.empty(1, "float32"))
    y = np.empty_like(data["y1_0"])
    model.run_into(np.ascontiguousarray(x[:, 3:]), y)
    np.testing.assert_allclose(y, data["y1_0"], atol=1e-5)


@pytest.mark.parametrize("end", [".keras", ".h5"])
def test_saved(folder, tmp_path, end):
    data, path = np.load(folder / "lstm.npz"), tmp_path / f"new{end}"
    model = capi.Model(folder / f"lstm{end}", "native")
    model(data["x"])  # what is kept is not saved
    model.save(path)
    compare(capi.Model(path, "native"), data)
    if end == ".keras":
        with zipfile.ZipFile(path) as archive:
            assert json.loads(archive.read("config.json"))["config"]["layers"][-1]["config"]["stateful"] is True


def test_what_is_refused(folder, tmp_path):
    model = capi.Model(folder / "lstm.keras", "native")
    with pytest.raises(capi.KvinoError, match=r"keeps states between its runs \(stateful=True\)"):
        model.save(tmp_path / "new.kvino")
    trainer = capi.Trainer(model, "sgd", "mean_squared_error")
    x = np.load(folder / "lstm.npz")["x"]
    with pytest.raises(capi.KvinoError, match="'lstm'.*stateful=True is for runs of a model"):
        trainer.step(x, np.zeros((2, 7, 4), "float32"))
    assert not list(tmp_path.iterdir())


def edited(folder, tmp_path, change, name="lstm"):
    """A file with another configuration."""
    path = tmp_path / "edited.keras"
    with zipfile.ZipFile(folder / f"{name}.keras") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name == "config.json":
                config = json.loads(text)
                change(config["config"]["layers"])
                text = json.dumps(config)
            new.writestr(name, text)
    return path


def test_files_that_cannot_be(folder, tmp_path):
    def no_batch(layers):
        layers[0]["config"]["batch_shape"] = [None, None, 3]

    def huge_batch(layers):
        layers[0]["config"]["batch_shape"] = [1 << 40, None, 3]

    def loop(layers):
        call = layers[1]["inbound_nodes"][0]
        layers[1]["inbound_nodes"] = [json.loads(json.dumps(call)) for _ in range(2)]
        for i in range(2):
            layers[1]["inbound_nodes"][i]["args"][0]["config"]["keras_history"] = ["lstm", 1 - i, 0]

    def nowhere(layers):
        layers[1]["inbound_nodes"] *= 2
        layers[1]["inbound_nodes"][1]["args"][0]["config"]["keras_history"] = ["lstm", 1 << 62, 0]

    with pytest.raises(capi.KvinoError, match="has a loop through 'lstm'"):
        capi.Model(edited(folder, tmp_path, loop, "chain"), "native")
    with pytest.raises(capi.KvinoError, match="there is no such call of layer 'lstm'"):
        capi.Model(edited(folder, tmp_path, nowhere, "chain"), "native")
    with pytest.raises(capi.KvinoError, match="'lstm'.*the shape of the states must be known"):
        capi.Model(edited(folder, tmp_path, no_batch), "native")
    with pytest.raises(capi.KvinoError, match="must have the shape"):  # no memory for that batch is asked for
        capi.Model(edited(folder, tmp_path, huge_batch), "native")(np.zeros((2, 7, 3), "float32"))


def test_where_no_run_keeps_states(folder):
    with pytest.raises(capi.KvinoError, match="inside of TimeDistributed"):
        capi.Model(folder / "distributed.keras", "native")
