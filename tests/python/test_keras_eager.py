"""run_eagerly=True: values can be read in fit, evaluate and predict, and the numbers are those of the compiled steps."""

import os

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "kvino":
    pytest.skip("these tests run in a process of their own with KERAS_BACKEND=kvino", allow_module_level=True)

import keras  # noqa: E402
import kvino  # noqa: E402
from keras import layers, ops  # noqa: E402

RNG = np.random.default_rng(7)
X = RNG.normal(size=(12, 5)).astype("float32")
Y = RNG.normal(size=(12, 2)).astype("float32")


def test_run_eagerly_shows_values():
    seen = []

    class Look(layers.Layer):
        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, x.dtype)

        def call(self, x):
            seen.append(float(ops.sum(x)))
            return x

    model = keras.Sequential([keras.Input((5,)), Look(), layers.Dense(2)])
    model.compile("sgd", "mse", run_eagerly=True)
    model.evaluate(X, Y, batch_size=12, verbose=0)
    model.predict(X, batch_size=12, verbose=0)
    np.testing.assert_allclose(seen[-2:], X.sum(), rtol=1e-4)


class Shout(layers.Layer):
    """Looks at values, and decides by them."""

    def __init__(self, seen):
        super().__init__()
        self.look = seen.append  # Keras makes a list of its own of a list

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)

    def call(self, x):
        self.look((float(ops.sum(x)), np.asarray(x).shape))
        assert f"{ops.max(x):.3f}" and "kvino.Tensor([" in repr(x[0])
        if ops.max(x) > -1e9:  # a branch of Python's
            return x * 1.0
        return x


def looked_at(eagerly, *more):
    keras.utils.set_random_seed(5)
    model = keras.Sequential([
        keras.Input((5,)), layers.Dense(4, "relu"), layers.BatchNormalization(), *more, layers.Dropout(0.3), layers.Dense(2)
    ])
    model.compile(keras.optimizers.SGD(0.05), "mse", metrics=["mae"], run_eagerly=eagerly)
    return model


def same_history(a, b):
    assert set(a) == set(b)
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-5, err_msg=name)


def test_fit_eagerly_shows_values():
    """Values can be read in fit, too; the numbers are those of the compiled steps."""
    seen = []
    eager, compiled_ = looked_at(True, Shout(seen)), looked_at(False)
    options = dict(batch_size=4, epochs=3, shuffle=False, verbose=0, validation_data=(X[:6], Y[:6]))
    same_history(eager.fit(X, Y, **options).history, compiled_.fit(X, Y, **options).history)
    assert {shape for _, shape in seen} == {(4, 4), (2, 4)} and all(np.isfinite(value) for value, _ in seen)
    for a, b in zip(eager.weights, compiled_.weights):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(eager.train_on_batch(X, Y), compiled_.train_on_batch(X, Y), rtol=1e-4)


def test_train_step_eagerly_shows_values():
    class Own(keras.Model):
        def train_step(self, data):
            x, y = data
            weights = self.trainable_variables
            sources = tuple(v.value for v in weights)
            loss = ops.mean(ops.square(self(x, training=True) - y))
            gradients = list(kvino.gradients((loss,), (None,), sources))
            values.append((float(loss), np.asarray(gradients[0]).copy()))
            self.kept = loss
            before = weights[0].numpy()
            self.optimizer.apply(gradients, weights)
            assert np.abs(weights[0].numpy() - before).max() > 0
            return {"loss": loss}

    values = []
    inputs = keras.Input((5,))
    model = Own(inputs, layers.Dense(2)(inputs))
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    w, b = (v.numpy() for v in model.weights)
    model.fit(X, Y, batch_size=12, epochs=2, verbose=0, shuffle=False)
    np.testing.assert_allclose(values[0][0], np.mean((X @ w + b - Y) ** 2), rtol=1e-5)
    np.testing.assert_allclose(values[0][1], 2 * X.T @ (X @ w + b - Y) / Y.size, rtol=1e-4, atol=1e-6)
    assert values[1][0] < values[0][0]
    # What was kept of a step is a value like any other.
    np.testing.assert_allclose(float(model.kept * 2), values[1][0] * 2, rtol=1e-6)
    with pytest.raises(ValueError, match="no longer recorded"):
        kvino.gradients((model.kept,), (None,), (model.kept,))


def test_sequences_and_branches_eagerly():
    """Loops and branches are Python's where values are there; layers of sequences and gradients of one's own take part."""

    @keras.ops.custom_gradient
    def doubled(x):
        return x * 1.0, lambda *args, upstream=None: upstream * 2.0 if upstream is not None else args[0] * 2.0

    class Mixed(layers.Layer):
        def call(self, x):
            x = ops.cond(ops.sum(x) > 1e9, lambda: x * 0.0, lambda: doubled(x))
            n, x = ops.while_loop(lambda i, v: i < 2, lambda i, v: (i + 1, v * 0.5 + ops.tanh(v)), (0, x))
            return x

    histories = []
    for eagerly in (True, False):
        keras.utils.set_random_seed(5)
        model = keras.Sequential([
            keras.Input((6, 5)), layers.LSTM(4, return_sequences=True), layers.GRU(4, activation="relu", return_sequences=True),
            layers.LayerNormalization(), layers.Flatten(), layers.Dense(3), Mixed(),
        ])
        model.compile(keras.optimizers.SGD(0.1), "huber", run_eagerly=eagerly)
        x = np.random.default_rng(1).normal(size=(8, 6, 5)).astype("float32")
        histories.append(model.fit(x, x[:, 0, :3], batch_size=4, epochs=2, shuffle=False, verbose=0).history)
    same_history(*histories)


def test_what_cannot_be_traced_trains_eagerly():
    seen = []
    model = looked_at(False, Shout(seen))
    with pytest.warns(UserWarning, match="runs eagerly, which is slow"):
        history = model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0).history
    same_history(history, looked_at(False).fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0).history)


def test_an_error_in_a_step_is_the_steps_own():
    class Broken(keras.Model):
        def train_step(self, data):
            raise RuntimeError("of my own")

    for eagerly in (False, True):
        inputs = keras.Input((5,))
        model = Broken(inputs, layers.Dense(2)(inputs))
        model.compile("sgd", "mse", run_eagerly=eagerly)
        with pytest.raises(RuntimeError, match="of my own"):
            model.fit(X, Y, verbose=0)


def test_steps_for_other_backends_are_told_the_way():
    class Torch(keras.Model):
        def train_step(self, data):
            loss = self.compute_loss(*data, self(data[0]))
            loss.backward()
            return {"loss": loss}

    class Jax(keras.Model):
        def train_step(self, state, data):
            return {}, state

    for cls, error in ((Torch, AttributeError), (Jax, TypeError)):
        inputs = keras.Input((5,))
        model = cls(inputs, layers.Dense(2)(inputs))
        model.compile("sgd", "mse")
        with pytest.raises(error) as raised:
            model.fit(X, Y, verbose=0)
        assert "kvino.gradients" in raised.value.__notes__[0]
