/* Inference of recorded nodes for operands of other shapes (shapes.h). A dimension that follows from data stays
 * unknown, and is taken to fit. */
#include "run/shapes.h"

#include <string.h>

#include "run/apply.h"
#include "vocabulary/refusals.h"

/* The values of the nodes of one graph, by node and output. */
typedef struct inference {
  kv_scope *s;
  kv_graph *record; /* where inference is recorded, so that known values are carried on */
  bool values;      /* lists of integers that are given count as values */
  kvino_tensor ***value;
} inference;

static kvino_tensor *parameter(const inference *f, const kv_output *o, const int64_t *shape) {
  kvino_tensor *t = NULL;
  kvino_status status = kv_graph_parameter(f->record, o->dtype, o->rank, shape, NULL, &t, f->s->err);
  return kv_scope_ok(f->s, status) ? kv_own(f->s, t) : NULL;
}

/* The symbolic tensor of a Constant: what has but constants for operands is not to be computed. */
static kvino_tensor *constant(const inference *f, kvino_tensor *t) {
  kv_edge edge;
  kvino_tensor *symbol = NULL;
  if (!kv_scope_ok(f->s, kv_graph_edge(f->record, t, &edge, f->s->err))) return NULL;
  return kv_scope_ok(f->s, kv_graph_tensor(edge, &symbol, f->s->err)) ? kv_own(f->s, symbol) : NULL;
}

static void infer_bodies(const inference *f, const kv_node *node, kvino_tensor *const *in, kvino_tensors out);

/* Whether a condition does not hold for these shapes, or, where they alone are asked, may not. */
static bool may_fail(const kv_node *require, const kvino_tensor *holds) {
  int n;
  int64_t v[KV_KNOWN_MAX];
  bool asked = require->attrs.refusal.by && !strcmp(require->attrs.refusal.by, KV_BY_SHAPES);
  if (!kv_known_values(holds, &n, v)) return asked;
  for (int i = 0; i < n; i++)
    if (!v[i] || (asked && v[i] == KV_UNKNOWN)) return true;
  return false;
}

static void infer_node(const inference *f, const kv_node *node) {
  bool symbolic = false;
  kvino_tensor **in = kv_scope_alloc(f->s, node->n_in + 1, sizeof *in);
  if (!in) return;
  for (uint32_t k = 0; k < node->n_in; k++) {
    kv_edge e = node->in[k];
    in[k] = e.node->constant ? e.node->constant : f->value[e.node->id][e.output];
    symbolic |= kv_is_symbolic(in[k]);
  }
  if (!symbolic && node->n_in) in[0] = constant(f, in[0]);
  kvino_tensors out = kv_apply_many(f->s, node->prim->id, &node->attrs, node->n_in, in);
  f->value[node->id] = out.v;
  if (node->prim->id == KV_Require && in[1] && may_fail(node, in[1]))
    kv_scope_fail(f->s, KVINO_INVALID, "what Require asks for does not hold");
  if (!f->s->status) infer_bodies(f, node, in, out);
}

/* ---- bodies ---- */

static bool begin(inference *f, kv_scope *s, kv_graph *record, bool values, size_t n_nodes) {
  *f = (inference){s, record, values, kv_scope_alloc(s, n_nodes + 1, sizeof *f->value)};
  if (f->value) memset(f->value, 0, (n_nodes + 1) * sizeof *f->value);
  return f->value != NULL;
}

static bool is_list(const kvino_tensor *t) {
  return kvino_dtype_is_integer((kvino_dtype)t->dtype) && t->rank <= 1 && t->size <= KV_KNOWN_MAX;
}

/* The body with Parameter i of the shape of given[i] (NULL: of that it was recorded with). */
static bool infer_body(const inference *outer, const kv_graph *body, kvino_tensor *const *given, inference *f) {
  kvino_tensor **in = kv_scope_alloc(outer->s, body->n_parameters + 1, sizeof *in);
  if (!in || !begin(f, outer->s, outer->record, outer->values, body->n_nodes)) return false;
  for (size_t i = 0; i < body->n_parameters && !f->s->status; i++) {
    const kv_output *o = kv_body_parameter(body, i);
    bool value = f->values && given[i] && is_list(given[i]);
    in[i] = value ? given[i] : parameter(f, o, given[i] ? given[i]->shape : o->shape);
    f->value[body->parameter[i]->id] = &in[i];
  }
  for (size_t i = 0; i < body->n_nodes && !f->s->status; i++)
    if (!(body->node[i]->prim->traits & KV_STRUCTURAL)) infer_node(f, body->node[i]);
  return !f->s->status;
}

/* Whether result i of the body has the shape of t. */
static bool gives_shape(const inference *f, const kv_graph *body, size_t i, const kvino_tensor *t) {
  kv_edge e = body->result[i].value;
  const kvino_tensor *y = e.node->constant ? e.node->constant : f->value[e.node->id][e.output];
  bool same = y->rank == t->rank;
  for (int k = 0; same && k < y->rank; k++) same = y->shape[k] >= 0 && y->shape[k] == t->shape[k];
  return same;
}

/* A loop's carried values have in every iteration the shapes that they have in the first, where the first leaves them
 * as they are; else what is known of all iterations. */
static void infer_loop(const inference *f, const kv_node *node, kvino_tensor *const *in, kvino_tensors out) {
  const kv_graph *body = node->attrs.loop.body;
  size_t carried = (size_t)node->attrs.loop.carried;
  kvino_tensor **given = kv_scope_alloc(f->s, body->n_parameters + 1, sizeof *given);
  inference inside;
  if (!given) return;
  given[0] = NULL;
  for (size_t i = 1; i < body->n_parameters; i++) given[i] = in[kv_body_operand(KV_Loop, i)];
  if (!infer_body(f, body, given, &inside)) return;
  bool stays = true;
  for (size_t i = 0; stays && i < carried; i++) stays = gives_shape(&inside, body, i + 1, given[i + 1]);
  if (stays) return;
  for (size_t i = 0; i < carried; i++) given[i + 1] = out.v[i];
  infer_body(f, body, given, &inside);
}

static void infer_bodies(const inference *f, const kv_node *node, kvino_tensor *const *in, kvino_tensors out) {
  kv_graph *body[2];
  inference inside;
  if (node->prim->id == KV_Loop) {
    infer_loop(f, node, in, out);
    return;
  }
  for (size_t i = 0; i < kv_bodies_of(node->prim->id, &node->attrs, body); i++)
    if (!infer_body(f, body[i], in + KV_IF_OPERANDS, &inside)) return;
}

static void take_results(const inference *f, const kv_graph *body, kv_spec *out) {
  for (size_t i = 0; i < body->n_results; i++) {
    kv_edge e = body->result[i].value;
    const kvino_tensor *t = e.node->constant ? e.node->constant : f->value[e.node->id][e.output];
    out[i].dtype = (kvino_dtype)t->dtype;
    out[i].rank = t->rank;
    memcpy(out[i].shape, t->shape, (size_t)t->rank * sizeof *t->shape);
  }
}

/* ---- the whole ---- */

static kvino_status leave(kv_scope *s, kv_graph *record) {
  kvino_status status = s->status;
  s->err = NULL;
  kv_scope_leave(s, NULL, &(kvino_tensor *){NULL});
  kv_graph_release(record);
  return status;
}

kvino_status kv_body_shapes(const kv_graph *body, kvino_tensor *const *in, kv_spec *out, kvino_error *err) {
  kv_scope s;
  kv_graph *record;
  inference f;
  KV_TRY(kv_graph_new(&record, err));
  kv_scope_enter(&s, err);
  if (infer_body(&(inference){.s = &s, .record = record, .values = true}, body, in, &f)) take_results(&f, body, out);
  return leave(&s, record);
}

kvino_status kv_shapes_fit(size_t n_nodes, kv_node *const *node, size_t n_in, const kv_edge *in,
                           kvino_tensor *const *given, kvino_error *err) {
  kv_scope s;
  kv_graph *record;
  inference f;
  if (!n_nodes) return KVINO_OK;
  KV_TRY(kv_graph_new(&record, err));
  kv_scope_enter(&s, err);
  bool begun = begin(&f, &s, record, false, node[0]->graph->n_nodes);
  for (size_t i = 0; begun && i < n_in && !s.status; i++) {
    kvino_tensor ***outputs = &f.value[in[i].node->id];
    if (!*outputs) *outputs = kv_scope_alloc(&s, in[i].node->n_out, sizeof **outputs);
    if (*outputs) (*outputs)[in[i].output] = parameter(&f, kv_edge_output(in[i]), given[i]->shape);
  }
  for (size_t i = 0; begun && i < n_nodes && !s.status; i++) infer_node(&f, node[i]);
  return leave(&s, record);
}
