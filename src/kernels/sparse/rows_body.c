/* Sums of rows of x, a few vectors wide, stay in registers while a row's entries go by. */
#include "kernels/level.h"
#include "kernels/sparse/rows.h"

/* Columns of y from j on, one vector of V each step, for all entries of the row. */
#define BY_VECTORS(T, V)                                                                                               \
  for (; j + (int64_t)(sizeof(V) / sizeof(T)) <= width; j += (int64_t)(sizeof(V) / sizeof(T))) {                       \
    V sum = {0};                                                                                                       \
    if (old) sum = *(const V *)(y + j);                                                                                \
    for (int64_t e = first; e < last; e++) sum += *(const V *)(x + columns[e] * width + j) * values[e];                \
    *(V *)(y + j) = sum;                                                                                               \
  }

#define ROWS(T, name)                                                                                                  \
  typedef T name##_vector __attribute__((vector_size(KV_LEVEL_BYTES), aligned(sizeof(T)), may_alias));                 \
  typedef T name##_short __attribute__((vector_size(16), aligned(sizeof(T)), may_alias));                              \
  static void name(int64_t width, int64_t n_rows, bool more, const int32_t *splits, const int32_t *columns,            \
                   const void *of_entries, const void *of_columns, void *of_rows) {                                    \
    enum { PER = KV_LEVEL_BYTES / (int)sizeof(T) };                                                                    \
    const T *values = of_entries, *x = of_columns;                                                                     \
    T *y = of_rows;                                                                                                    \
    for (int64_t r = 0; r < n_rows; r++, y += width) {                                                                 \
      bool old = more && !r;                                                                                           \
      int64_t first = splits[r], last = splits[r + 1], j = 0;                                                          \
      if (width == 1) {                                                                                                \
        T sum[4] = {old ? *y : 0, 0, 0, 0};                                                                            \
        for (; first + 4 <= last; first += 4)                                                                          \
          for (int i = 0; i < 4; i++) sum[i] += values[first + i] * x[columns[first + i]];                             \
        for (; first < last; first++) sum[0] += values[first] * x[columns[first]];                                     \
        *y = (sum[0] + sum[1]) + (sum[2] + sum[3]);                                                                    \
        continue;                                                                                                      \
      }                                                                                                                \
      for (; j + 4 * PER <= width; j += 4 * PER) {                                                                     \
        name##_vector *to = (name##_vector *)(y + j), sum[4] = {{0}, {0}, {0}, {0}};                                   \
        for (int i = 0; i < 4 && old; i++) sum[i] = to[i];                                                             \
        for (int64_t e = first; e < last; e++) {                                                                       \
          const name##_vector *row = (const name##_vector *)(x + columns[e] * width + j);                              \
          T v = values[e];                                                                                             \
          sum[0] += row[0] * v;                                                                                        \
          sum[1] += row[1] * v;                                                                                        \
          sum[2] += row[2] * v;                                                                                        \
          sum[3] += row[3] * v;                                                                                        \
        }                                                                                                              \
        for (int i = 0; i < 4; i++) to[i] = sum[i];                                                                    \
      }                                                                                                                \
      BY_VECTORS(T, name##_vector)                                                                                     \
      BY_VECTORS(T, name##_short)                                                                                      \
      BY_VECTORS(T, T)                                                                                                 \
    }                                                                                                                  \
  }
ROWS(uint32_t, rows_32)
ROWS(uint64_t, rows_64)
ROWS(float, rows_f32)
ROWS(double, rows_f64)

static bool unzip(const int32_t *pairs, int64_t n, int64_t begin, int64_t end, int64_t limit, int32_t *rows,
                  int32_t *columns) {
  uint32_t wrong = 0, most = (uint32_t)limit;
  for (int64_t i = 0; i < n; i++) {
    rows[i] = pairs[2 * i];
    columns[i] = pairs[2 * i + 1];
    wrong |= (uint32_t)columns[i] >= most;
  }
  for (int64_t i = 1; i < n; i++) wrong |= rows[i] < rows[i - 1];
  return n == 0 || (!wrong && rows[0] >= begin && rows[n - 1] < end);
}

const kv_sparse_rows_kernels KV_AT_LEVEL(kv_sparse_rows) = {{rows_32, rows_64, rows_f32, rows_f64}, unzip};
