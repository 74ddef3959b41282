"""Reductions without NaN, medians and quantiles, counts, histograms, covariance and correlation, against NumPy."""

import numpy as np
import pytest

import kvino
from opcheck import (
    ALL,
    FLOATS,
    INTEGERS,
    Case,
    agree,
    averaging,
    axes,
    agree_all,
    case,
    cast,
    eager,
    is_exact,
    layouts,
    make_tests,
    name_of,
    npd,
    result_float,
    result_type,
    values,
    wide,
)

REALS = ["bool"] + INTEGERS + FLOATS
COMPILED = ["float32", "int32", "float16", "bool"]
SUMMED = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}
NAN, INF = np.nan, np.inf
pytestmark = [
    pytest.mark.filterwarnings("ignore:All-NaN"),
    pytest.mark.filterwarnings("ignore:Mean of empty"),
    pytest.mark.filterwarnings("ignore:Degrees of freedom"),
    pytest.mark.filterwarnings("ignore:invalid value"),
]


def holed(name, shape=(3, 4, 2), seed=1, low=-9, high=9):
    """Values with NaN among them, one row of nothing else."""
    x = values(name, shape, seed, 0 if name.startswith("u") else low, high)
    if not is_exact(name) and x.size:
        x.reshape(-1)[:: 3] = np.nan
        if x.ndim > 1:
            x[1, ...] = np.nan
    return x


# ---- references ----


def nansumming(f):
    def reference(x, axis=None, keepdims=False):
        name = SUMMED.get(name_of(x), name_of(x))
        x = cast(x, name)
        if is_exact(name):
            return np.asarray(f(x, axis=axes(axis), keepdims=keepdims, dtype=npd(name)))
        return cast(f(wide(x), axis=axes(axis), keepdims=keepdims), name)

    return reference


def nanrunning(f):
    def reference(x, axis=None, dtype=None):
        name = dtype or ("int32" if name_of(x) == "bool" else name_of(x))
        x = cast(x, name)
        return f(x, axis=axis, dtype=npd(name)) if is_exact(name) else cast(f(wide(x), axis=axis), name)

    return reference


def nanextreme(f):
    def reference(x, axis=None, keepdims=False):
        y = f(wide(x) if name_of(x) in FLOATS else x, axis=axes(axis), keepdims=keepdims)
        return cast(y, name_of(x))

    return reference


def nanarg(largest):
    def reference(x, axis=None, keepdims=False):
        f = np.argmax if largest else np.argmin
        if is_exact(name_of(x)):
            return np.asarray(f(x, axis=axis, keepdims=keepdims)).astype("int32")
        x = wide(x)
        y = f(np.where(np.isnan(x), -INF if largest else INF, x), axis=axis, keepdims=keepdims)
        return np.where(np.isnan(x).all(axis=axis, keepdims=keepdims), -1, y).astype("int32")

    return reference


def quantile(f):
    def reference(x, q, axis=None, method="linear", keepdims=False):
        one = lambda p: f(wide(x), p, axis=axes(axis), method=method, keepdims=keepdims)  # noqa: E731
        y = np.stack([one(p) for p in q]) if np.ndim(q) == 2 else one(q)  # NumPy's nanquantile mixes up the two dimensions
        return cast(y, result_float(x))

    return reference


# ---- cases ----


def usual(f, dtypes, make=holed, empty=True, one_axis=False, keep=True, atol=1e-5):
    some = [None, 0, -1, 1] if one_axis else [None, 0, -1, (0, 2), [1], (), (2, 0, 1)]
    yield from (
        case(
            make(d),
            expect=f,
            axis=1,
            compile=d in COMPILED,
            atol=atol if not is_exact(d) else 1e-6 if d == "float32" else 0,
            device_rtol=3e-3 if d == "float16" else None,
            device_atol=3e-3 if d == "float16" else 1e-5,
        )
        for d in dtypes
    )
    for i, a in enumerate(some):
        for k in (False, True) if keep else (None,):
            more = {} if k is None else {"keepdims": k}
            yield case(make("float32"), expect=f, axis=a, atol=atol, device_atol=1e-5, compile=k is not (i % 2 == 0), **more)
    yield case(values("float32", (), 2), expect=f, atol=atol)
    yield case(np.array([NAN, NAN], "float32"), expect=f, label="only_nan")
    yield case(np.array([1, NAN, INF, -3], "float32"), expect=f, label="infinity")
    if empty:
        yield case(values("float32", (3, 0, 2), 2), expect=f, axis=1)
        yield case(values("float32", (0,), 2), expect=f)


SMALL = lambda d: holed(d, low=-2, high=3)  # noqa: E731
CASES = {
    "nansum": list(usual(nansumming(np.nansum), ALL)),
    "nanprod": list(usual(nansumming(np.nanprod), ALL, make=SMALL)),
    "nanmean": list(usual(averaging(np.nanmean), ALL)),
    "nanvar": list(usual(averaging(np.nanvar), ALL)),
    "nanstd": list(usual(averaging(np.nanstd), ALL)),
    "nanmax": list(usual(nanextreme(np.nanmax), REALS, empty=False)),
    "nanmin": list(usual(nanextreme(np.nanmin), REALS, empty=False)),
    "nanargmax": list(usual(nanarg(True), REALS, empty=False, one_axis=True)),
    "nanargmin": list(usual(nanarg(False), REALS, empty=False, one_axis=True)),
    "nancumsum": list(usual(nanrunning(np.nancumsum), ALL, one_axis=True, keep=False)),
    "nancumprod": list(usual(nanrunning(np.nancumprod), ALL, make=SMALL, one_axis=True, keep=False)),
    "nanmedian": list(usual(averaging(np.nanmedian), REALS, empty=False)),
    "median": [
        *usual(averaging(np.median), REALS, make=lambda d: values(d, (3, 5, 2), 1), empty=False),
        *(
            case(values("float32", shape, 2), expect=averaging(np.median), axis=len(shape) - 1, dynamic=False,
                 why="of an axis of unknown length without elements there is no element")
            for shape in ((0,), (2, 0))
        ),
        case(holed("float32"), expect=averaging(np.median), axis=0),
        case(np.array([INF, INF], "float32"), expect=averaging(np.median), label="infinities"),
        case(np.array([3, 1, 2, 2**30 + 1], "int32"), expect=averaging(np.median)),
        case(np.array([2**62, -(2**62), 5]), expect=averaging(np.median)),
        *(case(values(d, (4097,), 3), expect=averaging(np.median), compile=False) for d in REALS),
    ],
}

METHODS = ("linear", "lower", "higher", "midpoint", "nearest")
for _name, _f, _scale in (
    ("quantile", np.quantile, 1),
    ("nanquantile", np.nanquantile, 1),
    ("percentile", np.percentile, 100),
    ("nanpercentile", np.nanpercentile, 100),
):
    _make = holed if _name.startswith("nan") else lambda d: values(d, (3, 5, 2), 1)
    _r = quantile(_f)
    _q = np.array([0, 0.25, 0.3, 0.5, 0.99, 1]) * _scale
    CASES[_name] = [
        *(case(_make(d), 0.3 * _scale, expect=_r, axis=1, compile=d in COMPILED) for d in REALS),
        *(case(_make("float32"), _q, expect=_r, method=m, axis=a, compile=a == 1) for m in METHODS for a in (None, 1)),
        *(
            case(_make("float32"), 0.4 * _scale, expect=_r, axis=a, keepdims=k, compile=k)
            for a in (None, 0, (0, 2), [1], ())
            for k in (False, True)
        ),
        case(_make("float32"), _q.reshape(2, 3), expect=_r, axis=(0, 2), keepdims=True),
        case(_make("float32"), _q[:0], expect=_r, axis=1),
        case(_make("float32"), _scale, expect=_r),
        case(values("float32", (), 2), 0.5 * _scale, expect=_r),
        case(np.array([NAN, NAN], "float32"), 0.5 * _scale, expect=_r, label="only_nan"),
        case(np.array([-INF, 1, 2, 3, INF], "float32"), _q[3:], expect=_r, label="infinities"),
        case(values("int32", (5000,), 3), _q, expect=_r, compile=False),
        case(values("float64", (5000,), 3), _q, expect=_r, compile=False),
        case(values("float32", (0,), 2), 0.5 * _scale, expect=np.asarray(np.float32("nan")), dynamic=False, why="of an "
             "axis of unknown length without elements there is no element"),
    ]
CASES["quantile"].append(case(np.array([[1, NAN], [3, 4]], "float32"), 0.5, expect=quantile(np.quantile), axis=1, label="nan"))


def bincount(x, weights=None, minlength=0, sparse=False):
    name = "int32" if weights is None else result_type(x, weights)
    name = "int32" if name == "bool" else name
    if x.ndim == 1:
        return np.bincount(x.astype("int64"), weights, minlength).astype(npd(name))
    n = max([minlength, *(x.reshape(-1).astype(int) + 1)])
    w = [None] * len(x) if weights is None else weights
    return np.array([np.bincount(r.astype("int64"), v, n) for r, v in zip(x, w)]).reshape(len(x), n).astype(npd(name))


COUNTED = values("int32", (40,), 1, 0, 9)
CASES["bincount"] = [
    *(case(values(d, (30,), 1, 0, 9), expect=bincount, compile=d in COMPILED) for d in ["bool"] + INTEGERS),
    *(case(COUNTED, expect=bincount, minlength=n) for n in (3, 20)),
    *(case(COUNTED, values(d, (40,), 2, 0, 9), expect=bincount, compile=d in COMPILED) for d in REALS),
    case(values("int32", (3, 5), 1, 0, 6), expect=bincount),
    case(values("int32", (3, 5), 1, 0, 6), values("float32", (3, 5), 2), expect=bincount, minlength=9, rtol=1e-5),
    case(np.zeros((0,), "int32"), expect=bincount, minlength=4, dynamic=False, why="the largest of nothing"),
    case(np.zeros((0,), "int32"), expect=bincount, dynamic=False, why="the largest of nothing"),
]


def histogram(x, bins=10, range=None):
    name = result_float(x)
    x = x.astype("uint8") if x.dtype == bool else wide(x) if x.dtype.itemsize < 4 and not is_exact(name_of(x)) else x
    counts, edges = np.histogram(x, bins, range)
    return [counts.astype("int32"), cast(edges, name)]


CASES["histogram"] = [
    *(case(values(d, (50,), 1, 0, 9), expect=histogram, compile=d in COMPILED, device_rtol=2e-3 if d == "float16" else None)
      for d in REALS),
    *(case(values("float32", (50,), 1), b, expect=histogram, fixed=(1,)) for b in (1, 7, np.array([-2, -1, -1, 0.5, 3], "float32"))),
    case(values("float32", (50,), 1), expect=histogram, range=(-1, 2)),
    case(np.array([0.0, 2.0, 4.0, 8.0, 10.0], "float32"), 5, expect=histogram, label="on_edges"),
    case(np.full(4, 3, "float32"), 4, expect=histogram, label="all_equal"),
    case(np.array([1, NAN, 2, INF, -INF], "float32"), 4, expect=histogram, range=(0, 2), label="nan"),
    case(np.zeros((0,), "float32"), 4, expect=histogram, dynamic=False, why="the range of nothing"),
]


def covariance(f):
    def reference(x):
        name = "float64" if name_of(x) == "int64" else result_float(x)
        return cast(f(wide(x)), name)

    return reference


for _name, _f in (("cov", covariance(np.cov)), ("corrcoef", covariance(np.corrcoef))):
    CASES[_name] = [
        *(case(values(d, (3, 7), 1, 0, 9), expect=_f, compile=d in COMPILED, atol=1e-6) for d in REALS),
        case(values("complex64", (3, 7), 1), expect=_f, compile=False, rtol=1e-5),
        case(values("float32", (7,), 1), expect=_f),
        case(values("float32", (1, 7), 1), expect=_f, dynamic=False, why="one row of an unknown number stays a matrix"),
        case(np.ones((2, 4), "float32"), expect=_f, label="constant"),
        case(np.ones((2, 1), "float32"), expect=_f),
    ]


def correlate(x1, x2, mode="valid"):
    name = result_type(x1, x2)
    name = "float64" if name == "int64" else name if name in FLOATS else "float32"
    return cast(np.correlate(wide(x1), wide(x2), mode), name)


LONG, SHORT = values("float32", (9,), 1), values("float32", (4,), 2)
KNOWN = {"dynamic": False, "why": "the lengths must be known", "atol": 1e-5, "device_atol": 1e-5}
CASES["correlate"] = [
    *(case(a, b, expect=correlate, mode=m, **KNOWN) for m in ("valid", "same", "full")
      for a, b in ((LONG, SHORT), (SHORT, LONG), (LONG, LONG), (LONG, LONG[:1]), (LONG[:5], SHORT[:3]))),
    *(case(values(d, (6,), 1, 0, 9), values(e, (3,), 2, 0, 9), expect=correlate, compile=d == e == "float32", **KNOWN)
      for d in REALS for e in ("int8", "int64", "float32", d)),
    case(values("float32", (3000,), 1), values("float32", (2500,), 2), expect=correlate, mode="full", compile=False,
         atol=1e-3, dynamic=False, why="the lengths must be known"),
]  # fmt: skip

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


# ---- more ----


@pytest.mark.parametrize("name", ["median", "nanmedian", "nansum", "nanmean", "nanmax", "nanargmin"])
def test_layouts(name):
    reference = CASES[name][0].expected
    for label, view in layouts(values("float32", (6, 7), 5)):
        for axis in (None, 0, 1):
            eager(Case((view,), reference, {"axis": axis}, op=name, label=label, atol=1e-5))


@pytest.mark.parametrize("dtype", REALS)
def test_order_statistics_of_long_rows(dtype):
    """Beyond one block and one thread: every rank, in data of few values, of many, and all equal."""
    n = 300_001
    few = values(dtype, (n,), 4, 0, 5)
    for x in (values(dtype, (n,), 3), few, np.full(n, few[0])):
        ordered = np.sort(wide(x)) if name_of(x) in FLOATS else np.sort(x)
        q = np.array([0, 1, 2, n // 7, n // 2, n - 2, n - 1])
        expected = ordered[q].astype(npd(result_float(x)))
        agree(kvino.ops.quantile(x, q / (n - 1), method="nearest"), expected, rtol=0)
    x = values(dtype, (5, 50_000), 3)
    eager(Case((x,), averaging(np.median), {"axis": 1}, op="median"))
    eager(Case((x.T,), averaging(np.median), {"axis": 0}, op="median"))


def test_many_quantiles():
    x = values("float32", (2, 20_000), 3)
    q = np.random.default_rng(1).random(3000)
    agree(kvino.ops.quantile(x, q, axis=1), quantile(np.quantile)(x, q, axis=1))


def test_quantile_refuses():
    x = np.arange(3, dtype="float32")
    for q in (1.5, -0.1, NAN, [0.5, 2.0]):
        with pytest.raises(ValueError, match=r"Quantiles must be in the range \[0, 1\]"):
            kvino.ops.quantile(x, q)
    with pytest.raises(ValueError, match=r"Percentiles must be in the range \[0, 100\]"):
        kvino.ops.percentile(x, 100.5)
    with pytest.raises(ValueError, match="'middle' is not a valid method"):
        kvino.ops.quantile(x, 0.5, method="middle")
    with pytest.raises(ValueError, match="q must be a scalar or 1d"):
        kvino.ops.quantile(x, np.zeros((1, 1, 1)))
    with pytest.raises(TypeError, match="a must be an array of real numbers"):
        kvino.ops.median(x.astype("complex64"))
    with pytest.raises(ValueError, match="axis 1 is out of bounds"):
        kvino.ops.median(x, axis=1)
    with pytest.raises(ValueError, match="repeated axis"):
        kvino.ops.median(np.zeros((2, 2)), axis=(0, -2))


def test_nan_extremes_of_nothing():
    for name, word in (("nanmax", "fmax"), ("nanmin", "fmin")):
        with pytest.raises(ValueError, match=f"zero-size array to reduction operation {word}"):
            getattr(kvino.ops, name)(np.zeros((2, 0), "float32"), axis=1)
    with pytest.raises(ValueError, match="attempt to get argmax of an empty sequence"):
        kvino.ops.nanargmax(np.zeros((0,), "float32"))


def test_bincount_refuses():
    with pytest.raises(ValueError, match="must have no negative elements"):
        kvino.ops.bincount(np.array([1, -2]))
    with pytest.raises(ValueError, match="'minlength' must not be negative"):
        kvino.ops.bincount(np.array([1]), minlength=-1)
    with pytest.raises(ValueError, match="don't have the same length"):
        kvino.ops.bincount(np.array([1, 2]), np.array([1.0]))
    with pytest.raises(TypeError, match="according to the rule 'safe'"):
        kvino.ops.bincount(np.array([1.0]))
    with pytest.raises(ValueError, match="sparse"):
        kvino.ops.bincount(np.array([1]), sparse=True)
    for x in (np.array(3), np.zeros((1, 1, 1), "int32")):
        with pytest.raises(ValueError, match="desired array"):
            kvino.ops.bincount(x)


@pytest.mark.parametrize("device", ["native", "CPU"])
def test_bincount_refuses_negative_elements_while_tracing(device):
    f = kvino.function(lambda x: kvino.ops.bincount(x, minlength=4), device=device, dynamic=True)
    agree(f(np.array([1, 2, 3, 3], "int32")), np.array([0, 1, 1, 2], "int32"))
    with pytest.raises(ValueError, match="'list' argument must have no negative elements"):
        f(np.array([1, -2, 3, 3], "int32"))


def test_long_counts():
    x = values("int32", (200_000,), 1, 0, 999)
    w = values("float32", (200_000,), 2)
    agree(kvino.ops.bincount(x), bincount(x))
    agree(kvino.ops.bincount(x, w), bincount(x, w), atol=1e-5)
    agree_all(kvino.ops.histogram(w, 97), histogram(w, 97), rtol=1e-5, atol=1e-6)


def test_histogram_refuses():
    x = np.array([1, NAN, 2], "float32")
    with pytest.raises(ValueError, match="autodetected range of .* is not finite"):
        kvino.ops.histogram(x)
    with pytest.raises(ValueError, match="supplied range of .* is not finite"):
        kvino.ops.histogram(x, range=(0, INF))
    with pytest.raises(ValueError, match="max must be larger than min"):
        kvino.ops.histogram(x, range=(2, 1))
    with pytest.raises(ValueError, match="`bins` must be positive"):
        kvino.ops.histogram(x, 0)
    with pytest.raises(ValueError, match="must increase monotonically"):
        kvino.ops.histogram(x, np.array([2.0, 1.0]))
    with pytest.raises(TypeError, match="`bins` must be an integer"):
        kvino.ops.histogram(x, 2.5)


def test_correlate_refuses():
    x = np.ones(3, "float32")
    with pytest.raises(ValueError, match="`mode` must be either `valid`, `same`, or `full`"):
        kvino.ops.correlate(x, x, mode="some")
    with pytest.raises(ValueError, match="first array argument cannot be empty"):
        kvino.ops.correlate(x[:0], x)
    with pytest.raises(ValueError, match="1-dimensional"):
        kvino.ops.correlate(x, np.ones((2, 2), "float32"))
    with pytest.raises(NotImplementedError, match="complex"):
        kvino.ops.correlate(x, x.astype("complex64"))
    with pytest.raises(ValueError, match="at most 2 dimensions"):
        kvino.ops.cov(np.zeros((1, 1, 1), "float32"))


@pytest.mark.parametrize("device", ["native", "CPU"])
@pytest.mark.parametrize("name", ["median", "nanmedian", "quantile", "percentile", "nanquantile", "nanpercentile"])
def test_order_statistics_over_an_axis_that_turns_out_to_be_empty(name, device):
    q = () if "median" in name else (0.5,)
    f = kvino.function(lambda x: getattr(kvino.ops, name)(x, *q, axis=0), device=device, dynamic=True)
    for dtype in ("float32", "int32"):
        for n in (0, 3, 0):
            x = values(dtype, (n, 3), 1)
            agree(f(x), getattr(kvino.ops, name)(x, *q, axis=0))


@pytest.mark.parametrize("device", ["native", "CPU"])
@pytest.mark.parametrize("name", ["cov", "corrcoef"])
def test_covariance_of_a_row_that_turns_out_to_be_the_only_one(name, device):
    """A number, not a matrix: a graph whose number of rows is not known refuses it, a function is traced anew."""
    f, x = kvino.function(getattr(kvino.ops, name), device=device, dynamic=True), values("float32", (3, 5), 1)
    graph = kvino.Graph()
    graph.result(getattr(kvino.ops, name)(graph.parameter((None, None), "float32")))
    compiled = graph.compile(device)
    for _ in range(2):
        agree(f(x), getattr(np, name)(x).astype("float32"), rtol=1e-5)
        agree(f(x[:1]), getattr(np, name)(x[:1]).astype("float32"), rtol=1e-5)
        with pytest.raises(NotImplementedError, match="the number of rows must be known when the graph is built"):
            compiled(x[:1])


@pytest.mark.parametrize("device", ["native", "CPU"])
def test_counts_of_what_turns_out_to_be_empty(device):
    for f, shape, empty in ((kvino.ops.bincount, (None,), (0,)), (lambda x: kvino.ops.bincount(x, minlength=2), (None, None), (2, 0))):
        graph = kvino.Graph()
        graph.result(f(graph.parameter(shape, "int32")))
        compiled = graph.compile(device)
        for x in (np.zeros(empty, "int32"), np.ones(np.maximum(empty, 1), "int32"), np.zeros(empty, "int32")):
            agree(compiled(x)[0], f(kvino.Tensor(x)))
        with pytest.raises(ValueError, match="no negative elements"):
            compiled(np.full(np.maximum(empty, 1), -1, "int32"))
