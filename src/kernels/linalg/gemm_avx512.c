/* Integer matrix products with AVX-512. */
#if defined(__AVX512BW__)
#define VECTOR 64
#define TABLE kv_gemm_table_avx512
#include "kernels/linalg/gemm_loops.h"
#else
#include "kernels/linalg/gemm_kernels.h"
const kv_gemm_table *kv_gemm_table_avx512(void) { return NULL; }
#endif
