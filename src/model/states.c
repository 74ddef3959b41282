/* What a model with stateful layers keeps between its runs: the values of further inputs, which further results of the
 * run before are. They are made in the first run, as only its inputs say that there is a batch of that size. */
#include <string.h>

#include "base/memory.h"
#include "graph/graph.h"
#include "model/model.h"
#include "tensor/tensor.h"

kvino_status kv_states_find(kvino_model *m, const kvino_graph *recorded, kvino_error *err) {
  size_t n = recorded->n_parameters - m->in.n;
  kvino_port *port = kv_calloc(n + 1, sizeof *port);
  m->state = kv_calloc(n + 1, sizeof *m->state);
  kvino_status status =
      port && m->state ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for the states of a model");
  for (size_t i = 0; i < n && !status; i++) {
    const kv_output *o = recorded->parameter[m->in.n + i]->out;
    port[i] = (kvino_port){NULL, o->dtype, o->rank, o->shape};
  }
  if (!status) status = kv_model_ports_copy(n, port, "state", &m->kept, err);
  kv_free(port);
  return status;
}

static kvino_status zeros(const kvino_port *p, kvino_tensor **out, kvino_error *err) {
  KV_TRY(kvino_tensor_new(p->dtype, p->rank, p->shape, NULL, out, err));
  memset((*out)->data, 0, (size_t)kvino_tensor_size(*out) * kvino_dtype_size(p->dtype));
  return KVINO_OK;
}

kvino_status kv_states_begin(kvino_model *m, kvino_tensor *const *in, kvino_tensor ***all, kvino_error *err) {
  kvino_status status = KVINO_OK;
  kvino_tensor **list = kv_malloc((m->in.n + m->kept.n + 1) * sizeof *list);
  if (!list) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a run");
  memcpy(list, in, m->in.n * sizeof *list);
  pthread_mutex_lock(&m->turn);
  for (size_t i = 0; i < m->kept.n && !status; i++)
    if (!m->state[i]) status = zeros(&m->kept.v[i], &m->state[i], err);
  if (status) {
    kv_states_end(m, list, NULL);
    return status;
  }
  memcpy(list + m->in.n, m->state, m->kept.n * sizeof *list);
  *all = list;
  return KVINO_OK;
}

void kv_states_end(kvino_model *m, kvino_tensor **all, kvino_tensors *out) {
  for (size_t i = 0; out && i < m->kept.n; i++) {
    kvino_tensor_release(m->state[i]);
    m->state[i] = out->v[m->out.n + i];
  }
  pthread_mutex_unlock(&m->turn);
  if (out) out->n = m->out.n;
  kv_free(all);
}

void kvino_model_reset_states(kvino_model *m) {
  if (!m) return;
  pthread_mutex_lock(&m->turn);
  for (size_t i = 0; i < m->kept.n; i++) {
    kvino_tensor_release(m->state[i]);
    m->state[i] = NULL;
  }
  pthread_mutex_unlock(&m->turn);
}
