"""Operators in a row that OpenVINO's CPU plugin fuses, and then computes otherwise than one by one: each once went wrong."""

import numpy as np
import pytest

import kvino
from opcheck import DEVICES, agree, values

ops = kvino.ops


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["static", "dynamic"])
def dynamic(request):
    return request.param


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32"])
@pytest.mark.parametrize("compare", ["less", "less_equal", "equal", "not_equal", "greater"])
def test_selection_by_a_comparison(dtype, compare, device, dynamic):
    """The plugin fuses a comparison and its Select, in float32: integers beyond 2^24 lose their last bits."""
    a, b = values("float32", (6, 7), 1), values("float32", (6, 7), 2)
    x, y = values(dtype, (6, 7), 3), values(dtype, (6, 7), 4)
    f = kvino.function(lambda a, b, x, y: ops.where(getattr(ops, compare)(a, b), x, y), device=device, dynamic=dynamic)
    agree(f(a, b, x, y), np.where(getattr(np, compare)(a, b), x, y))


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
def test_a_product_without_dimensions(shape, device, dynamic):
    """The plugin crashes on a product that a Reshape takes to no dimension."""
    a, b = values("float32", (1, 12), 1), values("float32", (12, 1), 2)
    f = kvino.function(lambda a, b: ops.reshape(ops.matmul(a, b), shape), device=device, dynamic=dynamic)
    agree(f(a, b), (a @ b).reshape(shape), rtol=1e-4, atol=1e-5)


CHAINS = {
    "clip": lambda x: ops.clip(x, -1.5, 2.5),
    "maximum_minimum": lambda x: ops.minimum(ops.maximum(x, -1.5), 2.5),
    "minimum_maximum": lambda x: ops.maximum(ops.minimum(x, 2.5), -1.5),
    "after_negative": lambda x: ops.maximum(ops.negative(x), -1.5),
    "twice": lambda x: ops.maximum(ops.negative(ops.maximum(x, -1.5)), -2.5),
    "hard_tanh": lambda x: ops.hard_tanh(x),
}


@pytest.mark.parametrize("name", CHAINS)
def test_nan_in_chains_of_bounds(name, device, dynamic):
    """A Maximum and a Minimum become a Clamp in the plugin, which loses NaN."""
    x = np.array([[1, np.nan, -9, 9], [np.nan, 0, -0.5, 2]], "float32")
    f = kvino.function(CHAINS[name], device=device, dynamic=dynamic)
    agree(f(x), np.asarray(CHAINS[name](kvino.Tensor(x))))


@pytest.mark.parametrize(
    "shape, start, box", [((7,), (2,), (3,)), ((5, 4), (2, 1), (2, 2)), ((4, 5, 6), (1, 2, 0), (2, 3, 6))]
)
@pytest.mark.parametrize("computed", [False, True])
def test_boxes_written(shape, start, box, computed, device, dynamic):
    """The plugin writes to other places where the bounds are computed, and crashes where the updates' dimensions are unknown."""
    x, u = values("float32", shape, 1), values("float32", box, 2)
    expected = x.copy()
    expected[tuple(slice(s, s + n) for s, n in zip(start, box))] = u
    if computed:
        f = kvino.function(lambda x, u, i: ops.slice_update(x, (i, *start[1:]), u), device=device, dynamic=dynamic)
        agree(f(x, u, np.array(start[0], "int32")), expected)
    else:
        f = kvino.function(lambda x, u: ops.slice_update(x, start, u), device=device, dynamic=dynamic)
        agree(f(x, u), expected)
