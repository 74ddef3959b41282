/* Which instruction set sorts short rows. */
#include "kernels/order/short_rows.h"

#include "base/cpu.h"

const kv_short_sorts *kv_short_sorts_of(int64_t n) {
  static const kv_short_sorts *const table[KV_ISA_COUNT] = {
      [KV_ISA_AVX2] = &kv_short_sorts_avx2, [KV_ISA_AVX512] = &kv_short_sorts_avx512};
  const kv_short_sorts *sorts = n <= KV_SHORT_ROW ? table[kv_cpu_isa()] : NULL;
  return sorts && sorts->values ? sorts : NULL;
}
