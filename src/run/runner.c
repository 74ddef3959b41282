/* The native engine for bodies: node by node, each value released after its last use (runner.h). */
#include <string.h>

#include "base/memory.h"
#include "run/apply.h"
#include "run/runner.h"

static void count_uses(kv_body_run *r) {
  const kv_graph *g = r->g;
  for (size_t i = 0; i < g->n_results; i++) r->uses[g->result[i].value.node->id]++;
  for (size_t i = g->n_nodes; i-- > 0;) /* operands stand before their users */
    for (uint32_t k = 0; r->uses[i] && k < g->node[i]->n_in; k++) r->uses[g->node[i]->in[k].node->id]++;
}

kvino_status kv_body_run_begin(kv_body_run *r, const kv_graph *g, kvino_error *err) {
  size_t n = g->n_nodes, most = 0;
  *r = (kv_body_run){.g = g};
  r->first = kv_calloc(n + 1, sizeof *r->first);
  r->uses = kv_calloc(n + 1, sizeof *r->uses);
  r->left = kv_calloc(n + 1, sizeof *r->left);
  for (size_t i = 0; r->first && i < n; i++) {
    r->first[i + 1] = r->first[i] + g->node[i]->n_out;
    if (g->node[i]->n_in > most) most = g->node[i]->n_in;
  }
  if (r->first) r->n_values = r->first[n];
  r->value = kv_calloc(r->n_values + 1, sizeof *r->value);
  r->in = kv_calloc(most + 1, sizeof *r->in);
  if (!r->first || !r->uses || !r->left || !r->value || !r->in) {
    kv_body_run_end(r);
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a body of %zu nodes", n);
  }
  count_uses(r);
  return KVINO_OK;
}

void kv_body_run_end(kv_body_run *r) {
  for (size_t i = 0; r->value && i < r->n_values; i++) kvino_tensor_release(r->value[i]);
  kv_free(r->first);
  kv_free(r->uses);
  kv_free(r->left);
  kv_free(r->value);
  kv_free(r->in);
  *r = (kv_body_run){0};
}

static void drop(kv_body_run *r, const kv_node *node) {
  for (size_t k = r->first[node->id]; k < r->first[node->id + 1]; k++) {
    kvino_tensor_release(r->value[k]);
    r->value[k] = NULL;
  }
}

/* Operands whose last use this is. */
static uint32_t spare_operands(const kv_body_run *r, const kv_node *node) {
  uint32_t spare = 0;
  for (uint32_t k = 0; k < node->n_in && k < 32; k++) {
    const kv_node *from = node->in[k].node;
    uint32_t here = 0;
    for (uint32_t i = 0; i < node->n_in; i++) here += node->in[i].node == from;
    if (!from->constant && from->n_out == 1 && r->left[from->id] == here) spare |= UINT32_C(1) << k;
  }
  return spare;
}

static kvino_status run_node(kv_body_run *r, const kv_node *node, kvino_error *err) {
  kv_scope s;
  kvino_tensors made;
  kvino_tensor **out = r->value + r->first[node->id];
  for (uint32_t k = 0; k < node->n_in; k++) {
    const kv_node *from = node->in[k].node;
    r->in[k] = from->constant ? from->constant : r->value[r->first[from->id] + node->in[k].output];
  }
  kv_scope_enter(&s, err);
  s.spare = spare_operands(r, node);
  if (!node->prim->many) {
    KV_TRY(kv_scope_leave(&s, kv_apply(&s, node->prim->id, &node->attrs, node->n_in, r->in), out));
  } else {
    kvino_tensors v = kv_apply_many(&s, node->prim->id, &node->attrs, node->n_in, r->in);
    if (!s.status && v.n != node->n_out)
      kv_scope_fail(&s, KVINO_INVALID, "%s gave %zu outputs where %u were expected", node->prim->name, v.n,
                    node->n_out);
    KV_TRY(kv_scope_leave_many(&s, v, &made));
    memcpy(out, made.v, made.n * sizeof *out);
    kv_free(made.v);
  }
  for (uint32_t k = 0; k < node->n_in; k++) {
    const kv_node *from = node->in[k].node;
    if (!--r->left[from->id]) drop(r, from);
  }
  return KVINO_OK;
}

/* A value that does not fit what the body was recorded for is an error, never a wrong number. */
static kvino_status check_parameter(const kv_node *parameter, size_t i, const kvino_tensor *t, kvino_error *err) {
  const kv_output *o = parameter->out;
  char have[KV_SHAPE_TEXT], want[KV_SHAPE_TEXT];
  bool fits = t->rank == o->rank && t->dtype == o->dtype;
  for (int k = 0; k < o->rank && fits; k++) fits = o->shape[k] < 0 || o->shape[k] == t->shape[k];
  if (fits) return KVINO_OK;
  return kv_fail(err, KVINO_INVALID, "value %zu of a body is %s%s, it was recorded for %s%s", i,
                 kvino_dtype_name((kvino_dtype)t->dtype), kv_shape_text(t->rank, t->shape, have),
                 kvino_dtype_name(o->dtype), kv_shape_text(o->rank, o->shape, want));
}

static void take_results(kv_body_run *r, kvino_tensor **out) {
  const kv_graph *g = r->g;
  for (size_t i = 0; i < g->n_results; i++) {
    kv_edge e = g->result[i].value;
    out[i] = kvino_tensor_retain(e.node->constant ? e.node->constant : r->value[r->first[e.node->id] + e.output]);
  }
}

kvino_status kv_body_run_once(kv_body_run *r, kvino_tensor *const *in, kvino_tensor **out, kvino_error *err) {
  const kv_graph *g = r->g;
  kvino_status status = KVINO_OK;
  memcpy(r->left, r->uses, g->n_nodes * sizeof *r->left);
  for (size_t i = 0; i < g->n_parameters && !status; i++) {
    const kv_node *parameter = g->parameter[i];
    status = check_parameter(parameter, i, in[i], err);
    if (!status && r->uses[parameter->id]) r->value[r->first[parameter->id]] = kvino_tensor_retain(in[i]);
  }
  for (size_t i = 0; i < g->n_nodes && !status; i++) {
    const kv_node *node = g->node[i];
    if (r->uses[i] && !(node->prim->traits & KV_STRUCTURAL)) status = run_node(r, node, err);
  }
  if (!status) take_results(r, out);
  for (size_t i = 0; i < r->n_values; i++) {
    kvino_tensor_release(r->value[i]);
    r->value[i] = NULL;
  }
  return status;
}
