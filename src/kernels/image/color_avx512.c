#define COLOR_F32 kv_color_f32_avx512
#define COLOR_F64 kv_color_f64_avx512
#include "kernels/image/color_body.h"
