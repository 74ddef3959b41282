"""Every case of the tables in Keras itself: its NumPy backend, in a process of its own, says which dtype and shape each call gives.
The values are held against NumPy in the modules of the cases; they are compared here loosely, where both have the dtype.

Where kvino differs on purpose, DIFFERENT names the operator and the reason.
"""

import importlib
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import opcheck
from opcheck import FLOAT8, function_of

MODULES = [
    "arithmetic",
    "logic",
    "creation",
    "reduction",
    "manipulation",
    "indexing",
    "products",
    "nn",
    "math",
    "core",
    "nonzero",
    "rearranging",
    "sequences",
    "patches",
]
WIDE = {
    "int64",
    "uint64",
    "float64",
    "complex128",
}  # Keras narrows these with JAX's rules, kvino does not (src/ops/promote.h)

_INTEGERS = "integers: Keras's NumPy backend computes with whatever NumPy makes of them, JAX's and kvino in floatx"
_SHORT = "bool: NumPy has int8 and float16 for it, JAX's backend and kvino int32 and float32"
# Operators whose dtype differs, and why.
DIFFERENT = {
    **dict.fromkeys(
        [
            "reciprocal",
            "sigmoid",
            "softplus",
            "softsign",
            "silu",
            "log_sigmoid",
            "hard_sigmoid",
            "hard_silu",
            "selu",
            "hard_tanh",
            "tanh_shrink",
            "leaky_relu",
            "elu",
            "celu",
            "gelu",
            "softmax",
            "log_softmax",
            "moments",
            "categorical_crossentropy",
            "logsumexp",
            "rsqrt",
            "erf",
        ],
        _INTEGERS,
    ),
    **dict.fromkeys(
        [
            "floor_divide",
            "power",
            "round",
            "hypot",
            "relu",
            "relu6",
            "bitwise_left_shift",
            "left_shift",
            "bitwise_right_shift",
            "right_shift",
        ],
        _SHORT,
    ),
    "mod": "a Python number takes the tensor's dtype, as Keras's symbolic result says",
    "var": "the variance of complex numbers is real, as in NumPy",
    **dict.fromkeys(["dot", "tensordot"], "products of int8 are int32, as in JAX's backend"),
    "batch_normalization": "the result has the dtype of x, as Keras's symbolic result says",
    "top_k": "indices are int32, as Keras's symbolic result says",
    "select": "a Python number as default is no float64",
    "geomspace": "the dtype of float16 and complex ends, as in JAX's backend",
    "vander": "of bool: numbers",
    **dict.fromkeys(["adaptive_average_pool", "cdist", "psnr"], _INTEGERS),
    **dict.fromkeys(["nonzero", "count_nonzero"], "int64, as NumPy's; kvino's Keras backend asks for int32"),
}
# Operators of which some values are others, and why.
OTHER_VALUES = {
    "binary_crossentropy": "of large logits, which the NumPy backend clips",
    "saturate_cast": "the NumPy backend's last step wraps at the upper end",
}
# Operators of which the NumPy backend refuses some calls that kvino takes, and why.
REFUSED = {
    "sign": "bool",
    "sigmoid": "bool",
    "silu": "bool",
    "log_sigmoid": "bool",
    "softmax": "an axis given as list",
    "log_softmax": "an axis given as list",
    "max_pool": "strides left out, or padding that its window cannot take",
    "average_pool": "strides left out",
    "one_hot": "indices out of range",
    "segment_sum": "ids out of range",
    "segment_max": "ids out of range",
    "segment_min": "ids out of range",
    "slice": "an integer for a list of one",
    "shape_tensor": "kvino's own",
    "nonzero": "size and dtype are kvino's own",
    "argwhere": "Keras has none",
    "flatnonzero": "Keras has none",
    "count_nonzero": "keepdims and dtype are kvino's own",
    "cumsum": "axis None with a dtype",
    "pad": "mode circular",
    "column_stack": "Keras 3.15 has none",
    "array_split": "a list of indices",
    "geomspace": "bfloat16",
    "unfold": "no images, or no channels",
    "multi_hot": "indices out of range",
    "ptp": "axes as a list",
    "einsum": "kvino.ops takes the operands as one list",
    "segment_prod": "ids out of range",
    "in_top_k": "targets out of range",
    "cdist": "bool",
    "logsumexp": "no elements",
    "saturate_cast": "bounds of 64 bits",
}
# Calls by which kvino means more than Keras does.
LEFT_OUT = {
    "empty": "its values are whatever was there",
    "empty_like": "its values are whatever was there",
    "round-9": "10 ** 6 is infinite in the float16 that NumPy rounds with",
    "nan_to_num-1": "NumPy does not know the largest bfloat16",
    "argsort": "equal elements in another order: NumPy's default is not stable",
    "top_k-15": "sorted=False allows any order",
    **dict.fromkeys(
        (f"leaky_relu-{i}" for i in range(20, 30)), "for slopes above 1 the NumPy backend differs from the others"
    ),
    "moments-1": "bfloat16: the square of the mean taken from the mean of squares loses digits",
    "one_hot-9": "num_classes=0 asks the NumPy backend to count them",
    "slice-2": "-1 in the shape takes the rest",
    "pad-27": "mode empty: its values are whatever was there",
    "view-28": "without a dtype NumPy's view is float64, here x itself",
    "vander-20": "NumPy's backend computes powers of integers as floats",
    **dict.fromkeys((f"trapezoid-{i}" for i in range(8)), "NumPy adds neighbours in the integers' own width"),
    "psnr-1": "bfloat16: rounded after each step",
}


def names_in(c):
    def walk(x):
        if isinstance(x, (np.ndarray, np.generic)):
            yield x.dtype.name
        elif isinstance(x, (list, tuple)):
            for y in x:
                yield from walk(y)

    return set(walk(list(c.args) + list(c.kwargs.values()))) | {v for v in c.kwargs.values() if isinstance(v, str)}


def comparable():
    table = []
    for module in MODULES:
        for name, cases in importlib.import_module(f"test_ops_{module}").CASES.items():
            for i, c in enumerate(cases):
                if not {name, f"{name}-{i}"} & set(LEFT_OUT) and not names_in(c) & (WIDE | set(FLOAT8)):
                    table.append((f"{name}-{i}", name, c))
    return table


PROGRAM = """
import copy, pickle, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
np.seterr(all="ignore")
from keras import ops
results = {}
for key, name, args, kwargs in pickle.load(open(sys.argv[1], "rb")):
    f = getattr(ops, name, None)
    args, kwargs = copy.deepcopy((args, kwargs))  # the NumPy backend's slice_update writes into its operand
    if f is None:
        results[key] = ("missing", name)
        continue
    try:
        if name == "meshgrid":
            y = f(*args[0], **kwargs)
        else:
            y = f(*args, **kwargs)
        many = isinstance(y, (list, tuple))
        results[key] = ("done", [np.asarray(a) for a in y] if many else [np.asarray(y)])
    except Exception as e:
        results[key] = ("refused", f"{type(e).__name__}: {e}")
pickle.dump(results, open(sys.argv[2], "wb"))
"""


@pytest.fixture(scope="module")
def of_keras(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras")
    given, got = folder / "given", folder / "got"
    given.write_bytes(pickle.dumps([(key, name, c.args, c.kwargs) for key, name, c in comparable()]))
    environment = dict(os.environ, KERAS_BACKEND="numpy")
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, given, got], env=environment, capture_output=True, text=True, timeout=500
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return pickle.loads(got.read_bytes())


def test_as_keras(of_keras):
    """Dtypes, shapes, and roughly the values."""
    wrong, refused = [], {}
    for key, name, c in comparable():
        outcome, results = of_keras[key]
        if outcome != "done":
            refused.setdefault(name, []).append((key, results))
            continue
        with np.errstate(all="ignore"):
            ours = function_of(name)(*c.args, **c.kwargs)
        ours = [np.asarray(x) for x in (ours if isinstance(ours, tuple) else [ours])]
        if len(ours) != len(results):
            wrong.append((key, len(ours), len(results)))
        for a, b in zip(ours, results):
            if (a.dtype.name != b.dtype.name and name not in DIFFERENT) or a.shape != b.shape:
                wrong.append((key, a.dtype.name, a.shape, b.dtype.name, b.shape))
            elif a.dtype == b.dtype and name not in OTHER_VALUES and not np.allclose(
                opcheck.wide(a), opcheck.wide(b), rtol=2e-2, atol=2e-2, equal_nan=True
            ):
                wrong.append((key, "values", a, b))
    assert not wrong, "\n".join(map(str, wrong))
    assert set(refused) <= set(REFUSED), {name: refused[name][0] for name in set(refused) - set(REFUSED)}


def test_few_are_left_out(of_keras):
    """The comparison reaches most cases: what is refused or not Keras's own is a small part."""
    done = sum(outcome == "done" for outcome, _ in of_keras.values())
    assert done > 0.8 * len(of_keras)
