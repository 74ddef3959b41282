#define EXTREME kv_extreme_avx512
#include "kernels/reduce/extreme_body.h"
