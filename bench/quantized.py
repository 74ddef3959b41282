"""Quantized models: 6 x (Dense 4096, Dense 1024) as Keras quantizes it, kvino against JAX and Keras's OpenVINO backend, in one run.

    .venv/bin/python bench/quantized.py [--rows 1,64] [--modes int8,...] [--kinds kvino,jax,openvino] [--rounds N]

Each mode and backend is a process of its own that loads the .keras file, asked in turns. Milliseconds of predict_on_batch, behind
them the ratio to the same backend's float32; then the file's size and kvino's largest memory of loading it and predicting once,
less that of a process that has imported Keras.
"""

import argparse
import functools
import os
import subprocess
import sys
import tempfile

import common
import peers

WRITER = r"""
import sys
import keras
from keras import layers, quantizers
mode, path = sys.argv[1:]
keras.utils.set_random_seed(1)
widths = [4096, 1024] * 6
model = keras.Sequential([keras.Input((1024,))] + [layers.Dense(n) for n in widths])
configs = {
    "int8 weights": ("int8", quantizers.Int8QuantizationConfig(activation_quantizer=None)),
    "int4 columns": ("int4", quantizers.Int4QuantizationConfig(block_size=-1)),
}
if mode != "float32":
    kind, config = configs.get(mode, (mode, None))
    model.quantize(kind, config=config)
model.save(path)
"""

WORKER = r"""
import numpy as np
import keras
path = sys.argv[1]
def memory(field):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field)) / 1e3
bare = memory("VmRSS")
model = keras.models.load_model(path)
inputs = {n: np.random.default_rng(3).normal(size=(n, 1024)).astype("float32") for n in map(int, sys.argv[2:])}
first = next(iter(inputs.values()))
model.predict_on_batch(first)
answer(memory("VmHWM") - bare)

def step(rows):
    run = lambda: model.predict_on_batch(inputs[rows])
    run()  # the other processes have had the caches
    return seconds(run, 10)

serve(step)
"""

MODES = ["float32", "int8", "int8 weights", "int4", "int4 columns", "float8"]
KINDS = ["kvino", "jax", "openvino"]


def measure(arguments):
    """The rows of the table, of float32 first, which the others are compared with."""
    rows, kinds = [int(n) for n in arguments.rows.split(",")], arguments.kinds.split(",")
    plain = {}
    with tempfile.TemporaryDirectory() as folder:
        for mode in ["float32", *arguments.modes.split(",")]:
            path = os.path.join(folder, "model.keras")
            subprocess.run([sys.executable, "-c", WRITER, mode, path], check=True, env=dict(os.environ, KERAS_BACKEND="jax"))
            workers = {}
            for kind in kinds:
                try:
                    workers[kind] = peers.Worker(kind, WORKER, path, *rows)
                except RuntimeError as error:
                    print(f"{mode}, {kind}: not measured: {error}", file=sys.stderr)
            peak = workers["kvino"].first if "kvino" in workers else float("nan")
            for n in rows:
                medians = peers.medians({k: functools.partial(w.ask, n) for k, w in workers.items()}, arguments.rounds, budget=10)
                cells = [mode, n]
                for kind in kinds:
                    value, of = medians.get(kind), plain.setdefault((n, kind), medians.get(kind))
                    measured = isinstance(value, float) and isinstance(of, float)
                    cells += [f"{1e3 * value:.2f}" if isinstance(value, float) else "-", f"{value / of:.2f}x" if measured else ""]
                yield [*cells, f"{os.path.getsize(path) / 1e6:.0f}", f"{peak:.0f}"]
            for worker in workers.values():
                worker.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", default="1,64")
    parser.add_argument("--modes", default=",".join(MODES[1:]))
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    print(common.machine())
    header = [cell for kind in arguments.kinds.split(",") for cell in (f"{kind} ms", "")]
    common.stream(["weights", "rows", *header, "file MB", "kvino peak MB"], measure(arguments))


if __name__ == "__main__":
    sys.exit(main())
