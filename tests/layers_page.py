"""docs/layers.md: the layers that are read from files in C, and how near to Keras's their results are.

KVINO_LIBRARY=build/release/libkvino.so .venv/bin/python tests/layers_page.py > docs/layers.md     # some minutes

Every model of tests/python/models is saved by Keras and run; a row has the largest difference, relative to the model's largest
value, in any model that holds the layer.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parent / "python"))

import numpy as np

import capi
import models
import test_stateful_files

PYTHON = pathlib.Path(__file__).parent / "python"
DEVICES = ("CPU", "native")
HEAD = """# Layers read in C

Printed by `tests/layers_page.py` from the models of `tests/python/models`, which Keras saves and computes with NumPy
(those of texts with TensorFlow).

*Models*: how many hold the layer. *CPU*, *native*: the largest difference from Keras in any of them, relative to the
model's largest value or 1; models that compute in 16 bits are left out of that. Where there is no number, the layer is
one of Keras 1 and 2 alone, which other tests compare with Keras 2. What is not read: [Model files in
C](files.md#what-is-not-read).

| layer | models | CPU | native |
|---|---|---|---|"""


def gap(got, wanted):
    got, wanted = got.astype("float64"), wanted.astype("float64")
    return float(np.abs(got - wanted).max(initial=0) / max(1, np.abs(wanted).max(initial=0)))


def difference(folder, name, device, data):
    path = next(p for p in (folder / f"{name}.keras", folder / f"{name}.h5") if p.exists())
    model = capi.Model(str(path), device)
    outputs = model(*(data[f"x{i}"] for i in range(len(model.inputs))))
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return max((gap(y, data[f"y{i}"]) for i, y in enumerate(outputs) if y.dtype.kind in "fiub"), default=0.0)


def of_family(folder, family):
    """[(classes of a model, {device: difference}), ...]"""
    for name in [*models.cases(family), *models.old(family)]:
        data = np.load(folder / f"{name}.npz")
        half = "float16" in str(data["policies"])
        yield data["classes"].tolist(), {} if half else {device: difference(folder, name, device, data) for device in DEVICES}


def of_families(families):
    """The same for several, which one process of Keras saves."""
    keras = subprocess.Popen([sys.executable, "-m", "models"], cwd=PYTHON, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True, env=dict(os.environ, KERAS_BACKEND=models.backend(families[0])))
    found = []
    for family in families:
        with tempfile.TemporaryDirectory() as folder:
            print(family, folder, file=keras.stdin, flush=True)
            answer = next((line for line in keras.stdout if line.startswith(("DONE", "FAILED"))), "Keras has died")
            assert answer.startswith("DONE"), answer
            found += of_family(pathlib.Path(folder), family)
            print(family, len(found), file=sys.stderr, flush=True)
    keras.stdin.close()
    keras.wait()
    return found


STATEFUL = " (stateful=True)"


def stateful():
    """The same of the models that keep states, in all calls of their test."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", test_stateful_files.WRITE, folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env=dict(os.environ, KERAS_BACKEND="numpy"))
        for name in test_stateful_files.NAMES:
            path, data = pathlib.Path(folder) / f"{name}.keras", np.load(f"{folder}/{name}.npz")
            found = {}
            for device in DEVICES if name != "half" else ():
                called = test_stateful_files.calls(capi.Model(path, device), data["x"])
                found[device] = max(gap(y, data[f"y{i}_{k}"]) for i, outputs in enumerate(called) for k, y in enumerate(outputs))
            with zipfile.ZipFile(path) as archive:
                yield sorted(with_states(json.loads(archive.read("config.json")))), found


def with_states(value):
    """The classes of a configuration's layers with stateful=True."""
    if isinstance(value, dict):
        config = value.get("config")
        own = {value["class_name"] + STATEFUL} if isinstance(config, dict) and config.get("stateful") is True else set()
        return own.union(*map(with_states, value.values()))
    return set().union(*map(with_states, value)) if isinstance(value, list) else set()


def main():
    counts, worst = collections.Counter(), collections.defaultdict(dict)
    numpy = [family for family in models.FAMILIES if models.backend(family) == "numpy"]
    others = [[family] for family in models.FAMILIES if family not in numpy]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for part in pool.map(of_families, [numpy[::2], numpy[1::2], *others]):
            for classes, differences in part:
                counts.update(classes)
                for layer in classes:
                    for device, value in differences.items():
                        worst[layer][device] = max(worst[layer].get(device, 0.0), value)
    for classes, differences in stateful():
        counts.update(classes)
        for layer in classes:
            for device, value in differences.items():
                worst[layer][device] = max(worst[layer].get(device, 0.0), value)
    print(HEAD)
    known = [capi.lib.kvino_layer_class_name(capi.C.c_size_t(i)).decode() for i in range(capi.lib.kvino_layer_class_count())]
    kept = {name for name in counts if name.endswith(STATEFUL)}
    for name in sorted(set(known) - {"Operation"} | kept):
        written = "GroupQueryAttention" if name == "GroupedQueryAttention" else name  # what Keras writes
        figures = [f"{worst[written][device]:.1e}" if device in worst[written] else "" for device in DEVICES]
        print(f"| {name} | {counts[written] or ''} | {' | '.join(figures)} |")


if __name__ == "__main__":
    main()
