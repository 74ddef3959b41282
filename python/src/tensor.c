/* The Python type Tensor: attributes, values, buffers, pickling. Its operators stand in operators.c, indexing in
 * index.c. */
#include <string.h>

#include "core.h"
#include "methods.h"
#include "operators.h"

PyTypeObject *tensor_type;

/* ---- life ---- */

/* Objects that are dead: most calls make one and let one go, and allocating an object that the collector could track
 * takes a tenth of a small call. */
enum { SPARE = 32 };
static PyObject *spare[SPARE];
static int n_spare;

static PyObject *allocate(void) {
  return n_spare ? PyObject_Init(spare[--n_spare], tensor_type)
                 : (PyObject *)PyObject_GC_New(tensor_object, tensor_type);
}

static void deallocate(PyObject *o) {
  if (n_spare < SPARE)
    spare[n_spare++] = o;
  else
    PyObject_GC_Del(o);
}

PyObject *tensor_object_new(kvino_tensor *t) {
  tensor_object *self = (tensor_object *)allocate();
  if (!self) {
    tensor_release_here(t);
    return NULL;
  }
  self->t = t;
  self->dict = NULL;
  self->weakrefs = NULL;
  return (PyObject *)self; /* not tracked: see track() */
}

/* What users set on a tensor may hold the tensor; one that has no attributes of theirs cannot be part of a cycle, and
 * the collector need not walk over it. */
static void track(PyObject *o) {
  if (((tensor_object *)o)->dict && !PyObject_GC_IsTracked(o)) PyObject_GC_Track(o);
}

static int set_attribute(PyObject *o, PyObject *name, PyObject *value) {
  int result = PyObject_GenericSetAttr(o, name, value);
  track(o);
  return result;
}

static PyObject *get_attributes(PyObject *o, void *closure) {
  PyObject *dict = PyObject_GenericGetDict(o, closure);
  track(o);
  return dict;
}

static int traverse(PyObject *o, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(((tensor_object *)o)->dict);
  return 0;
}

static int clear(PyObject *o) {
  Py_CLEAR(((tensor_object *)o)->dict);
  return 0;
}

static void dealloc(PyObject *o) {
  tensor_object *self = (tensor_object *)o;
  PyTypeObject *type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (self->weakrefs) PyObject_ClearWeakRefs(o);
  Py_XDECREF(self->dict);
  tensor_release_here(self->t);
  deallocate(o);
  Py_DECREF(type);
}

PyObject *tensor_tuple_new(kvino_tensors *list) {
  PyObject *tuple = PyTuple_New((Py_ssize_t)list->n);
  for (size_t i = 0; tuple && i < list->n; i++) {
    PyObject *item = tensor_object_new(kvino_tensor_retain(list->v[i]));
    if (!item)
      Py_CLEAR(tuple);
    else
      PyTuple_SetItem(tuple, (Py_ssize_t)i, item);
  }
  tensors_clear_here(list);
  return tuple;
}

static PyObject *new (PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  (void)type;
  static char *names[] = {"value", "dtype", "copy", NULL};
  PyObject *value, *dtype = NULL, *copy = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO:Tensor", names, &value, &dtype, &copy)) return NULL;
  return convert_to_tensor(value, dtype, copy);
}

/* ---- what other files need ---- */

PyObject *shape_tuple(int rank, const int64_t *shape) {
  PyObject *tuple = PyTuple_New(rank);
  for (int i = 0; tuple && i < rank; i++) {
    PyObject *d = shape[i] < 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong(shape[i]);
    if (!d)
      Py_CLEAR(tuple);
    else
      PyTuple_SetItem(tuple, i, d);
  }
  return tuple;
}

kvino_tensor *tensor_cast(kvino_tensor *x, kvino_dtype dtype) {
  if (kvino_tensor_dtype(x) == dtype) return kvino_tensor_retain(x);
  kvino_arg args[2];
  memset(args, 0, sizeof args);
  args[0].tensor = x;
  args[1].dtype = dtype;
  PyObject *o = call_used(USED_cast, args);
  if (!o) return NULL;
  kvino_tensor *y = kvino_tensor_retain(tensor_get(o));
  Py_DECREF(o);
  return y;
}

kvino_tensor *tensor_copy(kvino_tensor *t) {
  kvino_error err;
  kvino_tensor *row, *copy = NULL;
  if (kvino_tensor_contiguous(t, &row, &err)) return (kvino_tensor *)raise_error(&err);
  if (row != t || kvino_tensor_dtype(t) == KVINO_STRING) return row; /* nobody else has the memory of strings */
  if (kvino_tensor_new(kvino_tensor_dtype(t), kvino_tensor_rank(t), kvino_tensor_shape(t), kvino_tensor_data(t), &copy,
                       &err))
    raise_error(&err);
  tensor_release_here(row);
  return copy;
}

/* ---- attributes ---- */

static PyObject *get_shape(PyObject *o, void *ignored) {
  (void)ignored;
  kvino_tensor *t = tensor_get(o);
  return shape_tuple(kvino_tensor_rank(t), kvino_tensor_shape(t));
}

static PyObject *get_dtype(PyObject *o, void *ignored) {
  (void)ignored;
  return Py_NewRef(dtype_of_tensor(kvino_tensor_dtype(tensor_get(o))));
}

static PyObject *get_ndim(PyObject *o, void *ignored) {
  (void)ignored;
  return PyLong_FromLong(kvino_tensor_rank(tensor_get(o)));
}

static PyObject *get_size(PyObject *o, void *ignored) {
  (void)ignored;
  int64_t size = kvino_tensor_size(tensor_get(o));
  return size < 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong(size);
}

static PyObject *get_itemsize(PyObject *o, void *ignored) {
  (void)ignored;
  return PyLong_FromSize_t(kvino_dtype_size(kvino_tensor_dtype(tensor_get(o))));
}

static PyObject *get_nbytes(PyObject *o, void *ignored) {
  (void)ignored;
  kvino_tensor *t = tensor_get(o);
  if (kvino_tensor_size(t) < 0) return Py_NewRef(Py_None);
  return PyLong_FromLongLong(kvino_tensor_size(t) * (int64_t)kvino_dtype_size(kvino_tensor_dtype(t)));
}

static int no_value(kvino_tensor *t, const char *what) {
  if (!kvino_tensor_is_symbolic(t)) return 0;
  PyErr_Format(
      PyExc_TypeError,
      "%s needs the value of a tensor, but this one is symbolic: it stands for data that a traced function will "
      "be given",
      what);
  return -1;
}

static PyObject *get_strides(PyObject *o, void *ignored) {
  (void)ignored;
  kvino_tensor *t = tensor_get(o);
  if (no_value(t, "strides")) return NULL;
  PyObject *tuple = PyTuple_New(kvino_tensor_rank(t));
  for (int i = 0; tuple && i < kvino_tensor_rank(t); i++) {
    PyObject *d = PyLong_FromLongLong(kvino_tensor_strides(t)[i]);
    if (!d)
      Py_CLEAR(tuple);
    else
      PyTuple_SetItem(tuple, i, d);
  }
  return tuple;
}

static PyObject *get_recorded(PyObject *o, void *ignored) {
  (void)ignored;
  return PyBool_FromLong(kvino_tensor_is_recorded(tensor_get(o)));
}

static PyObject *detach(PyObject *o, PyObject *ignored) {
  (void)ignored;
  kvino_tensor *t;
  kvino_error err;
  return kvino_tensor_detach(tensor_get(o), &t, &err) ? raise_error(&err) : tensor_object_new(t);
}

static PyObject *get_symbolic(PyObject *o, void *ignored) {
  (void)ignored;
  return PyBool_FromLong(kvino_tensor_is_symbolic(tensor_get(o)));
}

/* NumPy's operators give way to ours: array + tensor is a tensor. */
static PyObject *get_priority(PyObject *o, void *ignored) {
  (void)o;
  (void)ignored;
  return PyFloat_FromDouble(1000.0);
}

static PyObject *get_transposed(PyObject *o, void *ignored) {
  (void)ignored;
  if (kvino_tensor_rank(tensor_get(o)) < 2) return Py_NewRef(o);
  kvino_arg args[2];
  memset(args, 0, sizeof args);
  args[0].tensor = tensor_get(o);
  args[1].ints = KVINO_NO_INTS;
  return call_used(USED_transpose, args);
}

/* ---- values ---- */

/* The one element of a concrete tensor at p as a Python number. */
static PyObject *number_at(kvino_tensor *t, const char *p) {
  kvino_dtype dtype = kvino_tensor_dtype(t);
  if (!kvino_dtype_is_float(dtype) || dtype == KVINO_F32 || dtype == KVINO_F64) return element_object(dtype, p);
  kvino_error err;
  kvino_tensor *one, *wide;
  if (kvino_tensor_new(dtype, 0, NULL, p, &one, &err)) return raise_error(&err);
  wide = tensor_cast(one, KVINO_F64);
  PyObject *number = wide ? element_object(KVINO_F64, kvino_tensor_data(wide)) : NULL;
  tensor_release_here(one);
  if (wide) tensor_release_here(wide);
  return number;
}

static PyObject *item(PyObject *o, PyObject *args) {
  kvino_tensor *t = tensor_get(o);
  if (no_value(t, "item()")) return NULL;
  const char *p = kvino_tensor_data(t);
  const int64_t *shape = kvino_tensor_shape(t), *strides = kvino_tensor_strides(t);
  Py_ssize_t n = PyTuple_Size(args);
  int rank = kvino_tensor_rank(t);
  if (n == 0) {
    if (kvino_tensor_size(t) == 1) return number_at(t, p);
    PyErr_SetString(PyExc_ValueError, "can only convert an array of size 1 to a Python scalar");
    return NULL;
  }
  if (n == 1) { /* number in C order */
    int64_t i = PyLong_AsLongLong(PyTuple_GetItem(args, 0)), size = kvino_tensor_size(t), given = i;
    if (i == -1 && PyErr_Occurred()) return NULL;
    if (i < 0) i += size;
    if (i < 0 || i >= size)
      return PyErr_Format(PyExc_IndexError, "index %lld is out of bounds for %ssize %lld", (long long)given,
                          rank == 1 ? "axis 0 with " : "", (long long)size);
    for (int axis = rank - 1; axis >= 0; axis--) {
      p += i % shape[axis] * strides[axis];
      i /= shape[axis];
    }
    return number_at(t, p);
  }
  if (n != rank) return PyErr_SetString(PyExc_ValueError, "incorrect number of indices for array"), NULL;
  for (int axis = 0; axis < rank; axis++) {
    int64_t i = PyLong_AsLongLong(PyTuple_GetItem(args, axis)), given = i;
    if (i == -1 && PyErr_Occurred()) return NULL;
    if (i < 0) i += shape[axis];
    if (i < 0 || i >= shape[axis])
      return PyErr_Format(PyExc_IndexError, "index %lld is out of bounds for axis %d with size %lld", (long long)given,
                          axis, (long long)shape[axis]);
    p += i * strides[axis];
  }
  return number_at(t, p);
}

static PyObject *nested_list(kvino_tensor *t, int axis, const char *p) {
  if (axis == kvino_tensor_rank(t)) return element_object(kvino_tensor_dtype(t), p);
  int64_t n = kvino_tensor_shape(t)[axis], step = kvino_tensor_strides(t)[axis];
  PyObject *list = PyList_New(n);
  for (int64_t i = 0; list && i < n; i++) {
    PyObject *part = nested_list(t, axis + 1, p + i * step);
    if (!part)
      Py_CLEAR(list);
    else
      PyList_SetItem(list, i, part);
  }
  return list;
}

static PyObject *tolist(PyObject *o, PyObject *ignored) {
  (void)ignored;
  kvino_tensor *t = tensor_get(o);
  if (no_value(t, "tolist()")) return NULL;
  kvino_dtype dtype = kvino_tensor_dtype(t);
  bool small = kvino_dtype_is_float(dtype) && dtype != KVINO_F32 && dtype != KVINO_F64;
  kvino_tensor *wide = small ? tensor_cast(t, KVINO_F64) : kvino_tensor_retain(t);
  if (!wide) return NULL;
  PyObject *list = nested_list(wide, 0, kvino_tensor_data(wide));
  tensor_release_here(wide);
  return list;
}

/* The value of a 0-d tensor for int(), float(), ... */
static PyObject *scalar(PyObject *o, const char *what) {
  kvino_tensor *t = tensor_get(o);
  if (no_value(t, what)) return NULL;
  if (kvino_tensor_rank(t)) {
    PyErr_SetString(PyExc_TypeError, "only 0-dimensional arrays can be converted to Python scalars");
    return NULL;
  }
  return number_at(t, kvino_tensor_data(t));
}

PyObject *tensor_int(PyObject *o) {
  PyObject *value = scalar(o, "int()"), *result = value ? PyNumber_Long(value) : NULL;
  Py_XDECREF(value);
  return result;
}

PyObject *tensor_float(PyObject *o) {
  PyObject *value = scalar(o, "float()"), *result = value ? PyNumber_Float(value) : NULL;
  Py_XDECREF(value);
  return result;
}

static PyObject *to_complex(PyObject *o, PyObject *ignored) {
  (void)ignored;
  PyObject *value = scalar(o, "complex()");
  PyObject *result = value ? PyObject_CallFunctionObjArgs((PyObject *)&PyComplex_Type, value, NULL) : NULL;
  Py_XDECREF(value);
  return result;
}

PyObject *tensor_as_index(PyObject *o) {
  kvino_tensor *t = tensor_get(o);
  if (kvino_tensor_rank(t) || !kvino_dtype_is_integer(kvino_tensor_dtype(t))) {
    PyErr_SetString(PyExc_TypeError, "only integer scalar arrays can be converted to a scalar index");
    return NULL;
  }
  return scalar(o, "an index");
}

int tensor_bool(PyObject *o) {
  kvino_tensor *t = tensor_get(o);
  if (no_value(t, "bool() (an `if`, `while`, `and`, `or` or `not`)")) return -1;
  int64_t size = kvino_tensor_size(t);
  if (size != 1) {
    PyErr_SetString(
        PyExc_ValueError,
        size ? "The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()"
             : "The truth value of an empty array is ambiguous. Use `array.size > 0` to check that an array is "
               "not empty.");
    return -1;
  }
  PyObject *value = number_at(t, kvino_tensor_data(t));
  int truth = value ? PyObject_IsTrue(value) : -1;
  Py_XDECREF(value);
  return truth;
}

/* ---- sequence ---- */

static Py_ssize_t len(PyObject *o) {
  kvino_tensor *t = tensor_get(o);
  if (!kvino_tensor_rank(t)) return PyErr_SetString(PyExc_TypeError, "len() of unsized object"), -1;
  int64_t n = kvino_tensor_shape(t)[0];
  if (n >= 0) return n;
  PyErr_SetString(PyExc_TypeError, "len() of a symbolic tensor whose first dimension is unknown until run time");
  return -1;
}

static PyObject *sequence_item(PyObject *o, Py_ssize_t i) { return tensor_index_integer(tensor_get(o), i); }

static PyObject *iterate(PyObject *o) {
  kvino_tensor *t = tensor_get(o);
  if (!kvino_tensor_rank(t)) return PyErr_SetString(PyExc_TypeError, "iteration over a 0-d array"), NULL;
  if (kvino_tensor_shape(t)[0] < 0) {
    PyErr_SetString(PyExc_TypeError,
                    "iteration over a symbolic tensor whose first dimension is unknown until run time");
    return NULL;
  }
  return PySeqIter_New(o);
}

static Py_hash_t hash(PyObject *o) {
  Py_hash_t h = (Py_hash_t)((uintptr_t)o >> 4);
  return h == -1 ? -2 : h;
}

/* ---- buffers ---- */

static int contiguous_as(kvino_tensor *t, bool fortran) {
  if (!fortran) return kvino_tensor_is_contiguous(t);
  int64_t step = (int64_t)kvino_dtype_size(kvino_tensor_dtype(t));
  for (int i = 0; i < kvino_tensor_rank(t) && kvino_tensor_size(t); i++) {
    if (kvino_tensor_shape(t)[i] != 1 && kvino_tensor_strides(t)[i] != step) return 0;
    step *= kvino_tensor_shape(t)[i];
  }
  return 1;
}

static int get_buffer(PyObject *o, Py_buffer *view, int flags) {
  kvino_tensor *t = tensor_get(o);
  view->obj = NULL;
  if (kvino_tensor_is_symbolic(t)) return PyErr_SetString(PyExc_BufferError, "a symbolic tensor has no data"), -1;
  if (flags & PyBUF_WRITABLE) return PyErr_SetString(PyExc_BufferError, "a kvino.Tensor cannot be written to"), -1;
  const char *format = dtype_format(kvino_tensor_dtype(t));
  if (!format) {
    PyErr_Format(PyExc_BufferError, "the buffer protocol has no format for dtype %s",
                 kvino_dtype_name(kvino_tensor_dtype(t)));
    return -1;
  }
  bool c = contiguous_as(t, false), f = contiguous_as(t, true);
  if (((flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS && !c) ||
      ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && !f) ||
      ((flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS && !c && !f) ||
      ((flags & PyBUF_STRIDES) != PyBUF_STRIDES && !c))
    return PyErr_SetString(PyExc_BufferError, "the tensor is not contiguous as the consumer demands"), -1;
  view->itemsize = (Py_ssize_t)kvino_dtype_size(kvino_tensor_dtype(t));
  view->len = (Py_ssize_t)kvino_tensor_size(t) * view->itemsize;
  view->buf = (void *)(uintptr_t)kvino_tensor_data(t);
  view->readonly = 1;
  view->ndim = kvino_tensor_rank(t);
  view->format = flags & PyBUF_FORMAT ? (char *)(uintptr_t)format : NULL;
  view->shape = flags & PyBUF_ND ? (Py_ssize_t *)(uintptr_t)kvino_tensor_shape(t) : NULL;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? (Py_ssize_t *)(uintptr_t)kvino_tensor_strides(t) : NULL;
  view->suboffsets = NULL;
  view->internal = NULL;
  view->obj = Py_NewRef(o);
  return 0;
}

/* ---- NumPy ---- */

/* The array of a dtype that the buffer protocol has no name for: its bits as integers, seen as the dtype of ml_dtypes.
 */
static PyObject *extended_array(PyObject *o) {
  kvino_tensor *t = tensor_get(o), *bits = NULL;
  kvino_dtype dtype = kvino_tensor_dtype(t), plain = kvino_dtype_size(dtype) == 1 ? KVINO_U8 : KVINO_U16;
  kvino_error err;
  PyObject *kind = import_attribute("ml_dtypes", kvino_dtype_name(dtype)), *integers = NULL, *array = NULL;
  if (!kind) {
    if (PyErr_ExceptionMatches(PyExc_ImportError))
      PyErr_Format(PyExc_TypeError,
                   "NumPy has no dtype %s: install the package ml_dtypes, or cast the tensor to float32",
                   kvino_dtype_name(dtype));
    return NULL;
  }
  if (kvino_tensor_wrap(plain, kvino_tensor_rank(t), kvino_tensor_shape(t), kvino_tensor_strides(t),
                        kvino_tensor_data(t), (void (*)(void *))kvino_tensor_release, kvino_tensor_retain(t), &bits,
                        &err))
    raise_error(&err);
  PyObject *view = bits ? tensor_object_new(bits) : NULL;
  if (view && numpy_module()) integers = PyObject_CallMethodObjArgs(numpy_module(), str_asarray, view, NULL);
  if (integers) array = PyObject_CallMethodObjArgs(integers, str_view, kind, NULL);
  Py_XDECREF(integers);
  Py_XDECREF(view);
  Py_DECREF(kind);
  return array;
}

/* A read-only NumPy array over the tensor's memory. */
static PyObject *array_over(PyObject *o) {
  if (no_value(tensor_get(o), "a NumPy array")) return NULL;
  if (!numpy_module()) return NULL;
  if (kvino_tensor_dtype(tensor_get(o)) == KVINO_STRING) {
    PyObject *list = tolist(o, NULL), *texts = list ? strings_to_numpy(tensor_get(o), list) : NULL;
    Py_XDECREF(list);
    return texts;
  }
  if (!dtype_format(kvino_tensor_dtype(tensor_get(o)))) return extended_array(o);
  return PyObject_CallMethodObjArgs(numpy_module(), str_asarray, o, NULL); /* through get_buffer */
}

static PyObject *array(PyObject *o, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"dtype", "copy", NULL};
  PyObject *dtype = Py_None, *copy = Py_None, *found = NULL, *wanted = NULL, *result = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:__array__", names, &dtype, &copy)) return NULL;
  PyObject *over = array_over(o);
  if (!over) return NULL;
  int same = 1, must_copy = copy == Py_None ? 0 : PyObject_IsTrue(copy);
  if (dtype != Py_None) {
    found = PyObject_GetAttr(over, str_dtype);
    wanted = PyObject_CallMethod(numpy_module(), "dtype", "O", dtype);
    same = found && wanted ? PyObject_RichCompareBool(found, wanted, Py_EQ) : -1;
  }
  if (same < 0 || must_copy < 0) goto end;
  if (!same && copy != Py_None && !must_copy)
    PyErr_Format(PyExc_ValueError,
                 "Unable to avoid copy while creating an array as requested: dtype %S of a tensor of dtype %S", wanted,
                 found);
  else if (!same)
    result = PyObject_CallMethodObjArgs(over, str_astype, wanted, NULL);
  else if (must_copy)
    result = PyObject_CallMethodObjArgs(over, str_copy, NULL);
  else
    result = Py_NewRef(over);
end:
  Py_XDECREF(found);
  Py_XDECREF(wanted);
  Py_DECREF(over);
  return result;
}

static PyObject *numpy_method(PyObject *o, PyObject *ignored) {
  (void)ignored;
  return array_over(o);
}

/* ---- methods ---- */

static PyObject *astype(PyObject *o, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"dtype", "copy", NULL};
  PyObject *given;
  int copy = 0; /* a tensor is immutable: nobody can tell */
  kvino_dtype dtype;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|p:astype", names, &given, &copy)) return NULL;
  if (dtype_from_object(given, &dtype)) return NULL;
  if (dtype == KVINO_NO_DTYPE) dtype = kvino_floatx();
  if (dtype == kvino_tensor_dtype(tensor_get(o))) return Py_NewRef(o);
  kvino_tensor *y = tensor_cast(tensor_get(o), dtype);
  return y ? tensor_object_new(y) : NULL;
}

/* t.reshape(2, 3), t.reshape((2, 3)), t.reshape(-1) */
static PyObject *reshape(PyObject *o, PyObject *args) {
  PyObject *function = op_function(USED_reshape);
  if (!function) return NULL;
  PyObject *shape = PyTuple_Size(args) == 1 ? PyTuple_GetItem(args, 0) : args;
  return PyObject_CallFunctionObjArgs(function, o, shape, NULL);
}

static PyObject *transpose(PyObject *o, PyObject *args) {
  PyObject *function = op_function(USED_transpose);
  if (!function) return NULL;
  Py_ssize_t n = PyTuple_Size(args);
  PyObject *axes = n == 0 ? Py_None : n == 1 ? PyTuple_GetItem(args, 0) : args;
  return PyObject_CallFunctionObjArgs(function, o, axes, NULL);
}

static PyObject *reduce(PyObject *o, PyObject *ignored) {
  (void)ignored;
  kvino_tensor *t = tensor_get(o), *row;
  kvino_error err;
  if (no_value(t, "pickle")) return NULL;
  if (kvino_tensor_dtype(t) == KVINO_STRING) {
    PyObject *convert = import_attribute("kvino._core", "convert_to_tensor"), *list = convert ? array_over(o) : NULL;
    return list ? Py_BuildValue("N(Ns)", convert, list, "string") : NULL;
  }
  if (kvino_tensor_contiguous(t, &row, &err)) return raise_error(&err);
  PyObject *rebuild = import_attribute("kvino._core", "_rebuild"), *shape = get_shape(o, NULL);
  PyObject *bytes = PyBytes_FromStringAndSize(
      kvino_tensor_data(row), (Py_ssize_t)kvino_tensor_size(t) * (Py_ssize_t)kvino_dtype_size(kvino_tensor_dtype(t)));
  PyObject *result = NULL;
  if (rebuild && shape && bytes)
    result = Py_BuildValue("O(OOO)", rebuild, dtype_object(kvino_tensor_dtype(t)), shape, bytes);
  Py_XDECREF(rebuild);
  Py_XDECREF(shape);
  Py_XDECREF(bytes);
  tensor_release_here(row);
  return result;
}

PyObject *tensor_rebuild(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *name, *shape;
  const char *bytes;
  Py_ssize_t length;
  kvino_dtype dtype;
  int64_t dims[KVINO_MAX_RANK], size = 1;
  kvino_error err;
  kvino_tensor *t;
  if (!PyArg_ParseTuple(args, "OO!y#:_rebuild", &name, &PyTuple_Type, &shape, &bytes, &length)) return NULL;
  if (dtype_from_object(name, &dtype)) return NULL;
  Py_ssize_t rank = PyTuple_Size(shape);
  if (rank > KVINO_MAX_RANK) return PyErr_SetString(PyExc_ValueError, "too many dimensions"), NULL;
  for (Py_ssize_t i = 0; i < rank; i++) {
    dims[i] = PyLong_AsLongLong(PyTuple_GetItem(shape, i));
    if (PyErr_Occurred()) return NULL;
    if (dims[i] < 0 || __builtin_mul_overflow(size, dims[i], &size))
      return PyErr_SetString(PyExc_ValueError, "not a shape of a pickled tensor"), NULL;
  }
  if (dtype == KVINO_NO_DTYPE || dtype == KVINO_STRING || length % (Py_ssize_t)kvino_dtype_size(dtype) ||
      length / (Py_ssize_t)kvino_dtype_size(dtype) != size)
    return PyErr_SetString(PyExc_ValueError, "a pickled tensor's data does not have the length of its shape"), NULL;
  if (kvino_tensor_new(dtype, (int)rank, dims, bytes, &t, &err)) return raise_error(&err);
  return tensor_object_new(t);
}

static PyObject *copy(PyObject *o, PyObject *ignored) {
  (void)ignored;
  return Py_NewRef(o);
}

static PyObject *deepcopy(PyObject *o, PyObject *memo) {
  (void)memo;
  if (kvino_tensor_is_symbolic(tensor_get(o))) return Py_NewRef(o);
  kvino_tensor *t = tensor_copy(tensor_get(o));
  return t ? tensor_object_new(t) : NULL;
}

/* ---- text ---- */

static PyObject *values_text(PyObject *o) {
  PyObject *values = numpy_module() ? array_over(o) : NULL, *text = NULL;
  if (values) {
    PyObject *print = PyObject_GetAttr(numpy_module(), str_array2string);
    PyObject *args = Py_BuildValue("(O)", values),
             *options = Py_BuildValue("{s:s,s:s}", "separator", ", ", "prefix", "kvino.Tensor(");
    if (print && args && options) text = PyObject_Call(print, args, options);
    Py_XDECREF(print);
    Py_XDECREF(args);
    Py_XDECREF(options);
    Py_DECREF(values);
  }
  if (text) return text;
  PyErr_Clear(); /* no NumPy, or no ml_dtypes */
  PyObject *list = tolist(o, NULL);
  text = list ? PyObject_Str(list) : NULL;
  Py_XDECREF(list);
  return text;
}

static PyObject *repr(PyObject *o) {
  kvino_tensor *t = tensor_get(o);
  PyObject *shape = get_shape(o, NULL), *values = NULL, *result = NULL;
  const char *dtype = kvino_dtype_name(kvino_tensor_dtype(t));
  if (!shape) return NULL;
  if (kvino_tensor_is_symbolic(t)) {
    result = PyUnicode_FromFormat("kvino.Tensor(shape=%S, dtype=%s, symbolic)", shape, dtype);
  } else if ((values = values_text(o))) {
    if (kvino_tensor_size(t))
      result = PyUnicode_FromFormat("kvino.Tensor(%U, dtype=%s)", values, dtype);
    else
      result = PyUnicode_FromFormat("kvino.Tensor(%U, shape=%S, dtype=%s)", values, shape, dtype);
  }
  Py_XDECREF(values);
  Py_DECREF(shape);
  return result;
}

static PyObject *str(PyObject *o) {
  if (kvino_tensor_is_symbolic(tensor_get(o))) return repr(o);
  PyObject *values = numpy_module() ? array_over(o) : NULL, *text = values ? PyObject_Str(values) : NULL;
  Py_XDECREF(values);
  if (text) return text;
  PyErr_Clear();
  return values_text(o);
}

/* f"{loss:.4f}" */
static PyObject *format(PyObject *o, PyObject *spec) {
  kvino_tensor *t = tensor_get(o);
  if (kvino_tensor_is_symbolic(t) || kvino_tensor_rank(t)) {
    PyObject *text = str(o), *result = text ? PyObject_Format(text, spec) : NULL;
    Py_XDECREF(text);
    return result;
  }
  PyObject *value = number_at(t, kvino_tensor_data(t)), *result = value ? PyObject_Format(value, spec) : NULL;
  Py_XDECREF(value);
  return result;
}

/* ---- the type ---- */

static PyObject *get_device(PyObject *o, void *closure) {
  (void)o;
  (void)closure;
  return PyUnicode_FromString("cpu");
}

static PyGetSetDef getset[] = {
    {"shape", get_shape, NULL, "The dimensions; None where one is unknown until run time.", NULL},
    {"dtype", get_dtype, NULL, "The name of the element type, as Keras says it.", NULL},
    {"ndim", get_ndim, NULL, "The number of dimensions.", NULL},
    {"size", get_size, NULL, "The number of elements; None where a dimension is unknown.", NULL},
    {"itemsize", get_itemsize, NULL, "Bytes per element.", NULL},
    {"nbytes", get_nbytes, NULL, "Bytes of all elements; None where a dimension is unknown.", NULL},
    {"strides", get_strides, NULL, "Bytes from one element to the next along each axis.", NULL},
    {"T", get_transposed, NULL, "The axes in reverse order: a view.", NULL},
    {"is_recorded", get_recorded, NULL, "Whether operators on the tensor are recorded: it is symbolic, or watched.",
     NULL},
    {"is_symbolic", get_symbolic, NULL, "Whether the tensor stands for data that a traced function will be given.",
     NULL},
    {"real", tensor_real, NULL, "The real parts.", NULL},
    {"imag", tensor_imag, NULL, "The imaginary parts.", NULL},
    {"device", get_device, NULL, "Where the values are: \"cpu\", whatever device computed them.", NULL},
    {"__array_priority__", get_priority, NULL, NULL, NULL},
    {"__dict__", get_attributes, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define WITH_KEYWORDS(function) (PyCFunction)(void (*)(void))(function)
static PyMethodDef methods[] = {
    {"numpy", numpy_method, METH_NOARGS, "numpy($self)\n--\n\nA read-only NumPy array over the tensor's memory."},
    {"tolist", tolist, METH_NOARGS, "tolist($self)\n--\n\nThe elements as nested lists of Python numbers."},
    {"detach", detach, METH_NOARGS,
     "detach($self)\n--\n\nThe value of a watched tensor as one that nothing is recorded of; another tensor itself."},
    {"item", item, METH_VARARGS, "item($self, *args)\n--\n\nOne element as a Python number."},
    {"astype", WITH_KEYWORDS(astype), METH_VARARGS | METH_KEYWORDS,
     "astype($self, dtype, copy=False)\n--\n\nThe elements in another dtype."},
    {"reshape", reshape, METH_VARARGS, "reshape($self, *shape)\n--\n\nThe elements in another shape."},
    {"transpose", transpose, METH_VARARGS, "transpose($self, *axes)\n--\n\nThe axes in another order: a view."},
    {"__array__", WITH_KEYWORDS(array), METH_VARARGS | METH_KEYWORDS,
     "__array__($self, dtype=None, copy=None)\n--\n\nFor NumPy."},
    {"__dlpack__", WITH_KEYWORDS(tensor_dlpack), METH_VARARGS | METH_KEYWORDS,
     "__dlpack__($self, *, stream=None, max_version=None, dl_device=None, copy=None)\n--\n\nA DLPack capsule."},
    {"__dlpack_device__", tensor_dlpack_device, METH_NOARGS, "__dlpack_device__($self)\n--\n\nThe CPU: (1, 0)."},
#define METHOD_ROW(name, op)                                                                                           \
  {#name, WITH_KEYWORDS(tensor_method_##name), METH_FASTCALL | METH_KEYWORDS, "As kvino.ops." #op "."},
    TENSOR_METHODS(METHOD_ROW)
#undef METHOD_ROW
        {"copy", copy, METH_NOARGS, "copy($self)\n--\n\nThe tensor itself: nothing can write to it."},
    {"to_device", WITH_KEYWORDS(tensor_to_device), METH_VARARGS | METH_KEYWORDS,
     "to_device($self, device, /, *, stream=None)\n--\n\nThe tensor; device: \"cpu\"."},
    {"__jax_array__", tensor_jax_array, METH_NOARGS, "__jax_array__($self)\n--\n\nFor JAX."},
    {"__complex__", to_complex, METH_NOARGS, NULL},
    {"__reduce__", reduce, METH_NOARGS, NULL},
    {"__copy__", copy, METH_NOARGS, NULL},
    {"__deepcopy__", deepcopy, METH_O, NULL},
    {"__format__", format, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(tensor_object, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(tensor_object, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

#define SLOT(id, function)                                                                                             \
  { Py_##id, (void *)(function) }
static PyType_Slot slots[] = {
    SLOT(tp_doc, "Tensor(value, dtype=None, copy=None)\n--\n\n"
                 "An array of one dtype, or the promise of one in a function that is being traced. Immutable."),
    SLOT(tp_new, new),
    SLOT(tp_dealloc, dealloc),
    SLOT(tp_traverse, traverse),
    SLOT(tp_clear, clear),
    SLOT(tp_setattro, set_attribute),
    SLOT(tp_getset, getset),
    SLOT(tp_methods, methods),
    SLOT(tp_members, members),
    SLOT(tp_hash, hash),
    SLOT(tp_repr, repr),
    SLOT(tp_str, str),
    SLOT(tp_iter, iterate),
    SLOT(tp_richcompare, tensor_compare),
    SLOT(sq_length, len),
    SLOT(sq_item, sequence_item),
    SLOT(sq_contains, tensor_contains),
    SLOT(mp_length, len),
    SLOT(mp_subscript, tensor_subscript),
    SLOT(bf_getbuffer, get_buffer),
#define OPERATOR_SLOT(slot, function) SLOT(slot, function),
    TENSOR_OPERATORS(OPERATOR_SLOT)
#undef OPERATOR_SLOT
        {0, NULL},
};
static PyType_Spec spec = {"kvino.Tensor", sizeof(tensor_object), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, slots};

int tensor_type_init(PyObject *module) {
  PyObject *type = PyType_FromSpec(&spec);
  if (!type) return -1;
  tensor_type = (PyTypeObject *)type;
  return PyModule_AddObjectRef(module, "Tensor", type);
}
