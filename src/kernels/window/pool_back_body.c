/* The inner loops of pool_back.c. */
#include "kernels/level.h"
#include <stdbool.h>

#include "kernels/window/pool_back_kernels.h"

#define VECTOR KV_LEVEL_BYTES
#define T float
#define I int32_t
#define NAME(x) x##_f32
#include "kernels/window/pool_back_of_type.h"
#define T double
#define I int64_t
#define NAME(x) x##_f64
#include "kernels/window/pool_back_of_type.h"

const kv_pool_back_table KV_AT_LEVEL(kv_pool_back) = {{max_f32, gather_f32, mean_f32}, {max_f64, gather_f64, mean_f64}};
