/* Elementwise loops of every level. */
#include "kernels/level.h"

#define LINES "kernels/elementwise/elementwise_simd.def"
#define LOOPS KV_AT_LEVEL(kv_loops)
#include "kernels/elementwise/elementwise_loops.h"
