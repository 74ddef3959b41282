/* Elementwise loops that call the mathematical library: one version for every instruction set. */
#include "kernels/elementwise/elementwise_tables.h"
#define LINES "kernels/elementwise/elementwise_math.def"
#define LOOPS kv_loops_math
#include "kernels/elementwise/elementwise_loops.h"
