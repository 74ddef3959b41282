"""Keras in a process of its own, with a backend that is not kvino's: the reference for what the library writes and trains.

    keras = Keras("jax")
    keras("load", path=...)     # calls a function of this file by name; its arguments and its result are JSON
"""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent


class Keras:
    def __init__(self, backend):
        self.process = subprocess.Popen([sys.executable, "-m", "keras_process"], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=dict(os.environ, KERAS_BACKEND=backend))

    def __call__(self, function, **arguments):
        print(json.dumps([function, arguments], default=str), file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith("ANSWER "):
                answer = json.loads(line[7:])
                assert "error" not in answer, answer["error"]
                return answer["result"]
        raise AssertionError("Keras has died")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


# ---- in the other process ----


def write_case(folder, family, case):
    """Writes one of the families' models (models/__main__.py), or one as an older Keras would have."""
    import models
    from models.__main__ import write, write_old

    old = models.old(family).get(case)
    name = old[0] if old else case
    write(pathlib.Path(folder), name, models.cases(family)[name])
    if old:
        write_old(pathlib.Path(folder), case, *old)


def predict(path, data, config=None):
    """The largest difference between what the file's model (or that of `config` with the file's weights) gives for the inputs in the
    .npz file `data` and the outputs there, relative to the largest value."""
    import keras
    import numpy as np

    if config:
        model = keras.models.model_from_json(pathlib.Path(config).read_text())
        model.load_weights(path)
    else:
        model = keras.saving.load_model(path, compile=False)
    data = np.load(data)
    inputs = [data[f"x{i}"] for i in range(len(model.inputs))]
    named = isinstance(getattr(model, "_inputs_struct", None), dict)
    given = dict(zip([x.name for x in model.inputs], inputs)) if named else inputs[0] if len(inputs) == 1 else inputs
    worst = 0.0
    for i, y in enumerate(keras.tree.flatten(model(given, training=False))):
        got, wanted = np.asarray(keras.ops.convert_to_numpy(y), "float64"), np.asarray(data[f"y{i}"], "float64")
        assert got.shape == wanted.shape
        worst = max(worst, float(np.abs(got - wanted).max(initial=0)) / max(1.0, float(np.abs(wanted).max(initial=0))))
    return worst


def main():
    import traceback

    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = {"result": globals()[name](**arguments)}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        print("ANSWER", json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
