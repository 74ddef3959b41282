#define RESAMPLE_F32 kv_resample_f32_avx512
#define RESAMPLE_F64 kv_resample_f64_avx512
#include "kernels/image/resample_body.h"
