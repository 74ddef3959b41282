#include "kernels/reduce/extreme.h"

#include "kernels/kernels.h"

void kv_extreme(kvino_dtype dtype, int64_t n, int64_t columns, int64_t step, const char *data, bool greatest,
                int64_t *index) {
  KV_BEST(kv_extreme)(dtype, n, columns, step, data, greatest, index);
}
