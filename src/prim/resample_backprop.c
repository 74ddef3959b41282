/* ResampleBackprop: the transpose of Resample. */
#include <string.h>

#include "kernels/resample.h"
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

kvino_status kv_eval_resample_backprop(kv_call *c) {
  int64_t axis = c->attrs->axis.axis;
  kvino_tensor *operand[3] = {NULL};
  KV_TRY(kv_normalize_axis(&axis, c->in[0]->rank, c->err));
  KV_TRY(kv_call_alloc(c, 0));
  kvino_status status = KVINO_OK;
  for (int i = 0; i < 3 && !status; i++) status = kvino_tensor_contiguous(c->in[i], &operand[i], c->err);
  if (!status) {
    const kvino_tensor *d = operand[0];
    kv_resampling r = {.dtype = (kvino_dtype)d->dtype,
                       .outer = 1,
                       .in = c->out[0]->shape[axis],
                       .out = d->shape[axis],
                       .inner = 1,
                       .taps = operand[2]->shape[1],
                       .start = (const int32_t *)operand[1]->data,
                       .w = operand[2]->data,
                       .one_row = operand[2]->shape[0] == 1,
                       .x = d->data,
                       .y = c->out[0]->data};
    for (int k = 0; k < axis; k++) r.outer *= d->shape[k];
    for (int k = (int)axis + 1; k < d->rank; k++) r.inner *= d->shape[k];
    kv_resample_back(&r);
  }
  for (int i = 0; i < 3; i++) kvino_tensor_release(operand[i]);
  return status;
}
