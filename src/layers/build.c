#include "layers/build.h"

#include <stdio.h>
#include <string.h>

#include "archive/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "kvino/op.h"
#include "layers/config.h"
#include "layers/keras1.h"
#include "layers/quantized.h"
#include "layers/tensorflow.h"

/* A layer that Keras shares between several places of a model bears a number in each. */
typedef struct shared {
  json_int_t id;
  kv_layer *layer;
} shared;

typedef struct builder {
  const kv_model_file *file;
  const kv_customs *customs;
  kvino_error *err;
  kv_text unknown; /* "'name' (Class), ..." of all layers that cannot be read */
  bool runs_code;  /* one of them would run code of the file */
  size_t n_shared, capacity;
  shared *shared;
  int depth;
  bool again; /* the next one is a further layer of a configuration that has one already */
} builder;

static kvino_status no_memory(builder *b) { return kv_fail(b->err, KVINO_NO_MEMORY, "out of memory for layers"); }

/* ---- which layer ---- */

static const char *class_of(const json_t *object) {
  const char *name = json_string_value(json_object_get(object, "class_name"));
  /* Registered names have their package in front: "Keras>Dense". */
  const char *last = name ? strrchr(name, '>') : NULL;
  return last ? last + 1 : name;
}

static bool is_operator(const char *class) {
  char name[KV_SNAKE_TEXT];
  kv_snake_case(class, name);
  return kvino_op_find(NULL, name);
}

/* Operators of keras.ops have their module; in HDF5 files of Keras 3, which have no modules, what tells them from
 * layers of the same name ("Add") is that they cannot be trained. */
static bool is_operation(const kv_model_file *file, const json_t *object) {
  const json_t *module = json_object_get(object, "module"), *config = json_object_get(object, "config");
  const char *class = class_of(object);
  if (json_is_string(module)) return strstr(json_string_value(module), ".ops") != NULL;
  return file->legacy && file->major >= 3 && class && strcmp(class, "InputLayer") && json_is_object(config) &&
         !json_object_get(config, "layers") && !json_object_get(config, "trainable") &&
         (!kv_layer_kind_find(class) || is_operator(class));
}

/* Names of classes of users' own come with a package: a "Dense" among them is not Keras's. */
static bool is_custom(const json_t *object) {
  const char *module = json_string_value(json_object_get(object, "module"));
  const char *name = json_string_value(json_object_get(object, "registered_name"));
  if (module && !strncmp(module, "keras", 5)) return false;
  return name && strchr(name, '>') && strncmp(name, "Keras>", 6) != 0;
}

/* tf.keras: which function a TFOpLambda is, or which operation a TensorFlowOpLayer. */
static const char *function_of(const json_t *object) {
  const json_t *config = json_object_get(object, "config");
  const char *function = json_string_value(json_object_get(config, "function"));
  return function ? function : kv_tensorflow_operation(config);
}

/* A subclass of Model or Sequential whose configuration is one of layers is read as these are. */
static const kv_layer_kind *kind_of(const builder *b, const json_t *object) {
  const json_t *config = json_object_get(object, "config");
  const char *class = class_of(object);
  const kv_layer_kind *kind = NULL;
  if (class && kv_custom_find(b->customs, class)) return &kv_custom_kind;
  if (is_operation(b->file, object)) return kv_layer_kind_find("Operation");
  if (class && !is_custom(object)) kind = kv_layer_kind_find(class);
  if (kind && kind->call == kv_layer_tensorflow && !kv_tensorflow_known(function_of(object))) return NULL;
  if (kind && kind->call == kv_layer_tensorflow_node && !kv_tensorflow_operation_known(function_of(object)))
    return NULL;
  if (kind && !(kind->traits & KV_MODEL)) return kind;
  if (kind && json_is_array(config)) return kv_layer_kind_find("Sequential"); /* Keras 1 */
  if (!json_is_array(json_object_get(config, "layers"))) return NULL;
  return kv_layer_kind_find(json_object_get(config, "output_layers") ? "Functional" : "Sequential");
}

static const char *name_of(const json_t *object) {
  const char *name = json_string_value(json_object_get(object, "name"));
  if (!name) name = json_string_value(json_object_get(json_object_get(object, "config"), "name"));
  return name ? name : class_of(object) ? class_of(object) : "?";
}

static void note_unknown(builder *b, const json_t *object) {
  const char *class = class_of(object);
  if (!class) class = "no class";
  b->runs_code |= !strcmp(class, "Lambda") || !strcmp(class, "TorchModuleWrapper") || !strcmp(class, "JaxLayer") ||
                  !strcmp(class, "FlaxLayer") || !strcmp(class, "TFSMLayer");
  if (b->unknown.n < KVINO_ERROR_TEXT)
    kv_put(&b->unknown, "%s'%s' (%s%s%s)", b->unknown.n ? ", " : "", name_of(object), class,
           function_of(object) ? " of tf." : "", function_of(object) ? function_of(object) : "");
}

/* ---- making one ---- */

static void release(kv_layer *layer) {
  if (!layer || --layer->refs) return;
  for (size_t i = 0; i < layer->n_children; i++) release(layer->child[i]);
  for (size_t i = 0; i < layer->n_weights; i++) {
    kvino_tensor_release(layer->weight[i].tensor);
    kv_free(layer->weight[i].name);
  }
  json_decref(layer->defaults);
  kv_free(layer->child);
  kv_free(layer->weight);
  kv_free(layer->name);
  kv_free(layer->path);
  kv_free(layer);
}

void kv_layer_free(kv_layer *layer) { release(layer); }

static char *join(const char *a, const char *b) {
  kv_text t = {0};
  kv_put(&t, "%s%s%s", a, *a && *b ? "/" : "", b);
  return t.at;
}

static kvino_status make(builder *b, const json_t *object, const char *path, kv_layer **out);

static kvino_status add_child(builder *b, kv_layer *layer, const json_t *object, const char *path) {
  kv_layer **more = kv_realloc(layer->child, (layer->n_children + 1) * sizeof *more);
  if (!more) return no_memory(b);
  layer->child = more;
  more[layer->n_children] = NULL;
  KV_TRY(make(b, object, path, &more[layer->n_children]));
  if (more[layer->n_children]) layer->n_children++; /* else it is noted as unknown */
  return KVINO_OK;
}

/* Names within a container are those of the classes, numbered from the second on. */
typedef struct used {
  char name[KV_SNAKE_TEXT];
  int n;
} used;

static kvino_status unique(builder *b, const json_t *object, used **seen, size_t *n, char text[KV_SNAKE_TEXT + 16]) {
  char snake[KV_SNAKE_TEXT];
  const kv_layer_kind *kind = class_of(object) ? kv_layer_kind_find(class_of(object))
                                               : NULL; /* the name in Python, which the file's may differ from */
  kv_snake_case(kind ? kind->name : class_of(object) ? class_of(object) : "", snake);
  for (size_t i = 0; i < *n; i++)
    if (!strcmp((*seen)[i].name, snake)) {
      snprintf(text, KV_SNAKE_TEXT + 16, "%s_%d", snake, ++(*seen)[i].n);
      return KVINO_OK;
    }
  used *more = kv_realloc(*seen, (*n + 1) * sizeof *more);
  if (!more) return no_memory(b);
  *seen = more;
  memcpy(more[*n].name, snake, sizeof snake);
  more[(*n)++].n = 0;
  snprintf(text, KV_SNAKE_TEXT + 16, "%s", snake);
  return KVINO_OK;
}

/* Sequential's and Functional's layers, or those of a field that is a list. Input layers of a Sequential model are none
 * of its `layers`, so their names do not count there. */
static kvino_status add_list(builder *b, kv_layer *layer, const json_t *list, const char *attribute) {
  char text[KV_SNAKE_TEXT + 16];
  used *seen = NULL;
  size_t n = 0, i;
  json_t *object;
  kvino_status status = KVINO_OK;
  if (!json_is_array(list))
    return kv_fail(b->err, KVINO_IO, "layer '%s' (%s): '%s' of its configuration is not a list", layer->name,
                   layer->class_name, attribute);
  json_array_foreach((json_t *)list, i, object) {
    *text = 0;
    if (!is_operation(b->file, object)) status = unique(b, object, &seen, &n, text);
    char *inner = status ? NULL : join(layer->path, attribute), *path = inner ? join(inner, text) : NULL;
    if (!status) status = path ? add_child(b, layer, object, path) : no_memory(b);
    kv_free(inner);
    kv_free(path);
    if (status) break;
  }
  kv_free(seen);
  return status;
}

static kvino_status add_children(builder *b, kv_layer *layer) {
  const char *list = layer->kind->children, *item;
  size_t n;
  if (layer->kind->traits & KV_MODEL) {
    const json_t *config = layer->config;
    return add_list(b, layer, json_is_array(config) ? config : json_object_get(config, "layers"), "layers");
  }
  while (kv_item(&list, &item, &n)) {
    char attribute[64], *equals;
    snprintf(attribute, sizeof attribute, "%.*s", (int)n, item);
    if (n > 2 && !strcmp(attribute + n - 2, "[]")) {
      attribute[n - 2] = 0;
      KV_TRY(add_list(b, layer, json_object_get(layer->config, attribute), attribute));
      continue;
    }
    char *field = attribute, *other;
    if ((equals = strchr(attribute, '='))) *equals = 0, field = equals + 1;
    if ((other = strchr(field, '|'))) *other++ = 0;
    const json_t *object = json_object_get(layer->config, field);
    bool again = other && !json_is_object(object);
    if (again) object = json_object_get(layer->config, other);
    if (!json_is_object(object))
      return kv_fail(b->err, KVINO_IO, "layer '%s' (%s): its configuration has no layer in '%s'", layer->name,
                     layer->class_name, field);
    char *path = join(layer->path, attribute);
    bool before = b->again;
    b->again = before || again;
    kvino_status status = path ? add_child(b, layer, object, path) : no_memory(b);
    b->again = before;
    kv_free(path);
    KV_TRY(status);
  }
  return KVINO_OK;
}

static kvino_status mark_quantization(builder *b, kv_layer *layer, const char *mode) {
  const char *fields = layer->kind->fields;
  bool lora = b->file->weights.by_name && json_is_integer(json_object_get(layer->config, "lora_rank"));
  if (*mode && !kv_listed(fields, "quantization_config", NULL, NULL))
    return kv_fail(b->err, KVINO_UNSUPPORTED, "layer '%s' (%s): it is quantized ('%s'), which is not read from a file",
                   layer->name, layer->class_name, mode);
  return kv_listed(fields, "lora_rank", NULL, NULL) ? kv_mark_quantization(layer, mode, lora, b->err) : KVINO_OK;
}

static kvino_status read_policy(kv_layer *layer, char mode[KV_MODE_TEXT], kvino_error *err) {
  const json_t *policy = json_object_get(layer->config, "dtype");
  bool parts = strchr(layer->kind->weights, '/');
  kvino_error why = {KVINO_OK, ""};
  kvino_status status = kv_policy_of(policy, layer->name, parts, &policy, &why);
  if (!status) status = kv_policy(policy, &layer->compute, &layer->variable, mode, &why);
  return status ? kv_fail(err, status, "layer '%s' (%s): %s", layer->name, layer->class_name, why.text) : KVINO_OK;
}

static kvino_status make(builder *b, const json_t *object, const char *path, kv_layer **out) {
  const json_t *id = b->again ? NULL : json_object_get(object, "shared_object_id");
  const kv_layer_kind *kind;
  if (!json_is_object(object)) return kv_fail(b->err, KVINO_IO, "%s: a layer that is none", b->file->name);
  for (size_t i = 0; json_is_integer(id) && i < b->n_shared; i++)
    if (b->shared[i].id == json_integer_value(id)) {
      b->shared[i].layer->refs++;
      *out = b->shared[i].layer;
      return KVINO_OK;
    }
  if (b->depth > KV_MOST_DEPTH)
    return kv_fail(b->err, KVINO_IO, "%s: models more than %d deep", b->file->name, KV_MOST_DEPTH);
  if (!(kind = kind_of(b, object))) return note_unknown(b, object), KVINO_OK;
  const json_t *config = json_object_get(object, "config");
  if (!json_is_object(config) && !json_is_array(config))
    return kv_fail(b->err, KVINO_IO, "%s: layer '%s' (%s) has no configuration", b->file->name, name_of(object),
                   kind->name);
  kv_layer *layer = kv_calloc(1, sizeof *layer);
  if (!layer) return no_memory(b);
  *layer = (kv_layer){.kind = kind,
                      .file = b->file,
                      .customs = b->customs,
                      .class_name = class_of(object) ? class_of(object) : kind->name,
                      .object = object,
                      .config = config,
                      .major = b->file->major,
                      .refs = 1,
                      .name = kv_strdup(name_of(object)),
                      .path = kv_strdup(path),
                      .trainable = !json_is_false(json_object_get(config, "trainable"))};
  char mode[KV_MODE_TEXT] = "";
  kvino_status status = layer->name && layer->path ? KVINO_OK : no_memory(b);
  bool plain = !(kind->traits & (KV_MODEL | KV_ANY_ARGUMENTS));
  if (!status) status = read_policy(layer, mode, b->err);
  if (!status && plain) status = kv_layer_fields(layer, b->err);
  if (!status) status = mark_quantization(b, layer, mode);
  b->depth++;
  if (!status) status = add_children(b, layer);
  b->depth--;
  if (!status && json_is_integer(id)) {
    shared *more = kv_realloc(b->shared, (b->n_shared + 1) * sizeof *more);
    status = more ? KVINO_OK : no_memory(b);
    if (more) (b->shared = more)[b->n_shared++] = (shared){json_integer_value(id), layer};
  }
  if (status)
    release(layer);
  else
    *out = layer;
  return status;
}

kvino_status kv_layer_read(const kv_model_file *file, const kv_customs *customs, kv_layer **out, kvino_error *err) {
  builder b = {.file = file, .customs = customs, .err = err};
  kv_layer *layer = NULL;
  if (file->major == 1 && !kv_keras1_rename(file->config)) return no_memory(&b);
  kvino_status status = make(&b, file->config, "", &layer);
  if (!status && b.unknown.n)
    status =
        kv_fail(err, KVINO_UNSUPPORTED,
                "%s: these layers cannot be read from a file: %s.%s kvino.save (in Python) or Keras's model.export "
                "writes what the model computes instead",
                file->name, b.unknown.at, b.runs_code ? " (Code of the file is never run.)" : "");
  if (!status && !(layer->kind->traits & KV_MODEL))
    status =
        kv_fail(err, KVINO_IO, "%s: the configuration is that of a %s, not of a model", file->name, layer->class_name);
  if (!status) status = kv_layer_bind(layer, file, err);
  kv_free(b.unknown.at);
  kv_free(b.shared);
  if (status)
    release(layer);
  else
    *out = layer;
  return status;
}

void kv_layer_visit(kv_layer *layer, void (*visit)(kv_layer *layer, void *context), void *context) {
  visit(layer, context);
  for (size_t i = 0; i < layer->n_children; i++) kv_layer_visit(layer->child[i], visit, context);
}
