/* Derivatives of If, and the derivative that a caller gives (CustomGradient). Loop: loop.c. */
#include <string.h>

#include "base/memory.h"
#include "grad/bodies.h"
#include "passes/rewrite.h"

/* ---- CustomGradient ---- */

/* Operands: the values, what they are the function of, what the body takes besides. */
void kv_grad_custom_gradient(kv_grad *g) {
  kv_scope *s = g->s;
  kv_graph *body = g->attrs->custom_gradient.gradient;
  size_t values = g->n_out, captures = values + body->n_results;
  kvino_tensor **in = kv_scope_alloc(s, body->n_parameters + 1, sizeof *in);
  for (size_t i = 0; in && i < body->n_parameters; i++)
    in[i] = i >= values ? g->in[captures + i - values] : g->d_out[i] ? g->d_out[i] : kv_zeros_like(s, g->out[i]);
  kvino_tensors d = s->status ? KV_NO_TENSORS : kv_inline_body(s, g->g, body, in);
  for (size_t i = 0; !s->status && i < d.n; i++)
    if (g->wanted[values + i]) g->d_in[values + i] = d.v[i];
}

kvino_status kvino_custom_gradient(size_t n_y, kvino_tensor *const *y, size_t n_x, kvino_tensor *const *x,
                                   kvino_graph *gradient, kvino_tensors *out, kvino_error *err) {
  if (!n_y || !y || (n_x && !x) || !gradient || !out)
    return kv_fail(err, KVINO_INVALID, "kvino_custom_gradient needs values, a body and a place for its results");
  kv_scope s;
  kvino_tensors v = KV_NO_TENSORS;
  kv_scope_enter(&s, err);
  size_t n = n_y + n_x + gradient->n_captures;
  kvino_tensor **in = kv_scope_alloc(&s, n, sizeof *in);
  if (in) {
    memcpy(in, y, n_y * sizeof *in);
    if (n_x) memcpy(in + n_y, x, n_x * sizeof *in);
    kv_put_captures(&s, gradient, in + n_y + n_x);
    kv_attrs attrs = {.custom_gradient = {.gradient = gradient, .results = (int64_t)n_y}};
    v = kv_apply_many(&s, KV_CustomGradient, &attrs, n, in);
  }
  kvino_status status = kv_scope_leave_many(&s, v, out);
  kv_body_close(gradient);
  return status;
}

/* ---- what nodes with bodies share (bodies.h) ---- */

kv_graph *kv_body_begin(kv_grad *g, kv_graph **before) {
  kv_graph *body = NULL;
  if (g->s->status || !kv_scope_ok(g->s, kv_body_new(g->g, &body, g->s->err))) return NULL;
  *before = kv_graph_record_in(body);
  return body;
}

void kv_body_give(kv_scope *s, kv_graph *body, kvino_tensor *t) {
  if (!s->status && t) kv_scope_ok(s, kv_graph_result(body, t, NULL, s->err));
}

kvino_tensors kv_own_list(kv_scope *s, kvino_tensors list) {
  kvino_tensors out = {list.n, kv_scope_alloc(s, list.n + 1, sizeof *out.v)};
  for (size_t i = 0; i < list.n; i++) {
    if (out.v)
      out.v[i] = kv_own(s, list.v[i]);
    else
      kvino_tensor_release(list.v[i]);
  }
  kv_free(list.v);
  return s->status ? KV_NO_TENSORS : out;
}

bool kv_same_value(const kvino_tensor *a, const kvino_tensor *b) {
  return a == b || (kv_is_symbolic(a) && kv_is_symbolic(b) && a->node == b->node && a->output == b->output);
}

bool kv_wanted_first(const kv_grad *g, size_t from, size_t k) {
  for (size_t i = from; i < k; i++)
    if (kv_same_value(g->in[i], g->in[k])) return false;
  return g->wanted[k];
}

/* ---- If: another If, whose branches compute the branch again and pull back ---- */

/* Records a branch. d: the cotangents of the operands that are asked for, NULL where there is no influence. */
static kv_graph *record_branch(kv_grad *g, const kv_graph *branch, size_t n, kvino_tensor *const *x, kvino_tensor **d) {
  kv_scope *s = g->s;
  kv_graph *before, *body = kv_body_begin(g, &before);
  if (!body) return NULL;
  kvino_tensors y = kv_inline_body(s, body, branch, g->in + KV_IF_OPERANDS);
  if (!s->status) kv_pull_back(s, y.n, y.v, g->d_out, n, x, d);
  kv_graph_record_in(before);
  return body;
}

static void give_branch(kv_grad *g, kv_graph *body, size_t n, kvino_tensor *const *x, kvino_tensor *const *d,
                        const bool *any) {
  kv_graph *before = kv_graph_record_in(body);
  for (size_t i = 0; i < n && !g->s->status; i++)
    if (any[i]) kv_body_give(g->s, body, d[i] ? d[i] : kv_zeros_like(g->s, x[i]));
  kv_graph_record_in(before);
}

void kv_grad_if_else(kv_grad *g) {
  kv_scope *s = g->s;
  kv_graph *branch[2], *body[2] = {NULL, NULL};
  kvino_tensor **x = kv_scope_alloc(s, g->n_in, sizeof *x), **d[2];
  size_t *place = kv_scope_alloc(s, g->n_in, sizeof *place), n = 0, results = 0;
  bool *any = kv_scope_alloc(s, g->n_in, sizeof *any);
  for (int b = 0; b < 2; b++) d[b] = kv_scope_alloc(s, g->n_in, sizeof *d[b]);
  for (size_t k = KV_IF_OPERANDS; !s->status && k < g->n_in; k++)
    if (kv_wanted_first(g, KV_IF_OPERANDS, k)) {
      x[n] = g->in[k];
      place[n++] = k;
    }
  kv_bodies_of(KV_If, g->attrs, branch);
  for (int b = 0; b < 2; b++) body[b] = record_branch(g, branch[b], n, x, d[b]);
  for (size_t i = 0; i < n && !s->status; i++) results += any[i] = d[0][i] || d[1][i];
  for (int b = 0; b < 2 && !s->status; b++) give_branch(g, body[b], n, x, d[b], any);
  kvino_tensors v = KV_NO_TENSORS;
  if (results && !s->status && kv_scope_ok(s, kvino_if(g->in[0], body[0], body[1], &v, s->err))) v = kv_own_list(s, v);
  for (size_t i = 0, k = 0; i < n && results && !s->status; i++)
    if (any[i]) g->d_in[place[i]] = v.v[k++];
  for (int b = 0; b < 2; b++) {
    if (body[b]) kv_body_close(body[b]);
    kv_graph_release(body[b]);
  }
}
