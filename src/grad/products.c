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

/* d y = d A x + A d x: of an entry, the product of the rows that it brings together; of x, the transposed matrix's. */
void kv_grad_sparse_mat_mul(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *row = kv_cut(s, g->in[0], 1, 0, 1), *column = kv_cut(s, g->in[0], 1, 1, 2), *d = g->d_out[0];
  if (g->wanted[1])
    g->d_in[1] = kv_reduce_sum(s, kv_multiply(s, kv_taken_at(s, d, row), kv_taken_at(s, g->in[2], column)),
                               KV_VECTOR(s, 1), (kv_keep_dims_attrs){.keep_dims = false});
  if (g->wanted[2]) {
    kvino_tensor *turned = kv_concat(s, 2, (kvino_tensor *[]){column, row}, (kv_axis_attrs){.axis = 1});
    g->d_in[2] = kv_sparse_mat_mul(s, turned, g->in[1], d, kv_dimension(s, g->in[2], 0));
  }
}
