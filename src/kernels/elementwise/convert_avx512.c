/* Conversion loops for AVX-512. */
#define KERNELS kv_convert_avx512
#include "kernels/elementwise/convert_body.h"
