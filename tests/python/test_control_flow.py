"""Control flow: eager, traced for the native kernels and traced for OpenVINO, with dimensions known and unknown, all against
NumPy. Which engine a body runs on is checked, too."""

import kvino  # isort: skip: makes Keras use it
import keras
import numpy as np
import pytest

from kvino import _core
from kvino import ops as K

core = keras.src.backend.core

OPS = _core.op_namespaces()
NP = OPS["numpy"]
RNG = np.random.default_rng(7)
X = RNG.standard_normal((4, 3)).astype("float32")
Y = RNG.standard_normal((4, 3)).astype("float32")
SEQUENCE = RNG.standard_normal((6, 3)).astype("float32")
W = (RNG.standard_normal((3, 3)) / 3).astype("float32")


def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return np.array(a), np.array(b)


def collatz(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return np.array(steps)


def collatz_step(n, steps):
    n = core.cond(NP["equal"](n % 2, 0), lambda: n // 2, lambda: 3 * n + 1)
    return n, steps + 1


def powers(x, n):
    out = []
    for _ in range(n):
        x = x @ W
        out.append(np.tanh(x))
    return x, np.stack(out) if n else np.zeros((0,) + x.shape, x.dtype)


def nested_sum(n):
    return np.array(sum(i * j for i in range(n) for j in range(i)), "int32")


def growing(x, n):
    for i in range(n):
        x = np.concatenate([x, x[:1] + np.float32(i)])
    return x


def cumulate(x, reverse=False, axis=0):
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis) if reverse else np.cumsum(x, axis)


T = "CPU"  # on OpenVINO as a whole
N = "native"  # the node stays with the native kernels
# name: (function, arguments, expected, engine of the node with bodies)
CASES = {
    "if true": (lambda p, x, y: core.cond(p, lambda: x * 2 + y, lambda: x - 1), (np.array(True), X, Y), X * 2 + Y, T),
    "if false": (lambda p, x, y: core.cond(p, lambda: x * 2 + y, lambda: x - 1), (np.array(False), X, Y), X - 1, T),
    "if of a computed condition": (
        lambda x: core.cond(NP["sum"](x) > 0, lambda: (x, {"a": x + 1}), lambda: (x * 2, {"a": x * 3})),
        (np.abs(X),), (np.abs(X), {"a": np.abs(X) + 1}), T,
    ),
    "if passes on": (lambda p, x, y: core.cond(p, lambda: (x, y), lambda: (y, x)), (np.array(False), X, Y), (Y, X), T),
    "if of constants": (lambda p: core.cond(p, lambda: np.float32(1), lambda: np.float32(2)), (np.array(True),), np.float32(1), T),
    "if promotes": (lambda p, x: core.cond(p, lambda: 1, lambda: NP["sum"](x, 0)[0]), (np.array(False), X), X.sum(0)[0], T),
    "if of other lengths": (lambda p, x: core.cond(p, lambda: x[:2], lambda: x[1:]), (np.array(False), X), X[1:], T),
    "if in if": (
        lambda p, q, x: core.cond(p, lambda: core.cond(q, lambda: x + 1, lambda: x + 2), lambda: x + 3),
        (np.array(True), np.array(False), X), X + 2, T,
    ),
    "if of f64": (lambda p, x: core.cond(p, lambda: x / 3, lambda: x), (np.array(True), X.astype("float64")), X.astype("float64") / 3, N),
    "switch": (
        lambda i, x: core.switch(i, [lambda x: x, lambda x: x * 10, lambda x: -x, lambda x: x + 1], x),
        (np.array(2), X), -X, T,
    ),
    "switch clamps": (lambda i, x: core.switch(i, [lambda x: x, lambda x: x * 10], x), (np.array(7), X), X * 10, T),
    "switch clamps below": (lambda i, x: core.switch(i, [lambda x: x, lambda x: x * 10], x), (np.array(-7), X), X, T),
    "while": (
        lambda x: core.while_loop(lambda x: NP["sum"](x) < 100, lambda x: x * 2 + 1, x), (np.abs(X),),
        (lambda x: [x := x * 2 + 1 for _ in range(50) if x.sum() < 100][-1])(np.abs(X)), T,
    ),
    "while that never runs": (lambda x: core.while_loop(lambda x: NP["sum"](x) < 0, lambda x: x * 2, x), (np.abs(X),), np.abs(X), T),
    "while with a limit": (
        lambda x: core.while_loop(lambda x: NP["sum"](x) < 1e9, lambda x: x + 1, x, maximum_iterations=4), (X,), X + 4, T,
    ),
    "while over a structure": (
        lambda n: core.while_loop(
            lambda v: v["i"] < n, lambda v: {"i": v["i"] + 1, "ab": (v["ab"][1], v["ab"][0] + v["ab"][1])},
            {"i": 0, "ab": (np.int32(0), np.int32(1))},
        )["ab"],
        (np.array(20, "int32"),), tuple(v.astype("int32") for v in fibonacci(20)), T,
    ),
    "while with an if": (
        lambda n: core.while_loop(lambda n, s: n != 1, collatz_step, (n, np.int32(0)))[1],
        (np.array(27, "int32"),), collatz(27).astype("int32"), T,
    ),
    "while of i64 beyond 32 bits": (
        lambda n, limit: core.while_loop(lambda n: n < limit, lambda n: n * n, n), (np.array(3), np.array(10**12)),
        np.array(3 ** 32), N,
    ),
    "while that grows": (
        lambda x, n: core.while_loop(
            lambda i, x: i < n, lambda i, x: (i + 1, NP["concatenate"]([x, x[:1] + core.cast(i, "float32")])),
            (np.int32(0), x),
        )[1],
        (X, np.array(3, "int32")), growing(X, 3), T,
    ),
    "while that changes its dtype": (
        lambda n: core.while_loop(lambda i, x: i < n, lambda i, x: (i + 1, x + 0.5), (np.int32(0), np.int32(1)))[1],
        (np.array(3, "int32"),), np.float32(2.5), T,
    ),
    "while that swaps": (
        lambda x, y, n: core.while_loop(lambda i, a, b: i < n, lambda i, a, b: (i + 1, b, a), (np.int32(0), x, y))[1:],
        (X, Y, np.array(3, "int32")), (Y, X), T,
    ),
    "fori": (lambda n, x: core.fori_loop(0, n, lambda i, x: x * 2 + core.cast(i, "float32"), x), (np.array(3), X),
             ((X * 2) * 2 + 1) * 2 + 2, T),
    "fori from a bound": (lambda a, x: core.fori_loop(a, 5, lambda i, x: x + core.cast(i, "float32"), x), (np.array(2), X), X + 9, T),
    "fori backwards is empty": (lambda a, x: core.fori_loop(a, 5, lambda i, x: x + 1, x), (np.array(9), X), X, T),
    "fori of a traced carry": (lambda x: core.fori_loop(0, 4, lambda i, x: x + i, x), (X,), X + 6, T),
    "fori of a concrete carry": (
        lambda x: core.fori_loop(0, 3, lambda i, y: y + NP["sum"](x), np.float32(1)), (X,), np.float32(1) + 3 * X.sum(), T,
    ),
    "fori in fori": (
        lambda n: core.fori_loop(
            0, n, lambda i, s: core.fori_loop(0, i, lambda j, s: s + core.cast(i * j, "int32"), s), np.int32(0)),
        (np.array(7),), nested_sum(7), T,
    ),
    "scan": (
        lambda x, xs: core.scan(lambda c, v: (c * 0.5 + v, c + v), x[0], xs), (X, SEQUENCE),
        (lambda c: (c, None))(None), T,
    ),
    "scan of products": (lambda x: core.scan(lambda c, _: (c @ W, NP["tanh"](c @ W)), x, None, length=5), (X,), powers(X, 5), T),
    "map": (lambda xs: core.map(lambda v: {"s": NP["sum"](v), "m": v * 2}, xs), (SEQUENCE,),
            {"s": SEQUENCE.sum(1), "m": SEQUENCE * 2}, T),
    "vectorized map": (lambda a, b: core.vectorized_map(lambda v: v[0] @ v[1], [a, b]), (X, Y), (X * Y).sum(1), T),
    "associative scan": (lambda x: core.associative_scan(lambda a, b: a + b, x), (SEQUENCE,), cumulate(SEQUENCE), T),
    "associative scan, odd": (lambda x: core.associative_scan(lambda a, b: a + b, x[:5]), (SEQUENCE,), cumulate(SEQUENCE[:5]), T),
    "associative scan, other axis": (
        lambda x: core.associative_scan(lambda a, b: a + b, x, reverse=True, axis=-1), (SEQUENCE,), cumulate(SEQUENCE, True, 1), T,
    ),
    "a reduction of what may be nothing": (
        lambda x, n: core.fori_loop(0, n, lambda i, y: y + NP["max"](x[x[:, 0] > -9][:, 0]), np.float32(0)),
        (X, np.array(2)), 2 * X[:, 0].max(), None,
    ),
}


def scanned():
    c, ys = X[0], []
    for v in SEQUENCE:
        c, y = c * np.float32(0.5) + v, c + v
        ys.append(y)
    return c, np.stack(ys)


CASES["scan"] = CASES["scan"][:2] + (scanned(),) + CASES["scan"][3:]


def compare(got, expected):
    if isinstance(expected, dict):
        assert set(got) == set(expected)
        for k in expected:
            compare(got[k], expected[k])
    elif isinstance(expected, tuple):
        assert len(got) == len(expected)
        for a, b in zip(got, expected):
            compare(a, b)
    else:
        got = np.asarray(got)
        assert got.dtype == np.asarray(expected).dtype and got.shape == np.shape(expected)
        np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_eager(name):
    function, args, expected, _ = CASES[name]
    compare(function(*[kvino.asarray(a) for a in args]), expected)


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("device", ["native", "CPU"])
@pytest.mark.parametrize("name", CASES)
def test_traced(name, device, dynamic):
    function, args, expected, engine = CASES[name]
    traced = kvino.function(function, device=device, dynamic=dynamic)
    compare(traced(*args), expected)
    compare(traced(*args), expected)
    if device == "CPU" and engine == T and not dynamic:
        text = traced.describe(*args)
        assert "native" not in text, text
    if device == "CPU" and engine == N:
        assert "native" in traced.describe(*args)


# ---- what a graph is ----


def graph_text(function, *args):
    return kvino.function(function).graph_text(*args)


def test_the_functions_are_called_once():
    calls = []

    def body(i, x):
        calls.append(i)
        return x * 2

    f = kvino.function(lambda n, x: core.fori_loop(0, n, body, x), device="native")
    np.testing.assert_array_equal(f(np.array(10), X), X * 1024)
    assert len(calls) == 1


def test_listing_shows_the_bodies():
    text = graph_text(lambda p, x: core.cond(p, lambda: x + 1, lambda: x), np.array(True), X)
    assert "If(%0, %1)" in text and "\n  then_body:\n    %0: f32[4, 3] = Parameter\n" in text and "else_body" in text


def test_a_branch_that_is_not_taken_does_not_fail():
    f = kvino.function(
        lambda p, x, n: core.cond(p, lambda: NP["sum"](NP["reshape"](x, (n, -1))), lambda: NP["sum"](x)), device="native", dynamic=True,
    )
    np.testing.assert_allclose(f(np.array(False), X, np.array(5)), X.sum(), rtol=1e-5)
    with pytest.raises(ValueError, match="reshape"):
        f(np.array(True), X, np.array(5))


def test_a_known_branch_replaces_its_condition():
    f = kvino.function(lambda x: core.cond(NP["size"](x) > 3 if "size" in NP else kvino.asarray(True), lambda: x + 1, lambda: x), device="CPU")
    np.testing.assert_allclose(f(X), X + 1)

    def known(x):  # the condition is symbolic while it is traced, and known once it is folded
        n = OPS["core"]["shape_tensor"](x)
        return core.cond(n[0] > 3, lambda: x + 1, lambda: x)

    f = kvino.function(known, device="CPU")
    np.testing.assert_allclose(f(X), X + 1)
    assert "If" not in f.describe(X)


def test_equal_bodies_are_computed_once():
    def twice(p, x):
        return core.cond(p, lambda: x + 1, lambda: x) + core.cond(p, lambda: x + 1, lambda: x)

    f = kvino.function(twice, device="CPU")
    np.testing.assert_allclose(f(np.array(True), X), 2 * (X + 1))
    assert "If x2" not in f.describe(np.array(True), X)


def test_values_of_a_body_stay_in_it():
    leaked = []

    def body(i, x):
        leaked.append(x + 1)
        return leaked[-1]

    with pytest.raises(ValueError, match="another graph"):
        kvino.function(lambda n, x: core.fori_loop(0, n, body, x) + leaked[0])(np.array(3), X)


def test_an_error_in_a_body_leaves_it():
    def bad(p, x):
        with pytest.raises(RuntimeError, match="here"):
            core.cond(p, lambda: (_ for _ in ()).throw(RuntimeError("here")), lambda: x)
        return x + 1

    np.testing.assert_allclose(kvino.function(bad)(np.array(True), X), X + 1)


def test_branches_must_match():
    with pytest.raises(ValueError, match="branches"):
        kvino.function(lambda p, x: core.cond(p, lambda: x, lambda: x[0]))(np.array(True), X)
    with pytest.raises(ValueError, match="None"):
        kvino.function(lambda p, x: core.cond(p, lambda: x, lambda: None))(np.array(True), X)
    assert kvino.function(lambda p, x: (core.cond(p, lambda: None, lambda: None), x))(np.array(True), X)[0] is None


def test_a_loop_keeps_its_rank():
    with pytest.raises(ValueError, match="becomes one of shape"):
        kvino.function(lambda n, x: core.fori_loop(0, n, lambda i, x: NP["sum"](x, 0), x))(np.array(2), X)


# ---- scans ----


@pytest.mark.parametrize("device", [None, "native", "CPU"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 5])
def test_scan(device, reverse, length):
    def f(init, xs):
        return core.scan(lambda c, v: (c + v["a"], (c * v["b"], None)), init, xs, reverse=reverse)

    xs = {"a": SEQUENCE[:length], "b": SEQUENCE[:length] * 2}
    c, ys = X[0], []
    for i in reversed(range(length)) if reverse else range(length):
        ys.append(c * xs["b"][i])
        c = c + xs["a"][i]
    ys = np.stack(ys[::-1] if reverse else ys) if ys else np.zeros((0, 3), "float32")
    run = f if device is None else kvino.function(f, device=device, dynamic=device == "CPU" and length > 0)
    got_c, (got, nothing) = run(kvino.asarray(X[0]), {k: kvino.asarray(v) for k, v in xs.items()})
    assert nothing is None
    compare((got_c, got), (c, ys))


def test_scan_without_ys():
    for run in (lambda f: f, kvino.function):
        carry, ys = run(lambda x: core.scan(lambda c, _: (c + 1, None), x, length=3))(kvino.asarray(X))
        compare(carry, X + 3)
        assert np.asarray(ys[0]).shape == (3, 4, 3)


def test_scan_refuses():
    with pytest.raises(TypeError, match="should be a callable"):
        core.scan(1, X)
    with pytest.raises(ValueError, match="must be an positive integer or boolean"):
        core.scan(lambda c, x: (c, x), X, X, unroll=-1)
    with pytest.raises(ValueError, match="to scan over and"):
        core.scan(lambda c, x: (c, x), X)
    with pytest.raises(ValueError, match="first dimension"):
        core.associative_scan(lambda a, b: a, (X, X[:2]))
    with pytest.raises(ValueError, match="axis 10 is out of bounds"):
        core.associative_scan(lambda a, b: a, X, axis=10)


@pytest.mark.parametrize("n", range(1, 10))
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(n, reverse):
    """Matrix products, which do not commute."""
    x = (RNG.standard_normal((2, n, 3, 3)) * 0.7).astype("float32")
    expected, m = [], None
    for i in reversed(range(n)) if reverse else range(n):
        m = x[:, i] if m is None else m @ x[:, i]
        expected.append(m)
    expected = np.stack(expected[::-1] if reverse else expected, 1)

    def f(x):
        return core.associative_scan(lambda a, b: NP["matmul"](a, b), x, reverse=reverse, axis=1)

    np.testing.assert_allclose(f(kvino.asarray(x)), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(kvino.function(f, dynamic=True)(x), expected, rtol=1e-4, atol=1e-5)


def test_variables_assigned_in_bodies():
    v = keras.Variable(np.float32(1), trainable=False)

    def f(p, x):
        with keras.StatelessScope() as scope:
            core.cond(p, lambda: v.assign(v.value + x), lambda: None if False else v.assign(v.value * 2))
            core.fori_loop(0, 3, lambda i, y: (v.assign(v.value * 2), y)[1], x)
        return scope.get_current_value(v)

    traced = kvino.function(f)
    assert float(traced(np.array(True), np.float32(4))) == 40
    assert float(traced(np.array(False), np.float32(4))) == 16
    assert float(np.asarray(v.value)) == 1


# ---- indices out of range, and loops that do not run ----

I32 = np.int32
TAKING = {
    "fori": (lambda x, n, k: core.fori_loop(0, n, lambda j, s: s + NP["take"](x, k + j, axis=0), x[0]),
             (X, I32(3), I32(0)), (X, I32(3), I32(2))),
    "cond": (lambda x, c, k: core.cond(c, lambda: NP["take"](x, k, axis=0), lambda: x[0] * 2),
             (X, np.False_, I32(9)), (X, np.True_, I32(9))),
    "scan": (lambda x, k: core.scan(lambda c, v: (c + 1, NP["take"](v, k, axis=0) + c), np.float32(0), x)[1],
             (X, I32(-3)), (X, I32(-4))),
    "cond in fori": (
        lambda x, n: core.fori_loop(
            0, n, lambda j, s: core.cond(j > 1, lambda: s + NP["take"](x, j * 2, axis=0), lambda: s), x[0]),
        (X, I32(2)), (X, I32(3))),
}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", TAKING)
def test_an_index_out_of_range_in_a_body(name, dynamic):
    f, good, bad = TAKING[name]
    traced, native = (kvino.function(f, device=device, dynamic=dynamic) for device in ("CPU", "native"))
    for _ in range(2):
        compare(traced(*good), np.asarray(native(*good)))
        for run in (traced, native):
            with pytest.raises(IndexError, match="is out of bounds for axis 0 with size"):
                run(*bad)
    assert "native" not in traced.describe(*good)


@pytest.mark.parametrize("device", ["native", "CPU"])
def test_a_loop_that_does_not_run_stacks_nothing_of_the_true_shape(device):
    def pairs(x, n):
        return core.map(lambda i: NP["outer"](x, x) * core.cast(i, "float32"), NP["arange"](6)[:n])

    def joined(xs, y, n):
        return core.scan(lambda c, v: (c + v, NP["concatenate"]([c, y])), y, xs[:n])[1]

    for f, args in ((pairs, (X[0],)), (joined, (SEQUENCE, X[0]))):
        traced = kvino.function(f, device=device, dynamic=True)
        full = np.asarray(traced(*args, I32(3)))
        for n in (0, 3, 0):
            compare(traced(*args, I32(n)), full[:n])


DROPPED = {
    "a constant": lambda n, x: core.fori_loop(0, n, lambda i, v: K.ones((3,)), x),
    "a value from outside": lambda n, x: core.fori_loop(0, n, lambda i, v: x, x * 3),
    "what is computed from outside": lambda n, x: core.fori_loop(0, n, lambda i, v: K.abs(x) * 2, x * 3),
    "the iteration": lambda n, x: core.fori_loop(0, n, lambda i, v: K.zeros_like(v) + K.cast(i, "float32"), x * 3),
    "another value": lambda n, x: core.while_loop(lambda i, a, b: i < n, lambda i, a, b: (i + 1, b, b * 2), (np.int32(0), x, x * 2))[1],
    "other lengths": lambda n, x: core.while_loop(lambda i, v: i < n, lambda i, v: (i + 1, K.concatenate([x, x])), (np.int32(0), x[:1] * 1))[1],
    "inside of a loop": lambda n, x: core.fori_loop(0, n + 1, lambda j, w: core.fori_loop(0, n, lambda i, v: K.abs(x) * 2, w + 1), x * 3),
    "inside of a branch": lambda n, x: core.cond(n >= 0, lambda: core.fori_loop(0, n, lambda i, v: K.abs(x) * 2, x + 1), lambda: x * 3),
}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("device", ["native", "CPU"])
@pytest.mark.parametrize("name", DROPPED)
def test_a_loop_that_does_not_run_gives_what_it_began_with(name, device, dynamic):
    """Also where its body would give it no heed."""
    x = np.float32([1, -2, 3])
    f = kvino.function(DROPPED[name], device=device, dynamic=dynamic)
    for n in (1, 0, 2, 0):
        want = np.asarray(DROPPED[name](kvino.Tensor(np.int32(n)), kvino.Tensor(x)))
        np.testing.assert_array_equal(f(np.int32(n), x), want)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_the_first_run_of_a_branch_of_unknown_length(dtype):
    """The CPU plugin gives memory then that it has not written to."""
    x = np.arange(1, 6).astype(dtype)
    f = kvino.function(lambda v, q: (core.cond(K.any(v > 0), lambda: v, lambda: K.flip(v)), K.outer(q, q)), device="CPU", dynamic=True)
    for n in (5, 5, 3):
        y, _ = f(x[:n], x[:n].reshape(1, -1))
        np.testing.assert_array_equal(y, x[:n])


def test_a_branch_of_other_lengths_than_in_the_run_before():
    """A request's first inference with other lengths may give memory that nobody has written to."""
    def f(x, y, condition, z):
        chosen = core.cond(condition, lambda: z, lambda: kvino.ops.cast(kvino.ops.selu(false), "uint16"))
        return y, chosen, kvino.ops.outer(x, false), condition

    false, compiled = kvino.Tensor(np.zeros((1, 1, 1), "bool")), kvino.function(f, device="CPU", dynamic=True)
    for n, m in ((1, 1), (3, 5), (2, 7), (1, 1), (40, 300)):
        x, z = np.full((n, m + 1, 1), 4, "uint16"), (np.arange(n * m).reshape(n, m, 1) % 7 + 1).astype("uint16")
        for condition in (True, False, True):
            xs = (x, np.zeros_like(z), np.array(condition), z)
            for got, want in zip(compiled(*xs), f(*map(kvino.Tensor, xs))):
                np.testing.assert_array_equal(np.asarray(got), np.asarray(want), strict=True)
