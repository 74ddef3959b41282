/* The sorts of short_rows.h. What depends on the width stands in short_rows_vectors.h: BYTES of a vector; for B = 32
 * and 64 of unsigned numbers LEAST##B and MOST##B, and EITHER##B(lanes, x, y), which takes the lesser but in the lanes
 * of that mask; TURN##B, a number that elements are xor-ed with before (where only signed ones compare).
 *
 * Batcher's bitonic sort, all of whose comparisons put the lesser first: two sorted runs are merged by comparing the
 * first with the reversed second and then halves with halves. Vectors behind the last one count as infinite, so that
 * comparisons with them are left out. */
#include "kernels/level.h"
#include "kernels/order/short_rows.h"

#if KV_LEVEL_BYTES == 16
const kv_short_sorts KV_AT_LEVEL(kv_short_sorts) = {NULL, NULL}; /* no network is faster there than the other sorts */
#else
#include <limits.h>
#include <string.h>

#include "kernels/order/order.h"
#include "kernels/order/order_codes.h"
#include "kernels/order/short_rows_vectors.h"

#define INLINE static inline __attribute__((always_inline))

typedef uint32_t v32 __attribute__((vector_size(BYTES)));
typedef uint64_t v64 __attribute__((vector_size(BYTES)));
typedef uint32_t w32 __attribute__((may_alias));
typedef uint64_t w64 __attribute__((may_alias));
/* In memory: a sanitizer may put an aligned array elsewhere. */
typedef uint32_t m32 __attribute__((vector_size(BYTES), aligned(4), may_alias));
typedef uint64_t m64 __attribute__((vector_size(BYTES), aligned(8), may_alias));
enum { LANES32 = BYTES / 4, LANES64 = BYTES / 8 };

/* Lane i beside lane i ^ m, whose highest bit is `high`. */
#define UPPER(high) ((high) == 1 ? 0xaaaa : (high) == 2 ? 0xcccc : (high) == 4 ? 0xf0f0 : 0xff00)
#define XOR4(m) 0 ^ (m), 1 ^ (m), 2 ^ (m), 3 ^ (m)
#define XOR8(m) XOR4(m), 4 ^ (m), 5 ^ (m), 6 ^ (m), 7 ^ (m)
#define XOR16(m) XOR8(m), 8 ^ (m), 9 ^ (m), 10 ^ (m), 11 ^ (m), 12 ^ (m), 13 ^ (m), 14 ^ (m), 15 ^ (m)
#if BYTES == 64
#define XOR_LANES32 XOR16
#define XOR_LANES64 XOR8
#else
#define XOR_LANES32 XOR8
#define XOR_LANES64 XOR4
#endif
#define SWAPPED(B, x, m) __builtin_shufflevector(x, x, XOR_LANES##B(m))
#define STEP(B, m, high)                                                                                               \
  do {                                                                                                                 \
    const v##B y = SWAPPED(B, x, m);                                                                                   \
    x = EITHER##B(UPPER(high) & ((1 << LANES##B) - 1), x, y);                                                          \
  } while (0)

#define NETWORK(B, most)                                                                                               \
  INLINE v##B merge_lanes##B(v##B x) {                                                                                 \
    if (LANES##B > 8) STEP(B, 8 % LANES##B, 8);                                                                        \
    if (LANES##B > 4) STEP(B, 4 % LANES##B, 4);                                                                        \
    STEP(B, 2, 2);                                                                                                     \
    STEP(B, 1, 1);                                                                                                     \
    return x;                                                                                                          \
  }                                                                                                                    \
  INLINE v##B sort_lanes##B(v##B x) {                                                                                  \
    STEP(B, 1, 1);                                                                                                     \
    STEP(B, 3, 2);                                                                                                     \
    STEP(B, 1, 1);                                                                                                     \
    if (LANES##B > 4) {                                                                                                \
      STEP(B, 7 % LANES##B, 4);                                                                                        \
      STEP(B, 2, 2);                                                                                                   \
      STEP(B, 1, 1);                                                                                                   \
    }                                                                                                                  \
    if (LANES##B > 8) {                                                                                                \
      STEP(B, 15 % LANES##B, 8);                                                                                       \
      STEP(B, 4 % LANES##B, 4);                                                                                        \
      STEP(B, 2, 2);                                                                                                   \
      STEP(B, 1, 1);                                                                                                   \
    }                                                                                                                  \
    return x;                                                                                                          \
  }                                                                                                                    \
  /* Vectors [first, first + 2 width) of `count`: both halves are sorted. */                                           \
  INLINE void merge_runs##B(m##B *a, int first, int width, int count) {                                                \
    const int end = first + 2 * width < count ? first + 2 * width : count;                                             \
    for (int i = first, j = first + 2 * width - 1; i < j; i++, j--) {                                                  \
      if (j >= count) continue;                                                                                        \
      const v##B x = a[i], y = SWAPPED(B, a[j], LANES##B - 1);                                                         \
      a[i] = LEAST##B(x, y);                                                                                           \
      a[j] = MOST##B(x, y);                                                                                            \
    }                                                                                                                  \
    for (int half = width / 2; half; half /= 2)                                                                        \
      for (int block = first; block + half < end; block += 2 * half)                                                   \
        for (int i = block; i < block + half && i + half < end; i++) {                                                 \
          const v##B x = a[i], y = a[i + half];                                                                        \
          a[i] = LEAST##B(x, y);                                                                                       \
          a[i + half] = MOST##B(x, y);                                                                                 \
        }                                                                                                              \
    for (int i = first; i < end; i++) a[i] = merge_lanes##B(a[i]);                                                     \
  }                                                                                                                    \
  /* `words` has room up to the next whole vector. */                                                                  \
  static void sort_words##B(w##B *words, int n) {                                                                      \
    m##B *a = (m##B *)words;                                                                                           \
    const int count = (n + LANES##B - 1) / LANES##B;                                                                   \
    for (int i = n; i < count * LANES##B; i++) words[i] = most;                                                        \
    for (int i = 0; i < count; i++) a[i] = sort_lanes##B(a[i] ^ TURN##B);                                              \
    for (int width = 1; width < count; width *= 2)                                                                     \
      for (int first = 0; first + width < count; first += 2 * width) merge_runs##B(a, first, width, count);            \
    for (int i = 0; TURN##B && i < count; i++) a[i] ^= TURN##B;                                                        \
  }                                                                                                                    \
  /* The highest bits of the keys, counted from the least one, above the place: no two are equal. Where bits had to    \
   * go, those that the others do not tell apart may be in disorder afterwards. */                                     \
  static void sort_keys##B(uint##B##_t *key, int n, int64_t *index) {                                                  \
    _Alignas(64) uint##B##_t word[KV_SHORT_ROW];                                                                       \
    uint##B##_t least = key[0], greatest = key[0], tied = 0, wrong = 0;                                                \
    for (int i = 1; i < n; i++) {                                                                                      \
      least = key[i] < least ? key[i] : least;                                                                         \
      greatest = key[i] > greatest ? key[i] : greatest;                                                                \
    }                                                                                                                  \
    const int bits = n > 1 ? 32 - __builtin_clz((unsigned)n - 1) : 0;                                                  \
    const int shared = __builtin_clzll((uint64_t)(greatest - least) | 1) - (64 - B);                                   \
    const int up = shared < bits ? shared : bits;                                                                      \
    const uint##B##_t mask = ((uint##B##_t)1 << bits) - 1;                                                             \
    for (int i = 0; i < n; i++) word[i] = ((key[i] - least) << up & ~mask) | (uint##B##_t)i;                           \
    sort_words##B(word, n);                                                                                            \
    if (up < bits)                                                                                                     \
      for (int i = 1; i < n; i++) tied |= (word[i - 1] ^ word[i]) <= mask;                                             \
    for (int i = 0; i < n; i++) index[i] = (int64_t)(word[i] & mask);                                                  \
    if (!tied) return;                                                                                                 \
    for (int i = 1; i < n; i++) wrong |= key[index[i - 1]] > key[index[i]];                                            \
    for (int i = 1; wrong && i < n; i++) {                                                                             \
      const int64_t own = index[i];                                                                                    \
      int j = i;                                                                                                       \
      for (; j > 0 && key[index[j - 1]] > key[own]; j--) index[j] = index[j - 1];                                      \
      index[j] = own;                                                                                                  \
    }                                                                                                                  \
  }
NETWORK(32, UINT32_MAX)
NETWORK(64, UINT64_MAX)

#define WORD(U) __typeof__(__builtin_choose_expr(sizeof(U) <= 4, (uint32_t)0, (uint64_t)0))

#define VALUES(ID, U, encoded, decoded, care)                                                                          \
  static bool values_##ID(int n, const U *restrict in, const U flip, U *restrict out) {                                \
    _Alignas(64) WORD(U) word[KV_SHORT_ROW];                                                                           \
    U careful = 0;                                                                                                     \
    for (int i = 0; i < n; i++) {                                                                                      \
      const U v = in[i];                                                                                               \
      careful |= (U)(care);                                                                                            \
      word[i] = (U)((U)(encoded) ^ flip);                                                                              \
    }                                                                                                                  \
    if (sizeof(U) <= 4)                                                                                                \
      sort_words32((w32 *)(void *)word, n);                                                                            \
    else                                                                                                               \
      sort_words64((w64 *)(void *)word, n);                                                                            \
    for (int i = 0; i < n; i++) {                                                                                      \
      const U k = (U)((U)word[i] ^ flip);                                                                              \
      out[i] = (U)(decoded);                                                                                           \
    }                                                                                                                  \
    return !careful;                                                                                                   \
  }
KV_CODED_DTYPES(VALUES)

#define PLACES(ID, U, T, code)                                                                                         \
  static void places_##ID(int n, const U *restrict in, const T flip, int64_t *restrict index) {                        \
    _Alignas(64) WORD(T) key[KV_SHORT_ROW];                                                                            \
    for (int i = 0; i < n; i++) {                                                                                      \
      const U v = in[i];                                                                                               \
      key[i] = (T)((T)(code) ^ flip);                                                                                  \
    }                                                                                                                  \
    if (sizeof(T) <= 4)                                                                                                \
      sort_keys32((uint32_t *)(void *)key, n, index);                                                                  \
    else                                                                                                               \
      sort_keys64((uint64_t *)(void *)key, n, index);                                                                  \
  }
KV_ORDERED_DTYPES(PLACES)

static bool sort_values(kvino_dtype dtype, int64_t n, const char *in, bool descending, char *out) {
  switch (dtype) {
#define CASE(ID, U, ...)                                                                                               \
  case KVINO_##ID:                                                                                                     \
    return values_##ID((int)n, (const U *)in, descending ? (U)-1 : 0, (U *)out);
    KV_CODED_DTYPES(CASE)
#undef CASE
  default:
    return false;
  }
}

static void sort_places(kvino_dtype dtype, int64_t n, const char *in, bool descending, int64_t *index) {
  switch (dtype) {
#define CASE(ID, U, T, code)                                                                                           \
  case KVINO_##ID:                                                                                                     \
    places_##ID((int)n, (const U *)in, descending ? (T)-1 : 0, index);                                                 \
    break;
    KV_ORDERED_DTYPES(CASE)
#undef CASE
  default:
    break;
  }
}

const kv_short_sorts KV_AT_LEVEL(kv_short_sorts) = {sort_values, sort_places};
#endif
