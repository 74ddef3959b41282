/* Functions of TensorFlow that tf.keras records in Functional models. */
#ifndef KVINO_LAYERS_TENSORFLOW_H
#define KVINO_LAYERS_TENSORFLOW_H

#include "layers/layer.h"

/* Whether the function of a TFOpLambda or SlicingOpLambda ("math.reduce_sum") is one that is read. */
bool kv_tensorflow_known(const char *function);
/* The function called with the arguments of `c`. */
kv_value kv_tensorflow_call(kv_invocation *c, const char *function);

/* The operation of a TensorFlowOpLayer ("AddV2"), by its configuration; NULL: none. Whether it is one that is read. */
const char *kv_tensorflow_operation(const json_t *config);
bool kv_tensorflow_operation_known(const char *name);

#endif
