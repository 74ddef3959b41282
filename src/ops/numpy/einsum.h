/* An Einstein sum, read from its text: every axis of every operand has a label. */
#ifndef KVINO_OPS_NUMPY_EINSUM_H
#define KVINO_OPS_NUMPY_EINSUM_H

#include "ops/common.h"

/* Labels: the letters in their order, and at the end the axes of an ellipsis, of which the last is KV_MOST_LABELS - 1.
 */
enum { KV_LETTERS = 52, KV_MOST_LABELS = 2 * KVINO_MAX_RANK };

typedef struct kv_labels {
  int n;
  uint8_t v[KVINO_MAX_RANK];
} kv_labels;

typedef struct kv_term {
  kvino_tensor *x;
  kv_labels labels;
} kv_term;

typedef struct kv_einsum {
  int n;
  kv_term *term;
  kv_labels output;
  int64_t length[KV_MOST_LABELS];   /* of the axes; -1 where unknown */
  kv_term *unknown[KV_MOST_LABELS]; /* who knows such a length at run time: an operand as it was given */
  int unknown_axis[KV_MOST_LABELS];
  bool bytes; /* two operands of int8, whose products are summed as int32 */
} kv_einsum;

/* Fills labels, output and lengths from the text. The terms hold the operands; they must stay as they are, where
 * lengths are not known. NumPy's words for what is wrong. */
bool kv_einsum_read(kv_scope *s, const char *text, kv_einsum *e);
/* The product of the two terms that e holds, summed over the labels that the output lacks; every label stands in the
 * output or in both terms, and in no term twice. Lengths agree. */
kvino_tensor *kv_einsum_of_two(kv_scope *s, kv_einsum *e);
/* The letter of a label, '.' for an axis of an ellipsis. */
char kv_einsum_letter(int label);

#endif
