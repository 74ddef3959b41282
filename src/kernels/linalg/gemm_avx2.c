/* Integer matrix products with AVX2. */
#if defined(__AVX2__)
#define VECTOR 32
#define TABLE kv_gemm_table_avx2
#include "kernels/linalg/gemm_loops.h"
#else
#include "kernels/linalg/gemm_kernels.h"
const kv_gemm_table *kv_gemm_table_avx2(void) { return NULL; }
#endif
