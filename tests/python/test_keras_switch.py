"""How Keras comes to use kvino: in processes of their own, as a user's program would have it."""

import json
import os
import pathlib
import subprocess
import sys
import sysconfig

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WHICH = "print('BACKEND', keras.backend.backend(), keras.src.backend.numpy.add.__module__.partition('.')[0])"
KVINO, JAX = "BACKEND openvino kvino", "BACKEND jax keras"
# What site.py does with the installed kvino_keras_switch.pth when Python starts.
START = f"import site; site.addsitedir({str(ROOT / 'python')!r}); "


def run(code, tmp_path, configured=None, **environment):
    """What a program prints; `configured`: the backend in Keras's keras.json."""
    if configured:
        (tmp_path / "keras.json").write_text(json.dumps({"backend": configured}))
    kept = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    folders = [sysconfig.get_path("purelib"), *kept.get("PYTHONPATH", "").split(os.pathsep)]
    done = subprocess.run(
        [sys.executable, "-S", "-c", START + code], capture_output=True, text=True,
        env={**kept, "KERAS_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(reversed(folders)), **environment},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "code, given",
    [
        ("import keras", {"KERAS_BACKEND": "kvino"}),
        ("import os; os.environ['KERAS_BACKEND'] = 'kvino'; import keras", {}),
        ("import os; os.environ['KERAS_BACKEND'] = 'kvino'; import keras", {"KERAS_BACKEND": "jax"}),
        ("import keras", {"configured": "kvino"}),
        ("import kvino; import keras", {}),
        ("import kvino; import keras", {"configured": "jax"}),
        ("import kvino.keras_backend; import keras", {}),
        ("from kvino.keras_backend import core, steps; import keras", {"KERAS_BACKEND": "kvino"}),
        ("import keras; import kvino", {"configured": "kvino"}),
    ],
    ids=["shell", "program", "program over shell", "keras.json", "import", "import over keras.json", "backend first", "a part of it first", "kvino later"],
)
def test_kvino_is_chosen(code, given, tmp_path):
    text = run(f"{code}; {WHICH}; import os; print(os.environ['KERAS_BACKEND'])", tmp_path, **given)
    assert KVINO in text and "\nkvino\n" in text and "Warning" not in text


@pytest.mark.parametrize(
    "code, given",
    [
        ("import keras", {"KERAS_BACKEND": "jax"}),
        ("import keras", {"configured": "jax"}),
        ("import keras", {"configured": "kvino", "KERAS_BACKEND": "jax"}),
        ("import kvino; import keras", {"KERAS_BACKEND": "jax"}),
        ("import kvino, os; os.environ['KERAS_BACKEND'] = 'jax'; import keras", {}),
    ],
    ids=["shell", "keras.json", "shell over keras.json", "kvino beside", "program after import"],
)
def test_another_backend_is_left_alone(code, given, tmp_path):
    text = run(f"{code}; {WHICH}", tmp_path, **given)
    assert JAX in text and "Warning" not in text


def test_kvino_after_another_backend_warns(tmp_path):
    text = run(f"import keras; import kvino; {WHICH}", tmp_path, KERAS_BACKEND="jax")
    assert JAX in text and "Keras was imported before kvino and uses the backend 'jax'" in text


def test_keras_json_is_not_written_with_the_inner_name(tmp_path):
    run("import keras", tmp_path, KERAS_BACKEND="kvino")
    assert json.loads((tmp_path / "keras.json").read_text())["backend"] != "openvino"


def test_starting_python_costs_little(tmp_path):
    """Every program of the environment pays for what is imported at the start."""
    text = run("import sys; print(sorted(set(sys.modules) & {'kvino', 'json', 'keras', 'importlib.abc', 'numpy'}))", tmp_path)
    assert text.strip() == "[]"
