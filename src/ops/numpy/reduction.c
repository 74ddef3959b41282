/* keras.ops.numpy: reductions. */
#include "ops/common.h"

static const kv_keep_dims_attrs keep = {.keep_dims = true};

/* What NumPy and Keras sum bool and narrow integers as. */
static kvino_dtype summed_as(const kvino_tensor *x) {
  kvino_dtype dtype = kv_dtype_of(x);
  switch (dtype) {
  case KVINO_BOOL:
  case KVINO_I8:
  case KVINO_I16:
    return KVINO_I32;
  case KVINO_U8:
  case KVINO_U16:
    return KVINO_U32;
  default:
    return dtype;
  }
}

#define REDUCE(prim, s, x, axis, keepdims)                                                                             \
  kv_##prim(s, x, kv_axes(s, axis, (x) ? (x)->rank : 0), (kv_keep_dims_attrs){.keep_dims = keepdims})

kvino_tensor *op_sum(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  if (x) x = kv_cast(s, x, summed_as(x));
  return REDUCE(reduce_sum, s, x, axis, keepdims);
}

kvino_tensor *op_prod(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims, kvino_dtype dtype) {
  if (x) x = kv_cast(s, x, dtype != KVINO_NO_DTYPE ? dtype : summed_as(x));
  return REDUCE(reduce_prod, s, x, axis, keepdims);
}

/* Integers are averaged as wide as they are, and the mean is rounded once. */
kvino_tensor *op_mean(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  if (!x) return NULL;
  kvino_dtype dtype = kv_result_float(s, 1, &x);
  x = kv_cast(s, x, kv_is_inexact(kv_dtype_of(x)) ? dtype : kv_work_dtype_of(x));
  return kv_cast(s, REDUCE(reduce_mean, s, x, axis, keepdims), dtype);
}

/* The variance in the dtype that it is computed in: f32 for smaller floats, f64 for wide integers, real for complex. */
static kvino_tensor *spread(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  x = kv_cast(s, x, kv_work_dtype_of(x));
  kvino_tensor *axes = x ? kv_axes(s, axis, x->rank) : NULL;
  kvino_tensor *gap = kv_subtract(s, x, kv_reduce_mean(s, x, axes, keep));
  if (gap && kvino_dtype_is_complex((kvino_dtype)gap->dtype)) gap = kv_abs(s, gap);
  kv_keep_dims_attrs a = {.keep_dims = keepdims};
  if (gap && !kv_is_traced(s, gap)) return kv_reduce_mean_square(s, gap, axes, a); /* the same in one pass less */
  return kv_reduce_mean(s, kv_multiply(s, gap, gap), axes, a);
}

static kvino_dtype spread_dtype(kv_scope *s, kvino_tensor *x) {
  kvino_dtype dtype = kv_result_float(s, 1, &x);
  return dtype == KVINO_C64 ? KVINO_F32 : dtype == KVINO_C128 ? KVINO_F64 : dtype;
}

kvino_tensor *op_var(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  return x ? kv_cast(s, spread(s, x, axis, keepdims), spread_dtype(s, x)) : NULL;
}

kvino_tensor *op_std(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  return x ? kv_cast(s, kv_sqrt(s, spread(s, x, axis, keepdims)), spread_dtype(s, x)) : NULL;
}

/* What `initial` alone gives: the result of an empty x. False where x has elements, or that is not known. */
static bool empty_shape(kv_scope *s, const kvino_tensor *x, kvino_ints axis, bool keepdims, int *rank, int64_t *shape) {
  int64_t axes[KVINO_MAX_RANK];
  bool gone[KVINO_MAX_RANK] = {false};
  int n;
  if (x->size != 0 || !kv_plain_ints(s, axis, KVINO_MAX_RANK, &n, axes)) return false;
  for (int i = 0; i < x->rank && axis.n < 0; i++) gone[i] = true;
  for (int i = 0; i < n; i++) {
    if (!kv_axis_ok(s, &axes[i], x->rank)) return false;
    gone[axes[i]] = true;
  }
  *rank = 0;
  for (int i = 0; i < x->rank; i++)
    if (!gone[i] || keepdims) shape[(*rank)++] = gone[i] ? 1 : x->shape[i];
  return true;
}

/* x with `initial` once more along every axis that is reduced and may turn out to be empty, where that is not known. */
static kvino_tensor *never_empty(kv_scope *s, kvino_tensor *x, kvino_ints axis, kvino_tensor *initial) {
  int64_t axes[KVINO_MAX_RANK], more[KVINO_MAX_RANK] = {0};
  bool any = false;
  int n;
  if (!x || !initial || !kv_plain_ints(s, axis, KVINO_MAX_RANK, &n, axes)) return x;
  for (int i = 0; i < x->rank && axis.n < 0; i++) axes[n++] = i;
  for (int i = 0; i < n; i++) {
    if (!kv_axis_ok(s, &axes[i], x->rank)) return NULL;
    more[axes[i]] = x->shape[axes[i]] <= 0;
    any |= more[axes[i]];
  }
  if (!any) return x;
  kvino_tensor *none = kv_vector(s, (size_t)x->rank, (int64_t[KVINO_MAX_RANK]){0});
  return kv_pad(s, 4, (kvino_tensor *[]){x, none, kv_vector(s, (size_t)x->rank, more), initial},
                (kv_pad_attrs){.pad_mode = "constant"});
}

/* Largest or smallest; bool through u8. */
static kvino_tensor *extreme(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims, kvino_tensor *initial,
                             bool largest) {
  if (!x) return NULL;
  kvino_dtype dtype = kv_dtype_of(x), work = dtype == KVINO_BOOL ? KVINO_U8 : dtype;
  int64_t shape[KVINO_MAX_RANK];
  int rank;
  if (initial && empty_shape(s, x, axis, keepdims, &rank, shape))
    return kv_broadcast_shape(s, kv_cast(s, initial, dtype), kv_vector(s, (size_t)rank, shape));
  if (initial) initial = kv_cast(s, kv_cast(s, initial, dtype), work);
  x = never_empty(s, kv_cast(s, x, work), axis, initial);
  kvino_tensor *y = largest ? REDUCE(reduce_max, s, x, axis, keepdims) : REDUCE(reduce_min, s, x, axis, keepdims);
  if (initial) y = largest ? kv_maximum(s, y, initial) : kv_minimum(s, y, initial);
  return kv_cast(s, y, dtype);
}

kvino_tensor *op_max(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims, kvino_tensor *initial) {
  return extreme(s, x, axis, keepdims, initial, true);
}
kvino_tensor *op_min(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims, kvino_tensor *initial) {
  return extreme(s, x, axis, keepdims, initial, false);
}
kvino_tensor *op_amax(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  return extreme(s, x, axis, keepdims, NULL, true);
}
kvino_tensor *op_amin(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  return extreme(s, x, axis, keepdims, NULL, false);
}

/* Whether all or any are not zero. Many numbers are counted as they are: no truth values in between. */
static kvino_tensor *not_zero(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims, bool all) {
  enum { MANY = 1 << 14 };
  if (!x || x->size < MANY || kv_is_traced(s, x) || x->dtype == KVINO_BOOL || x->dtype == KVINO_STRING) {
    x = kv_truth(s, x);
    return all ? REDUCE(reduce_logical_and, s, x, axis, keepdims) : REDUCE(reduce_logical_or, s, x, axis, keepdims);
  }
  kvino_tensor *n = kv_count_non_zero(s, x, kv_axes(s, axis, x->rank),
                                      (kv_reduce_index_attrs){.keep_dims = keepdims, .output_type = KVINO_I64});
  if (!all || !n) return kv_truth(s, n);
  return kv_equal(s, n, kv_like(s, n, n->size ? (double)(x->size / n->size) : 0));
}

kvino_tensor *op_all(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  return not_zero(s, x, axis, keepdims, true);
}
kvino_tensor *op_any(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  return not_zero(s, x, axis, keepdims, false);
}

static kvino_tensor *arg_extreme(kv_scope *s, kvino_tensor *x, int64_t axis, bool keepdims, bool largest) {
  x = kv_strong(s, x);
  if (!x) return NULL;
  bool all = axis == KVINO_NO_INTEGER || !x->rank; /* NumPy takes axis 0 of 0-d, too */
  if (axis != KVINO_NO_INTEGER && !kv_axis_ok(s, &axis, x->rank ? x->rank : 1)) return NULL;
  if (all ? x->size == 0 : x->shape[axis] == 0)
    return kv_scope_fail(s, KVINO_INVALID, "attempt to get %s of an empty sequence", largest ? "argmax" : "argmin");
  kv_reduce_index_attrs a = {.keep_dims = keepdims, .output_type = KVINO_I32};
  kvino_tensor *axes = kv_axes(s, all ? KVINO_NO_INTS : KVINO_INTS(axis), x->rank);
  return largest ? kv_reduce_arg_max(s, x, axes, a) : kv_reduce_arg_min(s, x, axes, a);
}

kvino_tensor *op_argmax(kv_scope *s, kvino_tensor *x, int64_t axis, bool keepdims) {
  return arg_extreme(s, x, axis, keepdims, true);
}
kvino_tensor *op_argmin(kv_scope *s, kvino_tensor *x, int64_t axis, bool keepdims) {
  return arg_extreme(s, x, axis, keepdims, false);
}

/* One weight for each position along the axes (in their order), as weights for x. */
static kvino_tensor *spread_weights(kv_scope *s, kvino_tensor *x, kvino_ints axis, kvino_tensor *weights) {
  int64_t axes[KVINO_MAX_RANK], perm[KVINO_MAX_RANK], shape[KVINO_MAX_RANK];
  int n;
  if (axis.n < 0) return kv_scope_fail(s, KVINO_TYPE, "Axis must be specified when shapes of a and weights differ.");
  if (!kv_plain_ints(s, axis, KVINO_MAX_RANK, &n, axes)) return NULL;
  kv_length_pair pair[KVINO_MAX_RANK + 1] = {{{NULL, weights->rank}, {NULL, n}}};
  for (int i = 0; i < x->rank; i++) shape[i] = 1;
  for (int i = 0; i < n; i++) {
    if (!kv_axis_ok(s, &axes[i], x->rank)) return NULL;
    if (weights->rank == n) shape[axes[i]] = weights->shape[i];
    pair[i + 1] = (kv_length_pair){{weights, i}, {x, axes[i]}};
  }
  size_t pairs = weights->rank == n ? (size_t)n + 1 : 1;
  if (!(weights = kv_demand_lengths(s, KV_REFUSAL_shape_of_weights, weights, pairs, pair, 0, NULL))) return NULL;
  int k = 0, unknown = 0;
  for (int a = 0; a < x->rank; a++) { /* the weights' axes in the order of those of x */
    for (int i = 0; i < n; i++)
      if (axes[i] == a) perm[k++] = i;
    unknown += shape[a] < 0;
  }
  if (k != n) return kv_scope_fail(s, KVINO_INVALID, "repeated axis");
  weights = kv_permute(s, weights, perm);
  if (unknown < 2) {
    weights = kv_reshape_to(s, weights, x->rank, shape);
  } else {
    kvino_tensor *part[KVINO_MAX_RANK];
    for (int a = 0, next = 0; a < x->rank; a++) {
      bool own = false;
      for (int i = 0; i < n; i++) own = own || axes[i] == a;
      part[a] = own ? kv_flatten(s, kv_dimension(s, weights, next++)) : KV_VECTOR(s, 1);
    }
    weights = kv_reshape(s, weights, kv_concat(s, (size_t)x->rank, part, (kv_axis_attrs){.axis = 0}),
                         (kv_reshape_attrs){.special_zero = false});
  }
  return kv_broadcast_shape(s, weights, kv_dims(s, x));
}

kvino_tensor *op_average(kv_scope *s, kvino_tensor *x, kvino_ints axis, kvino_tensor *weights) {
  if (!weights) return op_mean(s, x, axis, false);
  if (!x) return NULL;
  kvino_dtype dtype = kv_result_float(s, 2, (kvino_tensor *[]){x, weights}), work = kv_work_dtype(dtype);
  x = kv_cast(s, x, work);
  weights = kv_cast(s, weights, work);
  if (!x || !weights) return NULL;
  bool same = weights->rank == x->rank;
  for (int i = 0; same && i < x->rank; i++)
    same = weights->shape[i] == x->shape[i] || weights->shape[i] < 0 || x->shape[i] < 0;
  kv_refusal other = axis.n < 0 ? KV_REFUSAL_axis_of_weights : KV_REFUSAL_shape_of_weights;
  weights = same ? kv_demand_same_shape(s, other, weights, weights, x) : spread_weights(s, x, axis, weights);
  kvino_tensor *total = op_sum(s, weights, axis, false);
  return kv_cast(s, kv_divide(s, op_sum(s, kv_multiply(s, x, weights), axis, false), total), dtype);
}

static kvino_tensor *cumulative(kv_scope *s, kvino_tensor *x, int64_t axis, kvino_dtype dtype, bool sum) {
  if (!x) return NULL;
  kvino_dtype own = kv_dtype_of(x);
  if (dtype == KVINO_NO_DTYPE) dtype = own;
  x = kv_cast(s, x, dtype == KVINO_BOOL ? KVINO_I32 : dtype);
  if (axis == KVINO_NO_INTEGER) {
    x = kv_flatten(s, x);
    axis = 0;
  }
  if (x && !x->rank) x = kv_flatten(s, x); /* as NumPy: of a number, a vector of one */
  if (!x || !kv_axis_ok(s, &axis, x->rank)) return NULL;
  kvino_tensor *along = kv_int(s, KVINO_I64, axis);
  kv_cumsum_attrs a = {.exclusive = false};
  return sum ? kv_cum_sum(s, x, along, a) : kv_cum_prod(s, x, along, a);
}

kvino_tensor *op_cumsum(kv_scope *s, kvino_tensor *x, int64_t axis, kvino_dtype dtype) {
  return cumulative(s, x, axis, dtype, true);
}
kvino_tensor *op_cumprod(kv_scope *s, kvino_tensor *x, int64_t axis, kvino_dtype dtype) {
  return cumulative(s, x, axis, dtype, false);
}

kvino_tensor *op_ptp(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  x = kv_strong(s, x);
  if (x && x->dtype == KVINO_BOOL)
    return kv_scope_fail(s, KVINO_TYPE,
                         "numpy boolean subtract, the `-` operator, is not supported, use the bitwise_xor, "
                         "the `^` operator, or the logical_xor function instead.");
  kvino_tensor *largest = extreme(s, x, axis, keepdims, NULL, true); /* first: its error is the one to see */
  return kv_subtract(s, largest, extreme(s, x, axis, keepdims, NULL, false));
}
