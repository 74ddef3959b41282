/* Inner loops of the nonzero family in portable C: the reference of the SIMD ones, and what other processors use. */
#ifndef KVINO_KERNELS_NONZERO_NONZERO_SCALAR_H
#define KVINO_KERNELS_NONZERO_NONZERO_SCALAR_H

#include <string.h>

#include "kernels/nonzero/nonzero_common.h"
#include "kernels/nonzero/nonzero_kernels.h"

typedef uint64_t vector;

static inline vector broadcast(uint64_t keep) { return keep; }

/* Elements may be unaligned: they are read through memcpy, which compiles to a plain load. */
#define DEFINE_TEST(bits)                                                                                              \
  static inline uint64_t tail##bits(const char *p, int n, uint64_t keep) {                                             \
    uint64_t word = 0;                                                                                                 \
    for (int i = 0; i < n; i++) {                                                                                      \
      uint##bits##_t element;                                                                                          \
      memcpy(&element, p + i * (bits / 8), sizeof element);                                                            \
      word |= (uint64_t)((element & (uint##bits##_t)keep) != 0) << i;                                                  \
    }                                                                                                                  \
    return word;                                                                                                       \
  }                                                                                                                    \
  static inline uint64_t test##bits(const char *p, uint64_t keep) { return tail##bits(p, 64, keep); }
DEFINE_TEST(8)
DEFINE_TEST(16)
DEFINE_TEST(32)
DEFINE_TEST(64)

DEFINE_MASK(8)
DEFINE_MASK(16)
DEFINE_MASK(32)
DEFINE_MASK(64)

static int decode(const uint64_t *words, int n, uint16_t *list) {
  int count = 0;
  for (int w = 0; w < n; w++) {
    uint64_t word = words[w];
    uint16_t base = (uint16_t)(w * 64);
    if (word == UINT64_MAX) {
      for (int i = 0; i < 64; i++) list[count++] = (uint16_t)(base + i);
      continue;
    }
    for (; word; word &= word - 1) list[count++] = (uint16_t)(base + __builtin_ctzll(word));
  }
  return count;
}

static void divide(uint16_t *list, int n, uint16_t start, kv_nz_divisor divisor, uint16_t *remainder) {
  for (int i = 0; i < n; i++) {
    uint16_t p = (uint16_t)(list[i] + start);
    uint16_t q = (uint16_t)((uint32_t)p * divisor.multiplier >> 16 >> divisor.shift);
    list[i] = q;
    remainder[i] = (uint16_t)(p - q * divisor.value);
  }
}

static void widen32(const uint16_t *list, int n, int64_t base, void *out, bool stream) {
  int32_t *o = out;
  (void)stream;
  for (int i = 0; i < n; i++) o[i] = (int32_t)(base + list[i]);
}

static void widen64(const uint16_t *list, int n, int64_t base, void *out, bool stream) {
  int64_t *o = out;
  (void)stream;
  for (int i = 0; i < n; i++) o[i] = base + list[i];
}

static void fill32(void *out, int n, int64_t value, bool stream) {
  int32_t *o = out;
  (void)stream;
  for (int i = 0; i < n; i++) o[i] = (int32_t)value;
}

static void fill64(void *out, int n, int64_t value, bool stream) {
  int64_t *o = out;
  (void)stream;
  for (int i = 0; i < n; i++) o[i] = value;
}

static void drain(void) {}

static void tally(const uint64_t *words, int n, uint8_t *counts) {
  for (int i = 0; i < n; i++) counts[i] = (uint8_t)(counts[i] + (words[i / 64] >> (i % 64) & 1));
}

#endif
