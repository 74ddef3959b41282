#include "archive/model_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "archive/graph_file.h"
#include "archive/limits.h"
#include "archive/zip.h"
#include "base/memory.h"

static const char WEIGHTS[] = "model.weights.h5";

static void take_version(kv_model_file *f, const char *version) {
  if (version) snprintf(f->version, sizeof f->version, "%s", version);
  f->major = atoi(f->version);
  if (f->major < 1) f->major = 1; /* Keras 1 did not write it */
}

static kvino_status read_json(kv_zip *zip, const char *name, const char *member, json_t **out, kvino_error *err) {
  char label[512];
  kv_bytes *b = NULL;
  KV_TRY(kv_zip_read(zip, member, KV_MOST_JSON, &b, err));
  snprintf(label, sizeof label, "%s (member '%s')", name, member);
  kvino_status status = kv_json_parse(b->at, b->n, label, out, err);
  kv_bytes_release(b);
  return status;
}

static kvino_status read_weights(kv_zip *zip, kv_model_file *f, kvino_error *err) {
  char label[512];
  kv_bytes *b = NULL;
  if (!kv_zip_has(zip, WEIGHTS)) {
    if (kv_zip_has(zip, "model.weights.npz"))
      return kv_fail(err, KVINO_UNSUPPORTED,
                     "%s: weights in model.weights.npz are pickled Python objects, which could "
                     "run code; save the model with its weights as HDF5",
                     f->name);
    return kv_fail(err, KVINO_IO, "%s: there is no member '%s'", f->name, WEIGHTS);
  }
  KV_TRY(kv_zip_read(zip, WEIGHTS, SIZE_MAX, &b, err));
  snprintf(label, sizeof label, "%s (member '%s')", f->name, WEIGHTS);
  kvino_status status = kv_weights_add(&f->weights, b, label, err);
  kv_bytes_release(b);
  return status;
}

static kvino_status read_assets(kv_zip *zip, kv_model_file *f, kvino_error *err) {
  static const char FOLDER[] = "assets/";
  size_t n = kv_zip_count(zip), folder = sizeof FOLDER - 1;
  for (size_t i = 0; i < n; i++) {
    const char *name = kv_zip_name(zip, i);
    if (strncmp(name, FOLDER, folder) || name[strlen(name) - 1] == '/') continue;
    kv_asset *more = kv_realloc(f->assets, (f->n_assets + 1) * sizeof *more);
    if (!more) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for assets");
    f->assets = more;
    more[f->n_assets] = (kv_asset){kv_strdup(name + folder), NULL};
    if (!more[f->n_assets++].path) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for assets");
    KV_TRY(kv_zip_read(zip, name, SIZE_MAX, &more[f->n_assets - 1].bytes, err));
  }
  return KVINO_OK;
}

const kv_bytes *kv_model_file_asset(const kv_model_file *f, const char *path) {
  for (size_t i = 0; i < f->n_assets; i++)
    if (!strcmp(f->assets[i].path, path)) return f->assets[i].bytes;
  return NULL;
}

/* A graph's constants are a part of it. */
static kvino_status open_graph(kv_zip *zip, bool weights, kv_model_file *f, kvino_error *err) {
  if (!weights) return kv_fail(err, KVINO_INVALID, "%s: a graph takes no weights from another file", f->name);
  return kv_graph_file_read(zip, f->name, &f->graph, err);
}

static kvino_status open_keras(kv_zip *zip, bool weights, kv_model_file *f, kvino_error *err) {
  kvino_status status = read_json(zip, f->name, "config.json", &f->config, err);
  if (!status && kv_zip_has(zip, "metadata.json")) status = read_json(zip, f->name, "metadata.json", &f->metadata, err);
  if (!status && weights) status = read_weights(zip, f, err);
  if (!status) status = read_assets(zip, f, err);
  const char *version = json_string_value(json_object_get(f->metadata, "keras_version"));
  take_version(f, version ? version : "3");
  return status;
}

static kvino_status open_zip(kv_bytes *bytes, bool weights, kv_model_file *f, kvino_error *err) {
  kv_zip *zip = NULL;
  KV_TRY(kv_zip_open(bytes, f->name, &zip, err));
  kvino_status status = (kv_graph_file_is(zip) ? open_graph : open_keras)(zip, weights, f, err);
  kv_zip_close(zip);
  return status;
}

static kvino_status open_hdf5(kv_bytes *bytes, kv_model_file *f, kvino_error *err) {
  char label[512], **config = NULL, **version = NULL;
  size_t n_config = 0, n_version = 0;
  kv_hdf5 *h = NULL;
  KV_TRY(kv_hdf5_open(bytes, f->name, &h, err));
  kvino_status status = kv_hdf5_texts(h, "", "model_config", &config, &n_config, err);
  if (!status && n_config != 1)
    status =
        kv_fail(err, KVINO_IO,
                "%s: the file holds weights alone (it has no attribute 'model_config'): load the model's configuration "
                "(model.to_json) with these weights",
                f->name);
  if (!status) status = kv_hdf5_texts(h, "", "keras_version", &version, &n_version, err);
  snprintf(label, sizeof label, "%s (attribute 'model_config')", f->name);
  if (!status) status = kv_json_parse(config[0], strlen(config[0]), label, &f->config, err);
  take_version(f, n_version == 1 ? version[0] : NULL);
  f->legacy = true;
  kvino_names_free(config, n_config);
  kvino_names_free(version, n_version);
  kv_hdf5_close(h);
  return status;
}

static kvino_status open_json(kv_bytes *bytes, bool weights, kv_model_file *f, kvino_error *err) {
  KV_TRY(kv_json_parse(bytes->at, bytes->n, f->name, &f->config, err));
  const char *version = json_string_value(json_object_get(f->config, "keras_version"));
  /* Keras 3 does not say which it is, but where a class comes from. */
  bool modules = json_object_get(f->config, "module") != NULL;
  take_version(f, version ? version : modules ? "3" : NULL);
  f->legacy = !modules;
  return weights ? kv_fail(err, KVINO_INVALID, "%s: a configuration needs a file of weights besides", f->name)
                 : KVINO_OK;
}

/* OpenVINO reads the text. */
static kvino_status open_ir(kv_bytes *bytes, const char *path, const char *weights, kv_model_file *f,
                            kvino_error *err) {
  size_t n = path ? strlen(path) : 0;
  char *beside = n > 4 && !strcasecmp(path + n - 4, ".xml") ? kv_strdup(path) : NULL;
  kvino_status status = KVINO_OK;
  f->ir = kv_bytes_retain(bytes);
  if (beside) memcpy(beside + n - 3, "bin", 3);
  if (weights)
    status = kv_bytes_read(weights, &f->blob, err);
  else if (beside && !access(beside, F_OK))
    status = kv_bytes_read(beside, &f->blob, err);
  kv_free(beside);
  return status;
}

static kvino_status open_any(kv_bytes *bytes, const char *path, const char *weights, kv_model_file *f,
                             kvino_error *err) {
  size_t blank = 0;
  while (blank < bytes->n && strchr(" \t\r\n", bytes->at[blank]) && bytes->at[blank]) blank++;
  if (kv_hdf5_is(bytes)) {
    KV_TRY(open_hdf5(bytes, f, err));
    if (!weights) KV_TRY(kv_weights_add(&f->weights, bytes, f->name, err));
  } else if (bytes->n > 4 && !memcmp(bytes->at, "PK\x03\x04", 4)) {
    KV_TRY(open_zip(bytes, !weights, f, err));
  } else if (blank < bytes->n && bytes->at[blank] == '{') {
    KV_TRY(open_json(bytes, !weights, f, err));
  } else if (blank < bytes->n && bytes->at[blank] == '<') {
    return open_ir(bytes, path, weights, f, err);
  } else {
    return kv_fail(err, KVINO_IO,
                   "%s: neither an archive (.keras, .kvino) nor an HDF5 file, a configuration in JSON or an IR of "
                   "OpenVINO's",
                   f->name);
  }
  return weights ? kv_weights_load(weights, &f->weights, err) : KVINO_OK;
}

kvino_status kv_model_file_open(kv_bytes *bytes, const char *name, const char *path, const char *weights,
                                kv_model_file *out, kvino_error *err) {
  kv_model_file f = {.name = kv_strdup(name)};
  if (!f.name) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a name");
  kvino_status status = open_any(bytes, path, weights, &f, err);
  if (status)
    kv_model_file_close(&f);
  else
    *out = f;
  return status;
}

void kv_model_file_close(kv_model_file *f) {
  kv_graph_release(f->graph);
  kv_bytes_release(f->ir);
  kv_bytes_release(f->blob);
  json_decref(f->config);
  json_decref(f->metadata);
  kv_weights_close(&f->weights);
  for (size_t i = 0; i < f->n_assets; i++) {
    kv_free(f->assets[i].path);
    kv_bytes_release(f->assets[i].bytes);
  }
  kv_free(f->assets);
  kv_free(f->name);
  *f = (kv_model_file){0};
}
