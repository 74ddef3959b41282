/* Nested tuples, lists and dicts of tensors: the arguments and results of traced functions (structure.c).
 *
 * Containers are tuples (named ones included), lists and dicts. A leaf is a tensor (kvino.Tensor, a NumPy array or
 * scalar, an array of another library, a Keras variable) or a static value: anything else, Python's numbers and strings
 * included. */
#ifndef KVINO_PYTHON_STRUCTURE_H
#define KVINO_PYTHON_STRUCTURE_H

#include "core.h"

/* Tensors in the order of the walk, and a key that is equal for equal structures, static values, dtypes and shapes. */
typedef struct leaves {
  size_t n, capacity;
  kvino_tensor **v; /* owned */
  PyObject *key;    /* a list while it grows; NULL where no key is wanted */
  unsigned flags;   /* of the conversions */
  bool symbolic;    /* one of the tensors is */
  bool aliased;     /* one shares memory that someone may write to */
  bool shapes;      /* shapes are part of the key, not only ranks */
} leaves;

/* Walks o and appends. */
int leaves_add(leaves *l, PyObject *o);
void leaves_free(leaves *l);

/* A copy of the structure o in which each tensor leaf is replace(context), new references, in the order of leaves_add;
 * where `slot` is not NULL, the leaves to replace are the object `slot` instead. */
PyObject *structure_map(PyObject *o, PyObject *slot, PyObject *(*replace)(void *context), void *context);

#endif
