/* Rounding to float16 in float32 arithmetic (float16.h). */
#include "openvino/float16.h"

#include <math.h>
#include <string.h>

/* Whether the results are float16 as it is. */
static bool is_exact(const kv_node *node) {
  kvino_dtype x = node->n_in ? kv_edge_output(node->in[0])->dtype : KVINO_F16;
  unsigned traits = node->prim->traits;
  if (traits & KV_PUTS) return !node->attrs.scatter.reduction || strcmp(node->attrs.scatter.reduction, "sum");
  if (node->prim->id == KV_Convert) return x == KVINO_BOOL || x == KVINO_U8 || x == KVINO_I8 || x == KVINO_F16;
  return traits & (KV_CHOOSES | KV_STRUCTURAL | KV_MOVES | KV_VIEW | KV_TAKES);
}

/* Whether operand i of the node is a product that it adds a constant to: both are rounded once, as biases are in
 * what is fused. */
static bool takes_bias(const kv_node *node, uint32_t i) {
  const kv_node *x = node->in[i].node;
  return node->prim->id == KV_Add && x->prim->traits & KV_PRODUCT && node->in[1 - i].node->constant;
}

void kv_float16_results(size_t n, kv_node *const *node, bool outer, bool *rounded) {
  for (size_t j = 0; j < n; j++) {
    if (!outer) rounded[node[j]->id] = true;
    for (uint32_t i = 0; i < node[j]->n_in; i++)
      if (!takes_bias(node[j], i)) rounded[node[j]->in[i].node->id] = true;
  }
  for (size_t j = 0; j < n; j++) {
    bool *r = &rounded[node[j]->id];
    *r = *r && node[j]->n_out == 1 && node[j]->out[0].dtype == KVINO_F16 && !is_exact(node[j]);
  }
}

/* For 2^e <= a < 2^(e+1), the neighbours of 2^13 a are 2^(e-10) apart, as those of a in float16 are: taking a from it
 * and the rest from it leaves a rounded, to even. Below the normal numbers of float16 the neighbours of 0.75 do the
 * same, 2^-24 apart. Where float16 overflows, so does float32 when enlarged by 2^112. (Tried on all of float32.) A
 * conversion there and back would say the same, and be dropped: marked to be kept it still is beside a Transpose. */
kvino_tensor *kv_round_float16(kv_scope *s, kvino_tensor *x) {
  const kv_convert_attrs f32 = {.destination_type = KVINO_F32}, f16 = {.destination_type = KVINO_F16};
  if (!x) return NULL;
  kvino_tensor *y = kv_convert(s, x, f32), *a = kv_abs(s, y);
  kvino_tensor *c = kv_multiply(s, a, kv_number(s, KVINO_F32, 0x1p13));
  c = kv_clamp(s, c, (kv_clamp_attrs){.min = 0.75, .max = 0x1p30});
  a = kv_multiply(s, kv_subtract(s, c, kv_subtract(s, c, a)), kv_number(s, KVINO_F32, 0x1p112));
  kvino_tensor *negative = kv_less(s, y, kv_number(s, KVINO_F32, 0));
  kvino_tensor *back = kv_select(s, negative, kv_number(s, KVINO_F32, -0x1p-112), kv_number(s, KVINO_F32, 0x1p-112));
  a = kv_select(s, kv_equal(s, y, kv_number(s, KVINO_F32, 0)), y, kv_multiply(s, a, back)); /* -0 stays */
  return kv_convert(s, a, f16);
}

/* In the same way: 2^16, neighbours 2^-133 apart; what would overflow on the way is made smaller before. */
kvino_tensor *kv_round_bfloat16(kv_scope *s, kvino_tensor *x) {
  const kv_convert_attrs bf16 = {.destination_type = KVINO_BF16};
  x = kv_to(s, x, KVINO_F32);
  if (!x) return NULL;
  kvino_tensor *a = kv_abs(s, x), *one = kv_number(s, KVINO_F32, 1), *zero = kv_number(s, KVINO_F32, 0);
  kvino_tensor *large = kv_less(s, kv_number(s, KVINO_F32, 0x1p90), a);
  a = kv_multiply(s, a, kv_select(s, large, kv_number(s, KVINO_F32, 0x1p-32), one));
  kvino_tensor *c = kv_multiply(s, a, kv_number(s, KVINO_F32, 0x1p16));
  c = kv_clamp(s, c, (kv_clamp_attrs){.min = 0.75 * 0x1p-109, .max = 0x1p120});
  a = kv_subtract(s, c, kv_subtract(s, c, a));
  a = kv_multiply(s, a, kv_select(s, large, kv_number(s, KVINO_F32, 0x1p32), one));
  a = kv_select(s, kv_less(s, x, zero), kv_negative(s, a), a);
  a = kv_select(s, kv_equal(s, x, zero), x, a);
  a = kv_select(s, kv_equal(s, x, x), a, kv_number(s, KVINO_F32, NAN)); /* others become 0 when they are cut */
  return kv_convert(s, a, bf16);
}

bool kv_is_cut(const kv_node *node) {
  if (node->prim->id != KV_Convert || node->out[0].dtype != KVINO_BF16 || node->in[0].node->constant) return false;
  const kv_output *x = kv_edge_output(node->in[0]);
  bool unknown = false;
  for (int i = 0; i < x->rank; i++) unknown |= x->shape[i] < 0;
  return x->dtype == KVINO_F32 ? unknown : kvino_dtype_size(x->dtype) > 1;
}

kvino_tensor *kv_to(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  if (!x || (kvino_dtype)x->dtype == dtype) return x;
  return kv_convert(s, x, (kv_convert_attrs){.destination_type = dtype});
}
