/* keras.ops.nn: activations. */
#include <math.h>
#include <string.h>

#include "ops/common.h"

#define FLOAT_UNARY(name, prim)                                                                                        \
  kvino_tensor *op_##name(kv_scope *s, kvino_tensor *x) { return kv_##prim(s, kv_to_float(s, x)); }

FLOAT_UNARY(sigmoid, sigmoid)
FLOAT_UNARY(softplus, soft_plus)
FLOAT_UNARY(softsign, soft_sign)

kvino_tensor *op_relu(kv_scope *s, kvino_tensor *x) {
  return kv_relu(s, x && x->dtype == KVINO_BOOL ? kv_cast(s, x, KVINO_I32) : kv_strong(s, x));
}

kvino_tensor *op_relu6(kv_scope *s, kvino_tensor *x) {
  x = x && x->dtype == KVINO_BOOL ? kv_cast(s, x, KVINO_I32) : kv_strong(s, x);
  return kv_clamp(s, x, (kv_clamp_attrs){.min = 0, .max = 6, .at_bounds = "flat"});
}
kvino_tensor *op_hard_tanh(kv_scope *s, kvino_tensor *x) {
  return kv_clamp(s, kv_to_float(s, x), (kv_clamp_attrs){.min = -1, .max = 1});
}

kvino_tensor *op_silu(kv_scope *s, kvino_tensor *x) {
  x = kv_to_float(s, x);
  return kv_multiply(s, x, kv_sigmoid(s, x));
}

kvino_tensor *op_log_sigmoid(kv_scope *s, kvino_tensor *x) {
  return kv_negative(s, kv_soft_plus(s, kv_negative(s, kv_to_float(s, x))));
}

/* x where it is positive, else y; NaN stays. */
static kvino_tensor *positive_or(kv_scope *s, kvino_tensor *x, kvino_tensor *y) {
  return kv_select(s, kv_greater(s, x, kv_like(s, x, 0)), x, y);
}

kvino_tensor *op_leaky_relu(kv_scope *s, kvino_tensor *x, double negative_slope) {
  x = kv_to_float(s, x);
  return positive_or(s, x, kv_multiply(s, x, kv_like(s, x, negative_slope)));
}

kvino_tensor *op_hard_sigmoid(kv_scope *s, kvino_tensor *x) {
  x = kv_to_float(s, x);
  kvino_tensor *y =
      kv_clamp(s, kv_add(s, x, kv_like(s, x, 3)), (kv_clamp_attrs){.min = 0, .max = 6, .at_bounds = "flat"});
  return kv_divide(s, y, kv_like(s, x, 6));
}
kvino_tensor *op_hard_silu(kv_scope *s, kvino_tensor *x) {
  x = kv_to_float(s, x);
  return kv_multiply(s, x, op_hard_sigmoid(s, x));
}

/* x where it is positive, otherwise scale expm1(x / width): NaN is itself, and its own derivative. */
static kvino_tensor *exponential_below(kv_scope *s, kvino_tensor *x, double scale, double width) {
  kvino_tensor *up = kv_greater(s, x, kv_like(s, x, 0));
  kvino_tensor *below = kv_select(s, up, kv_like(s, x, 0), x); /* no overflow on the side that is not taken */
  if (width != 1) below = kv_divide(s, below, kv_like(s, x, width));
  return kv_select(s, up, x, kv_multiply(s, kv_expm1(s, below), kv_like(s, x, scale)));
}

kvino_tensor *op_elu(kv_scope *s, kvino_tensor *x, double alpha) {
  return exponential_below(s, kv_to_float(s, x), alpha, 1);
}

kvino_tensor *op_selu(kv_scope *s, kvino_tensor *x) {
  x = kv_to_float(s, x);
  return kv_multiply(s, op_elu(s, x, 1.6732632423543772848170429916717),
                     kv_like(s, x, 1.0507009873554804934193349852946));
}

kvino_tensor *op_celu(kv_scope *s, kvino_tensor *x, double alpha) {
  return exponential_below(s, kv_to_float(s, x), alpha, alpha);
}

kvino_tensor *op_gelu(kv_scope *s, kvino_tensor *x, bool approximate) {
  return kv_gelu(s, kv_to_float(s, x), (kv_gelu_attrs){.approximation_mode = approximate ? "TANH" : "ERF"});
}

kvino_tensor *op_tanh_shrink(kv_scope *s, kvino_tensor *x) {
  x = kv_to_float(s, x);
  return kv_subtract(s, x, kv_tanh(s, x));
}

/* Softmax over several axes, or all: they are moved to the end and made one. */
static kvino_tensor *along(kv_scope *s, kvino_tensor *x, kvino_ints axis,
                           kvino_tensor *(*one)(kv_scope *, kvino_tensor *, int64_t)) {
  x = kv_to_float(s, x);
  if (!x) return NULL;
  int64_t v[KVINO_MAX_RANK], to[KVINO_MAX_RANK], shape[KVINO_MAX_RANK];
  int n;
  if (!kv_plain_ints(s, axis, KVINO_MAX_RANK, &n, v)) return NULL;
  if (axis.n == 1) return kv_axis_ok(s, &v[0], x->rank) ? one(s, x, v[0]) : NULL;
  if (x->rank == KVINO_MAX_RANK && axis.n == 0)
    return kv_scope_fail(s, KVINO_UNSUPPORTED, "softmax over no axis of a tensor of %d dimensions", KVINO_MAX_RANK);
  if (axis.n < 0)
    for (n = 0; n < x->rank; n++) v[n] = n;
  for (int i = 0; i < n; i++) to[i] = i - n;
  kvino_ints from = {.n = n, .v = v, .list = true}, back = {.n = n, .v = to, .list = true};
  kvino_tensor *moved = op_moveaxis(s, x, from, back);
  if (!moved) return NULL;
  int rest = moved->rank - n;
  memcpy(shape, moved->shape, (size_t)rest * sizeof *shape);
  shape[rest] = 1;
  for (int i = rest; i < moved->rank; i++)
    shape[rest] = shape[rest] < 0 || moved->shape[i] < 0 ? -1 : shape[rest] * moved->shape[i];
  int unknown = 0;
  for (int i = 0; i < rest; i++) unknown += shape[i] < 0;
  if (unknown + (shape[rest] < 0) > 1)
    return kv_scope_fail(s, KVINO_UNSUPPORTED, "softmax over several axes of a tensor with unknown dimensions");
  kvino_tensor *y = one(s, kv_reshape_to(s, moved, rest + 1, shape), rest);
  y = kv_reshape(s, y, kv_dims(s, moved), (kv_reshape_attrs){.special_zero = false});
  return op_moveaxis(s, y, back, from);
}
static kvino_tensor *softmax_one(kv_scope *s, kvino_tensor *x, int64_t axis) {
  return kv_softmax(s, x, (kv_axis_attrs){.axis = axis});
}
static kvino_tensor *log_softmax_one(kv_scope *s, kvino_tensor *x, int64_t axis) {
  return kv_log_softmax(s, x, (kv_axis_attrs){.axis = axis});
}
kvino_tensor *op_softmax(kv_scope *s, kvino_tensor *x, kvino_ints axis) { return along(s, x, axis, softmax_one); }
kvino_tensor *op_log_softmax(kv_scope *s, kvino_tensor *x, kvino_ints axis) {
  return along(s, x, axis, log_softmax_one);
}

/* ---- gates and thresholds ---- */

/* The dtype that these are computed in is that of x, or f32 for smaller floats; *dtype is that of the result. */
static kvino_tensor *working(kv_scope *s, kvino_tensor *x, kvino_dtype *dtype) {
  x = kv_to_float(s, x);
  *dtype = x ? (kvino_dtype)x->dtype : KVINO_F32;
  return kv_cast(s, x, kv_work_dtype(*dtype));
}

kvino_tensor *op_glu(kv_scope *s, kvino_tensor *x, int64_t axis) {
  kvino_dtype dtype;
  x = working(s, x, &dtype);
  if (!x || !kv_axis_ok(s, &axis, x->rank)) return NULL;
  int64_t n = x->shape[axis];
  if (n > 0 && n % 2)
    return kv_scope_fail(s, KVINO_INVALID, "axis size must be divisible by 2. Received: x.shape[%lld]=%lld",
                         (long long)axis, (long long)n);
  kvino_tensors half = kv_split(s, x, kv_int(s, KVINO_I64, axis), (kv_split_attrs){.num_splits = 2});
  return half.v ? kv_cast(s, kv_multiply(s, half.v[0], kv_sigmoid(s, half.v[1])), dtype) : NULL;
}

kvino_tensor *op_hard_shrink(kv_scope *s, kvino_tensor *x, double threshold) {
  x = kv_to_float(s, x);
  return kv_select(s, kv_greater(s, kv_abs(s, x), kv_like(s, x, threshold)), x, kv_like(s, x, 0));
}

kvino_tensor *op_soft_shrink(kv_scope *s, kvino_tensor *x, double threshold) {
  kvino_dtype dtype;
  x = working(s, x, &dtype);
  kvino_tensor *t = kv_like(s, x, threshold), *low = kv_like(s, x, -threshold);
  kvino_tensor *y = kv_select(s, kv_less(s, x, low), kv_add(s, x, t), kv_like(s, x, 0));
  y = kv_select(s, kv_greater(s, x, t), kv_subtract(s, x, t), y);
  return y ? kv_cast(s, y, dtype) : NULL;
}

kvino_tensor *op_threshold(kv_scope *s, kvino_tensor *x, double threshold, double default_value) {
  x = kv_to_float(s, x);
  return kv_select(s, kv_greater(s, x, kv_like(s, x, threshold)), x, kv_like(s, x, default_value));
}

kvino_tensor *op_sparse_plus(kv_scope *s, kvino_tensor *x) {
  kvino_dtype dtype;
  x = working(s, x, &dtype);
  kvino_tensor *more = kv_add(s, x, kv_like(s, x, 1));
  kvino_tensor *y = kv_multiply(s, kv_multiply(s, more, more), kv_like(s, x, 0.25));
  y = kv_select(s, kv_less(s, x, kv_like(s, x, 1)), y, x);
  y = kv_select(s, kv_less_equal(s, x, kv_like(s, x, -1)), kv_like(s, x, 0), y);
  return y ? kv_cast(s, y, dtype) : NULL;
}

kvino_tensor *op_sparse_sigmoid(kv_scope *s, kvino_tensor *x) {
  kvino_dtype dtype;
  x = working(s, x, &dtype);
  kvino_tensor *y = kv_multiply(s, kv_add(s, x, kv_like(s, x, 1)), kv_like(s, x, 0.5));
  y = kv_clamp(s, y, (kv_clamp_attrs){.min = 0, .max = 1, .at_bounds = "flat"});
  return y ? kv_cast(s, y, dtype) : NULL;
}

kvino_tensor *op_squareplus(kv_scope *s, kvino_tensor *x, double b) {
  kvino_dtype dtype;
  x = working(s, x, &dtype);
  kvino_tensor *root = kv_sqrt(s, kv_add(s, kv_multiply(s, x, x), kv_like(s, x, b)));
  kvino_tensor *y = kv_multiply(s, kv_add(s, x, root), kv_like(s, x, 0.5));
  return y ? kv_cast(s, y, dtype) : NULL;
}

/* The threshold tau with sum(max(x - tau, 0)) = 1, from the sorted x (Martins and Astudillo, arXiv:1602.02068): x_k is
 * in the support where 1 + k x_k > x_1 + ... + x_k. */
kvino_tensor *op_sparsemax(kv_scope *s, kvino_tensor *x, int64_t axis) {
  kvino_dtype dtype;
  x = working(s, x, &dtype);
  if (!x || !kv_axis_ok(s, &axis, x->rank)) return NULL;
  int64_t shape[KVINO_MAX_RANK];
  for (int i = 0; i < x->rank; i++) shape[i] = i == axis ? -1 : 1;
  kvino_dtype work = (kvino_dtype)x->dtype;
  kv_keep_dims_attrs keep = {.keep_dims = true};
  kvino_tensor *at = KV_VECTOR(s, axis), *zero = kv_like(s, x, 0), *one = kv_like(s, x, 1);
  kvino_tensor *sorted = kv_negative(s, op_sort(s, kv_negative(s, x), axis)), *sums = op_cumsum(s, sorted, axis, work);
  kvino_tensor *first = kv_int(s, KVINO_I64, 1), *last = kv_add(s, kv_dimension(s, x, axis), first);
  kvino_tensor *k = kv_range(s, first, last, first, (kv_output_type_attrs){.output_type = KVINO_I64});
  k = kv_cast(s, x->shape[axis] ? kv_reshape_to(s, k, x->rank, shape) : kv_broadcast_shape(s, first, kv_dims(s, x)),
              work);
  kvino_tensor *support = kv_greater(s, kv_add(s, one, kv_multiply(s, k, sorted)), sums);
  kvino_tensor *size = kv_reduce_sum(s, kv_cast(s, support, work), at, keep);
  kvino_tensor *sum = kv_reduce_sum(s, kv_select(s, support, sorted, zero), at, keep);
  kvino_tensor *tau = kv_divide(s, kv_subtract(s, sum, one), size);
  kvino_tensor *y = kv_maximum(s, kv_subtract(s, x, tau), zero);
  return y ? kv_cast(s, y, dtype) : NULL;
}
