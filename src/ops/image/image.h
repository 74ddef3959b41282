/* What the operators on images share. */
#ifndef KVINO_OPS_IMAGE_H
#define KVINO_OPS_IMAGE_H

#include "ops/common.h"

/* Which axis is what. */
typedef struct kv_image_axes {
  bool last; /* channels */
  int height, width, channels;
} kv_image_axes;

/* Fills in the axes of x; false with the scope failed where it is no image and no batch of images. */
bool kv_image_axes_of(kv_scope *s, const kvino_tensor *x, const char *data_format, kv_image_axes *axes);

/* The dtype that x is computed in: f32 or f64. */
kvino_dtype kv_image_work(const kvino_tensor *x);
/* y, computed in that dtype, as `dtype`: integers are rounded (`mode` of Round) and limited to their range. */
kvino_tensor *kv_image_result(kv_scope *s, kvino_tensor *y, kvino_dtype dtype, const char *mode);

/* Entry i of a list, 0-d int64. */
kvino_tensor *kv_image_entry(kv_scope *s, kvino_ints list, int64_t i);
/* 0, 1, ... below n (0-d), of this dtype. */
kvino_tensor *kv_image_range(kv_scope *s, kvino_tensor *n, kvino_dtype dtype);
/* x (f32, f64) along an axis convolved with a Gaussian of `size` places (0-d int64) and this sigma (0-d); zeros
 * around. */
kvino_tensor *kv_image_blur(kv_scope *s, kvino_tensor *x, int axis, kvino_tensor *size, kvino_tensor *sigma);

#endif
