/* Softmax and normalization with AVX2. */
#if defined(__AVX2__)
#define TABLE kv_normalize_kernels_avx2
#include "kernels/reduce/normalize_loops.h"
#else
#include "kernels/reduce/normalize_kernels.h"
const kv_normalize_kernels *kv_normalize_kernels_avx2(void) { return NULL; }
#endif
