/* Remainder and floor division of whole vectors, with the bits of elementwise_formulas.h. Included by
 * elementwise_sleef_body.h, after vector_functions.h.
 *
 * |x| = k |z| + r with k = |x| / |z| rounded to a whole number by adding 1.5 2^52 (2^23 in f32): r, in (-|z|, |z|) as k
 * may be one too many, is a multiple of the last place of z and so exact in one FMA. Lanes whose quotient is 2^22 and
 * more, or where z is 0, or x or z not finite, go through the C library's fmod. */

#include "kernels/elementwise/elementwise_formulas.h"

#define DEFINE_REMAINDER(bits, type, magic)                                                                            \
  static inline type scalar_floor_mod##bits(type x, type z) {                                                          \
    typedef type T; /* of the formula */                                                                               \
    return F_FLOOR_MOD(x, z);                                                                                          \
  }                                                                                                                    \
  static inline type scalar_floor_divide##bits(type x, type z) {                                                       \
    typedef type T;                                                                                                    \
    return F_FLOOR_DIVIDE(x, z);                                                                                       \
  }                                                                                                                    \
  static inline type scalar_mod##bits(type x, type z) { return (type)fmod(x, z); }                                     \
  static __attribute__((noinline))                                                                                     \
  v##bits remainder_patched##bits(mask##bits m, v##bits x, v##bits z, v##bits y, type (*f)(type, type)) {              \
    for (int i = 0; i < LANES##bits; i++)                                                                              \
      if (m[i]) y[i] = f(x[i], z[i]);                                                                                  \
    return y;                                                                                                          \
  }                                                                                                                    \
  INLINE mask##bits sign_of##bits(v##bits x) { return (mask##bits)x & INT##bits##_MIN; }                               \
  /* fmod where the mask is not set. */                                                                                \
  INLINE v##bits usual_mod##bits(v##bits x, v##bits z, mask##bits *unusual) {                                          \
    v##bits a = fabs##bits(x), b = fabs##bits(z), q = a / b;                                                           \
    *unusual = ~((mask##bits)(q < 0x1p22) & (mask##bits)(b < all##bits(INFINITY)));                                    \
    v##bits k = (q + magic) - magic, r = fma##bits(-k, b, a);                                                          \
    r = select##bits((mask##bits)(r < 0), r + b, r);                                                                   \
    return (v##bits)((mask##bits)r | sign_of##bits(x));                                                                \
  }                                                                                                                    \
  INLINE v##bits mod##bits(v##bits x, v##bits z) {                                                                     \
    mask##bits unusual;                                                                                                \
    v##bits y = usual_mod##bits(x, z, &unusual);                                                                       \
    return ANY##bits(unusual) ? remainder_patched##bits(unusual, x, z, y, scalar_mod##bits) : y;                       \
  }                                                                                                                    \
  INLINE v##bits floor_mod##bits(v##bits x, v##bits z) {                                                               \
    mask##bits unusual;                                                                                                \
    v##bits rest = usual_mod##bits(x, z, &unusual);                                                                    \
    v##bits y = select##bits((mask##bits)(rest < 0) ^ (mask##bits)(z < 0), rest + z, rest);                            \
    y = select##bits((mask##bits)(rest == 0), (v##bits)sign_of##bits(z), y);                                           \
    return ANY##bits(unusual) ? remainder_patched##bits(unusual, x, z, y, scalar_floor_mod##bits) : y;                 \
  }                                                                                                                    \
  INLINE v##bits floor_divide##bits(v##bits x, v##bits z) {                                                            \
    mask##bits unusual;                                                                                                \
    v##bits rest = usual_mod##bits(x, z, &unusual), q = (x - rest) / z;                                                \
    mask##bits lower = ~(mask##bits)(rest == 0) & ((mask##bits)(rest < 0) ^ (mask##bits)(z < 0));                      \
    q = select##bits(lower, q - 1, q);                                                                                 \
    v##bits whole = (q + magic) - magic;                                                                               \
    whole = select##bits((mask##bits)(whole > q), whole - 1, whole);                                                   \
    v##bits y = select##bits((mask##bits)(q - whole > (type)0.5), whole + 1, whole);                                   \
    y = select##bits((mask##bits)(q == 0), (v##bits)(sign_of##bits(x) ^ sign_of##bits(z)), y);                         \
    return ANY##bits(unusual) ? remainder_patched##bits(unusual, x, z, y, scalar_floor_divide##bits) : y;              \
  }
DEFINE_REMAINDER(32, float, 0x1.8p23f)
DEFINE_REMAINDER(64, double, 0x1.8p52)
#undef DEFINE_REMAINDER
