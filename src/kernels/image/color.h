/* Colours of three channels in another system, pixel by pixel. */
#ifndef KVINO_KERNELS_IMAGE_COLOR_H
#define KVINO_KERNELS_IMAGE_COLOR_H

#include <stdbool.h>

#include "kvino/dtype.h"

/* y = x with red, green and blue made hue, saturation and value (to_hsv), or back; both contiguous [outer, 3, inner],
 * of dtype f32 or f64. Red, green and blue nearer to 0 than `epsilon` are 0. */
typedef struct kv_coloring {
  kvino_dtype dtype;
  bool to_hsv;
  double epsilon;
  int64_t outer, inner;
  const void *x;
  void *y;
} kv_coloring;

void kv_color_run(const kv_coloring *c);

/* The loops, one per instruction set: n pixels `step` elements apart, whose channels are `apart` elements apart. */
typedef void kv_color_f32(bool to_hsv, float *y, const float *x, int64_t n, int64_t step, int64_t apart, float epsilon);
typedef void kv_color_f64(bool to_hsv, double *y, const double *x, int64_t n, int64_t step, int64_t apart,
                          double epsilon);

#endif
