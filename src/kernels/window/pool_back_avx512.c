#define VECTOR 64
#define KERNELS kv_pool_back_avx512
#include "kernels/window/pool_back_loops.h"
