/* The loops of search.h, for the compiler to vectorize. Several values are searched side by side: all take the same
 * number of steps, without a branch that depends on the data, so that their loads overlap or become one. */
#include "kernels/level.h"
#include <float.h>
#include <math.h>

#include "kernels/order/order.h"
#include "kernels/order/search.h"

enum { SEARCH_LANES = 16 };

static void store_counts(const int32_t *below, int64_t lanes, bool narrow, void *counts, int64_t at) {
  if (narrow)
    memcpy((int32_t *)counts + at, below, (size_t)lanes * sizeof *below);
  else
    for (int64_t j = 0; j < lanes; j++) ((int64_t *)counts)[at + j] = below[j];
}

/* COMES(there, wanted): the element comes before the value. */
#define STEPS(M, U, key, COMES)                                                                                        \
  for (int32_t length = n; length > 0;) {                                                                              \
    const int32_t half = length > 1 ? length / 2 : 1;                                                                  \
    for (int j = 0; j < SEARCH_LANES; j++) {                                                                           \
      const M v = a[below[j] + half - 1];                                                                              \
      const U there = (U)(key);                                                                                        \
      below[j] += half & -(int32_t)COMES(there, wanted[j]);                                                            \
    }                                                                                                                  \
    length = length > 1 ? length - half : 0;                                                                           \
  }
#define BEFORE(there, wanted) ((there) < (wanted))
#define NOT_BEHIND(there, wanted) ((there) <= (wanted))

#define SEARCH(ID, M, U, key)                                                                                          \
  static void search_##ID(const M *restrict a, int32_t n, const M *restrict values, int64_t m, bool right,             \
                          bool narrow, void *counts) {                                                                 \
    for (int64_t i = 0; i < m; i += SEARCH_LANES) {                                                                    \
      const int64_t lanes = m - i < SEARCH_LANES ? m - i : SEARCH_LANES;                                               \
      int32_t below[SEARCH_LANES] = {0};                                                                               \
      U wanted[SEARCH_LANES];                                                                                          \
      for (int j = 0; j < SEARCH_LANES; j++) {                                                                         \
        const M v = values[i + (j < lanes ? j : 0)];                                                                   \
        wanted[j] = (U)(key);                                                                                          \
      }                                                                                                                \
      if (right) {                                                                                                     \
        STEPS(M, U, key, NOT_BEHIND)                                                                                   \
      } else {                                                                                                         \
        STEPS(M, U, key, BEFORE)                                                                                       \
      }                                                                                                                \
      store_counts(below, lanes, narrow, counts, i);                                                                   \
    }                                                                                                                  \
  }
KV_ORDERED_DTYPES(SEARCH)

/* ---- evenly spaced elements: the nearest one follows from arithmetic, and one comparison with it settles ---- */

enum { EVEN_BLOCK = 256, EVEN_WORTH = 4 /* values for each element, so that looking at the elements pays */ };

#define EVEN_COUNTS(T, COMES)                                                                                          \
  for (int64_t j = 0; j < lanes; j++) {                                                                                \
    const T v = values[i + j];                                                                                         \
    double place = ((double)v - first) * scale + 0.5;                                                                  \
    place = place < last ? place : last;                                                                               \
    place = place > 0 ? place : 0;                                                                                     \
    const int32_t nearest = (int32_t)place, count = nearest + COMES(a[nearest], v);                                    \
    below[j] = v != v ? n : count;                                                                                     \
  }

/* False where the elements are not even: each within a quarter of a step of where it would be, so that rounding cannot
 * make another the nearest but one of the two around a value. */
#define EVEN(T)                                                                                                        \
  static bool search_even_##T(const T *restrict a, int32_t n, const T *restrict values, int64_t m, bool right,         \
                              bool narrow, void *counts) {                                                             \
    if (n < 2 || m / EVEN_WORTH < n) return false;                                                                     \
    const double first = a[0], last = n - 1, step = ((double)a[n - 1] - first) / last, scale = 1 / step;               \
    const double largest = fmax(fabs(first), fabs((double)a[n - 1]));                                                  \
    if (!(step > 64 * DBL_EPSILON * largest) || !isfinite(step) || !isfinite(scale)) return false;                     \
    for (int32_t j = 0; j < n; j++)                                                                                    \
      if (!(fabs(a[j] - (first + j * step)) <= step / 4)) return false;                                                \
    for (int64_t i = 0; i < m; i += EVEN_BLOCK) {                                                                      \
      int32_t below[EVEN_BLOCK];                                                                                       \
      const int64_t lanes = m - i < EVEN_BLOCK ? m - i : EVEN_BLOCK;                                                   \
      if (right) {                                                                                                     \
        EVEN_COUNTS(T, NOT_BEHIND)                                                                                     \
      } else {                                                                                                         \
        EVEN_COUNTS(T, BEFORE)                                                                                         \
      }                                                                                                                \
      store_counts(below, lanes, narrow, counts, i);                                                                   \
    }                                                                                                                  \
    return true;                                                                                                       \
  }
EVEN(float)
EVEN(double)

void KV_AT_LEVEL(kv_search)(kvino_dtype dtype, const char *sorted, int64_t n, const char *values, int64_t m, bool right,
                            bool narrow, void *counts) {
  if (dtype == KVINO_F32 &&
      search_even_float((const float *)sorted, (int32_t)n, (const float *)values, m, right, narrow, counts))
    return;
  if (dtype == KVINO_F64 &&
      search_even_double((const double *)sorted, (int32_t)n, (const double *)values, m, right, narrow, counts))
    return;
  switch (dtype) {
#define CASE(ID, M, ...)                                                                                               \
  case KVINO_##ID:                                                                                                     \
    search_##ID((const M *)sorted, (int32_t)n, (const M *)values, m, right, narrow, counts);                           \
    break;
    KV_ORDERED_DTYPES(CASE)
#undef CASE
  default:
    break;
  }
}
