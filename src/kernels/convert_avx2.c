/* Conversion loops for AVX2. */
#define KERNELS kv_convert_avx2
#include "kernels/convert_body.h"
