"""A Keras model's predict and an eager op: kvino against Keras's own OpenVINO backend, JAX and TensorFlow, in one run.

    .venv/bin/python bench/keras_models.py [--rounds N] [--size 224] [--batch 1]

Each backend is a process of its own, asked in turns for one timed step, so that all see the same machine. MobileNetV2 has
random weights, the same for all; every output is compared with JAX's. Keras's OpenVINO backend is held to f32, as kvino is by
default.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

import common

WORKER = r"""
import json, os, sys, time
import numpy as np
weights, size, batch, log = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.stdout
sys.stdout = sys.stderr
backend = os.environ["KERAS_BACKEND"]
if backend == "openvino":  # without this the plugin computes in bf16 where the processor has it
    import openvino as ov
    original = ov.compile_model
    ov.compile_model = lambda model, device="CPU", config=None: original(
        model, device, {"INFERENCE_PRECISION_HINT": "f32", **(config or {})})
import keras
model = keras.applications.MobileNetV2(input_shape=(size, size, 3), weights=None, classifier_activation=None)
if os.path.exists(weights):
    with np.load(weights) as stored:
        model.set_weights([stored[name] for name in stored.files])
else:
    rng = np.random.default_rng(7)
    for v in model.variables:  # statistics that a trained network might have, so that every layer matters
        if v.name == "moving_variance" or v.name == "gamma":
            v.assign(rng.uniform(0.5, 1.5, v.shape))
        elif v.name in ("beta", "moving_mean"):
            v.assign(rng.normal(0, 0.1, v.shape))
    np.savez(weights, *[np.asarray(w) for w in model.get_weights()])
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
print(json.dumps({"first": time.perf_counter() - start}), file=log, flush=True)
repeat = {"predict": 1, "predict loop": 1, "eager add": 1 if backend == "openvino" else 200}
for line in sys.stdin:
    step = line.strip()
    n = repeat[step]
    start = time.perf_counter()
    for _ in range(n):
        steps[step]()
    print((time.perf_counter() - start) / n, file=log, flush=True)
"""


class Worker:
    def __init__(self, backend, weights, size, batch):
        environment = dict(os.environ, KERAS_BACKEND=backend, TF_CPP_MIN_LOG_LEVEL="3", JAX_PLATFORMS="cpu")
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, weights, str(size), str(batch)], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE if backend != "kvino" else None)
        answer = self.process.stdout.readline()
        if not answer:
            reason = (self.process.stderr.read() if self.process.stderr else "").strip().splitlines()
            raise RuntimeError(reason[-1] if reason else "the process ended")
        self.first = json.loads(answer)["first"]

    def time(self, step):
        self.process.stdin.write(step + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--backends", default="jax,kvino,openvino,tensorflow")
    arguments = parser.parse_args()
    print(common.machine())
    with tempfile.TemporaryDirectory() as folder:
        weights = os.path.join(folder, "weights.npz")
        workers, outputs = {}, {}
        for backend in arguments.backends.split(","):
            try:
                workers[backend] = Worker(backend, weights, arguments.size, arguments.batch)
                outputs[backend] = np.load(f"{weights}.{backend}.npy")
            except RuntimeError as error:
                print(f"{backend}: not measured: {error}")
        rows, medians = [], {}
        for step in "predict", "predict loop", "eager add":
            times = {backend: [] for backend in workers}
            for turn in range(arguments.rounds):
                for backend, worker in workers.items():
                    if turn >= 5 and sum(times[backend]) > 5:
                        continue  # a slow peer is asked less often
                    times[backend].append(worker.time(step))
            medians[step] = {backend: common.median(values) for backend, values in times.items()}
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
