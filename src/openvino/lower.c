/* A segment as a graph of its own, every node rewritten as the table says (lower.h). */
#include "openvino/lower.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "openvino/avoid.h"
#include "openvino/float16.h"
#include "openvino/guard.h"
#include "openvino/nan_guard.h"

/* The segment copied: nodes and edges of its own. */
typedef struct copy {
  kv_graph *graph;
  const kv_node **origin; /* by node of the copy; Constants and Parameters too */
  kv_edge *edge;          /* by value of the original graph; node NULL: not copied yet */
  size_t *first;          /* by node of the original graph */
  size_t n_origin;        /* how many nodes the copy has; what is added to it comes after */
} copy;

static kv_edge *place(const copy *k, kv_edge e) { return &k->edge[k->first[e.node->id] + e.output]; }

static kvino_status copy_begin(copy *k, const kv_graph *g, size_t n_nodes, kvino_error *err) {
  k->first = kv_calloc(g->n_nodes + 1, sizeof *k->first);
  for (size_t i = 0; k->first && i < g->n_nodes; i++) k->first[i + 1] = k->first[i] + g->node[i]->n_out;
  if (k->first) k->edge = kv_calloc(k->first[g->n_nodes] + 1, sizeof *k->edge);
  /* a copied node is one of the segment, an input, or a constant: no more than all */
  k->origin = kv_calloc(g->n_nodes + n_nodes + 1, sizeof *k->origin);
  if (!k->first || !k->edge || !k->origin)
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a segment of %zu nodes", n_nodes);
  return kv_graph_new(&k->graph, err);
}

static void copy_end(copy *k) {
  kv_graph_release(k->graph);
  kv_free(k->origin);
  kv_free(k->edge);
  kv_free(k->first);
}

static kvino_status copy_input(copy *k, kv_edge e, kvino_error *err) {
  const kv_output *o = kv_edge_output(e);
  const char *name = e.node->prim->id == KV_Parameter ? e.node->name : NULL;
  kvino_tensor *t;
  KV_TRY(kv_graph_parameter(k->graph, o->dtype, o->rank, o->shape, name, &t, err));
  *place(k, e) = kv_tensor_edge(t);
  kvino_tensor_release(t);
  return KVINO_OK;
}

static void describe(const kv_output *o, kv_spec *spec) {
  spec->dtype = o->dtype;
  spec->rank = o->rank;
  if (o->rank) memcpy(spec->shape, o->shape, (size_t)o->rank * sizeof *o->shape);
}

/* How many values the first output has that tracing may know; -1: it knows none. */
static int known_values(const kv_output *o) {
  int64_t n = 1;
  for (int i = 0; i < o->rank; i++) n *= o->shape[i];
  return o->known ? (int)n : -1;
}

static kvino_status copy_node(copy *k, const kv_node *node, kvino_error *err) {
  size_t bytes = node->n_in * sizeof(kv_edge) + node->n_out * sizeof(kv_spec);
  char *room = kv_malloc(bytes);
  if (!room) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for %s", node->prim->name);
  kv_spec *spec = (kv_spec *)room;
  kv_edge *in = (kv_edge *)(room + node->n_out * sizeof *spec);
  kvino_status status = KVINO_OK;
  for (uint32_t i = 0; i < node->n_in && !status; i++) {
    kv_edge *e = place(k, node->in[i]);
    if (!e->node && node->in[i].node->constant) status = kv_graph_edge(k->graph, node->in[i].node->constant, e, err);
    in[i] = *e;
  }
  for (uint32_t i = 0; i < node->n_out; i++) describe(&node->out[i], &spec[i]);
  kv_node *made = NULL;
  kv_origin *before = kv_origin_enter(node->origin);
  if (!status)
    status = kv_graph_add(k->graph, node->prim, &node->attrs, node->n_in, in, node->n_out, spec,
                          known_values(&node->out[0]), node->out[0].known, &made, err);
  kv_origin_enter(before);
  for (uint32_t i = 0; i < node->n_out && !status; i++) *place(k, (kv_edge){(kv_node *)node, i}) = (kv_edge){made, i};
  if (!status) k->origin[made->id] = node;
  kv_free(room);
  return status;
}

static kvino_status copy_output(copy *k, kv_edge e, kvino_error *err) {
  kvino_tensor *t;
  KV_TRY(kv_graph_tensor(*place(k, e), &t, err));
  kvino_status status = kv_graph_result(k->graph, t, NULL, err);
  kvino_tensor_release(t);
  return status;
}

bool kv_may_reduce_nothing(const kv_node *node) {
  kvino_dtype y = node->out[0].dtype;
  bool counts = node->prim->traits & KV_REDUCES && kvino_dtype_is_integer(y) && y != KVINO_BOOL;
  if (!(node->prim->traits & KV_NEEDS_ONE) && !counts) return false;
  const kv_output *x = kv_edge_output(node->in[0]);
  const kvino_tensor *axes = node->in[1].node->constant;
  for (int64_t i = 0; axes && i < axes->size; i++) {
    int64_t axis = kv_tensor_get_int(axes, i);
    if (x->shape[axis < 0 ? axis + x->rank : axis] < 0) return true;
  }
  return !axes;
}

/* The shape of the node's operand as a further result. */
static kvino_status add_shape(copy *k, const kv_node *node, kvino_error *err) {
  kv_scope s;
  kvino_tensor *x = NULL, *shape = NULL;
  kv_scope_enter(&s, err);
  if (kv_scope_ok(&s, kv_graph_tensor(*place(k, node->in[0]), &x, err))) x = kv_own(&s, x);
  KV_TRY(kv_scope_leave(&s, kv_shape_of(&s, x, (kv_output_type_attrs){.output_type = KVINO_I64}), &shape));
  kvino_status status = kv_graph_result(k->graph, shape, NULL, err);
  kvino_tensor_release(shape);
  return status;
}

void kv_lowering_guard(kv_scope *s, kv_lowering *l, kvino_tensor *guard) {
  if (l->plain) return;
  guard = kv_guard_both(s, l->guard, guard);
  if (!guard || guard == l->guard) return;
  kvino_tensor_release(l->guard);
  l->guard = kvino_tensor_retain(guard);
}

/* The operands of what drops NaN. */
static void guard_against_nan(kv_scope *s, kv_lowering *l, const kv_node *node, kvino_tensor *const *in) {
  if (!kv_drops_nan(node)) return;
  for (uint32_t i = 0; i < node->n_in && in[i]; i++)
    if (kvino_dtype_is_float((kvino_dtype)in[i]->dtype)) kv_lowering_guard(s, l, kv_nan_guard_before(s, node, in[i]));
}

/* What is native here, as OpenVINO has it. */
static void note_plain(kv_scope *s, kv_lowering *l, const kv_node *node, const char *why) {
  const char *name = node->prim->name,
             *dtype = kvino_dtype_name(kv_edge_output(node->n_in ? node->in[0] : (kv_edge){(kv_node *)node, 0})->dtype);
  if (!node->prim->opset)
    kv_scope_fail(s, KVINO_UNSUPPORTED, "%s of %s cannot be written for OpenVINO: %s", name, dtype, why);
  else if (!l->notes->at || !strstr(l->notes->at, why)) /* each reason once */
    kv_put(l->notes, "%s of %s: %s\n", name, dtype, why);
}

/* To what will be float32 (bfloat16.h). */
static kvino_tensors widened(kv_scope *s, kvino_tensor *x) {
  if (x && x->dtype != KVINO_F32) x = kv_convert(s, x, (kv_convert_attrs){.destination_type = KVINO_F32});
  return kv_one(s, kv_convert(s, x, (kv_convert_attrs){.destination_type = KVINO_BF16}));
}

static kvino_tensors lowered(kv_scope *s, kv_lowering *l, const kv_node *node, kvino_tensor *const *in) {
  const kv_exact_row *row = kv_exact_row_of(node->prim->id);
  kv_interval few[8], *room = node->n_in > 8 ? kv_scope_alloc(s, node->n_in, sizeof *room) : few;
  const kv_judged *bodies = kv_exactness_bodies(l->exactness, node);
  if (bodies) return kv_lower_bodies(s, l, bodies, node, in);
  const char *why = l->plain ? kv_exactness_native(l->exactness, node) : NULL;
  if (why && !row->exported) note_plain(s, l, node, why);
  if (!room || (why && !row->exported)) return KV_KEEP;
  kv_case c = kv_case_of(l->exactness, node, room);
  if (why) return row->exported(s, &c, in);
  if (!l->plain && kv_may_miss(&c)) kv_lowering_guard(s, l, kv_guard(s, &c, in));
  l->refuses = l->refuses || kv_refuses(&c);
  if (!l->plain) guard_against_nan(s, l, node, in);
  if (l->bfloat16 && node->prim->id == KV_Convert && node->out[0].dtype == KVINO_BF16) return widened(s, in[0]);
  if (row->substitute) return row->substitute(s, &c, in);
  kvino_tensor *const *apart = kv_weights_apart(s, l->weights, node, in);
  return apart == in ? KV_KEEP : kv_one(s, kv_apply(s, node->prim->id, &node->attrs, node->n_in, apart));
}

kvino_tensors kv_lower_node(kv_scope *s, kv_lowering *l, const kv_node *node, kvino_tensor *const *in) {
  kvino_tensors v = lowered(s, l, node, in);
  bool rounded = l->rounded && l->rounded[node->id];
  bool looked_at = l->nan && l->nan[node->id];
  if (!looked_at && !rounded) return v;
  if (!v.v) v = kv_apply_many(s, node->prim->id, &node->attrs, node->n_in, in);
  if (v.v && rounded) v = kv_one(s, kv_round_float16(s, v.v[0]));
  if (v.v && looked_at) kv_lowering_guard(s, l, kv_nan_guard(s, v.v[0]));
  return v;
}

/* The rewriting of a segment. */
typedef struct segment {
  kv_lowering lowering;
  const copy *copy;
} segment;

static kvino_tensors substitute(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  segment *g = w->context;
  const kv_node *origin = node->id < g->copy->n_origin ? g->copy->origin[node->id] : NULL;
  return origin ? kv_lower_node(s, &g->lowering, origin, in) : KV_KEEP;
}

static kvino_status rewrite(const kv_exactness *x, const copy *k, const bool *nan, const bool *rounded,
                            kv_bfloat16 bfloat16, kv_lowered *out, kvino_error *err) {
  kv_weights weights = {0};
  segment g = {.lowering = {.exactness = x, .weights = &weights, .nan = nan, .rounded = rounded, .bfloat16 = bfloat16},
               .copy = k};
  kvino_status status = kv_rewrite(k->graph, substitute, &g, &out->graph, err);
  out->refuses = g.lowering.refuses;
  out->guarded = g.lowering.guard != NULL;
  if (!status && out->guarded) status = kv_graph_result(out->graph, g.lowering.guard, NULL, err);
  kvino_tensor_release(g.lowering.guard);
  kv_weights_clear(&weights);
  if (!status) status = kv_avoid(&out->graph, bfloat16, err);
  return status;
}

kvino_status kv_lower(const kv_exactness *x, size_t n_nodes, kv_node *const *node, size_t n_in, const kv_edge *in,
                      size_t n_out, const kv_edge *out, kv_float16 float16, kv_bfloat16 bfloat16, kv_lowered *lowered,
                      kvino_error *err) {
  copy k = {0};
  *lowered = (kv_lowered){0};
  kvino_status status = copy_begin(&k, node[0]->graph, n_nodes, err);
  for (size_t i = 0; i < n_in && !status; i++) status = copy_input(&k, in[i], err);
  for (size_t i = 0; i < n_nodes && !status; i++) status = copy_node(&k, node[i], err);
  for (size_t i = 0; i < n_out && !status; i++) status = copy_output(&k, out[i], err);
  k.n_origin = k.graph ? k.graph->n_nodes : 0;
  for (size_t i = 0; i < n_nodes && !status; i++) {
    if (!kv_may_reduce_nothing(node[i]) || node[i]->in[0].node->constant) continue;
    status = add_shape(&k, node[i], err);
    lowered->n_shapes++;
  }
  size_t n_ids = node[0]->graph->n_nodes;
  bool *inside = kv_calloc(n_ids + 1, sizeof *inside), *rounded = kv_calloc(n_ids + 1, sizeof *rounded);
  lowered->nan = kv_calloc(n_out + 1, sizeof *lowered->nan);
  if (!status && (!inside || !rounded || !lowered->nan))
    status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for a segment");
  if (!status) status = kv_nan_sites(n_nodes, node, n_out, out, lowered->nan, inside, err);
  if (!status && float16 == KV_FLOAT16_AS_FLOAT32) kv_float16_results(n_nodes, node, true, rounded);
  if (float16 != KV_FLOAT16_AS_FLOAT32) kv_free(rounded), rounded = NULL;
  if (!status) status = rewrite(x, &k, inside, rounded, bfloat16, lowered, err);
  kv_free(rounded);
  kv_free(inside);
  copy_end(&k);
  if (status) {
    kv_graph_release(lowered->graph);
    kv_free(lowered->nan);
    *lowered = (kv_lowered){0};
  }
  return status;
}

/* ---- for plain OpenVINO ---- */

static kvino_tensors plain(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  return node->constant ? KV_KEEP : kv_lower_node(s, w->context, node, in);
}

kvino_status kv_lower_plain(const kv_exactness *x, const kv_graph *g, kv_text *notes, kv_graph **out,
                            kvino_error *err) {
  kv_weights weights = {0};
  kv_lowering l = {.exactness = x, .weights = &weights, .plain = true, .notes = notes};
  kvino_status status = kv_rewrite(g, plain, &l, out, err);
  kv_weights_clear(&weights);
  if (status) return status;
  status = kv_avoid(out, KV_BFLOAT16_AS_WRITTEN, err);
  if (status) {
    kv_graph_release(*out);
    *out = NULL;
  }
  return status;
}
