#include "engine/views.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "openvino/reshapes.h"

typedef struct search {
  uint32_t *uses; /* by node: of its outputs, results among them */
  bool *inside;   /* by node: whether the segment computes it */
  bool *viewed;   /* by node: whether a segment of views has it */
  kv_edge *out;   /* what the segment gives, then */
  size_t n_out;
  kv_node **view;
  size_t n_views;
} search;

/* Whether what the node is a view of is computed in the segment and has other users. */
static bool is_shared(const search *f, const kv_node *node) {
  bool shared = false;
  while (kv_is_reshape(node)) {
    node = node->in[0].node;
    if (!f->inside[node->id]) return false;
    shared |= f->uses[node->id] > 1;
  }
  return shared;
}

/* The segment, or the views after it, shall give the value. */
static void want(search *f, kv_edge e) {
  if (!f->inside[e.node->id] || f->viewed[e.node->id]) return;
  if (kv_is_reshape(e.node) && is_shared(f, e.node)) {
    f->viewed[e.node->id] = true;
    for (uint32_t i = 0; i < e.node->n_in; i++) want(f, e.node->in[i]);
    f->view[f->n_views++] = e.node;
    return;
  }
  for (size_t i = 0; i < f->n_out; i++)
    if (f->out[i].node == e.node && f->out[i].output == e.output) return;
  f->out[f->n_out++] = e;
}

static void count_uses(const kv_graph *g, uint32_t *uses) {
  for (size_t i = 0; i < g->n_nodes; i++)
    for (uint32_t k = 0; k < g->node[i]->n_in; k++) uses[g->node[i]->in[k].node->id]++;
  for (size_t i = 0; i < g->n_results; i++) uses[g->result[i].value.node->id]++;
}

/* The views of segment s in a segment of their own, `after`: n_nodes 0 where there are none. */
static kvino_status part_views(search *f, kv_segment *s, kv_segment *after, kvino_error *err) {
  size_t most = s->n_out;
  for (size_t i = 0; i < s->n_nodes; i++) most += s->node[i]->n_out;
  f->n_out = f->n_views = 0;
  f->out = kv_malloc((most + 1) * sizeof *f->out);
  f->view = kv_malloc((s->n_nodes + 1) * sizeof *f->view);
  if (!f->out || !f->view) {
    kv_free(f->out);
    kv_free(f->view);
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a segment of %zu nodes", s->n_nodes);
  }
  for (size_t i = 0; i < s->n_nodes; i++) f->inside[s->node[i]->id] = true;
  for (size_t i = 0; i < s->n_out; i++) want(f, s->out[i]);
  for (size_t i = 0; i < s->n_nodes; i++) f->inside[s->node[i]->id] = false;
  *after = (kv_segment){.n_nodes = f->n_views, .node = f->view};
  if (f->n_views) {
    kv_free(s->out);
    s->out = f->out;
    s->n_out = f->n_out;
    return KVINO_OK;
  }
  kv_free(f->out);
  kv_free(f->view);
  after->node = NULL;
  return KVINO_OK;
}

static kvino_status part_all(search *f, kv_partition *p, kvino_error *err) {
  kv_segment *all = kv_malloc((2 * p->n + 1) * sizeof *all), after;
  size_t n = 0;
  if (!all) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for %zu segments", p->n);
  kvino_status status = KVINO_OK;
  for (size_t k = 0; k < p->n; k++) {
    after.n_nodes = 0;
    if (!status && p->segment[k].external) status = part_views(f, &p->segment[k], &after, err);
    all[n++] = p->segment[k];
    if (after.n_nodes) all[n++] = after;
  }
  kv_free(p->segment);
  p->segment = all;
  p->n = n;
  return status;
}

kvino_status kv_views_apart(kv_partition *p, const kv_graph *g, kvino_error *err) {
  size_t n = g->n_nodes + 1;
  search f = {.uses = kv_calloc(n, sizeof *f.uses),
              .inside = kv_calloc(n, sizeof *f.inside),
              .viewed = kv_calloc(n, sizeof *f.viewed)};
  kvino_status status = KVINO_NO_MEMORY;
  if (f.uses && f.inside && f.viewed) {
    count_uses(g, f.uses);
    status = part_all(&f, p, err);
  } else {
    kv_fail(err, status, "out of memory for a graph of %zu nodes", g->n_nodes);
  }
  kv_free(f.uses);
  kv_free(f.inside);
  kv_free(f.viewed);
  return status;
}

void kv_views_join(kv_partition *p, size_t k) {
  if (k + 1 == p->n || p->segment[k + 1].external) return;
  const kv_segment *s = &p->segment[k];
  kv_segment *after = &p->segment[k + 1];
  size_t n = 0;
  for (size_t i = 0; i < after->n_nodes; i++) {
    bool both = false;
    for (size_t j = 0; j < s->n_nodes && !both; j++) both = s->node[j] == after->node[i];
    if (!both) after->node[n++] = after->node[i];
  }
  after->n_nodes = n;
}
