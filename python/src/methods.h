/* Methods of tensors that are operators by another spelling: x.sum(axis) is kvino.ops.sum(x, axis). NumPy's names. */
#ifndef KVINO_PYTHON_METHODS_H
#define KVINO_PYTHON_METHODS_H

#include "core.h"

/* METHOD(name, operator) */
#define TENSOR_METHODS(METHOD)                                                                                         \
  METHOD(all, all)                                                                                                     \
  METHOD(any, any)                                                                                                     \
  METHOD(argmax, argmax)                                                                                               \
  METHOD(argmin, argmin)                                                                                               \
  METHOD(argpartition, argpartition)                                                                                   \
  METHOD(argsort, argsort)                                                                                             \
  METHOD(clip, clip)                                                                                                   \
  METHOD(conj, conj)                                                                                                   \
  METHOD(conjugate, conj)                                                                                              \
  METHOD(cumprod, cumprod)                                                                                             \
  METHOD(cumsum, cumsum)                                                                                               \
  METHOD(diagonal, diagonal)                                                                                           \
  METHOD(dot, dot)                                                                                                     \
  METHOD(flatten, ravel)                                                                                               \
  METHOD(max, max)                                                                                                     \
  METHOD(mean, mean)                                                                                                   \
  METHOD(min, min)                                                                                                     \
  METHOD(nonzero, nonzero)                                                                                             \
  METHOD(prod, prod)                                                                                                   \
  METHOD(ravel, ravel)                                                                                                 \
  METHOD(repeat, repeat)                                                                                               \
  METHOD(round, round)                                                                                                 \
  METHOD(searchsorted, searchsorted)                                                                                   \
  METHOD(sort, sort)                                                                                                   \
  METHOD(squeeze, squeeze)                                                                                             \
  METHOD(std, std)                                                                                                     \
  METHOD(sum, sum)                                                                                                     \
  METHOD(swapaxes, swapaxes)                                                                                           \
  METHOD(take, take)                                                                                                   \
  METHOD(trace, trace)                                                                                                 \
  METHOD(var, var)                                                                                                     \
  METHOD(__round__, round)

#define METHOD_DECLARE(name, op)                                                                                       \
  PyObject *tensor_method_##name(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *keywords);
TENSOR_METHODS(METHOD_DECLARE)
#undef METHOD_DECLARE

PyObject *tensor_real(PyObject *self, void *closure);
PyObject *tensor_imag(PyObject *self, void *closure);
int tensor_contains(PyObject *self, PyObject *value);
PyObject *tensor_to_device(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *tensor_jax_array(PyObject *self, PyObject *ignored); /* JAX's protocol */

#endif
