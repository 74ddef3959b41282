/* The loops of conversions. */
#include "kernels/level.h"
#include <string.h>

#include "base/convert.h"
#include "kernels/elementwise/convert_kernels.h"
#if defined(__F16C__)
#include <immintrin.h>
#endif

/* Operands may be unaligned: their elements have these types. */
#define UNALIGNED(type, name) typedef type name __attribute__((aligned(1), may_alias))
UNALIGNED(uint16_t, any_u16);
UNALIGNED(int64_t, any_i64);
UNALIGNED(uint64_t, any_u64);
UNALIGNED(double, any_f64);
UNALIGNED(float, any_f32);

static inline uint32_t bits_of(float f) {
  uint32_t u;
  memcpy(&u, &f, sizeof u);
  return u;
}
static inline float float_of(uint32_t u) {
  float f;
  memcpy(&f, &u, sizeof f);
  return f;
}

/* ---- core: CONVERT_<kind of source>_<destination>(v). What is out of range becomes the smallest integer, which the
 * range's lower end converts to, so that no conversion here is undefined. ---- */

#define RANGE(v, low, high) ((v) >= (low) && (v) < (high) ? (v) : (low))
#define TO_I32(v) ((int32_t)RANGE(v, -0x1p31f, 0x1p31f))
#define TO_I64(v) ((int64_t)RANGE(v, -0x1p63f, 0x1p63f))
#define TO_U64(v) ((v) >= 0x1p63f ? (uint64_t)TO_I64((v)-0x1p63f) ^ 0x8000000000000000u : (uint64_t)TO_I64(v))

#define TO(label, type, expression)                                                                                    \
  label {                                                                                                              \
    UNALIGNED(type, any);                                                                                              \
    any *restrict yy = y;                                                                                              \
    for (size_t i = 0; i < n; i++) {                                                                                   \
      const S v = xx[i];                                                                                               \
      yy[i] = (type)(expression);                                                                                      \
    }                                                                                                                  \
    return;                                                                                                            \
  }
/* From one type to all. */
#define FROM(label, type, ...)                                                                                         \
  label {                                                                                                              \
    typedef type S;                                                                                                    \
    UNALIGNED(type, source);                                                                                           \
    const source *xx = x;                                                                                              \
    switch (to) {                                                                                                      \
      TO(case KVINO_BOOL:, uint8_t, v != 0)                                                                            \
      __VA_ARGS__                                                                                                      \
      TO(case KVINO_F32:, float, v)                                                                                    \
      TO(case KVINO_F64:, double, v)                                                                                   \
    default:                                                                                                           \
      return;                                                                                                          \
    }                                                                                                                  \
  }
#define INTEGERS                                                                                                       \
  TO(case KVINO_U8 : case KVINO_I8:, uint8_t, v)                                                                       \
  TO(case KVINO_U16 : case KVINO_I16:, uint16_t, v)                                                                    \
  TO(case KVINO_U32 : case KVINO_I32:, uint32_t, v)                                                                    \
  TO(case KVINO_U64 : case KVINO_I64:, uint64_t, v)
#define REALS                                                                                                          \
  TO(case KVINO_U8 : case KVINO_I8:, uint8_t, TO_I32(v))                                                               \
  TO(case KVINO_U16 : case KVINO_I16:, uint16_t, TO_I32(v))                                                            \
  TO(case KVINO_I32:, int32_t, TO_I32(v))                                                                              \
  TO(case KVINO_U32:, uint32_t, TO_I64(v))                                                                             \
  TO(case KVINO_I64:, int64_t, TO_I64(v))                                                                              \
  TO(case KVINO_U64:, uint64_t, TO_U64(v))

static void core_bool(const void *x, kvino_dtype to, void *y, size_t n) {
  const uint8_t *xx = x;
  switch (to) {
#define S int
    TO(case KVINO_BOOL : case KVINO_U8 : case KVINO_I8:, uint8_t, v != 0)
    TO(case KVINO_U16 : case KVINO_I16:, uint16_t, v != 0)
    TO(case KVINO_U32 : case KVINO_I32:, uint32_t, v != 0)
    TO(case KVINO_U64 : case KVINO_I64:, uint64_t, v != 0)
    TO(case KVINO_F32:, float, v != 0)
    TO(case KVINO_F64:, double, v != 0)
#undef S
  default:
    return;
  }
}

static void core(kvino_dtype from, const void *x, kvino_dtype to, void *y, size_t n) {
  switch (from) {
  case KVINO_BOOL:
    core_bool(x, to, y, n);
    return;
    FROM(case KVINO_U8:, uint8_t, INTEGERS)
    FROM(case KVINO_U16:, uint16_t, INTEGERS)
    FROM(case KVINO_U32:, uint32_t, INTEGERS)
    FROM(case KVINO_U64:, uint64_t, INTEGERS)
    FROM(case KVINO_I8:, int8_t, INTEGERS)
    FROM(case KVINO_I16:, int16_t, INTEGERS)
    FROM(case KVINO_I32:, int32_t, INTEGERS)
    FROM(case KVINO_I64:, int64_t, INTEGERS)
    FROM(case KVINO_F32:, float, REALS)
    FROM(case KVINO_F64:, double, REALS)
  default:
    return;
  }
}

/* ---- small floats ---- */

static void widen_f16(const any_u16 *x, float *restrict y, size_t n) {
  size_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= n; i += 16) _mm512_storeu_ps(y + i, _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(x + i))));
#elif defined(__F16C__)
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(x + i))));
#endif
  for (; i < n; i++) y[i] = kv_f16_to_f32(x[i]);
}

static void narrow_f16(const any_f32 *x, any_u16 *restrict y, size_t n) {
  size_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= n; i += 16)
    _mm256_storeu_si256((void *)(y + i),
                        _mm512_cvtps_ph(_mm512_loadu_ps((const void *)(x + i)), _MM_FROUND_TO_NEAREST_INT));
#elif defined(__F16C__)
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128((void *)(y + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps((const void *)(x + i)), _MM_FROUND_TO_NEAREST_INT));
#endif
  for (; i < n; i++) y[i] = kv_f32_to_f16(x[i]);
}

static inline uint16_t bf16_of(float f) {
  uint32_t u = bits_of(f), rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16, quiet = u >> 16 | 0x40;
  return (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
}

/* To `mantissa` bits and an exponent with this bias. Normal results: the rounding carries into the exponent by itself.
 * Denormal ones: adding a power of two makes the addition round at the right bit. */
static inline uint8_t f8_of(float f, int mantissa, int bias, uint32_t largest, uint32_t overflow, uint32_t nan) {
  uint32_t u = bits_of(f), sign = u >> 31 << 7, rest = u & 0x7fffffff;
  int cut = 23 - mantissa;
  uint32_t normal = (rest + (1u << (cut - 1)) - 1 + (rest >> cut & 1)) - ((uint32_t)(127 - bias) << 23);
  float step = float_of((uint32_t)(127 + cut + 1 - bias) << 23);
  uint32_t denormal = bits_of(float_of(rest) + step) - bits_of(step);
  uint32_t value = rest < (uint32_t)(128 - bias) << 23 ? denormal : normal >> cut;
  value = rest >= 0x7f800000 || value > largest ? overflow : value;
  return (uint8_t)(sign | (rest > 0x7f800000 ? nan : value));
}

/* Its bits moved to their places in an f32 are the value times 2^-120, denormals included. */
static inline float f32_of_e4m3(uint8_t q) {
  uint32_t sign = (uint32_t)(q & 0x80) << 24, rest = q & 0x7f;
  float magnitude = float_of(rest << 20) * 0x1p120f;
  return float_of(sign | (rest == 0x7f ? 0x7fc00000 : bits_of(magnitude)));
}

static void widen(kvino_dtype from, const void *x, float *restrict y, size_t n) {
  const any_u16 *h = x;
  const uint8_t *q = x;
  switch (from) {
  case KVINO_F16:
    widen_f16(h, y, n);
    return;
  case KVINO_BF16:
    for (size_t i = 0; i < n; i++) y[i] = float_of((uint32_t)h[i] << 16);
    return;
  case KVINO_F8E4M3:
    for (size_t i = 0; i < n; i++) y[i] = f32_of_e4m3(q[i]);
    return;
  default:
    for (size_t i = 0; i < n; i++) y[i] = kv_f16_to_f32((uint16_t)(q[i] << 8)); /* e5m2 is the upper half of an f16 */
    return;
  }
}

static void narrow(const void *source, kvino_dtype to, void *y, size_t n) {
  const any_f32 *restrict x = source;
  any_u16 *restrict h = y;
  uint8_t *restrict q = y;
  switch (to) {
  case KVINO_F16:
    narrow_f16(x, h, n);
    return;
  case KVINO_BF16:
    for (size_t i = 0; i < n; i++) h[i] = bf16_of(x[i]);
    return;
  case KVINO_F8E4M3:
    for (size_t i = 0; i < n; i++) q[i] = f8_of(x[i], 3, 7, 0x7e, 0x7f, 0x7f);
    return;
  default:
    for (size_t i = 0; i < n; i++) q[i] = f8_of(x[i], 2, 15, 0x7b, 0x7c, 0x7e);
    return;
  }
}

/* ---- rounding to odd ---- */

static inline float odd_of(double v) {
  float f = (float)v;
  double back = (double)f;
  uint32_t u = bits_of(f);
  u -= (v < 0 ? -back : back) > (v < 0 ? -v : v); /* it was rounded away from zero: one back */
  return float_of(back == v || v != v ? bits_of(f) : u | 1);
}
/* A 64-bit magnitude as a double whose last bit stands for all that were cut. */
static inline double sticky(uint64_t m) {
  uint64_t cut = m >> 11 | ((m & 0x7ff) != 0);
  return m >> 53 ? (double)cut * 2048 : (double)m;
}

static void odd(kvino_dtype from, const void *x, float *restrict y, size_t n) {
  const any_f64 *d = x;
  const any_i64 *s = x;
  const any_u64 *u = x;
  if (from == KVINO_F64)
    for (size_t i = 0; i < n; i++) y[i] = odd_of(d[i]);
  else if (from == KVINO_I64)
    for (size_t i = 0; i < n; i++) y[i] = s[i] < 0 ? -odd_of(sticky(0 - u[i])) : odd_of(sticky(u[i]));
  else
    for (size_t i = 0; i < n; i++) y[i] = odd_of(sticky(u[i]));
}

const kv_convert_kernels KV_AT_LEVEL(kv_convert) = {core, widen, narrow, odd};
