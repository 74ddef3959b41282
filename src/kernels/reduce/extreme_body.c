/* The loops of extreme.h, for the compiler to vectorize. */
#include "kernels/level.h"
#include "kernels/reduce/extreme.h"
#include "kernels/order/order.h"

enum { EXTREME_BLOCK = 512 }; /* elements whose extreme is found before it is known where it is */

#define LEAST_OF_BLOCK(M, U, key)                                                                                      \
  U least = (U)-1;                                                                                                     \
  for (int64_t i = 0; i < m; i++) {                                                                                    \
    M v;                                                                                                               \
    memcpy(&v, block + i * (int64_t)sizeof v, sizeof v);                                                               \
    const U here = (U)((U)(key) ^ flip);                                                                               \
    least = here < least ? here : least;                                                                               \
  }

/* One column: block by block the least key; only the block that had it is looked through for its place. */
#define ROW(ID, M, U, key)                                                                                             \
  static int64_t row_##ID(int64_t n, const char *data, const U flip) {                                                 \
    U best = (U)-1;                                                                                                    \
    int64_t at = 0;                                                                                                    \
    for (int64_t first = 0; first < n; first += EXTREME_BLOCK) {                                                       \
      const int64_t m = n - first < EXTREME_BLOCK ? n - first : EXTREME_BLOCK;                                         \
      const char *block = data + first * (int64_t)sizeof(M);                                                           \
      LEAST_OF_BLOCK(M, U, key)                                                                                        \
      if (least < best) {                                                                                              \
        best = least;                                                                                                  \
        at = first;                                                                                                    \
      }                                                                                                                \
    }                                                                                                                  \
    const int64_t m = n - at < EXTREME_BLOCK ? n - at : EXTREME_BLOCK;                                                 \
    const char *block = data + at * (int64_t)sizeof(M);                                                                \
    uint32_t place = EXTREME_BLOCK;                                                                                    \
    for (uint32_t i = 0; i < (uint32_t)m; i++) {                                                                       \
      M v;                                                                                                             \
      memcpy(&v, block + i * sizeof v, sizeof v);                                                                      \
      const uint32_t here = (U)((U)(key) ^ flip) == best ? i : EXTREME_BLOCK;                                          \
      place = here < place ? here : place;                                                                             \
    }                                                                                                                  \
    return at + place;                                                                                                 \
  }                                                                                                                    \
  static void columns_##ID(int64_t n, int64_t columns, int64_t step, const char *data, const U flip, uint32_t *at) {   \
    U best[KV_EXTREME_COLUMNS];                                                                                        \
    for (int64_t j = 0; j < columns; j++) best[j] = (U)-1;                                                             \
    for (int64_t i = 0; i < n; i++, data += step)                                                                      \
      for (int64_t j = 0; j < columns; j++) {                                                                          \
        M v;                                                                                                           \
        memcpy(&v, data + j * (int64_t)sizeof v, sizeof v);                                                            \
        const U here = (U)((U)(key) ^ flip);                                                                           \
        const bool less = here < best[j];                                                                              \
        best[j] = less ? here : best[j];                                                                               \
        at[j] = less ? (uint32_t)i : at[j];                                                                            \
      }                                                                                                                \
  }
KV_ORDERED_DTYPES(ROW)
#undef ROW
#undef LEAST_OF_BLOCK

void KV_AT_LEVEL(kv_extreme)(kvino_dtype dtype, int64_t n, int64_t columns, int64_t step, const char *data,
                             bool greatest, int64_t *index) {
  uint32_t at[KV_EXTREME_COLUMNS] = {0}; /* where all keys are the largest, the first is the least */
  switch (dtype) {
#define CASE(ID, M, U, key)                                                                                            \
  case KVINO_##ID:                                                                                                     \
    if (columns == 1 && step == (int64_t)sizeof(M)) {                                                                  \
      index[0] = row_##ID(n, data, greatest ? (U)-1 : 0);                                                              \
      return;                                                                                                          \
    }                                                                                                                  \
    columns_##ID(n, columns, step, data, greatest ? (U)-1 : 0, at);                                                    \
    break;
    KV_ORDERED_DTYPES(CASE)
#undef CASE
  default:
    for (int64_t j = 0; j < columns; j++)
      for (int64_t i = 1; i < n; i++) {
        int order = kv_order_compare(kv_order_key(dtype, data + i * step + j * 16),
                                     kv_order_key(dtype, data + at[j] * step + j * 16));
        if (greatest ? order > 0 : order < 0) at[j] = (uint32_t)i;
      }
  }
  for (int64_t j = 0; j < columns; j++) index[j] = at[j];
}
