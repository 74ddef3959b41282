/* Which loop searches: the instruction set decides, and what the vectorized ones do not take. */
#include "kernels/order/search.h"

#include "kernels/kernels.h"
#include "kernels/order/order.h"

/* One value at a time: keys of two numbers, and rows too long for 32-bit places. */
static void search_any(kvino_dtype dtype, const char *sorted, int64_t n, const char *values, int64_t m, bool right,
                       bool narrow, void *counts) {
  int64_t size = (int64_t)kvino_dtype_size(dtype);
  for (int64_t i = 0; i < m; i++) {
    const kv_wide_key wanted = kv_order_key(dtype, values + i * size);
    int64_t below = 0, length = n;
    while (length > 0) {
      const int64_t half = length / 2, at = below + half;
      const int order = kv_order_compare(kv_order_key(dtype, sorted + at * size), wanted);
      const bool before = right ? order <= 0 : order < 0;
      below = before ? at + 1 : below;
      length = before ? length - half - 1 : half;
    }
    if (narrow)
      ((int32_t *)counts)[i] = (int32_t)below;
    else
      ((int64_t *)counts)[i] = below;
  }
}

void kv_search(kvino_dtype dtype, const char *sorted, int64_t n, const char *values, int64_t m, bool right, bool narrow,
               void *counts) {
  kv_search_loop *loop = dtype == KVINO_C128 || n > INT32_MAX ? search_any : &KV_BEST(kv_search);
  loop(dtype, sorted, n, values, m, right, narrow, counts);
}
