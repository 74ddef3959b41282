/* Time for measurements. */
#ifndef KVINO_BASE_CLOCK_H
#define KVINO_BASE_CLOCK_H

#include <time.h>

static inline double kv_microseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

#endif
