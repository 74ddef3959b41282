"""A .keras model over a data set, by Dask on two workers of this machine.

    KERAS_BACKEND=kvino python with_dask.py MODEL.keras INPUT.npy OUTPUT.npy

Each worker loads the model once and takes its share of the processors. What a worker had in hand when it died is done again by
another; every part has its own place in the result, so that nothing is lost or counted twice.
"""

import functools
import os
import sys

import numpy as np
from distributed import Client, LocalCluster

PARTS, WORKERS = 16, 2


@functools.cache
def model(path: str):  # type: ignore[no-untyped-def]
    import keras

    return keras.saving.load_model(path)


def predict(path: str, rows: np.ndarray) -> tuple[int, np.ndarray]:
    """Who did it, and the result."""
    return os.getpid(), model(path).predict_on_batch(rows)


def run(path: str, x: np.ndarray) -> tuple[np.ndarray, int]:
    share = max(1, len(os.sched_getaffinity(0)) // WORKERS)
    environment = {"KERAS_BACKEND": "kvino", "KVINO_THREADS": str(share)}
    options = {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": None, "env": environment}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        done = client.gather(client.map(predict, [path] * PARTS, np.array_split(x, PARTS), pure=False))
    return np.concatenate([rows for _, rows in done]), len({pid for pid, _ in done})


def main() -> None:
    out, workers = run(sys.argv[1], np.load(sys.argv[2]))
    np.save(sys.argv[3], out)
    print(f"{len(out)} rows by {workers} workers")


if __name__ == "__main__":
    main()
