/* The layout pass. Keras is channels-last, convolutions are channels-first: graphs come with a Transpose before and
 * after each.
 *
 * Two values between which only such Transposes stand are one tensor in two orders: a *group*. Every node that can work
 * in either order (layout_roles.c) is free to choose; convolutions, inputs and outputs are not. A group whose producer
 * and users do not agree costs one Transpose. The cheapest choice is a minimum cut (mincut.h) between the points fixed
 * to channels-last and those fixed to channels-first; the graph as written is one of the choices, so that the number of
 * Transposes never grows. The new graph is then recorded in the orders chosen, with conversions where needed. */
#include <math.h>

#include "base/memory.h"
#include "passes/layout.h"
#include "passes/mincut.h"
#include "passes/passes.h"

enum { NO_GROUP = UINT32_MAX };

/* Costs: the number of Transposes decides, then the bytes they move, then how many nodes change. */
static const int64_t COST_TRANSPOSE = (int64_t)1 << 40, COST_DOUBLING = (int64_t)1 << 20, COST_RESHAPE = 4,
                     COST_CHANGE = 1;

/* An output of the old graph. */
typedef struct value {
  uint32_t group;      /* NO_GROUP: of rank below 3, or constant; there is one form only */
  uint8_t order;       /* the one its axes stand in as written */
  kvino_tensor *plain; /* where there is no group: the new value */
} value;

/* One tensor, in up to two orders. */
typedef struct group {
  int rank;
  uint32_t producer;              /* points of the cut: who makes it ... */
  uint32_t from_last, from_first; /* ... and who uses it: see link_group */
  int64_t cost;                   /* of a conversion */
  kvino_tensor *form[2];          /* the new value, by order */
} group;

typedef struct state {
  bool live;
  bool alias; /* a Transpose between the orders: no node */
  bool flexible;
  uint8_t own; /* as written */
  uint8_t out; /* kv_role of the outputs, where flexible */
  uint32_t point;
  uint8_t chosen;
} state;

typedef struct layout {
  const kv_graph *in;
  kv_graph *out;
  state *node;
  size_t *first; /* by node: its first place in `value` */
  value *value;
  group *group;
  size_t n_groups, n_values, widest; /* widest: most operands of a node */
  size_t aliases;
  uint8_t *role; /* of the operands of one node */
  kv_cut *cut;
  uint8_t *side;
} layout;

static value *value_of(const layout *l, kv_edge e) { return &l->value[l->first[e.node->id] + e.output]; }
static uint32_t fixed_point(uint8_t order) { return order == KV_LAST ? KV_CUT_LEFT : KV_CUT_RIGHT; }

/* ---- values, groups and who is free ---- */

static int64_t conversion_cost(const kv_output *o, uint8_t order) {
  int perm[KVINO_MAX_RANK];
  kv_layout_perm((kv_order)order, o->rank, perm);
  if (kv_layout_is_reshape(o->rank, o->shape, o->rank, perm)) return COST_RESHAPE;
  double bytes = (double)kvino_dtype_size(o->dtype);
  for (int i = 0; i < o->rank; i++) bytes *= o->shape[i] > 0 ? (double)o->shape[i] : 1;
  return COST_TRANSPOSE + (int64_t)(log2(bytes + 1) * (double)COST_DOUBLING);
}

static bool has_perm(const kv_node *node, kv_order own) {
  int n, rank = node->out[0].rank, perm[KVINO_MAX_RANK];
  int64_t axes[KV_KNOWN_MAX];
  if (rank < 3 || !kv_edge_axes(node->in[1], rank, &n, axes) || n != rank) return false;
  kv_layout_perm(own, rank, perm);
  for (int i = 0; i < rank; i++)
    if (axes[i] != perm[i]) return false;
  return true;
}

/* An input that is used as channels-first is taken to be. */
static void mark_first_inputs(const layout *l, bool *first_input) {
  for (size_t i = 0; i < l->in->n_nodes; i++) {
    const kv_node *node = l->in->node[i];
    if (!l->node[i].live || !node->n_in || node->in[0].node->prim->id != KV_Parameter) continue;
    if (kv_layout_habit(node->prim) == KV_RIGID_FIRST ||
        (node->prim->id == KV_Transpose && has_perm(node, KV_FIRST) && !has_perm(node, KV_LAST)))
      first_input[node->in[0].node->id] = true;
  }
}

/* The order in which the node's main operands stand: that of the first. */
static uint8_t own_order(const layout *l, const kv_node *node) {
  for (uint32_t k = 0; k < node->n_in; k++) {
    const value *v = value_of(l, node->in[k]);
    if (v->group != NO_GROUP && (!k || kv_edge_output(node->in[k])->rank == node->out[0].rank)) return v->order;
  }
  return KV_LAST;
}

static void decide_freedom(layout *l, const kv_node *node) {
  state *s = &l->node[node->id];
  kv_role out;
  kv_habit habit = kv_layout_habit(node->prim);
  s->own = habit == KV_RIGID_FIRST ? KV_FIRST : own_order(l, node);
  const value *v = node->n_in ? value_of(l, node->in[0]) : NULL;
  if (habit == KV_TRANSPOSE && v->group != NO_GROUP && has_perm(node, (kv_order)v->order)) {
    s->alias = true;
    l->aliases++;
    return;
  }
  s->flexible = kv_layout_roles(node, (kv_order)s->own, l->role, &out);
  bool any = false;
  for (uint32_t k = 0; s->flexible && k < node->n_in; k++) {
    v = value_of(l, node->in[k]);
    if (l->role[k] != KV_MAIN || v->group == NO_GROUP) continue;
    any = true;
    s->flexible = v->order == s->own; /* in mixed company, as written */
  }
  s->flexible = s->flexible && any;
  s->out = s->flexible ? out : KV_ASIDE;
}

/* Gives each output its order and group. */
static kvino_status make_values(layout *l, const kv_node *node, bool first_input, kvino_error *err) {
  state *s = &l->node[node->id];
  for (uint32_t i = 0; i < node->n_out; i++) {
    value *v = value_of(l, (kv_edge){(kv_node *)node, i});
    const kv_output *o = &node->out[i];
    *v = (value){NO_GROUP, KV_LAST, NULL};
    if (o->rank < 3 || node->constant) continue;
    if (s->alias) {
      const value *from = value_of(l, node->in[0]);
      *v = (value){from->group, from->order == KV_LAST ? KV_FIRST : KV_LAST, NULL};
      continue;
    }
    if (node->prim->id == KV_Parameter)
      v->order = first_input ? KV_FIRST : KV_LAST;
    else if (s->flexible || kv_layout_habit(node->prim) == KV_RIGID_FIRST)
      v->order = s->own;
    else if (kv_layout_habit(node->prim) == KV_ELEMENTWISE)
      v->order = s->own;
    v->group = (uint32_t)l->n_groups++;
    group *g = &l->group[v->group];
    *g = (group){.rank = o->rank, .cost = conversion_cost(o, v->order)};
    g->producer = s->flexible && s->out == KV_MAIN ? s->point : fixed_point(v->order);
    KV_TRY(kv_cut_point(l->cut, &g->from_last, err));
    KV_TRY(kv_cut_point(l->cut, &g->from_first, err));
  }
  return KVINO_OK;
}

static kvino_status analyse(layout *l, kvino_error *err) {
  bool *first_input = kv_calloc(l->in->n_nodes + 1, sizeof *first_input);
  if (!first_input) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for the layout of a graph");
  mark_first_inputs(l, first_input);
  kvino_status status = KVINO_OK;
  for (size_t i = 0; i < l->in->n_nodes && !status; i++) {
    const kv_node *node = l->in->node[i];
    if (!l->node[i].live) continue;
    decide_freedom(l, node);
    if (l->node[i].flexible) status = kv_cut_point(l->cut, &l->node[i].point, err);
    if (!status) status = make_values(l, node, first_input[i], err);
  }
  kv_free(first_input);
  return status;
}

/* ---- the cut ---- */

/* A group costs once if its producer is left and any user right (from_last is right then), and once if its producer is
 * right and any user left (from_first is left then), however many users there are. */
static kvino_status link_group(layout *l, const group *g, kvino_error *err) {
  KV_TRY(kv_cut_arc(l->cut, g->producer, g->from_last, g->cost, err));
  return kv_cut_arc(l->cut, g->from_first, g->producer, g->cost, err);
}

static kvino_status link_user(layout *l, const value *v, uint32_t user, kvino_error *err) {
  if (v->group == NO_GROUP) return KVINO_OK;
  const group *g = &l->group[v->group];
  KV_TRY(kv_cut_arc(l->cut, g->from_last, user, KV_CUT_NEVER, err));
  return kv_cut_arc(l->cut, user, g->from_first, KV_CUT_NEVER, err);
}

/* What working in the other order costs a node by itself: operands of lower rank that must be brought along. */
static int64_t change_cost(const layout *l, const kv_node *node) {
  int64_t cost = COST_CHANGE;
  int perm[KVINO_MAX_RANK], rank = node->out[0].rank;
  for (uint32_t k = 0; k < node->n_in; k++) {
    const kv_output *o = kv_edge_output(node->in[k]);
    if (l->role[k] != KV_SPREAD || node->in[k].node->constant) continue;
    kv_layout_perm((kv_order)l->node[node->id].own, rank, perm);
    cost += kv_layout_is_reshape(o->rank, o->shape, rank, perm) ? COST_RESHAPE : COST_TRANSPOSE;
  }
  return cost;
}

static kvino_status link_node(layout *l, const kv_node *node, kvino_error *err) {
  const state *s = &l->node[node->id];
  kv_role out;
  if (s->alias || kv_layout_habit(node->prim) == KV_MEASURE) return KVINO_OK;
  for (uint32_t k = 0; k < node->n_in; k++) l->role[k] = KV_ASIDE;
  if (s->flexible) {
    kv_layout_roles(node, (kv_order)s->own, l->role, &out);
    int64_t cost = change_cost(l, node);
    KV_TRY(s->own == KV_LAST ? kv_cut_arc(l->cut, KV_CUT_LEFT, s->point, cost, err)
                             : kv_cut_arc(l->cut, s->point, KV_CUT_RIGHT, cost, err));
  }
  for (uint32_t k = 0; k < node->n_in; k++) {
    const value *v = value_of(l, node->in[k]);
    KV_TRY(link_user(l, v, l->role[k] == KV_MAIN ? s->point : fixed_point(v->order), err));
  }
  return KVINO_OK;
}

static kvino_status choose(layout *l, kvino_error *err) {
  for (size_t i = 0; i < l->n_groups; i++) KV_TRY(link_group(l, &l->group[i], err));
  for (size_t i = 0; i < l->in->n_nodes; i++)
    if (l->node[i].live) KV_TRY(link_node(l, l->in->node[i], err));
  for (size_t i = 0; i < l->in->n_results; i++) {
    const value *v = value_of(l, l->in->result[i].value);
    KV_TRY(link_user(l, v, fixed_point(v->order), err));
  }
  if (!(l->side = kv_malloc(kv_cut_points(l->cut))))
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for the layout of a graph");
  KV_TRY(kv_cut_solve(l->cut, l->side, err));
  for (size_t i = 0; i < l->in->n_nodes; i++) {
    state *s = &l->node[i];
    s->chosen = s->flexible ? (l->side[s->point] == KV_CUT_LEFT ? KV_LAST : KV_FIRST) : s->own;
  }
  return KVINO_OK;
}

/* ---- recording ---- */

/* The new value of an operand, its axes in `order`. Borrowed. */
static kvino_tensor *in_order(kv_scope *s, layout *l, const value *v, const kv_output *o, uint8_t order) {
  int perm[KVINO_MAX_RANK];
  if (s->status) return NULL;
  if (v->group == NO_GROUP) { /* a constant, or of low rank */
    if (o->rank < 3 || order == v->order) return v->plain;
    kv_layout_perm((kv_order)v->order, o->rank, perm);
    return kv_layout_permute(s, v->plain, o->rank, perm);
  }
  group *g = &l->group[v->group];
  if (!g->form[order]) {
    kv_layout_perm(order == KV_LAST ? KV_FIRST : KV_LAST, g->rank, perm);
    g->form[order] = kvino_tensor_retain(kv_layout_permute(s, g->form[!order], g->rank, perm));
  }
  return g->form[order];
}

/* The shape of a tensor from that of its other form. */
static kvino_tensors measure(kv_scope *s, layout *l, const kv_node *node, const value *v) {
  const group *g = v->group == NO_GROUP ? NULL : &l->group[v->group];
  int64_t order[KVINO_MAX_RANK];
  int place[KVINO_MAX_RANK];
  if (!g || g->form[v->order]) return kv_clone(s, l->out, node, &(kvino_tensor *){g ? g->form[v->order] : v->plain});
  kvino_tensors shape = kv_clone(s, l->out, node, &(kvino_tensor *){g->form[!v->order]});
  kv_layout_places((kv_order)v->order, g->rank, place);
  for (int i = 0; i < g->rank; i++) order[i] = place[i];
  if (!shape.v) return shape;
  kvino_tensor *places = kv_vector(s, (size_t)g->rank, order), *axis = kv_int(s, KVINO_I64, 0);
  return kv_one(s, kv_gather(s, shape.v[0], places, axis, (kv_gather_attrs){.batch_dims = 0}));
}

static kvino_tensors record(kv_scope *s, layout *l, const kv_node *node) {
  const state *n = &l->node[node->id];
  kv_role out;
  if (node->n_in && kv_layout_habit(node->prim) == KV_MEASURE) return measure(s, l, node, value_of(l, node->in[0]));
  kvino_tensor **in = kv_scope_alloc(s, node->n_in, sizeof *in);
  for (uint32_t k = 0; k < node->n_in; k++) l->role[k] = KV_ASIDE;
  if (n->flexible) kv_layout_roles(node, (kv_order)n->own, l->role, &out);
  for (uint32_t k = 0; in && k < node->n_in; k++) {
    value *v = value_of(l, node->in[k]);
    uint8_t order = l->role[k] != KV_MAIN ? v->order : n->chosen;
    if (v->group == NO_GROUP && l->role[k] == KV_MAIN) v->order = n->own; /* a constant stands as its node does */
    in[k] = in_order(s, l, v, kv_edge_output(node->in[k]), order);
  }
  if (s->status) return KV_KEEP;
  return n->chosen == n->own ? kv_clone(s, l->out, node, in) : kv_layout_apply(s, l->out, node, (kv_order)n->own, in);
}

static kvino_status record_node(layout *l, const kv_node *node, kvino_error *err) {
  const state *n = &l->node[node->id];
  if (n->alias) return KVINO_OK;
  kv_scope s;
  kv_scope_enter(&s, err);
  kv_origin *before = kv_origin_enter(node->origin);
  kvino_tensors v = record(&s, l, node);
  kv_origin_enter(before);
  if (!s.status && v.n != node->n_out)
    kv_scope_fail(&s, KVINO_INVALID, "%s lost outputs in the layout pass", node->prim->name);
  for (uint32_t i = 0; !s.status && i < node->n_out; i++) {
    value *to = value_of(l, (kv_edge){(kv_node *)node, i});
    uint8_t order = n->flexible && n->out == KV_MAIN ? n->chosen : to->order;
    *(to->group == NO_GROUP ? &to->plain : &l->group[to->group].form[order]) = kvino_tensor_retain(v.v[i]);
  }
  kvino_status status = s.status;
  s.err = NULL; /* the values were taken; what else the scope owns goes */
  kv_scope_leave(&s, NULL, &(kvino_tensor *){NULL});
  return status;
}

static kvino_status record_parameters(layout *l, kvino_error *err) {
  for (size_t i = 0; i < l->in->n_parameters; i++) {
    const kv_node *node = l->in->parameter[i];
    const kv_output *o = node->out;
    kvino_tensor *t;
    KV_TRY(kv_graph_parameter(l->out, o->dtype, o->rank, o->shape, node->name, &t, err));
    value *v = value_of(l, (kv_edge){(kv_node *)node, 0});
    if (!l->node[node->id].live)
      kvino_tensor_release(t);
    else if (v->group == NO_GROUP)
      v->plain = t;
    else
      l->group[v->group].form[v->order] = t;
  }
  return KVINO_OK;
}

static kvino_status record_results(layout *l, kvino_error *err) {
  kvino_status status = KVINO_OK;
  for (size_t i = 0; i < l->in->n_results && !status; i++) {
    const kv_result *r = &l->in->result[i];
    const value *v = value_of(l, r->value);
    kv_scope s;
    kv_scope_enter(&s, err);
    kvino_tensor *t = in_order(&s, l, v, kv_edge_output(r->value), v->order);
    if (!s.status) kv_scope_ok(&s, kv_graph_result(l->out, t, r->name, err));
    status = s.status;
    s.err = NULL;
    kv_scope_leave(&s, NULL, &(kvino_tensor *){NULL});
  }
  return status;
}

static kvino_status record_all(layout *l, kvino_error *err) {
  KV_TRY(kv_graph_new(&l->out, err));
  KV_TRY(record_parameters(l, err));
  for (size_t i = 0; i < l->in->n_nodes; i++)
    if (l->node[i].live && l->in->node[i]->prim->id != KV_Parameter) KV_TRY(record_node(l, l->in->node[i], err));
  return record_results(l, err);
}

/* ---- the pass ---- */

static kvino_status layout_begin(layout *l, const kv_graph *in, kvino_error *err) {
  l->in = in;
  for (size_t i = 0; i < in->n_nodes; i++) {
    l->n_values += in->node[i]->n_out;
    if (in->node[i]->n_in > l->widest) l->widest = in->node[i]->n_in;
  }
  bool *live = kv_malloc(in->n_nodes + 1);
  l->node = kv_calloc(in->n_nodes + 1, sizeof *l->node);
  l->first = kv_calloc(in->n_nodes + 1, sizeof *l->first);
  l->value = kv_calloc(l->n_values + 1, sizeof *l->value);
  l->group = kv_calloc(l->n_values + 1, sizeof *l->group);
  l->role = kv_malloc(l->widest + 1);
  bool complete = live && l->node && l->first && l->value && l->group && l->role;
  if (complete) {
    kv_mark_live(in, live);
    for (size_t i = 0; i < in->n_nodes; i++) l->node[i].live = live[i];
    for (size_t i = 0; i < in->n_nodes; i++) l->first[i + 1] = l->first[i] + in->node[i]->n_out;
  }
  kv_free(live);
  return complete ? kv_cut_new(&l->cut, err) : kv_fail(err, KVINO_NO_MEMORY, "out of memory for the layout of a graph");
}

static void layout_end(layout *l) {
  for (size_t i = 0; l->value && i < l->n_values; i++) kvino_tensor_release(l->value[i].plain);
  for (size_t i = 0; l->group && i < l->n_groups; i++)
    for (int k = 0; k < 2; k++) kvino_tensor_release(l->group[i].form[k]);
  kv_free(l->node);
  kv_free(l->first);
  kv_free(l->value);
  kv_free(l->group);
  kv_free(l->role);
  kv_free(l->side);
  kv_cut_free(l->cut);
}

kvino_status kv_pass_layout(const kv_graph *in, kv_graph **out, kvino_error *err) {
  layout l = {0};
  kvino_status status = layout_begin(&l, in, err);
  if (!status) status = analyse(&l, err);
  if (!status && !l.aliases) { /* nothing to move */
    status = kv_rewrite(in, NULL, NULL, &l.out, err);
  } else {
    if (!status) status = choose(&l, err);
    if (!status) status = record_all(&l, err);
  }
  layout_end(&l);
  if (status)
    kv_graph_release(l.out);
  else
    *out = l.out;
  return status;
}
