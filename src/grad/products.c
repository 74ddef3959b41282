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

/* Where each row of indices is in C order, on axes of these lengths: [n] int64. */
static kvino_tensor *places_of(kv_scope *s, kvino_tensor *indices, kvino_tensor *lengths) {
  kvino_tensor *steps =
      kv_cum_prod(s, lengths, kv_int(s, KVINO_I64, 0), (kv_cumsum_attrs){.exclusive = true, .reverse = true});
  return kv_reduce_sum(s, kv_multiply(s, kv_cast(s, indices, KVINO_I64), steps), KV_VECTOR(s, 1),
                       (kv_keep_dims_attrs){.keep_dims = false});
}

/* The rows of values, which are at the indices, in order, that are at `wanted`; zeros where there is none. */
static kvino_tensor *rows_at(kv_scope *s, kvino_tensor *indices, kvino_tensor *values, kvino_tensor *lengths,
                             kvino_tensor *wanted) {
  if (s->status) return NULL;
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *shape = kv_dims(s, values);
  kv_axis_attrs first = {.axis = 0};
  kv_gather_attrs plain = {.batch_dims = 0};
  kvino_tensor *at = places_of(s, indices, lengths), *place = places_of(s, wanted, lengths);
  at = kv_concat(s, 2, (kvino_tensor *[]){at, KV_VECTOR(s, INT64_MAX)}, first); /* one that is behind all */
  kvino_tensor *one = kv_concat(s, 2, (kvino_tensor *[]){KV_VECTOR(s, 1), kv_cut(s, shape, 0, 1, INT64_MAX)}, first);
  values = kv_concat(s, 2, (kvino_tensor *[]){values, kv_broadcast_shape(s, kv_like(s, values, 0), one)}, first);
  kvino_tensor *found = kv_search_sorted(s, at, place, (kv_search_sorted_attrs){.output_type = KVINO_I64});
  kvino_tensor *there = kv_equal(s, kv_gather(s, at, found, zero, plain), place);
  kvino_tensor *none = kv_gather(s, shape, zero, zero, plain);
  return kv_gather(s, values, kv_select(s, there, found, none), zero, plain);
}

/* Of an entry, the cotangent of the value that it went to. */
void kv_grad_sparse_align(kv_grad *g) {
  for (size_t i = 0; i < 2; i++)
    if (g->wanted[2 * i + 1] && g->d_out[i + 1])
      g->d_in[2 * i + 1] = rows_at(g->s, g->out[0], g->d_out[i + 1], g->in[4], g->in[2 * i]);
}

/* As of any product of matrices, d A = d Y B^T and d B = A^T d Y, at the places that A and B have. */
void kv_grad_sparse_product(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *y = g->out[0], *d = g->d_out[1], *zero = kv_int(s, KVINO_I64, 0);
  kv_gather_attrs plain = {.batch_dims = 0};
  if (!d) return;
  if (g->wanted[1]) {
    kvino_tensor *shapes = kv_gather(s, g->in[4], KV_VECTOR(s, 0, 3, 3, 1), zero, plain);
    kvino_tensors product = kv_sparse_product(s, y, d, turned(s, g->in[2]), g->in[3], shapes);
    if (!s->status) g->d_in[1] = rows_at(s, product.v[0], product.v[1], kv_cut(s, g->in[4], 0, 0, 2), g->in[0]);
  }
  if (g->wanted[3]) {
    kvino_tensor *shapes = kv_gather(s, g->in[4], KV_VECTOR(s, 1, 0, 0, 3), zero, plain);
    kvino_tensors product = kv_sparse_product(s, turned(s, g->in[0]), g->in[1], y, d, shapes);
    if (!s->status) g->d_in[3] = rows_at(s, product.v[0], product.v[1], kv_cut(s, g->in[4], 0, 2, 4), g->in[2]);
  }
}
