/* Sequential, and what both kinds of models share: their inputs. */
#include <string.h>

#include "layers/config.h"
#include "layers/graph.h"
#include "base/error.h"

kv_value kv_layer_sequential(kv_invocation *c) {
  if (c->n_args < 1)
    return kv_scope_fail(c->s, KVINO_INVALID, "the model '%s' is called without an input", c->layer->name), KV_NOTHING;
  kv_value x = c->args[0];
  for (size_t i = 0; i < c->layer->n_children; i++)
    if (!(c->layer->child[i]->kind->traits & KV_INPUT)) x = kv_call_child(c, i, x);
  return x;
}

/* ---- inputs ---- */

static bool read_shape(const json_t *shape, kv_model_input *in) {
  if (json_is_object(shape)) shape = json_object_get(shape, "items"); /* a serialized tuple */
  size_t n = json_array_size(shape);
  if (!json_is_array(shape) || n > KVINO_MAX_RANK) return false;
  in->rank = (int)n;
  for (size_t i = 0; i < n; i++) {
    const json_t *dimension = json_array_get(shape, i);
    in->shape[i] = json_is_integer(dimension) ? json_integer_value(dimension) : -1;
    if ((!json_is_null(dimension) && !json_is_integer(dimension)) || in->shape[i] < -1) return false;
  }
  return true;
}

/* What a layer says of the model's input. */
static bool read_input(kv_scope *s, const kv_layer *layer, kv_model_input *in) {
  static const char *const FIELDS[] = {"batch_shape", "batch_input_shape"};
  kvino_dtype variable;
  char mode[KV_MODE_TEXT];
  for (int i = 0; i < 2; i++) {
    const json_t *shape = json_object_get(layer->config, FIELDS[i]);
    if (!json_is_array(shape) && !json_is_object(shape)) continue;
    in->name = layer->name;
    in->dtype = KVINO_F32;
    if (!read_shape(shape, in))
      return kv_scope_fail(s, KVINO_IO, "layer '%s': '%s' is not a shape", layer->name, FIELDS[i]) != NULL;
    if (layer->kind->traits & KV_INPUT)
      kv_scope_ok(s, kv_policy(json_object_get(layer->config, "dtype"), &in->dtype, &variable, mode, s->err));
    if (json_is_true(json_object_get(layer->config, "sparse")) ||
        json_is_true(json_object_get(layer->config, "ragged")))
      kv_scope_fail(s, KVINO_UNSUPPORTED, "layer '%s': sparse and ragged inputs are not supported", layer->name);
    return !s->status;
  }
  return false;
}

static const json_t *build_shape(const kv_layer *model) {
  const json_t *shape = json_object_get(model->config, "build_input_shape");
  if (!shape || json_is_null(shape))
    shape = json_object_get(json_object_get(model->object, "build_config"), "input_shape");
  return shape;
}

static size_t sequential_input(kv_scope *s, const kv_layer *model, kv_model_input **out) {
  kv_model_input *in = kv_scope_alloc(s, 1, sizeof *in);
  *out = in;
  if (!in) return 0;
  const kv_layer *first = model->n_children ? model->child[0] : NULL;
  if (first && read_input(s, first, in)) return 1;
  if (first && !s->status && (first->kind->traits & KV_MODEL)) return kv_model_inputs(s, first, out);
  if (s->status) return 0;
  in->name = "input";
  in->dtype = KVINO_F32;
  if (read_shape(build_shape(model), in)) return 1;
  kv_scope_fail(s, KVINO_IO, "the model '%s' was never built: the file does not say which shape its input has",
                model->name);
  return 0;
}

/* ---- Functional: input_layers and output_layers ---- */

/* A leaf is ["layer", node, output]. */
static bool is_leaf(const json_t *v) {
  return json_array_size(v) == 3 && json_is_string(json_array_get(v, 0)) && json_is_integer(json_array_get(v, 1));
}

static const kv_layer *child_named(const kv_layer *model, const char *name) {
  for (size_t i = 0; name && i < model->n_children; i++)
    if (!strcmp(model->child[i]->name, name)) return model->child[i];
  return NULL;
}

typedef struct leaves {
  kv_scope *s;
  const kv_layer *model;
  size_t n;
  kv_model_input *in; /* inputs, or: */
  const char **name;  /* outputs */
} leaves;

static void walk(leaves *l, const json_t *v, const char *key, int depth) {
  size_t i;
  const char *k;
  json_t *item;
  if (depth > 16 || l->s->status) return;
  if (is_leaf(v)) {
    const char *name = json_string_value(json_array_get(v, 0));
    const kv_layer *layer = child_named(l->model, name);
    if (l->in && (!layer || !(layer->kind->traits & KV_INPUT) || !read_input(l->s, layer, &l->in[l->n])))
      kv_scope_fail(l->s, KVINO_IO, "model '%s': there is no input layer '%s'", l->model->name, name);
    if (l->name) l->name[l->n] = key ? key : name;
    l->n++;
  } else if (json_is_array(v)) {
    json_array_foreach((json_t *)v, i, item) walk(l, item, key, depth + 1);
  } else if (json_is_object(v)) {
    const char *last = "";
    for (size_t step = 0; step < json_object_size(v); step++) { /* by sorted keys, as Keras flattens dicts */
      const char *next = NULL;
      json_object_foreach((json_t *)v, k, item) if (strcmp(k, last) > 0 && (!next || strcmp(k, next) < 0)) next = k;
      if (!next) break;
      walk(l, json_object_get(v, next), next, depth + 1);
      last = next;
    }
  }
}

static size_t leaf_count(const json_t *v, int depth) {
  size_t n = 0, i;
  const char *k;
  json_t *item;
  if (depth > 16) return 0;
  if (is_leaf(v)) return 1;
  json_array_foreach((json_t *)v, i, item) n += leaf_count(item, depth + 1);
  json_object_foreach((json_t *)v, k, item) n += leaf_count(item, depth + 1);
  return n;
}

size_t kv_model_inputs(kv_scope *s, const kv_layer *model, kv_model_input **out) {
  const json_t *list = json_object_get(model->config, "input_layers");
  if (strcmp(model->kind->name, "Functional")) return sequential_input(s, model, out);
  size_t n = leaf_count(list, 0);
  *out = kv_scope_alloc(s, n ? n : 1, sizeof **out);
  if (!*out) return 0;
  if (!n) return kv_scope_fail(s, KVINO_IO, "model '%s' has no inputs", model->name), 0;
  leaves l = {s, model, 0, *out, NULL};
  walk(&l, list, NULL, 0);
  return s->status ? 0 : n;
}

const char **kv_model_output_names(kv_scope *s, const kv_layer *model, size_t *n) {
  const json_t *list = json_object_get(model->config, "output_layers");
  bool functional = !strcmp(model->kind->name, "Functional");
  *n = functional ? leaf_count(list, 0) : 1;
  const char **names = kv_scope_alloc(s, *n ? *n : 1, sizeof *names);
  if (!names) return NULL;
  if (functional) {
    leaves l = {s, model, 0, NULL, names};
    walk(&l, list, NULL, 0);
  } else {
    names[0] = model->n_children ? model->child[model->n_children - 1]->name : model->name;
  }
  return names;
}
