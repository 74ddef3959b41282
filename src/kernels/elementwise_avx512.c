/* Elementwise loops for AVX-512. */
#define LINES "kernels/elementwise_simd.def"
#define LOOPS kv_loops_avx512
#define SELECT kv_select_avx512
#include "kernels/select_body.h"
#include "kernels/elementwise_body.h"
