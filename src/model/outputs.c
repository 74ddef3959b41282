#include "model/outputs.h"

#include <string.h>

static kvino_status no_memory(kvino_error *err) {
  return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a configuration");
}

static const char *name_of(const json_t *layer) {
  const char *name = json_string_value(json_object_get(layer, "name"));
  return name ? name : json_string_value(json_object_get(json_object_get(layer, "config"), "name"));
}

static bool is_model(const json_t *layer) {
  const json_t *config = json_object_get(layer, "config");
  return json_is_array(config) || json_is_array(json_object_get(config, "layers"));
}

/* ---- Sequential as Functional ---- */

/* The shape of the input, where no input layer says it. */
static json_t *input_shape(const json_t *model, const json_t *first) {
  const json_t *config = json_object_get(first, "config");
  json_t *shape = json_object_get(config, "batch_input_shape");
  if (!shape) shape = json_object_get(config, "batch_shape");
  if (!shape) shape = json_object_get(json_object_get(model, "config"), "build_input_shape");
  if (!shape) shape = json_object_get(json_object_get(model, "build_config"), "input_shape");
  return shape;
}

/* Each layer is called on the one before. */
static kvino_status chain(json_t *layers, kvino_error *err) {
  const char *before = NULL;
  json_t *layer;
  size_t i;
  json_array_foreach(layers, i, layer) {
    const char *name = name_of(layer);
    json_t *nodes = before ? json_pack("[{s:[{s:s, s:{s:[s,i,i]}}], s:{}}]", "args", "class_name", "__keras_tensor__",
                                       "config", "keras_history", before, 0, 0, "kwargs")
                           : json_array();
    if (!name) {
      json_decref(nodes);
      return kv_fail(err, KVINO_IO, "a layer has no name");
    }
    if (!nodes || json_object_set_new(layer, "inbound_nodes", nodes) ||
        json_object_set_new(layer, "name", json_string(name)))
      return no_memory(err);
    before = name_of(layer);
  }
  return KVINO_OK;
}

static kvino_status to_functional(json_t *model, kvino_error *err) {
  json_t *config = json_object_get(model, "config");
  json_t *own = json_is_array(config) ? config : json_object_get(config, "layers"), *layers = json_deep_copy(own);
  const json_t *first = json_array_get(layers, 0);
  const char *class = json_string_value(json_object_get(first, "class_name"));
  kvino_status status = layers ? KVINO_OK : kv_fail(err, KVINO_IO, "the model has no layers");
  if (!status && (!class || strcmp(class, "InputLayer"))) {
    json_t *shape = input_shape(model, first);
    json_t *input = shape ? json_pack("{s:s, s:{s:s, s:O}}", "class_name", "InputLayer", "config", "name", "input",
                                      "batch_shape", shape)
                          : NULL;
    if (!shape) status = kv_fail(err, KVINO_IO, "the file does not say which shape the model's input has");
    if (shape && (!input || json_array_insert_new(layers, 0, input))) status = no_memory(err);
  }
  if (!status) status = chain(layers, err);
  if (!status) {
    const char *input = name_of(json_array_get(layers, 0));
    json_t *name = json_object_get(config, "name");
    json_t *functional =
        json_pack("{s:O, s:s, s:O*, s:[s,i,i]}", "layers", layers, "name", name ? json_string_value(name) : "model",
                  "trainable", json_object_get(config, "trainable"), "input_layers", input, 0, 0);
    if (!functional || json_object_set_new(model, "config", functional)) status = no_memory(err);
  }
  json_decref(layers);
  return status;
}

/* ---- the choice ---- */

/* ["layer", call, 0]: calls of models are counted from 1 on here. */
static kvino_status leaf(const json_t *config, const char *name, json_t **out, kvino_error *err) {
  json_t *layer;
  size_t i;
  json_array_foreach(json_object_get(config, "layers"), i, layer) {
    const char *own = name_of(layer);
    if (!own || strcmp(own, name)) continue;
    *out = json_pack("[s,i,i]", name, is_model(layer) ? 1 : 0, 0);
    return *out ? KVINO_OK : no_memory(err);
  }
  return kv_fail(err, KVINO_INVALID, "the model has no layer '%s' of its own", name);
}

kvino_status kv_choose_outputs(json_t *model, size_t n, const char *const *names, kvino_error *err) {
  if (!n) return KVINO_OK;
  if (!json_object_get(json_object_get(model, "config"), "output_layers")) KV_TRY(to_functional(model, err));
  json_t *config = json_object_get(model, "config"), *list = json_array();
  kvino_status status = list ? KVINO_OK : no_memory(err);
  for (size_t i = 0; i < n && !status; i++) {
    json_t *one = NULL;
    status = names[i] ? leaf(config, names[i], &one, err) : kv_fail(err, KVINO_INVALID, "an output has no name");
    if (!status && json_array_append_new(list, one)) status = no_memory(err);
  }
  if (!status && json_object_set(config, "output_layers", list)) status = no_memory(err);
  json_decref(list);
  return status;
}
