/* kvino_model_save: the configuration that was read, and the weights as they are now.
 *
 * Whatever else the source's weights have beside the layers' (states of random generators, metrics, the optimizer) is
 * written again: Keras expects it. */
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <strings.h>

#include "archive/hdf5_write.h"
#include "archive/limits.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "layers/build.h"
#include "model/model.h"
#include "tensor/zip_write.h"

/* The Keras whose layout is written where the source is of an older one. */
static const char WRITTEN_AS[] = "3.15.0";

static kvino_status no_memory(kvino_error *err) { return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a file"); }

/* ---- weights by path ---- */

static kvino_status put(void *context, const char *path, kvino_tensor *value, kvino_error *err) {
  return kv_hdf5_put(context, path, value, err);
}

static kvino_status copy_rest(kv_hdf5 *h, kv_hdf5_writer *w, const char *path, bool optimizer, int depth,
                              kvino_error *err);

static kvino_status copy_one(kv_hdf5 *h, kv_hdf5_writer *w, const char *path, int depth, kvino_error *err) {
  bool dataset = false;
  kvino_tensor *t = NULL;
  KV_TRY(kv_hdf5_is_dataset(h, path, &dataset, err));
  if (!dataset) return copy_rest(h, w, path, true, depth + 1, err);
  KV_TRY(kv_hdf5_read(h, path, &t, err));
  kvino_status status = kv_hdf5_put(w, path, t, err);
  kvino_tensor_release(t);
  return status;
}

/* What a group of the source has and is not written yet. */
static kvino_status copy_rest(kv_hdf5 *h, kv_hdf5_writer *w, const char *path, bool optimizer, int depth,
                              kvino_error *err) {
  char **names = NULL, **label = NULL;
  size_t n = 0, n_labels = 0;
  if (depth > KV_MOST_DEPTH) return KVINO_OK; /* find() goes no deeper */
  KV_TRY(kv_hdf5_names(h, path, &names, &n, err));
  kvino_status status = KVINO_OK;
  for (size_t i = 0; i < n && !status; i++) {
    kv_text child = {0};
    if (!optimizer && !strcmp(names[i], "optimizer")) continue;
    kv_put(&child, "%s%s%s", path, *path ? "/" : "", names[i]);
    status = child.failed ? no_memory(err) : copy_one(h, w, child.at, depth, err);
    kv_free(child.at);
  }
  kvino_names_free(names, n);
  /* Keras notes the layer's name beside its variables. */
  size_t length = strlen(path);
  bool is_vars = length >= 4 && !strcmp(path + length - 4, "vars");
  if (!status && is_vars) status = kv_hdf5_texts(h, path, "name", &label, &n_labels, err);
  if (!status && n_labels == 1) status = kv_hdf5_put_group(w, path, err);
  if (!status && n_labels == 1) status = kv_hdf5_put_text(w, path, "name", label[0], err);
  kvino_names_free(label, n_labels);
  return status;
}

static kvino_status by_path(kvino_model *m, const char *name, const kv_model_extras *extras, kv_bytes **out,
                            kvino_error *err) {
  kv_hdf5_writer *w = NULL;
  KV_TRY(kv_hdf5_writer_new(name, &w, err));
  kvino_status status = kv_layer_write(m->root, put, w, err);
  for (size_t i = 0; extras && i < extras->n && !status; i++)
    status = kv_hdf5_put(w, extras->path[i], extras->value[i], err);
  for (size_t i = 0; i < m->n_source && !status; i++) {
    kv_hdf5 *h = NULL;
    status = kv_hdf5_open(m->source[i], m->file.name, &h, err);
    if (!status) status = copy_rest(h, w, "", !extras, 0, err);
    kv_hdf5_close(h);
  }
  if (!status) status = kv_hdf5_writer_finish(w, out, err);
  kv_hdf5_writer_free(w);
  return status;
}

/* ---- .keras ---- */

/* Keras 3's object around a configuration of an older kind, which Keras reads inside of it. */
static json_t *wrapped(const kvino_model *m) {
  bool sequential = !strcmp(m->root->kind->name, "Sequential");
  json_t *shape = json_array();
  for (int i = 0; shape && i < m->in.v[0].rank; i++)
    json_array_append_new(shape, m->in.v[0].shape[i] < 0 ? json_null() : json_integer(m->in.v[0].shape[i]));
  return json_pack("{s:s, s:s, s:O, s:s, s:{s:o}}", "module", sequential ? "keras" : "keras.src.models.functional",
                   "class_name", m->root->kind->name, "config", json_object_get(m->file.config, "config"),
                   "registered_name", m->root->kind->name, "build_config", "input_shape", shape);
}

/* hard_sigmoid became another function with Keras 3, which goes by the version of the file. */
static bool means_another_thing(const kvino_model *m, const char *config) {
  return m->file.major < 3 && strstr(config, "\"hard_sigmoid\"") != NULL;
}

static kvino_status config_text(const kvino_model *m, const kv_model_extras *extras, char **out, kvino_error *err) {
  json_t *config = json_object_get(m->file.config, "module") ? json_copy(m->file.config) : wrapped(m);
  if (config && extras && extras->compile_config && json_object_set(config, "compile_config", extras->compile_config)) {
    json_decref(config);
    config = NULL;
  }
  *out = config ? json_dumps(config, JSON_ENSURE_ASCII) : NULL;
  json_decref(config);
  return *out ? KVINO_OK : no_memory(err);
}

static char *metadata_text(const kvino_model *m) {
  if (m->file.metadata) return json_dumps(m->file.metadata, JSON_ENSURE_ASCII);
  json_t *metadata = json_pack("{s:s}", "keras_version",
                               m->file.major >= 3 && strchr(m->file.version, '.') ? m->file.version : WRITTEN_AS);
  char *text = metadata ? json_dumps(metadata, JSON_ENSURE_ASCII) : NULL;
  json_decref(metadata);
  return text;
}

static kvino_status write_archive(const kvino_model *m, const char *path, const char *config, const char *metadata,
                                  const kv_bytes *weights, kvino_error *err) {
  size_t n = 3 + m->file.n_assets;
  kv_zip_part *part = kv_calloc(n, sizeof *part);
  kv_text *name = kv_calloc(n, sizeof *name);
  kvino_status status = part && name ? KVINO_OK : no_memory(err);
  if (!status) {
    part[0] = (kv_zip_part){.name = "metadata.json", .data = metadata, .bytes = strlen(metadata)};
    part[1] = (kv_zip_part){.name = "config.json", .data = config, .bytes = strlen(config)};
    part[2] = (kv_zip_part){.name = "model.weights.h5", .data = weights->at, .bytes = weights->n};
  }
  for (size_t i = 3; i < n && !status; i++) {
    const kv_asset *asset = &m->file.assets[i - 3];
    kv_put(&name[i], "assets/%s", asset->path);
    if (name[i].failed) status = no_memory(err);
    part[i] = (kv_zip_part){.name = name[i].at, .data = asset->bytes->at, .bytes = asset->bytes->n};
  }
  if (!status) status = kv_zip_write(path, n, part, err);
  for (size_t i = 0; name && i < n; i++) kv_free(name[i].at);
  kv_free(name);
  kv_free(part);
  return status;
}

static kvino_status save_archive(kvino_model *m, const char *path, const kv_model_extras *extras, kvino_error *err) {
  char *config = NULL, *metadata = metadata_text(m);
  kv_bytes *weights = NULL;
  kvino_status status = metadata ? config_text(m, extras, &config, err) : no_memory(err);
  if (!status && means_another_thing(m, config))
    status = kv_fail(err, KVINO_UNSUPPORTED,
                     "%s: hard_sigmoid of Keras %d is another function than that of Keras 3, which .keras files are "
                     "for: save as .h5",
                     m->file.name, m->file.major);
  if (!status) status = by_path(m, path, extras, &weights, err);
  if (!status) status = write_archive(m, path, config, metadata, weights, err);
  kv_bytes_release(weights);
  free(config);
  free(metadata);
  return status;
}

static kvino_status save_weights(kvino_model *m, const char *path, const kv_model_extras *extras, kvino_error *err) {
  kv_bytes *weights = NULL;
  KV_TRY(by_path(m, path, extras, &weights, err));
  kvino_status status = kv_file_write(path, weights->at, weights->n, err);
  kv_bytes_release(weights);
  return status;
}

/* ---- .h5: weights by layers' names ---- */

static kvino_status put_layer(kv_layer *layer, kv_hdf5_writer *w, kvino_error *err) {
  kv_layer_weight **weight = NULL;
  kv_text group = {0}, path = {0};
  size_t n = 0, done = 0;
  KV_TRY(kv_layer_weights(layer, &weight, &n, err));
  char **names = kv_calloc(n + 1, sizeof *names);
  kv_put(&group, "model_weights/%s", layer->name);
  kvino_status status = names && !group.failed ? kv_hdf5_put_group(w, group.at, err) : no_memory(err);
  for (; done < n && !status; done++) {
    kv_text name = {0};
    path.n = 0;
    kv_put(&name, "%s/%s:%zu", layer->name, weight[done]->name, done);
    kv_put(&path, "%s/%s", group.at, name.at ? name.at : "");
    names[done] = name.at;
    status = name.failed || path.failed ? no_memory(err) : kv_hdf5_put(w, path.at, weight[done]->tensor, err);
  }
  if (!status) status = kv_hdf5_put_texts(w, group.at, "weight_names", n, (const char *const *)names, err);
  kvino_names_free(names, done);
  kv_free(weight);
  kv_free(group.at);
  kv_free(path.at);
  return status;
}

static kvino_status put_layers(const kvino_model *m, kv_hdf5_writer *w, kvino_error *err) {
  const kv_layer *root = m->root;
  const char **names = kv_calloc(root->n_children + 1, sizeof *names);
  kvino_status status = names ? kv_hdf5_put_group(w, "model_weights", err) : no_memory(err);
  for (size_t i = 0; i < root->n_children && !status; i++) {
    names[i] = root->child[i]->name;
    if (!*names[i] || strchr(names[i], '/'))
      status = kv_fail(err, KVINO_UNSUPPORTED, "%s: the name of layer '%s' is none for a group of an .h5 file",
                       m->file.name, names[i]);
    else
      status = put_layer(root->child[i], w, err);
  }
  if (!status) status = kv_hdf5_put_texts(w, "model_weights", "layer_names", root->n_children, names, err);
  kv_free(names);
  return status;
}

static kvino_status save_hdf5(kvino_model *m, const char *path, kvino_error *err) {
  kv_hdf5_writer *w = NULL;
  kv_bytes *bytes = NULL;
  const char *version = *m->file.version ? m->file.version : "1";
  json_t *config =
      json_pack("{s:s, s:O}", "class_name", m->root->kind->name, "config", json_object_get(m->file.config, "config"));
  char *text = config ? json_dumps(config, JSON_ENSURE_ASCII) : NULL;
  kvino_status status = text ? kv_hdf5_writer_new(path, &w, err) : no_memory(err);
  if (!status) status = put_layers(m, w, err);
  if (!status) status = kv_hdf5_put_text(w, "", "model_config", text, err);
  for (int i = 0; i < 2 && !status; i++) {
    status = kv_hdf5_put_text(w, i ? "model_weights" : "", "keras_version", version, err);
    if (!status) status = kv_hdf5_put_text(w, i ? "model_weights" : "", "backend", "jax", err);
  }
  if (!status) status = kv_hdf5_writer_finish(w, &bytes, err);
  if (!status) status = kv_file_write(path, bytes->at, bytes->n, err);
  kv_hdf5_writer_free(w);
  kv_bytes_release(bytes);
  json_decref(config);
  free(text);
  return status;
}

/* ---- the call ---- */

static bool ends(const char *path, const char *with) {
  size_t n = strlen(path), m = strlen(with);
  return n > m && !strcasecmp(path + n - m, with);
}

kvino_status kv_model_save(kvino_model *m, const char *path, const kv_model_extras *extras, kvino_error *err) {
  kvino_status status;
  KV_TRY(kv_model_need_layers(m, "save as a file of Keras's", err));
  if (m->chosen)
    return kv_fail(err, KVINO_UNSUPPORTED, "%s: a model that was loaded with outputs of other layers is not saved",
                   m->file.name);
  pthread_rwlock_rdlock(&m->weights);
  if (ends(path, ".weights.h5"))
    status = save_weights(m, path, extras, err);
  else if (ends(path, ".keras"))
    status = save_archive(m, path, extras, err);
  else if (ends(path, ".h5") || ends(path, ".hdf5"))
    status = save_hdf5(m, path, err);
  else
    status = kv_fail(err, KVINO_INVALID, "a model's file ends in .keras, .h5, .weights.h5 or .kvino: '%s'", path);
  pthread_rwlock_unlock(&m->weights);
  return status;
}

static kvino_status save_graph(kvino_model *m, const char *path, kvino_error *err) {
  kvino_graph *graph = NULL;
  KV_TRY(kvino_model_graph(m, &graph, err));
  kvino_status status = kvino_graph_save(graph, path, err);
  kvino_graph_release(graph);
  return status;
}

kvino_status kvino_model_save(kvino_model *m, const char *path, kvino_error *err) {
  KV_NOT_NULL(err, m && path);
  if (ends(path, ".kvino")) return save_graph(m, path, err);
  return kv_model_save(m, path, NULL, err);
}
