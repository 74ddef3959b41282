/* t[...]: Python's index expressions as the library's items (include/kvino/index.h). */
#include <string.h>

#include "core.h"
#include "kvino/index.h"

enum { ITEMS_MAX = KVINO_MAX_RANK + 1 }; /* one more than the library takes, so that it is the one to refuse */

typedef struct index_list {
  size_t n;
  int n_owned;
  int64_t elements; /* of the tensors among the items */
  kvino_item item[ITEMS_MAX];
  kvino_tensor *owned[ITEMS_MAX];
} index_list;

static int not_an_index(void) {
  PyErr_SetString(PyExc_IndexError,
                  "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or "
                  "boolean arrays are valid indices");
  return -1;
}

/* ---- slices ---- */

static int read_bound(PyObject *slice, const char *name, kvino_bound *b, bool *symbolic) {
  PyObject *o = PyObject_GetAttrString(slice, name);
  if (!o) return -1;
  int status = 0;
  *b = (kvino_bound){KVINO_NO_INTEGER, NULL};
  if (is_tensor(o) && kvino_tensor_is_symbolic(tensor_get(o))) {
    b->tensor = tensor_get(o); /* the slice keeps it alive */
    *symbolic = true;
    if (kvino_tensor_rank(b->tensor) || !kvino_dtype_is_integer(kvino_tensor_dtype(b->tensor))) {
      PyErr_SetString(PyExc_TypeError, "slice indices must be integers or None or have an __index__ method");
      status = -1;
    }
  } else if (o != Py_None) {
    PyObject *integer = PyNumber_Index(o);
    b->value = integer ? PyNumber_AsSsize_t(integer, NULL) : -1; /* clipped */
    if (b->value == INT64_MIN) b->value++;
    if (!integer) status = -1;
    Py_XDECREF(integer);
  }
  Py_DECREF(o);
  return status;
}

static int slice_item(PyObject *slice, kvino_item *item) {
  Py_ssize_t start, stop, step;
  bool symbolic = false;
  item->kind = KVINO_ITEM_SLICE;
  if (!PySlice_Unpack(slice, &start, &stop, &step)) {
    /* None has become the extreme value on its side; the library has its own word for it. */
    bool back = step < 0;
    item->start = (kvino_bound){start == (back ? PY_SSIZE_T_MAX : 0) ? KVINO_NO_INTEGER
                                : start == INT64_MIN                 ? start + 1
                                                                     : start,
                                NULL};
    item->stop = (kvino_bound){stop == (back ? PY_SSIZE_T_MIN : PY_SSIZE_T_MAX) ? KVINO_NO_INTEGER
                               : stop == INT64_MIN                              ? stop + 1
                                                                                : stop,
                               NULL};
    item->step = (kvino_bound){step, NULL};
    return 0;
  }
  if (!PyErr_ExceptionMatches(PyExc_TypeError)) return -1;
  PyErr_Clear(); /* a bound that is not known, or none at all */
  if (read_bound(slice, "start", &item->start, &symbolic) || read_bound(slice, "stop", &item->stop, &symbolic) ||
      read_bound(slice, "step", &item->step, &symbolic))
    return -1;
  return 0;
}

/* ---- tensors ---- */

static int tensor_item(index_list *list, kvino_item *item, kvino_tensor *t) {
  item->kind = KVINO_ITEM_TENSOR;
  item->tensor = t;
  list->owned[list->n_owned++] = t;
  list->elements += kvino_tensor_size(t);
  return 0;
}

static int array_item(index_list *list, kvino_item *item, PyObject *o) {
  kvino_tensor *t = NULL;
  converted result;
  bool sequence = PyList_Check(o) || PyTuple_Check(o);
  if (sequence && PySequence_Size(o) == 0)
    result = tensor_from_sequence(o, CONVERT_COPY, KVINO_I64, &t);
  else
    result = tensor_from_object(o, CONVERT_COPY, &t);
  if (result == FAILED && sequence && PyErr_ExceptionMatches(PyExc_OverflowError)) {
    PyErr_Clear();
    result = tensor_from_sequence(o, CONVERT_COPY, KVINO_I64, &t);
  }
  if (result == FAILED && PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Clear();
    result = NONE;
  }
  if (result == NONE) return not_an_index();
  if (result == FAILED) return -1;
  if (kvino_dtype_is_float(kvino_tensor_dtype(t)) && sequence && !kvino_tensor_size(t)) { /* [[]] */
    tensor_release_here(t);
    if (tensor_from_sequence(o, CONVERT_COPY, KVINO_I64, &t) <= 0) return -1;
  }
  return tensor_item(list, item, t);
}

static int integer_item(kvino_item *item, PyObject *o) {
  int overflow;
  PyObject *integer = PyLong_CheckExact(o) ? Py_NewRef(o) : PyNumber_Index(o);
  if (!integer) return -1;
  item->kind = KVINO_ITEM_INTEGER;
  item->integer = PyLong_AsLongLongAndOverflow(integer, &overflow);
  Py_DECREF(integer);
  if (overflow) PyErr_Format(PyExc_IndexError, "cannot fit '%S' into an index-sized integer", (PyObject *)Py_TYPE(o));
  return overflow ? -1 : 0;
}

static int add_item(index_list *list, PyObject *o) {
  if (list->n == ITEMS_MAX) return PyErr_SetString(PyExc_IndexError, "too many indices for array"), -1;
  kvino_item *item = &list->item[list->n++];
  kvino_tensor *t;
  if (PyLong_CheckExact(o)) return integer_item(item, o);
  if (Py_IS_TYPE(o, &PySlice_Type)) return slice_item(o, item);
  if (o == Py_None || o == Py_Ellipsis) {
    item->kind = o == Py_None ? KVINO_ITEM_NEWAXIS : KVINO_ITEM_ELLIPSIS;
    return 0;
  }
  if (is_tensor(o)) return tensor_item(list, item, kvino_tensor_retain(tensor_get(o)));
  if (PyBool_Check(o)) {
    kvino_error err;
    if (kvino_tensor_scalar_i64(KVINO_BOOL, o == Py_True, &t, &err)) return raise_error(&err), -1;
    return tensor_item(list, item, t);
  }
  if (PyFloat_CheckExact(o) || PyComplex_CheckExact(o)) return not_an_index();
  if (is_numpy_array(o)) return array_item(list, item, o);
  if (PyIndex_Check(o) && !PyErr_Occurred()) { /* NumPy's integers; its bool_ has __index__ only to complain */
    if (!integer_item(item, o)) return 0;
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) return -1;
    PyErr_Clear();
  }
  return array_item(list, item, o);
}

/* ---- the call ---- */

static PyObject *take(kvino_tensor *t, const index_list *list) {
  kvino_error err;
  kvino_tensor *out;
  kvino_status status;
  if (list->elements > 16384) {
    Py_BEGIN_ALLOW_THREADS status = kvino_tensor_index(t, list->n, list->item, &out, &err);
    Py_END_ALLOW_THREADS
  } else {
    status = kvino_tensor_index(t, list->n, list->item, &out, &err);
  }
  return status ? raise_error(&err) : tensor_object_new(out);
}

/* [slice(1, 2), None]: a list that holds what no array can hold is taken for a tuple, as by TensorFlow's tensors and,
 * before it was an error, by NumPy. */
static bool is_list_of_items(PyObject *key) {
  if (!PyList_CheckExact(key)) return false;
  for (Py_ssize_t i = 0; i < PyList_Size(key); i++) {
    PyObject *o = PyList_GetItem(key, i);
    if (Py_IS_TYPE(o, &PySlice_Type) || o == Py_None || o == Py_Ellipsis) return true;
  }
  return false;
}

PyObject *tensor_subscript(PyObject *self, PyObject *key) {
  index_list list;
  list.n = 0;
  list.n_owned = 0;
  list.elements = 0;
  int status = 0;
  PyObject *items = is_list_of_items(key) ? PyList_AsTuple(key) : Py_NewRef(key);
  if (!items) return NULL;
  if (PyTuple_CheckExact(items)) {
    Py_ssize_t n = PyTuple_Size(items);
    for (Py_ssize_t i = 0; i < n && !status; i++) status = add_item(&list, PyTuple_GetItem(items, i));
  } else {
    status = add_item(&list, items);
  }
  PyObject *result = status ? NULL : take(tensor_get(self), &list);
  Py_DECREF(items);
  for (int i = 0; i < list.n_owned; i++) tensor_release_here(list.owned[i]);
  return result;
}

PyObject *tensor_index_integer(kvino_tensor *t, int64_t i) {
  kvino_item item = {.kind = KVINO_ITEM_INTEGER, .integer = i};
  kvino_error err;
  kvino_tensor *out;
  return kvino_tensor_index(t, 1, &item, &out, &err) ? raise_error(&err) : tensor_object_new(out);
}
