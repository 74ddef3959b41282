"""A Keras model behind KServe's protocol (open inference protocol, version 2), requests gathered into batches.

    KERAS_BACKEND=kvino python server.py MODEL.keras [--port 8000] [--batch 32] [--wait-ms 2]

What arrives while a batch is computed, and for `--wait-ms` after the first request of the next one, is computed together: under load
batches grow by themselves, alone a request waits for next to nothing. One input and one output; the first axis is the batch.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import keras
import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException


class Batcher:
    def __init__(self, model: keras.Model, most: int, wait: float) -> None:
        self.model, self.most, self.wait = model, most, wait
        self.queue: asyncio.Queue[tuple[np.ndarray, asyncio.Future[np.ndarray]]] = asyncio.Queue(1024)
        self.thread = ThreadPoolExecutor(1)  # one batch at a time: it has all processors
        self.batches = self.rows = 0

    async def answer(self, rows: np.ndarray) -> np.ndarray:
        future: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        try:
            self.queue.put_nowait((rows, future))
        except asyncio.QueueFull:
            raise HTTPException(503, "too many requests are waiting") from None
        return await future

    async def gather(self) -> list[tuple[np.ndarray, asyncio.Future[np.ndarray]]]:
        batch = [await self.queue.get()]
        end = asyncio.get_running_loop().time() + self.wait
        while sum(len(rows) for rows, _ in batch) < self.most:
            try:
                batch.append(await asyncio.wait_for(self.queue.get(), max(0, end - asyncio.get_running_loop().time())))
            except TimeoutError:
                break
        return batch

    async def run(self) -> None:
        while True:
            batch = await self.gather()
            rows = np.concatenate([rows for rows, _ in batch])
            try:
                scores = await asyncio.get_running_loop().run_in_executor(self.thread, self.model.predict_on_batch, rows)
            except Exception as error:
                for _, future in batch:
                    future.set_exception(HTTPException(500, str(error)))
                continue
            self.batches, self.rows, at = self.batches + 1, self.rows + len(rows), 0
            for part, future in batch:
                if not future.cancelled():  # who asked may have gone
                    future.set_result(scores[at:at + len(part)])
                at += len(part)


def make(model: keras.Model, most: int, wait: float) -> FastAPI:
    batcher = Batcher(model, most, wait)
    shape, dtype = model.inputs[0].shape[1:], model.inputs[0].dtype

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        model.predict_on_batch(np.zeros((1, *(n or 1 for n in shape)), dtype))  # compiled before the first request
        task = asyncio.create_task(batcher.run())
        yield
        task.cancel()

    app = FastAPI(lifespan=life)

    @app.get("/v2/health/live")
    @app.get("/v2/health/ready")
    @app.get(f"/v2/models/{model.name}/ready")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.get(f"/v2/models/{model.name}")
    async def about() -> dict[str, Any]:
        def port(t: keras.KerasTensor) -> dict[str, Any]:
            return {"name": t.name, "datatype": {"float32": "FP32", "int32": "INT32"}.get(t.dtype, t.dtype.upper()),
                    "shape": [-1 if n is None else n for n in t.shape]}

        return {"name": model.name, "platform": "kvino", "inputs": [port(model.inputs[0])], "outputs": [port(model.outputs[0])],
                "parameters": {"batches": batcher.batches, "rows": batcher.rows}}

    @app.post(f"/v2/models/{model.name}/infer")
    async def infer(request: dict[str, Any]) -> dict[str, Any]:
        try:
            given = request["inputs"][0]
            rows = np.asarray(given["data"], dtype).reshape(given["shape"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise HTTPException(400, f"inputs: one of shape, datatype and data is missing or wrong: {error}") from None
        if rows.ndim != len(shape) + 1 or any(n not in (None, m) for n, m in zip(shape, rows.shape[1:])) or not len(rows):
            raise HTTPException(400, f"the input's shape is {[-1, *shape]}, not {list(rows.shape)}")
        if len(rows) > most:
            raise HTTPException(400, f"at most {most} rows in a request, not {len(rows)}")
        scores = await batcher.answer(rows)
        return {"model_name": model.name, "id": request.get("id", ""),
                "outputs": [{"name": model.outputs[0].name, "datatype": "FP32", "shape": list(scores.shape), "data": scores.ravel().tolist()}]}

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--wait-ms", type=float, default=2)
    args = parser.parse_args()
    app = make(keras.saving.load_model(args.model), args.batch, args.wait_ms / 1e3)
    uvicorn.run(app, host="127.0.0.1", port=args.port, log_level="warning")
