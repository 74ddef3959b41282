/* Carried values of a Loop that its body takes apart, updates in parts and puts together again, as a cache of keys and
 * values does, layer by layer: Concat(SliceScatter(C[0], ...), SliceScatter(C[1], ...)). They become
 * SliceScatter(SliceScatter(C, ...), ...), which the native runner does in the memory of C (kv_pass_updates in
 * passes.h).
 *
 * A part of C is a box of it: along each axis of C from `start` so many. An axis of the part is one of C, in their
 * order, or NO_AXIS: of length 1. */
#include <string.h>

#include "base/memory.h"
#include "graph/body.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

enum { NO_AXIS = -1 };

typedef struct part {
  const kv_output *whole; /* C as the body takes it; NULL: not a part of anything */
  bool updated;           /* of what C becomes */
  int rank;
  int axis[KVINO_MAX_RANK]; /* by axis of the part */
  int64_t start[KVINO_MAX_RANK], length[KVINO_MAX_RANK];
} part;

typedef struct updates {
  const kv_graph *body;
  size_t carried;
  part *part;             /* by node: of its only output */
  bool *scatters;         /* by node: a SliceScatter that becomes one of the whole */
  bool *joined;           /* by carried value: it is rewritten */
  kvino_tensor **current; /* by carried value: what it is by now, in the new graph; references */
} updates;

/* ---- which part of a carried value is what ---- */

static bool is_whole(const part *p, int b) { return !p->start[b] && p->length[b] == p->whole->shape[b]; }

static void take_all(part *p, const kv_output *o) {
  *p = (part){.whole = o, .rank = o->rank};
  for (int k = 0; k < o->rank; k++) {
    p->axis[k] = k;
    p->length[k] = o->shape[k];
  }
}

static const kvino_tensor *constant_of(const kv_node *node, uint32_t k) { return node->in[k].node->constant; }

/* One index along an axis: the part has that axis no more. */
static bool index_part(const kv_node *node, part *p) {
  const kvino_tensor *index = constant_of(node, 1), *axis = constant_of(node, 2);
  if (!index || !axis || index->rank || node->attrs.gather.batch_dims) return false;
  int64_t at = kv_tensor_get_int(index, 0), a = kv_tensor_get_int(axis, 0);
  if (a < 0) a += p->rank;
  int b = p->axis[a];
  if (b == NO_AXIS) return false;
  if (at < 0) at += p->length[b];
  if (at < 0 || p->length[b] < 0) return false; /* it counts from an end that is not known */
  p->start[b] += at;
  p->length[b] = 1;
  p->rank--;
  for (int k = (int)a; k < p->rank; k++) p->axis[k] = p->axis[k + 1];
  return true;
}

static bool slice_part(const kv_node *node, part *p) {
  for (uint32_t k = 1; k < node->n_in; k++)
    if (!constant_of(node, k)) return false;
  const kvino_tensor *start = constant_of(node, 1), *stop = constant_of(node, 2), *step = constant_of(node, 3);
  const kvino_tensor *axes = node->n_in > 4 ? constant_of(node, 4) : NULL;
  for (int64_t i = 0; i < start->size; i++) {
    int64_t a = axes ? kv_tensor_get_int(axes, i) : i, from = kv_tensor_get_int(start, i);
    int64_t to = kv_tensor_get_int(stop, i);
    int b = p->axis[a < 0 ? a + p->rank : a];
    if (b == NO_AXIS || kv_tensor_get_int(step, i) != 1 || from < 0 || to < 0) return false;
    int64_t n = p->length[b];
    if (!from && (to == INT64_MAX || (n >= 0 && to >= n))) continue;
    if (n < 0 || from >= n) return false;
    p->start[b] += from;
    p->length[b] = (to < n ? to : n) - from;
    if (p->length[b] <= 0) return false;
  }
  return true;
}

/* Axes of length 1 that come or go. */
static bool reshape_part(const kv_output *from, const kv_output *to, part *p) {
  part old = *p;
  int i = 0, unknown = 0;
  p->rank = to->rank;
  for (int k = 0; k < to->rank; k++) {
    p->axis[k] = NO_AXIS;
    if (to->shape[k] == 1) continue;
    while (i < from->rank && from->shape[i] == 1) i++;
    unknown += to->shape[k] < 0;
    if (i == from->rank || from->shape[i] != to->shape[k] || unknown > 1) return false;
    p->axis[k] = old.axis[i++];
  }
  while (i < from->rank && from->shape[i] == 1) i++;
  return i == from->rank;
}

/* Whether q follows p along axis b of the whole, and agrees with it otherwise. */
static bool follows(const part *p, const part *q, int a, int b) {
  if (q->whole != p->whole || q->rank != p->rank || q->start[b] != p->start[b] + p->length[b]) return false;
  if (q->axis[a] != p->axis[a] || (p->axis[a] != b && (p->length[b] != 1 || q->length[b] != 1))) return false;
  for (int k = 0; k < p->rank; k++)
    if (k != a && p->axis[k] != q->axis[k]) return false;
  for (int k = 0; k < p->whole->rank; k++)
    if (k != b && (p->start[k] != q->start[k] || p->length[k] != q->length[k])) return false;
  return true;
}

/* Parts beside each other, put together. */
static bool join_parts(const updates *u, const kv_node *node, part *p) {
  int a = (int)node->attrs.axis.axis, b = 0;
  if (a < 0) a += p->rank;
  if (node->n_in < 2) return true;
  const part *second = &u->part[node->in[1].node->id];
  if (second->whole != p->whole) return false;
  while (b < p->whole->rank && p->start[b] == second->start[b]) b++;
  if (b == p->whole->rank) return false;
  for (int k = 0; k < p->rank; k++) /* the axis has its place among the others */
    if (k != a && p->axis[k] != NO_AXIS && (k < a ? p->axis[k] >= b : p->axis[k] <= b)) return false;
  for (uint32_t i = 1; i < node->n_in; i++) {
    const part *q = &u->part[node->in[i].node->id];
    part last = *p;
    last.start[b] = u->part[node->in[i - 1].node->id].start[b];
    last.length[b] = u->part[node->in[i - 1].node->id].length[b];
    if (!q->whole || !follows(&last, q, a, b)) return false;
    p->updated |= q->updated;
  }
  const part *end = &u->part[node->in[node->n_in - 1].node->id];
  p->length[b] = end->start[b] + end->length[b] - p->start[b];
  p->axis[a] = b;
  return true;
}

/* Whether an update of the part is one of the whole: what it has of an axis is all of it. */
static bool update_part(const kv_node *node, part *p) {
  if (p->updated || !constant_of(node, 4) || node->n_in != 6 || !constant_of(node, 5)) return false;
  for (int64_t i = 0; i < constant_of(node, 4)->size; i++)
    if (kv_tensor_get_int(constant_of(node, 4), i) != 1) return false;
  for (int k = 0; k < p->rank; k++)
    if (p->axis[k] == NO_AXIS || !is_whole(p, p->axis[k])) return false;
  p->updated = true;
  return true;
}

static void find_part(const updates *u, const kv_node *node) {
  part *p = &u->part[node->id];
  if (!node->n_in || node->n_out != 1 || !u->part[node->in[0].node->id].whole) return;
  *p = u->part[node->in[0].node->id];
  bool is = false;
  switch (node->prim->id) {
  case KV_Gather:
    is = index_part(node, p);
    break;
  case KV_Slice:
    is = slice_part(node, p);
    break;
  case KV_Reshape:
  case KV_Squeeze:
  case KV_Unsqueeze:
    is = reshape_part(kv_edge_output(node->in[0]), &node->out[0], p);
    break;
  case KV_Require:
    is = true;
    break;
  case KV_Concat:
    is = join_parts(u, node, p);
    break;
  case KV_SliceScatter:
    is = update_part(node, p);
    break;
  default:
    break;
  }
  if (!is) p->whole = NULL;
}

/* The updates that the value is put together of. */
static void mark(const updates *u, const kv_node *node) {
  if (!u->part[node->id].updated) return;
  if (node->prim->id == KV_SliceScatter) {
    u->scatters[node->id] = true;
    return;
  }
  for (uint32_t k = 0; k < (node->prim->id == KV_Concat ? node->n_in : 1); k++) mark(u, node->in[k].node);
}

/* Whether a result is all of the carried value, put together. */
static bool is_put_together(const updates *u, size_t i) {
  const kv_node *node = u->body->result[i + 1].value.node;
  const part *p = &u->part[node->id];
  bool all = p->whole == kv_body_parameter(u->body, i + KV_LOOP_ITERATION) && p->updated &&
             node->prim->id != KV_SliceScatter && p->rank == p->whole->rank;
  for (int k = 0; all && k < p->rank; k++)
    all = is_whole(p, k) && (p->axis[k] == k || (p->axis[k] == NO_AXIS && p->whole->shape[k] == 1));
  return all;
}

/* ---- the updates of the whole ---- */

/* The axes of the whole that the part lacks: it has one index of each. */
static size_t missing(const part *p, int64_t axes[KVINO_MAX_RANK], int64_t start[KVINO_MAX_RANK],
                      int64_t stop[KVINO_MAX_RANK]) {
  size_t n = 0;
  for (int b = 0, k = 0; b < p->whole->rank; b++) {
    if (k < p->rank && p->axis[k] == b) {
      k++;
      continue;
    }
    axes[n] = b;
    start[n] = p->start[b];
    stop[n++] = p->start[b] + 1;
  }
  return n;
}

static kvino_tensor *followed_by(kv_scope *s, kvino_tensor *list, kvino_tensor *more) {
  if (!list || !more) return NULL;
  kvino_tensor *in[] = {list, kv_convert(s, more, (kv_convert_attrs){.destination_type = (kvino_dtype)list->dtype})};
  return kv_concat(s, 2, in, (kv_axis_attrs){.axis = 0});
}

/* The whole under the conditions that the part x has. */
static kvino_tensor *required(kv_scope *s, kvino_tensor *whole, const kvino_tensor *x) {
  if (!x || !kv_is_symbolic(x) || x->node->prim->id != KV_Require) return whole;
  const kv_node *node = x->node;
  kvino_tensor **in = kv_scope_alloc(s, node->n_in, sizeof *in);
  for (uint32_t k = 0; in && k < node->n_in; k++) {
    kvino_tensor *t = k ? node->in[k].node->constant : whole;
    if (!t && kv_scope_ok(s, kv_graph_tensor(node->in[k], &t, s->err))) t = kv_own(s, t);
    in[k] = t;
  }
  return in ? kv_require(s, node->n_in, in, node->attrs.refusal) : NULL;
}

static kvino_tensor *keep_current(updates *u, size_t i, kvino_tensor *t) {
  if (!t) return NULL;
  kvino_tensor_release(u->current[i]);
  return u->current[i] = kvino_tensor_retain(t);
}

static size_t carried_of(const updates *u, const part *p) {
  size_t i = 0;
  while (kv_body_parameter(u->body, i + KV_LOOP_ITERATION) != p->whole) i++;
  return i;
}

static const int64_t ones[KVINO_MAX_RANK] = {[0 ... KVINO_MAX_RANK - 1] = 1};

/* The part of what the value is by now. */
static kvino_tensor *part_of(kv_scope *s, const updates *u, const part *p) {
  int64_t axes[KVINO_MAX_RANK], start[KVINO_MAX_RANK], stop[KVINO_MAX_RANK];
  size_t n = missing(p, axes, start, stop);
  kvino_tensor *whole = u->current[carried_of(u, p)], *lacks = kv_vector(s, n, axes);
  if (!n) return kv_own(s, kvino_tensor_retain(whole));
  kvino_tensor *slice[] = {whole, kv_vector(s, n, start), kv_vector(s, n, stop), kv_vector(s, n, ones), lacks};
  return kv_squeeze(s, kv_slice(s, 5, slice), lacks);
}

/* A part that is asked for its shape alone must not keep what was before the update. */
static bool asks_shape(const updates *u, const kv_node *node) {
  const part *p = node->prim->id == KV_ShapeOf ? &u->part[node->in[0].node->id] : NULL;
  if (!p || !p->whole || !u->joined[carried_of(u, p)]) return false;
  for (int k = 0; k < p->rank; k++)
    if (p->axis[k] == NO_AXIS || !is_whole(p, p->axis[k])) return false;
  return true;
}

/* Updates the whole; gives the part of it. */
static kvino_tensor *update(kv_scope *s, updates *u, const kv_node *node, kvino_tensor *const *in) {
  const part *p = &u->part[node->id];
  const kvino_tensor *own = constant_of(node, 5);
  int64_t axes[KVINO_MAX_RANK], start[KVINO_MAX_RANK], stop[KVINO_MAX_RANK], all[KVINO_MAX_RANK];
  size_t i = carried_of(u, p), n = missing(p, axes, start, stop);
  kvino_tensor *whole = required(s, u->current[i], in[0]), *lacks = kv_vector(s, n, axes);
  kvino_tensor *first = kv_vector(s, n, start), *end = kv_vector(s, n, stop);
  size_t count = (size_t)own->size;
  for (size_t k = 0; k < count; k++) {
    int64_t a = kv_tensor_get_int(own, (int64_t)k);
    all[k] = p->axis[a < 0 ? a + p->rank : a];
  }
  memcpy(all + count, axes, n * sizeof *axes);
  count += n;
  kvino_tensor *scatter[] = {whole,
                             n ? kv_unsqueeze(s, in[1], lacks) : in[1],
                             followed_by(s, in[2], first),
                             followed_by(s, in[3], end),
                             kv_vector(s, count, ones),
                             kv_vector(s, count, all)};
  return keep_current(u, i, kv_slice_scatter(s, 6, scatter)) ? part_of(s, u, p) : NULL;
}

/* A node that reads what was updated reads it from what the value is by now, in which it is the same: what was before
 * the last update must not be kept for it. KV_KEEP where it reads none. */
static kvino_tensors read_current(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  const updates *u = w->context;
  kvino_tensor **now = NULL;
  for (uint32_t k = 0; k < node->n_in; k++) {
    const kv_node *from = node->in[k].node;
    if (!u->scatters[from->id]) continue;
    if (!now && (now = kv_scope_alloc(s, node->n_in, sizeof *now))) memcpy(now, in, node->n_in * sizeof *now);
    if (now) now[k] = part_of(s, u, &u->part[from->id]);
  }
  return now ? kv_clone(s, w->out, node, now) : KV_KEEP;
}

static kvino_tensors rule(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  updates *u = w->context;
  for (uint32_t k = 0; k < node->n_in; k++)
    for (size_t i = 0; i < u->carried; i++)
      if (u->joined[i] && !u->current[i] && node->in[k].node == u->body->parameter[i + KV_LOOP_ITERATION])
        keep_current(u, i, in[k]);
  if (asks_shape(u, node))
    return kv_one(s, kv_shape_of(s, part_of(s, u, &u->part[node->in[0].node->id]), node->attrs.output_type));
  if (u->scatters[node->id]) return kv_one(s, update(s, u, node, in));
  for (size_t i = 0; i < u->carried; i++)
    if (u->joined[i] && u->body->result[i + 1].value.node == node)
      return kv_one(s, kv_own(s, kvino_tensor_retain(u->current[i])));
  return read_current(s, w, node, in);
}

/* ---- the pass ---- */

static bool *flags(kv_scope *s, size_t n) {
  bool *flag = kv_scope_alloc(s, n + 1, sizeof *flag);
  return flag ? memset(flag, 0, n + 1) : NULL;
}

/* False where there is nothing to do. */
static bool look(kv_scope *s, updates *u) {
  const kv_graph *g = u->body;
  bool any = false;
  u->part = kv_scope_alloc(s, g->n_nodes + 1, sizeof *u->part);
  u->current = kv_scope_alloc(s, u->carried + 1, sizeof *u->current);
  if (u->current) memset(u->current, 0, (u->carried + 1) * sizeof *u->current); /* released whatever fails */
  u->scatters = flags(s, g->n_nodes);
  u->joined = flags(s, u->carried);
  if (s->status) return false;
  memset(u->part, 0, (g->n_nodes + 1) * sizeof *u->part);
  for (size_t i = 0; i < u->carried; i++)
    take_all(&u->part[g->parameter[i + KV_LOOP_ITERATION]->id], kv_body_parameter(g, i + KV_LOOP_ITERATION));
  for (size_t i = 0; i < g->n_nodes; i++) find_part(u, g->node[i]);
  for (size_t i = 0; i < u->carried; i++) {
    if (!(u->joined[i] = is_put_together(u, i))) continue;
    mark(u, g->result[i + 1].value.node);
    any = true;
  }
  return any;
}

kvino_status kv_pass_updates(const kv_graph *body, size_t carried, kv_graph **out, kvino_error *err) {
  kv_scope s;
  updates u = {.body = body, .carried = carried};
  kv_graph *joined = NULL;
  kv_scope_enter(&s, err);
  bool any = look(&s, &u);
  if (any && kv_scope_ok(&s, kv_rewrite(body, rule, &u, &joined, err))) kv_scope_ok(&s, kv_pass_dce(joined, out, err));
  if (!any && !s.status) *out = kv_graph_retain((kv_graph *)(uintptr_t)body);
  kv_graph_release(joined);
  for (size_t i = 0; u.current && i < carried; i++) kvino_tensor_release(u.current[i]);
  kvino_status status = s.status;
  s.err = NULL; /* there is no tensor to give */
  kv_scope_leave(&s, NULL, &(kvino_tensor *){NULL});
  return status;
}
