"""Matrix and tensor products of keras.ops.numpy against NumPy."""

import subprocess
import sys

import numpy as np
import pytest

import kvino
from opcheck import (
    ALL,
    COMPLEX,
    FLOATS,
    INTEGERS,
    Case,
    agree,
    case,
    cast,
    eager,
    is_exact,
    layouts,
    make_tests,
    name_of,
    result_type,
    values,
    wide,
)

COMPILED = ["float32", "int32", "float16", "bfloat16", "int64", "float64", "bool", "uint8", "int8"]
TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2}


def product(f, int8_as="int8"):
    def reference(a, b, *more, **kwargs):
        name = int8_as if name_of(a) == name_of(b) == "int8" else result_type(a, b)
        a, b = cast(a, name), cast(b, name)
        if name == "bool":
            return f(a.astype("int32"), b.astype("int32"), *more, **kwargs) != 0
        if is_exact(name):
            return np.asarray(f(a, b, *more, **kwargs))
        return cast(f(wide(a), wide(b), *more, **kwargs), name)

    return reference


def outer(a, b):
    name = result_type(a, b)
    return np.outer(cast(a, name), cast(b, name))


def v(dtype, shape, seed):
    return values(dtype, shape, seed, 0 if dtype.startswith("u") else -5, 5)


def every(f, dtypes=ALL, a=(3, 4), b=(4, 5)):
    return [
        case(
            v(d, a, 1),
            v(d, b, 2),
            expect=f,
            compile=d in COMPILED,
            atol=TOLERANCE.get(d, 1e-5 if d in FLOATS + COMPLEX else 0),
            rtol=1e-2 if d in TOLERANCE else None,
            device_rtol=1e-2 if d in TOLERANCE else None,
            device_atol=0.1 if d in TOLERANCE else 1e-5,
        )
        for d in dtypes
    ]


def plain(f, a, b, *more, **kwargs):
    return case(v("float32", a, 1), v("float32", b, 2), *more, expect=f, atol=1e-4, device_atol=1e-4, **kwargs)


MATMUL, DOT, TENSORDOT = product(np.matmul, "int32"), product(np.dot), product(np.tensordot)
CASES = {
    "matmul": every(MATMUL)
    + [
        plain(MATMUL, a, b)
        for a, b in (
            ((4,), (4,)),
            ((4,), (4, 5)),
            ((3, 4), (4,)),
            ((2, 3, 4), (4, 5)),
            ((2, 3, 4), (2, 4, 5)),
            ((2, 1, 3, 4), (6, 4, 5)),
            ((4,), (2, 4, 5)),
            ((2, 3, 4), (4,)),
            ((3, 0), (0, 5)),
            ((0, 4), (4, 5)),
            ((3, 4), (4, 0)),
            ((0, 3, 4), (4, 5)),
            ((1, 1), (1, 1)),
            ((65, 70), (70, 33)),
        )
    ]
    + [
        case(v("int32", (3, 4), 1), v("float32", (4, 2), 2), expect=MATMUL, atol=1e-5),
        case(v("int8", (3, 4), 1), v("uint8", (4, 2), 2), expect=MATMUL),
        case(values("int32", (3, 4), 1), values("int32", (4, 2), 2), expect=MATMUL, label="int32_wraps"),
        case(np.full((1, 300), 127, "int8"), np.full((300, 1), 127, "int8"), expect=MATMUL, label="int8_as_int32"),
        case(values("int64", (3, 4), 1), values("int64", (4, 2), 2), expect=MATMUL, label="int64_wraps"),
    ],
    "dot": every(DOT)
    + [
        plain(DOT, a, b)
        for a, b in (
            ((4,), (4,)),
            ((), (3, 4)),
            ((3, 4), ()),
            ((), ()),
            ((2, 3, 4), (4,)),
            ((4,), (2, 4, 5)),
            ((0,), (0,)),
        )
    ]
    + [plain(DOT, (2, 3, 4), (6, 4, 5)), plain(DOT, (2, 4), (3, 4, 5))],
    "tensordot": every(TENSORDOT, FLOATS + INTEGERS[:5], (2, 3, 4), (3, 4, 5))
    + [
        plain(TENSORDOT, (3, 4), (4, 5), 1),
        plain(TENSORDOT, (3, 4), (2, 5), 0),
        plain(TENSORDOT, (3, 4), (5, 4), [[1], [1]]),
        plain(TENSORDOT, (3, 4, 2), (4, 3, 5), ([0, 1], [1, 0])),
        plain(TENSORDOT, (3, 4, 2), (2, 3), [[-1, 0], [0, 1]]),
        plain(TENSORDOT, (3, 4), (4, 5), (1, 0)),
        plain(TENSORDOT, (3, 0), (0, 5), 1),
        plain(TENSORDOT, (3, 4), (3, 4), 2),
    ],
    "outer": [
        case(v(d, (3,), 1), v(d, (4,), 2), expect=outer, compile=d in COMPILED, rtol=1e-2 if d in TOLERANCE else None)
        for d in ALL
    ]
    + [
        plain(outer, (2, 3), (4,)),
        plain(outer, (), (4,)),
        plain(outer, (0,), (4,)),
        case(v("float32", (3,), 1), 2, expect=outer),
        case(v("int8", (3,), 1), v("float16", (2,), 2), expect=outer),
    ],
}
def einsum(subscripts, xs):
    """In float64, rounded once; integers wrap."""
    names = {name_of(x) for x in xs}
    name = "int32" if names == {"int8"} else result_type(*xs)
    if name == "bool":
        return np.einsum(subscripts, *(x.astype(int) for x in xs)) != 0
    xs = [cast(x, name) for x in xs]
    return np.einsum(subscripts, *xs) if is_exact(name) else cast(np.einsum(subscripts, *map(wide, xs)), name)


def sums(subscripts, *shapes, dtype="float32", **kwargs):
    """Operands of small whole numbers: every order of summation gives the same."""
    xs = [cast(values("int32", s, i, -3, 3), dtype) for i, s in enumerate(shapes)]
    loose = 1e-2 if dtype in TOLERANCE else None
    return case(subscripts, xs, expect=einsum, label=f"{subscripts},{dtype}", compile=dtype in COMPILED, device_rtol=loose,
                device_atol=1e-4, **kwargs)


CASES["einsum"] = [sums("ij,jk->ik", (2, 3), (3, 4), dtype=d) for d in ALL] + [
    sums("abc,bd->acd", (2, 3, 2), (3, 4), dtype=d) for d in ("int8", "uint8", "int64", "bool", "float16", "complex64")
] + [
    sums(*c)
    for c in (
        ("ij,jk", (2, 3), (3, 4)), ("ba,bc", (3, 2), (3, 4)), ("i,i", (3,), (3,)), ("i,j", (3,), (4,)), ("i,j->ji", (3,), (4,)),
        ("ij->ji", (2, 3)), ("ji", (2, 3)), ("ij->", (2, 3)), ("ij->j", (2, 3)), ("ii", (3, 3)), ("ii->i", (3, 3)),
        ("iij->ji", (3, 3, 2)), ("ijij->ij", (2, 3, 2, 3)), ("iii->i", (3, 3, 3)), ("i i -> i", (3, 3)), ("", ()), (",ij", (), (2, 3)),
        (",", (), ()), ("...", (2, 3)), ("...ij->...ji", (2, 3, 4)), ("i...->...", (2, 3, 4)), ("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5)),
        ("...ij,jk", (2, 3, 4), (4, 5)), ("i...,j...k->...ijk", (2, 3), (4, 3, 5)), ("...,...j->...j", (2, 3), (2, 3, 4)),
        ("abc,cd->abd", (2, 3, 4), (4, 5)), ("abc,cde->abde", (2, 3, 4), (4, 5, 2)), ("abcd,cde->abe", (2, 3, 4, 5), (4, 5, 2)),
        ("aecd,abcd->acbe", (2, 3, 4, 5), (2, 6, 4, 5)), ("acbe,aecd->abcd", (2, 4, 6, 3), (2, 3, 4, 5)),
        ("abc,dce->abde", (2, 3, 4), (5, 4, 2)), ("ab,ab->a", (2, 3), (2, 3)), ("ab,ba->", (2, 3), (3, 2)), ("ab,ab->ab", (2, 3), (2, 3)),
        ("ab,b->ab", (2, 3), (3,)), ("ab,c->abc", (2, 3), (2,)), ("ab,cb,ad->dc", (2, 3), (4, 3), (2, 5)),
        ("ij,jk,kl,lm->im", (2, 3), (3, 4), (4, 2), (2, 5)), ("a,b,c", (2,), (3,), (4,)), ("ij,ij,ij->j", (2, 3), (2, 3), (2, 3)),
        ("Ab,bC->AC", (2, 3), (3, 4)), ("ij,jk->ik", (2, 0), (0, 4)), ("ij,jk->ik", (0, 3), (3, 4)), ("ij->i", (2, 0)),
        ("abcde,cfa->bfde", (2, 3, 2, 2, 3), (2, 4, 2)),
    )
] + [
    sums(*c, dynamic=False, why="axes of length 1 broadcast where that is known")
    for c in (("ij,jk->ik", (2, 1), (3, 4)), ("ij,ij->ij", (2, 1), (1, 3)), ("...a,...a->...", (1, 3, 2), (4, 1, 2)), ("ij,ij->", (2, 1), (2, 3)))
] + [
    case("ij,jk->ik", [v("float32", (2, 3), 1), v("int8", (3, 2), 2)], expect=einsum, atol=1e-5, label="mixed"),
    case("ij,->ij", [v("int32", (2, 3), 1), 2.5], expect=lambda s, xs: (xs[0] * 2.5).astype("float32"), label="weak"),
    case("ij,jk,kl->il", [np.full((1, 64), 1 + 2**-9, "float16"), np.full((64, 8), 1, "float16"), np.full((8, 1), 2**-9, "float16")],
         expect=einsum, label="rounded once", rtol=0, device_rtol=1e-2),
    case("i,i", [np.full(300, 127, "int8")] * 2, expect=einsum, label="int8 as int32"),
    case("i,i", [values("int64", (9,), 1), values("int64", (9,), 2)], expect=einsum, label="int64 wraps"),
]
INNER, CROSS = product(np.inner), np.cross
CASES["inner"] = every(INNER, a=(3, 4), b=(5, 4)) + [
    plain(INNER, a, b) for a, b in (((4,), (4,)), ((), (3, 4)), ((3, 4), ()), ((), ()), ((2, 3, 4), (5, 4)), ((2, 3, 4), (5, 6, 4)), ((0,), (0,)))
]
VDOT = product(lambda a, b: np.vdot(a, b).astype(a.dtype))
CASES["vdot"] = every(VDOT, a=(3, 4), b=(4, 3)) + [plain(VDOT, a, b) for a, b in (((4,), (4,)), ((), ()), ((0,), (0,)), ((2, 6), (3, 4)))]


def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    name = result_type(a, b)
    a, b = (np.moveaxis(x if is_exact(name) else wide(x), i, -1) for x, i in ((cast(a, name), axisa), (cast(b, name), axisb)))
    n, m = a.shape[-1], b.shape[-1]
    a, b = ([*np.moveaxis(x, -1, 0)] + [np.zeros(x.shape[:-1], x.dtype)] * (3 - x.shape[-1]) for x in (a, b))
    with np.errstate(all="ignore"):
        y = [a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3] for i in range(3)]
    return cast(y[2] if n == m == 2 else np.moveaxis(np.stack(np.broadcast_arrays(*y), -1), -1, axisc), name)


CASES["cross"] = [
    case(v(d, (4, 3), 1), v(d, (4, 3), 2), expect=cross, compile=d in COMPILED, atol=1e-5, rtol=1e-2 if d in TOLERANCE else None,
         device_atol=0.2 if d in TOLERANCE else 1e-5, dynamic=False, why="the vectors' length must be known")
    for d in ALL[1:]
] + [
    case(v("float32", a, 1), v("float32", b, 2), expect=cross, atol=1e-5, device_atol=1e-5, dynamic=False,
         why="the vectors' length must be known", **k)
    for a, b, k in (
        ((3,), (3,), {}), ((2,), (2,), {}), ((4, 2), (4, 2), {}), ((4, 2), (4, 3), {}), ((4, 3), (4, 2), {}), ((5, 1, 3), (4, 3), {}),
        ((3, 4), (3, 4), {"axis": 0}), ((3, 4), (4, 3), {"axisa": 0}), ((4, 3), (4, 3), {"axisc": 0}), ((4, 3), (3, 4), {"axisb": 0, "axisc": 0}),
        ((0, 3), (0, 3), {}),
    )
]
for _c in CASES["tensordot"] + CASES["inner"]:
    if 0 in _c.args[0].shape:
        _c.dynamic, _c.why = False, "what -1 means is ambiguous where the summed axis turns out to be empty"

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


@pytest.mark.parametrize("name", ["matmul", "dot", "outer", "tensordot"])
def test_layouts(name):
    reference = CASES[name][0].expected
    for dtype in ("float32", "float64", "int32", "complex64"):
        b = v(dtype, (6, 5), 4)
        for label, view in layouts(v(dtype, (5, 6), 3)):
            more = (1,) if name == "tensordot" else ()
            eager(Case((view, b, *more), reference, op=name, label=label, atol=1e-4))
            eager(Case((b, view, *more), reference, op=name, label=label, atol=1e-4))


@pytest.mark.parametrize("shape", [(1, 700, 1), (300, 2, 300), (129, 257, 65), (1, 1, 500)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "float16"])
def test_larger(shape, dtype):
    n, k, m = shape
    a, b = v(dtype, (n, k), 1), v(dtype, (k, m), 2)
    eager(
        Case(
            (a, b),
            MATMUL,
            op="matmul",
            rtol={"float16": 2e-3}.get(dtype, 1e-4),
            atol={"float16": 0.2, "float32": 2e-3}.get(dtype, 1e-9),
        )
    )


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda o, x: o.matmul(x, x), "mismatch in its core dimension"),
        (lambda o, x: o.matmul(x, np.float32(2)), "does not have enough dimensions"),
        (lambda o, x: o.matmul(np.ones((2, 3, 4)), np.ones((3, 4, 5))), "could not be broadcast together|broadcast"),
        (lambda o, x: o.dot(x, np.ones((3, 3))), "not aligned|mismatch"),
        (lambda o, x: o.tensordot(x, x, 1), "shape-mismatch for sum"),
        (lambda o, x: o.tensordot(x, x, [[0], [1]]), "shape-mismatch for sum"),
        (lambda o, x: o.tensordot(x, x, 3), "shape-mismatch for sum"),
        (lambda o, x: o.tensordot(x, x, [[2], [0]]), "axis 2 is out of bounds for array of dimension 2"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call(kvino.ops, np.ones((3, 4), "float32"))


@pytest.mark.parametrize(
    "subscripts,shapes,words",
    [
        ("ij,jk", [(2, 3)], "more operands provided|fewer operands provided"),
        ("ij", [(2, 3), (3, 4)], "more operands provided|fewer operands provided"),
        ("ij", [(2,)], "too many subscripts for operand 0"),
        ("i", [(2, 3)], "operand has more dimensions than subscripts"),
        ("ij->k", [(2, 3)], "output subscript 'k' which never appeared in an input"),
        ("ij->ii", [(2, 3)], "includes output subscript 'i' multiple times"),
        ("i1", [(2, 3)], "invalid subscript '1'"),
        ("i..j", [(2, 3)], "not part of an ellipsis"),
        ("...i...", [(2, 3)], "not part of an ellipsis"),
        ("ij-k", [(2, 3)], "does not contain proper '->'"),
        ("ij->i->j", [(2, 3)], "invalid subscript '-'"),
        ("...i->i", [(2, 3)], "no '...' ellipsis provided to broadcast"),
        ("ii", [(2, 3)], "dimensions in operand 0 for collapsing index 'i' don't match"),
        ("ij,jk", [(2, 3), (4, 5)], "subscript 'j' has length 4 in operand 1 but 3 before"),
        ("", [], "must provide at least an operand"),
    ],
)
def test_einsum_refuses(subscripts, shapes, words):
    with pytest.raises(ValueError, match=words):
        kvino.ops.einsum(subscripts, [np.ones(s, "float32") for s in shapes])


def test_einsum_of_layouts():
    for dtype in ("float32", "int32", "complex64"):
        for label, view in layouts(v(dtype, (4, 5, 3), 3)):
            for text in ("abc,abd->acd", "abc,cd->abd", "abc,abd->bcd"):
                other = v(dtype, {"abd": (4, 5, 2), "cd": (3, 2)}[text[4:].split("-")[0]], 4)
                eager(Case((text, [view, other]), einsum, atol=1e-4, op="einsum", label=label))


def test_einsum_of_random_subscripts():
    rng = np.random.default_rng(7)
    for _ in range(300):
        length = dict(zip("abcdE", rng.choice([1, 2, 3], 5)))
        texts = ["".join(rng.choice(list("abcdE"), rng.integers(0, 5), replace=bool(rng.random() < 0.2))) for _ in range(rng.integers(1, 4))]
        used = sorted(set("".join(texts)))
        text = ",".join(texts) + "->" + "".join(rng.permutation([c for c in used if rng.random() < 0.5]))
        xs = [rng.integers(-3, 4, [length[c] if rng.random() < 0.9 or s.count(c) > 1 else 1 for c in s]).astype("float32") for s in texts]
        agree(kvino.ops.einsum(text, xs), np.einsum(text, *xs).astype("float32"))


def nodes(f, *xs, dynamic=False):
    g = kvino.function(f, dynamic=dynamic)
    g(*xs)
    return g.describe(*xs)


def test_a_dense_layer_is_a_matrix_product():
    kernel = kvino.Tensor(v("float32", (4, 6), 1))
    for dynamic in (False, True):
        x = v("float32", (2, 3, 4), 2)
        assert "1 node: MatMul" in nodes(lambda x: kvino.ops.einsum("abc,cd->abd", [x, kernel]), x, dynamic=dynamic)
        heads = kvino.Tensor(v("float32", (4, 3, 2), 1))
        text = nodes(lambda x: kvino.ops.einsum("abc,cde->abde", [x, heads]), x, dynamic=dynamic)
        assert "2 nodes: Reshape, MatMul" in text, text
        text = nodes(lambda x: kvino.ops.einsum("abcd,cde->abe", [x, heads]), v("float32", (2, 5, 4, 3), 3), dynamic=dynamic)
        assert text.endswith("Reshape, MatMul\n") if not dynamic else "Require x2" in text, text  # lengths that only a run knows


BESIDE_A_WALL = """
import ctypes, mmap
import numpy as np
import kvino

libc = ctypes.CDLL(None)
page = mmap.PAGESIZE
block = mmap.mmap(-1, 2 * page)
start = ctypes.addressof(ctypes.c_char.from_buffer(block))
assert libc.mprotect(ctypes.c_void_p(start + page), page, 0) == 0
for dtype in ("complex64", "complex128", "float32", "float64"):
    for rows in range(1, 20):
        for columns in (1, 2, 3, 5):
            n = rows * columns
            at = np.frombuffer(block, dtype, n, page - n * np.dtype(dtype).itemsize)
            at[:] = np.arange(n)
            for x in (at.reshape(rows, columns), at.reshape(columns, rows).T):
                y = np.ones(columns, dtype)
                np.testing.assert_allclose(kvino.ops.matmul(x, y), x @ y)
                np.testing.assert_allclose(kvino.ops.matmul(y, x.T), y @ x.T)
"""


def test_products_read_nothing_behind_their_operands():
    subprocess.run([sys.executable, "-c", BESIDE_A_WALL], check=True)


@pytest.mark.parametrize("device", ["native", "CPU"])
def test_a_diagonal_of_unknown_lengths(device):
    graph = kvino.Graph()
    graph.result(kvino.ops.einsum("ii->i", [graph.parameter((None, 4), "uint8")]))
    compiled = graph.compile(device)
    for _ in range(2):
        np.testing.assert_array_equal(np.asarray(compiled(np.arange(16, dtype="uint8").reshape(4, 4))[0]), [0, 5, 10, 15])
        with pytest.raises(ValueError, match=r"collapsing index .*don't match \(1 != 4\)"):
            compiled(np.ones((1, 4), "uint8"))
