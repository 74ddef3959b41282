"""keras.ops.vectorize: Keras's helper, over vectorized_map."""

import functools

from keras.src.backend.common.backend_utils import vectorize_impl

from kvino.keras_backend.control_flow import vectorized_map


def _vmap(function, in_axes):
    """function mapped over the first axis of the arguments whose entry of in_axes is 0, not None."""

    def mapped(*args):
        def element(items):
            items = iter(items)
            return function(*(x if axis is None else next(items) for x, axis in zip(args, in_axes)))

        return vectorized_map(element, tuple(x for x, axis in zip(args, in_axes) if axis is not None))

    return mapped


def vectorize(pyfunc, *, excluded=None, signature=None):
    excluded = set(excluded or ())
    signature = signature and "".join(signature.split())

    @functools.wraps(pyfunc)
    def vectorized(*args, **kwargs):
        """Keras's helper knows neither what is excluded nor names: it gets the arrays, one after the other."""
        places = [i for i in range(len(args)) if i not in excluded]
        names = [name for name in kwargs if name not in excluded]

        def call(*arrays):
            full, named = list(args), dict(kwargs)
            for i, x in zip(places, arrays):
                full[i] = x
            named.update(zip(names, arrays[len(places) :]))
            return pyfunc(*full, **named)

        arrays = [args[i] for i in places] + [kwargs[name] for name in names]
        if not arrays:
            raise ValueError("args can not be empty")
        return vectorize_impl(call, _vmap, signature=signature)(*arrays)

    return vectorized
