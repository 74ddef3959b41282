"""Reductions of keras.ops.numpy against NumPy."""

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
    averaging,
    axes,
    case,
    cast,
    eager,
    is_exact,
    layouts,
    make_tests,
    name_of,
    npd,
    result_float,
    values,
    wide,
)

REALS = ["bool"] + INTEGERS + FLOATS
COMPILED = ["float32", "int32", "bool", "float16", "int64", "float64", "uint8", "int8"]
SUMMED = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}


def summing(f):
    def reference(x, axis=None, keepdims=False, dtype=None):
        name = dtype or SUMMED.get(name_of(x), name_of(x))
        x = cast(x, name)
        if is_exact(name):
            return np.asarray(f(x, axis=axes(axis), keepdims=keepdims, dtype=npd(name)))
        return cast(f(wide(x), axis=axes(axis), keepdims=keepdims), name)

    return reference


def extreme(f):
    def reference(x, axis=None, keepdims=False, initial=None):
        more = {} if initial is None else {"initial": initial}
        y = f(x.astype("float32") if name_of(x) == "bfloat16" else x, axis=axes(axis), keepdims=keepdims, **more)
        return cast(y, name_of(x))

    return reference


def truth(f):
    return lambda x, axis=None, keepdims=False: np.asarray(f(x.astype(bool), axis=axes(axis), keepdims=keepdims))


def arg(f):
    return lambda x, axis=None, keepdims=False: np.asarray(
        f(wide(x) if name_of(x) in FLOATS else x, axis=axis, keepdims=keepdims)
    ).astype("int32")


def average(x, axis=None, weights=None):
    name = result_float(*([x] if weights is None else [x, weights]))
    return cast(np.average(wide(x), axis=axes(axis), weights=None if weights is None else wide(weights)), name)


def cumsum(x, axis=None, dtype=None):
    name = dtype or ("int32" if name_of(x) == "bool" else name_of(x))
    x = cast(x, name)
    if is_exact(name):
        return np.cumsum(x, axis=axis, dtype=npd(name))
    return cast(np.cumsum(wide(x), axis=axis), name)


AXES = [None, 0, -1, 1, (0, 2), [1], (), (2, 0, 1)]


def usual(f, dtypes=ALL, empty=True, compiled=COMPILED, **range_):
    yield from (
        case(
            values(d, (3, 4, 2), 1, **range_),
            expect=f,
            compile=d in compiled,
            device_rtol=3e-3 if d == "float16" else None,
            atol=1e-6 if d == "float32" else 1e-2 if d in ("float16", "bfloat16") else 0,
        )
        for d in dtypes
    )
    yield from (
        case(values("float32", (3, 4, 2), 2, **range_), expect=f, axis=a, keepdims=k, atol=1e-6)
        for a in AXES
        for k in (False, True)
    )
    yield case(values("float32", (), 2, **range_), expect=f)
    yield case(values("float32", (3, 0, 2), 2), expect=f, axis=0)
    if empty:
        yield case(values("float32", (3, 0, 2), 2), expect=f, axis=1)
        yield case(values("float32", (0,), 2), expect=f)


SMALL = {"low": -2, "high": 3}
CASES = {
    "sum": [
        *usual(summing(np.sum)),
        case(values("int8", (1000,), 3), expect=summing(np.sum)),
        case(values("int32", (1000,), 3), expect=summing(np.sum), label="int32_wraps"),
        case(values("int32", (100,), 3, 2**24, 2**24 + 9), expect=summing(np.sum), label="int32_beyond_2_24"),
    ],
    "prod": [
        *usual(summing(np.prod), **SMALL),
        case(values("int32", (2, 3), 1, 1, 9), expect=summing(np.prod), dtype="float32"),
        case(values("float32", (2, 3), 1), expect=summing(np.prod), dtype="float64"),
    ],
    "mean": [
        *usual(averaging(np.mean), low=-9, high=9),
        case(values("int32", (5,), 1), expect=averaging(np.mean)),
        case(np.array([2**30 + 1, -(2**30)], "int32"), expect=averaging(np.mean), label="int32_cancelling"),
        case(np.full(4096, 60000, "float16"), expect=averaging(np.mean), label="float16_sum_overflows"),
    ],
    "var": [
        *usual(averaging(np.var), low=-9, high=9),
        case(values("int32", (5,), 1), expect=averaging(np.var)),
        case(np.arange(8, dtype="float32") + 4096, expect=averaging(np.var), label="far_from_zero", rtol=1e-5),
    ],
    "std": [*usual(averaging(np.std), low=-9, high=9), case(values("int32", (5,), 1), expect=averaging(np.std))],
    "max": [
        *usual(extreme(np.max), REALS, empty=False),
        case(values("float32", (3, 4), 1), expect=extreme(np.max), initial=2.0),
        case(values("int32", (3, 4), 1), expect=extreme(np.max), axis=1, initial=7),
        case(
            values("float32", (0, 3)),
            expect=extreme(np.max),
            axis=0,
            initial=-1.0,
            dynamic=False,
            why="an axis of unknown length is refused where it turns out to be empty",
        ),
        case(
            values("float32", (0, 3)),
            expect=extreme(np.max),
            keepdims=True,
            initial=5.0,
            dynamic=False,
            why="an axis of unknown length is refused where it turns out to be empty",
        ),
        case(values("bool", (3, 4), 1), expect=extreme(np.max), axis=0, initial=True),
        case(values("float32", (3, 4), 1, special=True), expect=extreme(np.max), axis=1, label="nan"),
    ],
    "min": [
        *usual(extreme(np.min), REALS, empty=False),
        case(values("float32", (3, 4), 1), expect=extreme(np.min), initial=-2.0),
        case(values("int64", (3, 4), 1), expect=extreme(np.min), axis=1, initial=-7),
        case(
            values("float32", (0, 3)),
            expect=extreme(np.min),
            axis=0,
            initial=-1.0,
            dynamic=False,
            why="an axis of unknown length is refused where it turns out to be empty",
        ),
        case(values("float32", (3, 4), 1, special=True), expect=extreme(np.min), axis=1, label="nan"),
    ],
    "amax": list(usual(extreme(np.max), REALS, empty=False)),
    "amin": list(usual(extreme(np.min), REALS, empty=False)),
    "all": [*usual(truth(np.all), low=0, high=2), case(np.array([np.nan, -0.0, 1], "float32"), expect=truth(np.all))],
    "any": [
        *usual(truth(np.any), low=0, high=2),
        case(np.array([-0.0, 0], "float32"), expect=truth(np.any)),
        case(np.array([np.nan, 0], "float32"), expect=truth(np.any)),
    ],
}
for _name in ("argmax", "argmin"):
    _f = arg(getattr(np, _name))
    CASES[_name] = [
        *(
            case(values(d, (3, 4, 2), 1, -3 if not d.startswith("u") else 0, 3), expect=_f, compile=d in COMPILED)
            for d in REALS
        ),
        *(
            case(values("float32", (3, 4, 2), 2), expect=_f, axis=a, keepdims=k)
            for a in (None, 0, 1, -1)
            for k in (False, True)
        ),
        case(values("float32", (), 2), expect=_f),
        case(values("float32", (0, 3), 2), expect=_f, axis=1),
        case(np.array([[1, np.nan, 3], [3, 2, 3]], "float32"), expect=_f, axis=1, label="nan"),
        case(np.array([2, 7, 7, 2, 2], "int32"), expect=_f, label="first_of_equals"),
        case(np.array([2**31 - 2, 2**31 - 1, -(2**31), -(2**31) + 1], "int32"), expect=_f, label="int32_extremes"),
        case(np.array([2**62, 2**62 + 1, -(2**62), -(2**62) - 1]), expect=_f, label="int64_extremes"),
    ]
CASES["average"] = [
    *(
        case(values(d, (3, 4), 1, 0, 9), expect=average, compile=d in COMPILED, atol=1e-6 if d == "float32" else 0)
        for d in REALS
    ),
    case(values("float32", (3, 4), 1), expect=average, axis=1),
    case(values("float32", (3, 4), 1), expect=average, axis=-2),
    case(values("float32", (3, 4), 1), expect=average, weights=values("float32", (3, 4), 2, 0, 1)),
    case(values("float32", (3, 4), 1), expect=average, axis=0, weights=values("float32", (3, 4), 2, 0, 1)),
    case(values("float32", (3, 4), 1), expect=average, axis=1, weights=values("int32", (4,), 2, 1, 9)),
    case(
        values("int32", (3, 4), 1, -99, 99), expect=average, axis=0, weights=values("float32", (3,), 2, 0, 1), rtol=1e-5
    ),
    case(
        values("float16", (3, 4), 1),
        expect=average,
        axis=0,
        weights=values("float16", (3,), 2, 0, 1),
        atol=1e-3,
        device_atol=2e-3,
    ),
]
CASES["average"] += [
    case(values("float32", (3, 4), 1), expect=average, axis=[0, 1]),
    case(values("float32", (3, 4), 1), expect=average, axis=()),
    case(
        values("float32", (2, 3, 4), 1), expect=average, axis=[0, 1], weights=values("float32", (2, 3), 2, 0.1, 1), atol=1e-6
    ),
    case(
        values("float32", (2, 3, 4), 1), expect=average, axis=[2, 0], weights=values("float32", (4, 2), 2, 0.1, 1), atol=1e-6
    ),
]
CASES["cumsum"] = [
    *(
        case(
            values(d, (3, 4), 1, -9 if not d.startswith("u") else 0, 9),
            expect=cumsum,
            axis=1,
            compile=d in COMPILED,
            atol=1e-5 if d in FLOATS + COMPLEX else 0,
            device_atol=2e-2 if d == "float16" else 1e-5,
        )
        for d in ALL
    ),
    *(
        case(values("float32", (3, 4, 2), 1), expect=cumsum, axis=a, atol=1e-5, device_atol=1e-5)
        for a in (None, 0, -1, 1)
    ),
    case(values("int8", (300,), 1), expect=cumsum),
    case(values("int8", (300,), 1), expect=cumsum, dtype="int64"),
    case(values("float32", (), 1), expect=cumsum),
    case(values("float32", (3, 0), 1), expect=cumsum, axis=1),
    case(values("bool", (3, 4), 1), expect=cumsum, axis=0, dtype="float32"),
]



def cumprod(x, axis=None, dtype=None):
    name = dtype or ("int32" if name_of(x) == "bool" else name_of(x))
    x = cast(x, "int32" if name == "bool" else name)
    return np.cumprod(x, axis=axis, dtype=x.dtype) if is_exact(name) else cast(np.cumprod(wide(x), axis=axis), name)


CASES["cumprod"] = [
    *(
        case(values(d, (3, 4), 1, 0 if d.startswith("u") else -3, 3), expect=cumprod, axis=1, compile=d in COMPILED, atol=0.1)
        if d in ("float16", "bfloat16")
        else case(values(d, (3, 4), 1, 0 if d.startswith("u") else -3, 3), expect=cumprod, axis=1, compile=d in COMPILED)
        for d in ALL
    ),
    *(case(values("float32", (3, 4, 2), 1), expect=cumprod, axis=a, atol=1e-4) for a in (None, 0, -1)),
    case(values("int8", (300,), 1), expect=cumprod),
    case(values("int8", (30,), 1), expect=cumprod, dtype="int64"),
    case(values("bool", (3, 4), 1), expect=cumprod, axis=0, dtype="bool"),
    case(values("float32", (), 1), expect=cumprod),
    case(values("float32", (3, 0), 1), expect=cumprod, axis=1),
    case(np.array([2, np.nan, 3], "float32"), expect=cumprod),
]


def ptp(x, axis=None, keepdims=False):
    y = np.ptp(x.astype("float64") if name_of(x) in FLOATS else x, axis=axes(axis), keepdims=keepdims)
    return cast(y, name_of(x))


CASES["ptp"] = [
    *usual(ptp, INTEGERS + FLOATS, empty=False),
    case(np.array([[1, np.nan], [3, 5]], "float32"), expect=ptp, axis=1, label="nan"),
]

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


@pytest.mark.parametrize("name", list(CASES))
def test_layouts(name):
    reference = CASES[name][0].expected
    for dtype in ("float32", "int32"):
        low, high = (1, 2) if name == "prod" else (-9, 9)
        for label, view in layouts(values(dtype, (6, 7), 5, low, high)):
            for axis in (None, 0, 1):
                eager(Case((view,), reference, {"axis": axis}, op=name, label=label, atol=1e-5, rtol=1e-5))


# Sums of a hundred thousand numbers up to 9 in size; what is not here is exact.
LONG = {
    ("sum", "float32"): dict(rtol=1e-5, atol=1e-2),
    ("sum", "float64"): dict(rtol=1e-13, atol=1e-10),
    ("mean", "float32"): dict(rtol=1e-5, atol=1e-6),
    ("mean", "float64"): dict(rtol=1e-13, atol=1e-14),
    ("mean", "int32"): dict(rtol=1e-5, atol=1e-6),
    ("cumsum", "float32"): dict(rtol=1e-4, atol=1e-2),
    ("cumsum", "float64"): dict(rtol=1e-12, atol=1e-10),
}


@pytest.mark.parametrize("name", ["sum", "max", "mean", "all", "argmax", "cumsum", "prod"])
def test_long_axes(name):
    """Beyond one vector, one block and one thread."""
    reference = CASES[name][0].expected
    for shape, axis in (((100003,), None), ((3, 40001), 1), ((40001, 3), 0), ((50, 60, 70), 1)):
        for dtype in ("float32", "int32", "float64"):
            x = values(dtype, shape, 5, *((-9, 9) if name != "prod" else (1, 1)))
            if dtype == "int32" and name == "prod":
                x[...] = 3
            axis_ = axis if axis is not None or name != "cumsum" else 0
            eager(
                Case(
                    (x,),
                    reference,
                    {"axis": axis_},
                    op=name,
                    **LONG.get((name, dtype), {}),
                )
            )


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin"])
def test_empty_extremes(name):
    which = "maximum" if name.endswith("max") else "minimum"
    for kwargs in ({}, {"axis": 0}):
        with pytest.raises(ValueError, match=f"zero-size array to reduction operation {which} which has no identity"):
            getattr(kvino.ops, name)(np.zeros((0, 3), "float32"), **kwargs)


@pytest.mark.parametrize("axis", [0, 1, 2, (0, 2)])
def test_sums_of_small_integers_before_arithmetic(axis):
    """OpenVINO merges a reduction with what follows; its own sums of int32 do not survive that."""
    x = values("float32", (3, 4, 2), 1)

    def f(x):
        some = kvino.ops.greater(x, 0.5)
        total = kvino.ops.sum(kvino.ops.cast(some, "int32"), axis=axis)
        return kvino.ops.subtract(total, 1), kvino.ops.multiply(kvino.ops.count_nonzero(some, axis=axis), 3)

    for a, e in zip(kvino.function(f, device="CPU")(x), f(x)):
        agree(a, np.asarray(e))


def test_ptp_refuses():
    with pytest.raises(TypeError, match="boolean subtract"):
        kvino.ops.ptp(np.array([True, False]))
    with pytest.raises(ValueError, match="zero-size array to reduction operation maximum"):
        kvino.ops.ptp(np.zeros((0,), "float32"))


def test_average_refuses():
    x = np.ones((2, 3), "float32")
    with pytest.raises(TypeError, match="Axis must be specified"):
        kvino.ops.average(x, weights=np.ones(3, "float32"))
    for axis, shape in ((0, (3,)), ((0, 1), (3, 2)), ((1,), (2, 3, 1))):
        with pytest.raises(ValueError, match="Shape of weights must be consistent"):
            kvino.ops.average(x, axis=axis, weights=np.ones(shape, "float32"))


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_empty_arguments(name):
    with pytest.raises(ValueError, match=f"attempt to get {name} of an empty sequence"):
        getattr(kvino.ops, name)(np.zeros((0, 3), "float32"))
    with pytest.raises(ValueError, match=f"attempt to get {name} of an empty sequence"):
        getattr(kvino.ops, name)(np.zeros((0, 3), "float32"), axis=0)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "all", "var", "prod"])
def test_axis_errors(name):
    f, x = getattr(kvino.ops, name), np.ones((2, 3), "float32")
    with pytest.raises(ValueError, match="axis 2 is out of bounds for array of dimension 2"):
        f(x, axis=2)
    with pytest.raises(ValueError, match="axis -3 is out of bounds for array of dimension 2"):
        f(x, axis=-3)
    with pytest.raises(ValueError, match="duplicate value in 'axis'"):
        f(x, axis=(0, -2))


def test_average_refusals():
    x = np.ones((2, 3), "float32")
    with pytest.raises(TypeError, match="Axis must be specified when shapes of a and weights differ."):
        kvino.ops.average(x, weights=np.ones(3))
    for weights in (np.ones(2), np.ones((1, 3)), np.ones((3, 2))):
        with pytest.raises(
            ValueError, match="Shape of weights must be consistent with shape of a along specified axis."
        ):
            kvino.ops.average(x, axis=1, weights=weights)


def test_mean_of_nothing():
    assert np.isnan(np.asarray(kvino.ops.mean(np.zeros((0,), "float32"))))
    agree(kvino.ops.mean(np.zeros((2, 0), "float32"), axis=1), np.full(2, np.nan, "float32"))


@pytest.mark.parametrize("device", ["native", "CPU"])
def test_an_initial_value_of_what_turns_out_to_be_empty(device):
    nan = float("nan")
    for dtype, initial, axis, more in (("float32", -3, (0, 1), [[[-5, 7]]]), ("float32", 2, None, [[[nan, 7]]]), ("int64", 7, 0, [[[1, 9]]]),
                                       ("bool", True, None, [[[False, False]]])):
        for f in (kvino.ops.max, kvino.ops.min):
            graph = kvino.Graph()
            graph.result(f(graph.parameter((None, 1, None), dtype), axis=axis, initial=initial))
            compiled = graph.compile(device)
            for x in (np.zeros((0, 1, 2), dtype), np.array(more, dtype), np.zeros((0, 1, 3), dtype)):
                want = f(kvino.Tensor(x), axis=axis, initial=initial)
                np.testing.assert_array_equal(np.asarray(compiled(x)[0]), np.asarray(want), strict=True)
            graph = kvino.Graph()  # of which one length is known to be 0
            graph.result(f(graph.parameter((1, None, 0), dtype), initial=initial))
            assert np.asarray(graph.compile(device)(np.zeros((1, 2, 0), dtype))[0]) == np.array(initial).astype(dtype)
