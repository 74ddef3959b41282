#define FFT_PASS kv_fft_pass_avx512
#include "kernels/signal/fft_body.h"
