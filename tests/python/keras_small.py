"""A small model and data for the tests of Keras's steps, and predict against the eager call."""

import keras
import numpy as np
from keras import layers

RNG = np.random.default_rng(7)
X = RNG.normal(size=(12, 5)).astype("float32")
Y = RNG.normal(size=(12, 2)).astype("float32")


def small(*more):
    return keras.Sequential([keras.Input((5,)), layers.Dense(4, "relu"), layers.Dense(2), *more])


def compiled(model, rate=0.1, **options):
    model.compile(keras.optimizers.SGD(rate), "mse", **options)
    return model


def check_predict(model, x=X):
    """predict against the eager call."""
    expected = np.asarray(model(x, training=False))
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(model.predict_on_batch(x), expected, rtol=1e-5, atol=1e-5)
    return expected
