#include <math.h>
#include <string.h>

#include "kernels/signal/ctc.h"
#include "kernels/signal/log_add.h"

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

/* Whether a path may come to state i from i - 2: it leaves out the blank between two different labels. */
static bool may_skip(const int32_t *label, int64_t i) { return (i & 1) && i > 1 && label[i / 2] != label[i / 2 - 1]; }
static int64_t class_of(const int32_t *label, int64_t blank, int64_t i) { return i & 1 ? label[i / 2] : blank; }

/* States: blank, label 0, blank, label 1, ..., blank. From a frame to the next a path stays, goes on by one state, or
 * leaves out a blank. */
static void step(int64_t states, const int32_t *label, int64_t blank, const double *log_p, const double *now,
                 double *next) {
  for (int64_t i = 0; i < states; i++) {
    double stay = now[i];
    if (i) stay = kv_log_add(stay, now[i - 1]);
    if (may_skip(label, i)) stay = kv_log_add(stay, now[i - 2]);
    next[i] = stay + log_p[class_of(label, blank, i)];
  }
}

/* Of all paths: they end in the last label or in the blank behind it. */
static double ended(int64_t labels, const double *now) {
  return labels ? kv_log_add(now[2 * labels], now[2 * labels - 1]) : now[0];
}

double kv_ctc_labelling_loss(int64_t frames, int64_t classes, const double *logits, int64_t labels,
                             const int32_t *label, int64_t blank, double *scratch) {
  int64_t states = 2 * labels + 1;
  double *log_p = scratch, *now = scratch + classes, *next = now + states;
  for (int64_t i = 0; i < states; i++) now[i] = -INFINITY;
  now[0] = 0; /* before the first frame; to label 0 it goes as from any blank */
  for (int64_t t = 0; t < frames; t++) {
    normalize(classes, logits + t * classes, log_p);
    step(states, label, blank, log_p, now, next);
    double *other = now;
    now = next;
    next = other;
  }
  return -ended(labels, now);
}

/* ---- its gradient ---- */

size_t kv_ctc_gradient_scratch(int64_t frames, int64_t labels) {
  return ((size_t)frames + 3) * (2 * (size_t)labels + 1);
}

/* From the paths behind a frame, with what they emit there, to those behind the frame before. */
static void step_back(int64_t states, const int32_t *label, int64_t blank, const double *log_p, double *behind,
                      double *other) {
  for (int64_t i = 0; i < states; i++) other[i] = behind[i] + log_p[class_of(label, blank, i)];
  for (int64_t i = 0; i < states; i++) {
    double sum = other[i];
    if (i + 1 < states) sum = kv_log_add(sum, other[i + 1]);
    if (i + 2 < states && may_skip(label, i + 2)) sum = kv_log_add(sum, other[i + 2]);
    behind[i] = sum;
  }
}

/* The probability of each class less the share of the paths that emit it. */
void kv_ctc_labelling_gradient(int64_t frames, int64_t classes, const double *logits, int64_t labels,
                               const int32_t *label, int64_t blank, double *scratch, double *gradient) {
  int64_t states = 2 * labels + 1;
  double *before = scratch, *behind = scratch + (frames + 1) * states, *other = behind + states;
  for (int64_t i = 0; i < states; i++) {
    before[i] = i ? -INFINITY : 0;
    behind[i] = i >= states - 2 ? 0 : -INFINITY;
  }
  for (int64_t t = 0; t < frames; t++) {
    double *log_p = gradient + t * classes;
    normalize(classes, logits + t * classes, log_p);
    step(states, label, blank, log_p, before + t * states, before + (t + 1) * states);
  }
  double all = ended(labels, before + frames * states);
  if (all == -INFINITY) { /* no path: the loss is infinite whatever the logits are */
    memset(gradient, 0, (size_t)(frames * classes) * sizeof *gradient);
    return;
  }
  for (int64_t t = frames; t-- > 0;) {
    double *row = gradient + t * classes, *share = before + (t + 1) * states;
    for (int64_t i = 0; i < states; i++) share[i] = exp(share[i] + behind[i] - all);
    step_back(states, label, blank, row, behind, other);
    for (int64_t k = 0; k < classes; k++) row[k] = exp(row[k]);
    for (int64_t i = 0; i < states; i++) row[class_of(label, blank, i)] -= share[i];
  }
}
