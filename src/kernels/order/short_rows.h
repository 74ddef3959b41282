/* Sorting rows that are short enough for a network of comparisons in vector registers. */
#ifndef KVINO_KERNELS_ORDER_SHORT_ROWS_H
#define KVINO_KERNELS_ORDER_SHORT_ROWS_H

#include "kvino/dtype.h"

enum { KV_SHORT_ROW = 512 };

typedef struct kv_short_sorts {
  /* out = the n elements sorted by NumPy's order (order.h); not for complex numbers. False where it holds NaN or -0:
   * these stand in no certain order among their equals, and NaN has lost its sign. */
  bool (*values)(kvino_dtype dtype, int64_t n, const char *in, bool descending, char *out);
  /* index = the places of the sorted elements, equal ones in their order; not for complex128. */
  void (*places)(kvino_dtype dtype, int64_t n, const char *in, bool descending, int64_t *index);
} kv_short_sorts;

/* What sorts rows of n elements; NULL where the instruction set has none or n > KV_SHORT_ROW. */
const kv_short_sorts *kv_short_sorts_of(int64_t n);

#endif
