#define EXTREME kv_extreme_avx512
#include "kernels/extreme_body.h"
