/* log, exp, sin and cos made of additions, multiplications, divisions and square roots alone, which IEEE 754 rounds the
 * same way everywhere: random numbers made with them are the same on every machine, whatever its C library and
 * instruction set. (Nothing here may be contracted to fused operations: -ffp-contract=off.) Errors are below 2 ulp. */
#ifndef KVINO_KERNELS_ELEMENTWISE_PORTABLE_MATH_H
#define KVINO_KERNELS_ELEMENTWISE_PORTABLE_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define KV_LN2_HIGH 0x1.62e42feep-1 /* 32 bits: its product with an exponent is exact */
#define KV_LN2_LOW 0x1.a39ef35793c76p-33

/* Of a positive, normal, finite x: x = 2^e m with m around 1, log m = 2 artanh((m - 1) / (m + 1)). */
static inline double kv_portable_log(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  int32_t e = (int32_t)((int64_t)(bits - 0x3fe6a09e667f3bcdu) >> 52); /* sqrt(1/2) <= m < sqrt(2) */
  bits -= (uint64_t)(int64_t)e << 52;
  double m;
  memcpy(&m, &bits, sizeof m);
  double t = (m - 1) / (m + 1), z = t * t;
  double p =
      z * (1.0 / 3 +
           z * (1.0 / 5 +
                z * (1.0 / 7 +
                     z * (1.0 / 9 +
                          z * (1.0 / 11 +
                               z * (1.0 / 13 +
                                    z * (1.0 / 15 +
                                         z * (1.0 / 17 + z * (1.0 / 19 + z * (1.0 / 21)))))))))); /* |t| <= 0.172 */
  double y = 2 * t + 2 * t * p;
  return e * KV_LN2_HIGH + (e * KV_LN2_LOW + y);
}

/* log(1 + x) for x > -1: what rounding 1 + x loses is made good by the factor (Kahan). */
static inline double kv_portable_log1p(double x) {
  double u = 1 + x;
  return u == 1 ? x : kv_portable_log(u) * (x / (u - 1));
}

/* 0 and infinity beyond the range of the exponent. NaN is not given. */
static inline double kv_portable_exp(double x) {
  if (x > 709.78) return INFINITY;
  if (x < -708.39) return 0;
  double k = floor(x * 1.4426950408889634 + 0.5);
  double r = x - k * KV_LN2_HIGH - k * KV_LN2_LOW, sum = 1;
#pragma GCC unroll 14
  for (int i = 14; i > 0; i--) sum = 1 + r * sum * (1.0 / i); /* |r| <= 0.347 */
  int exponent = (int)k, half = exponent / 2;                 /* 2^1024 is no number, but its square root is */
  uint64_t bits[2] = {(uint64_t)(1023 + half) << 52, (uint64_t)(1023 + exponent - half) << 52};
  double scale[2];
  memcpy(scale, bits, sizeof scale);
  return sum * scale[0] * scale[1];
}

/* sin and cos of 2 pi u, 0 <= u < 1: of the distance to the nearest quarter of the circle, then turned. */
static inline void kv_portable_sincos_turn(double u, double *sine, double *cosine) {
  int quarter = (int)(4 * u + 0.5);
  double x = (4 * u - quarter) * 1.5707963267948966, z = x * x; /* |x| <= pi / 4 */
  double s =
      x * (1 - z * (1.0 / 6) *
                   (1 - z * (1.0 / 20) *
                            (1 - z * (1.0 / 42) *
                                     (1 - z * (1.0 / 72) *
                                              (1 - z * (1.0 / 110) *
                                                       (1 - z * (1.0 / 156) *
                                                                (1 - z * (1.0 / 210) * (1 - z * (1.0 / 272)))))))));
  double c =
      1 -
      z * (1.0 / 2) *
          (1 - z * (1.0 / 12) *
                   (1 - z * (1.0 / 30) *
                            (1 - z * (1.0 / 56) *
                                     (1 - z * (1.0 / 90) *
                                              (1 - z * (1.0 / 132) * (1 - z * (1.0 / 182) * (1 - z * (1.0 / 240))))))));
  double turned_s = quarter & 1 ? c : s, turned_c = quarter & 1 ? s : c;
  *sine = quarter & 2 ? -turned_s : turned_s;
  *cosine = (quarter + 1) & 2 ? -turned_c : turned_c;
}

#endif
