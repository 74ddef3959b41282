#include "base/convert.h"

#include <math.h>

static float f32_of(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}
static uint32_t bits_of(float f) {
  uint32_t u;
  memcpy(&u, &f, sizeof u);
  return u;
}

/* A small float: `e` exponent bits with bias 2^(e-1)-1 and `m` mantissa bits. */
static float widen(uint32_t bits, int e, int m, bool has_inf) {
  uint32_t sign = bits >> (e + m) & 1, exponent = bits >> m & ((1u << e) - 1), mantissa = bits & ((1u << m) - 1);
  uint32_t top = (1u << e) - 1;
  float magnitude;
  if (has_inf && exponent == top)
    magnitude = mantissa ? f32_of(0x7fc00000u | mantissa << (23 - m)) : INFINITY;
  else if (!has_inf && exponent == top && mantissa == (1u << m) - 1)
    magnitude = NAN;
  else if (exponent)
    magnitude = ldexpf(1.0f + ldexpf((float)mantissa, -m), (int)exponent - (1 << (e - 1)) + 1);
  else
    magnitude = ldexpf((float)mantissa, 2 - (1 << (e - 1)) - m);
  return sign ? -magnitude : magnitude;
}

/* Rounds to nearest even. `overflow` is the bit pattern (without sign) of what is too large. */
static uint32_t narrow(double value, int e, int m, uint32_t largest, uint32_t overflow, uint32_t nan) {
  uint32_t sign = (uint32_t)signbit(value) << (e + m);
  double a = fabs(value);
  if (a != a) return sign | nan;
  if (a == 0) return sign;
  int bias = (1 << (e - 1)) - 1, exponent;
  if (isinf(a)) return sign | overflow;
  frexp(a, &exponent);
  exponent -= 1; /* a = 1.x * 2^exponent */
  if (exponent < 1 - bias) exponent = 1 - bias;
  /* Units of the last place: a whole number, rounded to even by nearbyint. */
  double units = nearbyint(ldexp(a, m - exponent));
  if (units > 4194304.0) return sign | overflow; /* far out of range; also keeps the conversion below defined */
  int64_t bits = (int64_t)units + ((int64_t)(exponent + bias - 1) << m); /* a carry moves into the exponent by itself */
  return sign | (bits > (int64_t)largest ? overflow : (uint32_t)bits);
}

float kv_f16_to_f32(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff;
  if (rest >= 0x7c00)
    return f32_of(sign | 0x7f800000u | (uint32_t)(rest & 0x3ff) << 13 | (rest > 0x7c00 ? 0x400000u : 0));
  if (rest >= 0x0400) return f32_of(sign | ((rest << 13) + ((127 - 15) << 23)));
  float f = (float)rest * 0x1p-24f;
  return sign ? -f : f;
}
uint16_t kv_f64_to_f16(double value) { return (uint16_t)narrow(value, 5, 10, 0x7bff, 0x7c00, 0x7e00); }
uint16_t kv_f32_to_f16(float value) {
  /* Adding a power of two makes the addition itself round at the right bit. */
  uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x1ff));
  if (rest >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* 65520 and more */
  if (rest < 0x38800000) return (uint16_t)(sign | (bits_of(f32_of(rest) + 0.5f) - bits_of(0.5f)));
  rest += 0xc8000fff + (rest >> 13 & 1);
  return (uint16_t)(sign | rest >> 13);
}

float kv_bf16_to_f32(uint16_t bits) { return f32_of((uint32_t)bits << 16); }
uint16_t kv_f32_to_bf16(float value) {
  uint32_t bits = bits_of(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
uint16_t kv_f64_to_bf16(double value) { return (uint16_t)narrow(value, 8, 7, 0x7f7f, 0x7f80, 0x7fc0); }

float kv_f8e4m3_to_f32(uint8_t bits) { return widen(bits, 4, 3, false); }
uint8_t kv_f32_to_f8e4m3(float value) { return (uint8_t)narrow(value, 4, 3, 0x7e, 0x7f, 0x7f); }
float kv_f8e5m2_to_f32(uint8_t bits) { return widen(bits, 5, 2, true); }
uint8_t kv_f32_to_f8e5m2(float value) { return (uint8_t)narrow(value, 5, 2, 0x7b, 0x7c, 0x7e); }

#define LOAD(type, expression)                                                                                         \
  {                                                                                                                    \
    type v;                                                                                                            \
    memcpy(&v, p, sizeof v);                                                                                           \
    return expression;                                                                                                 \
  }

double kv_load_f64(kvino_dtype dtype, const void *p) {
  switch (dtype) {
  case KVINO_BOOL:
    LOAD(uint8_t, v != 0)
  case KVINO_U8:
    LOAD(uint8_t, v)
  case KVINO_U16:
    LOAD(uint16_t, v)
  case KVINO_U32:
    LOAD(uint32_t, v)
  case KVINO_U64:
    LOAD(uint64_t, (double)v)
  case KVINO_I8:
    LOAD(int8_t, v)
  case KVINO_I16:
    LOAD(int16_t, v)
  case KVINO_I32:
    LOAD(int32_t, v)
  case KVINO_I64:
    LOAD(int64_t, (double)v)
  case KVINO_F8E4M3:
    LOAD(uint8_t, kv_f8e4m3_to_f32(v))
  case KVINO_F8E5M2:
    LOAD(uint8_t, kv_f8e5m2_to_f32(v))
  case KVINO_F16:
    LOAD(uint16_t, kv_f16_to_f32(v))
  case KVINO_BF16:
    LOAD(uint16_t, kv_bf16_to_f32(v))
  case KVINO_F32:
  case KVINO_C64:
    LOAD(float, v)
  case KVINO_F64:
  case KVINO_C128:
    LOAD(double, v)
  default:
    return 0;
  }
}

static int64_t to_i64(double v) { return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN; }

int64_t kv_load_i64(kvino_dtype dtype, const void *p) {
  switch (dtype) {
  case KVINO_U64:
    LOAD(uint64_t, (int64_t)v)
  case KVINO_I64:
    LOAD(int64_t, v)
  default:
    return to_i64(kv_load_f64(dtype, p));
  }
}

#define STORE(type, expression)                                                                                        \
  {                                                                                                                    \
    type v = (type)(expression);                                                                                       \
    memcpy(p, &v, sizeof v);                                                                                           \
    return;                                                                                                            \
  }

void kv_store_f64(kvino_dtype dtype, void *p, double value) {
  switch (dtype) {
  case KVINO_BOOL:
    STORE(uint8_t, value != 0)
  case KVINO_U64:
    STORE(uint64_t, value >= 0x1p63 && value < 0x1p64 ? (uint64_t)value : (uint64_t)to_i64(value))
  case KVINO_F8E4M3:
    STORE(uint8_t, narrow(value, 4, 3, 0x7e, 0x7f, 0x7f))
  case KVINO_F8E5M2:
    STORE(uint8_t, narrow(value, 5, 2, 0x7b, 0x7c, 0x7e))
  case KVINO_F16:
    STORE(uint16_t, kv_f64_to_f16(value))
  case KVINO_BF16:
    STORE(uint16_t, kv_f64_to_bf16(value))
  case KVINO_F32:
    STORE(float, value)
  case KVINO_F64:
    STORE(double, value)
  case KVINO_C64: {
    float v[2] = {(float)value, 0};
    memcpy(p, v, sizeof v);
    return;
  }
  case KVINO_C128: {
    double v[2] = {value, 0};
    memcpy(p, v, sizeof v);
    return;
  }
  default:
    kv_store_i64(dtype, p, to_i64(value));
  }
}

void kv_store_i64(kvino_dtype dtype, void *p, int64_t value) {
  switch (dtype) {
  case KVINO_BOOL:
    STORE(uint8_t, value != 0)
  case KVINO_U8:
  case KVINO_I8:
    STORE(uint8_t, value)
  case KVINO_U16:
  case KVINO_I16:
    STORE(uint16_t, value)
  case KVINO_U32:
  case KVINO_I32:
    STORE(uint32_t, value)
  case KVINO_U64:
  case KVINO_I64:
    STORE(int64_t, value)
  default:
    kv_store_f64(dtype, p, (double)value);
  }
}
