#include <math.h>
#include <string.h>

#include "kernels/ctc.h"

static double log_add(double a, double b) {
  double m = a > b ? a : b, least = a > b ? b : a;
  return m == -INFINITY ? m : m + log1p(exp(least - m));
}

/* log softmax of one frame */
static void normalize(int64_t n, const double *x, double *y) {
  double top = -INFINITY, sum = 0;
  for (int64_t i = 0; i < n; i++) top = x[i] > top || isnan(x[i]) ? x[i] : top;
  for (int64_t i = 0; i < n; i++) sum += exp(x[i] - top);
  double shift = top + log(sum);
  for (int64_t i = 0; i < n; i++) y[i] = x[i] - shift;
}

size_t kv_ctc_labelling_scratch(int64_t classes, int64_t labels) {
  return (size_t)classes + 2 * (2 * (size_t)labels + 1);
}

/* States: blank, label 0, blank, label 1, ..., blank. From a frame to the next a path stays, goes on by one state, or
 * leaves out the blank between two different labels. */
double kv_ctc_labelling_loss(int64_t frames, int64_t classes, const double *logits, int64_t labels,
                             const int32_t *label, int64_t blank, double *scratch) {
  int64_t states = 2 * labels + 1;
  double *log_p = scratch, *now = scratch + classes, *next = now + states;
  for (int64_t i = 0; i < states; i++) now[i] = -INFINITY;
  now[0] = 0; /* before the first frame; to label 0 it goes as from any blank */
  for (int64_t t = 0; t < frames; t++) {
    normalize(classes, logits + t * classes, log_p);
    for (int64_t i = 0; i < states; i++) {
      bool odd = i & 1;
      double stay = now[i];
      if (i) stay = log_add(stay, now[i - 1]);
      if (odd && i > 1 && label[i / 2] != label[i / 2 - 1]) stay = log_add(stay, now[i - 2]);
      next[i] = stay + log_p[odd ? label[i / 2] : blank];
    }
    double *other = now;
    now = next;
    next = other;
  }
  return -(labels ? log_add(now[states - 1], now[states - 2]) : now[0]);
}
