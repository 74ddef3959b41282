/* From a file's configuration to layers, with their weights. */
#ifndef KVINO_LAYERS_BUILD_H
#define KVINO_LAYERS_BUILD_H

#include "archive/model_file.h"
#include "layers/custom.h"

/* The model of a file. Layers that cannot be read are all named in the one error. The file must outlive it (its
 * configuration is borrowed), as must the customs; its weights need not. */
kvino_status kv_layer_read(const kv_model_file *file, const kv_customs *customs, kv_layer **out, kvino_error *err);
void kv_layer_free(kv_layer *layer); /* NULL is allowed */

/* Gives the layers their weights (weights.c). */
kvino_status kv_layer_bind(kv_layer *model, const kv_model_file *file, kvino_error *err);

/* A weight that is written: by its path, as Keras 3 has it ("layers/dense/vars/0"). */
typedef kvino_status kv_write_weight(void *context, const char *path, kvino_tensor *value, kvino_error *err);
/* A call for each weight of a model, those of shared layers once for each place. */
kvino_status kv_layer_write(const kv_layer *model, kv_write_weight *write, void *context, kvino_error *err);
/* The weights of a layer and of those inside in Keras's order: what is trained, then the others. *out: an array of
 * them, which the caller frees (kv_free). */
kvino_status kv_layer_weights(kv_layer *layer, kv_layer_weight ***out, size_t *n, kvino_error *err);

/* A call of `visit` for a layer and each one inside, once each. */
void kv_layer_visit(kv_layer *layer, void (*visit)(kv_layer *layer, void *context), void *context);

#endif
