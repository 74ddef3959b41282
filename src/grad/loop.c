/* Derivative of Loop: a Loop over the iterations in reverse, which computes each of them again and pulls back.
 *
 * What an iteration was given is kept by a second Loop that stacks it; as it computes what the first one does besides,
 * the two become one where the graph is optimized (passes/loops.c).
 *
 * An invariant of which the body only reads slices along the first axis gets its cotangent slice by slice, and the
 * slices are put together after the Loop; every other one gets a sum that is carried. */
#include <string.h>

#include "grad/bodies.h"
#include "passes/rewrite.h"

typedef struct loop {
  kv_grad *g;
  kv_scope *s;
  const kv_graph *body;
  size_t carried, taken; /* taken: operands after the trip count and the condition */
  size_t *first;         /* by node of the body: its first value */
  bool *varies;          /* by value of the body */
  bool *needed;          /* by node of the body: computed again */
  bool *useful;          /* by carried value: its last value counts, or what it becomes */
  bool *carries;         /* by carried value: its cotangent is carried */
  bool *sums;            /* by operand: its cotangent is summed */
  const kv_node **read;  /* the Gathers by which slices are read */
  size_t *read_of;       /* of which operand */
  size_t n_read;
  kvino_tensor **history; /* by carried value: what each iteration was given; NULL: not needed */
  kvino_tensor *length;   /* how many iterations there were */
} loop;

static void *zeroed(kv_scope *s, size_t n, size_t size) {
  void *p = kv_scope_alloc(s, n + 1, size);
  if (p) memset(p, 0, (n + 1) * size);
  return p;
}

static size_t value_of(const loop *l, kv_edge e) { return l->first[e.node->id] + e.output; }
static kv_edge parameter(const loop *l, size_t k) { return (kv_edge){l->body->parameter[k + KV_LOOP_ITERATION], 0}; }
static kv_edge next_of(const loop *l, size_t k) { return l->body->result[k + 1].value; }
static size_t operand_of(size_t k) { return k + KV_LOOP_OPERANDS; }

/* ---- what depends on what ---- */

static bool passes(const kv_node *node) { return kv_grad_find(node->prim->id) != NULL; }

/* A carried value varies from the first iteration in which what it becomes does. */
static void mark_varying(loop *l) {
  for (size_t k = 0; k < l->taken; k++) l->varies[value_of(l, parameter(l, k))] = l->g->wanted[operand_of(k)];
  for (bool stable = false; !stable;) {
    for (size_t i = 0; i < l->body->n_nodes; i++) {
      const kv_node *node = l->body->node[i];
      bool any = false;
      for (uint32_t k = 0; k < node->n_in; k++) any |= l->varies[value_of(l, node->in[k])];
      if (any && passes(node))
        for (uint32_t k = 0; k < node->n_out; k++) l->varies[l->first[i] + k] = kv_is_inexact(node->out[k].dtype);
    }
    stable = true;
    for (size_t k = 0; k < l->carried; k++) {
      bool *before = &l->varies[value_of(l, parameter(l, k))];
      if (*before || !l->varies[value_of(l, next_of(l, k))]) continue;
      *before = true;
      stable = false;
    }
  }
}

/* Marks the nodes of the body that useful results need. */
static void mark_needed(loop *l) {
  memset(l->needed, 0, l->body->n_nodes * sizeof *l->needed);
  for (size_t k = 0; k < l->g->n_out; k++)
    if (k < l->carried ? l->carries[k] : l->g->d_out[k] != NULL) l->needed[next_of(l, k).node->id] = true;
  for (size_t i = l->body->n_nodes; i-- > 0;)
    for (uint32_t k = 0; l->needed[i] && k < l->body->node[i]->n_in; k++)
      l->needed[l->body->node[i]->in[k].node->id] = true;
}

static void mark_carried(loop *l) {
  for (size_t k = 0; k < l->carried; k++) l->useful[k] = l->g->d_out[k] != NULL;
  for (bool stable = false; !stable;) {
    stable = true;
    for (size_t k = 0; k < l->carried; k++) l->carries[k] = l->useful[k] && l->varies[value_of(l, parameter(l, k))];
    mark_needed(l);
    for (size_t k = 0; k < l->carried; k++) {
      if (l->useful[k] || !l->needed[parameter(l, k).node->id]) continue;
      l->useful[k] = true;
      stable = false;
    }
  }
}

static bool reads_slice(const kv_node *node) {
  int n;
  int64_t axis[KV_KNOWN_MAX];
  if (node->prim->id != KV_Gather || node->attrs.gather.batch_dims || !node->in[2].node->constant) return false;
  const kv_output *at = kv_edge_output(node->in[1]), *x = kv_edge_output(node->in[0]);
  return kv_all_known(node->in[2].node->constant, &n, axis) && (axis[0] == 0 || axis[0] == -x->rank) &&
         (!at->rank || (at->rank == 1 && at->shape[0] == 1));
}

/* Whether each needed user of an invariant reads a slice of it. */
static bool is_read_only_by_slices(const loop *l, size_t k) {
  const kv_node *x = parameter(l, k).node;
  bool any = false;
  for (size_t i = 0; i < l->g->n_out; i++)
    if (next_of(l, i).node == x) return false;
  for (size_t i = 0; i < l->body->n_nodes; i++) {
    const kv_node *node = l->body->node[i];
    for (uint32_t j = 0; l->needed[i] && j < node->n_in; j++) {
      if (node->in[j].node != x) continue;
      if (j || !reads_slice(node)) return false;
      any = true;
    }
  }
  return any;
}

static void choose_invariants(loop *l) {
  const kv_grad *g = l->g;
  for (size_t k = l->carried; k < l->taken; k++) {
    const kv_node *x = parameter(l, k).node;
    bool alone = true;
    if (!kv_wanted_first(g, operand_of(l->carried), operand_of(k))) continue;
    for (size_t i = l->carried; i < l->taken; i++)
      alone &= i == k || !kv_same_value(g->in[operand_of(i)], g->in[operand_of(k)]);
    bool slices = alone && is_read_only_by_slices(l, k);
    l->sums[k] = !slices && (l->needed[x->id] || !alone);
    for (size_t i = 0; slices && i < l->body->n_nodes; i++) {
      const kv_node *node = l->body->node[i];
      if (!l->needed[i] || node->prim->id != KV_Gather || node->in[0].node != x) continue;
      l->read[l->n_read] = node;
      l->read_of[l->n_read++] = k;
    }
  }
}

static bool begin(loop *l, kv_grad *g) {
  kv_scope *s = g->s;
  *l = (loop){.g = g, .s = s, .body = g->attrs->loop.body, .carried = (size_t)g->attrs->loop.carried};
  l->taken = g->n_in - KV_LOOP_OPERANDS;
  l->first = kv_first_values(s, l->body);
  l->varies = l->first ? zeroed(s, l->first[l->body->n_nodes], sizeof *l->varies) : NULL;
  l->needed = zeroed(s, l->body->n_nodes, sizeof *l->needed);
  l->useful = zeroed(s, l->carried, sizeof *l->useful);
  l->carries = zeroed(s, l->carried, sizeof *l->carries);
  l->sums = zeroed(s, l->taken, sizeof *l->sums);
  l->read = zeroed(s, l->body->n_nodes, sizeof *l->read);
  l->read_of = zeroed(s, l->body->n_nodes, sizeof *l->read_of);
  l->history = zeroed(s, l->carried, sizeof *l->history);
  if (s->status) return false;
  mark_varying(l);
  mark_carried(l);
  choose_invariants(l);
  return true;
}

/* ---- the Loop that keeps what each iteration was given ---- */

static void stack_parameter(loop *l, kv_graph *body, size_t k) {
  kvino_tensor *t = NULL;
  if (l->s->status || !kv_scope_ok(l->s, kv_graph_tensor((kv_edge){body->parameter[k], 0}, &t, l->s->err))) return;
  kv_body_give(l->s, body, kv_unsqueeze(l->s, kv_own(l->s, t), KV_VECTOR(l->s, 0)));
}

static void keep_history(loop *l) {
  kv_scope *s = l->s;
  kv_graph *body = NULL;
  size_t kept = 0, outputs = l->g->n_out;
  for (size_t k = 0; k < l->carried; k++) kept += l->needed[parameter(l, k).node->id];
  bool count = !kept && outputs == l->carried; /* nothing else would tell how many iterations there were */
  if ((kept || count) && kv_scope_ok(s, kv_rewrite(l->body, NULL, NULL, &body, s->err))) {
    for (size_t k = 0; k < l->carried; k++)
      if (l->needed[parameter(l, k).node->id]) stack_parameter(l, body, k + KV_LOOP_ITERATION);
    if (count) stack_parameter(l, body, 0);
    kv_attrs attrs = *l->g->attrs;
    attrs.loop.body = body;
    kvino_tensors v = kv_apply_many(s, KV_Loop, &attrs, l->g->n_in, l->g->in);
    for (size_t k = 0, i = outputs; k < l->carried && !s->status; k++)
      if (l->needed[parameter(l, k).node->id]) l->history[k] = v.v[i++];
    if (!s->status) l->length = kv_dimension(s, v.v[outputs], 0);
  }
  kv_graph_release(body);
  if (!s->status && outputs > l->carried) l->length = kv_dimension(s, l->g->out[l->carried], 0);
}

/* ---- the Loop in reverse ---- */

/* Own Parameters of the body: carried cotangents, then sums. */
static size_t take_carried(loop *l, kv_graph *body, kvino_tensor **own, kvino_tensor **start, kv_graph *before) {
  kv_scope *s = l->s;
  size_t n = 0;
  for (size_t k = 0; k < l->taken && !s->status; k++) {
    if (k < l->carried ? !l->carries[k] : !l->sums[k]) continue;
    kvino_tensor *x = k < l->carried ? l->g->out[k] : l->g->in[operand_of(k)];
    const kv_output *o = kv_edge_output(parameter(l, k));
    own[n] = kv_body_take(s, body, (kvino_dtype)x->dtype, x->rank, k < l->carried ? o->shape : x->shape);
    kv_graph_record_in(before);
    start[n++] = k < l->carried && l->g->d_out[k] ? l->g->d_out[k] : kv_zeros_like(s, x);
    kv_graph_record_in(body);
  }
  return n;
}

/* The iteration computed again: every value of it. at: its number. */
static kvino_tensor **compute_again(loop *l, kv_graph *body, kvino_tensor *at, kvino_tensor **given) {
  kv_scope *s = l->s;
  given[0] = at;
  for (size_t k = 0; k < l->taken && !s->status; k++)
    given[k + KV_LOOP_ITERATION] = k >= l->carried ? l->g->in[operand_of(k)]
                                   : l->history[k] ? kv_slice_at(s, l->history[k], at)
                                                   : NULL;
  return s->status ? NULL : kv_inline_nodes(s, body, l->body, l->first, l->needed, given);
}

/* Gives the body its results. own: as take_carried left them. */
static void pull_back(loop *l, kv_graph *body, kvino_tensor *at, kvino_tensor *const *own) {
  kv_scope *s = l->s;
  size_t n_y = 0, n_x = 0, most = l->taken + l->n_read + l->g->n_out + 1;
  kvino_tensor **y = zeroed(s, most, sizeof *y), **d = zeroed(s, most, sizeof *d), **x = zeroed(s, most, sizeof *x),
               **dx = zeroed(s, most, sizeof *dx), **given = zeroed(s, l->taken + 1, sizeof *given),
               **value = s->status ? NULL : compute_again(l, body, at, given);
  kvino_tensor *row = kv_unsqueeze(s, at, KV_VECTOR(s, 0));
  if (s->status) return;
  for (size_t k = 0, i = 0; k < l->g->n_out; k++) {
    if (k < l->carried ? !l->carries[k] : !l->g->d_out[k]) continue;
    y[n_y] = value[value_of(l, next_of(l, k))];
    d[n_y++] = k < l->carried ? own[i++] : kv_slice_at(s, l->g->d_out[k], row);
  }
  for (size_t k = 0; k < l->taken; k++) { /* a place for each of `own`; what is not used has no cotangent */
    if (k < l->carried ? !l->carries[k] : !l->sums[k]) continue;
    x[n_x] = given[k + KV_LOOP_ITERATION] ? given[k + KV_LOOP_ITERATION] : own[n_x];
    n_x++;
  }
  for (size_t k = 0; k < l->n_read; k++) x[n_x++] = value[l->first[l->read[k]->id]];
  kv_pull_back(s, n_y, y, d, n_x, x, dx);
  kv_body_give(s, body, kv_int(s, KVINO_BOOL, 1));
  size_t i = 0;
  for (size_t k = 0; k < l->taken && !s->status; k++) {
    if (k < l->carried ? !l->carries[k] : !l->sums[k]) continue;
    if (k < l->carried)
      kv_body_give(s, body, dx[i] && given[k + KV_LOOP_ITERATION] ? dx[i] : kv_zeros_like(s, own[i]));
    else
      kv_body_give(s, body, dx[i] ? kv_add(s, own[i], dx[i]) : own[i]);
    i++;
  }
  for (size_t k = 0; k < l->n_read && !s->status; k++, i++) {
    const kv_edge index = l->read[k]->in[1];
    kvino_tensor *which = value[value_of(l, index)], *slice = dx[i] ? dx[i] : kv_zeros_like(s, x[i]);
    bool stays = kv_edge_output(index)->rank == 1;
    kv_body_give(s, body, stays ? slice : kv_unsqueeze(s, slice, KV_VECTOR(s, 0)));
    kv_body_give(s, body, stays ? which : kv_unsqueeze(s, which, KV_VECTOR(s, 0)));
  }
}

/* The cotangent of an invariant that is read by slices: what one Gather of all of them would pull back. */
static void put_together(loop *l, size_t k, kvino_tensor *const *stacked) {
  kv_scope *s = l->s;
  kvino_tensor **y = zeroed(s, l->n_read, sizeof *y), **d = zeroed(s, l->n_read, sizeof *d);
  kvino_tensor *x = l->g->in[operand_of(k)];
  size_t n = 0;
  for (size_t i = 0; i < l->n_read && !s->status; i++) {
    if (l->read_of[i] != k) continue;
    d[n] = stacked[2 * i];
    y[n++] = kv_slice_at(s, x, stacked[2 * i + 1]);
  }
  if (!s->status && n) kv_pull_back(s, n, y, d, 1, &x, &l->g->d_in[operand_of(k)]);
}

void kv_grad_loop(kv_grad *g) {
  kv_scope *s = g->s;
  loop l;
  kv_graph *before;
  if (!begin(&l, g)) return;
  keep_history(&l);
  kvino_tensor **own = zeroed(s, l.taken, sizeof *own), **start = zeroed(s, l.taken, sizeof *start);
  kvino_tensor *last = s->status ? NULL : kv_subtract(s, l.length, kv_int(s, KVINO_I64, 1));
  kv_graph *body = kv_body_begin(g, &before);
  if (!body) return;
  kvino_tensor *iteration = kv_body_take(s, body, KVINO_I64, 0, NULL);
  size_t n = take_carried(&l, body, own, start, before);
  kvino_tensor *at = s->status ? NULL : kv_subtract(s, last, iteration);
  if (at) pull_back(&l, body, at, own);
  kv_graph_record_in(before);
  kvino_tensors v = kv_loop_of(s, l.length, n, start, body);
  if (s->status) return;
  for (size_t k = 0, i = 0; k < l.taken; k++)
    if (k < l.carried ? l.carries[k] : l.sums[k]) {
      if (g->wanted[operand_of(k)]) g->d_in[operand_of(k)] = v.v[i];
      i++;
    }
  for (size_t k = l.carried; k < l.taken; k++) put_together(&l, k, v.v + n);
}

/* ---- bodies.h ---- */

kvino_tensor *kv_body_take(kv_scope *s, kv_graph *body, kvino_dtype dtype, int rank, const int64_t *shape) {
  kvino_tensor *t = NULL;
  if (s->status || !kv_scope_ok(s, kv_graph_parameter(body, dtype, rank, shape, NULL, &t, s->err))) return NULL;
  return kv_own(s, t);
}

kvino_tensor *kv_slice_at(kv_scope *s, kvino_tensor *x, kvino_tensor *at) {
  return s->status ? NULL : kv_gather(s, x, at, kv_int(s, KVINO_I64, 0), (kv_gather_attrs){.batch_dims = 0});
}

kvino_tensors kv_loop_of(kv_scope *s, kvino_tensor *trip_count, size_t n, kvino_tensor *const *carried,
                         kv_graph *body) {
  kvino_tensors v = KV_NO_TENSORS;
  kvino_tensor *always = kv_int(s, KVINO_BOOL, 1);
  if (!s->status && body && kv_scope_ok(s, kvino_loop(trip_count, always, n, carried, body, &v, s->err)))
    v = kv_own_list(s, v);
  if (body) kv_body_close(body);
  kv_graph_release(body);
  return s->status ? KV_NO_TENSORS : v;
}
