"""A page of the layers that are read from files in C, and how near to Keras's NumPy backend their results are.

KVINO_LIBRARY=build/release/libkvino.so .venv/bin/python tests/layers_page.py > layers.md

Every model of tests/python/models is saved by Keras and run; a row has the largest difference, relative to the model's largest
value, in any model that holds the layer.
"""

import collections
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent / "python"))

import numpy as np

import capi
import models

PYTHON = pathlib.Path(__file__).parent / "python"
HEAD = """# Layers read in C

Printed by `tests/layers_page.py` from the models of `tests/python/models`, which Keras saves and its NumPy backend runs. *Models*: how many hold the layer.
*CPU*, *native*: the largest difference from Keras in any of them, relative to the model's largest value or 1; models that compute in 16 bits are left out of that.

| layer | models | CPU | native |
|---|---|---|---|"""


def gap(got, wanted):
    got, wanted = got.astype("float64"), wanted.astype("float64")
    return float(np.abs(got - wanted).max(initial=0) / max(1, np.abs(wanted).max(initial=0)))


def results(folder, name, device):
    data = np.load(folder / f"{name}.npz")
    path = next(p for p in (folder / f"{name}.keras", folder / f"{name}.h5") if p.exists())
    model = capi.Model(str(path), device)
    outputs = model(*(data[f"x{i}"] for i in range(len(model.inputs))))
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return max((gap(y, data[f"y{i}"]) for i, y in enumerate(outputs) if y.dtype.kind in "fiub"), default=0.0)


def main():
    counts, worst = collections.Counter(), collections.defaultdict(lambda: collections.defaultdict(float))
    keras = subprocess.Popen([sys.executable, "-m", "models"], cwd=PYTHON, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True, env=dict(os.environ, KERAS_BACKEND="numpy"))
    for family in models.FAMILIES:
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            print(family, folder, file=keras.stdin, flush=True)
            answer = next(line for line in keras.stdout if line.startswith(("DONE", "FAILED")))
            assert answer.startswith("DONE"), answer
            for name in [*models.cases(family), *models.old(family)]:
                data = np.load(folder / f"{name}.npz")
                counts.update(data["classes"].tolist())
                if "float16" in str(data["policies"]):
                    continue
                for device in ("CPU", "native"):
                    difference = results(folder, name, device)
                    for layer in data["classes"]:
                        worst[str(layer)][device] = max(worst[str(layer)][device], difference)
    keras.stdin.close()
    keras.wait()
    print(HEAD)
    known = [capi.lib.kvino_layer_class_name(capi.C.c_size_t(i)).decode() for i in range(capi.lib.kvino_layer_class_count())]
    for name in sorted(set(known) - {"Operation"}):
        written = "GroupQueryAttention" if name == "GroupedQueryAttention" else name  # what Keras writes
        print(f"| {name} | {counts[written]} | {worst[written]['CPU']:.1e} | {worst[written]['native']:.1e} |")


if __name__ == "__main__":
    main()
