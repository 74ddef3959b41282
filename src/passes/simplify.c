/* Algebraic simplification: rules that leave out or join nodes without changing any element of any result. Each looks
 * at one node on its new operands, and so also sees what earlier rules made of those. */
#include <string.h>

#include "passes/layout.h"
#include "passes/passes.h"
#include "passes/rewrite.h"
#include "passes/shape_source.h"

/* ---- looking at operands ---- */

/* Equal shapes for sure: dimension by dimension, none unknown. */
static bool same_static_shape(const kvino_tensor *a, const kvino_tensor *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->shape[i] < 0 || a->shape[i] != b->shape[i]) return false;
  return true;
}

static bool known_axes(const kvino_tensor *t, int rank, int *n, int64_t axes[KV_KNOWN_MAX]) {
  if (!kv_all_known(t, n, axes)) return false;
  for (int i = 0; i < *n; i++)
    if (kv_normalize_axis(&axes[i], rank, NULL)) return false;
  return true;
}

/* ---- Transpose ---- */

static bool permutation_of(const kvino_tensor *perm, int rank, int64_t axes[KV_KNOWN_MAX]) {
  int n;
  if (!known_axes(perm, rank, &n, axes) || (n && n != rank)) return false;
  for (int i = 0; !n && i < rank; i++) axes[i] = rank - 1 - i;
  return true;
}

static kvino_tensor *simplify_transpose(kv_scope *s, kvino_tensor *const *in) {
  int64_t axes[KV_KNOWN_MAX], inner[KV_KNOWN_MAX];
  kvino_tensor *x = in[0];
  int rank = x->rank;
  if (!permutation_of(in[1], rank, axes)) return NULL;
  const kv_node *before = kv_made_by(x, KV_Transpose);
  kvino_tensor *order = before ? kv_operand(s, before, 1) : NULL;
  bool joined = order && permutation_of(order, rank, inner);
  if (joined) x = kv_operand(s, before, 0);
  bool identity = true;
  for (int i = 0; i < rank; i++) {
    if (joined) axes[i] = inner[axes[i]];
    identity &= axes[i] == i;
  }
  if (identity) return x;
  /* An order that is not written out means the reverse, which not every reader of a model heeds. */
  return joined || in[1]->size != rank ? kv_transpose(s, x, kv_vector(s, (size_t)rank, axes)) : NULL;
}

/* ---- Reshape, Squeeze, Unsqueeze: all give the same elements in another shape ---- */

static bool is_reshape(const kv_node *node) {
  kv_prim_id id = node->prim->id;
  return id == KV_Reshape || id == KV_Squeeze || id == KV_Unsqueeze;
}

/* Whether leaving the node out loses no check at run time: a Reshape to a shape that is constant, a Squeeze of axes
 * known to be of length 1. */
static bool is_safe_reshape(const kv_node *node) {
  if (node->prim->id == KV_Unsqueeze) return true;
  if (node->prim->id == KV_Reshape) return node->in[1].node->constant != NULL;
  const kv_output *x = kv_edge_output(node->in[0]);
  int ones = 0, left = 0;
  for (int i = 0; i < x->rank; i++) ones += x->shape[i] == 1;
  for (int i = 0; i < node->out[0].rank; i++) left += node->out[0].shape[i] == 1;
  return ones - left == x->rank - node->out[0].rank;
}

/* Where shape has at most one unknown dimension and the others are not 0, Reshape can say it with a -1. */
static bool expressible(int rank, const int64_t *shape) {
  int unknown = 0;
  bool zero = false;
  for (int i = 0; i < rank; i++) {
    unknown += shape[i] < 0;
    zero |= !shape[i];
  }
  return !unknown || (unknown == 1 && !zero);
}

/* a becomes b by a reshape: is it the identity? The unknown dimension is at one place in both, then all are equal. */
static bool reshape_keeps(const kvino_tensor *a, const kvino_tensor *b) {
  if (a->rank != b->rank || !expressible(b->rank, b->shape)) return false;
  return !a->rank || !memcmp(a->shape, b->shape, a->rank * sizeof *a->shape);
}

/* Squeeze and Unsqueeze that undo each other whatever the other dimensions are. */
static kvino_tensor *undone(kv_scope *s, const kv_node *node, kvino_tensor *const *in) {
  kv_prim_id id = node->prim->id;
  if (id != KV_Squeeze && id != KV_Unsqueeze) return NULL;
  const kv_node *before = kv_made_by(in[0], id == KV_Squeeze ? KV_Unsqueeze : KV_Squeeze);
  if (!before || !is_safe_reshape(before)) return NULL;
  kvino_tensor *axes = kv_operand(s, before, 1), *x = kv_operand(s, before, 0);
  int n, m;
  int64_t a[KV_KNOWN_MAX], b[KV_KNOWN_MAX];
  if (!x || !axes || !known_axes(in[1], x->rank, &n, a) || !known_axes(axes, x->rank, &m, b)) return NULL;
  if (id == KV_Squeeze && (!known_axes(in[1], in[0]->rank, &n, a) || !known_axes(axes, in[0]->rank, &m, b)))
    return NULL;
  uint64_t first = 0, second = 0;
  for (int i = 0; i < n; i++) first |= UINT64_C(1) << a[i];
  for (int i = 0; i < m; i++) second |= UINT64_C(1) << b[i];
  return first == second ? x : NULL;
}

/* The product of the lengths that are known; 0 where one is, or it is too large. */
static int64_t known_product(const kvino_tensor *t, int *unknown) {
  int64_t n = 1;
  *unknown = 0;
  for (int i = 0; i < t->rank; i++) {
    *unknown += t->shape[i] < 0;
    if (t->shape[i] >= 0 && __builtin_mul_overflow(n, t->shape[i], &n)) return 0;
  }
  return n;
}

/* Whether what is reshaped from x to `between`, and then to y, fits `between` wherever it fits y. */
static bool fits_between(const kvino_tensor *x, const kvino_tensor *between, const kvino_tensor *y) {
  int unknown, others;
  int64_t n = known_product(between, &unknown), before = known_product(x, &others), after = known_product(y, &others);
  if (before == n && x->size == between->size) return true;
  return n && (before % n == 0 || (unknown < 2 && after % n == 0));
}

static kvino_tensor *simplify_reshape(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  kvino_tensor *same = undone(s, node, in);
  if (same) return same;
  if (node->prim->id == KV_Reshape && kv_is_symbolic(in[1])) return kv_reshape_by_source(s, in[0], in[1]);
  kvino_tensors v = kv_clone(s, w->out, node, in);
  if (!v.v || !v.v[0] || !kv_is_symbolic(v.v[0])) return v.v ? v.v[0] : NULL;
  kvino_tensor *y = v.v[0], *x = in[0];
  if (!is_safe_reshape(y->node)) return y;
  if (!expressible(y->rank, y->shape)) return y;
  while (kv_is_symbolic(x) && is_reshape(x->node) && is_safe_reshape(x->node)) {
    kvino_tensor *source = kv_operand(s, x->node, 0);
    if (!source) return NULL;
    if (!fits_between(source, x, y)) break;
    x = source;
  }
  if (reshape_keeps(x, y)) return x;
  if (x == in[0]) return y;
  return kv_reshape(s, x, kv_vector(s, (size_t)y->rank, y->shape), (kv_reshape_attrs){.special_zero = false});
}

/* ---- Convert ---- */

/* Whether every value of dtype a is a value of dtype b. */
static bool holds(kvino_dtype b, kvino_dtype a) {
  static const uint8_t bits[KVINO_DTYPE_COUNT] = {
      /* of precision: those of an integer without sign, of a float's significand */
      [KVINO_BOOL] = 1, [KVINO_U8] = 8,   [KVINO_U16] = 16, [KVINO_U32] = 32, [KVINO_U64] = 64, [KVINO_I8] = 7,
      [KVINO_I16] = 15, [KVINO_I32] = 31, [KVINO_I64] = 63, [KVINO_F32] = 24, [KVINO_F64] = 53};
  if (a == b) return true;
  bool small_float = a == KVINO_F16 || a == KVINO_BF16 || a == KVINO_F8E4M3 || a == KVINO_F8E5M2;
  if (small_float) return b == KVINO_F32 || b == KVINO_F64;
  if (!bits[a] || !bits[b] || b == KVINO_BOOL) return false;
  if (a == KVINO_F32 || a == KVINO_F64) return b == KVINO_F64;
  if (kvino_dtype_is_signed(a) && !kvino_dtype_is_signed(b) && !kvino_dtype_is_float(b)) return false;
  return bits[b] >= bits[a];
}

static kvino_tensor *simplify_convert(kv_scope *s, const kv_node *node, kvino_tensor *const *in) {
  kvino_dtype to = node->attrs.convert.destination_type;
  if (in[0]->dtype == to) return in[0];
  const kv_node *before = kv_is_symbolic(in[0]) && in[0]->node->prim == node->prim ? in[0]->node : NULL;
  if (!before) return NULL;
  kvino_dtype from = kv_edge_output(before->in[0])->dtype;
  if (!holds((kvino_dtype)in[0]->dtype, from)) return NULL;
  kvino_tensor *x = kv_operand(s, before, 0);
  return !x || x->dtype == to ? x : kv_apply(s, node->prim->id, &node->attrs, 1, &x);
}

/* ---- nodes that may do nothing ---- */

static bool all_equal_to(const kvino_tensor *t, int64_t wanted) {
  int n;
  int64_t v[KV_KNOWN_MAX];
  if (!kv_all_known(t, &n, v)) return false;
  for (int i = 0; i < n; i++)
    if (v[i] != wanted) return false;
  return true;
}

static bool is_true(const kvino_tensor *t) {
  int n;
  int64_t v[KV_KNOWN_MAX];
  bool all = kv_all_known(t, &n, v);
  for (int i = 0; all && i < n; i++) all = v[i];
  return all;
}

static kvino_tensor *simplify_movement(const kv_node *node, kvino_tensor *const *in) {
  const kv_output *y = &node->out[0];
  switch (node->prim->id) {
  case KV_Require:
    return is_true(in[1]) ? in[0] : NULL;
  case KV_Identity:
  case KV_StopGradient:
    return in[0];
  case KV_Split:
    return node->attrs.split.num_splits == 1 ? in[0] : NULL;
  case KV_VariadicSplit:
    return node->n_out == 1 ? in[0] : NULL;
  case KV_Tile:
    return y->rank == in[0]->rank && all_equal_to(in[1], 1) ? in[0] : NULL;
  case KV_Pad:
    return all_equal_to(in[1], 0) && all_equal_to(in[2], 0) ? in[0] : NULL;
  default:
    return NULL;
  }
}

/* Whether operand k has no elements, and a fitting shape for certain: no run has to look at it. */
static bool adds_nothing(const kv_node *node, kvino_tensor *const *in, uint32_t k) {
  int axis = (int)node->attrs.axis.axis;
  if (axis < 0) axis += node->out[0].rank;
  if (in[k]->shape[axis]) return false;
  for (uint32_t j = 0; j < node->n_in; j++)
    for (int i = 0; i < in[j]->rank; i++)
      if (i != axis && in[j]->shape[i] < 0) return false;
  return true;
}

/* A Concat without what has no elements, as OpenVINO has no such arrays (rotary embeddings of all of a head). */
static kvino_tensor *simplify_concat(kv_scope *s, const kv_node *node, kvino_tensor *const *in) {
  if (node->n_in == 1) return in[0];
  size_t n = 0;
  for (uint32_t k = 0; k < node->n_in; k++) n += !adds_nothing(node, in, k);
  if (!n || n == node->n_in) return NULL;
  kvino_tensor **left = kv_scope_alloc(s, n, sizeof(kvino_tensor *));
  n = 0;
  for (uint32_t k = 0; left && k < node->n_in; k++)
    if (!adds_nothing(node, in, k)) left[n++] = in[k];
  return !left ? NULL : n == 1 ? left[0] : kv_concat(s, n, left, node->attrs.axis);
}

/* A reduction over no axis leaves every element by itself. */
static kvino_tensor *simplify_reduction(const kv_node *node, kvino_tensor *const *in) {
  int n;
  int64_t axes[KV_KNOWN_MAX];
  return in[0]->dtype == node->out[0].dtype && kv_all_known(in[1], &n, axes) && !n ? in[0] : NULL;
}

static bool all_are(const kvino_tensor *t, int64_t wanted) {
  for (int64_t i = 0; t && i < t->size; i++)
    if (kv_tensor_get_int(t, i) != wanted) return false;
  return t != NULL;
}

/* Whether a Slice reverses whole axes, in the words of flip. */
static bool is_flip(const kv_node *node) {
  return node->n_in == 5 && all_are(node->in[1].node->constant, INT64_MAX) &&
         all_are(node->in[2].node->constant, INT64_MIN) && all_are(node->in[3].node->constant, -1);
}

/* What was flipped twice along the same axes, as by the second layer of a Bidirectional; NULL. */
static kvino_tensor *flipped_back(kv_scope *s, const kv_node *node, const kvino_tensor *x) {
  const kv_node *before = kv_made_by(x, KV_Slice);
  if (!before || !is_flip(node) || !is_flip(before)) return NULL;
  const kvino_tensor *a = node->in[4].node->constant, *b = before->in[4].node->constant;
  if (!a || !b || a->size != b->size) return NULL;
  for (int64_t i = 0; i < a->size; i++)
    if (kv_tensor_get_int(a, i) != kv_tensor_get_int(b, i)) return NULL;
  return kv_operand(s, before, 0);
}

/* Whether x, which a Broadcast leaves as it is, may not fit what only a run knows. */
static bool may_not_fit(const kv_node *node, const kvino_tensor *target) {
  int n;
  int64_t v[KV_KNOWN_MAX];
  return node->prim->id == KV_Broadcast && !kv_all_known(target, &n, v);
}

/* A Broadcast to, or a Slice by steps of 1 of, the whole. */
static kvino_tensor *simplify_whole(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  kvino_tensor *x = node->prim->id == KV_Slice ? flipped_back(s, node, in[0]) : NULL;
  if (x || s->status) return x;
  if (node->prim->id == KV_Slice && !all_equal_to(in[3], 1)) return NULL;
  kvino_tensors v = kv_clone(s, w->out, node, in);
  if (!v.v || !v.v[0]) return NULL;
  return same_static_shape(v.v[0], in[0]) && !may_not_fit(node, in[1]) ? in[0] : v.v[0];
}

/* ---- arithmetic with a neutral constant ---- */

static bool is_all(const kvino_tensor *c, double wanted) {
  if (kv_is_symbolic(c) || !c->size || c->size > 4096) return false;
  kvino_dtype dtype = (kvino_dtype)c->dtype;
  if (dtype == KVINO_BOOL || !(kvino_dtype_is_float(dtype) || kvino_dtype_is_integer(dtype))) return false;
  for (int64_t i = 0; i < c->size; i++) {
    double v = kv_tensor_get_number(c, i);
    if (v != wanted || (!v && __builtin_signbit(v) != __builtin_signbit(wanted))) return false;
  }
  return true;
}

/* x where it keeps its shape beside the constant c. */
static bool keeps_shape(const kvino_tensor *x, const kvino_tensor *c) {
  if (c->rank > x->rank) return false;
  for (int i = 0; i < c->rank; i++) {
    int64_t d = c->shape[c->rank - 1 - i];
    if (d != 1 && d != x->shape[x->rank - 1 - i]) return false;
  }
  return true;
}

/* x + -0, x - 0, x * 1, x / 1, x ** 1 are x to the bit; x + 0 is not, where x is -0. */
static kvino_tensor *simplify_arithmetic(const kv_node *node, kvino_tensor *const *in) {
  unsigned traits = node->prim->traits;
  if (node->n_in != 2 || !(traits & (KV_NEUTRAL_ZERO | KV_NEUTRAL_NEGATIVE_ZERO | KV_NEUTRAL_ONE))) return NULL;
  bool integer = kvino_dtype_is_integer((kvino_dtype)in[0]->dtype);
  double neutral = traits & KV_NEUTRAL_ONE ? 1.0 : traits & KV_NEUTRAL_NEGATIVE_ZERO && !integer ? -0.0 : 0.0;
  for (int k = 1; k >= (traits & KV_COMMUTATIVE ? 0 : 1); k--)
    if (is_all(in[k], neutral) && keeps_shape(in[!k], in[k])) return in[!k];
  return NULL;
}

/* ---- Broadcast before what broadcasts itself ---- */

static bool broadcasts(const kv_prim *prim) {
  return kv_layout_habit(prim) == KV_ELEMENTWISE && !(prim->traits & KV_BY_CHANNEL);
}

static bool is_static(const kvino_tensor *t) {
  for (int i = 0; i < t->rank; i++)
    if (t->shape[i] < 0) return false;
  return true;
}

/* What a Broadcast repeats, where another operand has the whole shape already; NULL. Of unknown lengths it is the
 * Broadcast that shows whether they fit. */
static kvino_tensor *unrepeated(kv_scope *s, const kv_node *node, kvino_tensor *const *in, uint32_t k) {
  const kv_node *broadcast = kv_made_by(in[k], KV_Broadcast);
  const kv_output *y = &node->out[0];
  const char *mode = broadcast ? broadcast->attrs.broadcast.mode : NULL;
  if (!mode || strcmp(mode, "numpy") || !is_static(in[k])) return NULL;
  for (uint32_t j = 0; j < node->n_in; j++) {
    bool whole = j != k && in[j]->rank == y->rank && !kv_made_by(in[j], KV_Broadcast);
    for (int i = 0; whole && i < y->rank; i++) whole = y->shape[i] >= 0 && in[j]->shape[i] == y->shape[i];
    if (whole) return kv_operand(s, broadcast, 0);
  }
  return NULL;
}

static kvino_tensor *simplify_broadcasting(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  kvino_tensor *now[3];
  bool changed = false;
  if (!broadcasts(node->prim) || node->n_in > 3) return NULL;
  for (uint32_t k = 0; k < node->n_in; k++) {
    kvino_tensor *less = unrepeated(s, node, in, k);
    now[k] = less ? less : in[k];
    changed |= less != NULL;
  }
  if (!changed || s->status) return NULL;
  kvino_tensors v = kv_clone(s, w->out, node, now);
  return v.v ? v.v[0] : NULL;
}

/* ---- the pass ---- */

static kvino_tensor *simplified(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  switch (node->prim->id) {
  case KV_Transpose:
    return simplify_transpose(s, in);
  case KV_Reshape:
  case KV_Squeeze:
  case KV_Unsqueeze:
    return simplify_reshape(s, w, node, in);
  case KV_Convert:
    return simplify_convert(s, node, in);
  case KV_Concat:
    return simplify_concat(s, node, in);
  case KV_Broadcast:
  case KV_Slice:
    return simplify_whole(s, w, node, in);
  default:
    break;
  }
  if (node->prim->traits & KV_KEEPS_ONE) return simplify_reduction(node, in);
  kvino_tensor *t = simplify_movement(node, in);
  if (!t) t = simplify_arithmetic(node, in);
  return t ? t : simplify_broadcasting(s, w, node, in);
}

static kvino_tensors simplify_node(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  if (node->prim->id == KV_CustomGradient) return (kvino_tensors){node->n_out, (kvino_tensor **)(uintptr_t)in};
  if (node->constant || !node->n_in || node->n_out != 1) return KV_KEEP;
  return kv_one(s, simplified(s, w, node, in));
}

kvino_status kv_pass_simplify(const kv_graph *in, kv_graph **out, kvino_error *err) {
  return kv_rewrite(in, simplify_node, NULL, out, err);
}
