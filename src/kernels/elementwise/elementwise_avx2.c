/* Elementwise loops for AVX2. */
#define LINES "kernels/elementwise/elementwise_simd.def"
#define LOOPS kv_loops_avx2
#define SELECT kv_select_avx2
#include "kernels/elementwise/select_body.h"
#include "kernels/elementwise/elementwise_body.h"
