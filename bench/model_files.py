"""A model file in C: from the start of the process to MobileNetV2's first prediction, by `kvino run`.

    .venv/bin/python bench/model_files.py [--rounds N] [--size 224]

Each round is a process of its own: without and with OpenVINO's cache of compiled models on disk; for comparison, what loads and shows the
model alone, and Keras on kvino in Python. Least of the rounds, in milliseconds; peak memory in megabytes.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMAND = os.environ.get("KVINO_COMMAND") or str(pathlib.Path(sys.executable).parent / "kvino")
SAVE = """
import sys, keras, numpy as np
keras.utils.set_random_seed(7)
size = int(sys.argv[2])
keras.applications.MobileNetV2(input_shape=(size, size, 3), weights=None).save(sys.argv[1])
"""
PREDICT = """
import sys, keras, numpy as np
keras.models.load_model(sys.argv[1], compile=False).predict(np.load(sys.argv[2]), verbose=0)
"""


def run(rounds, command, **environment):
    """(least milliseconds, most megabytes) of the processes."""
    times, most = [], 0
    for _ in range(rounds):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **environment})
        _, status, usage = os.wait4(process.pid, 0)
        times.append((time.perf_counter() - start) * 1e3)
        most = max(most, usage.ru_maxrss / 1024)
        if status:
            raise SystemExit(process.stderr.read().decode())
        process.stderr.close()
    return min(times), most


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, image, cache = (os.path.join(folder, name) for name in ("model.keras", "x.npy", "cache"))
        subprocess.run([sys.executable, "-c", SAVE, model, str(options.size)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, env={**os.environ, "KERAS_BACKEND": "numpy"})
        np.save(image, np.random.default_rng(3).random((1, options.size, options.size, 3), dtype=np.float32))
        command = [COMMAND, "run", model, image]
        rows = [
            ("process that does nothing", run(options.rounds, [COMMAND, "--version"])),
            ("load (kvino show)", run(options.rounds, [COMMAND, "show", model])),
            ("first prediction", run(options.rounds, command)),
            ("first prediction, compile cache", run(options.rounds + 1, command, KVINO_CACHE_DIR=cache)),
            ("first prediction, native kernels", run(options.rounds, [*command, "-d", "native"])),
            ("Keras on kvino, Python", run(2, [sys.executable, "-c", PREDICT, model, image], KERAS_BACKEND="kvino")),
        ]
        size = os.path.getsize(model) / 1e6
    print(f"MobileNetV2 {options.size}x{options.size}, a file of {size:.1f} MB")
    for name, (least, most) in rows:
        print(f"{name:36} {least:8.1f} ms {most:8.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
