/* keras.ops.numpy: finding values in sorted ones, partitions, sets. */
#include <string.h>

#include "ops/common.h"

/* Both in a dtype in which they compare as they are: a float and an integer that it does not hold, as float64. */
static void comparable(kv_scope *s, kvino_tensor **a, kvino_tensor **b) {
  if (!*a || !*b) return;
  kvino_dtype dtype = kv_result_type(s, 2, (kvino_tensor *[]){*a, *b});
  for (int i = 0; i < 2; i++) {
    const kvino_tensor *t = i ? *b : *a;
    bool wide =
        kvino_dtype_is_integer((kvino_dtype)t->dtype) && !t->weak && kvino_dtype_size((kvino_dtype)t->dtype) > 1;
    bool fits = kvino_dtype_size((kvino_dtype)t->dtype) < 4 && kvino_dtype_size(dtype) == 4;
    if (wide && kvino_dtype_is_float(dtype) && !fits) dtype = KVINO_F64;
  }
  *a = kv_cast(s, *a, dtype);
  *b = kv_cast(s, *b, dtype);
}

static bool no_complex(kv_scope *s, const kvino_tensor *t, const char *what) {
  if (t && kvino_dtype_is_complex((kvino_dtype)t->dtype)) kv_scope_fail(s, KVINO_TYPE, "%s may not be complex", what);
  return t && !s->status;
}

static kvino_tensor *places(kv_scope *s, kvino_tensor *sorted, kvino_tensor *values, bool right, kvino_dtype dtype) {
  return kv_search_sorted(s, sorted, values, (kv_search_sorted_attrs){.right_mode = right, .output_type = dtype});
}

kvino_tensor *op_searchsorted(kv_scope *s, kvino_tensor *sorted, kvino_tensor *values, const char *side) {
  char text[KV_SHAPE_TEXT];
  bool right = side && !strcmp(side, "right");
  if (!sorted) return NULL;
  if (!right && (!side || strcmp(side, "left")))
    return kv_scope_fail(s, KVINO_INVALID, "search side must be 'left' or 'right' (got '%s')", side ? side : "None");
  if (sorted->rank != 1)
    return kv_scope_fail(s, KVINO_INVALID,
                         "`searchsorted` only supports 1-D sorted sequences. You can use `keras.ops.vectorized_map` to "
                         "extend it to N-D sequences. Received: sorted_sequence.shape=%s",
                         kv_shape_text(sorted->rank, sorted->shape, text));
  comparable(s, &sorted, &values);
  bool narrow = sorted && sorted->shape[0] <= INT32_MAX; /* of unknown length, too: a run refuses a longer one */
  return places(s, sorted, values, right, narrow ? KVINO_I32 : KVINO_I64);
}

/* ---- digitize ---- */

/* Whether the values fall somewhere: then they must not rise anywhere, else the scope fails, or the run does. */
static kvino_tensor *fall(kv_scope *s, kvino_tensor *bins) {
  kvino_tensor *before = kv_cut(s, bins, 0, 0, -1), *after = kv_cut(s, bins, 0, 1, INT64_MAX), *axis = KV_VECTOR(s, 0);
  kv_keep_dims_attrs drop = {.keep_dims = false};
  kvino_tensor *rises = kv_reduce_logical_or(s, kv_greater(s, after, before), axis, drop);
  kvino_tensor *falls = kv_reduce_logical_or(s, kv_less(s, after, before), axis, drop);
  kvino_tensor *one_way = kv_logical_not(s, kv_logical_and(s, rises, falls));
  return kv_demand(s, KV_REFUSAL_digitize_bins, falls, one_way, 0, NULL);
}

static kvino_tensor *from_behind(kv_scope *s, kvino_tensor *bins, kvino_tensor *x) {
  kvino_tensor *first = KV_VECTOR(s, 0), *length = kv_cast(s, kv_dimension(s, bins, 0), KVINO_I32);
  kvino_tensor *back =
      kv_slice(s, 5, (kvino_tensor *[]){bins, KV_VECTOR(s, -1), KV_VECTOR(s, INT64_MIN), KV_VECTOR(s, -1), first});
  return kv_subtract(s, length, places(s, back, x, true, KVINO_I32));
}

kvino_tensor *op_digitize(kv_scope *s, kvino_tensor *x, kvino_tensor *bins) {
  char text[KV_SHAPE_TEXT];
  if (!no_complex(s, x, "x") || !no_complex(s, bins, "bins")) return NULL;
  if (bins->rank != 1)
    return kv_scope_fail(s, KVINO_INVALID, "`bins` must be a 1D array. Received: bins.shape=%s",
                         kv_shape_text(bins->rank, bins->shape, text));
  comparable(s, &x, &bins);
  if (!bins) return NULL;
  if (bins->shape[0] >= 0 && bins->shape[0] < 2) return places(s, bins, x, true, KVINO_I32);
  kvino_tensor *falls = fall(s, bins);
  if (!falls) return NULL;
  if (!kv_unreadable(s, falls)) return *falls->data ? from_behind(s, bins, x) : places(s, bins, x, true, KVINO_I32);
  return kv_select(s, falls, from_behind(s, bins, x), places(s, bins, x, true, KVINO_I32));
}

/* ---- partitions ---- */

/* x, where the axis has a place kth, or x no elements. */
static kvino_tensor *partitioned_at(kv_scope *s, kvino_tensor *x, int64_t kth, int64_t axis) {
  int64_t length = x->shape[axis];
  if (!x->size || (length >= 0 && kth < length && kth >= -length)) return x;
  kvino_tensor *n = kv_dimension(s, x, axis), *zero = kv_int(s, KVINO_I64, 0), *place = kv_int(s, KVINO_I64, kth);
  if (kth < 0) place = kv_add(s, n, place);
  kvino_tensor *inside = kv_logical_and(s, kv_less_equal(s, zero, place), kv_less(s, place, n));
  kvino_tensor *size = kv_reduce_prod(s, kv_dims(s, x), KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = false});
  kvino_tensor *fits = kv_logical_or(s, inside, kv_equal(s, size, zero));
  return kv_demand_by(s, KV_BY_SHAPES, KV_REFUSAL_kth, x, fits, 2, (kvino_tensor *[]){place, n});
}

kvino_tensor *op_argpartition(kv_scope *s, kvino_tensor *x, int64_t kth, int64_t axis) {
  x = kv_strong(s, x);
  if (axis == KVINO_NO_INTEGER || (x && !x->rank)) {
    x = kv_flatten(s, x);
    axis = 0;
  }
  if (!x || !kv_axis_ok(s, &axis, x->rank)) return NULL;
  if (kth == KVINO_NO_INTEGER) return kv_scope_fail(s, KVINO_TYPE, "kth must be an integer");
  if (!(x = partitioned_at(s, x, kth, axis))) return NULL;
  /* Sorted is one of the orders that partition. */
  return kv_arg_sort(s, x, (kv_arg_sort_attrs){.axis = axis, .descending = false, .output_type = KVINO_I32});
}

/* ---- sets ---- */

/* Integers in hand whose set spans few values: a table says of each whether it is in the set. NULL where another way is
 * better. */
static kvino_tensor *in_table(kv_scope *s, kvino_tensor *x, kvino_tensor *set, bool invert) {
  enum { WORTH = 4096, MOST = 1 << 22 };
  kvino_dtype dtype = (kvino_dtype)x->dtype, work = kvino_dtype_size(dtype) < 4 ? KVINO_I32 : dtype;
  if (kv_is_symbolic(x) || kv_is_symbolic(set) || !kvino_dtype_is_integer(dtype) || dtype == KVINO_U64) return NULL;
  if (x->size < WORTH || set->size < 1) return NULL;
  if (work == KVINO_U32) work = KVINO_I64;
  set = kv_cast(s, set, work);
  kvino_tensor *axis = KV_VECTOR(s, 0);
  kvino_tensor *low = kv_reduce_min(s, set, axis, (kv_keep_dims_attrs){0});
  kvino_tensor *high = kv_reduce_max(s, set, axis, (kv_keep_dims_attrs){0});
  if (!low || !high || kv_unreadable(s, low)) return NULL;
  int64_t least = kv_tensor_get_int(low, 0), most = kv_tensor_get_int(high, 0);
  int64_t floor = work == KVINO_I32 ? INT32_MIN : INT64_MIN, ceiling = work == KVINO_I32 ? INT32_MAX : INT64_MAX;
  uint64_t span = (uint64_t)most - (uint64_t)least;
  if (least == floor || most == ceiling || span > MOST || span / 4 > (uint64_t)x->size) return NULL;
  /* One place before and one behind for all that lies outside. */
  kvino_tensor *before = kv_int(s, work, least - 1), *behind = kv_int(s, work, most + 1);
  kvino_tensor *count = kv_bin_count(s, kv_subtract(s, set, before), kv_int(s, KVINO_I64, (int64_t)span + 3));
  kvino_tensor *none = kv_int(s, KVINO_I32, 0);
  kvino_tensor *table = invert ? kv_equal(s, count, none) : kv_not_equal(s, count, none);
  x = kv_maximum(s, kv_minimum(s, kv_cast(s, x, work), behind), before);
  return kv_gather(s, table, kv_subtract(s, x, before), kv_int(s, KVINO_I64, 0), (kv_gather_attrs){.batch_dims = 0});
}

kvino_tensor *op_isin(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2, bool assume_unique, bool invert) {
  (void)assume_unique; /* a promise that would only help other ways of finding out */
  comparable(s, &x1, &x2);
  x2 = kv_flatten(s, x2);
  if (!x1 || !x2) return NULL;
  kvino_tensor *by_table = in_table(s, x1, x2, invert);
  if (by_table || s->status) return by_table;
  kvino_tensor *in, *length = kv_dimension(s, x2, 0), *zero = kv_int(s, KVINO_I64, 0);
  kv_gather_attrs plain = {.batch_dims = 0};
  kvino_tensor *sorted = kv_sort(s, x2, (kv_sort_attrs){.axis = 0, .descending = false});
  kvino_tensor *at = places(s, sorted, x1, false, x2->size > 0 && x2->size <= INT32_MAX ? KVINO_I32 : KVINO_I64);
  if (x2->size > 0 && x2->size <= INT32_MAX) { /* what is behind all is not equal to the last */
    kvino_tensor *end = kv_int(s, KVINO_I32, x2->size - 1);
    in = kv_equal(s, kv_gather(s, sorted, kv_minimum(s, at, end), zero, plain), x1);
    return invert ? kv_logical_not(s, in) : in;
  }
  if (!x2->size) return kv_broadcast_shape(s, kv_int(s, KVINO_BOOL, invert), kv_dims(s, x1));
  /* One more element, so that there is something at every place, also of an empty set. */
  sorted =
      kv_concat(s, 2, (kvino_tensor *[]){sorted, kv_flatten(s, kv_like(s, sorted, 0))}, (kv_axis_attrs){.axis = 0});
  in = kv_logical_and(s, kv_equal(s, kv_gather(s, sorted, at, zero, plain), x1), kv_less(s, at, length));
  return invert ? kv_logical_not(s, in) : in;
}

/* The distinct elements of an x that is not empty, and how often each comes, where no index is wanted: sorting values
 * is quicker than sorting places. An element that differs from the one before begins a run. */
static kvino_tensors runs(kv_scope *s, kvino_tensor *x, bool counts) {
  kvino_tensor *sorted = kv_sort(s, kv_flatten(s, x), (kv_sort_attrs){.axis = 0, .descending = false});
  kvino_tensor *change = kv_not_equal(s, kv_cut(s, sorted, 0, 1, INT64_MAX), kv_cut(s, sorted, 0, 0, -1));
  kvino_tensor *first = kv_flatten(s, kv_int(s, KVINO_BOOL, 1)), *zero = kv_int(s, KVINO_I32, 0);
  change = kv_concat(s, 2, (kvino_tensor *[]){first, change}, (kv_axis_attrs){.axis = 0});
  kvino_tensor *at = kv_flatten(s, kv_non_zero(s, change, (kv_output_type_attrs){.output_type = KVINO_I32}));
  kvino_tensor **v = kv_scope_alloc(s, 2, sizeof *v);
  if (!v) return KV_NO_TENSORS;
  v[0] = kv_gather(s, sorted, at, zero, (kv_gather_attrs){.batch_dims = 0});
  if (counts) {
    kvino_tensor *end = kv_flatten(s, kv_cast(s, kv_dimension(s, sorted, 0), KVINO_I32));
    kvino_tensor *next =
        kv_concat(s, 2, (kvino_tensor *[]){kv_cut(s, at, 0, 1, INT64_MAX), end}, (kv_axis_attrs){.axis = 0});
    v[1] = kv_subtract(s, next, at);
  }
  return (kvino_tensors){1 + counts, v};
}

/* Exactly `size` along an axis: cut, or filled up with `fill`. */
static kvino_tensor *sized(kv_scope *s, kvino_tensor *x, int64_t axis, int64_t size, kvino_tensor *fill) {
  if (!x) return NULL;
  int rank = x->rank;
  kvino_tensor *part[KVINO_MAX_RANK];
  for (int i = 0; i < rank; i++) part[i] = i == axis ? KV_VECTOR(s, size) : kv_flatten(s, kv_dimension(s, x, i));
  kvino_tensor *target = kv_concat(s, (size_t)rank, part, (kv_axis_attrs){.axis = 0});
  kvino_tensor *rest = kv_broadcast_shape(s, kv_cast(s, fill, (kvino_dtype)x->dtype), target);
  x = kv_concat(s, 2, (kvino_tensor *[]){x, rest}, (kv_axis_attrs){.axis = axis});
  return kv_reshape(s, kv_cut(s, x, axis, 0, size), target, (kv_reshape_attrs){.special_zero = false});
}

kvino_tensors op_unique(kv_scope *s, kvino_tensor *x, bool sorted, bool index, bool inverse, bool counts, int64_t axis,
                        int64_t size, kvino_tensor *fill) {
  x = kv_strong(s, x);
  bool flat = axis == KVINO_NO_INTEGER;
  if (!x || (!flat && !kv_axis_ok(s, &axis, x->rank))) return KV_NO_TENSORS;
  if (size != KVINO_NO_INTEGER && size < 0) {
    kv_scope_fail(s, KVINO_INVALID, "size must be non-negative, not %lld", (long long)size);
    return KV_NO_TENSORS;
  }
  if (fill && fill->rank) {
    kv_scope_fail(s, KVINO_INVALID, "fill_value must be a scalar");
    return KV_NO_TENSORS;
  }
  if (flat && sorted && !index && !inverse && x->size > 0 && size == KVINO_NO_INTEGER) return runs(s, x, counts);
  kvino_tensor *in[2] = {x, flat ? NULL : kv_int(s, KVINO_I64, axis)};
  kvino_tensors y = kv_unique(
      s, flat ? 1 : 2, in,
      (kv_unique_attrs){
          .sorted = sorted, .index_element_type = KVINO_I32, .count_element_type = KVINO_I32, .distinct_nans = true});
  kvino_tensor **v = kv_scope_alloc(s, 4, sizeof *v);
  if (!y.v || !v) return KV_NO_TENSORS;
  if (flat) axis = 0;
  if (size != KVINO_NO_INTEGER) {
    kvino_tensor *zero = kv_int(s, KVINO_I32, 0);
    y.v[0] = sized(s, y.v[0], axis, size, fill ? fill : zero);
    y.v[1] = sized(s, y.v[1], 0, size, kv_int(s, KVINO_I32, 1));
    y.v[3] = sized(s, y.v[3], 0, size, zero);
  }
  if (flat && inverse && x->rank != 1)
    y.v[2] = kv_reshape(s, y.v[2], kv_dims(s, x), (kv_reshape_attrs){.special_zero = false});
  size_t n = 0;
  v[n++] = y.v[0];
  if (index) v[n++] = y.v[1];
  if (inverse) v[n++] = y.v[2];
  if (counts) v[n++] = y.v[3];
  return (kvino_tensors){n, v};
}
