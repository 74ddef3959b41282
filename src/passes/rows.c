/* Derivatives of lookups stay rows (kv_pass_rows in passes.h). The derivative by a table of which rows were taken is an
 * array of zeros with sums at those rows: ScatterNDUpdate(0, indices, d). What is linear in it is done to d, and what
 * adds it to a Parameter, as an optimizer's step does, adds d to the rows that were taken:
 *
 *   table - rate * ScatterNDUpdate(0, indices, d)  =  ScatterNDUpdate(table, indices, rate * d, "sub")
 *
 * The native kernel does this in the memory of the table where its caller gives that up (kvino_executable_run_over). Of
 * rows that are taken several times the parts are added to the table one after the other, so that the last bit may
 * differ. Squares, as Adagrad adds them up, are made of whole sums; what a derivative is divided by or multiplied with
 * is taken at the rows, where it is made of tables element by element. */
#include <string.h>

#include "passes/passes.h"
#include "passes/rewrite.h"

enum { LARGE = 1 << 16, MORE = 4 }; /* elements of a table for which it pays, and how many times those of the rows */

bool kv_adds_few_rows(const kv_output *table, const kv_output *rows) {
  int64_t all = 1, some = 1;
  for (int k = 0; k < table->rank; k++) {
    if (table->shape[k] < 0) return false;
    all *= table->shape[k];
  }
  for (int k = 0; k < rows->rank; k++) some *= rows->shape[k] < 0 ? 1 : rows->shape[k];
  return all >= LARGE && some <= all / MORE && kvino_dtype_is_float(table->dtype);
}

bool kv_is_sum(const kv_node *node) {
  const char *how = node->prim->id == KV_ScatterNDUpdate ? node->attrs.scatter_nd.reduction : NULL;
  return how && (!strcmp(how, "sum") || !strcmp(how, "sub"));
}

static bool is_zero(const kvino_tensor *t) {
  for (int k = 0; k < t->rank; k++)
    if (t->shape[k] != 1 && t->strides[k]) return false;
  return t->size && kv_tensor_get_number(t, 0) == 0;
}

/* Whether x is zeros, concrete or repeated by a Broadcast. */
static bool is_zeros(kv_scope *s, kvino_tensor *x) {
  const kv_node *made = x ? kv_made_by(x, KV_Broadcast) : NULL;
  if (made) x = kv_operand(s, made, 0);
  if (x && kv_is_symbolic(x)) {
    const kv_node *constant = kv_made_by(x, KV_Constant);
    return constant && is_zero(constant->constant);
  }
  return x && is_zero(x);
}

typedef struct rows {
  kvino_tensor *zeros, *indices, *d;
} rows;

static bool read_rows(kv_scope *s, kvino_tensor *x, rows *r) {
  const kv_node *node = kv_is_symbolic(x) ? kv_made_by(x, KV_ScatterNDUpdate) : NULL;
  if (!node || strcmp(node->attrs.scatter_nd.reduction ? node->attrs.scatter_nd.reduction : "", "sum")) return false;
  if (!kv_adds_few_rows(node->out, kv_edge_output(node->in[2]))) return false;
  *r = (rows){kv_operand(s, node, 0), kv_operand(s, node, 1), kv_operand(s, node, 2)};
  return r->zeros && r->indices && r->d && is_zeros(s, r->zeros);
}

static kvino_tensors scattered(kv_scope *s, kvino_tensor *to, const rows *r, kvino_tensor *d, const char *how) {
  return kv_one(s, kv_scatter_nd_update(s, to, r->indices, d, (kv_scatter_nd_attrs){.reduction = how}));
}

/* Whether rows may be added to x in its own memory. */
static bool is_table(const kvino_tensor *x, const kv_node *node) {
  if (!kv_is_symbolic(x) || !kv_made_by(x, KV_Parameter) || x->rank != node->out->rank) return false;
  return !memcmp(x->shape, node->out->shape, x->rank * sizeof *x->shape);
}

static bool same(const kvino_tensor *a, const kvino_tensor *b) {
  return a == b || (kv_is_symbolic(a) && a->node == b->node && a->output == b->output);
}

static kvino_tensor *shape_of(kv_scope *s, kvino_tensor *x) {
  return kv_shape_of(s, x, (kv_output_type_attrs){.output_type = KVINO_I64});
}

static kvino_tensor *zeros_like(kv_scope *s, kvino_tensor *x) {
  kv_broadcast_attrs as_numpy = {.mode = "numpy"};
  return kv_broadcast(s, kv_number(s, (kvino_dtype)x->dtype, 0), shape_of(s, x), as_numpy);
}

static kvino_tensor *reshaped(kv_scope *s, kvino_tensor *x, kvino_tensor *shape) {
  return kv_reshape(s, x, shape, (kv_reshape_attrs){.special_zero = false});
}

/* The number that x is, a scalar; NULL where it may have another number of elements than one. */
static kvino_tensor *one_number(kv_scope *s, kvino_tensor *x) {
  if (!x->rank) return x;
  for (int k = 0; k < x->rank; k++)
    if (x->shape[k] != 1) return NULL;
  return reshaped(s, x, kv_vector(s, 0, NULL));
}

/* The indices [n, 1] of rows of `table` (one for each d), not negative; NULL where they are of more axes. */
static kvino_tensor *row_numbers(kv_scope *s, const kvino_tensor *table, const rows *r) {
  if (r->indices->shape[r->indices->rank - 1] != 1) return NULL;
  kvino_tensor *at =
      kv_convert(s, reshaped(s, r->indices, KV_VECTOR(s, -1, 1)), (kv_convert_attrs){.destination_type = KVINO_I64});
  kvino_tensor *from_end = kv_add(s, at, kv_int(s, KVINO_I64, table->shape[0]));
  return kv_select(s, kv_less(s, at, kv_int(s, KVINO_I64, 0)), from_end, at);
}

/* The same rows, each once and with the sum of its parts; there are as many as before, the rest adds zeros to row 0. */
static bool sum_up(kv_scope *s, rows *r) {
  kvino_tensor *at = row_numbers(s, r->zeros, r);
  if (!at) return false;
  int64_t shape[KVINO_MAX_RANK] = {-1};
  for (int k = 1; k < r->zeros->rank; k++) shape[k] = r->zeros->shape[k];
  kvino_tensor *d = reshaped(s, r->d, kv_vector(s, (size_t)r->zeros->rank, shape));
  kv_unique_attrs how = {.sorted = true, .index_element_type = KVINO_I64, .count_element_type = KVINO_I64};
  kvino_tensor *number = reshaped(s, at, KV_VECTOR(s, -1));
  kvino_tensors distinct = kv_unique(s, 1, &number, how);
  if (s->status) return false;
  kvino_tensor *place = kv_unsqueeze(s, distinct.v[2], KV_VECTOR(s, 1));
  kvino_tensor *none = zeros_like(s, at), *zeros = zeros_like(s, d);
  r->indices = kv_scatter_nd_update(s, none, place, at, (kv_scatter_nd_attrs){.reduction = "none"});
  r->d = kv_scatter_nd_update(s, zeros, place, d, (kv_scatter_nd_attrs){.reduction = "sum"});
  return !s->status;
}

/* x at the rows `at` of a table of its shape, where it is made of tables element by element; NULL. */
static kvino_tensor *at_rows(kv_scope *s, kv_graph *g, kvino_tensor *x, const kvino_tensor *table, kvino_tensor *at) {
  if (!x->rank || !kv_is_symbolic(x)) return x->rank ? NULL : x;
  if (x->rank != table->rank || memcmp(x->shape, table->shape, x->rank * sizeof *x->shape)) return NULL;
  const kv_node *node = x->node;
  switch (node->prim->id) {
  case KV_Parameter:
  case KV_ScatterNDUpdate:
    return kv_gather_nd(s, x, at, (kv_gather_attrs){.batch_dims = 0});
  case KV_Sqrt:
  case KV_Add:
  case KV_Multiply:
  case KV_Maximum: {
    kvino_tensor *in[2];
    for (uint32_t k = 0; k < node->n_in; k++)
      if (!(in[k] = kv_operand(s, node, k)) || !(in[k] = at_rows(s, g, in[k], table, at))) return NULL;
    kvino_tensors made = kv_clone(s, g, node, in);
    return s->status ? NULL : made.v[0];
  }
  default:
    return NULL;
  }
}

/* Rows divided by an array of the table's shape, which is not zero where no row was taken. */
static kvino_tensors by_array(kv_scope *s, kv_rewriter *w, const rows *r, kvino_tensor *x) {
  kvino_tensor *at = row_numbers(s, r->zeros, r);
  kvino_tensor *there = at ? at_rows(s, w->out, x, r->zeros, at) : NULL;
  if (!there) return KV_KEEP;
  return scattered(s, r->zeros, r, kv_divide(s, r->d, reshaped(s, there, shape_of(s, r->d))), "sum");
}

/* The sum of all elements. */
static kvino_tensors total(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  rows r;
  if (kv_edge_output(node->in[1])->shape[0] != node->in[0].node->out->rank || !read_rows(s, in[0], &r)) return KV_KEEP;
  if (r.d->rank != r.zeros->rank) return KV_KEEP;
  return kv_clone(s, w->out, node, (kvino_tensor *[]){r.d, in[1]});
}

static kvino_tensors rows_of_node(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  rows r;
  kvino_tensor *number;
  switch (node->prim->id) {
  case KV_Negative:
    return read_rows(s, in[0], &r) ? scattered(s, r.zeros, &r, kv_negative(s, r.d), "sum") : KV_KEEP;
  case KV_Multiply:
    if (same(in[0], in[1]))
      return read_rows(s, in[0], &r) && sum_up(s, &r) ? scattered(s, r.zeros, &r, kv_multiply(s, r.d, r.d), "sum")
                                                      : KV_KEEP;
    for (int k = 0; k < 2; k++)
      if ((number = one_number(s, in[!k])) && read_rows(s, in[k], &r))
        return scattered(s, r.zeros, &r, k ? kv_multiply(s, number, r.d) : kv_multiply(s, r.d, number), "sum");
    return KV_KEEP;
  case KV_Divide:
    if (!read_rows(s, in[0], &r)) return KV_KEEP;
    number = one_number(s, in[1]);
    return number ? scattered(s, r.zeros, &r, kv_divide(s, r.d, number), "sum") : by_array(s, w, &r, in[1]);
  case KV_ReduceSum:
    return total(s, w, node, in);
  case KV_Subtract:
    return is_table(in[0], node) && read_rows(s, in[1], &r) ? scattered(s, in[0], &r, r.d, "sub") : KV_KEEP;
  case KV_Add:
    for (int k = 0; k < 2; k++)
      if (is_table(in[k], node) && read_rows(s, in[!k], &r)) return scattered(s, in[k], &r, r.d, "sum");
    return KV_KEEP;
  default:
    return KV_KEEP;
  }
}

kvino_status kv_pass_rows(const kv_graph *in, kv_graph **out, kvino_error *err) {
  return kv_rewrite(in, rows_of_node, NULL, out, err);
}
