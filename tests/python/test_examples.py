"""The programs of examples/ run, and print and draw what they say (those of digits/ and c/ have tests of their own)."""

import http.client
import importlib.util
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def needs(*modules):
    missing = [name for name in modules if not importlib.util.find_spec(name)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed (requirements/examples.txt): {', '.join(missing)}")


def run(folder, name, *arguments, **environment):
    done = subprocess.run([sys.executable, EXAMPLES / name, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=600,
                          env={**os.environ, "KERAS_BACKEND": "kvino", "TF_CPP_MIN_LOG_LEVEL": "3", **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def number(pattern, printed):
    return float(re.search(pattern, printed).group(1))


def is_picture(path):
    return path.read_bytes()[:4] == b"\x89PNG" and path.stat().st_size > 3000


def test_picture(tmp_path):
    printed = run(tmp_path, "picture.py", "--weights", "none", "--alpha", "0.35")
    scores = [float(line.split()[0]) for line in printed.splitlines()[1:]]
    assert len(scores) == 5 and scores == sorted(scores, reverse=True) and scores[-1] > 0


def test_text(tmp_path):
    printed = run(tmp_path, "text.py")
    assert number(r"new sentences: ([\d.]+)", printed) > 0.9
    praise, complaint = (float(line.split()[0]) for line in printed.splitlines()[1:])
    assert praise > 0.8 and complaint < 0.2


@needs("matplotlib")
def test_time_series(tmp_path):
    printed = run(tmp_path, "time_series.py", "out.png")
    assert number(r"([\d.]+) at last", printed) < 0.02
    assert number(r"first 20 steps ahead: ([\d.]+)", printed) < 0.3
    assert is_picture(tmp_path / "out.png")


@needs("matplotlib")
def test_strokes(tmp_path):
    """As many strokes as scipy's labels, or 12 digits at least where it is not there."""
    printed = run(tmp_path, "strokes.py", "out.png")
    strokes = int(number(r"(\d+) strokes", printed))
    sys.path.insert(0, str(EXAMPLES))
    try:
        ndimage = pytest.importorskip("scipy.ndimage")  # comes with JAX
        sheet = __import__("strokes").page()
    finally:
        sys.path.remove(str(EXAMPLES))
    assert strokes == ndimage.label(sheet > 3, np.ones((3, 3)))[1]
    assert is_picture(tmp_path / "out.png")


@needs("tensorflow", "tensorboard")
def test_tensorboard(tmp_path):
    printed = run(tmp_path, "tensorboard_training.py", "logs")
    assert number(r"new pictures: ([\d.]+)", printed) > 0.85
    assert "2 files of events" in printed


@needs("keras_hub")
def test_generate(tmp_path):
    assert "the quick brown fox jumps over the lazy dog" in run(tmp_path, "generate.py")


# ---- serving ----


SAVE = """
import keras
import numpy as np

keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((16,), name="x"), keras.layers.Dense(32, "tanh"), keras.layers.Dense(4)], name="small")
x = np.random.default_rng(1).normal(size=(200, 16)).astype("float32")
model.save("small.keras")
np.save("x.npy", x)
np.save("y.npy", model.predict(x, verbose=0))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model's file, rows of its input, and what it gives for them."""
    folder = tmp_path_factory.mktemp("model")
    subprocess.run([sys.executable, "-c", SAVE], cwd=folder, check=True, timeout=600, env={**os.environ, "KERAS_BACKEND": "kvino"})
    return folder, np.load(folder / "x.npy"), np.load(folder / "y.npy")


@pytest.fixture(scope="module")
def server(saved):
    folder, x, y = saved
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, EXAMPLES / "serving/server.py", folder / "small.keras", "--port", str(port), "--batch", "16"],
                               env={**os.environ, "KERAS_BACKEND": "kvino"})
    try:
        for _ in range(3000):
            try:
                socket.create_connection(("127.0.0.1", port), 0.1).close()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def ask(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@needs("fastapi", "uvicorn")
def test_server(server, saved):
    """Eight clients get their own answers, in fewer batches than there are requests."""
    folder, x, y = saved
    sys.path.insert(0, str(EXAMPLES / "serving"))
    try:
        load = __import__("load").load
    finally:
        sys.path.remove(str(EXAMPLES / "serving"))
    assert ask(server, "GET", "/v2/health/ready") == (200, {"ready": True})
    line, answers = load("small", server, x, 8, 25)
    print(line)
    assert "200 requests, 0 failed" in line
    for i, answer in answers.items():
        np.testing.assert_allclose(answer, y[i], rtol=1e-5, atol=1e-6)
    status, about = ask(server, "GET", "/v2/models/small")
    assert status == 200 and about["inputs"][0]["shape"] == [-1, 16]
    assert about["parameters"]["rows"] == 200 and about["parameters"]["batches"] < 200


@needs("fastapi", "uvicorn")
@pytest.mark.parametrize("inputs", [[], [{"shape": [1, 15], "data": [0] * 15}], [{"shape": [1, 16], "data": [0] * 3}],
                                    [{"shape": [17, 16], "data": [0] * 272}], [{"shape": [1, 16], "data": ["a"] * 16}]])
def test_server_refuses(server, inputs):
    status, reply = ask(server, "POST", "/v2/models/small/infer", {"inputs": inputs})
    assert status == 400 and reply["detail"]


# ---- many workers ----

# The programs, whose first worker at work is killed.
KILLED = {
    "with_dask": """
import os, pathlib, sys
import with_dask as example
predict = example.predict
def dying(path, rows, died=sys.argv[4]):
    if not os.path.exists(died):
        pathlib.Path(died).touch()
        os.kill(os.getpid(), 9)
    return predict(path, rows)
example.predict = dying
""",
    "with_ray": """
import os, pathlib, sys
import with_ray as example
DIED = sys.argv[4]
class Dying(example.Predict):
    def __call__(self, batch):
        if not os.path.exists(DIED):
            pathlib.Path(DIED).touch()
            os.kill(os.getpid(), 9)
        return super().__call__(batch)
example.Predict = Dying
""",
}


@pytest.mark.parametrize("name", [pytest.param("with_dask", marks=needs("distributed")), pytest.param("with_ray", marks=needs("ray", "pyarrow"))])
def test_many_workers(saved, tmp_path, name):
    """Nothing is lost or doubled where a worker is killed."""
    folder, x, y = saved
    (tmp_path / "killed.py").write_text(KILLED[name] + 'if __name__ == "__main__":\n    example.main()\n')
    path = f"{EXAMPLES / 'many_workers'}:{os.environ.get('PYTHONPATH', '')}"
    printed = run(tmp_path, tmp_path / "killed.py", folder / "small.keras", folder / "x.npy", "y.npy", tmp_path / "died", PYTHONPATH=path)
    assert re.search(r"200 rows by [1-4] workers", printed)
    assert (tmp_path / "died").exists()
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), y, rtol=1e-5, atol=1e-6)


@needs("mypy")
def test_types():
    """Types are right, as far as the libraries have any."""
    import kvino

    package = pathlib.Path(kvino.__file__).parent.parent
    environment = dict(os.environ) if package.name == "site-packages" else {**os.environ, "MYPYPATH": str(package)}
    for folder in ("", "serving", "many_workers"):
        done = subprocess.run([sys.executable, "-m", "mypy", "--ignore-missing-imports", "--disallow-untyped-defs", *(EXAMPLES / folder).glob("*.py")],
                              capture_output=True, text=True, cwd=ROOT, env=environment)
        assert done.returncode == 0, done.stdout
