/* DLPack both ways: memory shared with other array libraries, on the CPU. The structures are those of DLPack 1.x, and
 * of the versions before it, which say less (nothing about read-only memory). */
#include <stdlib.h>
#include <string.h>

#include "core.h"

typedef struct dl_device {
  int32_t type, id;
} dl_device;
typedef struct dl_dtype {
  uint8_t code, bits;
  uint16_t lanes;
} dl_dtype;
typedef struct dl_tensor {
  void *data;
  dl_device device;
  int32_t ndim;
  dl_dtype dtype;
  int64_t *shape, *strides; /* strides in elements; NULL: C order */
  uint64_t byte_offset;
} dl_tensor;
typedef struct dl_legacy {
  dl_tensor tensor;
  void *context;
  void (*deleter)(struct dl_legacy *self);
} dl_legacy;
typedef struct dl_versioned {
  uint32_t major, minor;
  void *context;
  void (*deleter)(struct dl_versioned *self);
  uint64_t flags;
  dl_tensor tensor;
} dl_versioned;

enum { DL_CPU = 1, DL_CUDA_HOST = 3, DL_ROCM_HOST = 11, DL_READ_ONLY = 1, DL_COPIED = 2 };

static const struct {
  uint8_t code, bits;
} codes[KVINO_DTYPE_COUNT] = {
    [KVINO_BOOL] = {6, 8},    [KVINO_U8] = {1, 8},   [KVINO_U16] = {1, 16},   [KVINO_U32] = {1, 32},
    [KVINO_U64] = {1, 64},    [KVINO_I8] = {0, 8},   [KVINO_I16] = {0, 16},   [KVINO_I32] = {0, 32},
    [KVINO_I64] = {0, 64},    [KVINO_F16] = {2, 16}, [KVINO_F32] = {2, 32},   [KVINO_F64] = {2, 64},
    [KVINO_BF16] = {4, 16},   [KVINO_C64] = {5, 64}, [KVINO_C128] = {5, 128}, [KVINO_F8E4M3] = {10, 8},
    [KVINO_F8E5M2] = {12, 8},
};

/* ---- giving ---- */

/* What a capsule of either version holds, with the dimensions behind. */
typedef struct given {
  union {
    dl_legacy legacy;
    dl_versioned versioned;
  };
  kvino_tensor *t;
  int64_t dims[];
} given;

/* The consumer calls these from any thread, with or without the GIL. */
static void delete_legacy(dl_legacy *self) {
  given *g = self->context;
  kvino_tensor_release(g->t);
  free(g);
}
static void delete_versioned(dl_versioned *self) {
  given *g = self->context;
  kvino_tensor_release(g->t);
  free(g);
}

/* A capsule that nobody consumed still has its first name. */
static void drop_legacy(PyObject *capsule) {
  if (!PyCapsule_IsValid(capsule, "dltensor")) return;
  dl_legacy *m = PyCapsule_GetPointer(capsule, "dltensor");
  m->deleter(m);
}
static void drop_versioned(PyObject *capsule) {
  if (!PyCapsule_IsValid(capsule, "dltensor_versioned")) return;
  dl_versioned *m = PyCapsule_GetPointer(capsule, "dltensor_versioned");
  m->deleter(m);
}

static void describe(given *g, dl_tensor *d) {
  kvino_tensor *t = g->t;
  int rank = kvino_tensor_rank(t);
  kvino_dtype dtype = kvino_tensor_dtype(t);
  int64_t size = (int64_t)kvino_dtype_size(dtype);
  d->data = (void *)(uintptr_t)kvino_tensor_data(t);
  d->device = (dl_device){DL_CPU, 0};
  d->ndim = rank;
  d->dtype = (dl_dtype){codes[dtype].code, codes[dtype].bits, 1};
  d->shape = g->dims;
  d->strides = g->dims + rank;
  d->byte_offset = 0;
  for (int i = 0; i < rank; i++) {
    d->shape[i] = kvino_tensor_shape(t)[i];
    d->strides[i] = kvino_tensor_strides(t)[i] / size;
  }
}

/* Takes the tensor. */
static PyObject *capsule_new(kvino_tensor *t, bool versioned, bool copied) {
  given *g = malloc(sizeof *g + 2 * (size_t)kvino_tensor_rank(t) * sizeof(int64_t));
  if (!g) {
    tensor_release_here(t);
    return PyErr_NoMemory();
  }
  g->t = t;
  PyObject *capsule;
  if (versioned) {
    g->versioned = (dl_versioned){
        .major = 1, .minor = 0, .context = g, .deleter = delete_versioned, .flags = copied ? DL_COPIED : DL_READ_ONLY};
    describe(g, &g->versioned.tensor);
    capsule = PyCapsule_New(&g->versioned, "dltensor_versioned", drop_versioned);
  } else {
    g->legacy = (dl_legacy){.context = g, .deleter = delete_legacy};
    describe(g, &g->legacy.tensor);
    capsule = PyCapsule_New(&g->legacy, "dltensor", drop_legacy);
  }
  if (!capsule) {
    tensor_release_here(t);
    free(g);
  }
  return capsule;
}

/* Strides must be whole elements, which only odd foreign memory breaks. */
static bool whole_strides(const kvino_tensor *t) {
  for (int i = 0; i < kvino_tensor_rank(t); i++)
    if (kvino_tensor_strides(t)[i] % (int64_t)kvino_dtype_size(kvino_tensor_dtype(t))) return false;
  return true;
}

/* Two numbers in a tuple, or None. */
static int pair(PyObject *o, const char *name, int *first, int *second) {
  if (o == Py_None) return 1;
  if (PyTuple_Check(o) && PyTuple_Size(o) == 2) return PyArg_ParseTuple(o, "ii", first, second);
  return PyErr_Format(PyExc_TypeError, "%s must be None or a tuple of two integers", name), 0;
}

PyObject *tensor_dlpack(PyObject *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"stream", "max_version", "dl_device", "copy", NULL};
  PyObject *stream = Py_None, *version = Py_None, *device = Py_None, *copy = Py_None;
  kvino_tensor *t = tensor_get(self), *shared;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO:__dlpack__", names, &stream, &version, &device, &copy))
    return NULL;
  int major = 0, minor = 0, type = DL_CPU, id = 0;
  if (!pair(version, "max_version", &major, &minor) || !pair(device, "dl_device", &type, &id)) return NULL;
  if (stream != Py_None)
    return PyErr_SetString(PyExc_ValueError, "stream must be None: the tensor is on the CPU"), NULL;
  if (type != DL_CPU || id) return PyErr_SetString(PyExc_BufferError, "a kvino.Tensor is on the CPU"), NULL;
  if (kvino_tensor_is_symbolic(t)) return PyErr_SetString(PyExc_BufferError, "a symbolic tensor has no data"), NULL;
  if (!codes[kvino_tensor_dtype(t)].bits)
    return PyErr_Format(PyExc_BufferError, "DLPack has no dtype %s", kvino_dtype_name(kvino_tensor_dtype(t)));
  int must_copy = copy == Py_None ? 0 : PyObject_IsTrue(copy);
  if (must_copy < 0) return NULL;
  must_copy = must_copy || (copy == Py_None && !whole_strides(t));
  if (!whole_strides(t) && !must_copy)
    return PyErr_SetString(PyExc_BufferError, "the strides are not a multiple of the element size"), NULL;
  if (!(shared = must_copy ? tensor_copy(t) : kvino_tensor_retain(t))) return NULL;
  return capsule_new(shared, major >= 1, must_copy);
}

PyObject *tensor_dlpack_device(PyObject *self, PyObject *ignored) {
  (void)self;
  (void)ignored;
  return Py_BuildValue("ii", DL_CPU, 0);
}

/* ---- taking ---- */

typedef struct taken {
  deferred link;
  dl_legacy *legacy;
  dl_versioned *versioned;
} taken;

static void give_back_taken(deferred *self) {
  taken *held = (taken *)self;
  if (held->versioned && held->versioned->deleter) held->versioned->deleter(held->versioned);
  if (held->legacy && held->legacy->deleter) held->legacy->deleter(held->legacy);
  free(held);
}

static bool find_dtype(dl_dtype d, kvino_dtype *out) {
  for (int i = 0; i < KVINO_DTYPE_COUNT; i++)
    if (codes[i].bits && codes[i].code == d.code && codes[i].bits == d.bits && d.lanes == 1)
      return *out = (kvino_dtype)i, true;
  return false;
}

/* Checks everything before the memory is taken over. */
static int check(const dl_tensor *d, kvino_dtype *dtype) {
  if (d->device.type != DL_CPU && d->device.type != DL_CUDA_HOST && d->device.type != DL_ROCM_HOST)
    PyErr_Format(PyExc_BufferError, "the array is on DLPack device (%d, %d), not on the CPU", d->device.type,
                 d->device.id);
  else if (!find_dtype(d->dtype, dtype))
    PyErr_Format(PyExc_TypeError, "kvino has no dtype for DLPack's (code %d, %d bits, %d lanes)", d->dtype.code,
                 d->dtype.bits, d->dtype.lanes);
  else if (d->ndim < 0 || d->ndim > KVINO_MAX_RANK)
    PyErr_Format(PyExc_ValueError, "maximum supported dimension for an ndarray is currently %d, found %d",
                 KVINO_MAX_RANK, d->ndim);
  else
    return 0;
  return -1;
}

static converted take(PyObject *capsule, kvino_tensor **out) {
  bool versioned = PyCapsule_IsValid(capsule, "dltensor_versioned");
  if (!versioned && !PyCapsule_IsValid(capsule, "dltensor")) {
    PyErr_SetString(PyExc_TypeError, "__dlpack__ did not give a DLPack capsule, or one that has been consumed");
    return FAILED;
  }
  void *managed = PyCapsule_GetPointer(capsule, versioned ? "dltensor_versioned" : "dltensor");
  if (versioned && ((dl_versioned *)managed)->major > 1) {
    PyErr_Format(PyExc_BufferError, "DLPack version %u is not known", ((dl_versioned *)managed)->major);
    return FAILED;
  }
  const dl_tensor *d = versioned ? &((dl_versioned *)managed)->tensor : &((dl_legacy *)managed)->tensor;
  bool readonly = versioned && ((dl_versioned *)managed)->flags & DL_READ_ONLY;
  kvino_dtype dtype;
  int64_t strides[KVINO_MAX_RANK];
  if (check(d, &dtype)) return FAILED;
  for (int i = 0; i < d->ndim && d->strides; i++) strides[i] = d->strides[i] * (int64_t)kvino_dtype_size(dtype);
  taken *held = malloc(sizeof *held);
  if (!held) {
    PyErr_NoMemory();
    return FAILED;
  }
  *held = (taken){{NULL, give_back_taken}, versioned ? NULL : managed, versioned ? managed : NULL};
  if (PyCapsule_SetName(capsule, versioned ? "used_dltensor_versioned" : "used_dltensor")) {
    free(held);
    return FAILED;
  }
  kvino_error err;
  if (kvino_tensor_wrap(dtype, d->ndim, d->shape, d->strides ? strides : NULL, (char *)d->data + d->byte_offset,
                        deferred_release, held, out, &err)) {
    raise_error(&err);
    return FAILED;
  }
  return readonly ? DONE : ALIASED;
}

/* o.__dlpack__(max_version=(1, 0)), or without where the producer is older. */
static PyObject *ask(PyObject *o) {
  PyObject *method = PyObject_GetAttr(o, str___dlpack__);
  if (!method) return NULL;
  PyObject *none = PyTuple_New(0), *options = Py_BuildValue("{O:(ii)}", str_max_version, 1, 0), *capsule = NULL;
  if (none && options) capsule = PyObject_Call(method, none, options);
  if (!capsule && none && PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Clear();
    capsule = PyObject_Call(method, none, NULL);
  }
  Py_XDECREF(none);
  Py_XDECREF(options);
  Py_DECREF(method);
  return capsule;
}

static bool on_host(PyObject *o) {
  PyObject *device = PyObject_CallMethodObjArgs(o, str___dlpack_device__, NULL);
  int type = 0;
  bool ok = device && PyTuple_Check(device) && PyTuple_Size(device) == 2;
  if (ok) {
    PyObject *number = PyNumber_Long(PyTuple_GetItem(device, 0)); /* NumPy and PyTorch give an enum */
    type = number ? (int)PyLong_AsLong(number) : 0;
    Py_XDECREF(number);
  }
  Py_XDECREF(device);
  return ok && !PyErr_Occurred() && (type == DL_CPU || type == DL_CUDA_HOST || type == DL_ROCM_HOST);
}

converted tensor_from_dlpack(PyObject *o, kvino_tensor **out) {
  PyObject *method = PyObject_GetAttr((PyObject *)Py_TYPE(o), str___dlpack__);
  Py_XDECREF(method);
  if (!method || !on_host(o)) return PyErr_Clear(), NONE;
  PyObject *capsule = ask(o);
  if (!capsule) return PyErr_Clear(), NONE; /* __array__ may serve */
  converted result = take(capsule, out);
  Py_DECREF(capsule);
  return result;
}

PyObject *from_dlpack(PyObject *module, PyObject *o) {
  (void)module;
  kvino_tensor *t;
  if (!PyCapsule_CheckExact(o)) {
    PyObject *capsule = ask(o);
    if (!capsule) return NULL;
    converted result = take(capsule, &t);
    Py_DECREF(capsule);
    return result > 0 ? tensor_object_new(t) : NULL;
  }
  return take(o, &t) > 0 ? tensor_object_new(t) : NULL;
}
