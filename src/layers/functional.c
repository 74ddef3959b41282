/* Functional: layers joined to a graph by the calls that the configuration lists ("inbound_nodes").
 *
 * Keras 3 writes a call as its arguments, with {"class_name": "__keras_tensor__"} for tensors. Before, it was a list of
 * [layer, node, output, further arguments]. */
#include <string.h>

#include "archive/limits.h"
#include "layers/config.h"
#include "layers/graph.h"

enum { DEEPEST = 1000 }; /* of calls that stand before what they need */

typedef struct node {
  const kv_layer *layer;
  const json_t *call;
  kv_value value;
  enum { NEW, BEGUN, DONE } state;
} node;

typedef struct walk {
  kv_invocation *c;
  const kv_layer *model;
  size_t *first; /* by child: its first node; n_children + 1 entries */
  size_t n;
  node *node;
  int64_t *base; /* by child: the least number that old files give to its calls: 1 for models in models */
  int depth;
} walk;

static void *broken(walk *w, const char *what, const char *name) {
  return kv_scope_fail(w->c->s, KVINO_IO, "model '%s': %s '%s'", w->model->name, what, name ? name : "?");
}

static size_t child_named(const kv_layer *model, const char *name) {
  for (size_t i = 0; name && i < model->n_children; i++)
    if (!strcmp(model->child[i]->name, name)) return i;
  return SIZE_MAX;
}

/* ---- arguments ---- */

kv_value kv_value_read(kv_scope *s, const json_t *data, kv_find_tensor *tensor, void *context, int depth) {
  if (s->status || json_is_null(data)) return KV_NOTHING;
  if (depth > 16) return kv_scope_fail(s, KVINO_IO, "arguments that are nested too deep"), KV_NOTHING;
  if (json_is_array(data)) {
    kv_value v = kv_value_list(s, json_array_size(data));
    for (size_t i = 0; i < v.n; i++) v.item[i] = kv_value_read(s, json_array_get(data, i), tensor, context, depth + 1);
    return v;
  }
  if (!json_is_object(data)) return (kv_value){.kind = KV_VALUE_DATA, .data = data};
  const char *class = json_string_value(json_object_get(data, "class_name"));
  if (class && !strcmp(class, "__tuple__"))
    return kv_value_read(s, json_object_get(data, "items"), tensor, context, depth + 1);
  if (class && !strcmp(class, "__keras_tensor__")) {
    const json_t *history = json_object_get(json_object_get(data, "config"), "keras_history");
    return tensor(context, json_string_value(json_array_get(history, 0)),
                  json_integer_value(json_array_get(history, 1)), json_integer_value(json_array_get(history, 2)));
  }
  if (class && !strcmp(class, "__lambda__"))
    return kv_scope_fail(s, KVINO_UNSUPPORTED, "an argument is Python code, which is never run"), KV_NOTHING;
  if (class) return (kv_value){.kind = KV_VALUE_DATA, .data = data};
  kv_value v = kv_value_dict(s, json_object_size(data));
  const char *key;
  json_t *item;
  size_t i = 0;
  json_object_foreach((json_t *)data, key, item) {
    if (i == v.n) break;
    v.key[i] = key;
    v.item[i++] = kv_value_read(s, item, tensor, context, depth + 1);
  }
  return v;
}

static kv_value evaluate(walk *w, size_t i);

static kv_value output_of(void *context, const char *name, int64_t number, int64_t output) {
  walk *w = context;
  size_t k = child_named(w->model, name);
  if (k == SIZE_MAX) return broken(w, "Missing node:", name), KV_NOTHING;
  if (number < 0 || (uint64_t)number >= w->first[k + 1] - w->first[k])
    return broken(w, "there is no such call of layer", name), KV_NOTHING;
  kv_value v = evaluate(w, w->first[k] + (size_t)number);
  size_t n = 0;
  kv_value **leaf = kv_value_leaves(w->c->s, &v, &n);
  if (w->c->s->status) return KV_NOTHING;
  if (output < 0 || (uint64_t)output >= n) return broken(w, "there is no such output of layer", name), KV_NOTHING;
  return *leaf[output];
}

/* Of an old file, where calls of models in models are counted from 1 on. */
static kv_value old_output(void *context, const char *name, int64_t number, int64_t output) {
  walk *w = context;
  size_t k = child_named(w->model, name);
  return output_of(context, name, k == SIZE_MAX ? number : number - w->base[k], output);
}

/* ---- calls ---- */

static kv_value call(walk *w, const node *at, kv_value args, kv_value named) {
  return kv_layer_call(w->c->s, at->layer, args.n, args.item, named.n, named.key, named.item, w->c);
}

static bool old_leaf(const json_t *v) {
  return json_array_size(v) >= 3 && json_is_string(json_array_get(v, 0)) && json_is_integer(json_array_get(v, 1));
}

/* Further arguments of old files: tensors in them are [layer, node, output]. */
static kv_value old_argument(walk *w, const json_t *data, int depth) {
  const char *name = old_leaf(data) ? json_string_value(json_array_get(data, 0)) : NULL;
  if (name && !strcmp(name, "_CONSTANT_VALUE"))
    return kv_value_read(w->c->s, json_array_get(data, 2), old_output, w, 0);
  if (name)
    return old_output(w, name, json_integer_value(json_array_get(data, 1)),
                      json_integer_value(json_array_get(data, 2)));
  bool dict = json_is_object(data) && !json_object_get(data, "class_name");
  if ((!json_is_array(data) && !dict) || depth > 8) return kv_value_read(w->c->s, data, old_output, w, 0);
  kv_value v = dict ? kv_value_dict(w->c->s, json_object_size(data)) : kv_value_list(w->c->s, json_array_size(data));
  const char *key;
  json_t *item;
  size_t i = 0;
  json_object_foreach((json_t *)data, key, item) {
    if (i == v.n) break;
    v.key[i] = key;
    v.item[i++] = old_argument(w, item, depth + 1);
  }
  for (i = 0; !dict && i < v.n; i++) v.item[i] = old_argument(w, json_array_get(data, i), depth + 1);
  return v;
}

static kv_value old_call(walk *w, const node *at) {
  kv_scope *s = w->c->s;
  const json_t *list = at->call;
  if (old_leaf(list)) list = NULL; /* one input without a list around it */
  size_t n = list ? json_array_size(list) : 1;
  kv_value inputs = kv_value_list(s, n), named = KV_NOTHING;
  for (size_t i = 0; i < inputs.n; i++) {
    const json_t *in = list ? json_array_get(list, i) : at->call;
    if (!old_leaf(in)) return broken(w, "a call that is none, of layer", at->layer->name), KV_NOTHING;
    inputs.item[i] = old_argument(w, in, 0);
    const json_t *more = json_array_get(in, 3);
    if (!json_object_size(more)) continue;
    named = kv_value_dict(s, json_object_size(more));
    const char *key;
    json_t *item;
    size_t k = 0;
    json_object_foreach((json_t *)more, key, item) {
      if (k == named.n) break;
      named.key[k] = key;
      named.item[k++] = old_argument(w, item, 0);
    }
  }
  if (!inputs.n) return broken(w, "a call without inputs, of layer", at->layer->name), KV_NOTHING;
  kv_value args = inputs.n == 1 ? inputs.item[0] : inputs;
  /* Recurrent layers were given their first states in the list of inputs. */
  if (inputs.n > 1 && !named.n && kv_listed(at->layer->kind->arguments, "initial_state", NULL, NULL)) {
    args = inputs.item[0];
    named = kv_value_dict(s, 1);
    if (!named.n) return KV_NOTHING;
    named.key[0] = "initial_state";
    named.item[0] = (kv_value){.kind = KV_VALUE_LIST, .n = inputs.n - 1, .item = inputs.item + 1};
  }
  return call(w, at, (kv_value){.kind = KV_VALUE_LIST, .n = 1, .item = &args}, named);
}

static kv_value evaluate(walk *w, size_t i) {
  node *at = &w->node[i];
  kv_scope *s = w->c->s;
  if (at->state == DONE) return at->value;
  if (at->state == BEGUN) return broken(w, "the graph of layers has a loop through", at->layer->name), KV_NOTHING;
  if (w->depth > DEEPEST)
    return broken(w, "the graph of layers is too far from their order, at", at->layer->name), KV_NOTHING;
  at->state = BEGUN;
  w->depth++;
  if (json_is_array(at->call)) {
    at->value = old_call(w, at);
  } else {
    kv_value args = kv_value_read(s, json_object_get(at->call, "args"), output_of, w, 0);
    kv_value named = kv_value_read(s, json_object_get(at->call, "kwargs"), output_of, w, 0);
    bool sound = (args.kind == KV_VALUE_LIST || args.kind == KV_VALUE_NONE) &&
                 (named.kind == KV_VALUE_DICT || named.kind == KV_VALUE_NONE);
    if (!sound && !s->status) broken(w, "a call that is none, of layer", at->layer->name);
    if (!sound) return KV_NOTHING;
    at->value = call(w, at, args, named);
  }
  w->depth--;
  at->state = DONE;
  return at->value;
}

/* ---- the model ---- */

/* Old files count the calls of a model in the model from 1 on, as making it is one. */
static void find_bases(walk *w, const json_t *v, int depth) {
  size_t i;
  json_t *item;
  const char *key;
  if (depth > 16) return;
  if (old_leaf(v)) {
    size_t k = child_named(w->model, json_string_value(json_array_get(v, 0)));
    int64_t number = json_integer_value(json_array_get(v, 1));
    if (k != SIZE_MAX && number < w->base[k]) w->base[k] = number;
  }
  json_array_foreach((json_t *)v, i, item) find_bases(w, item, depth + 1);
  json_object_foreach((json_t *)v, key, item) find_bases(w, item, depth + 1);
}

static bool begin(walk *w) {
  kv_scope *s = w->c->s;
  const kv_layer *model = w->model;
  w->first = kv_scope_alloc(s, model->n_children + 1, sizeof *w->first);
  w->base = kv_scope_alloc(s, model->n_children + 1, sizeof *w->base);
  if (!w->first || !w->base) return false;
  for (size_t i = 0; i < model->n_children; i++) {
    bool input = model->child[i]->kind->traits & KV_INPUT;
    const json_t *object = json_array_get(json_object_get(model->config, "layers"), i);
    size_t n = json_array_size(json_object_get(object, "inbound_nodes"));
    w->first[i] = w->n;
    w->n += input ? 1 : n;
    w->base[i] = INT64_MAX;
  }
  w->first[model->n_children] = w->n;
  if (!(w->node = kv_scope_alloc(s, w->n ? w->n : 1, sizeof *w->node))) return false;
  for (size_t i = 0; i < model->n_children; i++) {
    const json_t *calls = json_object_get(json_array_get(json_object_get(model->config, "layers"), i), "inbound_nodes");
    for (size_t k = w->first[i]; k < w->first[i + 1]; k++)
      w->node[k] = (node){.layer = model->child[i], .call = json_array_get(calls, k - w->first[i])};
    find_bases(w, calls, 0);
  }
  for (size_t i = 0; i < model->n_children; i++)
    if (w->base[i] == INT64_MAX || !(model->child[i]->kind->traits & KV_MODEL) || w->base[i] > 1) w->base[i] = 0;
  return true;
}

static bool leaf(const json_t *v) { return old_leaf(v) && json_array_size(v) == 3; }

/* Gives the input layers their values: by name from a dict, else in order. */
static void feed(walk *w, const json_t *v, const kv_value *given, kv_value **flat, size_t n_flat, size_t *at,
                 int depth) {
  size_t i;
  json_t *item;
  const char *key;
  if (depth > 16 || w->c->s->status) return;
  if (leaf(v)) {
    const char *name = json_string_value(json_array_get(v, 0));
    size_t k = child_named(w->model, name);
    const kv_value *value = *at < n_flat ? flat[*at] : NULL;
    ++*at;
    for (i = 0; given->kind == KV_VALUE_DICT && i < given->n; i++)
      if (!strcmp(given->key[i], name)) value = &given->item[i];
    if (k == SIZE_MAX || !(w->model->child[k]->kind->traits & KV_INPUT))
      return (void)broken(w, "there is no input layer", name);
    if (!value) return (void)broken(w, "no value is given for the input", name);
    w->node[w->first[k]].value = *value;
    w->node[w->first[k]].state = DONE;
  } else if (json_is_array(v)) {
    json_array_foreach((json_t *)v, i, item) feed(w, item, given, flat, n_flat, at, depth + 1);
  } else if (json_is_object(v)) {
    const char *last = "";
    for (size_t step = 0; step < json_object_size(v); step++) {
      const char *next = NULL;
      json_object_foreach((json_t *)v, key, item) if (strcmp(key, last) > 0 && (!next || strcmp(key, next) < 0)) next =
          key;
      if (!next) break;
      feed(w, json_object_get(v, next), given, flat, n_flat, at, depth + 1);
      last = next;
    }
  }
}

/* The result: lists and dicts as output_layers has them. */
static kv_value collect(walk *w, const json_t *v, int depth) {
  kv_scope *s = w->c->s;
  if (depth > 16 || s->status) return KV_NOTHING;
  if (leaf(v)) {
    const char *name = json_string_value(json_array_get(v, 0));
    size_t k = child_named(w->model, name);
    int64_t number = json_integer_value(json_array_get(v, 1));
    /* Here every version counts the calls of a model in the model from 1 on. */
    if (k != SIZE_MAX && (w->model->child[k]->kind->traits & KV_MODEL) && number > 0) number--;
    return output_of(w, name, number, json_integer_value(json_array_get(v, 2)));
  }
  kv_value out = json_is_object(v) ? kv_value_dict(s, json_object_size(v)) : kv_value_list(s, json_array_size(v));
  const char *key;
  json_t *item;
  size_t i = 0;
  if (json_is_object(v)) {
    json_object_foreach((json_t *)v, key, item) {
      if (i == out.n) break;
      out.key[i] = key;
      out.item[i++] = collect(w, item, depth + 1);
    }
  }
  for (i = 0; json_is_array(v) && i < out.n; i++) out.item[i] = collect(w, json_array_get(v, i), depth + 1);
  return out;
}

kv_value kv_layer_functional(kv_invocation *c) {
  walk w = {.c = c, .model = c->layer};
  const json_t *config = c->layer->config, *outputs = json_object_get(config, "output_layers");
  size_t n_flat = 0, at = 0;
  kv_value given = c->n_args ? c->args[0] : KV_NOTHING;
  kv_value **flat = kv_value_leaves(c->s, &given, &n_flat);
  if (!flat || !begin(&w)) return KV_NOTHING;
  feed(&w, json_object_get(config, "input_layers"), &given, flat, n_flat, &at, 0);
  for (size_t i = 0; i < w.n && !c->s->status; i++) evaluate(&w, i);
  kv_value out = collect(&w, outputs, 0);
  /* Old files have a list around a single output. */
  if (json_array_size(outputs) == 1 && out.n == 1 && out.kind == KV_VALUE_LIST) return out.item[0];
  return out;
}
