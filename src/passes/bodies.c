/* The pipeline inside of bodies (kv_pass_bodies in passes.h). What a body takes and is constant becomes a constant in
 * it, what it takes and does not use is not taken any more. */
#include <string.h>

#include "base/memory.h"
#include "passes/passes.h"
#include "passes/rewrite.h"
#include "graph/body.h"

size_t *kv_first_values(kv_scope *s, const kv_graph *g) {
  size_t *first = kv_scope_alloc(s, g->n_nodes + 1, sizeof *first), n = 0;
  for (size_t i = 0; first && i < g->n_nodes; n += g->node[i++]->n_out) first[i] = n;
  if (first) first[g->n_nodes] = n;
  return first;
}

kvino_tensor **kv_inline_nodes(kv_scope *s, kv_graph *g, const kv_graph *body, const size_t *first, const bool *live,
                               kvino_tensor *const *in) {
  kvino_tensor **value = kv_scope_alloc(s, first[body->n_nodes] + 1, sizeof *value);
  for (size_t i = 0; i < body->n_parameters && value; i++) value[first[body->parameter[i]->id]] = in[i];
  for (size_t i = 0; i < body->n_nodes && !s->status; i++) {
    const kv_node *node = body->node[i];
    if (!live[i] || node->prim->id == KV_Parameter) continue;
    kvino_tensor **operand = kv_scope_alloc(s, node->n_in, sizeof *operand);
    for (uint32_t k = 0; operand && k < node->n_in; k++)
      operand[k] = value[first[node->in[k].node->id] + node->in[k].output];
    kv_origin *before = kv_origin_enter(node->origin);
    kvino_tensors made = operand ? kv_clone(s, g, node, operand) : KV_KEEP;
    kv_origin_enter(before);
    for (uint32_t k = 0; !s->status && k < node->n_out; k++) value[first[i] + k] = made.v[k];
  }
  return s->status ? NULL : value;
}

kvino_tensors kv_inline_body(kv_scope *s, kv_graph *g, const kv_graph *body, kvino_tensor *const *in) {
  size_t *first = kv_first_values(s, body);
  bool *live = kv_scope_alloc(s, body->n_nodes + 1, sizeof *live);
  kvino_tensors out = {body->n_results, kv_scope_alloc(s, body->n_results, sizeof *out.v)};
  if (s->status) return KV_KEEP;
  kv_mark_live(body, live);
  kvino_tensor **value = kv_inline_nodes(s, g, body, first, live, in);
  for (size_t i = 0; i < body->n_results && value; i++)
    out.v[i] = value[first[body->result[i].value.node->id] + body->result[i].value.output];
  return s->status ? KV_KEEP : out;
}

/* Marks the Parameters that one of the bodies uses. */
static void mark_used(kv_scope *s, const kv_graph *body, bool *used) {
  bool *live = kv_scope_alloc(s, body->n_nodes, sizeof *live);
  if (!live) return;
  kv_mark_live(body, live);
  for (size_t i = 0; i < body->n_parameters; i++) used[i] = used[i] || live[body->parameter[i]->id];
}

/* What is known of a node's Parameters, in their order: what they stand for (NULL: an iteration or a carried value,
 * which change), and whether they stay. */
typedef struct taken {
  size_t n, carried; /* carried: how many after the iteration */
  kvino_tensor **given;
  bool *keep;
} taken;

static bool look(kv_scope *s, const kv_node *node, kvino_tensor *const *in, kv_graph *const *body, size_t n_bodies,
                 taken *t) {
  kv_prim_id id = node->prim->id;
  *t = (taken){.n = body[0]->n_parameters};
  t->carried = id == KV_Loop ? KV_LOOP_ITERATION + (size_t)node->attrs.loop.carried : 0;
  t->given = kv_scope_alloc(s, t->n + 1, sizeof *t->given);
  t->keep = kv_scope_alloc(s, t->n + 1, sizeof *t->keep);
  if (s->status) return false;
  memset(t->keep, 0, t->n * sizeof *t->keep);
  for (size_t i = 0; i < n_bodies; i++) mark_used(s, body[i], t->keep);
  for (size_t i = 0; i < t->n; i++) {
    t->given[i] = i < t->carried ? NULL : in[kv_body_operand(id, i)];
    t->keep[i] |= i < t->carried;
  }
  return !s->status;
}

/* The operands that are left. */
static kvino_tensor **operands(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in,
                               const taken *t, size_t *n) {
  kvino_tensor **left = kv_scope_alloc(s, node->n_in, sizeof *left);
  bool concrete = true;
  *n = 0;
  for (size_t k = 0; left && k < node->n_in - (t->n - (node->prim->id == KV_Loop)); k++) left[(*n)++] = in[k];
  for (size_t i = node->prim->id == KV_Loop; left && i < t->n; i++) {
    kvino_tensor *x = in[kv_body_operand(node->prim->id, i)];
    if (t->keep[i] && (!t->given[i] || kv_is_symbolic(x))) left[(*n)++] = x;
  }
  for (size_t k = 0; left && k < *n; k++) concrete &= !kv_is_symbolic(left[k]);
  if (left && concrete) left[0] = kv_as_symbolic(s, w->out, left[0]); /* errors and time belong to the run */
  return s->status ? NULL : left;
}

static kvino_status optimize_body(const kv_graph *body, const taken *t, kv_graph **out, kvino_error *err) {
  kv_graph *given;
  KV_TRY(kv_rewrite_body(body, t->given, t->keep, &given, err));
  kvino_status status = kv_optimize(given, out, err);
  kv_graph_release(given);
  return status;
}

static kvino_tensors rule(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  kv_graph *body[2] = {NULL, NULL}, *made[2] = {NULL, NULL};
  size_t n, n_bodies = kv_bodies_of(node->prim->id, &node->attrs, body);
  kvino_tensors v = KV_KEEP;
  taken t;
  if (!n_bodies) return KV_KEEP;
  if (node->prim->id == KV_If && !kv_is_symbolic(in[0]))
    return kv_inline_body(s, w->out, body[!kv_tensor_get_int(in[0], 0)], in + KV_IF_OPERANDS);
  if (!look(s, node, in, body, n_bodies, &t)) return KV_KEEP;
  kvino_tensor **left = operands(s, w, node, in, &t, &n);
  for (size_t i = 0; i < n_bodies && left; i++) kv_scope_ok(s, optimize_body(body[i], &t, &made[i], s->err));
  if (!s->status && left) {
    kv_attrs attrs = node->attrs;
    if (node->prim->id == KV_If)
      attrs.branches = (kv_branches_attrs){.then_body = made[0], .else_body = made[1]};
    else
      attrs.loop.body = made[0];
    v = kv_apply_many(s, node->prim->id, &attrs, n, left);
  }
  for (size_t i = 0; i < n_bodies; i++) kv_graph_release(made[i]);
  return v;
}

kvino_status kv_pass_bodies(const kv_graph *in, kv_graph **out, kvino_error *err) {
  return kv_rewrite(in, rule, NULL, out, err);
}
