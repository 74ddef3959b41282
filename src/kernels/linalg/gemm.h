/* Matrix products: floats and complex numbers by OpenBLAS, few rows of floats, and integers exactly (they wrap), by
 * loops of our own. */
#ifndef KVINO_KERNELS_LINALG_GEMM_H
#define KVINO_KERNELS_LINALG_GEMM_H

#include "kvino/dtype.h"

/* A matrix in memory: element (i, j) stands at data + i * row_step + j * column_step elements. */
typedef struct kv_matrix {
  const void *data;
  int64_t rows, columns;
  int64_t row_step, column_step;
} kv_matrix;

/* Whether kv_gemm takes the matrix as it is: one step is 1, the other at least a row's (column's) length, below 2^31.
 */
bool kv_gemm_takes(const kv_matrix *m);

/* y = a b, for f32, f64, c64, c128 and integers; y's rows are contiguous and `y_step` elements apart. a.columns ==
 * b.rows; where that is 0, y becomes 0. On several threads where it is worth it: how the work is cut follows from the
 * sizes alone, so that the result does not depend on the number of threads. */
void kv_gemm(kvino_dtype dtype, kv_matrix a, kv_matrix b, void *y, int64_t y_step);

/* Whether a b is a product of few rows with a large matrix of f32 or bf16, which kv_narrow computes as fast as b can be
 * read. a is f32, whatever `dtype`, that of b, is. */
bool kv_narrow_takes(kvino_dtype dtype, const kv_matrix *a, const kv_matrix *b);
void kv_narrow(kvino_dtype dtype, const kv_matrix *a, const kv_matrix *b, float *y, int64_t y_step);

#endif
