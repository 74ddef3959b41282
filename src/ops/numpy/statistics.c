/* keras.ops.numpy: counts, histograms, covariance, correlation. */
#include <math.h>
#include <string.h>

#include "ops/common.h"

static const kv_keep_dims_attrs keep = {.keep_dims = true}, drop = {.keep_dims = false};

/* x as a row with this number behind, where x may turn out to be empty. */
static kvino_tensor *never_empty(kv_scope *s, kvino_tensor *x, double number) {
  if (!x || x->size >= 0) return x;
  kvino_tensor *last = kv_flatten(s, kv_like(s, x, number));
  return kv_concat(s, 2, (kvino_tensor *[]){kv_flatten(s, x), last}, (kv_axis_attrs){.axis = 0});
}

static kvino_tensor *largest_of(kv_scope *s, kvino_tensor *x) {
  return kv_reduce_max(s, x, kv_axes(s, KVINO_NO_INTS, x ? x->rank : 0), drop);
}
static kvino_tensor *least_of(kv_scope *s, kvino_tensor *x) {
  return kv_reduce_min(s, x, kv_axes(s, KVINO_NO_INTS, x ? x->rank : 0), drop);
}

/* ---- counts ---- */

/* The weights at each of the first n places (n: 0-d int64) added up. Places below 0 and from n on are dropped while
 * tracing; data in hand has been checked. */
static kvino_tensor *sum_places(kv_scope *s, kvino_tensor *places, kvino_tensor *weights, kvino_tensor *n) {
  if (!places || !n || !weights) return NULL;
  kvino_tensor *one = kv_int(s, KVINO_I64, 1), *room = n;
  if (kv_is_traced(s, places)) { /* one more place for those that are dropped */
    room = kv_add(s, n, one);
    kvino_tensor *zero = kv_int(s, KVINO_I64, 0);
    kvino_tensor *outside = kv_logical_or(s, kv_less(s, places, zero), kv_greater_equal(s, places, n));
    places = kv_select(s, outside, n, places);
  }
  kvino_tensor *start = kv_broadcast_shape(s, kv_like(s, weights, 0), kv_flatten(s, room));
  kvino_tensor *y = kv_scatter_nd_update(s, start, kv_unsqueeze(s, places, KV_VECTOR(s, 1)), weights,
                                         (kv_scatter_nd_attrs){.reduction = "sum"});
  if (room == n) return y;
  return kv_slice(s, 5, (kvino_tensor *[]){y, KV_VECTOR(s, 0), kv_flatten(s, n), KV_VECTOR(s, 1), KV_VECTOR(s, 0)});
}

static kvino_tensor *count_places(kv_scope *s, kvino_tensor *places, kvino_tensor *weights, kvino_tensor *n) {
  return weights ? sum_places(s, kv_cast(s, places, KVINO_I64), weights, n) : kv_bin_count(s, places, n);
}

static bool bincount_ok(kv_scope *s, const kvino_tensor *x, int64_t minlength, bool sparse) {
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  if (sparse) {
    kv_scope_fail(s, KVINO_INVALID, "Unsupported value `sparse=True`: there are no sparse tensors");
  } else if (dtype != KVINO_BOOL && !kvino_dtype_is_integer(dtype)) {
    kv_scope_fail(s, KVINO_TYPE,
                  "Cannot cast array data from dtype('%s') to dtype('int64') according to the rule 'safe'",
                  kvino_dtype_name(dtype));
  } else if (x->rank != 1 && x->rank != 2) {
    kv_scope_fail(s, KVINO_INVALID,
                  x->rank ? "object too deep for desired array" : "object of too small depth for desired array");
  } else if (minlength < 0) { /* None is the least integer */
    kv_scope_fail(s, KVINO_INVALID, "'minlength' must not be negative");
  }
  return !s->status;
}

kvino_tensor *op_bincount(kv_scope *s, kvino_tensor *x, kvino_tensor *weights, int64_t minlength, bool sparse) {
  kvino_dtype dtype = KVINO_I32;
  if (!x || !bincount_ok(s, x, minlength, sparse)) return NULL;
  if (weights) {
    weights = kv_demand_same_shape(s, KV_REFUSAL_length_of_weights, weights, weights, x);
    dtype = kv_result_type(s, 2, (kvino_tensor *[]){x, weights});
    kvino_dtype work = dtype == KVINO_BOOL ? KVINO_I32 : kvino_dtype_is_float(dtype) ? KVINO_F64 : dtype;
    weights = kv_flatten(s, kv_cast(s, weights, work));
  }
  kvino_tensor *least = kv_int(s, KVINO_I64, minlength), *length = least;
  bool wide = x->dtype == KVINO_U32 || kvino_dtype_size((kvino_dtype)x->dtype) == 8 || x->rank == 2;
  x = kv_cast(s, x, wide ? KVINO_I64 : KVINO_I32);
  if (!x) return NULL;
  if (x->size) {
    kvino_tensor *largest = largest_of(s, never_empty(s, x, -1));
    length = kv_maximum(s, kv_add(s, kv_cast(s, largest, KVINO_I64), kv_int(s, KVINO_I64, 1)), least);
  }
  kvino_tensor *natural = x->size ? kv_greater_equal(s, least_of(s, never_empty(s, x, 0)), kv_like(s, x, 0)) : NULL;
  if (natural) x = kv_demand(s, KV_REFUSAL_negative_count, x, natural, 0, NULL);
  if (!x) return NULL;
  if (x->rank == 1) return kv_cast(s, count_places(s, x, weights, length), dtype);
  /* Each row counts in a stretch of its own. */
  kvino_tensor *rows = kv_dimension(s, x, 0), *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *row = kv_range(s, zero, rows, one, (kv_output_type_attrs){.output_type = KVINO_I64});
  kvino_tensor *places = kv_add(s, x, kv_unsqueeze(s, kv_multiply(s, row, length), KV_VECTOR(s, 1)));
  kvino_tensor *y = count_places(s, kv_flatten(s, places), weights, kv_multiply(s, rows, length));
  kvino_tensor *shape =
      kv_concat(s, 2, (kvino_tensor *[]){kv_flatten(s, rows), kv_flatten(s, length)}, (kv_axis_attrs){.axis = 0});
  return kv_cast(s, kv_reshape(s, y, shape, (kv_reshape_attrs){.special_zero = false}), dtype);
}

/* ---- histogram ---- */

/* The lower end of a range that is one. */
static kvino_tensor *sound_low(kv_scope *s, kvino_tensor *low, kvino_tensor *high, kv_refusal infinite) {
  kvino_tensor *rises = kv_logical_not(s, kv_greater(s, low, high));
  kvino_tensor *finite = kv_logical_and(s, kv_is_finite(s, low), kv_is_finite(s, high));
  kvino_tensor *y = kv_demand(s, KV_REFUSAL_histogram_range, low, rises, 0, NULL);
  return kv_demand(s, infinite, y, finite, 2, (kvino_tensor *[]){low, high});
}

/* A vector of an unknown number of elements with one more, for there may be none. */
static kvino_tensor *one_more(kv_scope *s, kvino_tensor *x, double value) {
  if (x->size >= 0) return x;
  kvino_tensor *in[] = {x, KV_VECTOR(s, 0), KV_VECTOR(s, 1), kv_like(s, x, value)};
  return kv_pad(s, 4, in, (kv_pad_attrs){.pad_mode = "constant"});
}

/* n + 1 edges from the range given, or that of x, in the dtype that x is compared in. */
static kvino_tensor *even_edges(kv_scope *s, kvino_tensor *x, int64_t n, kvino_tensor *range) {
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  kvino_tensor *low, *high, *zero = kv_number(s, dtype, 0), *one = kv_number(s, dtype, 1);
  if (range) {
    if (range->rank != 1 || range->shape[0] != 2)
      return kv_scope_fail(s, KVINO_INVALID, "range must be a tuple of two elements");
    kvino_tensors pair = kv_unstack(s, kv_cast(s, range, dtype), 0, 2);
    low = pair.n == 2 ? pair.v[0] : NULL;
    high = pair.n == 2 ? pair.v[1] : NULL;
  } else {
    low = x->size ? least_of(s, one_more(s, x, INFINITY)) : zero;
    high = x->size ? largest_of(s, one_more(s, x, -INFINITY)) : one;
    if (x->size < 0) {
      kvino_tensor *none = kv_equal(s, kv_dimension(s, x, 0), kv_int(s, KVINO_I64, 0));
      low = kv_select(s, none, zero, low);
      high = kv_select(s, none, one, high);
    }
  }
  low = sound_low(s, low, high, range ? KV_REFUSAL_supplied_range : KV_REFUSAL_autodetected_range);
  kvino_tensor *same = kv_equal(s, low, high), *half = kv_number(s, dtype, 0.5);
  low = kv_select(s, same, kv_subtract(s, low, half), low);
  high = kv_select(s, same, kv_add(s, high, half), high);
  kvino_tensor *step = kv_divide(s, kv_subtract(s, high, low), kv_number(s, dtype, (double)n));
  kvino_tensor *number = kv_range(s, kv_int(s, KVINO_I64, 0), kv_int(s, KVINO_I64, n), kv_int(s, KVINO_I64, 1),
                                  (kv_output_type_attrs){.output_type = KVINO_I64});
  kvino_tensor *edges = kv_add(s, kv_multiply(s, kv_cast(s, number, dtype), step), low);
  return kv_concat(s, 2, (kvino_tensor *[]){edges, kv_flatten(s, high)}, (kv_axis_attrs){.axis = 0});
}

static kvino_tensor *given_edges(kv_scope *s, kvino_tensor *bins, kvino_dtype dtype) {
  bins = kv_cast(s, bins, dtype);
  if (!bins) return NULL;
  if (bins->rank != 1) return kv_scope_fail(s, KVINO_INVALID, "`bins` must be 1d, when an array");
  kvino_tensor *falls = kv_greater(s, kv_cut(s, bins, 0, 0, -1), kv_cut(s, bins, 0, 1, INT64_MAX));
  return kv_demand(s, KV_REFUSAL_histogram_bins, bins, kv_logical_not(s, falls), 0, NULL);
}

kvino_tensors op_histogram(kv_scope *s, kvino_tensor *x, kvino_tensor *bins, kvino_tensor *range) {
  if (!x || !bins) return KV_NO_TENSORS;
  kvino_dtype own = kv_dtype_of(x), given = kv_result_float(s, 1, &x),
              work = kv_is_inexact(own) ? kv_work_dtype(own) : KVINO_F64;
  bool count = !bins->rank;
  if (kvino_dtype_is_complex(own)) kv_scope_fail(s, KVINO_TYPE, "x may not be complex");
  if (count && !kvino_dtype_is_integer((kvino_dtype)bins->dtype))
    kv_scope_fail(s, KVINO_TYPE, "`bins` must be an integer, a string, or an array");
  if (count && kv_is_symbolic(bins))
    kv_scope_fail(s, KVINO_UNSUPPORTED, "the number of bins must be known when the graph is built");
  int64_t n = count && !s->status ? kv_tensor_get_int(bins, 0) : 1;
  if (n < 1) kv_scope_fail(s, KVINO_INVALID, "`bins` must be positive, when an integer");
  x = kv_flatten(s, kv_cast(s, x, work));
  if (s->status || !x) return KV_NO_TENSORS;
  kvino_tensor *edges = count ? even_edges(s, x, n, range) : given_edges(s, bins, work);
  if (!edges) return KV_NO_TENSORS;
  /* Place 0 is below the first edge, place 1 the first bin, ...; what equals the last edge, behind all, belongs to the
   * last bin. NaN is behind all, too. */
  kvino_tensor *one = kv_int(s, KVINO_I64, 1), *last = kv_cut(s, edges, 0, -1, INT64_MAX),
               *length = kv_dimension(s, edges, 0);
  kvino_tensor *place =
      kv_search_sorted(s, edges, x, (kv_search_sorted_attrs){.right_mode = true, .output_type = KVINO_I32});
  kvino_tensor *counts = kv_cut(s, kv_bin_count(s, place, length), 0, 1, INT64_MAX);
  kvino_tensor *top = kv_count_non_zero(s, kv_equal(s, x, last), KV_VECTOR(s, 0),
                                        (kv_reduce_index_attrs){.keep_dims = true, .output_type = KVINO_I32});
  kvino_tensor *bins_before =
      kv_broadcast_shape(s, kv_int(s, KVINO_I32, 0), kv_flatten(s, kv_subtract(s, kv_subtract(s, length, one), one)));
  counts = kv_add(s, counts, kv_concat(s, 2, (kvino_tensor *[]){bins_before, top}, (kv_axis_attrs){.axis = 0}));
  kvino_tensor **v = kv_scope_alloc(s, 2, sizeof *v);
  if (!v) return KV_NO_TENSORS;
  v[0] = counts;
  v[1] = kv_cast(s, edges, given);
  return (kvino_tensors){2, v};
}

/* ---- covariance ---- */

/* In float64, as NumPy, or complex128. */
static kvino_tensor *covariance(kv_scope *s, kvino_tensor *x) {
  char text[KV_SHAPE_TEXT];
  x = kv_strong(s, x);
  if (!x) return NULL;
  if (x->rank > 2)
    return kv_scope_fail(s, KVINO_INVALID, "Input tensor must have at most 2 dimensions. Received: x.shape=%s",
                         kv_shape_text(x->rank, x->shape, text));
  bool complex_x = kvino_dtype_is_complex((kvino_dtype)x->dtype), single = x->rank < 2 || x->shape[0] == 1;
  x = kv_cast(s, x, complex_x ? KVINO_C128 : KVINO_F64);
  if (x && x->rank == 2 && x->shape[0] < 0) { /* the number of dimensions of the result cannot wait for a run */
    kvino_tensor *several = kv_not_equal(s, kv_dimension(s, x, 0), kv_int(s, KVINO_I64, 1));
    if (s->status) return NULL;
    x = kv_require(s, 2, (kvino_tensor *[]){x, several},
                   (kv_refusal_attrs){.refusal = KV_REFUSAL_single_row, .by = KV_BY_SHAPES});
  }
  if (x && x->rank < 2) x = kv_unsqueeze(s, kv_flatten(s, x), KV_VECTOR(s, 0));
  if (!x) return NULL;
  kvino_tensor *gap = kv_subtract(s, x, kv_reduce_mean(s, x, KV_VECTOR(s, 1), keep));
  kvino_tensor *y = kv_mat_mul(s, gap, complex_x ? kv_conj(s, gap) : gap, (kv_matmul_attrs){.transpose_b = true});
  kvino_tensor *n = kv_subtract(s, kv_dimension(s, x, 1), kv_int(s, KVINO_I64, 1));
  n = kv_maximum(s, n, kv_int(s, KVINO_I64, 0));
  y = y ? kv_divide(s, y, kv_cast(s, n, (kvino_dtype)y->dtype)) : NULL;
  return single ? kv_reshape_to(s, y, 0, NULL) : y;
}

static kvino_dtype covariance_dtype(kv_scope *s, kvino_tensor *x) {
  return kv_dtype_of(x) == KVINO_I64 ? KVINO_F64 : kv_result_float(s, 1, &x);
}

kvino_tensor *op_cov(kv_scope *s, kvino_tensor *x) {
  return x ? kv_cast(s, covariance(s, x), covariance_dtype(s, x)) : NULL;
}

/* The diagonal of a square matrix, also of unknown size. */
static kvino_tensor *variances(kv_scope *s, kvino_tensor *c) {
  kvino_tensor *n = kv_dimension(s, c, 0), *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *places =
      kv_range(s, zero, kv_multiply(s, n, n), kv_add(s, n, one), (kv_output_type_attrs){.output_type = KVINO_I64});
  return kv_gather(s, kv_flatten(s, c), places, zero, (kv_gather_attrs){.batch_dims = 0});
}

kvino_tensor *op_corrcoef(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *c = covariance(s, x);
  if (!c) return NULL;
  kvino_dtype dtype = covariance_dtype(s, x);
  if (!c->rank) return kv_cast(s, kv_divide(s, c, c), dtype);
  kvino_tensor *deviation = kv_sqrt(s, variances(s, c));
  if (deviation && kvino_dtype_is_complex((kvino_dtype)deviation->dtype))
    deviation = kv_cast(s, kv_real(s, deviation), (kvino_dtype)c->dtype);
  c = kv_divide(s, kv_divide(s, c, kv_unsqueeze(s, deviation, KV_VECTOR(s, 1))),
                kv_unsqueeze(s, deviation, KV_VECTOR(s, 0)));
  if (c && !kvino_dtype_is_complex((kvino_dtype)c->dtype)) { /* rounding may lead out of the range; NaN stays */
    kvino_tensor *bound = kv_like(s, c, 1);
    c = kv_maximum(s, kv_minimum(s, c, bound), kv_negative(s, bound));
  }
  return kv_cast(s, c, dtype);
}

/* ---- correlation ---- */

static kvino_dtype correlation_dtype(kv_scope *s, kvino_tensor *a, kvino_tensor *b) {
  kvino_dtype dtype = kv_result_type(s, 2, (kvino_tensor *[]){a, b});
  if (dtype == KVINO_I64) return KVINO_F64;
  return kvino_dtype_is_float(dtype) && kvino_dtype_size(dtype) > 1 ? dtype : KVINO_F32;
}

/* A vector as the rows of a convolution: [1, 1, n]. */
static kvino_tensor *as_signal(kv_scope *s, kvino_tensor *x) { return kv_unsqueeze(s, x, KV_VECTOR(s, 0, 1)); }

kvino_tensor *op_correlate(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2, const char *mode) {
  if (!x1 || !x2) return NULL;
  const char *name = mode ? mode : "None";
  bool same = !strcmp(name, "same"), full = !strcmp(name, "full");
  if (!same && !full && strcmp(name, "valid"))
    return kv_scope_fail(s, KVINO_INVALID, "`mode` must be either `valid`, `same`, or `full`, but received: %s", name);
  if (x1->rank != 1 || x2->rank != 1)
    return kv_scope_fail(s, KVINO_INVALID, "`x%d` must be a 1-dimensional tensor", x1->rank != 1 ? 1 : 2);
  if (!x1->size || !x2->size)
    return kv_scope_fail(s, KVINO_INVALID, "%s array argument cannot be empty", x1->size ? "second" : "first");
  if (kvino_dtype_is_complex(kv_dtype_of(x1)) || kvino_dtype_is_complex(kv_dtype_of(x2)))
    return kv_scope_fail(s, KVINO_UNSUPPORTED, "correlate does not take complex numbers");
  kvino_dtype dtype = correlation_dtype(s, x1, x2), work = kv_work_dtype(dtype);
  int64_t n = x1->shape[0], m = x2->shape[0];
  if (n < 0 || m < 0)
    return kv_scope_fail(s, KVINO_UNSUPPORTED,
                         "correlate needs vectors whose lengths are known when the graph is built");
  kvino_tensor *a = kv_cast(s, x1, work), *b = kv_cast(s, x2, work);
  bool swapped = n < m; /* the shorter slides over the longer; the result then comes in reverse */
  if (swapped) {
    kvino_tensor *t = a;
    int64_t length = n;
    a = b, b = t;
    n = m, m = length;
  }
  int64_t before = full ? m - 1 : same ? m / 2 : 0, after = full ? m - 1 : same ? m - 1 - m / 2 : 0;
  kvino_tensor *y = kv_convolution(s, as_signal(s, a), as_signal(s, b),
                                   (kv_conv_attrs){.strides = {1, {1}},
                                                   .dilations = {1, {1}},
                                                   .pads_begin = {1, {before}},
                                                   .pads_end = {1, {after}},
                                                   .auto_pad = "explicit"});
  y = kv_flatten(s, y);
  if (swapped) y = op_flip(s, y, KVINO_INTS(0));
  return kv_cast(s, y, dtype);
}
