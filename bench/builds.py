"""Two builds of kvino against each other, in one run: eager operators, nonzero, predict of Keras models, a step of training.

    .venv/bin/python bench/builds.py BEFORE AFTER [--only eager,nonzero,predict,training] [--rounds N]

BEFORE and AFTER are what PYTHONPATH is set to: `<build>/python` of two build trees. Each build is a process of its own, asked in turns.
The last column is AFTER's time by BEFORE's: below 1 is faster. Rows above 1.05 are marked.
"""

import argparse
import functools
import os
import sys
import tempfile

import common
import eager
import peers
import training

LIMIT = 1.05

NONZERO = r"""
import numpy as np
import kvino
def make(dtype, shape, density):
    rng = np.random.default_rng(0)
    return (rng.integers(1, 100, shape) * (rng.random(shape) < density)).astype(dtype)
made = {}
def step(request):
    key = tuple(map(str, request))
    if key not in made:
        made[key] = make(*request)
    x = made[key]
    return seconds(lambda: kvino.ops.nonzero(x), 1 if x.size > 10000 else 2000)
answer("ready")
serve(step)
"""
NONZERO_CASES = [(dtype, shape, density) for dtype in ("float32", "bool", "int64") for shape in ([5_000_000], [2000, 2500], [100])
                 for density in (0.01, 0.5)]

PREDICT = r"""
import numpy as np
name = sys.argv[1]
import keras
keras.utils.set_random_seed(1)
L = keras.layers
def encoder(x):
    for _ in range(4):
        x = L.LayerNormalization()(x + L.MultiHeadAttention(8, 32)(x, x))
        x = L.LayerNormalization()(x + L.Dense(256)(L.Dense(1024, "gelu")(x)))
    return x
if name == "transformer":
    i = keras.Input((128, 256))
    model = keras.Model(i, encoder(i))
elif name == "lstm":
    i = keras.Input((100, 64))
    model = keras.Model(i, L.LSTM(256)(L.LSTM(256, return_sequences=True)(i)))
else:
    model = getattr(keras.applications, name)(weights=None)
x = np.random.default_rng(3).random((1, *model.input_shape[1:]), dtype=np.float32)
model.predict_on_batch(x)
answer("ready")
serve(lambda step: seconds(lambda: model.predict_on_batch(x), 3))
"""
MODELS = ["MobileNetV2", "ResNet50", "EfficientNetB0", "transformer", "lstm"]


def workers(builds, script, *arguments):
    """{name: Worker} of both builds."""
    started = {}
    for name, path in builds.items():
        os.environ["PYTHONPATH"] = path
        started[name] = peers.Worker("kvino", script, *arguments)
    return started


def compare(title, started, requests, rounds, unit, budget):
    """requests: {row: what is asked}; prints a row each, gives the ratios."""
    rows, ratios = [], []
    for row, request in requests.items():
        runs = {name: functools.partial(worker.ask, request) for name, worker in started.items()}
        times = peers.medians(runs, rounds, budget)
        if any(isinstance(t, str) for t in times.values()):
            rows.append([row, times["before"], times["after"], "", ""])
            continue
        ratio = times["after"] / times["before"]
        ratios.append(ratio)
        rows.append([row, f"{unit * times['before']:.2f}", f"{unit * times['after']:.2f}", f"{ratio:.2f}",
                     "slower" if ratio > LIMIT else ""])
    common.table([title, "before", "after", "ratio", ""], rows)
    print(f"geometric mean {common.geometric_mean(ratios):.3f}, greatest {max(ratios, default=0):.2f}\n", flush=True)
    for worker in started.values():
        worker.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--only", default="eager,nonzero,predict,training")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--sizes", default="16,4096,1000000")
    arguments = parser.parse_args()
    builds, only = {"before": arguments.before, "after": arguments.after}, arguments.only.split(",")
    print(common.machine())
    if "eager" in only:
        for size in map(int, arguments.sizes.split(",")):
            for dtype in "float32", "int64":
                requests = {op: ["kvino", op, size, dtype, letters, extra] for op, (letters, *extra) in eager.OPS.items()}
                compare(f"{dtype}, {size} elements, us", workers(builds, eager.WORKER), requests, arguments.rounds, 1e6, 0.5)
    if "nonzero" in only:
        requests = {f"{dtype} {shape} {density}": [dtype, shape, density] for dtype, shape, density in NONZERO_CASES}
        compare("nonzero, us", workers(builds, NONZERO), requests, arguments.rounds, 1e6, 1)
    for name in MODELS if "predict" in only else []:
        compare(f"{name}, batch 1, ms", workers(builds, PREDICT, name), {"predict_on_batch": None}, 2 * arguments.rounds, 1e3, 10)
    for name in training.MODELS if "training" in only else []:
        with tempfile.TemporaryDirectory() as folder:
            compare(f"{name}, ms", workers(builds, training.WORKER, name, folder), {"step of fit": "fit"}, arguments.rounds, 1e3, 20)


if __name__ == "__main__":
    sys.exit(main())
