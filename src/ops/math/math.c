/* keras.ops.math */
#include <math.h>

#include "ops/common.h"

/* ---- segments: rows of data combined into the row of the result that their id names ---- */

/* The value that changes no other: 0 for a sum, 1 for a product, the dtype's lowest for max, the highest for min. */
static kvino_tensor *neutral(kv_scope *s, kvino_dtype dtype, const char *how) {
  if (how[0] == 'p') return kv_int(s, dtype, 1);
  if (how[0] == 's') return kv_int(s, dtype, 0);
  bool lowest = how[1] == 'a';
  if (kvino_dtype_is_float(dtype)) return kv_number(s, dtype, lowest ? -INFINITY : INFINITY);
  int bits = (int)kvino_dtype_size(dtype) * 8;
  if (dtype == KVINO_BOOL) return kv_int(s, dtype, !lowest);
  if (!kvino_dtype_is_signed(dtype)) return kv_int(s, dtype, lowest ? 0 : -1);
  return kv_int(s, dtype, lowest ? INT64_MIN >> (64 - bits) : INT64_MAX >> (64 - bits));
}

/* Ids that no row has go to one more row, which is cut off: negative and too large ids are dropped. */
static kvino_tensor *segments(kv_scope *s, kvino_tensor *data, kvino_tensor *ids, kvino_tensor *num, const char *how) {
  if (!data || !ids) return NULL;
  if (ids->rank != 1) return kv_scope_fail(s, KVINO_INVALID, "segment_ids must have 1 dimension, found %d", ids->rank);
  if (!data->rank) return kv_scope_fail(s, KVINO_INVALID, "data must have at least 1 dimension");
  kvino_dtype dtype = kv_dtype_of(data);
  kvino_dtype index = kvino_dtype_size((kvino_dtype)ids->dtype) < 4 || ids->dtype == KVINO_I32 ? KVINO_I32 : KVINO_I64;
  ids = kv_cast(s, ids, index);
  kvino_tensor *zero = kv_int(s, index, 0), *rows;
  if (num) {
    rows = kv_flatten(s, kv_cast(s, num, index));
  } else if (ids && ids->size == 0) {
    rows = kv_broadcast_shape(s, zero, KV_VECTOR(s, 1));
  } else {                               /* as many as the largest id says */
    bool unknown = ids && ids->size < 0; /* without ids no rows: -1 is the largest then */
    kvino_tensor *all[] = {ids, kv_broadcast_shape(s, kv_int(s, index, -1), KV_VECTOR(s, 1))};
    kvino_tensor *some = unknown ? kv_concat(s, 2, all, (kv_axis_attrs){.axis = 0}) : ids;
    kvino_tensor *largest = kv_reduce_max(s, some, KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = true});
    rows = kv_add(s, largest, kv_int(s, index, 1));
  }
  if (how[0] == 'm' && how[1] == 'a') {
    kvino_tensor *n = kv_squeeze(s, rows, KV_VECTOR(s, 0));
    return kv_segment_max(s, data, ids, n, (kv_segment_attrs){.fill_mode = "lowest"});
  }
  kvino_tensor *outside = kv_logical_or(s, kv_less(s, ids, zero), kv_greater_equal(s, ids, rows));
  ids = kv_select(s, outside, rows, ids);
  kvino_tensor *more = kv_cast(s, kv_add(s, rows, kv_int(s, index, 1)), KVINO_I64);
  kvino_tensor *shape = more;
  if (data->rank > 1)
    shape = kv_concat(s, 2, (kvino_tensor *[]){more, kv_cut(s, kv_dims(s, data), 0, 1, INT64_MAX)},
                      (kv_axis_attrs){.axis = 0});
  kvino_dtype work = kv_work_dtype(dtype);
  kvino_tensor *start = kv_broadcast_shape(s, neutral(s, work, how), shape);
  kvino_tensor *y = kv_scatter_nd_update(s, start, kv_unsqueeze(s, ids, KV_VECTOR(s, 1)), kv_cast(s, data, work),
                                         (kv_scatter_nd_attrs){.reduction = how});
  kvino_tensor *stop = kv_cast(s, rows, KVINO_I64);
  y = kv_slice(s, 5, (kvino_tensor *[]){y, KV_VECTOR(s, 0), stop, KV_VECTOR(s, 1), KV_VECTOR(s, 0)});
  return kv_cast(s, y, dtype);
}

kvino_tensor *op_segment_sum(kv_scope *s, kvino_tensor *data, kvino_tensor *ids, kvino_tensor *num, bool sorted) {
  (void)sorted; /* a promise that would only help other ways of computing it */
  return segments(s, data, ids, num, "sum");
}
kvino_tensor *op_segment_max(kv_scope *s, kvino_tensor *data, kvino_tensor *ids, kvino_tensor *num, bool sorted) {
  (void)sorted;
  return segments(s, data, ids, num, "max");
}
kvino_tensor *op_segment_min(kv_scope *s, kvino_tensor *data, kvino_tensor *ids, kvino_tensor *num, bool sorted) {
  (void)sorted;
  return segments(s, data, ids, num, "min");
}
kvino_tensor *op_segment_prod(kv_scope *s, kvino_tensor *data, kvino_tensor *ids, kvino_tensor *num, bool sorted) {
  (void)sorted;
  return segments(s, data, ids, num, "prod");
}

/* ---- others ---- */

kvino_tensors op_top_k(kv_scope *s, kvino_tensor *x, int64_t k, bool sorted) {
  (void)sorted; /* always sorted, which is one of the orders that sorted=False allows */
  x = kv_strong(s, x);
  if (!x) return KV_NO_TENSORS;
  if (!x->rank) {
    kv_scope_fail(s, KVINO_INVALID, "top_k needs at least 1 dimension");
    return KV_NO_TENSORS;
  }
  kvino_dtype dtype = kv_dtype_of(x);
  if (dtype == KVINO_BOOL) x = kv_cast(s, x, KVINO_U8);
  kvino_tensors y = kv_topk(s, x, kv_int(s, KVINO_I64, k),
                            (kv_topk_attrs){.axis = x ? x->rank - 1 : 0,
                                            .mode = "max",
                                            .sort = "value",
                                            .index_element_type = KVINO_I32,
                                            .stable = true});
  if (y.v) y.v[0] = kv_cast(s, y.v[0], dtype);
  return y;
}

/* Fewer than k predictions are greater, NaN being so. A target out of range is not in. */
kvino_tensor *op_in_top_k(kv_scope *s, kvino_tensor *targets, kvino_tensor *predictions, int64_t k) {
  targets = kv_strong(s, targets);
  predictions = kv_strong(s, predictions);
  if (!targets || !predictions) return NULL;
  if (targets->rank != 1 || predictions->rank != 2)
    return kv_scope_fail(s, KVINO_INVALID, "in_top_k takes targets of rank 1 and predictions of rank 2, not %d and %d",
                         targets->rank, predictions->rank);
  targets = kv_demand_lengths(s, KV_REFUSAL_in_top_k, targets, 1, &(kv_length_pair){{targets, 0}, {predictions, 0}}, 2,
                              (kv_length[]){{targets, 0}, {predictions, 0}});
  targets = kv_unsqueeze(s, kv_cast(s, targets, KVINO_I64), KV_VECTOR(s, 1));
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *classes = kv_dimension(s, predictions, 1);
  kvino_tensor *inside = kv_logical_and(s, kv_less_equal(s, zero, targets), kv_less(s, targets, classes));
  if (predictions->shape[1] == 0) return kv_squeeze(s, inside, KV_VECTOR(s, 1));
  if (predictions->shape[1] < 0) { /* there may be no class to take: one more, which is above none */
    kvino_tensor *least = neutral(s, (kvino_dtype)predictions->dtype, "max"), *none = KV_VECTOR(s, 0, 0);
    kvino_tensor *operands[] = {predictions, none, KV_VECTOR(s, 0, 1), least};
    predictions = kv_pad(s, 4, operands, (kv_pad_attrs){.pad_mode = "constant"});
  }
  kvino_tensor *own =
      kv_gather_elements(s, predictions, kv_select(s, inside, targets, zero), (kv_axis_attrs){.axis = 1});
  kvino_tensor *more = kv_cast(s, kv_logical_not(s, kv_less_equal(s, predictions, own)), KVINO_I32);
  more = kv_reduce_sum(s, more, KV_VECTOR(s, 1), (kv_keep_dims_attrs){.keep_dims = true});
  kvino_tensor *y = kv_less(s, kv_cast(s, more, KVINO_I64), kv_int(s, KVINO_I64, k));
  y = kv_logical_and(s, y, kv_logical_and(s, inside, kv_equal(s, own, own)));
  return kv_squeeze(s, y, KV_VECTOR(s, 1));
}

kvino_tensor *op_cdist(kv_scope *s, kvino_tensor *x, kvino_tensor *y) {
  kv_align_float(s, &x, &y);
  if (!x || !y) return NULL;
  if (x->rank < 2 || y->rank < 2) return kv_scope_fail(s, KVINO_INVALID, "`cdist` inputs must have rank >= 2");
  kv_length_pair pair = {{x, x->rank - 1}, {y, y->rank - 1}};
  if (!(x = kv_demand_lengths(s, KV_REFUSAL_last_dimensions, x, 1, &pair, 0, NULL))) return NULL;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  x = kv_unsqueeze(s, kv_cast(s, x, kv_work_dtype(dtype)), KV_VECTOR(s, x->rank - 1));
  y = kv_unsqueeze(s, kv_cast(s, y, kv_work_dtype(dtype)), KV_VECTOR(s, y->rank - 2));
  kvino_tensor *gap = kv_subtract(s, x, y);
  if (!gap) return NULL;
  kvino_tensor *last = KV_VECTOR(s, gap->rank - 1);
  gap = kv_reduce_sum(s, kv_multiply(s, gap, gap), last, (kv_keep_dims_attrs){.keep_dims = false});
  return kv_cast(s, kv_sqrt(s, gap), dtype);
}

/* The largest along the axes, which stay; 0 where there is none. */
static kvino_tensor *largest_or_zero(kv_scope *s, kvino_tensor *x, kvino_tensor *axes) {
  bool reduced[KVINO_MAX_RANK], empty = false;
  int64_t more[KVINO_MAX_RANK] = {0}, none[KVINO_MAX_RANK] = {0};
  bool doubtful = false;
  if (s->status || !kv_scope_ok(s, kv_axes_operand(axes, x->rank, reduced, s->err))) return NULL;
  for (int i = 0; i < x->rank; i++) {
    empty |= reduced[i] && !x->shape[i];
    doubtful |= more[i] = reduced[i] && x->shape[i] < 0;
  }
  kv_keep_dims_attrs keep = {.keep_dims = true};
  if (empty) return kv_reduce_sum(s, x, axes, keep);
  size_t rank = (size_t)x->rank;
  kvino_tensor *filled = x;
  if (doubtful) {
    kvino_tensor *operands[] = {x, kv_vector(s, rank, none), kv_vector(s, rank, more), kv_like(s, x, -INFINITY)};
    filled = kv_pad(s, 4, operands, (kv_pad_attrs){.pad_mode = "constant"});
  }
  kvino_tensor *top = kv_reduce_max(s, filled, axes, keep);
  return kv_select(s, kv_is_finite(s, top), top, kv_like(s, x, 0)); /* infinities: no inf - inf */
}

kvino_tensor *op_logsumexp(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  x = kv_to_float(s, x);
  if (!x) return NULL;
  kvino_tensor *axes = kv_axes(s, axis, x->rank);
  kv_keep_dims_attrs keep = {.keep_dims = true};
  kvino_tensor *top = op_stop_gradient(s, largest_or_zero(s, x, axes)); /* any number would do */
  kvino_tensor *y = kv_add(s, kv_log(s, kv_reduce_sum(s, kv_exp(s, kv_subtract(s, x, top)), axes, keep)), top);
  return keepdims || (axes && axes->size == 0) ? y : kv_squeeze(s, y, axes);
}

kvino_tensor *op_rsqrt(kv_scope *s, kvino_tensor *x) {
  x = kv_to_float(s, x);
  return kv_divide(s, kv_like(s, x, 1), kv_sqrt(s, x));
}

kvino_tensor *op_erf(kv_scope *s, kvino_tensor *x) { return kv_erf(s, kv_to_float(s, x)); }
kvino_tensor *op_erfc(kv_scope *s, kvino_tensor *x) { return kv_erfc(s, kv_to_float(s, x)); }
kvino_tensor *op_erfinv(kv_scope *s, kvino_tensor *x) { return kv_erf_inv(s, kv_to_float(s, x)); }
kvino_tensor *op_lgamma(kv_scope *s, kvino_tensor *x) { return kv_lgamma(s, kv_to_float(s, x)); }
kvino_tensor *op_gammainc(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  kv_align_float(s, &x1, &x2);
  return kv_gamma_inc(s, x1, x2);
}
