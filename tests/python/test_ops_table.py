"""The table of operators: every row is tested, and says of itself what is so."""

import importlib
import inspect

import kvino  # isort: skip: makes Keras use it
import keras
import numpy as np
import pytest

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
    "sparse",
    "ragged",
    "floats",
    "gates",
    "strings",
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


# What Keras has no function for.
OWN = {
    "argwhere", "column_stack", "compute_homography_matrix", "copysign", "cov", "flatnonzero", "float_power", "gammainc", "gather_nd",
    "gru_sequence", "lgamma", "lstm_sequence", "matrix_power", "ragged_check", "ragged_from_dense", "ragged_rows", "ragged_same",
    "ragged_splits", "ragged_to_dense", "rnn_sequence", "shape_tensor", "sparse_align", "sparse_axes",
    "sparse_check", "sparse_coalesce", "sparse_from_dense", "sparse_matmul", "sparse_product", "sparse_reshape",
    "category_counts", "hash_buckets", "hashed_cross", "string_lookup", "string_split", "string_standardize",
}
# Parameters of Keras's that an operator has not.
NOT_KEPT = {
    "seed": "ours is the state of a generator and comes first, as in Keras's backends",
    "sparse": "an operator has one kind of result; keras.ops gives sparse ones",
    "synchronized": "moments over several devices",
    "retstep": "an operator has one kind of result; keras.ops.linspace has it",
    "kwargs": "Keras's own, for names of old",
}
# Defaults that differ, (ours, Keras's) by operator and parameter. None is what Keras's configuration says: an operator has no
# configuration, keras.ops passes it on.
NO_DEFAULT = inspect.Parameter.empty
OTHER_DEFAULTS = {
    ("categorical", "dtype"): ("int64", "int32"),  # Keras's backends have ours
    ("gaussian_blur", "sigma"): (1.0, (1.0, 1.0)),  # the same
    ("layer_normalization", "epsilon"): (1e-7, None),
    ("multi_hot", "num_classes"): (NO_DEFAULT, None),  # Keras, too, refuses None
    ("rms_normalization", "epsilon"): (1e-7, None),
    ("where", "x1"): (NO_DEFAULT, None),  # of the condition alone it is nonzero
    ("where", "x2"): (NO_DEFAULT, None),
}


def keras_function(name):
    spaces = (keras.ops, keras.ops.nn, keras.ops.image, keras.ops.linalg, keras.random)
    return next((getattr(s, name) for s in spaces if hasattr(s, name)), None)


def parameters(f):
    return [(p.name, p.default) for p in inspect.signature(f).parameters.values() if p.name not in NOT_KEPT]


def text(parameter):
    """0 is 0.0, not False; NaN is NaN."""
    name, default = parameter
    return name, repr(float(default) if type(default) is int else default)


@pytest.mark.parametrize("name", OPERATORS)
def test_signatures(name):
    """The parameters have Keras's names, order and defaults; what an operator has beyond them comes last, and may be left out."""
    f = getattr(kvino.ops, name)
    assert f.__doc__ and f.__name__ == name
    for p in inspect.signature(f).parameters.values():
        assert p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    theirs, ours = keras_function(name), parameters(f)
    assert (theirs is None) == (name in OWN)
    if theirs is None:
        return
    theirs = parameters(theirs)
    expected = [(p, OTHER_DEFAULTS[name, p][0] if (name, p) in OTHER_DEFAULTS else default) for p, default in theirs]
    assert [*map(text, ours[: len(expected)])] == [*map(text, expected)]
    assert all(default is not NO_DEFAULT for _, default in ours[len(expected) :])
    assert all(OTHER_DEFAULTS[name, p][1] == default for p, default in theirs if (name, p) in OTHER_DEFAULTS)


def test_keywords():
    x = np.arange(6, dtype="float32").reshape(2, 3)
    assert kvino.ops.sum(x, keepdims=True, axis=1).shape == (2, 1)
    assert kvino.ops.sum(axis=0, x=x).shape == (3,)
    with pytest.raises(TypeError, match="got multiple values for argument 'x'"):
        kvino.ops.sum(x, x=x)
    with pytest.raises(TypeError, match="takes from 1 to 3 positional arguments but 4 were given"):
        kvino.ops.sum(x, 0, False, 1)
