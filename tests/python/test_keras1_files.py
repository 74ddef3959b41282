"""HDF5 files as Keras 1 wrote them, against the same models as Keras 2 wrote them."""

import numpy as np
import pytest

import capi
from test_old_model_files import call, functional, node, run, save, source, weights

COMMON = {"trainable": True, "input_dtype": "float32", "W_regularizer": None, "b_regularizer": None, "activity_regularizer": None, "W_constraint": None,
          "b_constraint": None, "init": "glorot_uniform"}
RECURRENT = {"output_dim": 3, "inner_init": "orthogonal", "forget_bias_init": "one", "inner_activation": "hard_sigmoid", "activation": "tanh", "dropout_W": 0.1,
             "dropout_U": 0.2, "return_sequences": False, "U_regularizer": None, "input_length": None}


def layer(kind, name, **config):
    return {"class_name": kind, "config": {"name": name, **config}}


def sequential(*layers, version=None):
    """Keras 1: the configuration is a list."""
    return {"class_name": "Sequential", "config": list(layers) if version is None else {"name": "s", "layers": list(layers)}}


def compare(tmp_path, shape, old, new, *inputs):
    """old, new: (layers, groups of weights)."""
    for layers, version in ((old[0], None), (new[0], "2.2.4")):
        layers[0]["config"]["batch_input_shape"] = [None, *shape]
    first = save(tmp_path / "1.h5", sequential(*old[0]), old[1], None, None)
    second = save(tmp_path / "2.h5", sequential(*new[0], version=2), new[1])
    x = inputs or [np.random.default_rng(1).uniform(-1, 1, (2, *[n or 4 for n in shape])).astype("float32")]
    np.testing.assert_allclose(run(first, *x), run(second, *x), atol=1e-5)


@pytest.mark.parametrize("ordering, format, turn", [("tf", "channels_last", None), ("th", "channels_first", (3, 2, 0, 1))])
def test_convolution_and_dense(tmp_path, ordering, format, turn):
    k, b, w, c = weights(2, 3, 2, 4), weights(4), weights(64, 3), weights(3)
    old = [layer("Convolution2D", "conv", nb_filter=4, nb_row=2, nb_col=3, border_mode="same", subsample=[1, 1], dim_ordering=ordering, bias=True,
                 activation="relu", **COMMON),
           layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=[2, 2], border_mode="valid", dim_ordering=ordering, trainable=True),
           layer("Dropout", "drop", p=0.5, trainable=True), layer("Flatten", "flat", trainable=True),
           layer("Dense", "dense", output_dim=3, input_dim=64, bias=True, activation="softmax", **COMMON)]
    new = [layer("Conv2D", "conv", filters=4, kernel_size=[2, 3], padding="same", data_format=format, activation="relu"),
           layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=[2, 2], data_format=format), layer("Flatten", "flat"),
           layer("Dense", "dense", units=3, activation="softmax")]
    shape = (8, 8, 2) if ordering == "tf" else (2, 8, 8)
    groups = {"conv": {"conv_W": k if turn is None else k.transpose(turn), "conv_b": b}, "dense": {"dense_W": w, "dense_b": c}}
    compare(tmp_path, shape, (old, groups), (new, {"conv": {"conv/kernel:0": k, "conv/bias:0": b}, "dense": {"dense/kernel:0": w, "dense/bias:0": c}}))


def test_convolutions_over_time(tmp_path):
    k, b, d = weights(3, 2, 4), weights(4), weights(2, 4, 3)
    old = [layer("Convolution1D", "c", nb_filter=4, filter_length=3, subsample_length=2, border_mode="valid", bias=True, activation="tanh", input_length=None,
                 **COMMON),
           layer("UpSampling1D", "u", length=2), layer("MaxPooling1D", "p", pool_length=2, stride=1, border_mode="valid"),
           layer("AtrousConvolution1D", "a", nb_filter=3, filter_length=2, atrous_rate=2, bias=False, activation="linear", **COMMON)]
    new = [layer("Conv1D", "c", filters=4, kernel_size=[3], strides=[2], activation="tanh"), layer("UpSampling1D", "u", size=2),
           layer("MaxPooling1D", "p", pool_size=2, strides=1),
           layer("Conv1D", "a", filters=3, kernel_size=2, dilation_rate=2, use_bias=False)]
    compare(tmp_path, (16, 2), (old, {"c": {"c_W": k[:, None], "c_b": b}, "a": {"a_W": d.transpose(2, 1, 0)[..., None]}}),
            (new, {"c": {"k": k, "b": b}, "a": {"k": d}}))


def test_deconvolution(tmp_path):
    k, b = weights(3, 3, 2, 4), weights(4)  # rows, columns, of the input, filters
    old = [layer("Deconvolution2D", "d", nb_filter=4, nb_row=3, nb_col=3, subsample=[2, 2], border_mode="valid", output_shape=[None, 9, 9, 4],
                 dim_ordering="tf", bias=True, activation="linear", **COMMON)]
    new = [layer("Conv2DTranspose", "d", filters=4, kernel_size=[3, 3], strides=[2, 2])]
    compare(tmp_path, (4, 4, 2), (old, {"d": {"d_W": k, "d_b": b}}), (new, {"d": {"k": k.transpose(0, 1, 3, 2), "b": b}}))


def recurrent(kind, how, **config):
    return layer(kind, "r", **{**COMMON, **RECURRENT, "consume_less": how, **config})


@pytest.mark.parametrize("kind, gates", [("LSTM", "icfo"), ("GRU", "zrh")])
@pytest.mark.parametrize("how", ["cpu", "mem", "gpu"])
def test_recurrent(tmp_path, kind, gates, how):
    parts = {gate: (weights(2, 3), weights(3, 3), weights(3)) for gate in gates}
    joined = [np.concatenate([parts[gate][i] for gate in ("ifco" if kind == "LSTM" else gates)], axis=-1) for i in range(3)]
    names = {f"r_{name}_{gate}": value for gate in gates for name, value in zip("WUb", parts[gate])}
    old = [recurrent(kind, how, input_dim=2)]
    new = [layer(kind, "r", units=3, activation="tanh", recurrent_activation="hard_sigmoid", reset_after=False)]
    if kind == "LSTM":
        del new[0]["config"]["reset_after"]
    together = dict(zip("kub", joined))
    compare(tmp_path, (5, 2), (old, {"r": together if how == "gpu" else names}), (new, {"r": together}))


def test_both_directions_and_time(tmp_path):
    two = [{gate: (weights(3, 3), weights(3, 3), weights(3)) for gate in "icfo"} for _ in range(2)]
    w, b, e = weights(6, 2), weights(2), weights(7, 3)
    names = {f"{side}_{name}_{gate}": value for side, parts in enumerate(two) for gate in "icfo" for name, value in zip("WUb", parts[gate])}
    joined = {f"{side}{i}": np.concatenate([parts[gate][i] for gate in "ifco"], axis=-1) for side, parts in enumerate(two) for i in range(3)}
    lstm = recurrent("LSTM", "cpu", return_sequences=True)
    old = [layer("Embedding", "e", input_dim=7, output_dim=3, input_length=5, init="uniform", mask_zero=False, dropout=0.0, input_dtype="int32"),
           layer("Bidirectional", "b", layer=lstm, merge_mode="concat"),
           layer("TimeDistributed", "t", layer=layer("Dense", "d", output_dim=2, activation="relu", bias=True, **COMMON))]
    new = [layer("Embedding", "e", input_dim=7, output_dim=3),
           layer("Bidirectional", "b", merge_mode="concat",
                 layer=layer("LSTM", "r", units=3, activation="tanh", recurrent_activation="hard_sigmoid", return_sequences=True)),
           layer("TimeDistributed", "t", layer=layer("Dense", "d", units=2, activation="relu"))]
    compare(tmp_path, (5,), (old, {"e": {"W": e}, "b": names, "t": {"d_W": w, "d_b": b}}),
            (new, {"e": {"k": e}, "b": joined, "t": {"k": w, "b": b}}), np.array([[0, 1, 2, 6, 5]], "float32"))


@pytest.mark.parametrize("mode, wanted", [("sum", lambda x, y: x + y), ("mul", lambda x, y: x * y), ("ave", lambda x, y: (x + y) / 2),
                                          ("max", np.maximum), ("concat", lambda x, y: np.concatenate([x, y], -1)),
                                          ("dot", lambda x, y: np.einsum("ai,ai->a", x, y)[:, None])])
def test_merge(tmp_path, mode, wanted):
    merge = layer("Merge", "m", mode=mode, mode_type="raw", concat_axis=-1, dot_axes=[1, 1] if mode == "dot" else -1, output_shape=None,
                  output_shape_type="raw", output_mask=None, output_mask_type="raw", arguments={})
    config = functional("f", [source("a", 3), source("b", 3), call({**merge, "name": "m"}, [node("a")[:3], node("b")[:3]])], ["a", "b"], [["m", 0, 0]])
    config["class_name"] = "Model"
    x, y = weights(2, 3), weights(2, 3)
    np.testing.assert_allclose(run(save(tmp_path / "m.h5", config, {"a": {}, "b": {}, "m": {}}, None, None), x, y), wanted(x, y), atol=1e-6)


def test_merge_by_code_is_named(tmp_path):
    merge = layer("Merge", "m", mode="def f(x): return x", mode_type="lambda")
    config = functional("f", [source("a", 3), call({**merge, "name": "m"}, [node("a")[:3]])], ["a"], [["m", 0, 0]])
    with pytest.raises(capi.KvinoError, match=r"'m' \(Merge\)"):
        capi.Model(save(tmp_path / "m.h5", config, {"a": {}, "m": {}}, None, None))


def test_weights_that_are_too_few(tmp_path):
    config = sequential(recurrent("LSTM", "cpu", input_dim=2))
    config["config"][0]["config"]["batch_input_shape"] = [None, 5, 2]
    with pytest.raises(capi.KvinoError, match=r"layer 'r' \(LSTM\) expected"):
        capi.Model(save(tmp_path / "m.h5", config, {"r": {str(i): weights(3) for i in range(7)}}, None, None))
