/* Derivatives of special functions. */
#include <math.h>

#include "grad/elementwise.h"

/* exp(x^2), or exp(-x^2). */
static kvino_tensor *exp_square(kv_scope *s, kvino_tensor *x, double sign) {
  return kv_exp(s, kv_scaled(s, kv_multiply(s, x, x), sign));
}
UNARY(erf, kv_multiply(s, kv_scaled(s, D, M_2_SQRTPI), exp_square(s, X, -1)))
UNARY(erfc, kv_multiply(s, kv_scaled(s, D, -M_2_SQRTPI), exp_square(s, X, -1)))
UNARY(erf_inv, kv_multiply(s, kv_scaled(s, D, 1 / M_2_SQRTPI), exp_square(s, Y, 1)))

UNARY(lgamma, kv_multiply(s, D, kv_digamma(s, X)))
UNARY(digamma, kv_multiply(s, D, kv_polygamma(s, NUMBER(1), X)))
UNARY(bessel_i0, kv_multiply(s, D, kv_bessel_i(s, NUMBER(1), X)))

static void no_derivative(kv_grad *g, const char *of) {
  kv_scope_fail(g->s, KVINO_UNSUPPORTED, "kvino does not have the derivative of %s with respect to its %s",
                g->prim->name, of);
}

/* Of order a at b. */
void kv_grad_polygamma(kv_grad *g) {
  kv_scope *s = g->s;
  if (g->wanted[0]) no_derivative(g, "order");
  if (g->wanted[1]) kv_cotangent(g, 1, kv_multiply(s, D, kv_polygamma(s, kv_add(s, A, NUMBER(1)), B)));
}

/* Half the sum of its neighbours in order; at 0 too, where quotients by x would fail. */
void kv_grad_bessel_i(kv_grad *g) {
  kv_scope *s = g->s;
  if (g->wanted[0]) no_derivative(g, "order");
  if (!g->wanted[1]) return;
  kvino_tensor *n = A, *one = kv_like(s, n, 1), *x = B;
  kvino_tensor *sum = kv_add(s, kv_bessel_i(s, kv_subtract(s, n, one), x), kv_bessel_i(s, kv_add(s, n, one), x));
  kv_cotangent(g, 1, kv_multiply(s, D, kv_scaled(s, sum, 0.5)));
}

/* ---- the incomplete gamma function P(a, x), in float64: exponents are what is left of numbers as large as a log x
 * ---- */

static kvino_tensor *in_f64(kv_scope *s, kvino_tensor *x) { return kv_cast(s, x, KVINO_F64); }

/* The density x^(a - 1) exp(-x) / gamma(a). */
static kvino_tensor *density(kv_scope *s, kvino_tensor *a, kvino_tensor *x) {
  kvino_tensor *one = kv_like(s, a, 1), *zero = kv_like(s, a, 0);
  /* 0 log 0, at x = 0 of the exponential distribution, is 0 here; infinity less infinity, far out, is avoided. */
  kvino_tensor *begins = kv_logical_and(s, kv_equal(s, a, one), kv_equal(s, x, zero));
  kvino_tensor *most = kv_minimum(s, x, kv_like(s, x, 1e300));
  kvino_tensor *power = kv_multiply(s, kv_subtract(s, a, one), kv_log(s, kv_select(s, begins, one, most)));
  return kv_exp(s, kv_subtract(s, kv_subtract(s, power, most), kv_lgamma(s, a)));
}

void kv_grad_gamma_inc(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *d = in_f64(s, g->d_out[0]), *a = in_f64(s, g->in[0]), *x = in_f64(s, g->in[1]);
  if (g->wanted[0]) kv_cotangent(g, 0, kv_multiply(s, d, kv_gamma_inc_gradient(s, a, x)));
  if (g->wanted[1]) kv_cotangent(g, 1, kv_multiply(s, d, density(s, a, x)));
}

/* dP/da: its derivative by x is that of the density by a. */
void kv_grad_gamma_inc_gradient(kv_grad *g) {
  kv_scope *s = g->s;
  if (g->wanted[0]) no_derivative(g, "first operand");
  if (!g->wanted[1]) return;
  kvino_tensor *d = in_f64(s, g->d_out[0]), *a = in_f64(s, g->in[0]), *x = in_f64(s, g->in[1]);
  kvino_tensor *rate = kv_subtract(s, kv_log(s, x), kv_digamma(s, a));
  kv_cotangent(g, 1, kv_multiply(s, d, kv_multiply(s, density(s, a, x), rate)));
}
