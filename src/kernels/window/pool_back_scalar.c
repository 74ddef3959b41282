#define VECTOR 16
#define KERNELS kv_pool_back_scalar
#include "kernels/window/pool_back_loops.h"
