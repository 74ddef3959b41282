#define RESAMPLE_F32 kv_resample_f32_avx2
#define RESAMPLE_F64 kv_resample_f64_avx2
#include "kernels/image/resample_body.h"
