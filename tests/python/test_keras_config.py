"""kvino.config under Keras: predict, evaluate and fit compile by it, and nothing stale is run."""

import os
import pathlib
import re
import subprocess
import sys

os.environ.setdefault("KERAS_BACKEND", "kvino")

import keras
import numpy as np
import pytest

import kvino

X = np.random.default_rng(1).normal(size=(32, 64)).astype("float32")
Y = np.random.default_rng(2).normal(size=(32, 1)).astype("float32")


def model():
    keras.utils.set_random_seed(3)
    m = keras.Sequential([keras.Input((64,)), keras.layers.Dense(256, "relu"), keras.layers.Dense(256, "relu"), keras.layers.Dense(1)])
    m.compile(keras.optimizers.SGD(1e-3), "mse")
    return m


def bf16_differs(exact, rounded):
    """By its rounding: more than f32's, less than a few steps of 8 bits."""
    difference = np.abs(np.asarray(exact) - np.asarray(rounded)).max() / np.abs(exact).max()
    return 1e-5 < difference < 5e-2


def test_predict():
    m = model()
    exact = m.predict(X, verbose=0)
    with kvino.config(precision="bf16"):
        rounded = m.predict(X, verbose=0)
        assert bf16_differs(exact, m.predict_on_batch(X))
    assert bf16_differs(exact, rounded)
    np.testing.assert_array_equal(m.predict(X, verbose=0), exact)
    kvino.config.precision = "bf16"
    try:
        np.testing.assert_array_equal(m.predict(X, verbose=0), rounded)
        m.layers[0].kernel.assign(m.layers[0].kernel * 2)  # compiled anew under it
        assert not np.array_equal(m.predict(X, verbose=0), rounded)
    finally:
        kvino.config.precision = None


LARGE = """
import sys, warnings
import numpy as np, kvino, keras
if sys.argv[1] != "none":
    kvino.config.precision = sys.argv[1]
small = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64)])
large = keras.Sequential([keras.Input((2048,)), keras.layers.Dense(2048), keras.layers.Dense(2048)])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    small.predict_on_batch(np.ones((1, 64), "float32"))
    print(sum("bfloat16" in str(w.message) for w in caught))
    for rows in (64, 128):
        large.predict_on_batch(np.ones((rows, 2048), "float32"))
    print(sum("KVINO_PRECISION=bf16" in str(w.message) for w in caught))
"""


@pytest.mark.parametrize("precision", ["none", "f32", "bf16"])
def test_a_line_says_once_that_there_is_bf16(precision):
    """Where the processor has AMX, the model is mostly products, and nobody has said a precision."""
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    if precision == "bf16" and "amx_bf16" not in flags and "avx512_bf16" not in flags:
        pytest.skip("the processor does not compute in bf16")
    environment = {k: v for k, v in os.environ.items() if k != "KVINO_PRECISION"}
    done = subprocess.run([sys.executable, "-c", LARGE, precision], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = precision == "none" and "amx_bf16" in flags and os.environ.get("KVINO_ISA", "avx512") == "avx512"
    assert done.stdout.split() == ["0", "1" if said else "0"]


def test_evaluate():
    m = model()
    exact = m.evaluate(X, Y, verbose=0)
    with kvino.config(precision="bf16"):
        assert bf16_differs(exact, m.evaluate(X, Y, verbose=0))
    assert m.evaluate(X, Y, verbose=0) == exact


def test_fit_keeps_weights_in_float32():
    exact, rounded = model(), model()
    start = exact.get_weights()
    exact.fit(X, Y, epochs=3, verbose=0)
    with kvino.config(precision="bf16"):
        rounded.fit(X, Y, epochs=3, verbose=0)
    for w, a, b in zip(start, exact.get_weights(), rounded.get_weights()):
        assert 0 < np.abs(a - b).max() < 0.1 * np.abs(a - w).max() + 1e-6
        bits = b[np.abs(b) > 1e-6].view("uint32") & 0xFFFF
        assert np.unique(bits).size > min(8, b.size // 4)  # not rounded to 16 bits


def test_native_device_warns_once():
    m = model()
    with kvino.config(device="native", precision="bf16"):
        with pytest.warns(UserWarning, match="makes no use of the settings: precision"):
            m.predict(X, verbose=0)


# ---- dtype policies ----


def describe(m):
    """How the model's last step of predict was compiled."""
    step = m.predict_function.__closure__[0].cell_contents
    return next(reversed(step.compiled.values())).executable.executable.describe()


def network(policy, head=None):
    """A convolution with normalization, attention, a recurrent layer; `head`: the policy of the last layer."""
    keras.utils.set_random_seed(5)
    layers = keras.layers
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(policy)
    x = i = keras.Input((12, 12, 3))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(16, 3, strides=2, padding="same")(x)))
    x = layers.Reshape((36, 16))(x)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8)(x, x))
    x = layers.LSTM(16)(x)
    m = keras.Model(i, layers.Dense(4, dtype=head)(x))
    keras.mixed_precision.set_dtype_policy(before)
    return m


IMAGES = np.random.default_rng(4).normal(size=(8, 12, 12, 3)).astype("float32")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_bfloat16_policies_compute_by_the_hint(policy):
    exact, m = network("float32"), network(policy)
    m.set_weights(exact.get_weights())
    got = m.predict(IMAGES, verbose=0)
    assert str(got.dtype) == "bfloat16"
    text = describe(m)
    assert "INFERENCE_PRECISION_HINT=bf16" in text and len(text.strip().splitlines()) == 1
    assert bf16_differs(exact.predict(IMAGES, verbose=0), got.astype("float32"))
    assert "PRECISION" not in describe(exact)
    with kvino.config(precision="f32"):  # said in words: as it is written
        m.predict(IMAGES, verbose=0)
        assert "INFERENCE_PRECISION_HINT=f32" in describe(m)
    with kvino.config(precision="bf16"):
        assert bf16_differs(exact.predict(IMAGES, verbose=0), m.predict(IMAGES, verbose=0).astype("float32"))


def test_derivatives_by_the_input_of_a_convolution_are_of_bfloat16():
    """They end a step of training, and what follows a model's last convolutions OpenVINO may leave in float32, hint or no
    hint (of ResNet50's 52 it left 50): such a graph is written in bfloat16."""

    def derivative(x, kernel):
        return kvino.gradients((kvino.ops.conv(x, kernel, padding="same"),), (None,), (x,))[0]

    def decoder(x, kernel):
        return kvino.ops.conv(kvino.ops.conv_transpose(x, kernel, 1, padding="same"), kernel, padding="same")

    for f, hinted in ((derivative, False), (decoder, True)):
        graph = kvino.Graph()
        graph.result(f(graph.parameter((8, 16, 16, 64), "bfloat16"), graph.parameter((3, 3, 64, 64), "bfloat16")))
        executable = graph.compile("CPU", profiling="yes")
        assert ("INFERENCE_PRECISION_HINT=bf16" in executable.describe()) == hinted
        rows = executable.profile(tuple(kvino.ops.ones(s, "bfloat16") for s in ((8, 16, 16, 64), (3, 3, 64, 64))), runs=1).rows
        assert {row["precision"] for row in rows if row["operation"].startswith("Convolution")} == {"bf16"}


def test_float32_layers_of_a_mixed_model_stay_float32():
    """A Dense of float32 behind bfloat16, and angles before it, which 8 bits would ruin."""
    x = np.arange(64, dtype="float32")[:, None] * 10 + 1000

    def angles(x):
        return keras.ops.sin(x * 1.01)

    i = keras.Input((1,), dtype="float32")
    wide = keras.layers.Dense(64, dtype=keras.DTypePolicy("mixed_bfloat16"))(keras.layers.Lambda(angles, dtype="float32")(i))
    m = keras.Model(i, [wide, keras.layers.Dense(64, use_bias=False, dtype="float32")(wide)])
    kernel = np.eye(1, 64, dtype="float32")
    m.layers[2].set_weights([kernel, np.zeros(64, "float32")])
    m.layers[3].set_weights([np.eye(64, dtype="float32") * 1.001])
    half, full = m.predict(x, batch_size=64, verbose=0)
    assert "HINT=bf16" in describe(m)
    np.testing.assert_allclose(half.astype("float32")[:, 0], np.sin(x[:, 0] * np.float32(1.01)), atol=5e-3)
    np.testing.assert_allclose(full[:, 0], half.astype("float32")[:, 0] * np.float32(1.001), rtol=5e-3)
    assert full.dtype == np.float32 and np.unique(full[:, 0].view("uint32") & 0xFFFF).size > 8  # not of 16 bits


def test_float16_models_are_rounded_as_written():
    """Exactly where float16 is: 70000 is infinite between two layers."""
    keras.utils.set_random_seed(5)
    policy = keras.DTypePolicy("mixed_float16")
    m = keras.Sequential([keras.Input((64,)), keras.layers.Dense(8, dtype=policy), keras.layers.Lambda(lambda x: x / 4, dtype=policy)])
    m.layers[0].set_weights([np.full((64, 8), 10, "float32"), np.zeros(8, "float32")])
    assert np.isinf(m.predict(np.full((4, 64), 120, "float32"), verbose=0)).all()
    assert (m.predict(np.full((4, 64), 100, "float32"), verbose=0) == 16000).all()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_fit_of_mixed_models_updates_in_float32(policy):
    weights = network("float32").get_weights()
    y = np.random.default_rng(6).normal(size=(8, 4)).astype("float32")
    after = {}
    for name in ("float32", policy):
        m = network(name, head="float32")
        m.set_weights(weights)
        m.compile(keras.optimizers.SGD(0.01), "mse")
        m.fit(IMAGES, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
        after[name] = m.get_weights()
        assert all(v.dtype == "float32" for v in m.trainable_variables)
    for w, a, b in zip(weights, after["float32"], after[policy]):
        assert np.isfinite(b).all()
        assert np.abs(a - b).max() < 0.15 * np.abs(a - w).max() + 2e-4
    kernel = after[policy][0]
    assert np.unique(kernel.view("uint32") & 0x1FFF).size > kernel.size // 4  # more bits than 16


def test_the_examples_of_the_documentation():
    """docs/devices-and-precision.md runs as it stands."""
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "devices-and-precision.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(examples) == 5
    names = {}
    for example in examples:
        exec(example, names)
    assert kvino.config.precision == "f32" and kvino.config.device is None
