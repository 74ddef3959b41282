/* Products of int8 matrices, summed as int32: exact, as long as the sums fit in 32 bits; else they wrap. */
#ifndef KVINO_KERNELS_LINALG_GEMM_BYTES_H
#define KVINO_KERNELS_LINALG_GEMM_BYTES_H

#include "base/error.h"
#include "kernels/linalg/gemm.h"

/* y = a b; y's rows are contiguous and `y_step` elements apart. a may have any steps; b's rows or its columns are
 * contiguous. b is read where it is, once for each few hundred rows of a: weights are neither copied nor converted.
 * Errors: KVINO_NO_MEMORY. */
kvino_status kv_gemm_bytes(kv_matrix a, kv_matrix b, int32_t *y, int64_t y_step, kvino_error *err);

#endif
