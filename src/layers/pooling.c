/* Layers: pooling. */
#include <string.h>

#include "layers/layer.h"
#include "ops/common.h"

kv_value kv_layer_max_pooling(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  int rank = x ? x->rank - 2 : 0;
  return kv_of(op_max_pool(c->s, x, kv_field_ints(c, "pool_size", rank), kv_field_ints(c, "strides", rank),
                           kv_field_text(c, "padding"), kv_data_format(c)));
}

kv_value kv_layer_average_pooling(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  int rank = x ? x->rank - 2 : 0;
  return kv_of(op_average_pool(c->s, x, kv_field_ints(c, "pool_size", rank), kv_field_ints(c, "strides", rank),
                               kv_field_text(c, "padding"), kv_data_format(c)));
}

/* The axes between batch and channels, in `axes`. */
static kvino_ints spatial(kv_invocation *c, const kvino_tensor *x, int64_t axes[KVINO_MAX_RANK]) {
  int64_t first = strcmp(kv_data_format(c), "channels_first") ? 1 : 2;
  for (int i = 0; x && i < x->rank - 2; i++) axes[i] = first + i;
  return (kvino_ints){x ? x->rank - 2 : 0, axes, NULL, true};
}

kv_value kv_layer_global_average_pooling(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  int64_t axes[KVINO_MAX_RANK];
  return kv_of(op_mean(c->s, x, spatial(c, x, axes), kv_field_flag(c, "keepdims")));
}

kv_value kv_layer_global_max_pooling(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  int64_t axes[KVINO_MAX_RANK];
  return kv_of(op_max(c->s, x, spatial(c, x, axes), kv_field_flag(c, "keepdims"), NULL));
}

kv_value kv_layer_adaptive_average_pooling(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  kvino_ints size = kv_field_ints(c, "output_size", x ? x->rank - 2 : 0);
  return kv_of(op_adaptive_average_pool(c->s, x, size, kv_data_format(c)));
}

kv_value kv_layer_adaptive_max_pooling(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  kvino_ints size = kv_field_ints(c, "output_size", x ? x->rank - 2 : 0);
  return kv_of(op_adaptive_max_pool(c->s, x, size, kv_data_format(c)));
}

/* Steps that the mask leaves out do not count. */
kv_value kv_layer_global_average_pooling_1d(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = kv_arg(c, "inputs"), *mask = kv_mask(c, "inputs");
  bool keep = kv_field_flag(c, "keepdims"), last = strcmp(kv_data_format(c), "channels_first") != 0;
  kvino_ints time = last ? KVINO_INTS(1) : KVINO_INTS(2);
  if (!mask || !x) return kv_of(op_mean(s, x, time, keep));
  mask = kv_unsqueeze(s, kv_cast(s, mask, KVINO_BOOL), last ? KV_VECTOR(s, 2) : KV_VECTOR(s, 1));
  kvino_tensor *sum = op_sum(s, kv_select(s, mask, x, kv_like(s, x, 0)), time, keep);
  return kv_of(op_divide(s, sum, op_sum(s, kv_cast(s, mask, kv_dtype_of(x)), time, keep)));
}
