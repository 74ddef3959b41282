"""Arithmetic with dimensions and indices, compiled for OpenVINO, which computes int64 as int32: the intervals that say where
that is exact must hold. Graphs are drawn; each is compiled once for unknown lengths and run on several."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import kvino
from kvino import ops

CONSTANTS = [0, 1, 2, 3, 7, 10, 64, -1, -5, 255, 1 << 15, 70000, (1 << 24) + 1, (1 << 30) - 1, 1 << 31, 5_000_000_000, -(1 << 31)]
LENGTHS = [(1, 1), (3, 2), (70000, 5), (300, 40000)]
BINARY = {
    "+": ops.add, "-": ops.subtract, "*": ops.multiply, "//": ops.floor_divide, "%": ops.mod, "max": ops.maximum,
    "min": ops.minimum, "&": ops.bitwise_and, "|": ops.bitwise_or, "^": ops.bitwise_xor,
    "where": lambda a, b: ops.where(ops.greater(a, b), a, b - 1), "squared": lambda a, b: ops.square(a - b),
    "stack": lambda a, b: ops.prod(ops.stack([a, b])), "sum": lambda a, b: ops.sum(ops.stack([a, b, a])),
    "dot": lambda a, b: ops.dot(ops.stack([a, b]), ops.stack([b, a])),
    "cumsum": lambda a, b: ops.cumsum(ops.stack([a, b, a]))[2],
}
UNARY = {
    "-": ops.negative, "abs": ops.absolute, "sign": ops.sign, "relu": ops.relu, "int32": lambda a: ops.cast(a, "int32"),
    "uint8": lambda a: ops.cast(a, "uint8"), "uint32": lambda a: ops.cast(a, "uint32"), "bool": lambda a: ops.cast(a, "bool"),
    "clip": lambda a: ops.clip(a, 2, 10), "clip high": lambda a: ops.clip(a, 5e9, 6e9), "clip low": lambda a: ops.clip(a, -6e9, -5),
    "float": lambda a: ops.cast(a, "float64"),
}
LEAVES = st.one_of(st.sampled_from(["n", "m", "length", "index", "size"]), st.sampled_from(CONSTANTS))
TREES = st.recursive(LEAVES, lambda t: st.one_of(st.tuples(st.sampled_from(sorted(BINARY)), t, t), st.tuples(st.sampled_from(sorted(UNARY)), t)),
                     max_leaves=6)


def value(tree, x, y, i):
    if isinstance(tree, int):
        return ops.cast(tree, "int64")
    if isinstance(tree, str):
        n, m = ops.shape_tensor(x, "int64")[0], ops.shape_tensor(y, "int64")[1]
        return {"n": n, "m": m, "length": ops.shape_tensor(y, "int64")[0], "index": i[0], "size": ops.prod(ops.shape_tensor(y, "int64"))}[tree]
    args = [ops.cast(value(t, x, y, i), "int64") for t in tree[1:]]
    return (BINARY if len(args) == 2 else UNARY)[tree[0]](*args)


def outcome(f, *args):
    try:
        return np.asarray(f(*args))
    except Exception as e:
        return f"{type(e).__name__}: {e}"


def agree(f, *args):
    compiled = kvino.function(f, device="CPU", dynamic=True)
    for n, m in LENGTHS:
        x, y, i = np.zeros(n, "uint8"), np.zeros((2, m), "uint8"), np.array([n % 5 - 2], "int64")
        with np.errstate(all="ignore"):
            expected = outcome(f, x, y, i)
        got = outcome(compiled, x, y, i)
        if isinstance(expected, str) or isinstance(got, str):
            assert str(got) == str(expected), (n, m)
        else:
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected, err_msg=f"n = {n}, m = {m}")


@settings(max_examples=120, deadline=None, derandomize=True)
@given(TREES)
def test_drawn_trees(tree):
    agree(lambda x, y, i: value(tree, x, y, i))


@pytest.mark.parametrize("name", ["take", "reshape", "arange", "broadcast"])
@settings(max_examples=30, deadline=None, derandomize=True)
@given(tree=TREES)
def test_used_as_index_or_size(name, tree):
    """What is computed goes where an error or a shape comes of it."""

    def f(x, y, i):
        v = ops.cast(value(tree, x, y, i), "int64")
        if name == "take":
            return ops.take(ops.cast([4, 5, 6], "float32"), v)
        v = ops.clip(v, 0, 1000)
        if name == "reshape":
            return ops.reshape(ops.broadcast_to(ops.cast(7, "int32"), (6, v)), (v, 6))
        if name == "arange":
            return ops.arange(0, v, dtype="int64")
        return ops.broadcast_to(ops.cast(7, "int32"), (v, 3))

    agree(f)


@pytest.mark.parametrize("expression, expected", [
    (lambda n, u, x: n * n, 4_900_000_000),  # a product of dimensions that is no size
    (lambda n, u, x: ops.clip(ops.cast(u, "int64"), 5e9, 6e9), [5_000_000_000] * 2),  # a clip to above the operand's largest value
    (lambda n, u, x: ops.clip(ops.cast(x, "int64"), 3e9, 4e9), [3_000_000_000] * 2),
    (lambda n, u, x: ops.cast(u, "uint64") - ops.cast(3, "uint64"), [2**64 - 2, 2**64 - 1]),
    (lambda n, u, x: ops.maximum(ops.cast(u, "int64"), 2**63 - 1) + ops.cast(u, "int64"), [-(2**63), -(2**63) + 1]),
])
def test_values(expression, expected):
    x = np.array([1, 2], "float32")
    f = kvino.function(lambda b, u, x: expression(ops.shape_tensor(b, "int64")[0], u, x), device="CPU", dynamic=True)
    np.testing.assert_array_equal(np.asarray(f(np.zeros(70000, "uint8"), x.astype("uint8"), x)), expected)


def test_an_index_that_a_clip_drives_out_of_range():
    f = kvino.function(lambda x, b: ops.take(x, ops.clip(ops.cast(b, "int64"), 2, 10)), device="CPU")
    with pytest.raises(IndexError, match="index 2 is out of bounds for axis 0 with size 2"):
        f(np.array([1, 2], "float32"), np.array([True, False]))
