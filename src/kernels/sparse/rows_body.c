/* Sums of rows of x, a few vectors wide, stay in registers while a row's entries go by. */
#include "kernels/level.h"
#include "kernels/sparse/rows.h"

#define ROWS(T, name)                                                                                                  \
  typedef T name##_vector __attribute__((vector_size(KV_LEVEL_BYTES), aligned(sizeof(T)), may_alias));                 \
  static void name(int64_t width, int64_t begin, int64_t end, const int64_t *splits, const int32_t *columns,           \
                   const void *of_entries, const void *of_columns, void *of_rows) {                                    \
    enum { PER = KV_LEVEL_BYTES / (int)sizeof(T) };                                                                    \
    const T *values = of_entries, *x = of_columns;                                                                     \
    for (int64_t r = begin; r < end; r++) {                                                                            \
      T *y = (T *)of_rows + r * width;                                                                                 \
      int64_t first = splits[r], last = splits[r + 1], j = 0;                                                          \
      if (width == 1) {                                                                                                \
        T sum[4] = {0, 0, 0, 0};                                                                                       \
        for (; first + 4 <= last; first += 4)                                                                          \
          for (int i = 0; i < 4; i++) sum[i] += values[first + i] * x[columns[2 * (first + i)]];                       \
        for (; first < last; first++) sum[0] += values[first] * x[columns[2 * first]];                                 \
        *y = (sum[0] + sum[1]) + (sum[2] + sum[3]);                                                                    \
        continue;                                                                                                      \
      }                                                                                                                \
      for (; j + 4 * PER <= width; j += 4 * PER) {                                                                     \
        name##_vector sum[4] = {{0}, {0}, {0}, {0}};                                                                   \
        for (int64_t e = first; e < last; e++) {                                                                       \
          const name##_vector *row = (const name##_vector *)(x + columns[2 * e] * width + j);                          \
          T v = values[e];                                                                                             \
          sum[0] += row[0] * v;                                                                                        \
          sum[1] += row[1] * v;                                                                                        \
          sum[2] += row[2] * v;                                                                                        \
          sum[3] += row[3] * v;                                                                                        \
        }                                                                                                              \
        for (int i = 0; i < 4; i++) ((name##_vector *)(y + j))[i] = sum[i];                                            \
      }                                                                                                                \
      for (; j + PER <= width; j += PER) {                                                                             \
        name##_vector sum = {0};                                                                                       \
        for (int64_t e = first; e < last; e++)                                                                         \
          sum += *(const name##_vector *)(x + columns[2 * e] * width + j) * values[e];                                 \
        *(name##_vector *)(y + j) = sum;                                                                               \
      }                                                                                                                \
      for (; j < width; j++) {                                                                                         \
        T sum = 0;                                                                                                     \
        for (int64_t e = first; e < last; e++) sum += values[e] * x[columns[2 * e] * width + j];                       \
        y[j] = sum;                                                                                                    \
      }                                                                                                                \
    }                                                                                                                  \
  }
ROWS(uint32_t, rows_32)
ROWS(uint64_t, rows_64)
ROWS(float, rows_f32)
ROWS(double, rows_f64)

const kv_sparse_rows_table KV_AT_LEVEL(kv_sparse_rows) = {rows_32, rows_64, rows_f32, rows_f64};
