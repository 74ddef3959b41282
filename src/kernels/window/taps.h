/* Sums of a few products over and over along a line: the inner loops of depthwise convolution.
 *
 *   each: y[i] = the sum of x[t][i] w[t][i] over t < taps     as many weights as elements
 *   one:  y[i] = the sum of x[t][i] w[t][0]                   one weight for a whole line
 *
 * for i < n, added up in the order of the taps. The x[t] may overlap one another, but not y. */
#ifndef KVINO_KERNELS_WINDOW_TAPS_H
#define KVINO_KERNELS_WINDOW_TAPS_H

#include <stdint.h>

typedef void kv_taps_f32(float *y, int64_t n, int64_t taps, const float *const *x, const float *const *w);
typedef void kv_taps_f64(double *y, int64_t n, int64_t taps, const double *const *x, const double *const *w);
typedef struct kv_taps {
  kv_taps_f32 *each_f32, *one_f32;
  kv_taps_f64 *each_f64, *one_f64;
} kv_taps;

#endif
