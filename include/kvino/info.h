/* What kvino found of this machine. OpenVINO's part is in kvino/device.h. */
#ifndef KVINO_INFO_H
#define KVINO_INFO_H

#include "kvino/common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The strings are static. */
typedef struct kvino_info {
  const char *processor; /* marketing name, or "unknown" */
  const char *features;  /* the instruction sets that matter here, separated by spaces; "" on other architectures */
  const char *kernels;   /* level of the inner loops in use: "scalar", "avx2" or "avx512" (KVINO_ISA can lower it) */
  const char *compiler;  /* what this library was built with */
  int threads;           /* threads of kvino's own kernels (KVINO_THREADS) */
} kvino_info;

KVINO_API void kvino_info_get(kvino_info *info);

/* What operators take of memory. From kvino_memory_watch(1) on, all that kvino allocates and frees, in any thread, is
 * counted, beginning with 0; kvino_memory_peak is the most that there was at one time since. kvino_memory_watch(0) ends
 * it. OpenVINO's and LAPACK's own memory is not counted. */
KVINO_API void kvino_memory_watch(bool on);
KVINO_API int64_t kvino_memory_peak(void);

#ifdef __cplusplus
}
#endif
#endif
