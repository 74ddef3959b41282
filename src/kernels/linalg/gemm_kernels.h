/* The loops of integer matrix products, one table per level. Private to gemm*.c. */
#ifndef KVINO_KERNELS_LINALG_GEMM_KERNELS_H
#define KVINO_KERNELS_LINALG_GEMM_KERNELS_H

#include <stddef.h>

#include "kernels/linalg/gemm.h"

/* y = a b modulo 2^bits, by log2 of the bytes of an element; b's and y's rows are contiguous. */
typedef void (*kv_gemm_integer)(kv_matrix a, kv_matrix b, void *y, int64_t y_step);
typedef kv_gemm_integer kv_gemm_table[4];

#endif
