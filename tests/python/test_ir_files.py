"""OpenVINO's IR by kvino_model_load: as kvino and as OpenVINO itself write it."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import openvino
import openvino.opset15 as ov
import pytest

import capi
import kvino
from capi import KvinoError

COMMAND = os.environ.get("KVINO_COMMAND") or str(pathlib.Path(sys.executable).parent / "kvino")
X = np.arange(6, dtype="float32").reshape(2, 3)


@pytest.fixture(scope="module")
def ir(tmp_path_factory):
    """OpenVINO's own: two inputs, two outputs of which one has no name, weights, an open length."""
    path = tmp_path_factory.mktemp("ir") / "model.xml"
    a, b = ov.parameter([-1, 3], np.float32, "a"), ov.parameter([3], np.int64, "b")
    a.output(0).set_names({"a"}), b.output(0).set_names({"b"})
    product = ov.matmul(a, ov.constant(np.arange(6, dtype="float32").reshape(3, 2)), False, False)
    product.output(0).set_names({"product"})
    openvino.save_model(openvino.Model([product, ov.add(b, ov.constant(np.int64(1)))], [a, b], "test"), path, compress_to_fp16=False)
    return path


def test_by_names(ir):
    model = capi.Model(ir)
    assert model.inputs == [("a", "float32", (None, 3)), ("b", "int64", (3,))]
    assert [port[1:] for port in model.outputs] == [("float32", (None, 2)), ("int64", (3,))] and model.outputs[0][0] == "product"
    assert 'OpenVINO IR' in model.summary() and "Input 'a': float32 (None, 3)" in model.summary()
    for x in (X, X[:1], X[::-1], X.astype("float64")):  # strides, another dtype
        product, more = model(x, np.array([1, 2, 3]))
        np.testing.assert_allclose(product, x.astype("float32") @ np.arange(6, dtype="float32").reshape(3, 2))
        np.testing.assert_array_equal(more, [2, 3, 4])


def test_from_memory_and_another_file_of_weights(ir, tmp_path):
    (tmp_path / "other.bin").write_bytes(ir.with_suffix(".bin").read_bytes())
    model = capi.Model(ir.read_bytes(), "CPU", tmp_path / "other.bin")
    assert model(X, np.array([1, 2, 3]))[0].shape == (2, 2)


def test_what_kvino_writes_it_reads(tmp_path):
    kvino.save(lambda x, keep: {"y": kvino.ops.where(keep, x * 2, -1.0)}, tmp_path / "graph.kvino", X, np.ones(3, "bool"))
    model = capi.Model(tmp_path / "graph.kvino")
    subprocess.run([COMMAND, "convert", tmp_path / "graph.kvino", "-o", tmp_path / "model.xml"], check=True)
    keep = np.frombuffer(b"\x00\x01\x07", "bool")  # a bool of other bytes
    again = capi.Model(tmp_path / "model.xml")
    assert again.inputs == model.inputs and again.outputs == model.outputs
    np.testing.assert_array_equal(again(X, keep), np.where([False, True, True], X * 2, -1))


def test_the_command(ir, tmp_path):
    np.savez(tmp_path / "in.npz", b=np.array([1, 2, 3]), a=X)
    run = lambda *words: subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True)
    assert run("run", ir, tmp_path / "in.npz", "-o", tmp_path / "out.npz").returncode == 0
    assert np.load(tmp_path / "out.npz")["product"].shape == (2, 2)
    assert "OpenVINO IR" in run("show", ir).stdout
    assert "Throughput" in run("bench", ir, "-niter", "3").stdout
    assert run("verify", ir, tmp_path / "in.npz", tmp_path / "out.npz").returncode == 0
    refused = run("convert", ir, "-o", tmp_path / "model.keras")
    assert refused.returncode == 1 and "an IR of OpenVINO's has no layers to save" in refused.stderr


def test_errors(ir, tmp_path):
    with pytest.raises(KvinoError, match="an IR runs on OpenVINO's devices, not natively"):
        capi.Model(ir, "native")
    with pytest.raises(KvinoError, match="model.xml: OpenVINO cannot read the model"):
        (tmp_path / "model.xml").write_text("<net name='x' version='11'><layers>")
        capi.Model(tmp_path / "model.xml")
    with pytest.raises(KvinoError, match="alone.xml: "):
        (tmp_path / "alone.xml").write_bytes(ir.read_bytes())  # without its weights
        capi.Model(tmp_path / "alone.xml")
    with pytest.raises(KvinoError, match="cut.xml: "):
        (tmp_path / "cut.xml").write_bytes(ir.read_bytes())
        (tmp_path / "cut.bin").write_bytes(ir.with_suffix(".bin").read_bytes()[:8])
        capi.Model(tmp_path / "cut.xml")
    with pytest.raises(KvinoError, match="input 'a' must have the shape"):
        capi.Model(ir)(X[0], np.array([1, 2, 3]))
    without = subprocess.run([COMMAND, "show", ir], capture_output=True, text=True, env={**os.environ, "KVINO_OPENVINO": "/nowhere"})
    assert without.returncode == 1 and "OpenVINO" in without.stderr
