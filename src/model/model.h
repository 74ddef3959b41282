/* A model's inside. */
#ifndef KVINO_MODEL_MODEL_H
#define KVINO_MODEL_MODEL_H

#include <pthread.h>

#include "archive/model_file.h"
#include "kvino/model.h"
#include "layers/custom.h"

enum { KV_KEPT_SHAPES = 8 };

/* The model compiled for one combination of input shapes. */
typedef struct kv_compiled {
  int64_t *shapes; /* of all inputs, one after the other */
  kvino_executable *executable;
} kv_compiled;

struct kvino_model {
  _Atomic uint32_t refs;
  kv_model_file file; /* its configuration; the weights' file is closed */
  kv_layer *root;
  size_t n_layers, n_in, n_out, n_dims; /* n_dims: of all inputs */
  kv_layer **layer;                     /* flat, without the root */
  kvino_port *in, *out;
  int64_t *in_shapes, *out_shapes;
  char **out_names;
  char *device;
  kv_customs customs;
  size_t n_properties;
  kvino_property *properties;
  pthread_mutex_t lock; /* of what follows */
  size_t n_compiled;
  kv_compiled compiled[KV_KEPT_SHAPES];
  kvino_executable *any_shape; /* where there are more than those */
};

/* Records the model for inputs of these shapes (n_dims numbers). *out_list: its results, which the caller clears; may
 * be NULL. */
kvino_status kv_model_record(kvino_model *m, const int64_t *shapes, kvino_graph **out, kvino_tensors *out_list,
                             kvino_error *err);

#endif
