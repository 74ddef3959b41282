/* Numbers of 4 bits that a formula unpacks from bytes, by masks and shifts, become one UnpackInt4, so that weights stay
 * packed. This is the formula of keras.quantizers.unpack_int4, with what may stand around it: the axis moved to the
 * front and back, and the last number cut off where there is an odd number. */
#include "passes/passes.h"
#include "passes/rewrite.h"

static bool is_number(const kvino_tensor *t, int64_t value) {
  return t && !kv_is_symbolic(t) && t->size == 1 && kvino_dtype_is_integer((kvino_dtype)t->dtype) &&
         kv_tensor_get_int(t, 0) == value;
}

/* The other operand of `id`(x, number); NULL where t is none. */
static kvino_tensor *beside(kv_scope *s, const kvino_tensor *t, kv_prim_id id, int64_t number) {
  const kv_node *node = t ? kv_made_by(t, id) : NULL;
  return node && is_number(kv_operand(s, node, 1), number) ? kv_operand(s, node, 0) : NULL;
}

/* What t is half of: the low or the high bits of each byte, without or with their sign. */
static kvino_tensor *source(kv_scope *s, kvino_tensor *t, bool high) {
  if (t && t->dtype == KVINO_I8) t = beside(s, beside(s, t, KV_Subtract, 8), KV_BitwiseXor, 8);
  t = beside(s, t, KV_BitwiseAnd, 15);
  return high ? beside(s, t, KV_BitwiseRightShift, 4) : t;
}

static kvino_tensor *lengthened(kv_scope *s, const kv_node *concat, uint32_t k) {
  kvino_tensor *part = kv_operand(s, concat, k);
  return part ? beside(s, part, KV_Unsqueeze, 1) : NULL;
}

/* Reshape(Concat(low, high)), the halves side by side on a new axis 1. */
static kvino_tensor *unpacked(kv_scope *s, const kv_node *node, kvino_tensor *const *in) {
  const kv_node *concat = kv_made_by(in[0], KV_Concat);
  const kv_output *y = &node->out[0];
  if (!concat || concat->n_in != 2 || concat->attrs.axis.axis != 1) return NULL;
  kvino_tensor *x = source(s, lengthened(s, concat, 0), false), *same = source(s, lengthened(s, concat, 1), true);
  if (!x || !same || !kv_is_symbolic(x) || x->node != same->node || x->output != same->output) return NULL;
  if (y->rank != x->rank || x->shape[0] < 0 || y->shape[0] != 2 * x->shape[0]) return NULL;
  for (int k = 1; k < x->rank; k++)
    if (x->shape[k] != y->shape[k]) return NULL;
  return kv_unpack_int4(s, x, (kv_unpack_attrs){.axis = 0, .length = y->shape[0]});
}

/* All numbers but the last. */
static kvino_tensor *cut(kv_scope *s, const kv_node *node, kvino_tensor *const *in) {
  const kv_node *unpack = kv_made_by(in[0], KV_UnpackInt4);
  if (!unpack) return NULL;
  int64_t axis = unpack->attrs.unpack.axis, length = node->out[0].shape[axis];
  if (length != in[0]->shape[axis] - 1 || !is_number(in[1], 0) || !is_number(in[3], 1) ||
      (node->n_in > 4 ? !is_number(in[4], axis) : axis != 0))
    return NULL;
  return kv_unpack_int4(s, kv_operand(s, unpack, 0), (kv_unpack_attrs){.axis = axis, .length = length});
}

/* The bytes are transposed, not the numbers. */
static kvino_tensor *turned(kv_scope *s, kvino_tensor *const *in) {
  const kv_node *unpack = kv_made_by(in[0], KV_UnpackInt4);
  int n;
  int64_t order[KV_KNOWN_MAX], axis = 0;
  if (!unpack || !kv_all_known(in[1], &n, order)) return NULL;
  while (axis < in[0]->rank && (n ? order[axis] : in[0]->rank - 1 - axis) != unpack->attrs.unpack.axis) axis++;
  if (axis == in[0]->rank) return NULL;
  kvino_tensor *x = kv_transpose(s, kv_operand(s, unpack, 0), in[1]);
  return kv_unpack_int4(s, x, (kv_unpack_attrs){.axis = axis, .length = unpack->attrs.unpack.length});
}

/* Rows are taken before they are unpacked. */
static kvino_tensor *taken(kv_scope *s, const kv_node *node, kvino_tensor *const *in) {
  const kv_node *unpack = kv_made_by(in[0], KV_UnpackInt4);
  int64_t last = in[0]->rank - 1;
  if (!unpack || last < 1 || unpack->attrs.unpack.axis != last || !is_number(in[2], 0) || node->attrs.gather.batch_dims)
    return NULL;
  kvino_tensor *x = kv_gather(s, kv_operand(s, unpack, 0), in[1], in[2], node->attrs.gather);
  if (!x) return NULL;
  return kv_unpack_int4(s, x, (kv_unpack_attrs){.axis = x->rank - 1, .length = unpack->attrs.unpack.length});
}

static kvino_tensors rule(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  (void)w;
  switch (node->prim->id) {
  case KV_Reshape:
    return kv_one(s, unpacked(s, node, in));
  case KV_Slice:
    return kv_one(s, cut(s, node, in));
  case KV_Transpose:
    return kv_one(s, turned(s, in));
  case KV_Gather:
    return kv_one(s, taken(s, node, in));
  default:
    return KV_KEEP;
  }
}

kvino_status kv_pass_unpack(const kv_graph *in, kv_graph **out, kvino_error *err) {
  size_t shifts = 0;
  for (size_t i = 0; i < in->n_nodes; i++) shifts += in->node[i]->prim->id == KV_BitwiseRightShift;
  if (!shifts) return *out = kv_graph_retain((kv_graph *)(uintptr_t)in), KVINO_OK;
  return kv_rewrite(in, rule, NULL, out, err);
}
