/* Moving elements between strided memory. Elements are plain bytes here: any dtype of one size moves alike. */
#ifndef KVINO_TENSOR_COPY_H
#define KVINO_TENSOR_COPY_H

#include "tensor/tensor.h"

enum { KV_COPY_MAX_RANK = 2 * KVINO_MAX_RANK };

/* to[i] = from[i] for every index i below shape. Strides in bytes, of any sign; a zero stride in `from` repeats an
 * element. The two may not overlap, and no element of `to` may be meant twice. Large copies use all threads. */
void kv_copy_strided(size_t size, int rank, const int64_t *shape, char *to, const int64_t *to_strides, const char *from,
                     const int64_t *from_strides);

/* n contiguous elements of `size` bytes, each a copy of *value. */
void kv_fill(size_t size, int64_t n, char *to, const void *value);

#endif
