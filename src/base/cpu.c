#include "base/cpu.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[KV_ISA_COUNT] = {"scalar", "avx2", "avx512"};
_Atomic int kv_cpu_known;
static unsigned tiles;
static char name[64] = "unknown";
static pthread_once_t once = PTHREAD_ONCE_INIT;

#if defined(__x86_64__)
#include <cpuid.h>

/* Not every compiler's __builtin_cpu_supports knows these two. */
static bool has_f16c_and_lzcnt(void) {
  unsigned a, b, c, d, extended;
  return __get_cpuid(1, &a, &b, &c, &d) && __get_cpuid(0x80000001, &a, &b, &extended, &d) && c & 1u << 29 &&
         extended & 1u << 5;
}

static kv_isa best(void) {
  __builtin_cpu_init();
  if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") && has_f16c_and_lzcnt()))
    return KV_ISA_SCALAR;
  if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
        __builtin_cpu_supports("avx512vbmi2")))
    return KV_ISA_AVX2;
  return KV_ISA_AVX512;
}

static unsigned tiles_of(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & 1u << 24)) return 0;
  return (d & 1u << 25 ? KV_TILES_OF_INT8 : 0) | (d & 1u << 22 ? KV_TILES_OF_BF16 : 0);
}

static void read_name(void) {
  unsigned words[12];
  if ((unsigned)__get_cpuid_max(0x80000000, NULL) < 0x80000004) return;
  for (unsigned i = 0; i < 3; i++)
    __get_cpuid(0x80000002 + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]);
  char raw[49];
  memcpy(raw, words, 48);
  raw[48] = 0;
  const char *start = raw + strspn(raw, " ");
  if (*start) snprintf(name, sizeof name, "%s", start);
}
#else
static kv_isa best(void) { return KV_ISA_SCALAR; }
static unsigned tiles_of(void) { return 0; }
static void read_name(void) {}
#endif

static void detect(void) {
  kv_isa chosen = best();
  const char *wanted = getenv("KVINO_ISA");
  for (int isa = 0; wanted && isa < (int)chosen; isa++)
    if (!strcmp(wanted, names[isa])) chosen = (kv_isa)isa;
  tiles = chosen == KV_ISA_AVX512 ? tiles_of() : 0;
  read_name();
  atomic_store_explicit(&kv_cpu_known, (int)chosen + 1, memory_order_relaxed);
}

unsigned kv_cpu_tiles(void) {
  pthread_once(&once, detect);
  return tiles;
}

kv_isa kv_cpu_detect(void) {
  pthread_once(&once, detect);
  return (kv_isa)(atomic_load_explicit(&kv_cpu_known, memory_order_relaxed) - 1);
}

const char *kv_isa_name(kv_isa isa) { return names[isa]; }

const char *kv_cpu_name(void) {
  pthread_once(&once, detect);
  return name;
}
