/* Python's operators on tensors (operators.c) and conversions to Python's numbers (tensor.c), as slots of the type. */
#ifndef KVINO_PYTHON_OPERATORS_H
#define KVINO_PYTHON_OPERATORS_H

#include "core.h"

/* OPERATOR(slot, function) */
#define TENSOR_OPERATORS(OPERATOR)                                                                                     \
  OPERATOR(nb_add, tensor_add)                                                                                         \
  OPERATOR(nb_subtract, tensor_subtract)                                                                               \
  OPERATOR(nb_multiply, tensor_multiply)                                                                               \
  OPERATOR(nb_true_divide, tensor_true_divide)                                                                         \
  OPERATOR(nb_floor_divide, tensor_floor_divide)                                                                       \
  OPERATOR(nb_remainder, tensor_mod)                                                                                   \
  OPERATOR(nb_power, tensor_power)                                                                                     \
  OPERATOR(nb_matrix_multiply, tensor_matmul)                                                                          \
  OPERATOR(nb_divmod, tensor_divmod)                                                                                   \
  OPERATOR(nb_and, tensor_and)                                                                                         \
  OPERATOR(nb_or, tensor_or)                                                                                           \
  OPERATOR(nb_xor, tensor_xor)                                                                                         \
  OPERATOR(nb_lshift, tensor_lshift)                                                                                   \
  OPERATOR(nb_rshift, tensor_rshift)                                                                                   \
  OPERATOR(nb_negative, tensor_negative)                                                                               \
  OPERATOR(nb_positive, tensor_positive)                                                                               \
  OPERATOR(nb_absolute, tensor_absolute)                                                                               \
  OPERATOR(nb_invert, tensor_invert)                                                                                   \
  OPERATOR(nb_bool, tensor_bool)                                                                                       \
  OPERATOR(nb_int, tensor_int) OPERATOR(nb_float, tensor_float) OPERATOR(nb_index, tensor_as_index)

PyObject *tensor_compare(PyObject *a, PyObject *b, int operation);
int tensor_bool(PyObject *o);
PyObject *tensor_int(PyObject *o);
PyObject *tensor_float(PyObject *o);
PyObject *tensor_as_index(PyObject *o);

#define BINARY(function) PyObject *tensor_##function(PyObject *a, PyObject *b);
BINARY(add)
BINARY(subtract)
BINARY(multiply)
BINARY(true_divide)
BINARY(floor_divide)
BINARY(mod)
BINARY(matmul)
BINARY(divmod)
BINARY(and)
BINARY(or)
BINARY(xor) BINARY(lshift) BINARY(rshift)
#undef BINARY
    PyObject *tensor_power(PyObject *a, PyObject *b, PyObject *modulus);
PyObject *tensor_negative(PyObject *a);
PyObject *tensor_positive(PyObject *a);
PyObject *tensor_absolute(PyObject *a);
PyObject *tensor_invert(PyObject *a);

#endif
