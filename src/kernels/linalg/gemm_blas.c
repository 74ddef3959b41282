/* Products of floats and complex numbers by OpenBLAS. */
#include <cblas.h>
#include <string.h>

#include "base/cpu.h"
#include "kernels/linalg/gemm_kernels.h"

static bool unit(int64_t step, int64_t n) { return step == 1 || n == 1; }
static bool apart(int64_t step, int64_t n, int64_t length) { return n == 1 || (step >= length && step < INT32_MAX); }

/* As BLAS says it: transposed or not, and the distance of rows (columns). */
static bool transposed(const kv_matrix *m) {
  return !(unit(m->column_step, m->columns) && apart(m->row_step, m->rows, m->columns));
}
static int leading(const kv_matrix *m) {
  int64_t n = transposed(m) ? m->columns : m->rows, length = transposed(m) ? m->rows : m->columns;
  int64_t step = transposed(m) ? m->column_step : m->row_step;
  if (n == 1) step = length;
  return step > 1 ? (int)step : 1;
}

static const float one_c[2] = {1, 0}, zero_c[2] = {0, 0};
static const double one_z[2] = {1, 0}, zero_z[2] = {0, 0};

static void matrix_matrix(kvino_dtype dtype, const kv_matrix *a, const kv_matrix *b, void *y, int64_t y_step) {
  CBLAS_TRANSPOSE ta = transposed(a) ? CblasTrans : CblasNoTrans, tb = transposed(b) ? CblasTrans : CblasNoTrans;
  int m = (int)a->rows, n = (int)b->columns, k = (int)a->columns, lda = leading(a), ldb = leading(b), ldy = (int)y_step;
  const void *p = a->data, *q = b->data;
  switch (dtype) {
  case KVINO_F32:
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, p, lda, q, ldb, 0, y, ldy);
    break;
  case KVINO_F64:
    cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, p, lda, q, ldb, 0, y, ldy);
    break;
  case KVINO_C64:
    cblas_cgemm(CblasRowMajor, ta, tb, m, n, k, one_c, p, lda, q, ldb, zero_c, y, ldy);
    break;
  default:
    cblas_zgemm(CblasRowMajor, ta, tb, m, n, k, one_z, p, lda, q, ldb, zero_z, y, ldy);
    break;
  }
}

/* y (its elements y_step apart) = a x, of f32 or f64; x's elements are x_step apart. y is cleared first and added to:
 * OpenBLAS has scaled whatever stood there, NaN too, in some of its versions. */
static void matrix_vector(kvino_dtype dtype, const kv_matrix *a, const void *x, int64_t x_step, void *y,
                          int64_t y_step) {
  bool t = transposed(a);
  CBLAS_TRANSPOSE ta = t ? CblasTrans : CblasNoTrans;
  int m = (int)(t ? a->columns : a->rows), n = (int)(t ? a->rows : a->columns), lda = leading(a), ix = (int)x_step,
      iy = (int)y_step;
  size_t size = kvino_dtype_size(dtype);
  if (y_step == 1)
    memset(y, 0, (size_t)a->rows * size);
  else
    for (int64_t i = 0; i < a->rows; i++) memset((char *)y + (size_t)(i * y_step) * size, 0, size);
  if (dtype == KVINO_F32)
    cblas_sgemv(CblasRowMajor, ta, m, n, 1, a->data, lda, x, ix, 1, y, iy);
  else
    cblas_dgemv(CblasRowMajor, ta, m, n, 1, a->data, lda, x, ix, 1, y, iy);
}

static kv_matrix flipped(const kv_matrix *m) {
  return (kv_matrix){m->data, m->columns, m->rows, m->column_step, m->row_step};
}

/* OpenBLAS has such kernels for AVX-512, and takes them for up to a million multiplications. */
bool kv_gemm_floats_is_direct(const kv_matrix *a, const kv_matrix *b) {
  return kv_cpu_isa() == KV_ISA_AVX512 && a->rows > 1 && b->columns > 1 && !transposed(a) && !transposed(b) &&
         (double)a->rows * (double)a->columns * (double)b->columns <= 1e6;
}

void kv_gemm_floats(kvino_dtype dtype, const kv_matrix *a, const kv_matrix *b, void *y, int64_t y_step) {
  if (kvino_dtype_is_complex(dtype)) { /* OpenBLAS's gemv of these reads beyond the end of the matrix */
    matrix_matrix(dtype, a, b, y, y_step);
  } else if (b->columns == 1 && a->rows > 1) {
    matrix_vector(dtype, a, b->data, b->rows == 1 ? 1 : b->row_step, y, y_step);
  } else if (a->rows == 1) {
    kv_matrix t = flipped(b);
    matrix_vector(dtype, &t, a->data, a->columns == 1 ? 1 : a->column_step, y, 1);
  } else {
    matrix_matrix(dtype, a, b, y, y_step);
  }
}
