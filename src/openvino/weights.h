/* Weights in memory, as the CPU plugin knows them. */
#ifndef KVINO_OPENVINO_WEIGHTS_H
#define KVINO_OPENVINO_WEIGHTS_H

#include "run/apply.h"

/* Which memory the products of a model read as weights, and how. Zeroed: none. */
typedef struct kv_weights {
  size_t n, capacity;
  struct kv_weights_use *use;
} kv_weights;

void kv_weights_clear(kv_weights *w);

/* The operands for a product or a convolution, given as in rewrite.h.
 *
 * Trap: the plugin rearranges constant weights once and finds the result again by their address and the layout that is
 * wanted, not by the one that they have: a square matrix used as W and as W^T, filters used for a convolution and for
 * its transpose get whatever came first. So memory that is read in another way than before is given as a copy. Gives
 * `in` itself where nothing needs one, else an array of the scope. */
kvino_tensor *const *kv_weights_apart(kv_scope *s, kv_weights *w, const kv_node *node, kvino_tensor *const *in);

#endif
