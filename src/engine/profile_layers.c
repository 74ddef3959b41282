/* From operations to layers: all that was recorded in one scope. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/profile.h"

/* Layers under construction. */
typedef struct gathering {
  kvino_profile *p;
  const kvino_executable *e;
  uint32_t *layer_of;           /* by node of the graph */
  kv_text *operations, *engine; /* by layer */
  double *longest, *native;     /* by layer: of the row that gives the precision, and that which gives the reason */
} gathering;

enum { NO_LAYER = UINT32_MAX };

static uint32_t find(const kvino_profile *p, const char *scope) {
  for (size_t i = p->n_layers; i-- > 0;) /* the one before, mostly */
    if (!strcmp(p->layer[i].scope, scope)) return (uint32_t)i;
  return NO_LAYER;
}

static kvino_status layer_of(gathering *g, const char *scope, uint32_t *layer, kvino_error *err) {
  kvino_profile *p = g->p;
  if (!scope) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a profile");
  *layer = find(p, scope);
  if (*layer != NO_LAYER) return KVINO_OK;
  KV_TRY(kv_profile_grow((void **)&p->layer, p->n_layers, &p->layer_capacity, sizeof *p->layer, err));
  p->layer[p->n_layers] = (kvino_profile_layer){.scope = scope, .precision = ""};
  *layer = (uint32_t)p->n_layers++;
  return KVINO_OK;
}

/* A word of a list, once. */
static void put_once(kv_text *t, const char *word) {
  size_t n = strlen(word);
  for (const char *at = t->at; at && (at = strstr(at, word)); at += n)
    if ((at == t->at || at[-1] == ' ') && (!at[n] || at[n] == ',')) return;
  kv_put(t, t->n ? ", %s" : "%s", word);
}

static int64_t bytes_of(const kvino_tensor *t) { return t->size * (int64_t)kvino_dtype_size((kvino_dtype)t->dtype); }

static void count_weights(gathering *g, const kv_node *node, uint32_t layer) {
  for (uint32_t k = 0; k < node->n_in; k++) {
    const kv_node *from = node->in[k].node;
    if (!from->constant || g->layer_of[from->id] != NO_LAYER) continue;
    g->layer_of[from->id] = layer;
    g->p->layer[layer].weight_bytes += bytes_of(from->constant);
  }
}

static void count_results(kvino_profile_layer *layer, const kv_node *node) {
  for (uint32_t i = 0; i < node->n_out; i++) {
    int64_t bytes = (int64_t)kvino_dtype_size(node->out[i].dtype);
    for (int k = 0; k < node->out[i].rank; k++) bytes = node->out[i].shape[k] < 0 ? 0 : bytes * node->out[i].shape[k];
    layer->result_bytes += bytes;
  }
}

static kvino_status add_edge(kvino_profile *p, uint32_t from, uint32_t to, kvino_error *err) {
  if (from == NO_LAYER || from == to) return KVINO_OK;
  for (size_t i = p->n_edges; i-- > 0 && i + 32 > p->n_edges;)
    if (p->edge[i].from == from && p->edge[i].to == to) return KVINO_OK;
  KV_TRY(kv_profile_grow((void **)&p->edge, p->n_edges, &p->edge_capacity, sizeof *p->edge, err));
  p->edge[p->n_edges++] = (kv_layer_edge){from, to};
  return KVINO_OK;
}

static kvino_status add_node(gathering *g, const kv_stage *stage, const kv_node *node, kvino_error *err) {
  uint32_t layer;
  KV_TRY(layer_of(g, kv_profile_scope(g->p, node->origin), &layer, err));
  kvino_profile_layer *l = &g->p->layer[layer];
  const char *engine = kv_profile_engine(g->p, stage);
  if (!engine) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a profile");
  g->layer_of[node->id] = layer;
  l->n_operations++;
  if (!stage->model && !l->reason && !g->e->all_native) l->reason = g->e->reason[node->id];
  put_once(&g->operations[layer], node->prim->name);
  put_once(&g->engine[layer], engine);
  count_weights(g, node, layer);
  count_results(l, node);
  for (uint32_t k = 0; k < node->n_in; k++)
    if (!node->in[k].node->constant) KV_TRY(add_edge(g->p, g->layer_of[node->in[k].node->id], layer, err));
  return KVINO_OK;
}

static bool is_float(const char *precision) { return *precision == 'f' || !strncmp(precision, "bf", 2); }

/* Times; what the longest operation computes in is the layer's precision. */
static kvino_status add_row(gathering *g, const kvino_profile_row *row, kvino_error *err) {
  uint32_t layer;
  KV_TRY(layer_of(g, row->scope, &layer, err));
  kvino_profile_layer *l = &g->p->layer[layer];
  l->microseconds += row->microseconds;
  put_once(&g->engine[layer], row->engine);
  if (row->reason && (!l->reason || row->microseconds > g->native[layer])) {
    l->reason = row->reason;
    g->native[layer] = row->microseconds;
  }
  bool first = !*l->precision || (!is_float(l->precision) && is_float(row->precision)); /* of shapes it says nothing */
  if (!first && row->microseconds <= g->longest[layer]) return KVINO_OK;
  l->precision = row->precision;
  g->longest[layer] = row->microseconds;
  return KVINO_OK;
}

static kvino_status gather(gathering *g, kvino_error *err) {
  const kvino_executable *e = g->e;
  for (size_t i = 0; i < e->graph->n_nodes; i++) g->layer_of[i] = NO_LAYER;
  for (size_t k = 0; k < e->partition->n; k++)
    for (size_t i = 0; i < e->stage[k].segment->n_nodes; i++)
      KV_TRY(add_node(g, &e->stage[k], e->stage[k].segment->node[i], err));
  for (size_t i = 0; i < g->p->n_rows; i++) KV_TRY(add_row(g, &g->p->row[i], err));
  for (size_t i = 0; i < g->p->n_layers; i++) {
    kvino_profile_layer *l = &g->p->layer[i];
    l->operations = kv_profile_keep(g->p, &g->operations[i]);
    l->engine = kv_profile_keep(g->p, &g->engine[i]);
    g->operations[i] = g->engine[i] = (kv_text){0};
    if (!l->operations || !l->engine) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a profile");
  }
  return KVINO_OK;
}

kvino_status kv_profile_layers(kvino_profile *p, const kvino_executable *e, kvino_error *err) {
  size_t most = e->graph->n_nodes + p->n_rows + 1;
  gathering g = {.p = p, .e = e};
  g.layer_of = kv_malloc(most * sizeof *g.layer_of);
  g.operations = kv_calloc(most, sizeof *g.operations);
  g.engine = kv_calloc(most, sizeof *g.engine);
  g.longest = kv_calloc(most, sizeof *g.longest);
  g.native = kv_calloc(most, sizeof *g.native);
  bool room = g.layer_of && g.operations && g.engine && g.longest && g.native;
  kvino_status status = room ? gather(&g, err) : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a profile");
  for (size_t i = 0; room && i < most; i++) {
    kv_free(g.operations[i].at);
    kv_free(g.engine[i].at);
  }
  kv_free(g.layer_of);
  kv_free(g.operations);
  kv_free(g.engine);
  kv_free(g.longest);
  kv_free(g.native);
  return status;
}
