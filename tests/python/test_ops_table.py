"""The table of operators: every row is tested, and says of itself what is so."""

import importlib
import inspect

import numpy as np
import pytest

import kvino

MODULES = [
    "arithmetic",
    "rearranging",
    "sequences",
    "patches",
    "logic",
    "creation",
    "reduction",
    "statistics",
    "searching",
    "nonzero",
    "manipulation",
    "indexing",
    "products",
    "nn",
    "math",
    "linalg",
    "signal",
    "ctc",
    "attention",
    "core",
    "image",
    "random",
    "rnn",
    "floats",
    "gates",
]
OPERATORS = sorted(n for n in dir(kvino.ops) if not n.startswith("_"))


def entries():
    """The names that have an entry: cases, or (random numbers) tests of their own."""
    names = {}
    for name in MODULES:
        module = importlib.import_module(f"test_ops_{name}")
        for op in list(getattr(module, "CASES", {})) + sorted(getattr(module, "OPS", ())):
            names.setdefault(op, []).append(name)
    return names


def test_every_operator_has_its_cases():
    missing = set(OPERATORS) - set(entries())
    assert not missing, f"operators without an entry in tests/python/test_ops_*.py: {sorted(missing)}"


def test_every_case_has_its_operator():
    unknown = set(entries()) - set(OPERATORS)
    assert not unknown


def test_no_table_is_empty():
    for name in MODULES:
        module = importlib.import_module(f"test_ops_{name}")
        assert all(getattr(module, "CASES", {}).values())


def test_what_is_not_compiled_says_why():
    for name in MODULES:
        for op, cases in getattr(importlib.import_module(f"test_ops_{name}"), "CASES", {}).items():
            assert all(c.dynamic or c.why for c in cases), op


@pytest.mark.parametrize("name", OPERATORS)
def test_signatures(name):
    """The function's signature is Keras's, as far as both have the parameter."""
    f = getattr(kvino.ops, name)
    signature = inspect.signature(f)
    assert f.__doc__ and f.__name__ == name
    for p in signature.parameters.values():
        assert p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD


def test_keywords():
    x = np.arange(6, dtype="float32").reshape(2, 3)
    assert kvino.ops.sum(x, keepdims=True, axis=1).shape == (2, 1)
    assert kvino.ops.sum(axis=0, x=x).shape == (3,)
    with pytest.raises(TypeError, match="got multiple values for argument 'x'"):
        kvino.ops.sum(x, x=x)
    with pytest.raises(TypeError, match="takes from 1 to 3 positional arguments but 4 were given"):
        kvino.ops.sum(x, 0, False, 1)
