/* What the inner loops of the nonzero family have in common. Each level's header includes it. */
#ifndef KVINO_KERNELS_NONZERO_NONZERO_COMMON_H
#define KVINO_KERNELS_NONZERO_NONZERO_COMMON_H

#include <stdint.h>

#include "kernels/nonzero/nonzero_kernels.h"

/* mask<bits> and count<bits> from test<bits>(p, keep), the tests of 64 elements as one word, and tail<bits>(p, n,
 * keep), those of fewer; `vector` is the type of keep, which `broadcast` repeats. */
#define DEFINE_MASK(bits)                                                                                              \
  static int64_t mask##bits(const void *data, int64_t n, uint64_t keep, uint64_t *words) {                             \
    const vector k = broadcast(keep);                                                                                  \
    const char *p = data;                                                                                              \
    int64_t total = 0;                                                                                                 \
    for (; n >= 64; n -= 64, p += 64 * (bits / 8)) {                                                                   \
      uint64_t word = test##bits(p, k);                                                                                \
      *words++ = word;                                                                                                 \
      total += __builtin_popcountll(word);                                                                             \
    }                                                                                                                  \
    if (n > 0) {                                                                                                       \
      *words = tail##bits(p, (int)n, k);                                                                               \
      total += __builtin_popcountll(*words);                                                                           \
    }                                                                                                                  \
    return total;                                                                                                      \
  }                                                                                                                    \
  static int64_t count##bits(const void *data, int64_t n, uint64_t keep) {                                             \
    const vector k = broadcast(keep);                                                                                  \
    const char *p = data;                                                                                              \
    int64_t total = 0;                                                                                                 \
    for (; n >= 64; n -= 64, p += 64 * (bits / 8)) total += __builtin_popcountll(test##bits(p, k));                    \
    return n > 0 ? total + __builtin_popcountll(tail##bits(p, (int)n, k)) : total;                                     \
  }

/* The table of this file's functions, under the names that every level gives them. */
#define NONZERO_TABLE                                                                                                  \
  {                                                                                                                    \
    .mask = {mask8, mask16, mask32, mask64}, .count = {count8, count16, count32, count64}, .decode = decode,           \
    .divide = divide, .widen = {widen32, widen64}, .fill = {fill32, fill64}, .drain = drain, .tally = tally,           \
    .bits = bits, .fields = fields                                                                                     \
  }

/* Entries of `size` bytes to the next cache line from `out`, at most n. */
static inline int to_line(const void *out, int size, int n) {
  int entries = (int)(-(uintptr_t)out & 63) / size;
  return entries < n ? entries : n;
}

static int64_t bits(const uint64_t *words, int64_t n) {
  int64_t total = 0;
  for (int64_t i = 0; i < n; i++) total += __builtin_popcountll(words[i]);
  return total;
}

static void fields(const uint64_t *words, int n, int length, uint8_t *counts) {
  const uint64_t field = UINT64_MAX >> (64 - length);
  for (int i = 0, bit = 0; i < n; i++, bit += length) {
    int shift = bit % 64;
    uint64_t row = words[bit / 64] >> shift;
    if (shift + length > 64) row |= words[bit / 64 + 1] << (64 - shift);
    counts[i] = (uint8_t)__builtin_popcountll(row & field);
  }
}

#endif
