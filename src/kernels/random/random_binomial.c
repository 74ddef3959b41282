/* Binomial numbers: by inversion where few successes are expected, by transformed rejection otherwise. */
#include "kernels/random/random.h"
#include "kernels/random/random_bits.h"

/* What Stirling's formula lacks: log(n!) - (n log n - n + log(2 pi n) / 2). */
static double stirling_error(double n) {
  if (n < 16) {
    double factorial = 1;
    for (int i = 2; i <= (int)n; i++) factorial *= i;
    return kv_portable_log(factorial) - (n * kv_portable_log(n) - n + 0.5 * kv_portable_log(6.283185307179586 * n));
  }
  double z = 1 / (n * n);
  return (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (1.0 / 1680 - z * (1.0 / 1188))))) / n;
}

/* x log(x / m) + m - x, also where x is close to m. */
static double deviance(double x, double m) {
  if (fabs(x - m) >= 0.1 * (x + m)) return x * kv_portable_log(x / m) + m - x;
  double v = (x - m) / (x + m), sum = (x - m) * v, term = 2 * x * v;
  for (int j = 3;; j += 2) {
    term *= v * v;
    double more = sum + term / j;
    if (more == sum) return sum;
    sum = more;
  }
}

/* The logarithm of the probability of k (Loader: "Fast and accurate computation of binomial probabilities", 2000). */
static double log_probability(const kv_binomial *b, double k) {
  if (k == 0) return b->n * kv_portable_log1p(-b->p);
  if (k == b->n) return b->n * kv_portable_log(b->p);
  double rest = b->n - k;
  double y = stirling_error(b->n) - stirling_error(k) - stirling_error(rest);
  y -= deviance(k, b->n * b->p) + deviance(rest, b->n * b->q);
  return y - 0.5 * kv_portable_log(6.283185307179586 * k * (rest / b->n));
}

void kv_binomial_prepare(kv_binomial *b, double n, double p) {
  b->n = n = floor(n);
  b->flipped = p > 0.5;
  b->p = p = b->flipped ? 1 - p : p;
  b->q = 1 - p;
  double mean = n * p;
  if (mean < 10) {
    b->start = kv_portable_exp(n * kv_portable_log1p(-p));
    return;
  }
  /* The hat of BTRS (Hoermann: "The generation of binomial random variates", 1993). */
  double deviation = sqrt(mean * b->q);
  b->start = -1;
  b->b = 1.15 + 2.53 * deviation;
  b->a = -0.0873 + 0.0248 * b->b + 0.01 * p;
  b->center = mean + 0.5;
  b->alpha = (2.83 + 5.1 / b->b) * deviation;
  b->limit = 0.92 - 4.2 / b->b;
  b->mode = log_probability(b, floor((n + 1) * p));
}

/* Adds probabilities up until they pass a uniform number. Beyond 200 there is nothing but rounding: the mean is
 * below 10. */
static double invert(const kv_binomial *b, kv_stream *s) {
  double ratio = b->p / b->q;
  for (;;) {
    double u = kv_stream_unit(s), r = b->start;
    for (int k = 0; k <= 200 && k <= b->n; k++) {
      if (u <= r) return k;
      u -= r;
      r *= ratio * (b->n - k) / (k + 1);
    }
  }
}

static double reject(const kv_binomial *b, kv_stream *s) {
  for (;;) {
    double u = kv_stream_unit(s) - 0.5, v = kv_stream_unit(s), distance = 0.5 - fabs(u);
    double k = floor((2 * b->a / distance + b->b) * u + b->center);
    if (k < 0 || k > b->n) continue;
    if (distance >= 0.07 && v <= b->limit) return k;
    double height = v * b->alpha / (b->a / (distance * distance) + b->b);
    if (kv_portable_log(height) <= log_probability(b, k) - b->mode) return k;
  }
}

double kv_binomial_draw(const kv_binomial *b, kv_stream *s) {
  double k = b->start < 0 ? reject(b, s) : invert(b, s);
  return b->flipped ? b->n - k : k;
}
