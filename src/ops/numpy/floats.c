/* keras.ops.numpy: what looks at the representation of floats, and the parts of complex numbers. */
#include <math.h>

#include "ops/common.h"

/* ---- of floats ---- */

static bool refuses_complex(kv_scope *s, const kvino_tensor *x, const char *name) {
  if (!x || !kvino_dtype_is_complex((kvino_dtype)x->dtype)) return false;
  kv_scope_fail(s, KVINO_TYPE, "%s does not support complex inputs. Received: dtype=%s", name,
                kvino_dtype_name((kvino_dtype)x->dtype));
  return true;
}

kvino_tensor *op_fabs(kv_scope *s, kvino_tensor *x) {
  return refuses_complex(s, x, "fabs") ? NULL : kv_abs(s, kv_to_float(s, x));
}

kvino_tensor *op_signbit(kv_scope *s, kvino_tensor *x) {
  return refuses_complex(s, x, "signbit") ? NULL : kv_sign_bit(s, kv_strong(s, x));
}

/* Whether x is this infinity; integers never are. */
static kvino_tensor *is_infinity(kv_scope *s, kvino_tensor *x, const char *name, double infinity) {
  if (!x || refuses_complex(s, x, name)) return NULL;
  if (!kvino_dtype_is_float((kvino_dtype)x->dtype))
    return kv_broadcast_shape(s, kv_int(s, KVINO_BOOL, 0), kv_dims(s, x));
  x = kv_strong(s, x);
  return kv_equal(s, x, kv_like(s, x, infinity));
}
kvino_tensor *op_isposinf(kv_scope *s, kvino_tensor *x) { return is_infinity(s, x, "isposinf", INFINITY); }
kvino_tensor *op_isneginf(kv_scope *s, kvino_tensor *x) { return is_infinity(s, x, "isneginf", -INFINITY); }

kvino_tensor *op_copysign(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  kv_align_float(s, &x1, &x2);
  return kv_copysign(s, x1, x2);
}

kvino_tensor *op_nextafter(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  kv_align_float(s, &x1, &x2);
  return kv_next_after(s, x1, x2);
}

kvino_tensor *op_ldexp(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  if (!x1 || !x2) return NULL;
  if (!kvino_dtype_is_integer((kvino_dtype)x2->dtype))
    return kv_scope_fail(s, KVINO_TYPE, "ldexp exponent must be an integer type. Received: x2 dtype=%s",
                         kvino_dtype_name((kvino_dtype)x2->dtype));
  kvino_dtype dtype = kv_result_float(s, 2, (kvino_tensor *[]){x1, x2}), work = kv_work_dtype(dtype);
  /* Not by way of a smaller float: bfloat16 has not every exponent between -300 and 300. */
  return kv_cast(s, kv_ldexp(s, kv_cast(s, kv_cast(s, x1, dtype), work), kv_cast(s, x2, work)), dtype);
}

/* Integers become floatx, those of 64 bits f64, as in Keras. */
kvino_tensor *op_heaviside(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  if (!x1 || !x2) return NULL;
  if (refuses_complex(s, x1, "heaviside") || refuses_complex(s, x2, "heaviside")) return NULL;
  kvino_dtype dtype = kv_result_type(s, 2, (kvino_tensor *[]){x1, x2});
  if (!kvino_dtype_is_float(dtype)) dtype = kvino_dtype_size(dtype) == 8 ? KVINO_F64 : kvino_floatx();
  return kv_heaviside(s, kv_cast(s, x1, dtype), kv_cast(s, x2, dtype));
}

/* ---- of complex numbers ---- */

kvino_tensor *op_real(kv_scope *s, kvino_tensor *x) {
  x = kv_strong(s, x);
  return x && kvino_dtype_is_complex((kvino_dtype)x->dtype) ? kv_real(s, x) : x;
}

kvino_tensor *op_imag(kv_scope *s, kvino_tensor *x) {
  x = kv_strong(s, x);
  if (!x || kvino_dtype_is_complex((kvino_dtype)x->dtype)) return kv_imag(s, x);
  return kv_broadcast_shape(s, kv_int(s, (kvino_dtype)x->dtype, 0), kv_dims(s, x));
}

kvino_tensor *op_conj(kv_scope *s, kvino_tensor *x) {
  x = kv_strong(s, x);
  return x && kvino_dtype_is_complex((kvino_dtype)x->dtype) ? kv_conj(s, x) : x;
}
kvino_tensor *op_conjugate(kv_scope *s, kvino_tensor *x) { return op_conj(s, x); }

kvino_tensor *op_angle(kv_scope *s, kvino_tensor *x) { return kv_angle(s, kv_to_float(s, x)); }

kvino_tensor *op_isreal(kv_scope *s, kvino_tensor *x) {
  if (!x) return NULL;
  if (!kvino_dtype_is_complex((kvino_dtype)x->dtype))
    return kv_broadcast_shape(s, kv_int(s, KVINO_BOOL, 1), kv_dims(s, x));
  kvino_tensor *im = kv_imag(s, x);
  return kv_equal(s, im, kv_like(s, im, 0));
}
