/* Softmax and normalization of contiguous f32 or f64 arrays. f32 is computed in double and rounded where a result is
 * stored. */
#ifndef KVINO_KERNELS_REDUCE_NORMALIZE_H
#define KVINO_KERNELS_REDUCE_NORMALIZE_H

#include "base/error.h"
#include "kvino/dtype.h"

/* x and y are [outer, n, inner]: y = exp(x - max) / sum exp(x - max) along the middle axis, or (`log`) its logarithm.
 */
void kv_softmax_axis(kvino_dtype dtype, const void *x, void *y, int64_t outer, int64_t n, int64_t inner, bool log);

typedef struct kv_moments {
  bool center;   /* subtract the mean */
  bool scale;    /* divide by the deviation from the mean, or (not `center`) by the length */
  bool mean;     /* of squares; else their sum */
  bool outside;  /* epsilon is added to the root, not under it */
  bool at_least; /* epsilon is the least value under the root, not added */
  double epsilon;
} kv_moments;

/* Each of `rows` rows of n elements normalized by itself. */
void kv_normalize_rows(kvino_dtype dtype, const void *x, void *y, int64_t rows, int64_t n, const kv_moments *m);

/* x and y are [batch, channels, n]; every channels / groups of them (a divisor) are normalized together (mean and
 * deviation, epsilon under the root), then channel c is multiplied by scale[c] and bias[c] added. */
void kv_normalize_groups(kvino_dtype dtype, const void *x, void *y, int64_t batch, int64_t channels, int64_t n,
                         int64_t groups, double epsilon, const double *scale, const double *bias);

/* x and y are [batch, channels, n]: y = (x - subtract[c]) * factor[c] + add[c]. */
void kv_affine_channels(kvino_dtype dtype, const void *x, void *y, int64_t batch, int64_t channels, int64_t n,
                        const double *subtract, const double *factor, const double *add);

#endif
