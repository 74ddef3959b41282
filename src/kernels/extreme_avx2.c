#define EXTREME kv_extreme_avx2
#include "kernels/extreme_body.h"
