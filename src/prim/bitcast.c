/* Bitcast: the bytes of a tensor as elements of another dtype. Where the widths differ, the last dimension does:
 * NumPy's ndarray.view. */
#include <stdint.h>

#include "prim/prim.h"

static kvino_status refuse(kv_call *c, const char *why) { return kv_fail(c->err, KVINO_INVALID, "%s", why); }

kvino_status kv_infer_bitcast(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  kvino_dtype to = c->attrs->convert.destination_type;
  if ((unsigned)to >= KVINO_DTYPE_COUNT) return kv_fail(c->err, KVINO_TYPE, "invalid dtype number %d", (int)to);
  if (x->dtype == KVINO_STRING || to == KVINO_STRING)
    return kv_fail(c->err, KVINO_TYPE, "Bitcast does not take dtype string");
  int64_t from_size = (int64_t)kvino_dtype_size((kvino_dtype)x->dtype), to_size = (int64_t)kvino_dtype_size(to);
  kv_call_spec(c, 0, to, x->rank, x->shape);
  if (from_size == to_size) return KVINO_OK;
  if (!x->rank) return refuse(c, "Changing the dtype of a 0d array is only supported if the itemsize is unchanged");
  int64_t *last = &c->spec[0].shape[x->rank - 1];
  if (*last < 0) return KVINO_OK;
  if (to_size > from_size && *last % (to_size / from_size))
    return refuse(c, "When changing to a larger dtype, its size must be a divisor of the total size in bytes of the "
                     "last axis of the array.");
  if (to_size < from_size && __builtin_mul_overflow(*last, from_size / to_size, last))
    return refuse(c, "array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible size.");
  if (to_size > from_size) *last /= to_size / from_size;
  return KVINO_OK;
}

/* Whether all bytes lie where elements of `size` bytes may: dense in the last axis, every step a multiple. */
static bool fits(const kvino_tensor *x, size_t size) {
  size_t from = kvino_dtype_size((kvino_dtype)x->dtype);
  if (size == from) return true;
  if (x->shape[x->rank - 1] > 1 && x->strides[x->rank - 1] != (int64_t)from) return false;
  for (int i = 0; i < x->rank - 1; i++)
    if (x->strides[i] % (int64_t)size) return false;
  return (uintptr_t)x->data % size == 0;
}

/* Bytes other than 0 are true; the kernels take them to be 1. */
static void make_truths(kvino_tensor *t) {
  for (int64_t i = 0; i < t->size; i++) t->data[i] = t->data[i] != 0;
}

kvino_status kv_eval_bitcast(kv_call *c) {
  kvino_tensor *x = c->in[0];
  const kv_spec *spec = &c->spec[0];
  size_t size = kvino_dtype_size(spec->dtype);
  bool truths = spec->dtype == KVINO_BOOL && x->dtype != KVINO_BOOL;
  if (truths || !fits(x, size)) {
    KV_TRY(kv_call_alloc(c, 0));
    kv_tensor_copy_to(x, c->out[0]->data);
    if (truths) make_truths(c->out[0]);
    return KVINO_OK;
  }
  int64_t strides[KVINO_MAX_RANK];
  for (int i = 0; i < x->rank; i++) strides[i] = x->strides[i];
  if (x->rank && size != kvino_dtype_size((kvino_dtype)x->dtype)) strides[x->rank - 1] = (int64_t)size;
  return kv_tensor_view(x, spec->dtype, x->rank, spec->shape, strides, x->data, &c->out[0], c->err);
}
