#include "engine/work.h"

#include "base/cpu.h"
#include "graph/body.h"

/* What an unknown dimension counts as: a small batch, a short sequence. */
static const double UNKNOWN = 32;
/* Multiplications and additions that one thread makes in about 50 us. */
static const double SMALL = 2e6;
/* Some milliseconds of one thread. */
static const double MANY_PRODUCTS = 2e8;

static double elements(const kv_output *o) {
  double n = 1;
  for (int k = 0; k < o->rank; k++) n *= o->shape[k] < 0 ? UNKNOWN : (double)o->shape[k];
  return n;
}

/* Elements read and written, and the multiplications of products of float32. */
typedef struct work {
  double all, products;
} work;

static void add_graph(work *w, const kv_graph *g, double times);

/* Of the bodies, as often as they run. */
static void add_bodies(work *w, const kv_node *node, double times) {
  kv_graph *body[2];
  size_t n = kv_bodies_of(node->prim->id, &node->attrs, body);
  if (node->prim->id == KV_Loop) {
    const kv_output *trip = kv_edge_output(node->in[0]);
    times *= trip->known && trip->known[0] >= 0 ? (double)trip->known[0] : UNKNOWN;
  }
  for (size_t i = 0; i < n; i++) add_graph(w, body[i], times);
}

/* Elements read and written; for products and convolutions, which use every element of their second operand once for
 * each place that they are applied to, the number of their multiplications. A rough measure suffices. */
static void add_node(work *w, const kv_node *node, double times) {
  double in = 0, out = 0, channels = 1, products = 0;
  for (uint32_t i = 0; i < node->n_in; i++) in += elements(kv_edge_output(node->in[i]));
  for (uint32_t i = 0; i < node->n_out; i++) out += elements(&node->out[i]);
  if (node->n_in >= 2 && node->prim->traits & KV_PRODUCT) {
    const kv_output *y = &node->out[0];
    int axis = node->prim->id == KV_MatMul ? y->rank - 1 : 1;
    if (axis >= 0 && axis < y->rank) channels = y->shape[axis] < 0 ? UNKNOWN : (double)y->shape[axis];
    products = channels ? out / channels * elements(kv_edge_output(node->in[1])) : 0;
    if (y->dtype == KVINO_F32) w->products += times * products;
  }
  w->all += times * (in + out + products);
}

static void add_graph(work *w, const kv_graph *g, double times) {
  for (size_t i = 0; i < g->n_nodes; i++) {
    if (g->node[i]->constant) continue;
    add_node(w, g->node[i], times);
    add_bodies(w, g->node[i], times);
  }
}

static work work_of(const kv_graph *g) {
  work w = {0, 0};
  add_graph(&w, g, 1);
  return w;
}

bool kv_is_small_work(const kv_graph *g) { return work_of(g).all < SMALL; }

bool kv_is_slow_precision(const kv_graph *g, const kv_ov_config *asked) {
  if (!(kv_cpu_tiles() & KV_TILES_OF_BF16) || !kv_ov_config_is_cpu(asked)) return false;
  if (kv_ov_config_get(asked, KV_INFERENCE_PRECISION_HINT) || kv_ov_config_get(asked, KV_EXECUTION_MODE_HINT))
    return false;
  work w = work_of(g);
  return w.products > MANY_PRODUCTS && w.products > w.all / 2;
}
