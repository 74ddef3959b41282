/* Where the least or greatest element stands, by NumPy's order (order.h); the first of equal ones. */
#ifndef KVINO_KERNELS_REDUCE_EXTREME_H
#define KVINO_KERNELS_REDUCE_EXTREME_H

#include "kvino/dtype.h"

enum { KV_EXTREME_COLUMNS = 64 };

/* For each of `columns` (up to KV_EXTREME_COLUMNS) neighbouring elements, where along n rows, `step` bytes apart, the
 * least
 * (`greatest`: the greatest) is. 0 < n < 2^32. */
typedef void kv_extreme_loop(kvino_dtype dtype, int64_t n, int64_t columns, int64_t step, const char *data,
                             bool greatest, int64_t *index);
kv_extreme_loop kv_extreme;

#endif
