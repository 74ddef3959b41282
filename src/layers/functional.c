/* Functional: layers joined to a graph by the calls that the configuration lists ("inbound_nodes").
 *
 * Keras 3 writes a call as its arguments, with {"class_name": "__keras_tensor__"} for tensors. Before, it was a list of
 * [layer, node, output, further arguments]. */
#include <string.h>

#include "archive/limits.h"
#include "layers/config.h"
#include "layers/graph.h"
#include "layers/order.h"

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
  kv_find_tensor *find; /* what stands for a tensor that an argument or an output names */
  size_t n_found, most_found, *found;
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

typedef kv_value read_item(void *context, const json_t *item, int depth);

/* A list of a list, a dict of a dict; its items as `read` makes them. */
static kv_value read_items(kv_scope *s, const json_t *data, read_item *read, void *context, int depth) {
  const char *key;
  json_t *item;
  size_t i = 0;
  if (json_is_array(data)) {
    kv_value v = kv_value_list(s, json_array_size(data));
    for (; i < v.n; i++) v.item[i] = read(context, json_array_get(data, i), depth);
    return v;
  }
  kv_value v = kv_value_dict(s, json_object_size(data));
  json_object_foreach((json_t *)data, key, item) {
    if (i == v.n) break;
    v.key[i] = key;
    v.item[i++] = read(context, item, depth);
  }
  return v;
}

typedef struct reading {
  kv_scope *s;
  kv_find_tensor *tensor;
  void *context;
} reading;

static kv_value read_one(void *context, const json_t *item, int depth) {
  reading *r = context;
  return kv_value_read(r->s, item, r->tensor, r->context, depth);
}

kv_value kv_value_read(kv_scope *s, const json_t *data, kv_find_tensor *tensor, void *context, int depth) {
  if (s->status || json_is_null(data)) return KV_NOTHING;
  if (depth > 16) return kv_scope_fail(s, KVINO_IO, "arguments that are nested too deep"), KV_NOTHING;
  reading inside = {s, tensor, context};
  if (json_is_array(data)) return read_items(s, data, read_one, &inside, depth + 1);
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
  return read_items(s, data, read_one, &inside, depth + 1);
}

static kv_value evaluate(walk *w, size_t i);

/* The node that is call number `number` of a layer. */
static bool find_node(walk *w, const char *name, int64_t number, size_t *out) {
  size_t k = child_named(w->model, name);
  if (k == SIZE_MAX) return broken(w, "Missing node:", name) != NULL;
  if (number < 0 || (uint64_t)number >= w->first[k + 1] - w->first[k])
    return broken(w, "there is no such call of layer", name) != NULL;
  *out = w->first[k] + (size_t)number;
  return true;
}

static kv_value output_of(void *context, const char *name, int64_t number, int64_t output) {
  walk *w = context;
  size_t i;
  if (!find_node(w, name, number, &i)) return KV_NOTHING;
  kv_value v = evaluate(w, i);
  size_t n = 0;
  kv_value **leaf = kv_value_leaves(w->c->s, &v, &n);
  if (w->c->s->status) return KV_NOTHING;
  if (output < 0 || (uint64_t)output >= n) return broken(w, "there is no such output of layer", name), KV_NOTHING;
  return *leaf[output];
}

/* Notes the node instead of giving its value. */
static kv_value note_node(void *context, const char *name, int64_t number, int64_t output) {
  walk *w = context;
  size_t i;
  (void)output;
  if (!find_node(w, name, number, &i)) return KV_NOTHING;
  if (w->n_found == w->most_found) {
    size_t most = 2 * w->most_found + 16, *more = kv_scope_alloc(w->c->s, most, sizeof *more);
    if (!more) return KV_NOTHING;
    if (w->n_found) memcpy(more, w->found, w->n_found * sizeof *more);
    w->found = more;
    w->most_found = most;
  }
  w->found[w->n_found++] = i;
  return KV_NOTHING;
}

/* Of an old file, where calls of models in models are counted from 1 on. */
static kv_value old_output(void *context, const char *name, int64_t number, int64_t output) {
  walk *w = context;
  size_t k = child_named(w->model, name);
  return w->find(context, name, k == SIZE_MAX ? number : number - w->base[k], output);
}

/* ---- calls ---- */

static bool old_leaf(const json_t *v) {
  return json_array_size(v) >= 3 && json_is_string(json_array_get(v, 0)) && json_is_integer(json_array_get(v, 1));
}

/* Further arguments of old files: tensors in them are [layer, node, output]. */
static kv_value old_argument(void *context, const json_t *data, int depth) {
  walk *w = context;
  const char *name = old_leaf(data) ? json_string_value(json_array_get(data, 0)) : NULL;
  if (name && !strcmp(name, "_CONSTANT_VALUE"))
    return kv_value_read(w->c->s, json_array_get(data, 2), old_output, w, 0);
  if (name)
    return old_output(w, name, json_integer_value(json_array_get(data, 1)),
                      json_integer_value(json_array_get(data, 2)));
  bool dict = json_is_object(data) && !json_object_get(data, "class_name");
  if ((!json_is_array(data) && !dict) || depth > 8) return kv_value_read(w->c->s, data, old_output, w, 0);
  return read_items(w->c->s, data, old_argument, w, depth + 1);
}

static bool old_arguments(walk *w, const node *at, kv_value *args_out, kv_value *named_out) {
  kv_scope *s = w->c->s;
  const json_t *list = at->call;
  if (old_leaf(list)) list = NULL; /* one input without a list around it */
  size_t n = list ? json_array_size(list) : 1;
  kv_value inputs = kv_value_list(s, n), named = KV_NOTHING;
  for (size_t i = 0; i < inputs.n; i++) {
    const json_t *in = list ? json_array_get(list, i) : at->call;
    if (!old_leaf(in)) return broken(w, "a call that is none, of layer", at->layer->name) != NULL;
    inputs.item[i] = old_argument(w, in, 0);
    const json_t *more = json_array_get(in, 3);
    if (json_object_size(more)) named = read_items(s, more, old_argument, w, 0);
  }
  if (!inputs.n) return broken(w, "a call without inputs, of layer", at->layer->name) != NULL;
  kv_value first = inputs.n == 1 ? inputs.item[0] : inputs;
  /* Recurrent layers were given their first states in the list of inputs. */
  if (inputs.n > 1 && !named.n && kv_listed(at->layer->kind->arguments, "initial_state", NULL, NULL)) {
    first = inputs.item[0];
    named = kv_value_dict(s, 1);
    if (!named.n) return false;
    named.key[0] = "initial_state";
    named.item[0] = (kv_value){.kind = KV_VALUE_LIST, .n = inputs.n - 1, .item = inputs.item + 1};
  }
  *args_out = kv_value_list(s, 1);
  if (args_out->n) args_out->item[0] = first;
  *named_out = named;
  return args_out->n == 1;
}

/* What a node's layer is called with. */
static bool arguments(walk *w, const node *at, kv_value *args, kv_value *named) {
  kv_scope *s = w->c->s;
  if (json_is_array(at->call)) return old_arguments(w, at, args, named);
  *args = kv_value_read(s, json_object_get(at->call, "args"), w->find, w, 0);
  *named = kv_value_read(s, json_object_get(at->call, "kwargs"), w->find, w, 0);
  bool sound = (args->kind == KV_VALUE_LIST || args->kind == KV_VALUE_NONE) &&
               (named->kind == KV_VALUE_DICT || named->kind == KV_VALUE_NONE);
  if (!sound && !s->status) broken(w, "a call that is none, of layer", at->layer->name);
  return sound;
}

static kv_value evaluate(walk *w, size_t i) {
  node *at = &w->node[i];
  kv_value args, named;
  if (at->state == DONE) return at->value;
  if (at->state == BEGUN) return broken(w, "the graph of layers has a loop through", at->layer->name), KV_NOTHING;
  if (w->depth > DEEPEST)
    return broken(w, "the graph of layers is too far from their order, at", at->layer->name), KV_NOTHING;
  at->state = BEGUN;
  w->depth++;
  if (!arguments(w, at, &args, &named)) return KV_NOTHING;
  at->value = kv_layer_call(w->c->s, at->layer, args.n, args.item, named.n, named.key, named.item, w->c);
  w->depth--;
  at->state = DONE;
  return at->value;
}

/* ---- the model ---- */

/* Old files count the calls of a model in the model from 1 on where making it was one: the least number says so. */
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
  find_bases(w, json_object_get(model->config, "output_layers"), 0);
  for (size_t i = 0; i < model->n_children; i++) {
    const kv_layer_kind *kind = model->child[i]->kind;
    bool old = w->first[i] < w->first[i + 1] && json_is_array(w->node[w->first[i]].call);
    if (!old) /* Keras 3, which does so of the outputs of Functional models alone */
      w->base[i] = kind->call == kv_layer_functional;
    else if (w->base[i] != 1 || !(kind->traits & KV_MODEL))
      w->base[i] = 0;
  }
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
static kv_value collect(void *context, const json_t *v, int depth) {
  walk *w = context;
  kv_scope *s = w->c->s;
  if (depth > 16 || s->status) return KV_NOTHING;
  if (leaf(v)) {
    const char *name = json_string_value(json_array_get(v, 0));
    size_t k = child_named(w->model, name);
    int64_t number = json_integer_value(json_array_get(v, 1));
    if (k != SIZE_MAX) number -= w->base[k];
    return w->find(w, name, number, json_integer_value(json_array_get(v, 2)));
  }
  if (!json_is_array(v) && !json_is_object(v)) return kv_value_list(s, 0);
  return read_items(s, v, collect, w, depth + 1);
}

/* The nodes in Keras's order; NULL: in that of the file, which is as good where no layer keeps states between its
 * calls. */
static const size_t *order_of(walk *w, const json_t *outputs) {
  kv_scope *s = w->c->s;
  if (!w->c->states || w->n <= w->model->n_children) return NULL;
  size_t *layer = kv_scope_alloc(s, w->n, sizeof *layer), *first = kv_scope_alloc(s, w->n + 1, sizeof *first);
  if (!layer || !first) return NULL;
  kv_value args, named;
  w->find = note_node;
  for (size_t k = 0; k < w->model->n_children; k++)
    for (size_t i = w->first[k]; i < w->first[k + 1]; i++) {
      layer[i] = k;
      first[i] = w->n_found;
      if (w->node[i].state == NEW && !arguments(w, &w->node[i], &args, &named)) return NULL;
    }
  first[w->n] = w->n_found;
  collect(w, outputs, 0);
  w->find = output_of;
  if (s->status) return NULL;
  return kv_calls_order(s, &(kv_calls){.n = w->n,
                                       .layer = layer,
                                       .first = first,
                                       .parent = w->found,
                                       .n_outputs = w->n_found - first[w->n],
                                       .output = w->found + first[w->n]});
}

kv_value kv_layer_functional(kv_invocation *c) {
  walk w = {.c = c, .model = c->layer, .find = output_of};
  const json_t *config = c->layer->config, *outputs = json_object_get(config, "output_layers");
  size_t n_flat = 0, at = 0;
  kv_value given = c->n_args ? c->args[0] : KV_NOTHING;
  kv_value **flat = kv_value_leaves(c->s, &given, &n_flat);
  if (!flat || !begin(&w)) return KV_NOTHING;
  feed(&w, json_object_get(config, "input_layers"), &given, flat, n_flat, &at, 0);
  const size_t *order = order_of(&w, outputs);
  for (size_t i = 0; i < w.n && !c->s->status; i++) evaluate(&w, order ? order[i] : i);
  kv_value out = collect(&w, outputs, 0);
  /* Old files have a list around a single output. */
  if (json_array_size(outputs) == 1 && out.n == 1 && out.kind == KV_VALUE_LIST) return out.item[0];
  return out;
}
