"""Folders of models for servers, which `kvino convert --ovms` and `--triton` write, held against what these servers document and check."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from test_cli import kvino

MODELS = pathlib.Path(__file__).resolve().parents[2] / "fuzz" / "corpus" / "model"
ov = pytest.importorskip("openvino", reason="OpenVINO's Python package reads what was written")

MAKE = """
import keras, numpy as np
keras.utils.set_random_seed(0)
x, y = keras.Input((4,), name="x"), keras.Input((None, 3), name='"y"', dtype="int32")
keras.Model(x, keras.layers.Dense(3, name="d")(x)).save("small.keras")
keras.Model([x, y], [keras.layers.Add(name="sum")([x, x]), keras.ops.cast(y, "float32")]).save("two.keras")
z = keras.Input((2,), dtype="float64", name="z")
keras.Model(z, keras.layers.Dense(1, dtype="float64", name="d")(z)).save("double.keras")
keras.Model(x, keras.ops.mean(x, axis=0)).save("mean.keras")
n = keras.Input((), name="n")
keras.Model(n, keras.layers.Rescaling(2.0, name="twice")(n)).save("number.keras")
keras.Model(x, keras.ops.sum(x)).save("total.keras")
keras.Model(x, keras.ops.nonzero(x)[1]).save("nonzero.keras")
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    done = subprocess.run([sys.executable, "-c", MAKE], cwd=folder, env={**os.environ, "KERAS_BACKEND": "kvino"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def convert(model, to, *options):
    """The new version's folder."""
    code, out, err = kvino("convert", model, "-o", to, *options)
    assert code == 0, err
    return pathlib.Path(out.strip())


def refused(model, to, *options):
    code, out, err = kvino("convert", model, "-o", to, *options)
    assert (code, out) == (1, "")
    return err


def read(folder):
    return ov.Core().read_model(folder / "model.xml")


def computed(model, *inputs):
    return [*ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(list(inputs)).to_tuple()]


# ---- OpenVINO Model Server ----


def ovms_config(folder):
    """Its list of models, which has the form that the server's schema asks for."""
    config = json.loads((folder / "config.json").read_text())
    assert config.keys() == {"model_config_list"}
    for entry in config["model_config_list"]:
        assert entry.keys() == {"config"} and {"name", "base_path"} <= entry["config"].keys() <= {"name", "base_path", "plugin_config"}
        # Relative to config.json, which may so be moved with the models.
        versions = [path for path in (folder / entry["config"]["base_path"]).iterdir() if path.is_dir()]
        assert versions and all(path.name.isdigit() and read(path).inputs for path in versions)
    return {entry["config"]["name"]: entry["config"] for entry in config["model_config_list"]}


def test_ovms(models, tmp_path):
    to = tmp_path / "new" / "models"
    assert convert(models / "small.keras", to, "--ovms") == to / "small" / "1"
    assert convert(models / "small.keras", to, "--ovms", "-b", 8) == to / "small" / "2"
    assert convert(models / "two.keras", to, "--ovms", "--name", 'a "name"') == to / 'a "name"' / "1"
    config = ovms_config(to)
    assert config.keys() == {"small", 'a "name"'}
    assert config["small"]["plugin_config"] == {"INFERENCE_PRECISION_HINT": "f32"}
    assert str(read(to / "small" / "1").input("x").partial_shape) == "[?,4]" and read(to / "small" / "2").input("x").shape == [8, 4]
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    assert kvino("run", models / "small.keras", tmp_path / "x.npy", "-d", "native", "-o", tmp_path / "y.npy")[0] == 0
    for version in ("1", "2"):
        np.testing.assert_allclose(computed(read(to / "small" / version), x)[0], np.load(tmp_path / "y.npy"), rtol=1e-5, atol=1e-6)


def test_a_configuration_of_somebody_else_stays(models, tmp_path):
    own = '{"model_config_list": [{"config": {"name": "other", "base_path": "/other"}}]}'
    (tmp_path / "config.json").write_text(own)
    assert '"base_path": "small"' in refused(models / "small.keras", tmp_path, "--ovms")
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"] and (tmp_path / "config.json").read_text() == own
    edited = own.replace("other", "small").replace("}}]}", ', "nireq": 4}}]}')
    (tmp_path / "config.json").write_text(edited)
    convert(models / "small.keras", tmp_path, "--ovms")
    assert (tmp_path / "config.json").read_text() == edited


# ---- Triton ----

TYPES = {"f32": "TYPE_FP32", "f16": "TYPE_FP16", "i32": "TYPE_INT32", "i64": "TYPE_INT64", "u8": "TYPE_UINT8", "boolean": "TYPE_BOOL"}


def triton_config(folder):
    """Read by Triton's own message. (The package itself would import what is not needed here.)"""
    found = importlib.util.find_spec("tritonclient")
    if not found:
        pytest.skip("not installed: requirements/triton.txt")
    spec = importlib.util.spec_from_file_location("model_config_pb2", pathlib.Path(found.origin).parent / "grpc" / "model_config_pb2.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("model_config_pb2", module)
    spec.loader.exec_module(module)
    from google.protobuf import text_format

    return module, text_format.Parse((folder / "config.pbtxt").read_text(), module.ModelConfig())


def fits(dimension, length):
    """As Triton's OpenVINO backend compares a length of the model's with one of the configuration's."""
    if dimension.is_static:
        return dimension.get_length() == length
    return dimension.get_max_length() == -1 or dimension.get_min_length() < length < dimension.get_max_length()


def check_triton(version):
    """What the server and its backend check when they load a model."""
    messages, config = triton_config(version.parent)
    model = read(version)
    batch = config.max_batch_size
    assert config.name == version.parent.name and config.backend == "openvino"
    if batch:
        for port in model.inputs:
            port.node.layout = ov.Layout("N...")
        ov.set_batch(model, batch)
    for given, ports in ((config.input, model.inputs), (config.output, model.outputs)):
        assert [port.name for port in given] == [port.any_name for port in ports]
        for entry, port in zip(given, ports):
            assert messages.DataType.Name(entry.data_type) == TYPES[port.element_type.to_string()]
            assert entry.dims and all(n > 0 or n == -1 for n in entry.dims)
            dims = [*entry.reshape.shape] if entry.HasField("reshape") else [*entry.dims]
            full = [batch, *dims] if batch else dims
            assert len(full) == port.partial_shape.rank.get_length() and all(map(fits, port.partial_shape, full)), entry.name
    return config


@pytest.mark.parametrize("name, options", [
    ("small", []), ("small", ["-b", "8"]), ("small", ["--shape", "[5,4]"]), ("two", []), ("two", ["-b", "2"]),
    ("two", ["--shape", 'x[?,4],"y"[1,7,3]']), ("mean", []), ("number", []), ("number", ["-b", "4"]), ("total", []), ("nonzero", []),
])
def test_triton(models, tmp_path, name, options):
    config = check_triton(convert(models / f"{name}.keras", tmp_path, "--triton", *options))
    assert config.max_batch_size == (int(options[1]) if "-b" in options else 0)
    assert config.HasField("dynamic_batching") == ("-b" in options)


def test_versions_for_triton(models, tmp_path):
    first = convert(models / "small.keras", tmp_path, "--triton", "--compress_to_fp16")
    with open(tmp_path / "small" / "config.pbtxt", "a") as file:
        file.write("instance_group [ { count: 2 kind: KIND_CPU } ]\n")
    second = convert(models / "small.keras", tmp_path, "--triton", "--ovms")
    assert (first.name, second.name) == ("1", "2") and check_triton(second).instance_group[0].count == 2
    assert "small" in ovms_config(tmp_path)
    assert "does not begin as this model's would" in refused(models / "two.keras", tmp_path, "--triton", "--name", "small")
    assert not (tmp_path / "small" / "3").exists()


@pytest.mark.parametrize("name, options, words", [
    ("double", [], "input 'z' is float64, which Triton's OpenVINO backend does not have"),
    ("mean", ["-b", "4"], "its first axis is not that of a batch"),  # of length 4, but of another axis
    ("total", ["-b", "4"], "its first axis is not that of a batch"),
    ("nonzero", ["--shape", "[2,4]"], "has a length that depends on values"),
    ("small", ["--shape", "[2,5]"], "input 'x': axis 1 has length 4, not 5"),
    ("small", ["--shape", "y[2,4]"], "input 'x'"),
    ("small", ["--name", "a/b"], "cannot be the name"),
])
def test_refused(models, tmp_path, name, options, words):
    assert words in refused(models / f"{name}.keras", tmp_path, "--triton", *options)
    assert not list(tmp_path.iterdir())


def test_misuse(tmp_path):
    for options in (["-o", "m.keras", "-b", 2], ["-o", "m.xml", "--name", "n"], ["--ovms"], ["-o", "m", "--triton", "-b", "0"]):
        assert kvino("convert", MODELS / "mlp.keras", *options)[0] == 2


def test_shape_of_plain_ir(models, tmp_path):
    assert kvino("convert", models / "small.keras", "-o", tmp_path / "m.xml", "--shape", "[2,?]")[0] == 0
    assert ov.Core().read_model(tmp_path / "m.xml").input("x").shape == [2, 4]
