/* Lists in the tables of layers ("units, activation=None"), and Keras's configurations. */
#ifndef KVINO_LAYERS_CONFIG_H
#define KVINO_LAYERS_CONFIG_H

#include <jansson.h>

#include "kvino/dtype.h"
#include "layers/layer.h"

/* The next item of a list separated by commas outside of brackets; false at its end. *at moves on; blanks around are
 * left out. */
bool kv_item(const char **at, const char **item, size_t *n);
/* Whether `name` is an item of the list ("name=default" counts). *preset is what follows "=", or NULL. */
bool kv_listed(const char *list, const char *name, const char **preset, size_t *n_preset);

/* What a default as Python writes it means: None, True, 'same', (1, 1), 0.5. A new reference; NULL: out of memory. */
json_t *kv_python_value(const char *text, size_t n);

/* "batch_normalization" of "BatchNormalization", as Keras names the groups of weights. At most KV_SNAKE_TEXT. */
enum { KV_SNAKE_TEXT = 256 };
void kv_snake_case(const char *name, char snake[KV_SNAKE_TEXT]);

/* Compute and variable dtypes of a policy: a dtype's name, "mixed_float16", or the serialized policy; null is
 * float32. mode: how it is quantized ("int4/128"), or "". */
enum { KV_MODE_TEXT = 32 };
/* That of a layer: of a DTypePolicyMap the one for its name. `parts`: it has layers inside that the file does not
 * list; where those have policies of their own, KVINO_UNSUPPORTED. */
kvino_status kv_policy_of(const json_t *policy, const char *name, bool parts, const json_t **out, kvino_error *err);
kvino_status kv_policy(const json_t *policy, kvino_dtype *compute, kvino_dtype *variable, char mode[KV_MODE_TEXT],
                       kvino_error *err);

/* Fills layer->defaults and refuses fields that are unknown. */
kvino_status kv_layer_fields(kv_layer *layer, kvino_error *err);

#endif
