/* Recording a model, compiling it for the shapes that it meets, running it. */
#include <string.h>

#include "base/memory.h"
#include "graph/graph.h"
#include "layers/graph.h"
#include "model/model.h"
#include "ops/common.h"

/* ---- calling and recording ---- */

kv_value kv_model_apply(kv_scope *s, const kvino_model *m, kvino_tensor *const *in, kv_training *training,
                        kv_states *states) {
  kv_invocation top = {.s = s, .layer = m->root, .depth = -1, .training = training, .states = states};
  kv_value given = kv_value_list(s, m->in.n);
  for (size_t i = 0; i < given.n; i++) given.item[i] = kv_of(in[i]);
  if (given.n == 1) given = given.item[0];
  return s->status ? KV_NOTHING : kv_layer_call(s, m->root, 1, &given, 0, NULL, NULL, &top);
}

/* The layers' results for these tensors, concrete or symbolic; after them what is to be kept. */
static kvino_status call(kvino_model *m, kvino_tensor *const *in, kv_states *states, kvino_tensors *out,
                         kvino_error *err) {
  if (m->file.graph) return kv_graph_model_call(m, in, out, err);
  KV_TRY(kv_model_need_layers(m, "call", err));
  kv_scope s;
  kvino_error own; /* its text is read again where a layer's name is put before it */
  pthread_rwlock_rdlock(&m->weights);
  kv_scope_enter(&s, &own);
  kv_value value = kv_model_apply(&s, m, in, NULL, states);
  size_t n = 0;
  kv_value **leaf = kv_value_leaves(&s, &value, &n);
  kvino_tensor **list = kv_scope_alloc(&s, n + (states ? states->n : 0) + 1, sizeof *list);
  if (!n && !s.status) kv_scope_fail(&s, KVINO_INVALID, "the model has no output");
  for (size_t i = 0; i < n && list; i++) list[i] = leaf[i]->tensor;
  for (const kv_state *k = states && list ? states->first : NULL; k; k = k->next) list[n++] = k->after;
  kvino_status status = kv_scope_leave_many(&s, (kvino_tensors){n, list}, out);
  pthread_rwlock_unlock(&m->weights);
  return status ? kv_fail(err, status, "%s: %s", m->file.name, own.text) : KVINO_OK;
}

kvino_status kv_model_record(kvino_model *m, const int64_t *shapes, kvino_graph **out, kvino_tensors *out_list,
                             kvino_error *err) {
  if (m->file.graph && !out_list) return kv_graph_model_record(m, shapes, out, err);
  kvino_graph *graph = NULL;
  kvino_tensors results = {0, NULL};
  kvino_tensor **in = kv_calloc(m->in.n + 1, sizeof *in);
  kvino_status status = in ? kvino_graph_new(&graph, err) : kv_fail(err, KVINO_NO_MEMORY, "out of memory for inputs");
  for (size_t i = 0; i < m->in.n && !status; i++) {
    status = kvino_graph_parameter(graph, m->in.v[i].dtype, m->in.v[i].rank, shapes, m->in.v[i].name, &in[i], err);
    shapes += m->in.v[i].rank;
  }
  if (!status) status = call(m, in, &(kv_states){.graph = graph}, &results, err);
  for (size_t i = 0; i < results.n && !status; i++)
    status = kvino_graph_result(graph, results.v[i], i < m->out.n ? m->out.v[i].name : NULL, err);
  for (size_t i = 0; in && i < m->in.n; i++) kvino_tensor_release(in[i]);
  kv_free(in);
  if (status || !out_list) kvino_tensors_clear(&results);
  if (status)
    kvino_graph_release(graph);
  else
    *out = graph;
  if (!status && out_list) *out_list = results;
  return status;
}

kvino_status kvino_model_graph(kvino_model *m, kvino_graph **out, kvino_error *err) {
  KV_NOT_NULL(err, m && out);
  if (m->kept.n)
    return kv_fail(err, KVINO_UNSUPPORTED,
                   "%s: the model keeps states between its runs (stateful=True), which a graph of it does not",
                   m->file.name);
  return kv_model_record(m, m->in.shapes, out, NULL, err);
}

/* ---- compiling ---- */

static kvino_status compile(kvino_model *m, const int64_t *shapes, kvino_executable **out, kvino_error *err) {
  kvino_graph *graph = NULL;
  KV_TRY(kv_model_record(m, shapes, &graph, NULL, err));
  kvino_status status = kvino_compile(graph, m->device, m->n_properties, m->properties, out, err);
  kvino_graph_release(graph);
  return status;
}

void kv_model_forget(kvino_model *m) {
  for (size_t i = 0; i < m->n_compiled; i++) {
    kvino_executable_release(m->compiled[i].executable);
    kv_free(m->compiled[i].shapes);
  }
  kvino_executable_release(m->any_shape);
  m->any_shape = NULL;
  m->n_compiled = 0;
}

/* The executable for these shapes: one of their own for the first few, then one for any. The lock is held. */
static kvino_status find(kvino_model *m, const int64_t *shapes, kvino_executable **out, kvino_error *err) {
  size_t bytes = m->in.n_dims * sizeof *shapes;
  for (size_t i = 0; i < m->n_compiled; i++)
    if (!memcmp(m->compiled[i].shapes, shapes, bytes)) return *out = m->compiled[i].executable, KVINO_OK;
  if (m->n_compiled == KV_KEPT_SHAPES) {
    if (!m->any_shape) KV_TRY(compile(m, m->in.shapes, &m->any_shape, err));
    *out = m->any_shape;
    return KVINO_OK;
  }
  kv_compiled new = {.shapes = kv_malloc(bytes + 1)};
  if (!new.shapes) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model");
  if (bytes) memcpy(new.shapes, shapes, bytes);
  kvino_status status = compile(m, shapes, &new.executable, err);
  if (status) {
    kv_free(new.shapes);
    return status;
  }
  m->compiled[m->n_compiled++] = new;
  *out = new.executable;
  return KVINO_OK;
}

/* ---- running ---- */

kvino_status kv_model_check_input(const kvino_model *m, size_t i, const kvino_tensor *t, kvino_error *err) {
  char text[KV_SHAPE_TEXT], wanted[KV_SHAPE_TEXT];
  const kvino_port *in = &m->in.v[i];
  KV_NOT_NULL(err, t);
  bool fits = t->rank == in->rank;
  for (int k = 0; fits && k < in->rank; k++) fits = in->shape[k] < 0 || t->shape[k] < 0 || in->shape[k] == t->shape[k];
  if (!fits)
    return kv_fail(err, KVINO_INVALID, "%s: input '%s' must have the shape %s, not %s", m->file.name, in->name,
                   kv_shape_text(in->rank, in->shape, wanted), kv_shape_text(t->rank, t->shape, text));
  if (kvino_dtype_is_complex(t->dtype) && !kvino_dtype_is_complex(in->dtype)) /* a cast would lose the imaginary part */
    return kv_fail(err, KVINO_TYPE, "%s: input '%s' takes %s, not %s", m->file.name, in->name,
                   kvino_dtype_name(in->dtype), kvino_dtype_name(t->dtype));
  return KVINO_OK;
}

static kvino_status check_count(const kvino_model *m, size_t n, kvino_error *err) {
  if (n == m->in.n) return KVINO_OK;
  return kv_fail(err, KVINO_INVALID, "%s: the model takes %zu inputs, not %zu", m->file.name, m->in.n, n);
}

/* The inputs in the dtypes that the model takes. */
static kvino_status take_inputs(const kvino_model *m, kvino_tensor *const *in, kvino_tensor **as, kvino_error *err) {
  for (size_t i = 0; i < m->in.n; i++) {
    KV_TRY(kv_model_check_input(m, i, in[i], err));
    if (in[i]->dtype == m->in.v[i].dtype)
      as[i] = kvino_tensor_retain(in[i]);
    else
      KV_TRY(kvino_cast(in[i], m->in.v[i].dtype, &as[i], err));
  }
  return KVINO_OK;
}

/* `e`: NULL for an IR. */
static kvino_status compute(kvino_model *m, kvino_executable *e, kvino_tensor *const *in, kv_take_results *take,
                            void *context, kvino_tensors *out, kvino_error *err) {
  kvino_tensor **all = NULL;
  kvino_tensors got = {0, NULL};
  if (m->kept.n) KV_TRY(kv_states_begin(m, in, &all, err));
  kvino_status status =
      e ? kvino_executable_run(e, m->in.n + m->kept.n, all ? all : in, &got, err) : kv_ir_run(m, in, &got, err);
  if (!status && take) status = take(context, &got, err);
  if (m->kept.n) kv_states_end(m, all, status ? NULL : &got);
  if (status)
    kvino_tensors_clear(&got);
  else
    *out = got;
  return status;
}

static kvino_status run(kvino_model *m, int64_t *shapes, kvino_tensor *const *in, kv_take_results *take, void *context,
                        kvino_tensors *out, kvino_error *err) {
  for (size_t i = 0, at = 0; i < m->in.n; at += (size_t)m->in.v[i++].rank) {
    if (kv_is_symbolic(in[i]))
      return kv_fail(err, KVINO_TYPE, "%s: input '%s' is symbolic: record a call (kvino_model_call)", m->file.name,
                     m->in.v[i].name);
    if (in[i]->rank) memcpy(shapes + at, in[i]->shape, in[i]->rank * sizeof *shapes);
  }
  kvino_executable *e = NULL;
  kvino_status status = KVINO_OK;
  if (!m->ir) {
    pthread_mutex_lock(&m->lock);
    status = find(m, shapes, &e, err);
    if (!status) kvino_executable_retain(e);
    pthread_mutex_unlock(&m->lock);
  }
  if (!status) status = compute(m, e, in, take, context, out, err);
  kvino_executable_release(e);
  return status;
}

kvino_status kv_model_run(kvino_model *m, size_t n, kvino_tensor *const *in, kv_take_results *take, void *context,
                          kvino_tensors *out, kvino_error *err) {
  KV_TRY(check_count(m, n, err));
  int64_t *shapes = kv_malloc((m->in.n_dims + 1) * sizeof *shapes);
  kvino_tensor **as = kv_calloc(n + 1, sizeof *as);
  kvino_status status =
      shapes && as ? take_inputs(m, in, as, err) : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a run");
  if (!status) status = run(m, shapes, as, take, context, out, err);
  for (size_t i = 0; as && i < n; i++) kvino_tensor_release(as[i]);
  kv_free(as);
  kv_free(shapes);
  return status;
}

kvino_status kvino_model_run(kvino_model *m, size_t n, kvino_tensor *const *in, kvino_tensors *out, kvino_error *err) {
  KV_NOT_NULL(err, m && (in || !n) && out);
  return kv_model_run(m, n, in, NULL, NULL, out, err);
}

kvino_status kvino_model_call(kvino_model *m, size_t n, kvino_tensor *const *in, kvino_tensors *out, kvino_error *err) {
  KV_NOT_NULL(err, m && (in || !n) && out);
  KV_TRY(check_count(m, n, err));
  kvino_tensor **as = kv_calloc(n + 1, sizeof *as);
  kvino_status status = as ? take_inputs(m, in, as, err) : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a call");
  if (!status) status = call(m, as, NULL, out, err);
  for (size_t i = 0; as && i < n; i++) kvino_tensor_release(as[i]);
  kv_free(as);
  return status;
}
