"""Texts in models of Keras's: what is not told by what TensorFlow gives for the same files (test_model_files.py)."""

import kvino  # isort: skip: makes Keras use it
import warnings

import keras
import numpy as np
import pytest

X = np.array([["The cat"], ["a dog!"], [""], ["cat cat"]])


@pytest.fixture(autouse=True)
def traced_only():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="kvino: .* runs eagerly")
        yield


def classifier(**options):
    return keras.Sequential([
        keras.Input((1,), dtype="string"), keras.layers.TextVectorization(vocabulary=["cat", "dog", "the"], **options),
        keras.layers.Embedding(5, 3), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1),
    ])


@pytest.mark.parametrize("x", [X, X.astype(object), np.char.encode(X)], ids=["unicode", "objects", "bytes"])
def test_training_with_texts(x):
    """The same losses as of the integers that the texts are."""
    keras.utils.set_random_seed(1)
    model = classifier(output_sequence_length=4)
    rest, y = keras.Sequential(model.layers[1:]), np.array([[1.0], [0], [2], [1]])
    numbers = np.asarray(model.layers[0](X))
    first = [w.copy() for w in model.get_weights()]
    losses = []
    for whole, data in ((model, x), (rest, numbers)):
        whole.set_weights(first)
        whole.compile("sgd", "mse")
        losses.append(whole.fit(data, y, epochs=3, batch_size=2, shuffle=False, verbose=0).history["loss"])
        losses[-1].append(whole.evaluate(data, y, verbose=0))
        whole.train_on_batch(data, y)
        losses[-1].append(whole.test_on_batch(data, y))
    np.testing.assert_allclose(*losses, rtol=1e-6)
    np.testing.assert_allclose(model.predict(x, batch_size=3, verbose=0), rest.predict(numbers, verbose=0), rtol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(x), rest.predict(numbers, verbose=0), rtol=1e-6)
    model.fit(x, y, validation_split=0.5, verbose=0)


def test_generators_and_pipelines():
    import tensorflow as tf

    model = classifier()
    wanted = model.predict(X, verbose=0)
    np.testing.assert_array_equal(model.predict(((X[i:i + 2],) for i in (0, 2)), verbose=0), wanted)
    np.testing.assert_array_equal(model.predict(tf.data.Dataset.from_tensor_slices(X).batch(2), verbose=0), wanted)
    lookup = model.layers[0]
    mapped = list(tf.data.Dataset.from_tensor_slices(X).batch(4).map(lookup))  # in the pipeline, by TensorFlow
    np.testing.assert_array_equal(mapped[0], np.asarray(lookup(X)))


def test_another_vocabulary():
    """What was compiled goes with the vocabulary."""
    layer = keras.layers.StringLookup()
    layer.adapt(["a", "b"])
    model = keras.Sequential([keras.Input((1,), dtype="string"), layer])
    x = np.array([["a"], ["c"]])
    first = model.predict(x, verbose=0)
    layer.adapt(["c", "c", "a"])
    assert first.tolist() == [[2], [0]]  # ["[UNK]", "b", "a"], then ["[UNK]", "c", "a"]
    assert model.predict(x, verbose=0).tolist() == np.asarray(layer(x)).tolist() == [[2], [1]]


def test_functions_and_errors():
    layer = keras.layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=0)
    f = kvino.function(lambda x: layer(x) + 1)
    assert f(np.array(["b", "a"])).tolist() == [2, 1]
    with pytest.raises(ValueError, match="found OOV values"):
        f(np.array(["c", "a"]))
    with pytest.raises(ValueError, match="input rank must be 1"):
        keras.layers.TextVectorization(vocabulary=["a"])(np.array([["a", "b"]]))
    with pytest.raises(ValueError, match="not UTF-8"):
        layer(np.array([b"\xff"]))
