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
  return kv_clamp(s, x, (kv_clamp_attrs){.min = 0, .max = 6});
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
  kvino_tensor *y = kv_clamp(s, kv_add(s, x, kv_like(s, x, 3)), (kv_clamp_attrs){.min = 0, .max = 6});
  return kv_divide(s, y, kv_like(s, x, 6));
}
kvino_tensor *op_hard_silu(kv_scope *s, kvino_tensor *x) {
  x = kv_to_float(s, x);
  return kv_multiply(s, x, op_hard_sigmoid(s, x));
}

kvino_tensor *op_elu(kv_scope *s, kvino_tensor *x, double alpha) {
  x = kv_to_float(s, x);
  kvino_tensor *below = kv_minimum(s, x, kv_like(s, x, 0)); /* no overflow on the side that is not taken */
  return positive_or(s, x, kv_multiply(s, kv_expm1(s, below), kv_like(s, x, alpha)));
}

kvino_tensor *op_selu(kv_scope *s, kvino_tensor *x) {
  x = kv_to_float(s, x);
  return kv_multiply(s, op_elu(s, x, 1.6732632423543772848170429916717),
                     kv_like(s, x, 1.0507009873554804934193349852946));
}

kvino_tensor *op_celu(kv_scope *s, kvino_tensor *x, double alpha) {
  x = kv_to_float(s, x);
  kvino_tensor *zero = kv_like(s, x, 0), *a = kv_like(s, x, alpha);
  kvino_tensor *below = kv_multiply(s, a, kv_expm1(s, kv_divide(s, kv_minimum(s, x, zero), a)));
  return kv_add(s, kv_maximum(s, x, zero), below);
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
