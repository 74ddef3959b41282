/* keras.ops.nn: normalization, moments, one-hot. */
#include "ops/common.h"

kvino_tensor *op_batch_normalization(kv_scope *s, kvino_tensor *x, kvino_tensor *mean, kvino_tensor *variance,
                                     int64_t axis, kvino_tensor *offset, kvino_tensor *scale, double epsilon) {
  if (!x || !mean || !variance || !kv_axis_ok(s, &axis, x->rank)) return NULL;
  int64_t shape[KVINO_MAX_RANK];
  for (int i = 0; i < x->rank; i++) shape[i] = i == axis ? mean->size : 1;
  x = kv_to_float(s, x);
  if (!x) return NULL;
  /* x * factor + shift: two operations on x, whatever the statistics are. */
  kvino_dtype dtype = (kvino_dtype)x->dtype,
              work = kv_result_float(s, 4, (kvino_tensor *[]){mean, variance, scale, offset});
  variance = kv_cast(s, variance, work);
  kvino_tensor *factor = op_rsqrt(s, kv_add(s, variance, kv_like(s, variance, epsilon)));
  if (scale) factor = kv_multiply(s, factor, kv_cast(s, scale, work));
  kvino_tensor *shift = kv_negative(s, kv_multiply(s, kv_cast(s, mean, work), factor));
  if (offset) shift = kv_add(s, shift, kv_cast(s, offset, work));
  factor = kv_cast(s, kv_reshape_to(s, factor, x->rank, shape), dtype);
  shift = kv_cast(s, kv_reshape_to(s, shift, x->rank, shape), dtype);
  return kv_add(s, kv_multiply(s, x, factor), shift);
}

kvino_tensors op_moments(kv_scope *s, kvino_tensor *x, kvino_ints axes, bool keepdims) {
  kvino_tensor **v = kv_scope_alloc(s, 2, sizeof *v);
  if (!x || !v) return KV_NO_TENSORS;
  bool half = x->dtype == KVINO_F16; /* its range is too small for squares: limited to it, as in Keras */
  if (half) x = kv_cast(s, x, KVINO_F32);
  v[0] = op_mean(s, x, axes, keepdims);
  v[1] = op_var(s, x, axes, keepdims);
  for (int i = 0; half && i < 2; i++)
    v[i] = kv_cast(s, kv_clamp(s, v[i], (kv_clamp_attrs){.min = -65504, .max = 65504}), KVINO_F16);
  return (kvino_tensors){2, v};
}

kvino_tensor *op_one_hot(kv_scope *s, kvino_tensor *x, int64_t num_classes, int64_t axis, kvino_dtype dtype) {
  if (!x) return NULL;
  if (dtype == KVINO_NO_DTYPE) dtype = kvino_floatx();
  if (num_classes < 0) return kv_scope_fail(s, KVINO_INVALID, "num_classes must not be negative");
  if (!kv_axis_ok(s, &axis, x->rank + 1)) return NULL;
  /* int32 where it holds every index. */
  kvino_dtype index = kv_dtype_of(x);
  index = index == KVINO_I32 || kvino_dtype_size(index) < 4 ? KVINO_I32 : KVINO_I64;
  kvino_tensor *i = kv_unsqueeze(s, kv_cast(s, x, index), KV_VECTOR(s, axis));
  int64_t shape[KVINO_MAX_RANK];
  if (!i) return NULL;
  for (int k = 0; k < i->rank; k++) shape[k] = k == axis ? num_classes : 1;
  kvino_tensor *classes = kv_range(s, kv_int(s, index, 0), kv_int(s, index, num_classes), kv_int(s, index, 1),
                                   (kv_output_type_attrs){.output_type = index});
  return kv_cast(s, kv_equal(s, i, kv_reshape_to(s, classes, x->rank + 1, shape)), dtype);
}
