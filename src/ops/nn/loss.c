/* keras.ops.nn: crossentropies. */
#include "ops/common.h"

static const double epsilon = 1e-7; /* Keras's: probabilities stay this far from 0 and 1 */

static kvino_tensor *inside(kv_scope *s, kvino_tensor *p) {
  return kv_minimum(s, kv_maximum(s, p, kv_like(s, p, epsilon)), kv_like(s, p, 1 - epsilon));
}

static bool same_shape(kv_scope *s, const kvino_tensor *target, const kvino_tensor *output) {
  if (!target || !output) return false;
  bool same = target->rank == output->rank;
  for (int i = 0; same && i < target->rank; i++)
    same = target->shape[i] == output->shape[i] || target->shape[i] < 0 || output->shape[i] < 0;
  if (same) return true;
  char a[KV_SHAPE_TEXT], b[KV_SHAPE_TEXT];
  kv_scope_fail(s, KVINO_INVALID,
                "Arguments `target` and `output` must have the same shape. Received: target.shape=%s, output.shape=%s",
                kv_shape_text(target->rank, target->shape, a), kv_shape_text(output->rank, output->shape, b));
  return false;
}

/* log of the probabilities that `output` holds, or that it gives by softmax. */
static kvino_tensor *log_probabilities(kv_scope *s, kvino_tensor *output, bool from_logits, int64_t axis) {
  if (from_logits) return kv_log_softmax(s, output, (kv_axis_attrs){.axis = axis});
  kvino_tensor *total = kv_reduce_sum(s, output, KV_VECTOR(s, axis), (kv_keep_dims_attrs){.keep_dims = true});
  return kv_log(s, inside(s, kv_divide(s, output, total)));
}

static kvino_tensor *crossentropy(kv_scope *s, kvino_tensor *target, kvino_tensor *output, bool from_logits,
                                  int64_t axis) {
  kvino_tensor *terms =
      kv_multiply(s, kv_cast(s, target, (kvino_dtype)output->dtype), log_probabilities(s, output, from_logits, axis));
  return kv_negative(s, kv_reduce_sum(s, terms, KV_VECTOR(s, axis), (kv_keep_dims_attrs){.keep_dims = false}));
}

kvino_tensor *op_categorical_crossentropy(kv_scope *s, kvino_tensor *target, kvino_tensor *output, bool from_logits,
                                          int64_t axis) {
  output = kv_to_float(s, output);
  if (!same_shape(s, target, output)) return NULL;
  if (!target->rank)
    return kv_scope_fail(
        s, KVINO_INVALID,
        "Arguments `target` and `output` must be at least rank 1. Received: target.shape=(), output.shape=()");
  return kv_axis_ok(s, &axis, output->rank) ? crossentropy(s, target, output, from_logits, axis) : NULL;
}

kvino_tensor *op_sparse_categorical_crossentropy(kv_scope *s, kvino_tensor *target, kvino_tensor *output,
                                                 bool from_logits, int64_t axis) {
  output = kv_to_float(s, output);
  if (!target || !output) return NULL;
  if (target->rank == output->rank && target->rank && target->shape[target->rank - 1] == 1)
    target = kv_squeeze(s, target, KV_VECTOR(s, target->rank - 1));
  if (!output->rank)
    return kv_scope_fail(s, KVINO_INVALID, "Argument `output` must be at least rank 1. Received: output.shape=()");
  if (!target || !kv_axis_ok(s, &axis, output->rank)) return NULL;
  if (output->shape[axis] < 0)
    return kv_scope_fail(s, KVINO_UNSUPPORTED, "sparse_categorical_crossentropy with an unknown number of classes");
  kvino_tensor *hot = op_one_hot(s, target, output->shape[axis], axis, (kvino_dtype)output->dtype);
  return same_shape(s, hot, output) ? crossentropy(s, hot, output, from_logits, axis) : NULL;
}

kvino_tensor *op_binary_crossentropy(kv_scope *s, kvino_tensor *target, kvino_tensor *output, bool from_logits) {
  output = kv_to_float(s, output);
  if (!same_shape(s, target, output)) return NULL;
  target = kv_cast(s, target, (kvino_dtype)output->dtype);
  kvino_tensor *one = kv_like(s, output, 1), *p = inside(s, from_logits ? kv_sigmoid(s, output) : output);
  kvino_tensor *yes = kv_multiply(s, target, kv_log(s, p));
  kvino_tensor *no = kv_multiply(s, kv_subtract(s, one, target), kv_log(s, kv_subtract(s, one, p)));
  return kv_negative(s, kv_add(s, yes, no));
}
