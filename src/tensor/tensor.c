/* Tensors: creation, views, ownership. */
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

#include "base/convert.h"
#include "base/error.h"
#include "base/memory.h"
#include "kvino/strings.h"

/* Data up to this many bytes stands in the tensor's own allocation. */
static const size_t INLINE_BYTES = 32 << 10;

/* Elements and bytes of a shape, or an error. *size is -1 where a dimension is unknown and `symbolic` allows it. */
static kvino_status measure(kvino_dtype dtype, int rank, const int64_t *shape, bool symbolic, int64_t *size,
                            kvino_error *err) {
  if ((unsigned)dtype >= KVINO_DTYPE_COUNT) return kv_fail(err, KVINO_TYPE, "invalid dtype number %d", (int)dtype);
  if (rank < 0 || rank > KVINO_MAX_RANK)
    return kv_fail(err, KVINO_INVALID, "maximum supported dimension for an ndarray is currently %d, found %d",
                   KVINO_MAX_RANK, rank);
  if (rank && !shape) return kv_fail(err, KVINO_INVALID, "shape is NULL for a tensor of rank %d", rank);
  int64_t n = 1, bytes = (int64_t)kvino_dtype_size(dtype);
  bool unknown = false, empty = false;
  for (int i = 0; i < rank; i++) {
    if (shape[i] == -1 && symbolic) {
      unknown = true;
      continue;
    }
    if (shape[i] < 0) return kv_fail(err, KVINO_INVALID, "negative dimensions are not allowed");
    if (!shape[i]) {
      empty = true;
      continue;
    }
    if (__builtin_mul_overflow(n, shape[i], &n) || __builtin_mul_overflow(bytes, shape[i], &bytes))
      return kv_fail(err, KVINO_INVALID,
                     "array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible size.");
  }
  *size = unknown ? -1 : empty ? 0 : n;
  return KVINO_OK;
}

static void set_c_strides(kvino_tensor *t) {
  int64_t step = (int64_t)kvino_dtype_size((kvino_dtype)t->dtype);
  for (int i = t->rank - 1; i >= 0; i--) {
    t->strides[i] = step;
    if (t->shape[i] > 0) step *= t->shape[i];
  }
}

/* What `contiguous` says. Memory that is not aligned to its elements (a view into a packed record) counts as strided:
 * loops over strided memory take any address, those over contiguous memory are vectorized for aligned ones. */
static bool is_c_order(const kvino_tensor *t) {
  int64_t step = (int64_t)kvino_dtype_size((kvino_dtype)t->dtype);
  if (t->size == 0) return true;
  size_t align = kvino_dtype_is_complex((kvino_dtype)t->dtype) ? (size_t)step / 2 : (size_t)step;
  if ((uintptr_t)t->data & (align - 1)) return false;
  for (int i = t->rank - 1; i >= 0; i--) {
    if (t->shape[i] != 1 && t->strides[i] != step) return false;
    step *= t->shape[i];
  }
  return true;
}

/* The record with its shape, `extra` bytes behind it. Strides are left to the caller. */
static kvino_tensor *record(kvino_dtype dtype, int rank, const int64_t *shape, int64_t size, size_t extra) {
  size_t head = sizeof(kvino_tensor) + 2 * (size_t)rank * sizeof(int64_t);
  kvino_tensor *t = kv_malloc(head + extra);
  if (!t) return NULL;
  *t = (kvino_tensor){.refs = 1, .dtype = (uint8_t)dtype, .rank = (uint8_t)rank, .contiguous = true, .size = size};
  t->strides = t->shape + rank;
  for (int i = 0; i < rank; i++) t->shape[i] = shape[i];
  return t;
}

static kvino_status no_memory(kvino_error *err, kvino_dtype dtype, int rank, const int64_t *shape) {
  char text[KV_SHAPE_TEXT];
  return kv_fail(err, KVINO_NO_MEMORY, "Unable to allocate an array with shape %s and data type %s",
                 kv_shape_text(rank, shape, text), kvino_dtype_name(dtype));
}

kvino_status kv_tensor_empty(kvino_dtype dtype, int rank, const int64_t *shape, kvino_tensor **out, kvino_error *err) {
  int64_t size;
  /* Its elements would point to bytes that nobody holds: kv_strings_empty. */
  if (dtype == KVINO_STRING) return kv_fail(err, KVINO_TYPE, "this cannot be computed of dtype string");
  KV_TRY(measure(dtype, rank, shape, false, &size, err));
  size_t bytes = (size_t)size * kvino_dtype_size(dtype);
  bool inside = bytes <= INLINE_BYTES;
  kvino_tensor *t = record(dtype, rank, shape, size, inside ? bytes + KV_ALIGN : 0);
  if (!t) return no_memory(err, dtype, rank, shape);
  if (inside) {
    uintptr_t end = (uintptr_t)(t->shape + 2 * rank);
    t->data = (char *)((end + KV_ALIGN - 1) / KV_ALIGN * KV_ALIGN);
  } else {
    t->block = bytes;
    if (!(t->data = kv_block_new(bytes))) {
      kv_free(t);
      return no_memory(err, dtype, rank, shape);
    }
  }
  set_c_strides(t);
  *out = t;
  return KVINO_OK;
}

kvino_status kvino_tensor_new(kvino_dtype dtype, int rank, const int64_t *shape, const void *data, kvino_tensor **out,
                              kvino_error *err) {
  KV_NOT_NULL(err, out);
  if (dtype == KVINO_STRING) return kv_fail(err, KVINO_TYPE, "tensors of dtype string are made by kvino_strings_new");
  kvino_tensor *t = NULL;
  KV_TRY(kv_tensor_empty(dtype, rank, shape, &t, err));
  if (data && t->size) memcpy(t->data, data, (size_t)t->size * kvino_dtype_size(dtype));
  *out = t;
  return KVINO_OK;
}

kvino_status kvino_tensor_fill(kvino_dtype dtype, int rank, const int64_t *shape,
                               void (*fill)(void *context, void *data, size_t bytes), void *context, kvino_tensor **out,
                               kvino_error *err) {
  kvino_tensor *t = NULL;
  KV_NOT_NULL(err, fill && out);
  KV_TRY(kvino_tensor_new(dtype, rank, shape, NULL, &t, err));
  if (t->size) fill(context, t->data, (size_t)t->size * kvino_dtype_size(dtype));
  *out = t;
  return KVINO_OK;
}

kvino_status kv_tensor_adopt(kvino_dtype dtype, int rank, const int64_t *shape, void *block, size_t bytes,
                             kvino_tensor **out, kvino_error *err) {
  int64_t size;
  if (!bytes) { /* a tensor without elements knows no block to free */
    kv_block_free(block, 0);
    return kv_tensor_empty(dtype, rank, shape, out, err);
  }
  kvino_status status = measure(dtype, rank, shape, false, &size, err);
  kvino_tensor *t = status ? NULL : record(dtype, rank, shape, size, 0);
  if (!t) {
    kv_block_free(block, bytes);
    return status ? status : no_memory(err, dtype, rank, shape);
  }
  t->data = block;
  t->block = bytes;
  set_c_strides(t);
  *out = t;
  return KVINO_OK;
}

kvino_status kvino_tensor_wrap(kvino_dtype dtype, int rank, const int64_t *shape, const int64_t *strides,
                               const void *data, void (*release)(void *), void *context, kvino_tensor **out,
                               kvino_error *err) {
  int64_t size = 0;
  kvino_status status = out ? measure(dtype, rank, shape, false, &size, err)
                            : kv_fail(err, KVINO_INVALID, "kvino_tensor_wrap: the place for the tensor is NULL");
  if (!status && !data && size)
    status = kv_fail(err, KVINO_INVALID, "data is NULL for a tensor of %lld elements", (long long)size);
  kvino_tensor *t = NULL;
  if (!status && !(t = record(dtype, rank, shape, size, 0))) status = no_memory(err, dtype, rank, shape);
  if (status) {
    if (release) release(context);
    return status;
  }
  t->data = (char *)(uintptr_t)data;
  t->release = release;
  t->context = context;
  if (strides) {
    if (rank) memcpy(t->strides, strides, (size_t)rank * sizeof *strides);
    t->contiguous = is_c_order(t);
  } else {
    set_c_strides(t);
    t->contiguous = is_c_order(t);
  }
  *out = t;
  return KVINO_OK;
}

/* ---- strings ---- */

/* The memory of a tensor of strings: this record, the tensors that it holds, the elements, bytes. */
typedef struct owner {
  size_t n;
  kvino_tensor *held[];
} owner;

static void release_strings(void *context) {
  owner *o = context;
  for (size_t i = 0; i < o->n; i++) kvino_tensor_release(o->held[i]);
  kv_free(o);
}

kvino_status kv_strings_empty(int rank, const int64_t *shape, size_t n, kvino_tensor *const *from, size_t bytes,
                              char **own, kvino_tensor **out, kvino_error *err) {
  size_t size = sizeof(kvino_string), all = sizeof(owner) + n * sizeof(kvino_tensor *);
  bool fits = true;
  for (int i = 0; i < rank; i++) fits &= shape[i] >= 0 && !__builtin_mul_overflow(size, (size_t)shape[i], &size);
  fits = fits && !__builtin_add_overflow(all, size, &all) && !__builtin_add_overflow(all, bytes, &all);
  owner *o = fits ? kv_malloc(all) : NULL;
  if (!o) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for %zu bytes of strings", bytes);
  o->n = 0;
  for (size_t i = 0; i < n; i++)
    if (from[i]->dtype == KVINO_STRING) o->held[o->n++] = kvino_tensor_retain(from[i]->base ? from[i]->base : from[i]);
  char *elements = (char *)&o->held[n];
  memset(elements, 0, size);
  if (own) *own = elements + size;
  return kvino_tensor_wrap(KVINO_STRING, rank, shape, NULL, elements, release_strings, o, out, err);
}

kvino_status kv_tensor_view(kvino_tensor *t, kvino_dtype dtype, int rank, const int64_t *shape, const int64_t *strides,
                            char *data, kvino_tensor **out, kvino_error *err) {
  int64_t size;
  KV_TRY(measure(dtype, rank, shape, false, &size, err));
  kvino_tensor *v = record(dtype, rank, shape, size, 0);
  if (!v) return no_memory(err, dtype, rank, shape);
  if (rank) memcpy(v->strides, strides, (size_t)rank * sizeof *strides);
  v->data = data;
  v->weak = t->weak;
  v->base = kvino_tensor_retain(t->base ? t->base : t);
  v->contiguous = is_c_order(v);
  *out = v;
  return KVINO_OK;
}

kvino_status kv_tensor_symbolic(kvino_dtype dtype, int rank, const int64_t *shape, struct kv_node *node,
                                uint32_t output, kvino_tensor *value, void (*release)(void *), void *context,
                                kvino_tensor **out, kvino_error *err) {
  int64_t size = 0;
  kvino_status status = measure(dtype, rank, shape, true, &size, err);
  kvino_tensor *t = NULL;
  if (!status && !(t = record(dtype, rank, shape, size, 0))) status = no_memory(err, dtype, rank, shape);
  if (status) {
    if (release) release(context);
    return status;
  }
  if (value) {
    t->base = kvino_tensor_retain(value);
    t->data = value->data;
    t->contiguous = value->contiguous;
    if (rank) memcpy(t->strides, value->strides, (size_t)rank * sizeof *t->strides);
  } else if (rank) {
    memset(t->strides, 0, (size_t)rank * sizeof *t->strides);
  }
  t->node = node;
  t->output = output;
  t->release = release;
  t->context = context;
  *out = t;
  return KVINO_OK;
}

kvino_status kv_tensor_ints(size_t n, const int64_t *values, kvino_tensor **out, kvino_error *err) {
  return kvino_tensor_new(KVINO_I64, 1, (int64_t[]){(int64_t)n}, values, out, err);
}

kvino_status kvino_tensor_scalar_f64(kvino_dtype dtype, double value, kvino_tensor **out, kvino_error *err) {
  KV_NOT_NULL(err, out);
  kvino_tensor *t;
  if (dtype == KVINO_STRING) return kv_fail(err, KVINO_TYPE, "a number cannot have dtype string");
  KV_TRY(kv_tensor_empty(dtype, 0, NULL, &t, err));
  kv_store_f64(dtype, t->data, value);
  *out = t;
  return KVINO_OK;
}

kvino_status kvino_tensor_scalar_i64(kvino_dtype dtype, int64_t value, kvino_tensor **out, kvino_error *err) {
  KV_NOT_NULL(err, out);
  kvino_tensor *t;
  if (dtype == KVINO_STRING) return kv_fail(err, KVINO_TYPE, "a number cannot have dtype string");
  KV_TRY(kv_tensor_empty(dtype, 0, NULL, &t, err));
  kv_store_i64(dtype, t->data, value);
  *out = t;
  return KVINO_OK;
}

kvino_tensor *kvino_tensor_retain(kvino_tensor *t) {
  if (t) atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
  return t;
}

void kvino_tensor_release(kvino_tensor *t) {
  if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_release) != 1) return;
  atomic_thread_fence(memory_order_acquire);
  if (t->base) kvino_tensor_release(t->base);
  if (t->base && !t->node)
    ;
  else if (t->release)
    t->release(t->context);
  else if (t->block)
    kv_block_free(t->data, t->block);
  kv_free(t);
}

void kvino_tensors_clear(kvino_tensors *list) {
  if (!list) return;
  for (size_t i = 0; i < list->n; i++) kvino_tensor_release(list->v[i]);
  kv_free(list->v);
  *list = (kvino_tensors){0, NULL};
}

kvino_dtype kvino_tensor_dtype(const kvino_tensor *t) { return t ? (kvino_dtype)t->dtype : KVINO_DTYPE_COUNT; }
int kvino_tensor_rank(const kvino_tensor *t) { return t ? t->rank : 0; }
const int64_t *kvino_tensor_shape(const kvino_tensor *t) { return t ? t->shape : NULL; }
const int64_t *kvino_tensor_strides(const kvino_tensor *t) { return t ? t->strides : NULL; }
bool kvino_tensor_is_symbolic(const kvino_tensor *t) { return t && kv_is_symbolic(t) && !kv_is_watched(t); }

kvino_status kvino_tensor_detach(kvino_tensor *t, kvino_tensor **out, kvino_error *err) {
  KV_NOT_NULL(err, t && out);
  if (kvino_tensor_is_symbolic(t)) return kv_fail(err, KVINO_INVALID, "a symbolic tensor has no value");
  *out = kvino_tensor_retain(kv_is_watched(t) ? t->base : t);
  return KVINO_OK;
}

int64_t kvino_tensor_size(const kvino_tensor *t) { return t ? t->size : 0; }
const void *kvino_tensor_data(const kvino_tensor *t) { return t ? t->data : NULL; }
bool kvino_tensor_is_contiguous(const kvino_tensor *t) { return t && t->contiguous; }

kvino_status kvino_tensor_contiguous(kvino_tensor *t, kvino_tensor **out, kvino_error *err) {
  KV_NOT_NULL(err, t && out);
  if (t->contiguous || kvino_tensor_is_symbolic(t)) {
    *out = kvino_tensor_retain(t);
    return KVINO_OK;
  }
  kvino_tensor *copy;
  if (t->dtype == KVINO_STRING)
    KV_TRY(kv_strings_empty(t->rank, t->shape, 1, &t, 0, NULL, &copy, err));
  else
    KV_TRY(kv_tensor_empty((kvino_dtype)t->dtype, t->rank, t->shape, &copy, err));
  copy->weak = t->weak;
  kv_tensor_copy_to(t, copy->data);
  *out = copy;
  return KVINO_OK;
}

/* ---- element access by number ---- */

static const char *element(const kvino_tensor *t, int64_t i) {
  if (t->contiguous) return t->data + i * (int64_t)kvino_dtype_size((kvino_dtype)t->dtype);
  const char *p = t->data;
  for (int axis = t->rank - 1; axis >= 0; axis--) {
    p += i % t->shape[axis] * t->strides[axis];
    i /= t->shape[axis];
  }
  return p;
}

int64_t kv_tensor_get_int(const kvino_tensor *t, int64_t i) {
  return kv_load_i64((kvino_dtype)t->dtype, element(t, i));
}

double kv_tensor_get_number(const kvino_tensor *t, int64_t i) {
  return kv_load_f64((kvino_dtype)t->dtype, element(t, i));
}

const char *kv_shape_text(int rank, const int64_t *shape, char text[KV_SHAPE_TEXT]) {
  size_t n = (size_t)snprintf(text, KV_SHAPE_TEXT, "(");
  for (int i = 0; i < rank && n < KV_SHAPE_TEXT - 32; i++) {
    const char *separator = i ? ", " : "";
    n += (size_t)(shape[i] < 0 ? snprintf(text + n, KV_SHAPE_TEXT - n, "%sNone", separator)
                               : snprintf(text + n, KV_SHAPE_TEXT - n, "%s%lld", separator, (long long)shape[i]));
  }
  snprintf(text + n, KV_SHAPE_TEXT - n, rank == 1 ? ",)" : ")");
  return text;
}
