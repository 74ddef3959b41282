/* keras.ops.numpy: matrix and tensor products. */
#include "ops/common.h"

/* int8 by int8 is summed as int32, as in Keras. */
static void align_product(kv_scope *s, kvino_tensor **x1, kvino_tensor **x2) {
  bool bytes = *x1 && *x2 && (*x1)->dtype == KVINO_I8 && (*x2)->dtype == KVINO_I8;
  kv_align(s, x1, x2);
  if (bytes) {
    *x1 = kv_cast(s, *x1, KVINO_I32);
    *x2 = kv_cast(s, *x2, KVINO_I32);
  }
}

/* MatMul; bool is summed as int32 and is then whether the sum is not 0. */
static kvino_tensor *product(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  align_product(s, &x1, &x2);
  if (!x1 || !x2) return NULL;
  if (x1->dtype != KVINO_BOOL) return kv_mat_mul(s, x1, x2, (kv_matmul_attrs){.transpose_a = false});
  return kv_truth(
      s, kv_mat_mul(s, kv_cast(s, x1, KVINO_I32), kv_cast(s, x2, KVINO_I32), (kv_matmul_attrs){.transpose_a = false}));
}

kvino_tensor *op_matmul(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) { return product(s, x1, x2); }

/* Product of the dimensions [begin, end); -1 where one is unknown. */
static int64_t elements(const kvino_tensor *x, int begin, int end) {
  int64_t n = 1;
  for (int i = begin; i < end; i++) n = n < 0 || x->shape[i] < 0 ? -1 : n * x->shape[i];
  return n;
}

static kvino_tensor *matrix(kv_scope *s, kvino_tensor *x, kvino_tensor *rows, kvino_tensor *columns) {
  kvino_tensor *shape = kv_concat(s, 2, (kvino_tensor *[]){rows, columns}, (kv_axis_attrs){.axis = 0});
  return kv_reshape(s, x, shape, (kv_reshape_attrs){.special_zero = false});
}

kvino_tensor *op_tensordot(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2, kvino_ints axes) {
  x1 = kv_strong(s, x1);
  x2 = kv_strong(s, x2);
  if (!x1 || !x2) return NULL;
  int64_t v[2 * KVINO_MAX_RANK], perm1[KVINO_MAX_RANK], perm2[KVINO_MAX_RANK];
  int given, n;
  if (!kv_plain_ints(s, axes, 2 * KVINO_MAX_RANK, &given, v)) return NULL;
  if (!axes.list) { /* a number: the last of x1, the first of x2 */
    n = given ? (int)v[0] : -1;
    if (n < 0 || v[0] != n || n > x1->rank || n > x2->rank)
      return kv_scope_fail(s, KVINO_INVALID, "shape-mismatch for sum");
    for (int i = 0; i < n; i++) {
      v[i] = x1->rank - n + i;
      v[n + i] = i;
    }
  } else {
    if (given % 2) return kv_scope_fail(s, KVINO_INVALID, "shape-mismatch for sum");
    n = given / 2;
  }
  bool summed1[KVINO_MAX_RANK] = {false}, summed2[KVINO_MAX_RANK] = {false};
  for (int i = 0; i < n; i++) {
    if (!kv_axis_ok(s, &v[i], x1->rank) || !kv_axis_ok(s, &v[n + i], x2->rank)) return NULL;
    if (x1->shape[v[i]] >= 0 && x2->shape[v[n + i]] >= 0 && x1->shape[v[i]] != x2->shape[v[n + i]])
      return kv_scope_fail(s, KVINO_INVALID, "shape-mismatch for sum");
    summed1[v[i]] = summed2[v[n + i]] = true;
  }
  int free1 = 0, free2 = n;
  for (int i = 0; i < x1->rank; i++)
    if (!summed1[i]) perm1[free1++] = i;
  for (int i = 0; i < n; i++) {
    perm1[free1 + i] = v[i];
    perm2[i] = v[n + i];
  }
  for (int i = 0; i < x2->rank; i++)
    if (!summed2[i]) perm2[free2++] = i;
  /* As matrices: [free1, summed] by [summed, free2]. */
  kvino_tensor *a = kv_permute(s, x1, perm1), *b = kv_permute(s, x2, perm2);
  if (!a || !b) return NULL;
  int64_t rows = elements(a, 0, free1), inner = elements(b, 0, n), columns = elements(b, n, b->rank);
  kvino_tensor *left_matrix, *right_matrix;
  if (inner >= 0) {
    left_matrix = kv_reshape_to(s, a, 2, (int64_t[]){rows, inner});
    right_matrix = kv_reshape_to(s, b, 2, (int64_t[]){inner, columns});
  } else { /* known at run time */
    kvino_tensor *length =
        kv_reduce_prod(s, kv_cut(s, kv_dims(s, b), 0, 0, n), KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = true});
    left_matrix = matrix(s, a, KV_VECTOR(s, -1), length);
    right_matrix = matrix(s, b, length, KV_VECTOR(s, -1));
  }
  kvino_tensor *y = product(s, left_matrix, right_matrix);
  kvino_tensor *left = kv_cut(s, kv_dims(s, a), 0, 0, free1), *right = kv_cut(s, kv_dims(s, b), 0, n, INT64_MAX);
  return kv_reshape(s, y, kv_concat(s, 2, (kvino_tensor *[]){left, right}, (kv_axis_attrs){.axis = 0}),
                    (kv_reshape_attrs){.special_zero = false});
}

kvino_tensor *op_dot(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  if (!x1 || !x2) return NULL;
  if (!x1->rank || !x2->rank) return op_multiply(s, x1, x2);
  if (x1->rank == 1 || x2->rank <= 2) return product(s, x1, x2); /* what a matrix product is, too */
  int64_t axes[2] = {x1->rank - 1, x2->rank - 2};
  return op_tensordot(s, x1, x2, (kvino_ints){.n = 2, .v = axes, .list = true});
}

kvino_tensor *op_outer(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  x1 = kv_unsqueeze(s, kv_flatten(s, kv_strong(s, x1)), KV_VECTOR(s, 1));
  return op_multiply(s, x1, kv_flatten(s, kv_strong(s, x2)));
}
