/* Exponentials and logarithms of f32 that the compiler can vectorize: straight-line C in double, exact to about 1e-12,
 * so that rounding to f32 gives the nearest float but for one case in many thousands - and so, but for one in many
 * millions, the same on every instruction set, fused operations or not. f64 keeps the C library's functions: EXP, LOG,
 * ... choose by the dtype T of the loop. */
#ifndef KVINO_KERNELS_ELEMENTWISE_VECTOR_MATH_H
#define KVINO_KERNELS_ELEMENTWISE_VECTOR_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define KV_INLINE static inline __attribute__((always_inline, unused))

KV_INLINE uint64_t bits_of_f64(double x) {
  uint64_t u;
  memcpy(&u, &x, sizeof u);
  return u;
}
KV_INLINE double f64_of_bits(uint64_t u) {
  double x;
  memcpy(&x, &u, sizeof x);
  return x;
}

/* a * b + c */
KV_INLINE double mul_add(double a, double b, double c) {
#ifdef __FMA__
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

/* x = k log(2) + r, |r| <= log(2)/2: gives 2^k and exp(r) - 1, whose series begins with r itself. Beyond +-700 nothing
 * changes in f32. */
KV_INLINE double split_exp(double x, double *scale) {
  x = x < -700 ? -700 : x > 700 ? 700 : x;        /* NaN stays */
  double shifted = mul_add(x, M_LOG2E, 0x1.8p52); /* rounds to whole, and has k in its low bits */
  double k = shifted - 0x1.8p52, r = mul_add(-k, 0x1.ef35793c76730p-45, mul_add(-k, 0x1.62e42fefa3800p-1, x));
  *scale = f64_of_bits((bits_of_f64(shifted) + 1023) << 52);
  double series = 0x1.72ad458027fbcp-19; /* (exp(r) - 1 - r) / r^2, interpolated in Chebyshev's points */
  series = mul_add(series, r, 0x1.a136bf03ec612p-16);
  series = mul_add(series, r, 0x1.a019c36bc053cp-13);
  series = mul_add(series, r, 0x1.6c166bde96885p-10);
  series = mul_add(series, r, 0x1.111111170bc08p-7);
  series = mul_add(series, r, 0x1.55555565c7e0ep-5);
  series = mul_add(series, r, 0x1.5555555554f96p-3);
  series = mul_add(series, r, 0x1.fffffffffe062p-2);
  return mul_add(series * r, r, r);
}
KV_INLINE double exp_f32(double x) {
  double scale, rest = split_exp(x, &scale);
  return x < -700 ? 0 : mul_add(scale, rest, scale);
}
KV_INLINE double expm1_f32(double x) {
  double scale, rest = split_exp(x, &scale);
  return copysign(mul_add(scale, rest, scale - 1), x); /* keeps -0.0 */
}
KV_INLINE double tanh_f32(double x) {
  double e = expm1_f32(2 * x);
  e = e > 1e300 ? 1e300 : e;
  return copysign(e / (e + 2), x);
}

/* log(1 + x), where y is 1 + x as far as a double holds it: y = 2^e m, m in [sqrt(1/2), sqrt(2)). log(m) = 2 atanh(f /
 * (2 + f)) for f = m - 1, which is x itself where e = 0. */
KV_INLINE double log_of(double x, double y) {
  uint64_t u = bits_of_f64(y), from_half = u - 0x3fe6a09e667f3bcdu; /* sqrt(1/2) */
  int64_t high = (int64_t)(from_half & 0xfff0000000000000u);
  double m = f64_of_bits(u - (uint64_t)high), e = (double)(int32_t)(high >> 52);
  double f = e == 0 ? x : m - 1, s = f / (2 + f), q = s * s;
  double series = 0x1.8c92867b49a01p-4; /* (atanh(s) / s - 1) / q, interpolated in Chebyshev's points */
  series = mul_add(series, q, 0x1.c67a84e8a4ba0p-4);
  series = mul_add(series, q, 0x1.249324907dae3p-3);
  series = mul_add(series, q, 0x1.999998ca249fbp-3);
  series = mul_add(series, q, 0x1.5555555564fdap-2);
  double result = mul_add(e, M_LN2, mul_add(2 * s * q, series, 2 * s));
  result = y == 0 ? -INFINITY : y < INFINITY ? result : y; /* infinity and NaN stay */
  return y < 0 ? (double)NAN : result;
}
KV_INLINE double log_f32(double x) { return log_of(x - 1, x); }
KV_INLINE double log1p_f32(double x) {
  double result = log_of(x, 1 + x);
  return x == 0 ? x : result; /* keeps -0.0 */
}

/* In loops of elementwise_body.h, where T is the dtype; x is a double. */
#define BY_DTYPE(f32, f64) __builtin_choose_expr(sizeof(T) == sizeof(float), f32, f64)
#define EXP(v) BY_DTYPE(exp_f32(v), exp(v))
#define EXPM1(v) BY_DTYPE(expm1_f32(v), expm1(v))
#define TANH(v) BY_DTYPE(tanh_f32(v), (double)tanhl(v)) /* as sinhl, cbrtl: tanh has errors of 2 ulp */
#define LOG(v) BY_DTYPE(log_f32(v), log(v))
#define LOG1P(v) BY_DTYPE(log1p_f32(v), log1p(v))

#endif
