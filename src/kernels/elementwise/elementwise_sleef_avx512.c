/* SLEEF's functions with AVX-512. */
#define LOOPS kv_loops_sleef_avx512
#if defined(__AVX512DQ__)
#include <immintrin.h>
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
#include "kernels/elementwise/elementwise_sleef_body.h"
#else
#include "kernels/elementwise/elementwise_tables.h"
kv_loop *const LOOPS[KV_LOOP_COUNT][2];
#endif
