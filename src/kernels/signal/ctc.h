/* Connectionist temporal classification: of every frame the probability of each class, one of which is blank; a path
 * emits a class per frame, and reads as its classes without repetition and without blanks. */
#ifndef KVINO_KERNELS_SIGNAL_CTC_H
#define KVINO_KERNELS_SIGNAL_CTC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Doubles of scratch memory for kv_ctc_labelling_loss. */
size_t kv_ctc_labelling_scratch(int64_t classes, int64_t labels);
/* -log of the probability of all paths that read as `label`: logits [frames, classes]. Infinite where there is none.
 * The labels are within the classes. */
double kv_ctc_labelling_loss(int64_t frames, int64_t classes, const double *logits, int64_t labels,
                             const int32_t *label, int64_t blank, double *scratch);

/* Doubles of scratch memory for kv_ctc_labelling_gradient. */
size_t kv_ctc_gradient_scratch(int64_t frames, int64_t labels);
/* The derivatives of that loss with respect to the logits: gradient [frames, classes]. Zeros where it is infinite. */
void kv_ctc_labelling_gradient(int64_t frames, int64_t classes, const double *logits, int64_t labels,
                               const int32_t *label, int64_t blank, double *scratch, double *gradient);

/* Prefix beam search over the logarithms of probabilities [frames, classes]: the `top` most probable labellings, found
 * with `width` of them at a time. path [top, length], -1 behind their ends; score [top]; where there are fewer, empty
 * ones of -infinity. Of equal ones the smaller class goes first, and a longer path before its beginning. False where
 * out of memory. */
bool kv_ctc_search(int64_t frames, int64_t classes, const double *log_p, int64_t blank, int64_t width, int64_t top,
                   int64_t length, int32_t *path, double *score);

#endif
