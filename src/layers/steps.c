#include "layers/steps.h"

#include <string.h>

#include "base/memory.h"
#include "graph/body.h"
#include "kvino/graph.h"
#include "ops/common.h"

/* x at a step of its second axis. */
static kvino_tensor *at_step(kv_scope *s, kvino_tensor *x, kvino_tensor *step) {
  return kv_gather(s, x, step, kv_int(s, KVINO_I64, 1), (kv_gather_attrs){.batch_dims = 0});
}

/* a where the mask (batch) holds, else b. */
static kvino_tensor *where_step(kv_scope *s, kvino_tensor *mask, kvino_tensor *a, kvino_tensor *b) {
  if (!mask || !a || !b) return a;
  int64_t shape[KVINO_MAX_RANK];
  for (int i = 0; i < a->rank; i++) shape[i] = i ? 1 : -1;
  return kv_select(s, kv_reshape_to(s, mask, a->rank, shape), a, b);
}

static kvino_tensor *add_parameter(kv_scope *s, kv_graph *body, const kvino_tensor *like) {
  kvino_tensor *t = NULL;
  kvino_dtype dtype = like ? (kvino_dtype)like->dtype : KVINO_I64;
  if (!s->status)
    kv_scope_ok(s, kv_graph_parameter(body, dtype, like ? like->rank : 0, like ? like->shape : NULL, NULL, &t, s->err));
  return t ? kv_own(s, t) : NULL;
}

static void add_result(kv_scope *s, kv_graph *body, kvino_tensor *x) {
  if (x && !s->status) kv_scope_ok(s, kv_graph_result(body, x, NULL, s->err));
}

/* The body: the number of the iteration, the last output and the states become those after it and, for the stack of all
 * outputs, the new one. */
static void record(kv_invocation *c, const kv_steps *of, kvino_tensor *last, const kvino_tensor *first,
                   kv_graph *body) {
  kv_scope *s = c->s;
  kvino_tensor *state[KV_MOST_STATES], *before[KV_MOST_STATES];
  kvino_tensor *i = add_parameter(s, body, NULL), *output = add_parameter(s, body, first);
  for (size_t k = 0; k < of->n; k++) state[k] = before[k] = add_parameter(s, body, of->state[k]);
  if (s->status) return;
  kvino_tensor *step = of->backwards ? kv_subtract(s, last, i) : i;
  kvino_tensor *mask = of->mask ? at_step(s, of->mask, step) : NULL;
  kvino_tensor *y = of->step(c, at_step(s, of->x, step), of->n, state);
  if (!y) return;
  y = where_step(s, mask, y, of->zero ? op_zeros_like(s, y, KVINO_NO_DTYPE) : output);
  add_result(s, body, kv_cast(s, kv_int(s, KVINO_I32, 1), KVINO_BOOL));
  add_result(s, body, y);
  for (size_t k = 0; k < of->n; k++) add_result(s, body, where_step(s, mask, state[k], before[k]));
  add_result(s, body, kv_unsqueeze(s, y, KV_VECTOR(s, 0)));
}

kvino_tensors kv_over_steps(kv_invocation *c, const kv_steps *of) {
  kv_scope *s = c->s;
  kv_graph *body = NULL;
  kvino_tensor *carried[KV_MOST_STATES + 1];
  for (size_t k = 0; k < of->n; k++)
    if (!(carried[k + 1] = of->state[k])) return KV_NO_TENSORS;
  if (!kv_is_symbolic(of->x)) { /* a loop is a node of a graph */
    kv_scope_fail(s, KVINO_UNSUPPORTED,
                  "a layer that goes step by step is not called on values: kvino_model_run runs the "
                  "model, and on symbolic tensors it is part of a graph");
    return KV_NO_TENSORS;
  }
  carried[0] = op_zeros_like(s, of->state[of->like], KVINO_NO_DTYPE);
  kvino_tensor *steps = kv_dimension(s, of->x, 1), *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *last = kv_subtract(s, steps, one), *go_on = kv_cast(s, kv_int(s, KVINO_I32, 1), KVINO_BOOL);
  if (s->status || !kv_scope_ok(s, kv_body_new(kv_graph_recording(of->x->node->graph), &body, s->err)))
    return KV_NO_TENSORS;
  kv_graph *before = kv_graph_record_in(body);
  if (c->training) c->training->in_steps++;
  record(c, of, last, carried[0], body);
  if (c->training) c->training->in_steps--;
  kv_graph_record_in(before);
  kvino_tensors v = {0, NULL};
  if (!s->status) kv_scope_ok(s, kvino_loop(steps, go_on, of->n + 1, carried, body, &v, s->err));
  kv_graph_release(body);
  if (s->status) return KV_NO_TENSORS;
  /* The stack comes last, time first. */
  kvino_tensor **out = kv_scope_alloc(s, v.n, sizeof *out);
  for (size_t k = 0; k < v.n; k++) kv_own(s, v.v[k]);
  if (out) {
    int64_t order[KVINO_MAX_RANK];
    for (int k = 0; k < v.v[v.n - 1]->rank; k++) order[k] = k < 2 ? 1 - k : k;
    out[0] = kv_permute(s, v.v[v.n - 1], order);
    memcpy(out + 1, v.v, (v.n - 1) * sizeof *out);
  }
  kvino_tensors result = {v.n, out};
  kv_free(v.v);
  return s->status ? KV_NO_TENSORS : result;
}
