/* Inner loops of the nonzero family for AVX2. */
#ifndef KVINO_KERNELS_NONZERO_NONZERO_AVX2_H
#define KVINO_KERNELS_NONZERO_NONZERO_AVX2_H

#include <immintrin.h>
#include <pthread.h>
#include <string.h>

#include "kernels/nonzero/nonzero_common.h"

typedef __m256i vector;

static inline vector broadcast(uint64_t keep) { return _mm256_set1_epi64x((int64_t)keep); }

static inline __m256i load(const char *p) { return _mm256_loadu_si256((const __m256i *)p); }

/* The tests of 64 elements as one word. AVX2 compares for equality only: the bits come out inverted. */
static inline uint64_t test8(const char *p, __m256i keep) {
  const __m256i zero = _mm256_setzero_si256();
  uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_and_si256(load(p), keep), zero));
  uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_and_si256(load(p + 32), keep), zero));
  return ~((uint64_t)high << 32 | low);
}

static inline uint32_t zeros16(const char *p, __m256i keep) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i a = _mm256_cmpeq_epi16(_mm256_and_si256(load(p), keep), zero);
  __m256i b = _mm256_cmpeq_epi16(_mm256_and_si256(load(p + 32), keep), zero);
  return (uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xD8));
}

static inline uint64_t test16(const char *p, __m256i keep) {
  return ~((uint64_t)zeros16(p + 64, keep) << 32 | zeros16(p, keep));
}

static inline uint32_t zeros32(const char *p, __m256i keep) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i a = _mm256_cmpeq_epi32(_mm256_and_si256(load(p), keep), zero);
  __m256i b = _mm256_cmpeq_epi32(_mm256_and_si256(load(p + 32), keep), zero);
  __m256i c = _mm256_cmpeq_epi32(_mm256_and_si256(load(p + 64), keep), zero);
  __m256i d = _mm256_cmpeq_epi32(_mm256_and_si256(load(p + 96), keep), zero);
  /* Packing works within the 128-bit halves: the groups of four bytes come out as a0 b0 c0 d0 a1 b1 c1 d1. */
  __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  return (uint32_t)_mm256_movemask_epi8(_mm256_permutevar8x32_epi32(packed, order));
}

static inline uint64_t test32(const char *p, __m256i keep) {
  return ~((uint64_t)zeros32(p + 128, keep) << 32 | zeros32(p, keep));
}

static inline uint64_t test64(const char *p, __m256i keep) {
  const __m256i zero = _mm256_setzero_si256();
  uint64_t word = 0;
  for (int i = 0; i < 16; i++) {
    __m256i equal = _mm256_cmpeq_epi64(_mm256_and_si256(load(p + 32 * i), keep), zero);
    word |= (uint64_t)_mm256_movemask_pd(_mm256_castsi256_pd(equal)) << (4 * i);
  }
  return ~word;
}

/* Fewer than 64 elements go through a zeroed copy, so that nothing is read past the end. */
#define DEFINE_TAIL(bits)                                                                                              \
  static uint64_t tail##bits(const char *p, int n, __m256i keep) {                                                     \
    char copy[64 * (bits / 8)] = {0};                                                                                  \
    memcpy(copy, p, (size_t)n *(bits / 8));                                                                            \
    return test##bits(copy, keep);                                                                                     \
  }
DEFINE_TAIL(8)
DEFINE_TAIL(16)
DEFINE_TAIL(32)
DEFINE_TAIL(64)

DEFINE_MASK(8)
DEFINE_MASK(16)
DEFINE_MASK(32)
DEFINE_MASK(64)

/* The positions of the set bits of each byte, as bytes: AVX2 has no compression. (PEXT would do it without a table, but
 * is slow on the first Zens.) */
static uint8_t positions[256][8];

static void make_positions(void) {
  for (int byte = 0; byte < 256; byte++)
    for (int bit = 0, n = 0; bit < 8; bit++)
      if (byte >> bit & 1) positions[byte][n++] = (uint8_t)bit;
}

static int decode_bytes(const uint64_t *words, int n, uint16_t *list) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_positions);
  const __m128i step = _mm_set1_epi16(8);
  __m128i base = _mm_setzero_si128();
  uint16_t *out = list;
  for (int w = 0; w < n; w++) {
    uint64_t word = words[w];
    for (int i = 0; i < 8; i++, word >>= 8) {
      __m128i found = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)positions[word & 255]));
      _mm_storeu_si128((__m128i *)out, _mm_add_epi16(found, base));
      base = _mm_add_epi16(base, step);
      out += _mm_popcnt_u32((uint32_t)word & 255);
    }
  }
  return (int)(out - list);
}

/* Words with at most `most` set bits each, without a branch: what is stored past them, the next word overwrites. */
static inline __attribute__((always_inline)) int decode_few(const uint64_t *words, int n, uint16_t *list, int most) {
  uint16_t *out = list;
  for (int w = 0; w < n; w++) {
    uint64_t word = words[w];
    for (int i = 0; i < most; i++, word &= word - 1) out[i] = (uint16_t)(64 * w + (int)_tzcnt_u64(word));
    out += _mm_popcnt_u64(words[w]);
  }
  return (int)(out - list);
}

static int decode(const uint64_t *words, int n, uint16_t *list) {
  int64_t most = 0;
  for (int w = 0; w < n; w++) {
    int64_t bits = _mm_popcnt_u64(words[w]);
    most = bits > most ? bits : most;
  }
  if (most == 0) return 0;
  if (most <= 4) return decode_few(words, n, list, 4);
  if (most <= 8) return decode_few(words, n, list, 8);
  return decode_bytes(words, n, list);
}

static void divide(uint16_t *list, int n, uint16_t start, kv_nz_divisor divisor, uint16_t *remainder) {
  const __m256i first = _mm256_set1_epi16((short)start), value = _mm256_set1_epi16((short)divisor.value);
  const __m256i multiplier = _mm256_set1_epi16((short)divisor.multiplier);
  const __m128i shift = _mm_cvtsi32_si128(divisor.shift);
  for (int i = 0; i < n; i += 16) {
    __m256i p = _mm256_add_epi16(_mm256_loadu_si256((const __m256i *)(list + i)), first);
    __m256i q = _mm256_srl_epi16(_mm256_mulhi_epu16(p, multiplier), shift);
    _mm256_storeu_si256((__m256i *)(list + i), q);
    _mm256_storeu_si256((__m256i *)(remainder + i), _mm256_sub_epi16(p, _mm256_mullo_epi16(q, value)));
  }
}

static inline __m256i load64(const uint16_t *list) {
  return _mm256_cvtepu16_epi64(_mm_loadl_epi64((const __m128i *)list));
}

static inline __m256i load32(const uint16_t *list) {
  return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)list));
}

#define add_epi64 _mm256_add_epi64
#define add_epi32 _mm256_add_epi32
#define set1_epi64 _mm256_set1_epi64x
#define set1_epi32 _mm256_set1_epi32

/* Streamed in whole cache lines: half of a line written past the caches costs as much as all of it. */
#define DEFINE_WIDEN(bits, lanes)                                                                                      \
  static void widen##bits(const uint16_t *list, int n, int64_t base, void *out, bool stream) {                         \
    const __m256i b = set1_epi##bits((int##bits##_t)base);                                                             \
    int##bits##_t *o = out;                                                                                            \
    int i = 0;                                                                                                         \
    if (stream) {                                                                                                      \
      for (int head = to_line(o, sizeof *o, n); i < head; i++) o[i] = (int##bits##_t)(base + list[i]);                 \
      for (; i + 2 * lanes <= n; i += 2 * lanes) {                                                                     \
        _mm256_stream_si256((void *)(o + i), add_epi##bits(load##bits(list + i), b));                                  \
        _mm256_stream_si256((void *)(o + i + lanes), add_epi##bits(load##bits(list + i + lanes), b));                  \
      }                                                                                                                \
    }                                                                                                                  \
    for (; i + lanes <= n; i += lanes) _mm256_storeu_si256((void *)(o + i), add_epi##bits(load##bits(list + i), b));   \
    for (; i < n; i++) o[i] = (int##bits##_t)(base + list[i]);                                                         \
  }                                                                                                                    \
  static void fill##bits(void *out, int n, int64_t value, bool stream) {                                               \
    const __m256i v = set1_epi##bits((int##bits##_t)value);                                                            \
    int##bits##_t *o = out;                                                                                            \
    int i = 0;                                                                                                         \
    if (stream) {                                                                                                      \
      for (int head = to_line(o, sizeof *o, n); i < head; i++) o[i] = (int##bits##_t)value;                            \
      for (; i + 2 * lanes <= n; i += 2 * lanes) {                                                                     \
        _mm256_stream_si256((void *)(o + i), v);                                                                       \
        _mm256_stream_si256((void *)(o + i + lanes), v);                                                               \
      }                                                                                                                \
    }                                                                                                                  \
    for (; i + lanes <= n; i += lanes) _mm256_storeu_si256((void *)(o + i), v);                                        \
    for (; i < n; i++) o[i] = (int##bits##_t)value;                                                                    \
  }
DEFINE_WIDEN(32, 8)
DEFINE_WIDEN(64, 4)

static void drain(void) { _mm_sfence(); }

static void tally(const uint64_t *words, int n, uint8_t *counts) {
  const __m256i spread =
      _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
  const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
  for (int i = 0; i < n; i += 32) {
    __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32((int)(words[i / 64] >> (i % 64))), spread);
    __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
    __m256i c = _mm256_loadu_si256((const __m256i *)(counts + i));
    _mm256_storeu_si256((__m256i *)(counts + i), _mm256_sub_epi8(c, set));
  }
}

#endif
