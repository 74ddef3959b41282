/* The texts of what operators refuse at run time. */
#ifndef KVINO_VOCABULARY_REFUSALS_H
#define KVINO_VOCABULARY_REFUSALS_H

#include "base/error.h"
#include "tensor/tensor.h"

typedef enum kv_refusal {
#define REFUSAL(name, status, text) KV_REFUSAL_##name,
#include "vocabulary/refusals.def"
#undef REFUSAL
  KV_REFUSAL_COUNT
} kv_refusal;

/* Who tells that a condition of a segment of OpenVINO's does not hold: */
#define KV_BY_GUARD NULL /* a number beside its outputs (openvino/guard.h) */
#define KV_BY_SHAPES                                                                                                   \
  "shapes" /* inference of its shapes before a run (run/shapes.h): the condition follows from them                     \
            */
#define KV_BY_FAILURE "failure" /* OpenVINO, whose run fails then anyway */

enum { KV_REFUSAL_NUMBERS = 4 }; /* the most in a text */

/* What stands in a text for %lld, for %g, or for %s and %b, a shape. */
typedef struct kv_refusal_word {
  int64_t integer;
  double number;
  char shape[KV_SHAPE_TEXT];
} kv_refusal_word;

/* Fails with the text, the words put in. */
kvino_status kv_refuse(kv_refusal what, const kv_refusal_word word[KV_REFUSAL_NUMBERS], kvino_error *err);

/* The refusal's name, which stays where its number may change; and back: KV_REFUSAL_COUNT for what is none. */
const char *kv_refusal_name(kv_refusal what);
kv_refusal kv_refusal_find(const char *name);

#endif
