/* Weights of few bits: what a product takes is written as engines know it.
 *
 * Keras writes the weights of a quantized layer as a formula of constants: (q - zero[group]) * scale[group], where a
 * list says which group each row is of, transposed at times, divided by a number for each row (AWQ), or q alone, and
 * scales divide what was multiplied. An engine would compute these as floats, once and for all, which are four or eight
 * times as large. The form that it keeps packed, and multiplies as it lies, is MatMul(x, Reshape((Convert(q) - zero) *
 * scale)), q [groups, rows of a group, columns], zero and scale [groups, 1, columns] or the same with rows and columns
 * exchanged; of one group and without a zero point, MatMul(x, Convert(q) * scale) in two dimensions. Rows whose groups
 * are not in order are put in order, and x's columns with them. What divides rows divides x's columns instead. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#include "passes/passes.h"
#include "passes/rewrite.h"

enum { LEAST_GROUP = 4 }; /* rows: below, the plugin's kernels are wrong */

/* The nodes that stay packed, of the graph that is being built. */
typedef struct kept {
  uint32_t *id;
  size_t n, capacity;
} kept;

typedef struct weights {
  kvino_tensor *q;     /* concrete int8 or uint8, contiguous: [rows, columns], or [columns, rows] where it is turned */
  bool packed, turned; /* packed: two columns (rows) a byte */
  int64_t rows, columns, groups;
  kvino_tensor *scale, *zero;       /* concrete, [groups, columns]; NULL: none */
  kvino_tensor *group_of, *divisor; /* concrete, [rows]; NULL: none */
} weights;

/* ---- reading the formula ---- */

static kvino_tensor *exchanged(kv_scope *s, kvino_tensor *t) { return kv_transpose(s, t, KV_VECTOR(s, 1, 0)); }

static kvino_tensor *dense(kv_scope *s, kvino_tensor *t) {
  kvino_tensor *y = NULL;
  return t && kv_scope_ok(s, kvino_tensor_contiguous(t, &y, s->err)) ? kv_own(s, y) : NULL;
}

static bool is_concrete(const kvino_tensor *t) { return t && !kv_is_symbolic(t); }

static bool equal(const kvino_tensor *a, const kvino_tensor *b) {
  return a && b && a->dtype == b->dtype && a->size == b->size && a->contiguous && b->contiguous &&
         !memcmp(a->data, b->data, (size_t)a->size * kvino_dtype_size((kvino_dtype)a->dtype));
}

/* The same of a constant that was written out: what the first row of each group has, where all others of it have the
 * same. */
static kvino_tensor *few_of_all(kv_scope *s, kvino_tensor *t, bool turned, const weights *w) {
  if (!w->group_of || !w->scale || t->rank != 2 || t->shape[turned] != w->group_of->size) return NULL;
  int64_t groups = w->scale->shape[0], *first = kv_scope_alloc(s, (size_t)groups, sizeof *first);
  for (int64_t r = w->group_of->size; first && r-- > 0;) {
    int64_t g = kv_tensor_get_int(w->group_of, r);
    if (g < 0 || g >= groups) return NULL;
    first[g] = r;
  }
  if (!first) return NULL;
  if (turned) t = exchanged(s, t);
  kv_gather_attrs attrs = {.batch_dims = 0};
  kvino_tensor *axis = kv_int(s, KVINO_I64, 0),
               *few = kv_gather(s, t, kv_vector(s, (size_t)groups, first), axis, attrs);
  return equal(dense(s, kv_gather(s, few, w->group_of, axis, attrs)), dense(s, t)) ? dense(s, few) : NULL;
}

/* t, in which each row is one of a few, as the few ([groups, columns]); `turned`: columns. Which one stands in
 * w->group_of, and is the same for all. NULL where t is something else. */
static kvino_tensor *few_rows(kv_scope *s, kvino_tensor *t, bool turned, weights *w) {
  if (is_concrete(t)) return few_of_all(s, t, turned, w);
  const kv_node *node = kv_made_by(t, KV_Gather);
  kvino_tensor *axis = node ? kv_operand(s, node, 2) : NULL, *at = node ? kv_operand(s, node, 1) : NULL,
               *few = node ? kv_operand(s, node, 0) : NULL;
  if (!is_concrete(axis) || !is_concrete(at) || !is_concrete(few) || at->rank != 1 || few->rank != 2) return NULL;
  int64_t k = kv_tensor_get_int(axis, 0);
  if ((k < 0 ? k + 2 : k) != turned) return NULL;
  at = dense(s, at);
  if (w->group_of && !equal(w->group_of, at)) return NULL;
  w->group_of = at;
  return dense(s, turned ? exchanged(s, few) : few);
}

static bool read_quantized(kv_scope *s, kvino_tensor *t, bool turned, weights *w) {
  const kv_node *unpack = kv_made_by(t, KV_UnpackInt4);
  int64_t axis = unpack ? unpack->attrs.unpack.axis : 1;
  w->q = unpack ? kv_operand(s, unpack, 0) : t;
  w->packed = unpack != NULL;
  if (!is_concrete(w->q) || w->q->rank != 2 || (w->q->dtype != KVINO_I8 && w->q->dtype != KVINO_U8)) return false;
  if (unpack && t->shape[axis] % 2) { /* a row begins inside of a byte */
    w->q = kv_unpack_int4(s, w->q, unpack->attrs.unpack);
    w->packed = false;
    axis = 1;
  }
  if (!axis) w->q = exchanged(s, w->q);
  w->turned = turned != !axis;
  w->rows = t->shape[turned];
  w->columns = t->shape[!turned];
  return (w->q = dense(s, w->q)) != NULL;
}

/* Convert(q), or Convert(q) - zero. */
static bool read_difference(kv_scope *s, kvino_tensor *t, bool turned, weights *w) {
  const kv_node *difference = kv_made_by(t, KV_Subtract);
  if (difference) {
    kvino_tensor *zero = kv_operand(s, difference, 1);
    const kv_node *convert = kv_made_by(zero, KV_Convert);
    if (convert) zero = kv_operand(s, convert, 0);
    if (!zero || !(w->zero = few_rows(s, zero, turned, w))) return false;
    t = kv_operand(s, difference, 0);
  }
  const kv_node *shaped = t ? kv_made_by(t, KV_Reshape) : NULL;
  if (shaped && shaped->out[0].rank != 2) return false;
  if (shaped) t = kv_operand(s, shaped, 0);
  const kv_node *convert = t ? kv_made_by(t, KV_Convert) : NULL;
  kvino_tensor *q = convert && t->dtype == KVINO_F32 ? kv_operand(s, convert, 0) : NULL;
  if (shaped && is_concrete(q)) /* of more dimensions, which are two here */
    q = kv_reshape(s, q, kv_vector(s, 2, shaped->out[0].shape), (kv_reshape_attrs){.special_zero = false});
  return q && q->rank == 2 && read_quantized(s, q, turned, w);
}

/* What divides each column, as what multiplies it: as the engine does. */
static bool read_column_divisor(kv_scope *s, kvino_tensor *by, bool turned, weights *w) {
  if (w->scale || !is_concrete(by) || by->rank > 2 || by->dtype != KVINO_F32) return false;
  if (by->rank == 2 ? by->shape[turned] != 1 : turned) return false;
  for (int64_t i = 0; i < by->size; i++) {
    double v = fabs(kv_tensor_get_number(by, i));
    if (!(v >= 0x1p-126 && v <= 0x1p126)) return false;
  }
  by = kv_reshape(s, by, KV_VECTOR(s, 1, -1), (kv_reshape_attrs){.special_zero = false});
  w->scale = dense(s, kv_divide(s, kv_number(s, KVINO_F32, 1), by));
  return w->scale != NULL;
}

static bool read_divisor(kv_scope *s, kvino_tensor *by, bool turned, weights *w) {
  if (w->divisor || !is_concrete(by) || by->rank > 2) return false;
  int64_t across = by->rank == 2 ? by->shape[!turned] : turned || by->size == 1 ? 1 : 0;
  if (across != 1) return false;
  w->divisor = kv_reshape(s, by, KV_VECTOR(s, -1), (kv_reshape_attrs){.special_zero = false});
  return w->divisor != NULL;
}

static bool read_weights(kv_scope *s, kvino_tensor *t, bool turned, weights *w) {
  while (t && kv_is_symbolic(t) && t->rank == 2) {
    const kv_node *node = t->node;
    if (node->prim->id == KV_Transpose) {
      t = kv_operand(s, node, 0);
      turned = !turned;
    } else if (node->prim->id == KV_Divide) {
      kvino_tensor *by = kv_operand(s, node, 1);
      if (!read_divisor(s, by, turned, w) && !read_column_divisor(s, by, turned, w)) return false;
      t = kv_operand(s, node, 0);
    } else if (node->prim->id == KV_Multiply) {
      kvino_tensor *a = kv_operand(s, node, 0), *b = kv_operand(s, node, 1);
      if (!a || !b || w->scale) return false;
      w->scale = few_rows(s, b, turned, w);
      return w->scale && read_difference(s, a, turned, w);
    } else {
      return read_difference(s, t, turned, w) && !w->zero;
    }
  }
  return false;
}

/* ---- groups ---- */

/* Fills `order` with the rows in the order of their groups. False where these are not of one size. */
static bool sort_rows(const weights *w, int64_t *order) {
  int64_t each = w->rows / w->groups;
  if (each < LEAST_GROUP || each * w->groups != w->rows || w->group_of->size != w->rows) return false;
  for (int64_t g = 0; g < w->groups; g++) order[w->rows + g] = 0;
  for (int64_t r = 0; r < w->rows; r++) {
    int64_t g = kv_tensor_get_int(w->group_of, r);
    if (g < 0 || g >= w->groups || order[w->rows + g] == each) return false;
    order[g * each + order[w->rows + g]++] = r;
  }
  return true;
}

/* Puts rows, and the columns of *x, in the order of the groups. */
static bool arrange(kv_scope *s, weights *w, kvino_tensor **x) {
  w->groups = w->scale ? w->scale->shape[0] : 1;
  if (!w->group_of) return true;
  int64_t *order = kv_scope_alloc(s, (size_t)(w->rows + w->groups), sizeof *order);
  if (!order || !sort_rows(w, order)) return false;
  bool ordered = true;
  for (int64_t r = 0; r < w->rows; r++) ordered &= order[r] == r;
  if (ordered) return true;
  if (w->turned && w->packed) return false; /* rows share bytes */
  kvino_tensor *at = kv_vector(s, (size_t)w->rows, order);
  w->q = dense(s, kv_gather(s, w->q, at, kv_int(s, KVINO_I64, w->turned), (kv_gather_attrs){.batch_dims = 0}));
  *x = kv_gather(s, *x, at, kv_int(s, KVINO_I64, -1), (kv_gather_attrs){.batch_dims = 0});
  return w->q && *x;
}

/* ---- writing it ---- */

/* One group without a zero point: the plugin keeps it packed in two dimensions alone. */
static bool is_plain(const weights *w) { return w->groups == 1 && !w->zero; }

/* `last` numbers for each row of a group, or for each column where it is turned, as `w` is written. */
static kvino_tensor *shape_of(kv_scope *s, const weights *w, int64_t rows, int64_t last) {
  int64_t lead = w->turned ? w->columns : w->groups, middle = w->turned ? w->groups : rows;
  return is_plain(w) ? KV_VECTOR(s, w->turned ? lead : middle, last) : KV_VECTOR(s, lead, middle, last);
}

/* A constant of each group and column in the dimensions of the weights. */
static kvino_tensor *spread(kv_scope *s, const weights *w, kvino_tensor *t) {
  kvino_tensor *shape = shape_of(s, w, 1, w->turned ? 1 : w->columns);
  if (w->turned) t = exchanged(s, t);
  if (t && t->dtype != KVINO_F32) t = kv_convert(s, t, (kv_convert_attrs){.destination_type = KVINO_F32});
  return kv_reshape(s, t, shape, (kv_reshape_attrs){.special_zero = false});
}

static kvino_tensor *keep(kv_scope *s, kept *k, kvino_tensor *t) {
  if (!t) return NULL;
  if (k->n == k->capacity) {
    size_t wanted = k->capacity ? 2 * k->capacity : 16;
    uint32_t *more = kv_realloc(k->id, wanted * sizeof *more);
    if (!more) return kv_scope_fail(s, KVINO_NO_MEMORY, "out of memory for a graph");
    k->id = more;
    k->capacity = wanted;
  }
  k->id[k->n++] = t->node->id;
  return t;
}

static kvino_tensor *quantized(kv_scope *s, kv_rewriter *r, const weights *w) {
  int64_t each = w->rows / w->groups, last = w->turned ? each : w->columns;
  int64_t bytes = w->packed ? last / 2 : last;
  kvino_tensor *q = kv_reshape(s, w->q, shape_of(s, w, each, bytes), (kv_reshape_attrs){.special_zero = false});
  if (!q) return NULL;
  kv_unpack_attrs attrs = {.axis = (int64_t)q->rank - 1, .length = last};
  q = kv_as_symbolic(s, r->out, q);
  if (w->packed) q = keep(s, r->context, kv_unpack_int4(s, q, attrs));
  return kv_convert(s, q, (kv_convert_attrs){.destination_type = KVINO_F32});
}

/* Without a scale there is nothing that the plugin knows the form by: halves, which what is multiplied makes good to
 * the bit. */
static kvino_tensor *halves(kv_scope *s, int64_t n) {
  return kv_broadcast(s, kv_number(s, KVINO_F32, 0.5), KV_VECTOR(s, 1, n), (kv_broadcast_attrs){.mode = "numpy"});
}

static kvino_tensor *product(kv_scope *s, kv_rewriter *r, const kv_node *node, weights *w, kvino_tensor *x) {
  if (w->turned && w->packed && w->rows / w->groups % 2) return NULL;
  bool scaled = w->scale != NULL;
  if (!scaled) w->scale = dense(s, halves(s, w->columns));
  if (w->divisor) x = kv_divide(s, x, w->divisor);
  kvino_tensor *t = quantized(s, r, w);
  if (w->zero) t = kv_subtract(s, t, spread(s, w, w->zero));
  t = kv_multiply(s, t, spread(s, w, w->scale));
  if (!is_plain(w))
    t = kv_reshape(s, t, w->turned ? KV_VECTOR(s, w->columns, w->rows) : KV_VECTOR(s, w->rows, w->columns),
                   (kv_reshape_attrs){.special_zero = false});
  kvino_tensor *y =
      kv_mat_mul(s, x, t, (kv_matmul_attrs){.transpose_a = node->attrs.matmul.transpose_a, .transpose_b = w->turned});
  return scaled ? y : kv_multiply(s, y, kv_number(s, KVINO_F32, 2));
}

static kvino_tensors write_weights(kv_scope *s, kv_rewriter *r, const kv_node *node, kvino_tensor *const *in) {
  weights w = {0};
  kvino_tensor *x = in[0];
  if (node->prim->id != KV_MatMul || x->dtype != KVINO_F32 || !kv_is_symbolic(x) || in[1]->rank != 2) return KV_KEEP;
  if (!read_weights(s, in[1], node->attrs.matmul.transpose_b, &w)) return KV_KEEP;
  if (node->attrs.matmul.transpose_a && (w.divisor || w.group_of)) return KV_KEEP;
  return arrange(s, &w, &x) ? kv_one(s, product(s, r, node, &w, x)) : KV_KEEP;
}

/* ---- what divides the product ---- */

/* MatMul(x, W) / s, or reshaped between, a number for each column, where nothing scales W yet, is MatMul(x, W / s): the
 * plugin puts a factor behind a product into weights that it knows no more then. */
static kvino_tensors divide_columns(kv_scope *s, kv_rewriter *r, const kv_node *node, kvino_tensor *const *in) {
  (void)r;
  if (node->prim->id != KV_Divide || !is_concrete(in[1]) || in[1]->dtype != KVINO_F32) return KV_KEEP;
  const kv_node *shaped = kv_made_by(in[0], KV_Reshape);
  kvino_tensor *y = shaped ? kv_operand(s, shaped, 0) : in[0];
  const kv_node *product = y ? kv_made_by(y, KV_MatMul) : NULL;
  if (!product) return KV_KEEP;
  kvino_tensor *x = kv_operand(s, product, 0), *t = kv_operand(s, product, 1);
  bool turned = product->attrs.matmul.transpose_b;
  weights w = {0};
  if (!x || !t || x->dtype != KVINO_F32 || !kv_is_symbolic(t) || t->rank != 2) return KV_KEEP;
  if (!read_weights(s, t, turned, &w) || w.scale || w.divisor) return KV_KEEP;
  if (in[1]->size != w.columns || in[1]->rank > in[0]->rank) return KV_KEEP;
  int64_t columns = 1; /* of the last axes of the quotient, which the divisor's are */
  for (int k = 1; k <= node->out[0].rank && columns < w.columns; k++) {
    int64_t length = node->out[0].shape[node->out[0].rank - k];
    if (k > in[1]->rank || in[1]->shape[in[1]->rank - k] != length || length < 1) return KV_KEEP;
    columns *= length;
  }
  if (columns != w.columns) return KV_KEEP;
  kvino_tensor *by = kv_reshape(s, in[1], turned ? KV_VECTOR(s, -1, 1) : KV_VECTOR(s, 1, -1),
                                (kv_reshape_attrs){.special_zero = false});
  y = kv_mat_mul(s, x, kv_divide(s, t, by), product->attrs.matmul);
  return kv_one(s, shaped ? kv_reshape(s, y, kv_operand(s, shaped, 1), shaped->attrs.reshape) : y);
}

/* ---- what else is packed ---- */

static bool is_kept(const kept *k, uint32_t id) {
  for (size_t i = 0; i < k->n; i++)
    if (k->id[i] == id) return true;
  return false;
}

static kvino_tensors unpack_others(kv_scope *s, kv_rewriter *r, const kv_node *node, kvino_tensor *const *in) {
  if (node->prim->id != KV_UnpackInt4 || kv_is_symbolic(in[0]) || is_kept(r->context, node->id)) return KV_KEEP;
  return kv_one(s, kv_unpack_int4(s, in[0], node->attrs.unpack));
}

static bool has_few_bits(const kv_node *node) {
  if (node->prim->id == KV_UnpackInt4) return true;
  const kvino_tensor *c = node->prim->id == KV_Convert ? node->in[0].node->constant : NULL;
  return c && (c->dtype == KVINO_I8 || c->dtype == KVINO_U8);
}

kvino_status kv_pass_weights(const kv_graph *in, kv_graph **out, kvino_error *err) {
  kept k = {0};
  kv_graph *divided = NULL, *g = NULL;
  size_t few_bits = 0;
  for (size_t i = 0; i < in->n_nodes; i++) few_bits += has_few_bits(in->node[i]);
  if (!few_bits) return *out = kv_graph_retain((kv_graph *)(uintptr_t)in), KVINO_OK;
  kvino_status status = kv_rewrite(in, divide_columns, NULL, &divided, err);
  if (!status) status = kv_rewrite(divided, write_weights, &k, &g, err);
  if (!status) status = kv_rewrite(g, unpack_others, &k, out, err);
  kv_graph_release(divided);
  kv_graph_release(g);
  kv_free(k.id);
  return status;
}
