"""Arguments of operators on arrays whose parameters depend on each other: core, numpy, and the steps that are no operators."""

import numpy as np

from graphs import arrays
from graphs.arguments import arguments


def some(g, **choices):
    """Keyword arguments, each given or left out."""
    return {k: v for k, v in choices.items() if g.r.random() < 0.6}


def indices(g, n, shape, dtype=None):
    """Integers in [-n, n), sometimes one that is out of range."""
    dtype = dtype or g.r.choice(["int32", "int32", "int64", "int64", "uint8", "int8"])
    if not n:
        return g.new(dtype, shape, low=0, high=1)
    low = 0 if dtype.startswith("u") or g.flag() else -n
    return g.new(dtype, shape, low=low, high=n - 1 if g.r.random() < 0.96 else n)


def dims(g, shape):
    """A shape as an argument, now and then with one dimension that is computed."""
    shape = list(shape)
    if shape and g.r.random() < 0.15:
        i = g.r.randrange(len(shape))
        x = g.find(None, None, None, lambda t: shape[i] in tuple(t.shape))
        if x:
            whole = g.step("shape_tensor", x, g.r.choice(["int32", "int64"]))
            one = whole and g.step("index", whole, g.shape(x).index(shape[i]))
            if one:
                shape[i] = one
    return shape


# ---- structure: what is not one operator ----


@arguments("index")
def _(g):
    x = g.any(ranks=range(1, 5))
    r, key = g.r, []
    for d in g.shape(x)[: r.randint(1, g.rank(x))]:
        kind = r.random()
        if kind < 0.15 and d:
            key.append(r.randrange(-d, d))
        elif kind < 0.25:
            key += [None, slice(None)]
        elif kind < 0.33:
            key.append(indices(g, d, (r.randint(0, 3),)))
        elif kind < 0.4:
            mask = g.new("bool", (d if r.random() < 0.95 else d + 1,))
            key.append(mask)
        else:
            ends = [None, None, r.randint(-d - 1, d + 1), r.randint(0, d)]
            key.append(slice(r.choice(ends), r.choice(ends), r.choice([None, None, 1, -1, 2, -2])))
    if r.random() < 0.1:
        key.append(Ellipsis)
    return (x, tuple(key)), {}


@arguments("reuse")
def _(g):
    """A constant matrix used in two orientations."""
    n = g.r.choice([2, 3, 4, 8])
    d = g.float()
    w = g.new(d, (n, n), constant=True)
    x = g.of(d, (g.r.choice([1, 2, n]), n))
    subscripts = g.r.sample(["ij,jk->ik", "ij,kj->ik"], 2)
    y = g.step("einsum", subscripts[0], [x, w])
    y = y and g.step(g.r.choice(["relu", "tanh", "abs"]), y)
    return (subscripts[1], [y or x, w]), {}


def condition(g):
    x = g.any()
    flat = g.step("not_equal" if g.flag() else "greater", x, 0) or g.new("bool", ())
    return g.step(g.r.choice(["any", "all"]), flat) or g.new("bool", ())


@arguments("cond")
def _(g):
    x = g.any()
    p = condition(g)
    return (p, g.body([], 2, x), g.body([], 2, x)), {}


@arguments("while_loop fori_loop")
def _(g):
    x = g.any()
    n = g.new("int32", (), low=0, high=4) if g.flag() else g.r.randint(0, 4)
    return (n, g.body([x], 2, x), x), {}


@arguments("scan")
def _(g):
    xs = g.any(ranks=range(1, 4))
    part = g.step("index", xs, 0)
    if part is None or isinstance(part, list):
        xs = g.new(None, (3, 2))
        part = g.step("index", xs, 0)
    init = g.of(g.dtype(part), g.shape(part))
    return (g.body([init, part], 2, init), init, xs), {}


# ---- core ----


@arguments("cast")
def _(g):
    return (g.any(), arrays.some_dtype(g.r)), {}


@arguments("view")
def _(g):
    return (g.any(), g.r.choice([None, arrays.some_dtype(g.r)])), {}


@arguments("slice")
def _(g):
    x = g.any(ranks=range(1, 5))
    starts = [g.r.randint(0, d) for d in g.shape(x)]
    sizes = [g.r.choice([-1, max(0, d - s), min(1, d - s)]) for d, s in zip(g.shape(x), starts)]
    if g.r.random() < 0.2 and g.rank(x):
        starts[0] = g.new("int32", (), low=0, high=max(0, g.shape(x)[0] - 1))
        sizes[0] = min(1, g.shape(x)[0])
    return (x, starts, sizes), {}


@arguments("slice_update")
def _(g):
    x = g.any(ranks=range(1, 5))
    starts = [g.r.randint(0, d) for d in g.shape(x)]
    sizes = [g.r.randint(0, d - s) for d, s in zip(g.shape(x), starts)]
    return (x, starts, g.of(g.dtype(x), sizes)), {}



def _places(g):
    """(a shape, indices into its first axes, the shape of what stands there)."""
    r = g.r
    shape = arrays.some_shape(r, r.randint(1, 3))
    k, n = r.randint(1, len(shape)), r.choice([0, 1, 2, 4])
    rows = [[r.randrange(d) if d else 0 for d in shape[:k]] for _ in range(n)]
    where = g.add(np.array(rows, r.choice(["int32", "int64"])).reshape(n, k))
    return shape, where, (n, *shape[k:])


@arguments("scatter")
def _(g):
    shape, where, part = _places(g)
    return (where, g.of(g.r.choice(g.palette), part), dims(g, shape)), {}


@arguments("scatter_update")
def _(g):
    shape, where, part = _places(g)
    dtype = g.r.choice(g.palette)
    return (g.of(dtype, shape), where, g.of(dtype, part)), some(g, reduction=g.r.choice([None, "add", "mul", "max", "min"]))


@arguments("unstack")
def _(g):
    x = g.any(ranks=range(1, 5))
    axis = g.axis(g.rank(x))
    return (x,), {"axis": axis, "num": g.r.choice([None, g.shape(x)[axis] if -g.rank(x) <= axis < g.rank(x) else 1])}


@arguments("shape_tensor")
def _(g):
    return (g.any(),), some(g, dtype=g.r.choice(["int32", "int64"]))


# ---- creation ----


@arguments("zeros ones empty")
def _(g):
    return (dims(g, arrays.some_shape(g.r)),), some(g, dtype=arrays.some_dtype(g.r))


@arguments("full")
def _(g):
    shape = arrays.some_shape(g.r)
    fill = g.find(None, [0]) if g.flag() else g.of(g.r.choice(g.palette), shape[-1:])
    return (dims(g, shape), fill or g.r.choice([0, 1.5, -2, True])), some(g, dtype=arrays.some_dtype(g.r))


@arguments("full_like")
def _(g):
    x = g.any()
    return (x, g.partner(x)), some(g, dtype=arrays.some_dtype(g.r))


@arguments("arange")
def _(g):
    r = g.r
    bound = lambda: g.new(r.choice(["int32", "int64"]), (), low=0, high=6) if r.random() < 0.3 else r.choice([0, 1, 3, 5.5, 7, -2])
    args = r.choice([(bound(),), (bound(), bound()), (bound(), bound(), r.choice([1, 2, -1, 0.5]))])
    return args, some(g, dtype=r.choice(["int32", "int64", "float32", "float64", "float16", "uint8"]))


@arguments("linspace logspace geomspace")
def _(g):
    x = g.any(dtypes=["float32", "float64", "int32"], ranks=range(0, 3)) if g.flag() else g.r.choice([0, 1, 2.5])
    stop = g.partner(x) if not isinstance(x, (int, float)) else g.r.choice([1, 3.5, -2])
    return (x, stop), some(g, num=g.r.choice([0, 1, 2, 5]), endpoint=g.flag(), axis=g.r.choice([0, -1]))


@arguments("eye tri")
def _(g):
    return (g.r.randint(0, 5),), some(g, M=g.r.choice([None, 0, 3, 4]), k=g.r.randint(-4, 4), dtype=arrays.some_dtype(g.r))


@arguments("identity")
def _(g):
    return (g.r.randint(0, 5),), some(g, dtype=arrays.some_dtype(g.r))


@arguments("tril triu")
def _(g):
    return (g.any(ranks=range(2, 5)),), some(g, k=g.r.randint(-3, 3))


@arguments("vander")
def _(g):
    return (g.any(ranks=[1]),), some(g, N=g.r.choice([None, 0, 2, 4]), increasing=g.flag())


@arguments("bartlett blackman hamming hanning")
def _(g):
    return (g.new("int32", (), low=0, high=9) if g.flag() else g.r.randint(0, 9),), {}


@arguments("kaiser")
def _(g):
    return (g.r.randint(0, 9), g.r.choice([0, 2.5, 14])), {}


@arguments("meshgrid")
def _(g):
    dtype = g.r.choice(g.palette)
    return ([g.any(dtypes=[dtype], ranks=[0, 1]) for _ in range(g.r.randint(1, 3))],), some(g, indexing=g.r.choice(["xy", "ij"]))


# ---- arithmetic with limits ----


@arguments("left_shift right_shift bitwise_left_shift bitwise_right_shift")
def _(g):
    x = g.any(dtypes=arrays.INTEGERS)
    return (x, g.new(g.dtype(x), g.shape(x), low=0, high=9) if g.flag() else g.r.randint(0, 40)), {}


@arguments("ldexp")
def _(g):
    x = g.any(dtypes=[*arrays.FLOATS])
    return (x, g.new("int32", g.shape(x), low=-9, high=9)), {}


@arguments("round")
def _(g):
    return (g.any(),), some(g, decimals=g.r.choice([0, 1, 2, -1]))


@arguments("clip")
def _(g):
    x = g.any()
    return (x, g.partner(x), g.partner(x)), {}


@arguments("nan_to_num")
def _(g):
    return (g.any(),), some(g, nan=g.r.choice([0.0, 7.0]), posinf=g.r.choice([None, 9.0]), neginf=g.r.choice([None, -9.0]))


@arguments("diff")
def _(g):
    x = g.any(ranks=range(1, 5))
    return (x,), some(g, n=g.r.choice([0, 1, 2, 3]), axis=g.axis(g.rank(x)))


@arguments("trapezoid")
def _(g):
    x = g.any(ranks=range(1, 4))
    return (x,), some(g, x=g.r.choice([None, g.of(g.dtype(x), g.shape(x))]), dx=g.r.choice([1.0, 0.5]), axis=g.axis(g.rank(x)))


@arguments("average")
def _(g):
    x = g.any()
    axis = g.axis(g.rank(x), none=0.4)
    shape = g.shape(x)
    if axis is not None and -len(shape) <= axis < len(shape) and g.flag():
        shape = (shape[axis],)
    return (x,), {"axis": axis, **some(g, weights=g.of(g.dtype(x), shape))}


@arguments("max min")
def _(g):
    x = g.any()
    return (x,), some(g, axis=g.axes(g.rank(x)), keepdims=g.flag(), initial=g.r.choice([None, 0, 1.5, -3]))


@arguments("quantile percentile nanquantile nanpercentile")
def _(g):
    x = g.any(dtypes=[*arrays.FLOATS, "int32", "int64", "uint8", "bool"])
    q = g.r.choice([0.5, 0, 1, [0.25, 0.75], [], [[0.0, 0.5]]]) if g.flag() else g.new("float32", (g.r.randint(0, 3),), low=0, high=1)
    methods = ["linear", "lower", "higher", "midpoint", "nearest"]
    return (x, q), some(g, axis=g.axes(g.rank(x)), method=g.r.choice(methods), keepdims=g.flag())


@arguments("bincount")
def _(g):
    shape = arrays.some_shape(g.r, g.r.choice([1, 1, 1, 2]))
    x = g.new(g.r.choice(["int32", "int64", "uint8", "int16", "bool"]), shape, low=0 if g.r.random() < 0.97 else -1, high=9)
    return (x,), some(g, weights=g.of(g.float(), shape), minlength=g.r.choice([0, 0, 5]))


@arguments("histogram")
def _(g):
    x = g.any(dtypes=[*arrays.FLOATS, "int32", "int64", "uint8"])
    bins = g.r.choice([1, 4, 10, [0, 1, 3], [-1.0, 0.5, 0.5, 2.0], [3, 1, 2] if g.r.random() < 0.1 else [0, 1]])
    return (x,), some(g, bins=bins, range=g.r.choice([None, (0, 4), (-1.5, 2.0)]))


@arguments("cov corrcoef")
def _(g):
    return (g.any(ranks=[1, 2]),), {}


@arguments("correlate")
def _(g):
    x = g.any(ranks=[1])
    return (x, g.any(dtypes=[g.dtype(x)], ranks=[1])), some(g, mode=g.r.choice(["valid", "same", "full"]))


# ---- nonzero ----


@arguments("nonzero argwhere flatnonzero")
def _(g):
    return (g.any(),), some(g, size=g.r.choice([None, 0, 3, 8]), fill_value=g.r.choice([0, -1, 2]), dtype=g.r.choice(["int32", "int64"]))


@arguments("count_nonzero")
def _(g):
    x = g.any()
    return (x,), some(g, axis=g.axes(g.rank(x)), keepdims=g.flag(), dtype=g.r.choice(["int32", "int64"]))


@arguments("where")
def _(g):
    x = g.any()
    c = g.find(["bool"], None, g.shape(x)) or g.step("greater", x, 0) or g.new("bool", g.shape(x))
    return (c, x, g.partner(x)), {}


@arguments("select")
def _(g):
    x = g.any()
    n = g.r.randint(1, 3)
    return ([g.of("bool", g.shape(x)) for _ in range(n)], [g.of(g.dtype(x), g.shape(x)) for _ in range(n)]), some(g, default=g.partner(x))


# ---- manipulation ----


def _factors(g, n):
    """A shape of n elements."""
    shape = []
    while n > 1 and len(shape) < 4:
        d = g.r.choice([k for k in range(1, n + 1) if n % k == 0])
        shape.append(d)
        n //= d
    return shape + [n] if n != 1 or g.flag() else shape


@arguments("reshape")
def _(g):
    x = g.any()
    shape = _factors(g, int(np.prod(g.shape(x)))) if 0 not in g.shape(x) else [0, 2]
    if shape and 0 not in shape and g.flag():
        shape[g.r.randrange(len(shape))] = -1
    return (x, shape if g.r.random() < 0.97 else shape + [2]), {}


@arguments("transpose")
def _(g):
    x = g.any()
    return (x,), some(g, axes=g.r.choice([None, g.r.sample(range(g.rank(x)), g.rank(x))]))


@arguments("swapaxes")
def _(g):
    x = g.any(ranks=range(1, 5))
    return (x, g.axis(g.rank(x)), g.axis(g.rank(x))), {}


@arguments("moveaxis")
def _(g):
    x = g.any(ranks=range(1, 5))
    if g.flag():
        return (x, g.axis(g.rank(x)), g.axis(g.rank(x))), {}
    n = g.r.randint(1, g.rank(x))
    return (x, g.r.sample(range(g.rank(x)), n), g.r.sample(range(g.rank(x)), n)), {}


@arguments("squeeze")
def _(g):
    x = g.any(where=lambda t: 1 in tuple(t.shape)) if g.flag() else g.any()
    ones = [i for i, d in enumerate(g.shape(x)) if d == 1]
    return (x,), some(g, axis=g.r.choice([None, ones, ones[0] if ones else 0, g.axis(g.rank(x))]))


@arguments("expand_dims")
def _(g):
    x = g.any(ranks=range(0, 4))
    n = g.rank(x)
    return (x, g.r.choice([g.axis(n + 1), [0, n + 1], [-1], [1, 0]])), {}


@arguments("broadcast_to")
def _(g):
    x = g.any(ranks=range(0, 4))
    shape = [g.r.randint(0, 4) if d == 1 else d for d in g.shape(x)]
    return (x, dims(g, ([g.r.randint(0, 3)] if g.flag() else []) + shape)), {}


def _joined(g):
    """(two or three tensors that can be joined along an axis, the axis)."""
    x = g.any()
    axis = g.axis(g.rank(x), none=0.2) if g.rank(x) else None
    parts = [x]
    for _ in range(g.r.randint(1, 2)):
        shape = list(g.shape(x))
        if axis is not None and -len(shape) <= axis < len(shape) and g.flag():
            shape[axis] = g.r.randint(0, 3)
        parts.append(g.of(g.dtype(x) if g.r.random() < 0.8 else g.r.choice(g.palette), shape))
    return parts, axis


@arguments("concatenate")
def _(g):
    parts, axis = _joined(g)
    return (parts,), {"axis": axis}


@arguments("append")
def _(g):
    parts, axis = _joined(g)
    return (parts[0], parts[1]), {"axis": axis}


@arguments("stack")
def _(g):
    x = g.any(ranks=range(0, 4))
    return ([x] + [g.of(g.dtype(x), g.shape(x)) for _ in range(g.r.randint(0, 2))],), some(g, axis=g.axis(g.rank(x) + 1))


@arguments("split array_split")
def _(g):
    x = g.any(ranks=range(1, 5))
    axis = g.axis(g.rank(x))
    d = g.shape(x)[axis] if -g.rank(x) <= axis < g.rank(x) else 1
    return (x, g.r.choice([1, 2, d or 1, [1], [0, 2], [d, 1], sorted([g.r.randint(0, d), g.r.randint(0, d)])])), {"axis": axis}


@arguments("hsplit vsplit dsplit")
def _(g):
    return (g.any(ranks=range(1, 5)), g.r.choice([1, 2, [1], [1, 2]])), {}


@arguments("pad")
def _(g):
    x = g.any()
    width = [[g.r.randint(0, 2), g.r.randint(0, 2)] for _ in g.shape(x)]
    mode = g.r.choice(["constant", "constant", "edge", "reflect", "symmetric"])
    extra = some(g, constant_values=g.r.choice([0, 1, -2.5])) if mode == "constant" else {}
    return (x, g.r.choice([width, width, 1, [1, 2]])), {"mode": mode, **extra}


@arguments("tile")
def _(g):
    x = g.any()
    return (x, g.r.choice([2, 0, [g.r.randint(0, 2) for _ in range(g.r.randint(0, g.rank(x) + 1))], [g.r.randint(1, 2) for _ in g.shape(x)]])), {}


@arguments("repeat")
def _(g):
    x = g.any()
    axis = g.axis(g.rank(x), none=0.3) if g.rank(x) else None
    n = int(np.prod(g.shape(x))) if axis is None else g.shape(x)[axis] if -g.rank(x) <= axis < g.rank(x) else 1
    return (x, g.r.choice([0, 1, 2, 3, [g.r.randint(0, 2) for _ in range(n)]])), {"axis": axis}


@arguments("flip")
def _(g):
    x = g.any()
    return (x,), some(g, axis=g.axes(g.rank(x)))


@arguments("rot90")
def _(g):
    x = g.any(ranks=range(2, 5))
    return (x,), some(g, k=g.r.randint(-2, 5), axes=g.r.choice([(0, 1), tuple(g.r.sample(range(g.rank(x)), 2))]))


@arguments("roll")
def _(g):
    x = g.any()
    axis = g.axis(g.rank(x), none=0.4) if g.rank(x) else None
    if axis is not None and g.r.random() < 0.2:
        return (x, [1, -2]), {"axis": [0, -1]}
    return (x, g.r.choice([0, 1, -1, 2, 7])), {"axis": axis}


@arguments("diagonal trace")
def _(g):
    x = g.any(ranks=range(2, 5))
    a, b = g.r.sample(range(g.rank(x)), 2)
    return (x,), {**some(g, offset=g.r.randint(-2, 2)), **g.r.choice([{}, {"axis1": a, "axis2": b}])}


@arguments("diag diagflat")
def _(g):
    return (g.any(ranks=[1, 2]),), some(g, k=g.r.randint(-2, 2))


# ---- indexing, sorting ----


@arguments("take")
def _(g):
    x = g.any(ranks=range(1, 5))
    axis = g.axis(g.rank(x), none=0.3)
    n = int(np.prod(g.shape(x))) if axis is None else g.shape(x)[axis] if -g.rank(x) <= axis < g.rank(x) else 1
    where = g.r.randint(-n, n - 1) if n and g.r.random() < 0.2 else indices(g, n, arrays.some_shape(g.r, g.r.randint(0, 2)))
    return (x, where), {"axis": axis}


@arguments("sparse_matmul")
def _(g):
    x = g.of(g.float(), (g.r.randint(2, 4), g.r.randint(1, 3)))
    shape, n = (g.r.randint(2, 4), g.shape(x)[0]), g.r.randint(0, 5)
    places = g.new(g.r.choice(["int32", "int64"]), (n, 2), low=0, high=1)
    return (places, g.of(g.dtype(x), (n,)), shape, x), {}


def rows_of(g):
    """Splits of up to four rows; now and then some that do not fit."""
    splits = np.cumsum([0] + [g.r.randint(0, 3) for _ in range(g.r.randint(0, 4))])
    return np.flip(splits) if g.r.random() < 0.1 else splits


def splits_of(g, splits):
    return g.add(splits.astype(g.r.choice(["int32", "int64"])))


@arguments("ragged_rows")
def _(g):
    return (splits_of(g, np.sort(rows_of(g))),), {}


@arguments("ragged_check")
def _(g):
    splits = rows_of(g)
    return (splits_of(g, splits), g.of(g.float(), (max(splits), *arrays.some_shape(g.r, g.r.randint(0, 2))))), {}


@arguments("ragged_to_dense")
def _(g):
    splits = rows_of(g)
    values = g.of(g.float(), (max(splits), *arrays.some_shape(g.r, g.r.randint(0, 2))))
    return (values, splits_of(g, splits)), some(g, default_value=g.r.choice([0.0, -1.5]), width=g.r.randint(0, 4))


@arguments("ragged_from_dense")
def _(g):
    x = g.any(ranks=range(2, 4))
    return (x, g.add(np.array([g.r.randint(0, 3) for _ in range(g.shape(x)[0])], "int64"))), {}


@arguments("sparse_check")
def _(g):
    shape = arrays.some_shape(g.r, g.r.randint(1, 3))
    return (g.new(g.r.choice(["int32", "int64"]), (g.r.randint(0, 5), len(shape)), low=0, high=max(0, min(shape) - 1)), list(shape)), {}


@arguments("sparse_align")
def _(g):
    shape, kind, dtype = arrays.some_shape(g.r, g.r.randint(1, 3)), g.r.choice(["int32", "int64"]), g.float()
    inside = max(0, min(shape) - 1) if g.r.random() < 0.9 else max(shape)
    operands = []
    for n in (g.r.randint(0, 5), g.r.randint(0, 5)):
        operands += [g.new(kind, (n, len(shape)), low=0, high=inside), g.of(dtype, (n,))]
    return (*operands, list(shape)), some(g, both=g.flag())


@arguments("sparse_product")
def _(g):
    kind, dtype, rows, inner, columns = g.r.choice(["int32", "int64"]), g.float(), *(g.r.randint(1, 4) for _ in range(3))
    operands = []
    for shape in ((rows, inner), (inner, columns)):
        n = g.r.randint(0, 5)
        operands += [g.new(kind, (n, 2), low=0, high=min(shape) - 1), g.of(dtype, (n,)), shape]
    return operands, {}


@arguments("take_along_axis")
def _(g):
    x = g.any(ranks=range(1, 4))
    if g.r.random() < 0.2:
        n = int(np.prod(g.shape(x)))
        return (x, indices(g, n, (g.r.randint(0, 4),))), {"axis": None}
    axis = g.r.randrange(g.rank(x))
    shape = list(g.shape(x))
    n, shape[axis] = shape[axis], g.r.randint(0, 3)
    return (x, indices(g, n, shape)), {"axis": axis}


@arguments("unravel_index")
def _(g):
    shape = arrays.some_shape(g.r, g.r.randint(1, 3))
    n = int(np.prod(shape))
    return (indices(g, n, arrays.some_shape(g.r, g.r.randint(0, 2)), g.r.choice(["int32", "int64"])), list(shape)), {}


@arguments("sort argsort")
def _(g):
    x = g.any()
    return (x,), some(g, axis=g.axis(g.rank(x), none=0.15))


@arguments("argpartition")
def _(g):
    x = g.any(ranks=range(1, 4))
    axis = g.axis(g.rank(x))
    d = g.shape(x)[axis] if -g.rank(x) <= axis < g.rank(x) else 1
    return (x, g.r.randint(0, max(0, d - 1))), {"axis": axis}


@arguments("searchsorted")
def _(g):
    x = g.any(ranks=[1], dtypes=["float32", "int32", "int64", "float16", "float64"])
    s = g.step("sort", x) or x
    return (s, g.any(dtypes=[g.dtype(s)])), some(g, side=g.r.choice(["left", "right"]))


@arguments("digitize")
def _(g):
    bins = g.r.choice([[0.0, 1.0, 2.5], [3, 1, 0], [1], []]) if g.flag() else g.step("sort", g.any(ranks=[1])) or [0]
    return (g.any(), bins), {}


@arguments("isin")
def _(g):
    x = g.any()
    return (x, g.any(dtypes=[g.dtype(x)])), some(g, assume_unique=False, invert=g.flag())


@arguments("unique")
def _(g):
    x = g.any()
    extra = some(g, size=g.r.choice([None, 0, 3, 6]), fill_value=g.r.choice([None, 0, 5]))
    kwargs = some(g, return_index=g.flag(), return_inverse=g.flag(), return_counts=g.flag(), axis=g.axis(g.rank(x), none=0.5), sorted=g.flag(0.8))
    return (x,), {**kwargs, **extra}


# ---- products ----


@arguments("matmul dot")
def _(g):
    x = g.any(ranks=range(1, 4))
    d, n = g.shape(x)[-1], g.side()
    return (x, g.of(g.dtype(x), g.r.choice([(d,), (d, n), (d, n), (g.shape(x)[0], d, n)]))), {}


@arguments("inner")
def _(g):
    x = g.any(ranks=range(1, 4))
    return (x, g.of(g.dtype(x), g.r.choice([(), (2,)]) + g.shape(x)[-1:])), {}


@arguments("tensordot")
def _(g):
    x = g.any(ranks=range(1, 4))
    n = g.r.randint(0, g.rank(x))
    if g.flag():
        return (x, g.of(g.dtype(x), g.shape(x)[g.rank(x) - n:] + g.r.choice([(), (3,)]))), {"axes": n}
    axes = g.r.sample(range(g.rank(x)), n)
    return (x, g.of(g.dtype(x), (2, *(g.shape(x)[a] for a in axes)))), {"axes": [axes, list(range(1, n + 1))]}


@arguments("vdot")
def _(g):
    x = g.any()
    return (x, g.of(g.dtype(x), g.shape(x))), {}


@arguments("outer kron")
def _(g):
    x = g.any(where=lambda t: t.size <= 40)
    return (x, g.any(where=lambda t: t.size <= 40)), {}


@arguments("cross")
def _(g):
    n = g.r.choice([2, 3])
    shape = arrays.some_shape(g.r, g.r.randint(0, 2))
    d = g.r.choice(g.palette)
    if g.r.random() < 0.3 and shape:
        return (g.of(d, (n, *shape)), g.of(d, (n, *shape))), {"axis": 0}
    return (g.of(d, (*shape, n)), g.of(d, (*shape, g.r.choice([n, n, 3])))), {}


EINSUMS = ["ij,jk->ik", "ij,kj->ik", "ij,ij->", "ij->ji", "ii->i", "ii", "ijk,ikl->ijl", "ij,j->i", "i,j->ij", "ij,jk,kl->il", "...i,ij->...j",
           "bij,bkj->bik", "bhqd,bhkd->bhqk", "ijk->kj", "ij->", "i,i,i->i", "ij->j", "bqhd,bkhd->bhqk"]


@arguments("einsum")
def _(g):
    subscripts = g.r.choice(EINSUMS)
    sizes = {c: g.r.choice([0, 1, 2, 3, 4]) if g.r.random() < 0.2 else g.r.randint(1, 4) for c in "bhijklqd."}
    d = g.r.choice(g.palette)
    shapes = [[sizes[c] for c in term.replace("...", ".")] for term in subscripts.split("->")[0].split(",")]
    return (subscripts, [g.of(d, s) for s in shapes]), {}
