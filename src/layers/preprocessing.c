/* Layers: preprocessing. */
#include "layers/layer.h"
#include "ops/common.h"

kv_value kv_layer_rescaling(kv_invocation *c) {
  kvino_dtype dtype = c->layer->compute;
  kvino_tensor *x = kv_arg(c, "inputs");
  x = x ? kv_cast(c->s, x, dtype) : NULL;
  x = op_multiply(c->s, x, kv_field_tensor(c, "scale", dtype));
  return kv_of(op_add(c->s, x, kv_field_tensor(c, "offset", dtype)));
}

/* The mean and variance that it was given, or those that it learned. */
kv_value kv_layer_normalization(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_dtype dtype = c->layer->compute;
  kvino_tensor *x = kv_arg(c, "inputs");
  bool given = !json_is_null(kv_field(c, "mean"));
  kvino_ints axes = kv_field_ints(c, "axis", 0);
  if (!(x = x ? kv_cast(s, x, dtype) : NULL)) return KV_NOTHING;
  kvino_tensor *mean = given ? kv_field_tensor(c, "mean", dtype) : kv_weight(c, "adapt_mean");
  kvino_tensor *variance = given ? kv_field_tensor(c, "variance", dtype) : kv_weight(c, "adapt_variance");
  mean = kv_along(c, mean, x, axes);
  variance = kv_along(c, variance, x, axes);
  if (!mean || !variance) return KV_NOTHING;
  kvino_tensor *deviation = op_maximum(s, kv_sqrt(s, variance), kv_like(s, variance, 1e-7));
  if (kv_field_flag(c, "invert")) return kv_of(op_add(s, mean, op_multiply(s, x, deviation)));
  return kv_of(op_divide(s, op_subtract(s, x, mean), deviation));
}
