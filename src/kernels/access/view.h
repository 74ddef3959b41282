/* A strided view of elements in memory, as the kernels take it: borrowed, never owned. */
#ifndef KVINO_KERNELS_ACCESS_VIEW_H
#define KVINO_KERNELS_ACCESS_VIEW_H

#include "kvino/dtype.h"
#include "kvino/tensor.h"

typedef struct kv_view {
  kvino_dtype dtype;
  int rank;               /* 0 to KVINO_MAX_RANK */
  const int64_t *shape;   /* rank values, each at least 0 */
  const int64_t *strides; /* rank values, in bytes; negative, zero and unaligned ones are fine */
  const void *data;       /* the element at index 0 of every axis; not read where the view is empty */
} kv_view;

#endif
