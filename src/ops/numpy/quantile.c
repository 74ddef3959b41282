/* keras.ops.numpy: medians and quantiles. The reduced axes are merged into rows, elements of the rows are taken by
 * their rank, and what lies between two of them is computed in float64 and rounded once. */
#include <math.h>
#include <string.h>

#include "ops/common.h"

/* x as rows along its last axis, and what the result is to be like. */
typedef struct rows {
  kvino_tensor *x;     /* [kept..., n] */
  kvino_tensor *n;     /* how many elements of each row there are: int64, 0-d, or [kept..., 1] without NaN */
  kvino_tensor *shape; /* of the result: 1-D, with ones where dimensions were kept as such */
  bool empty;          /* known to have no elements in a row */
  kvino_tensor *none;  /* where only a run knows that: whether there are none, a bool number; else NULL */
} rows;

/* Rows of unknown length, with an element where they have none: there is something at every rank then. */
static kvino_tensor *with_an_element(kv_scope *s, kvino_tensor *x, kvino_tensor *length) {
  int64_t zeros[KVINO_MAX_RANK] = {0};
  kvino_tensor *lacks = kv_subtract(s, kv_int(s, KVINO_I64, 1), kv_minimum(s, length, kv_int(s, KVINO_I64, 1)));
  kvino_tensor *none = kv_vector(s, (size_t)x->rank, zeros), *before = kv_vector(s, (size_t)x->rank - 1, zeros);
  kvino_tensor *end = kv_concat(s, 2, (kvino_tensor *[]){before, kv_flatten(s, lacks)}, (kv_axis_attrs){.axis = 0});
  return kv_pad(s, 4, (kvino_tensor *[]){x, none, end, kv_like(s, x, 0)}, (kv_pad_attrs){.pad_mode = "constant"});
}

/* NaN in place of what was computed from rows without elements. */
static kvino_tensor *unless_none(kv_scope *s, const rows *r, kvino_tensor *y) {
  return r->none && y ? kv_select(s, r->none, kv_like(s, y, NAN), y) : y;
}

static bool merge_axes(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims, rows *out) {
  int64_t axes[KVINO_MAX_RANK], perm[KVINO_MAX_RANK];
  bool gone[KVINO_MAX_RANK];
  int n, kept = 0;
  if (!x || !kv_plain_ints(s, axis, KVINO_MAX_RANK, &n, axes)) return false;
  for (int i = 0; i < x->rank; i++) gone[i] = axis.n < 0;
  for (int i = 0; i < n; i++) {
    if (!kv_axis_ok(s, &axes[i], x->rank)) return false;
    if (gone[axes[i]]) {
      kv_scope_fail(s, KVINO_INVALID, "repeated axis");
      return false;
    }
    gone[axes[i]] = true;
  }
  kvino_tensor *one = KV_VECTOR(s, 1), *length = kv_int(s, KVINO_I64, 1);
  kvino_tensor *left[KVINO_MAX_RANK + 1], *shape[KVINO_MAX_RANK + 1];
  int n_left = 0, n_shape = 0, last = 0;
  out->empty = false;
  for (int i = 0; i < x->rank; i++) {
    kvino_tensor *d = kv_dimension(s, x, i);
    if (gone[i]) {
      length = kv_multiply(s, length, d);
      out->empty = out->empty || x->shape[i] == 0;
      if (keepdims) shape[n_shape++] = one;
    } else {
      perm[kept++] = i;
      left[n_left++] = shape[n_shape++] = kv_flatten(s, d);
    }
  }
  for (int i = 0; i < x->rank; i++)
    if (gone[i]) perm[kept + last++] = i;
  left[n_left++] = kv_flatten(s, length);
  out->n = length;
  out->shape = n_shape ? kv_concat(s, (size_t)n_shape, shape, (kv_axis_attrs){.axis = 0}) : kv_vector(s, 0, NULL);
  x = kv_permute(s, x, perm);
  if (last != 1)
    x = kv_reshape(s, x, kv_concat(s, (size_t)n_left, left, (kv_axis_attrs){.axis = 0}),
                   (kv_reshape_attrs){.special_zero = false});
  out->none = NULL;
  if (x && x->rank && x->shape[x->rank - 1] < 0) {
    out->none = kv_equal(s, length, kv_int(s, KVINO_I64, 0));
    x = with_an_element(s, x, length);
  }
  out->x = x;
  return x != NULL;
}

static bool real_rows(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims, bool skip_nans, rows *out) {
  x = kv_strong(s, x);
  if (!x) return false;
  if (kvino_dtype_is_complex((kvino_dtype)x->dtype)) {
    kv_scope_fail(s, KVINO_TYPE, "a must be an array of real numbers");
    return false;
  }
  if (!merge_axes(s, x, axis, keepdims, out)) return false;
  if (skip_nans && kv_is_inexact((kvino_dtype)x->dtype)) {
    kvino_tensor *number = kv_logical_not(s, kv_is_nan(s, out->x));
    out->n = kv_count_non_zero(s, number, KV_VECTOR(s, x ? out->x->rank - 1 : 0),
                               (kv_reduce_index_attrs){.keep_dims = true, .output_type = KVINO_I64});
  }
  return true;
}

/* ranks limited to those that a row has; of a row without any, 0: it stands on a NaN there. */
static kvino_tensor *within(kv_scope *s, kvino_tensor *ranks, kvino_tensor *last) {
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0);
  return kv_maximum(s, kv_minimum(s, ranks, last), zero);
}

/* y, or NaN for rows that hold one: NaN is the largest value, so that the last element says so. */
static kvino_tensor *with_nans(kv_scope *s, const rows *r, kvino_tensor *y) {
  if (!r->x || !kv_is_inexact((kvino_dtype)r->x->dtype)) return y;
  kvino_tensor *largest = kv_reduce_max(s, r->x, KV_VECTOR(s, r->x->rank - 1), (kv_keep_dims_attrs){.keep_dims = true});
  return kv_select(s, kv_is_nan(s, largest), kv_like(s, y, NAN), y);
}

/* What there is of rows without elements: NaN. `q` may be NULL. */
static kvino_tensor *nothing(kv_scope *s, const rows *r, kvino_tensor *q, kvino_dtype dtype) {
  kvino_tensor *shape = r->shape;
  if (q && q->rank) shape = kv_concat(s, 2, (kvino_tensor *[]){kv_dims(s, q), shape}, (kv_axis_attrs){.axis = 0});
  return kv_broadcast_shape(s, kv_number(s, dtype, NAN), shape);
}

/* The elements of two lists of ranks at once: (m each) along the last axis. */
static void take_pair(kv_scope *s, const rows *r, kvino_tensor *low, kvino_tensor *high, kvino_tensor **a,
                      kvino_tensor **b) {
  *a = *b = NULL;
  if (!low || !high) return;
  kvino_tensor *both = kv_concat(s, 2, (kvino_tensor *[]){low, high}, (kv_axis_attrs){.axis = low->rank - 1});
  kvino_tensor *y = kv_cast(s, kv_order_statistics(s, r->x, both), KVINO_F64);
  if (!y) return;
  kvino_tensors half = kv_split(s, y, kv_int(s, KVINO_I64, y->rank - 1), (kv_split_attrs){.num_splits = 2});
  if (half.n == 2) {
    *a = half.v[0];
    *b = half.v[1];
  }
}

/* ---- median ---- */

static kvino_tensor *median(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims, bool skip_nans) {
  rows r;
  if (!x || !real_rows(s, x, axis, keepdims, skip_nans, &r)) return NULL;
  kvino_dtype dtype = kv_result_float(s, 1, &x);
  if (r.empty) return nothing(s, &r, NULL, dtype);
  kvino_tensor *n = r.n && !r.n->rank ? kv_flatten(s, r.n) : r.n, *one = kv_int(s, KVINO_I64, 1), *a, *b;
  kvino_tensor *last = kv_subtract(s, n, one);
  take_pair(s, &r, within(s, kv_bitwise_right_shift(s, last, one), last),
            within(s, kv_bitwise_right_shift(s, n, one), last), &a, &b);
  kvino_tensor *sum = kv_add(s, a, b), *y = kv_multiply(s, sum, kv_like(s, sum, 0.5));
  if (!skip_nans) y = with_nans(s, &r, y);
  y = unless_none(s, &r, y);
  return kv_cast(s, kv_reshape(s, y, r.shape, (kv_reshape_attrs){.special_zero = false}), dtype);
}

kvino_tensor *op_median(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  return median(s, x, axis, keepdims, false);
}
kvino_tensor *op_nanmedian(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  return median(s, x, axis, keepdims, true);
}

/* ---- quantiles ---- */

typedef enum method { LINEAR, LOWER, HIGHER, MIDPOINT, NEAREST, METHODS } method;

static method method_of(kv_scope *s, const char *name) {
  static const char *const names[METHODS] = {"linear", "lower", "higher", "midpoint", "nearest"};
  for (int i = 0; name && i < METHODS; i++)
    if (!strcmp(name, names[i])) return (method)i;
  kv_scope_fail(s, KVINO_INVALID, "'%s' is not a valid method. Use one of: linear, lower, higher, midpoint, nearest",
                name ? name : "None");
  return METHODS;
}

/* The fractions as [m]: in their own float dtype, as NumPy computes the ranks, otherwise in float64. */
static kvino_tensor *fractions(kv_scope *s, kvino_tensor *q, double scale) {
  if (!q) return NULL;
  kvino_dtype own = (kvino_dtype)q->dtype;
  if (q->rank > 2) return kv_scope_fail(s, KVINO_INVALID, "q must be a scalar or 1d");
  if (kvino_dtype_is_complex(own)) return kv_scope_fail(s, KVINO_TYPE, "q must be real");
  kvino_tensor *within =
      kv_logical_and(s, kv_greater_equal(s, q, kv_like(s, q, 0)), kv_less_equal(s, q, kv_like(s, q, scale)));
  bool weak = q->weak;
  q = kv_demand(s, scale == 1 ? KV_REFUSAL_quantile : KV_REFUSAL_percentile, q, within, 0, NULL);
  q = kv_cast(s, kv_flatten(s, q), kvino_dtype_is_float(own) && !weak ? kv_work_dtype(own) : KVINO_F64);
  return scale == 1 ? q : kv_divide(s, q, kv_like(s, q, scale));
}

/* One element for each fraction, or a point between two: [..., m]. */
static kvino_tensor *points(kv_scope *s, const rows *r, kvino_tensor *q, method how) {
  kvino_tensor *last = kv_subtract(s, r->n, kv_int(s, KVINO_I64, 1)), *a, *b;
  kvino_tensor *at = q ? kv_multiply(s, kv_cast(s, last, (kvino_dtype)q->dtype), q) : NULL, *floor = kv_floor(s, at);
  if (how == LOWER || how == HIGHER || how == NEAREST) {
    kv_round_attrs to_even = {.mode = "half_to_even"};
    kvino_tensor *rank = how == LOWER ? floor : how == HIGHER ? kv_ceiling(s, at) : kv_round(s, at, to_even);
    return kv_cast(s, kv_order_statistics(s, r->x, within(s, kv_cast(s, rank, KVINO_I64), last)), KVINO_F64);
  }
  kvino_tensor *low = within(s, kv_cast(s, floor, KVINO_I64), last);
  take_pair(s, r, low, within(s, kv_add(s, low, kv_int(s, KVINO_I64, 1)), last), &a, &b);
  kvino_tensor *t = kv_cast(s, kv_subtract(s, at, floor), KVINO_F64), *zero = kv_like(s, t, 0),
               *half = kv_like(s, t, 0.5);
  if (how == MIDPOINT) t = kv_select(s, kv_equal(s, t, zero), zero, half);
  /* From the nearer end, as NumPy: exact at both. */
  kvino_tensor *gap = kv_subtract(s, b, a), *rest = kv_subtract(s, kv_like(s, t, 1), t);
  return kv_select(s, kv_less(s, t, half), kv_add(s, a, kv_multiply(s, gap, t)),
                   kv_subtract(s, b, kv_multiply(s, gap, rest)));
}

static kvino_tensor *quantile(kv_scope *s, kvino_tensor *x, kvino_tensor *q, kvino_ints axis, const char *name,
                              bool keepdims, double scale, bool skip_nans) {
  rows r;
  method how = method_of(s, name);
  kvino_tensor *m = fractions(s, q, scale);
  if (!x || !m || how == METHODS || !real_rows(s, x, axis, keepdims, skip_nans, &r)) return NULL;
  kvino_dtype dtype = kv_result_float(s, 1, &x);
  if (r.empty) return nothing(s, &r, q, dtype);
  kvino_tensor *y = points(s, &r, m, how), *shape = r.shape;
  if (!skip_nans) y = with_nans(s, &r, y);
  y = unless_none(s, &r, y);
  if (!y) return NULL;
  if (q->rank) { /* fractions in front */
    int64_t perm[KVINO_MAX_RANK] = {y->rank - 1};
    for (int i = 1; i < y->rank; i++) perm[i] = i - 1;
    y = kv_permute(s, y, perm);
    shape = kv_concat(s, 2, (kvino_tensor *[]){kv_dims(s, q), shape}, (kv_axis_attrs){.axis = 0});
  }
  return kv_cast(s, kv_reshape(s, y, shape, (kv_reshape_attrs){.special_zero = false}), dtype);
}

#define QUANTILE(name, scale, skip_nans)                                                                               \
  kvino_tensor *op_##name(kv_scope *s, kvino_tensor *x, kvino_tensor *q, kvino_ints axis, const char *how,             \
                          bool keepdims) {                                                                             \
    return quantile(s, x, q, axis, how, keepdims, scale, skip_nans);                                                   \
  }
QUANTILE(quantile, 1, false)
QUANTILE(percentile, 100, false)
QUANTILE(nanquantile, 1, true)
QUANTILE(nanpercentile, 100, true)
