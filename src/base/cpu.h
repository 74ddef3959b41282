/* CPU features, detected once. KVINO_ISA (scalar, avx2, avx512) can only lower the choice. */
#ifndef KVINO_BASE_CPU_H
#define KVINO_BASE_CPU_H

#include <stdatomic.h>
#include <stdbool.h>

typedef enum kv_isa {
  KV_ISA_SCALAR, /* portable C */
  KV_ISA_AVX2,   /* AVX2, FMA, BMI1/2, F16C, POPCNT, LZCNT */
  KV_ISA_AVX512, /* the above and AVX-512 F, BW, DQ, VL, VBMI, VBMI2 */
  KV_ISA_COUNT
} kv_isa;

/* The level in use. Asked in every call of an operator: once it is known, a load. */
extern _Atomic int kv_cpu_known; /* the level + 1; 0: not detected */
kv_isa kv_cpu_detect(void);
static inline kv_isa kv_cpu_isa(void) {
  int known = atomic_load_explicit(&kv_cpu_known, memory_order_relaxed);
  return known ? (kv_isa)(known - 1) : kv_cpu_detect();
}
const char *kv_isa_name(kv_isa isa); /* "scalar", "avx2", "avx512" */
/* Products of tiles (AMX): what the processor has, at the level avx512; whether the system lets a process use it is
 * another question. */
enum { KV_TILES_OF_INT8 = 1, KV_TILES_OF_BF16 = 2 };
unsigned kv_cpu_tiles(void); /* a sum of these */
/* The processor's marketing name; "unknown" where it cannot be read. Static. */
const char *kv_cpu_name(void);

#endif
