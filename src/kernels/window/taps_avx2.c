/* Sums of products along a line with AVX2. */
#if defined(__AVX2__)
#include <immintrin.h>
#define BYTES 32
#define FMA_f32(a, b, c) (vf32) _mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c))
#define FMA_f64(a, b, c) (vf64) _mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c))
#define TABLE kv_taps_avx2
#include "kernels/window/taps_body.h"
#else
#include "kernels/window/taps.h"
const kv_taps kv_taps_avx2;
#endif
