/* From a strided view to its bit mask. Private to src/kernels/nonzero*.c. */
#ifndef KVINO_KERNELS_NONZERO_NONZERO_MASK_H
#define KVINO_KERNELS_NONZERO_NONZERO_MASK_H

#include "kernels/nonzero/nonzero_kernels.h"
#include "kernels/access/view.h"

/* How a mask is made:
 * FLAT: the elements are contiguous in C order;
 * ROWS: row by row along the last axis;
 * STRIPS: the last axis is not the one that runs through memory fastest (a transposed view). Row by row, every cache
 *   line would be fetched again for each of its elements; strips of up to 64 rows use all of a line at once. */
typedef enum kv_nz_order { KV_NZ_FLAT, KV_NZ_ROWS, KV_NZ_STRIPS } kv_nz_order;

/* A view prepared for reading: axes of size 1 are gone and neighbours that step as one axis are merged. */
typedef struct kv_nz_source {
  kv_nz_test test;
  kv_nz_order order;
  int rank, fast; /* fast: the axis across the strips */
  int64_t size;   /* elements */
  const char *data;
  int64_t shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
} kv_nz_source;

/* The number of elements of `x`. Errors: KVINO_INVALID where it does not fit 64 bits. */
kvino_status kv_nz_size(const kv_view *x, int64_t *size, kvino_error *err);

/* Prepares `x`. Errors: KVINO_TYPE; KVINO_INVALID where the number of elements does not fit 64 bits. */
kvino_status kv_nz_source_init(kv_nz_source *s, const kv_view *x, kvino_error *err);

/* FLAT and ROWS: writes the words of elements [begin, end) of C order (begin a multiple of 64) to `words`, the words of
 * the whole mask; bits past the end become 0. Returns how many are set. */
int64_t kv_nz_mask_range(const kv_nz_source *s, const kv_nz_kernels *k, int64_t begin, int64_t end, uint64_t *words);

/* STRIPS: the number of strips, and the work of one. The words are zero before the first; strips may run in any order
 * and at the same time. */
int64_t kv_nz_strips(const kv_nz_source *s);
void kv_nz_mask_strip(const kv_nz_source *s, const kv_nz_kernels *k, int64_t strip, uint64_t *words);

/* The tests of n (1 to 64) elements `stride` bytes apart, as bits. */
uint64_t kv_nz_gather(kv_nz_test test, const char *p, int64_t stride, int n);

#endif
