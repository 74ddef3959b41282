"""The arguments of each operator: by the kinds of its parameters, or, where those do not say enough, by a generator of its own (in
`special`). CHOSEN are the operators to take from."""

import pathlib
import re

from graphs import arrays

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _table():
    """name -> (kinds, parameter names) of every line OP(space, name, (kinds), "signature", ...)."""
    table = {}
    for path in sorted((ROOT / "include/kvino/ops").glob("*.def")):
        for name, kinds, signature in re.findall(r'^OP(?:_LIST)?\(\w+, (\w+), \(([^)]*)\),\s*"\w+\((.*?)\)",', path.read_text(), re.M):
            names = re.findall(r"(?:^|, )(\w+)(?:=(\([^)]*\)|[^,]*))?", signature)
            table[name] = list(zip(kinds.split(", "), names))
    return table


TABLE = _table()
CHOSEN = sorted(TABLE)
STRUCTURE = ["index", "index", "cond", "while_loop", "fori_loop", "scan", "reuse"]
SPECIAL = {}  # operator -> function(g) giving (args, kwargs)


def arguments(names):
    """Declares the generator of these operators."""

    def declare(f):
        for name in names.split():
            SPECIAL[name] = f
        return f

    return declare


def choose(op, g):
    if op in SPECIAL:
        return SPECIAL[op](g)
    args, kwargs = [], {}
    first = None
    for kind, (name, default) in TABLE[op]:
        if default and g.r.random() < 0.35:
            continue
        value = by_kind(g, kind, name, first)
        if kind in ("tensor", "maybe") and first is None:
            first = value
        if default:
            kwargs[name] = value
        else:
            args.append(value)
    return tuple(args), kwargs


def by_kind(g, kind, name, first):
    r = g.r
    rank = g.rank(first) if first is not None and hasattr(first, "i") else 2
    if kind == "tensor" or kind == "maybe":
        return g.any() if first is None else g.partner(first) if hasattr(first, "i") else g.any()
    if kind == "integer":
        return g.axis(rank, none=0.2) if "axis" in name else r.choice([0, 1, 2, -1, 3])
    if kind == "ints":
        return g.axes(rank) if "ax" in name else [r.choice([0, 1, 2]) for _ in range(rank)]
    if kind == "number":
        return r.choice([0.0, 0.5, 1.0, 2.0, -1.0, 1e-3, 3])
    if kind == "flag":
        return g.flag()
    if kind == "dtype":
        return arrays.some_dtype(r)
    if kind == "tensors":
        x = g.any()
        return [x] + [g.of(g.dtype(x), g.shape(x)) for _ in range(r.choice([0, 1, 1, 2]))]
    return None


ELEMENTWISE = [
    name for name, parameters in TABLE.items()
    if {k for k, _ in parameters} <= {"tensor"} and len(parameters) <= 2
    and parameters[0][1][0] in ("x", "x1") and name not in
    "det inv eig eigh logdet slogdet cov corrcoef matmul dot inner vdot outer kron cdist bartlett blackman hamming hanning kaiser ravel fliplr "
    "flipud gammainc digitize".split()
]

from graphs import models, special  # noqa: E402, F401  (they fill SPECIAL)
