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

/* A call of `visit` for a layer and each one inside, once each. */
void kv_layer_visit(kv_layer *layer, void (*visit)(kv_layer *layer, void *context), void *context);

#endif
