#define FFT_PASS kv_fft_pass_avx2
#include "kernels/signal/fft_body.h"
