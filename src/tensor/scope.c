#include "tensor/scope.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tensor/tensor.h"

void kv_scope_enter(kv_scope *s, kvino_error *err) {
  s->status = KVINO_OK;
  s->err = err;
  s->may_defer = false;
  s->deferred = NULL;
  s->n = s->n_memory = s->memory_capacity = 0;
  s->capacity = KV_SCOPE_FEW;
  s->owned = s->few;
  s->memory = NULL;
}

static void release_all(kv_scope *s) {
  for (size_t i = s->n; i-- > 0;) kvino_tensor_release(s->owned[i]);
  if (s->owned != s->few) kv_free(s->owned);
  for (size_t i = 0; i < s->n_memory; i++) kv_free(s->memory[i]);
  kv_free(s->memory);
}

kvino_status kv_scope_leave(kv_scope *s, kvino_tensor *result, kvino_tensor **out) {
  if (!s->status && !result) kv_scope_fail(s, KVINO_INVALID, "an operand is NULL");
  if (!s->status) *out = kvino_tensor_retain(result);
  release_all(s);
  return s->status;
}

kvino_status kv_scope_leave_many(kv_scope *s, kvino_tensors result, kvino_tensors *out) {
  kvino_tensor **v = NULL;
  if (!s->status && result.n && !result.v) kv_scope_fail(s, KVINO_INVALID, "an operand is NULL");
  for (size_t i = 0; !s->status && i < result.n; i++)
    if (!result.v[i]) kv_scope_fail(s, KVINO_INVALID, "an operand is NULL");
  if (!s->status && !(v = kv_malloc(result.n * sizeof *v)))
    kv_scope_fail(s, KVINO_NO_MEMORY, "out of memory for a list of %zu tensors", result.n);
  if (!s->status) {
    for (size_t i = 0; i < result.n; i++) v[i] = kvino_tensor_retain(result.v[i]);
    *out = (kvino_tensors){result.n, v};
  }
  release_all(s);
  return s->status;
}

kvino_tensor *kv_own(kv_scope *s, kvino_tensor *t) {
  if (!t) return NULL;
  if (s->n == s->capacity) {
    size_t wanted = s->capacity * 2;
    kvino_tensor **more = kv_malloc(wanted * sizeof *more);
    if (!more) {
      kvino_tensor_release(t);
      return kv_scope_fail(s, KVINO_NO_MEMORY, "out of memory for a list of %zu tensors", wanted);
    }
    memcpy(more, s->owned, s->n * sizeof *more);
    if (s->owned != s->few) kv_free(s->owned);
    s->owned = more;
    s->capacity = wanted;
  }
  return s->owned[s->n++] = t;
}

void *kv_scope_alloc(kv_scope *s, size_t n, size_t size) {
  size_t bytes;
  void *p = NULL;
  if (s->status) return NULL;
  if (s->n_memory == s->memory_capacity) {
    size_t wanted = s->memory_capacity ? s->memory_capacity * 2 : 8;
    void **more = kv_realloc(s->memory, wanted * sizeof *more);
    if (!more) return kv_scope_fail(s, KVINO_NO_MEMORY, "out of memory for a list of %zu blocks", wanted);
    s->memory = more;
    s->memory_capacity = wanted;
  }
  if (__builtin_mul_overflow(n, size, &bytes) || !(p = kv_malloc(bytes)))
    return kv_scope_fail(s, KVINO_NO_MEMORY, "out of memory for %zu items", n);
  return s->memory[s->n_memory++] = p;
}

void *kv_scope_fail(kv_scope *s, kvino_status status, const char *format, ...) {
  if (s->status) return NULL;
  s->status = status;
  if (s->err) {
    va_list args;
    va_start(args, format);
    s->err->status = status;
    vsnprintf(s->err->text, sizeof s->err->text, format, args);
    va_end(args);
  }
  return NULL;
}

bool kv_scope_ok(kv_scope *s, kvino_status status) {
  if (status && !s->status) s->status = status;
  return !s->status;
}

kvino_tensor *kv_int(kv_scope *s, kvino_dtype dtype, int64_t value) {
  kvino_tensor *t = NULL;
  return !s->status && kv_scope_ok(s, kvino_tensor_scalar_i64(dtype, value, &t, s->err)) ? kv_own(s, t) : NULL;
}

kvino_tensor *kv_number(kv_scope *s, kvino_dtype dtype, double value) {
  kvino_tensor *t = NULL;
  return !s->status && kv_scope_ok(s, kvino_tensor_scalar_f64(dtype, value, &t, s->err)) ? kv_own(s, t) : NULL;
}

kvino_tensor *kv_vector(kv_scope *s, size_t n, const int64_t *values) {
  kvino_tensor *t = NULL;
  return !s->status && kv_scope_ok(s, kv_tensor_ints(n, values, &t, s->err)) ? kv_own(s, t) : NULL;
}
