/* The loops of Select, by the elements' size. */
#include "kernels/level.h"
#include "kernels/elementwise/elementwise_tables.h"

typedef unsigned __int128 pair;

#define SIZE(type)                                                                                                     \
  case sizeof(type): {                                                                                                 \
    typedef type any __attribute__((aligned(1), may_alias));                                                           \
    const any *pa = a, *pb = b;                                                                                        \
    any *restrict py = y;                                                                                              \
    for (size_t i = 0; i < n; i++) {                                                                                   \
      const type v = pa[i], w = pb[i];                                                                                 \
      py[i] = condition[i] ? v : w;                                                                                    \
    }                                                                                                                  \
    break;                                                                                                             \
  }

void KV_AT_LEVEL(kv_select)(size_t size, void *y, const uint8_t *condition, const void *a, const void *b, size_t n) {
  switch (size) { SIZE(uint8_t) SIZE(uint16_t) SIZE(uint32_t) SIZE(uint64_t) SIZE(pair) default : break; }
}
