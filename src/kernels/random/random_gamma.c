/* Gamma and beta numbers. */
#include "kernels/random/random.h"
#include "kernels/random/random_bits.h"

/* For alpha >= 1: a cubed normal number, accepted or not (Marsaglia and Tsang: "A simple method for generating gamma
 * variables", 2000). */
static double large(kv_stream *s, double alpha) {
  double d = alpha - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    double x = kv_stream_normal(s), v = 1 + c * x;
    if (!(v > 0)) continue;
    v = v * v * v;
    double u = kv_stream_unit(s), square = x * x;
    if (u < 1 - 0.0331 * square * square) return d * v;
    if (kv_portable_log(u) < 0.5 * square + d * (1 - v + kv_portable_log(v))) return d * v;
  }
}

/* The logarithm: for small alpha the numbers themselves are too small for a double. A gamma number of alpha + 1 times
 * U^(1 / alpha) is one of alpha (the same article). */
static double logarithm(kv_stream *s, double alpha) {
  if (alpha >= 1) return kv_portable_log(large(s, alpha));
  double more = kv_portable_log(large(s, alpha + 1));
  return more + kv_portable_log(kv_stream_unit(s)) / alpha;
}

double kv_random_gamma(kv_stream *s, double alpha) {
  if (alpha != alpha || alpha == INFINITY) return alpha;
  if (alpha == 0) return 0;
  return alpha >= 1 ? large(s, alpha) : kv_portable_exp(logarithm(s, alpha));
}

/* X / (X + Y) of two gamma numbers. */
double kv_random_beta(kv_stream *s, double alpha, double beta) {
  if (alpha != alpha || beta != beta) return NAN;
  if (alpha == INFINITY || beta == INFINITY) return alpha == beta ? NAN : alpha == INFINITY;
  if (alpha >= 1 && beta >= 1) {
    double x = large(s, alpha), y = large(s, beta);
    return 1 / (1 + y / x);
  }
  double x = logarithm(s, alpha), y = logarithm(s, beta);
  if (x == y) return 0.5; /* both may be -infinity */
  double difference = y - x;
  return difference != difference ? 0.5 : 1 / (1 + kv_portable_exp(difference));
}
