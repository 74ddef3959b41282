"""The examples of README.md run as they stand, and print what stands there."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

import capi
import kvino
import numpy as np
from test_cli import COMMAND

ROOT = pathlib.Path(__file__).resolve().parents[2]


def sections():
    """{heading: [(language, text of the block)]}"""
    parts = re.split(r"^## (.*)$", (ROOT / "README.md").read_text(), flags=re.M)
    return {
        heading: re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S) for heading, text in zip(parts[1::2], parts[2::2])
    }


BLOCKS = sections()
MODEL, SHAPE = "mlp.keras", (1, 2)  # what "model.keras" and "image.npy" are
PRECISION = "Precision, devices, quantization, generation"


def run(command, folder, **environment):
    environment = {**os.environ, "PATH": f"{pathlib.Path(COMMAND).parent}:{os.environ['PATH']}", **environment}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_block_is_known():
    """A block that is new here needs a test below. Those of "Start" are what runs the tests."""
    kinds = {heading: [language for language, _ in blocks] for heading, blocks in BLOCKS.items() if blocks}
    assert kinds == {"Start": [""], "Keras": ["python"] * 3, PRECISION: ["python"], "C": ["c", ""], "Shell": [""]}


def test_python(tmp_path):
    """One after the other: the second trains the model of the first."""
    text = "\n".join(text for _, text in BLOCKS["Keras"])
    (tmp_path / "example.py").write_text(text)
    printed = run([sys.executable, "example.py"], tmp_path, KERAS_BACKEND="kvino")
    assert "Epoch 3/3" in printed
    assert printed.endswith("(kvino.Tensor([0, 1], dtype=int64), kvino.Tensor([1, 0], dtype=int64))\n"), printed


@pytest.mark.skipif(not any("BF16" in device.capabilities for device in kvino.devices() if device.name == "CPU"),
                    reason="asks for bf16, which this processor lacks")
def test_precision(tmp_path):
    """With the model of the first example."""
    (tmp_path / "example.py").write_text(BLOCKS["Keras"][0][1] + BLOCKS[PRECISION][0][1])
    printed = run([sys.executable, "example.py"], tmp_path, KERAS_BACKEND="kvino")
    assert "dense" in printed and (tmp_path / "model.bin").exists() and (tmp_path / "model.kvino").exists()


def test_c(tmp_path):
    (_, example), (_, command) = BLOCKS["C"]
    (tmp_path / "example.c").write_text(example)
    library = pathlib.Path(capi.lib._name).resolve()
    places = {"pc_to_libdir": library.parent, "pc_to_includedir": ROOT / "include"}
    values = {name: os.path.relpath(path, tmp_path) for name, path in places.items()}
    pc = re.sub(r"@(\w+)@", lambda m: values.get(m[1], "" if m[1].startswith("pc_") else "-"), (ROOT / "cmake" / "kvino.pc.in").read_text())
    (tmp_path / "kvino.pc").write_text(pc)
    run(["sh", "-ec", command], tmp_path, PKG_CONFIG_PATH=str(tmp_path))
    assert run(["./example"], tmp_path, LD_LIBRARY_PATH=str(library.parent)) == "(0, 1)\n(1, 0)\n(1, 2)\n"


REVIEWS = """
import keras
layers = [keras.Input((1,), dtype="string"), keras.layers.StringLookup(vocabulary=["some", "text"], output_mode="multi_hot"),
          keras.layers.Dense(2)]
keras.Sequential(layers).save("reviews.keras")
"""
SHELL = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", BLOCKS["Shell"][0][1], re.M)


@pytest.mark.parametrize("command, printed", SHELL, ids=[command.split("#")[0].strip() for command, _ in SHELL])
def test_shell(command, printed, tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "model.keras").symlink_to(ROOT / "fuzz" / "corpus" / "model" / MODEL)
    if "reviews" in command:
        run([sys.executable, "-c", REVIEWS], tmp_path, KERAS_BACKEND="kvino")
    np.save(tmp_path / "image.npy", np.ones(SHAPE, "float32"))
    np.savez(tmp_path / "inputs.npz", np.ones(SHAPE, "float32"))
    if "verify" in command:
        run([COMMAND, "run", "model.keras", "image.npy", "-o", "expected.npz"], tmp_path)
    got = run(["bash", "-ec", command], tmp_path)
    assert got or any((tmp_path / written).exists() for written in ("indices.npz", "scores.npy", "model.xml", "model.svg"))
    if command == "kvino devices":  # this machine's are others
        got, printed = (re.sub(r" +", " ", text.splitlines()[0]) for text in (got, printed))
    if printed:
        assert got == printed
