/* Integer matrix products. A block of ROWS x 2 registers of results stays in registers while it takes in all products.
 */
#include "kernels/level.h"
#include <string.h>

#include "kernels/linalg/gemm_kernels.h"

enum { ROWS = 4 };

#define GEMM(bits)                                                                                                     \
  typedef uint##bits##_t v##bits __attribute__((vector_size(KV_LEVEL_BYTES)));                                         \
  /* `rows` (at most ROWS) rows of 2 registers */                                                                      \
  static inline __attribute__((always_inline)) void block_##bits(                                                      \
      int rows, int64_t depth, const uint##bits##_t *a, int64_t a_row, int64_t a_column, const uint##bits##_t *b,      \
      int64_t b_row, uint##bits##_t *y, int64_t y_step) {                                                              \
    enum { PER = KV_LEVEL_BYTES * 8 / bits };                                                                          \
    v##bits sum[ROWS][2];                                                                                              \
    memset(sum, 0, sizeof sum);                                                                                        \
    for (int64_t l = 0; l < depth; l++, b += b_row, a += a_column) {                                                   \
      v##bits b0, b1;                                                                                                  \
      memcpy(&b0, b, sizeof b0);                                                                                       \
      memcpy(&b1, b + PER, sizeof b1);                                                                                 \
      _Pragma("GCC unroll 4") for (int r = 0; r < rows; r++) {                                                         \
        sum[r][0] += a[r * a_row] * b0;                                                                                \
        sum[r][1] += a[r * a_row] * b1;                                                                                \
      }                                                                                                                \
    }                                                                                                                  \
    for (int r = 0; r < rows; r++) memcpy(y + r * y_step, sum[r], sizeof sum[r]);                                      \
  }                                                                                                                    \
  /* What is left of the columns. */                                                                                   \
  static void edge_##bits(int64_t columns, int64_t depth, const uint##bits##_t *a, int64_t a_column,                   \
                          const uint##bits##_t *b, int64_t b_row, uint##bits##_t *y) {                                 \
    memset(y, 0, (size_t)columns * sizeof *y);                                                                         \
    for (int64_t l = 0; l < depth; l++, b += b_row)                                                                    \
      for (int64_t j = 0; j < columns; j++) y[j] = (uint##bits##_t)(y[j] + 1u * a[l * a_column] * b[j]);               \
  }                                                                                                                    \
  static void gemm_##bits(kv_matrix a, kv_matrix b, void *out, int64_t y_step) {                                       \
    enum { WIDTH = 2 * KV_LEVEL_BYTES * 8 / bits };                                                                    \
    int64_t j = 0;                                                                                                     \
    for (; j + WIDTH <= b.columns; j += WIDTH) {                                                                       \
      const uint##bits##_t *x = a.data, *w = (const uint##bits##_t *)b.data + j;                                       \
      uint##bits##_t *y = (uint##bits##_t *)out + j;                                                                   \
      int64_t i = 0;                                                                                                   \
      for (; i + ROWS <= a.rows; i += ROWS)                                                                            \
        block_##bits(ROWS, a.columns, x + i * a.row_step, a.row_step, a.column_step, w, b.row_step, y + i * y_step,    \
                     y_step);                                                                                          \
      for (; i < a.rows; i++)                                                                                          \
        block_##bits(1, a.columns, x + i * a.row_step, a.row_step, a.column_step, w, b.row_step, y + i * y_step,       \
                     y_step);                                                                                          \
    }                                                                                                                  \
    for (int64_t i = 0; j < b.columns && i < a.rows; i++)                                                              \
      edge_##bits(b.columns - j, a.columns, (const uint##bits##_t *)a.data + i * a.row_step, a.column_step,            \
                  (const uint##bits##_t *)b.data + j, b.row_step, (uint##bits##_t *)out + i * y_step + j);             \
  }
GEMM(8)
GEMM(16)
GEMM(32)
GEMM(64)

const kv_gemm_table KV_AT_LEVEL(kv_gemm_integers) = {gemm_8, gemm_16, gemm_32, gemm_64};
