/* The regularized incomplete gamma function, in long double so that the double result is right to an ulp or so:
 * exponents of several hundred lose ten bits. */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>

#include "kernels/elementwise/special.h"

/* log(x / a) - u for u = x / a - 1, without cancellation: 2 atanh(z) - u for z = u / (2 + u), where 2 z - u = -u z. */
static long double log_minus(long double a, long double x) {
  long double u = (x - a) / a;
  if (fabsl(u) > 0.4L) return logl(x / a) - u;
  long double z = u / (2 + u), q = z * z, term = z * q, sum = 0;
  for (int k = 3; fabsl(term) > 1e-22L * fabsl(sum); k += 2, term *= q) sum += term / k;
  return 2 * sum - u * z;
}

/* gamma(a + 1) / (sqrt(2 pi a) (a / e)^a) for a >= 20: Stirling's series, DLMF 5.11.1. */
static long double scaled_gamma(long double a) {
  long double r = 1 / (a * a);
  return expl(
      (1.0L / 12 -
       r * (1.0L / 360 -
            r * (1.0L / 1260 - r * (1.0L / 1680 - r * (1.0L / 1188 - r * (691.0L / 360360 - r * (1.0L / 156))))))) /
      a);
}

/* x^a exp(-x) / gamma(a + 1) */
static long double prefactor(long double a, long double x) {
  if (a < 20) return expl(a * logl(x) - x - lgammal_r(a + 1, &(int){0}));
  return expl(a * log_minus(a, x)) / (sqrtl(2 * M_PIl * a) * scaled_gamma(a));
}

/* P by its power series, DLMF 8.7.1: every term is positive. */
static long double lower(long double a, long double x) {
  long double term = 1, sum = 1;
  for (long double n = a + 1; term > sum * 1e-20L; n++) sum += term *= x / n;
  return sum * prefactor(a, x);
}

/* Q = 1 - P by its continued fraction, DLMF 8.9.2, evaluated as Lentz has it. x > a. */
static long double upper(long double a, long double x) {
  long double b = x + 1 - a, c = 1e300L, d = 1 / b, h = d, change = 0;
  for (long double k = 1; fabsl(change - 1) > 1e-19L; k++) {
    long double numerator = -k * (k - a);
    b += 2;
    d = numerator * d + b;
    c = b + numerator / c;
    d = 1 / (d == 0 ? 1e-300L : d);
    change = c == 0 ? 1e-300L * d : c * d;
    h *= change;
  }
  return h * prefactor(a, x) * a;
}

/* ---- large a and x near it: Temme's uniform expansion, DLMF 8.12 ---- */

enum { POWERS = 24, ORDERS = 6 };
static long double coefficient[ORDERS][POWERS + 2 * ORDERS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* DLMF 8.12.9 and 8.12.12: x / a - 1 = eta + alpha_2 eta^2 + ..., and from those the coefficients c_k in powers of eta.
 */
static void fill(void) {
  enum { LAST = POWERS + 2 * ORDERS + 2 };
  static const long double stirling[ORDERS] = {
      1, 1.0L / 12, 1.0L / 288, -139.0L / 51840, -571.0L / 2488320, 163879.0L / 209018880};
  long double alpha[LAST + 1] = {0, 1, 1.0L / 3};
  for (int n = 3; n <= LAST; n++) {
    long double sum = alpha[n - 1];
    for (int j = 2; j < n; j++) sum -= (long double)j * alpha[j] * alpha[n + 1 - j];
    alpha[n] = sum / (n + 1);
  }
  for (int k = 0; k < ORDERS; k++)
    for (int n = 0; n < POWERS + 2 * (ORDERS - k); n++) {
      long double first = n ? (n + 2) * alpha[n + 2] : -1.0L / 3;
      coefficient[k][n] =
          k ? (k % 2 ? -1 : 1) * stirling[k] * coefficient[0][n] + (n + 2) * coefficient[k - 1][n + 2] : first;
    }
}

static long double uniform(long double a, long double x) {
  pthread_once(&once, fill);
  long double phi = -log_minus(a, x), eta = copysignl(sqrtl(2 * phi), x - a), sum = 0;
  for (int k = ORDERS - 1; k >= 0; k--) {
    long double c = 0;
    for (int n = POWERS - 1; n >= 0; n--) c = c * eta + coefficient[k][n];
    sum = sum / a + c;
  }
  return 0.5L * erfcl(-eta * sqrtl(a / 2)) - expl(-a * phi) / sqrtl(2 * M_PIl * a) * sum;
}

double kv_math_gamma_inc(double a, double x) {
  if (!(a >= 0 && x >= 0) || (a == 0 && x == 0) || (isinf(a) && isinf(x))) return NAN;
  if (a == 0 || isinf(x)) return 1;
  if (x == 0 || isinf(a)) return 0;
  if (a > 2000 && fabs(x - a) < 0.3 * a) return (double)uniform(a, x);
  return (double)(x <= a + 1 ? lower(a, x) : 1 - upper(a, x));
}

/* ---- the derivative by a ---- */

static long double digamma(long double x) {
  long double below = 0;
  for (; x < 30; x++) below -= 1 / x;
  long double r = 1 / (x * x), tail = 691.0L / 32760 - r / 12;
  tail = 1.0L / 252 - r * (1.0L / 240 - r * (1.0L / 132 - r * tail));
  return below + logl(x) - 0.5L / x - r * (1.0L / 12 - r * (1.0L / 120 - r * tail));
}

/* Of the power series, term by term: that of x^(a + n) / gamma(a + n + 1) is itself times log(x) - psi(a + n + 1). */
static long double lower_gradient(long double a, long double x) {
  long double term = prefactor(a, x), slope = logl(x) - digamma(a + 1), sum = term * slope;
  for (long double n = a + 1; n < a + 3 || fabsl(term * slope) > fabsl(sum) * 1e-20L; n++) { /* slope may begin at 0 */
    term *= x / n;
    slope -= 1 / n;
    sum += term * slope;
  }
  return sum;
}

/* Of the continued fraction: each step of `upper` with its derivative, named d_... */
static long double upper_gradient(long double a, long double x) {
  long double b = x + 1 - a, d_b = -1, c = 1e300L, d_c = 0, d = 1 / b, d_d = d * d, h = d, d_h = d_d;
  long double change = 0, d_change = 1;
  for (long double k = 1; (fabsl(change - 1) > 1e-19L || fabsl(d_change * h) > 1e-19L * fabsl(d_h)) && k < 1e6L; k++) {
    long double numerator = -k * (k - a), d_numerator = k;
    b += 2;
    long double under = numerator * d + b, d_under = d_numerator * d + numerator * d_d + d_b;
    d_c = d_b + d_numerator / c - numerator * d_c / (c * c);
    c = b + numerator / c;
    if (c == 0) c = 1e-300L;
    d = 1 / (under == 0 ? 1e-300L : under);
    d_d = -d_under * d * d;
    change = c * d;
    d_change = d_c * d + c * d_d;
    d_h = d_h * change + h * d_change;
    h *= change;
  }
  return prefactor(a, x) * a * (h * (logl(x) - digamma(a)) + d_h);
}

/* Of the uniform expansion: differences of order 8, with a step small beside sqrt(a), over which it varies. */
static long double uniform_gradient(long double a, long double x) {
  static const long double weight[] = {4.0L / 5, -1.0L / 5, 4.0L / 105, -1.0L / 280};
  long double step = 0.02L * sqrtl(a), sum = 0;
  for (int k = 1; k <= 4; k++) sum += weight[k - 1] * (uniform(a + k * step, x) - uniform(a - k * step, x));
  return sum / step;
}

double kv_math_gamma_inc_gradient(double a, double x) {
  if (!(a >= 0 && x >= 0) || (isinf(a) && isinf(x))) return NAN;
  if (x == 0 || isinf(x) || isinf(a)) return a == 0 && x == 0 ? NAN : 0;
  if (a < 1e-30) a = 1e-30; /* the limit, as far as it can be told */
  if (a > 2000 && fabs(x - a) < 0.3 * a) return (double)uniform_gradient(a, x);
  return (double)(x <= a + 1 ? lower_gradient(a, x) : -upper_gradient(a, x));
}
