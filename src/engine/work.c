#include "engine/work.h"

#include "graph/body.h"

/* What an unknown dimension counts as: a small batch, a short sequence. */
static const double UNKNOWN = 32;
/* Multiplications and additions that one thread makes in about 50 us. */
static const double SMALL = 2e6;

static double elements(const kv_output *o) {
  double n = 1;
  for (int k = 0; k < o->rank; k++) n *= o->shape[k] < 0 ? UNKNOWN : (double)o->shape[k];
  return n;
}

static double work_of_graph(const kv_graph *g);

/* Of the bodies, as often as they run. */
static double work_of_bodies(const kv_node *node) {
  kv_graph *body[2];
  double work = 0, times = 1;
  size_t n = kv_bodies_of(node->prim->id, &node->attrs, body);
  for (size_t i = 0; i < n; i++) work += work_of_graph(body[i]);
  if (node->prim->id == KV_Loop) {
    const kv_output *trip = kv_edge_output(node->in[0]);
    times = trip->known && trip->known[0] >= 0 ? (double)trip->known[0] : UNKNOWN;
  }
  return work * times;
}

/* Elements read and written; for products and convolutions, which use every element of their second operand once for
 * each place that they are applied to, the number of their multiplications. A rough measure suffices. */
static double work_of(const kv_node *node) {
  double in = 0, out = 0, channels = 1;
  for (uint32_t i = 0; i < node->n_in; i++) in += elements(kv_edge_output(node->in[i]));
  for (uint32_t i = 0; i < node->n_out; i++) out += elements(&node->out[i]);
  if (node->n_in < 2 || !(node->prim->traits & KV_PRODUCT)) return in + out;
  const kv_output *y = &node->out[0];
  int axis = node->prim->id == KV_MatMul ? y->rank - 1 : 1;
  if (axis >= 0 && axis < y->rank) channels = y->shape[axis] < 0 ? UNKNOWN : (double)y->shape[axis];
  return in + out + (channels ? out / channels * elements(kv_edge_output(node->in[1])) : 0);
}

static double work_of_graph(const kv_graph *g) {
  double work = 0;
  for (size_t i = 0; i < g->n_nodes; i++)
    if (!g->node[i]->constant) work += work_of(g->node[i]) + work_of_bodies(g->node[i]);
  return work;
}

bool kv_is_small_work(const kv_graph *g) { return work_of_graph(g) < SMALL; }
