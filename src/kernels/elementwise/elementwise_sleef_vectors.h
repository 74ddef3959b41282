/* What elementwise_sleef_body.c needs of a level's vectors: BYTES of one; M32, M64: the types of SLEEF's functions;
 * S32, S64: the functions; ANY32, ANY64: whether any lane of a mask is set. */
#ifndef KVINO_KERNELS_ELEMENTWISE_ELEMENTWISE_SLEEF_VECTORS_H
#define KVINO_KERNELS_ELEMENTWISE_ELEMENTWISE_SLEEF_VECTORS_H

#include <immintrin.h>

#if KV_LEVEL_BYTES == 64
#define BYTES 64
#define M32 __m512
#define M64 __m512d
#define S32(name, bound) Sleef_finz_##name##f16_##bound##avx512f
#define S64(name, bound) Sleef_finz_##name##d8_##bound##avx512f
#define ANY32(m) _mm512_movepi32_mask((__m512i)(m))
#define ANY64(m) _mm512_movepi64_mask((__m512i)(m))
#define FMA32 _mm512_fmadd_ps
#define FMA64 _mm512_fmadd_pd
#define MIN64 _mm512_min_pd
#define MAX64 _mm512_max_pd
#define SQRT32 _mm512_sqrt_ps
#define SQRT64 _mm512_sqrt_pd
#define RINT32(x) _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define LOW(x) (v64) _mm512_cvtps_pd(_mm512_castps512_ps256((M32)(x)))
#define HIGH(x) (v64) _mm512_cvtps_pd(_mm512_extractf32x8_ps((M32)(x), 1))
#define JOIN(low, high)                                                                                                \
  _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps((M64)(low))), _mm512_cvtpd_ps((M64)(high)), 1)
#define ENTRY32(table, index)                                                                                          \
  (v32) _mm512_permutex2var_ps(_mm512_loadu_ps(table), (__m512i)(index), _mm512_loadu_ps((table) + 16))
#define EXPONENT32(x) (v32) _mm512_getexp_ps((M32)(x))
#define MANTISSA32(x) (v32) _mm512_getmant_ps((M32)(x), _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src)
#else
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
#endif

#endif
