/* States of recurrent layers that a model keeps between its runs (layer.h): each is one more input of the graph that is
 * recorded, and one more result. */
#include "graph/graph.h"
#include "layers/layer.h"
#include "ops/common.h"

/* The input for a state that is `zeros` in the first run. */
static kvino_tensor *begin_state(kv_invocation *c, const kvino_tensor *zeros) {
  kvino_tensor *t = NULL;
  if (!zeros || c->s->status) return NULL;
  if (kvino_tensor_size(zeros) < 0)
    return kv_layer_refuse(c,
                           "with stateful=True the shape of the states must be known: the input's batch_shape in the "
                           "file, the lengths that it convolves over included");
  kv_state *state = kv_scope_alloc(c->s, 1, sizeof *state);
  if (!state || !kv_scope_ok(c->s, kv_graph_parameter(c->states->graph, (kvino_dtype)zeros->dtype, zeros->rank,
                                                      zeros->shape, NULL, &t, c->s->err)))
    return NULL;
  *state = (kv_state){.layer = c->layer};
  if (c->states->last)
    c->states->last->next = state;
  else
    c->states->first = state;
  c->states->last = state;
  c->states->n++;
  return kv_own(c->s, t);
}

void kv_begin_states(kv_invocation *c, size_t n, kvino_tensor **state) {
  if (!c->states) {
    kv_layer_refuse(c, "stateful=True is for runs of a model (kvino_model_run): not for training, for the model as a "
                       "part of a graph, or inside of TimeDistributed");
    return;
  }
  size_t known = 0;
  for (const kv_state *k = c->states->first; k && known < n; k = k->next)
    if (k->layer == c->layer) state[known++] = k->after; /* the model has called it before */
  for (size_t i = known; i < n; i++) state[i] = begin_state(c, state[i]);
}

void kv_end_states(kv_invocation *c, size_t n, kvino_tensor *const *state) {
  size_t i = 0;
  for (kv_state *k = c->states ? c->states->first : NULL; k; k = k->next)
    if (k->layer == c->layer && i < n) k->after = state[i++];
}
