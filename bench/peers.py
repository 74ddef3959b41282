"""Peers in processes of their own, each asked in turns for one timed step, so that all see the same machine."""

import json
import os
import subprocess
import sys

import common

# What every worker begins with: `answer` writes one line of JSON, `serve` answers each line of standard input.
PROLOGUE = r"""
import json, os, sys, time
_log, sys.stdout = sys.stdout, sys.stderr
backend = os.environ["KERAS_BACKEND"]
if backend == "openvino":  # without this the plugin computes in bf16 where the processor has it
    import openvino as ov
    _compile = ov.compile_model
    ov.compile_model = lambda model, device="CPU", config=None: _compile(
        model, device, {"INFERENCE_PRECISION_HINT": "f32", **(config or {})})

def answer(value):
    print(json.dumps(value), file=_log, flush=True)

def share_weights(model, path):
    # The first process draws them, with statistics that a trained network might have, so that every layer matters.
    import numpy as np
    if os.path.exists(path):
        with np.load(path) as stored:
            model.set_weights([stored[k] for k in stored.files])
        return
    rng = np.random.default_rng(7)
    for v in model.variables:
        if v.name in ("moving_variance", "gamma"):
            v.assign(rng.uniform(0.5, 1.5, v.shape))
        elif v.name in ("beta", "moving_mean"):
            v.assign(rng.normal(0, 0.1, v.shape))
    np.savez(path, *[np.asarray(w) for w in model.get_weights()])

def seconds(run, n):
    start = time.perf_counter()
    for _ in range(n):
        run()
    return (time.perf_counter() - start) / n

def serve(step):
    for line in sys.stdin:
        try:
            value = step(json.loads(line))
        except Exception as error:
            value = f"{type(error).__name__}: {error}"
        answer(value)
"""


class Worker:
    """A process that runs PROLOGUE and `script` under a Keras backend; `first` is the first line that it answers."""

    def __init__(self, backend, script, *arguments):
        environment = dict(os.environ, KERAS_BACKEND=backend, TF_CPP_MIN_LOG_LEVEL="3", JAX_PLATFORMS="cpu")
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROLOGUE + script, *map(str, arguments)], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE if backend != "kvino" else None)
        line = self.process.stdout.readline()
        if not line:
            reason = (self.process.stderr.read() if self.process.stderr else "").strip().splitlines()
            raise RuntimeError(reason[-1] if reason else "the process ended")
        self.first = json.loads(line)

    def ask(self, step):
        """Seconds, or the words of an error."""
        self.process.stdin.write(json.dumps(step) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start(backends, script, *arguments):
    """{backend: Worker}; a backend that cannot be started is named and left out."""
    workers = {}
    for backend in backends:
        try:
            workers[backend] = Worker(backend, script, *arguments)
        except RuntimeError as error:
            print(f"{backend}: not measured: {error}")
    return workers


def medians(runs, rounds, budget):
    """Median seconds of each of runs ({name: callable that gives seconds or an error's words}), asked in turns.

    One that has used more than `budget` seconds is asked in fewer turns (at least 3); an error stands in its place."""
    times = {name: [] for name in runs}
    for turn in range(rounds):
        for name, run in runs.items():
            values = times[name]
            if isinstance(values, str) or (turn >= 3 and sum(values) > budget):
                continue
            value = run()
            if isinstance(value, str):
                times[name] = value
            else:
                values.append(value)
    return {name: values if isinstance(values, str) else common.median(values) for name, values in times.items()}
