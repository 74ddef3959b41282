/* Weighted sums of neighbours along one axis: what resizing, blurring and other separable filters are made of. */
#ifndef KVINO_KERNELS_IMAGE_RESAMPLE_H
#define KVINO_KERNELS_IMAGE_RESAMPLE_H

#include "kvino/dtype.h"

/* y[a, o, b] = sum over k of w[o, k] * x[a, start[o] + k, b]; places outside of x count as zeros. Everything is
 * contiguous, of dtype f32 or f64. `one_row`: w has one row, the same for every o. Sums run in the order of k. */
typedef struct kv_resampling {
  kvino_dtype dtype;
  int64_t outer, in, out, inner, taps;
  const int32_t *start; /* [out] */
  const void *w;        /* [out, taps] */
  bool one_row;
  const void *x; /* [outer, in, inner] */
  void *y;       /* [outer, out, inner] */
} kv_resampling;

void kv_resample_run(const kv_resampling *r);
/* The transpose: y [outer, in, inner] from x [outer, out, inner], each y[a, i, b] the sum of w[o, k] * x[a, o, b] where
 * start[o] + k is i. */
void kv_resample_back(const kv_resampling *r);

/* The inner loop, one per instruction set: y[i] = sum over k < taps of w[k] * x[i + k * step], i < n. */
typedef void kv_resample_f32(float *y, const float *x, int64_t n, int64_t taps, const float *w, int64_t step);
typedef void kv_resample_f64(double *y, const double *x, int64_t n, int64_t taps, const double *w, int64_t step);

#endif
