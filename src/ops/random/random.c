/* keras.ops.random: distributions from random bits. The seed is what Keras's SeedGenerator gives: two integers. */
#include "ops/common.h"

static const double two_pi = 6.283185307179586476925;

static kvino_dtype or_floatx(kvino_dtype dtype) { return dtype == KVINO_NO_DTYPE ? kvino_floatx() : dtype; }

static bool float_dtype(kv_scope *s, kvino_dtype dtype) {
  if (kvino_dtype_is_float(dtype)) return true;
  kv_scope_fail(s, KVINO_TYPE, "random numbers of dtype %s: a float dtype is expected", kvino_dtype_name(dtype));
  return false;
}

/* The dtype to compute in: small floats are rounded at the end. */
static kvino_dtype work_dtype(kvino_dtype dtype) { return dtype == KVINO_F64 ? KVINO_F64 : KVINO_F32; }

/* In [0, 1), every value as likely; as many bits as the dtype's significand holds. `parts` times the shape, in front.
 */
static kvino_tensor *unit(kv_scope *s, kvino_tensor *seed, kvino_tensor *shape, kvino_dtype dtype, int64_t parts) {
  kvino_tensor *full =
      parts > 1 ? kv_concat(s, 2, (kvino_tensor *[]){KV_VECTOR(s, parts), shape}, (kv_axis_attrs){.axis = 0}) : shape;
  int bits = dtype == KVINO_F16 ? 11 : dtype == KVINO_BF16 ? 8 : dtype == KVINO_F64 ? 53 : 24;
  kvino_tensor *u;
  if (bits == 53) { /* two words: 26 and 27 bits */
    kvino_tensor *both = kv_concat(s, 2, (kvino_tensor *[]){KV_VECTOR(s, 2), full}, (kv_axis_attrs){.axis = 0});
    kvino_tensors word = op_unstack(s, kv_random_bits(s, seed, both), 2, 0);
    if (!word.v) return NULL;
    kvino_tensor *high = kv_bitwise_right_shift(s, word.v[0], kv_int(s, KVINO_U32, 6));
    kvino_tensor *low = kv_bitwise_right_shift(s, word.v[1], kv_int(s, KVINO_U32, 5));
    u = kv_add(s, kv_multiply(s, kv_cast(s, high, KVINO_F64), kv_number(s, KVINO_F64, 0x1p27)),
               kv_cast(s, low, KVINO_F64));
    return kv_multiply(s, u, kv_number(s, KVINO_F64, 0x1p-53));
  }
  u = kv_bitwise_right_shift(s, kv_random_bits(s, seed, full), kv_int(s, KVINO_U32, 32 - bits));
  return kv_multiply(s, kv_cast(s, u, KVINO_F32), kv_number(s, KVINO_F32, 1.0 / (double)(1 << bits)));
}

kvino_tensor *op_uniform(kv_scope *s, kvino_tensor *seed, kvino_ints shape, kvino_tensor *minval, kvino_tensor *maxval,
                         kvino_dtype dtype) {
  dtype = or_floatx(dtype);
  if (!float_dtype(s, dtype)) return NULL;
  kvino_dtype work = work_dtype(dtype);
  kvino_tensor *low = kv_cast(s, minval, work), *high = kv_cast(s, maxval, work);
  kvino_tensor *u = unit(s, seed, kv_ints_operand(s, shape), dtype, 1);
  kvino_tensor *y = kv_cast(s, kv_add(s, kv_multiply(s, u, kv_subtract(s, high, low)), low), dtype);
  /* Rounding may reach maxval, which is excluded. */
  kvino_tensor *end = kv_cast(s, high, dtype), *begin = kv_cast(s, low, dtype);
  return kv_select(s, kv_less(s, y, end), y, begin);
}

/* Two uniform numbers make one normal one (Box and Muller, 1958). */
kvino_tensor *op_normal(kv_scope *s, kvino_tensor *seed, kvino_ints shape, kvino_tensor *mean, kvino_tensor *stddev,
                        kvino_dtype dtype) {
  dtype = or_floatx(dtype);
  if (!float_dtype(s, dtype)) return NULL;
  kvino_dtype work = work_dtype(dtype);
  kvino_tensors u = op_unstack(s, unit(s, seed, kv_ints_operand(s, shape), work, 2), 2, 0);
  if (!u.v) return NULL;
  kvino_tensor *positive = kv_subtract(s, kv_number(s, work, 1), u.v[0]); /* (0, 1] */
  kvino_tensor *radius = kv_sqrt(s, kv_multiply(s, kv_log(s, positive), kv_number(s, work, -2)));
  kvino_tensor *z = kv_multiply(s, radius, kv_cos(s, kv_multiply(s, u.v[1], kv_number(s, work, two_pi))));
  z = kv_add(s, kv_multiply(s, z, kv_cast(s, stddev, work)), kv_cast(s, mean, work));
  return kv_cast(s, z, dtype);
}

/* Normal within two standard deviations: the inverse of the distribution function on the middle of (0, 1). */
kvino_tensor *op_truncated_normal(kv_scope *s, kvino_tensor *seed, kvino_ints shape, kvino_tensor *mean,
                                  kvino_tensor *stddev, kvino_dtype dtype) {
  dtype = or_floatx(dtype);
  if (!float_dtype(s, dtype)) return NULL;
  kvino_dtype work = work_dtype(dtype);
  const double edge = 0.95449973610364158560; /* erf(2 / sqrt(2)) */
  kvino_tensor *u = unit(s, seed, kv_ints_operand(s, shape), work, 1);
  u = kv_subtract(s, kv_multiply(s, u, kv_number(s, work, 2 * edge)), kv_number(s, work, edge));
  kvino_tensor *z = kv_multiply(s, kv_erf_inv(s, u), kv_number(s, work, 1.4142135623730950488));
  z = kv_maximum(s, kv_minimum(s, z, kv_number(s, work, 2)), kv_number(s, work, -2));
  return kv_cast(s, kv_add(s, kv_multiply(s, z, kv_cast(s, stddev, work)), kv_cast(s, mean, work)), dtype);
}

/* Whole numbers in [minval, maxval): 64 random bits modulo the length, so that the bias is below 2^-32 for 32-bit
 * lengths. */
kvino_tensor *op_randint(kv_scope *s, kvino_tensor *seed, kvino_ints shape, kvino_tensor *minval, kvino_tensor *maxval,
                         kvino_dtype dtype) {
  if (dtype == KVINO_NO_DTYPE) dtype = KVINO_I32;
  if (!kvino_dtype_is_integer(dtype))
    return kv_scope_fail(s, KVINO_INVALID, "`keras.random.randint` requires an integer `dtype`. Received: dtype=%s ",
                         kvino_dtype_name(dtype));
  kvino_tensor *low = kv_cast(s, minval, KVINO_I64), *high = kv_cast(s, maxval, KVINO_I64);
  if (low && high && !low->rank && !high->rank && !kv_is_symbolic(low) && !kv_is_symbolic(high) &&
      kv_tensor_get_int(low, 0) >= kv_tensor_get_int(high, 0))
    return kv_scope_fail(s, KVINO_INVALID, "low >= high");
  kvino_tensor *full =
      kv_concat(s, 2, (kvino_tensor *[]){KV_VECTOR(s, 2), kv_ints_operand(s, shape)}, (kv_axis_attrs){.axis = 0});
  kvino_tensors word = op_unstack(s, kv_random_bits(s, seed, full), 2, 0);
  if (!word.v) return NULL;
  kvino_tensor *bits =
      kv_bitwise_or(s, kv_bitwise_left_shift(s, kv_cast(s, word.v[0], KVINO_U64), kv_int(s, KVINO_U64, 32)),
                    kv_cast(s, word.v[1], KVINO_U64));
  kvino_tensor *length = kv_cast(s, kv_subtract(s, high, low), KVINO_U64);
  return kv_cast(s, kv_add(s, kv_cast(s, kv_floor_mod(s, bits, length), KVINO_I64), low), dtype);
}

kvino_tensor *op_dropout(kv_scope *s, kvino_tensor *seed, kvino_tensor *inputs, double rate, kvino_ints noise_shape) {
  if (!(rate >= 0 && rate <= 1))
    return kv_scope_fail(
        s, KVINO_INVALID,
        "Invalid value received for argument `rate`. Expected a float value between 0 and 1. Received: rate=%g", rate);
  inputs = kv_to_float(s, inputs);
  if (!inputs || rate == 0) return inputs;
  kvino_tensor *shape = noise_shape.n < 0 ? kv_dims(s, inputs) : kv_ints_operand(s, noise_shape);
  kvino_tensor *keep = kv_greater_equal(s, unit(s, seed, shape, KVINO_F32, 1), kv_number(s, KVINO_F32, rate));
  kvino_tensor *scaled = kv_multiply(s, inputs, kv_like(s, inputs, rate < 1 ? 1 / (1 - rate) : 0));
  return kv_select(s, keep, scaled, kv_like(s, inputs, 0));
}
