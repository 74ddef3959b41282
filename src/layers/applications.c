/* Layers that keras.applications has beside keras.layers: of ConvNeXt and InceptionResNetV2. */
#include "layers/layer.h"
#include "ops/common.h"

kv_value kv_layer_stochastic_depth(kv_invocation *c) { return kv_of(kv_arg(c, "x")); } /* acts in training alone */

kv_value kv_layer_layer_scale(kv_invocation *c) {
  return kv_of(op_multiply(c->s, kv_arg(c, "x"), kv_weight(c, "gamma")));
}

/* The first input plus the second by a number. */
kv_value kv_layer_custom_scale(kv_invocation *c) {
  kvino_tensors in = kv_arg_tensors(c, "inputs");
  if (in.n != 2) return kv_scope_fail(c->s, KVINO_INVALID, "it takes two inputs"), KV_NOTHING;
  kvino_tensor *scaled = kv_multiply(c->s, in.v[1], kv_like(c->s, in.v[1], kv_field_number(c, "scale")));
  return kv_of(op_add(c->s, in.v[0], scaled));
}
