"""Random arrays of every dtype: mostly numbers whose sums and products are exact in float32, so that a later rounding, comparison or
sorting cannot hide behind noise; and special, extreme and any values."""

import ml_dtypes
import numpy as np

EXTENDED = {"float8_e4m3fn": ml_dtypes.float8_e4m3fn, "float8_e5m2": ml_dtypes.float8_e5m2, "bfloat16": ml_dtypes.bfloat16}
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
SIGNED = ["int8", "int16", "int32", "int64"]
INTEGERS = UNSIGNED + SIGNED
FLOATS = ["float16", "bfloat16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
FLOAT8 = ["float8_e4m3fn", "float8_e5m2"]
ALL = ["bool", *INTEGERS, *FLOATS, *FLOAT8, *COMPLEX]
WEIGHTS = {"float32": 24, "float16": 5, "bfloat16": 5, "float64": 3, "int32": 6, "int64": 5, "bool": 4, "uint8": 3}
MOODS = ["small"] * 12 + ["special"] * 4 + ["extreme"] * 2 + ["noise"] * 4


def npd(name):
    return np.dtype(EXTENDED.get(name, name))


def is_integer(name):
    return name in INTEGERS or name == "bool"


def some_dtype(r):
    return r.choices(ALL, [WEIGHTS.get(n, 1) for n in ALL])[0]


def some_shape(r, rank=None, most=5):
    rank = r.choice([0, 1, 1, 2, 2, 2, 3, 3, 4]) if rank is None else rank
    return tuple(r.choices(range(most + 1), [1, 6] + [8] * (most - 1))[0] for _ in range(rank))


def array(r, dtype, shape, mood=None, low=None, high=None):
    """Numbers in [low, high] where those are given."""
    rng = np.random.default_rng(r.getrandbits(32))
    kind = npd(dtype)
    mood = mood or r.choice(MOODS)
    if low is not None:
        x = rng.integers(low, high, shape, endpoint=True) if is_integer(dtype) else rng.uniform(low, high, shape)
    elif dtype == "bool":
        x = rng.integers(0, 2, shape)
    elif is_integer(dtype):
        x = _integers(rng, np.iinfo(kind), shape, mood)
    else:
        x = _floats(rng, dtype, shape, mood)
        if dtype in COMPLEX:
            x = np.array(x, complex)
            x.imag = _floats(rng, dtype, shape, mood)
    with np.errstate(all="ignore"):
        x = np.asarray(x).astype(kind)
    return np.asfortranarray(x) if x.ndim > 1 and r.random() < 0.2 else x


def _integers(rng, info, shape, mood):
    if mood in ("noise", "extreme"):
        x = rng.integers(info.min, info.max, shape, dtype=info.dtype, endpoint=True)
        extremes = np.array([info.min, info.max, 0, 1], info.dtype)[rng.integers(0, 4, shape)]
        return np.where(rng.random(shape) < 0.5, extremes, x) if mood == "extreme" else x
    return rng.integers(max(info.min, -5), 6, shape)


def _floats(rng, dtype, shape, mood):
    limits = ml_dtypes.finfo(npd("float32" if dtype == "complex64" else "float64" if dtype == "complex128" else dtype))
    if mood == "noise":
        return rng.standard_normal(shape) * 3
    if mood == "extreme":
        low, high = np.log10(float(limits.tiny)), np.log10(float(limits.max))
        return rng.choice([-1, 1], shape) * 10 ** rng.uniform(low * 0.98, high * 0.98, shape)
    x = rng.integers(-8, 9, shape) / rng.choice([1, 1, 2, 4])
    if mood == "special":
        values = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, float(limits.smallest_subnormal), -float(limits.tiny) / 2,
                  float(limits.tiny), float(limits.max), float(limits.min)]
        if dtype == "float8_e4m3fn":
            values[1:3] = []
        x = np.where(rng.random(shape) < 0.4, np.array(values)[rng.integers(0, len(values), shape)], x)
    return x
