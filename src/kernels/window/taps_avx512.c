/* Sums of products along a line with AVX-512. */
#if defined(__AVX512BW__)
#include <immintrin.h>
#define BYTES 64
#define FMA_f32(a, b, c) (vf32) _mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c))
#define FMA_f64(a, b, c) (vf64) _mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c))
#define TABLE kv_taps_avx512
#include "kernels/window/taps_body.h"
#else
#include "kernels/window/taps.h"
const kv_taps kv_taps_avx512;
#endif
