"""Steps that were compiled give what the model gives now, whatever of it was changed since: its layers, their attributes, lists and
dicts of them, its optimizer."""

import os

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "kvino":
    pytest.skip("these tests run in a process of their own with KERAS_BACKEND=kvino", allow_module_level=True)

import keras  # noqa: E402
from keras import layers, ops  # noqa: E402
from keras_small import X, Y, check_predict, compiled, small  # noqa: E402
from kvino.keras_backend import changes  # noqa: E402

RNG = np.random.default_rng(7)

pytestmark = pytest.mark.filterwarnings("error:kvino")  # what is warned of is that a step runs eagerly


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(5)


def add_layer(model):
    model.add(layers.Dense(3))


def pop_layer(model):
    model.pop()


def swap_activation(model):
    model.layers[0].activation = keras.activations.tanh


def replace_call(model):
    model.layers[0].call = lambda x, training=None: ops.zeros((ops.shape(x)[0], 4))


def enable_lora(model):
    model.layers[0].enable_lora(2)
    model.layers[0].lora_kernel_b.assign(np.ones((2, 4)))


def quantize(mode):
    def change(model):
        model.quantize(mode)

    change.__name__ = f"quantize_{mode}"
    return change


def other_policy(model):
    model.layers[0].dtype_policy = "mixed_float16"


def assign(model):
    model.layers[0].kernel.assign(model.layers[0].kernel * -3.0)


CHANGES = [
    add_layer, pop_layer, swap_activation, replace_call, enable_lora, quantize("int8"), quantize("float8"), assign,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("nested", [False, True], ids=["plain", "nested"])
def test_predict_sees_a_changed_model(change, nested):
    inner = small()
    if nested and change in (add_layer, pop_layer):

        class Outer(keras.Model):
            def __init__(self):
                super().__init__()
                self.inner = inner

            def call(self, x):
                return self.inner(x)

        model = Outer()
    else:
        model = keras.Sequential([keras.Input((5,)), inner]) if nested else inner
    before = check_predict(model)
    change(inner)
    after = check_predict(model)
    assert before.shape != after.shape or np.abs(before - after).max() > 1e-6


def test_predict_after_float16_policy():
    model = small()
    before = model.predict(X, verbose=0)
    other_policy(model)
    after = model.predict(X, verbose=0)
    assert 0 < np.abs(before - after).max() < 0.05


@pytest.mark.parametrize(
    "layer, x",
    [
        (lambda: layers.Embedding(7, 4), RNG.integers(0, 7, (6, 3))),
        (lambda: layers.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d"), RNG.normal(size=(6, 3, 5)).astype("float32")),
        (lambda: layers.Dense(4), X),
    ],
    ids=["embedding", "einsum", "dense"],
)
@pytest.mark.parametrize("how", ["lora", "int8"])
def test_layers_that_change_their_weights(layer, x, how):
    model = keras.Sequential([keras.Input(x.shape[1:], dtype=x.dtype.name), layer()])
    before = check_predict(model, x)
    layer = model.layers[0]
    if how == "int8":
        model.quantize("int8")
    else:
        layer.enable_lora(2)
        for v in layer.trainable_variables:
            if "lora" in v.name:
                v.assign(RNG.normal(size=v.shape))
    assert np.abs(check_predict(model, x) - before).max() > 0


def test_attributes_of_a_subclassed_model():
    class Scaled(keras.Model):
        scale = 1.0

        def call(self, x):
            return x * self.scale

    model = Scaled()
    np.testing.assert_allclose(model.predict(X, verbose=0), X)
    model.scale = 3.0
    np.testing.assert_allclose(model.predict(X, verbose=0), X * 3)


def test_keras_drops_its_functions():
    factor = [1.0]
    model = keras.Sequential([keras.Input((5,)), layers.Lambda(lambda x: x * factor[0])])
    np.testing.assert_allclose(model.predict(X, verbose=0), X)
    factor[0] = 2.0  # unknown to Keras, until it is told
    for value, tell in ((2.0, "none"), (3.0, "force"), (4.0, "compile")):
        factor[0] = value
        if tell == "none":
            model.predict_function = None
        elif tell == "force":
            model.make_predict_function(force=True)
        else:
            model.compile()
        np.testing.assert_allclose(model.predict(X, verbose=0), X * value)


def test_trainable_flags():
    model = compiled(small())
    model.train_on_batch(X, Y)
    kept = model.layers[0].kernel.numpy()
    model.layers[0].trainable = False
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), kept)
    model.layers[0].trainable = True
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.train_on_batch(X, Y)
    assert np.abs(model.layers[0].kernel.numpy() - kept).max() > 0


class Chain(keras.Model):
    """Layers in a list, in a dict and in a list of that, and numbers in a dict."""

    def __init__(self):
        super().__init__()
        self.chain = [layers.Dense(5, activation) for activation in ("relu", "tanh")]
        self.spare = layers.Dense(5, "sigmoid")
        self.named = {"first": layers.Dense(5), "more": [layers.Dense(5)]}
        self.factors = {"scale": 2.0}
        for layer in (*self.chain, self.spare, self.named["first"], *self.named["more"]):
            layer.build((None, 5))

    def call(self, x):
        for layer in (*self.chain, self.named["first"], *self.named["more"]):
            x = layer(x)
        return x * self.factors["scale"]


IN_CONTAINERS = {
    "append": lambda m: m.chain.append(m.spare),
    "insert": lambda m: m.chain.insert(0, m.spare),
    "extend": lambda m: m.chain.extend([m.spare]),
    "set": lambda m: m.chain.__setitem__(0, m.spare),
    "delete": lambda m: m.chain.__delitem__(0),
    "pop": lambda m: m.chain.pop(),
    "reverse": lambda m: m.chain.reverse(),
    "of a dict": lambda m: m.named.__setitem__("first", m.spare),
    "of a list in a dict": lambda m: m.named["more"].append(m.spare),
    "a number": lambda m: m.factors.update({"scale": 3.0}),
}


@pytest.mark.parametrize("change", IN_CONTAINERS.values(), ids=IN_CONTAINERS)
def test_lists_and_dicts_of_layers(change):
    model = compiled(Chain(), rate=0.0)
    y = RNG.normal(size=(12, 5)).astype("float32")
    before = check_predict(model)
    model.evaluate(X, y, verbose=0)
    model.fit(X, y, verbose=0)
    change(model)
    after = check_predict(model)
    assert np.abs(before - after).max() > 1e-6
    expected = np.mean((after - y) ** 2)
    np.testing.assert_allclose(model.evaluate(X, y, verbose=0), expected, rtol=1e-5)
    np.testing.assert_allclose(model.train_on_batch(X, y), expected, rtol=1e-5)


def test_lists_that_keras_keeps_are_no_change():
    model = compiled(small())
    check_predict(model)
    step = model.predict_function.start.__self__
    kept = list(step.compiled.values())
    keras.Model(model.inputs, layers.Dense(2)(model.outputs[0]))  # the layers' nodes are more now
    check_predict(model)
    assert [*map(id, step.compiled.values())] == [*map(id, kept)]


def test_steps_and_calls_are_no_change():
    """What changes is compared only where something has: that takes a while, for a large model."""
    model = compiled(small(layers.Dense(2, activity_regularizer="l2")))
    model.fit(X, Y, validation_data=(X, Y), verbose=0)
    check_predict(model)
    before = changes.last()
    model.fit(X, Y, validation_data=(X, Y), verbose=0)
    check_predict(model)
    assert changes.last() == before


def slower(optimizer):
    optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(0.01, 1, 0.5)


def rate_of_a_function(optimizer):
    optimizer.learning_rate = lambda: 0.02


def heavier(optimizer):
    getattr(optimizer, "inner_optimizer", optimizer).momentum = 0.5


def clipped(optimizer):
    getattr(optimizer, "inner_optimizer", optimizer).clipvalue = 1e-3


def decaying(optimizer):
    getattr(optimizer, "inner_optimizer", optimizer).weight_decay = 0.5


def scaled(optimizer):
    return keras.optimizers.LossScaleOptimizer(optimizer)


@pytest.mark.parametrize("wrap", [lambda optimizer: optimizer, scaled], ids=["plain", "scaled"])
@pytest.mark.parametrize("change", [slower, rate_of_a_function, heavier, clipped, decaying])
def test_fit_sees_a_changed_optimizer(change, wrap):
    """Against the same steps, eager."""
    weights = []
    for eager in (False, True):
        keras.utils.set_random_seed(5)
        model = small()
        model.compile(wrap(keras.optimizers.SGD(0.1, momentum=0.1, weight_decay=0.01)), "mse", run_eagerly=eager)
        model.fit(X, Y, epochs=2, verbose=0, shuffle=False)
        before = model.get_weights()
        change(model.optimizer)
        model.fit(X, Y, epochs=3, verbose=0, shuffle=False)
        weights.append(model.get_weights())
        assert np.abs(before[0] - model.get_weights()[0]).max() > 0
    for a, b in zip(*weights):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_fit_sees_another_optimizer():
    model = compiled(small())
    model.fit(X, Y, verbose=0)
    before = model.get_weights()
    model.optimizer = keras.optimizers.SGD(0.0)
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


@pytest.mark.parametrize("mode, off", [("int8", 0.03), ("int4", 0.3), ("float8", 0.12)])
def test_modes_of_quantization_are_near_float32(mode, off):
    """Layers of products, in Keras 3.15's frame for quantization and in 3.16's."""
    rng = np.random.default_rng(0)
    m = keras.Sequential([keras.Input((8, 64)), keras.layers.Dense(128, activation="relu"),
                          keras.layers.EinsumDense("abc,cd->abd", (8, 64), bias_axes="d"), keras.layers.Dense(16)])
    m.set_weights([rng.normal(size=w.shape).astype("float32") for w in m.get_weights()])
    x = rng.normal(size=(4, 8, 64)).astype("float32")
    before = m.predict(x, verbose=0)
    m.quantize(mode)
    after = m.predict(x, verbose=0)
    assert 0 < np.abs(after - before).max() < off * np.abs(before).max()
    np.testing.assert_allclose(after, np.asarray(m(x)), rtol=1e-4, atol=1e-3)


def another_regularizer(model):
    model.layers[0].kernel.regularizer = keras.regularizers.L2(0.5)


def stronger_regularizer(model):
    model.layers[0].kernel.regularizer.l2 = 0.5


def stronger_activity_regularizer(model):
    model.layers[0].activity_regularizer.l1 = 0.5


def another_constraint(model):
    model.layers[0].kernel.constraint = keras.constraints.NonNeg()


def tighter_constraint(model):
    model.layers[0].kernel.constraint.max_value = 0.1


@pytest.mark.parametrize(
    "change", [another_regularizer, stronger_regularizer, stronger_activity_regularizer, another_constraint, tighter_constraint]
)
def test_steps_see_changed_regularizers_and_constraints(change):
    """Against the same steps, eager."""
    results = []
    for eager in (False, True):
        keras.utils.set_random_seed(5)
        dense = layers.Dense(
            2, kernel_regularizer=keras.regularizers.L2(0.01), activity_regularizer=keras.regularizers.L1(0.01),
            kernel_constraint=keras.constraints.MaxNorm(1.0),
        )  # fmt: skip
        model = compiled(keras.Sequential([keras.Input((5,)), dense]), run_eagerly=eager)
        model.fit(X, Y, verbose=0)
        before = [model.evaluate(X, Y, verbose=0), model.train_on_batch(X, Y)]
        change(model)
        results.append([model.evaluate(X, Y, verbose=0), model.train_on_batch(X, Y), model.evaluate(X, Y, verbose=0)])
        assert np.abs(np.subtract(results[-1][:2], before)).max() > 1e-4
    np.testing.assert_allclose(*results, rtol=1e-5)
