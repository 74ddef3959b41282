/* The inner loops of resample.h. A block of sums stays in registers while the taps go by. */
#include "kernels/level.h"
#include "kernels/image/resample.h"

#define BLOCKS(type, block)                                                                                            \
  for (; i + (block) <= n; i += (block)) {                                                                             \
    type sum[block];                                                                                                   \
    for (int j = 0; j < (block); j++) sum[j] = w[0] * x[i + j];                                                        \
    for (int64_t k = 1; k < taps; k++) {                                                                               \
      const type *from = x + i + k * step;                                                                             \
      for (int j = 0; j < (block); j++) sum[j] += w[k] * from[j];                                                      \
    }                                                                                                                  \
    for (int j = 0; j < (block); j++) y[i + j] = sum[j];                                                               \
  }

void KV_AT_LEVEL(kv_resample_f32)(float *restrict y, const float *x, int64_t n, int64_t taps, const float *w,
                                  int64_t step) {
  int64_t i = 0;
  BLOCKS(float, 64)
  BLOCKS(float, 8)
  BLOCKS(float, 1)
}

void KV_AT_LEVEL(kv_resample_f64)(double *restrict y, const double *x, int64_t n, int64_t taps, const double *w,
                                  int64_t step) {
  int64_t i = 0;
  BLOCKS(double, 32)
  BLOCKS(double, 4)
  BLOCKS(double, 1)
}
