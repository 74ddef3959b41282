/* Softmax and normalization with AVX-512. */
#if defined(__AVX512BW__)
#define TABLE kv_normalize_kernels_avx512
#include "kernels/reduce/normalize_loops.h"
#else
#include "kernels/reduce/normalize_kernels.h"
const kv_normalize_kernels *kv_normalize_kernels_avx512(void) { return NULL; }
#endif
