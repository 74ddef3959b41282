#include "kernels/window/taps.h"

#include "base/cpu.h"

const kv_taps *kv_taps_here(void) {
  static const kv_taps *const table[KV_ISA_COUNT] = {
      [KV_ISA_SCALAR] = &kv_taps_scalar, [KV_ISA_AVX2] = &kv_taps_avx2, [KV_ISA_AVX512] = &kv_taps_avx512};
  const kv_taps *t = table[kv_cpu_isa()];
  return t->one_f32 ? t : &kv_taps_scalar;
}
