/* Other outputs than the model's own: results of layers inside, as keras.Model(model.inputs, layer.output) has them. */
#ifndef KVINO_MODEL_OUTPUTS_H
#define KVINO_MODEL_OUTPUTS_H

#include <jansson.h>

#include "base/error.h"

/* Changes a model's configuration ({"class_name": ..., "config": ...}) so that its outputs are the first calls of these
 * layers. A Sequential model becomes a Functional one. Errors: KVINO_INVALID: no such layer. */
kvino_status kv_choose_outputs(json_t *model, size_t n, const char *const *names, kvino_error *err);

#endif
