/* Layers: normalization. */
#include "layers/layer.h"
#include "ops/common.h"

kv_value kv_layer_batch_normalization(kv_invocation *c) {
  kv_only_default(c, "mode"); /* of Keras 1: another one uses the batch's own moments */
  kv_only_default(c, "renorm");
  return kv_of(op_batch_normalization(c->s, kv_arg(c, "inputs"), kv_weight(c, "moving_mean"),
                                      kv_weight(c, "moving_variance"), kv_field_integer(c, "axis"),
                                      kv_weight(c, "beta"), kv_weight(c, "gamma"), kv_field_number(c, "epsilon")));
}

kv_value kv_layer_layer_normalization(kv_invocation *c) {
  kv_only_default(c, "rms_scaling");
  return kv_of(op_layer_normalization(c->s, kv_arg(c, "inputs"), kv_weight(c, "gamma"), kv_weight(c, "beta"),
                                      kv_field_ints(c, "axis", 0), kv_field_number(c, "epsilon")));
}
