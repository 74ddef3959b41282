/* The loops of softmax and normalization, one table per level; [0] f32, [1] f64. Private to normalize*.c. Rows are
 * contiguous. */
#ifndef KVINO_KERNELS_REDUCE_NORMALIZE_KERNELS_H
#define KVINO_KERNELS_REDUCE_NORMALIZE_KERNELS_H

#include <stddef.h>

#include "kvino/dtype.h"

typedef struct kv_normalize_kernels {
  /* y[i] = exp(x[i] - top), or exp(x[i] - tops[i]) */
  void (*exp_row[2])(const void *x, int64_t n, double top, void *y);
  void (*exp_columns[2])(const void *x, int64_t n, const double *tops, void *y);
  /* y[i] = (x[i] - subtract) * factor + add; x may be y */
  void (*affine_row[2])(const void *x, int64_t n, double subtract, double factor, double add, void *y);
  void (*affine_columns[2])(const void *x, int64_t n, const double *subtract, const double *factor, const double *add,
                            void *y);
  /* sum of (x[i] - center)^2 */
  double (*spread[2])(const void *x, int64_t n, double center);
} kv_normalize_kernels;

#endif
