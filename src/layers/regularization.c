/* Layers: regularization. They act in training alone. */
#include <math.h>

#include "layers/regularizer.h"
#include "ops/common.h"

kv_value kv_layer_identity(kv_invocation *c) { return kv_arg_value(c, "inputs"); }

/* `p` is what Keras 1 called it. */
static double rate_of(kv_invocation *c) { return kv_field_number(c, json_is_null(kv_field(c, "p")) ? "rate" : "p"); }

/* Lengths of x's axes where `keeps` holds, 1 elsewhere; unknown ones as numbers of the run. */
static kvino_ints noise(kv_invocation *c, kvino_tensor *x, const bool *keeps) {
  int64_t *v = kv_scope_alloc(c->s, (size_t)x->rank + 1, sizeof *v);
  kvino_tensor **symbolic = kv_scope_alloc(c->s, (size_t)x->rank + 1, sizeof *symbolic);
  if (!v || !symbolic) return KVINO_NO_INTS;
  for (int i = 0; i < x->rank; i++) {
    v[i] = keeps[i] ? x->shape[i] : 1;
    symbolic[i] = v[i] < 0 ? kv_dimension(c->s, x, i) : NULL;
  }
  return (kvino_ints){x->rank, v, symbolic, true};
}

/* The field noise_shape: null is the length of x. */
static kvino_ints given_noise(kv_invocation *c, kvino_tensor *x) {
  kvino_ints given = kv_field_ints(c, "noise_shape", 0);
  bool keeps[KVINO_MAX_RANK];
  if (given.n < 0) return given;
  if (given.n != x->rank) {
    kv_scope_fail(c->s, KVINO_INVALID, "noise_shape has %lld lengths, the input %d", (long long)given.n, x->rank);
    return KVINO_NO_INTS;
  }
  for (int i = 0; i < x->rank; i++) keeps[i] = given.v[i] < 0 || given.v[i] == x->shape[i];
  return noise(c, x, keeps);
}

kv_value kv_layer_dropout(kv_invocation *c) {
  if (!kv_is_training(c)) return kv_layer_identity(c);
  kvino_tensor *x = kv_arg(c, "inputs");
  return x ? kv_of(kv_drop(c, x, rate_of(c), given_noise(c, x))) : KV_NOTHING;
}

/* Whole channels. */
kv_value kv_layer_spatial_dropout(kv_invocation *c) {
  if (!kv_is_training(c)) return kv_layer_identity(c);
  kvino_tensor *x = kv_arg(c, "inputs");
  bool keeps[KVINO_MAX_RANK] = {true}, first = kv_data_format(c)[9] == 'f';
  if (!x) return KV_NOTHING;
  keeps[first && x->rank > 3 ? 1 : x->rank - 1] = true;
  return kv_of(kv_drop(c, x, rate_of(c), noise(c, x, keeps)));
}

static kvino_tensor *normal(kv_invocation *c, kvino_tensor *x, double mean, double deviation) {
  kv_scope *s = c->s;
  bool all[KVINO_MAX_RANK];
  for (int i = 0; i < x->rank; i++) all[i] = true;
  return op_normal(s, kv_draw_seed(c), noise(c, x, all), kv_number(s, KVINO_F64, mean),
                   kv_number(s, KVINO_F64, deviation), kv_dtype_of(x));
}

kv_value kv_layer_gaussian_dropout(kv_invocation *c) {
  double rate = rate_of(c);
  if (!kv_is_training(c) || rate <= 0) return kv_layer_identity(c);
  kvino_tensor *x = kv_arg(c, "inputs");
  return x ? kv_of(kv_multiply(c->s, x, normal(c, x, 1, sqrt(rate / (1 - rate))))) : KV_NOTHING;
}

kv_value kv_layer_gaussian_noise(kv_invocation *c) {
  double deviation = kv_field_number(c, json_is_null(kv_field(c, "sigma")) ? "stddev" : "sigma");
  if (!kv_is_training(c) || deviation <= 0) return kv_layer_identity(c);
  kvino_tensor *x = kv_arg(c, "inputs");
  return x ? kv_of(kv_add(c->s, x, normal(c, x, 0, deviation))) : KV_NOTHING;
}

/* What is dropped becomes SELU's least value; mean and variance stay. */
kv_value kv_layer_alpha_dropout(kv_invocation *c) {
  kv_scope *s = c->s;
  double rate = rate_of(c), least = -1.6732632423543772 * 1.0507009873554805;
  if (!kv_is_training(c) || rate <= 0) return kv_layer_identity(c);
  kvino_tensor *x = kv_arg(c, "inputs");
  if (!x) return KV_NOTHING;
  bool all[KVINO_MAX_RANK];
  for (int i = 0; i < x->rank; i++) all[i] = true;
  kvino_ints shape = given_noise(c, x);
  kvino_tensor *u = op_uniform(s, kv_draw_seed(c), shape.n < 0 ? noise(c, x, all) : shape, kv_number(s, KVINO_F64, 0),
                               kv_number(s, KVINO_F64, 1), KVINO_F32);
  kvino_tensor *kept = op_greater_equal(s, u, kv_number(s, KVINO_F32, rate));
  double a = 1 / sqrt((1 - rate) * (1 + rate * least * least)), b = -a * least * rate;
  kvino_tensor *y = op_where(s, kept, x, kv_like(s, x, least));
  return kv_of(op_add(s, op_multiply(s, y, kv_like(s, x, a)), kv_like(s, x, b)));
}

kv_value kv_layer_activity_regularization(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  if (c->training && x)
    kv_add_activity_loss(c, kv_l1_l2(c->s, kv_field_number(c, "l1"), kv_field_number(c, "l2"), x), x);
  return kv_layer_identity(c);
}
