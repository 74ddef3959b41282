"""Steps of fit, evaluate and predict are compiled once and give what the model gives now: whatever was changed, assigned or
frozen since."""

import gc
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
import scipy.sparse

if os.environ.get("KERAS_BACKEND") != "kvino":
    pytest.skip("these tests run in a process of their own with KERAS_BACKEND=kvino", allow_module_level=True)

import keras  # noqa: E402
import keras_trainings  # noqa: E402
import kvino  # noqa: E402
from keras import layers, ops  # noqa: E402
from keras_small import X, Y, compiled, small  # noqa: E402
from kvino.keras_backend import steps  # noqa: E402

RNG = np.random.default_rng(8)

pytestmark = pytest.mark.filterwarnings("error:kvino")  # what is warned of is that a step runs eagerly


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(5)


@pytest.fixture
def traces(monkeypatch):
    """A list that grows by one with each step that is traced."""
    seen = []

    class Counted(steps.Trace):
        def __init__(self, *args, **kwargs):
            seen.append(args[0])
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(steps, "Trace", Counted)
    return seen


@pytest.fixture
def compilations(monkeypatch):
    """A list that grows by one with each executable."""
    seen = []

    class Counted(steps.Executable):
        def __init__(self, *args):
            seen.append(args[1])
            super().__init__(*args)

    monkeypatch.setattr(steps, "Executable", Counted)
    return seen


# ---- whole trainings ----


@pytest.fixture(scope="session")
def losses_of_jax(tmp_path_factory):
    file = tmp_path_factory.mktemp("trainings") / "losses.json"
    subprocess.run([sys.executable, keras_trainings.__file__, str(file)], check=True, env=dict(os.environ, KERAS_BACKEND="jax"))
    return json.loads(file.read_text())


@pytest.mark.parametrize("training", keras_trainings.ALL, ids=lambda f: f.__name__)
def test_losses_are_those_of_jax(training, losses_of_jax):
    got, expected = training(), losses_of_jax[training.__name__]
    assert set(got) == set(expected)
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-3, atol=1e-5, err_msg=name)


# ---- losses in evaluate ----


class Penalty(layers.Layer):
    def call(self, x):
        self.add_loss(0.1 * ops.sum(x * x))
        return x


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2, activity_regularizer="l2", kernel_regularizer="l1")
        self.penalty = Penalty()

    def call(self, x):
        return self.penalty(self.dense(x))


def functional():
    inputs = keras.Input((5,))
    inner = keras.Sequential([keras.Input((5,)), layers.Dense(4, activity_regularizer="l1"), Penalty()])
    return keras.Model(inputs, layers.Dense(2, activity_regularizer="l2", bias_regularizer="l2")(inner(inputs)))


@pytest.mark.parametrize("build", [functional, Subclassed, lambda: small(Penalty())], ids=["functional", "subclassed", "sequential"])
def test_evaluate_counts_the_losses_that_fit_counts(build):
    model = compiled(build(), rate=0.0, metrics=["mae"])
    history = model.fit(X, Y, batch_size=12, validation_data=(X, Y), epochs=2, verbose=0).history
    assert history["loss"][0] > ((model.predict(X, verbose=0) - Y) ** 2).mean() * 1.05
    for name in ("loss", "mae"):
        np.testing.assert_allclose(history[name], history["val_" + name], rtol=1e-5)
    loss, mae = model.evaluate(X, Y, batch_size=12, verbose=0)
    np.testing.assert_allclose(model.test_on_batch(X, Y), (loss, mae), rtol=1e-6)
    np.testing.assert_allclose(history["loss"][0], loss, rtol=1e-5)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_regularizers_of_the_layers_inside_of_wrappers_count(kind):
    x = np.random.default_rng(4).normal(size=(6, 4, 3)).astype("float32")
    layer = layers.Bidirectional(getattr(layers, kind)(2, return_sequences=True, activity_regularizer="l1"))
    model = compiled(keras.Sequential([keras.Input((4, 3)), layer]), rate=0.0)
    y = np.asarray(model(x))
    # Keras gives SimpleRNN's regularizer to the wrapper alone, or to neither: what fit counts is what the call says.
    expected = sum(float(v) for v in model.losses)
    assert len(model.losses) == 2 or kind == "SimpleRNN"
    if kind != "SimpleRNN":
        np.testing.assert_allclose(expected, 0.01 * np.abs(y).sum() / len(x), rtol=1e-5)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(model.train_on_batch(x, y), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("loss", ["huber", "log_cosh"])
def test_losses_that_subtract_the_target_from_two_layers(loss):
    """OpenVINO crashes on such a graph where its weights are constants."""
    model = keras.Sequential([keras.Input((5,)), layers.Dense(4), layers.Dense(2)])
    model.compile("sgd", loss)
    expected = float(ops.mean(keras.losses.get(loss)(Y, model(X))))
    for _ in range(2 * steps.PATIENCE):
        np.testing.assert_allclose(model.test_on_batch(X, Y), expected, rtol=1e-5)


# ---- the loops ----


def test_validation_begins_at_the_first_batch_each_epoch():
    model = compiled(small(), rate=0.0)
    history = model.fit(
        X, Y, epochs=3, verbose=0, validation_data=(X, Y), validation_batch_size=2, validation_steps=2
    ).history
    np.testing.assert_allclose(history["val_loss"], ((model.predict(X[:4], verbose=0) - Y[:4]) ** 2).mean(), rtol=1e-5)


def test_averages_stand_after_an_interrupt():
    """As with Keras's JAX backend: fit puts the averages into the weights on its way out."""

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise KeyboardInterrupt

    model = keras.Sequential([keras.Input((5,)), layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9), "mse")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=4, verbose=0, callbacks=[Interrupt()])
    averages = model.optimizer._model_variables_moving_average
    for variable, average in zip(model.trainable_variables, averages):
        np.testing.assert_array_equal(variable.numpy(), average.numpy())


def test_fit_and_train_on_batch_share_their_step(traces):
    model = compiled(small())
    model.fit(X, Y, batch_size=12, verbose=0)
    model.train_on_batch(X, Y)
    model.evaluate(X, Y, batch_size=12, verbose=0)
    model.test_on_batch(X, Y)
    model.predict(X, batch_size=12, verbose=0)
    model.predict_on_batch(X)
    assert len(traces) == 3


# ---- reading ahead ----


def slow(n, seconds, reads=None, buffer=None):
    for i in range(n):
        time.sleep(seconds)
        if reads is not None:
            reads.append(i)
        if buffer is None:
            yield (np.full((2, 5), i, "float32"),)
        else:  # a generator may use its memory again
            buffer[:] = i
            yield (buffer,)


def test_predict_reads_ahead():
    """Results in order, one item ahead, data that the generator writes over."""
    model, reads, ahead = small(), [], []

    class Watch(keras.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            ahead.append(len(reads) - batch - 1)

    expected = np.concatenate([model.predict_on_batch(np.full((2, 5), i, "float32")) for i in range(9)])
    got = model.predict(slow(9, 0.003, reads, np.empty((2, 5), "float32")), verbose=0, callbacks=[Watch()])
    np.testing.assert_allclose(got[2:], expected[2:], rtol=1e-6)  # Keras gives the first when it has read the second
    assert max(ahead) == 1
    assert model.predict(slow(4, 0.003), steps=3, verbose=0).shape == (6, 2)


def test_predict_reads_and_computes_at_once():
    model, computing, overlaps = small(), threading.Event(), []
    model.predict(X, verbose=0)
    start = model.predict_function.start

    def watched(batches):
        def compute():
            computing.set()
            time.sleep(0.02)
            results = run()
            computing.clear()
            return results

        run = start(batches)
        return compute

    def reading():
        for batch in slow(8, 0.01):
            overlaps.append(computing.is_set())
            yield batch

    model.predict_function.start = watched
    assert model.predict(reading(), verbose=0).shape == (16, 2)
    assert not overlaps[0] and any(overlaps)


def test_an_error_while_reading_ahead():
    def broken():
        yield from slow(3, 0.003)
        raise RuntimeError("no more of this")

    with pytest.raises(RuntimeError, match="no more of this"):
        small().predict(broken(), verbose=0)


# ---- variables ----


class Networks(keras.Model):
    """Two networks, each with an optimizer of its own, as in adversarial training."""

    def __init__(self, built):
        super().__init__()
        self.first, self.second = layers.Dense(2), layers.Dense(2)
        self.first_optimizer, self.second_optimizer = keras.optimizers.Adam(0.01), keras.optimizers.SGD(0.01, momentum=0.9)
        self.first.build((None, 5))
        self.second.build((None, 5))
        self.built = True
        if built:
            self.first_optimizer.build(self.first.trainable_variables)
            self.second_optimizer.build(self.second.trainable_variables)

    def train_step(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        logs = {}
        for name in ("first", "second"):
            weights = getattr(self, name).trainable_variables
            loss = ops.mean(ops.square(getattr(self, name)(x) - y))
            gradients = kvino.gradients((loss,), (None,), tuple(v.value for v in weights))
            getattr(self, name + "_optimizer").apply(list(gradients), weights)
            logs[name] = loss
        return logs


@pytest.mark.parametrize("built", [True, False])
def test_optimizers_of_a_step_of_ones_own(built):
    model = Networks(built)
    model.compile()
    losses = [model.train_on_batch(X, Y, return_dict=True) for _ in range(3)]
    assert int(model.first_optimizer.iterations) == int(model.second_optimizer.iterations) == 3
    assert all(np.abs(v.numpy()).max() > 0 for v in model.first_optimizer.variables if "moment" in v.path.lower())
    reference = keras.Sequential([keras.Input((5,)), layers.Dense(2)])
    reference.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse")
    reference.optimizer.build(reference.trainable_variables)
    reference.set_weights([v.numpy() for v in model.second.variables])
    for v, m in zip(reference.optimizer.variables[2:], model.second_optimizer.variables[2:]):
        v.assign(m)
    again = [model.train_on_batch(X, Y, return_dict=True)["second"], reference.train_on_batch(X, Y)]
    np.testing.assert_allclose(*again, rtol=1e-5)
    np.testing.assert_allclose(reference.get_weights()[0], model.second.kernel.numpy(), rtol=1e-5)
    assert losses[0]["first"] > losses[2]["first"]


class Noise(layers.Layer):
    """Noise of a generator that the layer does not have among its own."""

    def __init__(self, generator):
        super().__init__()
        self.draw = lambda x: keras.random.normal(ops.shape(x), seed=generator)

    def call(self, x):
        return x + self.draw(x)


@pytest.mark.parametrize("generator", [lambda: None, lambda: keras.random.SeedGenerator(3)], ids=["global", "own"])
def test_noise_is_new_each_time(generator, traces):
    model = keras.Sequential([keras.Input((5,)), Noise(generator())])
    first, second, third = (model.predict(X, verbose=0) for _ in range(3))
    assert np.abs(first - second).min() > 0 and np.abs(second - third).min() > 0
    assert len(traces) == 1
    model = compiled(keras.Sequential([keras.Input((5,)), Noise(generator()), layers.Dense(2)]), rate=0.0)
    losses = [model.train_on_batch(X, Y) for _ in range(3)]
    assert len(set(map(float, losses))) == 3


def test_dropout_that_stays_on():
    class Always(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dropout = layers.Dropout(0.5, seed=1)

        def call(self, x):
            return self.dropout(x, training=True)

    model = keras.Sequential([keras.Input((5,)), Always()])
    masks = [model.predict(np.ones((40, 5), "float32"), batch_size=40, verbose=0) for _ in range(3)]
    assert all(set(np.unique(m)) == {0.0, 2.0} for m in masks)
    assert (masks[0] != masks[1]).any() and (masks[1] != masks[2]).any()


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_state_of_recurrent_layers_is_kept(kind):
    x = RNG.normal(size=(2, 6, 3)).astype("float32")
    whole = keras.Sequential([keras.Input(batch_shape=(2, None, 3)), kind(4, return_sequences=True, stateful=True)])
    expected = whole.predict(x, batch_size=2, verbose=0)
    whole.layers[0].reset_states()
    halves = [whole.predict(part, batch_size=2, verbose=0) for part in (x[:, :3], x[:, 3:])]
    np.testing.assert_allclose(np.concatenate(halves, 1), expected, rtol=1e-5, atol=1e-6)
    whole.layers[0].reset_states()
    np.testing.assert_allclose(whole.predict_on_batch(x), expected, rtol=1e-5, atol=1e-6)


def test_counters_count():
    class Counter(layers.Layer):
        def build(self, shape):
            self.calls = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False)

        def call(self, x):
            self.calls.assign_add(1)
            return x + ops.cast(self.calls, x.dtype)

    model = keras.Sequential([keras.Input((5,)), Counter()])
    for n in range(1, 4):
        np.testing.assert_allclose(model.predict_on_batch(X), X + n, rtol=1e-6)
    assert int(model.layers[0].calls) == 3
    model.predict(X, batch_size=4, verbose=0)
    assert int(model.layers[0].calls) == 6


def test_variables_outside_of_the_model(compilations):
    outside = keras.Variable(np.full(5, 2.0, "float32"))
    weight = keras.Variable(1.0)
    model = keras.Sequential([keras.Input((5,)), layers.Lambda(lambda x: x * outside)])
    model.compile(keras.optimizers.SGD(0.0), lambda y, p: ops.mean((y - p) ** 2) * weight)
    for factor in (2.0, 3.0, 4.0, 5.0):
        outside.assign(np.full(5, factor))
        weight.assign(factor)
        np.testing.assert_allclose(model.predict(X, verbose=0), X * factor, rtol=1e-6)
        loss = (X * X * (factor - 1) ** 2).mean() * factor
        np.testing.assert_allclose(model.evaluate(X, X, verbose=0), loss, rtol=1e-5)
    assert len(compilations) == 4  # each step with a constant, then with an input


def test_variables_as_loss_weights():
    inputs = keras.Input((5,))
    weights = [keras.Variable(1.0), keras.Variable(0.5)]
    model = keras.Model(inputs, [layers.Dense(2)(inputs), layers.Dense(2)(inputs)])
    model.compile(keras.optimizers.SGD(0.0), ["mse", "mse"], loss_weights=weights)
    first = model.train_on_batch(X, [Y, Y])[0]
    weights[0].assign(3.0)
    a, b = (((p - Y) ** 2).mean() for p in model.predict(X, verbose=0))
    np.testing.assert_allclose([first, model.train_on_batch(X, [Y, Y])[0]], [a + 0.5 * b, 3 * a + 0.5 * b], rtol=1e-5)


def test_initializers_that_give_arrays(traces):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2, kernel_initializer=lambda shape, dtype=None: np.full(shape, 0.5, dtype))

        def call(self, x):
            return self.dense(x)

    np.testing.assert_allclose(Own().predict(X, verbose=0), np.repeat(X.sum(1, keepdims=True) / 2, 2, 1), rtol=1e-5, atol=1e-6)
    assert len(traces) == 1


def test_a_weight_that_the_call_assigns():
    """SpectralNormalization assigns its kernel: the step of training starts from the value before, as with JAX."""
    model = keras.Sequential([keras.Input((5,)), layers.SpectralNormalization(layers.Dense(2, use_bias=False))])
    kernel = model.layers[0].layer.kernel
    before, vector = kernel.numpy().astype("float64"), model.layers[0].vector_u.numpy().astype("float64")
    compiled(model).train_on_batch(X, Y)
    v = vector @ before.T
    v /= np.sqrt(np.maximum((v * v).sum(), 1e-12))
    u = v @ before
    u /= np.sqrt(np.maximum((u * u).sum(), 1e-12))

    def loss(kernel):
        return ((X @ (kernel / (v @ kernel @ u.T)) - Y) ** 2).mean()

    gradient = np.zeros_like(before)
    for at in np.ndindex(before.shape):
        step = np.zeros_like(before)
        step[at] = 1e-5
        gradient[at] = (loss(before + step) - loss(before - step)) / 2e-5
    np.testing.assert_allclose(kernel.numpy(), before - 0.1 * gradient, rtol=1e-3, atol=1e-4)


# ---- what is compiled, and when ----


def test_alternating_steps_compile_once(compilations):
    model = compiled(small())
    for _ in range(12):
        model.train_on_batch(X, Y)
        np.testing.assert_allclose(model.predict_on_batch(X), np.asarray(model(X)), rtol=1e-5, atol=1e-6)
        model.test_on_batch(X, Y)
    assert len(compilations) == 5  # train; predict and test with constants, then with inputs


def test_weights_that_rest_become_constants_again(compilations):
    model = compiled(small())
    model.predict_on_batch(X)
    for round in range(2):
        model.train_on_batch(X, Y)
        expected = np.asarray(model(X))
        for _ in range(steps.PATIENCE * 2 + 2):
            np.testing.assert_allclose(model.predict_on_batch(X), expected, rtol=1e-5, atol=1e-6)
    assert [len(bound) for bound in compilations] == [4, 0, 0, 4, 4]


def test_many_lengths_share_a_graph(traces):
    model = keras.Sequential([keras.Input((None, 3)), layers.Conv1D(2, 3, padding="same"), layers.LSTM(3)])
    for n in range(4, 44):
        x = RNG.normal(size=(2 + n % 3, n, 3)).astype("float32")
        np.testing.assert_allclose(model.predict_on_batch(x), np.asarray(model(x)), rtol=1e-5, atol=1e-5)
    assert len(traces) == steps.STATIC_SHAPES + 1


@pytest.mark.parametrize("masked", [False, True], ids=["plain", "masked"])
@pytest.mark.parametrize("inner", [lambda: layers.Dense(2, "tanh"), lambda: layers.LSTM(2)], ids=["Dense", "LSTM"])
def test_a_layer_at_each_step_of_any_length(inner, masked):
    """Keras's TimeDistributed takes as many steps as the batch has rows where their number is unknown."""
    shape = (None, 3) if isinstance(inner(), layers.Dense) else (None, 4, 3)
    x = keras.Input(shape)
    model = keras.Model(x, layers.TimeDistributed(inner())(layers.Masking()(x) if masked and len(shape) == 2 else x))
    for n in (*range(1, steps.STATIC_SHAPES + 3), 9):
        x = RNG.normal(size=(6, n, *shape[1:])).astype("float32")
        x[:, n // 2 + 1 :] = 0
        np.testing.assert_allclose(model.predict(x, verbose=0), np.asarray(model(x)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape, layer, wrong", [
    ((4, 6), layers.Flatten, (3, 6, 4)),
    ((8, 8, 3), layers.GlobalAveragePooling2D, (3, 12, 9, 3)),
    ((5, 3), lambda: layers.LSTM(2), (3, 9, 3)),
    ((6,), layers.BatchNormalization, (3, 1)),
    ((6,), lambda: layers.Activation("exponential"), (3, 9)),
])
@pytest.mark.parametrize("method", ["predict", "predict_on_batch", "evaluate"])
def test_many_sizes_of_batches_open_no_other_axis(shape, layer, wrong, method):
    """Lengths are left open where the model has taken several, not where a wrong one is tried."""
    x = keras.Input(shape)
    model = compiled(keras.Model(x, layer()(x)))

    def call(shape):
        x = RNG.normal(size=shape).astype("float32")
        if method == "evaluate":
            return model.evaluate(x, np.zeros((shape[0], *model.output_shape[1:])), batch_size=shape[0], verbose=0)
        return getattr(model, method)(x, **({"verbose": 0} if method == "predict" else {}))

    for _ in range(2):
        for n in range(1, 2 * steps.STATIC_SHAPES):
            call((n, *shape))
            with pytest.raises(ValueError, match="expected shape|incompatible"):
                call(wrong)


def test_many_numbers_of_sparse_rows_open_no_other_axis():
    x = keras.Input((8,), sparse=True)
    model = keras.Model(x, layers.Dense(2)(x))
    dense = RNG.normal(size=(20, 8)).astype("float32") * (RNG.random((20, 8)) < 0.3)
    for n in range(1, 2 * steps.STATIC_SHAPES):
        got = model.predict(scipy.sparse.csr_matrix(dense[:n]), verbose=0)
        np.testing.assert_allclose(got, dense[:n] @ np.asarray(model.layers[1].kernel), rtol=1e-4, atol=1e-5)
        with pytest.raises(ValueError, match="expected shape|incompatible"):
            model.predict(scipy.sparse.csr_matrix(dense[:n, :5]), verbose=0)


def test_many_lengths_are_bounded(compilations, monkeypatch):
    """Where Python's code needs the lengths, and in training, those used longest ago go."""

    class Unrolled(layers.Layer):
        def compute_output_shape(self, shape):
            return (shape[0], shape[2])

        def call(self, x):
            return sum(x[:, t] for t in range(x.shape[1]))

    model = compiled(keras.Sequential([keras.Input((None, 3)), Unrolled(), layers.Dense(2)]), rate=0.0)
    monkeypatch.setattr(steps, "SIGNATURES", 6)
    for n in range(4, 14):
        x = RNG.normal(size=(2, n, 3)).astype("float32")
        expected = np.asarray(model(x))
        np.testing.assert_allclose(model.predict_on_batch(x), expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(model.train_on_batch(x, Y[:2]), ((expected - Y[:2]) ** 2).mean(), rtol=1e-5)
    gc.collect()
    alive = [o for o in gc.get_objects() if isinstance(o, steps.CompiledStep)]
    mine = [o for o in alive if any(v is model.layers[-1].bias for v in o.trace.variables)]
    assert len(compilations) == 20 and len(mine) == 12


@pytest.mark.filterwarnings("default:kvino")
def test_what_cannot_be_traced_runs_eagerly_and_is_tried_again():
    class Picky(layers.Layer):
        look = True

        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, x.dtype)

        def call(self, x):
            if self.look and ops.sum(x) > 1e9:  # a line that is named
                return x * 0
            return x * 2

    model = keras.Sequential([keras.Input((5,)), Picky()])
    with pytest.warns(UserWarning, match=r"test_keras_steps.py:\d+ \(if self.look and ops.sum\(x\) > 1e9"):
        np.testing.assert_allclose(model.predict(X, verbose=0), X * 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(model.predict(X, verbose=0), X * 2)
    model.layers[0].look = False
    compiled(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(model.predict(X, verbose=0), X * 2)


def test_errors_are_those_of_the_model():
    class Wrong(layers.Layer):
        def compute_output_shape(self, shape):
            return shape

        def call(self, x):
            return ops.reshape(x, (7, 11, 13))

    model = keras.Sequential([keras.Input((5,)), Wrong()])
    with pytest.raises(ValueError, match="reshape"):
        model.predict(X, verbose=0)


def test_stateless_functions_inside_of_a_step():
    """What Keras's JAX examples use: a scope that leaves variables out takes them as they are now."""

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.scale = layers.Dense(2), keras.Variable(2.0, trainable=False)
            self.dense.build((None, 5))
            self.built = True

        def call(self, x):
            return self.dense(x) * self.scale

        def predict_step(self, data):
            x, *_ = keras.utils.unpack_x_y_sample_weight(data)
            y, _ = self.dense.stateless_call([v.value for v in self.dense.trainable_variables], [], x)
            with keras.StatelessScope():
                return y * self.scale

    model = Own()
    for value in (2.0, 3.0, 4.0):
        model.scale.assign(value)
        model.dense.kernel.assign(np.full((5, 2), value))
        expected = np.repeat(X.sum(1, keepdims=True), 2, 1) * value * value
        np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-5)


# ---- devices and formats ----


def test_devices():
    names = {"cpu:0": "CPU", "gpu:1": "GPU.1", "CPU": "CPU", "AUTO:GPU,CPU": "AUTO:GPU,CPU", "native": "native", "Native:0": "native"}
    for name, device in names.items():
        with keras.device(name):
            assert kvino.config.device == device
            with keras.device("gpu:0"):
                assert kvino.config.device == "GPU.0"
            assert kvino.config.device == device
    assert kvino.config.device is None
    assert "cpu:0" in keras.distribution.list_devices() and keras.distribution.get_device_count("cpu") == 1
    with pytest.raises(NotImplementedError, match="one device"):
        keras.distribution.initialize()
    mesh = keras.distribution.DeviceMesh((1,), ["batch"], ["cpu:0"])
    with pytest.raises(NotImplementedError, match="one device"):
        keras.distribution.distribute_tensor(ops.ones(2), keras.distribution.TensorLayout(["batch"], mesh))


def test_threads_predict_while_one_trains():
    """Weights that were constants move while other threads look for the executable."""
    model = compiled(small())
    want, wrong = np.asarray(model(X)).shape, []

    def predict():
        try:
            for _ in range(60):
                y = model.predict_on_batch(X)
                assert y.shape == want and np.isfinite(y).all()
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=predict) for _ in range(3)]
    model.predict_on_batch(X)
    for thread in threads:
        thread.start()
    model.fit(X, Y, epochs=40, verbose=0)
    for thread in threads:
        thread.join()
    assert not wrong


def test_devices_are_a_threads_own():
    seen = []
    with keras.device("HETERO:GPU,CPU"):
        thread = threading.Thread(target=lambda: seen.append(kvino.config.device))
        thread.start()
        thread.join()
        assert kvino.config.device == "HETERO:GPU,CPU"
    assert seen == [None]


def test_the_steps_of_the_documentation():
    """docs/training.md runs as it stands, one page after the other."""
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "training.md").read_text()
    pages = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(pages) == 4
    names = {"__name__": "training"}
    for page in pages:
        exec(page, names)


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_nothing_to_compute_with(method):
    with pytest.raises(ValueError, match="There is no data: x=None"):
        getattr(compiled(small()), method)(None, verbose=0)
    m = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])
    m.compile("sgd", "mse")
    data = (np.zeros((0, 5)),) if method == "predict" else (np.zeros((0, 5)), np.zeros((0, 2)))
    with pytest.raises(ValueError, match="Received an empty dataset"):
        getattr(m, method)(*data, verbose=0)
