/* Sums for the filters of convolutions, in portable C. */
#define VECTOR 16
#define ROWS 4
#define KERNELS kv_filter_scalar
#include "kernels/window/conv_filters_loops.h"
