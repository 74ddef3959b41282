/* The order in which Keras calls the layers of a Functional model: it matters where a layer keeps states from one call
 * to the next. */
#ifndef KVINO_LAYERS_ORDER_H
#define KVINO_LAYERS_ORDER_H

#include "tensor/scope.h"

typedef struct kv_calls {
  size_t n;            /* calls */
  const size_t *layer; /* by call: the number of its layer, below n */
  const size_t *first; /* by call: parent[first[i]] to parent[first[i + 1] - 1] are those whose results it takes */
  const size_t *parent;
  size_t n_outputs;
  const size_t *output; /* the calls whose results are the model's */
} kv_calls;

/* The calls that the outputs need, in that order, and then the others; from the scope. NULL on failure: memory. A loop
 * among them does no harm. */
size_t *kv_calls_order(kv_scope *s, const kv_calls *c);

#endif
