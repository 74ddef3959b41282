/* Order statistics: the elements that stand at given ranks once a row is sorted (order.h), without sorting it all. */
#ifndef KVINO_KERNELS_ORDER_ORDER_STATISTICS_H
#define KVINO_KERNELS_ORDER_ORDER_STATISTICS_H

#include "kvino/dtype.h"

/* out[i] = the element of rank[i], 0 <= rank[i] < n < 2^32, among n contiguous elements. Every ordered dtype but
 * complex128. Long rows are divided among the threads. False where out of memory. */
bool kv_select_ranks(kvino_dtype dtype, int64_t n, const char *data, int64_t m, const int64_t *rank, char *out);

#endif
