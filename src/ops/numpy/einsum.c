/* keras.ops.numpy: einsum. The operands are multiplied in pairs, the cheapest first; a pair is a matrix product where
 * axes are summed, and an elementwise one where none are. */
#include <string.h>

#include "ops/numpy/einsum.h"

static bool has(const kv_labels *l, int label) { return memchr(l->v, label, (size_t)l->n) != NULL; }

static bool same(const kv_labels *a, const kv_labels *b) { return a->n == b->n && !memcmp(a->v, b->v, (size_t)a->n); }

static int place(const kv_labels *l, int label) {
  const uint8_t *at = memchr(l->v, label, (size_t)l->n);
  return at ? (int)(at - l->v) : -1;
}

/* Whether the label is still needed when terms i and j are one. */
static bool is_kept(const kv_einsum *e, int label, int i, int j) {
  if (has(&e->output, label)) return true;
  for (int k = 0; k < e->n; k++)
    if (k != i && k != j && has(&e->term[k].labels, label)) return true;
  return false;
}

/* x's axes in this order; it holds the same labels. */
static kvino_tensor *ordered(kv_scope *s, const kv_term *t, const kv_labels *order) {
  int64_t perm[KVINO_MAX_RANK] = {0};
  for (int i = 0; i < order->n; i++) perm[i] = place(&t->labels, order->v[i]);
  return kv_permute(s, t->x, perm);
}

/* ---- one operand ---- */

/* Whether all of the term's axes of this label have length 1: one of them beside another is no diagonal. */
static bool is_unit(const kv_term *t, int label) {
  for (int i = 0; i < t->labels.n; i++)
    if (t->labels.v[i] == label && t->x->shape[i] != 1) return false;
  return true;
}

/* Axes of length 1 that broadcast go: their label's other axes have its length. */
static void drop_broadcast(kv_scope *s, const kv_einsum *e, kv_term *t) {
  int64_t axes[KVINO_MAX_RANK];
  kv_labels rest = {0, {0}};
  int n = 0;
  for (int i = 0; t->x && i < t->labels.n; i++) {
    if (e->length[t->labels.v[i]] != 1 && is_unit(t, t->labels.v[i]))
      axes[n++] = i;
    else
      rest.v[rest.n++] = t->labels.v[i];
  }
  if (!n) return;
  t->x = kv_squeeze(s, t->x, kv_vector(s, (size_t)n, axes));
  t->labels = rest;
}

/* The diagonal of axes i < j, as the last axis, where a length is not known: everything else becomes 0 and is summed.
 */
static kvino_tensor *masked_diagonal(kv_scope *s, kvino_tensor *x, int i, int j) {
  int64_t around_i[KVINO_MAX_RANK], around_j[KVINO_MAX_RANK];
  int n = 0, m = 0;
  for (int k = 0; k < x->rank; k++) {
    if (k != i) around_i[n++] = k;
    if (k != j) around_j[m++] = k;
  }
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1);
  kv_output_type_attrs type = {.output_type = KVINO_I64};
  kvino_tensor *places = kv_range(s, zero, kv_dimension(s, x, i), one, type);
  kvino_tensor *mask = kv_equal(s, kv_unsqueeze(s, places, kv_vector(s, (size_t)n, around_i)),
                                kv_unsqueeze(s, places, kv_vector(s, (size_t)m, around_j)));
  x = kv_select(s, mask, x, kv_like(s, x, 0));
  if (!x) return NULL;
  kv_keep_dims_attrs gone = {.keep_dims = false};
  kvino_tensor *y = x->dtype == KVINO_BOOL ? kv_reduce_logical_or(s, x, KV_VECTOR(s, j), gone)
                                           : kv_reduce_sum(s, x, KV_VECTOR(s, j), gone);
  return op_moveaxis(s, y, KVINO_INTS(i), KVINO_INTS(-1));
}

/* A label that stands twice: the diagonal of its axes. */
static void take_diagonals(kv_scope *s, kv_term *t) {
  for (int i = 0; i < t->labels.n; i++) {
    for (int j = i + 1; j < t->labels.n; j++) {
      if (t->labels.v[i] != t->labels.v[j] || !t->x) continue;
      bool known = t->x->shape[i] >= 0 && t->x->shape[j] >= 0;
      kv_length length[] = {{t->x, i}, {t->x, j}};
      t->x = kv_demand_lengths(s, KV_REFUSAL_diagonal, t->x, 1, &(kv_length_pair){length[0], length[1]}, 2, length);
      if (!t->x) return;
      t->x = known ? op_diagonal(s, t->x, 0, i, j) : masked_diagonal(s, t->x, i, j);
      uint8_t label = t->labels.v[i];
      kv_labels rest = {0, {0}};
      for (int k = 0; k < t->labels.n; k++)
        if (k != i && k != j) rest.v[rest.n++] = t->labels.v[k];
      rest.v[rest.n++] = label;
      t->labels = rest;
      j = i; /* another axis stands at i now */
    }
  }
}

/* Labels that stand in no other term, nor in the output. */
static int lonely(const kv_einsum *e, int i, int64_t *axes) {
  int n = 0;
  for (int k = 0; k < e->term[i].labels.n; k++)
    if (!is_kept(e, e->term[i].labels.v[k], i, i)) axes[n++] = k;
  return n;
}

static void sum_lonely(kv_scope *s, const kv_einsum *e, int i) {
  kv_term *t = &e->term[i];
  int64_t axes[KVINO_MAX_RANK];
  int n = lonely(e, i, axes);
  if (!n) return;
  t->x = kv_reduce_sum(s, t->x, kv_vector(s, (size_t)n, axes), (kv_keep_dims_attrs){.keep_dims = false});
  for (int k = n; k-- > 0;) {
    t->labels.n--;
    memmove(t->labels.v + axes[k], t->labels.v + axes[k] + 1, (size_t)(t->labels.n - axes[k]));
  }
}

/* ---- shapes: axes of one or several labels ---- */

typedef struct group {
  const uint8_t *labels;
  int n;
} group;

static int64_t group_length(const kv_einsum *e, group g) {
  int64_t y = 1;
  for (int i = 0; i < g.n; i++) {
    int64_t d = e->length[g.labels[i]];
    y = !y || !d ? 0 : y < 0 || d < 0 ? -1 : __builtin_mul_overflow(y, d, &y) ? -1 : y;
  }
  return y;
}

static kvino_tensor *group_at_run_time(kv_scope *s, const kv_einsum *e, group g) {
  kvino_tensor *y = NULL;
  for (int i = 0; i < g.n; i++) {
    int label = g.labels[i];
    kvino_tensor *d = e->length[label] >= 0 ? kv_int(s, KVINO_I64, e->length[label])
                                            : kv_dimension(s, e->unknown[label]->x, e->unknown_axis[label]);
    y = y ? kv_multiply(s, y, d) : d;
  }
  return y;
}

/* x with an axis for each group. The first `common` axes of x are those of the first groups. */
static kvino_tensor *regroup(kv_scope *s, const kv_einsum *e, kvino_tensor *x, int n, const group *g, int common) {
  int64_t shape[KVINO_MAX_RANK + 2];
  int unknown = 0, unknown_behind = 0;
  bool empty = false;
  for (int i = 0; i < n; i++) {
    shape[i] = group_length(e, g[i]);
    unknown += shape[i] < 0;
    unknown_behind += shape[i] < 0 && i >= common;
    empty |= !shape[i];
  }
  /* -1 would be ambiguous where x turns out to be empty: only what cannot be said otherwise. */
  if (!unknown || (unknown == 1 && unknown_behind && !empty)) return kv_reshape_to(s, x, n, shape);
  if (unknown_behind < 2 && !empty) { /* 0: as it was */
    for (int i = 0; i < common; i++) shape[i] = 0;
    return kv_reshape(s, x, kv_vector(s, (size_t)n, shape), (kv_reshape_attrs){.special_zero = true});
  }
  kvino_tensor *part[KVINO_MAX_RANK + 2];
  for (int i = 0; i < n; i++) part[i] = shape[i] < 0 ? group_at_run_time(s, e, g[i]) : NULL;
  return kv_reshape(s, x, kv_ints_operand(s, (kvino_ints){n, shape, part, true}),
                    (kv_reshape_attrs){.special_zero = false});
}

/* ---- two operands ---- */

enum { OTHER, BATCH, SUMMED, LEFT, RIGHT };
typedef struct pair {
  kv_einsum *e;
  const kv_term *left, *right;
  uint8_t role[KV_MOST_LABELS];
  kv_labels batch, rows, columns, summed; /* in the order that the product is computed in */
  bool left_transposed, right_transposed;
  kv_labels result;
} pair;

static void pick(const uint8_t *role, int wanted, const kv_labels *from, kv_labels *to) {
  to->n = 0;
  for (int i = 0; i < from->n; i++)
    if (role[from->v[i]] == wanted) to->v[to->n++] = from->v[i];
}

static kv_labels joined(const kv_labels *a, const kv_labels *b, const kv_labels *c) {
  kv_labels y = *a;
  memcpy(y.v + y.n, b->v, (size_t)b->n);
  y.n += b->n;
  memcpy(y.v + y.n, c->v, (size_t)c->n);
  y.n += c->n;
  return y;
}

static double elements(const kv_einsum *e, const kv_labels *l) {
  double n = 1;
  for (int i = 0; i < l->n; i++) n *= e->length[l->v[i]] < 0 ? 64 : (double)e->length[l->v[i]];
  return n;
}

/* Fixes the orders: the axes that this moves, and not the elements, so that the order of a sum does not depend on which
 * lengths are known. `wanted` is the order of the result, where it matters. */
static int arrange(pair *p, const kv_labels *summed_from, const kv_labels *batch_from, const kv_labels *rows_from,
                   const kv_labels *columns_from, const kv_labels *wanted) {
  pick(p->role, BATCH, batch_from, &p->batch);
  pick(p->role, LEFT, rows_from, &p->rows);
  pick(p->role, RIGHT, columns_from, &p->columns);
  pick(p->role, SUMMED, summed_from, &p->summed);
  int cost = 0;
  kv_labels plain = joined(&p->batch, &p->rows, &p->summed), other = joined(&p->batch, &p->summed, &p->rows);
  bool is_plain = same(&plain, &p->left->labels), is_other = same(&other, &p->left->labels);
  p->left_transposed = !is_plain && is_other;
  if (!is_plain && !is_other) cost += plain.n;
  plain = joined(&p->batch, &p->summed, &p->columns), other = joined(&p->batch, &p->columns, &p->summed);
  is_plain = same(&plain, &p->right->labels), is_other = same(&other, &p->right->labels);
  p->right_transposed = !is_plain && is_other;
  if (!is_plain && !is_other) cost += plain.n;
  p->result = joined(&p->batch, &p->rows, &p->columns);
  if (wanted && !same(&p->result, wanted)) cost += p->result.n;
  return cost;
}

/* The way that moves the least. */
static void choose(pair *p, const kv_term *a, const kv_term *b, const kv_labels *wanted) {
  pair best = *p;
  int least = -1;
  for (int way = 0; way < 12 && least != 0; way++) {
    p->left = way & 1 ? b : a;
    p->right = way & 1 ? a : b;
    for (int i = 0; i < p->left->labels.n; i++)
      if (p->role[p->left->labels.v[i]] >= LEFT) p->role[p->left->labels.v[i]] = LEFT;
    for (int i = 0; i < p->right->labels.n; i++)
      if (p->role[p->right->labels.v[i]] >= LEFT) p->role[p->right->labels.v[i]] = RIGHT;
    const kv_labels *left = &p->left->labels, *right = &p->right->labels, *summed = way & 2 ? right : left;
    int order = way / 4; /* the result's own, the left operand's, the right operand's */
    if (!wanted && !order) order = 1;
    int cost = arrange(p, summed,
                       !order       ? wanted
                       : order == 1 ? left
                                    : right,
                       order ? left : wanted, order ? right : wanted, wanted);
    if (least >= 0 && cost >= least) continue;
    least = cost;
    best = *p;
  }
  *p = best;
}

static int append(group *to, int n, const kv_labels *l, bool as_one) {
  for (int i = 0; !as_one && i < l->n; i++) to[n++] = (group){l->v + i, 1};
  if (as_one) to[n++] = (group){l->v, l->n};
  return n;
}

/* An operand as matrices. `keep`: the axes of `first` stay apart. */
static kvino_tensor *as_matrices(kv_scope *s, const pair *p, const kv_term *t, const kv_labels *first,
                                 const kv_labels *second, bool keep) {
  kv_labels order = joined(&p->batch, first, second);
  kvino_tensor *x = ordered(s, t, &order);
  bool plain = second->n == 1 && (keep || first->n == 1);
  if (!x || plain) return x;
  group g[KVINO_MAX_RANK + 2];
  int n = append(g, 0, &p->batch, false);
  int common = p->batch.n + (keep ? first->n : 0);
  n = append(g, n, first, !keep);
  n = append(g, n, second, true);
  return regroup(s, p->e, x, n, g, common);
}

/* One operand, whose summed axes become one, as a vector. */
static kvino_tensor *as_vector(kv_scope *s, const pair *p, const kv_term *t) {
  kvino_tensor *x = ordered(s, t, &p->summed);
  return p->summed.n == 1 ? x : regroup(s, p->e, x, 1, &(group){p->summed.v, p->summed.n}, 0);
}

static kvino_tensor *multiply_matrices(kv_scope *s, const pair *p) {
  bool single = !p->batch.n; /* one product: its rows' axes stay as they are, as MatMul allows */
  bool keep = single && !p->left_transposed;
  kvino_tensor *left, *right;
  kv_matmul_attrs attrs = {.transpose_a = p->left_transposed, .transpose_b = p->right_transposed};
  if (single && !p->rows.n)
    left = as_vector(s, p, p->left), attrs.transpose_a = false;
  else
    left = p->left_transposed ? as_matrices(s, p, p->left, &p->summed, &p->rows, false)
                              : as_matrices(s, p, p->left, &p->rows, &p->summed, keep);
  if (single && !p->columns.n)
    right = as_vector(s, p, p->right), attrs.transpose_b = false;
  else
    right = p->right_transposed ? as_matrices(s, p, p->right, &p->columns, &p->summed, false)
                                : as_matrices(s, p, p->right, &p->summed, &p->columns, false);
  kvino_tensor *y = p->e->bytes ? kv_mat_mul_integer(s, left, right, attrs) : kv_mat_mul(s, left, right, attrs);
  bool rows_apart = single ? keep || p->rows.n <= 1 : p->rows.n == 1;
  bool columns_apart = single ? p->columns.n <= 1 : p->columns.n == 1;
  if (rows_apart && columns_apart) return y;
  group g[KVINO_MAX_RANK + 2];
  int n = append(g, 0, &p->batch, false);
  n = append(g, n, &p->rows, false);
  n = append(g, n, &p->columns, false);
  return regroup(s, p->e, y, n, g, p->batch.n + (rows_apart ? p->rows.n : 0));
}

/* Without sums: each operand with axes of length 1 where it lacks a label. */
static kvino_tensor *spread(kv_scope *s, const kv_term *t, const kv_labels *result) {
  kv_labels order = {0, {0}};
  int64_t missing[KVINO_MAX_RANK];
  int n = 0;
  for (int i = 0; i < result->n; i++) {
    if (has(&t->labels, result->v[i]))
      order.v[order.n++] = result->v[i];
    else if (order.n) /* those in front broadcast by themselves */
      missing[n++] = i;
  }
  int lead = result->n - order.n - n;
  for (int i = 0; i < n; i++) missing[i] -= lead;
  kvino_tensor *x = ordered(s, t, &order);
  return n ? kv_unsqueeze(s, x, kv_vector(s, (size_t)n, missing)) : x;
}

/* a, where it has the length of b along every label that is summed. Of one label the product itself asks for that; of
 * several, which become one axis, it would only see the product of their lengths. */
static kvino_tensor *demand_lengths(kv_scope *s, const pair *p, const kv_term *a, const kv_term *b) {
  kvino_tensor *x = a->x;
  int several = 0;
  for (int k = 0; k < a->labels.n; k++) several += p->role[a->labels.v[k]] == SUMMED;
  for (int k = 0; x && several > 1 && k < a->labels.n; k++) {
    int at = 0;
    if (p->role[a->labels.v[k]] != SUMMED) continue;
    while (b->labels.v[at] != a->labels.v[k]) at++;
    if (a->x->shape[k] >= 0 && b->x->shape[at] >= 0) continue;
    kvino_tensor *fits = kv_equal(s, kv_dimension(s, a->x, k), kv_dimension(s, b->x, at));
    if (!fits) return NULL;
    x = kv_require(s, 2, (kvino_tensor *[]){x, fits},
                   (kv_refusal_attrs){.refusal = KV_REFUSAL_contraction, .by = KV_BY_SHAPES});
  }
  return x;
}

static bool contract(kv_scope *s, kv_einsum *e, int i, int j) {
  kv_term a = e->term[i], b = e->term[j];
  bool last = e->n == 2, sums = false;
  pair p = {.e = e};
  int total = 0;
  for (int k = 0; k < b.labels.n; k++) p.role[b.labels.v[k]] = RIGHT, total++;
  for (int k = 0; k < a.labels.n; k++) {
    int label = a.labels.v[k];
    bool both = has(&b.labels, label), kept = !both || is_kept(e, label, i, j);
    p.role[label] = both ? kept ? BATCH : SUMMED : LEFT;
    sums |= !kept;
    total += !both;
  }
  if (total > KVINO_MAX_RANK) {
    kv_scope_fail(s, KVINO_INVALID, "einsum of more than %d subscripts at once", KVINO_MAX_RANK);
    return false;
  }
  kv_term y;
  if (sums) {
    if (!(a.x = demand_lengths(s, &p, &a, &b))) return false;
    choose(&p, &a, &b, last ? &e->output : NULL);
    y = (kv_term){multiply_matrices(s, &p), p.result};
  } else {
    pick(p.role, BATCH, &a.labels, &p.batch);
    pick(p.role, LEFT, &a.labels, &p.rows);
    pick(p.role, RIGHT, &b.labels, &p.columns);
    y.labels = last ? e->output : joined(&p.batch, &p.rows, &p.columns);
    if (e->bytes) { /* no sum, but as large */
      a.x = kv_cast(s, a.x, KVINO_I32);
      b.x = kv_cast(s, b.x, KVINO_I32);
    }
    y.x = kv_multiply(s, spread(s, &a, &y.labels), spread(s, &b, &y.labels));
  }
  /* The result takes i's place, the last term j's. */
  e->term[i] = y;
  e->term[j] = e->term[--e->n];
  return y.x != NULL;
}

kvino_tensor *kv_einsum_of_two(kv_scope *s, kv_einsum *e) {
  return contract(s, e, 0, 1) ? ordered(s, &e->term[0], &e->output) : NULL;
}

/* The pair whose product is the smallest, compared with what it replaces. */
static void cheapest(const kv_einsum *e, int *first, int *second) {
  double least = 0;
  *first = 0, *second = 1;
  if (e->n == 2) return;
  for (int i = 0; i < e->n; i++)
    for (int j = i + 1; j < e->n; j++) {
      const kv_labels *a = &e->term[i].labels, *b = &e->term[j].labels;
      double size = 1;
      for (int k = 0; k < a->n; k++)
        if (!has(b, a->v[k]) || is_kept(e, a->v[k], i, j)) size *= elements(e, &(kv_labels){1, {a->v[k]}});
      for (int k = 0; k < b->n; k++)
        if (!has(a, b->v[k])) size *= elements(e, &(kv_labels){1, {b->v[k]}});
      size -= elements(e, a) + elements(e, b);
      if ((i || j > 1) && size >= least) continue;
      least = size;
      *first = i, *second = j;
    }
}

/* ---- all of them ---- */

/* The dtype that the sum is computed in; *dtype is that of the result. */
static kvino_dtype dtype_of(kv_scope *s, kv_einsum *e, kvino_tensors operands, kvino_dtype *dtype) {
  bool bytes = true, several = e->n > 2;
  int64_t axes[KVINO_MAX_RANK];
  for (int i = 0; i < e->n; i++) {
    bytes = bytes && operands.v[i]->dtype == KVINO_I8 && !operands.v[i]->weak;
    several = several || (e->n > 1 && lonely(e, i, axes));
  }
  *dtype = bytes ? KVINO_I32 : kv_result_type(s, operands.n, operands.v); /* bytes: as in Keras */
  e->bytes = bytes && e->n == 2 && !several;
  if (e->bytes) return KVINO_I8;
  if (*dtype == KVINO_BOOL) return KVINO_I32;
  return several ? kv_work_dtype(*dtype) : *dtype; /* rounded once */
}

kvino_tensor *op_einsum(kv_scope *s, const char *subscripts, kvino_tensors operands) {
  enum { FEW = 4 };
  kv_einsum e;
  kv_term few[2 * FEW], *all = operands.n <= FEW ? few : kv_scope_alloc(s, 2 * operands.n, sizeof *all);
  kvino_dtype dtype;
  if (!subscripts) return kv_scope_fail(s, KVINO_TYPE, "einsum needs its subscripts as a string");
  if (!operands.n) return kv_scope_fail(s, KVINO_INVALID, "must provide at least an operand to einsum");
  if (!all) return NULL;
  e.n = (int)operands.n;
  e.term = all;
  for (int i = 0; i < e.n; i++) {
    all[i].x = operands.v[i];
    if (!all[i].x) return NULL;
  }
  if (!kv_einsum_read(s, subscripts, &e)) return NULL;
  e.term = all + e.n; /* what follows changes these; the lengths are asked from the others */
  memcpy(e.term, all, (size_t)e.n * sizeof *all);
  for (int i = 0; i < e.n; i++) {
    drop_broadcast(s, &e, &e.term[i]);
    take_diagonals(s, &e.term[i]);
  }
  kvino_dtype work = dtype_of(s, &e, operands, &dtype);
  for (int i = 0; i < e.n; i++) e.term[i].x = kv_cast(s, e.term[i].x, work);
  for (int i = 0; i < e.n; i++) sum_lonely(s, &e, i);
  while (e.n > 1) {
    int i, j;
    cheapest(&e, &i, &j);
    if (!contract(s, &e, i, j)) return NULL;
  }
  kvino_tensor *y = e.term[0].x ? ordered(s, &e.term[0], &e.output) : NULL;
  return dtype == KVINO_BOOL ? kv_truth(s, y) : kv_cast(s, y, dtype);
}
