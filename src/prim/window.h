/* What convolution and pooling share: windows that slide over one to three spatial dimensions. */
#ifndef KVINO_PRIM_WINDOW_H
#define KVINO_PRIM_WINDOW_H

#include "kernels/window/conv.h"
#include "prim/prim.h"

/* Fewer dimensions are filled up in front with 1s. */
typedef struct kv_windows {
  int n;
  int64_t in[KV_SPATIAL], out[KV_SPATIAL], kernel[KV_SPATIAL], stride[KV_SPATIAL], dilation[KV_SPATIAL];
  int64_t begin[KV_SPATIAL], end[KV_SPATIAL]; /* padding */
} kv_windows;

/* Fills w for `n` spatial dimensions; in may be -1 (unknown): out is then -1. `ceil`: a window that is cut off at the
 * end counts. auto_pad: NULL, "explicit", "valid", "same_upper", "same_lower". */
kvino_status kv_windows_set(kv_windows *w, int n, const int64_t *in, const int64_t *kernel, const kv_ints *strides,
                            const kv_ints *dilations, const kv_ints *begin, const kv_ints *end, const char *auto_pad,
                            bool ceil, kv_call *c);
/* Whether stride, dilation, kernel size and padding of dimension d are in order. */
kvino_status kv_windows_check(const kv_windows *w, int d, kv_call *c);

/* The geometry of Col2Im (col2im.c): [0] of rows, [1] of columns. */
typedef struct kv_columns {
  int64_t size[2], kernel[2], stride[2], dilation[2], begin[2], end[2];
  int64_t count[2];          /* of windows along each axis */
  int64_t elements, windows; /* of the kernel, and of windows, together */
} kv_columns;
/* False where the numbers do not go together. */
bool kv_columns_set(const kv_col2im_attrs *a, const int64_t size[2], const int64_t kernel[2], kv_columns *g);

/* ---- memory layout: data is [N, C, spatial...]; a view of memory in the order [N, spatial..., C] is "channels last"
 * ---- */

/* Whether x stands in memory that way, with more than one channel. */
bool kv_is_channels_last(const kvino_tensor *x);
/* x in its working dtype (prim/floats.h), contiguous in the order that `last` says; of shape [N, C, spatial...] still.
 */
kvino_tensor *kv_working_images(kv_scope *s, kvino_tensor *x, bool last);
/* A new tensor for output 0, of this dtype, in that order; elements undefined. */
kvino_tensor *kv_new_images(kv_scope *s, kv_call *c, kvino_dtype dtype, bool last);
/* The steps of the spatial axes, filled up in front, in elements. */
kv_images kv_images_of(const kvino_tensor *x);

#endif
