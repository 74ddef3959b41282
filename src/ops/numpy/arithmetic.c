/* keras.ops.numpy: arithmetic. */
#include <math.h>

#include "ops/common.h"

/* An operation of two operands in their common dtype. */
#define BINARY(name, prim)                                                                                             \
  kvino_tensor *op_##name(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {                                           \
    kv_align(s, &x1, &x2);                                                                                             \
    return kv_##prim(s, x1, x2);                                                                                       \
  }
/* The same, where bool has an operation of its own, as in NumPy. */
#define BINARY_BOOL(name, prim, bool_prim)                                                                             \
  kvino_tensor *op_##name(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {                                           \
    kv_align(s, &x1, &x2);                                                                                             \
    return x1 && x1->dtype == KVINO_BOOL ? kv_##bool_prim(s, x1, x2) : kv_##prim(s, x1, x2);                           \
  }
/* The same in floating point. */
#define BINARY_FLOAT(name, prim)                                                                                       \
  kvino_tensor *op_##name(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {                                           \
    kv_align_float(s, &x1, &x2);                                                                                       \
    return kv_##prim(s, x1, x2);                                                                                       \
  }
/* bool has no such operation and is computed as int32. */
#define BINARY_INT(name, prim)                                                                                         \
  kvino_tensor *op_##name(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {                                           \
    align_numbers(s, &x1, &x2);                                                                                        \
    return kv_##prim(s, x1, x2);                                                                                       \
  }
#define UNARY_FLOAT(name, prim)                                                                                        \
  kvino_tensor *op_##name(kv_scope *s, kvino_tensor *x) { return kv_##prim(s, kv_to_float(s, x)); }

static void align_numbers(kv_scope *s, kvino_tensor **x1, kvino_tensor **x2) {
  kv_align(s, x1, x2);
  if (*x1 && *x2 && (*x1)->dtype == KVINO_BOOL) {
    *x1 = kv_cast(s, *x1, KVINO_I32);
    *x2 = kv_cast(s, *x2, KVINO_I32);
  }
}

BINARY_BOOL(add, add, logical_or)
BINARY_BOOL(multiply, multiply, logical_and)
BINARY_BOOL(maximum, maximum, logical_or)
BINARY_BOOL(minimum, minimum, logical_and)
BINARY_BOOL(fmax, fmax, logical_or)
BINARY_BOOL(fmin, fmin, logical_and)
BINARY(gcd, gcd)
BINARY(lcm, lcm)
BINARY_INT(fmod, mod)
BINARY_INT(floor_divide, floor_divide)
BINARY_INT(mod, floor_mod)
BINARY_INT(power, power)
BINARY_FLOAT(divide, divide)
BINARY_FLOAT(true_divide, divide)
BINARY_FLOAT(arctan2, atan2)
BINARY_FLOAT(hypot, hypot)
BINARY_FLOAT(logaddexp, log_add_exp)
BINARY_FLOAT(logaddexp2, log_add_exp2)
BINARY_FLOAT(float_power, power)

kvino_tensor *op_subtract(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  kv_align(s, &x1, &x2);
  if (x1 && x1->dtype == KVINO_BOOL)
    return kv_scope_fail(s, KVINO_TYPE,
                         "numpy boolean subtract, the `-` operator, is not supported, use the bitwise_xor, the `^` "
                         "operator, or the logical_xor function instead.");
  return kv_subtract(s, x1, x2);
}

/* In the working dtype: where a device takes the smallest bfloat16 for 0, it is so for the comparison, too. */
kvino_tensor *op_divide_no_nan(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  kv_align_float(s, &x1, &x2);
  if (!x1 || !x2) return NULL;
  kvino_dtype dtype = (kvino_dtype)x1->dtype, work = kv_work_dtype(dtype);
  x1 = kv_cast(s, x1, work);
  x2 = kv_cast(s, x2, work);
  kvino_tensor *is_zero = kv_equal(s, x2, kv_like(s, x2, 0));
  kvino_tensor *y = kv_divide(s, x1, kv_select(s, is_zero, kv_like(s, x2, 1), x2));
  return kv_cast(s, kv_select(s, is_zero, kv_like(s, x1, 0), y), dtype);
}

UNARY_FLOAT(sqrt, sqrt)
UNARY_FLOAT(cbrt, cbrt)
UNARY_FLOAT(reciprocal, reciprocal)
UNARY_FLOAT(exp, exp)
UNARY_FLOAT(exp2, exp2)
UNARY_FLOAT(expm1, expm1)
UNARY_FLOAT(log, log)
UNARY_FLOAT(log2, log2)
UNARY_FLOAT(log10, log10)
UNARY_FLOAT(log1p, log1p)
UNARY_FLOAT(sin, sin)
UNARY_FLOAT(cos, cos)
UNARY_FLOAT(tan, tan)
UNARY_FLOAT(arcsin, asin)
UNARY_FLOAT(arccos, acos)
UNARY_FLOAT(arctan, atan)
UNARY_FLOAT(sinh, sinh)
UNARY_FLOAT(cosh, cosh)
UNARY_FLOAT(tanh, tanh)
UNARY_FLOAT(arcsinh, asinh)
UNARY_FLOAT(arccosh, acosh)
UNARY_FLOAT(arctanh, atanh)
UNARY_FLOAT(ceil, ceiling)
UNARY_FLOAT(floor, floor)

/* 64-bit integers become f64, as in Keras. */
kvino_tensor *op_i0(kv_scope *s, kvino_tensor *x) {
  bool is_wide =
      x && !x->weak && kvino_dtype_is_integer((kvino_dtype)x->dtype) && kvino_dtype_size((kvino_dtype)x->dtype) == 8;
  return kv_bessel_i0(s, is_wide ? kv_cast(s, x, KVINO_F64) : kv_to_float(s, x));
}

/* sin(x) / x for x^2 < 1/4 as 1 - x^2 / 3! + x^4 / 5! - ...: the quotient's derivative, cos(x) / x - sin(x) / x^2, has
 * no digits near 0. */
static kvino_tensor *sinc_series(kv_scope *s, kvino_tensor *square) {
  if (!square) return NULL;
  int terms = square->dtype == KVINO_F32 || square->dtype == KVINO_C64 ? 4 : 7; /* to half an ulp */
  kvino_tensor *one = kv_like(s, square, 1), *y = one;
  for (int k = terms; k > 0; k--) /* in place: y = 1 - y / ((2 k) (2 k + 1)) square */
    y = kv_subtract(s, one, kv_multiply(s, kv_multiply(s, y, kv_like(s, square, 1.0 / (2 * k * (2 * k + 1)))), square));
  return y;
}

kvino_tensor *op_sinc(kv_scope *s, kvino_tensor *x) {
  x = kv_to_float(s, x);
  if (!x) return NULL;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  x = kv_cast(s, x, kv_work_dtype(dtype));
  x = kv_multiply(s, x, kv_like(s, x, M_PI));
  kvino_tensor *size = kv_abs(s, x), *near = kv_less(s, size, kv_like(s, size, 0.5));
  kvino_tensor *y = sinc_series(s, kv_select(s, near, kv_multiply(s, x, x), kv_like(s, x, 0)));
  kvino_tensor *away = kv_select(s, near, kv_like(s, x, 1), x);
  return kv_cast(s, kv_select(s, near, y, kv_divide(s, kv_sin(s, away), away)), dtype);
}

kvino_tensor *op_trunc(kv_scope *s, kvino_tensor *x) {
  x = kv_strong(s, x);
  return x && kv_is_inexact((kvino_dtype)x->dtype) ? kv_trunc(s, x) : x;
}

kvino_tensor *op_negative(kv_scope *s, kvino_tensor *x) {
  if (x && x->dtype == KVINO_BOOL)
    return kv_scope_fail(s, KVINO_TYPE,
                         "The numpy boolean negative, the `-` operator, is not supported, use the `~` operator or the "
                         "logical_not function instead.");
  return kv_negative(s, kv_strong(s, x));
}

kvino_tensor *op_absolute(kv_scope *s, kvino_tensor *x) {
  bool plain = x && (x->dtype == KVINO_BOOL ||
                     (kvino_dtype_is_integer((kvino_dtype)x->dtype) && !kvino_dtype_is_signed((kvino_dtype)x->dtype)));
  return plain ? x : kv_abs(s, kv_strong(s, x));
}
kvino_tensor *op_abs(kv_scope *s, kvino_tensor *x) { return op_absolute(s, x); }

kvino_tensor *op_sign(kv_scope *s, kvino_tensor *x) {
  return kv_sign(s, x && x->dtype == KVINO_BOOL ? kv_cast(s, x, KVINO_I32) : kv_strong(s, x));
}

kvino_tensor *op_square(kv_scope *s, kvino_tensor *x) {
  x = x && x->dtype == KVINO_BOOL ? kv_cast(s, x, KVINO_I32) : kv_strong(s, x);
  return kv_multiply(s, x, x);
}

kvino_tensor *op_round(kv_scope *s, kvino_tensor *x, int64_t decimals) {
  kv_round_attrs to_even = {.mode = "half_to_even"};
  x = x && x->dtype == KVINO_BOOL ? kv_to_float(s, x) : kv_strong(s, x);
  if (!x || (kvino_dtype_is_integer((kvino_dtype)x->dtype) && decimals >= 0)) return x;
  if (!decimals) return kv_round(s, x, to_even);
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  /* Integers to tens, hundreds, ...: through f64, exact to 2^53 as in NumPy. */
  x = kv_cast(s, x, kvino_dtype_is_integer(dtype) ? KVINO_F64 : kv_work_dtype(dtype));
  kvino_tensor *factor = kv_like(s, x, pow(10, fabs((double)decimals)));
  kvino_tensor *y = decimals > 0 ? kv_divide(s, kv_round(s, kv_multiply(s, x, factor), to_even), factor)
                                 : kv_multiply(s, kv_round(s, kv_divide(s, x, factor), to_even), factor);
  return kv_cast(s, y, dtype);
}

/* Whether both bounds are single numbers in order that a double and `work` hold exactly. */
static bool plain_bounds(const kvino_tensor *low, const kvino_tensor *high, kvino_dtype work, double bound[2]) {
  if (!low || !high || low->rank || high->rank || kv_is_symbolic(low) || kv_is_symbolic(high)) return false;
  bound[0] = kv_tensor_get_number(low, 0);
  bound[1] = kv_tensor_get_number(high, 0);
  if (kvino_dtype_is_integer(work)) {
    int bits = (int)(8 * kvino_dtype_size(work)), value_bits = bits - kvino_dtype_is_signed(work);
    double most = ldexp(1, value_bits < 53 ? value_bits : 53), least = kvino_dtype_is_signed(work) ? -most : 0;
    if (!(bound[0] >= least && bound[1] < most)) return false;
  }
  return bound[0] <= bound[1];
}

kvino_tensor *op_clip(kv_scope *s, kvino_tensor *x, kvino_tensor *x_min, kvino_tensor *x_max) {
  if (!x) return NULL;
  kvino_dtype work = kv_result_type(s, 3, (kvino_tensor *[]){x, x_min, x_max}), dtype = kv_dtype_of(x);
  double bound[2];
  if (work == KVINO_BOOL) work = KVINO_I32;
  if (!kvino_dtype_is_complex(work) && plain_bounds(x_min, x_max, work, bound)) {
    kvino_tensor *clamped = kv_clamp(s, kv_cast(s, x, work), (kv_clamp_attrs){.min = bound[0], .max = bound[1]});
    return kv_cast(s, clamped, dtype == KVINO_BOOL ? KVINO_I32 : dtype);
  }
  kvino_tensor *y = kv_minimum(s, kv_maximum(s, kv_cast(s, x, work), kv_cast(s, x_min, work)), kv_cast(s, x_max, work));
  return kv_cast(s, y, dtype == KVINO_BOOL ? KVINO_I32 : dtype); /* the bounds do not change what x is, as in Keras */
}

/* 0-d: i */
static kvino_tensor *imaginary_unit(kv_scope *s, kvino_dtype dtype) {
  kvino_tensor *t = NULL;
  float single[2] = {0, 1};
  double wide[2] = {0, 1};
  const void *data = dtype == KVINO_C64 ? (const void *)single : wide;
  return !s->status && kv_scope_ok(s, kvino_tensor_new(dtype, 0, NULL, data, &t, s->err)) ? kv_own(s, t) : NULL;
}

double kv_largest(kvino_dtype dtype) {
  switch (dtype) {
  case KVINO_F8E4M3:
    return 448;
  case KVINO_F8E5M2:
    return 57344;
  case KVINO_F16:
    return 65504;
  case KVINO_BF16:
    return 0x1.fep127;
  case KVINO_F64:
    return 0x1.fffffffffffffp1023;
  default:
    return 0x1.fffffep127;
  }
}

kvino_tensor *op_nan_to_num(kv_scope *s, kvino_tensor *x, double nan, kvino_tensor *posinf, kvino_tensor *neginf) {
  x = kv_strong(s, x);
  if (!x || !kv_is_inexact((kvino_dtype)x->dtype)) return x;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  if (kvino_dtype_is_complex(dtype)) { /* each part by itself */
    kvino_tensor *re = op_nan_to_num(s, kv_real(s, x), nan, posinf, neginf);
    kvino_tensor *im = op_nan_to_num(s, kv_imag(s, x), nan, posinf, neginf);
    return kv_add(s, kv_cast(s, re, dtype), kv_multiply(s, kv_cast(s, im, dtype), imaginary_unit(s, dtype)));
  }
  kvino_tensor *high = posinf ? kv_cast(s, posinf, dtype) : kv_like(s, x, kv_largest(dtype));
  kvino_tensor *low = neginf ? kv_cast(s, neginf, dtype) : kv_like(s, x, -kv_largest(dtype));
  kvino_tensor *y = kv_select(s, kv_is_nan(s, x), kv_like(s, x, nan), x);
  y = kv_select(s, kv_equal(s, x, kv_like(s, x, INFINITY)), high, y);
  return kv_select(s, kv_equal(s, x, kv_like(s, x, -INFINITY)), low, y);
}

static kvino_tensor *scaled(kv_scope *s, kvino_tensor *x, double factor) {
  x = kv_to_float(s, x);
  if (!x) return NULL;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  x = kv_cast(s, x, kv_work_dtype(dtype));
  return kv_cast(s, kv_multiply(s, x, kv_like(s, x, factor)), dtype);
}
kvino_tensor *op_deg2rad(kv_scope *s, kvino_tensor *x) { return scaled(s, x, 0x1.1df46a2529d39p-6); }
kvino_tensor *op_rad2deg(kv_scope *s, kvino_tensor *x) { return scaled(s, x, 0x1.ca5dc1a63c1f8p5); }
