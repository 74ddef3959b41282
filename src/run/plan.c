/* Made backwards: the first use that is met from the end is the last one (plan.h). */
#include "run/plan.h"

#include <string.h>

#include "base/memory.h"

/* What `last` says of a value, beside the number of the step that takes it last. */
#define KEPT (UINT32_MAX - 2)
#define UNUSED (UINT32_MAX - 1)
#define FOREIGN UINT32_MAX

typedef struct planning {
  kv_plan *p;
  uint32_t *last; /* by value */
  uint32_t at;    /* steps are filled in from the end: the first one so far */
} planning;

/* A Constant's value is its node's: it is there for every run. */
static void own_all(const planning *l, const kv_node *node) {
  for (uint32_t k = 0; !node->constant && k < node->n_out; k++) l->last[l->p->first[node->id] + k] = UNUSED;
}

static void own(const planning *l, const kv_segment *s) {
  for (size_t i = 0; s->external && i < s->n_out; i++) l->last[kv_value_at(l->p, s->out[i])] = UNUSED;
  for (size_t i = 0; !s->external && i < s->n_nodes; i++) own_all(l, s->node[i]);
}

static void keep(const planning *l, kv_edge e) { l->last[kv_value_at(l->p, e)] = KEPT; }

/* Step `at` uses the value. True where it is the last to. */
static bool use(const planning *l, kv_edge e) {
  uint32_t *last = &l->last[kv_value_at(l->p, e)];
  if (*last == UNUSED) *last = l->at;
  return *last == l->at;
}

static void add_external(planning *l, const kv_segment *s) {
  l->p->step[--l->at] = (kv_step){.segment = s};
  for (size_t i = 0; i < s->n_in; i++) use(l, s->in[i]);
  for (size_t i = 0; i < s->n_out; i++) use(l, s->out[i]); /* goes at once where nobody else does */
}

static void add_node(planning *l, const kv_node *node) {
  bool needed = false;
  if (node->prim->traits & KV_STRUCTURAL) return;
  for (uint32_t k = 0; k < node->n_out; k++) needed |= l->last[l->p->first[node->id] + k] != UNUSED;
  if (!needed) return;
  kv_step *step = &l->p->step[--l->at];
  *step = (kv_step){.node = node};
  for (uint32_t k = 0; k < node->n_in; k++)
    if (use(l, node->in[k]) && k < 32) step->spare |= UINT32_C(1) << k;
  for (uint32_t k = 0; k < node->n_out; k++) use(l, (kv_edge){(kv_node *)node, k});
  if (node->n_in > l->p->most_operands) l->p->most_operands = node->n_in;
}

static void add(planning *l, const kv_segment *s) {
  if (s->external) add_external(l, s);
  for (size_t i = s->n_nodes; !s->external && i-- > 0;) add_node(l, s->node[i]);
}

/* Lists the values by the step after which they go: counts, then places. */
static void list_drops(const planning *l) {
  kv_plan *p = l->p;
  uint32_t before = 0;
  for (uint32_t v = 0; v < p->n_values; v++)
    if (l->last[v] < KEPT) p->step[l->last[v] - l->at].dropped++;
  for (uint32_t i = 0; i < p->n_steps; i++) {
    uint32_t n = p->step[i].dropped;
    p->step[i].dropped = before;
    before += n;
  }
  for (uint32_t v = 0; v < p->n_values; v++)
    if (l->last[v] < KEPT) p->drop[p->step[l->last[v] - l->at].dropped++] = v;
}

/* An empty plan with room for `most` steps; no value is its own. */
static kvino_status begin(planning *l, kv_plan *p, const kv_graph *g, size_t most, kvino_error *err) {
  *p = (kv_plan){.g = g, .first = kv_malloc((g->n_nodes + 1) * sizeof *p->first)};
  for (size_t i = 0; p->first && i < g->n_nodes; i++) {
    p->first[i] = p->n_values;
    p->n_values += g->node[i]->n_out;
  }
  p->step = kv_malloc((most + 1) * sizeof *p->step);
  p->drop = kv_malloc((p->n_values + 1) * sizeof *p->drop);
  *l = (planning){p, kv_malloc((p->n_values + 1) * sizeof *l->last), (uint32_t)most};
  if (!p->first || !p->step || !p->drop || !l->last) {
    kv_free(l->last);
    kv_plan_free(p);
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a plan of %zu steps", most);
  }
  for (uint32_t v = 0; v < p->n_values; v++) l->last[v] = FOREIGN;
  return KVINO_OK;
}

static void end(planning *l, size_t most) {
  kv_plan *p = l->p;
  p->n_steps = (uint32_t)most - l->at;
  memmove(p->step, p->step + l->at, p->n_steps * sizeof *p->step);
  list_drops(l);
  kv_free(l->last);
}

kvino_status kv_plan_new(kv_plan *p, const kv_graph *g, size_t n, const kv_segment *segment, kvino_error *err) {
  planning l;
  size_t most = 0;
  for (size_t i = 0; i < n; i++) most += segment[i].external ? 1 : segment[i].n_nodes;
  KV_TRY(begin(&l, p, g, most, err));
  for (size_t i = 0; i < g->n_parameters; i++) own_all(&l, g->parameter[i]);
  for (size_t i = 0; i < n; i++) own(&l, &segment[i]);
  for (size_t i = 0; i < g->n_results; i++) keep(&l, g->result[i].value);
  for (size_t i = n; i-- > 0;) add(&l, &segment[i]);
  end(&l, most);
  return KVINO_OK;
}

kvino_status kv_plan_graph(kv_plan *p, const kv_graph *g, kvino_error *err) {
  return kv_plan_new(p, g, 1, &(kv_segment){.n_nodes = g->n_nodes, .node = g->node}, err);
}

kvino_status kv_plan_part(kv_plan *p, const kv_graph *g, const kv_segment *segment, kvino_error *err) {
  planning l;
  kv_segment here = *segment;
  here.external = false;
  KV_TRY(begin(&l, p, g, here.n_nodes, err));
  own(&l, &here);
  for (size_t i = 0; i < here.n_out; i++) keep(&l, here.out[i]);
  add(&l, &here);
  end(&l, here.n_nodes);
  return KVINO_OK;
}

void kv_plan_free(kv_plan *p) {
  kv_free(p->first);
  kv_free(p->step);
  kv_free(p->drop);
  *p = (kv_plan){0};
}
