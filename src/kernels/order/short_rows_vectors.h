/* What short_rows_body.c needs of a level's vectors. AVX2 compares 64-bit numbers only as signed ones. */
#ifndef KVINO_KERNELS_ORDER_SHORT_ROWS_VECTORS_H
#define KVINO_KERNELS_ORDER_SHORT_ROWS_VECTORS_H

#include <immintrin.h>

#if KV_LEVEL_BYTES == 64
#define BYTES 64
#define TURN32 0
#define TURN64 0
#define LEAST32(x, y) (v32) _mm512_min_epu32((__m512i)(x), (__m512i)(y))
#define MOST32(x, y) (v32) _mm512_max_epu32((__m512i)(x), (__m512i)(y))
#define LEAST64(x, y) (v64) _mm512_min_epu64((__m512i)(x), (__m512i)(y))
#define MOST64(x, y) (v64) _mm512_max_epu64((__m512i)(x), (__m512i)(y))
#define EITHER32(lanes, x, y)                                                                                          \
  (v32) _mm512_mask_max_epu32((__m512i)LEAST32(x, y), (__mmask16)(lanes), (__m512i)(x), (__m512i)(y))
#define EITHER64(lanes, x, y)                                                                                          \
  (v64) _mm512_mask_max_epu64((__m512i)LEAST64(x, y), (__mmask8)(lanes), (__m512i)(x), (__m512i)(y))
#else
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
#endif

#endif
