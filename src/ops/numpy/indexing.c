/* keras.ops.numpy: taking elements, sorting. */
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
  x = sortable(s, x, &axis);
  return kv_arg_sort(s, x, (kv_arg_sort_attrs){.axis = axis, .descending = false, .output_type = KVINO_I32});
}
