/* Layers and activations that the user has functions for. */
#ifndef KVINO_LAYERS_CUSTOM_H
#define KVINO_LAYERS_CUSTOM_H

#include "kvino/model.h"
#include "layers/layer.h"

/* Those that a model was loaded with; copied from the options. */
typedef struct kv_customs {
  size_t n;
  kvino_custom *v;
} kv_customs;

kvino_status kv_customs_copy(size_t n, const kvino_custom *v, kv_customs *out, kvino_error *err);
void kv_customs_clear(kv_customs *c);

/* By class name (or an activation's name), or NULL. */
const kvino_custom *kv_custom_find(const kv_customs *c, const char *name);
/* The kind of every layer that the user computes. */
extern const kv_layer_kind kv_custom_kind;
/* The user's function on tensors; `layer` may be NULL: an activation. */
kvino_tensor *kv_custom_call(kv_scope *s, const kvino_custom *custom, const kv_layer *layer,
                             const kv_training *training, size_t n, kvino_tensor *const *in);

#endif
