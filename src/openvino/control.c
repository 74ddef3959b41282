/* If and Loop for OpenVINO: whether everything in their bodies is exact there, and the bodies lowered (exactness.h). */
#include "base/error.h"
#include "base/memory.h"
#include "openvino/exactness.h"
#include "prim/control.h"

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
  p[0] = (kv_interval){0, KV_INDEX_MAX, false};
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

kvino_tensors kv_lower_bodies(kv_scope *s, const kv_judged *j, const kv_node *node, kvino_tensor *const *in) {
  kv_graph *body[2] = {NULL, NULL}, *lowered[2] = {NULL, NULL};
  size_t n = kv_bodies_of(node->prim->id, &node->attrs, body);
  kvino_tensors v = KV_KEEP;
  for (size_t i = 0; i < n && !s->status; i++)
    kv_scope_ok(s, kv_rewrite(body[i], lower_node, j->body[i], &lowered[i], s->err));
  if (!s->status) {
    kv_attrs attrs = node->attrs;
    if (body[1])
      attrs.branches = (kv_branches_attrs){.then_body = lowered[0], .else_body = lowered[1]};
    else
      attrs.loop.body = lowered[0];
    v = kv_apply_many(s, node->prim->id, &attrs, node->n_in, in);
  }
  for (size_t i = 0; i < n; i++) kv_graph_release(lowered[i]);
  return v;
}
