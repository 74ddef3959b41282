"""A Keras model's predict and an eager op: kvino against Keras's own OpenVINO backend, JAX and TensorFlow, in one run.

    .venv/bin/python bench/keras_models.py [--rounds N] [--size 224] [--batch 1]

Each backend is a process of its own, asked in turns for one timed step, so that all see the same machine. MobileNetV2 has
random weights, the same for all; every output is compared with JAX's. Keras's OpenVINO backend is held to f32, as kvino is by
default.
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
weights, size, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
import keras
model = keras.applications.MobileNetV2(input_shape=(size, size, 3), weights=None, classifier_activation=None)
share_weights(model, weights + ".npz")
x = np.random.default_rng(3).random((batch, size, size, 3), dtype=np.float32)
a = keras.ops.convert_to_tensor(np.ones((64, 64), np.float32))
steps = {
    "predict": lambda: model.predict_on_batch(x),
    "predict loop": lambda: model.predict(x, verbose=0),
    "eager add": lambda: keras.ops.convert_to_numpy(keras.ops.add(a, a)),
}
start = time.perf_counter()
first = np.asarray(model.predict_on_batch(x))
np.save(weights + "." + backend + ".npy", first)
answer(time.perf_counter() - start)
repeat = {"predict": 1, "predict loop": 1, "eager add": 1 if backend == "openvino" else 200}
serve(lambda step: seconds(steps[step], repeat[step]))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--backends", default="jax,kvino,openvino,tensorflow")
    arguments = parser.parse_args()
    print(common.machine())
    with tempfile.TemporaryDirectory() as folder:
        weights = os.path.join(folder, "weights")
        workers = peers.start(arguments.backends.split(","), WORKER, weights, arguments.size, arguments.batch)
        outputs = {backend: np.load(f"{weights}.{backend}.npy") for backend in workers}
        rows = []
        medians = {
            step: peers.medians({backend: functools.partial(worker.ask, step) for backend, worker in workers.items()},
                                arguments.rounds, budget=5)
            for step in ("predict", "predict loop", "eager add")
        }
        for backend, worker in workers.items():
            difference = abs(outputs[backend] - outputs["jax"]).max() if "jax" in outputs else float("nan")
            row = [backend, f"{1e3 * worker.first:.0f}"]
            for step, values in medians.items():
                unit = 1e6 if step == "eager add" else 1e3
                row += [f"{unit * values[backend]:.2f}", f"{values[backend] / values.get('kvino', values[backend]):.2f}x"]
            rows.append(row + [f"{difference:.1e}"])
            worker.close()
    common.table([f"MobileNetV2 {arguments.size}, batch {arguments.batch}", "first ms", "predict_on_batch ms", "", "predict ms", "",
                  "add 64x64 us", "", "from jax"], rows)


if __name__ == "__main__":
    sys.exit(main())
