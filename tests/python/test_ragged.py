"""kvino.RaggedTensor: what it is made of, what operators make of it, in Keras's layers, fit and predict."""

import kvino  # isort: skip: makes Keras use it
import keras
import numpy as np
import pytest

from kvino import RaggedTensor, ops

ROWS = [[3.0, 1.0], [], [4.0, 1.0, 5.0], [9.0]]
DEEP = [[[1], [2, 3]], [], [[4, 5, 6]]]


def is_ragged(x):
    return isinstance(x, RaggedTensor)


def some(dtype=None, rows=ROWS):
    return RaggedTensor.constant(rows, dtype)


def of(function, rows=ROWS):
    """function(row) for each row."""
    return [np.asarray(function(np.asarray(row, "float32"))).tolist() for row in rows]


def close(x, rows):
    assert is_ragged(x) and len(x) == len(rows)
    for mine, row in zip(x.to_list(), rows):
        np.testing.assert_allclose(np.asarray(mine), np.asarray(row), 1e-5, 1e-6)


# ---- what it is made of ----


def test_attributes():
    x = some()
    assert (x.shape, x.ndim, x.dtype, x.ragged_rank, len(x), x.nrows()) == ((4, None), 2, "float32", 1, 4, 4)
    assert x.row_splits.numpy().tolist() == [0, 2, 2, 5, 6] and x.row_lengths().numpy().tolist() == [2, 0, 3, 1]
    assert x.value_rowids().numpy().tolist() == [0, 0, 2, 2, 2, 3] and x.bounding_shape().numpy().tolist() == [4, 3]
    assert repr(x) == "RaggedTensor(shape=(4, None), dtype='float32')"
    assert x.to_list() == ROWS and x.numpy().tolist() == [[3, 1, 0], [0, 0, 0], [4, 1, 5], [9, 0, 0]]
    assert x.to_tensor(-1, width=2).numpy().tolist() == [[3, 1], [-1, -1], [4, 1], [9, -1]]


def test_rows_of_rows_and_inner_axes():
    x = some(rows=DEEP)
    assert (x.shape, x.ragged_rank, x.dtype) == ((3, None, None), 2, "int32") and x.to_list() == DEEP
    assert x.numpy().tolist() == [[[1, 0, 0], [2, 3, 0]], [[0] * 3, [0] * 3], [[4, 5, 6], [0] * 3]]
    assert x.bounding_shape().numpy().tolist() == [3, 2, 3] and x[0].to_list() == DEEP[0] and x[::2].to_list() == DEEP[::2]
    y = RaggedTensor.constant([np.ones((2, 3)), np.zeros((0, 3)), np.ones((1, 3))])
    assert y.shape == (3, None, 3) and y.bounding_shape().numpy().tolist() == [3, 2, 3]
    z = RaggedTensor.constant(DEEP[:1], ragged_rank=2)
    assert RaggedTensor(z, [0, 0, 1]).to_list() == [[], [DEEP[0]]]


def test_ways_to_make_one():
    x = some()
    close(RaggedTensor.from_row_lengths(x.values, [2, 0, 3, 1]), ROWS)
    close(RaggedTensor.from_value_rowids(x.values, [0, 0, 2, 2, 2, 3]), ROWS)
    close(RaggedTensor.from_value_rowids([1.0], [0], nrows=2), [[1.0], []])
    close(RaggedTensor.from_tensor(x.to_tensor(), [2, 0, 3, 1]), ROWS)
    close(RaggedTensor.from_tensor(x.to_tensor(7), padding=7), ROWS)
    close(RaggedTensor.from_tensor(np.ones((2, 3), "float32")), np.ones((2, 3)))
    assert RaggedTensor.constant([[], []]).shape == (2, None) and RaggedTensor.constant([]).to_list() == []
    assert RaggedTensor.constant([["a", "bc"], []]).to_tensor("").numpy().tolist() == [[b"a", b"bc"], [b"", b""]]
    assert some("bfloat16").dtype == "bfloat16"


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda: RaggedTensor([1, 2, 3], [0, 2, 1, 3]), ValueError, "must not decrease: entry 2 is 1, after 2"),
        (lambda: RaggedTensor([1, 2, 3], [0, -1, 3]), ValueError, "must not decrease: entry 1 is -1, after 0"),
        (lambda: RaggedTensor([1, 2, 3], [1, 3]), ValueError, "must begin with 0, not with 1"),
        (lambda: RaggedTensor([1, 2, 3], [0, 2]), ValueError, "row_splits end with 2, but there are 3 values"),
        (lambda: RaggedTensor([1, 2, 3], np.zeros(0, "int64")), ValueError, "row_splits must have an entry more"),
        (lambda: RaggedTensor([1, 2, 3], [[0, 3]]), ValueError, "row_splits must be a vector"),
        (lambda: RaggedTensor([1, 2, 3], [0.0, 3.0]), TypeError, "row_splits must be integers"),
        (lambda: RaggedTensor(1, [0, 1]), ValueError, "values of a ragged tensor have at least one axis"),
        (lambda: RaggedTensor.from_row_lengths([1], [2, -1]), ValueError, "row 1 of length -1"),
        (lambda: RaggedTensor.from_row_lengths([1], [2]), ValueError, "row_splits end with 2, but there are 1 values"),
        (lambda: RaggedTensor.from_value_rowids([1, 2], [1, 0]), ValueError, "must not decrease: entry 1 is 0, after 1"),
        (lambda: RaggedTensor.from_tensor(np.ones((2, 3)), [1, 4]), ValueError, "row 1 of length 4 does not fit rows of 3"),
        (lambda: RaggedTensor.from_tensor(np.ones((2, 3)), [1]), ValueError, "numbers of rows do not fit: 2 and 1"),
        (lambda: RaggedTensor.constant([[1], 2]), ValueError, r"row\[1\] is 2, not a list"),
        (lambda: some()[4], IndexError, "row 4 is out of bounds for a ragged tensor with 4 rows"),
        (lambda: some()[[0, 7]], IndexError, "row 7 is out of bounds"),
        (lambda: bool(some()), ValueError, "ambiguous"),
        (lambda: some() + RaggedTensor([1.0, 2.0], [0, 1, 2, 2, 2]), ValueError, "same row_splits: entry 1 is 2 and 1"),
        (lambda: some() + RaggedTensor([1.0, 2.0], [0, 2]), ValueError, "numbers of rows do not fit"),
        (lambda: some() + np.ones((4, 3), "float32"), ValueError, "a length of 1 on the ragged axes"),
        (lambda: ops.reshape(some(), (-1,)), TypeError, r"reshape\(\) does not take ragged tensors: to_tensor"),
        (lambda: ops.stack([some(), some()]), TypeError, r"stack\(\) does not take ragged tensors"),
    ],
)
def test_what_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_in_a_compiled_function_the_same_is_refused():
    f = kvino.function(lambda values, splits: RaggedTensor(values, splits).to_tensor())
    assert f(np.ones(3, "float32"), np.array([0, 1, 3])).numpy().tolist() == [[1, 0], [1, 1]]
    with pytest.raises(ValueError, match="entry 2 is 1, after 2"):
        f(np.ones(3, "float32"), np.array([0, 2, 1, 3]))


def test_tensorflow():
    tf = pytest.importorskip("tensorflow")
    for x, rows in ((tf.ragged.constant(ROWS), ROWS), (tf.ragged.constant(DEEP), DEEP)):
        y = keras.ops.convert_to_tensor(x)
        assert is_ragged(y) and y.to_list() == rows and keras.ops.shape(x) == tuple(x.shape)
        assert np.array_equal(keras.ops.convert_to_numpy(x), x.to_tensor().numpy())
        assert y.to_tf().to_list() == rows and y.to_tf().dtype == x.dtype


def test_convert_to_tensor():
    x = some()
    assert keras.ops.is_tensor(x) and keras.ops.shape(x) == (4, None)
    assert keras.ops.convert_to_tensor(x) is x and is_ragged(keras.ops.convert_to_tensor(x, ragged=True))
    assert not is_ragged(keras.ops.convert_to_tensor(x, ragged=False))
    assert keras.ops.cast(x, "int32").dtype == "int32" and keras.ops.convert_to_tensor(x, "float64").dtype == "float64"
    assert isinstance(keras.ops.convert_to_numpy(x), np.ndarray)


# ---- operators ----


@pytest.mark.parametrize("name", ["exp", "negative", "relu", "isnan", "sigmoid", "round", "logical_not", "zeros_like"])
def test_flat(name):
    close(getattr(ops, name)(some()), of(getattr(ops, name)))


def test_two_operands():
    x = some()
    close(x + x, of(lambda row: row + row))
    close(1 - x * 2, of(lambda row: 1 - row * 2))
    close(x > 2, of(lambda row: row > 2))
    close(ops.where(x > 2, x, -1.0), of(lambda row: np.where(row > 2, row, -1)))
    close(ops.clip(x, 2, 4), of(lambda row: np.clip(row, 2, 4)))
    each = np.arange(4, dtype="float32")[:, None]
    close(x + each, [np.asarray(row) + i for i, row in enumerate(ROWS)])
    y = RaggedTensor([[1.0, 2.0], [3.0, 4.0]], [0, 2, 2])
    close(y + np.array([10.0, 20.0], "float32"), [[[11, 22], [13, 24]], []])
    close(y + np.ones((1, 1, 2), "float32"), [[[2, 3], [4, 5]], []])
    assert (some(rows=DEEP) + np.array([[[1]], [[2]], [[3]]])).to_list() == [[[2], [3, 4]], [], [[7, 8, 9]]]


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "amax", "amin", "mean", "std", "var", "any", "all", "count_nonzero"])
def test_reductions(name):
    f, rows = getattr(ops, name), [[3.0, 1.0], [0.0], [4.0, -1.0, 5.0]]
    x = some(rows=rows)
    flat = np.concatenate([np.asarray(row, "float32") for row in rows])
    np.testing.assert_allclose(f(x), f(flat), 1e-5)
    np.testing.assert_allclose(f(x, axis=1), [np.asarray(f(np.asarray(row, "float32"))) for row in rows], 1e-5)
    assert f(x, axis=1, keepdims=True).shape == (3, 1)
    columns = [[row[i] for row in rows if len(row) > i] for i in range(3)]
    np.testing.assert_allclose(f(x, axis=0), [np.asarray(f(np.asarray(c, "float32"))) for c in columns], 1e-5)
    y = RaggedTensor(np.arange(1, 13, dtype="float32").reshape(6, 2), [0, 2, 3, 6])
    close(f(y, axis=-1), np.split(np.asarray(f(y.values, axis=1)), [2, 3]))
    parts = np.split(np.asarray(y.values), [2, 3])
    np.testing.assert_allclose(f(y, axis=(1, 2)), [np.asarray(f(part)) for part in parts], 1e-5)
    assert np.shape(f(y, axis=(0, 1), keepdims=True)) == (1, 1, 2)
    assert f(x).dtype == f(flat).dtype and f(x, axis=1).dtype == f(flat).dtype


def test_reductions_of_nothing():
    x = some()
    assert ops.sum(x, 1).numpy().tolist() == [4, 0, 10, 9] and ops.max(x, 1).numpy().tolist() == [3, -np.inf, 5, 9]
    assert np.isnan(ops.mean(x, 1).numpy()).tolist() == [False, True, False, False]
    nothing = RaggedTensor(np.zeros(0, "int32"), [0, 0])
    assert ops.sum(nothing, 1).numpy().tolist() == [0] and ops.max(nothing, 1).numpy().tolist() == [np.iinfo("int32").min]
    assert ops.sum(some(rows=DEEP), 2).to_list() == [[1, 5], [], [15]]


def test_own_rules():
    x, y = some(), RaggedTensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [0, 2, 3])
    close(ops.softmax(x), of(lambda row: np.exp(row) / np.exp(row).sum()))
    assert ops.concatenate([x, x], 0).to_list() == ROWS + ROWS
    assert ops.concatenate([x, -x], 1).to_list() == [row + [-v for v in row] for row in ROWS]
    assert ops.concatenate([x, np.zeros((4, 1), "float32")], 1).to_list() == [row + [0] for row in ROWS]
    close(ops.concatenate([y, y], -1), [[[1, 2, 1, 2], [3, 4, 3, 4]], [[5, 6, 5, 6]]])
    assert ops.concatenate([some(rows=DEEP)] * 2, 0).to_list() == DEEP + DEEP
    assert ops.flip(x, 1).to_list() == [row[::-1] for row in ROWS]
    close(ops.matmul(y, np.eye(2, 3, dtype="float32")), [[[1, 2, 0], [3, 4, 0]], [[5, 6, 0]]])
    assert ops.squeeze(ops.expand_dims(x, -1), -1).to_list() == ROWS
    close(ops.one_hot(ops.cast(some(rows=[[1], []]), "int32"), 3), [[[0, 1, 0]], []])
    table = np.arange(20.0).reshape(10, 2)
    close(ops.take(table, ops.cast(x, "int32"), 0), of(lambda row: table[row.astype(int)]))
    assert x[:, 0].numpy().tolist() == [3, 0, 4, 9] and x[:, -1].numpy().tolist() == [1, 0, 5, 9]
    assert x[1:3].to_list() == ROWS[1:3] and x[[3, 0]].to_list() == [ROWS[3], ROWS[0]] and list(x[-1].numpy()) == ROWS[-1]
    assert x[np.array([True, False, False, True])].to_list() == [ROWS[0], ROWS[3]]


def test_take_along_a_later_axis():
    x, indices = np.arange(24.0).reshape(2, 3, 4), RaggedTensor.constant([[2], [0, -1]])
    expected = np.take(x, [[2, 0], [0, -1]], axis=1) * np.array([[1, 0], [1, 1]])[:, :, None]
    assert np.array_equal(ops.take(x, indices, 1), expected)


# ---- Keras ----

DATA = [[1, 2, 3], [8, 9], [4], [5, 6]] * 5
LAYERS = {
    "TimeDistributed": lambda: keras.layers.TimeDistributed(keras.layers.Dense(3, "tanh")),
    "average": lambda: keras.layers.GlobalAveragePooling1D(), "max": lambda: keras.layers.GlobalMaxPooling1D(),
    "lstm": lambda: keras.layers.LSTM(5), "gru": lambda: keras.layers.GRU(5, go_backwards=True),
    "rnn": lambda: keras.layers.SimpleRNN(3, return_sequences=True),
    "bidirectional": lambda: keras.layers.Bidirectional(keras.layers.LSTM(5, return_sequences=True)),
    "dense": lambda: keras.layers.Dense(3, activation="tanh"), "dropout": lambda: keras.layers.Dropout(0.5),
    "layer": lambda: keras.layers.LayerNormalization(), "batch": lambda: keras.layers.BatchNormalization(),
}  # fmt: skip


def model_of(layer):
    inputs = keras.Input((None,), dtype="int32", ragged=True)
    x = layer(keras.layers.Embedding(10, 4)(inputs))
    x = keras.layers.GlobalAveragePooling1D()(x) if len(x.shape) > 2 else x
    return keras.Model(inputs, keras.layers.Dense(1)(x))


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    """Each row has the result that it has alone, dense."""
    model = model_of(LAYERS[name]())
    model.compile("sgd", "mse")
    x, y = RaggedTensor.constant(DATA), np.arange(20.0)[:, None]
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0, validation_split=0.2).history
    assert np.isfinite(history["loss"]).all() and np.isfinite(history["val_loss"]).all()
    predicted = model.predict(x, batch_size=8, verbose=0)
    for i in range(4):
        alone = model(RaggedTensor.constant(DATA[i : i + 1]))
        np.testing.assert_allclose(predicted[i], np.asarray(alone)[0], 1e-4, 1e-5)
        dense = model(np.array(DATA[i : i + 1]))
        np.testing.assert_allclose(predicted[i], np.asarray(dense)[0], 1e-4, 1e-5)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), ((predicted - y) ** 2).mean(), 1e-4)


def test_a_layer_at_each_step():
    """A picture at each step; steps of steps."""
    layer = keras.layers.TimeDistributed(keras.layers.GlobalAveragePooling2D())
    x = np.random.default_rng(0).normal(size=(5, 4, 3, 2)).astype("float32")
    y = layer(RaggedTensor.from_row_lengths(x, [2, 0, 3]))
    assert y.shape == (3, None, 2) and y.row_lengths().tolist() == [2, 0, 3]
    np.testing.assert_allclose(y.flat_values, x.mean((1, 2)), 1e-5, 1e-6)
    deep = RaggedTensor.constant([[[[1.0], [2]], [[3.0]]], [[[5.0], [7]]]], ragged_rank=2)
    assert keras.layers.TimeDistributed(keras.layers.GlobalMaxPooling1D())(deep).to_list() == [[[2], [3]], [[7]]]


def test_training_is_that_of_masked_rows():
    """The same losses as with rows of one length whose ends are masked."""
    losses = []
    for ragged in (True, False):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((None,), dtype="int32", ragged=ragged)
        x = keras.layers.Embedding(10, 4, mask_zero=not ragged)(inputs)
        model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.LSTM(5)(x)))
        model.compile("adam", "mse")
        x = RaggedTensor.constant(DATA)
        x = x if ragged else x.numpy()
        losses.append(model.fit(x, np.arange(20.0)[:, None], shuffle=False, batch_size=8, epochs=3, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, 1e-4)


def test_predict_gives_ragged_results(tmp_path):
    inputs = keras.Input((None,), dtype="int32", ragged=True)
    model = keras.Model(inputs, keras.layers.Embedding(10, 4)(inputs))
    x = RaggedTensor.constant(DATA)
    y = model.predict(x, batch_size=8, verbose=0)
    assert is_ragged(y) and y.shape == (20, None, 4) and len(y[0]) == 3
    close(y, [model.layers[-1].embeddings.numpy()[row] for row in DATA])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.inputs[0].ragged
    close(loaded.predict(x, verbose=0), y.to_list())
    eager = keras.Model(inputs, model.outputs)
    eager.compile(run_eagerly=True)
    close(eager.predict(x, verbose=0), y.to_list())


def test_generators_and_datasets():
    tf = pytest.importorskip("tensorflow")
    model = model_of(keras.layers.LSTM(3))
    model.compile("sgd", "mse")
    y = np.zeros((4, 1))

    class Data(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return RaggedTensor.constant(DATA[i : i + 4]), y

    def batches(make):
        for i in range(3):
            yield make(DATA[i : i + 4]), y

    for data in (batches(RaggedTensor.constant), batches(tf.ragged.constant), Data()):
        assert np.isfinite(model.fit(data, verbose=0).history["loss"]).all()
    ours = model.predict(RaggedTensor.constant(DATA[:4]), verbose=0)
    np.testing.assert_allclose(model.predict(tf.ragged.constant(DATA[:4]), verbose=0), ours, 1e-5)
    np.testing.assert_allclose(model.predict_on_batch(tf.ragged.constant(DATA[:4])), ours, 1e-5)
    assert np.isfinite(model.train_on_batch(RaggedTensor.constant(DATA[:4]), y))


def test_one_compiled_step_for_all_lengths():
    model = model_of(keras.layers.GlobalMaxPooling1D())
    model.compile("sgd", "mse")
    for n in range(1, 6):
        model.train_on_batch(RaggedTensor.constant([[1] * n, [2] * (7 - n)]), np.zeros((2, 1)))
    compiled = model.train_function.__closure__[0].cell_contents.compiled
    assert len(compiled) == 1
