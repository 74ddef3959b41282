"""Keras on kvino: models of every supported kind of layer, built and saved by Keras's NumPy backend, load and give the same."""

import os
import subprocess
import sys

import numpy as np
import pytest

HERE = os.path.dirname(os.path.abspath(__file__))

if os.environ.get("KERAS_BACKEND") != "kvino":
    pytest.skip("these tests run in a process of their own with KERAS_BACKEND=kvino", allow_module_level=True)

import keras  # noqa: E402
import keras_cases  # noqa: E402
import kvino  # noqa: E402

NAMES = sorted(keras_cases.cases())
pytestmark = pytest.mark.filterwarnings("error:kvino")  # what is warned of is that a model runs eagerly


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras_cases")
    # Keras 3.16's NumPy backend needs JAX: the models may come from another environment, with Keras 3.15.
    python = os.environ.get("KVINO_TEST_REFERENCE_PYTHON", sys.executable)
    subprocess.run([python, os.path.join(HERE, "keras_cases.py"), str(folder)], check=True,
                   env=dict(os.environ, KERAS_BACKEND="numpy"))
    return folder


def load(reference, name):
    data = np.load(reference / f"{name}.npz")
    return keras.models.load_model(reference / f"{name}.keras"), data["x"], data["y"]


def test_the_backend_is_kvino():
    assert keras.backend.backend() == "openvino"
    assert keras.src.backend.numpy.add.__module__.startswith("kvino")
    assert isinstance(keras.ops.ones(2), kvino.Tensor)


@pytest.mark.parametrize("name", NAMES)
def test_layer(reference, name):
    model, x, y = load(reference, name)
    close = dict(rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(np.asarray(model(x, training=False)), y, **close)
    np.testing.assert_allclose(model.predict(x, verbose=0), y, **close)
    np.testing.assert_allclose(model.predict(x[:2], batch_size=1, verbose=0), y[:2], **close)


@pytest.mark.parametrize("name", NAMES)
def test_built_here(name, tmp_path):
    """Built by kvino itself, saved, loaded: the same numbers, and the shapes that Keras inferred."""
    model = keras_cases.build(name)
    x = np.random.default_rng(5).normal(size=(2,) + model.input_shape[1:]).astype("float32")
    y = np.asarray(model(x, training=False))
    assert tuple(model.output_shape[1:]) == y.shape[1:]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(again(x, training=False)), y)


def test_changed_weights_are_seen(reference):
    model, x, y = load(reference, "dense")
    assert np.allclose(model.predict(x, verbose=0), y, atol=1e-5)
    model.set_weights([w * 0 for w in model.get_weights()])
    assert not model.predict(x, verbose=0).any()


def test_many_batch_sizes(reference):
    model, x, y = load(reference, "residual")
    for n in (1, 2, 3, 5, 7, 9):
        batch = np.concatenate([x] * 3)[:n]
        np.testing.assert_allclose(model.predict_on_batch(batch), np.concatenate([y] * 3)[:n], rtol=2e-5, atol=2e-6)


def test_evaluate(reference):
    model, x, y = load(reference, "dense_softmax")
    model.compile(loss="mse", metrics=["mae"])
    loss, mae = model.evaluate(x, y, verbose=0)
    assert loss < 1e-8 and mae < 1e-4


def test_einsum_and_linalg_as_keras_calls_them():
    x = np.arange(9.0, dtype="float32").reshape(3, 3) + 4 * np.eye(3, dtype="float32")
    operands = keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(x.T)
    for given in (("ij,jk->ki", *operands), (operands[0], [0, 1], operands[1], [1, 2], [2, 0])):
        np.testing.assert_allclose(keras.ops.einsum(*given, optimize="greedy"), np.einsum("ij,jk->ki", x, x.T))
    np.testing.assert_allclose(keras.ops.einsum(operands[0], [..., 0, 0]), np.trace(x))
    assert isinstance(keras.ops.svd(x, compute_uv=False), kvino.Tensor)
    assert [tuple(y.shape) for y in keras.ops.svd(x[:2])] == [(2, 2), (2,), (3, 3)]
    for order in (1, -2, 2.0, float("inf"), "fro", "nuc", None):
        np.testing.assert_allclose(keras.ops.norm(x, ord=order), np.linalg.norm(x, ord=order), rtol=1e-5)
    with pytest.raises(ValueError, match="Cholesky decomposition failed: Matrix is not positive definite"):
        keras.ops.cholesky(-x)


def test_missing_operator_is_named():
    with pytest.raises(NotImplementedError, match="linalg.no_such"):
        keras.src.backend.linalg.no_such(np.eye(2))
    assert not hasattr(keras.src.backend.linalg, "no_such")


def test_losses_take_the_epsilon_of_the_configuration():
    """Probabilities of crossentropies stay keras.config.epsilon() away from 0 and 1."""
    ops, before = keras.ops, keras.config.epsilon()
    hot, never = np.array([[1.0, 0.0]], "float32"), np.array([[0.0, 1.0]], "float32")
    try:
        for epsilon in (1e-7, 1e-3):
            keras.config.set_epsilon(epsilon)
            found = [
                ops.categorical_crossentropy(hot, never),
                ops.sparse_categorical_crossentropy(np.array([0]), never),
                ops.binary_crossentropy(hot, never)[0, :1],
                keras.losses.BinaryCrossentropy(reduction="none")(hot, never),
            ]
            for loss in found:
                np.testing.assert_allclose(np.asarray(loss), [-np.log(epsilon)], rtol=0.02)
    finally:
        keras.config.set_epsilon(before)


def test_saturate_cast():
    """Keras clips to bounds that are rounded to floats, and leaves the last one to the backend's cast."""
    x = keras.ops.convert_to_tensor(np.array([1e10, -1e10, 2.0**31, 3.7, -np.inf], "float32"))
    for f in (lambda x: keras.ops.saturate_cast(x, "int32"), keras.src.ops.core.SaturateCast("int32")):
        np.testing.assert_array_equal(np.asarray(f(x)), [2**31 - 1, -(2**31), 2**31 - 1, 3, -(2**31)])
    found = keras.ops.saturate_cast(keras.ops.cast(x, "bfloat16"), "int16")
    np.testing.assert_array_equal(np.asarray(found), [32767, -32768, 32767, 3, -32768])
    found = keras.ops.cast(keras.ops.cast([-1, 256], "float32"), "uint8")  # which wraps, as Keras's documentation says
    np.testing.assert_array_equal(np.asarray(found), [255, 0])


def test_keras_nonzero_is_a_tuple_of_int32():
    x = np.array([[0.0, 2.0, -0.0], [np.nan, 0.0, 1e-42]], np.float32)
    indices = keras.ops.nonzero(x)
    assert isinstance(indices, tuple) and all(i.dtype == "int32" for i in indices)
    for got, expected in zip(indices, np.nonzero(x)):
        np.testing.assert_array_equal(np.asarray(got), expected)
    assert all(np.array_equal(a, b) for a, b in zip(map(np.asarray, keras.ops.where(x)), np.nonzero(x)))


def test_nonzero_inside_a_model():
    class Picked(keras.layers.Layer):
        def call(self, x):
            rows, columns = keras.ops.nonzero(x > 0)
            return keras.ops.stack([rows, columns], axis=1)

        def compute_output_shape(self, shape):
            return (None, 2)

        def compute_output_spec(self, x):
            return keras.KerasTensor((None, 2), "int32")

    inputs = keras.Input((4,))
    model = keras.Model(inputs, Picked()(inputs))
    x = np.array([[1, -1, 0, 2], [0, 0, 0, 3]], np.float32)
    np.testing.assert_array_equal(model.predict(x, verbose=0), np.argwhere(x > 0))
    assert model.predict(np.zeros((2, 4), np.float32), verbose=0).shape == (0, 2)
