/* Walking nested containers of tensors: structure.h. */
#include "structure.h"

#include <stdlib.h>
#include <string.h>

enum { TAG_TENSOR, TAG_STATIC, TAG_TUPLE, TAG_LIST, TAG_DICT, MAX_DEPTH = 200 };

/* ---- the key ---- */

static int add_key(leaves *l, PyObject *o) { return l->key ? PyList_Append(l->key, o) : 0; }

/* Each entry begins with its tag and says how long it is, so that different structures never give one key. */
static int add_tag(leaves *l, int tag, Py_ssize_t n) {
  if (!l->key) return 0;
  PyObject *o = PyLong_FromSsize_t(8 * n + tag);
  int status = o ? PyList_Append(l->key, o) : -1;
  Py_XDECREF(o);
  return status;
}

static int add_tensor_key(leaves *l, const kvino_tensor *t) {
  if (!l->key) return 0;
  int64_t text[KVINO_MAX_RANK + 2];
  int rank = kvino_tensor_rank(t), n = 2;
  text[0] = 8 * kvino_tensor_dtype(t) + TAG_TENSOR;
  text[1] = rank;
  for (int i = 0; l->shapes && i < rank; i++) text[n++] = kvino_tensor_shape(t)[i];
  PyObject *o = PyBytes_FromStringAndSize((const char *)text, n * (Py_ssize_t)sizeof *text);
  int status = o ? add_tag(l, TAG_TENSOR, 0) || PyList_Append(l->key, o) : -1;
  Py_XDECREF(o);
  return status;
}

/* ---- leaves ---- */

static bool is_plain(PyObject *o) {
  return o == Py_None || PyLong_CheckExact(o) || PyFloat_CheckExact(o) || PyBool_Check(o) || PyUnicode_Check(o) ||
         PyBytes_Check(o) || PyComplex_CheckExact(o) || PyType_Check(o) || PyCFunction_Check(o);
}

static bool has(PyObject *o, PyObject *name) {
  PyObject *found = PyObject_GetAttr((PyObject *)Py_TYPE(o), name);
  if (!found) PyErr_Clear();
  Py_XDECREF(found);
  return found != NULL;
}

static bool is_tensor_leaf(PyObject *o) {
  if (is_tensor(o)) return true;
  if (is_plain(o)) return false;
  return is_numpy_array(o) || is_numpy_scalar(o) || has(o, str___kvino_tensor__) || has(o, str___dlpack__) ||
         has(o, str___array__);
}

static int add_tensor(leaves *l, PyObject *o) {
  if (l->n == l->capacity) {
    size_t wanted = l->capacity ? 2 * l->capacity : 8;
    kvino_tensor **more = realloc(l->v, wanted * sizeof *more);
    if (!more) return PyErr_NoMemory(), -1;
    l->v = more;
    l->capacity = wanted;
  }
  kvino_tensor *t = NULL;
  converted result = tensor_from_object(o, l->flags, &t);
  if (result == NONE) raise_no_conversion(o);
  if (result <= 0) return -1;
  l->v[l->n++] = t;
  l->aliased |= result == ALIASED;
  l->symbolic |= kvino_tensor_is_recorded(t);
  return add_tensor_key(l, t);
}

/* A value that is compiled in. 1, 1.0 and True are equal, as are 0.0 and -0.0, but they are not the same static value:
 * its type tells, and the text of a zero (or NaN, which is then found again). */
static int add_static(leaves *l, PyObject *o) {
  if (PyUnicode_CheckExact(o)) return add_key(l, o);
  if (add_key(l, (PyObject *)Py_TYPE(o))) return -1;
  double v = PyFloat_CheckExact(o) ? PyFloat_AsDouble(o) : 1;
  bool plain = v && v == v && !PyComplex_Check(o) && !PyFrozenSet_Check(o);
  if (plain) return add_key(l, o);
  PyObject *text = PyObject_Repr(o);
  int status = text ? add_key(l, text) || (PyFrozenSet_Check(o) && add_key(l, o)) : -1;
  Py_XDECREF(text);
  return status ? -1 : 0;
}

/* ---- the walk ---- */

static int add(leaves *l, PyObject *o, int depth);

static int add_items(leaves *l, PyObject *o, int tag, int depth) {
  bool list = PyList_Check(o);
  Py_ssize_t n = list ? PyList_Size(o) : PyTuple_Size(o);
  if (add_tag(l, tag, n)) return -1;
  if (!Py_IS_TYPE(o, &PyTuple_Type) && !Py_IS_TYPE(o, &PyList_Type) && add_key(l, (PyObject *)Py_TYPE(o))) return -1;
  for (Py_ssize_t i = 0; i < n; i++) {
    PyObject *item = Py_XNewRef(list ? PyList_GetItem(o, i) : PyTuple_GetItem(o, i));
    int status = item ? add(l, item, depth + 1) : -1; /* NULL: the list has become shorter meanwhile */
    Py_XDECREF(item);
    if (status) return -1;
  }
  return 0;
}

static int add_dict(leaves *l, PyObject *o, int depth) {
  PyObject *pairs = PyDict_Items(o);
  Py_ssize_t n = pairs ? PyList_Size(pairs) : 0;
  int status = pairs ? add_tag(l, TAG_DICT, n) : -1;
  for (Py_ssize_t i = 0; i < n && !status; i++) {
    PyObject *pair = PyList_GetItem(pairs, i);
    status = add_static(l, PyTuple_GetItem(pair, 0)) || add(l, PyTuple_GetItem(pair, 1), depth + 1);
  }
  Py_XDECREF(pairs);
  return status ? -1 : 0;
}

static int add(leaves *l, PyObject *o, int depth) {
  if (depth > MAX_DEPTH) return PyErr_SetString(PyExc_RecursionError, "the arguments are nested too deep"), -1;
  if (PyTuple_Check(o)) return add_items(l, o, TAG_TUPLE, depth);
  if (PyList_Check(o)) return add_items(l, o, TAG_LIST, depth);
  if (PyDict_Check(o)) return add_dict(l, o, depth);
  if (is_tensor_leaf(o)) return add_tensor(l, o);
  return add_tag(l, TAG_STATIC, 0) || add_static(l, o) ? -1 : 0;
}

int leaves_add(leaves *l, PyObject *o) { return add(l, o, 0); }

void leaves_free(leaves *l) {
  for (size_t i = 0; i < l->n; i++) tensor_release_here(l->v[i]);
  free(l->v);
  Py_CLEAR(l->key);
}

/* ---- rebuilding ---- */

typedef struct mapping {
  PyObject *slot;
  PyObject *(*replace)(void *context);
  void *context;
} mapping;

static PyObject *map(const mapping *m, PyObject *o, int depth);

static PyObject *map_items(const mapping *m, PyObject *o, int depth) {
  bool list = PyList_Check(o);
  Py_ssize_t n = list ? PyList_Size(o) : PyTuple_Size(o);
  PyObject *copy = list ? PyList_New(n) : PyTuple_New(n);
  for (Py_ssize_t i = 0; copy && i < n; i++) {
    PyObject *item = Py_XNewRef(list ? PyList_GetItem(o, i) : PyTuple_GetItem(o, i));
    PyObject *made = item ? map(m, item, depth + 1) : NULL;
    Py_XDECREF(item);
    if (!made)
      Py_CLEAR(copy);
    else if (list)
      PyList_SetItem(copy, i, made);
    else
      PyTuple_SetItem(copy, i, made);
  }
  if (!copy || list || PyTuple_CheckExact(o)) return copy;
  PyObject *make = PyObject_GetAttrString((PyObject *)Py_TYPE(o), "_make"), *named = NULL; /* a named tuple */
  if (make)
    named = PyObject_CallFunctionObjArgs(make, copy, NULL);
  else
    PyErr_Clear();
  bool failed = make && !named;
  Py_XDECREF(make);
  if (!named && !failed) return copy;
  Py_DECREF(copy);
  return named;
}

static PyObject *map_dict(const mapping *m, PyObject *o, int depth) {
  PyObject *pairs = PyDict_Items(o), *copy = pairs ? PyDict_New() : NULL;
  for (Py_ssize_t i = 0; copy && i < PyList_Size(pairs); i++) {
    PyObject *pair = PyList_GetItem(pairs, i), *made = map(m, PyTuple_GetItem(pair, 1), depth + 1);
    if (!made || PyDict_SetItem(copy, PyTuple_GetItem(pair, 0), made)) Py_CLEAR(copy);
    Py_XDECREF(made);
  }
  Py_XDECREF(pairs);
  return copy;
}

static PyObject *map(const mapping *m, PyObject *o, int depth) {
  if (depth > MAX_DEPTH) return PyErr_SetString(PyExc_RecursionError, "the results are nested too deep"), NULL;
  if (PyTuple_Check(o) || PyList_Check(o)) return map_items(m, o, depth);
  if (PyDict_Check(o)) return map_dict(m, o, depth);
  if (m->slot ? o == m->slot : is_tensor_leaf(o)) return m->replace(m->context);
  return Py_NewRef(o);
}

PyObject *structure_map(PyObject *o, PyObject *slot, PyObject *(*replace)(void *), void *context) {
  mapping m = {slot, replace, context};
  return map(&m, o, 0);
}
