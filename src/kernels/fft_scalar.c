#define FFT_PASS kv_fft_pass_scalar
#include "kernels/fft_body.h"
