/* keras.ops.nn: normalization, moments, one-hot. */
#include "ops/common.h"

/* v along the axis of the means: their number is asked for, where it is not known when traced. */
static kvino_tensor *along_axis(kv_scope *s, kvino_tensor *v, kvino_tensor *mean, int rank, int64_t axis) {
  int64_t shape[KVINO_MAX_RANK];
  kvino_tensor *length[KVINO_MAX_RANK] = {NULL};
  for (int i = 0; i < rank; i++) shape[i] = i == axis ? mean->size : 1;
  if (mean->size < 0 && mean->rank == 1) length[axis] = kv_dimension(s, mean, 0);
  return kv_reshape(s, v, kv_ints_operand(s, (kvino_ints){rank, shape, length, true}), (kv_reshape_attrs){0});
}

kvino_tensor *op_batch_normalization(kv_scope *s, kvino_tensor *x, kvino_tensor *mean, kvino_tensor *variance,
                                     int64_t axis, kvino_tensor *offset, kvino_tensor *scale, double epsilon) {
  if (!x || !mean || !variance || !kv_axis_ok(s, &axis, x->rank)) return NULL;
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
  factor = kv_cast(s, along_axis(s, factor, mean, x->rank, axis), dtype);
  shift = kv_cast(s, along_axis(s, shift, mean, x->rank, axis), dtype);
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

kvino_tensor *op_multi_hot(kv_scope *s, kvino_tensor *x, int64_t num_classes, int64_t axis, kvino_dtype dtype) {
  if (!x) return NULL;
  kvino_tensor *y = op_one_hot(s, x, num_classes, axis, dtype);
  return kv_reduce_max(s, y, KV_VECTOR(s, x->rank > 1 ? 1 : 0), (kv_keep_dims_attrs){.keep_dims = false});
}

/* gamma (or beta, or scale): one dimension for each of the axes, or whatever broadcasts. */
static kvino_tensor *along_axes(kv_scope *s, kvino_tensor *v, const kvino_tensor *x, kvino_tensor *axes) {
  if (!v || !x || !axes) return NULL;
  v = kv_cast(s, v, (kvino_dtype)x->dtype);
  bool last = axes->size == 1 && kv_tensor_get_int(axes, 0) == x->rank - 1;
  if (!v || v->rank == x->rank || v->rank != axes->size || last) return v;
  bool chosen[KVINO_MAX_RANK] = {false};
  int64_t shape[KVINO_MAX_RANK];
  for (int64_t i = 0; i < axes->size; i++) chosen[kv_tensor_get_int(axes, i)] = true;
  for (int i = 0, k = 0; i < x->rank; i++) shape[i] = chosen[i] ? v->shape[k++] : 1;
  return kv_reshape_to(s, v, x->rank, shape);
}

kvino_tensor *op_layer_normalization(kv_scope *s, kvino_tensor *x, kvino_tensor *gamma, kvino_tensor *beta,
                                     kvino_ints axis, double epsilon) {
  x = kv_to_float(s, x);
  if (!x) return NULL;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  x = kv_cast(s, x, kv_work_dtype(dtype));
  kvino_tensor *axes = x ? kv_axes(s, axis, x->rank) : NULL;
  /* Centred before it is scaled: a constant row gives beta, whatever its mean. */
  kvino_tensor *y =
      kv_mvn(s, x, axes, (kv_mvn_attrs){.normalize_variance = true, .eps = epsilon, .eps_mode = "inside_sqrt"});
  if (gamma) y = kv_multiply(s, y, along_axes(s, gamma, x, axes));
  if (beta) y = kv_add(s, y, along_axes(s, beta, x, axes));
  return y ? kv_cast(s, y, dtype) : NULL;
}

kvino_tensor *op_rms_normalization(kv_scope *s, kvino_tensor *x, kvino_tensor *scale, kvino_ints axis, double epsilon) {
  x = kv_to_float(s, x);
  if (x && !x->rank) x = kv_flatten(s, x); /* a number is normalized as a single element */
  if (!x) return NULL;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  x = kv_cast(s, x, kv_work_dtype(dtype));
  kvino_tensor *axes = x ? kv_axes(s, axis, x->rank) : NULL;
  kvino_tensor *size = kv_reduce_mean(s, kv_multiply(s, x, x), axes, (kv_keep_dims_attrs){.keep_dims = true});
  kvino_tensor *y = kv_multiply(s, x, kv_rsqrt(s, kv_add(s, size, kv_like(s, size, epsilon))));
  if (scale) y = kv_multiply(s, y, along_axes(s, scale, x, axes));
  return y ? kv_cast(s, y, dtype) : NULL;
}
