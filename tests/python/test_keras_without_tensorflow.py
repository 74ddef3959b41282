"""Keras's layers of texts and categories where TensorFlow is not installed: the same as where it is."""

import json
import os
import pathlib
import subprocess
import sys
import sysconfig

import pytest

HERE = pathlib.Path(__file__).parent


def values():
    """What the layers learn and give; run in a process of its own."""
    import kvino  # isort: skip: makes Keras use it
    import importlib.util
    import keras
    import numpy as np

    layers, found = keras.layers, {}
    texts = np.array([["the cat sat, the Dog ran"], ["A dog!"], [""], ["cat cat größe"]])
    words = np.array(["b", "a", "c", "a", "b", "a", "größe", ""])
    numbers = np.array([[4, 7, 7], [9, 4, 7]])

    def note(name, layer, x=None):
        entry = found[name] = {}
        if hasattr(layer, "get_vocabulary"):
            entry["vocabulary"] = [v if isinstance(v, str) else int(v) for v in layer.get_vocabulary()]
            assert layer.vocabulary_size() == len(entry["vocabulary"])
        if x is not None:
            y = layer(x)
            y = y.todense() if hasattr(y, "todense") else y
            entry["y"] = np.asarray(keras.ops.convert_to_numpy(y)).tolist()
            if getattr(layer, "_has_input_vocabulary", False):
                y = type(layer).from_config(layer.get_config())(x)
                y = y.todense() if hasattr(y, "todense") else y
                assert np.asarray(keras.ops.convert_to_numpy(y)).tolist() == entry["y"]

    def adapted(name, layer, data, x, **options):
        layer.adapt(data, **options)
        note(name, layer, x)
        return layer

    note("lookup", layers.StringLookup(vocabulary=["a", "b"]), words)
    note("lookup mask", layers.StringLookup(vocabulary=np.array(["a", "b"]), mask_token="", num_oov_indices=3), words)
    note("lookup inverse", layers.StringLookup(vocabulary=["a", "b"], invert=True), np.array([[0, 1], [2, 5]]))
    note("lookup tf_idf", layers.StringLookup(vocabulary=["a", "b"], idf_weights=[0.5, 2.0], output_mode="tf_idf"), words)
    note("integers", layers.IntegerLookup(vocabulary=[4, 9], mask_token=0), numbers)
    note("integers farmhash", layers.IntegerLookup(vocabulary=[4], num_oov_indices=3, oov_method="farmhash", salt=5), numbers)
    for mode in ("int", "multi_hot", "count", "tf_idf", "one_hot"):
        adapted(f"adapt {mode}", layers.StringLookup(output_mode=mode), words, words if mode == "one_hot" else words[None])
        adapted(f"adapt integers {mode}", layers.IntegerLookup(output_mode=mode), numbers, numbers[0] if mode == "one_hot" else numbers)
    adapted("adapt batches", layers.StringLookup(max_tokens=3), iter([words[:4], words[4:]]), words)
    adapted("adapt steps", layers.StringLookup(), iter([words[:4], words[4:]]), words, steps=1)
    adapted("adapt list", layers.StringLookup(mask_token="b"), words.tolist(), words)
    adapted("adapt bytes", layers.StringLookup(), np.char.encode(words, "utf-8"), words)
    for name, options in {
        "plain": {}, "length": {"output_sequence_length": 3}, "characters": {"split": "character"}, "ngrams": {"ngrams": 2},
        "whole": {"split": None}, "count": {"output_mode": "count"}, "tf_idf": {"output_mode": "tf_idf", "max_tokens": 9, "pad_to_max_tokens": True},
        "own": {"standardize": lambda x: np.char.upper(x)}, "lower": {"standardize": "lower"},
    }.items():
        x = texts[:, 0] if name == "whole" else texts
        adapted(f"vectorize {name}", layers.TextVectorization(**options), x, x)
    layer = layers.TextVectorization(vocabulary=["cat", "dog"])
    note("vectorize given", layer, texts)
    note("hash", layers.Hashing(5), words)
    note("hash salt", layers.Hashing(5, salt=[1, 2], mask_value="a"), words)
    note("hash hot", layers.Hashing(5, output_mode="multi_hot"), numbers)
    note("hash sparse", layers.Hashing(5, output_mode="one_hot", sparse=True), numbers[:, :1])
    note("cross", layers.HashedCrossing(7), (words, np.arange(8)))
    note("cross hot", layers.HashedCrossing(7, output_mode="one_hot"), (words[:, None], words[::-1, None]))
    x = np.linspace(0, 1, 32).astype("float32")[:, None] ** 2
    adapted("discretize", layers.Discretization(num_bins=4), x, x[::5])
    adapted("discretize batches", layers.Discretization(num_bins=4, output_mode="one_hot"), iter([x[:16], x[16:]]), x[::5])
    adapted("normalize", layers.Normalization(), x, x)
    adapted("normalize batches", layers.Normalization(), iter([x[:16], x[16:]]), x)

    # In a model: trained, saved, loaded, with the vocabulary as an asset or in the configuration.
    for name, layer in (("asset", layers.TextVectorization(output_mode="tf_idf")), ("config", layers.TextVectorization(vocabulary=["cat"]))):
        if name == "asset":
            layer.adapt(texts)
        tail = [layers.Dense(1, kernel_initializer="ones")] if name == "asset" else []
        model = keras.Sequential([keras.Input((1,), dtype="string"), layer, *tail])
        y = model.predict(texts, verbose=0)
        model.save(f"{name}.keras")
        np.testing.assert_array_equal(keras.saving.load_model(f"{name}.keras").predict(texts, verbose=0), y)
        if tail:
            model.compile("sgd", "mse")
            model.fit(texts, np.ones((4, 1)), verbose=0)
        found[f"model {name}"] = {"y": y.tolist()}
    pathlib.Path("words.txt").write_bytes("one\r\nthree\nzwölf\n".encode())
    layer = layers.StringLookup(vocabulary="words.txt")
    note("file", layer)
    ragged = kvino.RaggedTensor.constant([[4, 7], [], [9]])
    found["ragged"] = {"y": layers.IntegerLookup(vocabulary=[4, 9])(ragged).to_list()}

    def refused(name, function):
        try:
            function()
        except Exception as error:
            found[f"refused {name}"] = {"error": str(error).split("Received")[0]}

    refused("repeated", lambda: layers.StringLookup(vocabulary=["a", "a"]))
    refused("mask", lambda: layers.StringLookup(vocabulary=["b", "", "a"], mask_token=""))
    refused("again", lambda: layers.StringLookup(vocabulary=["b"], name="l").adapt(["a"]))
    refused("sparse", lambda: layers.StringLookup(vocabulary=["b"], output_mode="multi_hot", sparse=True))
    refused("none", lambda: layers.StringLookup(name="l")(words))
    refused("size", lambda: layers.StringLookup(name="l", output_mode="count")(words))
    refused("no file", lambda: layers.StringLookup(vocabulary="nowhere.txt"))
    there = importlib.util.find_spec("tensorflow") is not None
    if not there:
        for function, error, text in [
            (lambda: layers.TextVectorization(vocabulary=["a"], split=lambda x: x)(texts), NotImplementedError, "TensorFlow"),
            (lambda: layers.IntegerLookup().adapt(words), TypeError, "int64 is expected here, not one of texts"),
            (lambda: layers.StringLookup().adapt(numbers), TypeError, "str or bytes"),
            (lambda: layers.IntegerLookup().adapt(ragged), TypeError, "RaggedTensor"),
            (lambda: keras.utils.FeatureSpace({"x": "float"}).adapt({"x": x}), ImportError, "tensorflow"),
        ]:
            with pytest.raises(error, match=text):
                function()
    print("VALUES " + json.dumps({"tensorflow": there, **found}, default=bytes.decode))


def run(folder, *options, **environment):
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_keras_without_tensorflow; test_keras_without_tensorflow.values()"
    done = subprocess.run([sys.executable, *options, "-c", code, HERE], cwd=folder, capture_output=True, text=True, timeout=600,
                          env={**os.environ, "KERAS_BACKEND": "kvino", "TF_CPP_MIN_LOG_LEVEL": "3", **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.rpartition("VALUES ")[2])


def close(got, wanted):
    if isinstance(wanted, float):
        return abs(got - wanted) <= 1e-6 * max(1, abs(wanted))
    if isinstance(wanted, list):
        return isinstance(got, list) and len(got) == len(wanted) and all(map(close, got, wanted))
    return got == wanted


def test_layers_of_texts(tmp_path):
    """The packages that are here but TensorFlow are all that Python sees."""
    site = tmp_path / "site"
    site.mkdir()
    for path in map(pathlib.Path, {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}):
        for entry in path.iterdir():
            if not entry.name.startswith("tensorflow"):
                (site / entry.name).symlink_to(entry)
    path = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(site)])
    without = run(tmp_path, "-S", PYTHONPATH=path)
    with_it = run(tmp_path)
    assert with_it.pop("tensorflow") and not without.pop("tensorflow")
    assert without.keys() == with_it.keys()
    differ = {name: (without[name], with_it[name]) for name in with_it if not close(list(without[name].values()), list(with_it[name].values()))}
    assert not differ
    assert without["vectorize plain"]["vocabulary"] == ["", "[UNK]", "cat", "the", "dog", "sat", "ran", "größe", "a"]
