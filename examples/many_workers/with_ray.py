"""A .keras model over a data set, by Ray Data with two actors of this machine.

    KERAS_BACKEND=kvino python with_ray.py MODEL.keras INPUT.npy OUTPUT.npy

Each actor loads the model once and takes its share of the processors. Ray starts an actor that died anew and does again what it had in
hand; rows carry their number, by which the result is put in order.
"""

import os
import sys

import numpy as np
import ray

WORKERS, BATCH = 2, 32


class Predict:
    def __init__(self, path: str) -> None:
        import keras

        self.model = keras.saving.load_model(path)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        out = self.model.predict_on_batch(batch["data"])
        return {"row": batch["row"], "out": out, "worker": np.full(len(out), os.getpid())}


def run(path: str, x: np.ndarray) -> tuple[np.ndarray, int]:
    share = max(1, len(os.sched_getaffinity(0)) // WORKERS)
    environment = {"KERAS_BACKEND": "kvino", "KVINO_THREADS": str(share)}
    ray.init(num_cpus=WORKERS + 1, include_dashboard=False, object_store_memory=200_000_000,
             runtime_env={"env_vars": environment}, log_to_driver=False)
    rows = ray.data.from_items([{"row": i, "data": row} for i, row in enumerate(x)])
    actors = ray.data.ActorPoolStrategy(size=WORKERS)
    done = rows.map_batches(Predict, fn_constructor_args=(path,), batch_size=BATCH, compute=actors).take_all()
    ray.shutdown()
    assert sorted(d["row"] for d in done) == list(range(len(x)))
    done.sort(key=lambda d: d["row"])
    return np.stack([d["out"] for d in done]), len({d["worker"] for d in done})


def main() -> None:
    out, workers = run(sys.argv[1], np.load(sys.argv[2]))
    np.save(sys.argv[3], out)
    print(f"{len(out)} rows by {workers} workers")


if __name__ == "__main__":
    main()
