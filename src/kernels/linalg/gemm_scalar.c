/* Integer matrix products for every processor. */
#define VECTOR 16
#define TABLE kv_gemm_table_scalar
#include "kernels/linalg/gemm_loops.h"
