/* What the functions of layers use (layer.h), and the frame around them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "archive/limits.h"
#include "archive/model_file.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "kvino/profile.h"
#include "layers/config.h"
#include "layers/regularizer.h"
#include "ops/common.h"

void *kv_layer_refuse(kv_invocation *c, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return kv_scope_fail(c->s, KVINO_UNSUPPORTED, "%s", text);
}

/* ---- arguments ---- */

kv_value kv_arg_value(kv_invocation *c, const char *name) {
  const char *list = c->layer->kind->arguments, *item;
  size_t n, length = strlen(name);
  for (size_t i = 0; i < c->n_named; i++)
    if (!strcmp(c->names[i], name)) return c->named[i];
  for (size_t i = 0; kv_item(&list, &item, &n) && i < c->n_args; i++)
    if (n == length && !memcmp(item, name, n)) return c->args[i];
  return KV_NOTHING;
}

kvino_tensor *kv_maybe_arg(kv_invocation *c, const char *name) {
  kv_value v = kv_arg_value(c, name);
  if (v.kind == KV_VALUE_NONE) return NULL;
  if (v.kind == KV_VALUE_LIST && v.n == 1) v = v.item[0];
  if (v.kind != KV_VALUE_TENSOR) return kv_scope_fail(c->s, KVINO_TYPE, "argument '%s' is not one tensor", name);
  return v.tensor;
}

kvino_tensor *kv_arg(kv_invocation *c, const char *name) {
  kvino_tensor *t = kv_maybe_arg(c, name);
  return t ? t : kv_scope_fail(c->s, KVINO_INVALID, "argument '%s' is missing", name);
}

bool kv_arg_flag(kv_invocation *c, const char *name, bool preset) {
  kv_value v = kv_arg_value(c, name);
  return v.kind == KV_VALUE_DATA ? json_is_true(v.data) : preset;
}

kvino_tensors kv_arg_tensors(kv_invocation *c, const char *name) {
  kv_value v = kv_arg_value(c, name);
  size_t n = v.kind == KV_VALUE_TENSOR ? 1 : v.n;
  kvino_tensor **list = kv_scope_alloc(c->s, n ? n : 1, sizeof *list);
  if (!list) return KV_NO_TENSORS;
  for (size_t i = 0; i < n; i++) {
    list[i] = v.kind == KV_VALUE_TENSOR ? v.tensor : v.item[i].tensor;
    if (!list[i]) kv_scope_fail(c->s, KVINO_TYPE, "argument '%s' is not a list of tensors", name);
  }
  if (!n) kv_scope_fail(c->s, KVINO_INVALID, "argument '%s' is missing", name);
  return c->s->status ? KV_NO_TENSORS : (kvino_tensors){n, list};
}

kvino_tensor *kv_mask(kv_invocation *c, const char *name) {
  kv_value given = kv_arg_value(c, "mask");
  return given.kind == KV_VALUE_TENSOR ? given.tensor : kv_arg_value(c, name).mask;
}

/* ---- fields ---- */

const json_t *kv_field(kv_invocation *c, const char *name) {
  const json_t *value = json_object_get(c->layer->defaults, name);
  if (!value) value = json_object_get(c->layer->config, name);
  return value ? value : json_null();
}

static void *wrong(kv_invocation *c, const char *name, const char *what) {
  return kv_scope_fail(c->s, KVINO_IO, "field '%s' of the configuration is not %s", name, what);
}

bool kv_field_flag(kv_invocation *c, const char *name) {
  const json_t *value = kv_field(c, name);
  if (json_is_integer(value)) return json_integer_value(value) != 0;
  if (!json_is_boolean(value) && !json_is_null(value)) wrong(c, name, "true or false");
  return json_is_true(value);
}

static bool as_integer(const json_t *value, int64_t *out) {
  if (json_is_integer(value))
    *out = json_integer_value(value);
  else if (json_is_real(value) && json_real_value(value) == (double)(int64_t)json_real_value(value))
    *out = (int64_t)json_real_value(value);
  else
    return false;
  return true;
}

int64_t kv_field_integer(kv_invocation *c, const char *name) {
  const json_t *value = kv_field(c, name);
  int64_t out = KVINO_NO_INTEGER;
  if (json_is_null(value)) return out;
  if (json_array_size(value) == 1) value = json_array_get(value, 0);
  if (!as_integer(value, &out)) wrong(c, name, "an integer");
  return out;
}

double kv_field_number(kv_invocation *c, const char *name) {
  const json_t *value = kv_field(c, name);
  if (!json_is_number(value)) wrong(c, name, "a number");
  return json_number_value(value);
}

const char *kv_field_text(kv_invocation *c, const char *name) {
  const json_t *value = kv_field(c, name);
  if (json_is_null(value)) return NULL;
  if (!json_is_string(value)) return wrong(c, name, "a text");
  return json_string_value(value);
}

/* The items of a serialized tuple are those of a list, as are the values of an array. */
static const json_t *list_of(const json_t *value) {
  const char *class = json_string_value(json_object_get(value, "class_name"));
  if (class && !strcmp(class, "__tuple__")) return json_object_get(value, "items");
  bool array = class && (!strcmp(class, "__numpy__") || !strcmp(class, "__tensor__"));
  return array ? json_object_get(json_object_get(value, "config"), "value") : value;
}

kvino_ints kv_field_ints(kv_invocation *c, const char *name, int rank) {
  const json_t *value = list_of(kv_field(c, name));
  if (json_is_null(value)) return KVINO_NO_INTS;
  bool list = json_is_array(value);
  size_t n = list ? json_array_size(value) : rank ? (size_t)rank : 1;
  int64_t *v = kv_scope_alloc(c->s, n ? n : 1, sizeof *v);
  for (size_t i = 0; v && i < n; i++) {
    const json_t *item = list ? json_array_get(value, i) : value;
    v[i] = -1;
    if (!json_is_null(item) && !as_integer(item, &v[i])) wrong(c, name, "a list of integers");
  }
  return v ? (kvino_ints){(int64_t)n, v, NULL, list || rank} : KVINO_NO_INTS;
}

static bool fill_numbers(const json_t *value, int depth, int rank, const int64_t *shape, double **to) {
  value = list_of(value);
  if (depth == rank) {
    if (!json_is_number(value)) return false;
    *(*to)++ = json_number_value(value);
    return true;
  }
  if (json_array_size(value) != (size_t)shape[depth]) return false;
  for (size_t i = 0; i < json_array_size(value); i++)
    if (!fill_numbers(json_array_get(value, i), depth + 1, rank, shape, to)) return false;
  return true;
}

kvino_tensor *kv_field_tensor(kv_invocation *c, const char *name, kvino_dtype dtype) {
  const json_t *value = kv_field(c, name);
  int64_t shape[KVINO_MAX_RANK];
  size_t size = 1;
  int rank = 0;
  if (json_is_null(value)) return NULL;
  for (const json_t *at = list_of(value); json_is_array(at) && rank < 8; at = list_of(json_array_get(at, 0))) {
    shape[rank++] = (int64_t)json_array_size(at);
    size *= json_array_size(at);
    if (size > KV_MOST_JSON) return wrong(c, name, "an array of numbers");
  }
  double *numbers = kv_scope_alloc(c->s, size ? size : 1, sizeof *numbers), *to = numbers;
  if (!numbers) return NULL;
  if (!fill_numbers(value, 0, rank, shape, &to)) return wrong(c, name, "an array of numbers");
  kvino_tensor *t = NULL;
  if (!kv_scope_ok(c->s, kvino_tensor_new(KVINO_F64, rank, shape, numbers, &t, c->s->err))) return NULL;
  return kv_cast(c->s, kv_own(c->s, t), dtype);
}

const char *kv_data_format(kv_invocation *c) {
  const char *format = kv_field_text(c, "data_format");
  return format ? format : "channels_last";
}

void kv_only_default(kv_invocation *c, const char *name) {
  const char *preset;
  size_t n;
  const json_t *value = json_object_get(c->layer->config, name);
  if (!value || !kv_listed(c->layer->kind->fields, name, &preset, &n) || !preset) return;
  json_t *expected = kv_python_value(preset, n);
  bool same =
      json_equal(value, expected) || (json_is_null(value) && json_is_false(expected)) ||
      (json_is_number(value) && json_is_number(expected) && json_number_value(value) == json_number_value(expected));
  json_decref(expected);
  if (!same) kv_layer_refuse(c, "field '%s' other than %.*s is not read from a file", name, (int)n, preset);
}

/* ---- weights and activations ---- */

const char *kv_asset_text(kv_invocation *c, const char *name, size_t *n) {
  kv_text path = {0};
  kv_put(&path, "%s/%s", c->layer->path, name);
  const kv_bytes *bytes = path.at ? kv_model_file_asset(c->layer->file, path.at) : NULL;
  if (!path.at) kv_scope_fail(c->s, KVINO_NO_MEMORY, "out of memory for a name");
  kv_free(path.at);
  *n = bytes ? bytes->n : 0;
  return bytes ? bytes->at : NULL;
}

kvino_tensor *kv_weight_raw(kv_invocation *c, const char *name) {
  for (size_t i = 0; i < c->layer->n_weights; i++)
    if (!strcmp(c->layer->weight[i].name, name))
      return c->training ? c->training->weight[c->layer->weight[i].number] : c->layer->weight[i].tensor;
  return NULL;
}

kvino_tensor *kv_weight(kv_invocation *c, const char *name) {
  kvino_tensor *t = kv_weight_raw(c, name);
  if (!t || !kvino_dtype_is_float((kvino_dtype)t->dtype) || t->dtype == c->layer->compute) return t;
  return kv_cast(c->s, t, c->layer->compute);
}

kvino_tensor *kv_add_bias(kv_invocation *c, kvino_tensor *y, kvino_tensor *bias, const char *data_format) {
  if (!bias || !y) return y;
  if (!strcmp(data_format, "channels_first") && y->rank > 2) {
    int64_t shape[KVINO_MAX_RANK];
    for (int i = 0; i < y->rank; i++) shape[i] = i == 1 ? -1 : 1;
    bias = kv_reshape_to(c->s, bias, y->rank, shape);
  }
  return op_add(c->s, y, bias);
}

/* ---- calls ---- */

static bool first_mask(const kv_value *v, kvino_tensor **mask) {
  if (v->kind == KV_VALUE_TENSOR) return (*mask = v->mask), true;
  for (size_t i = 0; i < v->n; i++)
    if (first_mask(&v->item[i], mask)) return true;
  return false;
}

static void cast_leaves(kv_scope *s, kv_value *v, kvino_dtype dtype) {
  if (v->kind == KV_VALUE_TENSOR && v->tensor && kvino_dtype_is_float((kvino_dtype)v->tensor->dtype) &&
      v->tensor->dtype != dtype)
    v->tensor = kv_cast(s, v->tensor, dtype);
  if (!v->n) return;
  kv_value *item = kv_scope_alloc(s, v->n, sizeof *item); /* what others hold of it stays */
  if (!item) return;
  memcpy(item, v->item, v->n * sizeof *item);
  v->item = item;
  for (size_t i = 0; i < v->n; i++) cast_leaves(s, &item[i], dtype);
}

static void set_masks(kv_value *v, kvino_tensor *mask) {
  if (v->kind == KV_VALUE_TENSOR) v->mask = mask;
  for (size_t i = 0; i < v->n; i++) set_masks(&v->item[i], mask);
}

/* Which arguments a call may have: what the kind's line lists; a mask, which Keras hands to every layer; training,
 * which predict sets whatever was recorded. */
static bool check_arguments(kv_invocation *c) {
  const char *list = c->layer->kind->arguments, *item;
  size_t n, most = 0;
  while (kv_item(&list, &item, &n)) most++;
  if (c->n_args > most)
    return kv_scope_fail(c->s, KVINO_UNSUPPORTED, "called with %zu arguments; %zu are known", c->n_args, most) != NULL;
  for (size_t i = 0; i < c->n_named; i++) {
    const char *name = c->names[i];
    if (kv_listed(c->layer->kind->arguments, name, NULL, NULL) || !strcmp(name, "mask") ||
        c->named[i].kind == KV_VALUE_NONE)
      continue;
    if (!strcmp(name, "training")) continue;
    return kv_layer_refuse(c, "called with an argument '%s', which is unknown", name) != NULL;
  }
  return true;
}

/* The first error inside says which layer it was. */
static void name_error(kv_invocation *c) {
  char text[KVINO_ERROR_TEXT];
  if (!c->s->err) return;
  snprintf(text, sizeof text, "%s", c->s->err->text);
  kv_fail(c->s->err, c->s->status, "layer '%s' (%s): %s", c->layer->name, c->layer->class_name, text);
}

/* What it records is known by the layer's name to profiles; the model itself (no layer of another) has none. */
static kv_value call_in_scope(kv_invocation *c, bool named) {
  if (!named) return c->layer->kind->call(c);
  if (!kv_scope_ok(c->s, kvino_scope_begin(c->layer->name, c->s->err))) return KV_NOTHING;
  kv_value out = c->layer->kind->call(c);
  kvino_scope_end();
  return out;
}

kv_value kv_layer_call(kv_scope *s, const kv_layer *layer, size_t n_args, const kv_value *args, size_t n_named,
                       const char *const *names, const kv_value *named, const kv_invocation *outer) {
  if (s->status) return KV_NOTHING;
  unsigned traits = layer->kind->traits;
  kv_value all = kv_value_list(s, n_args + n_named);
  if (!all.n && n_args + n_named) return KV_NOTHING;
  if (n_args) memcpy(all.item, args, n_args * sizeof *args);
  if (n_named) memcpy(all.item + n_args, named, n_named * sizeof *named);
  if (!(traits & (KV_NO_AUTOCAST | KV_MODEL | KV_INPUT)) && kvino_dtype_is_float(layer->compute))
    cast_leaves(s, &all, layer->compute);
  kv_invocation c = {s, layer, n_args, n_named, all.item, names, all.item ? all.item + n_args : NULL,
                     0, NULL,  false,  NULL};
  if (outer) {
    c.depth = outer->depth + 1;
    c.training = outer->training;
    c.frozen = outer->frozen;
    c.states = outer->states;
  }
  c.frozen |= !layer->trainable;
  kv_value out = KV_NOTHING;
  kvino_tensor *mask = NULL;
  if (c.depth > KV_MOST_DEPTH)
    kv_scope_fail(s, KVINO_IO, "layers inside of layers, more than %d deep", KV_MOST_DEPTH);
  else if ((traits & (KV_MODEL | KV_ANY_ARGUMENTS)) || check_arguments(&c))
    out = call_in_scope(&c, outer != NULL);
  if (c.training && !s->status) kv_regularize_activity(&c, &out);
  if (s->status) {
    if (!(traits & KV_MODEL)) name_error(&c);
    return KV_NOTHING;
  }
  if (traits & KV_KEEPS_MASK) {
    kv_value given = kv_arg_value(&c, "mask");
    if (given.kind == KV_VALUE_TENSOR)
      mask = given.tensor;
    else if (n_args || n_named)
      first_mask(&all.item[0], &mask);
  }
  if (!(traits & (KV_OWN_MASK | KV_MODEL | KV_INPUT))) set_masks(&out, mask);
  return out;
}

kv_value kv_call_child(kv_invocation *c, size_t i, kv_value input) {
  if (i >= c->layer->n_children) return kv_scope_fail(c->s, KVINO_IO, "the layer inside is missing"), KV_NOTHING;
  return kv_layer_call(c->s, c->layer->child[i], 1, &input, 0, NULL, NULL, c);
}
