/* The order of elements as NumPy sorts: a key for each dtype, an unsigned number, that compares as the elements do. NaN
 * comes last and equals NaN, -0 equals 0, complex numbers go by the real part first (those with a NaN behind all
 * others). */
#ifndef KVINO_KERNELS_ORDER_ORDER_H
#define KVINO_KERNELS_ORDER_ORDER_H

#include <stdint.h>
#include <string.h>

#include "kvino/dtype.h"

/* The key of sign-magnitude bits: `infinity` is the largest magnitude that is no NaN. */
#define KV_FLOAT_KEY(U, bits, infinity)                                                                                \
  ({                                                                                                                   \
    const U sign_ = (U)((U)1 << (sizeof(U) * 8 - 1)), bits_ = (bits), magnitude_ = bits_ & (U)~sign_;                  \
    magnitude_ > (infinity) ? (U)-1 : bits_ &sign_ ? (U)(sign_ - magnitude_) : (U)(sign_ + magnitude_);                \
  })
#define KV_SIGNED_KEY(U, bits) ((U)((bits) ^ ((U)1 << (sizeof(U) * 8 - 1))))

/* X(ID, type in memory, type of the key, key of value v): all but complex128, whose key takes two numbers. */
#define KV_ORDERED_DTYPES(X)                                                                                           \
  X(BOOL, uint8_t, uint8_t, v != 0)                                                                                    \
  X(U8, uint8_t, uint8_t, v)                                                                                           \
  X(U16, uint16_t, uint16_t, v)                                                                                        \
  X(U32, uint32_t, uint32_t, v)                                                                                        \
  X(U64, uint64_t, uint64_t, v)                                                                                        \
  X(I8, uint8_t, uint8_t, KV_SIGNED_KEY(uint8_t, v))                                                                   \
  X(I16, uint16_t, uint16_t, KV_SIGNED_KEY(uint16_t, v))                                                               \
  X(I32, uint32_t, uint32_t, KV_SIGNED_KEY(uint32_t, v))                                                               \
  X(I64, uint64_t, uint64_t, KV_SIGNED_KEY(uint64_t, v))                                                               \
  X(F8E4M3, uint8_t, uint8_t, KV_FLOAT_KEY(uint8_t, v, 0x7e))                                                          \
  X(F8E5M2, uint8_t, uint8_t, KV_FLOAT_KEY(uint8_t, v, 0x7c))                                                          \
  X(F16, uint16_t, uint16_t, KV_FLOAT_KEY(uint16_t, v, 0x7c00))                                                        \
  X(BF16, uint16_t, uint16_t, KV_FLOAT_KEY(uint16_t, v, 0x7f80))                                                       \
  X(F32, uint32_t, uint32_t, KV_FLOAT_KEY(uint32_t, v, 0x7f800000))                                                    \
  X(F64, uint64_t, uint64_t, KV_FLOAT_KEY(uint64_t, v, UINT64_C(0x7ff0000000000000)))                                  \
  X(C64, uint64_t, uint64_t, kv_complex64_key(v))

typedef struct kv_wide_key {
  uint64_t high, low;
} kv_wide_key;

/* A real part beside a NaN becomes the second key: the first says that there is one (no number has a key that large but
 * NaN). */
static inline uint64_t kv_complex64_key(uint64_t v) {
  uint32_t re = KV_FLOAT_KEY(uint32_t, (uint32_t)v, 0x7f800000);
  uint32_t im = KV_FLOAT_KEY(uint32_t, (uint32_t)(v >> 32), 0x7f800000);
  bool mixed = im == UINT32_MAX && re != UINT32_MAX;
  return mixed ? (uint64_t)(UINT32_MAX - 1) << 32 | re : (uint64_t)re << 32 | im;
}

static inline kv_wide_key kv_complex128_key(const char *p) {
  uint64_t v[2];
  memcpy(v, p, sizeof v);
  uint64_t re = KV_FLOAT_KEY(uint64_t, v[0], UINT64_C(0x7ff0000000000000));
  uint64_t im = KV_FLOAT_KEY(uint64_t, v[1], UINT64_C(0x7ff0000000000000));
  if (im == UINT64_MAX && re != UINT64_MAX) return (kv_wide_key){UINT64_MAX - 1, re};
  return (kv_wide_key){re, im};
}

/* The key of any dtype. Loops over many elements of one dtype expand KV_ORDERED_DTYPES instead. */
static inline kv_wide_key kv_order_key(kvino_dtype dtype, const char *p) {
  switch (dtype) {
#define KV_KEY_CASE(ID, M, U, key)                                                                                     \
  case KVINO_##ID: {                                                                                                   \
    M v;                                                                                                               \
    memcpy(&v, p, sizeof v);                                                                                           \
    return (kv_wide_key){key, 0};                                                                                      \
  }
    KV_ORDERED_DTYPES(KV_KEY_CASE)
#undef KV_KEY_CASE
  case KVINO_C128:
    return kv_complex128_key(p);
  default:
    return (kv_wide_key){0, 0};
  }
}

static inline int kv_order_compare(kv_wide_key a, kv_wide_key b) {
  if (a.high != b.high) return a.high < b.high ? -1 : 1;
  return a.low < b.low ? -1 : a.low > b.low;
}

#endif
