#define FFT_PASS kv_fft_pass_avx512
#include "kernels/fft_body.h"
