#include "kernels/search.h"

#include "kernels/order.h"

#define LOAD_KEY(M, U, key, p)                                                                                         \
  ({                                                                                                                   \
    M v;                                                                                                               \
    memcpy(&v, (p), sizeof v);                                                                                         \
    (U)(key);                                                                                                          \
  })

/* Halves the range, without a branch that depends on the data; afterwards `below` elements come before the value.
 * `there` is the key of element number `at`, `wanted` that of the value. */
#define SEARCH(load_wanted, load_there, LESS)                                                                          \
  for (int64_t i = 0; i < m; i++) {                                                                                    \
    const __auto_type wanted = load_wanted;                                                                            \
    int64_t below = 0, length = n;                                                                                     \
    while (length > 0) {                                                                                               \
      const int64_t half = length / 2, at = below + half;                                                              \
      const __auto_type there = load_there;                                                                            \
      const bool before = right ? !(LESS(wanted, there)) : LESS(there, wanted);                                        \
      below = before ? at + 1 : below;                                                                                 \
      length = before ? length - half - 1 : half;                                                                      \
    }                                                                                                                  \
    if (narrow)                                                                                                        \
      ((int32_t *)counts)[i] = (int32_t)below;                                                                         \
    else                                                                                                               \
      ((int64_t *)counts)[i] = below;                                                                                  \
  }

#define PLAIN_LESS(a, b) ((a) < (b))
#define WIDE_LESS(a, b) (kv_order_compare(a, b) < 0)

void kv_search(kvino_dtype dtype, const char *sorted, int64_t n, const char *values, int64_t m, bool right, bool narrow,
               void *counts) {
  switch (dtype) {
#define CASE(ID, M, U, key)                                                                                            \
  case KVINO_##ID:                                                                                                     \
    SEARCH(LOAD_KEY(M, U, key, values + i * (int64_t)sizeof(M)),                                                       \
           LOAD_KEY(M, U, key, sorted + at * (int64_t)sizeof(M)), PLAIN_LESS)                                          \
    break;
    KV_ORDERED_DTYPES(CASE)
#undef CASE
  case KVINO_C128:
    SEARCH(kv_complex128_key(values + i * 16), kv_complex128_key(sorted + at * 16), WIDE_LESS)
    break;
  default:
    break;
  }
}
