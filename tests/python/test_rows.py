"""Derivatives of lookups in training: the rows that were taken are changed, in the table's own memory."""

import kvino  # isort: skip: makes Keras use it
import keras
import numpy as np
import pytest

from kvino import ops

N, D = 3000, 32
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(N, D)).astype("float32")
INDICES = np.array([[3, 7, 3, 2999], [0, 7, 7, 11]], "int32")


def address(x):
    return x.__array_interface__["data"][0] if isinstance(x, np.ndarray) else np.asarray(x).__array_interface__["data"][0]


def compiled(step, *inputs):
    graph = kvino.Graph()
    graph.result(step(*[graph.parameter(x.shape, str(x.dtype)) for x in inputs]))
    return graph.compile()


def derivative(table, indices):
    """2 * table there, once for each time."""
    (d,) = kvino._core.gradients((ops.sum(ops.square(ops.take(table, indices, 0))),), (None,), (table,))
    return d


def expected(table, indices):
    d = np.zeros_like(table)
    np.add.at(d, indices, 2 * table[indices])
    return d


STEPS = {
    "sgd": (lambda t, d: t - d * 0.1, lambda t, d: t - d * 0.1),
    "number first": (lambda t, d: t - 0.1 * d, lambda t, d: t - d * 0.1),
    "quotient": (lambda t, d: t - d / 4, lambda t, d: t - d / 4),
    "sum": (lambda t, d: d * 0.1 + t, lambda t, d: t + d * 0.1),
    "negative": (lambda t, d: t + -(d * 0.1), lambda t, d: t - d * 0.1),
    "squares": (lambda t, d: t + d * d, lambda t, d: t + d * d),
    "clipped": (lambda t, d: t - d / ops.sqrt(ops.sum(d * d, keepdims=True)), lambda t, d: t - d / np.sqrt(np.sum(d * d))),
}


@pytest.mark.parametrize("name", STEPS)
def test_few_rows_are_added(name):
    step, by_numpy = STEPS[name]
    f = compiled(lambda table, indices: step(table, derivative(table, indices)), TABLE, INDICES)
    assert "rows of a table" in f.describe()
    np.testing.assert_allclose(f(TABLE, INDICES)[0], by_numpy(TABLE, expected(TABLE, INDICES)), 1e-5, 1e-6)


@pytest.mark.parametrize("indices", [INDICES.ravel(), np.array([-1, N - 1, 5, 0, 5]), np.zeros(0, "int32"), np.array([0, 0])])
def test_sums_of_squares(indices):
    """As Adagrad's: the parts of a row are added up before they are squared, whatever the sign of its index."""
    total = np.abs(TABLE) + 1

    def step(table, total, indices):
        d = derivative(table, indices)
        total = total + d * d
        return table - 0.1 * d / ops.sqrt(total + 1e-7), total

    graph = kvino.Graph()
    table, sums = graph.parameter(TABLE.shape, "float32"), graph.parameter(TABLE.shape, "float32")
    for y in step(table, sums, graph.parameter((None,), str(indices.dtype))):
        graph.result(y)
    f = graph.compile()
    assert f.describe().count("rows of a table") == 2
    d = expected(TABLE, indices)
    new = total + d * d
    tensors = kvino.Tensor(TABLE), kvino.Tensor(total)
    for got, wanted in zip(f._run_over((*tensors, kvino.Tensor(indices)), (0, 1)), (TABLE - 0.1 * d / np.sqrt(new + 1e-7), new)):
        np.testing.assert_allclose(got, wanted, 1e-5, 1e-6)
        same = np.setdiff1d(np.arange(N), indices % N)
        assert np.array_equal(np.asarray(got)[same], (TABLE if wanted is not new else total)[same])


@pytest.mark.parametrize(
    "step, n",
    [
        (lambda t, d: t - ops.exp(d), N),  # not zero where the derivative is
        (lambda t, d: t - d * t, N),  # by an array
        (lambda t, d: t * 2 - d, N),  # not added to the table itself
        (lambda t, d: t - d * 0.1, 4),  # as many rows as the table has
    ],
)
def test_the_rest_stays_as_it_is(step, n):
    table = TABLE[:n]
    f = compiled(lambda table, indices: step(table, derivative(table, indices)), table, INDICES % n)
    assert "rows of a table" not in f.describe()
    np.testing.assert_allclose(f(table, INDICES % n)[0], step(table, expected(table, INDICES % n)), 1e-4, 1e-5)


def test_indices_out_of_range_are_refused_before_anything_is_written():
    f = compiled(lambda table, indices: table - derivative(table, indices), TABLE, INDICES)
    table = kvino.Tensor(TABLE)
    with pytest.raises(IndexError):
        f._run_over((table, kvino.Tensor(INDICES + 1)), (0,))
    assert np.array_equal(table, TABLE)


def model(layer=None):
    inputs = keras.Input((4,), dtype="int32")
    table = keras.layers.Embedding(N, D)
    x = keras.layers.Flatten()(table(inputs))
    result = keras.Model(inputs, keras.layers.Dense(1)(x))
    table.embeddings.assign(TABLE)
    return result, table


def data(n=4):
    rng = np.random.default_rng(1)
    return rng.integers(0, N, (8 * n, 4)).astype("int32"), rng.normal(size=(8 * n, 1)).astype("float32")


@pytest.mark.parametrize("optimizer", [lambda: keras.optimizers.SGD(0.1), lambda: keras.optimizers.Adagrad(0.1),
                                       lambda: keras.optimizers.SGD(0.1, clipnorm=0.1)])  # fmt: skip
def test_training_keeps_the_memory_and_what_others_hold(optimizer):
    net, table = model()
    net.compile(optimizer(), "mse")
    x, y = data(1)
    net.train_on_batch(x, y)
    first = address(table.embeddings._value)
    net.train_on_batch(x, y)
    assert address(table.embeddings._value) == first
    held, copy = table.embeddings.value, np.array(table.embeddings.value)
    net.train_on_batch(x, y)
    assert np.array_equal(held, copy) and not np.array_equal(table.embeddings.value, copy)
    array = np.asarray(table.embeddings.value)
    copy = array.copy()
    net.train_on_batch(x, y)
    assert np.array_equal(array, copy)
    del array, held
    weights = net.get_weights()
    copies = [w.copy() for w in weights]
    predicted = net.predict(x, verbose=0)
    net.train_on_batch(x, y)
    assert all(np.array_equal(a, b) for a, b in zip(weights, copies))
    assert not np.array_equal(net.predict(x, verbose=0), predicted)
    np.testing.assert_allclose(net.predict(x, verbose=0), net(x), 1e-4, 1e-5)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1), lambda: keras.optimizers.SGD(0.1, momentum=0.9), lambda: keras.optimizers.Adam(0.01),
        lambda: keras.optimizers.Adagrad(0.1), lambda: keras.optimizers.SGD(0.1, clipnorm=0.1),
        lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.1), lambda: keras.optimizers.Adagrad(0.1, clipvalue=0.01),
        lambda: keras.optimizers.SGD(0.1, weight_decay=0.01), lambda: keras.optimizers.SGD(0.1, use_ema=True),
        lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
    ],
)  # fmt: skip
def test_optimizers_give_what_they_give_eagerly(optimizer):
    """The eager steps have dense derivatives."""
    x, y = data()
    results = []
    for eager in (False, True):
        keras.utils.set_random_seed(0)
        net, table = model()
        net.compile(optimizer(), "mse", run_eagerly=eager)
        losses = net.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history["loss"]
        results.append((losses, np.array(table.embeddings.value)))
    np.testing.assert_allclose(results[0][0], results[1][0], 1e-4)
    np.testing.assert_allclose(results[0][1], results[1][1], 1e-4, 1e-5)
