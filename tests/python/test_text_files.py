"""Texts in files of models: vocabularies that are none, inputs that are not UTF-8, texts in .npy files and on the command line."""

import json
import pathlib
import subprocess
import sys
import os

import numpy as np
import pytest

import capi

COMMAND = os.environ.get("KVINO_COMMAND") or str(pathlib.Path(sys.executable).parent / "kvino")


def model(layer="StringLookup", dtype="string", shape=(None, 1), **fields):
    """A model of one layer, as .to_json writes it, with a file of no weights."""
    layers = [{"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": list(shape), "dtype": dtype, "name": "x"}},
              {"module": "keras.layers", "class_name": layer, "config": {"name": "it", **fields}}]
    return json.dumps({"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": layers}}).encode()


@pytest.fixture(scope="module")
def no_weights(tmp_path_factory):
    import h5py
    path = tmp_path_factory.mktemp("w") / "no.weights.h5"
    with h5py.File(path, "w") as f:
        f.create_group("layers")
    return path


def load(no_weights, *args, **fields):
    return capi.Model(model(*args, **fields), "native", no_weights)


def test_a_vocabulary(no_weights):
    m = load(no_weights, vocabulary=["a", "ä\u2028", "c" * 1000], mask_token="")
    assert m.inputs == [("x", "string", (None, 1))] and m.outputs[0][1:] == ("int64", (None, 1))
    assert m(np.array([["ä\u2028"], ["c" * 1000], ["nein"], [""]])).ravel().tolist() == [3, 4, 1, 0]
    with pytest.raises(capi.KvinoError, match="string number 1 is not UTF-8"):
        m(np.array([b"ok", b"\xc3"])[:, None])
    with pytest.raises(capi.KvinoError, match="input 'x' must have the shape"):
        m(np.array(["a"]))
    with pytest.raises(capi.KvinoError, match="string"):
        m(np.array([[1.0]], "float32"))


@pytest.mark.parametrize("fields, text", [
    ({"vocabulary": []}, "Cannot set an empty vocabulary"), ({"vocabulary": ["a", 1]}, "term number 1 of the vocabulary is not a text"),
    ({"vocabulary": {"a": 1}}, "outside of the archive"), ({"vocabulary": "/etc/passwd"}, "outside of the archive"),
    ({"vocabulary": None}, "holds no vocabulary"), ({"vocabulary": ["a", "b", "a"]}, "repeated term.*'a'"),
    ({"vocabulary": ["a", ""], "mask_token": ""}, "repeated term"), ({"vocabulary": [None]}, "not a text"), ({"vocabulary": [["a"]]}, "not a text"),
    ({"vocabulary": ["a", "b", "c"], "max_tokens": 2}, "larger than the maximum vocab size"), ({"vocabulary": ["a"], "num_oov_indices": -1}, "out of range"),
    ({"vocabulary": ["a"], "sparse": True, "output_mode": "count"}, "sparse"), ({"vocabulary": ["a"], "output_mode": "tf_idf"}, "idf_weights|expected 1"),
    ({"vocabulary": ["a"], "output_mode": "tf_idf", "idf_weights": [1, 2]}, "same length as vocabulary"),
    ({"vocabulary": ["a"], "output_mode": "upside_down"}, "unknown"), ({"vocabulary": ["a"], "mask_token": 3}, "not a mask token"),
])
def test_hostile_lookups(no_weights, fields, text):
    with pytest.raises(capi.KvinoError, match=text):
        load(no_weights, **fields)


@pytest.mark.parametrize("layer, dtype, fields, text", [
    ("IntegerLookup", "int64", {"vocabulary": [1, "a"]}, "not an integer"), ("IntegerLookup", "int64", {"vocabulary": [1.5]}, "not an integer"),
    ("StringLookup", "int64", {"vocabulary": ["a"]}, "looks up strings"), ("TextVectorization", "float32", {"vocabulary": ["a"]}, "takes strings"),
    ("TextVectorization", "string", {"vocabulary": ["a"], "standardize": {"class_name": "function", "config": "f"}}, "Python code"),
    ("TextVectorization", "string", {"vocabulary": ["a"], "split": "commas"}, "Python code"),
    ("TextVectorization", "string", {"vocabulary": ["a"], "ngrams": [0]}, "at least 1"),
    ("TextVectorization", "string", {"vocabulary": ["a"], "ngrams": 10**9}, "n-grams of"),
    ("TextVectorization", "string", {"vocabulary": ["a"], "ragged": True}, "ragged"),
    ("TextVectorization", "string", {"vocabulary": ["a"], "output_sequence_length": -5}, "."),
    ("Hashing", "string", {"num_bins": 0}, "must be positive"), ("Hashing", "string", {"num_bins": 5, "salt": [1, 2, 3]}, "salt has 2 numbers"),
    ("Hashing", "string", {"num_bins": 5, "mask_value": 7}, "mask_value"), ("HashedCrossing", "float32", {"num_bins": 5}, "strings or integers"),
])
def test_hostile_layers(no_weights, layer, dtype, fields, text):
    with pytest.raises(capi.KvinoError, match=text):
        load(no_weights, layer, dtype, **fields)


def test_a_million_terms(no_weights):
    words = [f"w{i}" for i in range(1_000_000)]
    m = load(no_weights, vocabulary=words)
    assert m(np.array([["w999999"], ["w0"], ["v"]])).ravel().tolist() == [1_000_000, 1, 0]


@pytest.mark.parametrize("array", [np.array([["a", "Ä𝄞"], ["", "xyz"]]), np.array(["é"]).astype(">U1"), np.array([b"ab", b"c"]), np.array("x"),
                                   np.zeros((0, 2), "U3"), np.asfortranarray([["a", "b"], ["c", "d"]])], ids=lambda a: str(a.dtype))
def test_npy_files_of_texts(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    t, error = capi.C.c_void_p(), capi.Error()
    capi.check(capi.lib.kvino_npy_read(os.fsencode(tmp_path / "a.npy"), capi.C.byref(t), capi.C.byref(error)), error)
    try:
        got = capi.unwrap(t)
        assert got.shape == array.shape and got.tolist() == np.char.decode(array).tolist() if array.dtype.kind == "S" else got.tolist() == array.tolist()
        capi.check(capi.lib.kvino_npy_write(os.fsencode(tmp_path / "b.npy"), t, capi.C.byref(error)), error)
        assert np.load(tmp_path / "b.npy").tolist() == got.tolist()
    finally:
        capi.lib.kvino_tensor_release(t)


def test_npy_files_that_are_no_texts(tmp_path):
    np.save(tmp_path / "a.npy", np.array([0x110000, 65], "uint32").view("U1"))
    t, error = capi.C.c_void_p(), capi.Error()
    with pytest.raises(capi.KvinoError, match="string number 0 has a character that there is not"):
        capi.check(capi.lib.kvino_npy_read(os.fsencode(tmp_path / "a.npy"), capi.C.byref(t), capi.C.byref(error)), error)


def test_the_command(no_weights, tmp_path):
    (tmp_path / "m.json").write_bytes(model(vocabulary=["the cat", "ä"]))

    def run(*args):
        done = subprocess.run([COMMAND, "run", tmp_path / "m.json", "-w", no_weights, "-d", "native", "-o", tmp_path / "y.npy", *args], capture_output=True, text=True)
        return np.load(tmp_path / "y.npy").ravel().tolist() if not done.returncode else done.stderr

    assert run("-t", "ä", "-t", "the cat", "-t", "no") == [2, 1, 0]
    (tmp_path / "lines.txt").write_bytes("the cat\r\n\nä".encode())
    assert run(tmp_path / "lines.txt") == [1, 0, 2]
    np.save(tmp_path / "x.npy", np.array([["ä"], ["b"]]))
    assert run(tmp_path / "x.npy") == [2, 0]
    (tmp_path / "bad.txt").write_bytes(b"ok\n\xff\n")
    assert "string number 1 is not UTF-8" in run(tmp_path / "bad.txt")
    assert "No such file" in run(tmp_path / "nowhere.txt")
    (tmp_path / "m.json").write_bytes(model("Hashing", "int64", num_bins=3))
    assert "no input of the model takes texts" in run("-t", "a")
