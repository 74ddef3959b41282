/* Inner loops of the nonzero family in portable C: the reference of the SIMD ones, and what other processors use. */
#include <string.h>

#include "kernels/nonzero_bits.h"
#include "kernels/nonzero_kernels.h"

/* Elements may be unaligned: they are read through memcpy, which compiles to a plain load. */
#define DEFINE_MASK(bits)                                                                                              \
  static int64_t mask##bits(const void *data, int64_t n, uint64_t keep, uint64_t *words) {                             \
    const char *p = data;                                                                                              \
    int64_t total = 0;                                                                                                 \
    for (int64_t begin = 0; begin < n; begin += 64, p += 64 * (bits / 8)) {                                            \
      int length = n - begin < 64 ? (int)(n - begin) : 64;                                                             \
      uint64_t word = 0;                                                                                               \
      for (int i = 0; i < length; i++) {                                                                               \
        uint##bits##_t element;                                                                                        \
        memcpy(&element, p + i * (bits / 8), sizeof element);                                                          \
        word |= (uint64_t)((element & (uint##bits##_t)keep) != 0) << i;                                                \
      }                                                                                                                \
      *words++ = word;                                                                                                 \
      total += __builtin_popcountll(word);                                                                             \
    }                                                                                                                  \
    return total;                                                                                                      \
  }                                                                                                                    \
  static int64_t count##bits(const void *data, int64_t n, uint64_t keep) {                                             \
    const char *p = data;                                                                                              \
    int64_t total = 0;                                                                                                 \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      uint##bits##_t element;                                                                                          \
      memcpy(&element, p + i * (bits / 8), sizeof element);                                                            \
      total += (element & (uint##bits##_t)keep) != 0;                                                                  \
    }                                                                                                                  \
    return total;                                                                                                      \
  }
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

const kv_nz_kernels *kv_nz_kernels_scalar(void) {
  static const kv_nz_kernels table = {
      .mask = {mask8, mask16, mask32, mask64},
      .count = {count8, count16, count32, count64},
      .decode = decode,
      .divide = divide,
      .widen = {widen32, widen64},
      .fill = {fill32, fill64},
      .drain = drain,
      .tally = tally,
      .bits = bits,
      .fields = fields,
  };
  return &table;
}
