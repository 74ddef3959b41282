/* Reductions with AVX2. */
#if defined(__AVX2__)
#define VECTOR 32
#define TABLE kv_reduce_table_avx2
#include "kernels/reduce/reduce_loops.h"
#else
#include "kernels/reduce/reduce_kernels.h"
const kv_reduce_table *kv_reduce_table_avx2(void) { return NULL; }
#endif
