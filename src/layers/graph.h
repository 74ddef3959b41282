/* The layers of a model as its configuration joins them: Sequential and Functional. */
#ifndef KVINO_LAYERS_GRAPH_H
#define KVINO_LAYERS_GRAPH_H

#include "layers/layer.h"

/* One input of a model. */
typedef struct kv_model_input {
  const char *name;
  kvino_dtype dtype;
  int rank;
  int64_t shape[KVINO_MAX_RANK]; /* -1: any */
} kv_model_input;

/* The model's inputs, *out from the scope. */
size_t kv_model_inputs(kv_scope *s, const kv_layer *model, kv_model_input **out);
/* The names of its outputs, in the order of the flattened result: layers' names, or the keys of a dict. */
const char **kv_model_output_names(kv_scope *s, const kv_layer *model, size_t *n);

/* Arguments as a configuration holds them: numbers, lists, tuples, dicts, and tensors, which `tensor` gives. */
typedef kv_value kv_find_tensor(void *context, const char *layer, int64_t node, int64_t output);
kv_value kv_value_read(kv_scope *s, const json_t *data, kv_find_tensor *tensor, void *context, int depth);

#endif
