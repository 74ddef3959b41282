/* Conversion of elements between dtypes, as NumPy's astype: floats to integers truncate, and out of range give what
 * x86-64 gives (the smallest integer; 8 and 16 bits the low bits of the 32-bit result; u32 those of the 64-bit one);
 * integers wrap; bool is "not zero", NaN included; complex to real takes the real part; to a smaller float rounds once,
 * to even. */
#ifndef KVINO_KERNELS_ELEMENTWISE_CONVERT_H
#define KVINO_KERNELS_ELEMENTWISE_CONVERT_H

#include "kernels/access/view.h"

/* n contiguous elements; `from` may be unaligned; the two do not overlap. Not for strings. */
void kv_convert_elements(kvino_dtype from, const void *x, kvino_dtype to, void *y, size_t n);
/* A view's elements in C order, by several threads where there are many. */
void kv_convert_view(const kv_view *x, kvino_dtype to, void *y);

#endif
