"""Whole models: kvino, bare OpenVINO on the TensorFlow frontend's conversion, Keras's OpenVINO backend, JAX and TensorFlow, in one run.

    .venv/bin/python bench/models.py [--models mobilenet,...] [--batches 1,32] [--precisions f32,bf16] [--rounds N]

Each is a process of its own, asked in turns for one timed batch; weights are the same for all. Milliseconds of predict_on_batch (raw:
of an inference), behind them the ratio to raw, and the largest difference of the outputs from JAX's in float32, relative to
the largest output. JAX and TensorFlow compute in float32 in every row.
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
name, batch, precision, kind, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
if backend == "kvino":
    import kvino
    kvino.config.precision = precision
if backend == "openvino":  # as asked, not as the plugin likes
    ov.compile_model = lambda model, device="CPU", config=None: _compile(
        model, device, {**(config or {}), "INFERENCE_PRECISION_HINT": precision})
import keras
from keras import layers as L
keras.utils.set_random_seed(1)

def transformer():
    x = i = keras.Input((128, 256))
    for _ in range(4):
        x = L.LayerNormalization()(x + L.MultiHeadAttention(4, 64)(x, x))
        x = L.LayerNormalization()(x + L.Dense(256)(L.Dense(1024, "gelu")(x)))
    return keras.Model(i, x)

def lstm():
    i = keras.Input((100, 256))
    return keras.Model(i, L.LSTM(256)(L.LSTM(256, return_sequences=True)(i)))

def unet():
    x = i = keras.Input((256, 256, 3))
    skips = []
    for filters in (16, 32, 64, 128):
        x = L.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = L.Conv2D(filters, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = L.MaxPooling2D()(x)
    x = L.Conv2D(256, 3, padding="same", activation="relu")(x)
    for filters in (128, 64, 32, 16):
        x = L.Concatenate()([L.Conv2DTranspose(filters, 2, strides=2)(x), skips.pop()])
        x = L.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return keras.Model(i, L.Conv2D(1, 1)(x))

image = dict(weights=None, classifier_activation=None)
model = {
    "mobilenet": lambda: keras.applications.MobileNetV2(**image), "resnet50": lambda: keras.applications.ResNet50(**image),
    "efficientnet": lambda: keras.applications.EfficientNetB0(**image), "convnext": lambda: keras.applications.ConvNeXtTiny(**image),
    "densenet": lambda: keras.applications.DenseNet121(**image), "transformer": transformer, "lstm": lstm, "unet": unet,
}[name]()
share_weights(model, os.path.join(folder, "weights.npz"))
x = np.random.default_rng(3).random((batch, *model.input_shape[1:]), dtype=np.float32)
run = lambda: model.predict_on_batch(x)
if kind == "raw":
    import openvino, tensorflow as tf
    signature = tf.function(lambda t: model(t, training=False)).get_concrete_function(tf.TensorSpec(x.shape, tf.float32))
    request = openvino.compile_model(openvino.convert_model(signature), "CPU",
                                     {"INFERENCE_PRECISION_HINT": precision}).create_infer_request()
    run = lambda: request.infer([x], share_inputs=True)[0]
start = time.perf_counter()
np.save(os.path.join(folder, f"{kind}.{precision}.npy"), np.asarray(run()).astype("float32"))
answer(time.perf_counter() - start)
serve(lambda step: seconds(run, 1))
"""

MODELS = ["mobilenet", "resnet50", "efficientnet", "convnext", "densenet", "transformer", "lstm", "unet"]
KINDS = {"jax": "jax", "raw": "tensorflow", "kvino": "kvino", "openvino": "openvino", "tensorflow": "tensorflow"}


def row(name, batch, precision, kinds, rounds, folder):
    """The cells of one row of the table; a kind that does not run has a dash."""
    workers = {}
    for kind in kinds:
        wanted = "f32" if kind in ("jax", "tensorflow") else precision
        try:
            workers[kind] = peers.Worker(KINDS[kind], WORKER, name, batch, wanted, kind, folder)
        except RuntimeError as error:
            print(f"{name}, {kind}: not measured: {error}", file=sys.stderr)
    medians = peers.medians({k: functools.partial(w.ask, "run") for k, w in workers.items()}, rounds, budget=10)
    for worker in workers.values():
        worker.close()
    cells = [name, batch, precision]
    for kind in kinds:
        value, raw = medians.get(kind), medians.get("raw")
        numbers = isinstance(value, float) and isinstance(raw, float)
        cells += [f"{1e3 * value:.2f}" if isinstance(value, float) else "-", f"{value / raw:.2f}x" if numbers else ""]
    paths = [os.path.join(folder, file) for file in (f"kvino.{precision}.npy", "jax.f32.npy")]
    if all(map(os.path.exists, paths)):
        got, exact = map(np.load, paths)
        return cells + [f"{np.abs(got - exact).max() / np.abs(exact).max():.1e}"]
    return cells + ["-"]


def rows(arguments, kinds):
    for name in arguments.models.split(","):
        for batch in map(int, arguments.batches.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                for precision in arguments.precisions.split(","):
                    yield row(name, batch, precision, kinds, arguments.rounds, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--precisions", default="f32,bf16")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    kinds = arguments.kinds.split(",")
    print(common.machine())
    header = ["model", "batch", "precision", *[cell for kind in kinds for cell in (f"{kind} ms", "")], "kvino from jax f32"]
    common.stream(header, rows(arguments, kinds))



if __name__ == "__main__":
    sys.exit(main())
