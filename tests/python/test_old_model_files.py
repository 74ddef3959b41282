"""HDF5 files as Keras 1 and 2 wrote them, made here by hand: what each means is a formula in NumPy."""

import json

import h5py
import numpy as np
import pytest

import capi

RNG = np.random.default_rng(5)
X = RNG.uniform(-3, 3, (4, 3)).astype("float32")


def weights(*shape):
    return RNG.uniform(-1, 1, shape).astype("float32")


def save(path, config, groups, version="2.15.0", top="model_weights"):
    """groups: {layer: {weight's name: value}}, in the order of the file."""
    with h5py.File(path, "w") as f:
        f.attrs["model_config"] = json.dumps(config).encode()
        if version:
            f.attrs["keras_version"] = version.encode()
        root = f.create_group(top) if top else f
        root.attrs["layer_names"] = [name.encode() for name in groups]
        for name, values in groups.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [w.encode() for w in values] if values else np.zeros(0)
            for weight, value in values.items():
                group[weight] = value
    return path


def dense(name, units, **more):
    return {"class_name": "Dense", "name": name, "config": {"name": name, "trainable": True, "dtype": "float32", "units": units, **more}}


def call(layer, *nodes):
    return {**layer, "inbound_nodes": [list(node) for node in nodes]}


def node(name, number=0, output=0, **more):
    return [name, number, output, more]


def source(name, *shape):
    return {"class_name": "InputLayer", "name": name, "inbound_nodes": [],
            "config": {"name": name, "batch_input_shape": [None, *shape], "dtype": "float32", "sparse": False, "ragged": False}}


def functional(name, layers, inputs, outputs):
    config = {"name": name, "trainable": True, "layers": layers, "input_layers": [node(i)[:3] for i in inputs], "output_layers": outputs}
    return {"class_name": "Functional", "name": name, "config": config}


def run(path, *inputs):
    result = capi.Model(path, "native")(*inputs)
    np.testing.assert_allclose(capi.Model(path)(*inputs), result, atol=1e-5)
    return result


def old_hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def test_hard_sigmoid_is_that_of_the_version(tmp_path):
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "Activation", "config": {"name": "a", "activation": "hard_sigmoid", "trainable": True, "batch_input_shape": [None, 3]}}]}}
    np.testing.assert_allclose(run(save(tmp_path / "2.h5", config, {"a": {}}), X), old_hard_sigmoid(X), atol=1e-6)
    now = run(save(tmp_path / "3.h5", config, {"a": {}}, "3.15.1"), X)
    np.testing.assert_allclose(now, np.clip(X / 6 + 0.5, 0, 1), atol=1e-6)


def test_sequential_of_keras_1_is_a_list(tmp_path):
    k, b = weights(3, 2), weights(2)
    config = {"class_name": "Sequential", "config": [dense("d", 2, batch_input_shape=[None, 3], input_dtype="float32")]}
    path = save(tmp_path / "1.h5", config, {"d": {"d_W": k, "d_b": b}}, None, None)
    np.testing.assert_allclose(run(path, X), X @ k + b, atol=1e-5)


def test_a_model_in_a_model_counts_its_calls_from_1(tmp_path):
    k, b = weights(3, 3), weights(3)
    inner = functional("inner", [source("y", 3), call(dense("d", 3), [node("y")])], ["y"], [["d", 0, 0]])
    outer = functional("outer", [source("x", 3), call(inner, [node("x")], [node("inner", 1)]),
                                 call({"class_name": "Add", "name": "sum", "config": {"name": "sum"}}, [node("inner", 1), node("inner", 2)])],
                       ["x"], [["sum", 0, 0]])
    path = save(tmp_path / "m.h5", outer, {"x": {}, "inner": {"d/kernel:0": k, "d/bias:0": b}, "sum": {}})
    once = X @ k + b
    np.testing.assert_allclose(run(path, X), once + once @ k + b, atol=1e-4)


@pytest.mark.parametrize("frozen", [False, True])
def test_weights_of_a_frozen_layer_stand_behind_the_trained_ones(tmp_path, frozen):
    gamma, beta, mean, variance = weights(3), weights(3), weights(3), weights(3) ** 2 + 0.5
    k, b = weights(3, 2), weights(2)
    norm = {"class_name": "BatchNormalization", "name": "n", "config": {"name": "n", "axis": [1], "epsilon": 0.001, "trainable": not frozen}}
    inner = functional("inner", [source("y", 3), call(norm, [node("y")]), call(dense("d", 2), [node("n")])], ["y"], [["d", 0, 0]])
    outer = functional("outer", [source("x", 3), call(inner, [node("x")])], ["x"], [["inner", 1, 0]])
    own, others = {"n/gamma:0": gamma, "n/beta:0": beta}, {"n/moving_mean:0": mean, "n/moving_variance:0": variance}
    dense_weights = {"d/kernel:0": k, "d/bias:0": b}
    stored = {**dense_weights, **own, **others} if frozen else {**own, **dense_weights, **others}
    path = save(tmp_path / "m.h5", outer, {"x": {}, "inner": stored})
    wanted = ((X - mean) / np.sqrt(variance + 0.001) * gamma + beta) @ k + b
    np.testing.assert_allclose(run(path, X), wanted, atol=1e-4)


def test_slashes_in_names(tmp_path):
    k, b = weights(3, 2), weights(2)
    config = functional("m", [source("in/put", 3), call(dense("a/b", 2), [node("in/put")])], ["in/put"], [["a/b", 0, 0]])
    path = save(tmp_path / "m.h5", config, {"in/put": {}, "a/b": {"a/b/kernel:0": k, "a/b/bias:0": b}})
    np.testing.assert_allclose(run(path, X), X @ k + b, atol=1e-5)


def test_first_states_stand_in_the_list_of_inputs(tmp_path):
    k, r, b = weights(3, 8), weights(2, 8), weights(8)
    lstm = {"class_name": "LSTM", "name": "l", "config": {"name": "l", "units": 2, "time_major": False, "implementation": 2}}
    config = functional("m", [source("x", 5, 3), source("h", 2), source("c", 2), call(lstm, [node("x"), node("h"), node("c")])],
                        ["x", "h", "c"], [["l", 0, 0]])
    names = {"l/lstm_cell/kernel:0": k, "l/lstm_cell/recurrent_kernel:0": r, "l/lstm_cell/bias:0": b}
    path = save(tmp_path / "m.h5", config, {"x": {}, "h": {}, "c": {}, "l": names})
    x, h, c = weights(2, 5, 3), weights(2, 2), weights(2, 2)
    result, sigmoid = run(path, x, h, c), lambda v: 1 / (1 + np.exp(-v))
    for step in range(5):
        i, f, g, o = np.split(x[:, step] @ k + h @ r + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    np.testing.assert_allclose(result, h, atol=1e-5)


def test_names_in_several_attributes(tmp_path):
    k, b = weights(3, 2), weights(2)
    config = functional("m", [source("x", 3), call(dense("d", 2), [node("x")])], ["x"], [["d", 0, 0]])
    path = save(tmp_path / "m.h5", config, {"x": {}, "d": {"d/kernel:0": k, "d/bias:0": b}})
    with h5py.File(path, "a") as f:
        group = f["model_weights/d"]
        del group.attrs["weight_names"]
        group.attrs["weight_names0"], group.attrs["weight_names1"] = [b"d/kernel:0"], [b"d/bias:0"]
    np.testing.assert_allclose(run(path, X), X @ k + b, atol=1e-5)


def test_packed_and_big_endian_weights(tmp_path):
    k, b = weights(3, 2), weights(2)
    config = functional("m", [source("x", 3), call(dense("d", 2), [node("x")])], ["x"], [["d", 0, 0]])
    path = save(tmp_path / "m.h5", config, {"x": {}, "d": {"d/kernel:0": k, "d/bias:0": b}})
    with h5py.File(path, "a") as f:
        group = f["model_weights/d/d"]
        del group["kernel:0"], group["bias:0"]
        group.create_dataset("kernel:0", data=k.astype(">f8"), chunks=(2, 2), compression="gzip", shuffle=True, fletcher32=True)
        group.create_dataset("bias:0", data=b.astype(">f4"))
    np.testing.assert_allclose(run(path, X), X @ k + b, atol=1e-5)


@pytest.mark.parametrize("dtype", ["<f2", ">f2", "<f8", ">f8", ">f4"])
def test_dtypes_of_weights(tmp_path, dtype):
    k = weights(3, 2).astype(dtype)
    config = functional("m", [source("x", 3), call(dense("d", 2, use_bias=False), [node("x")])], ["x"], [["d", 0, 0]])
    path = save(tmp_path / "m.h5", config, {"x": {}, "d": {"d/kernel:0": k}})
    np.testing.assert_allclose(run(path, X), X @ k.astype("float32"), atol=1e-5)


def test_weights_that_are_too_few(tmp_path):
    config = functional("m", [source("x", 3), call(dense("d", 2), [node("x")])], ["x"], [["d", 0, 0]])
    path = save(tmp_path / "m.h5", config, {"x": {}, "d": {"d/kernel:0": weights(3, 2)}})
    with pytest.raises(capi.KvinoError, match=r"layer 'd' \(Dense\) expected 2 weights, but received 1"):
        capi.Model(path)
