"""Runs a program eagerly and compiled in every way, and compares.

On the device `native` every result is the eager one bit by bit, but for the order of sums in convolutions. On OpenVINO integers, bool, float64 and complex numbers are, too; of narrower
floats docs/exactness.md states how far one operator may be off, and what that comes to in a whole program is found by running it eagerly with
every inexact step put off by as much: an element may differ as far as it moves then. What jumps (an index, a rounded number, a finite
number that becomes infinite) is not compared, for it hangs on noise; steps that are exact on what they are given are not put off.
"""

import dataclasses
import re

import numpy as np

import kvino
from graphs import numpy_check
from graphs.arrays import FLOAT8
from graphs.program import call, function_of, is_certain, mapped, plainly, without

# What is exact in any dtype: moved, chosen, compared, counted, rounded to whole numbers.
EXACT = set(
    "abs absolute all allclose amax amin any append arange argmax argmin argpartition argsort argwhere array_split bincount broadcast_to cast ceil "
    "clip column_stack concatenate copy copysign count_nonzero cond depth_to_space diag diagflat diagonal digitize dsplit dstack empty equal "
    "expand_dims extract_sequences eye fabs flatnonzero flip fliplr flipud floor fmax fmin fmod fori_loop full full_like greater greater_equal "
    "hard_shrink hard_tanh heaviside hsplit hstack identity imag in_top_k index isclose isfinite isin isinf isnan isneginf isposinf isreal less "
    "less_equal logical_and logical_not logical_or logical_xor max max_pool maximum meshgrid min minimum mod moveaxis nan_to_num nanargmax "
    "nanargmin nanmax nanmin negative nextafter nonzero not_equal one_hot ones ones_like pad ptp ravel real relu relu6 repeat reshape roll rot90 "
    "scan scatter_update searchsorted segment_max segment_min select shape_tensor sign signbit slice slice_update sort space_to_depth split "
    "squeeze stack stop_gradient swapaxes take take_along_axis threshold tile top_k transpose tri tril triu trunc unfold unique unstack view "
    "vsplit vstack where while_loop zeros zeros_like adaptive_max_pool round floor_divide shuffle conj conjugate multi_hot empty_like".split()
)
# What is exact on numbers of few bits, in any order.
SUMS = set(
    "add subtract multiply square sum dot matmul inner outer vdot einsum tensordot kron trace diff cumsum nansum nancumsum segment_sum conv "
    "conv_transpose depthwise_conv separable_conv scatter fold cross correlate leaky_relu hard_shrink soft_shrink prod".split()
)
# Exact, but for the sign of a zero.
CLAMPS = set("abs clip relu relu6 hard_tanh hard_shrink threshold maximum minimum fmax fmin max min amax amin round trunc ceil floor fmod mod".split())
# Sums in another order on the device native, too: the layout is another.
ORDERED = set("conv conv_transpose depthwise_conv separable_conv".split())
# Off by a part of the largest number that goes in, not of the result.
TRANSFORMS = set("fft fft2 ifft2 rfft irfft stft istft ctc_decode ctc_loss sparsemax".split())
# How far a result of a step may be off, relatively; and its operands, for sums that cancel.
STEP = {"float32": 1e-6, "float16": 2 * 2.0**-10, "bfloat16": 2 * 2.0**-7, "float8_e4m3fn": 2 * 2.0**-3, "float8_e5m2": 2 * 2.0**-2}
OPERAND = {"float32": 2.0**-22}
# Differences of narrow floats: what is left is off by a part of an operand.
CANCELS = {"batch_normalization": {"float16": 2.0**-11, "bfloat16": 2.0**-8}}
# Off by a part of the operand's size: of 1 + tanh or 1 + erf near -1 nothing more is left.
TAILS = {"gelu": 2.0**-22}
# Off by a part of 1: of the logarithm of a share near 1 nothing more is left.
SHARES = {"log_softmax": 2.0**-22}
RUNS = 24


@dataclasses.dataclass
class Disagreement:
    mode: str
    nature: str  # "value", "error", ...
    detail: str
    where: int = 0  # position among the results


@dataclasses.dataclass
class Outcome:
    """Arrays, or the class and words of an error."""

    values: list = None
    error: tuple = None
    step: object = None  # the one that raised it


# (device, which lengths are known when the graph is compiled)
MODES = [("NumPy", "eager"), ("native", "known"), ("native", "unknown"), ("CPU", "known"), ("CPU", "unknown"), ("CPU", "partly")]


def outcome(f, inputs):
    try:
        return Outcome([np.array(y, copy=True) for y in f(*inputs)])
    except Exception as e:  # whatever it is, the other way must raise it, too
        return Outcome(error=(type(e).__name__, str(e)))


def eager(program, inputs, around=plainly):
    last = [None]

    def noting(step, args, kwargs):
        last[0] = step
        return around(step, args, kwargs)

    run = outcome(function_of(program, noting), [kvino.Tensor(x) for x in inputs.values()])
    run.step = last[0] if run.error else None
    return run


def traced(program, inputs):
    """The error of lengths, which are looked at before anything is computed."""
    graph = kvino.Graph()
    return outcome(lambda *xs: function_of(program)(*xs) and (), [graph.parameter(x.shape, x.dtype.name) for x in inputs.values()]).error


def is_another(program, inputs, want, error):
    """Whether a step that has no need of the one that raises raises this, or one that needs its shape alone: of several errors any may
    come first."""
    while want.error and want.step in program.steps:
        if error in (want.error, traced(program, inputs)):
            return True
        program = without(program, want.step)
        want = eager(program, inputs)
    return False


def compiled(program, device, lengths):
    """A function that traces and compiles the program when it is first called."""
    if lengths != "partly":
        return kvino.function(function_of(program), device=device, dynamic=lengths == "unknown")
    made = []

    def run(*xs):
        if not made:
            graph = kvino.Graph()
            shapes = [[None if k in program.unknown[i] else d for k, d in enumerate(x.shape)] for i, x in program.inputs.items()]
            for y in function_of(program)(*(graph.parameter(s, x.dtype.name) for s, x in zip(shapes, xs))):
                graph.result(y)
            made.append(graph.compile(device))
        return made[0](*xs)

    return run


def judge(program, modes=MODES, first=False):
    """The disagreements of a program; `first`: at most one of a compiled graph."""
    if not program.results:  # nothing is computed
        return []
    found, otherwise = [], []
    want = eager(program, program.inputs, numpy_check.around(otherwise))
    if ("NumPy", "eager") in modes:
        found += [Disagreement("NumPy eager", "value", f"{op}: {said}") for op, said in otherwise[:1]]
    others = {"unknown": program.other, "partly": program.partly}
    for device, lengths in [m for m in modes if m != ("NumPy", "eager")]:
        f = compiled(program, device, lengths)
        other = others.get(lengths)
        runs = [(program.inputs, want, ""), (program.inputs, want, ", again")]
        if other and not want.error:  # an error while tracing comes before one of lengths
            runs.insert(1, (other, eager(program, other), ", other lengths"))
        for inputs, expected, label in runs:
            got = outcome(f, inputs.values())
            d = compare(program, inputs, expected, got, device)
            if d:
                d.mode = f"{device} {lengths}{label}"
                found.append(d)
                if first:
                    return found
                break
    return found


def words(text):
    return re.sub(r"\d+", "N", text)[:160]


def compare(program, inputs, want, got, device):
    if want.error or got.error:
        if want.error == got.error:
            return None
        if not want.error:
            return Disagreement("", "raises", f"{got.error[0]}: {got.error[1][:300]}")
        if not got.error:
            if want.step and not is_certain(program, want.step):  # a check belongs to its value
                return None
            return Disagreement("", "does not raise", f"want {want.error[0]}: {want.error[1][:300]}")
        if want.step and is_another(program, inputs, want, got.error):
            return None
        return Disagreement("", "other error", f"want {want.error[0]}: {want.error[1][:300]}\ngot  {got.error[0]}: {got.error[1][:300]}")
    noise = None
    ops = {s.op for s in program.steps}
    noisy = device == "CPU" or ops & ORDERED
    arrays = [np.abs(number(x)) for x in (*inputs.values(), *program.constants.values()) if number(x).dtype.kind in "biuf"]
    reach = max([float(x[np.isfinite(x)].max(initial=0)) for x in arrays], default=0) if ops & TRANSFORMS else 0
    for i, (w, g) in enumerate(zip(want.values, got.values)):
        if w.dtype != g.dtype:
            return Disagreement("", "dtype", f"want {w.dtype}, got {g.dtype}", i)
        if w.shape == g.shape and same_bits(w, g, device == "native"):
            continue
        if noisy:
            noise = noise or perturbed(program, inputs, device == "CPU")
            bad = beyond(w, g, [v[i] for v in noise], bool(noise), reach)
        else:
            bad = True if w.shape != g.shape else differing(w, g)
        if bad is True:
            return Disagreement("", "shape", f"want {w.shape}, got {g.shape}", i)
        if bad is not None and bad.any():
            at = np.argwhere(bad)[:5]
            pairs = ", ".join(f"{w[tuple(a)]} / {g[tuple(a)]}" for a in at)
            return Disagreement("", nature_of(w, g, bad), f"{w.dtype} {w.shape}, want / got: {pairs}", i)
    return None


def number(x):
    """As a dtype that NumPy computes in."""
    return x.astype(np.float64) if x.dtype.kind == "V" or x.dtype.name in (*FLOAT8, "bfloat16", "float16") else x


def differing(w, g, signs=True):
    w, g = number(w), number(g)
    if w.dtype.kind not in "fc":
        return w != g
    if w.dtype.kind == "c":
        return differing(w.real, g.real, signs) | differing(w.imag, g.imag, signs)
    bad = ~((w == g) | (np.isnan(w) & np.isnan(g)))
    return bad | ((w == 0) & (g == 0) & (np.signbit(w) != np.signbit(g))) if signs else bad


def same_bits(w, g, signs):
    return not differing(w, g, signs).any()


def nature_of(w, g, bad):
    if w.dtype.kind in "biu":
        return "integers" if w.dtype.kind != "b" else "bool"
    w, g = number(w)[bad], number(g)[bad]
    if (np.isnan(w) != np.isnan(g)).any():
        return "nan"
    if (np.isinf(w) != np.isinf(g)).any():
        return "inf"
    if (w == g).all():
        return "sign of zero"
    with np.errstate(all="ignore"):
        off = np.abs(w - g) / np.maximum(np.abs(w), 1e-300)
    return "last bits" if np.nanmax(off) < 1e-5 else "value"


# ---- how far noise goes ----


def few_bits(x):
    """Multiples of 1/8 up to 16: products and sums of some hundreds of them are exact in float32."""
    x = number(np.asarray(x))
    return x.dtype.kind in "biu" or bool(np.isfinite(x).all() and (x * 8 == np.round(x * 8)).all() and (np.abs(x) <= 16).all())


def tiny_numbers(x):
    return (np.abs(x) < 2.0**-126) & (x != 0) if x.dtype.kind == "f" else np.zeros(())


def without_tiny(t, dtypes):
    """The tensor with its subnormal numbers zero, where it has one of these dtypes."""
    x = number(np.asarray(t))
    tiny = tiny_numbers(x) if t.dtype in dtypes else np.zeros(())
    return kvino.Tensor(np.where(tiny, np.copysign(0, x), x).astype(np.asarray(t).dtype)) if tiny.any() else t


def nearly_zero(t):
    """Of results in float32, those next to subnormal ones may be computed from some."""
    x = np.asarray(t) if t.dtype == "float32" else np.ones(())
    tiny = (np.abs(x) < 2.0**-124) & (x != 0)
    return kvino.Tensor(np.where(tiny, np.copysign(0, x), x).astype("float32")) if tiny.any() else t


def other_signs(t, rng):
    x = number(np.asarray(t))
    free = (x == 0) | np.isnan(x) if x.dtype.kind == "f" else np.zeros(())
    return kvino.Tensor(np.where(free, np.copysign(x, rng.choice([-1, 1], x.shape)), x).astype(np.asarray(t).dtype)) if free.any() else t


def perturbed(program, inputs, flushed=False):
    """The values of eager runs with every inexact step off by what it may be; runs that raise give none. `flushed`: of constants, and of
    bfloat16 here and there, subnormal numbers are zero in some, and zeros and NaN have other signs in some, as OpenVINO has it."""
    runs = []
    for seed in range(RUNS):
        flushes = flushed and seed % 4 == 3
        tried = program
        if flushed and (seed % 4 == 2 or seed % 8 == 3):
            tiny = lambda a: np.asarray(without_tiny(kvino.Tensor(a), ("float32", "bfloat16")))
            tried = program.copy(constants={i: tiny(a) for i, a in program.constants.items()})
        # What a constant is moved to may be compared with the constant itself.
        tiny_constants = any(tiny_numbers(number(a)).any() for a in program.constants.values())
        dtypes = ("bfloat16", "float32") if tiny_constants else ("bfloat16",)
        rng = np.random.default_rng(seed)

        def off(t, sizes):
            size = sizes.get(t.dtype)
            if size is None or not t.size:
                return t
            x = np.asarray(t)
            signs = np.sign(seed - 0.5) if seed < 2 else rng.uniform(-1, 1, x.shape)
            with np.errstate(all="ignore"):
                return kvino.Tensor(np.asarray(number(x) * (1 + size * signs)).astype(x.dtype))

        def tail(y, x, size):
            if not isinstance(x, kvino.Tensor) or y.dtype not in ("float32", "float16", "bfloat16"):
                return y
            y = np.asarray(y)
            with np.errstate(all="ignore"):
                reach = size * np.nan_to_num(np.abs(number(np.asarray(x, "float32"))))
                moved = number(y) + reach * rng.uniform(-1, 1, y.shape)
                moved = np.where((np.abs(moved) < 2 * reach) & (seed % 4 == 2), 0, moved)
                return kvino.Tensor(moved.astype(y.dtype))

        def around(step, args, kwargs):
            args, kwargs = mapped(flush, (args, kwargs))
            done = mapped(flush, noisy(step, args, kwargs))
            if flushes and step.op not in EXACT:
                done = mapped(nearly_zero, done)
            signs = flushed and seed % 4 == 1 and (step.op not in EXACT or step.op in CLAMPS)
            return mapped(lambda t: other_signs(t, rng), done) if signs else done

        def flush(t):
            fits = flushes and (seed == 3 or rng.random() < 0.5)
            if fits and isinstance(t, np.ndarray):  # a constant in a body
                return np.asarray(without_tiny(kvino.Tensor(t), ("float32", "bfloat16")))
            return without_tiny(t, dtypes) if fits and isinstance(t, kvino.Tensor) else t

        def noisy(step, args, kwargs):
            if step.op in EXACT:
                return call(step.op, args, kwargs)
            tensors = []
            mapped(lambda t: tensors.append(t) if isinstance(t, kvino.Tensor) else None, (args, kwargs))
            if step.op in SUMS and all(t.dtype == "float32" or t.dtype not in STEP for t in tensors) and all(map(few_bits, tensors)):
                return call(step.op, args, kwargs)
            sizes = {**OPERAND, **CANCELS.get(step.op, {})}
            args, kwargs = mapped(lambda t: off(t, sizes) if isinstance(t, kvino.Tensor) else t, (args, kwargs))
            done = mapped(lambda t: off(t, STEP), call(step.op, args, kwargs))
            if step.op in SHARES:
                return tail(done, kvino.Tensor(np.float32(1)), SHARES[step.op])
            return tail(done, args[0], TAILS[step.op]) if step.op in TAILS else done

        run = eager(tried, inputs, around)
        if run.values:
            runs.append(run.values)
    return runs


def beyond(w, g, runs, any_run, reach=0.0):
    """Where g is further from w than noise takes it; None where noise decides everything, True where shapes differ."""
    if not any_run or any(r.shape != w.shape for r in runs):
        return None
    if w.shape != g.shape:
        return True
    moved = np.array([differing(w, r, False) for r in runs]).any(0)
    name = w.dtype.name
    if name not in STEP and w.dtype.kind not in "fc":
        return differing(w, g) & ~moved
    with np.errstate(all="ignore"):
        a, b = (number(w), number(g))
        spread = np.max([np.abs(number(r) - a) for r in runs], axis=0)
        wild = moved & ~np.isfinite(spread)
        size = STEP.get(name, 0.0)
        largest = np.abs(a[np.isfinite(a)]).max(initial=0.0)
        floor = 2 * size * np.abs(a) + (size * max(min(1.0, largest), reach) if size else 0.0)
        near = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= 4 * np.nan_to_num(spread) + floor)
    return ~near & ~wild
