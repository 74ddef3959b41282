/* Reductions with AVX-512. */
#if defined(__AVX512BW__)
#define VECTOR 64
#define TABLE kv_reduce_table_avx512
#include "kernels/reduce/reduce_loops.h"
#else
#include "kernels/reduce/reduce_kernels.h"
const kv_reduce_table *kv_reduce_table_avx512(void) { return NULL; }
#endif
