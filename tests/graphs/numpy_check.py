"""What NumPy makes of the operands of a step, where it has the function: values and shapes. Dtypes are Keras's, so integers are
computed in the result's dtype, floats in double precision and rounded to it."""

import numpy as np

import kvino
from graphs.program import Body, call, mapped

AS_NUMPY = set(
    "abs absolute add all amax amin any arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argwhere array_split bitwise_and "
    "bitwise_invert bitwise_not bitwise_or bitwise_xor broadcast_to cbrt ceil clip column_stack concatenate conj conjugate copysign cos cosh "
    "count_nonzero cumsum deg2rad diag diagflat diagonal divide dsplit dstack equal exp exp2 expand_dims expm1 fabs flatnonzero flip "
    "fliplr flipud floor fmax fmin greater greater_equal heaviside hsplit hstack hypot imag isfinite isin isinf isnan isneginf isposinf "
    "isreal less less_equal log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor matmul max maximum mean min minimum "
    "moveaxis multiply nanmax nanmin nansum negative not_equal outer ptp rad2deg ravel real repeat reshape roll rot90 sign signbit sin sinh "
    "sort split sqrt square squeeze stack std subtract sum swapaxes take take_along_axis tan tanh tile trace transpose tril triu true_divide "
    "trunc unravel_index var vsplit vstack".split()
)
COUNTING = {"argmax", "argmin", "argwhere", "count_nonzero", "flatnonzero"}  # the result's dtype says nothing of the operands
SMALL = {"float16": 2.0**-9, "bfloat16": 2.0**-6, "float8_e4m3fn": 2.0**-2, "float8_e5m2": 2.0**-1, "float32": 2e-6, "complex64": 4e-6}


def around(found):
    """Calls a step and adds to `found` what NumPy says otherwise: (operator, words)."""

    def compare(step, args, kwargs):
        y = call(step.op, args, kwargs)
        if step.op in AS_NUMPY:
            words = difference(step.op, args, kwargs, [np.asarray(t) for t in (y if step.several else (y,))])
            if words:
                found.append((step.op, words))
        return y

    return compare


def difference(op, args, kwargs, ys):
    tensors = []
    mapped(lambda t: tensors.append(t) if isinstance(t, kvino.Tensor) else None, (args, kwargs))
    if len({t.dtype for t in tensors}) > 1 and op not in ("take", "take_along_axis"):
        return None  # promotion is Keras's, and tested against it (test_ops_promotion.py)
    kwargs = {k: v for k, v in kwargs.items() if k != "initial" or v is not None}
    if {"dtype", "out", "weights", "size"} & set(kwargs) or any(isinstance(a, Body) for a in args):
        return None
    args, kwargs = mapped(lambda t: wide(t, ys[0].dtype if op not in COUNTING else np.dtype(bool)), (args, kwargs))
    if isinstance(kwargs.get("axis"), list):
        kwargs["axis"] = tuple(kwargs["axis"])
    try:
        with np.errstate(all="ignore"):
            want = getattr(np, op)(*args, **kwargs)
            if op in ("mean", "matmul") and not np.isfinite(want.astype(ys[0].dtype)).all():
                return None  # where a sum overflows depends on its order; NumPy divides complex numbers by complex ones
    except Exception:  # NumPy knows no such call: Keras does
        return None
    wants = [np.asarray(w) for w in (want if isinstance(want, (tuple, list)) else [want])]
    if len(wants) != len(ys):
        return f"{len(wants)} results, got {len(ys)}"
    sizes = [np.abs(a).max(initial=0.0, where=np.isfinite(a)) for a in args if isinstance(a, np.ndarray) and a.dtype.kind in "fc"]
    for want, y in zip(wants, ys):
        words = off(want, y, max(sizes, default=0.0), op)
        if words:
            return words
    return None


def wide(leaf, result):
    if not isinstance(leaf, kvino.Tensor):
        return leaf
    a = np.asarray(leaf)
    if a.dtype.kind in "biu":
        if result.kind in "fV":
            return a.astype(result).astype(np.float64)
        return a.astype(result) if result.kind in "iu" and a.dtype.kind != "b" else a
    return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)


SUMMED = {"sum", "mean", "var", "std", "cumsum", "nansum", "matmul", "trace"}


def off(want, y, size, op):
    if want.shape != y.shape:
        return f"want shape {want.shape}, got {y.shape}"
    name = y.dtype.name
    with np.errstate(all="ignore"):
        want = want.astype(y.dtype)
        if y.dtype.kind in "biu":
            bad = want != y
        else:
            double = np.complex128 if y.dtype.kind == "c" else np.float64
            w, g = want.astype(double), y.astype(double)
            tolerance = SMALL.get(name, 1e-12)
            room = tolerance * np.abs(w) + (0 if name not in (*SMALL, "float64", "complex128") else float(np.finfo(np.float32).tiny))
            if op in SUMMED:
                room = room + 100 * tolerance * size * (size if op in ("var", "matmul") else 1)
            parts = ((w.real, g.real), (w.imag, g.imag)) if y.dtype.kind == "c" else ((w, g),)
            bad = np.zeros(y.shape, bool)
            for a, b in parts:
                bad |= ~((a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= room))
    if not bad.any():
        return None
    return f"{name} {y.shape}, NumPy / eager: " + ", ".join(f"{want[tuple(a)]} / {y[tuple(a)]}" for a in np.argwhere(bad)[:4])


