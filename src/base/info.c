/* kvino/info.h: the choices of this layer, told to users. */
#include "kvino/info.h"

#include <pthread.h>
#include <string.h>

#include "base/cpu.h"
#include "base/memory.h"
#include "base/threads.h"

void kvino_memory_watch(bool on) { kv_memory_watch(on); }
int64_t kvino_memory_peak(void) { return kv_memory_peak(); }

static char features[160];

static void read_features(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
#define FEATURE(name)                                                                                                  \
  if (__builtin_cpu_supports(name)) strcat(strcat(features, *features ? " " : ""), name);
  FEATURE("sse4.2")
  FEATURE("popcnt")
  FEATURE("avx")
  FEATURE("avx2")
  FEATURE("fma")
  FEATURE("bmi")
  FEATURE("bmi2")
  FEATURE("avx512f")
  FEATURE("avx512bw")
  FEATURE("avx512dq")
  FEATURE("avx512vl") FEATURE("avx512vbmi") FEATURE("avx512vbmi2") FEATURE("avx512vnni") FEATURE("avx512bf16")
#undef FEATURE
#endif
}

void kvino_info_get(kvino_info *info) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  if (!info) return;
  pthread_once(&once, read_features);
  *info = (kvino_info) {
    .processor = kv_cpu_name(), .features = features, .kernels = kv_isa_name(kv_cpu_isa()),
#if defined(__clang__)
    .compiler = __VERSION__,
#else
    .compiler = "GCC " __VERSION__,
#endif
    .threads = kv_threads(),
  };
}
