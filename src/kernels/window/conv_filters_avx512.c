/* Sums for the filters of convolutions, with AVX-512. */
#define VECTOR 64
#define ROWS 8
#define KERNELS kv_filter_avx512
#include "kernels/window/conv_filters_loops.h"
