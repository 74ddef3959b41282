/* A model's weights by name, in and out; which layers can be trained. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "kvino/ops.h"
#include "layers/build.h"
#include "model/model.h"
#include "tensor/tensor.h"

kvino_status kv_model_find_layer(const kvino_model *m, const char *name, kv_layer **out, kvino_error *err) {
  kv_layer *found = NULL;
  for (size_t i = 0; i < m->n_layers && !found; i++)
    if (!strcmp(m->layer[i]->name, name)) found = m->layer[i];
  for (size_t i = 0; i < m->n_layers && !found; i++)
    if (!strcmp(m->layer[i]->path, name)) found = m->layer[i];
  if (!found) return kv_fail(err, KVINO_INVALID, "%s: No such layer: %s", m->file.name, name);
  *out = found;
  return KVINO_OK;
}

static kvino_status find_weight(const kvino_model *m, const char *layer, const char *name, kv_layer_weight **out,
                                kvino_error *err) {
  kv_layer *l = NULL;
  KV_TRY(kv_model_find_layer(m, layer, &l, err));
  for (size_t i = 0; i < l->n_weights; i++)
    if (!strcmp(l->weight[i].name, name)) return *out = &l->weight[i], KVINO_OK;
  kv_text t = {0};
  for (size_t i = 0; i < l->n_weights; i++) kv_put(&t, "%s%s", i ? ", " : "", l->weight[i].name);
  kvino_status status = kv_fail(err, KVINO_INVALID, "%s: layer '%s' (%s) has no weight '%s'; it has: %s", m->file.name,
                                l->name, l->class_name, name, t.at ? t.at : "none");
  kv_free(t.at);
  return status;
}

kvino_status kvino_model_get_weight(kvino_model *m, const char *layer, const char *weight, kvino_tensor **out,
                                    kvino_error *err) {
  kv_layer_weight *w = NULL;
  KV_NOT_NULL(err, m && layer && weight && out);
  KV_TRY(find_weight(m, layer, weight, &w, err));
  pthread_rwlock_rdlock(&m->weights);
  *out = kvino_tensor_retain(w->tensor);
  pthread_rwlock_unlock(&m->weights);
  return KVINO_OK;
}

static kvino_status check_value(const kvino_model *m, const char *layer, const kv_layer_weight *w,
                                const kvino_tensor *value, kvino_error *err) {
  char have[KV_SHAPE_TEXT], want[KV_SHAPE_TEXT];
  const kvino_tensor *t = w->tensor;
  if (kvino_tensor_is_symbolic(value))
    return kv_fail(err, KVINO_TYPE, "%s: weight '%s' of layer '%s': the value is symbolic", m->file.name, w->name,
                   layer);
  bool same = value->rank == t->rank && (!t->rank || !memcmp(value->shape, t->shape, t->rank * sizeof *t->shape));
  if (same) return KVINO_OK;
  return kv_fail(err, KVINO_INVALID, "%s: weight '%s' of layer '%s' has the shape %s; the value has %s", m->file.name,
                 w->name, layer, kv_shape_text(t->rank, t->shape, want),
                 kv_shape_text(value->rank, value->shape, have));
}

kvino_status kvino_model_set_weight(kvino_model *m, const char *layer, const char *weight, kvino_tensor *value,
                                    kvino_error *err) {
  kv_layer_weight *w = NULL;
  kvino_tensor *new = NULL;
  KV_NOT_NULL(err, m && layer && weight && value);
  KV_TRY(find_weight(m, layer, weight, &w, err));
  KV_TRY(check_value(m, layer, w, value, err));
  KV_TRY(kvino_cast(value, kvino_tensor_dtype(w->tensor), &new, err));
  pthread_mutex_lock(&m->lock);
  pthread_rwlock_wrlock(&m->weights);
  kvino_tensor *old = w->tensor;
  w->tensor = new;
  m->changes++;
  kv_model_forget(m);
  pthread_rwlock_unlock(&m->weights);
  pthread_mutex_unlock(&m->lock);
  kvino_tensor_release(old);
  return KVINO_OK;
}

/* ---- what can be trained ---- */

typedef struct flag {
  bool trainable, models, failed;
} flag;

static void set_flag(kv_layer *layer, void *context) {
  flag *f = context;
  json_t *config = (json_t *)(uintptr_t)layer->config; /* of the file's document, which the model owns */
  if ((layer->kind->traits & KV_MODEL) && !f->models) return;
  layer->trainable = f->trainable;
  if (json_is_object(config) && !(layer->kind->traits & KV_INPUT))
    f->failed |= json_object_set_new(config, "trainable", json_boolean(f->trainable)) != 0;
}

kvino_status kvino_model_set_trainable(kvino_model *m, const char *layer, bool trainable, kvino_error *err) {
  flag f = {.trainable = trainable, .models = layer != NULL};
  kv_layer *l = NULL;
  KV_NOT_NULL(err, m);
  KV_TRY(kv_model_need_layers(m, "train", err));
  if (layer) KV_TRY(kv_model_find_layer(m, layer, &l, err));
  pthread_mutex_lock(&m->lock);
  pthread_rwlock_wrlock(&m->weights);
  kv_layer_visit(l ? l : m->root, set_flag, &f);
  m->changes++;
  pthread_rwlock_unlock(&m->weights);
  pthread_mutex_unlock(&m->lock);
  return f.failed ? kv_fail(err, KVINO_NO_MEMORY, "out of memory for a configuration") : KVINO_OK;
}
