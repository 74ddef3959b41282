/* Products that stay float32 under the hint bf16 (bfloat16.h). The mark on a layer is lost where a transformation of
 * OpenVINO's makes one node of several: a matrix product with its Transpose, its scale or its addend, attention. So
 * those are written here as what no transformation takes part in. Convolutions keep their mark. */
#include "base/error.h"
#include "base/memory.h"
#include "openvino/bfloat16.h"
#include "openvino/apart.h"
#include "passes/rewrite.h"

/* x without its Transpose, if that swaps the last two axes and no others. */
static kvino_tensor *unswapped(kv_scope *s, kvino_tensor *x, bool *swapped) {
  const kv_node *node = kv_made_by(x, KV_Transpose);
  const kvino_tensor *order = node ? node->in[1].node->constant : NULL;
  if (!order || order->size != x->rank || x->rank < 2) return x;
  for (int i = 0; i < x->rank; i++)
    if (kv_tensor_get_int(order, i) != (i < x->rank - 2 ? i : 2 * x->rank - 3 - i)) return x;
  *swapped = !*swapped;
  return kv_operand(s, node, 0);
}

/* A product with constant weights becomes a layer of another kind, before which a turned first operand would be turned
 * back: the operands change places, and the result is turned. */
static kvino_tensor *product(kv_scope *s, kvino_tensor *a, kvino_tensor *b, kv_matmul_attrs attrs) {
  if (!a || !b) return NULL;
  int rank = a->rank;
  if (!attrs.transpose_a || kv_is_symbolic(b) || rank < 2 || b->rank != 2)
    return kv_kept_apart(s, kv_mat_mul(s, a, b, attrs));
  kv_matmul_attrs turned = {.transpose_a = !attrs.transpose_b, .transpose_b = false};
  int64_t order[KVINO_MAX_RANK];
  for (int i = 0; i < rank; i++) order[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
  return kv_transpose(s, kv_kept_apart(s, kv_mat_mul(s, b, a, turned)), kv_vector(s, (size_t)rank, order));
}

static kvino_tensors written(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  const bool *kept = w->context;
  if (!kept[node->id]) return KV_KEEP;
  kv_matmul_attrs attrs = node->attrs.matmul;
  kvino_tensor *a = unswapped(s, in[0], &attrs.transpose_a), *b = unswapped(s, in[1], &attrs.transpose_b);
  return kv_one(s, product(s, a, b, attrs));
}

kvino_status kv_float32_products(kv_graph **g, kvino_error *err) {
  size_t n = (*g)->n_nodes;
  bool *kept = kv_calloc(2 * n + 1, sizeof *kept), *precise = kept ? kept + n : NULL, any = false;
  kv_graph *made = NULL;
  kvino_status status = kept ? kv_keep_float32(*g, kept, err)
                             : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", n);
  if (!status) kv_find_precise(*g, precise);
  for (size_t i = 0; i < n && !status; i++) {
    kept[i] = kept[i] && precise[i] && (*g)->node[i]->prim->id == KV_MatMul;
    any |= kept[i];
  }
  if (!status && any) status = kv_rewrite(*g, written, kept, &made, err);
  kv_free(kept);
  if (!made) return status;
  kv_graph_release(*g);
  *g = made;
  return KVINO_OK;
}
