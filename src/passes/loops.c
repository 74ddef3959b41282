/* Loops that do the same (kv_pass_loops in passes.h): a derivative repeats a Loop to stack what each iteration was
 * given; the two are one Loop that stacks it. And what is stacked and not used, since what would have used it was found
 * to be of no use, is not stacked. */
#include <string.h>

#include "base/memory.h"
#include "passes/passes.h"
#include "passes/rewrite.h"
#include "graph/body.h"

/* A Loop of the old graph. */
typedef struct entry {
  const kv_node *node;
  size_t leader;         /* the first Loop that does the same; itself */
  bool *used;            /* of a leader: by output, also of those that follow it */
  const kv_node *widest; /* of a leader: which of them gives the most outputs, the others' among them */
  kvino_tensors made;    /* of a leader: the new values; references */
} entry;

typedef struct loops {
  size_t n;
  entry *entry;
} loops;

/* ---- bodies by results ---- */

/* A copy with those results only, and the nodes that these need. */
static kvino_status with_results(const kv_graph *body, const bool *keep, size_t n, kv_graph **out, kvino_error *err) {
  kv_graph *copy;
  KV_TRY(kv_rewrite(body, NULL, NULL, &copy, err));
  size_t left = 0;
  for (size_t i = 0; i < copy->n_results; i++)
    if (keep ? keep[i] : i < n)
      copy->result[left++] = copy->result[i];
    else
      kv_free(copy->result[i].name);
  copy->n_results = left;
  kvino_status status = kv_rewrite(copy, NULL, NULL, out, err);
  kv_graph_release(copy);
  return status;
}

static kvino_status hash_of(const kv_graph *body, size_t n, uint64_t hash[2], kvino_error *err) {
  kv_graph *copy;
  KV_TRY(with_results(body, NULL, n, &copy, err));
  kv_graph_hash(copy, hash);
  kv_graph_release(copy);
  return KVINO_OK;
}

/* Whether the narrower of two Loops gives the first outputs of the other. */
static bool do_the_same(kv_scope *s, const kv_node *a, const kv_node *b) {
  uint64_t x[2], y[2];
  if (a->n_in != b->n_in || a->attrs.loop.carried != b->attrs.loop.carried) return false;
  for (uint32_t k = 0; k < a->n_in; k++)
    if (a->in[k].node != b->in[k].node || a->in[k].output != b->in[k].output) return false;
  if (a->attrs.loop.body == b->attrs.loop.body) return true;
  size_t n = (a->n_out < b->n_out ? a->n_out : b->n_out) + 1u;
  return kv_scope_ok(s, hash_of(a->attrs.loop.body, n, x, s->err)) &&
         kv_scope_ok(s, hash_of(b->attrs.loop.body, n, y, s->err)) && x[0] == y[0] && x[1] == y[1];
}

/* ---- the old graph ---- */

static void find_leader(kv_scope *s, loops *l, size_t i) {
  entry *e = &l->entry[i];
  e->leader = i;
  e->widest = e->node;
  for (size_t k = 0; k < i && e->leader == i && !s->status; k++) {
    entry *first = &l->entry[k];
    if (first->leader != k || !do_the_same(s, first->widest, e->node)) continue;
    e->leader = k;
    if (e->node->n_out > first->widest->n_out) first->widest = e->node;
  }
}

static entry *entry_of(const loops *l, const kv_node *node) {
  for (size_t i = 0; i < l->n; i++)
    if (l->entry[i].node == node) return &l->entry[i];
  return NULL;
}

static void mark_used(const loops *l, kv_edge e) {
  entry *found = e.node->prim->id == KV_Loop ? entry_of(l, e.node) : NULL;
  if (found) l->entry[found->leader].used[e.output] = true;
}

static void look(kv_scope *s, const kv_graph *g, loops *l) {
  bool *live = kv_scope_alloc(s, g->n_nodes + 1, sizeof *live);
  l->entry = kv_scope_alloc(s, l->n, sizeof *l->entry);
  if (s->status) return;
  kv_mark_live(g, live);
  l->n = 0;
  for (size_t i = 0; i < g->n_nodes; i++)
    if (live[i] && g->node[i]->prim->id == KV_Loop) l->entry[l->n++] = (entry){.node = g->node[i]};
  for (size_t i = 0; i < l->n && !s->status; i++) find_leader(s, l, i);
  for (size_t i = 0; i < l->n && !s->status; i++) {
    size_t outputs = l->entry[i].widest->n_out + 1u;
    l->entry[i].used = kv_scope_alloc(s, outputs, sizeof *l->entry[i].used);
    if (l->entry[i].used) memset(l->entry[i].used, 0, outputs * sizeof *l->entry[i].used);
  }
  for (size_t i = 0; i < g->n_nodes && !s->status; i++)
    for (uint32_t k = 0; live[i] && k < g->node[i]->n_in; k++) mark_used(l, g->node[i]->in[k]);
  for (size_t i = 0; i < g->n_results && !s->status; i++) mark_used(l, g->result[i].value);
}

/* ---- the new one ---- */

/* What stands for an output that is not made: a node that nobody uses. */
static kvino_tensor *nothing(kv_scope *s, kv_rewriter *w, const kv_output *o) {
  int64_t shape[KVINO_MAX_RANK];
  for (int k = 0; k < o->rank; k++) shape[k] = o->shape[k] < 0 ? 1 : o->shape[k];
  kvino_tensor *zero = kv_as_symbolic(s, w->out, kv_int(s, o->dtype, 0));
  return s->status ? NULL
                   : kv_broadcast(s, zero, kv_vector(s, (size_t)o->rank, shape), (kv_broadcast_attrs){.mode = "numpy"});
}

static kvino_tensors make(kv_scope *s, kv_rewriter *w, const entry *e, kvino_tensor *const *in) {
  const kv_node *node = e->widest;
  size_t carried = (size_t)node->attrs.loop.carried, n = node->n_out;
  kvino_tensors all = {n, kv_scope_alloc(s, n + 1, sizeof *all.v)};
  bool *keep = kv_scope_alloc(s, n + 1, sizeof *keep), every = true, none = true;
  kv_graph *body = NULL;
  if (s->status) return KV_KEEP;
  keep[0] = true; /* the condition */
  for (size_t i = 0; i < n; i++) {
    keep[i + 1] = i < carried || e->used[i];
    every &= keep[i + 1];
    none &= !keep[i + 1];
  }
  if (none) keep[1] = true; /* a Loop gives something */
  if (every) return kv_clone(s, w->out, node, in);
  kv_scope_ok(s, with_results(node->attrs.loop.body, keep, 0, &body, s->err));
  kv_attrs attrs = node->attrs;
  attrs.loop.body = body;
  kvino_tensors made = s->status ? KV_KEEP : kv_apply_many(s, KV_Loop, &attrs, node->n_in, in);
  for (size_t i = 0, k = 0; i < n && !s->status; i++)
    all.v[i] = keep[i + 1] ? made.v[k++] : nothing(s, w, &node->out[i]);
  kv_graph_release(body);
  return s->status ? KV_KEEP : all;
}

static kvino_tensors rule(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  const loops *l = w->context;
  entry *e = node->prim->id == KV_Loop ? entry_of(l, node) : NULL;
  if (!e) return KV_KEEP;
  entry *first = &l->entry[e->leader];
  if (!first->made.v) {
    kvino_tensors v = make(s, w, first, in);
    kvino_tensor **held = v.v ? kv_malloc((v.n + 1) * sizeof *held) : NULL;
    if (!held) return kv_scope_fail(s, KVINO_NO_MEMORY, "out of memory for a Loop"), KV_KEEP;
    for (size_t i = 0; i < v.n; i++) held[i] = kvino_tensor_retain(v.v[i]);
    first->made = (kvino_tensors){v.n, held};
  }
  return (kvino_tensors){node->n_out, first->made.v};
}

kvino_status kv_pass_loops(const kv_graph *in, kv_graph **out, kvino_error *err) {
  kv_scope s;
  loops l = {0};
  for (size_t i = 0; i < in->n_nodes; i++) l.n += in->node[i]->prim->id == KV_Loop;
  if (!l.n) {
    *out = kv_graph_retain((kv_graph *)(uintptr_t)in);
    return KVINO_OK;
  }
  kv_scope_enter(&s, err);
  look(&s, in, &l);
  if (!s.status) kv_scope_ok(&s, kv_rewrite(in, rule, &l, out, err));
  for (size_t i = 0; l.entry && i < l.n; i++) {
    for (size_t k = 0; k < l.entry[i].made.n; k++) kvino_tensor_release(l.entry[i].made.v[k]);
    kv_free(l.entry[i].made.v);
  }
  kvino_status status = s.status;
  s.err = NULL; /* there is no result to give */
  kv_scope_leave(&s, NULL, &(kvino_tensor *){NULL});
  return status;
}
