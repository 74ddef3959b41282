#include "layers/custom.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ops/common.h"

/* ---- the list ---- */

kvino_status kv_customs_copy(size_t n, const kvino_custom *v, kv_customs *out, kvino_error *err) {
  KV_NOT_NULL(err, v || !n);
  *out = (kv_customs){0, kv_calloc(n + 1, sizeof *out->v)};
  if (!out->v) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for custom layers");
  for (size_t i = 0; i < n; i++) {
    KV_NOT_NULL(err, v[i].class_name && v[i].call);
    out->v[i] = v[i];
    if (!(out->v[i].class_name = kv_strdup(v[i].class_name)))
      return kv_fail(err, KVINO_NO_MEMORY, "out of memory for custom layers");
    out->n++;
  }
  return KVINO_OK;
}

void kv_customs_clear(kv_customs *c) {
  for (size_t i = 0; i < c->n; i++) kv_free((void *)c->v[i].class_name);
  kv_free(c->v);
  *c = (kv_customs){0};
}

const kvino_custom *kv_custom_find(const kv_customs *c, const char *name) {
  for (size_t i = 0; c && i < c->n; i++)
    if (!strcmp(c->v[i].class_name, name)) return &c->v[i];
  return NULL;
}

/* ---- calls ---- */

kvino_tensor *kv_custom_call(kv_scope *s, const kvino_custom *custom, const kv_layer *layer,
                             const kv_training *training, size_t n, kvino_tensor *const *in) {
  size_t n_weights = layer ? layer->n_weights : 0;
  kvino_tensor *out = NULL, **weights = kv_scope_alloc(s, n_weights ? n_weights : 1, sizeof *weights);
  char *config = layer && weights ? json_dumps(layer->config, JSON_SORT_KEYS) : NULL;
  if (!weights) return NULL;
  for (size_t i = 0; i < n_weights; i++)
    weights[i] = training ? training->weight[layer->weight[i].number] : layer->weight[i].tensor;
  kvino_custom_layer self = {layer ? layer->name : custom->class_name, custom->class_name, config ? config : "{}",
                             n_weights, weights};
  kvino_error err = {KVINO_OK, "the function of a custom layer has failed"};
  kvino_status status = custom->call(custom->context, &self, n, in, &out, &err);
  free(config);
  if (status) return kv_scope_fail(s, status, "%s", err.text);
  return out ? kv_own(s, out) : kv_scope_fail(s, KVINO_INVALID, "the function of a custom layer gave no tensor");
}

static kv_value call(kv_invocation *c) {
  const kvino_custom *custom = kv_custom_find(c->layer->customs, c->layer->class_name);
  kv_value all = {.kind = KV_VALUE_LIST, .n = c->n_args, .item = (kv_value *)c->args};
  size_t n = 0;
  kv_value **leaf = kv_value_leaves(c->s, &all, &n);
  kvino_tensor **in = kv_scope_alloc(c->s, n ? n : 1, sizeof *in);
  if (!leaf || !in) return KV_NOTHING;
  for (size_t i = 0; i < n; i++) in[i] = leaf[i]->tensor;
  return kv_of(kv_custom_call(c->s, custom, c->layer, c->training, n, in));
}

const kv_layer_kind kv_custom_kind = {"custom layer", "", "", "", "", "", KV_ANY_ARGUMENTS | KV_KEEPS_MASK, call};
