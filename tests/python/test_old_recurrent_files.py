"""Recurrent layers of files that only older versions of Keras wrote: such files are made here from those of Keras 3."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import capi

h5py = pytest.importorskip("h5py", reason="comes with Keras")

WRITE = """
import sys, keras, numpy as np
layer = eval(sys.argv[2], vars(keras.layers))
model = keras.Sequential([keras.Input((5, 3)), layer])
rng = np.random.default_rng(3)
model.set_weights([rng.uniform(-0.5, 0.5, w.shape) for w in model.weights])
x = rng.uniform(-1, 1, (2, 5, 3)).astype("float32")
model.save(sys.argv[1] + ".h5")
np.savez(sys.argv[1] + ".npz", x=x, y=np.asarray(model(x)))
"""


@pytest.fixture
def saved(tmp_path):
    def save(layer):
        path = str(tmp_path / "model")
        run = subprocess.run([sys.executable, "-c", WRITE, path, layer], capture_output=True, text=True,
                             env=dict(os.environ, KERAS_BACKEND="numpy"))
        assert not run.returncode, run.stderr
        data = np.load(path + ".npz")
        return path + ".h5", data["x"], data["y"]

    return save


def edit(path, change, weights=None):
    """change(config of the layer, its object), weights(list of arrays) as the file is to have them."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        first, layer = config["config"]["layers"][0], config["config"]["layers"][-1]
        first["config"]["batch_shape"] = [None, None, 3]  # whatever comes first
        change(layer["config"], layer)
        file.attrs["model_config"] = json.dumps(config)
        group = file["model_weights"][layer["config"]["name"]]
        names = [n.decode() if isinstance(n, bytes) else n for n in group.attrs["weight_names"]]
        if weights:
            new = weights([group[n][()] for n in names])
            for name, array in zip(names, new, strict=True):
                del group[name]
                group[name] = array


def as_cudnn(gates):
    """Keras's own conversion, the other way round: keras/src/legacy/saving/legacy_h5_format.py."""

    def convert(weights):
        kernel, recurrent, bias = weights
        kernel = np.hstack([k.T.reshape(k.shape, order="C") for k in np.hsplit(kernel, gates)])
        recurrent = np.hstack([k.T for k in np.hsplit(recurrent, gates)])
        bias = bias.reshape(-1) if gates == 3 else np.tile(0.5 * bias, 2)
        return kernel, recurrent, bias

    return convert


def run(path, x):
    return [capi.Model(path, device)(x) for device in ("CPU", "native")]


@pytest.mark.parametrize("layer, name, gates", [("LSTM(4)", "CuDNNLSTM", 4), ("GRU(4)", "CuDNNGRU", 3),
                                                ("LSTM(3, return_sequences=True)", "CuDNNLSTM", 4)])
def test_cudnn(saved, layer, name, gates):
    path, x, y = saved(layer)

    def change(config, whole):
        whole["class_name"] = name
        for field in ("activation", "recurrent_activation", "use_bias", "reset_after", "dropout", "recurrent_dropout"):
            config.pop(field, None)

    edit(path, change, as_cudnn(gates))
    for found in run(path, x):
        np.testing.assert_allclose(found, y, atol=1e-5)


def test_a_gru_without_reset_after_is_one_of_keras_2(saved):
    path, x, y = saved("GRU(4, reset_after=False)")
    edit(path, lambda config, whole: config.pop("reset_after"))
    for found in run(path, x):
        np.testing.assert_allclose(found, y, atol=1e-5)


@pytest.mark.parametrize("layer", ["LSTM(4)", "GRU(4, return_sequences=True, go_backwards=True)"])
def test_time_major(saved, layer):
    path, x, y = saved(layer)
    edit(path, lambda config, whole: config.update(time_major=True, implementation=1))
    for found in run(path, x.swapaxes(0, 1)):
        np.testing.assert_allclose(found, y.swapaxes(0, 1) if y.ndim == 3 else y, atol=1e-5)


def test_stateful(saved):
    path, x, y = saved("LSTM(4)")
    edit(path, lambda config, whole: config.update(stateful=True, batch_input_shape=[2, None, 3]))
    with h5py.File(path, "r+") as file:  # as Keras 2 has it: the first layer says what the input is
        config = json.loads(file.attrs["model_config"])
        del config["config"]["layers"][0]
        file.attrs["model_config"] = json.dumps(config)
    for device in ("CPU", "native"):
        model = capi.Model(path, device)
        model(x[:, :2])
        np.testing.assert_allclose(model(x[:, 2:]), y, atol=1e-5)


def test_a_call_on_values(saved):
    """A loop over steps is a node of a graph: computed at once it is refused; run it is."""
    import ctypes

    path, x, want = saved("LSTM(4, activation='relu')")
    model, out, error = capi.Model(path, "native"), capi.Tensors(), capi.Error()
    np.testing.assert_allclose(np.asarray(model(x)), want, rtol=1e-5, atol=1e-6)
    value = capi.copy(x)
    with pytest.raises(capi.KvinoError, match="goes step by step is not called on values"):
        capi.check(capi.lib.kvino_model_call(model.handle, ctypes.c_size_t(1), (ctypes.c_void_p * 1)(value), ctypes.byref(out),
                                             ctypes.byref(error)), error)
    capi.lib.kvino_tensor_release(value)
