/* If and Loop for OpenVINO: whether everything in their bodies is exact there, and the bodies lowered (exactness.h). */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "graph/body.h"
#include "openvino/avoid.h"
#include "openvino/exactness.h"
#include "openvino/float16.h"
#include "openvino/nan_guard.h"

/* ---- judging ---- */

static const char *judge_graph(const kv_exactness *x, const kv_graph *g) {
  for (size_t i = 0; i < g->n_nodes; i++) {
    const char *why = kv_exactness_native(x, g->node[i]);
    if (why) return why;
    /* Around a body the shape would be looked at after the run (kv_lower); out of a body it does not get. */
    if (kv_may_reduce_nothing(g->node[i]) && !g->node[i]->in[0].node->constant)
      return "a reduction over a length that is not known, inside of a body";
  }
  return NULL;
}

static kvino_status judge_if(kv_judged *j, const kv_node *node, kv_graph *const *body, const kv_interval *in,
                             kvino_error *err) {
  for (size_t b = 0; b < 2; b++) KV_TRY(kv_exactness_of(body[b], in + KV_IF_OPERANDS, &j->body[b], err));
  for (size_t b = 0; b < 2 && !j->why; b++) j->why = judge_graph(j->body[b], body[b]);
  for (uint32_t i = 0; i < node->n_out; i++)
    j->result[i] = kv_interval_union(kv_exactness_interval(j->body[0], body[0]->result[i].value),
                                     kv_exactness_interval(j->body[1], body[1]->result[i].value));
  return KVINO_OK;
}

/* Carried values start in the intervals of what is given; those that leave them in the body may be anything. */
static kvino_status judge_loop(kv_judged *j, const kv_node *node, kv_graph *body, const kv_interval *in,
                               kvino_error *err) {
  size_t n = body->n_parameters, carried = (size_t)node->attrs.loop.carried;
  kv_interval *p = kv_malloc(n * sizeof *p);
  if (!p) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a body that takes %zu values", n);
  p[0] = (kv_interval){0, KV_INDEX_MAX};
  if (in[0].low > 0 && in[0].high < KV_INDEX_MAX) p[0].high = in[0].high - 1;
  for (size_t i = 1; i < n; i++) p[i] = in[kv_body_operand(KV_Loop, i)];
  kvino_status status = KVINO_OK;
  for (bool stable = false; !stable && !status;) {
    kv_exactness_free(j->body[0]);
    j->body[0] = NULL;
    status = kv_exactness_of(body, p, &j->body[0], err);
    stable = true;
    for (size_t i = 1; i <= carried && !status; i++) {
      kv_interval next = kv_exactness_interval(j->body[0], body->result[i].value);
      if (kv_interval_within(next, p[i].low, p[i].high)) continue;
      p[i] = kv_interval_of_dtype(kv_body_parameter(body, i)->dtype);
      stable = false;
    }
  }
  if (!status) j->why = judge_graph(j->body[0], body);
  for (uint32_t i = 0; i < node->n_out && !status; i++) {
    j->result[i] = kv_exactness_interval(j->body[0], body->result[i + 1].value);
    if (i < carried) j->result[i] = kv_interval_union(j->result[i], p[i + 1]);
  }
  kv_free(p);
  return status;
}

kvino_status kv_judge_bodies(const kv_node *node, const kv_interval *in, kv_judged **out, kvino_error *err) {
  kv_graph *body[2] = {NULL, NULL};
  if (!kv_bodies_of(node->prim->id, &node->attrs, body)) return KVINO_OK;
  kv_judged *j = kv_calloc(1, sizeof *j);
  if (j) j->result = kv_calloc(node->n_out + 1, sizeof *j->result);
  kvino_status status =
      j && j->result ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for the bodies of %s", node->prim->name);
  if (!status) status = body[1] ? judge_if(j, node, body, in, err) : judge_loop(j, node, body[0], in, err);
  if (status)
    kv_judged_free(j);
  else
    *out = j;
  return status;
}

void kv_judged_free(kv_judged *j) {
  if (!j) return;
  kv_exactness_free(j->body[0]);
  kv_exactness_free(j->body[1]);
  kv_free(j->result);
  kv_free(j);
}

/* ---- lowering ---- */

static kvino_tensors lower_node(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  return kv_lower_node(s, w->context, node, in);
}

/* A flag for each node of the body, not set; NULL on failure. */
static bool *flags(kv_scope *s, const kv_graph *body) {
  bool *flag = kv_scope_alloc(s, body->n_nodes + 1, sizeof *flag);
  return flag ? memset(flag, 0, (body->n_nodes + 1) * sizeof *flag) : NULL;
}

static void lower_body(kv_scope *s, const kv_lowering *outer, kv_graph *body, kv_lowering *l, kv_graph **lowered) {
  if (outer->plain) {
    kv_scope_ok(s, kv_rewrite(body, lower_node, l, lowered, s->err));
    return;
  }
  bool *nan = flags(s, body), *rounded = outer->rounded ? flags(s, body) : NULL;
  if (s->status) return;
  if (rounded) kv_float16_results(body->n_nodes, body->node, false, rounded);
  l->rounded = rounded;
  l->nan = nan;
  if (kv_scope_ok(s, kv_nan_sites(body->n_nodes, body->node, 0, NULL, NULL, nan, s->err)))
    kv_scope_ok(s, kv_rewrite(body, lower_node, l, lowered, s->err));
}

/* The guard of a body as a result of it: a number for a branch, for a Loop of length 1, to be stacked. A branch that
 * has none while the other one has gives -1. */
static void add_guard(kv_scope *s, kv_graph *body, kvino_tensor *guard, bool loop) {
  if (!guard) guard = kv_as_symbolic(s, body, kv_number(s, KVINO_F32, -1));
  if (loop && guard) guard = kv_unsqueeze(s, guard, KV_VECTOR(s, 0));
  if (guard) kv_scope_ok(s, kv_graph_result(body, guard, NULL, s->err));
}

/* The nodes whose values the body computes with, shapes apart: OpenVINO may know them. */
static void mark_used(const kv_graph *body, bool *used) {
  for (size_t i = 0; i < body->n_results; i++) used[body->result[i].value.node->id] = true;
  for (size_t i = body->n_nodes; i-- > 0;) {
    const kv_node *node = body->node[i];
    if (!used[node->id] || node->prim->id == KV_ShapeOf) continue;
    for (uint32_t k = 0; k < node->n_in; k++) used[node->in[k].node->id] = true;
  }
}

/* Whether a carried value is not used by what follows it: the plugin drops it then. */
static bool forgets(kv_scope *s, const kv_node *node, const kv_graph *body) {
  bool *used = flags(s, body), forgotten = false;
  if (!used) return false;
  mark_used(body, used);
  for (int64_t i = 0; i < node->attrs.loop.carried; i++) forgotten |= !used[body->parameter[i + KV_LOOP_ITERATION]->id];
  return forgotten;
}

/* Trap: where a Loop does not run, the plugin gives what it stacked the time before, or 0 for dimensions that are not
 * known, and for a carried value that it has dropped what the body would give. The trip count (0: none) and the
 * condition guard against that. */
static void guard_idle(kv_scope *s, kv_lowering *l, const kv_node *node, kvino_tensor *const *in) {
  if (node->prim->id != KV_Loop) return;
  bool stacks = node->n_out > (uint32_t)node->attrs.loop.carried;
  if (!stacks && !forgets(s, node, node->attrs.loop.body)) return;
  kvino_tensor *idle = kv_logical_or(s, kv_equal(s, in[0], kv_int(s, KVINO_I64, 0)), kv_logical_not(s, in[1]));
  if (!idle || (!kv_is_symbolic(idle) && !kv_tensor_get_int(idle, 0))) return;
  idle = kv_convert(s, idle, (kv_convert_attrs){.destination_type = KVINO_F32});
  kv_lowering_guard(s, l, kv_subtract(s, idle, kv_number(s, KVINO_F32, 0.5)));
}

/* The node on its new bodies, which give a guard as their last result. */
static kvino_tensors guarded(kv_scope *s, kv_lowering *l, const kv_node *node, kvino_tensors v) {
  if (s->status || v.n != node->n_out + 1u) return KV_KEEP;
  kvino_tensor *guard = v.v[node->n_out];
  if (guard->rank) guard = kv_reduce_max(s, guard, KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = false});
  kv_lowering_guard(s, l, guard);
  return (kvino_tensors){node->n_out, v.v};
}

kvino_tensors kv_lower_bodies(kv_scope *s, kv_lowering *l, const kv_judged *j, const kv_node *node,
                              kvino_tensor *const *in) {
  kv_graph *body[2] = {NULL, NULL}, *lowered[2] = {NULL, NULL};
  kv_lowering inner[2];
  for (int i = 0; i < 2; i++)
    inner[i] = (kv_lowering){
        .exactness = j->body[i], .weights = l->weights, .bfloat16 = l->bfloat16, .plain = l->plain, .notes = l->notes};
  size_t n = kv_bodies_of(node->prim->id, &node->attrs, body);
  kvino_tensors v = KV_KEEP;
  for (size_t i = 0; i < n && !s->status; i++) lower_body(s, l, body[i], &inner[i], &lowered[i]);
  bool guard = inner[0].guard || inner[1].guard;
  for (size_t i = 0; i < n && !s->status && guard; i++) add_guard(s, lowered[i], inner[i].guard, !body[1]);
  for (size_t i = 0; i < n && !s->status; i++) kv_scope_ok(s, kv_avoid(&lowered[i], l->bfloat16, s->err));
  if (!s->status) {
    kv_attrs attrs = node->attrs;
    if (body[1])
      attrs.branches = (kv_branches_attrs){.then_body = lowered[0], .else_body = lowered[1]};
    else
      attrs.loop.body = lowered[0];
    v = kv_apply_many(s, node->prim->id, &attrs, node->n_in, in);
    if (guard) v = guarded(s, l, node, v);
    if (!l->plain) guard_idle(s, l, node, in);
  }
  for (size_t i = 0; i < n; i++) {
    l->refuses = l->refuses || inner[i].refuses;
    kvino_tensor_release(inner[i].guard);
    kv_graph_release(lowered[i]);
  }
  return v;
}
