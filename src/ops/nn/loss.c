/* keras.ops.nn: crossentropies, and the signal-to-noise ratio of images. */
#include "ops/common.h"

/* Probabilities stay this far from 0 and 1. */
static kvino_tensor *inside(kv_scope *s, kvino_tensor *p, double epsilon) {
  return kv_minimum(s, kv_maximum(s, p, kv_like(s, p, epsilon)), kv_like(s, p, 1 - epsilon));
}

/* log of the probabilities that `output` holds, or that it gives by softmax. */
static kvino_tensor *log_probabilities(kv_scope *s, kvino_tensor *output, bool from_logits, int64_t axis,
                                       double epsilon) {
  if (from_logits) return kv_log_softmax(s, output, (kv_axis_attrs){.axis = axis});
  kvino_tensor *total = kv_reduce_sum(s, output, KV_VECTOR(s, axis), (kv_keep_dims_attrs){.keep_dims = true});
  return kv_log(s, inside(s, kv_divide(s, output, total), epsilon));
}

static kvino_tensor *crossentropy(kv_scope *s, kvino_tensor *target, kvino_tensor *output, bool from_logits,
                                  int64_t axis, double epsilon) {
  kvino_tensor *terms = kv_multiply(s, kv_cast(s, target, (kvino_dtype)output->dtype),
                                    log_probabilities(s, output, from_logits, axis, epsilon));
  return kv_negative(s, kv_reduce_sum(s, terms, KV_VECTOR(s, axis), (kv_keep_dims_attrs){.keep_dims = false}));
}

kvino_tensor *op_categorical_crossentropy(kv_scope *s, kvino_tensor *target, kvino_tensor *output, bool from_logits,
                                          int64_t axis, double epsilon) {
  output = kv_to_float(s, output);
  if (!(target = kv_demand_same_shape(s, KV_REFUSAL_same_shape, target, target, output))) return NULL;
  if (!target->rank)
    return kv_scope_fail(
        s, KVINO_INVALID,
        "Arguments `target` and `output` must be at least rank 1. Received: target.shape=(), output.shape=()");
  return kv_axis_ok(s, &axis, output->rank) ? crossentropy(s, target, output, from_logits, axis, epsilon) : NULL;
}

/* target, whose shape is output's without the axis. */
static kvino_tensor *fitting(kv_scope *s, kvino_tensor *target, kvino_tensor *output, int64_t axis) {
  kv_length_pair pair[KVINO_MAX_RANK + 1] = {{{NULL, target->rank + 1}, {NULL, output->rank}}};
  size_t n = 1;
  for (int i = 0; i < target->rank && i < output->rank - 1; i++)
    pair[n++] = (kv_length_pair){{target, i}, {output, i < axis ? i : i + 1}};
  return kv_demand_lengths(s, KV_REFUSAL_same_rows, target, n, pair, 2,
                           (kv_length[]){{target, KV_ALL_AXES}, {output, KV_ALL_AXES}});
}

/* The terms that a one-hot target would leave: one for each target, none for a target out of range. */
kvino_tensor *op_sparse_categorical_crossentropy(kv_scope *s, kvino_tensor *target, kvino_tensor *output,
                                                 bool from_logits, int64_t axis, double epsilon) {
  output = kv_to_float(s, output);
  if (!target || !output) return NULL;
  int64_t last = target->rank ? target->shape[target->rank - 1] : 0;
  if (target->rank == output->rank && (last == 1 || last < 0)) /* unknown: nothing but 1 makes sense */
    target = kv_squeeze(s, target, KV_VECTOR(s, target->rank - 1));
  if (!output->rank)
    return kv_scope_fail(s, KVINO_INVALID, "Argument `output` must be at least rank 1. Received: output.shape=()");
  if (!target || !kv_axis_ok(s, &axis, output->rank) || !(target = fitting(s, target, output, axis))) return NULL;
  kvino_dtype index = kv_dtype_of(target);
  index = index == KVINO_I32 || kvino_dtype_size(index) < 4 ? KVINO_I32 : KVINO_I64;
  target = kv_unsqueeze(s, kv_cast(s, target, index), KV_VECTOR(s, axis));
  kvino_tensor *zero = kv_int(s, index, 0), *classes = kv_cast(s, kv_dimension(s, output, axis), index);
  kvino_tensor *inside = kv_logical_and(s, kv_less_equal(s, zero, target), kv_less(s, target, classes));
  kvino_tensor *y = log_probabilities(s, output, from_logits, axis, epsilon);
  y = kv_gather_elements(s, y, kv_select(s, inside, target, zero), (kv_axis_attrs){.axis = axis});
  y = kv_select(s, inside, kv_negative(s, y), kv_like(s, output, 0));
  return kv_squeeze(s, y, KV_VECTOR(s, axis));
}

/* log(p) and log(1 - p). Of a logit they are -softplus(-x) and -softplus(x): no probability that rounds to 0 or 1. */
kvino_tensor *op_binary_crossentropy(kv_scope *s, kvino_tensor *target, kvino_tensor *output, bool from_logits,
                                     double epsilon) {
  output = kv_to_float(s, output);
  if (!(target = kv_demand_same_shape(s, KV_REFUSAL_same_shape, target, target, output))) return NULL;
  target = kv_cast(s, target, (kvino_dtype)output->dtype);
  kvino_tensor *one = kv_like(s, output, 1), *other = kv_subtract(s, one, target);
  if (from_logits)
    return kv_add(s, kv_multiply(s, target, kv_soft_plus(s, kv_negative(s, output))),
                  kv_multiply(s, other, kv_soft_plus(s, output)));
  kvino_tensor *p = inside(s, output, epsilon);
  kvino_tensor *yes = kv_multiply(s, target, kv_log(s, p));
  kvino_tensor *no = kv_multiply(s, other, kv_log(s, kv_subtract(s, one, p)));
  return kv_negative(s, kv_add(s, yes, no));
}

kvino_tensor *op_psnr(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2, kvino_tensor *max_val) {
  kv_align_float(s, &x1, &x2);
  if (!(x1 = kv_demand_same_shape(s, KV_REFUSAL_psnr_shapes, x1, x1, x2))) return NULL;
  kvino_dtype dtype = (kvino_dtype)x1->dtype, work = kv_work_dtype(dtype);
  kvino_tensor *gap = kv_subtract(s, kv_cast(s, x1, work), kv_cast(s, x2, work));
  kvino_tensor *error = kv_reduce_mean(s, kv_multiply(s, gap, gap), kv_axes(s, KVINO_NO_INTS, x1->rank),
                                       (kv_keep_dims_attrs){.keep_dims = false});
  kvino_tensor *peak = kv_multiply(s, kv_log10(s, kv_cast(s, max_val, work)), kv_number(s, work, 20));
  return kv_cast(s, kv_subtract(s, peak, kv_multiply(s, kv_log10(s, error), kv_number(s, work, 10))), dtype);
}
