/* keras.ops.linalg: decompositions and what follows from one of them. */
#include <float.h>
#include <string.h>

#include "ops/linalg/linalg.h"

/* ---- operands ---- */

bool kv_is_matrix(kv_scope *s, const kvino_tensor *x) {
  char text[KV_SHAPE_TEXT];
  if (!x) return false;
  if (x->rank < 2)
    kv_scope_fail(s, KVINO_INVALID, "Expected input to have rank >= 2. Received input with shape %s.",
                  kv_shape_text(x->rank, x->shape, text));
  return x->rank >= 2;
}

kvino_tensor *kv_matrix_operand(kv_scope *s, kvino_tensor *x, kvino_dtype *dtype) {
  if (!kv_is_matrix(s, x)) return NULL;
  *dtype = kv_result_float(s, 1, &x);
  return kv_cast(s, x, kv_work_dtype_of(x));
}

kvino_dtype kv_real_dtype(kvino_dtype dtype) {
  return dtype == KVINO_C64 ? KVINO_F32 : dtype == KVINO_C128 ? KVINO_F64 : dtype;
}

kvino_dtype kv_complex_dtype(kvino_dtype dtype) {
  return dtype == KVINO_F64 || dtype == KVINO_C128 ? KVINO_C128 : KVINO_C64;
}

/* All of them in one dtype. */
static kvino_tensors rounded(kv_scope *s, kvino_tensors y, kvino_dtype dtype) {
  for (size_t i = 0; y.v && i < y.n; i++) y.v[i] = kv_cast(s, y.v[i], dtype);
  return y;
}

kvino_tensor *kv_identity_like(kv_scope *s, kvino_tensor *x) {
  if (!x) return NULL;
  kvino_tensor *n = kv_dimension(s, x, x->rank - 1);
  return kv_eye(s, 3, (kvino_tensor *[]){n, n, kv_int(s, KVINO_I64, 0)},
                (kv_output_type_attrs){.output_type = (kvino_dtype)x->dtype});
}

/* ---- Cholesky, determinants, eigenvalues, LU, QR ---- */

kvino_tensor *op_cholesky(kv_scope *s, kvino_tensor *x, bool upper) {
  kvino_dtype dtype;
  x = kv_matrix_operand(s, x, &dtype);
  return x ? kv_cast(s, kv_cholesky(s, x, (kv_triangle_attrs){.lower = !upper}), dtype) : NULL;
}

kvino_tensor *op_cholesky_inverse(kv_scope *s, kvino_tensor *x, bool upper) {
  kvino_dtype dtype;
  x = kv_matrix_operand(s, x, &dtype);
  if (!x) return NULL;
  kvino_tensor *y = kv_solve_triangular(s, x, kv_identity_like(s, x), (kv_triangle_attrs){.lower = !upper});
  kvino_tensor *other = op_conj(s, y);
  return kv_cast(s,
                 upper ? kv_mat_mul(s, y, other, (kv_matmul_attrs){.transpose_b = true})
                       : kv_mat_mul(s, other, y, (kv_matmul_attrs){.transpose_a = true}),
                 dtype);
}

kvino_tensor *op_det(kv_scope *s, kvino_tensor *x) {
  kvino_dtype dtype;
  x = kv_matrix_operand(s, x, &dtype);
  return x ? kv_cast(s, kv_determinant(s, x), dtype) : NULL;
}

kvino_tensors op_slogdet(kv_scope *s, kvino_tensor *x) {
  kvino_dtype dtype;
  x = kv_matrix_operand(s, x, &dtype);
  if (!x) return KV_NO_TENSORS;
  kvino_tensors y = kv_sign_log_determinant(s, x);
  if (!y.v) return KV_NO_TENSORS;
  y.v[0] = kv_cast(s, y.v[0], dtype);
  y.v[1] = kv_cast(s, y.v[1], kv_real_dtype(dtype));
  return y;
}

kvino_tensor *op_logdet(kv_scope *s, kvino_tensor *x) {
  kvino_tensors y = op_slogdet(s, x);
  return y.v ? y.v[1] : NULL;
}

kvino_tensors op_eig(kv_scope *s, kvino_tensor *x) {
  kvino_dtype dtype;
  x = kv_matrix_operand(s, x, &dtype);
  return x ? rounded(s, kv_eig(s, x), kv_complex_dtype(dtype)) : KV_NO_TENSORS;
}

kvino_tensors op_eigh(kv_scope *s, kvino_tensor *x) {
  kvino_dtype dtype;
  x = kv_matrix_operand(s, x, &dtype);
  if (!x) return KV_NO_TENSORS;
  kvino_tensors y = kv_eigh(s, x);
  if (!y.v) return KV_NO_TENSORS;
  y.v[0] = kv_cast(s, y.v[0], kv_real_dtype(dtype));
  y.v[1] = kv_cast(s, y.v[1], dtype);
  return y;
}

kvino_tensors op_lu_factor(kv_scope *s, kvino_tensor *x) {
  kvino_dtype dtype;
  x = kv_matrix_operand(s, x, &dtype);
  if (!x) return KV_NO_TENSORS;
  kvino_tensors y = kv_lu(s, x);
  if (y.v) y.v[0] = kv_cast(s, y.v[0], dtype);
  return y.v ? y : KV_NO_TENSORS;
}

kvino_tensors op_qr(kv_scope *s, kvino_tensor *x, const char *mode) {
  bool complete = mode && !strcmp(mode, "complete");
  if (!complete && (!mode || strcmp(mode, "reduced"))) {
    kv_scope_fail(s, KVINO_INVALID,
                  "`mode` argument value not supported. Expected one of {'reduced', 'complete'}. Received: mode=%s",
                  mode ? mode : "None");
    return KV_NO_TENSORS;
  }
  kvino_dtype dtype;
  x = kv_matrix_operand(s, x, &dtype);
  return x ? rounded(s, kv_qr(s, x, (kv_qr_attrs){.complete = complete}), dtype) : KV_NO_TENSORS;
}

/* ---- singular values ---- */

kvino_tensors op_svd(kv_scope *s, kvino_tensor *x, bool full_matrices, bool compute_uv) {
  kvino_dtype dtype;
  x = kv_matrix_operand(s, x, &dtype);
  if (!x) return KV_NO_TENSORS;
  kvino_tensors y = kv_svd(s, x, (kv_svd_attrs){.full_matrices = full_matrices, .compute_uv = compute_uv});
  for (size_t i = 0; y.v && i < y.n; i++) y.v[i] = kv_cast(s, y.v[i], i == compute_uv ? kv_real_dtype(dtype) : dtype);
  return y.v ? y : KV_NO_TENSORS;
}

kvino_tensor *kv_singular_values(kv_scope *s, kvino_tensor *x) {
  kvino_tensors y = kv_svd(s, x, (kv_svd_attrs){.full_matrices = false});
  return y.v ? y.v[0] : NULL;
}

kvino_tensor *kv_rank_tolerance(kv_scope *s, kvino_tensor *x, double factor) {
  if (!x) return NULL;
  kvino_dtype dtype = kv_real_dtype((kvino_dtype)x->dtype);
  kvino_tensor *longer = kv_maximum(s, kv_dimension(s, x, x->rank - 2), kv_dimension(s, x, x->rank - 1));
  return kv_multiply(s, kv_cast(s, longer, dtype),
                     kv_number(s, dtype, factor * (dtype == KVINO_F64 ? DBL_EPSILON : (double)FLT_EPSILON)));
}

kvino_tensor *op_matrix_rank(kv_scope *s, kvino_tensor *x, kvino_tensor *tol) {
  kvino_dtype dtype;
  x = kv_matrix_operand(s, x, &dtype);
  kvino_tensor *values = kv_singular_values(s, x);
  if (!values) return NULL;
  if (!tol)
    tol = kv_multiply(s, kv_cut(s, values, values->rank - 1, 0, 1), kv_rank_tolerance(s, x, 1));
  else
    tol = kv_cast(s, tol, (kvino_dtype)values->dtype);
  if (tol && tol->rank && tol->rank < values->rank) tol = kv_unsqueeze(s, tol, KV_VECTOR(s, -1)); /* one a matrix */
  return kv_reduce_sum(s, kv_cast(s, kv_greater(s, values, tol), KVINO_I32), KV_VECTOR(s, values->rank - 1),
                       (kv_keep_dims_attrs){.keep_dims = false});
}
