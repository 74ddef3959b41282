"""Training with Keras on kvino: fit, train_on_batch, optimizers, derivatives of Keras's functions."""

import os

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "kvino":
    pytest.skip("these tests run in a process of their own with KERAS_BACKEND=kvino", allow_module_level=True)

import keras  # noqa: E402
import kvino  # noqa: E402
from keras import layers, ops  # noqa: E402

RNG = np.random.default_rng(3)
X = RNG.normal(size=(22, 5)).astype("float32")
Y = (X[:, :2] * 0.5 - X[:, 2:4]).astype("float32")


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(5)


def linear(**arguments):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(2)])
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), "loss": "mse", **arguments})
    return model


def descend(w, b, x, y, rate=0.1, weight=None):
    """One step of gradient descent of the mean squared error of x w + b."""
    weight = np.ones(len(x)) if weight is None else weight
    d = 2 * (x @ w + b - y) * weight[:, None] / (len(x) * y.shape[1])
    return w - rate * x.T @ d, b - rate * d.sum(0)


def test_fit_is_gradient_descent():
    model = linear()
    w, b = (v.astype("float64") for v in model.get_weights())
    losses = []
    for _ in range(3):
        total = 0.0
        for i in range(0, len(X), 8):  # the last batch has 6
            x, y = X[i : i + 8], Y[i : i + 8]
            total += ((x @ w + b - y) ** 2).mean() * len(x)
            w, b = descend(w, b, x, y)
        losses.append(total / len(X))
    history = model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)


def test_weights_of_samples_and_classes():
    weight = RNG.uniform(size=len(X)).astype("float32")
    model = linear()
    w, b = model.get_weights()
    w, b = descend(w, b, X, Y, weight=weight)
    model.train_on_batch(X, Y, sample_weight=weight)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-5, atol=1e-6)
    classes = RNG.integers(0, 3, len(X))
    losses = []
    for arguments in ({"class_weight": {0: 1.0, 1: 0.0, 2: 2.0}}, {"sample_weight": np.array([1.0, 0.0, 2.0])[classes]}):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((5,)), layers.Dense(3, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(X, classes, epochs=2, batch_size=11, verbose=0, shuffle=False, **arguments)
        losses.append(model.get_weights()[0])
    np.testing.assert_allclose(*losses, rtol=1e-6)
    with pytest.raises(ValueError, match="cannot be specified at the same time"):
        model.train_on_batch(X, classes, sample_weight=weight, class_weight={0: 1.0})


@pytest.mark.parametrize(
    "name",
    ["SGD", "Adam", "AdamW", "Adamax", "Nadam", "Adagrad", "Adadelta", "RMSprop", "Ftrl", "Lion", "Lamb", "Adafactor", "Muon"],
)
def test_optimizers_descend(name):
    arguments = {"weight_decay": 0.0} if name == "AdamW" else {}
    model = linear(optimizer=getattr(keras.optimizers, name)(learning_rate=0.02, **arguments))
    before = model.evaluate(X, Y, verbose=0)
    history = model.fit(X, Y, epochs=5, verbose=0)
    assert model.evaluate(X, Y, verbose=0) < before
    assert int(model.optimizer.iterations) == 5
    assert all(np.isfinite(history.history["loss"]))


def test_options_of_optimizers():
    """Clipping, momentum, weight averages, accumulated gradients, schedules: each as computed by hand."""
    model = linear(optimizer=keras.optimizers.SGD(0.1, clipnorm=1e-3))
    w, b = model.get_weights()
    model.train_on_batch(X, Y)
    for before, after in zip((w, b), model.get_weights()):
        np.testing.assert_allclose(np.linalg.norm(after - before), 1e-4, rtol=1e-3)
    model = linear(optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
    w, b = model.get_weights()
    model.train_on_batch(X[:11], Y[:11])
    np.testing.assert_array_equal(model.get_weights()[0], w)
    model.train_on_batch(X[11:], Y[11:])
    np.testing.assert_allclose(model.get_weights()[0], descend(w, b, X, Y)[0], rtol=1e-5, atol=1e-6)
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.1, 0.0])
    model = linear(optimizer=keras.optimizers.SGD(schedule))
    w, b = model.get_weights()
    for _ in range(3):  # iterations 0 and 1 move, the third does not
        kept = model.get_weights()[0]
        model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_weights()[0], kept)
    model = linear(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=1))
    w, b = model.get_weights()
    model.train_on_batch(X, Y)
    first = descend(w, b, X, Y)  # the average begins with the first step
    np.testing.assert_allclose(model.get_weights()[0], first[0], rtol=1e-5, atol=1e-6)
    model.train_on_batch(X, Y)
    second = descend(*first, X, Y)
    np.testing.assert_allclose(model.get_weights()[0], 0.5 * first[0] + 0.5 * second[0], rtol=1e-5, atol=1e-6)


def test_weights_of_a_model_stay_its_weights():
    model = keras.Sequential([keras.Input((5,)), layers.BatchNormalization(), layers.Dense(2)])
    paths = [v.path for v in model.weights]
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    assert [v.path for v in model.weights] == paths and len(paths) == 6


def test_the_learning_rate_may_change_between_epochs():
    model = linear()
    model.fit(X, Y, verbose=0)
    kept = model.get_weights()[0]
    model.optimizer.learning_rate = 0.0
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], kept)


def test_frozen_layers_stay():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(4), layers.Dense(2)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    first, second = model.layers[0].kernel.numpy(), model.layers[1].kernel.numpy()
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), first)
    assert np.abs(model.layers[1].kernel.numpy() - second).max() > 0
    model.layers[0].trainable = True
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert np.abs(model.layers[0].kernel.numpy() - first).max() > 0


def test_state_that_is_not_trained():
    """Moving statistics and seeds are assigned; evaluate and predict see the new values."""
    model = keras.Sequential([keras.Input((5,)), layers.BatchNormalization(momentum=0.5), layers.Dropout(0.5), layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["mae"])
    before = model.predict(X, verbose=0)
    model.train_on_batch(X, Y)
    mean, variance = model.layers[0].moving_mean.numpy(), model.layers[0].moving_variance.numpy()
    np.testing.assert_allclose(mean, 0.5 * X.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(variance, 0.5 + 0.5 * X.var(0), rtol=1e-5)
    seed = model.layers[1].seed_generator.state.numpy()
    model.train_on_batch(X, Y)
    assert (model.layers[1].seed_generator.state.numpy() != seed).any()
    assert np.abs(model.predict(X, verbose=0) - before).max() > 0


def test_the_same_seed_gives_the_same_model():
    weights = []
    for _ in range(2):
        keras.utils.set_random_seed(9)
        model = keras.Sequential([keras.Input((5,)), layers.Dense(8, "relu"), layers.Dropout(0.3), layers.Dense(2)])
        model.compile("adam", "mse")
        model.fit(X, Y, batch_size=5, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights):
        np.testing.assert_array_equal(a, b)


def test_run_eagerly_is_the_same():
    weights = []
    for eagerly in (False, True):
        keras.utils.set_random_seed(9)
        model = linear(run_eagerly=eagerly)
        model.fit(X, Y, batch_size=11, epochs=2, verbose=0, shuffle=False)
        weights.append(model.get_weights())
    for a, b in zip(*weights):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_losses_of_layers_and_regularizers():
    class Penalty(layers.Layer):
        def call(self, x):
            self.add_loss(0.01 * ops.sum(x * x))
            return x

    inputs = keras.Input((5,))
    x = layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.1), activity_regularizer="l1")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(Penalty()(x)))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    logs = model.train_on_batch(X, Y, return_dict=True)
    hidden = X @ model.layers[1].kernel.numpy() + model.layers[1].bias.numpy()
    expected = ((model.predict(X, verbose=0) - Y) ** 2).mean()
    expected += 0.1 * (model.layers[1].kernel.numpy() ** 2).sum() + 0.01 * (hidden**2).sum()
    expected += 0.01 * np.abs(hidden).sum() / len(X)
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-4)


def test_validation_callbacks_and_stopping():
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(float(logs["loss"]))

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.stop_training = True

    model = linear(metrics=["mae"])
    history = model.fit(X, Y, epochs=5, batch_size=11, validation_data=(X, Y), callbacks=[Watch()], verbose=0)
    assert len(history.history["loss"]) == 2 and len(seen) == 4
    assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"}
    np.testing.assert_allclose(history.history["val_loss"][-1], ((model.predict(X, verbose=0) - Y) ** 2).mean(), rtol=1e-5)
    history = linear().fit(X, Y, validation_split=0.5, epochs=2, verbose=0, steps_per_epoch=1)
    assert len(history.history["val_loss"]) == 2


def test_structures_of_inputs_and_outputs():
    inputs = {"a": keras.Input((5,), name="a"), "b": keras.Input((2,), name="b")}
    hidden = layers.Concatenate()([inputs["a"], inputs["b"]])
    model = keras.Model(inputs, {"p": layers.Dense(2, name="p")(hidden), "q": layers.Dense(1, name="q")(hidden)})
    model.compile("sgd", {"p": "mse", "q": "mae"}, metrics={"p": ["mae"]}, loss_weights={"p": 2.0, "q": 1.0})
    data = {"a": X, "b": Y}, {"p": Y, "q": Y[:, :1]}
    history = model.fit(*data, batch_size=8, epochs=2, verbose=0).history
    assert {"loss", "p_loss", "q_loss", "p_mae"} <= set(history)
    assert history["loss"][1] < history["loss"][0]


def test_steps_per_execution():
    model = linear(steps_per_execution=3)
    model.fit(X, Y, batch_size=4, epochs=1, verbose=0)
    assert int(model.optimizer.iterations) == 6


def test_mixed_precision_scales_the_loss():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = keras.Sequential([keras.Input((5,)), layers.Dense(8, "relu"), layers.Dense(2, dtype="float32")])
        model.compile(keras.optimizers.SGD(0.05), "mse", auto_scale_loss=True)
        before = model.evaluate(X, Y, verbose=0)
        model.fit(X, Y, epochs=5, verbose=0)
        assert type(model.optimizer).__name__ == "LossScaleOptimizer"
        assert model.layers[0].kernel.dtype == "float32"
        assert model.evaluate(X, Y, verbose=0) < before
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_step_of_ones_own():
    class Own(keras.Model):
        def train_step(self, data):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            weights = self.trainable_variables
            sources = tuple(v.value for v in weights)
            loss = ops.mean(ops.square(self(x, training=True) - y))
            self.optimizer.apply(list(kvino.gradients((loss,), (None,), sources)), weights)
            return {"own": loss}

    inputs = keras.Input((5,))
    model = Own(inputs, layers.Dense(2)(inputs))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    w, b = model.get_weights()
    logs = model.train_on_batch(X, Y, return_dict=True)
    np.testing.assert_allclose(model.get_weights()[0], descend(w, b, X, Y)[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(logs["own"], ((X @ w + b - Y) ** 2).mean(), rtol=1e-5)


KINDS = {
    "conv": ((8, 8, 3), lambda x: layers.Flatten()(layers.MaxPooling2D()(layers.Conv2D(4, 3, activation="relu")(x)))),
    "depthwise": ((8, 8, 3), lambda x: layers.GlobalAveragePooling2D()(layers.SeparableConv2D(4, 3, padding="same")(x))),
    "transposed": ((4, 4, 3), lambda x: layers.Flatten()(layers.Conv2DTranspose(2, 3, strides=2, padding="same")(x))),
    "average": ((8, 3), lambda x: layers.Flatten()(layers.AveragePooling1D(2)(layers.Conv1D(4, 3, padding="causal")(x)))),
    "norms": ((8, 8, 4), lambda x: layers.GlobalMaxPooling2D()(layers.GroupNormalization(2)(layers.BatchNormalization()(x)))),
    "layer_norm": ((6, 4), lambda x: layers.Flatten()(layers.LayerNormalization()(layers.Dense(4, "gelu")(x)))),
    "attention": ((6, 4), lambda x: layers.Flatten()(layers.MultiHeadAttention(2, 3)(x, x))),
    "lstm": ((6, 4), lambda x: layers.LSTM(5)(x)),
    "gru": ((6, 4), lambda x: layers.Bidirectional(layers.GRU(3, return_sequences=False))(x)),
    "simple_rnn": ((6, 4), lambda x: layers.SimpleRNN(5)(x)),
    "lstm_unrolled": ((4, 4), lambda x: layers.LSTM(3, unroll=True)(x)),
}


@pytest.mark.parametrize("name", KINDS)
def test_gradients_of_kinds_of_layers(name):
    """The derivative of the loss by every weight against differences, in double precision. Keras normalizes in single precision
    whatever the policy."""
    shape, build = KINDS[name]
    length, close = (1e-3, 3e-3) if "norm" in name else (1e-6, 1e-5)
    keras.config.set_dtype_policy("float64")
    try:
        inputs = keras.Input(shape)
        model = keras.Model(inputs, layers.Dense(1)(build(inputs)))
    finally:
        keras.config.set_dtype_policy("float32")
    x, y = RNG.normal(size=(6, *shape)), RNG.normal(size=(6, 1))
    values = [v.value for v in model.trainable_variables]

    def loss(values):
        with keras.StatelessScope(list(zip(model.trainable_variables, values))):
            return ops.mean(ops.square(model(x, training=True) - y))

    with keras.StatelessScope():
        gradients = gradients_of(loss, values)
    for i, (value, gradient) in enumerate(zip(values, gradients)):
        direction = RNG.normal(size=value.shape)
        step = length / max(1.0, np.linalg.norm(direction))
        ends = []
        for sign in (1, -1):
            moved = list(values)
            moved[i] = values[i] + sign * step * direction
            ends.append(float(loss(moved)))
        difference = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose((np.asarray(gradient) * direction).sum(), difference, rtol=close, atol=close / 10)


@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_layers_learn(name):
    shape, build = KINDS[name]
    inputs = keras.Input(shape)
    model = keras.Model(inputs, layers.Dense(1)(build(inputs)))
    x = RNG.normal(size=(6, *shape)).astype("float32")
    y = RNG.normal(size=(6, 1)).astype("float32")
    model.compile(keras.optimizers.Adam(0.01), "mse")
    history = model.fit(x, y, epochs=12, verbose=0).history["loss"]
    assert min(history[-3:]) < history[0]


def gradients_of(f, values):
    from kvino.keras_backend import derivatives

    return derivatives.grad(f)(values)


def test_embeddings_learn():
    tokens = RNG.integers(0, 10, (12, 6))
    labels = (tokens.sum(1) % 2).astype("float32")
    model = keras.Sequential(
        [keras.Input((6,), dtype="int32"), layers.Embedding(10, 8, mask_zero=True), layers.LSTM(8), layers.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy", "auc"])
    history = model.fit(tokens, labels, epochs=25, verbose=0).history["loss"]
    assert history[-1] < history[0] * 0.9


def test_jvp_and_grad_of_keras():
    x, v = np.float32(0.1), np.float32(0.2)
    y, d = keras.ops.jvp(ops.sin, (x,), (v,))
    np.testing.assert_allclose([float(y), float(d)], [np.sin(0.1), 0.2 * np.cos(0.1)], rtol=1e-6)
    *_, aux = keras.ops.jvp(lambda t: (ops.sin(t), t * t), (x,), (v,), has_aux=True)
    np.testing.assert_allclose(float(aux), 0.01, rtol=1e-6)
    nested = {"a": np.float32([1.0, 2.0]), "b": [np.float32(3.0)]}
    (g,) = gradients_of(lambda n: ops.sum(n[0]["a"] ** 2) * n[0]["b"][0], [nested])
    np.testing.assert_allclose(np.asarray(g["a"]), [6.0, 12.0])
    np.testing.assert_allclose(float(g["b"][0]), 5.0)
    with pytest.raises(TypeError, match="int32"):
        gradients_of(lambda n: n * 2, np.int32(3))


def test_custom_gradient():
    @ops.custom_gradient
    def twice(x, y):
        def gradient(upstream):
            return upstream * 10.0, upstream * y

        return 2.0 * x * y, gradient

    from kvino.keras_backend import derivatives

    dx, dy = derivatives.grad(twice, argnums=(0, 1))(np.float32(3.0), np.float32(4.0))
    assert (float(dx), float(dy)) == (10.0, 4.0)
    assert float(twice(np.float32(3.0), np.float32(4.0))) == 24.0
    inside = derivatives.grad(lambda x: ops.sum(ops.stop_gradient(x) * x + twice(x, x * x)))
    np.testing.assert_allclose(np.asarray(inside(np.float32([1.0, 2.0]))), [13.0, 10 + 2 + 4 * 4.0])


def test_gradients_that_kerass_tests_take_by_backend():
    """What Keras's own tests check for TensorFlow, JAX and PyTorch by name."""
    from kvino.keras_backend import derivatives

    quotient = derivatives.grad(ops.divide_no_nan, argnums=(0, 1))
    for got, expected in zip(quotient(np.float32([1, 2]), np.float32([0, 2])), ([0, 0.5], [0, -0.5])):
        np.testing.assert_array_equal(np.asarray(got), np.float32(expected))
    low, high, step = -0.1, 63.4, 0.5
    x = np.float32([low - step, 0.25, high / 2, high + step])
    gradient = derivatives.grad(lambda v: keras.quantizers.fake_quant_with_min_max_vars(v, low, high, num_bits=7))(x)
    np.testing.assert_array_equal(np.asarray(gradient), np.float32([0, 1, 1, 0]))


def test_what_cannot_be_trained_says_so():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(2)])
    with pytest.raises(ValueError, match="compile"):
        model.fit(X, Y)
    with pytest.raises(ValueError):
        linear().fit(X[:, :3], Y, verbose=0)
