#define RESAMPLE_F32 kv_resample_f32_scalar
#define RESAMPLE_F64 kv_resample_f64_scalar
#include "kernels/image/resample_body.h"
