/* Buffers of Python objects as tensors, and how such an object is given back when the tensor goes in another thread. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

/* ---- giving back ----
 * The release callback of a tensor never takes the GIL: the library may hold a lock there that a thread with the GIL
 * waits for. What comes back outside of tensor_release_here waits in a list for the interpreter's next pending call. */

static _Atomic(deferred *) waiting;
static _Atomic bool scheduled;
static _Thread_local int under_gil;

static int give_back_all(void *ignored) {
  (void)ignored;
  atomic_store(&scheduled, false);
  deferred *d = atomic_exchange(&waiting, NULL);
  while (d) {
    deferred *next = d->next;
    d->give_back(d);
    d = next;
  }
  return 0;
}

void deferred_release(void *context) {
  deferred *d = context;
  if (under_gil) {
    d->give_back(d);
    return;
  }
  if (!Py_IsInitialized()) return; /* the interpreter and the object are gone */
  d->next = atomic_load(&waiting);
  while (!atomic_compare_exchange_weak(&waiting, &d->next, d)) continue;
  /* Where the queue of pending calls is full, the next tensor_release_here does it. */
  if (!atomic_exchange(&scheduled, true) && Py_AddPendingCall(give_back_all, NULL)) atomic_store(&scheduled, false);
}

void tensor_release_here(kvino_tensor *t) {
  under_gil++;
  kvino_tensor_release(t);
  under_gil--;
  if (__builtin_expect(atomic_load_explicit(&waiting, memory_order_relaxed) != NULL, 0)) give_back_all(NULL);
}

void tensors_clear_here(kvino_tensors *list) {
  under_gil++;
  kvino_tensors_clear(list);
  under_gil--;
}

/* ---- tensors over buffers ---- */

typedef struct held_buffer {
  deferred link;
  Py_buffer view;
} held_buffer;

static void give_back_buffer(deferred *self) {
  held_buffer *held = (held_buffer *)self;
  PyBuffer_Release(&held->view);
  free(held);
}

/* Up to this many bytes a copy costs less than the record that holds the buffer. */
enum { COPY_BYTES = 4096 };

static bool is_aligned(const Py_buffer *view, kvino_dtype dtype) {
  size_t unit = kvino_dtype_size(dtype);
  if (kvino_dtype_is_complex(dtype)) unit /= 2;
  uintptr_t all = (uintptr_t)view->buf;
  for (int i = 0; i < view->ndim; i++) all |= (uintptr_t)view->strides[i];
  return all % unit == 0;
}

/* Copies `bytes` from one to the other turning each unit of `size` bytes round. */
static void swap_bytes(char *to, const char *from, size_t bytes, size_t size) {
  for (size_t i = 0; i < bytes; i += size)
    for (size_t k = 0; k < size; k++) to[i + k] = from[i + size - 1 - k];
}

/* A tensor of its own with the buffer's elements, in this machine's byte order. */
static converted copy_buffer(Py_buffer *view, kvino_dtype dtype, bool swapped, kvino_tensor **out) {
  kvino_error err;
  const int64_t *shape = (const int64_t *)view->shape;
  if (!swapped && PyBuffer_IsContiguous(view, 'C')) {
    if (!kvino_tensor_new(dtype, view->ndim, shape, view->buf, out, &err)) return DONE;
    raise_error(&err);
    return FAILED;
  }
  converted result = FAILED;
  char *bytes = malloc(view->len ? (size_t)view->len : 1);
  if (!bytes) {
    PyErr_NoMemory();
    return FAILED;
  }
  if (PyBuffer_ToContiguous(bytes, view, view->len, 'C')) goto end;
  if (swapped) {
    size_t unit = kvino_dtype_size(dtype) / (kvino_dtype_is_complex(dtype) ? 2 : 1);
    char *turned = malloc(view->len ? (size_t)view->len : 1);
    if (!turned) {
      PyErr_NoMemory();
      goto end;
    }
    swap_bytes(turned, bytes, (size_t)view->len, unit);
    free(bytes);
    bytes = turned;
  }
  if (kvino_tensor_new(dtype, view->ndim, shape, bytes, out, &err))
    raise_error(&err);
  else
    result = DONE;
end:
  free(bytes);
  return result;
}

static converted wrap_buffer(Py_buffer *view, kvino_dtype dtype, kvino_tensor **out) {
  held_buffer *held = malloc(sizeof *held);
  if (!held) {
    PyBuffer_Release(view);
    PyErr_NoMemory();
    return FAILED;
  }
  /* Only the exporter's fields move with the struct: a buffer that points into itself (as bytes' does) is contiguous
   * and its shape was copied by the tensor. */
  bool readonly = view->readonly;
  held->link.give_back = give_back_buffer;
  held->view = *view;
  kvino_error err;
  under_gil++;
  kvino_status status = kvino_tensor_wrap(dtype, view->ndim, (const int64_t *)view->shape,
                                          (const int64_t *)view->strides, view->buf, deferred_release, held, out, &err);
  under_gil--;
  if (status) {
    raise_error(&err);
    return FAILED;
  }
  return readonly ? DONE : ALIASED;
}

/* Takes the view, also on failure. */
static converted from_view(Py_buffer *view, kvino_dtype dtype, bool swapped, unsigned flags, kvino_tensor **out) {
  if (view->ndim && (!view->shape || !view->strides)) {
    PyBuffer_Release(view);
    PyErr_SetString(PyExc_TypeError, "the buffer has no shape or no strides");
    return FAILED;
  }
  bool must_copy =
      swapped || view->len <= COPY_BYTES || (flags & CONVERT_COPY && !view->readonly) || !is_aligned(view, dtype);
  if (!must_copy) return wrap_buffer(view, dtype, out);
  converted result = copy_buffer(view, dtype, swapped, out);
  PyBuffer_Release(view);
  return result;
}

converted tensor_from_buffer(PyObject *o, unsigned flags, kvino_tensor **out) {
  Py_buffer view;
  kvino_dtype dtype;
  bool swapped;
  if (!PyObject_CheckBuffer(o) || PyBytes_Check(o) || PyByteArray_Check(o)) return NONE;
  if (PyObject_GetBuffer(o, &view, PyBUF_RECORDS_RO)) {
    PyErr_Clear(); /* another protocol may serve */
    return NONE;
  }
  if (!dtype_from_format(view.format, view.itemsize, &dtype, &swapped)) {
    PyErr_Format(PyExc_TypeError, "a buffer of format '%s' cannot become a kvino tensor", view.format);
    PyBuffer_Release(&view);
    return FAILED;
  }
  return from_view(&view, dtype, swapped, flags, out);
}

/* ---- NumPy ---- */

static PyObject *attribute(PyObject *o, PyObject *name) { return o ? PyObject_GetAttr(o, name) : NULL; }

static void refuse_numpy(PyObject *o) {
  PyErr_Clear();
  PyObject *dtype = PyObject_GetAttr(o, str_dtype);
  if (dtype) PyErr_Format(PyExc_TypeError, "a NumPy array of dtype %S cannot become a kvino tensor", dtype);
  Py_XDECREF(dtype);
}

/* Arrays whose dtype the buffer protocol cannot say: those of ml_dtypes are seen as integers of their size. */
static converted from_extended(PyObject *o, unsigned flags, bool scalar, kvino_tensor **out) {
  PyErr_Clear();
  PyObject *descriptor = PyObject_GetAttr(o, str_dtype), *name = attribute(descriptor, str_name), *array = NULL,
           *bits = NULL;
  Py_buffer view;
  converted result = FAILED;
  kvino_dtype dtype = KVINO_NO_DTYPE;
  const char *text = name && PyUnicode_Check(name) ? PyUnicode_AsUTF8AndSize(name, NULL) : NULL;
  if (!text) goto end;
  for (int i = KVINO_F8E4M3; i <= KVINO_BF16; i++)
    if (!strcmp(text, kvino_dtype_name((kvino_dtype)i))) dtype = (kvino_dtype)i;
  if (dtype == KVINO_NO_DTYPE) {
    refuse_numpy(o);
    goto end;
  }
  array = scalar ? PyObject_CallMethodObjArgs(numpy_module(), str_asarray, o, NULL) : Py_NewRef(o);
  bits = array ? PyObject_CallMethod(array, "view", "s", kvino_dtype_size(dtype) == 1 ? "uint8" : "uint16") : NULL;
  if (bits && !PyObject_GetBuffer(bits, &view, PyBUF_RECORDS_RO)) result = from_view(&view, dtype, false, flags, out);
end:
  Py_XDECREF(descriptor);
  Py_XDECREF(name);
  Py_XDECREF(array);
  Py_XDECREF(bits);
  return result;
}

converted tensor_from_numpy(PyObject *o, unsigned flags, bool scalar, kvino_tensor **out) {
  Py_buffer view;
  kvino_dtype dtype;
  bool swapped;
  if (PyObject_GetBuffer(o, &view, PyBUF_RECORDS_RO)) {
    PyErr_Clear();
    converted result = strings_from_numpy(o, out);
    return result == NONE ? from_extended(o, flags, scalar, out) : result;
  }
  /* datetime64 and timedelta64 scalars show 8 bytes. */
  if ((scalar && view.ndim) || !dtype_from_format(view.format, view.itemsize, &dtype, &swapped)) {
    PyBuffer_Release(&view);
    converted result = strings_from_numpy(o, out);
    if (result == NONE) refuse_numpy(o);
    return result == NONE ? FAILED : result;
  }
  return from_view(&view, dtype, swapped, flags, out);
}
