/* Stable sorting by NumPy's order (order.h). */
#ifndef KVINO_KERNELS_ORDER_SORT_H
#define KVINO_KERNELS_ORDER_SORT_H

#include "kvino/dtype.h"

/* Bytes of scratch memory for kv_sort_places of n elements. */
size_t kv_sort_places_scratch(kvino_dtype dtype, int64_t n);

/* index[0..k) = where the first k of n contiguous elements stand once sorted; equal elements keep their order, also
 * when descending. 0 <= k <= n < 2^32. `scratch` is aligned to 8 bytes. */
void kv_sort_places(kvino_dtype dtype, int64_t n, const char *data, bool descending, int64_t k, void *scratch,
                    int64_t *index);

#endif
