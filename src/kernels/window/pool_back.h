/* The way back of pooling: values of windows go to elements, or elements that stood out in their windows are picked. */
#ifndef KVINO_KERNELS_WINDOW_POOL_BACK_H
#define KVINO_KERNELS_WINDOW_POOL_BACK_H

#include "kernels/window/conv.h"

typedef enum kv_pool_back_op {
  KV_POOL_BACK_MAX,   /* large[first maximum of x in the window] += small */
  KV_POOL_GATHER_MAX, /* small = values[first maximum of x in the window] */
  KV_POOL_BACK_MEAN   /* large[every element of the window] += small / number of elements */
} kv_pool_back_op;

/* Result i of the pooling along dimension d took in elements from[d][i] to to[d][i] - 1. All images are contiguous in
 * one order, of f32 or f64. NaN counts as the largest. */
typedef struct kv_pool_back {
  kv_pool_back_op op;
  kvino_dtype dtype;
  bool channels_last;
  int64_t batch, channels, in[KV_SPATIAL], out[KV_SPATIAL];
  const int64_t *from[KV_SPATIAL], *to[KV_SPATIAL];
  int64_t divisor;    /* MEAN; 0: the number of elements in the window */
  const char *x;      /* what was pooled; not for MEAN */
  const char *values; /* MAX and MEAN: in the shape of the results; GATHER: in that of x */
  char *y;            /* the other one of these shapes */
} kv_pool_back;

/* Errors: KVINO_NO_MEMORY. */
kvino_status kv_pool_windows_back(const kv_pool_back *p, kvino_error *err);

#endif
