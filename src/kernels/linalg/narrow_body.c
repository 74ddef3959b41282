/* Products of a few rows with a matrix that is read once, in the order in which it stands in memory: what they wait for
 * is the memory. Sums are in f32. */
#include <string.h>

#include "kernels/level.h"
#include "kernels/linalg/gemm_kernels.h"

enum { PER = KV_LEVEL_BYTES / (int)sizeof(float), TOGETHER = 4 /* rows, and elements along the depth */ };

typedef float vfloat __attribute__((vector_size(KV_LEVEL_BYTES)));
typedef uint32_t vword __attribute__((vector_size(KV_LEVEL_BYTES)));
typedef uint16_t vhalf __attribute__((vector_size(KV_LEVEL_BYTES / 2)));

#define INLINE static inline __attribute__((always_inline))

INLINE vfloat load_float(const float *p) {
  vfloat v;
  memcpy(&v, p, sizeof v);
  return v;
}
INLINE vfloat load_uint16_t(const uint16_t *p) { /* bf16: the upper half of a float */
  vhalf v;
  memcpy(&v, p, sizeof v);
  return (vfloat)(__builtin_convertvector(v, vword) << 16);
}
INLINE float one_float(float x) { return x; }
INLINE float one_uint16_t(uint16_t x) {
  uint32_t word = (uint32_t)x << 16;
  float f;
  memcpy(&f, &word, sizeof f);
  return f;
}

/* Adds `depth` (at most TOGETHER) rows of b, each times its element of a, to rows of y. */
#define ADD_ROWS(T)                                                                                                    \
  INLINE void add_rows_##T(int rows, int depth, const kv_matrix *a, int64_t row, int64_t k, const T *b, int64_t b_row, \
                           int64_t columns, float *y, int64_t y_step) {                                                \
    float x[TOGETHER][TOGETHER];                                                                                       \
    int64_t j = 0;                                                                                                     \
    for (int r = 0; r < rows; r++)                                                                                     \
      for (int l = 0; l < depth; l++)                                                                                  \
        x[r][l] = ((const float *)a->data)[(row + r) * a->row_step + (k + l) * a->column_step];                        \
    for (; j + PER <= columns; j += PER) {                                                                             \
      vfloat w[TOGETHER];                                                                                              \
      _Pragma("GCC unroll 4") for (int l = 0; l < depth; l++) {                                                        \
        w[l] = load_##T(b + l * b_row + j);                                                                            \
        __builtin_prefetch(b + (l + depth) * b_row + j);                                                               \
      }                                                                                                                \
      _Pragma("GCC unroll 4") for (int r = 0; r < rows; r++) {                                                         \
        vfloat sum = load_float(y + r * y_step + j);                                                                   \
        _Pragma("GCC unroll 4") for (int l = 0; l < depth; l++) sum += x[r][l] * w[l];                                 \
        memcpy(y + r * y_step + j, &sum, sizeof sum);                                                                  \
      }                                                                                                                \
    }                                                                                                                  \
    for (; j < columns; j++)                                                                                           \
      for (int r = 0; r < rows; r++)                                                                                   \
        for (int l = 0; l < depth; l++) y[r * y_step + j] += x[r][l] * one_##T(b[l * b_row + j]);                      \
  }                                                                                                                    \
  static void by_rows_##T(const kv_matrix *a, const kv_matrix *b, float *y, int64_t y_step) {                          \
    for (int64_t r = 0; r < a->rows; r++) memset(y + r * y_step, 0, (size_t)b->columns * sizeof *y);                   \
    for (int64_t k = 0; k < b->rows;) {                                                                                \
      const T *from = (const T *)b->data + k * b->row_step;                                                            \
      int depth = b->rows - k >= TOGETHER ? TOGETHER : 1;                                                              \
      int64_t r = 0;                                                                                                   \
      for (; r + TOGETHER <= a->rows && depth > 1; r += TOGETHER)                                                      \
        add_rows_##T(TOGETHER, TOGETHER, a, r, k, from, b->row_step, b->columns, y + r * y_step, y_step);              \
      for (; r < a->rows && depth > 1; r++)                                                                            \
        add_rows_##T(1, TOGETHER, a, r, k, from, b->row_step, b->columns, y + r * y_step, y_step);                     \
      for (; r < a->rows; r++) add_rows_##T(1, 1, a, r, k, from, b->row_step, b->columns, y + r * y_step, y_step);     \
      k += depth;                                                                                                      \
    }                                                                                                                  \
  }

/* `columns` (at most TOGETHER) columns of b, which stand contiguously, each times `rows` rows of a. */
#define DOT(T)                                                                                                         \
  INLINE void dot_##T(int rows, int columns, const float *a, int64_t a_row, const T *b, int64_t b_column,              \
                      int64_t depth, float *y, int64_t y_step) {                                                       \
    vfloat sum[TOGETHER][TOGETHER];                                                                                    \
    int64_t k = 0;                                                                                                     \
    memset(sum, 0, sizeof sum);                                                                                        \
    for (; k + PER <= depth; k += PER) _Pragma("GCC unroll 4") for (int j = 0; j < columns; j++) {                     \
        vfloat w = load_##T(b + j * b_column + k);                                                                     \
        _Pragma("GCC unroll 4") for (int r = 0; r < rows; r++) sum[r][j] += w * load_float(a + r * a_row + k);         \
      }                                                                                                                \
    for (int r = 0; r < rows; r++)                                                                                     \
      for (int j = 0; j < columns; j++) {                                                                              \
        float total = 0;                                                                                               \
        for (int i = 0; i < PER; i++) total += sum[r][j][i];                                                           \
        for (int64_t i = k; i < depth; i++) total += a[r * a_row + i] * one_##T(b[j * b_column + i]);                  \
        y[r * y_step + j] = total;                                                                                     \
      }                                                                                                                \
  }                                                                                                                    \
  static void by_columns_##T(const kv_matrix *a, const kv_matrix *b, float *y, int64_t y_step) {                       \
    for (int64_t j = 0; j < b->columns;) {                                                                             \
      int64_t columns = b->columns - j >= TOGETHER ? TOGETHER : 1, r = 0;                                              \
      const T *from = (const T *)b->data + j * b->column_step;                                                         \
      const float *x = a->data;                                                                                        \
      for (; r + TOGETHER <= a->rows && columns > 1; r += TOGETHER)                                                    \
        dot_##T(TOGETHER, TOGETHER, x + r * a->row_step, a->row_step, from, b->column_step, b->rows,                   \
                y + r * y_step + j, y_step);                                                                           \
      for (; r < a->rows && columns > 1; r++)                                                                          \
        dot_##T(1, TOGETHER, x + r * a->row_step, a->row_step, from, b->column_step, b->rows, y + r * y_step + j,      \
                y_step);                                                                                               \
      for (; r < a->rows; r++)                                                                                         \
        dot_##T(1, 1, x + r * a->row_step, a->row_step, from, b->column_step, b->rows, y + r * y_step + j, y_step);    \
      j += columns;                                                                                                    \
    }                                                                                                                  \
  }

ADD_ROWS(float)
ADD_ROWS(uint16_t)
DOT(float)
DOT(uint16_t)

const kv_narrow_table KV_AT_LEVEL(kv_narrow) = {{by_rows_float, by_rows_uint16_t},
                                                {by_columns_float, by_columns_uint16_t}};
