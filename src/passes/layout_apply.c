/* Recording a node in the other order of axes (layout.h). */
#include <string.h>

#include "passes/layout.h"

/* ---- permuting tensors ---- */

/* The shape of rank full_rank, leading 1s first. */
static void fill_up(int rank, const int64_t *shape, int full_rank, int64_t *full) {
  int lead = full_rank - rank;
  for (int i = 0; i < full_rank; i++) full[i] = i < lead ? 1 : shape[i - lead];
}

bool kv_layout_is_reshape(int rank, const int64_t *shape, int full_rank, const int *perm) {
  int64_t full[KVINO_MAX_RANK];
  int at = -1, unknown = 0;
  bool zero = false;
  fill_up(rank, shape, full_rank, full);
  for (int i = 0; i < full_rank; i++) {
    unknown += full[i] < 0;
    zero |= !full[i];
  }
  for (int i = 0; i < full_rank; i++) {
    if (full[perm[i]] == 1) continue;
    if (perm[i] < at) return false;
    at = perm[i];
  }
  return unknown == 0 || (unknown == 1 && !zero);
}

kvino_tensor *kv_layout_permute(kv_scope *s, kvino_tensor *t, int rank, const int *perm) {
  int64_t full[KVINO_MAX_RANK], order[KVINO_MAX_RANK];
  if (!t || s->status) return NULL;
  fill_up(t->rank, t->shape, rank, full);
  if (kv_layout_is_reshape(t->rank, t->shape, rank, perm)) {
    for (int i = 0; i < rank; i++) order[i] = full[perm[i]];
    return kv_reshape(s, t, kv_vector(s, (size_t)rank, order), (kv_reshape_attrs){.special_zero = false});
  }
  int lead = rank - t->rank;
  for (int i = 0; i < lead; i++) order[i] = i;
  if (lead) t = kv_unsqueeze(s, t, kv_vector(s, (size_t)lead, order));
  for (int i = 0; i < rank; i++) order[i] = perm[i];
  return kv_transpose(s, t, kv_vector(s, (size_t)rank, order));
}

/* ---- nodes ---- */

/* The operand list of a node, to be changed. */
static kvino_tensor **copy_list(kv_scope *s, size_t n, size_t room, kvino_tensor *const *in) {
  kvino_tensor **v = kv_scope_alloc(s, room, sizeof *v);
  if (v) memcpy(v, in, n * sizeof *v);
  return v;
}

/* Axes as they are called in the other order: a tensor of the rank the operand has. Ascending where their order says
 * nothing. */
static kvino_tensor *moved_axes(kv_scope *s, kv_edge e, kv_order own, int rank, bool sort) {
  int n, place[KVINO_MAX_RANK];
  int64_t axes[KV_KNOWN_MAX];
  if (!kv_edge_axes(e, rank, &n, axes))
    return kv_scope_fail(s, KVINO_INVALID, "axes became unknown in the layout pass");
  kv_layout_places(own, rank, place);
  for (int i = 0; i < n; i++) axes[i] = place[axes[i]];
  for (int i = 1; sort && i < n; i++)
    for (int k = i; k > 0 && axes[k] < axes[k - 1]; k--) {
      int64_t swap = axes[k];
      axes[k] = axes[k - 1];
      axes[k - 1] = swap;
    }
  return kv_edge_output(e)->rank ? kv_vector(s, (size_t)n, axes) : kv_int(s, KVINO_I64, axes[0]);
}

/* A value for each axis, in the other order. */
static kvino_tensor *moved_values(kv_scope *s, kv_edge e, kv_order own, int rank) {
  int n, perm[KVINO_MAX_RANK];
  int64_t values[KV_KNOWN_MAX], moved[KV_KNOWN_MAX];
  if (!kv_edge_values(e, &n, values) || n != rank)
    return kv_scope_fail(s, KVINO_INVALID, "values became unknown in the layout pass");
  kv_layout_perm(own, rank, perm);
  for (int i = 0; i < rank; i++) moved[i] = values[perm[i]];
  return kv_vector(s, (size_t)n, moved);
}

/* The axis attribute in the other order. */
static void move_attribute(const kv_prim *prim, kv_attrs *attrs, kv_order own, int rank) {
  int place[KVINO_MAX_RANK];
  int64_t *axis = kv_axis_attribute(prim, attrs);
  kv_layout_places(own, rank, place);
  *axis = place[*axis < 0 ? *axis + rank : *axis];
}

/* Constants and operands of lower rank beside main ones: broadcasting goes by the last axes, so each is filled up to
 * the full rank and permuted; one that has a single element fits as it is. */
static kvino_tensor *spread(kv_scope *s, kvino_tensor *t, kv_order own, int rank) {
  int perm[KVINO_MAX_RANK];
  bool single = true;
  for (int i = 0; i < t->rank; i++) single &= t->shape[i] == 1;
  if (single) return t;
  kv_layout_perm(own, rank, perm);
  return kv_layout_permute(s, t, rank, perm);
}

static kvino_tensors apply_elementwise(kv_scope *s, kv_graph *g, const kv_node *node, kv_order own, kvino_tensor **in) {
  for (uint32_t k = 0; k < node->n_in; k++) {
    kv_edge e = node->in[k];
    if (kv_edge_output(e)->rank < node->out[0].rank || e.node->constant)
      in[k] = spread(s, in[k], own, node->out[0].rank);
    if (s->status) return KV_KEEP;
  }
  return kv_clone(s, g, node, in);
}

/* Axes as an operand. A Slice without them means the first ones. */
static kvino_tensors apply_axes(kv_scope *s, const kv_node *node, kv_order own, kvino_tensor *const *in) {
  uint32_t count, at = kv_layout_operand(node->prim, &count);
  int rank = in[0]->rank;
  size_t n = at < node->n_in ? node->n_in : at + 1;
  kvino_tensor **v = copy_list(s, node->n_in, n, in);
  if (!v) return KV_KEEP;
  if (at < node->n_in) {
    v[at] = moved_axes(s, node->in[at], own, rank, false);
  } else {
    int place[KVINO_MAX_RANK];
    int64_t axes[KVINO_MAX_RANK];
    kv_layout_places(own, rank, place);
    for (int i = 0; i < rank; i++) axes[i] = place[i];
    v[at] = kv_vector(s, (size_t)kv_edge_output(node->in[1])->shape[0], axes);
  }
  return kv_apply_many(s, node->prim->id, &node->attrs, n, v);
}

/* The new shape has its axes in the other order too. */
static kvino_tensor *apply_reshape(kv_scope *s, const kv_node *node, kv_order own, kvino_tensor *x) {
  const kv_output *y = &node->out[0];
  int perm[KVINO_MAX_RANK];
  int64_t shape[KVINO_MAX_RANK];
  kv_layout_perm(own, y->rank, perm);
  for (int i = 0; i < y->rank; i++) shape[i] = y->shape[perm[i]];
  return kv_reshape(s, x, kv_vector(s, (size_t)y->rank, shape), (kv_reshape_attrs){.special_zero = false});
}

kvino_tensors kv_layout_apply(kv_scope *s, kv_graph *g, const kv_node *node, kv_order own, kvino_tensor *const *in) {
  uint32_t count, at = kv_layout_operand(node->prim, &count);
  kv_attrs attrs = node->attrs;
  int rank = in[0]->rank;
  kvino_tensor **v = copy_list(s, node->n_in, node->n_in, in);
  if (!v) return KV_KEEP;
  switch (kv_layout_habit(node->prim)) {
  case KV_ELEMENTWISE:
    return apply_elementwise(s, g, node, own, v);
  case KV_JOIN:
  case KV_AXIS:
    move_attribute(node->prim, &attrs, own, rank);
    break;
  case KV_AXES:
    return apply_axes(s, node, own, in);
  case KV_PER_AXIS:
    for (uint32_t k = at; k < at + count; k++) v[k] = moved_values(s, node->in[k], own, rank);
    break;
  case KV_REDUCE:
  case KV_REDUCE_PLACE:
  case KV_DROP:
    v[1] = moved_axes(s, node->in[1], own, rank, true);
    break;
  case KV_INSERT:
    v[1] = moved_axes(s, node->in[1], own, node->out[0].rank, true);
    break;
  case KV_PICK:
    v[2] = moved_axes(s, node->in[2], own, rank, false);
    break;
  case KV_RESHAPE:
    return kv_one(s, apply_reshape(s, node, own, in[0]));
  default:
    kv_scope_fail(s, KVINO_INVALID, "%s cannot work in another order of axes", node->prim->name);
  }
  return kv_apply_many(s, node->prim->id, &attrs, node->n_in, v);
}
