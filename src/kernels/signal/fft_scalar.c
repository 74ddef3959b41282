#define FFT_PASS kv_fft_pass_scalar
#include "kernels/signal/fft_body.h"
