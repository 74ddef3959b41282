"""KerasHub's backbones and tasks, small and with random weights, on kvino against JAX: the eager call and predict.

    .venv/bin/python tests/keras/kerashub.py --source keras-hub [--keep FOLDER] [part of a test file's name ...]

The models are those of KerasHub's own tests, which its wheel does not have: --source is a checkout of keras-team/keras-hub in the
version of requirements/hub.txt. A line for each: the greatest difference from JAX's predict, relative to the greatest number in an
output, of the call and of predict; the segments of the compiled model, and why a node of it is native, or why it runs eagerly; where it differs, how far float32's
last digit of the weights moves it (ten times that is taken for equal), or what is known of it (KNOWN). JAX takes the most of the time: --keep has its results for the next run. Exits with 1 where a model that is not listed there differs by more than 1e-3, or fails.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import traceback
import warnings

import numpy as np
import pytest

CLOSE = 1e-3
DIFFERS = 3  # what a process ends with that went through all files and found differences
# What differs from JAX, and why.
KNOWN = {
    "depth_anything_backbone": "KerasHub's own code refuses every backend but TensorFlow, JAX and PyTorch",
    "depth_anything_depth_estimator": "as its backbone",
    **{f"d_fine_backbone_denoising_eval_{part}": "denoising draws noise, another with each backend" for part in ("first", "middle", "last")},
    **{f"gemma3n_causal_lm_{part}": "its constructor takes the embedding as it is drawn there for a constant, on every backend"
       for part in ("text_only", "vision_text", "audio_text", "multimodal")},
    "d_fine_object_detector_denoising": "denoising draws noise, another with each backend",
}
METHODS = ("run_backbone_test", "run_vision_backbone_test", "run_task_test")


class Captured(Exception):
    """Ends a test of KerasHub's when it has said what its model is."""


def configurations(path, source):
    """(name, its class, arguments and data) of the models that a test file tries."""
    import tensorflow  # noqa: F401 - before KerasHub's tests, which take parts of it by name
    from keras_hub.src.tests.test_case import TestCase

    def capture(self, cls, init_kwargs, data=None, *args, **kwargs):
        raise Captured(cls, init_kwargs, kwargs.get("input_data", kwargs.get("train_data", data)))

    for method in METHODS:
        setattr(TestCase, method, capture)
    TestCase.get_test_data_dir = lambda self: str(source / "keras_hub/src/tests/test_data")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    cases = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, TestCase) and c.__module__ == path.stem]
    seen = set()
    for case in cases:
        for name in (name for name in dir(case) if re.match("test_.*basics|test_segformer_segmenter_construction", name)):
            label = f"{path.stem.removesuffix('_test')}{name.partition('basics')[2]}"
            label += f"_{case.__name__}" if label in seen else ""
            seen.add(label)
            try:
                test = case(name)
                test.setUp()
                getattr(test, name)()
            except Captured as captured:
                yield label, *captured.args
            except (Exception, pytest.skip.Exception) as error:
                yield label, error, None, None


def inputs(model, data):
    """What the model itself is given: a task's preprocessor goes first."""
    import keras

    if getattr(model, "preprocessor", None) is not None:
        data = model.preprocessor(*data)
    data = keras.utils.unpack_x_y_sample_weight(data)[0]
    return keras.tree.map_structure(lambda x: np.asarray(keras.ops.convert_to_numpy(x)), data)


def drawn(weights):
    """Random numbers in place of kernels and of what is initialized with any: each backend draws others. Zeros and ones stay."""
    rng = np.random.default_rng(4)

    def draw(w):
        if w.dtype.kind != "f" or w.size < 2 or (w.ndim == 1 and (w == w[0]).all()):
            return w
        return rng.normal(0, 1 / np.sqrt(np.prod(w.shape[:-1]) if w.ndim > 1 else w.size), w.shape).astype(w.dtype)

    return [draw(w) for w in weights]


def numbers(outputs):
    import keras

    return [np.asarray(keras.ops.convert_to_numpy(x), "float64") for x in keras.tree.flatten(outputs)]


def predicted(model, data):
    return numbers(model.predict(data, batch_size=64, verbose=0))


def predicted_by_jax(model, data):
    """JAX's predict; eager where the model cannot be compiled for it, as when a number of steps is one of its inputs."""
    values = [(v, v.numpy()) for v in model.variables]
    try:
        return predicted(model, data)
    except Exception:
        for variable, value in values:  # gone with the attempt
            variable.assign(value)
        model.run_eagerly = True
        model.make_predict_function(force=True)
        return predicted(model, data)


def difference(ours, theirs):
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape:
            return np.inf
        if not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return np.nan
        a, b = (np.nan_to_num(x, posinf=0, neginf=0) for x in (a, b))
        worst = max(worst, np.abs(a - b).max(initial=0) / max(1.0, np.abs(b).max(initial=0)))
    return worst


def sensitivity(model, data):
    """How far the outputs move when float32's last digit of each weight does. What differs by no more is as exact as float32 lets it be:
    some of the models normalize two or three numbers that are nearly equal."""
    weights, before, worst, rng = model.get_weights(), predicted(model, data), 0.0, np.random.default_rng(5)
    for _ in range(3):
        model.set_weights([w * (1 + rng.choice([-1, 1], w.shape) * 2.0**-23).astype(w.dtype) if w.dtype == "float32" else w for w in weights])
        worst = max(worst, difference(predicted(model, data), before))
    return worst


def plan(model, caught):
    """How predict ran: in how many segments, and for what reasons."""
    eager = [str(w.message) for w in caught if "runs eagerly" in str(w.message)]
    if eager:
        return eager[0]
    steps = model.predict_function.start.__self__.compiled.values()
    lines = [line for step in steps for line in step.executable.executable.describe().splitlines()]
    reasons = dict.fromkeys(reason for line in lines if "native" in line for reason in re.findall(r"\((.*)\)$", line))
    return f"{len(lines)} segments  {'; '.join(reasons)}".rstrip()


def compute(paths, source, folder):
    """In a process of one backend: JAX writes weights, inputs and results down; kvino reads them, and prints a line for each model."""
    import keras

    warnings.simplefilter("ignore")
    import keras_hub  # noqa: F401

    bad = []
    for path in paths:
        print(f"@{path}", flush=True)  # what a process was at that ends early
        for label, cls, settings, data in configurations(path, source):
            file = folder / f"{path.parent.name} {label}.npz"
            if isinstance(cls, BaseException):
                if keras.config.backend() != "jax":
                    print(f"{label}: no configuration: {type(cls).__name__}: {str(cls).splitlines()[0][:200]}", flush=True)
                continue
            if (keras.config.backend() == "jax") == file.exists():  # kept from an earlier run; or nothing to compare with
                continue
            try:
                keras.utils.set_random_seed(3)
                model = cls(**settings)
                data = inputs(model, data)
                model.preprocessor = None
                model.set_weights(drawn(model.get_weights()))
                if keras.config.backend() == "jax":
                    arrays = {f"{kind} {i}": x for kind, values in (("input", keras.tree.flatten(data)), ("output", predicted_by_jax(model, data)))
                              for i, x in enumerate(values)}
                    np.savez(file, **arrays)
                    continue
                with np.load(file) as reference:
                    given, wanted = ([reference[name] for name in reference.files if name.startswith(kind)] for kind in ("input", "output"))
                data = keras.tree.pack_sequence_as(data, given)
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    predict = difference(predicted(model, data), wanted)
                call = difference(numbers(model.predict_step(keras.utils.pack_x_y_sample_weight(data))), wanted)  # a detector's gives boxes
                good = max(call, predict) < CLOSE  # False for NaN, too
                line = f"call {call:.1e}  predict {predict:.1e}  {plan(model, caught)}"
                if not good:
                    moves = sensitivity(model, data)
                    good = max(call, predict) < 10 * moves
                    line += f"  (the last digit of the weights moves it by {moves:.1e})"
            except Exception as error:
                if os.environ.get("KERASHUB_TRACEBACK"):
                    traceback.print_exc()
                good, line = False, f"fails: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"
            if keras.config.backend() == "jax":
                print(f"{label} on JAX: {line}", flush=True)
                continue
            if not good and label not in KNOWN:
                bad.append(label)
            print(f"{label}: {line}" + (f"  ({KNOWN[label]})" if label in KNOWN else ""), flush=True)
    return bad


def in_process(backend, paths, source, folder):
    """Goes through all files with a backend, in one process as long as it lives. True if all is well."""
    environment = dict(
        os.environ, KERAS_BACKEND=backend, JAX_PLATFORMS="cpu", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="",
        XLA_FLAGS="--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    )  # fmt: skip
    good = True
    while paths:
        command = [sys.executable, __file__, "--compute", json.dumps([[str(p) for p in paths], str(source), str(folder)])]
        last = paths[0]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            for line in process.stdout:
                if line.startswith("@"):
                    last = pathlib.Path(line[1:].strip())
                else:
                    print(line, end="", flush=True)
        if process.returncode in (0, DIFFERS):
            return good and not process.returncode
        good = False
        print(f"{last.stem}: the process ended with {process.returncode} on {backend}", flush=True)
        paths = paths[paths.index(last) + 1 :]
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", type=pathlib.Path, required=True, help="a checkout of keras-team/keras-hub")
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for JAX's results")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    paths = sorted(
        path for path in arguments.source.glob("keras_hub/src/models/**/*_test.py")
        if any(method in path.read_text() for method in METHODS) and any(n in path.stem for n in arguments.names or [""])
    )  # fmt: skip
    if not paths:
        sys.exit(f"No tests of models in {arguments.source}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or temporary
        results = [in_process(backend, paths, arguments.source, folder) for backend in ("jax", "kvino")]
    return 0 if results[1] else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--compute"]:
        paths, source, folder = json.loads(sys.argv[2])
        sys.exit(DIFFERS if compute([pathlib.Path(p) for p in paths], pathlib.Path(source), pathlib.Path(folder)) else 0)
    sys.exit(main())
