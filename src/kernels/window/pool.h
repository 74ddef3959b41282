/* Pooling: reductions over windows of one to three spatial dimensions. */
#ifndef KVINO_KERNELS_WINDOW_POOL_H
#define KVINO_KERNELS_WINDOW_POOL_H

#include "kernels/window/conv.h"
#include "kernels/reduce/reduce.h"

/* Result i along dimension d takes in elements from[d][i] to to[d][i] - 1. */
typedef struct kv_pool {
  kv_reduce_op op;   /* MAX or MEAN */
  kvino_dtype dtype; /* of the result; the data is of this dtype, or f32 where it is a smaller float; aligned */
  int64_t batch, channels, out[KV_SPATIAL];
  const int64_t *from[KV_SPATIAL], *to[KV_SPATIAL];
  int64_t divisor; /* MEAN: of the sum; 0: the number of elements in the window */
  kv_images x, y;  /* steps in elements; channel_step 1 for both, or the step of the last dimension of x is 1 */
} kv_pool;

/* Errors: KVINO_TYPE. */
kvino_status kv_pool_windows(const kv_pool *p, kvino_error *err);

#endif
