"""keras.applications, every architecture: saved by Keras with random weights, run from C on the CPU, compared with Keras on JAX.

KVINO_LIBRARY=build/release/libkvino.so .venv/bin/python tests/applications.py [NAME ...]

Not a part of `make test`: it takes half an hour, and ConvNeXtXLarge 8 GB. KERAS_BACKEND=tensorflow saves by, and compares with, TensorFlow.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(pathlib.Path(__file__).parent / "python"))

import keras
import numpy as np

import capi

SMALLEST = {"Inception": 75, "Xception": 71}  # sizes of images by the beginning of the name; 32 otherwise


def architectures():
    return [name for name in dir(keras.applications) if name[0].isupper() and callable(getattr(keras.applications, name))]


TOLERANCE = 1e-4  # relative to the largest value


def drawn(variable, rng):
    """Kernels as Keras draws them, which keeps deep models' values within bounds; what it begins with 0 or 1, around that."""
    value = np.asarray(variable)
    if value.ndim != 1 or value.dtype != np.float32:
        return value
    return value + rng.uniform(-0.1, 0.1, value.shape).astype("float32")


def run(name, folder):
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    size = next((size for begin, size in SMALLEST.items() if name.startswith(begin)), 32)
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=None)
    model.set_weights([drawn(v, rng) for v in model.weights])
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    x = rng.uniform(0, 255 if "Net" in name else 1, (2, size, size, 3)).astype("float32")
    wanted = np.asarray(model(x, training=False))
    path = folder / f"{name}.keras"
    model.save(path)
    begin = time.perf_counter()
    got = capi.Model(path, "CPU")(x)
    seconds = time.perf_counter() - begin
    path.unlink()
    difference = float(np.abs(got - wanted).max() / np.abs(wanted).max())
    print(f"{name:20} {model.count_params() / 1e6:7.1f} M  {difference:8.1e}  {seconds:5.1f} s", flush=True)
    return got.shape == wanted.shape and difference <= TOLERANCE


def alone(name):
    """In a process of its own, which gives its memory back."""
    return subprocess.run([sys.executable, __file__, name]).returncode == 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        bad = [name for name in sys.argv[1:] or architectures() if not alone(name)]
        sys.exit(f"above {TOLERANCE}: {', '.join(bad)}" if bad else 0)
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not run(sys.argv[1], pathlib.Path(folder)))
