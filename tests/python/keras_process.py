"""Keras in a process of its own, with a backend that is not kvino's: the reference for what the library writes and trains.

    keras = Keras("jax")
    keras("load", path=...)     # calls a function of this file by name; its arguments and its result are JSON
"""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent


class Keras:
    def __init__(self, backend):
        self.process = subprocess.Popen([sys.executable, "-m", "keras_process"], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=dict(os.environ, KERAS_BACKEND=backend))

    def __call__(self, function, **arguments):
        print(json.dumps([function, arguments], default=str), file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith("ANSWER "):
                answer = json.loads(line[7:])
                assert "error" not in answer, answer["error"]
                return answer["result"]
        raise AssertionError("Keras has died")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


# ---- in the other process ----


def write_case(folder, family, case):
    """Writes one of the families' models (models/__main__.py), or one as an older Keras would have."""
    import models
    from models.__main__ import write, write_old

    old = models.old(family).get(case)
    name = old[0] if old else case
    write(pathlib.Path(folder), name, models.cases(family)[name])
    if old:
        write_old(pathlib.Path(folder), case, *old)


def predict(path, data, config=None):
    """The largest difference between what the file's model (or that of `config` with the file's weights) gives for the inputs in the
    .npz file `data` and the outputs there, relative to the largest value."""
    import keras
    import numpy as np

    if config:
        model = keras.models.model_from_json(pathlib.Path(config).read_text())
        model.load_weights(path)
    else:
        model = keras.saving.load_model(path, compile=False)
    data = np.load(data)
    inputs = [data[f"x{i}"] for i in range(len(model.inputs))]
    named = isinstance(getattr(model, "_inputs_struct", None), dict)
    given = dict(zip([x.name for x in model.inputs], inputs)) if named else inputs[0] if len(inputs) == 1 else inputs
    worst = 0.0
    for i, y in enumerate(keras.tree.flatten(model(given, training=False))):
        got, wanted = np.asarray(keras.ops.convert_to_numpy(y), "float64"), np.asarray(data[f"y{i}"], "float64")
        assert got.shape == wanted.shape
        worst = max(worst, float(np.abs(got - wanted).max(initial=0)) / max(1.0, float(np.abs(wanted).max(initial=0))))
    return worst


# ---- training ----

TRAINED = {}


def case_model(name):
    """A model, a function that draws a batch (x, y), and a loss."""
    import keras
    import numpy as np

    k, layers = keras, keras.layers
    rng = np.random.default_rng(5)

    def real(*shape):
        return rng.normal(size=shape).astype("float32")

    if name == "dense":
        model = k.Sequential([k.Input((4,)), layers.Dense(8, "tanh", name="first", kernel_regularizer="l2", activity_regularizer=k.regularizers.L1(0.01)),
                              layers.Dense(3, name="second")])
        return model, lambda: (real(6, 4), real(6, 3)), "mse"
    if name == "dropout":
        model = k.Sequential([k.Input((500,)), layers.Dropout(0.25), layers.Activation("linear")])
        return model, lambda: (real(4, 500), real(4, 500)), "mse"
    if name == "conv":
        model = k.Sequential([k.Input((8, 8, 2)), layers.Conv2D(4, 3), layers.BatchNormalization(momentum=0.8), layers.ReLU(), layers.MaxPooling2D(),
                              layers.DepthwiseConv2D(3, padding="same"), layers.GlobalAveragePooling2D(), layers.Dense(3, "softmax")])
        return model, lambda: (real(5, 8, 8, 2), rng.integers(0, 3, 5).astype("int32")), "sparse_categorical_crossentropy"
    if name == "lstm":
        model = k.Sequential([k.Input((7, 3)), layers.Bidirectional(layers.LSTM(4, return_sequences=True)), layers.GRU(5), layers.Dense(1, "sigmoid")])
        return model, lambda: (real(4, 7, 3), rng.integers(0, 2, (4, 1)).astype("float32")), "binary_crossentropy"
    if name == "embedding":
        model = k.Sequential([k.Input((6,), dtype="int32"), layers.Embedding(11, 4, mask_zero=True), layers.LSTM(5), layers.Dense(2)])
        return model, lambda: (rng.integers(0, 11, (4, 6)).astype("int32"), rng.integers(0, 2, (4,)).astype("int32")), \
            k.losses.SparseCategoricalCrossentropy(from_logits=True)
    if name == "masked":
        model = k.Sequential([k.Input((5, 3)), layers.Masking(), layers.Dense(4, "relu"), layers.BatchNormalization(), layers.SimpleRNN(3, return_sequences=True)])

        def batch():
            x = real(4, 5, 3)
            x[:, 3:] = 0
            return x, real(4, 5, 3)

        return model, batch, "huber"
    if name == "transformer":
        x = k.Input((6,), dtype="int32")
        y = layers.Embedding(9, 8)(x)
        for _ in range(2):
            z = layers.MultiHeadAttention(2, 4)(layers.LayerNormalization()(y), layers.LayerNormalization()(y), use_causal_mask=True)
            y = layers.Add()([y, z])
            z = layers.Dense(8)(layers.Dense(16, "gelu")(layers.LayerNormalization()(y)))
            y = y + z
        model = k.Model(x, layers.Dense(9)(y))
        return model, lambda: (rng.integers(0, 9, (3, 6)).astype("int32"), rng.integers(0, 9, (3, 6)).astype("int32")), \
            k.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert name == "constrained"
    model = k.Sequential([k.Input((4,)), layers.Dense(5, kernel_constraint=k.constraints.MaxNorm(0.6), bias_constraint="non_neg"),
                          layers.Dense(5, "relu", kernel_regularizer=k.regularizers.L1L2(0.01, 0.02), kernel_constraint=k.constraints.UnitNorm(axis=0)),
                          layers.Dense(3, kernel_regularizer=k.regularizers.OrthogonalRegularizer(0.1))])
    return model, lambda: (real(6, 4), real(6, 3)), "mae"


def make_loss(loss):
    import keras

    if isinstance(loss, list):
        name, arguments = loss[:2]
        return keras.losses.deserialize({"class_name": name, "config": arguments})
    return loss


def train(folder, case, optimizer="SGD", arguments=None, loss=None, steps=6, frozen=(), weighted=False, rates=()):
    """Writes before.keras (compiled) and data.npz into the folder, and trains: the losses of the steps and of an evaluation."""
    import keras
    import numpy as np

    keras.utils.clear_session()  # layers have the names of a new process
    keras.utils.set_random_seed(3)
    model, batch, own = case_model(case)
    for name in frozen:
        model.get_layer(name).trainable = False
    model.compile(getattr(keras.optimizers, optimizer)(**(arguments or {})), make_loss(loss) or own)
    rng = np.random.default_rng(1)
    batches = [batch() for _ in range(steps + 1)]
    if isinstance(loss, list) and len(loss) > 2:  # targets of another kind
        shapes = [np.shape(model(x)) for x, _ in batches]
        draw = {"classes": lambda s: rng.integers(0, s[-1], s[:-1]).astype("int32"), "bits": lambda s: rng.integers(0, 2, s).astype("float32"),
                "parts": lambda s: rng.dirichlet(np.ones(s[-1]), s[:-1]).astype("float32"), "positive": lambda s: rng.uniform(0.1, 2, s).astype("float32")}
        batches = [(x, draw[loss[2]](shape)) for (x, _), shape in zip(batches, shapes)]
    weights = [rng.uniform(0, 2, len(x)).astype("float32") for x, _ in batches] if weighted else [None] * len(batches)
    model.optimizer.build(model.trainable_variables)
    model.save(pathlib.Path(folder) / "before.keras")
    np.savez(pathlib.Path(folder) / "data.npz", **{f"x{i}": x for i, (x, _) in enumerate(batches)}, **{f"y{i}": y for i, (_, y) in enumerate(batches)},
             **({f"w{i}": w for i, w in enumerate(weights)} if weighted else {}))
    losses = []
    for i, ((x, y), w) in enumerate(zip(batches[:steps], weights)):
        if rates:
            model.optimizer.learning_rate.assign(rates[i])
        model.reset_metrics()
        losses.append(float(model.train_on_batch(x, y, sample_weight=w)))
    model.reset_metrics()
    losses.append(float(model.test_on_batch(*batches[-1], sample_weight=weights[-1])))
    TRAINED[str(folder)] = model
    return losses


def compare(folder, path):
    """The largest difference of a weight, and of a variable of the optimizer, between the file and what `train` got to."""
    import keras
    import numpy as np

    ours, theirs = keras.saving.load_model(path), TRAINED[str(folder)]

    def worst(a, b):
        assert len(a) == len(b), (len(a), len(b))
        return max((float(np.abs(np.asarray(v, "float64") - np.asarray(w, "float64")).max(initial=0)) for v, w in zip(a, b)), default=0)

    return (worst([v.numpy() for v in ours.weights], [v.numpy() for v in theirs.weights]),
            worst([v.numpy() for v in ours.optimizer.variables], [v.numpy() for v in theirs.optimizer.variables]))


def go_on(path, data, i):
    """The loss of a further step by Keras from the file on."""
    import keras
    import numpy as np

    data = np.load(data)
    return float(keras.saving.load_model(path).train_on_batch(data[f"x{i}"], data[f"y{i}"]))


def main():
    import traceback

    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = {"result": globals()[name](**arguments)}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        print("ANSWER", json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
