#include "kernels/access/positions.h"

#include <string.h>

#define PLAIN(v) ((int64_t)(v))
#define CAPPED(v) ((v) > INT64_MAX ? INT64_MAX : (int64_t)(v)) /* a huge uint64 must not turn negative */
#define INDEX_DTYPES(X)                                                                                                \
  X(U8, uint8_t, PLAIN)                                                                                                \
  X(U16, uint16_t, PLAIN)                                                                                              \
  X(U32, uint32_t, PLAIN)                                                                                              \
  X(U64, uint64_t, CAPPED) X(I8, int8_t, PLAIN) X(I16, int16_t, PLAIN) X(I32, int32_t, PLAIN) X(I64, int64_t, PLAIN)

int64_t kv_load_positions(kvino_dtype dtype, const char *indices, int64_t n, int64_t limit, int64_t *positions) {
  /* First without a branch, for the vector units; where one was bad, again to find it. */
#define LOAD(ID, T, AS)                                                                                                \
  case KVINO_##ID: {                                                                                                   \
    uint64_t bad = 0;                                                                                                  \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      T v;                                                                                                             \
      memcpy(&v, indices + i * (int64_t)sizeof v, sizeof v);                                                           \
      int64_t p = AS(v);                                                                                               \
      p += limit & -(int64_t)(p < 0);                                                                                  \
      bad |= (uint64_t)p >= (uint64_t)limit;                                                                           \
      positions[i] = p;                                                                                                \
    }                                                                                                                  \
    if (!bad) return -1;                                                                                               \
    break;                                                                                                             \
  }
  switch (dtype) {
    INDEX_DTYPES(LOAD)
  default:
    return 0;
  }
#undef LOAD
  for (int64_t i = 0; i < n; i++)
    if ((uint64_t)positions[i] >= (uint64_t)limit) return i;
  return -1;
}

int64_t kv_load_offsets(kvino_dtype dtype, const char *indices, int64_t n, int k, const int64_t *limits,
                        const int64_t *steps, int64_t *offsets) {
#define LOAD(ID, T, AS)                                                                                                \
  case KVINO_##ID:                                                                                                     \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      int64_t sum = 0;                                                                                                 \
      for (int j = 0; j < k; j++) {                                                                                    \
        T v;                                                                                                           \
        memcpy(&v, indices + (i * k + j) * (int64_t)sizeof v, sizeof v);                                               \
        int64_t p = AS(v);                                                                                             \
        if (p < 0) p += limits[j];                                                                                     \
        if ((uint64_t)p >= (uint64_t)limits[j]) return i * k + j;                                                      \
        sum += p * steps[j];                                                                                           \
      }                                                                                                                \
      offsets[i] = sum;                                                                                                \
    }                                                                                                                  \
    return -1;
  switch (dtype) {
    INDEX_DTYPES(LOAD)
  default:
    return 0;
  }
#undef LOAD
}

typedef struct {
  uint64_t a, b;
} pair;

#define EACH_SIZE(size, LOOP)                                                                                          \
  switch (size) {                                                                                                      \
  case 1:                                                                                                              \
    LOOP((int64_t)sizeof(uint8_t)) return;                                                                             \
  case 2:                                                                                                              \
    LOOP((int64_t)sizeof(uint16_t)) return;                                                                            \
  case 4:                                                                                                              \
    LOOP((int64_t)sizeof(uint32_t)) return;                                                                            \
  case 8:                                                                                                              \
    LOOP((int64_t)sizeof(uint64_t)) return;                                                                            \
  case 16:                                                                                                             \
    LOOP((int64_t)sizeof(pair)) return;                                                                                \
  case 12:                                                                                                             \
    LOOP(12) return;                                                                                                   \
  case 32:                                                                                                             \
    LOOP(32) return;                                                                                                   \
  case 64:                                                                                                             \
    LOOP(64) return;                                                                                                   \
  default:                                                                                                             \
    LOOP(size) return;                                                                                                 \
  }

void kv_gather_runs(int64_t run, int64_t n, char *restrict to, const char *restrict from, const int64_t *position,
                    int64_t step) {
#define GATHER(size)                                                                                                   \
  for (int64_t i = 0; i < n; i++) memcpy(to + i * (size), from + position[i] * step, (size_t)(size));
  EACH_SIZE(run, GATHER)
#undef GATHER
}

void kv_scatter_runs(int64_t run, int64_t n, char *restrict to, const int64_t *position, int64_t step,
                     const char *restrict from) {
#define SCATTER(size)                                                                                                  \
  for (int64_t i = 0; i < n; i++) memcpy(to + position[i] * step, from + i * (size), (size_t)(size));
  EACH_SIZE(run, SCATTER)
#undef SCATTER
}

void kv_gather_lanes(int64_t size, int64_t n, char *restrict to, const char *restrict from, const int64_t *position,
                     int64_t step) {
#define LANES(width)                                                                                                   \
  for (int64_t i = 0; i < n; i++) memcpy(to + i * (width), from + position[i] * step + i * (width), (size_t)(width));
  EACH_SIZE(size, LANES)
#undef LANES
}
