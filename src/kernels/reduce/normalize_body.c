/* The loops of softmax and normalization. The compiler makes vectors of them; every level does the same operations in
 * the same order. */
#include "kernels/level.h"
#include <math.h>
#include <string.h>

#include "kernels/reduce/normalize_kernels.h"
#include "kernels/elementwise/vector_math.h"

enum { LANES = 16 };

#define LOOPS(T, EXP)                                                                                                  \
  static void exp_row_##T(const void *from, int64_t n, double top, void *to) {                                         \
    const T *restrict x = from;                                                                                        \
    T *restrict y = to;                                                                                                \
    for (int64_t i = 0; i < n; i++) y[i] = (T)EXP((double)x[i] - top);                                                 \
  }                                                                                                                    \
  static void exp_columns_##T(const void *from, int64_t n, const double *restrict tops, void *to) {                    \
    const T *restrict x = from;                                                                                        \
    T *restrict y = to;                                                                                                \
    for (int64_t i = 0; i < n; i++) y[i] = (T)EXP((double)x[i] - tops[i]);                                             \
  }                                                                                                                    \
  static void affine_row_##T(const void *from, int64_t n, double subtract, double factor, double add, void *to) {      \
    const T *x = from;                                                                                                 \
    T *y = to;                                                                                                         \
    for (int64_t i = 0; i < n; i++) y[i] = (T)(((double)x[i] - subtract) * factor + add);                              \
  }                                                                                                                    \
  static void affine_columns_##T(const void *from, int64_t n, const double *restrict subtract,                         \
                                 const double *restrict factor, const double *restrict add, void *to) {                \
    const T *x = from;                                                                                                 \
    T *y = to;                                                                                                         \
    for (int64_t i = 0; i < n; i++) y[i] = (T)(((double)x[i] - subtract[i]) * factor[i] + add[i]);                     \
  }                                                                                                                    \
  static double spread_##T(const void *from, int64_t n, double center) {                                               \
    const T *x = from;                                                                                                 \
    double lanes[LANES] = {0}, sum = 0;                                                                                \
    int64_t i = 0;                                                                                                     \
    for (; i + LANES <= n; i += LANES)                                                                                 \
      for (int j = 0; j < LANES; j++) {                                                                                \
        double d = (double)x[i + j] - center;                                                                          \
        lanes[j] += d * d;                                                                                             \
      }                                                                                                                \
    for (int j = 0; i < n; i++, j++) lanes[j] += ((double)x[i] - center) * ((double)x[i] - center);                    \
    for (int j = 0; j < LANES; j++) sum += lanes[j];                                                                   \
    return sum;                                                                                                        \
  }
LOOPS(float, exp_f32)
LOOPS(double, exp)

#define PAIR(name)                                                                                                     \
  { name##_float, name##_double }
const kv_normalize_kernels KV_AT_LEVEL(kv_normalize) = {PAIR(exp_row), PAIR(exp_columns), PAIR(affine_row),
                                                        PAIR(affine_columns), PAIR(spread)};
