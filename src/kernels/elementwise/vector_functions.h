/* Functions of whole vectors of f32 where SLEEF's do more than f32 needs. Included by elementwise_sleef_body.h, whose
 * types and macros these use; beside those M32's and M64's FMA32, FMA64 (a b + c), MIN64, MAX64, SQRT32, SQRT64, RINT32
 * (to the nearest whole), LOW, HIGH, JOIN: the halves of a vector of f32 as f64, and back, ENTRY32: what each lane's
 * index, 0 to 31, has in a table of f32, and EXPONENT32, MANTISSA32: of normal numbers e and m in 2^e m, 1 <= m < 2. */

INLINE v32 fma32(v32 a, v32 b, v32 c) { return (v32)FMA32((M32)a, (M32)b, (M32)c); }
INLINE v64 fma64(v64 a, v64 b, v64 c) { return (v64)FMA64((M64)a, (M64)b, (M64)c); }
INLINE v32 all32(float x) { return (v32){} + x; }
INLINE v64 all64(double x) { return (v64){} + x; }
INLINE v32 copy_sign32(v32 x, v32 sign) { return (v32)(((mask32)x & INT32_MAX) | ((mask32)sign & INT32_MIN)); }
INLINE v64 copy_sign64(v64 x, v64 sign) { return (v64)(((mask64)x & INT64_MAX) | ((mask64)sign & INT64_MIN)); }

/* c[0] + c[1] x + ... + c[n - 1] x^(n - 1), even and odd powers apart: two short chains for one long one. n >= 3 is
 * known to the compiler. */
#define POLY(B, T)                                                                                                     \
  INLINE v##B poly##B(v##B x, const T *c, int n) {                                                                     \
    const v##B u = x * x;                                                                                              \
    v##B y = all##B(c[n - 1]), z = all##B(c[n - 2]);                                                                   \
    _Pragma("GCC unroll 32") for (int i = n - 3; i >= 0; i -= 2) {                                                     \
      y = fma##B(y, u, all##B(c[i]));                                                                                  \
      if (i) z = fma##B(z, u, all##B(c[i - 1]));                                                                       \
    }                                                                                                                  \
    return n % 2 ? fma##B(z, x, y) : fma##B(y, x, z);                                                                  \
  }
POLY(32, float)
POLY(64, double)
#undef POLY

/* The same in one chain: coefficients of alternating signs cancel between even and odd powers where x is large. */
INLINE v32 horner32(v32 x, const float *c, int n) {
  v32 y = all32(c[n - 1]);
  _Pragma("GCC unroll 32") for (int i = n - 2; i >= 0; i--) y = fma32(y, x, all32(c[i]));
  return y;
}

#include "kernels/elementwise/vector_hyperbolic.h"
#include "kernels/elementwise/vector_roots.h"
#include "kernels/elementwise/vector_arcs.h"
#include "kernels/elementwise/vector_logarithms.h"
#include "kernels/elementwise/vector_tanh.h"

/* As SIGMOID and SOFT_PLUS of elementwise_formulas.h. */
INLINE v64 sigmoid64(v64 x) {
  v64 e = (v64)S64(exp, u10)((M64)-fabs64(x));
  return select64((mask64)(x < 0), e, all64(1)) / (1 + e);
}
INLINE v64 soft_plus64(v64 x) {
  v64 e = (v64)S64(exp, u10)((M64)-fabs64(x)), y = select64((mask64)(e < 0x1p-55), e, (v64)S64(log1p, u10)((M64)e));
  return select64((mask64)(x > 0), x, all64(0)) + y;
}

#include "kernels/elementwise/vector_error.h"

/* The logarithm to base 2 of normal x > 0, to about 1e-12. As log_of of vector_math.h. */
INLINE v64 log2_of(v64 x) {
  mask64 u = (mask64)x, from_half = u - 0x3fe6a09e667f3bcd; /* sqrt(1/2) */
  mask64 biased = (mask64)((umask64)(from_half + (1024ll << 52)) >> 52);
  v64 e = (v64)(biased | 0x4330000000000000) - (0x1p52 + 1024);
  v64 f = (v64)(u - (from_half & (int64_t)0xfff0000000000000)) - 1, s = f / (2 + f), q = s * s;
  v64 series = all64(0x1.8c92867b49a01p-4);
  series = fma64(series, q, all64(0x1.c67a84e8a4ba0p-4));
  series = fma64(series, q, all64(0x1.249324907dae3p-3));
  series = fma64(series, q, all64(0x1.999998ca249fbp-3));
  series = fma64(series, q, all64(0x1.5555555564fdap-2));
  v64 t = s * 0x1.71547652b82fep+1; /* 2 / log(2) */
  return fma64(t * q, series, t + e);
}

/* x^y for normal x > 0 and finite y, to about 2^-28; 2^+-1000 beyond that. */
INLINE v64 pow64(v64 x, v64 y) {
  v64 z = y * log2_of(x);
  z = (v64)MAX64((M64)MIN64((M64)z, (M64)all64(1000)), (M64)all64(-1000));
  v64 shifted = z + 0x1.8p52, r = z - (shifted - 0x1.8p52);
  v64 p = all64(0x1.44401fae30efep-13);
  p = fma64(p, r, all64(0x1.5f48ee5d03a91p-10));
  p = fma64(p, r, all64(0x1.3b2a1b516ca7fp-7));
  p = fma64(p, r, all64(0x1.c6aecc0a7de9fp-5));
  p = fma64(p, r, all64(0x1.ebfbe0460cc0bp-3));
  p = fma64(p, r, all64(0x1.62e430d07986cp-1));
  p = fma64(p, r, all64(1));
  return (v64)((mask64)p + ((mask64)shifted << 52));
}

/* log(x + sqrt(x^2 +- 1)), in f64 for |x| of f32: nothing overflows, and what cancels is far below f32's last place
 * where |x| >= 2^-13. */
INLINE v64 inverse_hyperbolic(v64 x, double one) {
  return log2_of(x + (v64)SQRT64((M64)(x * x + one))) * 0x1.62e42fefa39efp-1; /* log(2) */
}
INLINE v32 asinh32(v32 x) {
  v32 a = fabs32(x);
  mask32 usual = (mask32)(a >= 0x1p-13f) & (mask32)(a < all32(INFINITY));
  v32 b = select32(usual, a, all32(1));
  v32 y = (v32)JOIN(inverse_hyperbolic(LOW(b), 1), inverse_hyperbolic(HIGH(b), 1));
  return select32(usual, (v32)((mask32)y | ((mask32)x & INT32_MIN)), x);
}
INLINE v32 acosh32(v32 x) {
  mask32 usual = (mask32)(x >= 1) & (mask32)(x < all32(INFINITY));
  v32 b = select32(usual, x, all32(1));
  v32 y = (v32)JOIN(inverse_hyperbolic(LOW(b), -1), inverse_hyperbolic(HIGH(b), -1));
  return select32(usual, y, select32((mask32)(x < 1), all32(NAN), x));
}

static __attribute__((noinline)) v32 pow32_patched(mask32 m, v32 x, v32 y, v32 power) {
  for (int i = 0; i < LANES32; i++)
    if (m[i]) power[i] = powf(x[i], y[i]);
  return power;
}

INLINE v32 pow32(v32 x, v32 y) {
  v32 a = fabs32(x), zero = {}, infinity = all32(INFINITY);
  mask32 is_zero = (mask32)(x == 0), usual = (mask32)(a < infinity) & (mask32)(fabs32(y) < infinity);
  v32 b = select32(usual & ~is_zero, a, all32(1)), c = select32(usual, y, all32(1));
  v32 power = (v32)JOIN(pow64(LOW(b), LOW(c)), pow64(HIGH(b), HIGH(c)));
  if (ANY32(is_zero))
    power = select32(is_zero & (mask32)(y > 0), zero, select32(is_zero & (mask32)(y < 0), infinity, power));
  mask32 negative = (mask32)x >> 31;
  if (ANY32(negative)) {
    v32 half = 0.5f * y;
    mask32 whole = (mask32)((v32)RINT32((M32)y) == y), odd = whole & (mask32)((v32)RINT32((M32)half) != half);
    power = (v32)((mask32)power | (negative & odd & INT32_MIN));
    power = select32(negative & ~whole & ~is_zero, all32(NAN), power);
  }
  return ANY32(~usual) ? pow32_patched(~usual, x, y, power) : power;
}
