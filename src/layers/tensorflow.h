/* Functions of TensorFlow that tf.keras records in Functional models. */
#ifndef KVINO_LAYERS_TENSORFLOW_H
#define KVINO_LAYERS_TENSORFLOW_H

#include "layers/layer.h"

/* Whether the function of a TFOpLambda or SlicingOpLambda ("math.reduce_sum") is one that is read. */
bool kv_tensorflow_known(const char *function);

#endif
