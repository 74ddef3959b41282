"""Shapes, joining, splitting, repeating of keras.ops.numpy against NumPy."""

import numpy as np
import pytest

import kvino
from opcheck import ALL, Case, agree, case, cast, eager, layouts, make_tests, name_of, result_type, values

X = values("float32", (2, 3, 4), 1)
I = values("int32", (2, 3, 4), 1)
B = values("bool", (2, 3, 4), 1)
L = values("int64", (2, 3, 4), 1)
C = values("complex64", (2, 3, 4), 1)
E = values("float32", (2, 0, 4), 1)
S = values("float32", (), 1)
V = values("float32", (6,), 1)
ONES = values("float32", (1, 3, 1, 2, 1), 1)


def joined(f):
    def reference(xs, **kwargs):
        name = result_type(*xs)
        return f([cast(x, name) for x in xs], **kwargs)

    return reference


def trace(x, offset=0, axis1=0, axis2=1):
    name = {"bool": "int32", "int8": "int32", "uint8": "uint32"}.get(name_of(x), name_of(x))
    return np.asarray(np.trace(x, offset, axis1, axis2, dtype=name))


def roll(x, shift, axis=None):
    return np.roll(x, shift, axis)


CASES = {
    "reshape": [
        *(
            case(
                values(d, (2, 3), 1),
                (3, 2),
                expect=np.reshape,
                compile=d in ("float32", "int64", "bool", "complex64", "float16"),
            )
            for d in ALL
        ),
        case(X, (4, -1), expect=np.reshape),
        case(X, -1, expect=np.reshape),
        case(X, [2, 12], expect=np.reshape),
        case(X, (1, 24, 1), expect=np.reshape),
        case(V[:1], (), expect=np.reshape),
        case(S, (1, 1), expect=np.reshape),
        case(E, (0, 7), expect=np.reshape, dynamic=False, why="a shape for one length only"),
        case(
            E,
            (0, -1),
            expect=lambda x, s: x.reshape(0, 0) if False else np.zeros((0, 0), "float32")[:0],
            compile=False,
            label="placeholder",
        ),
        case(X.transpose(2, 0, 1), (6, 4), expect=np.reshape),
        case(X[:, ::-1], (6, 4), expect=np.reshape),
    ],
    "ravel": [case(x, expect=np.ravel) for x in (X, I, B, L, C, E, S, V, X.T)],
    "copy": [case(x, expect=np.copy) for x in (X, I, B, E, S)],
    "transpose": [case(x, expect=np.transpose) for x in (X, I, B, L, C, E, S, V)]
    + [
        case(X, (1, 2, 0), expect=np.transpose),
        case(X, axes=[-1, 0, 1], expect=np.transpose),
        case(S, axes=(), expect=np.transpose),
    ],
    "swapaxes": [
        case(X, 0, 2, expect=np.swapaxes),
        case(I, -1, 1, expect=np.swapaxes),
        case(X, 1, 1, expect=np.swapaxes),
        case(E, 0, 1, expect=np.swapaxes),
    ],
    "moveaxis": [
        case(X, 0, 2, expect=np.moveaxis),
        case(X, [0, 1], [-1, 0], expect=np.moveaxis),
        case(I, -1, 0, expect=np.moveaxis),
        case(X, (2, 0, 1), (0, 1, 2), expect=np.moveaxis),
        case(X, 1, 1, expect=np.moveaxis),
    ],
    "squeeze": [
        case(ONES, expect=np.squeeze, dynamic=False, why="which axes have length 1 must be known"),
        case(ONES, axis=0, expect=np.squeeze),
        case(ONES, axis=(2, -1), expect=np.squeeze),
        case(ONES, axis=(), expect=np.squeeze),
        case(S, expect=np.squeeze),
        case(X, expect=np.squeeze, dynamic=False, why="as above"),
        case(ONES.astype("int64"), axis=4, expect=np.squeeze),
    ],
    "expand_dims": [
        case(X, 0, expect=np.expand_dims),
        case(X, -1, expect=np.expand_dims),
        case(I, (1, 3), expect=np.expand_dims),
        case(S, 0, expect=np.expand_dims),
        case(S, (0, 1), expect=np.expand_dims),
        case(E, [-1, 0], expect=np.expand_dims),
        case(X, (), expect=np.expand_dims),
    ],
    "broadcast_to": [
        case(V, (3, 6), expect=np.broadcast_to),
        case(S, (2, 3), expect=np.broadcast_to),
        case(S, (), expect=np.broadcast_to),
        case(X, (5, 2, 3, 4), expect=np.broadcast_to),
        case(X[:, :1], (2, 7, 4), expect=np.broadcast_to),
        case(V[:1], (0,), expect=np.broadcast_to),
        case(I, (2, 3, 4), expect=np.broadcast_to),
        case(B[:1], [3, 3, 4], expect=np.broadcast_to),
    ],
    "concatenate": [
        *(
            case(
                [values(d, (2, 3), 1), values(d, (4, 3), 2)],
                expect=joined(np.concatenate),
                compile=d in ("float32", "int64", "bool", "complex64", "float16"),
            )
            for d in ALL
        ),
        case([X, I], axis=1, expect=joined(np.concatenate)),
        case([X, X, X], axis=-1, expect=joined(np.concatenate)),
        case([X, V], axis=None, expect=joined(np.concatenate)),
        case([X], expect=joined(np.concatenate)),
        case([E, X], axis=1, expect=joined(np.concatenate)),
        case([B, I[..., :2], L], axis=2, expect=joined(np.concatenate)),
        case([X[:, ::-1], X.transpose(0, 1, 2)], axis=0, expect=joined(np.concatenate)),
    ],
    "stack": [case([X, X + 1], axis=a, expect=joined(np.stack)) for a in (0, 1, 3, -1, -4)]
    + [
        case([S, S], expect=joined(np.stack)),
        case([X, I], expect=joined(np.stack)),
        case([E, E], axis=1, expect=joined(np.stack)),
        case([V], expect=joined(np.stack)),
    ],
    "hstack": [
        case([X, X[:, :1]], expect=joined(np.hstack)),
        case([V, V], expect=joined(np.hstack)),
        case([S, S], expect=joined(np.hstack)),
        case([X, I], expect=joined(np.hstack)),
    ],
    "vstack": [
        case([X, X[:1]], expect=joined(np.vstack)),
        case([V, V], expect=joined(np.vstack)),
        case([S, S], expect=joined(np.vstack)),
        case([V[None], V], expect=joined(np.vstack)),
    ],
    "split": [
        case(V, 3, expect=np.split, dynamic=False, why="equal parts of a known length"),
        case(X, 2, axis=2, expect=np.split, dynamic=False, why="as above"),
        case(X, [1], axis=1, expect=np.split),
        case(V, [2, 5], expect=np.split),
        case(V, [2, 2, 4], expect=np.split),
        case(V, [4, 2], expect=np.split),
        case(V, [-2], expect=np.split),
        case(V, [9, 20], expect=np.split),
        case(V, [], expect=np.split),
        case(I, 1, axis=-1, expect=np.split),
        case(
            values("float32", (100,), 1),
            list(range(1, 100)),
            expect=np.split,
            dynamic=False,
            why="long, and nothing new",
        ),
        case(V, (3,), expect=np.split),
        case(E, [1], axis=1, expect=np.split),
    ],
    "pad": [
        case(X, 1, expect=np.pad),
        case(X, (1, 2), expect=np.pad),
        case(X, ((0, 1), (2, 0), (1, 1)), expect=np.pad),
        case(I, 2, expect=np.pad, constant_values=7),
        case(X, ((1, 1), (0, 0), (0, 2)), expect=np.pad, constant_values=-1.5),
        case(B, 1, expect=np.pad),
        case(V, 0, expect=np.pad),
        case(X, ((0, 0), (2, 1), (3, 2)), mode="reflect", expect=np.pad),
        case(X, ((1, 0), (3, 2), (4, 1)), mode="symmetric", expect=np.pad),
        case(X, ((1, 3), (0, 2), (2, 0)), mode="edge", expect=np.pad),
        case(E, ((1, 0), (2, 1), (0, 0)), expect=np.pad),
        case(values("int64", (3,), 1), 1, expect=np.pad, constant_values=2**40),
        case(values("float16", (3, 2), 1), 1, expect=np.pad),
        case(values("complex64", (3, 2), 1), 1, expect=np.pad),
        *(
            case(x, ((1, 0), (3, 5), (0, 2)), mode=mode, expect=np.pad, rtol=3e-6, atol=1e-6, device_atol=1e-5)
            for x in (X, I % 100)
            for mode in ("wrap", "linear_ramp", "maximum", "minimum", "mean", "median")
        ),
        case(V, 9, mode="circular", expect=lambda x, w, mode: np.pad(x, w, "wrap")),
        case(V, (1, 2), mode="empty", expect=lambda x, w, mode: np.pad(x, w)),
        case(values("uint8", (3, 2), 1), 2, mode="linear_ramp", expect=np.pad),
        case(values("bool", (3, 2), 1), 2, mode="wrap", expect=np.pad),
    ],
    "tile": [
        case(X, 2, expect=np.tile),
        case(X, (2, 1, 3), expect=np.tile),
        case(V, (2, 3), expect=np.tile),
        case(X, (2,), expect=np.tile),
        case(S, (2, 2), expect=np.tile),
        case(X, (1, 0, 1), expect=np.tile),
        case(I, [3, 1, 1, 1], expect=np.tile),
        case(B, (1, 2, 1), expect=np.tile),
        case(L, 2, expect=np.tile),
    ],
    "repeat": [
        case(X, 2, expect=np.repeat),
        case(X, 3, axis=1, expect=np.repeat),
        case(X, 0, axis=1, expect=np.repeat),
        case(I, 2, axis=-1, expect=np.repeat),
        case(X, [1, 0, 2], axis=1, expect=np.repeat, dynamic=False, why="one number for each of a known length"),
        case(V, [2], expect=np.repeat),
        case(S, 3, expect=np.repeat),
        case(B, 2, axis=0, expect=np.repeat),
        case(
            values("float32", (100,), 1), [i % 3 for i in range(100)], expect=np.repeat, dynamic=False, why="as above"
        ),
    ],
    "flip": [case(X, axis=a, expect=np.flip) for a in (None, 0, -1, (0, 2), [1], ())]
    + [case(x, expect=np.flip) for x in (I, B, L, E, S, C)],
    "roll": [
        case(X, s, axis=a, expect=roll)
        for s, a in ((1, None), (-2, 0), (5, 1), (100, -1), ((1, 2), (0, 2)), (1, (0, 1)), ((1, 2), 0), (0, 0))
    ]
    + [
        case(X, (1, 4), expect=roll),
        case(I, 1, expect=roll),
        case(B, 2, axis=1, expect=roll),
        case(E, 1, axis=0, expect=roll),
        case(S, 1, expect=roll),
        case(L, 1, axis=2, expect=roll),
    ],
    "diagonal": [case(X, expect=np.diagonal, dynamic=False, why="needs the lengths of the two axes")]
    + [
        case(X, offset=o, axis1=a, axis2=b, expect=np.diagonal, dynamic=False, why="as above")
        for o in (0, 1, -1, 3, -9, 9)
        for a, b in ((0, 1), (1, 2), (2, 0), (-1, -2))
    ]
    + [
        case(values(d, (3, 5), 1), expect=np.diagonal, dynamic=False, why="as above")
        for d in ("int64", "bool", "complex64")
    ]
    + [case(E, axis1=1, axis2=2, expect=np.diagonal, dynamic=False, why="as above")],
    "trace": [
        case(X, offset=o, axis1=a, axis2=b, expect=trace, dynamic=False, why="as above")
        for o in (0, 1, -1, 9)
        for a, b in ((0, 1), (1, 2), (2, 0))
    ]
    + [
        case(values(d, (3, 5), 1), expect=trace, dynamic=False, why="as above")
        for d in ("int64", "int8", "uint8", "bool", "float64")
    ],
}
CASES["reshape"] = [c for c in CASES["reshape"] if c.label != "placeholder"]

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)

PLANS = {
    "reshape": ((5, 4),),
    "ravel": (),
    "transpose": (),
    "swapaxes": (0, 1),
    "moveaxis": (0, 1),
    "squeeze": (),
    "expand_dims": (1,),
    "broadcast_to": ((2, 4, 5),),
    "split": ([1],),
    "pad": (1,),
    "tile": ((2, 1),),
    "repeat": (2,),
    "flip": (),
    "roll": (3,),
    "diagonal": (),
    "trace": (),
    "copy": (),
}


@pytest.mark.parametrize("name", PLANS)
def test_layouts(name):
    reference = CASES[name][0].expected
    for dtype in ("float32", "uint8", "complex128"):
        for label, view in layouts(values(dtype, (4, 5), 3)):
            if name == "trace" and dtype == "complex128":
                continue
            eager(Case((view, *PLANS[name]), reference, op=name, label=label))


def test_views_share_memory():
    """What can be a view of a tensor is one."""
    x = kvino.Tensor(X)
    base = np.asarray(x)
    for y in (
        x.reshape(6, 4),
        kvino.ops.transpose(x),
        kvino.ops.expand_dims(x, 0),
        kvino.ops.squeeze(kvino.ops.expand_dims(x, 0), 0),
        kvino.ops.flip(x, 1),
        kvino.ops.broadcast_to(x, (5, 2, 3, 4)),
        x[:, 1:],
        x[:, ::-1],
        kvino.ops.swapaxes(x, 0, 1),
    ):
        assert np.shares_memory(np.asarray(y), base)


def test_results_do_not_alias_arrays():
    """A result is not changed by a later write to the NumPy array it came from."""
    x = X.copy()
    y, z = kvino.ops.reshape(x, (6, 4)), kvino.ops.copy(x)
    x[...] = 0
    agree(y, X.reshape(6, 4))
    agree(z, X)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda o: o.reshape(X, (5, 5)), r"cannot reshape array of size 24 into shape \(5,\s?5\)"),
        (lambda o: o.reshape(X, (5, -1)), r"cannot reshape array of size 24 into shape \(5,"),
        (lambda o: o.reshape(X, (-1, -1)), "can only specify one unknown dimension"),
        (lambda o: o.transpose(X, (0, 1)), "axes don't match array"),
        (lambda o: o.transpose(X, (0, 1, 1)), "repeated axis in transpose"),
        (lambda o: o.moveaxis(X, [0, 0], [1, 2]), "repeated axis in `source` argument"),
        (lambda o: o.moveaxis(X, [0, 1], [1, 1]), "repeated axis in `destination` argument"),
        (
            lambda o: o.moveaxis(X, [0, 1], [1]),
            "`source` and `destination` arguments must have the same number of elements",
        ),
        (lambda o: o.swapaxes(X, 0, 3), "axis 3 is out of bounds for array of dimension 3"),
        (lambda o: o.squeeze(X, 0), "cannot select an axis to squeeze out which has size not equal to one"),
        (lambda o: o.expand_dims(X, (0, 0)), "repeated axis"),
        (lambda o: o.expand_dims(X, 5), "axis 5 is out of bounds for array of dimension 4"),
        (lambda o: o.broadcast_to(X, (2, 3, 5)), "could not be broadcast together"),
        (lambda o: o.concatenate([]), "need at least one array to concatenate"),
        (lambda o: o.concatenate([X, V]), "all the input array"),
        (
            lambda o: o.concatenate([X, X[:, :2]]),
            "all the input array dimensions except for the concatenation axis must match exactly",
        ),
        (lambda o: o.concatenate([S, S]), "zero-dimensional arrays cannot be concatenated"),
        (lambda o: o.stack([]), "need at least one array to stack"),
        (lambda o: o.stack([X, V]), "all input arrays must have the same shape"),
        (lambda o: o.split(V, 4), "array split does not result in an equal division"),
        (lambda o: o.split(V, 0), "number sections must be larger than 0"),
        (lambda o: o.pad(X, -1), "index can't contain negative values"),
        (lambda o: o.pad(X, 1, mode="nonsense"), "mode 'nonsense' is not supported"),
        (lambda o: o.pad(X, 1, mode="edge", constant_values=3), "can only be provided when `mode == 'constant'`"),
        (lambda o: o.repeat(V, -1), "repeats may not contain negative values"),
        (lambda o: o.repeat(V, [1, 2]), r"operands could not be broadcast together with shape \(6,\) \(2,\)"),
        (lambda o: o.flip(X, (0, 0)), "repeated axis"),
        (lambda o: o.flip(X, 3), "axis 3 is out of bounds for array of dimension 3"),
        (lambda o: o.roll(X, (1, 2, 3), (0, 1)), "shape mismatch: objects cannot be broadcast to a single shape"),
        (lambda o: o.diagonal(V), "diag requires an array of at least two dimensions"),
        (lambda o: o.diagonal(X, axis1=1, axis2=-2), "axis1 and axis2 cannot be the same"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call(kvino.ops)


@pytest.mark.parametrize("mode", ["wrap", "mean", "linear_ramp", "median", "edge"])
def test_empty_axes_are_not_extended(mode):
    with pytest.raises(ValueError, match="can't extend empty axis 1 using modes other than 'constant' or 'empty'"):
        kvino.ops.pad(E, ((0, 0), (1, 0), (0, 0)), mode=mode)
    agree(kvino.ops.pad(E, ((1, 0), (0, 0), (0, 0)), mode=mode), np.zeros((3, 0, 4), "float32"))


@pytest.mark.parametrize("device", ["native", "CPU"])
def test_pads_from_the_graph(device):
    def f(x):
        missing = 5 - kvino.ops.shape_tensor(x)[1]
        return kvino.ops.pad(x, ((0, 0), (0, missing), (1, 1))), kvino.ops.pad(x, ((0, 0), (missing, 0), (0, 0)), "edge")

    expected = np.pad(X, ((0, 0), (0, 2), (1, 1))), np.pad(X, ((0, 0), (2, 0), (0, 0)), "edge")
    for got, e in zip(kvino.function(f, device=device, dynamic=True)(X), expected):
        agree(got, e)


def test_shapes_from_the_graph():
    """Shapes computed in the traced function."""

    def f(x):
        n = kvino.ops.shape_tensor(x)
        return (
            kvino.ops.reshape(x, (n[0] * n[1], n[2])),
            kvino.ops.broadcast_to(x, (2, n[0], n[1], n[2])),
            kvino.ops.tile(x, (n[0], 1, 1)),
        )

    for device in ("native", "CPU"):
        for dynamic in (False, True):
            for got, expected in zip(
                kvino.function(f, device=device, dynamic=dynamic)(X),
                (X.reshape(6, 4), np.broadcast_to(X, (2, 2, 3, 4)), np.tile(X, (2, 1, 1))),
            ):
                agree(got, expected)
