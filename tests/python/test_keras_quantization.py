"""Keras's quantized layers: weights stay packed, and what they give is JAX's."""

import os
import pathlib
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "kvino":
    pytest.skip("these tests run in a process of their own with KERAS_BACKEND=kvino", allow_module_level=True)

import keras  # noqa: E402
import keras_quantized  # noqa: E402
from keras import layers, quantizers  # noqa: E402
from keras_quantized import build, compared, inputs, names, quantize, saves  # noqa: E402
from kvino.keras_backend import steps  # noqa: E402

pytestmark = pytest.mark.filterwarnings("error:kvino")


@pytest.fixture(scope="module")
def by_jax(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jax")
    subprocess.run([sys.executable, keras_quantized.__file__, str(folder)], check=True, env=dict(os.environ, KERAS_BACKEND="jax"))
    return folder


def close(got, expected, name):
    """Sums of floats; where activations are quantized, a rounding that ties may fall to the other side in one of them."""
    size = np.abs(expected).max()
    differs = np.abs(np.asarray(got) - expected) > 2e-5 * size
    quantized = name.startswith(("int8-", "int4_activations", "float8"))
    assert np.asarray(got).shape == expected.shape
    assert differs.mean() <= (0.02 if quantized else 0), (differs.mean(), np.abs(np.asarray(got) - expected).max() / size)
    assert np.abs(np.asarray(got) - expected).max() <= (0.02 if quantized else 2e-5) * size


@pytest.mark.parametrize("name", [name for name in compared() if saves(name)])
def test_a_file_of_jax(name, by_jax):
    model = keras.models.load_model(by_jax / f"{name}.keras", compile=False)
    expected = np.load(by_jax / f"{name}.npz")
    for rows in (1, 64):
        x = inputs(name.split("-")[1], rows)
        close(model(x), expected[f"rows{rows}"], name)
        close(model.predict_on_batch(x), expected[f"rows{rows}"], name)


@pytest.mark.parametrize("name", list(compared()))
def test_quantize_gives_the_weights_of_jax(name, by_jax, tmp_path):
    model, layer = build(name)
    x = inputs(name.split("-")[1], 3)
    model.predict_on_batch(x)  # what was compiled before is not taken afterwards
    quantize(name, model, layer)
    expected = np.load(by_jax / f"{name}.npz")
    for i, v in enumerate(model.weights):
        value = expected[f"weight{i}"]
        assert v.shape == value.shape and np.asarray(v.value).dtype == value.dtype
        if value.dtype.kind in "iu":  # one in ten thousand may have been between two
            assert (np.asarray(v.value) != value).mean() <= 1e-4, v.path
        else:
            np.testing.assert_allclose(np.asarray(v.value), value, rtol=1e-4, atol=1e-6, err_msg=v.path)
    for rows in (1, 64):
        x = inputs(name.split("-")[1], rows)
        close(model.predict_on_batch(x), expected[f"rows{rows}"], name)


@pytest.mark.parametrize("name", list(names()))
def test_predict_gives_what_the_formula_gives(name, tmp_path):
    """And a file loads as what was saved."""
    model, layer = build(name)
    quantize(name, model, layer)
    for rows in (64, 1):
        x = inputs(name.split("-")[1], rows)
        before = model.predict_on_batch(x)
        close(before, np.asarray(model(x)), name)
    if not saves(name):
        return
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(again.predict_on_batch(x), before)


# ---- how it is computed ----


@pytest.fixture
def compiled(monkeypatch):
    """The descriptions of what is compiled meanwhile."""
    texts = []
    original = steps.Executable.__init__

    def init(self, *arguments):
        original(self, *arguments)
        texts.append(self.executable.describe())

    monkeypatch.setattr(steps.Executable, "__init__", init)
    return texts


def dense(mode, config=None, shape=(1024, 768), activation=None):
    model = keras.Sequential([keras.Input(shape[:1]), layers.Dense(shape[1], activation)])
    model.layers[0].kernel.assign(np.random.default_rng(1).normal(size=shape) / 16)
    model.quantize(mode, config=config)
    return model, np.random.default_rng(2).normal(size=(2, shape[0])).astype("float32")


def test_int8_multiplies_bytes(compiled):
    model, x = dense("int8")
    y = model.predict_on_batch(x)
    assert "native, 1 node: MatMulInteger" in compiled[0]
    scale = np.float32(127) / (np.abs(x).max(1, keepdims=True) + np.float32(1e-7))
    q = np.clip(np.round(x * scale), -127, 127).astype("int32")
    kernel, kernel_scale = (np.asarray(v.value) for v in (model.layers[0]._kernel, model.layers[0].kernel_scale))
    expected = (q @ kernel.astype("int32")).astype("float32") / (kernel_scale * scale)
    np.testing.assert_allclose(y, expected, rtol=3e-6, atol=1e-6)


def test_int8_kernels_are_no_worry():
    """They are there to be fast: no warning of operations on kvino's own kernels."""
    model, x = dense("int8", shape=(2048, 2048))
    x = np.repeat(x, 64, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(8):
            model.predict_on_batch(x)


def test_little_int8_is_one_segment(compiled):
    model, x = dense("int8", shape=(128, 64))
    model.predict_on_batch(x)
    assert "native" not in compiled[0] and compiled[0].count("segment") == 1


@pytest.mark.parametrize("config,packed", [
    (quantizers.Int4QuantizationConfig(block_size=128), True), (quantizers.Int4QuantizationConfig(block_size=32), True),
    (quantizers.Int4QuantizationConfig(block_size=-1), True), (quantizers.Int8QuantizationConfig(activation_quantizer=None), False),
])
def test_weights_stay_packed(config, packed, compiled):
    """One segment, in which the weights are bytes or halves of bytes until they are multiplied."""
    model, x = dense(config.mode, config)
    model.predict_on_batch(x)
    grouped = getattr(config, "block_size", None) not in (None, -1)
    assert ("UnpackInt4" in compiled[0]) == packed and "Convert," in compiled[0] and ("Reshape" in compiled[0]) == grouped
    assert "Divide" not in compiled[0]  # OpenVINO would move it into the weights
    assert "Gather" not in compiled[0] and compiled[0].count("segment") == 1


@pytest.mark.parametrize("rows", [1, 64])
@pytest.mark.parametrize("shape", [(512, 512), (384, 1000), (2048, 66), (640, 301), (300, 1001)])
@pytest.mark.parametrize("block", [-1, 32, 128])
def test_int4_of_every_shape(shape, block, rows):
    """OpenVINO computes some forms of 4-bit weights wrongly: these are the ones that it is given."""
    model, x = dense("int4", quantizers.Int4QuantizationConfig(block_size=block), shape)
    x = np.random.default_rng(rows).normal(size=(rows, shape[0])).astype("float32")
    layer = model.layers[0]
    q = np.asarray(quantizers.unpack_int4(layer._kernel.value, shape[1], axis=-1)).astype("float64")
    scale = np.asarray(layer.kernel_scale.value, "float64")
    if block > 0:
        group = np.arange(shape[0]) // block
        weights = (q - np.asarray(layer.kernel_zero.value)[group]) * scale[group]
    else:
        weights = q / scale
    expected = x.astype("float64") @ weights
    np.testing.assert_allclose(model.predict_on_batch(x), expected, atol=3e-6 * np.abs(expected).max())


def test_weights_that_are_assigned():
    """After an assignment the new weights count."""
    model, x = dense("int4")
    before = model.predict_on_batch(x)
    model.layers[0].kernel_scale.assign(model.layers[0].kernel_scale * 2)
    np.testing.assert_allclose(model.predict_on_batch(x), 2 * before, rtol=1e-4, atol=1e-5)


def test_derivatives_pass_quantized_layers():
    """Of the inputs, as if the weights were floats; the weights do not move."""
    entry = keras.Input((512,))
    first, second = layers.Dense(512), layers.Dense(300)
    model = keras.Model(entry, second(first(entry)))
    second.quantize("int8")
    kernel = np.asarray(second._kernel.value)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x = np.random.default_rng(0).normal(size=(32, 512)).astype("float32")
    losses = model.fit(x, np.zeros((32, 300), "float32"), epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(second._kernel.value, kernel)


# ---- refusals ----


def test_layers_without_quantization():
    layer = layers.LayerNormalization()
    layer.build((None, 4))
    with pytest.raises(NotImplementedError, match="does not have a `quantize` method implemented"):
        layer.quantize("int8")
    with pytest.raises(ValueError, match="[Ii]nvalid quantization mode"):
        keras.Sequential([keras.Input((4,)), layers.Dense(3)]).quantize("int3")


def test_the_page_runs():
    """docs/quantization.md as it stands, one example after the other."""
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "quantization.md").read_text()
    names = {"__name__": "page"}
    for code in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(compile(code, "docs/quantization.md", "exec"), names)
