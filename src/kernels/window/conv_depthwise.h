/* Convolution where every channel stands alone (conv.h: in == 1). Private to conv.c. */
#ifndef KVINO_KERNELS_WINDOW_CONV_DEPTHWISE_H
#define KVINO_KERNELS_WINDOW_CONV_DEPTHWISE_H

#include "kernels/window/conv.h"

/* Weights: [taps, groups * out] channels last, [groups * out, taps] channels first. Errors: KVINO_NO_MEMORY. */
kvino_status kv_convolve_depthwise(const kv_conv *c, kvino_error *err);
/* One channel to one channel along one dimension in steps of 1: long kernels slide over long vectors. Only products
 * within the operand are added up, those of a result in blocks of PIECE taps. */
bool kv_convolve_slides(const kv_conv *c);
kvino_status kv_convolve_sliding(const kv_conv *c, kvino_error *err);

#endif
