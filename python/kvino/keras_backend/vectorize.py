"""keras.ops.vectorize: a function of elements (or of small arrays, by a signature) mapped over arrays, as in NumPy."""

import functools
import math
import re

from kvino import _core
from kvino.keras_backend.control_flow import vectorized_map
from kvino.keras_backend.tensors import convert_to_tensor
from kvino.keras_backend.tensors import shape

_numpy = _core.op_namespaces()["numpy"]

_NAME = r"\w+"
_CORE = rf"\((?:{_NAME}(?:,{_NAME})*)?\)"
_LIST = rf"{_CORE}(?:,{_CORE})*"
_SIGNATURE = re.compile(rf"^{_LIST}->{_LIST}$")


def _parse(signature):
    """ "(m,n),(n)->(m)" as ([("m", "n"), ("n",)], [("m",)])."""
    signature = re.sub(r"\s+", "", signature)
    if not _SIGNATURE.match(signature):
        raise ValueError(f"not a valid gufunc signature: {signature}")
    return tuple(
        [tuple(re.findall(_NAME, part)) for part in re.findall(_CORE, side)] for side in signature.split("->")
    )


def _note(sizes, dimensions, names):
    """Checks the lengths of named dimensions against those seen before."""
    if len(dimensions) < len(names):
        raise ValueError(
            f"{len(dimensions)}-dimensional argument does not have enough dimensions for all core dimensions {names}"
        )
    for name, length in zip(names, dimensions[len(dimensions) - len(names) :]):
        seen = sizes.setdefault(name, length)
        if isinstance(seen, int) and isinstance(length, int) and seen != length:
            raise ValueError(f"inconsistent size for core dimension {name!r}: {length!r} vs {seen!r}")


def _broadcast(shapes):
    """The shape that all broadcast to; a dimension is an int or, unknown while tracing, a 0-d tensor."""
    rank = max((len(s) for s in shapes), default=0)
    result = []
    for i in range(-rank, 0):
        lengths = [s[i] for s in shapes if len(s) >= -i]
        known = {n for n in lengths if isinstance(n, int)} - {1}
        if len(known) > 1:
            text = " ".join(str(tuple(s)) for s in shapes)
            raise ValueError(f"operands could not be broadcast together with shapes {text}")
        unknown = [n for n in lengths if not isinstance(n, int)]
        result.append(known.pop() if known else functools.reduce(_numpy["maximum"], unknown) if unknown else 1)
    return tuple(result)


def _check_results(results, names, sizes):
    if len(results) != len(names):
        raise ValueError(f"wrong number of outputs from pyfunc: expected {len(names)}, got {len(results)}")
    for result, core in zip(results, names):
        if result.ndim != len(core):
            raise ValueError(f"output with shape {tuple(result.shape)} does not have the core dimensions {core}")
        _note(dict(sizes), shape(result), core)


def _map(function, args, cores, results_of):
    """function over the leading dimensions of args, which broadcast; each has `cores` trailing dimensions."""
    shapes = [shape(x) for x in args]
    loops = [s[: len(s) - len(core)] for s, core in zip(shapes, cores)]
    loop = _broadcast(loops)
    if not loop:
        return results_of(function(*args))
    if any(isinstance(n, int) and n == 0 for n in loop):
        raise ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
    total = math.prod(n for n in loop if isinstance(n, int))
    for n in loop:
        total = total if isinstance(n, int) else n * total
    flat = []
    for x, s, lead in zip(args, shapes, loops):
        core = s[len(lead) :]
        flat.append(_numpy["reshape"](_numpy["broadcast_to"](x, (*loop, *core)), (total, *core)))
    single = []

    def element(items):
        results, one = results_of(function(*items), True)
        single.append(one)
        return tuple(results)

    results = vectorized_map(element, tuple(flat))
    results = tuple(_numpy["reshape"](r, (*loop, *shape(r)[1:])) for r in results)
    return results[0] if single[-1] else results


def vectorize(pyfunc, *, excluded=None, signature=None):
    excluded = set() if excluded is None else set(excluded)
    names = None if signature is None else _parse(signature)

    @functools.wraps(pyfunc)
    def vectorized(*args, **kwargs):
        places = [i for i in range(len(args)) if i not in excluded]
        keys = [k for k in kwargs if k not in excluded]
        given = [convert_to_tensor(args[i]) for i in places] + [convert_to_tensor(kwargs[k]) for k in keys]
        if names is not None and len(names[0]) != len(given):
            raise TypeError(f"wrong number of positional arguments: expected {len(names[0])}, got {len(given)}")
        if not given:
            raise ValueError("args can not be empty")
        cores = [()] * len(given) if names is None else names[0]
        sizes = {}
        for x, core in zip(given, cores):
            _note(sizes, shape(x), core)

        def call(*items):
            full, named = list(args), dict(kwargs)
            for i, item in zip(places, items):
                full[i] = item
            named.update(zip(keys, items[len(places) :]))
            return pyfunc(*full, **named)

        def results_of(value, listed=False):
            one = not isinstance(value, tuple)
            results = [convert_to_tensor(v) for v in ((value,) if one else value)]
            _check_results(results, names[1] if names else [()] * len(results), sizes)
            return (results, one) if listed else results[0] if one else tuple(results)

        return _map(call, given, cores, results_of)

    return vectorized
