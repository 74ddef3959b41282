/* The vocabulary of a layer: a list of its configuration, or the asset vocabulary.txt. */
#ifndef KVINO_LAYERS_VOCABULARY_H
#define KVINO_LAYERS_VOCABULARY_H

#include "layers/layer.h"

typedef struct kv_vocabulary {
  bool integers; /* of an IntegerLookup; otherwise strings */
  bool has_mask, int_mode;
  bool found_special;   /* the list began with the special tokens, which are not among the terms */
  int64_t n_oov, start; /* start: the index of the first term; before it mask (if of mode "int") and OOV */
  int64_t n;            /* terms */
  int64_t listed;       /* length of the list */
  kvino_tensor *terms;  /* [n], and behind them the mask token where there is one */
  kvino_tensor *oov;    /* [1] */
} kv_vocabulary;

/* `mask`: the mask token (JSON: a text, a number, null), `oov` likewise. False where the scope has failed. */
bool kv_vocabulary_read(kv_invocation *c, bool integers, const json_t *mask, const json_t *oov, int64_t n_oov,
                        kv_vocabulary *out);

#endif
