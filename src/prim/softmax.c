/* SoftMax and LogSoftmax along one axis. f8, f16 and bf16 are computed as f32 and rounded once. */
#include "kernels/reduce/normalize.h"
#include "prim/floats.h"

kvino_status kv_infer_softmax(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int64_t axis = c->attrs->axis.axis;
  KV_TRY(kv_floats_only(c));
  KV_TRY(kv_normalize_axis(&axis, x->rank, c->err));
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  return KVINO_OK;
}

kvino_status kv_eval_softmax(kv_call *c) {
  int64_t axis = c->attrs->axis.axis, outer = 1, inner = 1;
  kv_scope s;
  kv_scope_enter(&s, c->err);
  kvino_tensor *x = kv_working(&s, c->in[0]), *y = kv_result_for(&s, c);
  if (y) {
    if (axis < 0) axis += x->rank;
    for (int k = 0; k < axis; k++) outer *= x->shape[k];
    for (int k = (int)axis + 1; k < x->rank; k++) inner *= x->shape[k];
    kv_softmax_axis((kvino_dtype)x->dtype, x->data, y->data, outer, x->shape[axis], inner,
                    c->prim->id == KV_LogSoftmax);
  }
  return kv_scope_leave(&s, kv_rounded(&s, y, c), &c->out[0]);
}
