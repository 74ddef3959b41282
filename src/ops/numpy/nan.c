/* keras.ops.numpy: reductions that leave NaN out. Integers have none: theirs are the plain ones. */
#include <math.h>

#include "ops/common.h"

static const kv_keep_dims_attrs keep = {.keep_dims = true};

static bool may_hold_nan(const kvino_tensor *x) { return x && kv_is_inexact((kvino_dtype)x->dtype); }

static kvino_tensor *instead_of_nan(kv_scope *s, kvino_tensor *x, double value) {
  x = kv_strong(s, x);
  return may_hold_nan(x) ? kv_select(s, kv_is_nan(s, x), kv_like(s, x, value), x) : x;
}

kvino_tensor *op_nansum(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  return op_sum(s, instead_of_nan(s, x, 0), axis, keepdims);
}
kvino_tensor *op_nanprod(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  return op_prod(s, instead_of_nan(s, x, 1), axis, keepdims, KVINO_NO_DTYPE);
}
kvino_tensor *op_nancumsum(kv_scope *s, kvino_tensor *x, int64_t axis, kvino_dtype dtype) {
  return op_cumsum(s, instead_of_nan(s, x, 0), axis, dtype);
}
kvino_tensor *op_nancumprod(kv_scope *s, kvino_tensor *x, int64_t axis, kvino_dtype dtype) {
  return op_cumprod(s, instead_of_nan(s, x, 1), axis, dtype);
}

/* ---- mean and variance: in the dtype that is rounded once ---- */

/* How many numbers there are, in the real dtype that x is computed in. */
static kvino_tensor *numbers(kv_scope *s, kvino_tensor *nan, kvino_tensor *axes, bool keepdims, kvino_dtype dtype) {
  kvino_tensor *n = kv_count_non_zero(s, kv_logical_not(s, nan), axes,
                                      (kv_reduce_index_attrs){.keep_dims = keepdims, .output_type = KVINO_I64});
  return kv_cast(s, n, dtype);
}

kvino_tensor *op_nanmean(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  x = kv_strong(s, x);
  if (!may_hold_nan(x)) return op_mean(s, x, axis, keepdims);
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  x = kv_cast(s, x, kv_work_dtype(dtype));
  kvino_tensor *axes = x ? kv_axes(s, axis, x->rank) : NULL, *nan = kv_is_nan(s, x);
  kvino_tensor *sum =
      kv_reduce_sum(s, kv_select(s, nan, kv_like(s, x, 0), x), axes, (kv_keep_dims_attrs){.keep_dims = keepdims});
  return kv_cast(s, kv_divide(s, sum, numbers(s, nan, axes, keepdims, kv_work_dtype(dtype))), dtype);
}

/* As a real number in the dtype that it is computed in. */
static kvino_tensor *nan_spread(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  kvino_dtype work = kv_work_dtype((kvino_dtype)x->dtype);
  x = kv_cast(s, x, work);
  kvino_tensor *axes = x ? kv_axes(s, axis, x->rank) : NULL, *nan = kv_is_nan(s, x);
  kvino_tensor *plain = kv_select(s, nan, kv_like(s, x, 0), x);
  kvino_tensor *mean = kv_divide(s, kv_reduce_sum(s, plain, axes, keep), numbers(s, nan, axes, true, work));
  kvino_tensor *gap = kv_select(s, nan, kv_like(s, x, 0), kv_subtract(s, plain, mean)); /* no NaN in derivatives */
  if (kvino_dtype_is_complex(work)) gap = kv_abs(s, gap);
  kvino_tensor *sum = kv_reduce_sum(s, kv_multiply(s, gap, gap), axes, (kv_keep_dims_attrs){.keep_dims = keepdims});
  return sum ? kv_divide(s, sum, numbers(s, nan, axes, keepdims, (kvino_dtype)sum->dtype)) : NULL;
}

static kvino_dtype real_of(kvino_dtype dtype) {
  return dtype == KVINO_C64 ? KVINO_F32 : dtype == KVINO_C128 ? KVINO_F64 : dtype;
}

kvino_tensor *op_nanvar(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  x = kv_strong(s, x);
  if (!may_hold_nan(x)) return op_var(s, x, axis, keepdims);
  return kv_cast(s, nan_spread(s, x, axis, keepdims), real_of((kvino_dtype)x->dtype));
}

kvino_tensor *op_nanstd(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  x = kv_strong(s, x);
  if (!may_hold_nan(x)) return op_std(s, x, axis, keepdims);
  return kv_cast(s, kv_sqrt(s, nan_spread(s, x, axis, keepdims)), real_of((kvino_dtype)x->dtype));
}

/* ---- extremes ---- */

/* NaN loses against everything; where there is nothing else it is the result. */
static kvino_tensor *nan_extreme(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims, bool largest) {
  if (x && !x->size && !s->status) { /* NumPy takes fmax and fmin here, and says so */
    bool nothing = axis.n < 0;
    for (int i = 0; i < axis.n && !axis.symbolic; i++) {
      int64_t one = axis.v[i];
      nothing |= kv_axis_ok(s, &one, x->rank) && !x->shape[one];
    }
    if (nothing)
      return kv_scope_fail(s, KVINO_INVALID, "zero-size array to reduction operation %s which has no identity",
                           largest ? "fmax" : "fmin");
  }
  bool real = x && kvino_dtype_is_float((kvino_dtype)x->dtype);
  if (real && !kv_is_traced(s, x)) { /* data in hand: in one pass */
    kv_keep_dims_attrs a = {.keep_dims = keepdims};
    x = kv_strong(s, x);
    kvino_tensor *axes = kv_axes(s, axis, x ? x->rank : 0);
    return largest ? kv_reduce_fmax(s, x, axes, a) : kv_reduce_fmin(s, x, axes, a);
  }
  kvino_tensor *plain = instead_of_nan(s, x, largest ? -INFINITY : INFINITY);
  kvino_tensor *y = largest ? op_amax(s, plain, axis, keepdims) : op_amin(s, plain, axis, keepdims);
  if (!y || !may_hold_nan(x)) return y;
  kvino_tensor *none = kv_reduce_logical_and(s, kv_is_nan(s, kv_strong(s, x)), kv_axes(s, axis, x->rank),
                                             (kv_keep_dims_attrs){.keep_dims = keepdims});
  return kv_select(s, none, kv_like(s, y, NAN), y);
}

kvino_tensor *op_nanmax(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  return nan_extreme(s, x, axis, keepdims, true);
}
kvino_tensor *op_nanmin(kv_scope *s, kvino_tensor *x, kvino_ints axis, bool keepdims) {
  return nan_extreme(s, x, axis, keepdims, false);
}

static kvino_tensor *nan_arg(kv_scope *s, kvino_tensor *x, int64_t axis, bool keepdims, bool largest) {
  x = kv_strong(s, x);
  kvino_tensor *plain = instead_of_nan(s, x, largest ? -INFINITY : INFINITY);
  kvino_tensor *y = largest ? op_argmax(s, plain, axis, keepdims) : op_argmin(s, plain, axis, keepdims);
  if (!y || !may_hold_nan(x)) return y;
  kvino_ints axes = axis == KVINO_NO_INTEGER || !x->rank ? KVINO_NO_INTS : KVINO_INTS(axis);
  kvino_tensor *none =
      kv_reduce_logical_and(s, kv_is_nan(s, x), kv_axes(s, axes, x->rank), (kv_keep_dims_attrs){.keep_dims = keepdims});
  return kv_select(s, none, kv_like(s, y, -1), y);
}

kvino_tensor *op_nanargmax(kv_scope *s, kvino_tensor *x, int64_t axis, bool keepdims) {
  return nan_arg(s, x, axis, keepdims, true);
}
kvino_tensor *op_nanargmin(kv_scope *s, kvino_tensor *x, int64_t axis, bool keepdims) {
  return nan_arg(s, x, axis, keepdims, false);
}
