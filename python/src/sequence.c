/* Nested lists and tuples of numbers as tensors, with Keras's dtypes: int32, floatx, bool. */
#include <string.h>

#include "core.h"

/* Kinds of leaves, by what they make of the whole. */
enum { HAS_BOOL = 1, HAS_INT = 2, HAS_FLOAT = 4, HAS_COMPLEX = 8, HAS_OTHER = 16, HAS_TEXT = 32 };

typedef struct nest {
  int rank; /* -1: no leaf seen yet */
  int64_t shape[KVINO_MAX_RANK];
  unsigned seen;
  int64_t leaves;
} nest;

static bool is_list(PyObject *o) { return PyList_Check(o) || PyTuple_Check(o) || Py_IS_TYPE(o, &PyRange_Type); }

static Py_ssize_t length(PyObject *o) { return PyList_Check(o) ? PyList_Size(o) : PySequence_Size(o); }

/* A new reference. Now and then a signal is heeded: a range may be longer than anyone waits for. */
static PyObject *item(PyObject *o, Py_ssize_t i) {
  if (i && i % (1 << 16) == 0 && PyErr_CheckSignals()) return NULL;
  if (PyList_Check(o)) return Py_XNewRef(PyList_GetItem(o, i));
  if (PyTuple_Check(o)) return Py_XNewRef(PyTuple_GetItem(o, i));
  return PySequence_GetItem(o, i);
}

static int ragged(const nest *n, int depth) {
  PyObject *shape = shape_tuple(depth, n->shape);
  if (shape)
    PyErr_Format(PyExc_ValueError,
                 "setting an array element with a sequence. The requested array has an inhomogeneous shape after %d "
                 "dimensions. The detected shape was %S + inhomogeneous part.",
                 depth, shape);
  Py_XDECREF(shape);
  return -1;
}

static unsigned kind(PyObject *o) {
  if (PyFloat_CheckExact(o)) return HAS_FLOAT;
  if (PyLong_CheckExact(o)) return HAS_INT;
  if (PyBool_Check(o)) return HAS_BOOL;
  if (PyComplex_CheckExact(o)) return HAS_COMPLEX;
  if (PyUnicode_Check(o) || PyBytes_Check(o)) return HAS_TEXT;
  return HAS_OTHER;
}

/* The first leaf on the way down says how deep the nest is; `fixed` dimensions are known. */
static int scan(nest *n, PyObject *o, int depth, int *fixed) {
  if (!is_list(o)) {
    if (n->rank < 0) n->rank = depth;
    if (depth != n->rank) return ragged(n, depth);
    n->seen |= kind(o);
    n->leaves++;
    return 0;
  }
  if (depth == n->rank) {
    if (n->seen & HAS_OTHER) { /* [array, [1, 2]]: a list beside an array is a leaf that is converted by itself */
      n->leaves++;
      return 0;
    }
    return ragged(n, depth);
  }
  if (depth == KVINO_MAX_RANK) {
    PyErr_Format(PyExc_ValueError, "lists are nested deeper than %d", KVINO_MAX_RANK);
    return -1;
  }
  Py_ssize_t size = length(o);
  if (size < 0) return -1;
  if (depth < *fixed) {
    if (n->shape[depth] != size) return ragged(n, depth);
  } else {
    n->shape[depth] = size;
    *fixed = depth + 1;
  }
  for (Py_ssize_t i = 0; i < size; i++) {
    PyObject *part = item(o, i);
    if (!part) return -1;
    int status = scan(n, part, depth + 1, fixed);
    Py_DECREF(part);
    if (status) return -1;
  }
  return 0;
}

/* ---- numbers into memory ---- */

typedef struct filler {
  kvino_dtype dtype;
  char *at;
} filler;

static int64_t lowest(kvino_dtype d) {
  return d == KVINO_I8    ? INT8_MIN
         : d == KVINO_I16 ? INT16_MIN
         : d == KVINO_I32 ? INT32_MIN
         : d == KVINO_I64 ? INT64_MIN
                          : 0;
}

static uint64_t highest(kvino_dtype d) {
  size_t bits = 8 * kvino_dtype_size(d) - kvino_dtype_is_signed(d);
  return bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
}

static int store_integer(filler *f, PyObject *o) {
  int overflow;
  uint64_t bits;
  int64_t value = PyLong_AsLongLongAndOverflow(o, &overflow);
  bool fits = !overflow && value >= lowest(f->dtype) && (value < 0 || (uint64_t)value <= highest(f->dtype));
  bits = (uint64_t)value;
  if (overflow > 0 && f->dtype == KVINO_U64) {
    bits = PyLong_AsUnsignedLongLong(o);
    fits = !PyErr_Occurred();
    PyErr_Clear();
  }
  if (!fits) {
    PyErr_Format(PyExc_OverflowError, "Python integer %S out of bounds for %s", o, kvino_dtype_name(f->dtype));
    return -1;
  }
  size_t size = kvino_dtype_size(f->dtype);
  memcpy(f->at, &bits, size); /* little-endian: the low bytes */
  f->at += size;
  return 0;
}

static int store(filler *f, PyObject *o) {
  double v[2] = {0, 0};
  if (kvino_dtype_is_integer(f->dtype)) return store_integer(f, o);
  if (f->dtype == KVINO_BOOL) {
    *f->at++ = o == Py_True;
    return 0;
  }
  if (kvino_dtype_is_complex(f->dtype)) {
    v[0] = PyComplex_RealAsDouble(o);
    v[1] = PyComplex_ImagAsDouble(o);
  } else {
    v[0] = PyFloat_AsDouble(o);
  }
  if (v[0] == -1.0 && PyErr_Occurred()) return -1;
  int n = kvino_dtype_is_complex(f->dtype) ? 2 : 1;
  for (int i = 0; i < n; i++) {
    if (f->dtype == KVINO_F32 || f->dtype == KVINO_C64) {
      memcpy(f->at, &(float){(float)v[i]}, 4);
      f->at += 4;
    } else {
      memcpy(f->at, &v[i], 8);
      f->at += 8;
    }
  }
  return 0;
}

static int fill(filler *f, PyObject *o) {
  if (!is_list(o)) return store(f, o);
  Py_ssize_t size = length(o);
  for (Py_ssize_t i = 0; i < size; i++) {
    PyObject *part = item(o, i);
    if (!part) return -1;
    int status = fill(f, part);
    Py_DECREF(part);
    if (status) return -1;
  }
  return 0;
}

/* What the numbers are written as; another wanted dtype is a cast from it. */
static kvino_dtype stored_dtype(unsigned seen, kvino_dtype wanted) {
  kvino_dtype floatx = kvino_floatx();
  bool wide = wanted == KVINO_F64 || wanted == KVINO_C128 || floatx == KVINO_F64;
  if (seen & HAS_COMPLEX) return wide ? KVINO_C128 : KVINO_C64;
  if (seen & HAS_FLOAT) {
    if (wanted == KVINO_C64 || wanted == KVINO_C128 || wanted == KVINO_F32) return wanted;
    return wanted == KVINO_NO_DTYPE && floatx == KVINO_F32 ? KVINO_F32 : KVINO_F64;
  }
  if (seen & HAS_INT) {
    if (wanted == KVINO_NO_DTYPE) return KVINO_I32;
    if (wanted == KVINO_BOOL) return KVINO_I64;
    return wanted >= KVINO_F8E4M3 && wanted <= KVINO_BF16 ? KVINO_F64 : wanted;
  }
  if (seen & HAS_BOOL) return KVINO_BOOL;
  return wanted == KVINO_NO_DTYPE ? floatx : wanted; /* nothing inside */
}

/* The dtype where none is asked for. */
static kvino_dtype natural_dtype(unsigned seen) {
  kvino_dtype floatx = kvino_floatx();
  if (seen & HAS_COMPLEX) return floatx == KVINO_F64 ? KVINO_C128 : KVINO_C64;
  if (seen & HAS_FLOAT || !seen) return floatx;
  return seen & HAS_INT ? KVINO_I32 : KVINO_BOOL;
}

static converted from_numbers(const nest *n, PyObject *o, kvino_dtype wanted, kvino_tensor **out) {
  filler f = {stored_dtype(n->seen, wanted), NULL};
  kvino_error err;
  kvino_tensor *t = NULL;
  size_t bytes = (size_t)n->leaves * kvino_dtype_size(f.dtype);
  char few[512], *memory = bytes <= sizeof few ? few : PyMem_Malloc(bytes);
  if (!memory) {
    PyErr_NoMemory();
    return FAILED;
  }
  f.at = memory;
  if (!fill(&f, o) && kvino_tensor_new(f.dtype, n->rank, n->shape, memory, &t, &err)) raise_error(&err);
  if (memory != few) PyMem_Free(memory);
  if (!t) return FAILED;
  *out = tensor_cast(t, wanted == KVINO_NO_DTYPE ? natural_dtype(n->seen) : wanted);
  tensor_release_here(t);
  return *out ? DONE : FAILED;
}

/* ---- lists with arrays in them ---- */

typedef struct pile {
  size_t n;
  kvino_tensor **v;
} pile;

static int collect(pile *p, PyObject *o, int depth, unsigned flags) {
  if (depth == 0) {
    converted result = tensor_from_object(o, flags, &p->v[p->n]);
    if (result == NONE) raise_no_conversion(o);
    if (result <= 0) return -1;
    p->n++;
    return 0;
  }
  Py_ssize_t size = length(o);
  for (Py_ssize_t i = 0; i < size; i++) {
    PyObject *part = item(o, i);
    if (!part) return -1;
    int status = collect(p, part, depth - 1, flags);
    Py_DECREF(part);
    if (status) return -1;
  }
  return 0;
}

/* One stack of all the leaves, which promotes them together, and the lists' shape back in front. */
static converted from_tensors(const nest *n, PyObject *o, unsigned flags, kvino_dtype wanted, kvino_tensor **out) {
  pile p = {0, PyMem_Malloc((size_t)n->leaves * sizeof *p.v)};
  PyObject *stacked = NULL, *shaped = NULL;
  kvino_arg args[2];
  int64_t shape[KVINO_MAX_RANK];
  memset(args, 0, sizeof args);
  if (!p.v) {
    PyErr_NoMemory();
    return FAILED;
  }
  if (n->leaves == 1) flags |= CONVERT_COPY; /* a stack of one may be a view */
  if (collect(&p, o, n->rank, flags & ~(unsigned)CONVERT_STRONG)) goto end;
  args[0].tensors = (kvino_tensors){p.n, p.v};
  args[1].integer = 0;
  if (!(stacked = call_used(USED_stack, args))) goto end;
  if (n->rank > 1) {
    int inner = kvino_tensor_rank(p.v[0]);
    if (n->rank + inner > KVINO_MAX_RANK) {
      PyErr_Format(PyExc_ValueError, "lists are nested deeper than %d", KVINO_MAX_RANK);
      goto end;
    }
    memcpy(shape, n->shape, (size_t)n->rank * sizeof *shape);
    for (int i = 0; i < inner; i++) shape[n->rank + i] = kvino_tensor_shape(p.v[0])[i];
    args[0].tensor = tensor_get(stacked);
    args[1].ints = (kvino_ints){n->rank + inner, shape, NULL, true};
    shaped = call_used(USED_reshape, args);
  } else {
    shaped = Py_NewRef(stacked);
  }
  if (shaped)
    *out = wanted == KVINO_NO_DTYPE ? kvino_tensor_retain(tensor_get(shaped)) : tensor_cast(tensor_get(shaped), wanted);
end:
  for (size_t i = 0; i < p.n; i++) tensor_release_here(p.v[i]);
  PyMem_Free(p.v);
  Py_XDECREF(stacked);
  bool ok = shaped && *out;
  Py_XDECREF(shaped);
  return ok ? DONE : FAILED;
}

/* ---- texts ---- */

static int gather_leaves(PyObject *o, size_t *n, PyObject **leaf) {
  if (!is_list(o)) return leaf[(*n)++] = Py_NewRef(o), 0;
  Py_ssize_t size = length(o);
  for (Py_ssize_t i = 0; i < size; i++) {
    PyObject *part = item(o, i);
    int status = part ? gather_leaves(part, n, leaf) : -1;
    Py_XDECREF(part);
    if (status) return -1;
  }
  return 0;
}

static converted from_texts(const nest *n, PyObject *o, kvino_dtype wanted, kvino_tensor **out) {
  size_t count = 0;
  kvino_tensor *t = NULL;
  PyObject **leaf = PyMem_Malloc(((size_t)n->leaves + 1) * sizeof *leaf);
  if (!leaf) return PyErr_NoMemory(), FAILED;
  if (!gather_leaves(o, &count, leaf)) strings_from_leaves(n->rank, n->shape, count, leaf, &t);
  for (size_t i = 0; i < count; i++) Py_DECREF(leaf[i]);
  PyMem_Free(leaf);
  if (!t) return FAILED;
  *out = wanted == KVINO_NO_DTYPE ? kvino_tensor_retain(t) : tensor_cast(t, wanted);
  tensor_release_here(t);
  return *out ? DONE : FAILED;
}

converted tensor_from_sequence(PyObject *o, unsigned flags, kvino_dtype dtype, kvino_tensor **out) {
  nest n = {.rank = -1};
  int fixed = 0;
  if (scan(&n, o, 0, &fixed)) return FAILED;
  if (n.rank < 0) n.rank = fixed; /* no leaf: [] is (0,), [[], []] is (2, 0) */
  *out = NULL;
  if (n.seen & HAS_TEXT || (dtype == KVINO_STRING && !(n.seen & HAS_OTHER))) return from_texts(&n, o, dtype, out);
  return n.seen & HAS_OTHER ? from_tensors(&n, o, flags, dtype, out) : from_numbers(&n, o, dtype, out);
}
