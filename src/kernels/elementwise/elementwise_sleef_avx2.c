/* SLEEF's functions with AVX2 and FMA. */
#define LOOPS kv_loops_sleef_avx2
#if defined(__AVX2__)
#include <immintrin.h>
#define BYTES 32
#define M32 __m256
#define M64 __m256d
#define S32(name, bound) Sleef_finz_##name##f8_##bound##avx2
#define S64(name, bound) Sleef_finz_##name##d4_##bound##avx2
#define ANY32(m) _mm256_movemask_ps((__m256)(m))
#define ANY64(m) _mm256_movemask_pd((__m256d)(m))
#define FMA32 _mm256_fmadd_ps
#define FMA64 _mm256_fmadd_pd
#define MIN64 _mm256_min_pd
#define MAX64 _mm256_max_pd
#define SQRT32 _mm256_sqrt_ps
#define SQRT64 _mm256_sqrt_pd
#define RINT32(x) _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define LOW(x) (v64) _mm256_cvtps_pd(_mm256_castps256_ps128((M32)(x)))
#define HIGH(x) (v64) _mm256_cvtps_pd(_mm256_extractf128_ps((M32)(x), 1))
#define JOIN(low, high)                                                                                                \
  _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps((M64)(low))), _mm256_cvtpd_ps((M64)(high)), 1)
#define EIGHTH32(table, index) _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), (__m256i)(index))
#define QUARTERS32(table, index)                                                                                       \
  _mm256_blendv_ps(EIGHTH32(table, index), EIGHTH32((table) + 8, index), (M32)((mask32)(index) << 28))
#define ENTRY32(table, index)                                                                                          \
  (v32) _mm256_blendv_ps(QUARTERS32(table, index), QUARTERS32((table) + 16, index), (M32)((mask32)(index) << 27))
#define EXPONENT32(x) __builtin_convertvector(((mask32)(x) >> 23) - 127, v32)
#define MANTISSA32(x) (v32)(((mask32)(x)&0x7fffff) | 0x3f800000)
#include "kernels/elementwise/elementwise_sleef_body.h"
#else
#include "kernels/elementwise/elementwise_tables.h"
kv_loop *const LOOPS[KV_LOOP_COUNT][2];
#endif
