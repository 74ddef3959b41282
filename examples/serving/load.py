"""Asks a server on this machine: CLIENTS at a time, REQUESTS each, and says how long answers took.

    python load.py MODEL_NAME INPUT.npy [--port 8000] [--clients 8] [--requests 50]

INPUT.npy has rows of the model's input; every request sends one of them. Prints one line: requests, failures, the times below which half
and 99 of 100 answers stayed, and answers per second.
"""

import argparse
import http.client
import json
import threading
import time

import numpy as np


def client(name: str, port: int, rows: np.ndarray, which: range, times: list[float], answers: dict[int, np.ndarray]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for i in which:
        row = rows[i % len(rows)][None]
        body = {"id": str(i), "inputs": [{"name": "x", "datatype": "FP32", "shape": row.shape, "data": row.ravel().tolist()}]}
        start = time.perf_counter()
        connection.request("POST", f"/v2/models/{name}/infer", json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        reply = json.loads(response.read())
        times.append(time.perf_counter() - start)
        if response.status == 200 and reply["id"] == str(i):
            answers[i] = np.array(reply["outputs"][0]["data"], "float32")
    connection.close()


def load(name: str, port: int, rows: np.ndarray, clients: int, requests: int) -> tuple[str, dict[int, np.ndarray]]:
    times: list[float] = []
    answers: dict[int, np.ndarray] = {}
    threads = [threading.Thread(target=client, args=(name, port, rows, range(c * requests, (c + 1) * requests), times, answers))
               for c in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, total = time.perf_counter() - start, clients * requests
    p50, p99 = 1e3 * np.percentile(times, [50, 99])
    line = f"{total} requests, {total - len(answers)} failed, p50 {p50:.1f} ms, p99 {p99:.1f} ms, {total / took:.0f} a second"
    return line, answers


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("input")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=50)
    args = parser.parse_args()
    print(load(args.name, args.port, np.load(args.input), args.clients, args.requests)[0])
