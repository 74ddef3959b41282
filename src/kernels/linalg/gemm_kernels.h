/* The loops of matrix products, one table per level. Private to this folder. */
#ifndef KVINO_KERNELS_LINALG_GEMM_KERNELS_H
#define KVINO_KERNELS_LINALG_GEMM_KERNELS_H

#include <stddef.h>

#include "kernels/linalg/gemm.h"

/* y = a b modulo 2^bits, by log2 of the bytes of an element; b's and y's rows are contiguous. */
typedef void (*kv_gemm_integer)(kv_matrix a, kv_matrix b, void *y, int64_t y_step);
typedef kv_gemm_integer kv_gemm_table[4];

/* y = a b for f32, f64, c64 and c128, in the calling thread: gemm_blas.c, or gemm_absent.c where there is no OpenBLAS.
 */
void kv_gemm_floats(kvino_dtype dtype, const kv_matrix *a, const kv_matrix *b, void *y, int64_t y_step);
/* Whether kv_gemm_floats of f32 reads both matrices where they stand, without rearranging them first. */
bool kv_gemm_floats_is_direct(const kv_matrix *a, const kv_matrix *b);

/* y = a b, b of f32 or bf16: by where b's rows are contiguous or its columns (and then a's rows), and by dtype. */
typedef void kv_narrow_loop(const kv_matrix *a, const kv_matrix *b, float *y, int64_t y_step);
typedef kv_narrow_loop *kv_narrow_table[2][2];

#endif
