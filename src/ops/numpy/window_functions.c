/* keras.ops.numpy: window functions. Computed in float64 and rounded once to floatx. */
#include <math.h>

#include "ops/common.h"

static kvino_tensor *constant(kv_scope *s, double value) { return kv_number(s, KVINO_F64, value); }

/* begin, begin + step, ... before `end`. */
static kvino_tensor *points(kv_scope *s, kvino_tensor *begin, kvino_tensor *end, double step) {
  return kv_range(s, begin, end, constant(s, step), (kv_output_type_attrs){.output_type = KVINO_F64});
}

/* The window's length as a 0-d float64. */
static kvino_tensor *length_of(kv_scope *s, kvino_tensor *x) {
  if (x && x->rank) return kv_scope_fail(s, KVINO_TYPE, "only 0-dimensional arrays can be converted to Python scalars");
  if (x && kvino_dtype_is_complex((kvino_dtype)x->dtype))
    return kv_scope_fail(s, KVINO_TYPE, "the length of a window must be real");
  return kv_cast(s, x, KVINO_F64);
}

/* The points of a symmetric window in [-1, 1]; 0 alone where its length is 1. */
static kvino_tensor *symmetric(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *length = length_of(s, x), *one = constant(s, 1);
  kvino_tensor *span = kv_maximum(s, kv_subtract(s, length, one), one);
  return kv_divide(s, points(s, kv_subtract(s, one, length), length, 2), span);
}

/* a + b cos(pi t) + c cos(2 pi t) */
static kvino_tensor *cosines(kv_scope *s, kvino_tensor *x, double a, double b, double c) {
  kvino_tensor *t = symmetric(s, x);
  kvino_tensor *y = kv_multiply(s, kv_cos(s, kv_multiply(s, t, constant(s, M_PI))), constant(s, b));
  y = kv_add(s, y, constant(s, a));
  if (c != 0) y = kv_add(s, y, kv_multiply(s, kv_cos(s, kv_multiply(s, t, constant(s, 2 * M_PI))), constant(s, c)));
  return kv_cast(s, y, kvino_floatx());
}

kvino_tensor *op_bartlett(kv_scope *s, kvino_tensor *x) {
  return kv_cast(s, kv_subtract(s, constant(s, 1), kv_abs(s, symmetric(s, x))), kvino_floatx());
}
kvino_tensor *op_hanning(kv_scope *s, kvino_tensor *x) { return cosines(s, x, 0.5, 0.5, 0); }
kvino_tensor *op_hamming(kv_scope *s, kvino_tensor *x) { return cosines(s, x, 0.54, 0.46, 0); }
kvino_tensor *op_blackman(kv_scope *s, kvino_tensor *x) { return cosines(s, x, 0.42, 0.5, 0.08); }

kvino_tensor *op_kaiser(kv_scope *s, kvino_tensor *x, kvino_tensor *beta) {
  kvino_tensor *t = symmetric(s, x), *b = kv_cast(s, beta, KVINO_F64);
  kvino_tensor *height = kv_sqrt(s, kv_subtract(s, constant(s, 1), kv_multiply(s, t, t)));
  kvino_tensor *y = kv_divide(s, kv_bessel_i0(s, kv_multiply(s, b, height)), kv_bessel_i0(s, b));
  return kv_cast(s, y, kvino_floatx());
}
