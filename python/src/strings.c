/* Strings: str and bytes (of UTF-8) to tensors of dtype string, and these to bytes, as TensorFlow gives them. */
#include "core.h"

#include "kvino/strings.h"

/* The bytes of a leaf; borrowed. */
static int text_of(PyObject *o, const char **text, size_t *length) {
  Py_ssize_t n;
  char *bytes;
  if (PyUnicode_Check(o)) {
    if (!(*text = PyUnicode_AsUTF8AndSize(o, &n))) return -1; /* a surrogate alone */
  } else if (PyBytes_Check(o)) {
    if (PyBytes_AsStringAndSize(o, &bytes, &n)) return -1;
    *text = bytes;
  } else {
    PyErr_Format(PyExc_TypeError, "an object of %R cannot become an element of dtype string", Py_TYPE(o));
    return -1;
  }
  *length = (size_t)n;
  return 0;
}

converted strings_from_leaves(int rank, const int64_t *shape, size_t n, PyObject *const *leaf, kvino_tensor **out) {
  kvino_error err;
  const char **text = PyMem_Malloc((n + 1) * sizeof *text);
  size_t *length = PyMem_Malloc((n + 1) * sizeof *length), i = 0;
  converted result = FAILED;
  if (!text || !length) PyErr_NoMemory();
  while (text && length && i < n && !text_of(leaf[i], &text[i], &length[i])) i++;
  if (text && length && i == n) {
    if (!kvino_strings_new(rank, shape, text, length, out, &err))
      result = DONE;
    else
      raise_error(&err);
  }
  PyMem_Free(text);
  PyMem_Free(length);
  return result;
}

/* Whether the array's elements are texts, or objects that may be. */
static int holds_texts(PyObject *array) {
  PyObject *dtype = PyObject_GetAttrString(array, "dtype"),
           *kind = dtype ? PyObject_GetAttrString(dtype, "kind") : NULL;
  const char *letter = kind && PyUnicode_Check(kind) ? PyUnicode_AsUTF8AndSize(kind, NULL) : NULL;
  int is = letter ? *letter == 'U' || *letter == 'S' || *letter == 'O' || *letter == 'T' : -1;
  Py_XDECREF(dtype);
  Py_XDECREF(kind);
  return is;
}

/* NONE: other objects, which are not ours to convert. */
static converted from_array(PyObject *array, kvino_tensor **out) {
  int64_t shape[KVINO_MAX_RANK];
  PyObject *dims = PyObject_GetAttrString(array, "shape"), *flat = PyObject_CallMethod(array, "ravel", NULL);
  PyObject *list = flat ? PyObject_CallMethod(flat, "tolist", NULL) : NULL;
  Py_ssize_t rank = dims ? PyTuple_Size(dims) : -1, n = list ? PyList_Size(list) : -1;
  PyObject **leaf = n >= 0 && rank >= 0 && rank <= KVINO_MAX_RANK ? PyMem_Malloc(((size_t)n + 1) * sizeof *leaf) : NULL;
  converted result = leaf ? NONE : FAILED;
  for (Py_ssize_t k = 0; leaf && k < rank; k++) shape[k] = PyLong_AsLongLong(PyTuple_GetItem(dims, k));
  for (Py_ssize_t i = 0; leaf && i < n; i++) {
    leaf[i] = PyList_GetItem(list, i);
    if (!PyUnicode_Check(leaf[i]) && !PyBytes_Check(leaf[i])) n = -1;
  }
  if (leaf && n >= 0) result = strings_from_leaves((int)rank, shape, (size_t)n, leaf, out);
  if (!leaf && !PyErr_Occurred()) PyErr_NoMemory();
  PyMem_Free(leaf);
  Py_XDECREF(list);
  Py_XDECREF(flat);
  Py_XDECREF(dims);
  return result;
}

converted strings_from_numpy(PyObject *array, kvino_tensor **out) {
  if (!numpy_module()) return FAILED;
  PyObject *plain = PyObject_CallMethod(numpy_module(), "asarray", "O", array); /* of a subclass, or a scalar */
  int is = plain ? holds_texts(plain) : -1;
  converted result = is < 0 ? FAILED : is ? from_array(plain, out) : NONE;
  Py_XDECREF(plain);
  return result;
}

PyObject *strings_to_numpy(kvino_tensor *t, PyObject *list) {
  PyObject *shape = shape_tuple(kvino_tensor_rank(t), kvino_tensor_shape(t)), *array = NULL;
  PyObject *empty = shape ? PyObject_CallMethod(numpy_module(), "empty", "Os", shape, "object") : NULL;
  PyObject *key = kvino_tensor_rank(t) ? Py_NewRef(Py_Ellipsis) : PyTuple_New(0);
  /* A list of nothing says no shape, and one element needs none. */
  if (empty && key && (!kvino_tensor_size(t) || !PyObject_SetItem(empty, key, list))) array = Py_NewRef(empty);
  Py_XDECREF(key);
  Py_XDECREF(empty);
  Py_XDECREF(shape);
  return array;
}
