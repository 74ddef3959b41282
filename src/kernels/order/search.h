/* Binary search by NumPy's order (order.h). */
#ifndef KVINO_KERNELS_ORDER_SEARCH_H
#define KVINO_KERNELS_ORDER_SEARCH_H

#include "kvino/dtype.h"

/* For each of m values, how many of the n sorted elements are less than it, or with `right` not greater. All
 * contiguous; `counts` are int32 where `narrow`, else int64. */
typedef void kv_search_loop(kvino_dtype dtype, const char *sorted, int64_t n, const char *values, int64_t m, bool right,
                            bool narrow, void *counts);
kv_search_loop kv_search;

#endif
