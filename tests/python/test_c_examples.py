"""The programs of examples/c and examples/cpp: compiled as their heads say, and what they print and write."""

import importlib.util
import json
import pathlib
import subprocess
import zipfile

import h5py
import numpy as np
import pytest

import capi

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "fuzz" / "corpus" / "model" / "mlp.keras"
OPENVINO = str(pathlib.Path(importlib.util.find_spec("openvino").origin).parent / "libs")
X = np.array([[1, 2], [-0.5, 3], [2, -1]], "float32")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Builds an example against the library under test, and gives what runs it."""
    folder, library = tmp_path_factory.mktemp("examples"), pathlib.Path(capi.lib._name).resolve()
    np.save(folder / "x.npy", X)

    def build(name, language="c"):
        compiler = ["cc", "-std=c11"] if language == "c" else ["g++", "-std=c++17", "-pedantic"]
        subprocess.run([*compiler, "-Wall", "-Wextra", "-Werror", ROOT / f"examples/{language}/{name}.{language}", f"-I{ROOT / 'include'}", library,
                        f"-Wl,-rpath,{library.parent}", "-lpthread", "-lm", "-o", folder / name], check=True)

        def run(*arguments):  # with nothing of Python's: where OpenVINO's C library is, that is all
            done = subprocess.run([folder / name, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=120,
                                  env={"KVINO_OPENVINO": OPENVINO})
            return done.returncode, done.stdout, done.stderr

        return run

    build.folder = folder
    return build


def test_classify(program):
    scores = capi.Model(MODEL, "native")(X)
    code, out, err = program("classify")(MODEL, "x.npy")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line for line in lines if line.startswith("image")] == ["image 0", "image 1", "image 2"]
    assert lines[1] == f"  class {scores[0].argmax()}: {scores[0].max():.4f}"
    np.save(program.folder / "tied.npy", np.ones((1, 2), "float32"))
    assert program("classify")(MODEL, "tied.npy") == (0, "image 0\n  class 0: 0.0000\n  class 1: 0.0000\n", "")
    code, out, err = program("classify")(MODEL, "nowhere.npy")
    assert code == 1 and "nowhere.npy" in err


def test_digits(program):
    scores = capi.Model(MODEL, "native")(X)
    np.save(program.folder / "labels.npy", scores.argmax(1).astype("int32"))
    np.save(program.folder / "expected.npy", scores)
    code, out, err = program("digits")(MODEL, "x.npy", "labels.npy", "expected.npy", 2, 3)
    lines = dict(line.split() for line in out.splitlines())
    assert (code, err, lines["accuracy"]) == (0, "", "1.0000") and float(lines["difference"]) < 1e-5
    assert set(lines) == {"accuracy", "difference", "load", "all", "one"} and float(lines["all"]) > 0
    code, out, err = program("digits")(MODEL, "x.npy", "x.npy", "expected.npy")
    assert (code, out, err) == (1, "", "images, labels and outputs do not fit together\n")


def test_serve(program):
    assert program("serve")(MODEL, "x.npy", 50) == (0, "400 requests by 8 threads\n", "")


def test_gradients(program):
    code, out, err = program("gradients")(MODEL, "x.npy", "gradient.npy")
    assert (code, err) == (0, "")
    gradient, model, step = np.load(program.folder / "gradient.npy"), capi.Model(MODEL, "native"), 1e-2
    for i in range(2):  # the model is linear in pieces
        move = np.zeros_like(X)
        move[:, i] = step
        slope = (model(X + move).sum(1) - model(X - move).sum(1)) / (2 * step)
        np.testing.assert_allclose(gradient[:, i], slope, atol=1e-3)


def test_fine_tune(program):
    y = np.zeros((3, capi.Model(MODEL, "native").outputs[0][2][1]), "float32")
    np.save(program.folder / "y.npy", y)
    code, out, err = program("fine_tune")(MODEL, "x.npy", "y.npy", "dense", 30, "tuned.keras")
    assert (code, err) == (0, "")
    first, last = [float(line.split(": ")[1]) for line in out.splitlines()]
    before, after = capi.Model(MODEL, "native"), capi.Model(program.folder / "tuned.keras", "native")
    assert last < first == pytest.approx(np.mean(before(X) ** 2), rel=1e-4)
    assert np.mean(after(X) ** 2) < first
    assert not np.array_equal(before.get_weight("dense", "kernel"), after.get_weight("dense", "kernel"))
    code, out, err = program("fine_tune")(MODEL, "x.npy", "y.npy", "nowhere", 1, "x.keras")
    assert code == 1 and "No such layer: nowhere" in err


def write_sum(folder):
    """A stateful model whose output is the sum of all that it was given."""
    layers = [{"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [1, None, 2], "dtype": "float32"}},
              {"class_name": "SimpleRNN", "config": {"name": "rnn", "units": 1, "activation": "linear", "use_bias": False, "stateful": True}}]
    with h5py.File(folder / "model.weights.h5", "w") as file:
        file["layers/simple_rnn/cell/vars/0"], file["layers/simple_rnn/cell/vars/1"] = np.ones((2, 1), "float32"), np.ones((1, 1), "float32")
    with zipfile.ZipFile(folder / "sum.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"name": "sum", "layers": layers}}))
        archive.write(folder / "model.weights.h5", "model.weights.h5")


def test_stream(program):
    write_sum(program.folder)
    sequences = [np.array([[1, 2], [0.5, 0], [-4, 1]], "float32"), np.array([[1, 0], [1, 1]], "float32")]
    for i, x in enumerate(sequences):
        np.save(program.folder / f"{i}.npy", x)
    code, out, err = program("stream")("sum.keras", "0.npy", "1.npy")
    assert (code, err) == (0, "")
    assert out.split() == [f"{y:.4f}" for x in sequences for y in x.sum(1).cumsum()]
    code, out, err = program("stream")("sum.keras", MODEL)
    assert code == 1 and "mlp.keras" in err


def test_classify_in_cpp(program):
    scores = capi.Model(MODEL, "native")(X)
    code, out, err = program("classify", "cpp")(MODEL, "x.npy")
    assert (code, err) == (0, "")
    assert out.splitlines() == [f"image {i}: class {row.argmax()}" for i, row in enumerate(scores)]
    code, out, err = program("classify", "cpp")("nowhere.keras", "x.npy")
    assert code == 1 and err.startswith("nowhere.keras")


def test_submit_in_cpp(program):
    assert program("submit", "cpp")(MODEL, "x.npy", 100) == (0, "100 runs, 0 failed\n", "")
    np.save(program.folder / "wrong.npy", X[:, :1])
    code, out, err = program("submit", "cpp")(MODEL, "wrong.npy", 3)
    assert code == 1 and out == "0 runs, 3 failed\n" and err.count("must have the shape") == 3
