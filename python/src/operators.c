/* Python's operators on tensors: each is an operator of the table, whichever side the tensor stands on. */
#include "operators.h"

#include <string.h>

/* An operand: a tensor is borrowed (*own stays NULL), anything else converted. NONE where this object should be asked
 * for its own operator instead. */
static converted operand(PyObject *o, unsigned flags, kvino_tensor **t, kvino_tensor **own) {
  *own = NULL;
  if (is_tensor(o)) {
    *t = tensor_get(o);
    return DONE;
  }
  if (has_rules(o)) return NONE; /* its operators know the rules */
  converted result = tensor_from_object(o, flags, own);
  bool plain = PyLong_Check(o) || PyFloat_Check(o) || PyList_Check(o) || PyTuple_Check(o) || is_numpy_array(o);
  if (result == FAILED && !plain) { /* a KerasTensor refuses to become an array, and knows what to do */
    PyErr_Clear();
    return NONE;
  }
  *t = *own;
  return result;
}

static PyObject *binary(used_op which, PyObject *a, PyObject *b) {
  kvino_tensor *owned[2] = {NULL, NULL};
  kvino_arg args[2];
  PyObject *result = NULL;
  /* A graph keeps its constants: they must not be memory that someone goes on to write to. */
  bool tracing = (is_tensor(a) && kvino_tensor_is_recorded(tensor_get(a))) ||
                 (is_tensor(b) && kvino_tensor_is_recorded(tensor_get(b)));
  unsigned flags = tracing ? CONVERT_COPY : 0;
  converted first = operand(a, flags, &args[0].tensor, &owned[0]), second = NONE;
  if (first > 0) second = operand(b, flags, &args[1].tensor, &owned[1]);
  if (first > 0 && second > 0)
    result = call_used(which, args);
  else if (first == NONE || (first > 0 && second == NONE))
    result = Py_NewRef(Py_NotImplemented);
  if (owned[0]) tensor_release_here(owned[0]);
  if (owned[1]) tensor_release_here(owned[1]);
  return result;
}

static PyObject *unary(used_op which, PyObject *a) {
  kvino_arg args[1] = {{.tensor = tensor_get(a)}};
  return call_used(which, args);
}

#define BINARY(function, op)                                                                                           \
  PyObject *tensor_##function(PyObject *a, PyObject *b) { return binary(USED_##op, a, b); }
BINARY(add, add)
BINARY(subtract, subtract)
BINARY(multiply, multiply)
BINARY(true_divide, true_divide)
BINARY(floor_divide, floor_divide)
BINARY(mod, mod)
BINARY(matmul, matmul)
BINARY(lshift, left_shift)
BINARY(rshift, right_shift)
BINARY(and, bitwise_and)
BINARY(or, bitwise_or)
BINARY(xor, bitwise_xor)
#undef BINARY

PyObject *tensor_divmod(PyObject *a, PyObject *b) {
  PyObject *quotient = binary(USED_floor_divide, a, b);
  if (!quotient || quotient == Py_NotImplemented) return quotient;
  PyObject *rest = binary(USED_mod, a, b), *pair = rest ? PyTuple_Pack(2, quotient, rest) : NULL;
  Py_DECREF(quotient);
  Py_XDECREF(rest);
  return pair;
}

PyObject *tensor_power(PyObject *a, PyObject *b, PyObject *modulus) {
  if (modulus != Py_None) return Py_NewRef(Py_NotImplemented);
  return binary(USED_power, a, b);
}

PyObject *tensor_negative(PyObject *a) { return unary(USED_negative, a); }
PyObject *tensor_positive(PyObject *a) { return Py_NewRef(a); }
PyObject *tensor_absolute(PyObject *a) { return unary(USED_absolute, a); }
PyObject *tensor_invert(PyObject *a) { return unary(USED_bitwise_not, a); }

PyObject *tensor_compare(PyObject *a, PyObject *b, int operation) {
  static const used_op op[] = {[Py_LT] = USED_less,      [Py_LE] = USED_less_equal, [Py_EQ] = USED_equal,
                               [Py_NE] = USED_not_equal, [Py_GT] = USED_greater,    [Py_GE] = USED_greater_equal};
  if (b == Py_None) return Py_NewRef(Py_NotImplemented); /* by identity */
  return binary(op[operation], a, b);
}
