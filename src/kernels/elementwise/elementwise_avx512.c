/* Elementwise loops for AVX-512. */
#define LINES "kernels/elementwise/elementwise_simd.def"
#define LOOPS kv_loops_avx512
#define SELECT kv_select_avx512
#include "kernels/elementwise/select_body.h"
#include "kernels/elementwise/elementwise_body.h"
