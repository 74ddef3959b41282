/* x[key] of a Functional model. */
#ifndef KVINO_LAYERS_INDEX_H
#define KVINO_LAYERS_INDEX_H

#include "layers/layer.h"

/* The first argument, indexed by the second: integers, slices, None, an ellipsis, tensors. */
kvino_tensor *kv_index_by_value(kv_invocation *c);

#endif
