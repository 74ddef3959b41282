"""Derivatives of Python functions: they are traced, and kvino._core.gradients and jvp record the derivatives beside.

Called with concrete tensors, a function is traced anew and computed by kvino's own kernels; called while something is traced,
everything is recorded there."""

import functools

from keras.src import tree

from kvino import _core
from kvino._core import Tensor
from kvino.keras_backend.operators import operators
from kvino.keras_backend.tensors import convert_to_tensor

_copy = operators("numpy")["copy"]


def _flat(structure):
    return [convert_to_tensor(x) for x in tree.flatten(structure)]


class _Trace:
    """Values that a function can be differentiated by: `sources`, symbolic twins of the tensors."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.graph = None
        if not any(x.is_recorded for x in tensors):
            self.graph = _core.Graph()
            self.sources = tuple(self.graph.parameter(x.shape, x.dtype) for x in tensors)
            return
        anchor = next(x for x in tensors if x.is_recorded)
        # Values of their own: what the function takes of them by other ways is not differentiated.
        self.sources = tuple(_copy(x) if x.is_recorded else _copy(_core.constant(anchor, x)) for x in tensors)

    def compute(self, structure):
        """The recorded values: concrete where the arguments were."""
        if self.graph is None:
            return structure
        flat = tree.flatten(structure)
        recorded = [x for x in flat if isinstance(x, Tensor)]
        for x in recorded:
            self.graph.result(x)
        results = iter(self.graph.compile("native")(*self.tensors)) if recorded else iter(())
        return tree.pack_sequence_as(structure, [next(results) if isinstance(x, Tensor) else x for x in flat])


def _positions(argnums, n):
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for i in positions:
        if not -n <= i < n:
            raise ValueError(f"argnums {argnums} is out of range for a function called with {n} positional arguments")
    return [i % n for i in positions]


def grad(f, argnums=0):
    """A function that gives the derivative of the sum of f's results by the arguments at `argnums`."""

    @functools.wraps(f)
    def grad_f(*args, **kwargs):
        positions = _positions(argnums, len(args))
        structures = [args[i] for i in positions]
        trace = _Trace(_flat(structures))
        args = list(args)
        for i, structure in zip(positions, tree.pack_sequence_as(structures, trace.sources)):
            args[i] = structure
        y = tuple(_flat(f(*args, **kwargs)))
        gradients = _core.gradients(y, (None,) * len(y), trace.sources)
        result = tree.pack_sequence_as(structures, list(trace.compute(list(gradients))))
        return result[0] if isinstance(argnums, int) else tuple(result)

    return grad_f


def jvp(fun, primals, tangents, has_aux=False):
    """fun(*primals) and its derivative in the direction of the tangents; with has_aux what fun gives beside comes third."""
    tree.assert_same_structure(primals, tangents)
    trace = _Trace(_flat(primals))
    directions = [convert_to_tensor(t, x.dtype) for t, x in zip(tree.flatten(tangents), trace.tensors)]
    if trace.graph is not None and any(t.is_recorded for t in directions):
        raise ValueError("`tangents` are symbolic and `primals` are not")
    out = fun(*tree.pack_sequence_as(primals, trace.sources))
    out, aux = out if has_aux else (out, ())
    y = _flat(out)
    derivatives = list(_core.jvp(tuple(y), trace.sources, tuple(directions)))
    values, derivatives, aux = trace.compute((y, derivatives, tree.map_structure(_maybe_tensor, aux)))
    values, derivatives = tree.pack_sequence_as(out, values), tree.pack_sequence_as(out, derivatives)
    return (values, derivatives, aux) if has_aux else (values, derivatives)


def _maybe_tensor(x):
    return convert_to_tensor(x) if hasattr(x, "__array__") or isinstance(x, Tensor) else x


def is_inexact(x):
    """Whether a tensor or variable has derivatives."""
    return x.dtype.startswith(("float", "bfloat", "complex"))


class custom_gradient:
    """A function that returns (outputs, gradient function): the latter gives the derivatives by the arguments."""

    def __init__(self, fun):
        functools.update_wrapper(self, fun)
        self.fun = fun

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args, **kwargs):
        outputs, gradient = self.fun(*args, **kwargs)
        y = _flat(outputs)
        anchor = next((t for t in y if t.is_recorded), None)
        if anchor is None:
            return outputs
        inputs = [getattr(x, "value", x) for x in tree.flatten(args)]  # of a variable its value
        sources = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.is_recorded and is_inexact(x)]
        recording = _core.body(anchor)
        with recording as body:
            upstream = [body.parameter(t.shape, t.dtype) for t in y]
            given = gradient(tree.pack_sequence_as(outputs, upstream))
            flat = tree.flatten(given)
            if len(flat) not in (len(inputs), len(sources)):
                raise ValueError(
                    f"the gradient function of {getattr(self, '__name__', 'a custom gradient')} gives {len(flat)} values for "
                    f"{len(inputs)} arguments"
                )
            chosen = flat if len(flat) == len(sources) else [flat[i] for i in sources]
            for i, d in zip(sources, chosen):
                x = inputs[i]
                d = _zeros_like(x) if d is None else convert_to_tensor(d, x.dtype)
                body.result(d)
        values = _core.custom_gradient(tuple(y), tuple(inputs[i] for i in sources), recording)
        return tree.pack_sequence_as(outputs, list(values))


def _zeros_like(x):
    return operators("numpy")["zeros_like"](x)


def remat(f):
    """f itself: what the derivative needs of it is kept, not computed again."""
    return f
