/* log(exp(a) + exp(b)): the sum of two probabilities by their logarithms; -infinity is none. */
#ifndef KVINO_KERNELS_SIGNAL_LOG_ADD_H
#define KVINO_KERNELS_SIGNAL_LOG_ADD_H

#include <math.h>

static inline double kv_log_add(double a, double b) {
  double m = a > b ? a : b, least = a > b ? b : a;
  return m == -INFINITY ? m : m + log1p(exp(least - m));
}

#endif
