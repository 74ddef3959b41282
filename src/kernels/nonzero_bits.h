/* The inner loops of the nonzero family that only need a population count. Each nonzero_<isa>.c includes them, to
 * compile them with its own flags: without these, the count is a library call. */
#ifndef KVINO_KERNELS_NONZERO_BITS_H
#define KVINO_KERNELS_NONZERO_BITS_H

#include <stdint.h>

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
