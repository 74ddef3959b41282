/* Layers: wrappers. */
#include "layers/layer.h"
#include "ops/common.h"

/* Steps are as good as further samples of the batch: (batch, time, ...) becomes (batch * time, ...) and back. */
kv_value kv_layer_time_distributed(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = kv_arg(c, "inputs");
  if (!x) return KV_NOTHING;
  if (x->rank < 3) return kv_scope_fail(s, KVINO_INVALID, "its input must have 3 dimensions or more"), KV_NOTHING;
  kvino_tensor *dims = kv_dims(s, x), *leading = kv_cut(s, dims, 0, 0, 2), *minus = KV_VECTOR(s, -1);
  kvino_tensor *joined =
      kv_concat(s, 2, (kvino_tensor *[]){minus, kv_cut(s, dims, 0, 2, INT64_MAX)}, (kv_axis_attrs){.axis = 0});
  kv_invocation steps = *c;
  steps.states = NULL; /* which are not those of one step after the other */
  kvino_tensor *y = kv_call_child(&steps, 0, kv_of(kv_reshape(s, x, joined, (kv_reshape_attrs){0}))).tensor;
  if (!y) return kv_scope_fail(s, KVINO_UNSUPPORTED, "the layer inside gives no single tensor"), KV_NOTHING;
  kvino_tensor *back = kv_concat(s, 2, (kvino_tensor *[]){leading, kv_cut(s, kv_dims(s, y), 0, 1, INT64_MAX)},
                                 (kv_axis_attrs){.axis = 0});
  return kv_of(kv_reshape(s, y, back, (kv_reshape_attrs){0}));
}

/* One after the other. */
kv_value kv_layer_pipeline(kv_invocation *c) {
  kv_value x = kv_arg_value(c, "inputs");
  for (size_t i = 0; i < c->layer->n_children; i++) x = kv_call_child(c, i, x);
  return x;
}
