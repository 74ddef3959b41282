/* In place of gemm_blas.c where kvino is built without OpenBLAS: plain loops, which the compiler makes vectors of. */
#include <complex.h>
#include <string.h>

#include "kernels/linalg/gemm_kernels.h"

/* Rows of b are added up where they are contiguous, else its columns are multiplied by rows of a. */
#define PRODUCT(name, type)                                                                                            \
  static void name(const kv_matrix *a, const kv_matrix *b, type *y, int64_t y_step) {                                  \
    for (int64_t i = 0; i < a->rows; i++, y += y_step) {                                                               \
      const type *x = (const type *)a->data + i * a->row_step, *w = b->data;                                           \
      if (b->column_step == 1) {                                                                                       \
        memset(y, 0, (size_t)b->columns * sizeof *y);                                                                  \
        for (int64_t l = 0; l < a->columns; l++, x += a->column_step, w += b->row_step)                                \
          for (int64_t j = 0; j < b->columns; j++) y[j] += *x * w[j];                                                  \
      } else {                                                                                                         \
        for (int64_t j = 0; j < b->columns; j++, w += b->column_step) {                                                \
          type sum = 0;                                                                                                \
          for (int64_t l = 0; l < a->columns; l++) sum += x[l * a->column_step] * w[l * b->row_step];                  \
          y[j] = sum;                                                                                                  \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
  }
PRODUCT(product_f32, float)
PRODUCT(product_f64, double)
PRODUCT(product_c64, float _Complex)
PRODUCT(product_c128, double _Complex)

void kv_gemm_floats(kvino_dtype dtype, const kv_matrix *a, const kv_matrix *b, void *y, int64_t y_step) {
  switch (dtype) {
  case KVINO_F32:
    product_f32(a, b, y, y_step);
    break;
  case KVINO_F64:
    product_f64(a, b, y, y_step);
    break;
  case KVINO_C64:
    product_c64(a, b, y, y_step);
    break;
  default:
    product_c128(a, b, y, y_step);
    break;
  }
}

bool kv_gemm_floats_is_direct(const kv_matrix *a, const kv_matrix *b) {
  (void)a;
  (void)b;
  return false;
}
