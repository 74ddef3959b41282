/* Which weight of a file belongs to which layer.
 *
 * Keras 3 writes them by path: <path of the layer>/vars/<number>. Before, every layer of the model had a group with the
 * names of its weights in order: those that are trained, of the layer and of those inside, and then the others. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "layers/build.h"
#include "layers/config.h"
#include "layers/keras1.h"

/* ---- which weights a layer has ---- */

static bool holds_one(const kv_layer *layer, const char *field) {
  char name[64];
  bool negated = *field == '!';
  const char *equals = strchr(field, '=');
  snprintf(name, sizeof name, "%.*s", (int)(equals ? equals - field - negated : 63), field + negated);
  const json_t *value = json_object_get(layer->defaults, name);
  if (!value) value = json_object_get(layer->config, name);
  if (equals) return (json_is_string(value) && !strcmp(json_string_value(value), equals + 1)) != negated;
  bool is =
      value && !json_is_null(value) && !json_is_false(value) && !(json_is_integer(value) && !json_integer_value(value));
  return is != negated;
}

/* "a", "!a", "a=text", "a&b", "a+b" (or). */
static bool holds(const kv_layer *layer, char *condition) {
  char *sign = strpbrk(condition, "&+");
  if (!sign) return holds_one(layer, condition);
  bool both = *sign == '&';
  *sign = 0;
  bool first = holds_one(layer, condition), second = holds(layer, sign + 1);
  return both ? first && second : first || second;
}

static kvino_status add_weight(kv_layer *layer, const char *text, size_t n, bool trainable, kvino_error *err) {
  char name[128], *question;
  bool frozen = *text == '-', named = *text == '@', marked = frozen || named;
  snprintf(name, sizeof name, "%.*s", (int)n - marked, text + marked);
  if ((question = strchr(name, '?'))) {
    *question = 0;
    if (!holds(layer, question + 1)) return KVINO_OK;
  }
  kv_layer_weight *more = kv_realloc(layer->weight, (layer->n_weights + 1) * sizeof *more);
  if (!more) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for weights");
  layer->weight = more;
  if (!(more[layer->n_weights].name = kv_strdup(name)))
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for weights");
  more[layer->n_weights].named = named;
  more[layer->n_weights].trainable = trainable && !frozen;
  more[layer->n_weights++].tensor = NULL;
  return KVINO_OK;
}

static kvino_status declare(kv_layer *layer, kvino_error *err) {
  const char *list = layer->kind->weights, *item;
  size_t n;
  bool trainable = true;
  if (layer->weight) return KVINO_OK; /* shared */
  while (kv_item(&list, &item, &n)) {
    const char *bar = memchr(item, '|', n);
    size_t first = bar ? (size_t)(bar - item) : n;
    while (first && item[first - 1] == ' ') first--;
    if (first) KV_TRY(add_weight(layer, item, first, trainable, err));
    if (!bar) continue;
    trainable = false;
    for (bar++; *bar == ' ';) bar++;
    if (bar < item + n) KV_TRY(add_weight(layer, bar, (size_t)(item + n - bar), trainable, err));
  }
  for (size_t i = 0; i < layer->n_children; i++) KV_TRY(declare(layer->child[i], err));
  return KVINO_OK;
}

/* A layer of the user's has as many as the file says. */
static kvino_status declare_custom(kv_layer *layer, size_t n, kvino_error *err) {
  if (layer->kind != &kv_custom_kind || layer->weight) return KVINO_OK;
  for (size_t i = 0; i < n; i++) {
    char name[24];
    snprintf(name, sizeof name, "%zu", i);
    KV_TRY(add_weight(layer, name, strlen(name), true, err));
  }
  return KVINO_OK;
}

/* A weight of a layer inside that the attribute of the layer around it holds, too: written twice by path. */
static bool is_another(const kv_layer_weight *weight) { return *weight->name == '='; }

static void forget_others(kv_layer *layer, void *context) {
  size_t n = 0;
  (void)context;
  for (size_t i = 0; i < layer->n_weights; i++) {
    if (!is_another(&layer->weight[i])) {
      layer->weight[n++] = layer->weight[i];
      continue;
    }
    kvino_tensor_release(layer->weight[i].tensor);
    kv_free(layer->weight[i].name);
  }
  layer->n_weights = n;
}

/* ---- by path ---- */

/* The attribute that a weight stands in: "cell" of "cell/kernel", "" of "kernel". */
static int attribute(const char *name) {
  const char *slash = strrchr(name, '/');
  return slash ? (int)(slash - name) : 0;
}

enum { GROUP_TEXT = 1024 };

/* The group of a layer's weights, or of those in its attribute (n letters; 0: its own), and how many it has. Before
 * Keras 3, private attributes were written where there is no public name. */
static kvino_status find_group(const kv_layer *layer, const kv_model_file *file, const char *name, int n, char *group,
                               size_t *count, kvino_error *err) {
  static const char *const marks[] = {"", "_"};
  for (int i = 0; i < (n ? 2 : 1); i++) {
    int length = snprintf(group, GROUP_TEXT, "%s%s%s%.*s%svars", layer->path, n && *layer->path ? "/" : "",
                          n ? marks[i] : "", n, name, n || *layer->path ? "/" : "");
    if (length >= GROUP_TEXT) return kv_fail(err, KVINO_IO, "%s: a path that is too long", file->name);
    KV_TRY(kv_weights_count(&file->weights, group, count, err));
    if (*count) break;
  }
  return KVINO_OK;
}

static kvino_status bind_by_path(kv_layer *layer, const kv_model_file *file, kvino_error *err) {
  char group[GROUP_TEXT], path[GROUP_TEXT + 32];
  size_t found = 0;
  if (layer->kind == &kv_custom_kind) {
    KV_TRY(find_group(layer, file, "", 0, group, &found, err));
    KV_TRY(declare_custom(layer, found, err));
  }
  for (size_t i = 0; i < layer->n_weights && !layer->weight[i].tensor; i++) {
    const char *name = layer->weight[i].name;
    int n = attribute(name);
    size_t number = 0, all = 0;
    for (size_t k = 0; k < layer->n_weights; k++) {
      const char *other = layer->weight[k].name;
      bool same = attribute(other) == n && !strncmp(other, name, (size_t)n);
      number += same && k < i;
      all += same;
    }
    KV_TRY(find_group(layer, file, name, n, group, &found, err));
    if (found != all)
      return kv_fail(err, KVINO_IO,
                     "%s: layer '%s' (%s) expected %zu variables, but received %zu variables during loading (%s)",
                     file->name, layer->name, layer->class_name, all, found, group);
    if (layer->weight[i].named)
      snprintf(path, sizeof path, "%s/%.30s", group, name);
    else
      snprintf(path, sizeof path, "%s/%zu", group, number);
    KV_TRY(kv_weights_read(&file->weights, path, &layer->weight[i].tensor, err));
  }
  for (size_t i = 0; i < layer->n_children; i++) KV_TRY(bind_by_path(layer->child[i], file, err));
  return KVINO_OK;
}

/* ---- by layers' names ---- */

typedef struct places {
  size_t n, capacity;
  kv_layer_weight **weight;
  const kv_layer **layer; /* whose they are */
} places;

/* What Keras calls trainable_weights (or non_trainable_weights) of a layer. */
static kvino_status gather(kv_layer *layer, bool trainable, bool frozen, places *to, kvino_error *err) {
  frozen |= !layer->trainable;
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < layer->n_weights; i++) {
      if (is_another(&layer->weight[i])) continue;
      bool counts =
          frozen ? !trainable && layer->weight[i].trainable == !pass : !pass && layer->weight[i].trainable == trainable;
      if (!counts) continue;
      kv_layer_weight **more = kv_realloc(to->weight, (to->n + 1) * sizeof *more);
      if (more) to->weight = more;
      const kv_layer **whose = more ? kv_realloc(to->layer, (to->n + 1) * sizeof *whose) : NULL;
      if (!whose) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for weights");
      to->layer = whose;
      whose[to->n] = layer;
      more[to->n++] = &layer->weight[i];
    }
  for (size_t i = 0; i < layer->n_children; i++) KV_TRY(gather(layer->child[i], trainable, frozen, to, err));
  return KVINO_OK;
}

static kvino_status read_array(const kv_model_file *file, const char *group, const char *name, kvino_tensor **out,
                               kvino_error *err) {
  kv_text path = {0};
  kv_put(&path, "%s/%s", group, name);
  kvino_status status = path.at ? kv_weights_read(&file->weights, path.at, out, err)
                                : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a name");
  kv_free(path.at);
  return status;
}

/* Of Keras 1: n arrays of a group, from the first on, become the weights from number `i` on. */
static kvino_status read_keras1(const kv_model_file *file, const char *group, char **names, size_t n, const places *to,
                                size_t i, kvino_error *err) {
  enum { MOST = 12 };
  kvino_tensor *array[MOST] = {NULL}, *made[3] = {NULL};
  const kv_layer *layer = to->layer[i];
  kvino_status status = KVINO_OK;
  for (size_t k = 0; k < n && !status; k++) status = read_array(file, group, names[k], &array[k], err);
  if (!status) status = kv_keras1_convert(layer, (size_t)(to->weight[i] - layer->weight), n, array, made, err);
  for (size_t k = 0; k < 3 && made[k]; k++) to->weight[i + k]->tensor = made[k];
  for (size_t k = 0; k < n; k++) kvino_tensor_release(array[k]);
  return status;
}

static kvino_status bind_arrays(const kv_layer *layer, const kv_model_file *file, const char *group, char **names,
                                size_t n, const places *to, kvino_error *err) {
  size_t at = 0, arrays = 1, weights = 1;
  for (size_t i = 0; i < to->n; i += weights, at += arrays) {
    if (file->major == 1)
      arrays = kv_keras1_arrays(to->layer[i], (size_t)(to->weight[i] - to->layer[i]->weight), n - at, &weights);
    if (at + arrays > n) break;
    if (to->weight[i]->tensor) continue; /* of a shared layer */
    KV_TRY(file->major == 1 ? read_keras1(file, group, names + at, arrays, to, i, err)
                            : read_array(file, group, names[at], &to->weight[i]->tensor, err));
  }
  size_t got = 0;
  for (size_t i = 0; i < to->n; i++) got += to->weight[i]->tensor != NULL;
  if (at == n && got == to->n) return KVINO_OK;
  return kv_fail(err, KVINO_IO, "%s: layer '%s' (%s) expected %zu weights, but received %zu during loading", file->name,
                 layer->name, layer->class_name, to->n, n);
}

static kvino_status bind_group(kv_layer *layer, const kv_model_file *file, const char *group, kvino_error *err) {
  char **names = NULL;
  size_t n = 0;
  places to = {0};
  kvino_status status = kv_weights_names(&file->weights, group, "weight_names", &names, &n, err);
  if (!status) status = declare_custom(layer, n, err);
  if (!status) status = gather(layer, true, false, &to, err);
  if (!status) status = gather(layer, false, false, &to, err);
  if (!status) status = bind_arrays(layer, file, group, names, n, &to, err);
  kvino_names_free(names, n);
  kv_free(to.weight);
  kv_free(to.layer);
  return status;
}

static bool has_weights(const kv_layer *layer) {
  bool any = layer->n_weights != 0 || layer->kind == &kv_custom_kind;
  for (size_t i = 0; i < layer->n_children && !any; i++) any = has_weights(layer->child[i]);
  return any;
}

/* The group of the next layer in the file's order that has weights: names differ where the model was made anew. */
static kvino_status next_group(const kv_model_file *file, char **names, size_t n, size_t *at, kv_text *group,
                               kvino_error *err) {
  for (; *at < n; ++*at) {
    char **weights = NULL;
    size_t n_weights = 0;
    group->n = 0;
    kv_put(group, "%s%s%s", file->weights.root, *file->weights.root ? "/" : "", names[*at]);
    if (group->failed) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a name");
    KV_TRY(kv_weights_names(&file->weights, group->at, "weight_names", &weights, &n_weights, err));
    kvino_names_free(weights, n_weights);
    if (n_weights) return ++*at, KVINO_OK;
  }
  return kv_fail(err, KVINO_IO, "%s: the file has weights for fewer layers than the model has", file->name);
}

static kvino_status bind_by_name(kv_layer *model, const kv_model_file *file, kvino_error *err) {
  char **names = NULL;
  size_t n = 0, at = 0;
  kv_text group = {0};
  kvino_status status = kv_weights_names(&file->weights, file->weights.root, "layer_names", &names, &n, err);
  for (size_t i = 0; i < model->n_children && !status; i++) {
    if (!has_weights(model->child[i])) continue;
    bool there = false;
    group.n = 0;
    kv_put(&group, "%s%s%s", file->weights.root, *file->weights.root ? "/" : "", model->child[i]->name);
    if (group.failed) status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for a name");
    if (!status) status = kv_hdf5_has(file->weights.file[0], group.at, &there, err);
    if (!status && !there) status = next_group(file, names, n, &at, &group, err);
    if (!status) status = bind_group(model->child[i], file, group.at, err);
  }
  kvino_names_free(names, n);
  kv_free(group.at);
  return status;
}

/* ---- writing ---- */

kvino_status kv_layer_weights(kv_layer *layer, kv_layer_weight ***out, size_t *n, kvino_error *err) {
  places to = {0};
  kvino_status status = gather(layer, true, false, &to, err);
  if (!status) status = gather(layer, false, false, &to, err);
  kv_free(to.layer);
  if (status) {
    kv_free(to.weight);
    return status;
  }
  *out = to.weight;
  *n = to.n;
  return KVINO_OK;
}

static kvino_tensor *value_of(const kv_layer *layer, const char *name) {
  const kv_layer *of = layer;
  if (*name == '=') { /* of the layer inside */
    of = layer->n_children ? layer->child[0] : layer;
    name++;
  }
  for (size_t i = 0; i < of->n_weights; i++)
    if (!strcmp(of->weight[i].name, name)) return of->weight[i].tensor;
  return NULL;
}

/* A layer's own weights; `all` has also those that are another layer's. */
static kvino_status write_own(const kv_layer *layer, const kv_layer *all, kv_write_weight *write, void *context,
                              kvino_error *err) {
  char path[GROUP_TEXT];
  for (size_t i = 0; i < all->n_weights; i++) {
    const char *name = all->weight[i].name;
    int n = attribute(name);
    size_t number = 0;
    for (size_t k = 0; k < i; k++)
      number += attribute(all->weight[k].name) == n && !strncmp(all->weight[k].name, name, (size_t)n);
    int end = snprintf(path, sizeof path, "%s%s%.*s%svars/", layer->path, n && *layer->path ? "/" : "", n, name,
                       n || *layer->path ? "/" : "");
    if (end > GROUP_TEXT - 32) return kv_fail(err, KVINO_IO, "layer '%s': a path that is too long", layer->name);
    if (all->weight[i].named)
      snprintf(path + end, 32, "%.30s", name);
    else
      snprintf(path + end, 32, "%zu", number);
    kvino_tensor *value = value_of(layer, name);
    if (!value) return kv_fail(err, KVINO_IO, "layer '%s' has no weight '%s'", layer->name, name);
    KV_TRY(write(context, path, value, err));
  }
  return KVINO_OK;
}

kvino_status kv_layer_write(const kv_layer *layer, kv_write_weight *write, void *context, kvino_error *err) {
  kv_layer all = *layer;
  bool custom = layer->kind == &kv_custom_kind;
  kvino_status status = KVINO_OK;
  if (!custom) { /* the list anew, with those that are another layer's */
    all.weight = NULL;
    all.n_weights = all.n_children = 0;
    status = declare(&all, err);
  }
  if (!status) status = write_own(layer, &all, write, context, err);
  for (size_t i = 0; i < all.n_weights && !custom; i++) kv_free(all.weight[i].name);
  if (!custom) kv_free(all.weight);
  for (size_t i = 0; i < layer->n_children && !status; i++)
    status = kv_layer_write(layer->child[i], write, context, err);
  return status;
}

/* ---- all of it ---- */

kvino_status kv_layer_bind(kv_layer *model, const kv_model_file *file, kvino_error *err) {
  KV_TRY(declare(model, err));
  KV_TRY(file->weights.by_name ? bind_by_name(model, file, err) : bind_by_path(model, file, err));
  kv_layer_visit(model, forget_others, NULL);
  return KVINO_OK;
}
