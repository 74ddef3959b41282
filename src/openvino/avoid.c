/* What must not stand beside what in a model (avoid.h). A rule sees the graph as it is written, after substitution: the
 * forms below come from operators and from substitutes alike. Each is what its nodes say, natively and in every
 * release; it is the transformation named that is wrong. */
#include "openvino/avoid.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "openvino/apart.h"
#include "openvino/float16.h"
#include "openvino/reshapes.h"
#include "passes/layout.h"
#include "passes/rewrite.h"

static bool has_unit(const kv_output *o) {
  for (int i = 0; i < o->rank; i++)
    if (o->shape[i] == 1) return true;
  return false;
}

static bool is_reduction(const kv_prim *prim) { return prim->traits & KV_REDUCES && !(prim->traits & KV_GIVES_PLACES); }

/* Which node makes the first operand; conversions, which transformations look through, are passed by. */
static const kv_node *origin(const kv_node *node) {
  const kv_node *from = node->in[0].node;
  while (from->prim->id == KV_Convert) from = from->in[0].node;
  return from;
}

static bool drops_axes(const kv_node *node) {
  return is_reduction(node->prim) && !node->attrs.keep_dims.keep_dims && node->in[1].node->constant;
}

/* AbsSinking moves the Abs of a 1-D Concat to the Concat's operands, and so gives it to the Concat's other users, too.
 */
static bool is_sunk_abs(const kv_node *node) {
  return node->prim->id == KV_Abs && node->out[0].rank == 1 && node->in[0].node->prim->id == KV_Concat;
}

/* A reduction without the axes it reduces, of a Transpose, or itself transposed: the Transpose is moved to the
 * reduction's other side, and one that only moves axes of length 1 gets lost there. */
static bool is_turned_before(const kv_node *node) {
  return drops_axes(node) && has_unit(&node->out[0]) && origin(node)->prim->id == KV_Transpose;
}

static bool is_turned_after(const kv_node *node) {
  return node->prim->id == KV_Transpose && has_unit(&node->out[0]) && drops_axes(origin(node));
}

/* A Tile along fewer axes than there are is given other memory. */
static bool is_short_tile(const kv_node *node) {
  return node->prim->id == KV_Tile && kv_edge_output(node->in[1])->shape[0] != kv_edge_output(node->in[0])->rank;
}

/* A Tile of one channel along several axes, where lengths are unknown, takes channels-last memory for channels-first
 * memory. */
static bool has_one_channel(int rank, const int64_t *shape) {
  bool unknown = false;
  for (int i = 0; i < rank; i++) unknown |= shape[i] < 0;
  return unknown && rank > 2 && shape[1] == 1;
}

static bool is_tile(const kv_node *node) {
  const kv_output *x = kv_edge_output(node->in[0]);
  return is_short_tile(node) || (node->prim->id == KV_Tile && has_one_channel(x->rank, x->shape));
}

static bool is_elementwise(const kv_node *node) {
  return kv_layout_habit(node->prim) == KV_ELEMENTWISE && !(node->prim->traits & KV_BY_CHANNEL);
}

/* How far back two layers are looked for. */
#define LAYERS_REACH 10

/* Whether so many products of a matrix and constant weights, one after another, end in this node, with elementwise
 * nodes between and after: what MLPSeqTokenization may make one finished subgraph of. */
static bool ends_layers(const kv_node *node, int products, int reach) {
  if (!products) return true;
  if (!reach || !node->n_in || node->out[0].rank > 2) return false;
  if (node->prim->id == KV_MatMul)
    return node->in[1].node->constant && ends_layers(node->in[0].node, products - 1, reach - 1);
  if (!is_elementwise(node)) return false;
  for (uint32_t k = 0; k < node->n_in; k++)
    if (ends_layers(node->in[k].node, products, reach - 1)) return true;
  return false;
}

/* Whether softmax is at most so many elementwise nodes away. */
static bool is_of_softmax(const kv_node *node, int reach) {
  for (; reach && node->n_in; reach--, node = node->in[0].node) {
    if (node->prim->id == KV_SoftMax) return true;
    if (!is_elementwise(node)) return false;
  }
  return false;
}

/* Whether attention with its heads put back, softmax(..) v transposed, ends in this node, elementwise nodes after it:
 * what MHATokenization may make one finished subgraph of. */
static bool ends_attention(const kv_node *node, int reach) {
  if (!reach || !node->n_in) return false;
  const kv_node *first = node->in[0].node;
  if (node->prim->id == KV_Transpose)
    return first->n_in && first->prim->id == KV_MatMul && is_of_softmax(first->in[0].node, LAYERS_REACH);
  if (!is_elementwise(node)) return false;
  for (uint32_t k = 0; k < node->n_in; k++)
    if (ends_attention(node->in[k].node, reach - 1)) return true;
  return false;
}

/* Whether the operand's node may be in a subgraph. Of inputs only: y in x - y and x / y, which become x + -y and
 * x * y^-1. */
static bool is_computed(const kv_node *node, const kv_node *operand) {
  if (!operand->n_in) return !operand->constant && !(node->prim->traits & KV_COMMUTATIVE);
  return !(operand->prim->traits & KV_PRODUCT);
}

/* Operand i is such a subgraph's result and another one is computed, too: the tokenization of elementwise nodes merges
 * the subgraphs of all of a node's operands where it may merge one, the finished ones, of which it has no copy, too; it
 * crashes. */
static bool is_beside_layers(const kv_node *node, uint32_t i) {
  bool beside = false;
  if (node->n_in < 2 || !is_elementwise(node)) return false;
  for (uint32_t k = 0; k < node->n_in; k++) beside |= k != i && is_computed(node, node->in[k].node);
  const kv_node *operand = node->in[i].node;
  return beside && (ends_layers(operand, 2, LAYERS_REACH) || ends_attention(operand, LAYERS_REACH));
}

static bool is_merged_with_layers(const kv_node *node) {
  for (uint32_t i = 0; i < node->n_in; i++)
    if (is_beside_layers(node, i)) return true;
  return false;
}

static bool takes_parts(const kv_node *node) {
  kv_prim_id id = node->prim->id;
  return id == KV_Slice || id == KV_Split || id == KV_VariadicSplit;
}

/* A value in several shapes, of two of which parts are taken, that is transposed for a convolution, too: the plugin
 * takes its memory for others before the last of these is made. Marks all shapes but the first. */
static void find_parted_views(const kv_graph *g, const kv_node **first, bool *again) {
  for (size_t i = 0; i < g->n_nodes; i++) {
    const kv_node *view = takes_parts(g->node[i]) ? g->node[i]->in[0].node : NULL, *base = view;
    while (base && kv_is_reshape(base)) base = base->in[0].node;
    if (base == view || base->constant || !kvino_dtype_is_float(view->out[0].dtype)) continue;
    if (!first[base->id]) first[base->id] = view;
    again[view->id] = first[base->id] != view;
  }
}

/* What is known of the graph. */
typedef struct rules {
  kv_bfloat16 bfloat16;
  bool *again; /* by node: find_parted_views */
} rules;

static bool is_avoided(const kv_node *node, const rules *r) {
  if (!node->n_in) return false;
  return r->again[node->id] || is_tile(node) || is_sunk_abs(node) || is_turned_before(node) || is_turned_after(node) ||
         is_merged_with_layers(node) || (!r->bfloat16 && kv_is_cut(node));
}

/* ---- what is written instead ---- */

/* The Abs of a matrix of one row stays where it is. */
static kvino_tensor *abs_of_row(kv_scope *s, kvino_tensor *x) {
  return kv_squeeze(s, kv_abs(s, kv_unsqueeze(s, x, KV_VECTOR(s, 0))), KV_VECTOR(s, 0));
}

/* A reduction that keeps its axes is moved rightly; they go after it. */
static kvino_tensor *reduced_then_squeezed(kv_scope *s, const kv_node *node, kvino_tensor *const *in) {
  kv_attrs attrs = node->attrs;
  attrs.keep_dims.keep_dims = true;
  return kv_squeeze(s, kv_apply(s, node->prim->id, &attrs, 2, in), in[1]);
}

static kvino_tensor *operand(kv_scope *s, kv_edge e) {
  kvino_tensor *t = NULL;
  if (e.node->constant) return kv_own(s, kvino_tensor_retain(e.node->constant));
  return kv_scope_ok(s, kv_graph_tensor(e, &t, s->err)) ? kv_own(s, t) : NULL;
}

/* x, which a reduction made, perhaps with conversions after it, with that reduction written as above. */
static kvino_tensor *squeezed(kv_scope *s, kvino_tensor *x) {
  if (s->status || !kv_is_symbolic(x)) return x;
  const kv_node *node = x->node;
  if (node->prim->id == KV_Convert) {
    x = squeezed(s, operand(s, node->in[0]));
    return kv_convert(s, x, node->attrs.convert);
  }
  if (!drops_axes(node)) return x; /* written so already */
  return reduced_then_squeezed(s, node, (kvino_tensor *[]){operand(s, node->in[0]), operand(s, node->in[1])});
}

/* Along axes of length 1 a Tile is a Broadcast; the others are tiled without those. */
static kvino_tensor *tiled_around_units(kv_scope *s, kvino_tensor *x, kvino_tensor *repeats) {
  int64_t unit[KVINO_MAX_RANK], is_unit[KVINO_MAX_RANK], is_other[KVINO_MAX_RANK], other[KVINO_MAX_RANK];
  size_t units = 0, others = 0;
  for (int i = 0; i < x->rank; i++) {
    is_unit[i] = x->shape[i] == 1;
    is_other[i] = !is_unit[i];
    if (is_unit[i])
      unit[units++] = i;
    else
      other[others++] = i;
  }
  size_t rank = units + others;
  kvino_tensor *axes = kv_vector(s, units, unit);
  kvino_tensor *rest =
      kv_gather(s, repeats, kv_vector(s, others, other), kv_int(s, KVINO_I64, 0), (kv_gather_attrs){0});
  kvino_tensor *y = kv_unsqueeze(s, kv_tile(s, kv_squeeze(s, x, axes), rest), axes);
  kvino_tensor *times = kv_add(s, kv_multiply(s, repeats, kv_vector(s, rank, is_unit)), kv_vector(s, rank, is_other));
  return kv_broadcast(s, y, times, (kv_broadcast_attrs){.mode = "bidirectional"});
}

/* A Tile that says how often for every axis there is. */
static kvino_tensor *tiled(kv_scope *s, kvino_tensor *x, kvino_tensor *repeats) {
  int64_t n[KVINO_MAX_RANK], missing = x->rank - repeats->shape[0];
  for (int i = 0; i < KVINO_MAX_RANK; i++) n[i] = missing < 0 ? i : 1;
  repeats = kv_convert(s, repeats, (kv_convert_attrs){.destination_type = KVINO_I64});
  if (missing < 0) x = kv_unsqueeze(s, x, kv_vector(s, (size_t)-missing, n));
  if (missing > 0)
    repeats =
        kv_concat(s, 2, (kvino_tensor *[]){kv_vector(s, (size_t)missing, n), repeats}, (kv_axis_attrs){.axis = 0});
  if (!x || !has_one_channel(x->rank, x->shape)) return kv_tile(s, x, repeats);
  return tiled_around_units(s, x, repeats);
}

/* Layers' results go in with an axis more: a view stands between them and the node. */
static kvino_tensor *on_views_of_layers(kv_scope *s, const kv_node *node, kvino_tensor *const *in) {
  kvino_tensor *x[3] = {NULL};
  for (uint32_t i = 0; i < node->n_in; i++)
    x[i] = is_beside_layers(node, i) ? kv_unsqueeze(s, in[i], KV_VECTOR(s, 0)) : in[i];
  kvino_tensor *y = kv_apply(s, node->prim->id, &node->attrs, node->n_in, x);
  return y && y->rank > node->out[0].rank ? kv_squeeze(s, y, KV_VECTOR(s, 0)) : y;
}

/* The view of another value than the other views have. */
static kvino_tensor *on_a_copy(kv_scope *s, const kv_node *node, kvino_tensor *const *in) {
  kvino_tensor **x = kv_scope_alloc(s, node->n_in, sizeof *x);
  if (!x) return NULL;
  memcpy(x, in, node->n_in * sizeof *x);
  x[0] = kv_kept_apart(s, in[0]);
  return kv_apply(s, node->prim->id, &node->attrs, node->n_in, x);
}

static kvino_tensors avoid_node(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  const rules *r = w->context;
  if (node->n_in <= 3 && is_merged_with_layers(node)) return kv_one(s, on_views_of_layers(s, node, in));
  if (!node->n_in || !kv_is_symbolic(in[0])) return KV_KEEP;
  if (kv_is_cut(node)) return r->bfloat16 ? KV_KEEP : kv_one(s, kv_round_bfloat16(s, in[0]));
  if (r->again[node->id]) return kv_one(s, on_a_copy(s, node, in));
  if (is_tile(node)) return kv_one(s, tiled(s, in[0], in[1]));
  if (is_sunk_abs(node)) return kv_one(s, abs_of_row(s, in[0]));
  if (is_turned_before(node)) return kv_one(s, reduced_then_squeezed(s, node, in));
  if (is_turned_after(node)) return kv_one(s, kv_transpose(s, squeezed(s, in[0]), in[1]));
  return KV_KEEP;
}

kvino_status kv_avoid(kv_graph **g, kv_bfloat16 bfloat16, kvino_error *err) {
  kv_graph *avoided = NULL;
  size_t n = (*g)->n_nodes;
  const kv_node **first = kv_calloc(n + 1, sizeof *first);
  rules r = {bfloat16, kv_calloc(n + 1, sizeof *r.again)};
  bool any = false;
  kvino_status status =
      first && r.again ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", n);
  if (!status) find_parted_views(*g, first, r.again);
  for (size_t i = 0; i < n && !any && !status; i++) any = is_avoided((*g)->node[i], &r);
  if (any) status = kv_rewrite(*g, avoid_node, &r, &avoided, err);
  kv_free(first);
  kv_free(r.again);
  if (status) return status;
  if (any) {
    kv_graph_release(*g);
    *g = avoided;
  }
  return bfloat16 == KV_BFLOAT16_BY_POLICY ? kv_float32_products(g, err) : KVINO_OK;
}
