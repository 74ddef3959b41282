"""Model files that the library writes: Keras loads them and predicts the same, by the JAX backend; weights by name, in and out."""

import json
import os
import pathlib
import zipfile

import h5py
import numpy as np
import pytest

import capi
from keras_process import Keras

CASES = [("core", "nested"), ("core", "mlp"), ("attention", "self"), ("recurrent", "lstm"), ("recurrent", "both_masked"), ("normalization", "spectral"),
         ("normalization", "batch")]
DATA = np.array([[1, 2], [-0.5, 3], [2, -1]], "float32")
MLP = pathlib.Path(__file__).resolve().parents[2] / "fuzz" / "corpus" / "model" / "mlp.keras"


@pytest.fixture(scope="module")
def keras():
    process = Keras("jax")
    yield process
    process.close()


@pytest.mark.parametrize("family, name", CASES)
def test_keras_loads_what_is_saved(keras, tmp_path, family, name):
    keras("write_case", folder=tmp_path, family=family, case=name)
    for source in (tmp_path / f"{name}.keras", tmp_path / f"{name}.h5"):
        for end in (".keras", ".h5"):
            path = tmp_path / f"of_{source.suffix[1:]}{end}"
            capi.Model(source, "native").save(path)
            if source.suffix == ".keras" or "masked" not in name:  # an .h5 file with operators, which Keras cannot read itself
                assert keras("predict", path=path, data=tmp_path / f"{name}.npz") < 1e-4, (source.suffix, end)


def test_weights_alone(keras, tmp_path):
    keras("write_case", folder=tmp_path, family="core", case="nested")
    data, config = tmp_path / "nested.npz", tmp_path / "nested.json"
    for source, weights in (("nested.keras", None), ("nested.h5", None), ("nested.json", tmp_path / "nested.weights.json")):
        model = capi.Model(tmp_path / source, "native", weights)
        model.save(tmp_path / "new.weights.h5")
        assert keras("predict", path=tmp_path / "new.weights.h5", data=data, config=config) < 1e-4
        model.save(tmp_path / "new.keras")
        assert keras("predict", path=tmp_path / "new.keras", data=data) < 1e-4


def test_weights_by_name(keras, tmp_path):
    for device in ("CPU", "native"):
        model = capi.Model(MLP, device)
        before = model(DATA)
        kernel, layer = model.get_weight("dense", "kernel"), "layers/dense"
        model.set_weight(layer, "kernel", kernel.astype("float64") * 2)  # cast to what it is
        assert model.get_weight(layer, "kernel").dtype == np.float32
        after = model(DATA)
        assert not np.allclose(after, before)
        model.save(tmp_path / "moved.keras")
        np.testing.assert_array_equal(capi.Model(tmp_path / "moved.keras", device)(DATA), after)
        np.savez(tmp_path / "data.npz", x0=DATA, y0=after)
        assert keras("predict", path=tmp_path / "moved.keras", data=tmp_path / "data.npz") < 1e-5
        model.set_weight("dense", "kernel", kernel)
        np.testing.assert_array_equal(model(DATA), before)


def test_what_is_refused(tmp_path):
    model = capi.Model(MLP, "native")
    for call, text in ((lambda: model.get_weight("nowhere", "kernel"), "No such layer: nowhere"),
                       (lambda: model.get_weight("dense", "gamma"), "has no weight 'gamma'; it has: kernel, bias"),
                       (lambda: model.set_weight("dense", "kernel", np.ones((3, 3), "float32")), r"has the shape \(.*\); the value has \(3, 3\)"),
                       (lambda: model.set_trainable("nowhere", True), "No such layer"),
                       (lambda: model.save(tmp_path / "model.onnx"), "ends in .keras, .h5, .weights.h5 or .kvino"),
                       (lambda: model.save(tmp_path / "no" / "where.keras"), "where.keras"),
                       (lambda: capi.Model(MLP, "native", outputs=["dense"]).save(tmp_path / "x.keras"), "outputs of other layers")):
        with pytest.raises(capi.KvinoError, match=text):
            call()
    assert not list(tmp_path.iterdir())


def test_what_stands_in_the_file_besides_is_kept(tmp_path):
    """The configuration word by word but for what was set, metadata, and what of the weights is no layer's."""
    with zipfile.ZipFile(MLP) as source, zipfile.ZipFile(tmp_path / "more.keras", "w") as archive:
        for member in source.namelist():
            content = source.read(member)
            if member.endswith(".h5"):
                (tmp_path / "w.h5").write_bytes(content)
                with h5py.File(tmp_path / "w.h5", "r+") as file:
                    file["layers/dropout/seed_generator/vars/0"] = np.array([7, 9], "uint32")
                    file["optimizer/vars/0"] = np.int64(12)
                    file["odd/vars/0"] = np.array([True, False])
                    file["odd/vars/1"] = np.array([1.5], "float16")
                content = (tmp_path / "w.h5").read_bytes()
            archive.writestr(member, content)
        archive.writestr("assets/layers/text/vocabulary.txt", "one\ntwo\n")
    model = capi.Model(tmp_path / "more.keras", "native")
    model.set_trainable("dense", False)
    model.save(tmp_path / "again.keras")
    model.save(tmp_path / "once_more.keras")
    assert (tmp_path / "again.keras").read_bytes() == (tmp_path / "once_more.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "more.keras") as a, zipfile.ZipFile(tmp_path / "again.keras") as b:
        assert sorted(a.namelist()) == sorted(b.namelist())
        assert json.loads(a.read("metadata.json")) == json.loads(b.read("metadata.json"))
        before, after = json.loads(a.read("config.json")), json.loads(b.read("config.json"))
        layer = next(x for x in before["config"]["layers"] if x["config"]["name"] == "dense")
        layer["config"]["trainable"] = False
        assert before["config"] == after["config"]
        assert b.read("assets/layers/text/vocabulary.txt") == b"one\ntwo\n"
        (tmp_path / "w2.h5").write_bytes(b.read("model.weights.h5"))
    with h5py.File(tmp_path / "w.h5") as a, h5py.File(tmp_path / "w2.h5") as b:
        names = []
        a.visititems(lambda name, x: names.append(name) if isinstance(x, h5py.Dataset) else None)
        assert len(names) >= 6
        for name in names:
            assert a[name].dtype == b[name].dtype and np.array_equal(a[name][()], b[name][()]), name


def test_hard_sigmoid_of_keras_2_is_not_taken_for_that_of_keras_3(tmp_path):
    capi.Model(MLP, "native").save(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][-1]["config"]["activation"] = "hard_sigmoid"
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.11.0"
    model = capi.Model(tmp_path / "old.h5", "native")
    with pytest.raises(capi.KvinoError, match="hard_sigmoid of Keras 2"):
        model.save(tmp_path / "x.keras")
    model.save(tmp_path / "x.h5")
    np.testing.assert_array_equal(capi.Model(tmp_path / "x.h5", "native")(DATA), model(DATA))


def test_a_file_is_replaced_in_full_or_not_at_all(tmp_path):
    model = capi.Model(MLP, "native")
    path = tmp_path / "model.keras"
    path.write_bytes(b"before")
    os.chmod(tmp_path, 0o500)
    try:
        if os.geteuid():  # root may write everywhere
            with pytest.raises(capi.KvinoError):
                model.save(path)
            assert path.read_bytes() == b"before"
    finally:
        os.chmod(tmp_path, 0o700)
    model.save(path)
    assert capi.Model(path, "native")(DATA).shape == (3, model.outputs[0][2][1])
    assert [p.name for p in tmp_path.iterdir()] == ["model.keras"]
