/* One window of neighbouring channels, one set of loops per instruction set. */
#ifndef KVINO_KERNELS_WINDOW_POOL_BACK_KERNELS_H
#define KVINO_KERNELS_WINDOW_POOL_BACK_KERNELS_H

#include <stdint.h>

enum { KV_POOL_BACK_LANES = 64 };

/* at[0 .. taps): where the elements of the window stand, in elements; taps > 0. n channels, up to KV_POOL_BACK_LANES.
 * By element type: f32, f64. */
typedef struct kv_pool_back_kernels {
  void (*max)(const void *x, const int64_t *at, int64_t taps, int64_t n, const void *d, void *y);
  void (*gather)(const void *x, const int64_t *at, int64_t taps, int64_t n, const void *values, void *y);
  void (*mean)(const int64_t *at, int64_t taps, int64_t n, const void *d, double divisor, void *y);
} kv_pool_back_kernels;

typedef const kv_pool_back_kernels kv_pool_back_table[2];

#endif
