/* Networks for short rows with AVX-512. */
#include "kernels/order/short_rows.h"
#define SORTS kv_short_sorts_avx512
#if defined(__AVX512DQ__)
#include <immintrin.h>
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
#include "kernels/order/short_rows_body.h"
#else
const kv_short_sorts SORTS = {NULL, NULL};
#endif
