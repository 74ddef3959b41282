/* keras.ops.numpy: taking elements, choosing, indices, sorting. */
#include "ops/common.h"

/* Indices as int32 or int64; a fraction is no index. */
static kvino_tensor *as_indices(kv_scope *s, kvino_tensor *indices) {
  if (!indices) return NULL;
  kvino_dtype dtype = kv_dtype_of(indices);
  if (kv_is_inexact(dtype))
    return kv_scope_fail(s, KVINO_TYPE,
                         "Cannot cast array data from dtype('%s') to dtype('int64') according to the rule 'safe'",
                         kvino_dtype_name(dtype));
  return kv_cast(s, indices, dtype == KVINO_I32 ? KVINO_I32 : KVINO_I64);
}

kvino_tensor *op_take(kv_scope *s, kvino_tensor *x, kvino_tensor *indices, int64_t axis) {
  x = kv_strong(s, x);
  indices = as_indices(s, indices);
  if (axis == KVINO_NO_INTEGER) {
    x = kv_flatten(s, x);
    axis = 0;
  }
  if (!x || !indices || !kv_axis_ok(s, &axis, x->rank)) return NULL;
  return kv_gather(s, x, indices, kv_int(s, KVINO_I64, axis), (kv_gather_attrs){.batch_dims = 0});
}

kvino_tensor *op_take_along_axis(kv_scope *s, kvino_tensor *x, kvino_tensor *indices, int64_t axis) {
  x = kv_strong(s, x);
  indices = as_indices(s, indices);
  if (axis == KVINO_NO_INTEGER) {
    x = kv_flatten(s, x);
    indices = kv_flatten(s, indices);
    axis = 0;
  }
  if (!x || !indices || !kv_axis_ok(s, &axis, x->rank)) return NULL;
  if (x->rank != indices->rank)
    return kv_scope_fail(s, KVINO_INVALID, "`indices` and `arr` must have the same number of dimensions");
  /* Every axis but this one broadcasts. */
  bool same = true, known = true;
  int64_t shape[KVINO_MAX_RANK];
  for (int i = 0; i < x->rank; i++) {
    same = same && (i == axis || (x->shape[i] == indices->shape[i] && x->shape[i] >= 0));
    known = known && x->shape[i] >= 0 && indices->shape[i] >= 0;
    shape[i] = x->shape[i] == 1 ? indices->shape[i] : x->shape[i];
  }
  if (!same && known) {
    shape[axis] = x->shape[axis];
    x = kv_broadcast_shape(s, x, kv_vector(s, indices->rank, shape));
    shape[axis] = indices->shape[axis];
    indices = kv_broadcast_shape(s, indices, kv_vector(s, indices->rank, shape));
  } else if (!same) {
    kvino_tensor *shape_x = kv_dims(s, x), *shape_i = kv_dims(s, indices);
    kvino_tensor *at = KV_VECTOR(s, axis), *one = KV_VECTOR(s, 1), *zero = kv_int(s, KVINO_I64, 0);
    kv_scatter_attrs write = {.reduction = "none", .use_init_val = true};
    /* Broadcast with 1 in place of this axis leaves each its own length there. */
    kvino_tensor *to_x = kv_scatter_elements_update(s, shape_i, at, one, zero, write);
    kvino_tensor *to_i = kv_scatter_elements_update(s, shape_x, at, one, zero, write);
    kv_broadcast_attrs both = {.mode = "bidirectional"};
    x = kv_broadcast(s, x, to_x, both);
    indices = kv_broadcast(s, indices, to_i, both);
  }
  return kv_gather_elements(s, x, indices, (kv_axis_attrs){.axis = axis});
}

kvino_tensor *op_select(kv_scope *s, kvino_tensors condlist, kvino_tensors choicelist, kvino_tensor *default_) {
  if (condlist.n != choicelist.n)
    return kv_scope_fail(s, KVINO_INVALID, "list of cases must be same length as list of conditions");
  if (!condlist.n) return kv_scope_fail(s, KVINO_INVALID, "select with an empty condition list is not possible");
  kvino_tensor **all = kv_scope_alloc(s, choicelist.n + 1, sizeof *all);
  if (!all) return NULL;
  for (size_t i = 0; i < choicelist.n; i++) all[i] = choicelist.v[i];
  all[choicelist.n] = default_;
  kvino_dtype dtype = kv_result_type(s, choicelist.n + 1, all);
  kvino_tensor *y = kv_cast(s, default_, dtype);
  for (size_t i = condlist.n; i-- > 0;) { /* the first that holds is written last */
    if (condlist.v[i] && condlist.v[i]->dtype != KVINO_BOOL)
      return kv_scope_fail(s, KVINO_TYPE, "invalid entry %zu in condlist: should be boolean ndarray", i);
    y = kv_select(s, condlist.v[i], kv_cast(s, choicelist.v[i], dtype), y);
  }
  return y;
}

/* Indices, all of which must lie within [0, size). */
static kvino_tensor *fitting(kv_scope *s, kvino_tensor *indices, int64_t size) {
  if (!indices) return NULL;
  kvino_tensor *zero = kv_like(s, indices, 0), *end = kv_int(s, (kvino_dtype)indices->dtype, size);
  kvino_tensor *holds = kv_logical_and(s, kv_greater_equal(s, indices, zero), kv_less(s, indices, end));
  return kv_demand(s, KV_REFUSAL_flat_index, indices, holds, 2, (kvino_tensor *[]){indices, end});
}

kvino_tensors op_unravel_index(kv_scope *s, kvino_tensor *indices, kvino_ints shape) {
  int64_t v[KVINO_MAX_RANK], size = 1;
  int n;
  indices = kv_strong(s, indices);
  if (!indices || !kv_plain_ints(s, shape, KVINO_MAX_RANK, &n, v)) return KV_NO_TENSORS;
  if (!kvino_dtype_is_integer((kvino_dtype)indices->dtype) || indices->dtype == KVINO_BOOL) {
    kv_scope_fail(s, KVINO_TYPE, "only int indices permitted");
    return KV_NO_TENSORS;
  }
  for (int i = 0; i < n; i++)
    if (v[i] < 0 || __builtin_mul_overflow(size, v[i], &size)) {
      kv_scope_fail(s, KVINO_INVALID,
                    v[i] < 0 ? "negative dimensions are not allowed"
                             : "dimensions are too large; arrays and shapes with a total size greater than 'intp' are "
                               "not supported.");
      return KV_NO_TENSORS;
    }
  kvino_dtype dtype = (kvino_dtype)indices->dtype;
  bool narrow = kvino_dtype_size(dtype) <= 4 && dtype != KVINO_U32 && size <= INT32_MAX;
  indices = kv_cast(s, indices, narrow ? KVINO_I32 : KVINO_I64);
  kvino_tensor **coordinate = kv_scope_alloc(s, (size_t)n, sizeof *coordinate);
  indices = fitting(s, indices, size);
  if (!coordinate || !indices) return KV_NO_TENSORS;
  for (int i = n; i-- > 0;) {
    kvino_tensor *length = kv_int(s, (kvino_dtype)indices->dtype, v[i] ? v[i] : 1);
    coordinate[i] = kv_cast(s, kv_floor_mod(s, indices, length), dtype);
    if (i) indices = kv_floor_divide(s, indices, length);
    if (!indices) return KV_NO_TENSORS;
  }
  return (kvino_tensors){(size_t)n, coordinate};
}

/* The axis to sort along; NULL with the scope failed where there is none. */
static kvino_tensor *sortable(kv_scope *s, kvino_tensor *x, int64_t *axis) {
  x = kv_strong(s, x);
  if (*axis == KVINO_NO_INTEGER) {
    x = kv_flatten(s, x);
    *axis = 0;
  }
  return x && kv_axis_ok(s, axis, x->rank) ? x : NULL;
}

kvino_tensor *op_sort(kv_scope *s, kvino_tensor *x, int64_t axis) {
  x = sortable(s, x, &axis);
  return kv_sort(s, x, (kv_sort_attrs){.axis = axis, .descending = false});
}

kvino_tensor *op_argsort(kv_scope *s, kvino_tensor *x, int64_t axis) {
  if (x && !x->rank && (axis == -1 || axis == 0)) axis = KVINO_NO_INTEGER; /* as NumPy: of a number, a vector of one */
  x = sortable(s, x, &axis);
  return kv_arg_sort(s, x, (kv_arg_sort_attrs){.axis = axis, .descending = false, .output_type = KVINO_I32});
}
