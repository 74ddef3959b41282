#include "layers/index.h"

#include <string.h>

#include "kvino/index.h"

static bool read_bound(const json_t *slice, const char *name, kvino_bound *out) {
  const json_t *value = json_object_get(json_object_get(slice, "config"), name);
  *out = (kvino_bound){json_is_integer(value) ? json_integer_value(value) : KVINO_NO_INTEGER, NULL};
  return json_is_integer(value) || json_is_null(value);
}

/* tf.keras writes slices as dicts, of which a part may be a tensor. */
static bool read_part(const kv_value *slice, const char *name, kvino_bound *out) {
  *out = (kvino_bound){KVINO_NO_INTEGER, NULL};
  for (size_t i = 0; i < slice->n; i++) {
    const kv_value *v = &slice->item[i];
    if (strcmp(slice->key[i], name) || v->kind == KV_VALUE_NONE) continue;
    *out = (kvino_bound){json_is_integer(v->data) ? json_integer_value(v->data) : KVINO_NO_INTEGER, v->tensor};
    return v->tensor || json_is_integer(v->data);
  }
  return true;
}

static bool read_item(const kv_value *v, kvino_item *out) {
  const char *class = json_string_value(json_object_get(v->data, "class_name"));
  *out = (kvino_item){.kind = KVINO_ITEM_NEWAXIS};
  if (v->kind == KV_VALUE_NONE) return true;
  if (v->kind == KV_VALUE_TENSOR) {
    *out = (kvino_item){.kind = KVINO_ITEM_TENSOR, .tensor = v->tensor};
    return true;
  }
  if (json_is_integer(v->data)) {
    *out = (kvino_item){.kind = KVINO_ITEM_INTEGER, .integer = json_integer_value(v->data)};
    return true;
  }
  if (class && !strcmp(class, "__ellipsis__")) {
    out->kind = KVINO_ITEM_ELLIPSIS;
    return true;
  }
  out->kind = KVINO_ITEM_SLICE;
  if (v->kind == KV_VALUE_DICT)
    return read_part(v, "start", &out->start) && read_part(v, "stop", &out->stop) && read_part(v, "step", &out->step);
  return class && !strcmp(class, "__slice__") && read_bound(v->data, "start", &out->start) &&
         read_bound(v->data, "stop", &out->stop) && read_bound(v->data, "step", &out->step);
}

kvino_tensor *kv_index(kv_invocation *c, kvino_tensor *x, const kv_value *key) {
  kvino_tensor *y = NULL;
  if (!x) return kv_layer_refuse(c, "x[key] takes a tensor and a key");
  bool list = key->kind == KV_VALUE_LIST;
  size_t n = list ? key->n : 1;
  kvino_item *item = kv_scope_alloc(c->s, n ? n : 1, sizeof *item);
  for (size_t i = 0; item && i < n; i++)
    if (!read_item(list ? &key->item[i] : key, &item[i])) return kv_layer_refuse(c, "a key that is no index");
  if (!item || !kv_scope_ok(c->s, kvino_tensor_index(x, n, item, &y, c->s->err))) return NULL;
  return kv_own(c->s, y);
}
