/* Functions that the C library lacks, or has in a form that threads cannot share. In double; within a few ulp. */
#ifndef KVINO_KERNELS_ELEMENTWISE_SPECIAL_H
#define KVINO_KERNELS_ELEMENTWISE_SPECIAL_H

#include <complex.h>

double kv_math_erf_inv(double x);             /* NaN outside [-1, 1] */
double kv_math_lgamma(double x);              /* log|Gamma(x)|, without the global that lgamma writes */
double kv_math_digamma(double x);             /* -inf at 0, inf at -0; NaN at negative whole numbers */
double kv_math_bessel_i0(double x);           /* modified, first kind, order 0 */
double kv_math_bessel_i(double n, double x);  /* the same of order n; NaN where that is not whole */
double kv_math_polygamma(double n, double x); /* the derivative n of digamma; NaN unless n is one of 0, ..., 170 */
double kv_math_gamma_inc(double a, double x); /* regularized, lower: P(a, x); NaN for negative operands */
double kv_math_gamma_inc_gradient(double a, double x); /* dP/da */

/* Powers to small whole exponents by multiplication, as NumPy; 0 to anything but a positive real is NaN. */
double complex kv_complex_power(double complex x, double complex y);
double complex kv_complex_expm1(double complex x);
double complex kv_complex_log1p(double complex x);

#endif
