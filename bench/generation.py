"""Text generation with KerasHub's GPT-2 (124 million parameters, random weights): kvino against JAX, in one run, and against
what reading the weights once takes.

    .venv/bin/python bench/generation.py [--rounds N] [--dtypes float32,bfloat16]

A token: what 64 tokens after a prompt of 64 take more than one token after 127, by 63. Reading: a plain sum over as many bytes as the
float32 weights have, on as many threads as there are processors. The first token: one after a prompt of 512.
"""

import argparse
import concurrent.futures
import functools
import os
import sys
import time

import numpy as np

import common
import peers

PARAMETERS = 124_000_000

WORKER = r"""
import numpy as np
dtype, layers = sys.argv[1], int(sys.argv[2])
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras_hub
backbone = keras_hub.models.GPT2Backbone(50257, layers, 12, 768, 3072, max_sequence_length=1024, dtype=dtype)
model = keras_hub.models.GPT2CausalLM(backbone, preprocessor=None, dtype=dtype)
model.compile(sampler="greedy")
rng = np.random.default_rng(3)

def generate(prompt, length):
    inputs = {"token_ids": rng.integers(0, 50257, (1, length)).astype("int32"), "padding_mask": np.arange(length)[None] < prompt}
    return lambda: model.generate(inputs, stop_token_ids=None)

steps = {"tokens": generate(64, 128), "one": generate(127, 128), "first": generate(512, 513)}

def memory():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1e3

before = memory()
start = time.perf_counter()
for step in steps.values():
    step()
answer(time.perf_counter() - start)
steps["memory"] = None
serve(lambda step: memory() - before if step == "memory" else seconds(steps[step], 1))
"""


def reader(n_bytes):
    """Sums as many bytes of floats."""
    parts = np.array_split(np.ones(n_bytes // 4, np.float32), len(os.sched_getaffinity(0)))
    pool = concurrent.futures.ThreadPoolExecutor(len(parts))
    return lambda: list(pool.map(np.sum, parts))


def seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--backends", default="jax,kvino")
    arguments = parser.parse_args()
    print(common.machine())
    read = reader(4 * PARAMETERS)
    rows, floats = [], None
    for dtype in arguments.dtypes.split(","):
        workers = peers.start(arguments.backends.split(","), WORKER, dtype, arguments.layers)
        runs = {(backend, step): functools.partial(worker.ask, step)
                for backend, worker in workers.items() for step in ("tokens", "one", "first")}
        runs["read", ""] = lambda: seconds(read)
        medians = peers.medians(runs, arguments.rounds, budget=60)
        for backend, worker in workers.items():
            token = (medians[backend, "tokens"] - medians[backend, "one"]) / 63
            if backend == "kvino" and dtype == "float32":
                floats = token
            rows.append([backend, dtype, f"{1e3 * token:.1f}", f"{token / medians['read', '']:.2f}",
                         f"{token / floats:.2f}" if backend == "kvino" and floats else "",
                         f"{1e3 * medians[backend, 'first']:.0f}", f"{worker.first:.1f}", f"{worker.ask('memory'):.0f}"])
            worker.close()
        print(f"reading {4 * PARAMETERS / 1e6:.0f} MB: {1e3 * medians['read', '']:.1f} ms", flush=True)
    common.table(["backend", "dtype", "token ms", "of reading", "of float32", "first token of 512 ms", "first calls s", "more MB"],
                 rows)


if __name__ == "__main__":
    sys.exit(main())
