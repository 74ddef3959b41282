/* The inner loops of the nonzero family, one table per level. Private to src/kernels/nonzero*.c.
 *
 * How the work is cut: the input becomes a bit mask, one bit per element in C order (`mask`). Blocks of KV_NZ_BLOCK
 * bits are decoded to lists of 16-bit positions (`decode`), and for each axis, last to first, a list of flat positions
 * is split into coordinate and quotient (`divide`), the coordinates widened into the output (`widen`) and the quotients
 * kept as the list of the next axis. Only `mask` and `count` know dtypes, and of these only the size and the bits that
 * count; only `widen` and `fill` know the type of the indices. */
#ifndef KVINO_KERNELS_NONZERO_NONZERO_KERNELS_H
#define KVINO_KERNELS_NONZERO_NONZERO_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"
#include "kvino/dtype.h"
#include "kvino/common.h"

enum {
  KV_NZ_BLOCK = 4096, /* elements decoded at a time: the lists of a block stay in the L1 cache */
  KV_NZ_BLOCK_WORDS = KV_NZ_BLOCK / 64,
  KV_NZ_LIST = KV_NZ_BLOCK + 64, /* room of a position list: kernels may write up to 64 entries past its end */
  KV_NZ_WIDTHS = 4               /* element sizes of the kernels: 1 << 0 to 1 << 3 bytes */
};

/* How the elements of a dtype are tested: an element counts where (bits & keep) != 0. Elements of 16 bytes
 * (width 4: complex128) are pairs of 8-byte ones. */
typedef struct kv_nz_test {
  int width;     /* log2 of the element size */
  uint64_t keep; /* the bits that count, repeated to fill 64 */
} kv_nz_test;

/* Division of numbers below 2^15 by a constant: q = p * multiplier >> 16 >> shift. */
typedef struct kv_nz_divisor {
  uint16_t value, multiplier;
  uint8_t shift;
} kv_nz_divisor;

typedef struct kv_nz_kernels {
  /* Bit i of `words` becomes element i's test, for the n contiguous elements at `data`; the rest of the last word
   * becomes 0. Returns how many bits are set. By width. */
  int64_t (*mask[KV_NZ_WIDTHS])(const void *data, int64_t n, uint64_t keep, uint64_t *words);
  /* The same count without the mask. */
  int64_t (*count[KV_NZ_WIDTHS])(const void *data, int64_t n, uint64_t keep);
  /* Lists the positions of the set bits of n words (at most KV_NZ_BLOCK_WORDS), ascending; returns how many.
   * `list` has room for 64 entries more. */
  int (*decode)(const uint64_t *words, int n, uint16_t *list);
  /* For n entries: p = list[i] + start; list[i] = p / divisor, remainder[i] = p % divisor. Every p is below 2^15; both
   * lists have room for 64 entries more, which may be overwritten. */
  void (*divide)(uint16_t *list, int n, uint16_t start, kv_nz_divisor divisor, uint16_t *remainder);
  /* out[i] = base + list[i], and out[i] = value, for i below n. By index type: 0 int32, 1 int64. `stream` bypasses the
   * caches with the full cache lines: `drain` must follow before another thread may read them. */
  void (*widen[2])(const uint16_t *list, int n, int64_t base, void *out, bool stream);
  void (*fill[2])(void *out, int n, int64_t value, bool stream);
  void (*drain)(void);
  /* tally[i] += bit i, for the n bits of `words` (bits past n are 0). `tally` has room for whole words of bits. */
  void (*tally)(const uint64_t *words, int n, uint8_t *tally);
  /* How many bits are set in n words. */
  int64_t (*bits)(const uint64_t *words, int64_t n);
  /* counts[i] = how many are set in bits [i * length, (i + 1) * length), for i below n; length 1 to 64. */
  void (*fields)(const uint64_t *words, int n, int length, uint8_t *counts);
} kv_nz_kernels;

/* The table in use. */
const kv_nz_kernels *kv_nz_kernels_get(void);

/* How `dtype` is tested. Errors: KVINO_TYPE. */
kvino_status kv_nz_test_of(kvino_dtype dtype, kv_nz_test *test, kvino_error *err);

/* `mask` for every width, the pairs of complex128 included. */
int64_t kv_nz_mask(const kv_nz_kernels *k, kv_nz_test test, const void *data, int64_t n, uint64_t *words);
int64_t kv_nz_count(const kv_nz_kernels *k, kv_nz_test test, const void *data, int64_t n);

#endif
