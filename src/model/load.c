/* kvino_model_load: from a file to layers with weights, inputs and outputs. */
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "layers/build.h"
#include "layers/graph.h"
#include "model/model.h"
#include "model/outputs.h"

static kvino_status no_memory(kvino_error *err) { return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model"); }

/* ---- layers ---- */

static void add_layer(kv_layer *layer, void *context) {
  kvino_model *m = context;
  if (layer == m->root) return;
  for (size_t i = 0; i < m->n_layers; i++)
    if (m->layer[i] == layer) return;
  kv_layer **more = kv_realloc(m->layer, (m->n_layers + 1) * sizeof *more);
  if (!more) return; /* a listing that is not whole; loading fails below */
  m->layer = more;
  more[m->n_layers++] = layer;
}

/* ---- inputs and outputs ---- */

static kvino_status take_inputs(kv_scope *s, kvino_model *m, size_t n, const kv_model_input *in, kvino_error *err) {
  kvino_port *port = kv_scope_alloc(s, n, sizeof *port);
  if (!port) return s->status;
  for (size_t i = 0; i < n; i++) port[i] = (kvino_port){in[i].name, in[i].dtype, in[i].rank, in[i].shape};
  return kv_model_ports_copy(n, port, "input", &m->in, err);
}

static kvino_status take_outputs(kv_scope *s, kvino_model *m, const kvino_tensors *list, size_t n_names,
                                 const char **names, kvino_error *err) {
  kvino_port *port = kv_scope_alloc(s, list->n + 1, sizeof *port);
  if (!port) return s->status;
  for (size_t i = 0; i < list->n; i++) {
    const kvino_tensor *t = list->v[i];
    port[i] = (kvino_port){names && i < n_names ? names[i] : "output", kvino_tensor_dtype(t), kvino_tensor_rank(t),
                           kvino_tensor_shape(t)};
  }
  return kv_model_ports_copy(list->n, port, "output", &m->out, err);
}

static kvino_status take_ports(kvino_model *m, kvino_error *err) {
  kv_scope s;
  kv_model_input *in;
  kvino_tensors list = {0, NULL};
  kvino_graph *graph = NULL;
  size_t n_names = 0;
  kv_scope_enter(&s, err);
  size_t n = kv_model_inputs(&s, m->root, &in);
  kvino_status status = s.status;
  if (!status) status = take_inputs(&s, m, n, in, err);
  if (!status) status = kv_model_record(m, m->in.shapes, &graph, &list, err);
  if (!status) status = kv_states_find(m, graph, err);
  const char **names = status ? NULL : kv_model_output_names(&s, m->root, &n_names);
  if (!status) status = s.status;
  kvino_tensors own = {list.n - m->kept.n, list.v}; /* without those of states */
  if (!status) status = take_outputs(&s, m, &own, n_names, names, err);
  kvino_tensors_clear(&list);
  kvino_graph_release(graph);
  kvino_tensors nothing = {0, NULL};
  s.status = s.status ? s.status : KVINO_OK;
  kv_scope_leave_many(&s, (kvino_tensors){0, NULL}, &nothing);
  kvino_tensors_clear(&nothing);
  return status;
}

/* ---- the model ---- */

static kvino_status take_options(kvino_model *m, const kvino_model_options *options, kvino_error *err) {
  if (!options) return KVINO_OK;
  KV_NOT_NULL(err, options->outputs || !options->n_outputs);
  if (options->device && !(m->device = kv_strdup(options->device))) return no_memory(err);
  KV_TRY(kv_customs_copy(options->n_custom, options->custom, &m->customs, err));
  m->properties = kv_calloc(options->n_properties + 1, sizeof *m->properties);
  if (!m->properties) return no_memory(err);
  for (size_t i = 0; i < options->n_properties; i++) {
    const kvino_property *p = &options->properties[i];
    KV_NOT_NULL(err, p->name && p->value);
    m->properties[i] = (kvino_property){kv_strdup(p->name), kv_strdup(p->value)};
    m->n_properties++;
    if (!m->properties[i].name || !m->properties[i].value) return no_memory(err);
  }
  return KVINO_OK;
}

/* Keeps the files that weights came from by path: seeds, metrics and the optimizer's variables are in them, too. */
static kvino_status keep_source(kvino_model *m, kvino_error *err) {
  const kv_weights *w = &m->file.weights;
  if (w->by_name || !w->n) return KVINO_OK;
  if (!(m->source = kv_calloc(w->n, sizeof *m->source))) return no_memory(err);
  for (; m->n_source < w->n; m->n_source++)
    m->source[m->n_source] = kv_bytes_retain(kv_hdf5_bytes(w->file[m->n_source]));
  return KVINO_OK;
}

/* A model of layers: the file's configuration with its weights. */
static kvino_status read_layers(kvino_model *m, const kvino_model_options *options, kvino_error *err) {
  if (options) KV_TRY(kv_choose_outputs(m->file.config, options->n_outputs, options->outputs, err));
  m->chosen = options && options->n_outputs;
  KV_TRY(kv_layer_read(&m->file, &m->customs, &m->root, err));
  KV_TRY(keep_source(m, err));
  kv_weights_close(&m->file.weights);
  kv_layer_visit(m->root, add_layer, m);
  for (size_t i = 0; i < m->n_layers; i++)
    for (size_t k = 0; k < m->layer[i]->n_weights; k++) m->layer[i]->weight[k].number = m->n_weights++;
  return take_ports(m, err);
}

static kvino_status read_any(kvino_model *m, const kvino_model_options *options, kvino_error *err) {
  if (m->file.config) return read_layers(m, options, err);
  if (options && options->n_outputs) return kv_model_need_layers(m, "choose outputs of", err);
  return m->file.graph ? kv_graph_model_begin(m, err) : kv_ir_begin(m, err);
}

/* `path`: NULL for bytes of memory. */
static kvino_status load(kv_bytes *bytes, const char *name, const char *path, const kvino_model_options *options,
                         kvino_model **out, kvino_error *err) {
  kvino_model *m = kv_calloc(1, sizeof *m);
  if (!m) return no_memory(err);
  atomic_init(&m->refs, 1);
  pthread_mutex_init(&m->lock, NULL);
  pthread_mutex_init(&m->turn, NULL);
  pthread_rwlock_init(&m->weights, NULL);
  pthread_mutex_init(&m->queue, NULL);
  pthread_cond_init(&m->idle, NULL);
  kvino_status status = take_options(m, options, err);
  if (!status) status = kv_model_file_open(bytes, name, path, options ? options->weights : NULL, &m->file, err);
  if (!status) status = read_any(m, options, err);
  if (status)
    kvino_model_release(m);
  else
    *out = m;
  return status;
}

kvino_status kvino_model_load(const char *path, const kvino_model_options *options, kvino_model **out,
                              kvino_error *err) {
  kv_bytes *bytes = NULL;
  KV_NOT_NULL(err, path && out);
  KV_TRY(kv_bytes_read(path, &bytes, err));
  kvino_status status = load(bytes, path, path, options, out, err);
  kv_bytes_release(bytes);
  return status;
}

kvino_status kvino_model_parse(const void *data, size_t length, const char *name, const kvino_model_options *options,
                               kvino_model **out, kvino_error *err) {
  kv_bytes *bytes = NULL;
  KV_NOT_NULL(err, (data || !length) && out);
  if (!name) name = "the model";
  KV_TRY(kv_bytes_new(length, name, &bytes, err));
  if (length) memcpy(bytes->at, data, length);
  kvino_status status = load(bytes, name, NULL, options, out, err);
  kv_bytes_release(bytes);
  return status;
}

kvino_model *kvino_model_retain(kvino_model *m) {
  if (m) atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
  return m;
}

void kvino_model_release(kvino_model *m) {
  if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1) return;
  if (kv_model_end(m)) kv_model_free(m);
}

void kv_model_free(kvino_model *m) {
  kv_model_forget(m);
  for (size_t i = 0; i < m->n_properties; i++) {
    kv_free((void *)m->properties[i].name);
    kv_free((void *)m->properties[i].value);
  }
  kv_layer_free(m->root);
  kv_model_file_close(&m->file);
  kv_customs_clear(&m->customs);
  kv_free(m->layer);
  kv_ov_model_release(m->ir);
  kv_model_ports_clear(&m->in);
  kv_model_ports_clear(&m->out);
  kvino_model_reset_states(m);
  kv_free(m->state);
  kv_model_ports_clear(&m->kept);
  kv_free(m->device);
  kv_free(m->properties);
  for (size_t i = 0; i < m->n_source; i++) kv_bytes_release(m->source[i]);
  kv_free(m->source);
  pthread_rwlock_destroy(&m->weights);
  pthread_cond_destroy(&m->idle);
  pthread_mutex_destroy(&m->queue);
  pthread_mutex_destroy(&m->turn);
  pthread_mutex_destroy(&m->lock);
  kv_free(m);
}
