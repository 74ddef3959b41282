"""Derivatives of the primitives that move, take, set, sort, reduce and normalize: each against differences of its values in
float64 (reverse, forward, second), with dimensions known and unknown, and compiled by OpenVINO in float32. Ties, zeros among
factors and indices that come twice have tests of their own."""


import numpy as np
import pytest

import capi
import test_movement_on_openvino as movement
from derivatives import derivatives, gradients, listed, pairing

RANDOM = np.random.default_rng(5)
STEP = 1e-6
X = RANDOM.permutation(24).reshape(2, 3, 4) / 7 + 0.3  # all different
Y = RANDOM.uniform(-2, 2, (2, 6, 3, 3))
ZEROS = np.array([[2.0, 0, 3, 5], [0, 3, 0, 2], [1, 2, 3, 4]])
NONE = np.array([], np.int64)


def n(values, dtype=np.int64):
    return np.array(values, dtype)


def channels(i):
    return np.random.default_rng(i).uniform(0.5, 2, 6)


# name, operands, positions of those that are constants, attributes
CASES = [c for c in movement.CASES if c[0] not in ("Unique", "Range", "StopGradient")]  # jumps, and none by definition
for name in ("Sum", "Prod", "Max", "Min", "Mean", "L1", "L2", "FMax", "FMin", "MeanSquare"):
    for axes, keep in ((n([1]), False), (n([0, -1]), True), (n([0, 1, 2]), False), (NONE, False)):
        CASES.append(("Reduce" + name, [X, axes], (1,), {"keep_dims": keep}))
for shape in ([2, 3, 4], [3, 1], [1, 1, 4], [4], []):
    CASES.append(("SumTo", [X, n(shape)], (1,), {}))
for exclusive in (False, True):
    for reverse in (False, True):
        CASES.append(("CumProd", [X, n(1)], (1,), {"exclusive": exclusive, "reverse": reverse}))
        CASES.append(("CumProd", [ZEROS, n(-1)], (1,), {"exclusive": exclusive, "reverse": reverse}))
        CASES.append(("CumSum", [X, n(0)], (1,), {"exclusive": exclusive, "reverse": reverse}))
CASES += [
    ("LinearRecurrence", [X, X[::-1] + 1, n(1)], (2,), {}),
    ("LinearRecurrence", [X, X[::-1] + 1, n(-1)], (2,), {"reverse": True}),
    ("ReduceProd", [ZEROS, n([1])], (1,), {"keep_dims": False}),
    ("ReduceProd", [ZEROS, n([0])], (1,), {"keep_dims": True}),
    ("ReduceProd", [ZEROS, n([0, 1])], (1,), {"keep_dims": False}),
    ("Gather", [X, n([[2, -1, 2], [0, 2, 1]]), n(1)], (2,), {"batch_dims": 0}),
    ("Gather", [X, n([[1, -2, 1], [0, 2, 0]]), n(2)], (2,), {"batch_dims": 1}),
    ("Gather", [X, n([[1, -2], [0, 2]], np.int32), n(1)], (2,), {"batch_dims": 1}),
    ("Gather", [Y, n([[[1, 1]] * 6] * 2), n(3)], (2,), {"batch_dims": 2}),
    ("Gather", [X, n(-1), n(1)], (2,), {"batch_dims": 0}),
    ("Gather", [X, n([], np.int64), n(0)], (2,), {"batch_dims": 0}),
    ("GatherElements", [X, n([[[1, 0, -1, 1]] * 3] * 2)], (), {"axis": 1}),
    ("GatherND", [X, n([[[1], [-1], [1]], [[0], [0], [2]]])], (), {"batch_dims": 1}),
    ("GatherND", [Y, n(RANDOM.integers(-3, 3, (2, 6, 5, 1)))], (), {"batch_dims": 2}),
    ("GatherND", [X, n([[1, -1], [0, 0], [1, 2]])], (), {"batch_dims": 0}),
    ("ScatterUpdate", [X, n([1, -2, 1]), X + 1.05, n(1)], (3,), {}),
    ("ScatterUpdate", [X, n([[0, 2], [1, 0]]), Y[:, :4, :2, :2].reshape(2, 2, 2, 4), n(1)], (3,), {}),
    ("ScatterNDUpdate", [X, n([[-1], [1]]), X[:, ::-1] + 3], (), {"reduction": "none"}),
    (
        "ScatterElementsUpdate",
        [X, n([[[1, 0, 1]] * 2] * 2), X[:, :2, :3] + 1, n(2)],
        (3,),
        {"reduction": "prod", "use_init_val": False},
    ),
    (
        "ScatterElementsUpdate",
        [ZEROS, n([[1, 0, 1, 1]]), ZEROS[:1] + 1, n(0)],
        (3,),
        {"reduction": "prod", "use_init_val": True},
    ),
    ("ScatterNDUpdate", [ZEROS, n([[1], [0], [1], [1]]), ZEROS[[0, 2, 1, 0]]], (), {"reduction": "prod"}),
    (
        "ScatterElementsUpdate",
        [X, n([[[1, 0, 1]] * 2] * 2), X[:, :2, :3] + 1, n(2)],
        (3,),
        {"reduction": "none", "use_init_val": True},
    ),
    ("Slice", [X, n([0, 2]), n([2, -9]), n([1, -1]), n([0, 1])], (1, 2, 3, 4), {}),
    ("Slice", [X, n([-3, 5]), n([9, 0]), n([2, -2]), n([2, 1])], (1, 2, 3, 4), {}),
    ("Slice", [X, n([5]), n([9]), n([1]), n([2])], (1, 2, 3, 4), {}),
    ("Slice", [X, n([-2]), n([9]), n([1]), n([2])], (1, 2, 3, 4), {}),
    ("Slice", [X, n([1, 1]), n([2, 3]), n([1, 1]), n([0, 2])], (3, 4), {}),
    ("SliceScatter", [X, X[:, 1:] + 1, n([0]), n([2]), n([1]), n([1])], (2, 3, 4, 5), {}),
    ("SliceScatter", [X, X[:, :, ::2] + 1, n([-1]), n([-9]), n([-2]), n([2])], (2, 3, 4, 5), {}),
    ("Pad", [X, n([1, -1, 0]), n([0, 2, -2])], (1, 2), {"pad_mode": "constant"}),
    ("Pad", [X, n([1, -1, 0]), n([0, 2, -2]), n(3.5, np.float64)], (1, 2), {"pad_mode": "constant"}),
    ("Pad", [X, n([0, -2, -5]), n([0, 4, 4])], (1, 2), {"pad_mode": "constant"}),
    ("Pad", [X, n([3, 1, 0]), n([0, 5, 2])], (1, 2), {"pad_mode": "edge"}),
    ("Pad", [X, n([3, 1, 0]), n([0, 5, 2])], (1, 2), {"pad_mode": "reflect"}),
    ("Pad", [X, n([3, 1, 0]), n([0, 5, -2])], (1, 2), {"pad_mode": "symmetric"}),
    ("Tile", [X, n([2])], (1,), {}),
    ("Tile", [X, n([2, 1, 3, 2])], (1,), {}),
    ("Tile", [X, n([1, 1])], (1,), {}),
    ("Tile", [X, n([0, 1, 1])], (1,), {}),
    ("Concat", [X, X[:, :2] + 1, X + 2], (), {"axis": 1}),
    ("Concat", [X, X + 1, X + 2], (), {"axis": -1}),
    ("Roll", [X, n([1, -2]), n([0, -1])], (1, 2), {}),
    ("OneHot", [n([[1, -1], [2, 0]]), n(3), n(2.0, np.float64), n(0.5, np.float64)], (1,), {"axis": 1}),
    ("Range", [n(0.5, np.float64), n(7.1, np.float64), n(0.7, np.float64)], (1,), {"output_type": "float64"}),
    ("Sort", [X], (), {"axis": 1, "descending": True}),
    ("OrderStatistics", [X, RANDOM.integers(0, 4, (2, 3, 2))], (1,), {}),
    ("Unique", [X], (), {"sorted": True, "index_element_type": "int64", "count_element_type": "int32"}),
    ("Unique", [X, n(1)], (1,), {"sorted": True, "index_element_type": "int64", "count_element_type": "int64"}),
    ("SoftMax", [X], (), {"axis": 1}),
    ("SoftMax", [X], (), {"axis": -1}),
    ("LogSoftmax", [X], (), {"axis": -2}),
    ("MVN", [X, n([-1])], (1,), {"normalize_variance": True, "eps": 1e-3, "eps_mode": "inside_sqrt"}),
    ("MVN", [X, n([0, 2])], (1,), {"normalize_variance": True, "eps": 0.1, "eps_mode": "outside_sqrt"}),
    ("MVN", [X, n([1])], (1,), {"normalize_variance": False, "eps": 0.1, "eps_mode": "inside_sqrt"}),
    ("NormalizeL2", [X, n([1])], (1,), {"eps": 0.1, "eps_mode": "add"}),
    ("NormalizeL2", [X, n([1, 2])], (1,), {"eps": 5, "eps_mode": "max"}),
    ("BatchNormInference", [Y, *map(channels, range(4))], (), {"epsilon": 1e-3}),
    ("BatchNormInference", [Y[:, :, 0, 0], *map(channels, range(4))], (), {"epsilon": 1e-3}),
    ("GroupNormalization", [Y, channels(0), channels(1)], (), {"num_groups": 2, "epsilon": 1e-2}),
]
IDS = [f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]


def is_float(x):
    return x.dtype.kind in "fc" or x.dtype.name == "bfloat16"


class Case:
    """A call of a primitive with its floats as `dtype`; x: the values of those that are differentiated."""

    def __init__(self, name, operands, constants, attributes, dtype):
        self.name, self.attributes, self.constants = name, dict(attributes), constants
        if name == "Range":
            self.attributes["output_type"] = dtype
        self.operands = [a.astype(dtype) if is_float(a) else a for a in map(np.asanyarray, operands)]
        self.places = [i for i, a in enumerate(self.operands) if is_float(a) and i not in constants]
        self.x = [self.operands[i] for i in self.places]

    def values(self, x):
        operands = list(self.operands)
        for i, a in zip(self.places, x):
            operands[i] = a
        return [y for y in listed(capi.prim(self.name, *operands, **self.attributes)) if is_float(y)]

    def graph(self, unknown):
        """The graph, its parameters for operands (by position), and its float outputs."""
        known = ("Slice", "GatherND", "ScatterNDUpdate")  # whose bounds and tuples are of known length
        graph, operands, inputs = capi.Graph(), [], []
        for i, a in enumerate(self.operands):
            if i in self.constants:
                operands.append(graph.constant(a))
                continue
            free = unknown and (is_float(a) or self.name not in known)
            operands.append(graph.parameter(a.dtype.name, [-1] * a.ndim if free else list(a.shape)))
            inputs.append(a)
        y = listed(graph.call(self.name, *operands, **self.attributes))
        kinds = [is_float(t) for t in listed(capi.prim(self.name, *self.operands, **self.attributes))]
        return graph, operands, inputs, [t for t, k in zip(y, kinds) if k]

    def directions(self, like):
        return [RANDOM.uniform(-1, 1, a.shape).astype(a.dtype) for a in like]

    def parameters(self, graph, arrays, unknown):
        return [graph.parameter(a.dtype.name, [-1] * a.ndim if unknown else list(a.shape)) for a in arrays]


@pytest.mark.parametrize("unknown", [False, True], ids=["known", "unknown"])
@pytest.mark.parametrize("name, operands, constants, attributes", CASES, ids=IDS)
def test_differences(name, operands, constants, attributes, unknown):
    case = Case(name, operands, constants, attributes, "float64")
    if not case.x or not case.values(case.x):
        return
    graph, at, inputs, y = case.graph(unknown)
    x = [at[i] for i in case.places]
    u, v = case.directions(case.values(case.x)), case.directions(case.x)
    us, vs = case.parameters(graph, u, unknown), case.parameters(graph, v, unknown)
    reverse = gradients(graph, y, us, x)
    forward = derivatives(graph, "kvino_jvp", y, None, x, vs)
    twice = gradients(graph, reverse, vs, x)
    graph.result(*reverse, *forward, *twice)
    run = graph.compile("native")
    results = listed(run(*inputs, *u, *v))
    reverse, forward, twice = (results[: len(x)], results[len(x) : len(x) + len(u)], results[len(x) + len(u) :])
    assert [t.shape for t in reverse + forward] == [t.shape for t in case.x + u]

    def moved(t):
        return [a + t * b for a, b in zip(case.x, v)]

    def difference(a, b):
        """An infinity that stays has not moved."""
        same = a == b
        return (np.where(same, 0, a) - np.where(same, 0, b)) / (2 * STEP)

    expected = [difference(a, b) for a, b in zip(case.values(moved(STEP)), case.values(moved(-STEP)))]
    for a, b in zip(forward, expected):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6 * max(1, np.abs(b).max(initial=0)))
    size = max(1, sum(np.abs(a * b).sum() for a, b in zip(u, expected)))
    assert abs(pairing(reverse, v) - pairing(u, expected)) <= 1e-6 * size

    def slope(t):
        new, rest = moved(t), list(inputs)
        places = [i for i in range(len(at)) if i not in case.constants]
        for i, a in zip(case.places, new):
            rest[places.index(i)] = a
        return pairing(listed(run(*rest, *u, *v))[: len(x)], v)

    second = (slope(STEP) - slope(-STEP)) / (2 * STEP)
    assert abs(pairing(twice, v) - second) <= 1e-6 * max(1, abs(second), pairing(map(abs, twice), map(abs, v)))


@pytest.mark.parametrize("name, operands, constants, attributes", CASES, ids=IDS)
def test_compiled(name, operands, constants, attributes):
    case = Case(name, operands, constants, attributes, "float32")
    if not case.x or not case.values(case.x):
        return
    graph, at, inputs, y = case.graph(False)
    u = case.directions(case.values(case.x))
    graph.result(*gradients(graph, y, case.parameters(graph, u, False), [at[i] for i in case.places]))
    expected = listed(graph.compile("native")(*inputs, *u))
    for a, b in zip(listed(graph.compile("CPU")(*inputs, *u)), expected):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "complex64", "complex128"])
@pytest.mark.parametrize("name, operands, constants, attributes", CASES, ids=IDS)
def test_other_dtypes(name, operands, constants, attributes, dtype):
    """Real numbers in another dtype have the gradients that they have in float64, rounded. Where operands are rounded,
    they are of few bits from the start."""
    if name == "Range":
        return
    coarse = [np.round(a * 2) / 2 if is_float(np.asanyarray(a)) else a for a in operands]
    case = Case(name, coarse, constants, attributes, "float64")
    if not case.x or not case.values(case.x):
        return
    u = [np.round(t * 2) / 2 for t in case.directions(case.values(case.x))]

    def found(dtype):
        def cast(a):
            return a.astype(capi.dtype(dtype)) if is_float(a) else a

        other = Case(name, coarse, constants, attributes, "float64")
        other.operands = [cast(a) for a in case.operands]
        graph, at, inputs, y = other.graph(False)
        us = other.parameters(graph, list(map(cast, u)), False)
        graph.result(*gradients(graph, y, us, [at[i] for i in case.places]))
        return listed(graph.compile("native")(*inputs, *map(cast, u)))

    try:
        capi.prim(name, *(a.astype(capi.dtype(dtype)) if is_float(a) else a for a in case.operands), **case.attributes)
    except capi.KvinoError:
        return  # not a dtype of this primitive
    rtol = {"float16": 2e-3, "bfloat16": 2e-2, "complex64": 1e-5, "complex128": 1e-12}[dtype]
    expected = found("float64")
    if dtype == "float16" and any(np.abs(t).max(initial=0) > 6e4 for t in expected):
        return
    for a, b in zip(found(dtype), expected):
        assert a.dtype.name == dtype
        np.testing.assert_allclose(a.astype(np.float64 if dtype.endswith("16") else a.dtype), b, rtol=rtol, atol=rtol)


# ---- values at kinks, ties and zeros ----


def gradient(name, operands, u=None, constants=(), dtype="float64", **attributes):
    """The gradients of the float operands (one: by itself) of a call with cotangent u (ones)."""
    case = Case(name, operands, constants, attributes, dtype)
    graph, at, inputs, y = case.graph(False)
    u = [np.ones_like(t) for t in case.values(case.x)] if u is None else [np.asarray(u, dtype)]
    graph.result(*gradients(graph, y, case.parameters(graph, u, False), [at[i] for i in case.places]))
    results = listed(graph.compile("native")(*inputs, *u))
    return results[0] if len(results) == 1 else results


@pytest.mark.parametrize("name", ["ReduceMax", "ReduceFMax"])
def test_equal_extremes_share(name):
    x = [[1.0, 3, 3, 0], [2, 2, 2, 2], [5, 4, 3, 2]]
    expected = [[0, 0.5, 0.5, 0], [0.25] * 4, [1, 0, 0, 0]]
    np.testing.assert_array_equal(gradient(name, [n(x, float), n([1])], constants=(1,), keep_dims=False), expected)
    other = name.replace("Max", "Min")
    np.testing.assert_array_equal(gradient(other, [-n(x, float), n([1])], constants=(1,), keep_dims=False), expected)


def test_extremes_and_nan():
    x = np.array([[1.0, np.nan, 3], [4, 4, 1]])
    np.testing.assert_array_equal(gradient("ReduceFMax", [x, n([1])], constants=(1,)), [[0, 0, 1], [0.5, 0.5, 0]])
    found = gradient("ReduceMax", [x, n([1])], constants=(1,))
    assert np.isnan(found[0]).all() and (found[1] == [0.5, 0.5, 0]).all()


def test_products_with_zeros():
    x = np.array([[2.0, 0, 3], [0, 0, 3], [2, 4, 5]])
    expected = [[0, 6, 0], [0, 0, 0], [20, 10, 8]]
    np.testing.assert_array_equal(gradient("ReduceProd", [x, n([1])], constants=(1,)), expected)
    np.testing.assert_array_equal(gradient("CumProd", [np.array([2.0, 0, 3, 4]), n(0)], constants=(1,)), [1, 32, 0, 0])


def test_norms_of_zeros():
    x = np.array([[0.0, 0], [3, -4]])
    np.testing.assert_array_equal(gradient("ReduceL2", [x, n([1])], constants=(1,)), [[0, 0], [0.6, -0.8]])
    np.testing.assert_array_equal(gradient("ReduceL1", [x, n([1])], constants=(1,)), [[0, 0], [1, -1]])


def test_the_last_update_counts():
    x, at = np.zeros((3, 2)), n([1, -1, 1])
    u, given = np.array([[1.0, 2], [3, 4], [5, 6]]), np.ones((3, 2))
    expected = [[[1, 2], [0, 0], [0, 0]], [[0, 0], [5, 6], [3, 4]]]
    for name, operands, constants in (
        ("ScatterUpdate", [x, at, given, n(0)], (3,)),
        ("ScatterNDUpdate", [x, at[:, None], given], ()),
        ("ScatterElementsUpdate", [x, np.stack([at, at], 1), given, n(0)], (3,)),
    ):
        kwargs = {"use_init_val": True} if name == "ScatterElementsUpdate" else {}
        found = gradient(name, operands, u, constants, **kwargs)
        np.testing.assert_array_equal(found, expected, err_msg=name)


@pytest.mark.parametrize("how", ["max", "min"])
def test_equal_updates_share(how):
    sign = 1 if how == "max" else -1
    x, at, given = np.array([2.0, 1, 5]) * sign, n([0, 0, 1, 2]), np.array([2.0, 2, 3, 4]) * sign
    third = 1 / 3
    of_x, of_updates = gradient("ScatterNDUpdate", [x, at[:, None], given], reduction=how)
    np.testing.assert_allclose(of_x, [third, 0, 1])
    np.testing.assert_allclose(of_updates, [third, third, 1, 0])
    operands, attributes = [x, at, given, n(0)], {"reduction": how, "use_init_val": False}
    of_x, of_updates = gradient("ScatterElementsUpdate", operands, constants=(3,), **attributes)
    np.testing.assert_allclose(of_x, [0, 0, 0])
    np.testing.assert_allclose(of_updates, [0.5, 0.5, 1, 1])


def test_products_of_updates_with_zeros():
    x, at, given = np.array([2.0, 0, 7, np.inf]), n([0, 0, 1, 1, 2]), np.array([3.0, 0, 4, 5, 0])
    of_x, of_updates = gradient("ScatterNDUpdate", [x, at[:, None], given], reduction="prod")
    np.testing.assert_array_equal(of_x, [0, 20, 0, 1])
    np.testing.assert_array_equal(of_updates, [0, 6, 0, 0, 7])


def test_sums_of_small_floats_are_rounded_once():
    rows = np.zeros(3000, np.int64)
    for dtype in ("float16", "bfloat16"):
        kind = capi.dtype(dtype)
        graph = capi.Graph()
        x, u = graph.parameter(dtype, [2, 1]), graph.parameter(dtype, [3000, 1])
        y = graph.call("Gather", x, graph.constant(rows), graph.constant(n(0)))
        graph.result(*gradients(graph, [y], [u], [x]))
        found = graph.compile("native")(np.zeros((2, 1), kind), np.ones((3000, 1), kind))
        np.testing.assert_array_equal(found, np.array([[3000], [0]]).astype(kind))


@pytest.mark.parametrize("run", [1, 3, 200])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_rows(run, dtype):
    """Of all threads: whatever their number, the sums are those of one."""
    rows = np.minimum(RANDOM.geometric(0.01, 400_000 // run), 500) - 1
    x, u = np.zeros((500, run), dtype), RANDOM.integers(-8, 8, (rows.size, run)).astype(dtype)
    expected = np.zeros_like(x)
    np.add.at(expected, rows, u)
    np.testing.assert_array_equal(gradient("Gather", [x, rows, n(0)], u, (2,), dtype), expected)


def test_empty():
    found = gradient("Gather", [np.zeros((3, 0)), n([1, 2]), n(0)], constants=(2,))
    assert found.shape == (3, 0)
    found = gradient("GroupNormalization", [np.zeros((0, 2, 3)), np.ones(2), np.ones(2)], num_groups=1, epsilon=1e-3)
    assert [t.shape for t in found] == [(0, 2, 3), (2,), (2,)] and not found[1].any()


@pytest.mark.parametrize("op", ["Concat", "Split"])
def test_many_parts(op):
    graph, m = capi.Graph(), 100
    u = RANDOM.random((m * (m + 1) // 2, 2))
    if op == "Concat":
        x = [graph.parameter("float64", [i + 1, 2]) for i in range(m)]
        y = [graph.call("Concat", *x, axis=0)]
        given = [np.zeros((i + 1, 2)) for i in range(m)]
        expected = np.split(u, np.cumsum(np.arange(1, m)))
    else:
        x = [graph.parameter("float64", [m, 2])]
        y = graph.call("Split", x[0], graph.constant(n(0)), num_splits=m)[:3]
        given, u, expected = [np.zeros((m, 2))], u[:3], [np.concatenate([u[:3], np.zeros((m - 3, 2))])]
    us = (
        [graph.parameter("float64", [len(u), 2])] if op == "Concat" else [graph.parameter("float64", [1, 2]) for _ in y]
    )
    graph.result(*gradients(graph, y, us, x))
    cotangents = [u] if op == "Concat" else list(u[:, None])
    for a, b in zip(listed(graph.compile("native")(*given, *cotangents)), expected):
        np.testing.assert_array_equal(a, b)


def test_OpenVINO_gathers_from_the_slice():
    """Not from what it was cut from."""
    graph = capi.Graph()
    x = graph.parameter("float32", [4, 3])
    part = graph.call("Slice", x, *map(graph.constant, (n([0]), n([2]), n([1]), n([0]))))
    graph.result(graph.call("GatherElements", part, graph.constant(n([[-1, 0, -2]])), axis=0))
    given = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_array_equal(graph.compile("CPU")(given), [[3, 1, 2]])


def test_a_pad_for_more_than_is_there():
    graph = capi.Graph()
    x = graph.parameter("float32", [-1])
    graph.result(graph.call("Pad", x, graph.constant(n([-5])), graph.constant(n([4])), pad_mode="constant"))
    f = graph.compile("CPU")
    np.testing.assert_array_equal(f(np.arange(3, dtype=np.float32)), [0, 0])
    np.testing.assert_array_equal(f(np.arange(7, dtype=np.float32)), [5, 6, 0, 0, 0, 0])
