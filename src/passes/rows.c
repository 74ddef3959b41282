/* Derivatives of lookups stay rows (kv_pass_rows in passes.h). The derivative by a table of which rows were taken is an
 * array of zeros with sums at those rows: ScatterNDUpdate(0, indices, d). What is linear in it is done to d, and what
 * adds it to a Parameter, as an optimizer's step does, adds d to the rows that were taken:
 *
 *   table - rate * ScatterNDUpdate(0, indices, d)  =  ScatterNDUpdate(table, indices, rate * d, "sub")
 *
 * The native kernel does this in the memory of the table where its caller gives that up (kvino_executable_run_over). Of
 * rows that are taken several times the parts are added to the table one after the other, so that the last bit may
 * differ. */
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

static kvino_tensors rows_of_node(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  (void)w;
  rows r;
  switch (node->prim->id) {
  case KV_Negative:
    return read_rows(s, in[0], &r) ? scattered(s, r.zeros, &r, kv_negative(s, r.d), "sum") : KV_KEEP;
  case KV_Multiply:
    for (int k = 0; k < 2; k++)
      if (!in[!k]->rank && read_rows(s, in[k], &r))
        return scattered(s, r.zeros, &r, k ? kv_multiply(s, in[0], r.d) : kv_multiply(s, r.d, in[1]), "sum");
    return KV_KEEP;
  case KV_Divide:
    return !in[1]->rank && read_rows(s, in[0], &r) ? scattered(s, r.zeros, &r, kv_divide(s, r.d, in[1]), "sum")
                                                   : KV_KEEP;
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
