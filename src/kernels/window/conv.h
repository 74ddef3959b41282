/* Convolution and its transpose over one to three spatial dimensions: windows laid out as a matrix, then a matrix
 * product; where every channel stands alone (depthwise), direct loops. */
#ifndef KVINO_KERNELS_WINDOW_CONV_H
#define KVINO_KERNELS_WINDOW_CONV_H

#include "base/error.h"
#include "kvino/dtype.h"

enum { KV_SPATIAL = 3 };

/* An image batch in memory; steps in elements. Channels of a group follow each other. */
typedef struct kv_images {
  char *data;
  int64_t batch_step, channel_step, step[KV_SPATIAL];
} kv_images;

/* `large` and `small` are the two sides of the windows: a convolution goes from large to small, its transpose from
 * small to large. Fewer than three dimensions are filled up in front with 1s. Channels and weights are those of one
 * group: channels last (channel_step of both is 1):  weights [groups, taps, in, out], transposed [groups, in, taps,
 * out]; (one channel in a group: [taps, groups * out]); channels first:                             weights [groups,
 * out, in, taps], transposed [groups, in, out, taps]. The result is contiguous in its layout (batch, spatial, groups,
 * out) or (batch, groups, out, spatial); the transpose takes its operand so too. A convolution's operand may have any
 * steps. */
typedef struct kv_conv {
  kvino_dtype dtype; /* f32 or f64 */
  bool channels_last;
  int64_t batch, groups, in, out; /* in, out: channels of a group */
  int64_t large[KV_SPATIAL], small[KV_SPATIAL], kernel[KV_SPATIAL];
  int64_t stride[KV_SPATIAL], dilation[KV_SPATIAL], begin[KV_SPATIAL]; /* begin: padding before */
  kv_images x, y;
  const char *weights;
} kv_conv;

/* Errors: KVINO_NO_MEMORY. */
kvino_status kv_convolve(const kv_conv *c, kvino_error *err);
kvino_status kv_convolve_transposed(const kv_conv *c, kvino_error *err);

#endif
