"""keras.applications, one of each family: saved by Keras with random weights, run from C on the CPU, compared with Keras.

KVINO_LIBRARY=build/release/libkvino.so python tests/applications.py [NAME ...]
"""

import os
import pathlib
import sys
import tempfile
import time

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(pathlib.Path(__file__).parent / "python"))

import keras
import numpy as np

import capi

SIZES = {
    "ConvNeXtTiny": 32, "DenseNet121": 32, "EfficientNetB0": 32, "EfficientNetV2B0": 32, "InceptionResNetV2": 75, "InceptionV3": 75, "MobileNet": 32,
    "MobileNetV2": 32, "MobileNetV3Large": 32, "MobileNetV3Small": 32, "NASNetMobile": 32, "ResNet50": 32, "ResNet50V2": 32, "VGG16": 32, "Xception": 71,
}
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
    size = SIZES[name]
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), include_top=False, pooling="avg")
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


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        bad = [name for name in sys.argv[1:] or SIZES if not run(name, pathlib.Path(folder))]
    sys.exit(f"above {TOLERANCE}: {', '.join(bad)}" if bad else 0)
