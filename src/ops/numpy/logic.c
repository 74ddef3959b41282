/* keras.ops.numpy: comparison, logic, bits. */
#include "ops/common.h"

#define COMPARE(name)                                                                                                  \
  kvino_tensor *op_##name(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {                                           \
    kv_align(s, &x1, &x2);                                                                                             \
    return kv_##name(s, x1, x2);                                                                                       \
  }
#define LOGICAL(name)                                                                                                  \
  kvino_tensor *op_##name(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {                                           \
    return kv_##name(s, kv_truth(s, x1), kv_truth(s, x2));                                                             \
  }
#define BITWISE(name)                                                                                                  \
  kvino_tensor *op_##name(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {                                           \
    kv_align(s, &x1, &x2);                                                                                             \
    return kv_##name(s, x1, x2);                                                                                       \
  }
/* bool has no bits to shift and is taken as int32. */
#define SHIFT(name, prim)                                                                                              \
  kvino_tensor *op_##name(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {                                           \
    kv_align(s, &x1, &x2);                                                                                             \
    if (x1 && x2 && x1->dtype == KVINO_BOOL) {                                                                         \
      x1 = kv_cast(s, x1, KVINO_I32);                                                                                  \
      x2 = kv_cast(s, x2, KVINO_I32);                                                                                  \
    }                                                                                                                  \
    return kv_##prim(s, x1, x2);                                                                                       \
  }
/* Integers are always finite. */
#define CLASSIFY(name, prim, of_integers)                                                                              \
  kvino_tensor *op_##name(kv_scope *s, kvino_tensor *x) {                                                              \
    if (x && kv_is_inexact((kvino_dtype)x->dtype)) return kv_##prim(s, x);                                             \
    return kv_broadcast_shape(s, kv_int(s, KVINO_BOOL, of_integers), kv_dims(s, x));                                   \
  }

COMPARE(equal)
COMPARE(not_equal)
COMPARE(less)
COMPARE(less_equal)
COMPARE(greater)
COMPARE(greater_equal)
LOGICAL(logical_and)
LOGICAL(logical_or)
LOGICAL(logical_xor)
BITWISE(bitwise_and)
BITWISE(bitwise_or)
BITWISE(bitwise_xor)
SHIFT(bitwise_left_shift, bitwise_left_shift)
SHIFT(left_shift, bitwise_left_shift)
SHIFT(bitwise_right_shift, bitwise_right_shift)
SHIFT(right_shift, bitwise_right_shift)
CLASSIFY(isnan, is_nan, 0)
CLASSIFY(isinf, is_inf, 0)
CLASSIFY(isfinite, is_finite, 1)

kvino_tensor *op_logical_not(kv_scope *s, kvino_tensor *x) { return kv_logical_not(s, kv_truth(s, x)); }
kvino_tensor *op_bitwise_not(kv_scope *s, kvino_tensor *x) { return kv_bitwise_not(s, kv_strong(s, x)); }
kvino_tensor *op_bitwise_invert(kv_scope *s, kvino_tensor *x) { return op_bitwise_not(s, x); }

kvino_tensor *op_isclose(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2, double rtol, double atol, bool equal_nan) {
  kvino_dtype dtype = kv_result_type(s, 2, (kvino_tensor *[]){x1, x2});
  dtype = kv_is_inexact(dtype) ? kv_work_dtype(dtype) : kvino_dtype_size(dtype) < 4 ? KVINO_F32 : KVINO_F64;
  x1 = kv_cast(s, x1, dtype);
  x2 = kv_cast(s, x2, dtype);
  kvino_tensor *gap = kv_abs(s, kv_subtract(s, x1, x2)), *size = kv_abs(s, x2);
  kvino_tensor *allowed = kv_add(s, kv_like(s, size, atol), kv_multiply(s, kv_like(s, size, rtol), size));
  /* An infinity is close to itself alone: the bound would be infinite. */
  kvino_tensor *y = kv_logical_and(s, kv_less_equal(s, gap, allowed), op_isfinite(s, x2));
  y = kv_logical_or(s, y, kv_equal(s, x1, x2));
  return equal_nan ? kv_logical_or(s, y, kv_logical_and(s, op_isnan(s, x1), op_isnan(s, x2))) : y;
}

kvino_tensor *op_allclose(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2, double rtol, double atol, bool equal_nan) {
  return op_all(s, op_isclose(s, x1, x2, rtol, atol, equal_nan), KVINO_NO_INTS, false);
}
