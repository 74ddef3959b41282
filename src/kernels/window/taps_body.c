/* The loops of taps.h. Sums of several vectors stay in registers while the taps go by. */
#include "kernels/level.h"
#include <stdbool.h>
#include <string.h>

#include "kernels/window/taps.h"

#define INLINE static inline __attribute__((always_inline))
/* FMA: a b + c of whole vectors. */
#if KV_LEVEL_BYTES == 64
#include <immintrin.h>
#define FMA_f32(a, b, c) (vf32) _mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c))
#define FMA_f64(a, b, c) (vf64) _mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c))
#elif KV_LEVEL_BYTES == 32
#include <immintrin.h>
#define FMA_f32(a, b, c) (vf32) _mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c))
#define FMA_f64(a, b, c) (vf64) _mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c))
#else
#define FMA_f32(a, b, c) ((a) * (b) + (c))
#define FMA_f64 FMA_f32
#endif

/* `count` vectors from element i on; each: a weight for every element. What fills no vector is computed with elements
 * that already are, or, on a line shorter than a vector, four by four. */
#define BLOCK(T, bits, v, any, per, fma)                                                                               \
  INLINE void block_##v(int count, bool each, T *y, int64_t i, int64_t taps, const T *const *x, const T *const *w) {   \
    v sum[8];                                                                                                          \
    memset(sum, 0, sizeof sum);                                                                                        \
    for (int64_t t = 0; t < taps; t++) {                                                                               \
      const T *from = x[t] + i, *weight = w[t] + (each ? i : 0);                                                       \
      const v one = (v){} + weight[0];                                                                                 \
      _Pragma("GCC unroll 8") for (int j = 0; j < count; j++) {                                                        \
        const v a = *(const any *)(from + j * per), b = each ? (v) * (const any *)(weight + j * per) : one;            \
        sum[j] = fma(a, b, sum[j]);                                                                                    \
      }                                                                                                                \
    }                                                                                                                  \
    _Pragma("GCC unroll 8") for (int j = 0; j < count; j++) * (any *)(y + i + j * per) = sum[j];                       \
  }
#define FMA_PLAIN(a, b, c) ((a) * (b) + (c))
#define TAPS(T, bits)                                                                                                  \
  typedef T v##bits __attribute__((vector_size(KV_LEVEL_BYTES)));                                                      \
  typedef T any##bits __attribute__((vector_size(KV_LEVEL_BYTES), aligned(1), may_alias));                             \
  typedef T few##bits __attribute__((vector_size(4 * sizeof(T))));                                                     \
  typedef T anyfew##bits __attribute__((vector_size(4 * sizeof(T)), aligned(1), may_alias));                           \
  enum { PER##bits = KV_LEVEL_BYTES / (int)sizeof(T) };                                                                \
  BLOCK(T, bits, v##bits, any##bits, PER##bits, FMA_##bits)                                                            \
  BLOCK(T, bits, few##bits, anyfew##bits, 4, FMA_PLAIN)                                                                \
  INLINE void line_##bits(bool each, T *y, int64_t n, int64_t taps, const T *const *x, const T *const *w) {            \
    const int64_t per = PER##bits;                                                                                     \
    int64_t i = 0;                                                                                                     \
    for (; i + 8 * per <= n; i += 8 * per) block_v##bits(8, each, y, i, taps, x, w);                                   \
    if (i + 4 * per <= n) block_v##bits(4, each, y, i, taps, x, w), i += 4 * per;                                      \
    if (i + 2 * per <= n) block_v##bits(2, each, y, i, taps, x, w), i += 2 * per;                                      \
    if (i + per <= n) block_v##bits(1, each, y, i, taps, x, w), i += per;                                              \
    if (i < n && n >= per) {                                                                                           \
      block_v##bits(1, each, y, n - per, taps, x, w);                                                                  \
      return;                                                                                                          \
    }                                                                                                                  \
    for (; i + 4 <= n; i += 4) block_few##bits(1, each, y, i, taps, x, w);                                             \
    for (; i < n; i++) {                                                                                               \
      T sum = 0;                                                                                                       \
      for (int64_t t = 0; t < taps; t++) sum += x[t][i] * w[t][each ? i : 0];                                          \
      y[i] = sum;                                                                                                      \
    }                                                                                                                  \
  }                                                                                                                    \
  static void each_##bits(T *y, int64_t n, int64_t taps, const T *const *x, const T *const *w) {                       \
    line_##bits(true, y, n, taps, x, w);                                                                               \
  }                                                                                                                    \
  static void one_##bits(T *y, int64_t n, int64_t taps, const T *const *x, const T *const *w) {                        \
    line_##bits(false, y, n, taps, x, w);                                                                              \
  }
TAPS(float, f32)
TAPS(double, f64)

const kv_taps KV_AT_LEVEL(kv_taps) = {each_f32, one_f32, each_f64, one_f64};
