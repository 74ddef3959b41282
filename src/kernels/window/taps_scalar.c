/* Sums of products along a line for every processor. */
#define BYTES 16
#define TABLE kv_taps_scalar
#include "kernels/window/taps_body.h"
