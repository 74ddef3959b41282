#define VECTOR 32
#define KERNELS kv_pool_back_avx2
#include "kernels/window/pool_back_loops.h"
