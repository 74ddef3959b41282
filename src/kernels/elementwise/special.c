#define _GNU_SOURCE
#include "kernels/elementwise/special.h"

#include <math.h>
#include <stdlib.h>

#include "base/complex.h"

/* Winitzki's approximation (2 digits), then Halley's method, which triples the digits at each step. Beyond 1/2 the
 * residual is taken from erfc and 1 - |x|, both free of cancellation there. */
double kv_math_erf_inv(double x) {
  double a = fabs(x);
  if (!(a < 1)) return a == 1 ? copysign(INFINITY, x) : NAN;
  if (a < 1e-8) return x * 0.88622692545275801365; /* sqrt(pi)/2; the next term is below an ulp */
  double log_term = log1p(-a * a), k = 2 / (M_PI * 0.147) + log_term / 2;
  double y = sqrt(sqrt(k * k - log_term / 0.147) - k);
  for (int i = 0; i < 3; i++) {
    double residual = a < 0.5 ? erf(y) - a : (1 - a) - erfc(y);
    double step = residual / (M_2_SQRTPI * exp(-y * y));
    y -= step / (1 + y * step);
  }
  return copysign(y, x);
}

double kv_math_lgamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

double kv_math_digamma(double x) {
  if (x == 0) return copysign(INFINITY, -x); /* as it is on either side */
  double below = 0;
  if (x < 0) { /* reflection; the angle from what is left of x, which is exact */
    double fraction = x - rint(x);
    if (fraction == 0 || isinf(x)) return NAN;
    below = -M_PI / tan(M_PI * fraction);
    x = 1 - x;
  }
  for (; x < 12; x++) below -= 1 / x;
  double r = 1 / (x * x);
  double tail =
      r * (1.0 / 12 - r * (1.0 / 120 - r * (1.0 / 252 - r * (1.0 / 240 - r * (1.0 / 132 - r * (691.0 / 32760))))));
  return below + (isinf(x) ? x : log(x) - 0.5 / x - tail);
}

double kv_math_bessel_i0(double x) {
  x = fabs(x);
  double term = 1, sum = 1;
  if (x < 22) { /* the power series: every term is positive */
    for (double k = 1, q = x * x / 4; term > sum * 1e-18; k++) sum += term *= q / (k * k);
    return sum;
  }
  if (isinf(x)) return x;
  for (double k = 1; k < 44 && fabs(term) > 1e-18; k++) sum += term *= (2 * k - 1) * (2 * k - 1) / (8 * k * x);
  double half = exp(x / 2); /* exp(x) would overflow before the result does */
  return half * (sum / sqrt(2 * M_PI * x)) * half;
}

/* I_-n is I_n; odd orders are odd functions. The sums are those of order 0 above. */
double kv_math_bessel_i(double n, double x) {
  if (n != rint(n) || isinf(n) || isnan(x)) return NAN;
  n = fabs(n);
  double sign = x < 0 && fmod(n, 2) == 1 ? -1 : 1, term = 1, sum = 1;
  x = fabs(x);
  if (isinf(x)) return sign * x;
  if (x > 25 + n * n / 2) {
    for (double k = 1; k < 44 && fabs(term) > 1e-18; k++)
      sum += term *= ((2 * k - 1) * (2 * k - 1) - 4 * n * n) / (8 * k * x);
    double half = exp(x / 2);
    return sign * half * (sum / sqrt(2 * M_PI * x)) * half;
  }
  for (double k = 1; k <= n && term > 0; k++) term *= x / 2 / k; /* (x / 2)^n / n! */
  sum = term;
  for (double k = 1, q = x * x / 4; term > sum * 1e-18; k++) sum += term *= q / (k * (n + k));
  return sign * sum;
}

/* Hurwitz's zeta function for whole s > 1 and x > 0: terms, then what Euler and Maclaurin say of the rest (DLMF
 * 25.11.5). */
static double zeta(double s, double x) {
  /* B_2k / (2k)! */
  static const double bernoulli[] = {1.0 / 12,
                                     -1.0 / 720,
                                     1.0 / 30240,
                                     -1.0 / 1209600,
                                     1.0 / 47900160,
                                     -691.0 / 1307674368000.0,
                                     1.0 / 74724249600.0,
                                     -3617.0 / 10670622842880000.0};
  double sum = 0, most = 12 + s;
  for (; x < most; x++) sum += pow(x, -s);
  double power = pow(x, -s), term = s * power / x;
  sum += power * x / (s - 1) + power / 2;
  for (int k = 0; k < 8; k++, term *= (s + 2 * k - 1) * (s + 2 * k) / (x * x)) sum += bernoulli[k] * term;
  return sum;
}

/* (-1)^(n + 1) n! zeta(n + 1, x). Left of 0 zeta's terms are those of both sides of the fraction of x. */
double kv_math_polygamma(double n, double x) {
  if (n == 0) return kv_math_digamma(x);
  if (!(n > 0) || n != rint(n) || n > 170 || isnan(x)) return NAN;
  double s = n + 1, sign = fmod(n, 2) == 1 ? 1 : -1, factorial = tgamma(s);
  if (isinf(x)) return x > 0 ? sign * 0.0 : NAN;
  if (x > 0) return sign * factorial * zeta(s, x);
  double rest = x - rint(x), right = rest < 0 ? 1 + rest : rest, left = rest < 0 ? -rest : 1 - rest;
  if (rest == 0) return sign > 0 ? INFINITY : x == 0 ? copysign(INFINITY, -x) : NAN;
  return sign * factorial * (zeta(s, right) + sign * (zeta(s, left) - zeta(s, 1 - x)));
}

static double complex times(double complex x, double complex y) {
  double a = creal(x), b = cimag(x), c = creal(y), d = cimag(y);
  return CMPLX(a * c - b * d, a * d + b * c);
}

double complex kv_complex_power(double complex x, double complex y) {
  double exponent = creal(y);
  if (y == 0) return 1;
  if (x == 0) return exponent > 0 && cimag(y) == 0 ? 0 : CMPLX(NAN, NAN);
  if (cimag(y) != 0 || exponent != trunc(exponent) || fabs(exponent) >= 100) return cpow(x, y);
  double complex square = x, power = 1;
  for (int e = abs((int)exponent); e; e >>= 1, square = times(square, square))
    if (e & 1) power = times(power, square);
  return exponent < 0 ? 1 / power : power;
}

double complex kv_complex_expm1(double complex x) {
  double s = sin(cimag(x) / 2), e = expm1(creal(x)); /* exp(a) cos(b) - 1 = expm1(a) cos(b) - 2 sin(b/2)^2 */
  return CMPLX(e * cos(cimag(x)) - 2 * s * s, exp(creal(x)) * sin(cimag(x)));
}

double complex kv_complex_log1p(double complex x) {
  return CMPLX(log(hypot(creal(x) + 1, cimag(x))), atan2(cimag(x), creal(x) + 1));
}
