/* What a convolution's filters get back: the sum over all positions of (element under a tap) times (result's
 * cotangent). */
#ifndef KVINO_KERNELS_WINDOW_CONV_FILTERS_H
#define KVINO_KERNELS_WINDOW_CONV_FILTERS_H

#include "kernels/window/conv.h"

/* c->x: the large side, c->y: the small side (both read here, of any steps); in, out: channels of a group of the large
 * and of the small side. `filters` becomes [taps, in, groups * out], contiguous. The order of additions follows from
 * the sizes alone, never from the number of threads. Errors: KVINO_NO_MEMORY. */
kvino_status kv_convolve_filters(const kv_conv *c, char *filters, kvino_error *err);

#endif
