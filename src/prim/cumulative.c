/* Running sums and products along one axis: CumSum, and CumProd, which OpenVINO lacks. Operands: x, axis. */
#include "kernels/accumulate.h"
#include "prim/known.h"

kvino_status kv_infer_cumulative(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int64_t axis;
  if (x->dtype == KVINO_BOOL || x->dtype == KVINO_STRING)
    return kv_fail(c->err, KVINO_TYPE, "%s does not take dtype %s", c->prim->name,
                   kvino_dtype_name((kvino_dtype)x->dtype));
  KV_TRY(kv_read_axis(c, 1, x->rank, &axis));
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  return KVINO_OK;
}

kvino_status kv_eval_cumulative(kv_call *c) {
  kvino_tensor *x;
  int64_t axis, outer = 1, inner = 1;
  KV_TRY(kv_read_axis(c, 1, c->in[0]->rank, &axis));
  KV_TRY(kv_call_alloc(c, 0));
  KV_TRY(kvino_tensor_contiguous(c->in[0], &x, c->err));
  for (int k = 0; k < x->rank; k++) {
    if (k < axis) outer *= x->shape[k];
    if (k > axis) inner *= x->shape[k];
  }
  kv_scan((kvino_dtype)x->dtype, c->prim->id == KV_CumSum ? KV_SUM : KV_PROD, c->attrs->cumsum.exclusive,
          c->attrs->cumsum.reverse, outer, x->shape[axis], inner, x->data, c->out[0]->data);
  kvino_tensor_release(x);
  return KVINO_OK;
}
