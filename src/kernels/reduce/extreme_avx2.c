#define EXTREME kv_extreme_avx2
#include "kernels/reduce/extreme_body.h"
