/* Derivatives of products of matrices. */
#include "grad/places.h"

static kvino_tensor *product(kv_scope *s, kvino_tensor *a, kvino_tensor *b, bool transpose_a, bool transpose_b) {
  return kv_mat_mul(s, a, b, (kv_matmul_attrs){.transpose_a = transpose_a, .transpose_b = transpose_b});
}

static kvino_tensor *unsqueezed(kv_scope *s, kvino_tensor *x, int64_t axis) {
  return s->status ? NULL : kv_unsqueeze(s, x, KV_VECTOR(s, axis));
}

/* With vectors as matrices of one row (a) or one column (b), and op(a) op(b) = y:
 *   op(a)' = y' op(b)^T, op(b)' = op(a)^T y', each transposed once more where op transposes. */
void kv_grad_mat_mul(kv_grad *g) {
  kv_scope *s = g->s;
  bool ta = g->attrs->matmul.transpose_a, tb = g->attrs->matmul.transpose_b;
  kvino_tensor *a = g->in[0], *b = g->in[1], *d = g->d_out[0];
  bool row = a->rank == 1, column = b->rank == 1;
  if (column) d = unsqueezed(s, d, -1), b = unsqueezed(s, b, -1), tb = false;
  if (row) d = unsqueezed(s, d, -2), a = unsqueezed(s, a, 0), ta = false;
  if (s->status) return;
  if (g->wanted[0]) {
    kvino_tensor *da = kv_sum_to(s, ta ? product(s, b, d, tb, true) : product(s, d, b, false, !tb), a);
    g->d_in[0] = row && da ? kv_squeeze(s, da, KV_VECTOR(s, 0)) : da;
  }
  if (g->wanted[1]) {
    kvino_tensor *db = kv_sum_to(s, tb ? product(s, d, a, true, ta) : product(s, a, d, !ta, false), b);
    g->d_in[1] = column && db ? kv_squeeze(s, db, KV_VECTOR(s, 1)) : db;
  }
}

static kvino_tensor *turned(kv_scope *s, kvino_tensor *indices) {
  return kv_concat(s, 2, (kvino_tensor *[]){kv_cut(s, indices, 1, 1, 2), kv_cut(s, indices, 1, 0, 1)},
                   (kv_axis_attrs){.axis = 1});
}

/* d y = d A x + A d x: of an entry, the product of the rows that it brings together; of x, the transposed matrix's. */
void kv_grad_sparse_mat_mul(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *row = kv_cut(s, g->in[0], 1, 0, 1), *column = kv_cut(s, g->in[0], 1, 1, 2), *d = g->d_out[0];
  if (g->wanted[1])
    g->d_in[1] = kv_reduce_sum(s, kv_multiply(s, kv_taken_at(s, d, row), kv_taken_at(s, g->in[2], column)),
                               KV_VECTOR(s, 1), (kv_keep_dims_attrs){.keep_dims = false});
  if (g->wanted[2]) {
    g->d_in[2] = kv_sparse_mat_mul(s, turned(s, g->in[0]), g->in[1], d, kv_dimension(s, g->in[2], 0));
  }
}

/* Where each row and column of indices is in a matrix of so many columns: [n] int64. */
static kvino_tensor *places_of(kv_scope *s, kvino_tensor *indices, kvino_tensor *columns) {
  indices = kv_cast(s, indices, KVINO_I64);
  kvino_tensor *row = kv_multiply(s, kv_cut(s, indices, 1, 0, 1), columns);
  return kv_squeeze(s, kv_add(s, row, kv_cut(s, indices, 1, 1, 2)), KV_VECTOR(s, 1));
}

/* The elements at `wanted` of the matrix that has the values at the indices, which are in order; else 0. */
static kvino_tensor *elements_at(kv_scope *s, kvino_tensors matrix, kvino_tensor *columns, kvino_tensor *wanted) {
  if (s->status) return NULL;
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *none = kv_like(s, matrix.v[1], 0);
  kv_axis_attrs first = {.axis = 0};
  kvino_tensor *at = places_of(s, matrix.v[0], columns), *place = places_of(s, wanted, columns);
  at = kv_concat(s, 2, (kvino_tensor *[]){at, KV_VECTOR(s, INT64_MAX)}, first); /* one that is behind all */
  kvino_tensor *values[] = {matrix.v[1], kv_unsqueeze(s, none, KV_VECTOR(s, 0))};
  kvino_tensor *found = kv_search_sorted(s, at, place, (kv_search_sorted_attrs){.output_type = KVINO_I64});
  kv_gather_attrs plain = {.batch_dims = 0};
  return kv_select(s, kv_equal(s, kv_gather(s, at, found, zero, plain), place),
                   kv_gather(s, kv_concat(s, 2, values, first), found, zero, plain), none);
}

/* As of any product of matrices, d A = d Y B^T and d B = A^T d Y, at the places that A and B have. */
void kv_grad_sparse_product(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *y = g->out[0], *d = g->d_out[1], *zero = kv_int(s, KVINO_I64, 0);
  kv_gather_attrs plain = {.batch_dims = 0};
  if (!d) return;
  kvino_tensor *columns = kv_cut(s, g->in[4], 0, 1, 2);
  if (g->wanted[1]) {
    kvino_tensor *shapes = kv_gather(s, g->in[4], KV_VECTOR(s, 0, 3, 3, 1), zero, plain);
    kvino_tensors product = kv_sparse_product(s, y, d, turned(s, g->in[2]), g->in[3], shapes);
    g->d_in[1] = elements_at(s, product, columns, g->in[0]);
  }
  if (g->wanted[3]) {
    kvino_tensor *shapes = kv_gather(s, g->in[4], KV_VECTOR(s, 1, 0, 0, 3), zero, plain);
    kvino_tensors product = kv_sparse_product(s, turned(s, g->in[0]), g->in[1], y, d, shapes);
    g->d_in[3] = elements_at(s, product, kv_cut(s, g->in[4], 0, 3, 4), g->in[2]);
  }
}
