/* What regularizers add to a loss. */
#ifndef KVINO_LAYERS_REGULARIZER_H
#define KVINO_LAYERS_REGULARIZER_H

#include "layers/layer.h"

/* A number of x's dtype: what a serialized regularizer gives for x; NULL for null. */
kvino_tensor *kv_regularize(kv_scope *s, const json_t *regularizer, kvino_tensor *x);
/* l1 * sum(|x|) + l2 * sum(x^2), of what is not 0; NULL where both are. */
kvino_tensor *kv_l1_l2(kv_scope *s, double l1, double l2, kvino_tensor *x);
/* The field of a layer's configuration ("_regularizer", "_constraint") that belongs to its weight `name`; NULL: none.
 */
const json_t *kv_weight_field(const kv_layer *layer, const char *name, const char *ending);
/* Adds to the loss what a regularizer gives for the layer's output x, as a mean over the batch. */
void kv_add_activity_loss(kv_invocation *c, kvino_tensor *loss, kvino_tensor *x);
/* Adds to the loss what the call's layer has as activity_regularizer. */
void kv_regularize_activity(kv_invocation *c, kv_value *out);

#endif
