/* Sorting by digits, least significant first; long rows on all threads. Needs as much memory again as it sorts, and
 * takes it itself. */
#ifndef KVINO_KERNELS_ORDER_RADIX_H
#define KVINO_KERNELS_ORDER_RADIX_H

#include "kvino/dtype.h"

/* Whether there is a path for this dtype: all but complex numbers. */
bool kv_radix_sorts(kvino_dtype dtype);

/* out = the n < 2^32 contiguous elements sorted by NumPy's order (order.h), equal ones in their order. `scratch` holds
 * n elements. False where out of memory. */
bool kv_radix_sort(kvino_dtype dtype, int64_t n, const char *in, bool descending, char *out, char *scratch);

/* index = the places of the sorted elements, equal ones in their order; int32 where `narrow`. */
bool kv_radix_order(kvino_dtype dtype, int64_t n, const char *in, bool descending, bool narrow, void *index);

#endif
