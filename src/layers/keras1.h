/* Files of Keras 1: other names of classes and fields, weights in other arrays. */
#ifndef KVINO_LAYERS_KERAS1_H
#define KVINO_LAYERS_KERAS1_H

#include "layers/layer.h"

/* Gives everything in a configuration the names that Keras 2 has. False: out of memory. */
bool kv_keras1_rename(json_t *config);

/* How many arrays of a file of Keras 1 hold the weights of a layer from number i on (12 hold the three of an LSTM), and
 * how many weights they are. */
size_t kv_keras1_arrays(const kv_layer *layer, size_t i, size_t n_left, size_t *n_weights);
/* Makes the weights of such arrays. `out` owns what it gets. */
kvino_status kv_keras1_convert(const kv_layer *layer, size_t i, size_t n, kvino_tensor *const *array,
                               kvino_tensor **out, kvino_error *err);

#endif
