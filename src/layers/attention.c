/* Layers: attention. */
#include "layers/layer.h"
#include "ops/common.h"

/* x (batch, time, features) by a kernel (features, heads, dim). */
static kvino_tensor *heads(kv_invocation *c, kvino_tensor *x, const char *kernel, const char *bias) {
  kvino_tensor *operands[] = {x, kv_weight(c, kernel)};
  if (!x || !operands[1]) return NULL;
  x = op_einsum(c->s, "abc,cde->abde", (kvino_tensors){2, operands});
  return kv_weight(c, bias) ? op_add(c->s, x, kv_weight(c, bias)) : x;
}

/* A mask of steps as one of pairs of them: (batch, 1, time) of keys, (batch, time, 1) of queries. */
static kvino_tensor *pairs(kv_invocation *c, kvino_tensor *all, kvino_tensor *mask, int64_t axis) {
  if (!mask) return all;
  mask = kv_unsqueeze(c->s, kv_cast(c->s, mask, KVINO_BOOL), KV_VECTOR(c->s, axis));
  return all ? op_logical_and(c->s, all, mask) : mask;
}

static kvino_tensor *mask_of(kv_invocation *c, const char *name, kv_value value) {
  kv_value given = kv_arg_value(c, name);
  return given.kind == KV_VALUE_TENSOR ? given.tensor : value.mask;
}

kv_value kv_layer_multi_head_attention(kv_invocation *c) {
  kvino_tensor *query = kv_arg(c, "query"), *value = kv_arg(c, "value"), *key = kv_maybe_arg(c, "key");
  kv_only_default(c, "use_gate");
  kv_only_default(c, "sliding_window");
  if (!query || !value) return KV_NOTHING;
  if (query->rank != 3 || kv_arg_flag(c, "return_attention_scores", false))
    return kv_layer_refuse(c, "attention over other axes than one, and its scores, are not read from a file"),
           KV_NOTHING;
  kvino_tensor *mask = pairs(c, NULL, mask_of(c, "query_mask", kv_arg_value(c, "query")), 2);
  mask = pairs(c, mask, mask_of(c, "value_mask", kv_arg_value(c, "value")), 1);
  if (key) mask = pairs(c, mask, mask_of(c, "key_mask", kv_arg_value(c, "key")), 1);
  kvino_tensor *given = kv_maybe_arg(c, "attention_mask");
  if (given) given = kv_cast(c->s, given, KVINO_BOOL);
  if (given) mask = mask ? op_logical_and(c->s, mask, given) : given;
  if (mask) mask = kv_unsqueeze(c->s, mask, KV_VECTOR(c->s, 1)); /* for all heads */
  kvino_tensor *q = heads(c, query, "query_dense/kernel", "query_dense/bias");
  kvino_tensor *k = heads(c, key ? key : value, "key_dense/kernel", "key_dense/bias");
  kvino_tensor *v = heads(c, value, "value_dense/kernel", "value_dense/bias");
  kvino_tensor *y =
      op_dot_product_attention(c->s, q, k, v, NULL, mask, NULL, kv_arg_flag(c, "use_causal_mask", false), NULL, NULL);
  if (!y || !kv_weight(c, "output_dense/kernel")) return KV_NOTHING;
  y = op_einsum(c->s, "abcd,cde->abe", (kvino_tensors){2, (kvino_tensor *[]){y, kv_weight(c, "output_dense/kernel")}});
  if (kv_weight(c, "output_dense/bias")) y = op_add(c->s, y, kv_weight(c, "output_dense/bias"));
  return kv_of_masked(y, kv_arg_value(c, "query").mask);
}
