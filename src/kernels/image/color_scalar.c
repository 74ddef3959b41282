#define COLOR_F32 kv_color_f32_scalar
#define COLOR_F64 kv_color_f64_scalar
#include "kernels/image/color_body.h"
