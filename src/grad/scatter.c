/* Derivatives of ScatterUpdate, ScatterElementsUpdate and ScatterNDUpdate. Each is written with two functions: what the
 * primitive itself does to other arrays (put), and what it would have to put so that nothing changes (take).
 *
 * Of several updates for one place, the last one counts where they replace, and all of them alike where they are
 * equally extreme. */
#include <string.h>

#include "grad/places.h"

static bool is(const char *text, const char *other) { return text && !strcmp(text, other); }

static const char *reduction_of(const kv_grad *g) {
  const char *how = g->prim->id == KV_ScatterElementsUpdate ? g->attrs->scatter.reduction
                    : g->prim->id == KV_ScatterNDUpdate     ? g->attrs->scatter_nd.reduction
                                                            : NULL;
  return how ? how : "none";
}

/* Whether what is at a place counts, besides the updates for it. */
static bool keeps(const kv_grad *g) {
  return g->prim->id != KV_ScatterElementsUpdate || g->attrs->scatter.use_init_val;
}

static kvino_tensor *put(kv_grad *g, kvino_tensor *to, kvino_tensor *updates, const char *how) {
  switch (g->prim->id) {
  case KV_ScatterUpdate:
    return kv_scatter_update(g->s, to, g->in[1], updates, g->in[3]);
  case KV_ScatterNDUpdate:
    return kv_scatter_nd_update(g->s, to, g->in[1], updates, (kv_scatter_nd_attrs){.reduction = how});
  default:
    return kv_scatter_elements_update(g->s, to, g->in[1], updates, g->in[3],
                                      (kv_scatter_attrs){.reduction = how, .use_init_val = true});
  }
}

/* x cut to the dimensions of the indices, except for the axis: what GatherElements wants. */
static kvino_tensor *cut_to_indices(kv_grad *g, kvino_tensor *x, int64_t axis) {
  kv_scope *s = g->s;
  kvino_tensor *indices = g->in[1];
  bool equal = true;
  int64_t own[KVINO_MAX_RANK];
  for (int k = 0; k < x->rank; k++) {
    equal = equal && (k == axis || (x->shape[k] >= 0 && indices->shape[k] == x->shape[k]));
    own[k] = k == axis;
  }
  if (equal) return x;
  kvino_tensor *mask = kv_equal(s, kv_vector(s, (size_t)x->rank, own), kv_int(s, KVINO_I64, 1));
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *cut = kv_subtract(s, kv_dims(s, indices), kv_dims(s, x));
  kvino_tensor *none = kv_broadcast_shape(s, zero, KV_VECTOR(s, x->rank));
  kvino_tensor *operands[] = {x, none, kv_select(s, mask, zero, cut)};
  return kv_pad(s, 3, operands, (kv_pad_attrs){.pad_mode = "constant"});
}

static kvino_tensor *take(kv_grad *g, kvino_tensor *from) {
  kv_scope *s = g->s;
  int64_t axis;
  if (s->status || !from) return NULL;
  if (g->prim->id == KV_ScatterNDUpdate) return kv_taken_at(s, from, g->in[1]);
  if (!kv_axis_of(s, g->in[3], from->rank, &axis)) return NULL;
  if (g->prim->id == KV_ScatterUpdate)
    return kv_gather(s, from, g->in[1], g->in[3], (kv_gather_attrs){.batch_dims = 0});
  return kv_gather_elements(s, cut_to_indices(g, from, axis), g->in[1], (kv_axis_attrs){.axis = axis});
}

/* ---- replacing ---- */

/* Whether an update, or (ScatterUpdate, ScatterNDUpdate) a run of them, is the last for its place, shaped to be
 * broadcast with the updates: each is numbered, and the numbers scattered. NULL: all are. */
static kvino_tensor *is_last(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *indices = g->in[1], *dims = kv_dims(s, indices), *shape, *tuples = indices;
  int64_t axis = 0, rest = 0, trailing[KVINO_MAX_RANK];
  bool nd = g->prim->id == KV_ScatterNDUpdate;
  if (s->status || indices->size == 1 || (!nd && !kv_axis_of(s, g->in[3], x->rank, &axis))) return NULL;
  if (nd) {
    int64_t k = indices->shape[indices->rank - 1];
    if (k < 0) {
      kv_scope_fail(s, KVINO_UNSUPPORTED, "the derivative of ScatterNDUpdate needs tuples of a known length");
      return NULL;
    }
    if (indices->size == k) return NULL;
    rest = x->rank - k;
    dims = kv_cut(s, dims, 0, 0, indices->rank - 1);
    shape = kv_cut(s, kv_dims(s, x), 0, 0, k);
  } else if (g->prim->id == KV_ScatterUpdate) {
    rest = x->rank - axis - 1;
    tuples = kv_unsqueeze(s, indices, KV_VECTOR(s, -1));
    shape = kv_cut(s, kv_dims(s, x), 0, axis, axis + 1);
  } else {
    shape = kv_dims(s, x);
  }
  kvino_tensor *n = kv_reduce_prod(s, dims, KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = false});
  kvino_tensor *number = kv_reshape(s, kv_iota(s, n), dims, (kv_reshape_attrs){.special_zero = false});
  kvino_tensor *last = kv_filled(s, KVINO_I64, 0, shape);
  if (g->prim->id == KV_ScatterElementsUpdate)
    last = take(g, put(g, last, number, "none"));
  else
    last = kv_taken_at(s, kv_scatter_nd_update(s, last, tuples, number, (kv_scatter_nd_attrs){.reduction = "none"}),
                       tuples);
  last = kv_equal(s, last, number);
  for (int64_t i = 0; i < rest; i++) trailing[i] = -1 - i;
  return rest ? kv_unsqueeze(s, last, kv_vector(s, (size_t)rest, trailing)) : last;
}

static void replaced(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *d = g->d_out[0];
  if (g->wanted[0]) g->d_in[0] = put(g, d, kv_zeros_like(s, g->in[2]), "none");
  if (!g->wanted[2]) return;
  kvino_tensor *last = is_last(g), *taken = take(g, d);
  g->d_in[2] = last ? kv_select(s, last, taken, kv_like(s, d, 0)) : taken;
}

/* ---- combining ---- */

/* d, where what was there before counts; zero elsewhere. */
static kvino_tensor *of_what_was_there(kv_grad *g, kvino_tensor *d) {
  if (keeps(g) || !d) return d;
  return put(g, d, op_zeros_like(g->s, g->in[2], (kvino_dtype)d->dtype), "none");
}

static void summed(kv_grad *g, bool subtracted) {
  kvino_tensor *d = g->d_out[0];
  if (g->wanted[0]) g->d_in[0] = of_what_was_there(g, d);
  if (g->wanted[2]) g->d_in[2] = subtracted ? kv_negative(g->s, take(g, d)) : take(g, d);
}

/* Gives the cotangents their dtype back. */
static void state(kv_grad *g, kvino_tensor *of_x, kvino_tensor *of_updates) {
  kvino_dtype dtype = (kvino_dtype)g->in[0]->dtype;
  if (g->wanted[0] && of_x) g->d_in[0] = kv_cast(g->s, of_x, dtype);
  if (g->wanted[2] && of_updates) g->d_in[2] = kv_cast(g->s, of_updates, dtype);
}

/* The cotangent is divided among all that equal the extreme. */
static void extreme(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_dtype work = kv_work_dtype((kvino_dtype)g->in[0]->dtype);
  kvino_tensor *d = kv_cast(s, g->d_out[0], work), *y = g->out[0];
  kvino_tensor *of_x = of_what_was_there(g, kv_cast(s, kv_equal(s, g->in[0], y), work));
  kvino_tensor *of_updates = kv_cast(s, kv_equal(s, g->in[2], take(g, y)), work);
  kvino_tensor *share = kv_divide(s, d, put(g, of_x, of_updates, "sum"));
  state(g, kv_multiply(s, share, of_x), kv_multiply(s, take(g, share), of_updates));
}

static void averaged(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_dtype work = kv_work_dtype((kvino_dtype)g->in[0]->dtype);
  kvino_tensor *d = kv_cast(s, g->d_out[0], work), *of_x = of_what_was_there(g, op_ones_like(s, g->in[0], work));
  kvino_tensor *share = kv_divide(s, d, put(g, of_x, op_ones_like(s, g->in[2], work), "sum"));
  state(g, kv_multiply(s, share, of_x), take(g, share));
}

/* ---- multiplying ----
 *
 * The factors of each place, what was there first, are brought together by sorting; those before and those behind are
 * multiplied by a linear recurrence that starts anew at each place. Nothing is divided by, so that factors may be zero.
 */

/* Of rows that belong to places (ascending, from 1): the products of the rows before of the same place. */
static kvino_tensor *before(kv_scope *s, kvino_tensor *rows, kvino_tensor *places, bool reverse) {
  int next = reverse ? 1 : -1;
  kvino_tensor *same = kv_unsqueeze(s, kv_equal(s, places, kv_shifted(s, places, 0, next)), KV_VECTOR(s, 1));
  kvino_tensor *zero = kv_like(s, rows, 0), *one = kv_like(s, rows, 1);
  kvino_tensor *product = kv_linear_recurrence(s, kv_select(s, same, rows, zero), kv_select(s, same, zero, rows),
                                               kv_int(s, KVINO_I64, 0), (kv_recurrence_attrs){.reverse = reverse});
  return kv_select(s, same, kv_shifted(s, product, 0, next), one);
}

static kvino_tensor *rows_at(kv_scope *s, kvino_tensor *rows, kvino_tensor *at) {
  return kv_gather(s, rows, at, kv_int(s, KVINO_I64, 0), (kv_gather_attrs){.batch_dims = 0});
}

static kvino_tensor *shaped(kv_scope *s, kvino_tensor *x, kvino_tensor *shape) {
  return kv_reshape(s, x, shape, (kv_reshape_attrs){.special_zero = false});
}

static kvino_tensor *product_of(kv_scope *s, kvino_tensor *dims) { /* [1] */
  return kv_reduce_prod(s, dims, KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = true});
}

static kvino_tensor *joined(kv_scope *s, kvino_tensor *a, kvino_tensor *b) {
  return s->status ? NULL : kv_concat(s, 2, (kvino_tensor *[]){a, b}, (kv_axis_attrs){.axis = 0});
}

/* d times the product of the other factors of its place, for x and the updates. */
static void times_others(kv_grad *g, kvino_tensor *x, kvino_tensor *u, kvino_tensor *d, kvino_tensor **of_x,
                         kvino_tensor **of_u) {
  kv_scope *s = g->s;
  if (s->status) return;
  int64_t leading = g->prim->id == KV_ScatterNDUpdate ? g->in[1]->shape[g->in[1]->rank - 1] : x->rank;
  kvino_tensor *dims = kv_dims(s, x), *outer = kv_cut(s, dims, 0, 0, leading), *n = product_of(s, outer);
  kvino_tensor *run = product_of(s, kv_cut(s, dims, 0, leading, INT64_MAX)), *rows = joined(s, n, run);
  kvino_tensor *number = kv_iota(s, n ? kv_squeeze(s, n, KV_VECTOR(s, 0)) : NULL);
  kvino_tensor *places = joined(s, number, kv_flatten(s, take(g, shaped(s, number, outer))));
  kvino_tensor *more = kv_subtract(s, kv_shape_of(s, places, (kv_output_type_attrs){.output_type = KVINO_I64}), n);
  kvino_tensor *order = kv_arg_sort(s, places, (kv_arg_sort_attrs){.output_type = KVINO_I64});
  kvino_tensor *factors = rows_at(s, joined(s, shaped(s, x, rows), shaped(s, u, joined(s, more, run))), order);
  places = rows_at(s, places, order);
  kvino_tensor *sorted = kv_add(s, places, kv_int(s, KVINO_I64, 1));
  kvino_tensor *others = kv_multiply(s, before(s, factors, sorted, false), before(s, factors, sorted, true));
  others = kv_multiply(s, others, rows_at(s, shaped(s, d, rows), places));
  others = rows_at(s, others, kv_arg_sort(s, order, (kv_arg_sort_attrs){.output_type = KVINO_I64}));
  kvino_tensors part = kv_variadic_split(s, others, kv_int(s, KVINO_I64, 0), joined(s, n, more));
  if (s->status) return;
  *of_x = shaped(s, part.v[0], dims);
  *of_u = shaped(s, part.v[1], kv_dims(s, u));
}

static void multiplied(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_dtype work = kv_work_dtype((kvino_dtype)g->in[0]->dtype);
  kvino_tensor *x = kv_cast(s, g->in[0], work), *u = kv_cast(s, g->in[2], work), *of_x = NULL, *of_u = NULL;
  if (!keeps(g)) x = put(g, x, kv_ones_like(s, u), "none");
  times_others(g, x, u, kv_cast(s, g->d_out[0], work), &of_x, &of_u);
  state(g, of_what_was_there(g, of_x), of_u);
}

void kv_grad_scatter(kv_grad *g) {
  const char *how = reduction_of(g);
  if (is(how, "none"))
    replaced(g);
  else if (is(how, "sum") || is(how, "sub"))
    summed(g, is(how, "sub"));
  else if (is(how, "min") || is(how, "max"))
    extreme(g);
  else if (is(how, "mean"))
    averaged(g);
  else
    multiplied(g);
}

/* Divided among all rows that equal the largest of their segment. */
void kv_grad_segment_max(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *ids = g->in[1], *y = g->out[0], *d = g->d_out[0], *column = KV_VECTOR(s, 1);
  if (!x || !y || !y->shape[0]) return;
  kvino_tensor *n = kv_cast(s, g->in[2], (kvino_dtype)ids->dtype), *zero = kv_like(s, ids, 0);
  kvino_tensor *inside = kv_logical_and(s, kv_greater_equal(s, ids, zero), kv_less(s, ids, n));
  kvino_tensor *place = kv_select(s, inside, ids, zero), *first = kv_int(s, KVINO_I64, 0);
  kvino_tensor *won = kv_equal(s, x, kv_gather(s, y, place, first, (kv_gather_attrs){.batch_dims = 0}));
  for (int k = 1; k < x->rank; k++) inside = kv_unsqueeze(s, inside, KV_VECTOR(s, k));
  won = kv_logical_and(s, won, inside);
  kvino_dtype work = kv_work_dtype((kvino_dtype)x->dtype);
  kvino_tensor *winners = kv_scatter_nd_update(s, kv_cast(s, kv_zeros_like(s, y), work), kv_unsqueeze(s, place, column),
                                               kv_cast(s, won, work), (kv_scatter_nd_attrs){.reduction = "sum"});
  winners = kv_maximum(s, winners, kv_like(s, winners, 1)); /* a segment of no rows has none */
  kvino_tensor *share =
      kv_gather(s, kv_divide(s, kv_cast(s, d, work), winners), place, first, (kv_gather_attrs){.batch_dims = 0});
  g->d_in[0] = kv_cast(s, kv_select(s, won, share, kv_like(s, share, 0)), (kvino_dtype)x->dtype);
}
