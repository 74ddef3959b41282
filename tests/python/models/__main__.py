"""See __init__.py."""

import json
import pathlib
import shutil
import sys
import traceback
import zlib

import h5py
import keras
import numpy as np

import models


def classes(value):
    """Every class_name in a configuration."""
    if isinstance(value, dict):
        name = value.get("class_name")
        return ({name} if isinstance(name, str) else set()).union(*map(classes, value.values()), set())
    return set().union(*map(classes, value)) if isinstance(value, list) else set()


def draw_weights(model, rng):
    drawn = []
    for variable in model.weights:
        shape, dtype = tuple(variable.shape), keras.backend.standardize_dtype(variable.dtype)
        if not dtype.startswith(("float", "bfloat")):
            drawn.append(keras.ops.convert_to_numpy(variable))
        elif "variance" in variable.path:
            drawn.append(rng.uniform(0.5, 1.5, shape).astype("float32"))
        else:
            size = min(0.5, (3 / max(1, np.prod(shape[:-1]))) ** 0.5)  # sums of many products stay of size 1
            drawn.append(rng.uniform(-size, size, shape).astype("float32"))
    model.set_weights(drawn)
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state"):  # what it has learned is copied from its weights
            layer.finalize_state()


def draw_input(x, rng):
    shape = [n or 3 for n in x.shape]
    if x.dtype == "string":
        return rng.choice(["a", "b", "see", "The cat, the DOG!", "", "Ä ö"], shape)
    if x.dtype.startswith(("int", "uint")):
        return rng.integers(0, 5, shape).astype(x.dtype)
    if x.dtype == "bool":
        return rng.random(shape) < 0.5
    return rng.uniform(-1, 1, shape).astype(x.dtype)


def plain(y):
    """An array; strings, which TensorFlow has as objects, as NumPy's."""
    y = np.asarray(y)
    return np.array([text.decode() for text in y.ravel()], "U").reshape(y.shape) if y.dtype == object else y


def write(folder, name, case):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    keras.utils.set_random_seed(1)
    keras.backend.clear_session()
    model = case(keras)
    model, inputs = model if isinstance(model, tuple) else (model, None)
    draw_weights(model, rng)
    if change := getattr(case, "change", None):
        change(keras, model)
    inputs = [np.asarray(x) for x in inputs] if inputs else [draw_input(x, rng) for x in model.inputs]
    names = [x.name for x in model.inputs]
    given = dict(zip(names, inputs)) if isinstance(getattr(model, "_inputs_struct", None), dict) else inputs[0] if len(inputs) == 1 else inputs
    given = keras.tree.map_structure(keras.ops.convert_to_tensor, given)
    outputs = keras.tree.flatten(model(given, training=False))
    if getattr(case, "archive", True):
        model.save(folder / f"{name}.keras")
    try:
        if getattr(case, "hdf5", True):
            model.save(folder / f"{name}.h5")
    except (NotImplementedError, TypeError):  # layers that Keras itself cannot write so
        (folder / f"{name}.h5").unlink(missing_ok=True)
    if getattr(case, "weights_apart", False):
        (folder / f"{name}.json").write_text(model.to_json())
        model.save_weights(folder / f"{name}.weights.h5")
        model.save_weights(folder / f"{name}.weights.json", max_shard_size=200 / 1024**3)
    config = keras.saving.serialize_keras_object(model)
    np.savez(folder / f"{name}.npz", classes=sorted(classes(config)),
             policies=sorted({layer.compute_dtype for layer in model.layers}), **{f"x{i}": x for i, x in enumerate(inputs)},
             **{f"y{i}": plain(y) for i, y in enumerate(outputs)})


def write_old(folder, name, case, change):
    shutil.copy(folder / f"{case}.h5", folder / f"{name}.h5")
    with h5py.File(folder / f"{name}.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config["config"]["layers"][-1])
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.11.0"
    np.savez(folder / f"{name}.npz", **{**np.load(folder / f"{case}.npz"), "classes": sorted(classes(config))})


if __name__ == "__main__":
    for line in sys.stdin:
        family, folder = line.split()
        try:
            for name, case in models.cases(family).items():
                write(pathlib.Path(folder), name, case)
            for name, (case, change) in models.old(family).items():
                write_old(pathlib.Path(folder), name, case, change)
            print("DONE", flush=True)
        except Exception as failure:
            traceback.print_exc()
            print("FAILED", family, name, failure, flush=True)
