"""kvino.config under Keras: predict, evaluate and fit compile by it, and nothing stale is run."""

import os

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
