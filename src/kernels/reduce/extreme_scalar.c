#define EXTREME kv_extreme_scalar
#include "kernels/reduce/extreme_body.h"

#include "base/cpu.h"

void kv_extreme(kvino_dtype dtype, int64_t n, int64_t columns, int64_t step, const char *data, bool greatest,
                int64_t *index) {
  switch (kv_cpu_isa()) {
  case KV_ISA_AVX512:
    kv_extreme_avx512(dtype, n, columns, step, data, greatest, index);
    break;
  case KV_ISA_AVX2:
    kv_extreme_avx2(dtype, n, columns, step, data, greatest, index);
    break;
  default:
    kv_extreme_scalar(dtype, n, columns, step, data, greatest, index);
  }
}
