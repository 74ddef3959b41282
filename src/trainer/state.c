/* The optimizer's variables: made, read from the model's file, written. Keras numbers them: the iteration, the learning
 * rate, and then a variable of each weight after the other (optimizers.def). */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "kvino/ops.h"
#include "layers/config.h"
#include "tensor/tensor.h"
#include "trainer/trainer.h"

static kvino_status no_memory(kvino_error *err) { return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a trainer"); }

static kvino_status filled(const kvino_tensor *like, double value, kvino_tensor **out, kvino_error *err) {
  kvino_tensor *number = NULL;
  KV_TRY(kvino_tensor_scalar_f64(kvino_tensor_dtype(like), value, &number, err));
  kvino_status status = kvino_full_like((kvino_tensor *)(uintptr_t)like, number, KVINO_NO_DTYPE, out, err);
  kvino_tensor_release(number);
  return status;
}

void kv_state_clear(kvino_trainer *t) {
  for (size_t i = 0; t->var && i < t->optimizer.n_slots * t->n_trained; i++) kvino_tensor_release(t->var[i]);
  kv_free(t->var);
  kvino_tensor_release(t->shared);
  t->var = NULL;
  t->shared = NULL;
}

kvino_status kv_state_begin(kvino_trainer *t, kvino_error *err) {
  const kv_optimizer *o = &t->optimizer;
  kv_state_clear(t);
  if (!(t->var = kv_calloc(o->n_slots * t->n_trained + 1, sizeof *t->var))) return no_memory(err);
  for (size_t k = 0; k < o->n_slots; k++)
    for (size_t i = 0; i < t->n_trained && o->slot[k].there; i++)
      KV_TRY(filled(t->moving[i]->tensor, o->slot[k].start, &t->var[k * t->n_trained + i], err));
  if (*o->kind->shared) KV_TRY(kvino_tensor_scalar_f64(KVINO_F32, 1, &t->shared, err));
  t->iterations = 0;
  t->rate = json_number_value(json_object_get(o->settings, "learning_rate"));
  return KVINO_OK;
}

/* ---- in Keras's order ---- */

/* The places of all variables behind the first two; *n of them. NULL: out of memory. */
static kvino_tensor ***places(kvino_trainer *t, size_t *n) {
  const kv_optimizer *o = &t->optimizer;
  kvino_tensor ***place = kv_calloc(o->n_slots * t->n_trained + 1, sizeof *place);
  *n = 0;
  for (int group = 0; place && group < KV_MOST_SLOTS; group++)
    for (size_t i = 0; i < t->n_trained; i++)
      for (size_t k = 0; k < o->n_slots; k++)
        if (o->slot[k].there && o->slot[k].group == group) place[(*n)++] = &t->var[k * t->n_trained + i];
  if (place && t->shared) place[(*n)++] = &t->shared;
  return place;
}

/* ---- reading ---- */

static bool same_shape(const kvino_tensor *a, const kvino_tensor *b) {
  return a->rank == b->rank && (!a->rank || !memcmp(a->shape, b->shape, a->rank * sizeof *a->shape));
}

static kvino_status read_number(kv_hdf5 *h, const char *path, kvino_dtype dtype, kvino_tensor **out, kvino_error *err) {
  kvino_tensor *raw = NULL;
  KV_TRY(kv_hdf5_read(h, path, &raw, err));
  kvino_status status = raw->size == 1 ? kvino_cast(raw, dtype, out, err)
                                       : kv_fail(err, KVINO_IO, "%s: the optimizer's '%s' is no number", "file", path);
  kvino_tensor_release(raw);
  return status;
}

static kvino_status read_all(kvino_trainer *t, kv_hdf5 *h, size_t n, kvino_tensor ***place, kvino_error *err) {
  char path[64];
  kvino_tensor *iterations = NULL, *rate = NULL;
  kvino_status status = read_number(h, "optimizer/vars/0", KVINO_I64, &iterations, err);
  if (!status) status = read_number(h, "optimizer/vars/1", KVINO_F64, &rate, err);
  for (size_t i = 0; i < n && !status; i++) {
    kvino_tensor *raw = NULL, *value = NULL;
    snprintf(path, sizeof path, "optimizer/vars/%zu", i + 2);
    status = kv_hdf5_read(h, path, &raw, err);
    if (!status && !same_shape(raw, *place[i]))
      status = kv_fail(err, KVINO_IO, "%s: the optimizer's variable '%s' does not fit its weight", t->model->file.name,
                       path);
    if (!status) status = kvino_cast(raw, kvino_tensor_dtype(*place[i]), &value, err);
    kvino_tensor_release(raw);
    if (status) break;
    kvino_tensor_release(*place[i]);
    *place[i] = value;
  }
  if (!status) t->iterations = *(const int64_t *)kvino_tensor_data(iterations);
  if (!status) t->rate = *(const double *)kvino_tensor_data(rate);
  kvino_tensor_release(iterations);
  kvino_tensor_release(rate);
  return status;
}

kvino_status kv_state_read(kvino_trainer *t, kvino_error *err) {
  char **names = NULL;
  size_t n_names = 0, n = 0;
  kv_hdf5 *h = NULL;
  if (t->model->n_source != 1) return KVINO_OK;
  kvino_tensor ***place = places(t, &n);
  kvino_status status = place ? kv_hdf5_open(t->model->source[0], t->model->file.name, &h, err) : no_memory(err);
  if (!status) status = kv_hdf5_names(h, "optimizer/vars", &names, &n_names, err);
  if (!status && n_names == n + 2) status = read_all(t, h, n, place, err); /* else Keras begins anew, too */
  kvino_names_free(names, n_names);
  kv_hdf5_close(h);
  kv_free(place);
  return status;
}

/* ---- writing ---- */

/* What model.compile was given, with this optimizer and these losses. */
static json_t *compile_config(const kvino_trainer *t) {
  const kvino_model *m = t->model;
  const json_t *before = json_object_get(m->file.config, "compile_config");
  json_t *config = json_is_object(before) ? json_copy((json_t *)(uintptr_t)before)
                                          : json_pack("{s:n, s:n, s:b, s:i, s:b}", "metrics", "weighted_metrics",
                                                      "run_eagerly", 0, "steps_per_execution", 1, "jit_compile", 0);
  json_t *losses = json_array(), *weights = json_array();
  bool weighted = false;
  for (size_t i = 0; i < m->out.n; i++) {
    json_array_append_new(losses, kv_loss_write(&t->loss[i]));
    json_array_append_new(weights, json_real(t->loss[i].weight));
    weighted |= t->loss[i].weight != 1;
  }
  bool one = m->out.n == 1;
  bool good = config && losses && weights &&
              !json_object_set_new(config, "optimizer", kv_optimizer_write(&t->optimizer, t->rate)) &&
              !json_object_set(config, "loss", one ? json_array_get(losses, 0) : losses) &&
              !json_object_set_new(config, "loss_weights", weighted ? json_incref(weights) : json_null());
  json_decref(losses);
  json_decref(weights);
  if (good) return config;
  json_decref(config);
  return NULL;
}

static kvino_status save(kvino_trainer *t, const char *path, kv_model_extras *extras, size_t n, kvino_tensor ***place,
                         kvino_error *err) {
  char **name = kv_calloc(n + 2, sizeof *name);
  kvino_tensor **value = kv_calloc(n + 2, sizeof *value), *first[2] = {NULL, NULL};
  kvino_status status = name && value ? KVINO_OK : no_memory(err);
  if (!status) status = kvino_tensor_scalar_i64(KVINO_I64, t->iterations, &first[0], err);
  if (!status) status = kvino_tensor_scalar_f64(KVINO_F32, t->rate, &first[1], err);
  for (size_t i = 0; i < n + 2 && !status; i++) {
    kv_text text = {0};
    kv_put(&text, "optimizer/vars/%zu", i);
    if (!(name[i] = text.at)) status = no_memory(err);
    value[i] = i < 2 ? first[i] : *place[i - 2];
  }
  extras->n = n + 2;
  extras->path = name;
  extras->value = value;
  if (!status) status = kv_model_save(t->model, path, extras, err);
  kvino_tensor_release(first[0]);
  kvino_tensor_release(first[1]);
  kvino_names_free(name, n + 2);
  kv_free(value);
  return status;
}

kvino_status kv_state_save(kvino_trainer *t, const char *path, kvino_error *err) {
  size_t length = strlen(path), n = 0;
  if (length < 6 || strcasecmp(path + length - 6, ".keras")) return kv_model_save(t->model, path, NULL, err);
  kvino_tensor ***place = places(t, &n);
  kv_model_extras extras = {.compile_config = compile_config(t)};
  kvino_status status = place && extras.compile_config ? save(t, path, &extras, n, place, err) : no_memory(err);
  json_decref(extras.compile_config);
  kv_free(place);
  return status;
}
