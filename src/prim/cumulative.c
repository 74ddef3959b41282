/* Running sums and products along one axis: CumSum, and CumProd, which OpenVINO lacks (operands: x, axis), and linear
 * recurrences (a, b, axis). */
#include "kernels/reduce/accumulate.h"
#include "kernels/recurrence/recurrence.h"
#include "prim/interval.h"
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

kv_interval kv_interval_cum_sum(const kv_bounds *b) {
  return kv_bounds_sum(b, kv_bounds_along(b, 1), b->in[0].low, kv_interval_top(b->in[0]));
}

/* ---- LinearRecurrence: y[k] = a[k] y[k - 1] + b[k] ---- */

kvino_status kv_infer_linear_recurrence(kv_call *c) {
  const kvino_tensor *a = c->in[0], *b = c->in[1];
  int64_t axis;
  bool fits = a->rank == b->rank;
  KV_TRY(kv_same_dtype(c, 0, 1));
  if (!kv_recurrence_takes((kvino_dtype)a->dtype))
    return kv_fail(c->err, KVINO_TYPE, "%s does not take dtype %s", c->prim->name,
                   kvino_dtype_name((kvino_dtype)a->dtype));
  for (int k = 0; fits && k < a->rank; k++) fits = a->shape[k] == b->shape[k] || a->shape[k] < 0 || b->shape[k] < 0;
  if (!fits) return kv_fail(c->err, KVINO_INVALID, "the operands of %s must have one shape", c->prim->name);
  KV_TRY(kv_read_axis(c, 2, a->rank, &axis));
  kv_call_spec(c, 0, (kvino_dtype)a->dtype, a->rank, a->shape);
  for (int k = 0; k < a->rank; k++)
    if (a->shape[k] < 0) c->spec[0].shape[k] = b->shape[k];
  return KVINO_OK;
}

kvino_status kv_eval_linear_recurrence(kv_call *c) {
  kvino_tensor *a = NULL, *b = NULL;
  kvino_status status;
  int64_t axis, outer = 1, inner = 1;
  KV_TRY(kv_read_axis(c, 2, c->in[0]->rank, &axis));
  KV_TRY(kv_call_alloc(c, 0));
  KV_GOTO(status, kvino_tensor_contiguous(c->in[0], &a, c->err), done);
  KV_GOTO(status, kvino_tensor_contiguous(c->in[1], &b, c->err), done);
  for (int k = 0; k < a->rank; k++) {
    if (k < axis) outer *= a->shape[k];
    if (k > axis) inner *= a->shape[k];
  }
  kv_recurrence((kvino_dtype)a->dtype, c->attrs->recurrence.reverse, outer, a->shape[axis], inner, a->data, b->data,
                c->out[0]->data);
done:
  kvino_tensor_release(a);
  kvino_tensor_release(b);
  return status;
}
