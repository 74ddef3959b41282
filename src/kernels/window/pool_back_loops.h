/* The kernels of one instruction set, with registers of VECTOR bytes, as KERNELS. */
#include <stdbool.h>

#include "kernels/window/pool_back_kernels.h"

#define T float
#define I int32_t
#define NAME(x) x##_f32
#include "kernels/window/pool_back_body.h"
#define T double
#define I int64_t
#define NAME(x) x##_f64
#include "kernels/window/pool_back_body.h"

const kv_pool_back_kernels KERNELS[2] = {{max_f32, gather_f32, mean_f32}, {max_f64, gather_f64, mean_f64}};
