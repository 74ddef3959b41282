"""Keras's promotion of dtypes: every pair, Python's numbers included, against Keras itself."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import kvino
import opcheck
from opcheck import ALL, npd

WEAK = {"int": 1, "float": 1.5}
WIDE = ("int64", "uint64", "float64", "complex128")

PROGRAM = """
import json, sys
from keras.src.backend.common.dtypes import result_type
names = json.loads(sys.argv[1])
weak = {"int": int, "float": float}
print(json.dumps({f"{a},{b}": result_type(weak.get(a, a), weak.get(b, b)) for a in names for b in names}))
"""


@pytest.fixture(scope="module")
def keras_table():
    environment = dict(os.environ, KERAS_BACKEND="numpy")
    names = json.dumps(ALL + ["int", "float"])
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, names], env=environment, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def operand(name):
    return WEAK[name] if name in WEAK else kvino.Tensor(np.ones((), npd(name)))


def pairs():
    names = ALL + ["int", "float"]
    return [(a, b) for a in names for b in names]


def test_every_pair_as_keras(keras_table):
    """As Keras where no operand is 64 bits wide; such a one keeps its width, and Keras's dtype is the narrower twin."""
    wrong = []
    for a, b in pairs():
        got = kvino.ops.maximum(operand(a), operand(b)).dtype
        keras = keras_table[f"{a},{b}"]
        if a in WIDE or b in WIDE:
            expected = opcheck.result_type(a, b)
            narrow = {"int64": "int32", "uint64": "uint32", "float64": "float32", "complex128": "complex64"}
            if narrow.get(expected, expected) != keras:
                wrong.append((a, b, "reference", expected, keras))
        else:
            expected = keras
        if str(got) != expected:
            wrong.append((a, b, str(got), expected))
    assert not wrong


def test_reference_as_keras(keras_table):
    """The tests' own promotion is Keras's too."""
    wrong = [
        (a, b)
        for a, b in pairs()
        if a not in WIDE and b not in WIDE and opcheck.result_type(a, b) != keras_table[f"{a},{b}"]
    ]
    assert not wrong


@pytest.mark.parametrize("other", ["float32", "int8", "float8_e5m2"])
def test_float8_promotes_to_nothing(other):
    x = kvino.Tensor(np.ones(2, npd("float8_e4m3fn")))
    y = kvino.Tensor(np.ones(2, npd(other)))
    with pytest.raises(ValueError, match="no available implicit dtype promotion path"):
        kvino.ops.add(x, y)
    assert kvino.ops.add(x, x).dtype == "float8_e4m3fn"


@pytest.mark.parametrize(
    "name, number",
    [
        ("uint8", 256),
        ("uint8", -1),
        ("int8", 128),
        ("int16", -40000),
        ("uint32", 2**32),
        ("int32", 2**31),
        ("uint64", -1),
    ],
)
def test_whole_numbers_that_do_not_fit(name, number):
    with pytest.raises(OverflowError, match=f"Python integer {number} out of bounds for {name}"):
        kvino.ops.add(kvino.Tensor(np.ones(2, npd(name))), number)


@pytest.mark.parametrize(
    "name, number",
    [
        ("uint8", 255),
        ("int8", -128),
        ("int16", 32767),
        ("uint32", 2**32 - 1),
        ("int64", -(2**63)),
        ("uint64", 2**63 - 1),
    ],
)
def test_whole_numbers_that_just_fit(name, number):
    x = np.zeros(2, npd(name))
    opcheck.agree(kvino.ops.add(kvino.Tensor(x), number), np.full(2, number, npd(name)))


@pytest.mark.parametrize(
    "op", ["reshape", "broadcast_to", "tile", "expand_dims", "copy", "ravel", "zeros_like", "repeat"]
)
@pytest.mark.parametrize("number, dtype", [(3, "int32"), (2.5, "float32"), (True, "bool")])
def test_numbers_by_themselves(op, number, dtype):
    """Operators that promote nothing give a number the dtype that Keras gives it."""
    more = {"reshape": [(1,)], "broadcast_to": [(2,)], "tile": [2], "expand_dims": [0], "repeat": [2]}.get(op, [])
    assert getattr(kvino.ops, op)(number, *more).dtype == dtype


def test_floatx():
    before = kvino.config.floatx
    try:
        for floatx in ("float16", "float64", "float32"):
            kvino.config.floatx = floatx
            assert kvino.ops.exp(np.arange(3, dtype=np.int32)).dtype == floatx
            assert kvino.ops.zeros((2,)).dtype == floatx
            assert kvino.ops.add(np.arange(3, dtype=np.int32), 0.5).dtype == floatx
    finally:
        kvino.config.floatx = before
