"""Training with Keras: seconds of a step of fit on kvino against JAX and TensorFlow, in one run.

    .venv/bin/python bench/training.py [--rounds N] [--only name,...]

Small models of each kind and ResNet50, in float32 and mixed_bfloat16, the same weights and data for all; Adam, batches of 32
(ResNet50: 8); and a table of a million embeddings, SGD, batches of 256. A turn is one call of fit over 10 batches (2). "agrees": the greatest difference of a weight from JAX's after the first turn.

The second table: train_on_batch and predict_on_batch of a small convolutional net in turns, 100 times, against both alone.
"""

import argparse
import functools
import os
import sys
import tempfile

import numpy as np

import common
import peers

WORKER = r"""
import numpy as np
name, folder = sys.argv[1:3]
import keras
from keras import layers as L
keras.utils.set_random_seed(1)
name, _, policy = name.partition(" ")
keras.config.set_dtype_policy(policy or "float32")

def mlp(x):
    return L.Dense(10)(L.Dense(256, "relu")(L.Dense(256, "relu")(x)))

def cnn(x):
    x = L.MaxPooling2D()(L.Conv2D(32, 3, activation="relu")(x))
    x = L.MaxPooling2D()(L.Conv2D(64, 3, activation="relu")(x))
    return L.Dense(10)(L.Flatten()(x))

def mobile(x):
    x = L.ReLU()(L.BatchNormalization()(L.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)))
    for filters in (32, 64):
        x = L.ReLU()(L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same", use_bias=False)(x)))
        x = L.ReLU()(L.BatchNormalization()(L.Conv2D(filters, 1, use_bias=False)(x)))
    return L.Dense(10)(L.GlobalAveragePooling2D()(x))

def lstm(x):
    return L.Dense(10)(L.LSTM(64)(x))

def transformer(x):
    y = L.MultiHeadAttention(4, 16)(x, x)
    x = L.LayerNormalization()(x + y)
    x = L.LayerNormalization()(x + L.Dense(64)(L.Dense(256, "gelu")(x)))
    return L.Dense(10)(L.GlobalAveragePooling1D()(x))

def embedding(x):
    return L.Dense(10)(L.GlobalAveragePooling1D()(L.Embedding(1_000_000, 64)(x)))

def resnet50(x):
    return keras.applications.ResNet50(weights=None, classes=10, classifier_activation=None, input_tensor=x)(x)

shape = {"mlp": (784,), "cnn": (28, 28, 1), "mobile": (64, 64, 3), "lstm": (50, 32), "transformer": (64, 64),
         "resnet50": (224, 224, 3), "embedding": (20,)}[name]
batch, batches = {"resnet50": (8, 2), "embedding": (256, 10)}.get(name, (32, 10))
ids = name == "embedding"
inputs = keras.Input(shape, dtype="int32" if ids else None)
model = keras.Model(inputs, locals()[name](inputs))
rng = np.random.default_rng(7)
model.set_weights([w if w.ndim < 2 else rng.normal(0, 1 / np.sqrt(np.prod(w.shape[:-1])), w.shape) for w in model.get_weights()])
model.compile(keras.optimizers.SGD(1e-3) if ids else keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
size = (batch * batches, *shape)
x = rng.integers(0, 1_000_000, size).astype("int32") if ids else rng.normal(size=size).astype("float32")
y = rng.integers(0, 10, len(x))
fit = lambda: model.fit(x, y, batch_size=batch, shuffle=False, verbose=0)
train = lambda: model.train_on_batch(x[:batch], y[:batch])
predict = lambda: model.predict_on_batch(x[:batch])
both = lambda: (train(), predict())
start = time.perf_counter()
fit()
first = time.perf_counter() - start
np.savez(os.path.join(folder, backend + ".npz"), *model.get_weights())
answer(first)
for run in (train, predict):
    run()
serve(lambda step: seconds(fit, 1) / batches if step == "fit" else seconds({"train": train, "predict": predict, "both": both}[step], 100))
"""

MODELS = ["mlp", "cnn", "mobile", "lstm", "transformer", "embedding", "resnet50", "resnet50 mixed_bfloat16"]
ALTERNATING = "alternating"


def difference(folder, backend):
    """The greatest difference of a weight from JAX's."""
    paths = [os.path.join(folder, f"{name}.npz") for name in (backend, "jax")]
    if not all(map(os.path.exists, paths)):
        return float("nan")
    with np.load(paths[0]) as a, np.load(paths[1]) as b:
        return max(np.abs(a[k] - b[k]).max() for k in a.files)


def alternating(arguments):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        workers = peers.start(arguments.backends.split(","), WORKER, "cnn", folder)
        for backend, worker in workers.items():
            turns = {step: functools.partial(worker.ask, step) for step in ("train", "predict", "both")}
            of = peers.medians(turns, arguments.rounds, budget=20)
            rows.append([backend, *(f"{1e3 * of[step]:.2f}" for step in turns), f"{of['both'] / (of['train'] + of['predict']):.2f}x"])
            worker.close()
    print()
    common.table(["backend", "train_on_batch ms", "predict_on_batch ms", "in turns ms", "of the sum"], rows)


def rows(arguments, names):
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            workers = peers.start(arguments.backends.split(","), WORKER, name, folder)
            runs = {backend: functools.partial(worker.ask, "fit") for backend, worker in workers.items()}
            medians = peers.medians(runs, arguments.rounds, budget=20)
            for backend, worker in workers.items():
                yield [name, backend, f"{1e3 * worker.first:.0f}", f"{1e3 * medians[backend]:.2f}",
                       f"{medians[backend] / medians.get('kvino', medians[backend]):.2f}x", f"{difference(folder, backend):.1e}"]
                worker.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default=",".join([*MODELS, ALTERNATING]))
    parser.add_argument("--backends", default="jax,kvino,tensorflow")
    arguments = parser.parse_args()
    print(common.machine())
    wanted = arguments.only.split(",")
    if names := [name for name in wanted if name != ALTERNATING]:
        common.stream(["model", "backend", "first turn ms", "step ms", "", "agrees"], rows(arguments, names))
    if ALTERNATING in wanted:
        alternating(arguments)


if __name__ == "__main__":
    sys.exit(main())
