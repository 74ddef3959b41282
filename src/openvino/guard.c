/* Guards of indices (guard.h). */
#include "openvino/guard.h"

#include <string.h>

#include "vocabulary/refusals.h"

/* The axes that are taken from, and how long they are (-1 unknown). */
typedef struct taken {
  int64_t axis, n; /* axes axis .. axis + n - 1 */
  int64_t least;   /* the shortest; -1 where one is unknown */
} taken;

static int64_t batch_dims(const kv_case *c) {
  int64_t batch = c->node->attrs.gather.batch_dims;
  return batch < 0 ? batch + kv_edge_output(c->node->in[1])->rank : batch;
}

static bool taken_from(const kv_case *c, taken *t) {
  if (!(c->node->prim->traits & KV_TAKES)) return false;
  const kv_output *x = kv_edge_output(c->node->in[0]), *indices = kv_edge_output(c->node->in[1]), *axis;
  *t = (taken){0, 1, INT64_MAX};
  switch (c->node->prim->id) {
  case KV_Gather:
    axis = kv_edge_output(c->node->in[2]);
    if (c->node->in[2].node->constant)
      t->axis = kv_tensor_get_int(c->node->in[2].node->constant, 0);
    else if (axis->known)
      t->axis = axis->known[0];
    break;
  case KV_GatherElements:
    t->axis = c->node->attrs.axis.axis;
    break;
  default:
    t->axis = batch_dims(c);
    t->n = indices->shape[indices->rank - 1];
  }
  if (t->axis < 0) t->axis += x->rank;
  for (int64_t k = 0; k < t->n; k++) {
    int64_t n = x->shape[t->axis + k];
    if (n < t->least) t->least = n;
  }
  return true;
}

static bool moves_indices(const kv_node *node) {
  return node->prim->traits & KV_MOVES || (node->prim->id == KV_Convert && kvino_dtype_is_integer(node->out[0].dtype));
}

static void meet(kv_interval *demand, kv_edge e, kv_interval wanted) {
  if (e.output || !kvino_dtype_is_integer(kv_edge_output(e)->dtype)) return;
  kv_interval *d = &demand[e.node->id];
  if (wanted.low > d->low) d->low = wanted.low;
  if (wanted.high < d->high) d->high = wanted.high;
}

void kv_index_demands(const kv_graph *g, kv_interval *demand) {
  taken t;
  for (size_t i = 0; i < g->n_nodes; i++) demand[i] = (kv_interval){INT64_MIN, INT64_MAX};
  for (size_t i = g->n_nodes; i-- > 0;) { /* operands stand before their users */
    const kv_node *node = g->node[i];
    if (taken_from(&(kv_case){.node = node}, &t) && t.n && t.least > 0)
      meet(demand, node->in[1], (kv_interval){-t.least, t.least - 1});
    else if (moves_indices(node))
      meet(demand, node->in[0], demand[i]);
  }
}

/* Sequences whose lengths are taken to be the number of steps, which is not known. */
static bool may_be_short(const kv_case *c) {
  return c->node->prim->traits & KV_SEQUENCE && kv_edge_output(c->node->in[0])->shape[1] < 0;
}

/* A Range whose step may be 0: the plugin divides by it. */
static bool may_stand_still(const kv_case *c) {
  return c->node->prim->id == KV_Range && c->in[2].low <= 0 && c->in[2].high >= 0;
}

/* A Tile that may be asked for less than no copies: the plugin makes none. */
static bool may_repeat_less(const kv_case *c) { return c->node->prim->id == KV_Tile && c->in[1].low < 0; }

/* A TopK that may be asked for more values than there are: of none the plugin gives other memory. */
static bool may_lack(const kv_case *c, taken *t) {
  if (c->node->prim->id != KV_TopK) return false;
  const kv_output *x = kv_edge_output(c->node->in[0]);
  *t = (taken){.axis = c->node->attrs.topk.axis, .n = 1};
  if (t->axis < 0) t->axis += x->rank;
  t->least = x->shape[t->axis];
  return c->in[1].high > (t->least < 0 ? 0 : t->least);
}

bool kv_may_miss(const kv_case *c) {
  taken t;
  if (may_be_short(c) || may_stand_still(c) || may_repeat_less(c) || may_lack(c, &t) ||
      (c->node->prim->id == KV_Require && !c->node->attrs.refusal.by))
    return true;
  return taken_from(c, &t) && t.n && (t.least < 0 || !kv_interval_within(c->in[1], -t.least, t.least - 1));
}

static bool is_told_by(const kv_case *c, const char *whom) {
  return c->node->attrs.refusal.by && !strcmp(c->node->attrs.refusal.by, whom);
}

bool kv_refuses(const kv_case *c) {
  if (c->node->prim->id == KV_Require) return is_told_by(c, KV_BY_FAILURE);
  return c->node->prim->id == KV_GatherElements ? kv_may_miss(c) : c->node->prim->traits & KV_PUTS;
}

const char *kv_unguarded(const kv_case *c) {
  taken t;
  if (c->node->prim->id != KV_GatherND || !kv_may_miss(c) || !taken_from(c, &t) || t.least >= 0) return NULL;
  return "tuples of indices that may lie outside of axes of unknown length";
}

static kvino_tensor *as_i32(kv_scope *s, kvino_tensor *x) {
  if (!x || x->dtype == KVINO_I32 || x->dtype == KVINO_I64) return x;
  return kv_convert(s, x, (kv_convert_attrs){.destination_type = KVINO_I32});
}

/* Lengths of the axes, minus `less`, in the dtype of the indices: 0-d, or a vector for tuples. */
static kvino_tensor *lengths(kv_scope *s, const kv_case *c, const taken *t, kvino_tensor *x, kvino_dtype dtype,
                             int64_t less) {
  int64_t n[KVINO_MAX_RANK];
  if (!x) return NULL;
  if (c->node->prim->id == KV_GatherND) {
    for (int64_t k = 0; k < t->n; k++) n[k] = x->shape[t->axis + k] - less;
    return kv_convert(s, kv_vector(s, (size_t)t->n, n), (kv_convert_attrs){.destination_type = dtype});
  }
  if (x->shape[t->axis] >= 0) return kv_int(s, dtype, x->shape[t->axis] - less);
  kvino_tensor *shape = kv_shape_of(s, x, (kv_output_type_attrs){.output_type = dtype});
  return kv_gather(s, shape, kv_int(s, KVINO_I64, t->axis), kv_int(s, KVINO_I64, 0), (kv_gather_attrs){0});
}

static kvino_tensor *worst_of(kv_scope *s, kvino_tensor *worst) {
  if (worst) worst = kv_convert(s, worst, (kv_convert_attrs){.destination_type = KVINO_F32});
  if (!worst || !worst->rank) return worst;
  int64_t axes[KVINO_MAX_RANK];
  for (int k = 0; k < worst->rank; k++) axes[k] = k;
  return kv_reduce_max(s, worst, kv_vector(s, (size_t)worst->rank, axes), (kv_keep_dims_attrs){.keep_dims = false});
}

/* How much a sequence is shorter than the number of steps, less 1. */
static kvino_tensor *guard_lengths(kv_scope *s, const kv_case *c, kvino_tensor *const *in) {
  kvino_tensor *x = in[0], *lengths = in[c->node->n_in - 4];
  if (!x || !lengths) return NULL;
  kvino_dtype dtype = (kvino_dtype)lengths->dtype;
  kvino_tensor *shape = kv_shape_of(s, x, (kv_output_type_attrs){.output_type = dtype});
  kvino_tensor *most =
      kv_gather(s, shape, kv_int(s, KVINO_I64, 1), kv_int(s, KVINO_I64, 0), (kv_gather_attrs){.batch_dims = 0});
  return worst_of(s, kv_subtract(s, kv_subtract(s, most, lengths), kv_int(s, dtype, 1)));
}

/* By how much k is more than there are, less 1. */
static kvino_tensor *guard_count(kv_scope *s, const kv_case *c, const taken *t, kvino_tensor *const *in) {
  kvino_tensor *k = as_i32(s, in[1]);
  if (!k || !in[0]) return NULL;
  kvino_dtype dtype = (kvino_dtype)k->dtype;
  return worst_of(s, kv_subtract(s, k, kv_add(s, lengths(s, c, t, in[0], dtype, 0), kv_int(s, dtype, 1))));
}

/* Whether an element of a condition is false. */
static kvino_tensor *guard_condition(kv_scope *s, kvino_tensor *holds) {
  kvino_tensor *fails = worst_of(s, kv_logical_not(s, holds));
  return fails ? kv_subtract(s, fails, kv_number(s, KVINO_F32, 0.5)) : NULL;
}

static kvino_tensor *is_zero(kv_scope *s, kvino_tensor *x) {
  return x ? kv_equal(s, x, kv_int(s, (kvino_dtype)x->dtype, 0)) : NULL;
}

/* The end of a range of integers that is empty where its step leads away from it: the plugin takes the other way. */
static kvino_tensor *end_of(kv_scope *s, const kv_case *c, kvino_tensor *const *in) {
  const kv_interval *start = &c->in[0], *stop = &c->in[1], *step = &c->in[2];
  if (!in[0] || kvino_dtype_is_float((kvino_dtype)in[0]->dtype)) return in[1];
  bool may_rise = step->high >= 0, may_fall = step->low < 0;
  if ((!may_fall && stop->low >= start->high) || (!may_rise && stop->high <= start->low)) return in[1];
  kvino_tensor *up = may_rise ? kv_maximum(s, in[0], in[1]) : NULL,
               *down = may_fall ? kv_minimum(s, in[0], in[1]) : NULL;
  if (!may_rise || !may_fall) return may_rise ? up : down;
  return kv_select(s, kv_less(s, in[2], kv_int(s, (kvino_dtype)in[2]->dtype, 0)), down, up);
}

kvino_tensors kv_sub_range(kv_scope *s, const kv_case *c, kvino_tensor *const *in) {
  kvino_tensor *stop = end_of(s, c, in), *step = in[2];
  if (may_stand_still(c)) step = kv_select(s, is_zero(s, step), kv_int(s, (kvino_dtype)in[2]->dtype, 1), step);
  if (stop == in[1] && step == in[2]) return KV_KEEP;
  return kv_one(s, kv_range(s, in[0], stop, step, c->node->attrs.output_type));
}

kvino_tensors kv_sub_require(kv_scope *s, const kv_case *c, kvino_tensor *const *in) {
  (void)c;
  return kv_one(s, in[0]);
}

/* The largest of i - n and -1 - n - i: both are exact in 32 bits, or wrap to what is not negative either, and float32
 * has their signs. */
kvino_tensor *kv_guard(kv_scope *s, const kv_case *c, kvino_tensor *const *in) {
  taken t;
  if (may_be_short(c)) return guard_lengths(s, c, in);
  if (c->node->prim->id == KV_Require) return guard_condition(s, in[1]);
  if (may_stand_still(c)) return guard_condition(s, kv_logical_not(s, is_zero(s, in[2])));
  if (may_repeat_less(c)) return guard_condition(s, kv_greater_equal(s, in[1], kv_int(s, in[1]->dtype, 0)));
  if (may_lack(c, &t)) return guard_count(s, c, &t, in);
  if (!taken_from(c, &t) || c->node->prim->id == KV_GatherElements) return NULL;
  kvino_tensor *i = as_i32(s, in[1]), *beyond = NULL, *before = NULL;
  if (!i) return NULL;
  kvino_dtype dtype = (kvino_dtype)i->dtype;
  kvino_tensor *n = lengths(s, c, &t, in[0], dtype, 0);
  if (t.least < 0 || c->in[1].high >= t.least) beyond = kv_subtract(s, i, n);
  if (c->in[1].low < 0 && (t.least < 0 || c->in[1].low < -t.least))
    before = kv_subtract(s, kv_subtract(s, kv_int(s, dtype, -1), n), i);
  return worst_of(s, !before ? beyond : !beyond ? before : kv_maximum(s, beyond, before));
}

kvino_tensor *kv_guard_both(kv_scope *s, kvino_tensor *a, kvino_tensor *b) {
  return !a ? b : !b ? a : kv_maximum(s, a, b);
}

kvino_tensors kv_sub_gather_nd(kv_scope *s, const kv_case *c, kvino_tensor *const *in) {
  taken t;
  if (!kv_may_miss(c) || !taken_from(c, &t)) return KV_KEEP;
  kvino_tensor *i = as_i32(s, in[1]);
  if (!i) return KV_KEEP;
  kvino_dtype dtype = (kvino_dtype)i->dtype;
  i = kv_minimum(s, i, lengths(s, c, &t, in[0], dtype, 1));
  kvino_tensor *least = kv_subtract(s, kv_int(s, dtype, 0), lengths(s, c, &t, in[0], dtype, 0));
  i = kv_maximum(s, i, least);
  return kv_one(s, kv_gather_nd(s, in[0], i, c->node->attrs.gather));
}
