/* Weights as Keras stores them: in one HDF5 file or in several (shards), by path (Keras 3: layers/dense/vars/0) or by
 * the names of layers (before). */
#ifndef KVINO_ARCHIVE_WEIGHTS_H
#define KVINO_ARCHIVE_WEIGHTS_H

#include "archive/hdf5.h"

typedef struct kv_weights {
  size_t n;
  kv_hdf5 **file;
  bool by_name; /* by layers' names: then there is one file */
  char *root;   /* by_name: the group of the layers' groups, "model_weights" or "" */
} kv_weights;

/* Adds the HDF5 file that these bytes are. */
kvino_status kv_weights_add(kv_weights *w, kv_bytes *bytes, const char *name, kvino_error *err);
/* Reads a file of weights: .weights.h5, .weights.json with shards beside it, .keras, .h5 of a model or of weights. */
kvino_status kv_weights_load(const char *path, kv_weights *out, kvino_error *err);
void kv_weights_close(kv_weights *w);

/* How many weights the group has, 0 where there is no such group. */
kvino_status kv_weights_count(const kv_weights *w, const char *group, size_t *n, kvino_error *err);
/* Errors: KVINO_IO where there is none. */
kvino_status kv_weights_read(const kv_weights *w, const char *path, kvino_tensor **out, kvino_error *err);
/* By layers' names: the names of the weights in a layer's group (*n is 0 where there is no group), of the layers, ...:
 * an attribute that may be divided into several. Free with kvino_names_free. */
kvino_status kv_weights_names(const kv_weights *w, const char *group, const char *attribute, char ***names, size_t *n,
                              kvino_error *err);

#endif
