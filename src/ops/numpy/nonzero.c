/* The nonzero family. NonZero itself takes every dtype; where OpenVINO computes it, the comparison with zero is made by
 * the lowering (openvino/lower.c). */
#include "ops/common.h"

static bool index_dtype_ok(kv_scope *s, kvino_dtype dtype) {
  if (dtype == KVINO_I32 || dtype == KVINO_I64) return !s->status;
  kv_scope_fail(s, KVINO_TYPE, "indices are int32 or int64, not %s",
                dtype == KVINO_NO_DTYPE ? "None" : kvino_dtype_name(dtype));
  return false;
}

/* [rank, n] indices; with a size, exactly that many columns: cut, or filled up. */
static kvino_tensor *indices(kv_scope *s, kvino_tensor *x, int64_t size, int64_t fill_value, kvino_dtype dtype) {
  if (!x || !index_dtype_ok(s, dtype)) return NULL;
  kvino_tensor *y = kv_non_zero(s, x, (kv_output_type_attrs){.output_type = dtype});
  if (size == KVINO_NO_INTEGER) return y;
  if (size < 0) return kv_scope_fail(s, KVINO_INVALID, "size must be non-negative, not %lld", (long long)size);
  /* Padding first makes room for size columns whatever n is; then the first size of them. The reshape says to the graph
   * that they are as many: a static shape. */
  int64_t shape[2] = {x->rank, size};
  kvino_tensor *fill = kv_broadcast_shape(s, kv_int(s, dtype, fill_value), kv_vector(s, 2, shape));
  y = kv_concat(s, 2, (kvino_tensor *[]){y, fill}, (kv_axis_attrs){.axis = 1});
  return kv_reshape_to(s, kv_cut(s, y, 1, 0, size), 2, shape);
}

kvino_tensors op_nonzero(kv_scope *s, kvino_tensor *x, int64_t size, int64_t fill_value, kvino_dtype dtype) {
  if (!x) return KV_NO_TENSORS;
  if (!x->rank) {
    kv_scope_fail(
        s, KVINO_INVALID, "Calling nonzero on 0d arrays is not allowed. Use np.atleast_1d(scalar).nonzero() instead.%s",
        x->dtype == KVINO_BOOL ? " If the context of this error is of the form `arr[nonzero(cond)]`, just use "
                                 "`arr[cond]`."
                               : "");
    return KV_NO_TENSORS;
  }
  return kv_unstack(s, indices(s, x, size, fill_value, dtype), 0, x->rank);
}

kvino_tensor *op_argwhere(kv_scope *s, kvino_tensor *x, int64_t size, int64_t fill_value, kvino_dtype dtype) {
  if (!x || !index_dtype_ok(s, dtype)) return NULL;
  if (!x->rank) { /* NumPy: no column, a row if x is nonzero */
    kvino_tensor *one = indices(s, kv_flatten(s, x), size, fill_value, dtype);
    return kv_cut(s, kv_permute(s, one, (int64_t[]){1, 0}), 1, 0, 0);
  }
  return kv_permute(s, indices(s, x, size, fill_value, dtype), (int64_t[]){1, 0});
}

kvino_tensor *op_flatnonzero(kv_scope *s, kvino_tensor *x, int64_t size, int64_t fill_value, kvino_dtype dtype) {
  return kv_squeeze(s, indices(s, kv_flatten(s, x), size, fill_value, dtype), KV_VECTOR(s, 0));
}

kvino_tensor *op_count_nonzero(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims, kvino_dtype dtype) {
  if (!x || !index_dtype_ok(s, dtype)) return NULL;
  return kv_count_non_zero(s, x, kv_axes(s, axis, x->rank),
                           (kv_reduce_index_attrs){.keep_dims = keepdims, .output_type = dtype});
}

kvino_tensor *op_where(kv_scope *s, kvino_tensor *condition, kvino_tensor *x1, kvino_tensor *x2) {
  kv_align(s, &x1, &x2);
  return kv_select(s, kv_truth(s, condition), x1, x2);
}
