/* Inner loops of the nonzero family for AVX-512 (F, BW, DQ, VL, VBMI, VBMI2). */
#ifndef KVINO_KERNELS_NONZERO_NONZERO_AVX512_H
#define KVINO_KERNELS_NONZERO_NONZERO_AVX512_H

#include <immintrin.h>

#include "kernels/nonzero/nonzero_common.h"

typedef __m512i vector;

static inline vector broadcast(uint64_t keep) { return _mm512_set1_epi64((int64_t)keep); }

static const uint8_t positions[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                      16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                      32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                      48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

/* The tests of 64 elements as one word. */
static inline uint64_t test8(const char *p, __m512i keep) { return _mm512_test_epi8_mask(_mm512_loadu_si512(p), keep); }

static inline uint64_t test16(const char *p, __m512i keep) {
  __mmask32 low = _mm512_test_epi16_mask(_mm512_loadu_si512(p), keep);
  __mmask32 high = _mm512_test_epi16_mask(_mm512_loadu_si512(p + 64), keep);
  return _mm512_kunpackd(high, low);
}

static inline uint32_t test32_half(const char *p, __m512i keep) {
  __mmask16 low = _mm512_test_epi32_mask(_mm512_loadu_si512(p), keep);
  __mmask16 high = _mm512_test_epi32_mask(_mm512_loadu_si512(p + 64), keep);
  return _mm512_kunpackw(high, low);
}

static inline uint64_t test32(const char *p, __m512i keep) {
  return _mm512_kunpackd(test32_half(p + 128, keep), test32_half(p, keep));
}

static inline uint16_t test64_quarter(const char *p, __m512i keep) {
  __mmask8 low = _mm512_test_epi64_mask(_mm512_loadu_si512(p), keep);
  __mmask8 high = _mm512_test_epi64_mask(_mm512_loadu_si512(p + 64), keep);
  return _mm512_kunpackb(high, low);
}

static inline uint64_t test64(const char *p, __m512i keep) {
  uint32_t low = _mm512_kunpackw(test64_quarter(p + 128, keep), test64_quarter(p, keep));
  uint32_t high = _mm512_kunpackw(test64_quarter(p + 384, keep), test64_quarter(p + 256, keep));
  return _mm512_kunpackd(high, low);
}

/* The tests of fewer than 64 elements. A masked load reads nothing past the end. */
#define DEFINE_TAIL(bits, lanes)                                                                                       \
  static inline uint64_t tail##bits(const char *p, int n, __m512i keep) {                                              \
    uint64_t word = 0;                                                                                                 \
    for (int i = 0; i < n; i += lanes) {                                                                               \
      uint64_t here = n - i < lanes ? ((uint64_t)1 << (n - i)) - 1 : UINT64_MAX;                                       \
      __m512i v = _mm512_maskz_loadu_epi##bits((__mmask##lanes)here, p + i * (bits / 8));                              \
      word |= (uint64_t)_mm512_test_epi##bits##_mask(v, keep) << i;                                                    \
    }                                                                                                                  \
    return word;                                                                                                       \
  }
DEFINE_TAIL(8, 64)
DEFINE_TAIL(16, 32)
DEFINE_TAIL(32, 16)
DEFINE_TAIL(64, 8)

DEFINE_MASK(8)
DEFINE_MASK(16)
DEFINE_MASK(32)
DEFINE_MASK(64)

/* Words with at most `most` (8, 16, 32 or 64) set bits each: one compression of 64 byte positions per word, in a
 * register (into memory it is microcoded on Zen 4), and no branch: what is stored past the set bits, the next word
 * overwrites. */
static inline __attribute__((always_inline)) int decode_words(const uint64_t *words, int n, uint16_t *list, int most) {
  const __m512i iota = _mm512_loadu_si512(positions);
  uint16_t *out = list;
  for (int w = 0; w < n; w++) {
    __m512i found = _mm512_maskz_compress_epi8(words[w], iota);
    __m512i base = _mm512_set1_epi16((short)(64 * w));
    if (most <= 8) {
      __m128i few = _mm_cvtepu8_epi16(_mm512_castsi512_si128(found));
      _mm_storeu_si128((__m128i *)out, _mm_add_epi16(few, _mm512_castsi512_si128(base)));
    } else if (most <= 16) {
      __m256i some = _mm256_cvtepu8_epi16(_mm512_castsi512_si128(found));
      _mm256_storeu_si256((__m256i *)out, _mm256_add_epi16(some, _mm512_castsi512_si256(base)));
    } else {
      _mm512_storeu_si512(out, _mm512_add_epi16(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(found)), base));
      __m512i high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(found, 1));
      if (most > 32) _mm512_storeu_si512(out + 32, _mm512_add_epi16(high, base));
    }
    out += _mm_popcnt_u64(words[w]);
  }
  return (int)(out - list);
}

static int decode(const uint64_t *words, int n, uint16_t *list) {
  int64_t most = 0, total = 0;
  for (int w = 0; w < n; w++) {
    int64_t bits = _mm_popcnt_u64(words[w]);
    most = bits > most ? bits : most;
    total += bits;
  }
  if (total == 0) return 0;
  if (most <= 8) return decode_words(words, n, list, 8);
  if (most <= 16) return decode_words(words, n, list, 16);
  if (most <= 32) return decode_words(words, n, list, 32);
  if (total < 64 * n) return decode_words(words, n, list, 64);
  const __m512i iota = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)positions));
  for (int i = 0; i < 64 * n; i += 32)
    _mm512_storeu_si512(list + i, _mm512_add_epi16(iota, _mm512_set1_epi16((short)i)));
  return 64 * n;
}

static void divide(uint16_t *list, int n, uint16_t start, kv_nz_divisor divisor, uint16_t *remainder) {
  const __m512i first = _mm512_set1_epi16((short)start), value = _mm512_set1_epi16((short)divisor.value);
  const __m512i multiplier = _mm512_set1_epi16((short)divisor.multiplier);
  const __m128i shift = _mm_cvtsi32_si128(divisor.shift);
  for (int i = 0; i < n; i += 32) {
    __m512i p = _mm512_add_epi16(_mm512_loadu_si512(list + i), first);
    __m512i q = _mm512_srl_epi16(_mm512_mulhi_epu16(p, multiplier), shift);
    _mm512_storeu_si512(list + i, q);
    _mm512_storeu_si512(remainder + i, _mm512_sub_epi16(p, _mm512_mullo_epi16(q, value)));
  }
}

static inline __m512i load64(const uint16_t *list) {
  return _mm512_cvtepu16_epi64(_mm_loadu_si128((const __m128i *)list));
}

static inline __m512i load32(const uint16_t *list) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)list));
}

/* The lists have room past their end, so that only the stores need masks. */
#define DEFINE_WIDEN(bits, lanes)                                                                                      \
  static void widen##bits(const uint16_t *list, int n, int64_t base, void *out, bool stream) {                         \
    const __m512i b = _mm512_set1_epi##bits((int##bits##_t)base);                                                      \
    int##bits##_t *o = out;                                                                                            \
    int i = 0;                                                                                                         \
    if (stream) {                                                                                                      \
      i = to_line(o, sizeof *o, n);                                                                                    \
      _mm512_mask_storeu_epi##bits(o, (__mmask##lanes)((1u << i) - 1), _mm512_add_epi##bits(load##bits(list), b));     \
      for (; i + lanes <= n; i += lanes)                                                                               \
        _mm512_stream_si512((void *)(o + i), _mm512_add_epi##bits(load##bits(list + i), b));                           \
    }                                                                                                                  \
    for (; i + lanes <= n; i += lanes) _mm512_storeu_si512(o + i, _mm512_add_epi##bits(load##bits(list + i), b));      \
    if (i < n)                                                                                                         \
      _mm512_mask_storeu_epi##bits(o + i, (__mmask##lanes)((1u << (n - i)) - 1),                                       \
                                   _mm512_add_epi##bits(load##bits(list + i), b));                                     \
  }                                                                                                                    \
  static void fill##bits(void *out, int n, int64_t value, bool stream) {                                               \
    const __m512i v = _mm512_set1_epi##bits((int##bits##_t)value);                                                     \
    int##bits##_t *o = out;                                                                                            \
    int i = 0;                                                                                                         \
    if (stream) {                                                                                                      \
      i = to_line(o, sizeof *o, n);                                                                                    \
      _mm512_mask_storeu_epi##bits(o, (__mmask##lanes)((1u << i) - 1), v);                                             \
      for (; i + lanes <= n; i += lanes) _mm512_stream_si512((void *)(o + i), v);                                      \
    }                                                                                                                  \
    for (; i + lanes <= n; i += lanes) _mm512_storeu_si512(o + i, v);                                                  \
    if (i < n) _mm512_mask_storeu_epi##bits(o + i, (__mmask##lanes)((1u << (n - i)) - 1), v);                          \
  }
DEFINE_WIDEN(32, 16)
DEFINE_WIDEN(64, 8)

static void drain(void) { _mm_sfence(); }

static void tally(const uint64_t *words, int n, uint8_t *counts) {
  const __m512i minus_one = _mm512_set1_epi8(-1);
  for (int i = 0; i < n; i += 64) {
    __m512i c = _mm512_loadu_si512(counts + i);
    _mm512_storeu_si512(counts + i, _mm512_mask_sub_epi8(c, words[i / 64], c, minus_one));
  }
}

#endif
