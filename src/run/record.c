/* Control flow for callers: bodies that are recorded, and the nodes that they become (kvino/graph.h). */
#include <string.h>

#include "base/memory.h"
#include "run/apply.h"
#include "run/bodies.h"

kvino_status kvino_body_new(kvino_tensor *symbolic, kvino_graph *like, kvino_graph **out, kvino_error *err) {
  if (!symbolic || !out || !kv_is_symbolic(symbolic))
    return kv_fail(err, KVINO_INVALID, "a body is recorded for a symbolic tensor");
  kv_graph *body, *parent = kv_graph_recording(symbolic->node->graph);
  if (like && like->parent != parent)
    return kv_fail(err, KVINO_INVALID, "the branches of a condition must be recorded in the same graph");
  KV_TRY(kv_body_new(parent, &body, err));
  kvino_status status = KVINO_OK;
  for (size_t i = 0; like && i < like->n_captures && !status; i++)
    status = kv_body_capture(body, like->capture[i].value, &(kv_edge){NULL, 0}, err);
  if (status)
    kv_graph_release(body);
  else
    *out = body;
  return status;
}

kvino_graph *kvino_body_enter(kvino_graph *body) { return kv_graph_record_in(body); }

void kv_put_captures(kv_scope *s, const kv_graph *body, kvino_tensor **in) {
  for (size_t i = 0; i < body->n_captures && !s->status; i++) {
    kvino_tensor *t = NULL;
    if (kv_scope_ok(s, kv_graph_tensor(body->capture[i].value, &t, s->err))) in[i] = kv_own(s, t);
  }
}

/* The operands: n given ones, then the captures. NULL where the scope has failed. */
static kvino_tensor **operands(kv_scope *s, size_t n, kvino_tensor *const *given, const kv_graph *body) {
  kvino_tensor **in = kv_scope_alloc(s, n + body->n_captures, sizeof *in);
  if (!in) return NULL;
  memcpy(in, given, n * sizeof *in);
  kv_put_captures(s, body, in + n);
  return s->status ? NULL : in;
}

/* Parameters for what the other branch takes besides. */
static kvino_status complete(kv_graph *body, const kv_graph *other, kvino_error *err) {
  for (size_t i = 0; i < other->n_captures; i++)
    KV_TRY(kv_body_capture(body, other->capture[i].value, &(kv_edge){NULL, 0}, err));
  return KVINO_OK;
}

/* Puts what a branch takes in the order in which the other takes it: both take the same values. */
static void order_as(kv_graph *body, const kv_graph *other) {
  for (size_t i = 0; i < body->n_captures; i++)
    for (size_t k = i; k < body->n_captures; k++) {
      kv_capture found = body->capture[k];
      if (found.value.node != other->capture[i].value.node || found.value.output != other->capture[i].value.output)
        continue;
      body->capture[k] = body->capture[i];
      body->capture[i] = found;
      break;
    }
  for (size_t i = 0; i < body->n_captures; i++) body->parameter[i] = body->capture[i].parameter;
}

kvino_status kvino_if(kvino_tensor *condition, kvino_graph *then_body, kvino_graph *else_body, kvino_tensors *out,
                      kvino_error *err) {
  if (!condition || !then_body || !else_body || !out)
    return kv_fail(err, KVINO_INVALID, "kvino_if needs a condition, two branches and a place for its results");
  if (!then_body->parent || then_body->parent != else_body->parent)
    return kv_fail(err, KVINO_INVALID, "the branches of a condition must be recorded in the same graph");
  KV_TRY(complete(then_body, else_body, err));
  KV_TRY(complete(else_body, then_body, err));
  if (then_body->n_parameters != then_body->n_captures || else_body->n_parameters != else_body->n_captures)
    return kv_fail(err, KVINO_INVALID, "the branches of a condition have no parameters of their own");
  order_as(else_body, then_body);
  kv_scope s;
  kvino_tensors v = {0, NULL};
  kv_scope_enter(&s, err);
  kvino_tensor **in = operands(&s, KV_IF_OPERANDS, &condition, then_body);
  kv_attrs attrs = {.branches = {.then_body = then_body, .else_body = else_body}};
  if (in) v = kv_apply_many(&s, KV_If, &attrs, KV_IF_OPERANDS + then_body->n_captures, in);
  kvino_status status = kv_scope_leave_many(&s, v, out);
  kv_body_close(then_body);
  kv_body_close(else_body);
  return status;
}

kvino_status kvino_loop(kvino_tensor *trip_count, kvino_tensor *condition, size_t n, kvino_tensor *const *carried,
                        kvino_graph *body, kvino_tensors *out, kvino_error *err) {
  if (!trip_count || !condition || (n && !carried) || !body || !out)
    return kv_fail(err, KVINO_INVALID,
                   "kvino_loop needs a trip count, a condition, a body and a place for its results");
  kv_scope s;
  kvino_tensors v = {0, NULL};
  kv_scope_enter(&s, err);
  kvino_tensor **given = kv_scope_alloc(&s, KV_LOOP_OPERANDS + n, sizeof *given), **in = NULL;
  if (given) {
    given[0] = trip_count;
    given[1] = condition;
    if (n) memcpy(given + KV_LOOP_OPERANDS, carried, n * sizeof *given);
    in = operands(&s, KV_LOOP_OPERANDS + n, given, body);
  }
  kv_attrs attrs = {.loop = {.body = body, .carried = (int64_t)n}};
  if (in) v = kv_apply_many(&s, KV_Loop, &attrs, KV_LOOP_OPERANDS + n + body->n_captures, in);
  kvino_status status = kv_scope_leave_many(&s, v, out);
  kv_body_close(body);
  return status;
}

/* ---- a derivative of one's own ---- */

static void record_gradient(kv_scope *s, kv_graph *body, kvino_tensor *y, kvino_tensor *const *x,
                            kv_gradient_of gradient) {
  kvino_tensor *d = NULL;
  if (!kv_scope_ok(s, kv_graph_parameter(body, (kvino_dtype)y->dtype, y->rank, y->shape, NULL, &d, s->err))) return;
  kvino_tensors dx = gradient(s, x, y, kv_own(s, d));
  for (size_t i = 0; i < dx.n && !s->status; i++) kv_scope_ok(s, kv_graph_result(body, dx.v[i], NULL, s->err));
}

kvino_tensor *kv_with_gradient(kv_scope *s, kvino_tensor *y, size_t n, kvino_tensor *const *x,
                               kv_gradient_of gradient) {
  kv_graph *body;
  kvino_tensors v = {0, NULL};
  if (s->status || !kv_scope_ok(s, kv_body_new(kv_graph_recording(y->node->graph), &body, s->err))) return NULL;
  kv_graph *before = kv_graph_record_in(body);
  record_gradient(s, body, y, x, gradient);
  kv_graph_record_in(before);
  kvino_tensor **given = kv_scope_alloc(s, n + 1, sizeof *given), **in = NULL;
  if (given) {
    given[0] = y;
    memcpy(given + 1, x, n * sizeof *given);
    in = operands(s, n + 1, given, body);
  }
  kv_attrs attrs = {.custom_gradient = {.gradient = body, .results = 1}};
  if (in && !s->status) v = kv_apply_many(s, KV_CustomGradient, &attrs, n + 1 + body->n_captures, in);
  kv_body_close(body);
  kv_graph_release(body);
  return v.v ? v.v[0] : NULL;
}
