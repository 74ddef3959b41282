/* Sums for the filters of convolutions, with AVX2. */
#define VECTOR 32
#define ROWS 4
#define KERNELS kv_filter_avx2
#include "kernels/window/conv_filters_loops.h"
