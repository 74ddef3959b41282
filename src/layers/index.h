/* x[key] of a Functional model. */
#ifndef KVINO_LAYERS_INDEX_H
#define KVINO_LAYERS_INDEX_H

#include "layers/layer.h"

/* x, indexed by one item or a list of them: integers, slices, None, an ellipsis, tensors. */
kvino_tensor *kv_index(kv_invocation *c, kvino_tensor *x, const kv_value *key);

#endif
