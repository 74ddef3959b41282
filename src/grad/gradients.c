/* The walk: from the values back to what they were computed from, a node's cotangents complete when it is reached, as
 * nodes stand in topological order. */
#include <string.h>

#include "base/memory.h"
#include "grad/grad.h"
#include "graph/body.h"

static const kv_grad_rule rules[KV_PRIM_COUNT] = {
#define RULE_GRADIENT(function) kv_grad_##function
#define RULE_NO_GRADIENT NULL
#define PRIM(Name, function, operands, outputs, attributes, infer, eval, openvino, interval, layout, gradient, traits) \
  [KV_##Name] = RULE_##gradient,
#include "vocabulary/prims.def"
#undef PRIM
};

kv_grad_rule kv_grad_find(kv_prim_id id) { return rules[id]; }

/* One walk. Only nodes that were there when it began count; what it records comes after them. */
typedef struct walk {
  kv_scope *s;
  kv_graph *g;
  size_t n;         /* nodes */
  size_t *first;    /* by node: its first value */
  bool *varies;     /* by value: depends on an x */
  bool *target;     /* by value: is an x */
  bool ends;        /* at targets: what they are computed from is not asked for */
  kvino_tensor **d; /* by value: its cotangent, as far as it is known; NULL: zero */
} walk;

static size_t value_of(const walk *w, kv_edge e) { return w->first[e.node->id] + e.output; }

static bool walk_begin(walk *w, kv_scope *s, kv_graph *g) {
  size_t values = 0;
  *w = (walk){.s = s, .g = g, .n = g->n_nodes};
  w->first = kv_scope_alloc(s, w->n + 1, sizeof *w->first);
  for (size_t i = 0; w->first && i < w->n; i++) {
    w->first[i] = values;
    values += g->node[i]->n_out;
  }
  w->varies = kv_scope_alloc(s, values + 1, sizeof *w->varies);
  w->target = kv_scope_alloc(s, values + 1, sizeof *w->target);
  w->d = kv_scope_alloc(s, values + 1, sizeof *w->d);
  if (s->status) return false;
  memset(w->varies, 0, (values + 1) * sizeof *w->varies);
  memset(w->target, 0, (values + 1) * sizeof *w->target);
  memset(w->d, 0, (values + 1) * sizeof *w->d);
  return true;
}

/* Marks every value that depends on an x by a way that derivatives pass. */
static void mark(walk *w) {
  for (size_t i = 0; i < w->n; i++) {
    const kv_node *node = w->g->node[i];
    bool any = false;
    for (uint32_t k = 0; k < node->n_in && !any; k++) any = w->varies[value_of(w, node->in[k])];
    any = any && rules[node->prim->id];
    for (uint32_t k = 0; k < node->n_out; k++) {
      size_t v = w->first[i] + k;
      w->varies[v] = w->target[v] || (any && kv_is_inexact(node->out[k].dtype));
    }
  }
}

static kvino_tensor *tensor_of(kv_scope *s, kv_edge e) {
  kvino_tensor *t = NULL;
  if (e.node->constant) return kv_own(s, kvino_tensor_retain(e.node->constant));
  return kv_scope_ok(s, kv_graph_tensor(e, &t, s->err)) ? kv_own(s, t) : NULL;
}

static void accumulate(walk *w, const kv_node *node, kv_edge to, kvino_tensor *d) {
  const kv_output *o = kv_edge_output(to);
  bool fits = d->dtype == o->dtype && d->rank == o->rank;
  for (int k = 0; fits && k < o->rank; k++) fits = d->shape[k] == o->shape[k] || d->shape[k] < 0 || o->shape[k] < 0;
  if (!fits) {
    char have[KV_SHAPE_TEXT], want[KV_SHAPE_TEXT];
    kv_scope_fail(w->s, KVINO_INVALID, "the derivative of %s is %s%s for an operand %s%s", node->prim->name,
                  kvino_dtype_name((kvino_dtype)d->dtype), kv_shape_text(d->rank, d->shape, have),
                  kvino_dtype_name(o->dtype), kv_shape_text(o->rank, o->shape, want));
    return;
  }
  kvino_tensor **sum = &w->d[value_of(w, to)];
  *sum = *sum ? kv_add(w->s, *sum, d) : d;
}

/* Whether the cotangent of value v goes on to what it is computed from. */
static bool passes(const walk *w, size_t v) { return !(w->ends && w->target[v]); }

static void apply_rule(walk *w, const kv_node *node) {
  kv_scope *s = w->s;
  kv_grad g = {.s = s, .g = w->g, .prim = node->prim, .attrs = &node->attrs, .n_in = node->n_in, .n_out = node->n_out};
  kvino_tensor **in = kv_scope_alloc(s, node->n_in + 1, sizeof *in),
               **out = kv_scope_alloc(s, node->n_out, sizeof *out),
               **d_out = kv_scope_alloc(s, node->n_out, sizeof *d_out);
  bool *wanted = kv_scope_alloc(s, node->n_in + 1, sizeof *wanted);
  g.d_in = kv_scope_alloc(s, node->n_in + 1, sizeof *g.d_in);
  if (s->status) return;
  for (uint32_t k = 0; k < node->n_in; k++) {
    in[k] = tensor_of(s, node->in[k]);
    wanted[k] = w->varies[value_of(w, node->in[k])];
    g.d_in[k] = NULL;
  }
  for (uint32_t k = 0; k < node->n_out; k++) {
    out[k] = tensor_of(s, (kv_edge){(kv_node *)(uintptr_t)node, k});
    d_out[k] = passes(w, w->first[node->id] + k) ? w->d[w->first[node->id] + k] : NULL;
  }
  if (s->status) return;
  g.in = in;
  g.out = out;
  g.d_out = d_out;
  g.wanted = wanted;
  rules[node->prim->id](&g);
  for (uint32_t k = 0; k < node->n_in && !s->status; k++)
    if (wanted[k] && g.d_in[k]) accumulate(w, node, node->in[k], g.d_in[k]);
}

static void visit(walk *w, const kv_node *node) {
  bool reached = false, varies = false;
  for (uint32_t k = 0; k < node->n_out; k++) {
    size_t v = w->first[node->id] + k;
    reached |= w->varies[v] && w->d[v] && passes(w, v);
  }
  for (uint32_t k = 0; k < node->n_in; k++) varies |= w->varies[value_of(w, node->in[k])];
  if (!reached || !varies) return;
  if (rules[node->prim->id]) apply_rule(w, node);
}

/* The graph that operations on these are recorded in; NULL where all are concrete. */
static kv_graph *graph_of(size_t n, kvino_tensor *const *t) {
  for (size_t i = 0; i < n; i++)
    if (kv_is_symbolic(t[i]) && !t[i]->node->graph->closed) return kv_graph_recording(t[i]->node->graph);
  return NULL;
}

/* A derivative is of the layer that it is the derivative of. */
static void visit_in_its_scope(walk *w, kv_node *node) {
  kv_origin *before = kv_origin_enter(node->origin);
  visit(w, node);
  kv_origin_enter(before);
}

static void pull_back(kv_scope *s, size_t n_y, kvino_tensor *const *y, kvino_tensor *const *d, size_t n,
                      kvino_tensor *const *x, kvino_tensor **out, bool ends) {
  kv_graph *g = s->status ? NULL : graph_of(n_y, y);
  walk w;
  kv_edge *to = kv_scope_alloc(s, n + 1, sizeof *to), *from = kv_scope_alloc(s, n_y + 1, sizeof *from);
  for (size_t i = 0; i < n; i++) out[i] = NULL;
  if (!g || s->status) return;
  /* Edges first: in a body, they may make Parameters. */
  for (size_t i = 0; i < n; i++)
    if (!kv_scope_ok(s, kv_graph_edge(g, x[i], &to[i], s->err))) return;
  for (size_t i = 0; i < n_y; i++)
    if (!kv_scope_ok(s, kv_graph_edge(g, y[i], &from[i], s->err))) return;
  if (!walk_begin(&w, s, g)) return;
  w.ends = ends;
  for (size_t i = 0; i < n; i++) w.target[value_of(&w, to[i])] = true;
  mark(&w);
  for (size_t i = 0; i < n_y && !s->status; i++)
    if (d[i] && w.varies[value_of(&w, from[i])]) accumulate(&w, from[i].node, from[i], d[i]);
  for (size_t i = w.n; i-- > 0 && !s->status;) visit_in_its_scope(&w, w.g->node[i]);
  for (size_t i = 0; i < n && !s->status; i++) out[i] = w.d[value_of(&w, to[i])];
}

void kv_pull_back(kv_scope *s, size_t n_y, kvino_tensor *const *y, kvino_tensor *const *d, size_t n,
                  kvino_tensor *const *x, kvino_tensor **out) {
  pull_back(s, n_y, y, d, n, x, out, true);
}

/* ---- the public calls ---- */

static bool check_values(kv_scope *s, const char *call, size_t n, kvino_tensor *const *y) {
  for (size_t i = 0; i < n; i++)
    if (!y[i]) return kv_scope_fail(s, KVINO_INVALID, "%s: y[%zu] is NULL", call, i);
  return true;
}

static bool check_sources(kv_scope *s, const char *call, size_t n, kvino_tensor *const *x) {
  for (size_t i = 0; i < n; i++) {
    if (!x[i] || !kv_is_symbolic(x[i]))
      return kv_scope_fail(s, KVINO_INVALID, "%s: x[%zu] is not a symbolic tensor", call, i);
    if (x[i]->node->graph->closed)
      return kv_scope_fail(s, KVINO_INVALID, "%s: what x[%zu] was used for is no longer recorded", call, i);
    if (!kv_is_inexact((kvino_dtype)x[i]->dtype))
      return kv_scope_fail(s, KVINO_TYPE, "%s: x[%zu] is %s; derivatives are those of float or complex values", call, i,
                           kvino_dtype_name((kvino_dtype)x[i]->dtype));
  }
  return true;
}

static kvino_tensors gradients(kv_scope *s, size_t n_y, kvino_tensor *const *y, kvino_tensor *const *cotangents,
                               size_t n_x, kvino_tensor *const *x) {
  kvino_tensors out = {n_x, kv_scope_alloc(s, n_x + 1, sizeof *out.v)};
  kvino_tensor **d = kv_scope_alloc(s, n_y + 1, sizeof *d);
  for (size_t i = 0; i < n_y && !s->status; i++)
    d[i] = !kv_is_inexact((kvino_dtype)y[i]->dtype) ? NULL
           : cotangents && cotangents[i]            ? cotangents[i]
                                                    : kv_ones_like(s, y[i]);
  if (s->status) return KV_NO_TENSORS;
  pull_back(s, n_y, y, d, n_x, x, out.v, false);
  for (size_t i = 0; i < n_x && !s->status; i++)
    if (!out.v[i]) out.v[i] = kv_zeros_like(s, x[i]);
  return out;
}

kvino_status kvino_gradients(size_t n_y, kvino_tensor *const *y, kvino_tensor *const *cotangents, size_t n_x,
                             kvino_tensor *const *x, kvino_tensors *out, kvino_error *err) {
  if ((n_y && !y) || (n_x && !x) || !out)
    return kv_fail(err, KVINO_INVALID,
                   "kvino_gradients needs values, what they depend on, and a place for its results");
  kv_scope s;
  kvino_tensors v = KV_NO_TENSORS;
  kv_scope_enter(&s, err);
  if (check_values(&s, "kvino_gradients", n_y, y) && check_sources(&s, "kvino_gradients", n_x, x))
    v = gradients(&s, n_y, y, cotangents, n_x, x);
  return kv_scope_leave_many(&s, v, out);
}

/* The gradient is linear in the cotangents of y: transposing it once more gives the forward derivative. Where the
 * cotangents themselves go nowhere, zeros stand for them. */
static kvino_tensors jvp(kv_scope *s, size_t n_y, kvino_tensor *const *y, size_t n_x, kvino_tensor *const *x,
                         kvino_tensor *const *tangents) {
  kvino_tensor **u = kv_scope_alloc(s, n_y + 1, sizeof *u);
  kvino_tensors out = {n_y, kv_scope_alloc(s, n_y + 1, sizeof *out.v)};
  kv_graph *g = n_x ? kv_graph_recording(x[0]->node->graph) : NULL;
  for (size_t i = 0; i < n_y && g && !s->status; i++) {
    kv_edge e;
    kvino_tensor *zero = kv_zeros_like(s, y[i]), *t = NULL;
    if (!zero || !kv_scope_ok(s, kv_graph_edge(g, zero, &e, s->err))) break;
    if (kv_scope_ok(s, kv_graph_tensor(e, &t, s->err))) t = kv_own(s, t);
    u[i] = kv_identity(s, t); /* a node of its own: equal Constants are one */
  }
  kvino_tensor **gx = kv_scope_alloc(s, n_x + 1, sizeof *gx);
  if (s->status) return KV_NO_TENSORS;
  if (g) kv_pull_back(s, n_y, y, u, n_x, x, gx);
  size_t n = 0;
  kvino_tensor **some = kv_scope_alloc(s, n_x + 1, sizeof *some), **v = kv_scope_alloc(s, n_x + 1, sizeof *v);
  for (size_t i = 0; i < n_x && !s->status; i++)
    if (gx[i]) {
      some[n] = gx[i];
      v[n++] = tangents[i];
    }
  if (!s->status) kv_pull_back(s, n, some, v, n_y, u, out.v);
  for (size_t i = 0; i < n_y && !s->status; i++)
    if (!out.v[i]) out.v[i] = kv_zeros_like(s, y[i]);
  return out;
}

kvino_status kvino_jvp(size_t n_y, kvino_tensor *const *y, size_t n_x, kvino_tensor *const *x,
                       kvino_tensor *const *tangents, kvino_tensors *out, kvino_error *err) {
  if ((n_y && !y) || (n_x && (!x || !tangents)) || !out)
    return kv_fail(err, KVINO_INVALID,
                   "kvino_jvp needs values, what they depend on, tangents, and a place for its results");
  kv_scope s;
  kvino_tensors v = KV_NO_TENSORS;
  kv_scope_enter(&s, err);
  if (check_values(&s, "kvino_jvp", n_y, y) && check_sources(&s, "kvino_jvp", n_x, x)) {
    for (size_t i = 0; i < n_x; i++)
      if (!tangents[i] || tangents[i]->dtype != x[i]->dtype)
        kv_scope_fail(&s, KVINO_TYPE, "kvino_jvp: tangent %zu must be %s as what it belongs to", i,
                      kvino_dtype_name((kvino_dtype)x[i]->dtype));
    if (!s.status) v = jvp(&s, n_y, y, n_x, x, tangents);
  }
  return kv_scope_leave_many(&s, v, out);
}
