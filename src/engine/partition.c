/* Division of a graph into segments (partition.h).
 *
 * Every node has a level: that of its operands, or one more where an operand is computed by the other engine. OpenVINO
 * has the even levels, native kernels the odd ones. Levels never fall along an edge, so all nodes of one level together
 * are convex: no path leaves them and comes back. One level is one segment. */
#include "engine/partition.h"

#include "base/error.h"
#include "base/memory.h"
#include "prim/prim.h"

enum { NO_LEVEL = -1 }; /* Parameters and Constants: at hand in every segment */

static bool is_source(const kv_node *node) { return node->prim->traits & KV_STRUCTURAL || node->constant; }

static int level_of(const kv_node *node, const bool *native, const int *level) {
  int parity = native[node->id], least = parity;
  for (uint32_t i = 0; i < node->n_in; i++)
    if (level[node->in[i].node->id] > least) least = level[node->in[i].node->id];
  return least + (least % 2 != parity);
}

/* A division under construction; arrays are indexed by node id, or by edge: first[node id] + output. */
typedef struct division {
  const kv_graph *g;
  kv_partition *p;
  int *level;
  size_t *first;
  int *taken;  /* by edge: last segment that lists it as an input */
  bool *given; /* by edge: its segment lists it as an output */
} division;

static size_t edge_at(const division *d, kv_edge e) { return d->first[e.node->id] + e.output; }

static kvino_status begin(division *d, const bool *native, kvino_error *err) {
  const kv_graph *g = d->g;
  d->level = kv_calloc(g->n_nodes + 1, sizeof *d->level);
  d->first = kv_calloc(g->n_nodes + 1, sizeof *d->first);
  if (!d->level || !d->first) goto memory;
  for (size_t i = 0; i < g->n_nodes; i++) {
    d->level[i] = is_source(g->node[i]) ? NO_LEVEL : level_of(g->node[i], native, d->level);
    d->first[i + 1] = d->first[i] + g->node[i]->n_out;
  }
  size_t edges = d->first[g->n_nodes];
  d->taken = kv_malloc((edges + 1) * sizeof *d->taken);
  d->given = kv_calloc(edges + 1, sizeof *d->given);
  if (!d->taken || !d->given) goto memory;
  for (size_t i = 0; i < edges; i++) d->taken[i] = -1;
  return KVINO_OK;
memory:
  return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", g->n_nodes);
}

/* Counts nodes per level, makes the segments and puts their nodes in. at[level] is the segment's number, then. */
static kvino_status put_nodes(division *d, int *at, int levels, kvino_error *err) {
  const kv_graph *g = d->g;
  size_t n = 0;
  for (size_t i = 0; i < g->n_nodes; i++)
    if (d->level[i] >= 0) at[d->level[i]]++;
  for (int k = 0; k < levels; k++) n += at[k] > 0;
  d->p->segment = kv_calloc(n + 1, sizeof *d->p->segment);
  if (!d->p->segment) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for %zu segments", n);
  for (int k = 0; k < levels; k++) {
    if (!at[k]) continue;
    kv_segment *s = &d->p->segment[d->p->n];
    s->openvino = k % 2 == 0;
    s->node = kv_malloc((size_t)at[k] * sizeof *s->node);
    if (!s->node) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a segment of %d nodes", at[k]);
    at[k] = (int)d->p->n++;
  }
  for (size_t i = 0; i < g->n_nodes; i++)
    if (d->level[i] >= 0) {
      kv_segment *s = &d->p->segment[at[d->level[i]]];
      s->node[s->n_nodes++] = g->node[i];
    }
  return KVINO_OK;
}

static kvino_status append(kv_edge **list, size_t *n, kv_edge e, kvino_error *err) {
  if (!(*n & (*n - 1))) { /* full: the capacity is the next power of two */
    kv_edge *more = kv_realloc(*list, (*n ? *n * 2 : 1) * sizeof e);
    if (!more) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for the inputs of a segment");
    *list = more;
  }
  (*list)[(*n)++] = e;
  return KVINO_OK;
}

/* Lists an edge as an output of its segment, once. */
static kvino_status give(division *d, const int *at, kv_edge e, kvino_error *err) {
  int level = d->level[e.node->id];
  if (level < 0 || d->given[edge_at(d, e)]) return KVINO_OK;
  d->given[edge_at(d, e)] = true;
  kv_segment *s = &d->p->segment[at[level]];
  return append(&s->out, &s->n_out, e, err);
}

static kvino_status put_edges(division *d, const int *at, kvino_error *err) {
  for (size_t k = 0; k < d->p->n; k++) {
    kv_segment *s = &d->p->segment[k];
    for (size_t i = 0; i < s->n_nodes; i++)
      for (uint32_t j = 0; j < s->node[i]->n_in; j++) {
        kv_edge e = s->node[i]->in[j];
        int level = d->level[e.node->id];
        if (e.node->constant || d->taken[edge_at(d, e)] == (int)k || (level >= 0 && at[level] == (int)k)) continue;
        d->taken[edge_at(d, e)] = (int)k;
        KV_TRY(append(&s->in, &s->n_in, e, err));
        KV_TRY(give(d, at, e, err));
      }
  }
  for (size_t i = 0; i < d->g->n_results; i++) KV_TRY(give(d, at, d->g->result[i].value, err));
  return KVINO_OK;
}

void kv_partition_free(kv_partition *p) {
  if (!p) return;
  for (size_t i = 0; i < p->n; i++) {
    kv_free(p->segment[i].node);
    kv_free(p->segment[i].in);
    kv_free(p->segment[i].out);
  }
  kv_free(p->segment);
  kv_free(p);
}

kvino_status kv_partition_new(const kv_graph *g, const bool *native, kv_partition **out, kvino_error *err) {
  division d = {.g = g, .p = kv_calloc(1, sizeof *d.p)};
  int *at = NULL, levels = 0;
  if (!d.p) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for the division of a graph");
  kvino_status status = begin(&d, native, err);
  for (size_t i = 0; !status && i < g->n_nodes; i++)
    if (d.level[i] >= levels) levels = d.level[i] + 1;
  if (!status && !(at = kv_calloc((size_t)levels + 1, sizeof *at)))
    status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for the division of a graph");
  if (!status) status = put_nodes(&d, at, levels, err);
  if (!status) status = put_edges(&d, at, err);
  kv_free(at);
  kv_free(d.level);
  kv_free(d.first);
  kv_free(d.taken);
  kv_free(d.given);
  if (status)
    kv_partition_free(d.p);
  else
    *out = d.p;
  return status;
}
