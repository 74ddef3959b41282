/* Ragged tensors: values [n, ...] and row_splits [rows + 1], as operands of composites. */
#include "ops/common.h"

static const kv_output_type_attrs WIDE = {.output_type = KVINO_I64};

static kvino_tensor *as_vector(kv_scope *s, kvino_tensor *x, const char *name) {
  x = kv_strong(s, x);
  if (!x) return NULL;
  if (!kvino_dtype_is_integer((kvino_dtype)x->dtype))
    return kv_scope_fail(s, KVINO_TYPE, "%s must be integers, not %s", name, kvino_dtype_name((kvino_dtype)x->dtype));
  if (x->rank != 1) return kv_scope_fail(s, KVINO_INVALID, "%s must be a vector, got %d-d", name, x->rank);
  return kv_cast(s, x, KVINO_I64);
}

static kvino_tensor *as_splits(kv_scope *s, kvino_tensor *x) {
  x = as_vector(s, x, "row_splits");
  kvino_tensor *holds = x ? kv_greater(s, kv_dimension(s, x, 0), kv_int(s, KVINO_I64, 0)) : NULL;
  return kv_demand_by(s, KV_BY_SHAPES, KV_REFUSAL_row_splits_none, x, holds, 0, NULL);
}

static kvino_tensor *as_values(kv_scope *s, kvino_tensor *x) {
  x = kv_strong(s, x);
  if (x && !x->rank) return kv_scope_fail(s, KVINO_INVALID, "values of a ragged tensor have at least one axis");
  return x;
}

static kvino_tensor *range_of(kv_scope *s, kvino_tensor *begin, kvino_tensor *end) {
  return kv_range(s, begin, end, kv_int(s, KVINO_I64, 1), WIDE);
}

static kvino_tensor *begins(kv_scope *s, kvino_tensor *splits) { return kv_cut(s, splits, 0, 0, -1); }
static kvino_tensor *ends(kv_scope *s, kvino_tensor *splits) { return kv_cut(s, splits, 0, 1, INT64_MAX); }
static kvino_tensor *column(kv_scope *s, kvino_tensor *x) { return kv_unsqueeze(s, x, KV_VECTOR(s, 1)); }
static kvino_tensor *lone(kv_scope *s, kvino_tensor *x) { return kv_unsqueeze(s, x, KV_VECTOR(s, 0)); }

kvino_tensor *op_ragged_check(kv_scope *s, kvino_tensor *row_splits, kvino_tensor *values) {
  kvino_tensor *splits = as_splits(s, row_splits), *zero = kv_int(s, KVINO_I64, 0);
  values = as_values(s, values);
  if (!splits || !values) return NULL;
  kvino_tensor *first = kv_cut(s, splits, 0, 0, 1);
  kvino_tensor *x = kv_demand(s, KV_REFUSAL_row_splits_first, splits, kv_equal(s, first, zero), 1, &first);
  kvino_tensor *entry = range_of(s, kv_int(s, KVINO_I64, 1), kv_dimension(s, splits, 0));
  kvino_tensor *rising[] = {entry, ends(s, splits), begins(s, splits)};
  x = kv_demand(s, KV_REFUSAL_row_splits_order, x, kv_greater_equal(s, rising[1], rising[2]), 3, rising);
  kvino_tensor *last[] = {kv_cut(s, splits, 0, -1, INT64_MAX), lone(s, kv_dimension(s, values, 0))};
  return kv_demand(s, KV_REFUSAL_row_splits_last, x, kv_equal(s, last[0], last[1]), 2, last);
}

kvino_tensor *op_ragged_splits(kv_scope *s, kvino_tensor *row_lengths) {
  kvino_tensor *lengths = as_vector(s, row_lengths, "row_lengths"), *zero = kv_int(s, KVINO_I64, 0);
  if (!lengths) return NULL;
  kvino_tensor *said[] = {range_of(s, zero, kv_dimension(s, lengths, 0)), lengths};
  lengths = kv_demand(s, KV_REFUSAL_row_length, lengths, kv_greater_equal(s, lengths, zero), 2, said);
  kvino_tensor *sums = kv_cum_sum(s, lengths, zero, (kv_cumsum_attrs){.exclusive = false, .reverse = false});
  return kv_concat(s, 2, (kvino_tensor *[]){KV_VECTOR(s, 0), sums}, (kv_axis_attrs){.axis = 0});
}

kvino_tensor *op_ragged_rows(kv_scope *s, kvino_tensor *row_splits) {
  kvino_tensor *splits = as_splits(s, row_splits), *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *n = kv_squeeze(s, kv_cut(s, splits, 0, -1, INT64_MAX), KV_VECTOR(s, 0));
  kvino_tensor *place = range_of(s, kv_int(s, KVINO_I64, 0), n);
  return kv_subtract(s, kv_cast(s, op_searchsorted(s, splits, place, "right"), KVINO_I64), one);
}

kvino_tensor *op_ragged_same(kv_scope *s, kvino_tensor *row_splits1, kvino_tensor *row_splits2) {
  kvino_tensor *a = as_splits(s, row_splits1), *b = as_splits(s, row_splits2);
  if (!a || !b) return NULL;
  kv_length_pair rows = {{a, 0}, {b, 0}};
  a = kv_demand_lengths(s, KV_REFUSAL_ragged_rows, a, 1, &rows, 2, (kv_length[]){rows.a, rows.b});
  kvino_tensor *said[] = {range_of(s, kv_int(s, KVINO_I64, 0), kv_dimension(s, b, 0)), a, b};
  return kv_demand(s, KV_REFUSAL_row_splits_same, a, kv_equal(s, a, b), 3, said);
}

/* Which value is at each place: behind the last one where there is none. A filling is put there, and one Gather does.
 */
kvino_tensor *op_ragged_to_dense(kv_scope *s, kvino_tensor *values, kvino_tensor *row_splits,
                                 kvino_tensor *default_value, int64_t width) {
  if (width < 0 && width != KVINO_NO_INTEGER)
    return kv_scope_fail(s, KVINO_INVALID, "negative dimensions are not allowed: width %lld", (long long)width);
  kvino_tensor *splits = op_ragged_check(s, row_splits, values), *zero = kv_int(s, KVINO_I64, 0);
  values = as_values(s, values);
  if (!splits || !values) return NULL;
  kvino_tensor *begin = begins(s, splits), *length = kv_subtract(s, ends(s, splits), begin);
  kvino_tensor *longest = kv_int(s, KVINO_I64, width);
  if (width == KVINO_NO_INTEGER) {
    kvino_tensor *all = kv_concat(s, 2, (kvino_tensor *[]){KV_VECTOR(s, 0), length}, (kv_axis_attrs){.axis = 0});
    longest = kv_reduce_max(s, all, KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = false});
  }
  kvino_tensor *place = range_of(s, zero, longest), *n = kv_dimension(s, values, 0);
  kvino_tensor *inside = kv_less(s, place, column(s, length));
  kvino_tensor *at = kv_select(s, inside, kv_add(s, column(s, begin), place), n);
  kvino_tensor *shape = KV_VECTOR(s, 1);
  if (values->rank > 1)
    shape = kv_concat(s, 2, (kvino_tensor *[]){shape, kv_cut(s, kv_dims(s, values), 0, 1, INT64_MAX)},
                      (kv_axis_attrs){.axis = 0});
  kvino_tensor *filling = kv_broadcast_shape(s, kv_cast(s, kv_strong(s, default_value), kv_dtype_of(values)), shape);
  kvino_tensor *all = kv_concat(s, 2, (kvino_tensor *[]){values, filling}, (kv_axis_attrs){.axis = 0});
  return kv_gather(s, all, at, zero, (kv_gather_attrs){.batch_dims = 0});
}

kvino_tensor *op_ragged_from_dense(kv_scope *s, kvino_tensor *x, kvino_tensor *row_lengths) {
  kvino_tensor *length = as_vector(s, row_lengths, "row_lengths"), *zero = kv_int(s, KVINO_I64, 0);
  x = kv_strong(s, x);
  if (!x || !length) return NULL;
  if (x->rank < 2) return kv_scope_fail(s, KVINO_INVALID, "rows of a tensor need two axes, got %d-d", x->rank);
  kv_length_pair rows = {{x, 0}, {length, 0}};
  length = kv_demand_lengths(s, KV_REFUSAL_ragged_rows, length, 1, &rows, 2, (kv_length[]){rows.a, rows.b});
  kvino_tensor *width = kv_dimension(s, x, 1), *dims = kv_dims(s, length);
  if (!width || !dims) return NULL;
  kvino_tensor *fits = kv_logical_and(s, kv_greater_equal(s, length, zero), kv_less_equal(s, length, width));
  kvino_tensor *said[] = {range_of(s, zero, kv_dimension(s, length, 0)), length, kv_broadcast_shape(s, width, dims)};
  length = kv_demand(s, KV_REFUSAL_row_width, length, fits, 3, said);
  kvino_tensor *inside = kv_less(s, range_of(s, zero, width), column(s, length));
  kvino_tensor *at = kv_permute(s, kv_non_zero(s, inside, WIDE), (int64_t[]){1, 0});
  return kv_gather_nd(s, x, at, (kv_gather_attrs){.batch_dims = 0});
}
