/* Layers: core. */
#include <string.h>

#include "layers/quantized.h"
#include "ops/common.h"

kv_value kv_layer_input(kv_invocation *c) { return c->n_args ? c->args[0] : KV_NOTHING; }

/* What was learned by LoRA is part of the kernels of a .keras file, as Keras adds it when it saves; a .h5 file has it
 * apart. */
kv_value kv_layer_dense(kv_invocation *c) {
  kvino_tensor *y = kv_product(c, kv_arg(c, "inputs"), NULL);
  y = kv_add_bias(c, y, kv_quantized_bias(c), "channels_last");
  return kv_of(kv_activate(c, "activation", y));
}

kv_value kv_layer_einsum_dense(kv_invocation *c) {
  kvino_tensor *bias = kv_quantized_bias(c);
  const char *equation = kv_field_text(c, "equation");
  kvino_tensor *y = equation ? kv_product(c, kv_arg(c, "inputs"), equation) : NULL;
  if (bias) y = op_add(c->s, y, bias);
  return kv_of(kv_activate(c, "activation", y));
}

/* Steps of which every feature is the value are masked, and 0. */
kv_value kv_layer_masking(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = kv_arg(c, "inputs");
  kvino_tensor *value = x ? kv_field_tensor(c, "mask_value", kv_dtype_of(x)) : NULL;
  kvino_tensor *mask = op_any(s, op_not_equal(s, x, value), KVINO_INTS(-1), false);
  if (!mask) return KV_NOTHING;
  return kv_of_masked(kv_select(s, kv_unsqueeze(s, mask, KV_VECTOR(s, -1)), x, kv_like(s, x, 0)), mask);
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
  if (!x) return KV_NOTHING;
  if (kv_field_flag(c, "mask_zero")) mask = op_not_equal(c->s, x, kv_like(c->s, x, 0));
  if (x->dtype != KVINO_I32 && x->dtype != KVINO_I64) x = kv_cast(c->s, x, KVINO_I32);
  return kv_of_masked(kv_embed(c, x), mask);
}

static kvino_tensor *by_table(kv_invocation *c, kvino_tensor *x) {
  kv_scope *s = c->s;
  kvino_tensor *kernel = kv_weight_raw(c, "reverse_embeddings");
  const char *dtype_name = kv_field_text(c, "reverse_dtype");
  kvino_dtype dtype;
  if (!kernel)
    kernel = op_transpose(s, kv_adapted(c, "embeddings", "lora_embeddings_a", "lora_embeddings_b"), KVINO_NO_INTS);
  if (dtype_name && x && kernel) {
    if (!kv_scope_ok(s, kvino_dtype_from_name(dtype_name, &dtype, s->err))) return NULL;
    x = kv_cast(s, x, dtype);
    kernel = kv_cast(s, kernel, dtype);
  }
  return op_matmul(s, x, kernel);
}

/* Features back to logits of the words, by the same table transposed or one of its own. */
static kvino_tensor *logits(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = kv_arg(c, "inputs"), *y = kv_unembed(c, x);
  if (!y) y = by_table(c, x);
  if (!y || json_is_null(kv_field(c, "logit_soft_cap"))) return y;
  kvino_tensor *cap = kv_like(s, y, kv_field_number(c, "logit_soft_cap"));
  return kv_multiply(s, kv_tanh(s, kv_divide(s, y, cap)), cap);
}

kv_value kv_layer_reversible_embedding(kv_invocation *c) {
  return kv_arg_flag(c, "reverse", false) ? kv_of(logits(c)) : kv_layer_embedding(c);
}
