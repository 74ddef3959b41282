/* Conversion loops for portable C. */
#define KERNELS kv_convert_scalar
#include "kernels/elementwise/convert_body.h"
