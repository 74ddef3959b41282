/* Recording: graphs, nodes, edges. */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "graph/body.h"

kvino_status kv_graph_new(kv_graph **out, kvino_error *err) {
  kv_graph *g = kv_calloc(1, sizeof *g);
  if (!g) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph");
  g->refs = 1;
  *out = g;
  return KVINO_OK;
}

kv_graph *kv_graph_retain(kv_graph *g) {
  if (g) atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
  return g;
}

static void retain_body(kv_graph *body) { kv_graph_retain(body); }

static void each_body(kv_node *node, void (*f)(kv_graph *)) {
  for (const kv_attr_field *field = node->prim ? node->prim->fields() : NULL; field && field->name; field++)
    if (field->kind == KV_FIELD_body) f(*(kv_graph **)((char *)&node->attrs + field->offset));
}

static void drop_values(kv_node *node) {
  for (uint32_t i = 0; node->value && i < node->n_out; i++) kvino_tensor_release(node->value[i]);
  kv_free(node->value);
  node->value = NULL;
}

static void node_free(kv_node *node) {
  if (!node) return;
  drop_values(node);
  for (uint32_t i = 0; node->out && i < node->n_out; i++) {
    kv_free(node->out[i].shape);
    kv_free(node->out[i].known);
  }
  kv_free(node->out);
  kv_free(node->in);
  kv_free(node->name);
  kv_origin_release(node->origin);
  kvino_tensor_release(node->constant);
  each_body(node, kv_graph_release);
  kv_free(node);
}

void kv_graph_release(kv_graph *g) {
  if (!g || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1) return;
  for (size_t i = 0; i < g->n_nodes; i++) node_free(g->node[i]);
  for (size_t i = 0; i < g->n_results; i++) kv_free(g->result[i].name);
  kv_free(g->node);
  kv_free(g->parameter);
  kv_free(g->result);
  kv_free(g->constant);
  kv_body_close(g);
  kv_free(g);
}

/* Room for one more item of `size` bytes. */
static kvino_status grow(void **items, size_t n, size_t *capacity, size_t size, kvino_error *err) {
  return kv_grow(items, n, capacity, size) ? KVINO_OK
                                           : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", n);
}

static bool copy_output(kv_output *to, const kv_spec *spec, int n_known, const int64_t *known) {
  to->dtype = spec->dtype;
  to->rank = spec->rank;
  to->shape = kv_malloc((size_t)spec->rank * sizeof *to->shape);
  if (!to->shape) return false;
  memcpy(to->shape, spec->shape, (size_t)spec->rank * sizeof *to->shape);
  if (n_known < 0) return true;
  to->known = kv_malloc((size_t)n_known * sizeof *known);
  if (!to->known) return false;
  memcpy(to->known, known, (size_t)n_known * sizeof *known);
  return true;
}

kvino_status kv_graph_add(kv_graph *g, const struct kv_prim *prim, const kv_attrs *attrs, size_t n_in,
                          const kv_edge *in, size_t n_out, const kv_spec *spec, int n_known, const int64_t *known,
                          kv_node **out, kvino_error *err) {
  KV_TRY(grow((void **)&g->node, g->n_nodes, &g->node_capacity, sizeof *g->node, err));
  kv_node *node = kv_calloc(1, sizeof *node);
  bool complete =
      node && (node->in = kv_malloc(n_in * sizeof *in)) && (node->out = kv_calloc(n_out, sizeof *node->out));
  if (complete) {
    node->graph = g;
    node->prim = prim;
    node->id = (uint32_t)g->n_nodes;
    node->origin = kv_origin_retain(kv_origin_current());
    node->n_in = (uint32_t)n_in;
    node->n_out = (uint32_t)n_out;
    if (n_in) memcpy(node->in, in, n_in * sizeof *in);
    if (attrs) node->attrs = *attrs;
    each_body(node, retain_body);
    for (size_t i = 0; i < n_out && complete; i++)
      complete = copy_output(&node->out[i], &spec[i], i ? -1 : n_known, known);
  }
  if (!complete) {
    node_free(node);
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", g->n_nodes);
  }
  g->node[g->n_nodes++] = node;
  *out = node;
  return KVINO_OK;
}

static void release_graph(void *g) { kv_graph_release(g); }

static kvino_tensor *edge_value(kv_edge edge) {
  if (!edge.node->graph->watched) return NULL;
  return edge.node->value ? edge.node->value[edge.output] : edge.node->constant;
}

kvino_status kv_graph_tensor(kv_edge edge, kvino_tensor **out, kvino_error *err) {
  const kv_output *o = kv_edge_output(edge);
  return kv_tensor_symbolic(o->dtype, o->rank, o->shape, edge.node, edge.output, edge_value(edge), release_graph,
                            kv_graph_retain(edge.node->graph), out, err);
}

/* Where the Constant of tensor t stands in a table of `capacity` (a power of two) slots, or the free slot for it. */
static kv_node **constant_slot(kv_node **table, size_t capacity, const kvino_tensor *t) {
  size_t i = (size_t)kv_mix(0, (uint64_t)(uintptr_t)t) & (capacity - 1);
  while (table[i] && table[i]->constant != t) i = (i + 1) & (capacity - 1);
  return &table[i];
}

static kvino_status grow_constants(kv_graph *g, kvino_error *err) {
  if (g->n_constants * 2 < g->constant_capacity) return KVINO_OK;
  size_t wanted = g->constant_capacity ? g->constant_capacity * 2 : 16;
  kv_node **table = kv_calloc(wanted, sizeof *table);
  if (!table) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", g->n_nodes);
  for (size_t i = 0; i < g->constant_capacity; i++)
    if (g->constant[i]) *constant_slot(table, wanted, g->constant[i]->constant) = g->constant[i];
  kv_free(g->constant);
  g->constant = table;
  g->constant_capacity = wanted;
  return KVINO_OK;
}

static kvino_status constant(kv_graph *g, kvino_tensor *t, kv_edge *out, kvino_error *err) {
  KV_TRY(grow_constants(g, err));
  kv_node **slot = constant_slot(g->constant, g->constant_capacity, t);
  if (*slot) {
    *out = (kv_edge){*slot, 0};
    return KVINO_OK;
  }
  kv_spec spec = {.dtype = (kvino_dtype)t->dtype, .rank = t->rank};
  if (t->rank) memcpy(spec.shape, t->shape, t->rank * sizeof *t->shape);
  int64_t known[KV_KNOWN_MAX];
  int n_known = -1;
  if (!kv_known_values(t, &n_known, known)) n_known = -1;
  kv_node *node;
  KV_TRY(kv_graph_add(g, kv_prim_get(KV_Constant), NULL, 0, NULL, 1, &spec, n_known, known, &node, err));
  node->constant = kvino_tensor_retain(t);
  *slot = node;
  g->n_constants++;
  *out = (kv_edge){node, 0};
  return KVINO_OK;
}

kvino_status kv_graph_edge(kv_graph *g, kvino_tensor *t, kv_edge *out, kvino_error *err) {
  if (!kv_is_symbolic(t)) return constant(g, t, out, err);
  if (t->node->graph->closed) return constant(g, t->base, out, err);
  if (t->node->graph == g) {
    *out = kv_tensor_edge(t);
    return KVINO_OK;
  }
  if (!g->parent)
    return kv_fail(err, KVINO_INVALID,
                   "a symbolic tensor was used outside of the function that is traced: it belongs to another graph");
  kv_edge outer;
  KV_TRY(kv_graph_edge(g->parent, t, &outer, err));
  return kv_body_capture(g, outer, out, err);
}

static kvino_status copy_name(const char *name, char **out, kvino_error *err) {
  *out = NULL;
  if (name && !(*out = kv_strdup(name))) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a name");
  return KVINO_OK;
}

static kvino_status parameter(kv_graph *g, kvino_dtype dtype, int rank, const int64_t *shape, const char *name,
                              kv_node **out, kvino_error *err) {
  if (rank < 0 || rank > KVINO_MAX_RANK)
    return kv_fail(err, KVINO_INVALID, "a parameter cannot have %d dimensions", rank);
  kv_spec spec = {.dtype = dtype, .rank = rank};
  if (rank) memcpy(spec.shape, shape, (size_t)rank * sizeof *shape);
  for (int i = 0; i < rank; i++)
    if (shape[i] < -1) return kv_fail(err, KVINO_INVALID, "negative dimensions are not allowed");
  KV_TRY(grow((void **)&g->parameter, g->n_parameters, &g->parameter_capacity, sizeof *g->parameter, err));
  char *copy;
  KV_TRY(copy_name(name, &copy, err));
  kvino_status status = kv_graph_add(g, kv_prim_get(KV_Parameter), NULL, 0, NULL, 1, &spec, -1, NULL, out, err);
  if (status) {
    kv_free(copy);
    return status;
  }
  (*out)->name = copy;
  g->parameter[g->n_parameters++] = *out;
  return KVINO_OK;
}

kvino_status kv_graph_parameter(kv_graph *g, kvino_dtype dtype, int rank, const int64_t *shape, const char *name,
                                kvino_tensor **out, kvino_error *err) {
  if (g->watched) return kv_fail(err, KVINO_INVALID, "every input of a graph with watched inputs has a value");
  kv_node *node;
  KV_TRY(parameter(g, dtype, rank, shape, name, &node, err));
  return kv_graph_tensor((kv_edge){node, 0}, out, err);
}

kvino_status kv_node_watch(kv_node *node, kvino_tensor **value, kvino_error *err) {
  node->value = kv_calloc(node->n_out, sizeof *node->value);
  if (!node->value) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for the values of %s", node->prim->name);
  for (uint32_t i = 0; i < node->n_out; i++) {
    node->value[i] = value[i];
    value[i] = NULL;
  }
  return KVINO_OK;
}

kvino_status kv_graph_watch(kv_graph *g, kvino_tensor *value, kvino_tensor **out, kvino_error *err) {
  if (kv_is_symbolic(value) || g->parent || g->closed || (g->n_parameters && !g->watched))
    return kv_fail(err, KVINO_INVALID, "what is watched is a concrete tensor, as an input of a graph of watched ones");
  kv_node *node;
  g->watched = true;
  KV_TRY(parameter(g, (kvino_dtype)value->dtype, value->rank, value->shape, NULL, &node, err));
  kvino_tensor *held = kvino_tensor_retain(value);
  kvino_status status = kv_node_watch(node, &held, err);
  kvino_tensor_release(held);
  return status ? status : kv_graph_tensor((kv_edge){node, 0}, out, err);
}

void kv_graph_close(kv_graph *g) {
  g->closed = true;
  for (size_t i = 0; i < g->n_nodes; i++) drop_values(g->node[i]);
}

kvino_status kv_graph_result(kv_graph *g, kvino_tensor *value, const char *name, kvino_error *err) {
  kv_result result;
  KV_TRY(kv_graph_edge(g, value, &result.value, err));
  KV_TRY(grow((void **)&g->result, g->n_results, &g->result_capacity, sizeof *g->result, err));
  KV_TRY(copy_name(name, &result.name, err));
  g->result[g->n_results++] = result;
  return KVINO_OK;
}

bool kv_known_values(const kvino_tensor *t, int *n, int64_t values[KV_KNOWN_MAX]) {
  bool integral = kvino_dtype_is_integer((kvino_dtype)t->dtype);
  if (!integral || t->rank > 1 || t->size < 0 || t->size > KV_KNOWN_MAX) return false;
  const int64_t *known = NULL;
  if (kv_is_symbolic(t) && !(known = t->node->out[t->output].known)) return false;
  *n = (int)t->size;
  for (int i = 0; i < *n; i++) values[i] = known ? known[i] : kv_tensor_get_int(t, i);
  return true;
}

bool kv_all_known(const kvino_tensor *t, int *n, int64_t values[KV_KNOWN_MAX]) {
  if (!kv_known_values(t, n, values)) return false;
  for (int i = 0; i < *n; i++)
    if (values[i] == KV_UNKNOWN) return false;
  return true;
}
