/* Softmax and normalization for every processor. */
#define TABLE kv_normalize_kernels_scalar
#include "kernels/reduce/normalize_loops.h"
