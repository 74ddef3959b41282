"""Every public function that any of Keras's own backends has in its operator modules is there in kvino's: read from the sources
of the installed Keras, 3.15 (backend/<name>/numpy.py) or 3.16 (backend/<name>/ops/numpy.py), so that a new one is noticed.
"""

import ast
import functools
import json
import os
import pathlib
import subprocess
import sys
import sysconfig

import pytest

PARTS = ("core", "numpy", "nn", "math", "linalg", "image", "random", "rnn")
BACKENDS = ("numpy", "jax", "tensorflow", "torch", "openvino")
ROOT = pathlib.Path(sysconfig.get_path("purelib")) / "keras" / "src" / "backend"

# What one backend has for itself: no part of Keras outside that backend calls it.
PRIVATE = {
    "core": {
        "CustomGradientFunction": "torch: its autograd function behind custom_gradient",
        "JaxVariable": "jax: its class of variables",
        "KerasDTensorPromotionMode": "torch: distributed tensors",
        "OpenVINOKerasTensor": "openvino: its class of tensors",
        "activate_dtensor_promotion": "torch: distributed tensors",
        "deactivate_dtensor_promotion": "torch: distributed tensors",
        "align_operand_types": "openvino: dtype promotion of its nodes",
        "get_device": "torch and openvino: their names of devices",
        "get_ov_output": "openvino: a node from a tensor",
        "name_scope": "jax and tensorflow: kvino takes Keras's common one, as numpy and torch do",
        "ov_to_keras_type": "openvino: its names of dtypes",
        "shape_to_ov_output": "openvino: a node from a shape",
        "should_shard_at_init": "jax: distributed variables",
        "to_torch_dtype": "torch: its dtypes",
    },
    "numpy": {"convert_to_tensors_of_same_dtype": "torch: dtype promotion of its tensors"},
    "nn": {
        "wrap_flash_attention": "jax: its kernel of attention",
        "layer_normalization": "torch: taken only where the backend has it; Keras composes it otherwise",
        "rms_normalization": "torch: taken only where the backend has it; Keras composes it otherwise",
    },
    "random": {
        "jax_draw_seed": "jax: its keys",
        "torch_seed_generator": "torch: its generator object",
    },
    "rnn": {
        "numpy_scan": "numpy: its loop",
        "prepare_gru_params": "torch: the order of cuDNN's weights",
        "prepare_lstm_params": "torch: the order of cuDNN's weights",
        "unstack": "numpy and jax: a helper of their loops",
    },
}

def sources(part):
    for backend in BACKENDS:
        for path in (ROOT / backend / f"{part}.py", ROOT / backend / "ops" / f"{part}.py"):
            if path.exists():
                yield backend, path


def public(part):
    """{name: the backends that have it}"""
    found = {}
    for backend, path in sources(part):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(backend)
    return found


PROBE = """
import importlib, json, sys
import kvino  # makes Keras find its backend
import keras
wanted = json.loads(sys.argv[1])
missing = {}
for part, names in wanted.items():
    for where in ("", "ops."):
        if where and part in ("random", "rnn"):
            continue
        module = importlib.import_module(f"kvino.keras_backend.{part}")
        if where:
            assert getattr(kvino.keras_backend.ops, part) is module
        for name in names:
            try:
                f = getattr(module, name)
            except AttributeError:
                f = None
            if f is None:
                missing.setdefault(part, set()).add(name)
print("MISSING " + json.dumps({part: sorted(names) for part, names in missing.items()}))
"""


@functools.cache
def probe():
    """Asks in a process of its own, in which kvino is Keras's backend."""
    wanted = {part: sorted(set(public(part)) - set(PRIVATE.get(part, ()))) for part in PARTS}
    return subprocess.run([sys.executable, "-c", PROBE, json.dumps(wanted)], capture_output=True,
                          text=True, env=dict(os.environ, KERAS_BACKEND="kvino"))


def missing():
    """{part: the names that kvino's module lacks}"""
    run = probe()
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.split("MISSING ")[1])


@pytest.mark.parametrize("part", PARTS)
def test_the_sources_are_found(part):
    """Keras's modules are where they are looked for: a moved one would make the other tests empty."""
    assert len(list(sources(part))) >= 4 and len(public(part)) >= 10


@pytest.mark.parametrize("part", PARTS)
def test_every_function_is_there(part):
    lacking = missing().get(part, [])
    of = public(part)
    lines = "\n".join(f"  {name} ({', '.join(of[name])})" for name in lacking)
    assert not lacking, f"{len(lacking)} of {len(of)} functions of keras.src.backend.*.{part} are not in kvino's:\n{lines}"


def test_exceptions_are_needed():
    """A name that Keras has no more, or that kvino has by now, needs no exception. (Keras 3.15 and 3.16 differ.)"""
    for part, names in PRIVATE.items():
        gone = set(names) - set(public(part)) - ONLY_IN_ONE_KERAS
        assert not gone, f"{part}: {sorted(gone)}"


ONLY_IN_ONE_KERAS = {
    "KerasDTensorPromotionMode", "activate_dtensor_promotion", "deactivate_dtensor_promotion",
    "convert_to_tensors_of_same_dtype", "layer_normalization", "rms_normalization",
    "OpenVINOKerasTensor", "align_operand_types", "get_ov_output", "ov_to_keras_type", "shape_to_ov_output",
    "JaxVariable",
}
