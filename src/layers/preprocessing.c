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
