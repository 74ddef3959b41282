/* kvino_trainer: what moves, the choice of loss and optimizer, steps. */
#include "trainer/trainer.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "layers/build.h"
#include "tensor/tensor.h"

static kvino_status no_memory(kvino_error *err) { return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a trainer"); }

/* ---- what moves ---- */

typedef struct moving {
  kvino_trainer *t;
  bool trained; /* those, or what layers that can be trained update by themselves */
  size_t n;
  kv_layer_weight **weight;
  const kv_layer **of;
} moving;

static bool has(const moving *all, const kv_layer_weight *w) {
  for (size_t i = 0; i < all->n; i++)
    if (all->weight[i] == w) return true; /* of a shared layer */
  return false;
}

/* In the order of Keras's trainable_variables. */
static kvino_status gather(kv_layer *layer, bool frozen, moving *to, kvino_error *err) {
  frozen |= !layer->trainable;
  for (size_t i = 0; i < layer->n_weights && !frozen; i++) {
    kv_layer_weight *w = &layer->weight[i];
    if (w->trainable != to->trained || has(to, w) || !kvino_dtype_is_float(kvino_tensor_dtype(w->tensor))) continue;
    kv_layer_weight **more = kv_realloc(to->weight, (to->n + 1) * sizeof *more);
    if (!more) return no_memory(err);
    to->weight = more;
    const kv_layer **of = kv_realloc(to->of, (to->n + 1) * sizeof *of);
    if (!of) return no_memory(err);
    to->of = of;
    of[to->n] = layer;
    more[to->n++] = w;
  }
  for (size_t i = 0; i < layer->n_children; i++) KV_TRY(gather(layer->child[i], frozen, to, err));
  return KVINO_OK;
}

static kvino_status check_layer(const kvino_model *m, const kv_layer *layer, kvino_error *err) {
  const json_t *rank = json_object_get(layer->config, "lora_rank");
  if (layer->compute == KVINO_F16)
    return kv_fail(err, KVINO_UNSUPPORTED,
                   "%s: layer '%s': training in float16 needs a scaled loss, which is not "
                   "supported: use bfloat16 or float32",
                   m->file.name, layer->name);
  if (rank && !json_is_null(rank))
    return kv_fail(err, KVINO_UNSUPPORTED, "%s: layer '%s': layers with LoRA are not trained", m->file.name,
                   layer->name);
  return KVINO_OK;
}

static kvino_status find_moving(kvino_trainer *t, kvino_error *err) {
  moving all = {.t = t, .trained = true};
  kvino_status status = gather(t->model->root, false, &all, err);
  size_t n_trained = all.n;
  all.trained = false;
  if (!status) status = gather(t->model->root, false, &all, err);
  kv_free(t->moving);
  kv_free((void *)t->of);
  t->moving = all.weight;
  t->of = all.of;
  t->n_moving = all.n;
  t->n_trained = n_trained;
  for (size_t i = 0; i < n_trained && !status; i++) status = check_layer(t->model, t->of[i], err);
  return status;
}

static kvino_status choose_layers(kvino_model *m, size_t n, const char *const *names, kvino_error *err) {
  kv_layer *layer;
  for (size_t i = 0; i < n; i++) {
    KV_NOT_NULL(err, names && names[i]);
    KV_TRY(kv_model_find_layer(m, names[i], &layer, err));
  }
  if (n) KV_TRY(kvino_model_set_trainable(m, NULL, false, err));
  for (size_t i = 0; i < n; i++) KV_TRY(kvino_model_set_trainable(m, names[i], true, err));
  return KVINO_OK;
}

/* ---- loss and optimizer ---- */

static const json_t *saved(const kvino_model *m, const char *what) {
  const json_t *value = json_object_get(json_object_get(m->file.config, "compile_config"), what);
  return json_is_null(value) ? NULL : value;
}

static kvino_status choose_optimizer(kvino_trainer *t, const kvino_trainer_options *o, kvino_error *err) {
  const json_t *optimizer = saved(t->model, "optimizer"), *config = json_object_get(optimizer, "config");
  const char *name = o->optimizer;
  if (!name) name = json_string_value(json_is_string(optimizer) ? optimizer : json_object_get(optimizer, "class_name"));
  if (!name)
    return kv_fail(err, KVINO_INVALID, "%s: the file does not say which optimizer: give one in the options",
                   t->model->file.name);
  return kv_optimizer_make(name, o->optimizer ? NULL : config, o->n_settings, o->settings, &t->optimizer, err);
}

static kvino_status read_losses(kvino_trainer *t, kvino_error *err) {
  const kvino_model *m = t->model;
  const json_t *loss = saved(m, "loss"), *weights = saved(m, "loss_weights");
  if (!loss)
    return kv_fail(err, KVINO_INVALID, "%s: the file does not say which loss: give one in the options", m->file.name);
  bool named = json_is_object(loss) && !json_object_get(loss, "class_name");
  for (size_t i = 0; i < m->out.n; i++) {
    const json_t *one = named                 ? json_object_get(loss, m->out.v[i].name)
                        : json_is_array(loss) ? json_array_get(loss, i)
                                              : loss;
    const json_t *weight =
        json_is_array(weights) ? json_array_get(weights, i) : json_object_get(weights, m->out.v[i].name);
    if (!one || json_is_null(one))
      return kv_fail(err, KVINO_UNSUPPORTED, "%s: output '%s' has no loss in the file", m->file.name, m->out.v[i].name);
    KV_TRY(kv_loss_read(one, &t->loss[i], err));
    if (json_is_number(weight)) t->loss[i].weight = json_number_value(weight);
  }
  return KVINO_OK;
}

static kvino_status choose_losses(kvino_trainer *t, const kvino_trainer_options *o, kvino_error *err) {
  size_t n = t->model->out.n;
  if (!(t->loss = kv_calloc(n, sizeof *t->loss))) return no_memory(err);
  if (!o->n_losses) return read_losses(t, err);
  KV_NOT_NULL(err, o->losses);
  if (o->n_losses != 1 && o->n_losses != n)
    return kv_fail(err, KVINO_INVALID, "%s: %zu losses for %zu outputs", t->model->file.name, o->n_losses, n);
  for (size_t i = 0; i < n; i++) {
    const kvino_loss *from = &o->losses[o->n_losses > 1 ? i : 0];
    KV_NOT_NULL(err, from->name && (from->settings || !from->n_settings));
    KV_TRY(kv_loss_make(from->name, NULL, from->n_settings, from->settings, &t->loss[i], err));
    if (from->weight != 0) t->loss[i].weight = from->weight;
  }
  return KVINO_OK;
}

/* ---- making one ---- */

static kvino_status begin(kvino_trainer *t, const kvino_trainer_options *o, kvino_error *err) {
  KV_NOT_NULL(err, o->settings || !o->n_settings);
  KV_TRY(choose_optimizer(t, o, err));
  KV_TRY(choose_losses(t, o, err));
  KV_TRY(choose_layers(t->model, o->n_layers, o->layers, err));
  KV_TRY(find_moving(t, err));
  KV_TRY(kv_state_begin(t, err));
  bool own_rate = false;
  double rate = t->rate;
  for (size_t i = 0; i < o->n_settings; i++) own_rate |= !strcmp(o->settings[i].name, "learning_rate");
  if (!o->optimizer) KV_TRY(kv_state_read(t, err));
  if (own_rate) t->rate = rate;
  t->changes = t->model->changes;
  t->seed = o->seed;
  return KVINO_OK;
}

kvino_status kvino_trainer_new(kvino_model *m, const kvino_trainer_options *options, kvino_trainer **out,
                               kvino_error *err) {
  static const kvino_trainer_options none = {0};
  KV_NOT_NULL(err, m && out);
  kvino_trainer *t = kv_calloc(1, sizeof *t);
  if (!t) return no_memory(err);
  pthread_mutex_init(&t->lock, NULL);
  t->model = kvino_model_retain(m);
  kvino_status status = begin(t, options ? options : &none, err);
  if (status)
    kvino_trainer_release(t);
  else
    *out = t;
  return status;
}

static void forget(kvino_trainer *t) {
  for (size_t i = 0; i < t->n_compiled; i++) kv_step_clear(&t->compiled[i]);
  t->n_compiled = 0;
}

void kvino_trainer_release(kvino_trainer *t) {
  if (!t) return;
  forget(t);
  kv_state_clear(t);
  for (size_t i = 0; t->loss && i < t->model->out.n; i++) json_decref(t->loss[i].settings);
  kv_free(t->loss);
  json_decref(t->optimizer.settings);
  kv_free(t->moving);
  kv_free((void *)t->of);
  kvino_model_release(t->model);
  pthread_mutex_destroy(&t->lock);
  kv_free(t);
}

/* ---- a step ---- */

static kvino_status check_batch(const kvino_model *m, const kv_batch *b, kvino_error *err) {
  if (b->n_x != m->in.n)
    return kv_fail(err, KVINO_INVALID, "%s: the model takes %zu inputs, not %zu", m->file.name, m->in.n, b->n_x);
  if (b->n_y != m->out.n)
    return kv_fail(err, KVINO_INVALID, "%s: the model has %zu outputs; %zu targets are given", m->file.name, m->out.n,
                   b->n_y);
  if (b->n_weights > 1 && b->n_weights != m->out.n)
    return kv_fail(err, KVINO_INVALID, "%s: %zu weights of samples for %zu outputs", m->file.name, b->n_weights,
                   m->out.n);
  for (size_t i = 0; i < b->n_x + b->n_y + b->n_weights; i++) {
    const kvino_tensor *t = b->v[i];
    KV_NOT_NULL(err, t);
    if (kv_is_symbolic(t)) return kv_fail(err, KVINO_TYPE, "%s: a tensor of the batch is symbolic", m->file.name);
    if (i < b->n_x) KV_TRY(kv_model_check_input(m, i, t, err));
  }
  return KVINO_OK;
}

/* Dtypes and shapes of the batch. */
static char *key_of(const kv_batch *b) {
  char shape[KV_SHAPE_TEXT];
  kv_text key = {0};
  kv_put(&key, "%d %zu", b->learns, b->n_weights);
  for (size_t i = 0; i < b->n_x + b->n_y + b->n_weights; i++)
    kv_put(&key, " %d%s", (int)b->v[i]->dtype, kv_shape_text(b->v[i]->rank, b->v[i]->shape, shape));
  if (!key.failed) return key.at;
  kv_free(key.at);
  return NULL;
}

static kvino_status find(kvino_trainer *t, const kv_batch *b, kv_step_compiled **out, kvino_error *err) {
  kv_step_compiled new = {0};
  char *key = key_of(b);
  if (!key) return no_memory(err);
  for (size_t i = 0; i < t->n_compiled; i++)
    if (!strcmp(t->compiled[i].key, key)) {
      kv_free(key);
      return *out = &t->compiled[i], KVINO_OK;
    }
  kvino_status status = kv_step_compile(t, b, &new, err);
  if (status) {
    kv_free(key);
    return status;
  }
  new.key = key;
  if (t->n_compiled == KV_KEPT_STEPS) { /* the oldest goes */
    kv_step_clear(&t->compiled[0]);
    memmove(t->compiled, t->compiled + 1, (KV_KEPT_STEPS - 1) * sizeof *t->compiled);
    t->n_compiled--;
  }
  *out = &t->compiled[t->n_compiled];
  t->compiled[t->n_compiled++] = new;
  return KVINO_OK;
}

/* Where the model was changed from outside, constants are others, and other weights may move. */
static kvino_status follow_model(kvino_trainer *t, kvino_error *err) {
  kvino_model *m = t->model;
  pthread_mutex_lock(&m->lock);
  uint64_t changes = m->changes;
  pthread_mutex_unlock(&m->lock);
  if (changes == t->changes) return KVINO_OK;
  size_t n = t->n_trained;
  kv_layer_weight **before = kv_calloc(n + 1, sizeof *before);
  if (!before) return no_memory(err);
  if (n) memcpy(before, t->moving, n * sizeof *before);
  forget(t);
  int64_t iterations = t->iterations;
  double rate = t->rate;
  kvino_tensor **var = t->var;
  size_t n_var = t->optimizer.n_slots * n;
  kvino_status status = find_moving(t, err);
  bool same = !status && n == t->n_trained && (!n || !memcmp(before, t->moving, n * sizeof *before));
  if (!status && !same) { /* as Keras, which builds the optimizer for the weights that there are */
    for (size_t i = 0; i < n_var; i++) kvino_tensor_release(var[i]);
    kv_free(var);
    t->var = NULL;
    status = kv_state_begin(t, err);
    t->iterations = iterations;
    t->rate = rate;
  }
  if (!status) t->changes = changes;
  kv_free(before);
  return status;
}

/* The inputs of a step; each is retained. */
static kvino_status inputs(kvino_trainer *t, const kv_batch *b, kvino_tensor **in, size_t *n, kvino_error *err) {
  size_t at = b->n_x + b->n_y + b->n_weights, n_var = t->optimizer.n_slots * t->n_trained;
  uint32_t seed[2] = {(uint32_t)(t->seed + (uint64_t)t->iterations * 0x9E3779B9u), (uint32_t)(t->seed >> 32)};
  float rate = (float)t->rate, step = (float)(t->iterations + 1);
  for (size_t i = 0; i < at; i++) in[i] = kvino_tensor_retain(b->v[i]);
  kvino_status status = kvino_tensor_new(KVINO_F32, 0, NULL, &rate, &in[at], err);
  if (!status) status = kvino_tensor_new(KVINO_F32, 0, NULL, &step, &in[at + 1], err);
  if (!status) status = kvino_tensor_new(KVINO_U32, 1, (int64_t[]){2}, seed, &in[at + 2], err);
  at += 3;
  pthread_rwlock_rdlock(&t->model->weights);
  for (size_t i = 0; i < t->n_moving; i++) in[at++] = kvino_tensor_retain(t->moving[i]->tensor);
  pthread_rwlock_unlock(&t->model->weights);
  for (size_t i = 0; i < n_var; i++)
    if (t->var[i]) in[at++] = kvino_tensor_retain(t->var[i]);
  if (t->shared) in[at++] = kvino_tensor_retain(t->shared);
  *n = at;
  return status;
}

static void put(kvino_tensor **place, kvino_tensor *value) {
  kvino_tensor *before = *place;
  *place = kvino_tensor_retain(value);
  kvino_tensor_release(before);
}

/* What a step gives becomes the model's and the optimizer's state. */
static void take(kvino_trainer *t, const kv_step_compiled *step, const kvino_tensors *out) {
  kvino_model *m = t->model;
  size_t at = 1;
  pthread_mutex_lock(&m->lock);
  pthread_rwlock_wrlock(&m->weights);
  for (size_t i = 0; i < t->n_trained; i++) put(&t->moving[i]->tensor, out->v[at++]);
  for (size_t i = 0; i < t->optimizer.n_slots * t->n_trained; i++)
    if (t->var[i]) put(&t->var[i], out->v[at++]);
  if (t->shared) put(&t->shared, out->v[at++]);
  for (size_t i = 0; i < step->n_updated; i++) put(&t->moving[step->updated[i]]->tensor, out->v[at++]);
  kv_model_forget(m);
  pthread_rwlock_unlock(&m->weights);
  pthread_mutex_unlock(&m->lock);
  t->iterations++;
}

static kvino_status run(kvino_trainer *t, const kv_batch *b, double *loss, kvino_error *err) {
  kv_step_compiled *step = NULL;
  kvino_tensors out = {0, NULL};
  KV_TRY(check_batch(t->model, b, err));
  KV_TRY(follow_model(t, err));
  KV_TRY(find(t, b, &step, err));
  size_t most = b->n_x + b->n_y + b->n_weights + 4 + t->n_moving + t->optimizer.n_slots * t->n_trained, n = 0;
  kvino_tensor **in = kv_calloc(most, sizeof *in);
  if (!in) return no_memory(err);
  kvino_status status = inputs(t, b, in, &n, err);
  if (!status) status = kvino_executable_run(step->executable, n, in, &out, err);
  for (size_t i = 0; i < most; i++) kvino_tensor_release(in[i]);
  kv_free(in);
  if (status) return status;
  if (loss) *loss = *(const float *)kvino_tensor_data(out.v[0]);
  if (b->learns) take(t, step, &out);
  kvino_tensors_clear(&out);
  return KVINO_OK;
}

static kvino_status run_batch(kvino_trainer *t, bool learns, size_t n_x, kvino_tensor *const *x, size_t n_y,
                              kvino_tensor *const *y, size_t n_weights, kvino_tensor *const *weight, double *loss,
                              kvino_error *err) {
  kvino_tensor **all = kv_calloc(n_x + n_y + n_weights + 1, sizeof *all);
  if (!all) return no_memory(err);
  if (n_x) memcpy(all, x, n_x * sizeof *all);
  if (n_y) memcpy(all + n_x, y, n_y * sizeof *all);
  if (n_weights) memcpy(all + n_x + n_y, weight, n_weights * sizeof *all);
  pthread_mutex_lock(&t->lock);
  kvino_status status = run(t, &(kv_batch){n_x, n_y, n_weights, all, learns}, loss, err);
  pthread_mutex_unlock(&t->lock);
  kv_free(all);
  return status;
}

kvino_status kvino_trainer_step(kvino_trainer *t, size_t n_x, kvino_tensor *const *x, size_t n_y,
                                kvino_tensor *const *y, size_t n_weights, kvino_tensor *const *sample_weight,
                                double *loss, kvino_error *err) {
  KV_NOT_NULL(err, t && (x || !n_x) && (y || !n_y) && (sample_weight || !n_weights));
  return run_batch(t, true, n_x, x, n_y, y, n_weights, sample_weight, loss, err);
}

kvino_status kvino_trainer_evaluate(kvino_trainer *t, size_t n_x, kvino_tensor *const *x, size_t n_y,
                                    kvino_tensor *const *y, size_t n_weights, kvino_tensor *const *sample_weight,
                                    double *loss, kvino_error *err) {
  KV_NOT_NULL(err, t && (x || !n_x) && (y || !n_y) && (sample_weight || !n_weights));
  return run_batch(t, false, n_x, x, n_y, y, n_weights, sample_weight, loss, err);
}

/* ---- the rate, and files ---- */

kvino_status kvino_trainer_set_learning_rate(kvino_trainer *t, double rate, kvino_error *err) {
  KV_NOT_NULL(err, t);
  if (!(rate >= 0)) return kv_fail(err, KVINO_INVALID, "the learning rate must be 0 or more, not %g", rate);
  pthread_mutex_lock(&t->lock);
  t->rate = rate;
  pthread_mutex_unlock(&t->lock);
  return KVINO_OK;
}

double kvino_trainer_learning_rate(const kvino_trainer *t) { return t ? t->rate : 0; }
int64_t kvino_trainer_iterations(const kvino_trainer *t) { return t ? t->iterations : 0; }

kvino_status kvino_trainer_save(kvino_trainer *t, const char *path, kvino_error *err) {
  KV_NOT_NULL(err, t && path);
  pthread_mutex_lock(&t->lock);
  kvino_status status = kv_state_save(t, path, err);
  pthread_mutex_unlock(&t->lock);
  return status;
}
