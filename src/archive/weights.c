#include "archive/weights.h"

#include <stdio.h>
#include <string.h>

#include "archive/json.h"
#include "archive/limits.h"
#include "archive/zip.h"
#include "base/memory.h"
#include "base/text.h"

static const char MEMBER[] = "model.weights.h5";

/* ---- opening ---- */

/* Files of Keras before 3 have the names of the layers, at the top or in a group of their own. */
static kvino_status find_root(kv_weights *w, kv_hdf5 *h, kvino_error *err) {
  static const char *const roots[] = {"model_weights", ""};
  for (int i = 0; i < 2; i++) {
    bool there = true;
    KV_TRY(kv_hdf5_has_attribute(h, roots[i], "layer_names", &there, err));
    if (!there) KV_TRY(kv_hdf5_has_attribute(h, roots[i], "layer_names0", &there, err));
    if (!there) continue;
    w->by_name = true;
    w->root = kv_strdup(roots[i]);
    return w->root ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a name");
  }
  return KVINO_OK;
}

kvino_status kv_weights_add(kv_weights *w, kv_bytes *bytes, const char *name, kvino_error *err) {
  kv_hdf5 **more = kv_realloc(w->file, (w->n + 1) * sizeof *more);
  if (!more) return kv_fail(err, KVINO_NO_MEMORY, "%s: out of memory for weights", name);
  w->file = more;
  KV_TRY(kv_hdf5_open(bytes, name, &more[w->n], err));
  w->n++;
  return w->n == 1 ? find_root(w, more[0], err) : KVINO_OK;
}

void kv_weights_close(kv_weights *w) {
  for (size_t i = 0; i < w->n; i++) kv_hdf5_close(w->file[i]);
  kv_free(w->file);
  kv_free(w->root);
  *w = (kv_weights){0};
}

static kvino_status add_member(kv_weights *w, kv_bytes *bytes, const char *path, kvino_error *err) {
  char label[512];
  kv_zip *zip = NULL;
  kv_bytes *member = NULL;
  KV_TRY(kv_zip_open(bytes, path, &zip, err));
  kvino_status status = kv_zip_read(zip, MEMBER, SIZE_MAX, &member, err);
  snprintf(label, sizeof label, "%s (member '%s')", path, MEMBER);
  if (!status) status = kv_weights_add(w, member, label, err);
  kv_bytes_release(member);
  kv_zip_close(zip);
  return status;
}

/* ---- shards ---- */

/* A shard stands beside the list of shards: its name must not lead elsewhere. */
static kvino_status add_shard(kv_weights *w, const char *list, const char *name, kvino_error *err) {
  const char *slash = strrchr(list, '/');
  kv_text path = {0};
  kv_bytes *bytes = NULL;
  if (!name || strchr(name, '/') || *name == '.')
    return kv_fail(err, KVINO_IO, "%s: a shard's name must be that of a file beside it", list);
  kv_put(&path, "%.*s%s", slash ? (int)(slash + 1 - list) : 0, list, name);
  if (!path.at) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a name");
  kvino_status status = kv_bytes_read(path.at, &bytes, err);
  if (!status) status = kv_weights_add(w, bytes, path.at, err);
  kv_bytes_release(bytes);
  kv_free(path.at);
  return status;
}

/* "weight_map": a group's shard, or its list of shards. Each is opened once. */
static kvino_status add_shards(kv_weights *w, const json_t *map, const char *path, kvino_error *err) {
  const char *key;
  json_t *value, *seen = json_object();
  kvino_status status = seen ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for shards");
  json_object_foreach((json_t *)map, key, value) {
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < n && !status; i++) {
      const char *name = json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
      if (name && json_object_get(seen, name)) continue;
      status = add_shard(w, path, name, err);
      if (!status && json_object_set_new(seen, name, json_true()))
        status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for shards");
    }
  }
  json_decref(seen);
  return status;
}

kvino_status kv_weights_load(const char *path, kv_weights *out, kvino_error *err) {
  kv_bytes *bytes = NULL;
  kv_weights w = {0};
  json_t *list = NULL;
  KV_TRY(kv_bytes_read(path, &bytes, err));
  kvino_status status;
  if (kv_hdf5_is(bytes)) {
    status = kv_weights_add(&w, bytes, path, err);
  } else if (bytes->n > 4 && !memcmp(bytes->at, "PK\x03\x04", 4)) {
    status = add_member(&w, bytes, path, err);
  } else if (!(status = kv_json_parse(bytes->at, bytes->n, path, &list, err))) {
    const json_t *map = json_object_get(list, "weight_map");
    status = json_is_object(map) ? add_shards(&w, map, path, err)
                                 : kv_fail(err, KVINO_IO, "%s: not a file of weights: it has no 'weight_map'", path);
  }
  json_decref(list);
  kv_bytes_release(bytes);
  if (status)
    kv_weights_close(&w);
  else
    *out = w;
  return status;
}

/* ---- reading ---- */

kvino_status kv_weights_count(const kv_weights *w, const char *group, size_t *n, kvino_error *err) {
  *n = 0;
  for (size_t i = 0; i < w->n; i++) {
    bool there = false;
    size_t more = 0;
    KV_TRY(kv_hdf5_has(w->file[i], group, &there, err));
    if (there) KV_TRY(kv_hdf5_count(w->file[i], group, &more, err));
    *n += more;
  }
  return KVINO_OK;
}

kvino_status kv_weights_read(const kv_weights *w, const char *path, kvino_tensor **out, kvino_error *err) {
  for (size_t i = 0; i + 1 < w->n; i++) {
    bool there = false;
    KV_TRY(kv_hdf5_has(w->file[i], path, &there, err));
    if (there) return kv_hdf5_read(w->file[i], path, out, err);
  }
  if (!w->n) return kv_fail(err, KVINO_IO, "there are no weights");
  return kv_hdf5_read(w->file[w->n - 1], path, out, err);
}

static kvino_status append(char ***names, size_t *n, char **more, size_t n_more, kvino_error *err) {
  char **all = kv_realloc(*names, (*n + n_more + 1) * sizeof *all);
  if (!all) {
    kvino_names_free(more, n_more);
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for names");
  }
  if (n_more) memcpy(all + *n, more, n_more * sizeof *more);
  *names = all;
  *n += n_more;
  kv_free(more);
  return KVINO_OK;
}

/* Attributes have a largest size: a long list is divided into name0, name1, ... */
kvino_status kv_weights_names(const kv_weights *w, const char *group, const char *attribute, char ***names, size_t *n,
                              kvino_error *err) {
  char **list = NULL;
  size_t count = 0;
  kvino_status status = kv_hdf5_texts(w->file[0], group, attribute, &list, &count, err);
  for (int chunk = 0; !status; chunk++) {
    char name[64], **more = NULL;
    size_t n_more;
    snprintf(name, sizeof name, "%s%d", attribute, chunk);
    status = kv_hdf5_texts(w->file[0], group, name, &more, &n_more, err);
    if (status || !more) break;
    status = append(&list, &count, more, n_more, err);
  }
  if (status) {
    kvino_names_free(list, count);
    return status;
  }
  *names = list;
  *n = count;
  return KVINO_OK;
}
