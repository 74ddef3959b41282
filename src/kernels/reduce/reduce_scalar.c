/* Reductions for every processor: the baseline of the architecture (SSE2 on x86-64). */
#define VECTOR 16
#define TABLE kv_reduce_table_scalar
#include "kernels/reduce/reduce_loops.h"
