/* Networks for short rows with AVX2, which compares signed numbers only where they have 64 bits. */
#include "kernels/order/short_rows.h"
#define SORTS kv_short_sorts_avx2
#if defined(__AVX2__)
#include <immintrin.h>
#define BYTES 32
#define TURN32 0
#define TURN64 ((uint64_t)1 << 63)
#define LEAST32(x, y) (v32) _mm256_min_epu32((__m256i)(x), (__m256i)(y))
#define MOST32(x, y) (v32) _mm256_max_epu32((__m256i)(x), (__m256i)(y))
#define EITHER32(lanes, x, y) (v32) _mm256_blend_epi32((__m256i)LEAST32(x, y), (__m256i)MOST32(x, y), lanes)
#define GREATER64(x, y) _mm256_cmpgt_epi64((__m256i)(x), (__m256i)(y))
#define LEAST64(x, y) (v64) _mm256_blendv_epi8((__m256i)(x), (__m256i)(y), GREATER64(x, y))
#define MOST64(x, y) (v64) _mm256_blendv_epi8((__m256i)(y), (__m256i)(x), GREATER64(x, y))
#define EITHER64(lanes, x, y) (v64) _mm256_blend_pd((__m256d)LEAST64(x, y), (__m256d)MOST64(x, y), lanes)
#include "kernels/order/short_rows_body.h"
#else
const kv_short_sorts SORTS = {NULL, NULL};
#endif
