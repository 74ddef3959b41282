/* A step of training or evaluation as one graph. */
#include <string.h>

#include "base/memory.h"
#include "kvino/gradient.h"
#include "kvino/profile.h"
#include "layers/regularizer.h"
#include "ops/common.h"
#include "trainer/trainer.h"

/* What is recorded. */
typedef struct recording {
  kvino_trainer *t;
  const kv_batch *batch;
  kv_scope *s;
  kvino_graph *graph;
  kvino_tensor **in, **moving, **var, *rate, *step, *shared, *loss;
  kv_training training;
} recording;

void kv_step_clear(kv_step_compiled *step) {
  kvino_executable_release(step->executable);
  kv_free(step->key);
  kv_free(step->updated);
  *step = (kv_step_compiled){0};
}

/* ---- inputs ---- */

static kvino_tensor *parameter(recording *r, kvino_dtype dtype, int rank, const int64_t *shape) {
  kvino_tensor *t = NULL;
  if (r->s->status) return NULL;
  kv_scope_ok(r->s, kvino_graph_parameter(r->graph, dtype, rank, shape, NULL, &t, r->s->err));
  return t ? kv_own(r->s, t) : NULL;
}

static kvino_tensor *parameter_like(recording *r, const kvino_tensor *t) {
  return parameter(r, kvino_tensor_dtype(t), kvino_tensor_rank(t), kvino_tensor_shape(t));
}

static bool add_inputs(recording *r) {
  kvino_trainer *t = r->t;
  kv_scope *s = r->s;
  const kvino_model *m = t->model;
  size_t n = r->batch->n_x + r->batch->n_y + r->batch->n_weights, n_var = t->optimizer.n_slots * t->n_trained;
  kvino_tensor **weight = kv_scope_alloc(s, m->n_weights + 1, sizeof *weight);
  r->in = kv_scope_alloc(s, n + 1, sizeof *r->in);
  r->moving = kv_scope_alloc(s, t->n_moving + 1, sizeof *r->moving);
  r->var = kv_scope_alloc(s, n_var + 1, sizeof *r->var);
  r->training.update = kv_scope_alloc(s, m->n_weights + 1, sizeof *r->training.update);
  if (s->status) return false;
  for (size_t i = 0; i < n; i++) r->in[i] = parameter_like(r, r->batch->v[i]);
  r->rate = parameter(r, KVINO_F32, 0, NULL);
  r->step = parameter(r, KVINO_F32, 0, NULL);
  r->training.seed = parameter(r, KVINO_U32, 1, (int64_t[]){2});
  for (size_t i = 0; i < m->n_layers; i++) /* those that do not move are constants */
    for (size_t k = 0; k < m->layer[i]->n_weights; k++)
      weight[m->layer[i]->weight[k].number] = m->layer[i]->weight[k].tensor;
  for (size_t i = 0; i < t->n_moving; i++)
    weight[t->moving[i]->number] = r->moving[i] = parameter_like(r, t->moving[i]->tensor);
  for (size_t i = 0; i < n_var; i++) r->var[i] = t->var[i] ? parameter_like(r, t->var[i]) : NULL;
  r->shared = t->shared ? parameter_like(r, t->shared) : NULL;
  memset(r->training.update, 0, (m->n_weights + 1) * sizeof *r->training.update);
  r->training.weight = weight;
  r->training.learns = r->batch->learns;
  return !s->status;
}

/* ---- the loss ---- */

static void add_to_loss(recording *r, kvino_tensor *x) {
  if (x) x = kv_cast(r->s, x, KVINO_F32);
  if (x) r->loss = r->loss ? op_add(r->s, r->loss, x) : x;
}

static void record_loss(recording *r) {
  const kvino_trainer *t = r->t;
  kv_scope *s = r->s;
  const kv_batch *b = r->batch;
  kvino_tensor **x = kv_scope_alloc(s, b->n_x + 1, sizeof *x);
  if (!x) return;
  for (size_t i = 0; i < b->n_x; i++) /* in the dtypes that the model takes */
    x[i] = r->in[i] ? kv_cast(s, r->in[i], t->model->in.v[i].dtype) : NULL;
  if (s->status) return;
  kv_value out = kv_model_apply(s, t->model, x, &r->training, NULL);
  size_t n = 0;
  kv_value **leaf = kv_value_leaves(s, &out, &n);
  if (!s->status && n != b->n_y) kv_scope_fail(s, KVINO_INVALID, "%zu outputs, %zu targets", n, b->n_y);
  for (size_t i = 0; i < n && !s->status; i++) {
    kvino_tensor *weight = b->n_weights ? r->in[b->n_x + b->n_y + (b->n_weights > 1 ? i : 0)] : NULL;
    kvino_tensor *loss = kv_loss_record(s, &t->loss[i], r->in[b->n_x + i], leaf[i]->tensor, leaf[i]->mask, weight);
    if (loss && t->loss[i].weight != 1) loss = op_multiply(s, loss, kv_like(s, loss, t->loss[i].weight));
    add_to_loss(r, loss);
  }
  add_to_loss(r, r->training.loss);
  for (size_t i = 0; i < t->n_trained && !s->status; i++) {
    const json_t *regularizer = kv_weight_field(t->of[i], t->moving[i]->name, "_regularizer");
    if (regularizer) add_to_loss(r, kv_regularize(s, regularizer, r->moving[i]));
  }
  if (!s->status && r->loss && r->loss->rank)
    kv_scope_fail(s, KVINO_INVALID, "the loss must be one number: a reduction of 'none' cannot be trained");
}

/* ---- the update ---- */

static void record_update(recording *r) {
  kvino_trainer *t = r->t;
  kv_scope *s = r->s;
  kvino_tensors gradients = {0, NULL};
  size_t n = t->n_trained;
  kvino_tensor **gradient = kv_scope_alloc(s, n + 1, sizeof *gradient);
  if (!gradient || !n) return;
  if (!kv_scope_ok(s, kvino_gradients(1, &r->loss, NULL, n, r->moving, &gradients, s->err))) return;
  for (size_t i = 0; i < n; i++) gradient[i] = kv_own(s, gradients.v[i]);
  kv_free(gradients.v);
  kv_update with = {.s = s, .rate = r->rate, .step = r->step};
  kv_optimizer_record(&t->optimizer, &with, n, gradient, r->moving, r->var, &r->shared);
  for (size_t i = 0; i < n && !s->status; i++)
    r->moving[i] = kv_constrain(s, kv_weight_field(t->of[i], t->moving[i]->name, "_constraint"), r->moving[i]);
}

/* ---- results ---- */

static void result(recording *r, kvino_tensor *x) {
  if (!r->s->status && x) kv_scope_ok(r->s, kvino_graph_result(r->graph, x, NULL, r->s->err));
}

static void add_results(recording *r, kv_step_compiled *out) {
  kvino_trainer *t = r->t;
  result(r, r->loss);
  if (!r->batch->learns) return;
  for (size_t i = 0; i < t->n_trained; i++) result(r, r->moving[i]);
  for (size_t i = 0; i < t->optimizer.n_slots * t->n_trained; i++) result(r, r->var[i]);
  result(r, r->shared);
  for (size_t i = t->n_trained; i < t->n_moving; i++) {
    kvino_tensor *update = r->training.update[t->moving[i]->number];
    if (!update) continue;
    result(r, update);
    out->updated[out->n_updated++] = i;
  }
}

static kvino_status record(recording *r, kv_step_compiled *out, kvino_error *err) {
  kvino_error own; /* its text is read again where a layer's name is put before it */
  kv_scope s;
  kvino_tensors nothing = {0, NULL};
  r->s = &s;
  kv_scope_enter(&s, &own);
  if (add_inputs(r)) record_loss(r);
  if (r->batch->learns && !s.status) record_update(r);
  if (!s.status) add_results(r, out);
  kvino_status status = s.status;
  kv_scope_leave_many(&s, KV_NO_TENSORS, &nothing);
  kvino_tensors_clear(&nothing);
  return status ? kv_fail(err, status, "%s: %s", r->t->model->file.name, own.text) : KVINO_OK;
}

kvino_status kv_step_compile(kvino_trainer *t, const kv_batch *batch, kv_step_compiled *out, kvino_error *err) {
  kvino_model *m = t->model;
  recording r = {.t = t, .batch = batch};
  kv_step_compiled step = {.updated = kv_calloc(t->n_moving + 1, sizeof *step.updated)};
  if (!step.updated) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a step");
  kvino_status status = kvino_graph_new(&r.graph, err);
  if (!status) {
    pthread_rwlock_rdlock(&m->weights);
    status = record(&r, &step, err);
    pthread_rwlock_unlock(&m->weights);
  }
  if (!status) status = kvino_compile(r.graph, m->device, m->n_properties, m->properties, &step.executable, err);
  if (!status) kvino_executable_advise(step.executable, false); /* nobody chose its derivatives */
  kvino_graph_release(r.graph);
  if (status)
    kv_step_clear(&step);
  else
    *out = step;
  return status;
}
