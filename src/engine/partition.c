/* Division of a graph into segments (partition.h).
 *
 * Every node has a level: that of its operands, or one more where an operand is computed by the other engine. The
 * engines have the even and the odd levels in turn; which of them begins is what makes fewer levels (labels that only a
 * native kernel can convert need not cut a graph in two: they go first). Levels never fall along an edge, so all nodes
 * of one level together are convex: no path leaves them and comes back. One level is one segment.
 *
 * Little to convert or to view between what is given and native nodes is native too: it is not worth a segment.
 *
 * That gives each node the earliest segment. What is made long before it is used, from what is kept until then anyway,
 * moves to the segment of its first use: it need not pass between segments itself. */
#include "engine/partition.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "run/apply.h"

enum { NO_LEVEL = -1 }; /* Parameters and Constants: at hand in every segment */

static bool is_source(const kv_node *node) { return node->prim->traits & KV_STRUCTURAL || node->constant; }

static int level_of(const kv_node *node, int parity, const int *level) {
  int least = parity;
  for (uint32_t i = 0; i < node->n_in; i++)
    if (level[node->in[i].node->id] > least) least = level[node->in[i].node->id];
  return least + (least % 2 != parity);
}

/* The number of segments that the levels make with the native nodes on the odd levels, or the even ones. */
static int put_levels(const kv_graph *g, const bool *native, bool native_first, int *level) {
  int last = NO_LEVEL;
  bool begun = false; /* level 0 may be empty, no other one is */
  for (size_t i = 0; i < g->n_nodes; i++) {
    level[i] = is_source(g->node[i]) ? NO_LEVEL : level_of(g->node[i], native[i] != native_first, level);
    if (level[i] > last) last = level[i];
    begun |= level[i] == 0;
  }
  return last + begun;
}

/* A division under construction; arrays are indexed by node id, or by edge: first[node id] + output. */
typedef struct division {
  const kv_graph *g;
  kv_partition *p;
  bool native_first;
  bool *native;
  int *level;
  size_t *first;
  int *taken;  /* by edge: last segment that lists it as an input */
  bool *given; /* by edge: its segment lists it as an output */
} division;

static size_t edge_at(const division *d, kv_edge e) { return d->first[e.node->id] + e.output; }

/* Who takes the outputs of each node: node k's are at[k] to at[k + 1] of `node`. */
typedef struct consumers {
  size_t *at;
  const kv_node **node;
} consumers;

static kvino_status find_consumers(const kv_graph *g, consumers *c, kvino_error *err) {
  c->at = kv_calloc(g->n_nodes + 2, sizeof *c->at);
  if (!c->at) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", g->n_nodes);
  for (size_t i = 0; i < g->n_nodes; i++)
    for (uint32_t k = 0; k < g->node[i]->n_in; k++) c->at[g->node[i]->in[k].node->id + 2]++;
  for (size_t i = 2; i < g->n_nodes + 2; i++) c->at[i] += c->at[i - 1];
  c->node = kv_malloc((c->at[g->n_nodes + 1] + 1) * sizeof *c->node);
  if (!c->node) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", g->n_nodes);
  for (size_t i = 0; i < g->n_nodes; i++) /* the filling moves the shifted beginnings back */
    for (uint32_t k = 0; k < g->node[i]->n_in; k++) c->node[c->at[g->node[i]->in[k].node->id + 1]++] = g->node[i];
  return KVINO_OK;
}

/* The elements of an output; -1: not known. */
static int64_t elements(const kv_output *o) {
  int64_t n = 1;
  for (int k = 0; k < o->rank; k++)
    if (o->shape[k] < 0 || __builtin_mul_overflow(n, o->shape[k], &n)) return -1;
  return n;
}

/* ---- what native nodes take in ---- */

/* Elements up to which a node costs a native kernel less than OpenVINO would take to begin. */
enum { FEW_ELEMENTS = 1024 };

static bool is_little(const kv_node *node) {
  if (node->prim->id != KV_Convert && !(node->prim->traits & KV_VIEW)) return false;
  for (uint32_t i = 0; i < node->n_in; i++) {
    int64_t n = elements(kv_edge_output(node->in[i]));
    if (n < 0 || n > FEW_ELEMENTS) return false;
  }
  for (uint32_t i = 0; i < node->n_out; i++) {
    int64_t n = elements(&node->out[i]);
    if (n < 0 || n > FEW_ELEMENTS) return false;
  }
  return true;
}

/* Makes native what is little, comes from Parameters, Constants and native nodes alone, and goes to native nodes alone.
 */
static kvino_status adopt(division *d, const consumers *c, kvino_error *err) {
  const kv_graph *g = d->g;
  bool *given = kv_malloc(g->n_nodes + 1);
  if (!given) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", g->n_nodes);
  for (size_t i = 0; i < g->n_nodes; i++) {
    given[i] = is_source(g->node[i]) || d->native[i] || is_little(g->node[i]);
    if (is_source(g->node[i]) || d->native[i]) continue;
    for (uint32_t k = 0; k < g->node[i]->n_in; k++) given[i] &= given[g->node[i]->in[k].node->id];
  }
  for (size_t i = g->n_nodes; i-- > 0;) {
    if (d->native[i] || !given[i] || is_source(g->node[i]) || c->at[i] == c->at[i + 1]) continue;
    bool all = true;
    for (size_t k = c->at[i]; k < c->at[i + 1]; k++) all &= d->native[c->node[k]->id];
    d->native[i] = all;
  }
  kv_free(given);
  return KVINO_OK;
}

static kvino_status begin(division *d, const consumers *c, const bool *native, kvino_error *err) {
  const kv_graph *g = d->g;
  d->native = kv_malloc(g->n_nodes + 1);
  d->level = kv_calloc(g->n_nodes + 1, sizeof *d->level);
  d->first = kv_calloc(g->n_nodes + 1, sizeof *d->first);
  if (!d->native || !d->level || !d->first) goto memory;
  memcpy(d->native, native, g->n_nodes * sizeof *native);
  KV_TRY(adopt(d, c, err));
  for (size_t i = 0; i < g->n_nodes; i++) d->first[i + 1] = d->first[i] + g->node[i]->n_out;
  int otherwise = put_levels(g, d->native, true, d->level);
  d->native_first = otherwise < put_levels(g, d->native, false, d->level);
  if (d->native_first) put_levels(g, d->native, true, d->level);
  size_t edges = d->first[g->n_nodes];
  d->taken = kv_malloc((edges + 1) * sizeof *d->taken);
  d->given = kv_calloc(edges + 1, sizeof *d->given);
  if (!d->taken || !d->given) goto memory;
  for (size_t i = 0; i < edges; i++) d->taken[i] = -1;
  return KVINO_OK;
memory:
  return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", g->n_nodes);
}

/* ---- later segments for what is at hand there ---- */

static bool takes(const kv_node *node, kv_edge e) {
  for (uint32_t i = 0; i < node->n_in; i++)
    if (node->in[i].node == e.node && node->in[i].output == e.output) return true;
  return false;
}

/* Whether `node` may take an operand in the segment `to`: others take it there too, or it is kept at least until the
 * segment before and no larger than what `node` makes of it. */
static bool is_at_hand(const division *d, const consumers *c, const kv_node *node, kv_edge e, int to) {
  size_t id = e.node->id;
  bool kept = false;
  if (d->level[id] == NO_LEVEL || d->level[id] == to) return true;
  for (size_t i = c->at[id]; i < c->at[id + 1]; i++) {
    const kv_node *other = c->node[i];
    if (other == node || d->level[other->id] < to - 1 || !takes(other, e)) continue;
    if (d->level[other->id] == to) return true;
    kept = true;
  }
  int64_t size = elements(kv_edge_output(e));
  return kept && size >= 0 && size <= elements(&node->out[0]);
}

static void delay(division *d, const consumers *c, const kv_node *node) {
  int from = d->level[node->id], to = -1;
  for (size_t i = c->at[node->id]; i < c->at[node->id + 1]; i++) {
    int level = d->level[c->node[i]->id];
    if (to < 0 || level < to) to = level;
  }
  if (to % 2 != from % 2) to--;
  if (from == NO_LEVEL || to <= from) return;
  for (uint32_t i = 0; i < node->n_in; i++)
    if (!is_at_hand(d, c, node, node->in[i], to)) return;
  d->level[node->id] = to;
}

/* Backwards: what uses a node has its place before. */
static void delay_all(division *d, const consumers *c) {
  for (size_t i = d->g->n_nodes; i-- > 0;) delay(d, c, d->g->node[i]);
}

/* ---- segments ---- */

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
    s->external = k % 2 == d->native_first;
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
  consumers c = {NULL};
  kvino_status status = find_consumers(g, &c, err);
  if (!status) status = begin(&d, &c, native, err);
  if (!status) delay_all(&d, &c);
  kv_free(c.at);
  kv_free(c.node);
  for (size_t i = 0; !status && i < g->n_nodes; i++)
    if (d.level[i] >= levels) levels = d.level[i] + 1;
  if (!status && !(at = kv_calloc((size_t)levels + 1, sizeof *at)))
    status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for the division of a graph");
  if (!status) status = put_nodes(&d, at, levels, err);
  if (!status) status = put_edges(&d, at, err);
  kv_free(at);
  kv_free(d.native);
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
