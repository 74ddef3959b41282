/* Convert: the same elements in another dtype. */
#include "kernels/elementwise/convert.h"
#include "prim/interval.h"
#include "prim/prim.h"

static bool is_integer(int dtype) { return kvino_dtype_is_integer((kvino_dtype)dtype); }

kvino_status kv_infer_convert(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  kvino_dtype to = c->attrs->convert.destination_type;
  if ((unsigned)to >= KVINO_DTYPE_COUNT) return kv_fail(c->err, KVINO_TYPE, "invalid dtype number %d", (int)to);
  if (x->dtype == KVINO_STRING || to == KVINO_STRING)
    return kv_fail(c->err, KVINO_TYPE, "Convert does not take dtype string");
  kv_call_spec(c, 0, to, x->rank, x->shape);
  if (!c->tracing || !is_integer(x->dtype) || !is_integer((int)to)) return KVINO_OK;
  if (!kv_known_values(x, &c->n_known, c->known)) {
    c->n_known = -1;
    return KVINO_OK;
  }
  for (int i = 0; i < c->n_known; i++) {
    int64_t value = c->known[i], wrapped = 0;
    if (value == KV_UNKNOWN) continue;
    kv_convert_elements(KVINO_I64, &value, to, &wrapped, 1);
    kv_convert_elements(to, &wrapped, KVINO_I64, &c->known[i], 1);
  }
  return KVINO_OK;
}

kvino_status kv_eval_convert(kv_call *c) {
  kvino_tensor *x = c->in[0];
  kvino_dtype to = c->spec[0].dtype;
  if (x->dtype == to && !x->weak) {
    c->out[0] = kvino_tensor_retain(x);
    return KVINO_OK;
  }
  if (x->dtype == to) { /* a dtype that was asked for is no longer weak */
    KV_TRY(kv_tensor_view(x, to, x->rank, x->shape, x->strides, x->data, &c->out[0], c->err));
    c->out[0]->weak = false;
    return KVINO_OK;
  }
  KV_TRY(kv_call_alloc(c, 0));
  kv_view view = {(kvino_dtype)x->dtype, x->rank, x->shape, x->strides, x->data};
  if (x->contiguous && x->size < 32768)
    kv_convert_elements(view.dtype, x->data, to, c->out[0]->data, (size_t)x->size);
  else if (x->size)
    kv_convert_view(&view, to, c->out[0]->data);
  return KVINO_OK;
}

kv_interval kv_interval_convert(const kv_bounds *b) {
  if (kv_bounds_dtype(b) == KVINO_BOOL) return kv_interval_of_dtype(KVINO_BOOL);
  return kv_interval_fit(kv_bounds_dtype(b), b->in[0].low, kv_interval_top(b->in[0])); /* else it wraps */
}
