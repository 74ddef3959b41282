/* keras.ops.random. The seed is what Keras's SeedGenerator gives: two integers. Distributions of real numbers are
 * computed in f64 and rounded once (prim/random.c). */
#include "ops/common.h"

static kvino_dtype or_floatx(kvino_dtype dtype) { return dtype == KVINO_NO_DTYPE ? kvino_floatx() : dtype; }

static kvino_tensor *sample(kv_scope *s, const char *distribution, kvino_tensor *seed, kvino_tensor *shape,
                            kvino_tensor *a, kvino_tensor *b, kvino_dtype dtype) {
  dtype = or_floatx(dtype);
  if (!kvino_dtype_is_float(dtype))
    return kv_scope_fail(s, KVINO_TYPE, "random numbers of dtype %s: a float dtype is expected",
                         kvino_dtype_name(dtype));
  if ((a && kvino_dtype_is_complex((kvino_dtype)a->dtype)) || (b && kvino_dtype_is_complex((kvino_dtype)b->dtype)))
    return kv_scope_fail(s, KVINO_TYPE, "the parameters of %s must be real numbers", distribution);
  kvino_dtype drawn = kvino_dtype_size(dtype) < 2 ? KVINO_F32 : dtype;
  kvino_tensor *y = kv_random_sample(s, seed, shape, kv_cast(s, a, KVINO_F64), kv_cast(s, b, KVINO_F64),
                                     (kv_distribution_attrs){.distribution = distribution, .output_type = drawn});
  return kv_cast(s, y, dtype);
}

#define DISTRIBUTION(name, a, b)                                                                                       \
  kvino_tensor *op_##name(kv_scope *s, kvino_tensor *seed, kvino_ints shape, kvino_tensor *a, kvino_tensor *b,         \
                          kvino_dtype dtype) {                                                                         \
    return sample(s, #name, seed, kv_ints_operand(s, shape), a, b, dtype);                                             \
  }
DISTRIBUTION(uniform, minval, maxval)
DISTRIBUTION(normal, mean, stddev)
DISTRIBUTION(truncated_normal, mean, stddev)
DISTRIBUTION(beta, alpha, beta)
DISTRIBUTION(binomial, counts, probabilities)

kvino_tensor *op_gamma(kv_scope *s, kvino_tensor *seed, kvino_ints shape, kvino_tensor *alpha, kvino_dtype dtype) {
  return sample(s, "gamma", seed, kv_ints_operand(s, shape), alpha, kv_number(s, KVINO_F64, 1), dtype);
}

kvino_tensor *op_randint(kv_scope *s, kvino_tensor *seed, kvino_ints shape, kvino_tensor *minval, kvino_tensor *maxval,
                         kvino_dtype dtype) {
  if (dtype == KVINO_NO_DTYPE) dtype = KVINO_I32;
  if (!kvino_dtype_is_integer(dtype))
    return kv_scope_fail(s, KVINO_INVALID, "`keras.random.randint` requires an integer `dtype`. Received: dtype=%s ",
                         kvino_dtype_name(dtype));
  return kv_random_sample(s, seed, kv_ints_operand(s, shape), kv_cast(s, minval, KVINO_I64),
                          kv_cast(s, maxval, KVINO_I64),
                          (kv_distribution_attrs){.distribution = "randint", .output_type = dtype});
}

kvino_tensor *op_categorical(kv_scope *s, kvino_tensor *seed, kvino_tensor *logits, int64_t num_samples,
                             kvino_dtype dtype) {
  if (logits && kvino_dtype_is_complex((kvino_dtype)logits->dtype))
    return kv_scope_fail(s, KVINO_TYPE, "`logits` must be real numbers");
  return kv_random_categorical(s, seed, kv_cast(s, logits, KVINO_F64), kv_int(s, KVINO_I64, num_samples),
                               (kv_output_type_attrs){.output_type = dtype == KVINO_NO_DTYPE ? KVINO_I64 : dtype});
}

/* Every line along the axis in an order of its own, as NumPy's Generator.permuted: the order of random numbers of 53
 * bits, among which ties are as good as excluded. */
kvino_tensor *op_shuffle(kv_scope *s, kvino_tensor *seed, kvino_tensor *x, int64_t axis) {
  x = kv_strong(s, x);
  if (!x || !kv_axis_ok(s, &axis, x->rank)) return NULL;
  kvino_tensor *keys =
      sample(s, "uniform", seed, kv_dims(s, x), kv_number(s, KVINO_F64, 0), kv_number(s, KVINO_F64, 1), KVINO_F64);
  kvino_tensor *order = kv_arg_sort(s, keys, (kv_arg_sort_attrs){.axis = axis, .output_type = KVINO_I64});
  return kv_gather_elements(s, x, order, (kv_axis_attrs){.axis = axis});
}

kvino_tensor *op_dropout(kv_scope *s, kvino_tensor *seed, kvino_tensor *inputs, double rate, kvino_ints noise_shape) {
  if (!(rate >= 0 && rate <= 1))
    return kv_scope_fail(
        s, KVINO_INVALID,
        "Invalid value received for argument `rate`. Expected a float value between 0 and 1. Received: rate=%g", rate);
  inputs = kv_to_float(s, inputs);
  if (!inputs || rate == 0) return inputs;
  kvino_tensor *shape = noise_shape.n < 0 ? kv_dims(s, inputs) : kv_ints_operand(s, noise_shape);
  kvino_tensor *u =
      sample(s, "uniform", seed, shape, kv_number(s, KVINO_F64, 0), kv_number(s, KVINO_F64, 1), KVINO_F32);
  kvino_tensor *keep = kv_greater_equal(s, u, kv_number(s, KVINO_F32, rate));
  kvino_dtype dtype = (kvino_dtype)inputs->dtype, work = kv_work_dtype(dtype);
  kvino_tensor *x = kv_cast(s, inputs, work);
  kvino_tensor *scaled = kv_cast(s, kv_multiply(s, x, kv_like(s, x, rate < 1 ? 1 / (1 - rate) : 0)), dtype);
  return kv_select(s, keep, scaled, kv_like(s, inputs, 0));
}
