/* Reductions of views along any of their axes. NumPy's semantics: integers wrap in their dtype, NaN wins in maximum and
 * minimum, the sum of nothing is 0, the product 1, the mean NaN. The order of additions follows from the shape and the
 * strides alone, never from the number of threads. */
#ifndef KVINO_KERNELS_REDUCE_REDUCE_H
#define KVINO_KERNELS_REDUCE_REDUCE_H

#include "base/error.h"
#include "kernels/access/view.h"

typedef enum kv_reduce_op {
  KV_REDUCE_SUM,
  KV_REDUCE_PROD,
  KV_REDUCE_MAX,
  KV_REDUCE_MIN,
  KV_REDUCE_L1, /* sum of magnitudes */
  KV_REDUCE_L2, /* square root of the sum of squares */
  KV_REDUCE_AND,
  KV_REDUCE_OR,
  KV_REDUCE_FMAX, /* maximum and minimum of what is not NaN: NaN where nothing is */
  KV_REDUCE_FMIN,
  KV_REDUCE_MEAN_SQUARE, /* of squares rounded to f32, f64 to itself */
  KV_REDUCE_MEAN,
  KV_REDUCE_OPS
} kv_reduce_op;

/* Whether the operation takes the dtype. Sums and products: all but bool; L1: all but bool and complex; L2, MEAN,
 * MEAN_SQUARE, FMAX, FMIN: floats (MEAN also complex); MAX, MIN: all; AND, OR: bool. Strings never. */
bool kv_reduce_takes(kv_reduce_op op, kvino_dtype dtype);

/* Reduces every axis `a` with reduced[a] into `out`: contiguous, of x's dtype, one element for each of the shape
 * without the reduced axes, in C order. Errors: KVINO_TYPE; KVINO_INVALID (maximum or minimum of nothing);
 * KVINO_NO_MEMORY. */
kvino_status kv_reduce(kv_reduce_op op, const kv_view *x, const bool *reduced, void *out, kvino_error *err);

/* The index of the first largest (`max`) or smallest element, NaN before all: into `out`, of dtype i32 or i64. Where
 * several axes are reduced the index counts their elements in C order. Errors as above, KVINO_OVERFLOW. */
kvino_status kv_reduce_arg(bool max, const kv_view *x, const bool *reduced, kvino_dtype dtype, void *out,
                           kvino_error *err);

#endif
