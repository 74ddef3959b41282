/* A model's file, whatever its format: of Keras's, its configuration, its version, and its weights by path.
 *
 *   .keras       a zip archive: config.json, metadata.json, model.weights.h5
 *   .json        the configuration alone, as model.to_json gives it; weights come from a file of their own
 *   .kvino       a zip archive: a graph of kvino's own (graph_file.h)
 *   .xml         OpenVINO's IR; its weights stand beside it in .bin
 *   .h5          Keras 1 and 2, tf.keras: attributes model_config and keras_version, groups of weights by layer */
#ifndef KVINO_ARCHIVE_MODEL_FILE_H
#define KVINO_ARCHIVE_MODEL_FILE_H

#include "archive/json.h"
#include "graph/graph.h"
#include "archive/weights.h"

/* A member that a layer wrote besides its weights: a vocabulary. */
typedef struct kv_asset {
  char *path; /* "layers/string_lookup/vocabulary.txt" */
  kv_bytes *bytes;
} kv_asset;

typedef struct kv_model_file {
  char *name;       /* for error texts */
  kv_graph *graph;  /* of a graph's file, which has nothing that follows */
  kv_bytes *ir;     /* of an IR: the text, and ... */
  kv_bytes *blob;   /* ... its weights; NULL: it has none */
  json_t *config;   /* of the model: {"class_name": ..., "config": ...} */
  json_t *metadata; /* of an archive, as it is; NULL: none */
  char version[32]; /* keras_version; "" where the file does not say */
  int major;        /* of it: 1, 2, 3; 1 where the file does not say */
  bool legacy;      /* an HDF5 file: configurations without modules */
  kv_weights weights;
  size_t n_assets;
  kv_asset *assets;
} kv_model_file;

/* Reads what these bytes are; weights from the file `weights` where that is not NULL. `path`: where the bytes are from,
 * beside which an IR has its weights; NULL: from memory. On success the caller closes *out. */
kvino_status kv_model_file_open(kv_bytes *bytes, const char *name, const char *path, const char *weights,
                                kv_model_file *out, kvino_error *err);
/* The bytes of an asset, or NULL. */
const kv_bytes *kv_model_file_asset(const kv_model_file *f, const char *path);
void kv_model_file_close(kv_model_file *f);

#endif
