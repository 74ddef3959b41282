/* Layers: core. */
#include <string.h>

#include "layers/layer.h"
#include "ops/common.h"

kv_value kv_layer_input(kv_invocation *c) { return c->n_args ? c->args[0] : KV_NOTHING; }

kv_value kv_layer_dense(kv_invocation *c) {
  kv_only_default(c, "lora_rank");
  kvino_tensor *y = op_matmul(c->s, kv_arg(c, "inputs"), kv_weight(c, "kernel"));
  y = kv_add_bias(c, y, kv_weight(c, "bias"), "channels_last");
  return kv_of(kv_activate(c, "activation", y));
}

kv_value kv_layer_activation(kv_invocation *c) { return kv_of(kv_activate(c, "activation", kv_arg(c, "inputs"))); }

kv_value kv_layer_flatten(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  if (x && x->rank > 2 && !strcmp(kv_data_format(c), "channels_first")) {
    int64_t perm[KVINO_MAX_RANK]; /* the channels go last before all is joined */
    for (int i = 0; i < x->rank; i++) perm[i] = i == 0 ? 0 : i == x->rank - 1 ? 1 : i + 1;
    x = kv_permute(c->s, x, perm);
  }
  if (!x) return KV_NOTHING;
  int64_t size = 1;
  for (int i = 1; i < x->rank; i++) size = x->shape[i] < 0 || size < 0 ? -1 : size * x->shape[i];
  bool known = x->rank && x->shape[0] >= 0;
  if (size < 0 && !known) /* neither is known: the second comes from the tensor itself */
    return kv_of(op_reshape(
        c->s, x, (kvino_ints){2, (int64_t[]){0, -1}, (kvino_tensor *[]){kv_dimension(c->s, x, 0), NULL}, true}));
  return kv_of(kv_reshape_to(c->s, x, 2, (int64_t[]){size < 0 ? x->shape[0] : -1, size}));
}

kv_value kv_layer_embedding(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs"), *mask = NULL;
  kv_only_default(c, "lora_rank");
  if (!x) return KV_NOTHING;
  if (kv_field_flag(c, "mask_zero")) mask = op_not_equal(c->s, x, kv_like(c->s, x, 0));
  if (x->dtype != KVINO_I32 && x->dtype != KVINO_I64) x = kv_cast(c->s, x, KVINO_I32);
  return kv_of_masked(op_take(c->s, kv_weight(c, "embeddings"), x, 0), mask);
}
