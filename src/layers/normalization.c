/* Layers: normalization. Those with moments are computed in 32 bits at least, and their weights are not rounded before.
 */
#include "layers/layer.h"
#include "ops/common.h"

/* The input in the dtype that it is normalized in. */
static kvino_tensor *precise(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  return x ? kv_cast(c->s, x, kv_work_dtype_of(x)) : NULL;
}

static kvino_tensor *precise_weight(kv_invocation *c, const char *name, const kvino_tensor *x) {
  kvino_tensor *w = kv_weight_raw(c, name);
  return w && x ? kv_cast(c->s, w, kv_dtype_of(x)) : NULL;
}

static kv_value rounded(kv_invocation *c, kvino_tensor *y) {
  return kv_of(y ? kv_cast(c->s, y, c->layer->compute) : NULL);
}

/* Mean and variance of the batch, without what a mask leaves out. */
static bool batch_moments(kv_invocation *c, kvino_tensor *x, int64_t axis, kvino_tensor *out[2]) {
  kv_scope *s = c->s;
  int64_t axes[KVINO_MAX_RANK], n = 0;
  for (int64_t i = 0; i < x->rank; i++)
    if (i != axis) axes[n++] = i;
  kvino_ints over = {n, axes, NULL, true};
  kvino_tensor *mask = kv_mask(c, "inputs");
  if (!mask) {
    kvino_tensors moments = op_moments(s, x, over, false);
    if (!moments.v) return false;
    out[0] = moments.v[0], out[1] = moments.v[1];
    return true;
  }
  kvino_tensor *zero = kv_like(s, x, 0);
  mask = kv_broadcast_shape(s, kv_unsqueeze(s, kv_cast(s, mask, KVINO_BOOL), KV_VECTOR(s, -1)), kv_dims(s, x));
  kvino_tensor *count = op_sum(s, kv_cast(s, mask, kv_dtype_of(x)), over, true);
  if (!count) return false;
  count = kv_add(s, count, kv_like(s, x, 1e-7));
  kvino_tensor *mean = op_divide(s, op_sum(s, kv_select(s, mask, x, zero), over, true), count);
  kvino_tensor *away = op_square(s, kv_select(s, mask, op_subtract(s, x, mean), zero));
  kvino_tensor *variance = op_divide(s, op_sum(s, away, over, true), count);
  out[0] = kv_reshape_to(s, mean, 1, (int64_t[]){-1});
  out[1] = kv_reshape_to(s, variance, 1, (int64_t[]){-1});
  return !s->status;
}

/* momentum * average + (1 - momentum) * value */
static void move_average(kv_invocation *c, const char *name, kvino_tensor *average, kvino_tensor *value) {
  double momentum = kv_field_number(c, "momentum");
  if (!average || !value) return;
  kv_update_weight(c, name,
                   op_add(c->s, op_multiply(c->s, average, kv_like(c->s, average, momentum)),
                          op_multiply(c->s, value, kv_like(c->s, value, 1 - momentum))));
}

kv_value kv_layer_batch_normalization(kv_invocation *c) {
  kvino_tensor *x = precise(c), *m[] = {precise_weight(c, "moving_mean", x), precise_weight(c, "moving_variance", x)};
  int64_t axis = kv_field_integer(c, "axis");
  kv_only_default(c, "mode"); /* of Keras 1: another one uses the batch's own moments */
  if (kv_is_training(c) && !c->frozen) {
    kvino_tensor *own[2];
    int64_t channels = axis;
    if (kv_field_flag(c, "renorm") && kv_refuse_training(c, "batch renormalization")) return KV_NOTHING;
    if (!x || !kv_axis_ok(c->s, &channels, x->rank) || !batch_moments(c, x, channels, own)) return KV_NOTHING;
    move_average(c, "moving_mean", m[0], own[0]);
    move_average(c, "moving_variance", m[1], own[1]);
    m[0] = own[0], m[1] = own[1];
  }
  return rounded(c, op_batch_normalization(c->s, x, m[0], m[1], axis, precise_weight(c, "beta", x),
                                           precise_weight(c, "gamma", x), kv_field_number(c, "epsilon")));
}

kvino_tensor *kv_along(kv_invocation *c, kvino_tensor *weight, const kvino_tensor *x, kvino_ints axes) {
  int64_t shape[KVINO_MAX_RANK];
  bool chosen[KVINO_MAX_RANK] = {false};
  if (!weight || !x) return NULL;
  for (int64_t i = 0; i < axes.n; i++) {
    int64_t axis = axes.v[i];
    if (!kv_axis_ok(c->s, &axis, x->rank)) return NULL;
    chosen[axis] = true;
  }
  for (int i = x->rank - 1, k = weight->rank - 1; i >= 0; i--) shape[i] = chosen[i] && k >= 0 ? weight->shape[k--] : 1;
  return kv_reshape_to(c->s, weight, x->rank, shape);
}

static kv_value scaled_and_moved(kv_invocation *c, kvino_tensor *y, const char *scale, const char *offset,
                                 kvino_ints axes) {
  kvino_tensor *gamma = kv_along(c, precise_weight(c, scale, y), y, axes);
  kvino_tensor *beta = kv_along(c, precise_weight(c, offset, y), y, axes);
  if (gamma) y = kv_multiply(c->s, y, gamma);
  if (beta) y = kv_add(c->s, y, beta);
  return rounded(c, y);
}

kv_value kv_layer_layer_normalization(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = precise(c);
  kvino_ints axes = kv_field_ints(c, "axis", 0);
  double epsilon = kv_field_number(c, "epsilon");
  if (!kv_field_flag(c, "rms_scaling"))
    return rounded(
        c, op_layer_normalization(s, x, precise_weight(c, "gamma", x), precise_weight(c, "beta", x), axes, epsilon));
  /* Divided by the standard deviation, but the mean stays. */
  kvino_tensor *variance = op_var(s, x, axes, true);
  if (!variance) return KV_NOTHING;
  x = kv_multiply(s, x, kv_rsqrt(s, kv_add(s, variance, kv_like(s, variance, epsilon))));
  return scaled_and_moved(c, x, "gamma", "beta", axes);
}

kv_value kv_layer_group_normalization(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = precise(c);
  int64_t axis = kv_field_integer(c, "axis"), groups = kv_field_integer(c, "groups"), axes[KVINO_MAX_RANK + 1];
  if (!x || !kv_axis_ok(s, &axis, x->rank)) return KV_NOTHING;
  int64_t channels = x->shape[axis];
  if (groups == -1) groups = channels;
  if (groups < 1 || channels < groups || channels % groups || axis < 1 || x->rank == KVINO_MAX_RANK)
    return kv_scope_fail(s, KVINO_INVALID, "Number of groups (%lld) must divide the number of channels (%lld).",
                         (long long)groups, (long long)channels),
           KV_NOTHING;
  /* (batch, ..., channels, ...) is seen as (batch, ..., groups, channels of a group, ...). */
  kvino_tensor *dims = kv_dims(s, x);
  kvino_tensor *parts[] = {kv_cut(s, dims, 0, 0, axis), KV_VECTOR(s, groups, channels / groups),
                           kv_cut(s, dims, 0, axis + 1, INT64_MAX)};
  kvino_tensor *shape = kv_concat(s, 3, parts, (kv_axis_attrs){.axis = 0});
  int64_t n = 0;
  for (int64_t i = 1; i <= x->rank; i++)
    if (i != axis) axes[n++] = i;
  kvino_tensor *y = op_layer_normalization(s, kv_reshape(s, x, shape, (kv_reshape_attrs){0}), NULL, NULL,
                                           (kvino_ints){n, axes, NULL, true}, kv_field_number(c, "epsilon"));
  y = kv_reshape(s, y, dims, (kv_reshape_attrs){0});
  return scaled_and_moved(c, y, "gamma", "beta", KVINO_INTS(axis));
}

kv_value kv_layer_rms_normalization(kv_invocation *c) {
  return kv_of(op_rms_normalization(c->s, kv_arg(c, "x"), kv_weight(c, "scale"), kv_field_ints(c, "axis", 0),
                                    kv_field_number(c, "epsilon")));
}

kvino_tensor *kv_unit_length(kv_invocation *c, kvino_tensor *x, kvino_ints axes, double epsilon) {
  kvino_dtype dtype = x ? kv_dtype_of(x) : KVINO_F32;
  x = x ? kv_cast(c->s, x, kv_work_dtype_of(x)) : NULL;
  if (!x) return NULL;
  x = kv_normalize_l2(c->s, x, kv_axes(c->s, axes, x->rank),
                      (kv_normalize_l2_attrs){.eps = epsilon * epsilon, .eps_mode = "max"});
  return x ? kv_cast(c->s, x, dtype) : NULL;
}

kv_value kv_layer_unit_normalization(kv_invocation *c) {
  return kv_of(kv_unit_length(c, kv_arg(c, "inputs"), kv_field_ints(c, "axis", 0), 1e-12));
}

/* Its kernel is normalized in training alone; the file has it so. */
kv_value kv_layer_spectral_normalization(kv_invocation *c) {
  if (kv_refuse_training(c, "spectral normalization")) return KV_NOTHING;
  kvino_tensor *x = kv_arg(c, "inputs"), *y = kv_call_child(c, 0, kv_arg_value(c, "inputs")).tensor;
  if (!x || !y) return KV_NOTHING;
  return kv_of(kv_cast(c->s, y, kv_dtype_of(x)));
}
