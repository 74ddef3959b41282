/* Layers of tf.keras that hold a node of TensorFlow's graph: the operation, its attributes, and those of its inputs
 * that are constants. They are called as the function of TensorFlow that makes such a node (tensorflow.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kvino/index.h"
#include "layers/config.h"
#include "layers/graph.h"
#include "layers/operation.h"
#include "layers/tensorflow.h"

typedef struct operation {
  const char *name, *function, *inputs, *attributes;
} operation;

static const operation OPERATIONS[] = {
#define NODE(operation, function, inputs, attributes) {#operation, #function, inputs, attributes},
#define NODE_OWN(operation, attributes) {#operation, NULL, "", attributes},
#include "layers/tensorflow_node.def"
#undef NODE
#undef NODE_OWN
};

const char *kv_tensorflow_operation(const json_t *config) {
  return json_string_value(json_object_get(json_object_get(config, "node_def"), "op"));
}

static const operation *find(const char *name) {
  for (size_t i = 0; name && i < sizeof OPERATIONS / sizeof *OPERATIONS; i++)
    if (!strcmp(OPERATIONS[i].name, name)) return &OPERATIONS[i];
  return NULL;
}

bool kv_tensorflow_operation_known(const char *name) { return find(name) != NULL; }

/* ---- the node's inputs ---- */

static kv_value no_tensor(void *context, const char *layer, int64_t node, int64_t output) {
  (void)layer, (void)node, (void)output;
  return kv_scope_fail(context, KVINO_IO, "a tensor among the constants of an operation"), KV_NOTHING;
}

/* A constant; an array that stands with its dtype is its numbers. */
static kv_value constant(kv_invocation *c, const json_t *data) {
  const char *class = json_string_value(json_object_get(data, "class_name"));
  bool array = class && (!strcmp(class, "__numpy__") || !strcmp(class, "__tensor__"));
  const json_t *value = array ? json_object_get(json_object_get(data, "config"), "value") : NULL;
  return kv_value_read(c->s, value ? value : data, no_tensor, c->s, 0);
}

/* What the layer is called with and the constants, which stand under their positions. */
static kv_value inputs_of(kv_invocation *c) {
  const json_t *constants = json_object_get(c->layer->config, "constants");
  kv_value given = {.kind = KV_VALUE_LIST, .n = c->n_args, .item = (kv_value *)c->args};
  size_t n = 0, at = 0, n_constants = json_object_size(constants);
  kv_value **leaf = kv_value_leaves(c->s, &given, &n), all = kv_value_list(c->s, n + n_constants);
  for (size_t i = 0; leaf && i < all.n; i++) {
    char position[24];
    snprintf(position, sizeof position, "%zu", i);
    const json_t *data = json_object_get(constants, position);
    if (!data && at == n) return kv_layer_refuse(c, "its inputs and constants are not those of a node"), KV_NOTHING;
    all.item[i] = data ? constant(c, data) : *leaf[at++];
  }
  return all;
}

/* ---- its attributes ---- */

/* Texts are in base64; all that matter here are letters. NULL: another one. */
static json_t *decoded(const char *text) {
  static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char out[48];
  size_t n = 0;
  uint32_t bits = 0;
  int n_bits = 0;
  for (; *text && *text != '='; text++) {
    const char *digit = strchr(DIGITS, *text);
    if (!digit || n == sizeof out) return NULL;
    bits = bits << 6 | (uint32_t)(digit - DIGITS);
    if ((n_bits += 6) >= 8) out[n++] = (char)(bits >> (n_bits -= 8));
  }
  return json_stringn(out, n);
}

/* "DT_FLOAT" as kvino names it. */
static json_t *dtype_of(const char *type) {
  static const char *const OTHERS[][2] = {{"float", "float32"}, {"double", "float64"}, {"half", "float16"}};
  char name[32] = "";
  if (strncmp(type, "DT_", 3)) return NULL;
  for (size_t i = 0; type[3 + i] && i + 1 < sizeof name; i++) {
    char letter = type[3 + i];
    name[i] = letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
  }
  for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
    if (!strcmp(name, OTHERS[i][0])) return json_string(OTHERS[i][1]);
  return json_string(name);
}

/* 64-bit integers are texts in a message's JSON. */
static json_t *integer_of(const json_t *v) {
  return json_integer(json_is_string(v) ? strtoll(json_string_value(v), NULL, 10) : json_integer_value(v));
}

/* The value of an attribute, of which a message has the kind as a key. NULL: none that is read. */
static json_t *attribute_of(const json_t *message) {
  const json_t *v;
  if ((v = json_object_get(message, "b"))) return json_boolean(json_is_true(v));
  if ((v = json_object_get(message, "i"))) return integer_of(v);
  if ((v = json_object_get(message, "f"))) return json_is_number(v) ? json_real(json_number_value(v)) : NULL;
  if ((v = json_object_get(message, "s"))) return json_is_string(v) ? decoded(json_string_value(v)) : NULL;
  if ((v = json_object_get(message, "type"))) return json_is_string(v) ? dtype_of(json_string_value(v)) : NULL;
  if (!(v = json_object_get(message, "list"))) return NULL;
  json_t *list = json_array();
  const json_t *items = json_object_get(v, "i");
  for (size_t i = 0; i < json_array_size(items); i++) json_array_append_new(list, integer_of(json_array_get(items, i)));
  return list;
}

/* ---- the call of a function ---- */

typedef struct arguments {
  kv_invocation *c;
  size_t n, most;
  const char **name;
  kv_value *value;
  json_t *made; /* texts, names and numbers that live as long as the call */
} arguments;

/* The name is a part of a table's text. */
static void give(arguments *a, const char *name, size_t n_name, kv_value value) {
  json_t *text = json_stringn(name, n_name);
  if (!text || json_array_append_new(a->made, text) || a->n == a->most) {
    kv_scope_fail(a->c->s, KVINO_NO_MEMORY, "out of memory for a call");
    return;
  }
  a->name[a->n] = json_string_value(text);
  a->value[a->n++] = value;
}

/* json: a new reference, or NULL. */
static void give_data(arguments *a, const char *name, size_t n_name, json_t *json) {
  if (!json || json_array_append_new(a->made, json)) {
    kv_layer_refuse(a->c, "the attribute for '%.*s' of its node is none that is read", (int)n_name, name);
    return;
  }
  give(a, name, n_name, kv_value_read(a->c->s, json, no_tensor, a->c->s, 0));
}

static bool is_number(const kv_value *v, const char *text) {
  return v->kind == KV_VALUE_DATA && json_is_number(v->data) && json_number_value(v->data) == strtod(text, NULL);
}

static void give_inputs(arguments *a, const operation *o, kv_value inputs) {
  const char *list = o->inputs, *item;
  size_t n, at = 0, named = 0;
  while (kv_item(&list, &item, &n)) named += *item != '*' && !memchr(item, '=', n);
  bool several = strchr(o->inputs, '*');
  if (inputs.n < named || (!several && inputs.n != named)) {
    kv_layer_refuse(a->c, "%s with %zu inputs", o->name, inputs.n);
    return;
  }
  for (list = o->inputs; kv_item(&list, &item, &n) && !a->c->s->status;) {
    const char *equals = memchr(item, '=', n);
    if (equals) {
      give_data(a, item, (size_t)(equals - item), kv_python_value(equals + 1, n - (size_t)(equals + 1 - item)));
    } else if (*item == '*') {
      give(a, item + 1, n - 1, (kv_value){.kind = KV_VALUE_LIST, .n = inputs.n - named, .item = inputs.item + at});
      at += inputs.n - named;
    } else if (*item != '!') {
      give(a, item, n, inputs.item[at++]);
    } else if (!is_number(&inputs.item[at++], item + 1)) {
      kv_layer_refuse(a->c, "%s other than of 0 and 1 is not read", o->name);
    }
  }
}

/* Of four numbers those of the image's axes. */
static json_t *of_image(const json_t *node, json_t *list) {
  json_t *format = attribute_of(json_object_get(json_object_get(node, "attr"), "data_format"));
  bool first = json_is_string(format) && !strcmp(json_string_value(format), "NCHW");
  json_t *two = json_array_size(list) == 4 ? json_array() : NULL;
  for (size_t i = 0; two && i < 2; i++) json_array_append(two, json_array_get(list, i + (first ? 2 : 1)));
  json_decref(format);
  json_decref(list);
  return two;
}

static void give_attributes(arguments *a, const operation *o, const json_t *node) {
  const char *key, *to;
  json_t *message;
  size_t n;
  json_object_foreach(json_object_get(node, "attr"), key, message) {
    bool listed = kv_listed(o->attributes, key, &to, &n);
    if (a->c->s->status) return;
    if (listed && n && *to == '-') continue;
    if (listed && n && *to == '!') {
      if (!json_is_true(json_object_get(message, "b")))
        kv_layer_refuse(a->c, "'%s' of %s other than true is not read", key, o->name);
      continue;
    }
    if (!listed) {
      if (*key != '_' && !json_object_get(message, "type") && !json_is_false(json_object_get(message, "b")))
        kv_layer_refuse(a->c, "'%s' of %s is not read from a file", key, o->name);
      continue;
    }
    json_t *value = attribute_of(message);
    if (n && *to == '=') {
      const char *text = json_string_value(value);
      if (!text || strlen(text) != n - 1 || memcmp(text, to + 1, n - 1))
        kv_layer_refuse(a->c, "'%s' of %s other than %.*s is not read", key, o->name, (int)n - 1, to + 1);
      json_decref(value);
      continue;
    }
    bool image = n && *to == '%', empty = json_is_array(value) && !json_array_size(value);
    if (image) value = of_image(node, value);
    if (empty)
      json_decref(value);
    else
      give_data(a, to + image, n - image, value);
  }
}

/* ---- x[begin:end:step], of which masks say what each item is ---- */

static int64_t mask(const json_t *node, const char *name) {
  json_t *value = attribute_of(json_object_get(json_object_get(node, "attr"), name));
  int64_t bits = json_integer_value(value);
  json_decref(value);
  return bits;
}

static kvino_bound bound(const kvino_ints *list, int64_t i, int64_t left_out) {
  if (left_out >> i & 1) return (kvino_bound){KVINO_NO_INTEGER, NULL};
  kvino_tensor *t = list->symbolic ? list->symbolic[i] : NULL;
  return (kvino_bound){t ? KVINO_NO_INTEGER : list->v[i], t};
}

static kv_value strided_slice(kv_invocation *c, const json_t *node, kv_value in) {
  enum { MOST = 32 };
  kvino_item item[MOST];
  kvino_ints part[3];
  kvino_tensor *y = NULL;
  if (in.n != 4 || in.item[0].kind != KV_VALUE_TENSOR)
    return kv_layer_refuse(c, "StridedSlice with other inputs than a tensor and three lists"), KV_NOTHING;
  for (int i = 0; i < 3; i++) part[i] = kv_value_ints(c, &in.item[i + 1]);
  if (c->s->status) return KV_NOTHING;
  int64_t n = part[0].n;
  if (n < 0 || n > MOST || part[1].n != n || part[2].n != n)
    return kv_layer_refuse(c, "StridedSlice with lists of different lengths"), KV_NOTHING;
  for (int64_t i = 0; i < n; i++) {
    bool whole = mask(node, "ellipsis_mask") >> i & 1, fresh = mask(node, "new_axis_mask") >> i & 1;
    kvino_bound start = bound(&part[0], i, mask(node, "begin_mask"));
    if (mask(node, "shrink_axis_mask") >> i & 1 && !whole && !fresh)
      item[i] = start.tensor ? (kvino_item){.kind = KVINO_ITEM_TENSOR, .tensor = start.tensor}
                             : (kvino_item){.kind = KVINO_ITEM_INTEGER, .integer = part[0].v[i]};
    else
      item[i] = (kvino_item){.kind = whole   ? KVINO_ITEM_ELLIPSIS
                                     : fresh ? KVINO_ITEM_NEWAXIS
                                             : KVINO_ITEM_SLICE,
                             .start = start,
                             .stop = bound(&part[1], i, mask(node, "end_mask")),
                             .step = bound(&part[2], i, 0)};
  }
  if (!kv_scope_ok(c->s, kvino_tensor_index(in.item[0].tensor, (size_t)n, item, &y, c->s->err))) return KV_NOTHING;
  return kv_of(kv_own(c->s, y));
}

/* ---- the layer ---- */

kv_value kv_layer_tensorflow_node(kv_invocation *c) {
  const json_t *node = json_object_get(c->layer->config, "node_def");
  const operation *o = find(kv_tensorflow_operation(c->layer->config));
  if (!o) return kv_layer_refuse(c, "its operation is not read from a file"), KV_NOTHING;
  kv_value inputs = inputs_of(c), out = KV_NOTHING;
  if (c->s->status) return KV_NOTHING;
  if (!o->function) return strided_slice(c, node, inputs);
  arguments a = {.c = c, .most = inputs.n + 8};
  a.name = kv_scope_alloc(c->s, a.most, sizeof *a.name);
  a.value = kv_scope_alloc(c->s, a.most, sizeof *a.value);
  if (!a.name || !a.value || !(a.made = json_array())) return KV_NOTHING;
  give_inputs(&a, o, inputs);
  if (!c->s->status) give_attributes(&a, o, node);
  kv_invocation inner = *c;
  inner.n_args = 0;
  inner.n_named = a.n;
  inner.names = a.name;
  inner.named = a.value;
  if (!c->s->status) out = kv_tensorflow_call(&inner, o->function);
  json_decref(a.made);
  return out;
}
