/* ResampleBackprop: the transpose of Resample, computed beside it (kv_eval_resample). */
#include <string.h>

#include "prim/known.h"

kvino_status kv_infer_resample_backprop(kv_call *c) {
  const kvino_tensor *d = c->in[0], *start = c->in[1], *w = c->in[2];
  int64_t axis = c->attrs->axis.axis, shape[KVINO_MAX_RANK], length;
  bool known;
  KV_TRY(kv_normalize_axis(&axis, d->rank, c->err));
  if (d->dtype != KVINO_F32 && d->dtype != KVINO_F64)
    return kv_fail(c->err, KVINO_TYPE, "ResampleBackprop does not take dtype %s",
                   kvino_dtype_name((kvino_dtype)d->dtype));
  if (start->dtype != KVINO_I32 || start->rank != 1 || w->dtype != d->dtype || w->rank != 2)
    return kv_fail(c->err, KVINO_TYPE,
                   "ResampleBackprop takes int32 places [out] and weights [out, taps] of the data's dtype");
  int64_t out = d->shape[axis];
  if ((start->shape[0] >= 0 && out >= 0 && start->shape[0] != out) ||
      (w->shape[0] >= 0 && w->shape[0] != 1 && out >= 0 && w->shape[0] != out))
    return kv_fail(c->err, KVINO_INVALID, "ResampleBackprop: %lld places and weights for %lld, but there are %lld",
                   (long long)start->shape[0], (long long)w->shape[0], (long long)out);
  KV_TRY(kv_read_one(c, 3, "the length", &length, &known));
  if (known && length < 0) return kv_fail(c->err, KVINO_INVALID, "negative dimensions are not allowed");
  memcpy(shape, d->shape, (size_t)d->rank * sizeof *shape);
  shape[axis] = known ? length : -1;
  kv_call_spec(c, 0, (kvino_dtype)d->dtype, d->rank, shape);
  return KVINO_OK;
}
