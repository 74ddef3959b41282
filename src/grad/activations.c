/* Derivatives of activations. Products of what saturates with what grows are taken of bounded operands: infinity times
 * 0 does not arise. At kinks: that of the side of 0, as in JAX. */
#include <math.h>
#include <string.h>

#include "grad/elementwise.h"

static kvino_tensor *bounded(kv_scope *s, kvino_tensor *x, double most) {
  return kv_clamp(s, x, (kv_clamp_attrs){.min = -most, .max = most});
}
/* y where the condition holds, elsewhere 0. */
static kvino_tensor *where(kv_scope *s, kvino_tensor *condition, kvino_tensor *y) {
  return y ? kv_select(s, condition, y, kv_like(s, y, 0)) : NULL;
}
static kvino_tensor *positive(kv_scope *s, kvino_tensor *x) { return kv_greater(s, x, kv_like(s, x, 0)); }
static kvino_tensor *one_minus(kv_scope *s, kvino_tensor *x) { return kv_subtract(s, kv_like(s, x, 1), x); }
static kvino_tensor *square(kv_scope *s, kvino_tensor *x) { return kv_multiply(s, x, x); }

/* ---- of straight lines ---- */

/* By the result: what comes before it need not be kept, as what comes after it is. */
UNARY(relu, where(s, positive(s, RAW(Y)), RAW(D)))

/* x where it is not negative, otherwise x times a slope, of which axis 1 may have one for each channel. */
void kv_grad_prelu(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *slope = g->in[1], *d = g->d_out[0], *along = slope;
  if (kv_prelu_by_channel(x, slope)) {
    int64_t shape[KVINO_MAX_RANK] = {slope->shape[0]};
    for (int i = 1; i < x->rank - 1; i++) shape[i] = 1;
    along = kv_reshape_to(s, slope, x->rank - 1, shape);
  }
  kvino_tensor *below = kv_less(s, x, kv_like(s, x, 0));
  if (g->wanted[0]) kv_cotangent(g, 0, kv_select(s, below, kv_multiply(s, d, along), d));
  if (!g->wanted[1]) return;
  kvino_tensor *sum = kv_sum_to(s, where(s, below, kv_multiply(s, D, X)), along);
  if (along != slope) sum = kv_reshape(s, sum, kv_dims(s, slope), (kv_reshape_attrs){.special_zero = false});
  g->d_in[1] = sum ? kv_cast(s, sum, (kvino_dtype)slope->dtype) : NULL;
}

UNARY(h_sigmoid, where(s, kv_less(s, kv_abs(s, X), NUMBER(3)), kv_scaled(s, D, 1.0 / 6)))

/* x clip(x + 3, 0, 6) / 6: x / 3 + 1/2 between -3 and 3. */
void kv_grad_h_swish(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = X, *inner = kv_add(s, kv_scaled(s, x, 1.0 / 3), kv_like(s, x, 0.5));
  kvino_tensor *slope = kv_select(s, kv_less(s, x, kv_like(s, x, 3)), inner, kv_like(s, x, 1));
  slope = where(s, kv_greater(s, x, kv_like(s, x, -3)), slope);
  kv_cotangent(g, 0, kv_multiply(s, D, slope));
}

/* clip(a b + c, 0, 1) */
void kv_grad_hard_sigmoid(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *v = kv_add(s, kv_multiply(s, A, B), C);
  kvino_tensor *d = where(s, kv_logical_and(s, positive(s, v), kv_less(s, v, NUMBER(1))), D);
  if (g->wanted[0]) kv_cotangent(g, 0, kv_multiply(s, d, B));
  if (g->wanted[1]) kv_cotangent(g, 1, kv_multiply(s, d, A));
  if (g->wanted[2]) kv_cotangent(g, 2, d);
}

static kvino_tensor *soft_sign_slope(kv_scope *s, kvino_tensor *x) {
  return square(s, kv_divide(s, kv_like(s, x, 1), kv_add(s, kv_abs(s, x), kv_like(s, x, 1))));
}
UNARY(soft_sign, kv_multiply(s, D, soft_sign_slope(s, X)))

/* ---- of exponentials ---- */

UNARY(sigmoid, kv_multiply(s, D, kv_multiply(s, Y, one_minus(s, Y))))
UNARY(soft_plus, kv_multiply(s, D, kv_sigmoid(s, X)))

/* x sigmoid(b x): with v = b x, sigmoid(v) (1 + v sigmoid(-v)) and x^2 sigmoid(v) sigmoid(-v). The sigmoids of 1e4 are
 * 1 and 0 in every dtype. */
void kv_grad_swish(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = X, *v = bounded(s, g->n_in > 1 ? kv_multiply(s, x, B) : x, 1e4), *y = kv_sigmoid(s, v);
  kvino_tensor *slope = kv_add(s, kv_multiply(s, v, one_minus(s, y)), kv_like(s, v, 1));
  if (g->wanted[0]) kv_cotangent(g, 0, kv_multiply(s, D, kv_multiply(s, y, slope)));
  if (g->n_in < 2 || !g->wanted[1]) return;
  kvino_tensor *weight = kv_multiply(s, kv_multiply(s, x, y), kv_multiply(s, x, kv_sigmoid(s, kv_negative(s, v))));
  kv_cotangent(g, 1, kv_multiply(s, D, weight));
}

/* x tanh(softplus(x)) */
void kv_grad_mish(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = bounded(s, X, 1e4), *t = kv_tanh(s, kv_soft_plus(s, x));
  kvino_tensor *turn = kv_multiply(s, one_minus(s, square(s, t)), kv_multiply(s, x, kv_sigmoid(s, x)));
  kv_cotangent(g, 0, kv_multiply(s, D, kv_add(s, t, turn)));
}

/* x (1 + erf(x / sqrt 2)) / 2; 100 is far beyond where it is 0 or x. erf rather than erfc, which OpenVINO lacks. */
static kvino_tensor *gelu_erf_slope(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *below = kv_add(s, kv_erf(s, kv_scaled(s, x, M_SQRT1_2)), kv_like(s, x, 1));
  kvino_tensor *density = kv_exp(s, kv_scaled(s, square(s, x), -0.5));
  return kv_add(s, kv_scaled(s, below, 0.5), kv_multiply(s, kv_scaled(s, x, 0.5 * M_SQRT1_2 * M_2_SQRTPI), density));
}
/* x (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3) */
static kvino_tensor *gelu_tanh_slope(kv_scope *s, kvino_tensor *x) {
  const double scale = M_SQRT1_2 * M_2_SQRTPI, cubic = 0.044715;
  kvino_tensor *one = kv_like(s, x, 1), *q = square(s, x);
  kvino_tensor *u = kv_multiply(s, kv_scaled(s, x, scale), kv_add(s, kv_scaled(s, q, cubic), one));
  kvino_tensor *t = kv_tanh(s, u), *du = kv_add(s, kv_scaled(s, q, 3 * scale * cubic), kv_like(s, x, scale));
  kvino_tensor *turn = kv_multiply(s, kv_multiply(s, x, du), one_minus(s, square(s, t)));
  return kv_scaled(s, kv_add(s, kv_add(s, t, one), turn), 0.5);
}
void kv_grad_gelu(kv_grad *g) {
  kv_scope *s = g->s;
  const char *mode = g->attrs->gelu.approximation_mode;
  kvino_tensor *x = bounded(s, X, 100);
  kvino_tensor *slope = mode && !strcmp(mode, "TANH") ? gelu_tanh_slope(s, x) : gelu_erf_slope(s, x);
  kv_cotangent(g, 0, kv_multiply(s, D, slope));
}

/* min(x, 0), whose derivative at 0 is 1 where minimum's is a half. */
static kvino_tensor *not_positive(kv_scope *s, kvino_tensor *x) {
  return x ? kv_select(s, positive(s, x), kv_like(s, x, 0), x) : NULL;
}

/* x, or alpha expm1(x) where x is not positive. exp of the positive ones would overflow beside the choice. */
void kv_grad_elu(kv_grad *g) {
  kv_scope *s = g->s;
  double alpha = g->attrs->alpha.alpha;
  kvino_tensor *below = kv_scaled(s, kv_exp(s, not_positive(s, X)), alpha);
  kv_cotangent(g, 0, kv_multiply(s, D, kv_select(s, positive(s, X), NUMBER(1), below)));
}

/* c x, or c b expm1(x) where x is not positive. */
void kv_grad_selu(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = X, *b = B, *c = C, *up = positive(s, x), *least = not_positive(s, x), *d = D;
  if (g->wanted[0]) {
    kvino_tensor *slope = kv_select(s, up, kv_like(s, x, 1), kv_multiply(s, b, kv_exp(s, least)));
    kv_cotangent(g, 0, kv_multiply(s, kv_multiply(s, d, c), slope));
  }
  kvino_tensor *below = kv_expm1(s, least); /* 0 where x is positive */
  if (g->wanted[1]) kv_cotangent(g, 1, kv_multiply(s, kv_multiply(s, d, c), below));
  if (g->wanted[2]) kv_cotangent(g, 2, kv_multiply(s, d, kv_select(s, up, x, kv_multiply(s, b, below))));
}
