#include "layers/index.h"

#include <string.h>

#include "kvino/index.h"

static bool read_bound(const json_t *slice, const char *name, kvino_bound *out) {
  const json_t *value = json_object_get(json_object_get(slice, "config"), name);
  *out = (kvino_bound){json_is_integer(value) ? json_integer_value(value) : KVINO_NO_INTEGER, NULL};
  return json_is_integer(value) || json_is_null(value);
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
  return class && !strcmp(class, "__slice__") && read_bound(v->data, "start", &out->start) &&
         read_bound(v->data, "stop", &out->stop) && read_bound(v->data, "step", &out->step);
}

kvino_tensor *kv_index_by_value(kv_invocation *c) {
  kvino_tensor *x = c->n_args == 2 ? c->args[0].tensor : NULL, *y = NULL;
  const kv_value *key = c->n_args == 2 ? &c->args[1] : NULL;
  if (!x) return kv_layer_refuse(c, "x[key] takes a tensor and a key");
  bool list = key->kind == KV_VALUE_LIST;
  size_t n = list ? key->n : 1;
  kvino_item *item = kv_scope_alloc(c->s, n ? n : 1, sizeof *item);
  for (size_t i = 0; item && i < n; i++)
    if (!read_item(list ? &key->item[i] : key, &item[i])) return kv_layer_refuse(c, "a key that is no index");
  if (!item || !kv_scope_ok(c->s, kvino_tensor_index(x, n, item, &y, c->s->err))) return NULL;
  return kv_own(c->s, y);
}
