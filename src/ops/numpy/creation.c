/* keras.ops.numpy: creation. */
#include "ops/common.h"

static kvino_dtype or_floatx(kvino_dtype dtype) { return dtype == KVINO_NO_DTYPE ? kvino_floatx() : dtype; }

static kvino_tensor *filled(kv_scope *s, kvino_ints shape, kvino_tensor *value, kvino_dtype dtype) {
  for (int64_t i = 0; i < shape.n; i++)
    if (shape.v[i] < 0 && !(shape.symbolic && shape.symbolic[i]))
      return kv_scope_fail(s, KVINO_INVALID, "negative dimensions are not allowed");
  return kv_broadcast_shape(s, kv_cast(s, value, dtype), kv_ints_operand(s, shape));
}
static kvino_tensor *filled_like(kv_scope *s, kvino_tensor *x, kvino_tensor *value, kvino_dtype dtype) {
  if (!x) return NULL;
  return kv_broadcast_shape(s, kv_cast(s, value, dtype == KVINO_NO_DTYPE ? kv_dtype_of(x) : dtype), kv_dims(s, x));
}

kvino_tensor *op_zeros(kv_scope *s, kvino_ints shape, kvino_dtype dtype) {
  return filled(s, shape, kv_int(s, KVINO_I32, 0), or_floatx(dtype));
}
kvino_tensor *op_empty(kv_scope *s, kvino_ints shape, kvino_dtype dtype) { return op_zeros(s, shape, dtype); }
kvino_tensor *op_ones(kv_scope *s, kvino_ints shape, kvino_dtype dtype) {
  return filled(s, shape, kv_int(s, KVINO_I32, 1), or_floatx(dtype));
}
kvino_tensor *op_full(kv_scope *s, kvino_ints shape, kvino_tensor *value, kvino_dtype dtype) {
  return filled(s, shape, value, or_floatx(dtype));
}
kvino_tensor *op_zeros_like(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  return filled_like(s, x, kv_int(s, KVINO_I32, 0), dtype);
}
kvino_tensor *op_empty_like(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) { return op_zeros_like(s, x, dtype); }
kvino_tensor *op_ones_like(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  return filled_like(s, x, kv_int(s, KVINO_I32, 1), dtype);
}
kvino_tensor *op_full_like(kv_scope *s, kvino_tensor *x, kvino_tensor *value, kvino_dtype dtype) {
  return filled_like(s, x, value, dtype);
}

kvino_tensor *op_arange(kv_scope *s, kvino_tensor *start, kvino_tensor *stop, kvino_tensor *step, kvino_dtype dtype) {
  if (dtype == KVINO_NO_DTYPE) dtype = kv_result_type(s, 3, (kvino_tensor *[]){start, stop, step});
  kvino_tensor *first = stop ? start : kv_int(s, dtype, 0);
  kvino_tensor *wide_first = first, *wide_stop = stop ? stop : start,
               *wide_step = step ? step : kv_int(s, KVINO_I32, 1);
  /* Fractions count even where the result is integer, as in NumPy: the length is computed before the cast. */
  bool fraction = (first && kvino_dtype_is_float((kvino_dtype)first->dtype)) ||
                  (wide_stop && kvino_dtype_is_float((kvino_dtype)wide_stop->dtype)) ||
                  (wide_step && kvino_dtype_is_float((kvino_dtype)wide_step->dtype));
  kvino_dtype work = fraction ? KVINO_F64 : kvino_dtype_is_float(dtype) ? dtype : KVINO_I64;
  kvino_tensor *y = kv_range(s, kv_cast(s, wide_first, work), kv_cast(s, wide_stop, work), kv_cast(s, wide_step, work),
                             (kv_output_type_attrs){.output_type = work});
  return kv_cast(s, y, dtype);
}

kvino_tensor *op_linspace(kv_scope *s, kvino_tensor *start, kvino_tensor *stop, int64_t num, bool endpoint,
                          kvino_dtype dtype, int64_t axis) {
  if (num < 0) return kv_scope_fail(s, KVINO_INVALID, "Number of samples, %lld, must be non-negative.", (long long)num);
  if (dtype == KVINO_NO_DTYPE) dtype = kv_result_float(s, 2, (kvino_tensor *[]){start, stop});
  bool complex = kvino_dtype_is_complex(kv_result_type(s, 2, (kvino_tensor *[]){start, stop}));
  kvino_dtype work = complex ? KVINO_C128 : KVINO_F64;
  kvino_tensor *a = kv_cast(s, start, work), *b = kv_cast(s, stop, work);
  kvino_tensor *gap = kv_subtract(s, b, a);
  if (!gap) return NULL;
  if (gap->rank == KVINO_MAX_RANK)
    return kv_scope_fail(s, KVINO_INVALID, "maximum supported dimension for an ndarray is currently %d, found %d",
                         KVINO_MAX_RANK, KVINO_MAX_RANK + 1);
  int rank = gap->rank; /* the new axis goes first, then to its place */
  int64_t column[KVINO_MAX_RANK] = {num}, parts = endpoint ? num - 1 : num;
  for (int i = 1; i <= rank; i++) column[i] = 1;
  kvino_tensor *i = kv_range(s, kv_number(s, KVINO_F64, 0), kv_number(s, KVINO_F64, (double)num),
                             kv_number(s, KVINO_F64, 1), (kv_output_type_attrs){.output_type = KVINO_F64});
  i = kv_reshape_to(s, i, rank + 1, column);
  kvino_tensor *y =
      kv_divide(s, kv_multiply(s, kv_cast(s, i, work), gap), kv_number(s, work, parts > 0 ? (double)parts : 1));
  y = kv_add(s, y, a);
  if (endpoint && num > 1) /* the last one exactly */
    y = kv_select(s, kv_equal(s, i, kv_number(s, KVINO_F64, (double)(num - 1))), b, y);
  if (kvino_dtype_is_integer(dtype)) y = kv_floor(s, y);
  y = kv_cast(s, y, dtype);
  if (!y || !kv_axis_ok(s, &axis, y->rank)) return NULL;
  return op_moveaxis(s, y, KVINO_INTS(0), KVINO_INTS(axis));
}

/* The values in float64, or complex128 where an operand is complex. */
static kvino_dtype wide_dtype(kv_scope *s, kvino_tensor *start, kvino_tensor *stop) {
  bool complex = kvino_dtype_is_complex(kv_result_type(s, 2, (kvino_tensor *[]){start, stop}));
  return complex ? KVINO_C128 : KVINO_F64;
}

static kvino_tensor *new_axis_to(kv_scope *s, kvino_tensor *y, int64_t axis) {
  if (!y || !kv_axis_ok(s, &axis, y->rank)) return NULL;
  return op_moveaxis(s, y, KVINO_INTS(0), KVINO_INTS(axis));
}

kvino_tensor *op_logspace(kv_scope *s, kvino_tensor *start, kvino_tensor *stop, int64_t num, bool endpoint,
                          kvino_tensor *base, kvino_dtype dtype, int64_t axis) {
  if (dtype == KVINO_NO_DTYPE) dtype = kv_result_float(s, 2, (kvino_tensor *[]){start, stop});
  kvino_dtype work = wide_dtype(s, start, stop);
  kvino_tensor *exponent = op_linspace(s, start, stop, num, endpoint, work, 0);
  return new_axis_to(s, kv_cast(s, kv_power(s, kv_cast(s, base, work), exponent), dtype), axis);
}

static kvino_tensor *without_zero(kv_scope *s, kvino_tensor *x) {
  return x ? kv_demand(s, KV_REFUSAL_geomspace, x, kv_not_equal(s, x, kv_like(s, x, 0)), 0, NULL) : NULL;
}

/* As in NumPy: start / sign up to stop / sign, both ends exactly, times the sign of start. */
kvino_tensor *op_geomspace(kv_scope *s, kvino_tensor *start, kvino_tensor *stop, int64_t num, bool endpoint,
                           kvino_dtype dtype, int64_t axis) {
  if (dtype == KVINO_NO_DTYPE) dtype = kv_result_float(s, 2, (kvino_tensor *[]){start, stop});
  kvino_dtype work = wide_dtype(s, start, stop);
  kvino_tensor *a = without_zero(s, kv_cast(s, start, work)), *b = without_zero(s, kv_cast(s, stop, work));
  kvino_tensor *sign = work == KVINO_C128 ? kv_divide(s, a, kv_cast(s, kv_abs(s, a), work)) : kv_sign(s, a);
  a = kv_divide(s, a, sign);
  b = kv_divide(s, b, sign);
  kvino_tensor *y = op_linspace(s, kv_log10(s, a), kv_log10(s, b), num, endpoint, work, 0);
  y = kv_power(s, kv_number(s, work, 10), y);
  if (!y) return NULL;
  int64_t column[KVINO_MAX_RANK] = {num};
  for (int i = 1; i < y->rank; i++) column[i] = 1;
  kv_output_type_attrs as = {.output_type = KVINO_I64};
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0);
  kvino_tensor *i = kv_range(s, zero, kv_int(s, KVINO_I64, num), kv_int(s, KVINO_I64, 1), as);
  i = kv_reshape_to(s, i, y->rank, column);
  y = kv_select(s, kv_equal(s, i, zero), a, y);
  if (endpoint && num > 1) y = kv_select(s, kv_equal(s, i, kv_int(s, KVINO_I64, num - 1)), b, y);
  return new_axis_to(s, kv_cast(s, kv_multiply(s, y, sign), dtype), axis);
}

/* column - row for an n x m matrix: what diagonals are told apart by. */
static kvino_tensor *offsets(kv_scope *s, kvino_tensor *n, kvino_tensor *m) {
  kv_output_type_attrs as = {.output_type = KVINO_I64};
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *rows = kv_unsqueeze(s, kv_range(s, zero, n, one, as), KV_VECTOR(s, 1));
  return kv_subtract(s, kv_range(s, zero, m, one, as), rows);
}

static kvino_tensor *matrix_offsets(kv_scope *s, int64_t n, int64_t m) {
  if (m == KVINO_NO_INTEGER) m = n;
  if (n < 0 || m < 0) return kv_scope_fail(s, KVINO_INVALID, "negative dimensions are not allowed");
  return offsets(s, kv_int(s, KVINO_I64, n), kv_int(s, KVINO_I64, m));
}

kvino_tensor *op_eye(kv_scope *s, int64_t n, int64_t m, int64_t k, kvino_dtype dtype) {
  return kv_cast(s, kv_equal(s, matrix_offsets(s, n, m), kv_int(s, KVINO_I64, k)), or_floatx(dtype));
}
kvino_tensor *op_identity(kv_scope *s, int64_t n, kvino_dtype dtype) { return op_eye(s, n, n, 0, dtype); }
kvino_tensor *op_tri(kv_scope *s, int64_t n, int64_t m, int64_t k, kvino_dtype dtype) {
  return kv_cast(s, kv_less_equal(s, matrix_offsets(s, n, m), kv_int(s, KVINO_I64, k)), or_floatx(dtype));
}

static kvino_tensor *triangle(kv_scope *s, kvino_tensor *x, int64_t k, bool lower) {
  x = kv_strong(s, x);
  if (!x) return NULL;
  if (x->rank < 2)
    return kv_scope_fail(s, KVINO_INVALID, "the input must have at least 2 dimensions, found %d", x->rank);
  kvino_tensor *o = offsets(s, kv_dimension(s, x, x->rank - 2), kv_dimension(s, x, x->rank - 1));
  kvino_tensor *limit = kv_int(s, KVINO_I64, k);
  return kv_select(s, lower ? kv_less_equal(s, o, limit) : kv_greater_equal(s, o, limit), x, kv_like(s, x, 0));
}
kvino_tensor *op_tril(kv_scope *s, kvino_tensor *x, int64_t k) { return triangle(s, x, k, true); }
kvino_tensor *op_triu(kv_scope *s, kvino_tensor *x, int64_t k) { return triangle(s, x, k, false); }

kvino_tensor *op_vander(kv_scope *s, kvino_tensor *x, int64_t n, bool increasing) {
  x = kv_strong(s, x);
  if (!x) return NULL;
  if (x->rank != 1) return kv_scope_fail(s, KVINO_INVALID, "x must be a one-dimensional array or sequence.");
  if (n < 0 && n != KVINO_NO_INTEGER) return kv_scope_fail(s, KVINO_INVALID, "negative dimensions are not allowed");
  kvino_dtype dtype = x->dtype == KVINO_BOOL ? KVINO_I32 : (kvino_dtype)x->dtype, work = kv_work_dtype(dtype);
  kvino_tensor *count = n == KVINO_NO_INTEGER ? kv_dimension(s, x, 0) : kv_int(s, KVINO_I64, n);
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *power = kv_range(s, zero, count, one, (kv_output_type_attrs){.output_type = KVINO_I64});
  if (!increasing) power = kv_subtract(s, kv_subtract(s, count, one), power);
  x = kv_unsqueeze(s, kv_cast(s, x, work), KV_VECTOR(s, 1));
  return kv_cast(s, kv_power(s, x, kv_cast(s, power, work)), dtype);
}

kvino_tensors op_meshgrid(kv_scope *s, kvino_tensors xs, const char *indexing) {
  bool ij = indexing && indexing[0] == 'i' && indexing[1] == 'j' && !indexing[2];
  bool xy = indexing && indexing[0] == 'x' && indexing[1] == 'y' && !indexing[2];
  if (!ij && !xy) {
    kv_scope_fail(s, KVINO_INVALID, "Valid values for `indexing` are 'xy' and 'ij'.");
    return KV_NO_TENSORS;
  }
  if (xs.n > KVINO_MAX_RANK) {
    kv_scope_fail(s, KVINO_INVALID, "maximum supported dimension for an ndarray is currently %d, found %zu",
                  KVINO_MAX_RANK, xs.n);
    return KV_NO_TENSORS;
  }
  int n = (int)xs.n;
  kvino_tensor **v = kv_scope_alloc(s, xs.n, sizeof *v), **lengths = kv_scope_alloc(s, xs.n, sizeof *lengths);
  if (!v || !lengths) return KV_NO_TENSORS;
  for (int i = 0; i < n; i++) { /* each along its own axis; xy exchanges the first two */
    int at = xy && n > 1 && i < 2 ? 1 - i : i;
    int64_t shape[KVINO_MAX_RANK];
    for (int k = 0; k < n; k++) shape[k] = k == at ? -1 : 1;
    kvino_tensor *flat = kv_flatten(s, kv_strong(s, xs.v[i]));
    lengths[at] = kv_unsqueeze(s, kv_dimension(s, flat, 0), KV_VECTOR(s, 0));
    if (flat && flat->size >= 0) shape[at] = flat->size;
    v[i] = kv_reshape_to(s, flat, n, shape);
  }
  kvino_tensor *full = n ? kv_concat(s, xs.n, lengths, (kv_axis_attrs){.axis = 0}) : NULL;
  for (int i = 0; i < n; i++) v[i] = kv_broadcast_shape(s, v[i], full);
  return (kvino_tensors){xs.n, v};
}
