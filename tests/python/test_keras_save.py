"""kvino.save of Keras's models: the library alone reads the file and computes what Keras does."""

import os

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "kvino":
    pytest.skip("these tests run in a process of their own with KERAS_BACKEND=kvino", allow_module_level=True)

import capi  # noqa: E402
import keras  # noqa: E402
import keras_cases  # noqa: E402
import kvino  # noqa: E402
from keras import layers, ops  # noqa: E402

pytestmark = pytest.mark.filterwarnings("error:kvino")
rng = np.random.default_rng(5)


def same(path, model, *arrays, device="CPU", rtol=2e-5, atol=2e-6):
    x = arrays[0] if len(arrays) == 1 else list(arrays)
    want = [np.asarray(y) for y in keras.tree.flatten(model(x, training=False))]
    got = capi.Model(path, device)(*arrays)
    got = [np.asarray(y) for y in (got.values() if isinstance(got, dict) else got if isinstance(got, (list, tuple)) else [got])]
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", sorted(keras_cases.cases()))
def test_layer(tmp_path, name):
    model = keras_cases.build(name)
    kvino.save(model, tmp_path / "model.kvino")
    for batch in (1, 3):  # one file for all batches
        same(tmp_path / "model.kvino", model, rng.normal(size=(batch, *model.input_shape[1:])).astype("float32"))


class Gated(keras.Model):
    """A subclassed model with code of its own, and a state of training."""

    def __init__(self):
        super().__init__()
        self.hidden, self.gate, self.norm = layers.Dense(6, "gelu"), layers.Dense(6, "sigmoid"), layers.BatchNormalization()
        self.dropout = layers.Dropout(0.5)

    def call(self, x, training=False):
        y = self.dropout(self.norm(self.hidden(x) * self.gate(x), training=training), training=training)
        return {"best": ops.argmax(y, axis=-1), "scores": ops.softmax(y, axis=-1)}


@pytest.mark.parametrize("device", ["CPU", "native"])
def test_a_subclassed_model(tmp_path, device):
    model, x = Gated(), rng.normal(size=(5, 4)).astype("float32")
    want = model.predict(x, verbose=0)
    kvino.save(model, tmp_path / "model.kvino", keras.InputSpec(shape=(None, 4), dtype="float32"))
    loaded = capi.Model(tmp_path / "model.kvino", device)
    assert [port[0] for port in loaded.outputs] == ["best", "scores"]
    best, scores = loaded(x)
    assert best.tolist() == want["best"].tolist()
    np.testing.assert_allclose(scores, want["scores"], rtol=1e-5, atol=1e-6)


def test_lambdas_and_several_inputs(tmp_path):
    a, b = keras.Input((3,), name="a"), keras.Input((None, 3), name="b")
    y = layers.Lambda(lambda t: ops.sum(t[1] * t[0][:, None], axis=1))([a, b])
    model = keras.Model([a, b], [y, layers.GlobalMaxPooling1D()(b)])
    kvino.save(model, tmp_path / "model.kvino")
    for length in (2, 7):
        same(tmp_path / "model.kvino", model, rng.normal(size=(2, 3)).astype("float32"), rng.normal(size=(2, length, 3)).astype("float32"))


def test_masks_and_tokens(tmp_path):
    x = keras.Input((None,), dtype="int32")
    model = keras.Model(x, layers.Bidirectional(layers.LSTM(4))(layers.Embedding(9, 5, mask_zero=True)(x)))
    kvino.save(model, tmp_path / "model.kvino")
    same(tmp_path / "model.kvino", model, np.array([[1, 2, 3, 0], [4, 0, 0, 0]], "int32"))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_policies(tmp_path, policy):
    x = keras.Input((6,), dtype="float64" if policy == "float64" else "float32")
    model = keras.Sequential([x, layers.Dense(8, "relu", dtype=policy), layers.Dense(2, dtype=policy)])
    kvino.save(model, tmp_path / "model.kvino")
    loose = {} if policy == "float64" else {"rtol": 2e-2, "atol": 2e-2}
    x = rng.normal(size=(3, 6))
    want, got = np.asarray(model(x)), np.asarray(capi.Model(tmp_path / "model.kvino", "native")(x.astype(model.inputs[0].dtype)))
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got.astype("float64"), want.astype("float64"), **(loose or {"rtol": 1e-12}))


def test_a_quantized_model_stays_packed(tmp_path):
    model = keras.Sequential([keras.Input((64,)), layers.Dense(256, "relu"), layers.Dense(8)])
    kvino.save(model, tmp_path / "float.kvino")
    model.quantize("int8")
    kvino.save(model, tmp_path / "model.kvino")
    assert (tmp_path / "model.kvino").stat().st_size < 0.4 * (tmp_path / "float.kvino").stat().st_size
    same(tmp_path / "model.kvino", model, rng.normal(size=(4, 64)).astype("float32"), rtol=1e-4, atol=1e-4)


def test_what_changes_is_warned_of(tmp_path):
    class Counter(keras.Model):
        def __init__(self):
            super().__init__()
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x):
            self.calls.assign_add(1.0)
            return x + self.calls

    model = Counter()
    model(np.zeros((1, 2), "float32"))
    with pytest.warns(UserWarning, match="changes"):
        kvino.save(model, tmp_path / "model.kvino", keras.InputSpec(shape=(None, 2), dtype="float32"))
    assert np.asarray(capi.Model(tmp_path / "model.kvino")(np.zeros((1, 2), "float32"))).tolist() == [[2, 2]]


def test_what_cannot_be_saved(tmp_path):
    class Python(layers.Layer):
        def call(self, x):
            return ops.convert_to_tensor(np.asarray(x) + 1)

    x = keras.Input((2,))
    with pytest.raises(Exception, match="Python|NumPy|symbolic"):
        kvino.save(keras.Model(x, Python()(x)), tmp_path / "model.kvino")
    with pytest.raises(ValueError, match="built|input"):
        kvino.save(keras.Sequential([layers.Dense(2)]), tmp_path / "model.kvino")
    assert not (tmp_path / "model.kvino").exists()
