/* The inner loops of conv_filters.c. */
#include "kernels/level.h"
#include "kernels/window/conv_filters_kernels.h"

#define VECTOR KV_LEVEL_BYTES
#define ROWS (KV_LEVEL_BYTES == 64 ? 8 : 4)

#if VECTOR == 64
#include <immintrin.h>
#define SAME_f32 _mm512_set1_ps
#define SAME_f64 _mm512_set1_pd
#define FUSED_f32(a, b, c) _mm512_fmadd_ps(a, b, c)
#define FUSED_f64(a, b, c) _mm512_fmadd_pd(a, b, c)
#elif VECTOR == 32
#include <immintrin.h>
#define SAME_f32 _mm256_set1_ps
#define SAME_f64 _mm256_set1_pd
#define FUSED_f32(a, b, c) _mm256_fmadd_ps(a, b, c)
#define FUSED_f64(a, b, c) _mm256_fmadd_pd(a, b, c)
#else
#define SAME_f32(x) ((vector_f32){0} + (x))
#define SAME_f64(x) ((vector_f64){0} + (x))
#define FUSED_f32(a, b, c) ((a) * (b) + (c))
#define FUSED_f64(a, b, c) ((a) * (b) + (c))
#endif

#define T float
#define NAME(x) x##_f32
#include "kernels/window/conv_filters_of_type.h"
#define T double
#define NAME(x) x##_f64
#include "kernels/window/conv_filters_of_type.h"

const kv_filter_kernels KV_AT_LEVEL(kv_filter) = {{2 * VECTOR / sizeof(float), 2 * VECTOR / sizeof(double)},
                                                  {products_f32, products_f64},
                                                  {depthwise_f32, depthwise_f64}};
