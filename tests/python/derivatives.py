"""Derivatives through the C library, for graphs of capi, and what comparing them with differences takes."""

import ctypes as C

import capi
import numpy as np


def listed(y):
    return y if isinstance(y, list) else [y]


def pairing(a, b):
    """What a cotangent and a tangent of the same values come to."""
    return sum(float(np.real(np.sum(x * y))) for x, y in zip(a, b))


def pointers(tensors):
    return (C.c_void_p * len(tensors))(*[getattr(t, "value", t) for t in tensors])


def derivatives(graph, call, y, cotangents, x, tangents):
    """kvino_gradients (cotangents may be None: ones) or kvino_jvp, as symbolic tensors of the graph."""
    out, error = capi.Tensors(), capi.Error()
    arguments = [C.c_size_t(len(y)), pointers(y)]
    arguments += [pointers(cotangents) if cotangents else None] if call == "kvino_gradients" else []
    arguments += [C.c_size_t(len(x)), pointers(x)]
    arguments += [pointers(tangents)] if call == "kvino_jvp" else []
    capi.check(getattr(capi.lib, call)(*arguments, C.byref(out), C.byref(error)), error)
    tensors = [C.c_void_p(out.v[i]) for i in range(out.n)]
    for t in tensors:
        capi.lib.kvino_tensor_retain(t)
        graph.kept.append(t)
    capi.lib.kvino_tensors_clear(C.byref(out))
    return tensors


def gradients(graph, y, cotangents, x):
    return derivatives(graph, "kvino_gradients", listed(y), cotangents and listed(cotangents), x, None)
