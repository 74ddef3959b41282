/* Elementwise loops for portable C. */
#define LINES "kernels/elementwise/elementwise_simd.def"
#define LOOPS kv_loops_scalar
#define SELECT kv_select_scalar
#include "kernels/elementwise/select_body.h"
#include "kernels/elementwise/elementwise_body.h"
