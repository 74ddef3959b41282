/* What pooling and its way back share: which elements each window takes in. */
#ifndef KVINO_PRIM_POOLING_H
#define KVINO_PRIM_POOLING_H

#include "prim/window.h"

/* The windows that the attributes (max_pool or avg_pool) say for n spatial dimensions of these lengths. */
kvino_status kv_pool_windows_set(kv_call *c, bool max, int n, const int64_t *in, kv_windows *w);

/* Along each dimension the number of windows, where each begins and ends: the part of it that lies inside the data. The
 * lists live as long as the scope. */
bool kv_pool_slide(kv_scope *s, const kv_windows *w, int64_t out[], const int64_t *begins[], const int64_t *ends[]);
/* The same for adaptive pooling from one shape [N, C, spatial...] to another: windows of nearly one size. */
bool kv_pool_divide(kv_scope *s, const char *name, int rank, const int64_t *large, const int64_t *small, int64_t out[],
                    const int64_t *begins[], const int64_t *ends[]);

/* What AvgPool divides by where the padding counts: the whole window, but (as OpenVINO) what is inside where there is
 * none: 0. */
int64_t kv_pool_whole_window(const kv_windows *w);

#endif
