"""Movement primitives against NumPy: every dtype, layout and shape, eager and in graphs."""

import itertools

import capi
import numpy as np
import pytest
from generated import EVERY, arrays, bits, check, declared, fails, fill, ints, same, shapes
from hypothesis import assume, given
from hypothesis import strategies as st

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("name", declared("movement"))
def test_every_primitive_is_tested(name):
    assert any(test.startswith(f"test_{name}_") for test in globals())


# ---- Reshape, Squeeze, Unsqueeze, Identity, ShapeOf ----


def factorizations(n):
    """Shapes of up to three dimensions with n elements."""
    found = [(n,)]
    if n:
        found += [(a, n // a) for a in range(1, n + 1) if n % a == 0]
        found += [(a, b, n // a // b) for a, b in itertools.product(range(1, n + 1), repeat=2) if n % (a * b) == 0]
    return found


@given(arrays(), st.data())
def test_Reshape_values(x, data):
    shape = data.draw(st.sampled_from(factorizations(x.size)))
    wanted = list(shape)
    if x.size and data.draw(st.booleans()):
        wanted[data.draw(st.integers(0, len(shape) - 1))] = -1
    expected = bits(x).reshape(shape).view(x.dtype)
    check("Reshape", [x, ints(*wanted)], expected, constants=(1,))
    check("Reshape", [x, ints(*wanted)], expected)


@given(arrays(max_dims=3), st.sampled_from(EVERY))
def test_Bitcast_values(x, target):
    kind = capi.dtype(target)
    narrower = kind.itemsize < x.dtype.itemsize
    assume(target != "bool" or x.dtype == bool)
    whole = x.ndim and (narrower or x.shape[-1] * x.dtype.itemsize % kind.itemsize == 0)
    assume(x.dtype.itemsize == kind.itemsize or whole)
    plain = np.ascontiguousarray(x).reshape(x.shape)
    if plain.size or plain.dtype.itemsize == kind.itemsize:
        expected = plain.view(kind)
    else:
        expected = np.zeros((*x.shape[:-1], x.shape[-1] * x.dtype.itemsize // kind.itemsize), kind)
    check("Bitcast", [x], expected, destination_type=target)


def test_Bitcast_gives_truths():
    x = np.array([[0, 1, 2, 255]], np.uint8)
    same(capi.prim("Bitcast", x, destination_type="bool"), x != 0)
    same(capi.prim("Bitcast", x.view(np.uint16), destination_type="bool"), x != 0)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_UnpackInt4_values(axis, dtype):
    """The low half of a byte first; an odd number leaves the last half out."""
    x = np.arange(256, dtype=np.uint8).reshape(16, 16)[:, :7].astype(dtype)
    low, high = x & 15, (x >> 4) & 15
    if dtype == "int8":
        low, high = (low ^ 8) - 8, (high ^ 8) - 8
    n = 2 * x.shape[axis]
    expected = np.stack([low, high], axis % 2 + 1).reshape([n if k == axis % 2 else d for k, d in enumerate(x.shape)])
    check("UnpackInt4", [x], expected, axis=axis, length=n)
    check("UnpackInt4", [x], np.delete(expected, n - 1, axis), axis=axis, length=n - 1)


def test_UnpackInt4_refuses():
    fails("UnpackInt4 takes int8 or uint8, not int16", "UnpackInt4", np.ones((2, 2), np.int16), axis=0, length=4, status=2)
    fails("5 numbers in 2 bytes", "UnpackInt4", np.ones((2, 2), np.int8), axis=0, length=5)


def test_Bitcast_refuses():
    fails("Changing the dtype of a 0d array", "Bitcast", np.float32(1), destination_type="float64")
    fails("must be a divisor of the total size in bytes", "Bitcast", X, destination_type="complex128")
    fails("does not take dtype string", "Bitcast", X, destination_type="string", status=2)


def test_Reshape_zero_copies_a_dimension():
    x = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    check("Reshape", [x, ints(0, -1)], x.reshape(2, 12), constants=(1,), special_zero=True)
    check("Reshape", [x, ints(0, 0, 2, 2)], x.reshape(2, 3, 2, 2), constants=(1,), special_zero=True)
    check("Reshape", [x[:0], ints(0, 4, 3)], x[:0].reshape(0, 4, 3), constants=(1,), special_zero=True)
    check("Reshape", [x[:0], ints(4, 0)], x[:0].reshape(4, 0), constants=(1,))


@pytest.mark.parametrize("shape", [(4,), (4, -1), (0, -1), (7, 0), (-1, 4), (2, 2, 2)])
def test_Reshape_errors_are_numpys(shape):
    with pytest.raises(ValueError) as e:
        X.reshape(shape)
    fails(str(e.value), "Reshape", X, ints(*shape))


def test_Reshape_refuses():
    fails("can only specify one unknown dimension", "Reshape", X, ints(-1, -1))
    fails("must be integers", "Reshape", X, np.array([2.0, 3.0]), status=2)
    fails("maximum supported dimension", "Reshape", X, ints(*[1] * 65))


@given(arrays(min_side=1), st.data())
def test_Squeeze_values(x, data):
    x = x[tuple(data.draw(st.sampled_from([slice(None), slice(0, 1)])) for _ in x.shape)]
    axes = [k for k in range(x.ndim) if x.shape[k] == 1 and data.draw(st.booleans())]
    signed = [k - x.ndim if data.draw(st.booleans()) else k for k in axes]
    expected = bits(x).reshape([d for k, d in enumerate(x.shape) if k not in axes]).view(x.dtype)
    check("Squeeze", [x, ints(*signed)], expected, constants=(1,))


def test_Squeeze_errors():
    fails("cannot select an axis to squeeze out which has size not equal to one", "Squeeze", X, ints(0))
    fails("axis 2 is out of bounds for array of dimension 2", "Squeeze", X, ints(2))
    fails("duplicate value in 'axis'", "Squeeze", X[None], ints(0, -3))


@given(arrays(), st.sets(st.integers(0, 3), max_size=3), st.booleans())
def test_Unsqueeze_values(x, axes, negative):
    axes = [a for a in axes if a < x.ndim + len(axes)]
    rank = x.ndim + len(axes)
    assume(all(a < rank for a in axes))
    expected = np.expand_dims(bits(x), tuple(axes)).view(x.dtype)
    check("Unsqueeze", [x, ints(*[a - rank if negative else a for a in axes])], expected, constants=(1,))


def test_Unsqueeze_errors():
    fails("axis 5 is out of bounds for array of dimension 3", "Unsqueeze", X, ints(5))
    fails("repeated axis", "Unsqueeze", X, ints(0, 0))


@given(arrays())
def test_Identity_values(x):
    check("Identity", [x], x)


@given(arrays())
def test_StopGradient_values(x):
    check("StopGradient", [x], x)


@given(st.lists(st.integers(0, 3), max_size=4), st.integers(0, 4), st.integers(0, 15))
def test_SumTo_values(shape, cut, ones):
    """Leading axes are summed away, axes that are 1 in the target are summed to 1."""
    x = np.arange(int(np.prod(shape)), dtype="int64").reshape(shape) - 7
    cut = min(cut, x.ndim)
    target = [1 if ones >> k & 1 else d for k, d in enumerate(shape[cut:])]
    expected = x.sum(axis=tuple(range(cut)))
    expected = expected.sum(axis=tuple(k for k, d in enumerate(target) if d != shape[cut + k]), keepdims=True)
    check("SumTo", [x, ints(*target)], expected.reshape(target), constants=(1,))


def test_SumTo_errors():
    fails("SumTo: dimension 0 is 3, not 2 or 1", "SumTo", X, ints(2))
    fails("SumTo takes a shape of at most 2 dimensions", "SumTo", X, ints(1, 1, 1))


@given(arrays(), st.sampled_from(["int32", "int64"]))
def test_ShapeOf_values(x, dtype):
    check("ShapeOf", [x], np.array(x.shape, dtype), output_type=dtype)


def test_ShapeOf_refuses_other_types():
    fails("int32 or int64", "ShapeOf", X, output_type="float32", status=2)


# ---- Transpose, DepthToSpace, SpaceToDepth ----


@given(arrays(max_dims=5), st.data())
def test_Transpose_values(x, data):
    order = data.draw(st.permutations(range(x.ndim)))
    signed = [k - x.ndim if data.draw(st.booleans()) else k for k in order]
    check("Transpose", [x, ints(*signed)], bits(x).transpose(order).view(x.dtype), constants=(1,))
    check("Transpose", [x, ints()], bits(x).T.view(x.dtype), constants=(1,))


@pytest.mark.parametrize("dtype", EVERY)
@pytest.mark.parametrize(
    "shape,order",
    [
        ((37, 70), (1, 0)),
        ((5, 67, 35), (0, 2, 1)),
        ((33, 2, 40), (2, 1, 0)),
        ((70, 41, 3), (1, 0, 2)),
        ((300, 500), (1, 0)),
        ((19, 33, 2), (1, 0, 2)),
        ((4, 65, 17, 9), (3, 1, 0, 2)),
    ],
)
def test_Transpose_blocks(dtype, shape, order):
    x = fill(dtype, shape, 1)
    same(capi.prim("Transpose", x, ints(*order)), bits(x).transpose(order).view(x.dtype))


def test_Transpose_errors():
    fails("axes don't match array", "Transpose", X, ints(0))
    fails("repeated axis in transpose", "Transpose", X, ints(0, 0))
    fails("axis 2 is out of bounds for array of dimension 2", "Transpose", X, ints(0, 2))


def depth_to_space(x, b, mode):
    k, (n, c, *space) = x.ndim - 2, x.shape
    c //= b**k
    if mode == "blocks_first":
        y = x.reshape([n] + [b] * k + [c] + space)
        order = [0, k + 1] + [v for i in range(k) for v in (k + 2 + i, 1 + i)]
    else:
        y = x.reshape([n, c] + [b] * k + space)
        order = [0, 1] + [v for i in range(k) for v in (k + 2 + i, 2 + i)]
    return y.transpose(order).reshape([n, c] + [d * b for d in space])


@given(
    st.sampled_from(EVERY),
    st.integers(1, 3),
    st.integers(1, 2),
    st.sampled_from(["blocks_first", "depth_first"]),
    st.data(),
)
def test_DepthToSpace_and_back(dtype, block, k, mode, data):
    shape = data.draw(shapes(min_dims=k, max_dims=k, max_side=3))
    x = data.draw(
        arrays([dtype], shape=(data.draw(st.integers(0, 2)), data.draw(st.integers(1, 2)) * block**k) + shape)
    )
    wide = depth_to_space(np.ascontiguousarray(bits(x)), block, mode).view(x.dtype)
    check("DepthToSpace", [x], wide, block_size=block, mode=mode)
    check("SpaceToDepth", [wide], x, block_size=block, mode=mode)


def test_SpaceToDepth_errors():
    fails("not divisible by 2", "SpaceToDepth", np.zeros((1, 1, 3, 4), np.float32), block_size=2, mode="blocks_first")
    fails("not divisible by 4", "DepthToSpace", np.zeros((1, 2, 3, 4), np.float32), block_size=2, mode="blocks_first")
    fails("block_size", "DepthToSpace", np.zeros((1, 2, 3, 4), np.float32), block_size=0, mode="blocks_first")


# ---- Broadcast, Tile ----


@given(arrays(max_dims=3), st.data())
def test_Broadcast_values(x, data):
    x = x[tuple(data.draw(st.sampled_from([slice(None), slice(0, 1)])) for _ in x.shape)]
    target = data.draw(shapes(max_dims=2)) + tuple(data.draw(st.integers(0, 4)) if d == 1 else d for d in x.shape)
    expected = np.broadcast_to(bits(x), target).view(x.dtype) if x.size or not x.shape else np.broadcast_to(x, target)
    for constants in ((1,), ()):
        check("Broadcast", [x, ints(*target)], expected, constants=constants, mode="numpy")
        check("Broadcast", [x, ints(*target)], expected, constants=constants, mode="bidirectional")


def test_Broadcast_both_ways():
    x = np.arange(3, dtype=np.int32).reshape(3, 1)
    for constants in ((1,), ()):
        check("Broadcast", [x, ints(1, 4)], np.broadcast_to(x, (3, 4)), constants=constants, mode="bidirectional")
        check("Broadcast", [x, ints(2, 1, 1)], np.broadcast_to(x, (2, 3, 1)), constants=constants, mode="bidirectional")
        check("Broadcast", [x, ints()], x, constants=constants, mode="bidirectional")


@pytest.mark.parametrize("shape", [(2, 2), (3,), (-1, 3), (4, 2, 4), ()])
def test_Broadcast_errors_are_numpys(shape):
    with pytest.raises(ValueError) as e:
        np.broadcast_to(X, shape)
    fails(str(e.value).split("2) and")[0].split("[original->remapped]")[0], "Broadcast", X, ints(*shape))


@given(arrays(max_dims=3, max_side=3), st.lists(st.integers(0, 3), max_size=4))
def test_Tile_values(x, repeats):
    expected = np.tile(bits(x), repeats).view(x.dtype)
    check("Tile", [x, ints(*repeats)], expected, constants=(1,))
    check("Tile", [x, ints(*repeats)], expected)


def test_Tile_errors():
    fails("negative dimensions are not allowed", "Tile", X, ints(-1))


# ---- Concat, Split, VariadicSplit ----


@given(st.sampled_from(EVERY), st.data())
def test_Concat_values(dtype, data):
    shape = data.draw(shapes(min_dims=1))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    parts = []
    for _ in range(data.draw(st.integers(1, 4))):
        part = list(shape)
        part[axis] = data.draw(st.integers(0, 4))
        parts.append(data.draw(arrays([dtype], shape=tuple(part))))
    expected = np.concatenate([bits(p) for p in parts], axis).view(parts[0].dtype)
    check("Concat", parts, expected, axis=axis)


def test_Concat_errors_are_numpys():
    for parts, axis in [([X, X[:, :2]], 0), ([X, X[None]], 0), ([np.float32(1)], 0), ([X, X], 2), ([], 0)]:
        with pytest.raises(ValueError) as e:
            np.concatenate(parts, axis)
        fails(str(e.value), "Concat", *parts, axis=axis)
    fails("one dtype", "Concat", X, X.astype(np.float64), axis=0, status=2)


def test_Concat_large_runs_on_threads():
    parts = [np.random.default_rng(i).random((300, 1000 + i)) for i in range(3)]
    same(capi.prim("Concat", *parts, axis=1), np.concatenate(parts, 1))
    same(capi.prim("Concat", *[p.T for p in parts], axis=0), np.concatenate([p.T for p in parts], 0))


@given(arrays(min_dims=1), st.data())
def test_Split_values(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    n = data.draw(st.sampled_from([n for n in range(1, x.shape[axis] + 2) if x.shape[axis] % n == 0]))
    expected = [part.view(x.dtype) for part in np.split(bits(x), n, axis)]
    check("Split", [x, np.array(axis)], expected, constants=(1,), num_splits=n)


def test_Split_errors():
    fails("array split does not result in an equal division", "Split", X, np.array(1), num_splits=2)
    fails("number sections must be larger than 0.", "Split", X, np.array(1), num_splits=0)


@given(arrays(min_dims=1), st.data())
def test_VariadicSplit_values(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    cuts = sorted(data.draw(st.lists(st.integers(0, x.shape[axis]), max_size=3)))
    expected = [part.view(x.dtype) for part in np.split(bits(x), cuts, axis)]
    lengths = [part.shape[axis] for part in expected]
    for constants in ((1, 2), (1,)):
        check("VariadicSplit", [x, np.array(axis), ints(*lengths)], expected, constants=constants)
        lengths[data.draw(st.integers(0, len(lengths) - 1))] = -1
        check("VariadicSplit", [x, np.array(axis), ints(*lengths)], expected, constants=constants)
        lengths = [part.shape[axis] for part in expected]


def test_VariadicSplit_errors():
    fails("sum to 4, but axis 1 has size 3", "VariadicSplit", X, np.array(1), ints(2, 2))
    fails("sum to 2, but axis 1 has size 3", "VariadicSplit", X, np.array(1), ints(1, 1))
    fails("can only specify one unknown dimension", "VariadicSplit", X, np.array(1), ints(-1, -1))
    fails("negative dimensions are not allowed", "VariadicSplit", X, np.array(1), ints(-2, 5))


# ---- Slice, SliceScatter ----

BOUNDS = st.one_of(st.integers(-7, 7), st.sampled_from([-(2**63), 2**63 - 1, -(2**63) + 1]))
STEPS = st.one_of(st.integers(1, 4), st.integers(-4, -1), st.sampled_from([2**63 - 1, -(2**63), -(2**63) + 1]))


@st.composite
def slices(draw, rank):
    """start, stop, step, axes and the Python slices that they mean."""
    axes = draw(st.lists(st.integers(0, rank - 1), unique=True)) if rank else []
    start, stop, step = ([draw(s) for _ in axes] for s in (BOUNDS, BOUNDS, STEPS))
    index = [slice(None)] * rank
    for a, *b in zip(axes, start, stop, step):
        index[a] = slice(*b)
    return start, stop, step, [a - rank if draw(st.booleans()) else a for a in axes], tuple(index)


@given(arrays(), st.data())
def test_Slice_values(x, data):
    start, stop, step, axes, index = data.draw(slices(x.ndim))
    expected = bits(x)[index].view(x.dtype)
    check("Slice", [x, ints(*start), ints(*stop), ints(*step), ints(*axes)], expected, constants=(1, 2, 3, 4))
    check("Slice", [x, ints(*start), ints(*stop), ints(*step), ints(*axes)], expected, constants=(4,))
    if sorted(axes) == list(range(x.ndim)):
        order = np.argsort(axes, kind="stable")
        check(
            "Slice",
            [x] + [ints(*np.array(v, object)[order]) for v in (start, stop, step)],
            expected,
            constants=(1, 2, 3),
        )


def test_Slice_int32_bounds_clamp():
    big = np.array([2**31 - 1], np.int32)
    x = np.arange(5)
    check("Slice", [x, np.array([0], np.int32), big, np.array([2], np.int32)], x[::2], constants=(1, 2, 3))
    check("Slice", [x, big, -big - 1, np.array([-1], np.int32)], x[::-1], constants=(1, 2, 3))


def test_Slice_errors():
    fails("slice step cannot be zero", "Slice", X, ints(0), ints(1), ints(0), ints(0))
    fails("axis 2 is out of bounds", "Slice", X, ints(0), ints(1), ints(1), ints(2))
    fails("repeated axis", "Slice", X, ints(0, 0), ints(1, 1), ints(1, 1), ints(1, -1))
    fails("of one length", "Slice", X, ints(0, 0), ints(1), ints(1), ints(1))
    fails("takes 4 or 5 operands", "Slice", X, ints(0), ints(1))


@given(arrays(), st.data())
def test_SliceScatter_values(x, data):
    start, stop, step, axes, index = data.draw(slices(x.ndim))
    updates = data.draw(arrays([x.dtype.name], shape=x[index].shape))
    expected = np.array(bits(x))
    expected[index] = bits(updates)
    check(
        "SliceScatter",
        [x, updates, ints(*start), ints(*stop), ints(*step), ints(*axes)],
        expected.view(x.dtype),
        constants=(2, 3, 4, 5),
    )


def test_SliceScatter_errors():
    fails("but the slice has shape (2, 2)", "SliceScatter", X, X, ints(0), ints(2), ints(1), ints(1))
    fails("one dtype", "SliceScatter", X, X.astype(int), ints(0), ints(2), ints(1), ints(1), status=2)


# ---- Pad, Roll, ReverseSequence ----


@given(
    arrays(min_dims=1, max_dims=3, max_side=4), st.sampled_from(["constant", "edge", "reflect", "symmetric"]), st.data()
)
def test_Pad_values(x, mode, data):
    most = 9 if mode != "constant" else 4
    pads = [[data.draw(st.integers(0, most)) if mode == "constant" or d else 0 for d in x.shape] for _ in range(2)]
    crop = [[data.draw(st.integers(0, 1)) if d > 3 else 0 for d in x.shape] for _ in range(2)]
    pads = [[p if not c else -c for p, c in zip(*pair)] for pair in zip(pads, crop)]
    kept = bits(x)[tuple(slice(max(-b, 0), d - max(-e, 0)) for b, e, d in zip(*pads, x.shape))]
    width = [(max(b, 0), max(e, 0)) for b, e in zip(*pads)]
    value = data.draw(arrays([x.dtype.name], shape=()))
    operands = [x, ints(*pads[0]), ints(*pads[1])]
    if mode == "constant":
        expected = np.pad(kept, width, constant_values=0).view(x.dtype)
        check("Pad", operands, expected, constants=(1, 2), pad_mode=mode)
        check("Pad", operands, expected, pad_mode=mode)
        expected = np.full([d + b + e for d, (b, e) in zip(kept.shape, width)], bits(value))
        expected[tuple(slice(b, b + d) for d, (b, _) in zip(kept.shape, width))] = kept
        check("Pad", operands + [value], expected.view(x.dtype), constants=(1, 2), pad_mode=mode)
    else:
        check("Pad", operands, np.pad(kept, width, mode).view(x.dtype), constants=(1, 2), pad_mode=mode)


def test_Pad_of_a_scalar():
    check("Pad", [np.float32(2), ints(), ints()], np.float32(2).reshape(()), constants=(1, 2), pad_mode="reflect")


def test_Pad_errors():
    empty = np.zeros((0, 3), np.float32)
    fails(
        "can't extend empty axis 0 using modes other than 'constant' or 'empty'",
        "Pad",
        empty,
        ints(1, 1),
        ints(1, 1),
        pad_mode="edge",
    )
    fails("crop more than axis 1", "Pad", X, ints(0, -2), ints(0, -2), pad_mode="constant")
    fails("takes that many pads", "Pad", X, ints(1), ints(1, 1), pad_mode="constant")
    fails("one dtype", "Pad", X, ints(1, 1), ints(1, 1), np.array(1), pad_mode="constant", status=2)


@given(arrays(), st.data())
def test_Roll_values(x, data):
    n = data.draw(st.integers(0, 3)) if x.ndim else 0
    axes = [data.draw(st.integers(-x.ndim, x.ndim - 1)) for _ in range(n)]
    shift = [data.draw(st.integers(-9, 9)) for _ in range(n)]
    expected = bits(x)
    for s, a in zip(shift, axes):
        expected = np.roll(expected, s, a)
    expected = expected.view(x.dtype)
    for constants in ((1, 2), ()):
        check("Roll", [x, ints(*shift), ints(*axes)], expected, constants=constants)
    if len(set(shift)) == 1:
        check("Roll", [x, np.array(shift[0]), ints(*axes)], expected, constants=(1, 2))


def test_Roll_errors():
    fails("axis 2 is out of bounds for array of dimension 2", "Roll", X, ints(1), ints(2))
    fails("shape mismatch", "Roll", X, ints(1, 2), ints(0, 1, 1))


@given(arrays(min_dims=2), st.data())
def test_ReverseSequence_values(x, data):
    batch, seq = data.draw(st.permutations(range(x.ndim)))[:2]
    lengths = np.array([data.draw(st.integers(0, x.shape[seq])) for _ in range(x.shape[batch])], np.int32)
    expected = np.moveaxis(np.array(bits(x)), (batch, seq), (0, 1))
    for b, n in enumerate(lengths):
        expected[b, :n] = expected[b, :n][::-1].copy()
    expected = np.moveaxis(expected, (0, 1), (batch, seq)).view(x.dtype)
    for constants in ((1,), ()):
        check("ReverseSequence", [x, lengths], expected, constants=constants, batch_axis=batch, seq_axis=seq)


def test_ReverseSequence_errors():
    fails("sequence length 4 is not within 0 and 3", "ReverseSequence", X, ints(1, 4), batch_axis=0, seq_axis=1)
    fails("one length for each", "ReverseSequence", X, ints(1), batch_axis=0, seq_axis=1)
    fails("must differ", "ReverseSequence", X, ints(1, 1), batch_axis=0, seq_axis=0)
