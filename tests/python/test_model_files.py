"""Models as Keras saves them, read and run in C: every case of models/ against Keras's NumPy backend, by OpenVINO and natively."""

import os
import pathlib
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import capi
import models

HERE = pathlib.Path(__file__).parent
ALL = [(family, name) for family in models.FAMILIES for name in models.cases(family)]
OLD = [(family, name) for family in models.FAMILIES for name in models.old(family)]
TOLERANCE, HALF = 1e-4, 5e-3  # relative to the largest value


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """The folder of a family's files, which Keras, in a process of its own, writes when they are first asked for."""
    folders, running = {}, {}

    def start(backend):
        return subprocess.Popen([sys.executable, "-m", "models"], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                env=dict(os.environ, KERAS_BACKEND=backend))

    def folder(family):
        if family not in folders:
            backend = models.backend(family)
            keras = running[backend] = running.get(backend) or start(backend)
            path = tmp_path_factory.mktemp(family)
            print(family, path, file=keras.stdin, flush=True)
            answer = next((line for line in keras.stdout if line.startswith(("DONE", "FAILED"))), "Keras has died")
            folders[family] = path, answer
        path, answer = folders[family]
        assert answer.startswith("DONE"), answer
        return path

    yield folder
    for keras in running.values():
        keras.stdin.close()
    for keras in running.values():
        keras.wait()


def compare(path, device, data):
    model = capi.Model(path, device)
    inputs = [data[f"x{i}"] for i in range(len(model.inputs))]
    outputs = model(*inputs)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    assert len(outputs) == sum(name.startswith("y") for name in data.files)
    for i, (got, port) in enumerate(zip(outputs, model.outputs)):
        wanted = data[f"y{i}"]
        texts = got.dtype.kind == wanted.dtype.kind == "U"  # of whatever width
        assert (got.dtype == wanted.dtype or texts) and got.shape == wanted.shape
        assert port[1] == ("string" if texts else str(got.dtype)) and all(n in (None, m) for n, m in zip(port[2], got.shape))
        if got.dtype.kind == "f":
            tolerance = HALF if "float16" in str(data["policies"]) else TOLERANCE
            np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance * max(1, np.abs(wanted).max(initial=0)))
        else:
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("family, name", ALL, ids=[f"{family}-{name}" for family, name in ALL])
def test_a_saved_model_gives_the_same_in_c(saved, family, name):
    folder = saved(family)
    data = np.load(folder / f"{name}.npz")
    if (folder / f"{name}.keras").exists():
        for device in ("CPU", "native"):
            compare(folder / f"{name}.keras", device, data)
    else:
        assert (folder / f"{name}.h5").exists()
    if (folder / f"{name}.h5").exists():
        compare(folder / f"{name}.h5", "CPU", data)


@pytest.mark.parametrize("family, name", OLD, ids=[f"{family}-{name}" for family, name in OLD])
def test_what_an_older_keras_wrote(saved, family, name):
    folder = saved(family)
    compare(folder / f"{name}.h5", "CPU", np.load(folder / f"{name}.npz"))


# Layers of Keras's that no file can be read with, and why.
NOT_READ = {
    "Lambda": "its function is bytecode of Python, which is never run",
    "TorchModuleWrapper": "pickled code of PyTorch", "JaxLayer": "code", "FlaxLayer": "code", "TFSMLayer": "a SavedModel beside the file",
    "Equalization": "Keras makes no model of it: it gives its symbolic input back, which is part of a cycle then",
    "Layer": "a base class", "Wrapper": "a base class: it calls nothing",
}


def test_every_layer_of_keras_is_read_or_has_a_reason():
    code = ("import keras; print(*sorted({c.__name__ for c in vars(keras.layers).values() "
            "if isinstance(c, type) and issubclass(c, keras.layers.Layer)}))")
    names = subprocess.run([sys.executable, "-c", code], env=dict(os.environ, KERAS_BACKEND="numpy"), capture_output=True, text=True, check=True)
    known = {capi.lib.kvino_layer_class_name(capi.C.c_size_t(i)).decode() for i in range(capi.lib.kvino_layer_class_count())}
    assert set(names.stdout.split()) - known - set(NOT_READ) == set()


@pytest.mark.parametrize("name", models.cases("text"))
def test_texts_in_keras(saved, name):
    """The same models in Keras with kvino: traced, with their texts as inputs of the graph."""
    import kvino  # isort: skip: makes Keras use it
    import keras

    data = np.load(saved("text") / f"{name}.npz")
    model = keras.saving.load_model(saved("text") / f"{name}.keras")
    inputs = [data[f"x{i}"] for i in range(len(model.inputs))]
    inputs = inputs[0] if len(inputs) == 1 else inputs
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="kvino: .* runs eagerly")
        traced = model.predict(inputs, verbose=0)
    called = model(inputs)
    assert isinstance(keras.tree.flatten(called)[0], kvino.Tensor)
    for outputs in (traced, called):
        for i, y in enumerate(keras.tree.flatten(outputs)):
            got, wanted = np.asarray(y), data[f"y{i}"]
            if wanted.dtype.kind == "U":
                assert np.vectorize(bytes.decode)(got).tolist() == wanted.tolist()
            else:
                assert got.dtype == wanted.dtype
                np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_every_layer_has_a_case(saved):
    used = set()
    for family, name in ALL + OLD:
        used |= set(np.load(saved(family) / f"{name}.npz")["classes"])
    known = {capi.lib.kvino_layer_class_name(capi.C.c_size_t(i)).decode() for i in range(capi.lib.kvino_layer_class_count())}
    written = {"GroupedQueryAttention": "GroupQueryAttention"}  # the class, and what Keras writes for it
    of_keras_2 = {"TFOpLambda", "TensorFlowOpLayer", "LocallyConnected1D", "LocallyConnected2D"}  # test_tf_keras_files.py
    assert {written.get(name, name) for name in known} - used - {"Operation"} - of_keras_2 == set()


def test_the_page_of_layers_is_whole():
    """docs/layers.md, which tests/layers_page.py prints, has a row for each."""
    rows = re.findall(r"^\| (\w+) \| \d* \|", (HERE.parents[1] / "docs/layers.md").read_text(), re.M)
    known = {capi.lib.kvino_layer_class_name(capi.C.c_size_t(i)).decode() for i in range(capi.lib.kvino_layer_class_count())}
    assert rows == sorted(known - {"Operation"})


def test_a_configuration_and_weights_in_other_files(saved, tmp_path):
    folder = saved("core")
    assert len(list(folder.glob("nested_0*.weights.h5"))) > 1
    data = np.load(folder / "nested.npz")
    for weights in ("nested.weights.h5", "nested.weights.json", "nested.keras", "nested.h5"):
        results = capi.Model(folder / "nested.json", "native", folder / weights)(data["x0"])
        for i, result in enumerate(results):
            np.testing.assert_allclose(result, data[f"y{i}"], atol=1e-5)
    with pytest.raises(capi.KvinoError, match="needs a file of weights"):
        capi.Model(folder / "nested.json")
    (tmp_path / "bad.weights.json").write_text('{"weight_map": {"/layers/dense/vars": "../x.weights.h5"}}')
    with pytest.raises(capi.KvinoError, match="a file beside it"):
        capi.Model(folder / "nested.json", "native", tmp_path / "bad.weights.json")


def test_results_of_layers_inside(saved):
    folder = saved("core")
    data = np.load(folder / "nested.npz")
    own = capi.Model(folder / "nested.keras", "native")(data["x0"])
    names = [port[0] for port in capi.Model(folder / "nested.keras", "native", outputs=["joined", "branch", "inner"]).outputs]
    assert names == ["joined", "branch", "inner"]
    joined, small, inner = capi.Model(folder / "nested.keras", "native", outputs=["joined", "branch", "inner"])(data["x0"])
    assert any(np.array_equal(joined, y) for y in own) and any(np.array_equal(small, y) for y in own) and inner.shape == (3, 5)
    with pytest.raises(capi.KvinoError, match="no layer 'nowhere'"):
        capi.Model(folder / "nested.keras", outputs=["nowhere"])


def test_results_inside_of_a_sequential_model(saved):
    folder = saved("core")
    data = np.load(folder / "mlp.npz")
    for path in ("mlp.keras", "mlp.h5"):
        hidden, last = capi.Model(folder / path, "native", outputs=["dense", "dense_1"])(data["x0"])
        assert hidden.shape == (3, 8) and (hidden >= 0).all()
        np.testing.assert_allclose(last, data["y0"], atol=1e-5)
