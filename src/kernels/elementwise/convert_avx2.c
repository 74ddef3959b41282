/* Conversion loops for AVX2. */
#define KERNELS kv_convert_avx2
#include "kernels/elementwise/convert_body.h"
