"""Files that Keras 2 (tf_keras) writes, with functions of TensorFlow between layers: run in C, compared with Keras 2."""

import json
import os
import pathlib
import subprocess
import sys

import h5py
import numpy as np
import pytest

import capi
import tf_keras_models


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tf_keras")
    run = subprocess.run([sys.executable, tf_keras_models.__file__, folder], capture_output=True, text=True, env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3"))
    assert not run.returncode, run.stderr[-2000:]
    return folder


def compare(path, device, data):
    model = capi.Model(path, device)
    outputs = model(*(data[f"x{i}"] for i in range(len(model.inputs))))
    outputs = outputs if isinstance(outputs, list) else [outputs]
    assert len(outputs) == sum(name.startswith("y") for name in data.files)
    for i, got in enumerate(outputs):
        wanted = data[f"y{i}"]
        assert got.dtype == wanted.dtype and got.shape == wanted.shape, i
        if got.dtype.kind == "f":
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5 * max(1, np.abs(wanted).max(initial=0)), err_msg=str(i))
        else:
            np.testing.assert_array_equal(got, wanted, err_msg=str(i))


@pytest.mark.parametrize("name", tf_keras_models.CASES)
def test_files_of_keras_2(saved, name):
    data = np.load(saved / f"{name}.npz")
    compare(saved / f"{name}.h5", "native", data)
    compare(saved / f"{name}.h5", "CPU", data)
    if (saved / f"{name}.keras").exists():
        compare(saved / f"{name}.keras", "native", data)


def change(saved, tmp_path, edit):
    """The file of arithmetic with its functions changed."""
    path = tmp_path / "changed.h5"
    path.write_bytes(pathlib.Path(saved / "arithmetic.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        edit([layer for layer in config["config"]["layers"] if layer["class_name"] == "TFOpLambda"])
        file.attrs["model_config"] = json.dumps(config)
    return path


def test_functions_that_are_not_read_are_named_together(saved, tmp_path):
    def edit(layers):
        layers[0]["config"]["function"], layers[1]["config"]["function"] = "image.draw_bounding_boxes", "nn.dropout"

    with pytest.raises(capi.KvinoError, match=r"TFOpLambda of tf\.image\.draw_bounding_boxes.*TFOpLambda of tf\.nn\.dropout"):
        capi.Model(change(saved, tmp_path, edit))


def test_arguments_that_are_not_read_are_refused(saved, tmp_path):
    def edit(layers):
        layers[0]["inbound_nodes"][0][-1]["fancy"] = 3

    with pytest.raises(capi.KvinoError, match=r"'fancy' of tf\.\w+ is not read"):
        capi.Model(change(saved, tmp_path, edit))


def nodes(saved, tmp_path, edit):
    """The file of nodes_images with the nodes of its layers changed."""
    path = tmp_path / "changed.h5"
    path.write_bytes(pathlib.Path(saved / "nodes_images.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        edit([layer["config"] for layer in config["config"]["layers"] if layer["class_name"] == "TensorFlowOpLayer"])
        file.attrs["model_config"] = json.dumps(config)
    return path


def test_operations_that_are_not_read_are_named_together(saved, tmp_path):
    def edit(configs):
        configs[0]["node_def"]["op"], configs[1]["node_def"] = "Conv3D", "a binary one, of the first versions"

    with pytest.raises(capi.KvinoError, match=r"TensorFlowOpLayer of tf\.Conv3D.*AvgPool_\d+' \(TensorFlowOpLayer\)"):
        capi.Model(nodes(saved, tmp_path, edit))


@pytest.mark.parametrize("edit, words", [
    (lambda c: c[2]["node_def"]["attr"]["half_pixel_centers"].update(b=False), "'half_pixel_centers' of ResizeBilinear other than true"),
    (lambda c: c[2]["node_def"]["attr"]["align_corners"].update(b=True), "'align_corners' of ResizeBilinear is not read"),
    (lambda c: c[2]["constants"].clear(), "ResizeBilinear with 1 inputs"),
    (lambda c: c[2].update(constants={"7": 1}), "are not those of a node"),
    (lambda c: c[2].update(constants={"1": {"a": "b"}}), "ResizeBilinear"),
    (lambda c: c[0]["node_def"]["attr"]["ksize"].update(list={"i": ["1"] * 3}), "'ksize' of its node"),
    (lambda c: c[0]["node_def"]["attr"]["padding"].update(s="\u0001"), "'padding' of its node"),
    (lambda c: c[0]["node_def"]["attr"].update(more={"shape": {}}), "'more' of MaxPool is not read"),
])
def test_nodes_that_cannot_be(saved, tmp_path, edit, words):
    with pytest.raises(capi.KvinoError, match=words):
        capi.Model(nodes(saved, tmp_path, edit))
