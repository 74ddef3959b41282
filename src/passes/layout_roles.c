/* What each primitive does to the order of axes (layout.h). */
#include <string.h>

#include "passes/layout.h"

typedef struct row {
  kv_habit habit;
  uint32_t operand, count; /* see kv_layout_operand; where the line does not say a count, it is 1 */
} row;

static const row rows[KV_PRIM_COUNT] = {
#define ROW_LAYOUT(habit, ...)                                                                                         \
  { KV_##habit, __VA_ARGS__ }
#define PRIM(Name, function, operands, outputs, attributes, infer, eval, openvino, interval, layout, ...)              \
  [KV_##Name] = ROW_##layout,
#include "vocabulary/prims.def"
#undef PRIM
};

kv_habit kv_layout_habit(const kv_prim *prim) { return rows[prim->id].habit; }

uint32_t kv_layout_operand(const kv_prim *prim, uint32_t *count) {
  const row *r = &rows[prim->id];
  *count = r->count ? r->count : 1;
  return r->operand;
}

/* ---- reading operands ---- */

bool kv_edge_values(kv_edge e, int *n, int64_t values[KV_KNOWN_MAX]) {
  if (e.node->constant) {
    const kvino_tensor *c = e.node->constant;
    if (!kvino_dtype_is_integer((kvino_dtype)c->dtype) || c->rank > 1 || c->size > KV_KNOWN_MAX) return false;
    *n = (int)c->size;
    for (int i = 0; i < *n; i++) values[i] = kv_tensor_get_int(c, i);
    return true;
  }
  const kv_output *o = kv_edge_output(e);
  if (!o->known || o->rank > 1) return false;
  *n = o->rank ? (int)o->shape[0] : 1;
  for (int i = 0; i < *n; i++)
    if ((values[i] = o->known[i]) == KV_UNKNOWN) return false;
  return true;
}

bool kv_edge_axes(kv_edge e, int rank, int *n, int64_t axes[KV_KNOWN_MAX]) {
  if (!kv_edge_values(e, n, axes)) return false;
  for (int i = 0; i < *n; i++)
    if (kv_normalize_axis(&axes[i], rank, NULL)) return false;
  return true;
}

int64_t *kv_axis_attribute(const kv_prim *prim, kv_attrs *attrs) {
  for (const kv_attr_field *f = prim->fields(); f->name; f++)
    if (f->kind == KV_FIELD_integer && !strcmp(f->name, "axis")) return (int64_t *)((char *)attrs + f->offset);
  return NULL;
}

void kv_layout_perm(kv_order own, int rank, int perm[KVINO_MAX_RANK]) {
  perm[0] = 0;
  if (own == KV_LAST) { /* to channels-first */
    perm[1] = rank - 1;
    for (int i = 2; i < rank; i++) perm[i] = i - 1;
  } else {
    for (int i = 1; i < rank - 1; i++) perm[i] = i + 1;
    perm[rank - 1] = 1;
  }
}

/* ---- roles ---- */

static int rank_of(kv_edge e) { return kv_edge_output(e)->rank; }

/* The operands of full rank are main; constants and the rest are brought along. */
static bool elementwise_roles(const kv_node *node, uint8_t *in, kv_role *out) {
  bool any = false;
  if (node->prim->traits & KV_BY_CHANNEL && rank_of(node->in[1]) == 1) return false; /* no broadcasting */
  for (uint32_t k = 0; k < node->n_in; k++) {
    bool full = rank_of(node->in[k]) == node->out[0].rank && !node->in[k].node->constant;
    in[k] = full ? KV_MAIN : KV_SPREAD;
    any |= full;
  }
  *out = KV_MAIN;
  return any && node->n_out == 1;
}

/* Where the axes of `gone` go from a tensor of that rank: what is left is the same in both orders (aside), or stands in
 * the same two orders (main), or neither (false). */
static bool left_role(kv_order own, int rank, int n, const int64_t *gone, kv_role *out) {
  bool left[KVINO_MAX_RANK];
  int place[KVINO_MAX_RANK], spatial = 0, at = -1;
  bool sorted = true;
  for (int i = 0; i < rank; i++) left[i] = true;
  for (int i = 0; i < n; i++) left[gone[i]] = false;
  kv_layout_places(own, rank, place);
  int channel = own == KV_LAST ? rank - 1 : 1;
  for (int i = 0; i < rank; i++) {
    if (!left[i]) continue;
    sorted &= place[i] > at;
    at = place[i];
    spatial += i && i != channel;
  }
  *out = sorted ? KV_ASIDE : KV_MAIN;
  return sorted || (left[0] && left[channel] && spatial);
}

static bool keeps_dims(const kv_node *node) {
  for (const kv_attr_field *f = node->prim->fields(); f->name; f++)
    if (!strcmp(f->name, "keep_dims")) return *(const bool *)((const char *)&node->attrs + f->offset);
  return false;
}

static bool reduce_roles(const kv_node *node, kv_order own, bool keep, kv_role *out) {
  int n, rank = rank_of(node->in[0]);
  int64_t axes[KV_KNOWN_MAX];
  if (!kv_edge_axes(node->in[1], rank, &n, axes)) return false;
  if (kv_layout_habit(node->prim) == KV_REDUCE_PLACE && n != 1) return false;
  *out = KV_MAIN;
  return keep || left_role(own, rank, n, axes, out);
}

/* New axes among the spatial ones leave the others where they are. */
static bool insert_roles(const kv_node *node, kv_order own) {
  int n, rank = node->out[0].rank;
  int64_t axes[KV_KNOWN_MAX];
  if (!kv_edge_axes(node->in[1], rank, &n, axes)) return false;
  for (int i = 0; i < n; i++)
    if (own == KV_LAST ? !axes[i] || axes[i] == rank - 1 : axes[i] < 2) return false;
  return true;
}

static bool pick_roles(const kv_node *node, kv_order own, kv_role *out) {
  int n, places = rank_of(node->in[1]);
  int64_t axis[KV_KNOWN_MAX];
  if (node->n_in != 3 || node->attrs.gather.batch_dims || places > 1) return false;
  if (!kv_edge_axes(node->in[2], rank_of(node->in[0]), &n, axis) || n != 1) return false;
  *out = KV_MAIN;
  return places == 1 || left_role(own, rank_of(node->in[0]), 1, axis, out);
}

/* A reshape among the spatial axes only: batch and channels stay. */
static bool reshape_roles(const kv_node *node, kv_order own) {
  const kv_output *x = kv_edge_output(node->in[0]), *y = &node->out[0];
  if (y->rank < 3) return false;
  int xc = own == KV_LAST ? x->rank - 1 : 1, yc = own == KV_LAST ? y->rank - 1 : 1;
  if (x->shape[xc] <= 0 || x->shape[xc] != y->shape[yc] || x->shape[0] != y->shape[0] || !x->shape[0]) return false;
  int64_t from = 1, to = 1;
  for (int i = 1; i < x->rank; i++) from = i == xc ? from : x->shape[i] < 0 || from < 0 ? -1 : from * x->shape[i];
  for (int i = 1; i < y->rank; i++) to = i == yc ? to : y->shape[i] < 0 || to < 0 ? -1 : to * y->shape[i];
  return from > 0 && from == to; /* then the batch is the same even where it is unknown */
}

static bool per_axis_roles(const kv_node *node, uint32_t first, uint32_t count) {
  int n, rank = rank_of(node->in[0]);
  int64_t values[KV_KNOWN_MAX];
  if (rank != node->out[0].rank) return false;
  for (uint32_t k = first; k < first + count; k++)
    if (k >= node->n_in || !kv_edge_values(node->in[k], &n, values) || n != rank) return false;
  return true;
}

static bool axes_roles(const kv_node *node, uint32_t operand) {
  int n;
  int64_t axes[KV_KNOWN_MAX];
  if (operand < node->n_in) return kv_edge_axes(node->in[operand], rank_of(node->in[0]), &n, axes);
  /* Slice without axes: the first ones, as many as there are starts. */
  return node->prim->id == KV_Slice && operand == node->n_in && kv_edge_output(node->in[1])->shape[0] >= 0;
}

bool kv_layout_roles(const kv_node *node, kv_order own, uint8_t *in, kv_role *out) {
  uint32_t count, operand = kv_layout_operand(node->prim, &count);
  kv_habit habit = kv_layout_habit(node->prim);
  if (!node->n_in) return false;
  if (habit == KV_ELEMENTWISE) return node->out[0].rank >= 3 && elementwise_roles(node, in, out);
  if (rank_of(node->in[0]) < 3) return false;
  for (uint32_t k = 0; k < node->n_in; k++) in[k] = habit == KV_JOIN || !k ? KV_MAIN : KV_ASIDE;
  *out = KV_MAIN;
  switch (habit) {
  case KV_JOIN:
  case KV_AXIS:
    return kv_axis_attribute(node->prim, (kv_attrs *)&node->attrs) != NULL;
  case KV_AXES:
    return axes_roles(node, operand);
  case KV_PER_AXIS:
    return per_axis_roles(node, operand, count);
  case KV_REDUCE:
  case KV_REDUCE_PLACE:
    return reduce_roles(node, own, keeps_dims(node), out);
  case KV_DROP:
    return reduce_roles(node, own, false, out);
  case KV_INSERT:
    return insert_roles(node, own);
  case KV_PICK:
    return pick_roles(node, own, out);
  case KV_RESHAPE:
    return reshape_roles(node, own);
  default:
    return false;
  }
}
