/* Which layers the hint bf16 is for (bfloat16.h). */
#include "openvino/bfloat16.h"

#include "base/error.h"
#include "base/memory.h"
#include "graph/body.h"

static bool converts(const kv_node *node, kvino_dtype from, kvino_dtype to) {
  return node->prim->id == KV_Convert && kv_edge_output(node->in[0])->dtype == from && node->out[0].dtype == to;
}

static bool is_product(const kv_node *node, kvino_dtype dtype) {
  if (node->prim->traits & KV_PRODUCT) return node->out[0].dtype == dtype;
  return node->prim->traits & KV_SEQUENCE && converts(node->in[0].node, dtype, KVINO_F32);
}

bool kv_has_products(size_t n, kv_node *const *node, kvino_dtype dtype) {
  for (size_t i = 0; i < n; i++) {
    kv_graph *body[2];
    size_t bodies = kv_bodies_of(node[i]->prim->id, &node[i]->attrs, body);
    if (is_product(node[i], dtype)) return true;
    for (size_t k = 0; k < bodies; k++)
      if (kv_has_products(body[k]->n_nodes, body[k]->node, dtype)) return true;
  }
  return false;
}

static bool is_transposed(const kv_node *node) {
  return node->prim->id == KV_ConvolutionBackpropData || node->prim->id == KV_GroupConvolutionBackpropData;
}

bool kv_ends_transposed(size_t n, kv_node *const *node) {
  size_t ids = 0;
  for (size_t i = 0; i < n; i++) ids = node[i]->id >= ids ? node[i]->id + 1 : ids;
  bool *leads = kv_calloc(ids + 1, sizeof *leads); /* by node id: to a product that is not transposed */
  bool ends = !leads;
  for (size_t i = n; i-- > 0 && !ends;) { /* users come after */
    bool product = !is_transposed(node[i]) && node[i]->prim->traits & (KV_PRODUCT | KV_SEQUENCE);
    if (is_transposed(node[i]) && node[i]->out[0].dtype == KVINO_BF16) ends = !leads[node[i]->id];
    for (uint32_t k = 0; k < node[i]->n_in && (product || leads[node[i]->id]); k++)
      if (node[i]->in[k].node->id < ids) leads[node[i]->in[k].node->id] = true;
  }
  kv_free(leads);
  return ends;
}

static bool has_float32(const kv_node *node) {
  for (uint32_t i = 0; i < node->n_in; i++)
    if (kv_edge_output(node->in[i])->dtype == KVINO_F32) return true;
  for (uint32_t i = 0; i < node->n_out; i++)
    if (node->out[i].dtype == KVINO_F32) return true;
  return false;
}

/* What rounding its operands to bfloat16 harms no more than rounding its result does. */
static bool is_mild(const kv_node *node) {
  if (node->prim->traits & (KV_MOVES | KV_VIEW | KV_SEQUENCE)) return true;
  switch (node->prim->id) {
  case KV_Add:
  case KV_Subtract:
  case KV_Multiply:
  case KV_Divide:
  case KV_Maximum:
  case KV_Minimum:
  case KV_SquaredDifference:
  case KV_Power:
  case KV_Sqrt:
  case KV_Rsqrt:
  case KV_Reciprocal:
  case KV_ReLU:
  case KV_Clamp:
  case KV_Sigmoid:
  case KV_Tanh:
  case KV_Gelu:
  case KV_Swish:
  case KV_SoftMax:
  case KV_MVN:
  case KV_GroupNormalization:
  case KV_BatchNormInference:
  case KV_ReduceMean:
    return true;
  default:
    return false;
  }
}

/* Whether the node is one of those between a conversion from bfloat16 and one back, by its operands. */
static bool comes_of_bfloat16(const kv_node *node, const bool *between) {
  bool any = false;
  if (converts(node, KVINO_BF16, KVINO_F32)) return true;
  if (!is_mild(node)) return false;
  for (uint32_t i = 0; i < node->n_in; i++) {
    const kv_node *x = node->in[i].node;
    if (x->constant || kv_edge_output(node->in[i])->dtype != KVINO_F32) continue;
    if (!between[x->id]) return false;
    any = true;
  }
  return any;
}

kvino_status kv_keep_float32(const kv_graph *g, bool *kept, kvino_error *err) {
  bool *between = kv_calloc(g->n_nodes + 1, sizeof *between);
  if (!between) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", g->n_nodes);
  for (size_t i = 0; i < g->n_nodes; i++) between[i] = comes_of_bfloat16(g->node[i], between);
  for (size_t i = 0; i < g->n_results; i++) between[g->result[i].value.node->id] = false;
  for (size_t i = g->n_nodes; i-- > 0;) { /* users come after */
    const kv_node *node = g->node[i];
    if (converts(node, KVINO_F32, KVINO_BF16) || between[i]) continue;
    for (uint32_t k = 0; k < node->n_in; k++)
      if (kv_edge_output(node->in[k])->dtype == KVINO_F32) between[node->in[k].node->id] = false;
  }
  for (size_t i = 0; i < g->n_nodes; i++) {
    const kv_node *node = g->node[i];
    bool layer = !node->constant && node->prim->id != KV_Parameter && node->prim->id != KV_Convert;
    kept[i] = layer && has_float32(node) && !between[i];
  }
  kv_free(between);
  return KVINO_OK;
}

static bool of_one_rank(const kv_node *node) {
  int a = kv_edge_output(node->in[0])->rank, b = kv_edge_output(node->in[1])->rank;
  return a == b || a == 1 || b == 1 || (b == 2 && node->in[1].node->constant);
}

/* What no transformation writes otherwise. Matrix products are written by float32_products.c; those of operands of
 * several ranks are given the same ones. */
static bool keeps_its_mark(const kv_node *node) {
  if (node->prim->traits & (KV_MOVES | KV_VIEW)) return true;
  switch (node->prim->id) {
  case KV_Concat:
    return true;
  case KV_MatMul:
    return of_one_rank(node);
  case KV_Convolution:
  case KV_GroupConvolution:
  case KV_ConvolutionBackpropData:
  case KV_GroupConvolutionBackpropData:
  case KV_Add:
  case KV_Multiply:
  case KV_Maximum:
  case KV_Minimum:
  case KV_Power:
  case KV_Exp:
  case KV_Sin:
  case KV_Cos:
  case KV_Sqrt:
  case KV_Tanh:
  case KV_Sigmoid:
  case KV_ReLU:
  case KV_Gelu:
  case KV_Abs:
  case KV_Negative:
  case KV_Range:
  case KV_Select:
  case KV_Clamp:
  case KV_Equal:
  case KV_NotEqual:
  case KV_Less:
  case KV_LessEqual:
  case KV_Greater:
  case KV_GreaterEqual:
    return true;
  default:
    return false;
  }
}

/* Whether the node's float32 is more than what bfloat16 has had: of inputs, of integers, of products with weights. */
static bool is_precise(const kv_node *node, const bool *precise) {
  bool weighs = node->prim->traits & KV_PRODUCT;
  if (node->constant || !node->n_out) return false;
  if (!node->n_in) return node->out[0].dtype == KVINO_F32;
  if (node->prim->id == KV_Convert && kv_edge_output(node->in[0])->dtype != KVINO_F32)
    return node->out[0].dtype == KVINO_F32 && kv_edge_output(node->in[0])->dtype != KVINO_BF16;
  for (uint32_t k = 0; k < node->n_in; k++)
    if (kv_edge_output(node->in[k])->dtype == KVINO_F32 &&
        (precise[node->in[k].node->id] || (weighs && node->in[k].node->constant)))
      return true;
  return false;
}

void kv_find_precise(const kv_graph *g, bool *precise) {
  for (size_t i = 0; i < g->n_nodes; i++) precise[i] = is_precise(g->node[i], precise);
}

kvino_status kv_float32_is_kept(const kv_graph *g, bool *kept, kvino_error *err) {
  bool *marked = kv_calloc(3 * g->n_nodes + 1, sizeof *marked), *before = marked ? marked + g->n_nodes : NULL,
       *precise = marked ? before + g->n_nodes : NULL;
  if (!marked) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", g->n_nodes);
  kvino_status status = kv_keep_float32(g, marked, err);
  *kept = true;
  kv_find_precise(g, precise);
  for (size_t i = g->n_nodes; i-- > 0 && *kept && !status;) { /* users come after */
    const kv_node *node = g->node[i];
    bool product = node->prim->traits & (KV_PRODUCT | KV_SEQUENCE);
    *kept = !marked[i] || !precise[i] || !(before[i] || product) || keeps_its_mark(node);
    for (uint32_t k = 0; k < node->n_in; k++) before[node->in[k].node->id] |= product || before[i];
    kv_graph *body[2];
    size_t bodies = kv_bodies_of(node->prim->id, &node->attrs, body);
    for (size_t k = 0; k < bodies && *kept && !status; k++) status = kv_float32_is_kept(body[k], kept, err);
  }
  kv_free(marked);
  return status;
}
