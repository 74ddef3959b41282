/* Linear recurrences of floats and complex numbers. */
#ifndef KVINO_KERNELS_RECURRENCE_RECURRENCE_H
#define KVINO_KERNELS_RECURRENCE_RECURRENCE_H

#include "kvino/dtype.h"

bool kv_recurrence_takes(kvino_dtype dtype);

/* Along the middle axis of [outer][n][inner]: y[k] = a[k] y[k - 1] + b[k], or (`reverse`) y[k] = a[k] y[k + 1] + b[k].
 * The first y is its b, whatever its a, and so is each whose a is zero, whatever the y before it: rows of several
 * recurrences can stand one behind the other. Small floats are computed as f32, y rounded where it is stored. */
void kv_recurrence(kvino_dtype dtype, bool reverse, int64_t outer, int64_t n, int64_t inner, const char *a,
                   const char *b, char *y);

#endif
