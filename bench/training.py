"""Training with Keras: seconds of a step of fit on kvino against JAX and TensorFlow, in one run.

    .venv/bin/python bench/training.py [--rounds N] [--only name,...]

Small models of each kind, the same weights and data for all; Adam, batches of 32. A turn is one call of fit over 10 batches.
"agrees": the greatest difference of a weight from JAX's after the first turn.
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

shape = {"mlp": (784,), "cnn": (28, 28, 1), "mobile": (64, 64, 3), "lstm": (50, 32), "transformer": (64, 64)}[name]
inputs = keras.Input(shape)
model = keras.Model(inputs, locals()[name](inputs))
rng = np.random.default_rng(7)
model.set_weights([w if w.ndim < 2 else rng.normal(0, 1 / np.sqrt(np.prod(w.shape[:-1])), w.shape) for w in model.get_weights()])
model.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
x = rng.normal(size=(320, *shape)).astype("float32")
y = rng.integers(0, 10, 320)
fit = lambda: model.fit(x, y, batch_size=32, shuffle=False, verbose=0)
start = time.perf_counter()
fit()
first = time.perf_counter() - start
np.savez(os.path.join(folder, backend + ".npz"), *model.get_weights())
answer(first)
serve(lambda step: seconds(fit, 1) / 10)
"""

MODELS = ["mlp", "cnn", "mobile", "lstm", "transformer"]


def difference(folder, backend):
    """The greatest difference of a weight from JAX's."""
    paths = [os.path.join(folder, f"{name}.npz") for name in (backend, "jax")]
    if not all(map(os.path.exists, paths)):
        return float("nan")
    with np.load(paths[0]) as a, np.load(paths[1]) as b:
        return max(np.abs(a[k] - b[k]).max() for k in a.files)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default=",".join(MODELS))
    parser.add_argument("--backends", default="jax,kvino,tensorflow")
    arguments = parser.parse_args()
    print(common.machine())
    rows = []
    for name in arguments.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            workers = peers.start(arguments.backends.split(","), WORKER, name, folder)
            runs = {backend: functools.partial(worker.ask, "fit") for backend, worker in workers.items()}
            medians = peers.medians(runs, arguments.rounds, budget=20)
            for backend, worker in workers.items():
                rows.append([name, backend, f"{1e3 * worker.first:.0f}", f"{1e3 * medians[backend]:.2f}",
                             f"{medians[backend] / medians.get('kvino', medians[backend]):.2f}x",
                             f"{difference(folder, backend):.1e}"])
                worker.close()
    common.table(["model", "backend", "first 10 steps ms", "step ms", "", "agrees"], rows)


if __name__ == "__main__":
    sys.exit(main())
