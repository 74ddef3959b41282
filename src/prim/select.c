/* Select: elements of one operand or the other, by a condition. */
#include "kernels/elementwise/elementwise.h"
#include "prim/interval.h"
#include "prim/prim.h"

static kv_view view_of(const kvino_tensor *t) {
  return (kv_view){(kvino_dtype)t->dtype, t->rank, t->shape, t->strides, t->data};
}

kvino_status kv_infer_select(kv_call *c) {
  if (c->in[0]->dtype != KVINO_BOOL)
    return kv_fail(c->err, KVINO_TYPE, "the condition of Select is bool, not %s",
                   kvino_dtype_name((kvino_dtype)c->in[0]->dtype));
  if (c->in[1]->dtype == KVINO_STRING) return kv_fail(c->err, KVINO_TYPE, "Select does not take dtype string");
  KV_TRY(kv_same_dtype(c, 1, 2));
  c->spec[0].dtype = (kvino_dtype)c->in[1]->dtype;
  return kv_broadcast_shapes(3, c->in, &c->spec[0].rank, c->spec[0].shape, c->err);
}

kvino_status kv_eval_select(kv_call *c) {
  KV_TRY(kv_call_alloc_over(c));
  kv_view condition = view_of(c->in[0]), then = view_of(c->in[1]), otherwise = view_of(c->in[2]);
  if (c->out[0]->size)
    kv_select_views(&condition, &then, &otherwise, c->spec[0].rank, c->spec[0].shape, c->out[0]->data);
  return KVINO_OK;
}

kv_interval kv_interval_select(const kv_bounds *b) { return kv_interval_union(b->in[1], b->in[2]); }
