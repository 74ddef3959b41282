/* Singular values and eigenvalues. */
#include <math.h>
#include <string.h>

#include "prim/matrices.h"

static size_t size_of(const kv_matrices *s) { return kvino_dtype_size(s->dtype); }
static size_t real_size(const kv_matrices *s) { return kvino_dtype_size(kv_lapack_real(s->dtype)); }

/* LAPACK may not come to an end with others, or prints that it was given them. */
static bool finite_numbers(bool wide, size_t n, const void *x) {
  for (size_t i = 0; i < n; i++)
    if (wide ? !isfinite(((const double *)x)[i]) : !isfinite(((const float *)x)[i])) return false;
  return true;
}

/* Of a matrix of the call's dtype. */
static bool finite_matrix(const kv_matrices *s, const kv_place *in, const void *x) {
  size_t n = (size_t)in->rows * (size_t)in->columns * size_of(s) / real_size(s);
  return finite_numbers(real_size(s) == 8, n, x);
}

/* ---- SVD ---- */

kvino_status kv_infer_svd(kv_call *c) {
  KV_TRY(kv_matrices_only(c));
  const kvino_tensor *x = c->in[0];
  const kv_svd_attrs *attrs = &c->attrs->svd;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  int64_t m = x->shape[x->rank - 2], n = x->shape[x->rank - 1], k = kv_smaller(m, n);
  KV_TRY(kv_call_outputs(c, attrs->compute_uv ? 3 : 1));
  kv_matrices_spec(c, attrs->compute_uv, kv_lapack_real(dtype), 1, &k);
  if (!attrs->compute_uv) return KVINO_OK;
  kv_matrices_spec(c, 0, dtype, 2, (int64_t[]){m, attrs->full_matrices ? m : k});
  kv_matrices_spec(c, 2, dtype, 2, (int64_t[]){attrs->full_matrices ? n : k, n});
  return KVINO_OK;
}

/* LAPACK leaves the vectors of a matrix without elements alone. */
static void identity(size_t size, kvino_dtype dtype, int n, char *y) {
  memset(y, 0, (size_t)n * (size_t)n * size);
  for (int i = 0; i < n; i++, y += (size_t)(n + 1) * size) {
    if (kv_lapack_real(dtype) == KVINO_F32)
      *(float *)(void *)y = 1;
    else
      *(double *)(void *)y = 1;
  }
}

static int svd(const kv_matrices *s, const kv_place *in, char *const *out, char *memory) {
  int m = in->rows, n = in->columns, few = m < n ? m : n;
  size_t size = size_of(s);
  kv_svd_job job = (kv_svd_job)s->variant;
  int left = job == KV_SVD_FULL ? m : few, right = job == KV_SVD_FULL ? n : few;
  if (!few) {
    if (job == KV_SVD_FULL) identity(size, s->dtype, m, out[0]), identity(size, s->dtype, n, out[2]);
    return 0;
  }
  char *u = memory + kv_part(size, m, n);
  if (job == KV_SVD_VALUES) {
    kv_matrix_load(size, memory, in);
    if (!finite_matrix(s, in, memory)) return -1;
    return kv_lapack_svd(s->dtype, job, m, n, memory, out[0], NULL, NULL, s->space, u);
  }
  char *vh = u + kv_part(size, m, left), *rest = vh + kv_part(size, right, n);
  kv_matrix_load(size, memory, in);
  if (!finite_matrix(s, in, memory)) return -1;
  int wrong = kv_lapack_svd(s->dtype, job, m, n, memory, out[1], u, vh, s->space, rest);
  kv_matrix_store(size, m, left, out[0], u, m);
  kv_matrix_store(size, right, n, out[2], vh, right);
  return wrong;
}

static const char *svd_failed(int wrong) {
  (void)wrong;
  return "SVD did not converge";
}

kvino_status kv_eval_svd(kv_call *c) {
  int m, n;
  KV_TRY(kv_matrices_sizes(c, 0, &m, &n));
  int few = m < n ? m : n;
  const kv_svd_attrs *attrs = &c->attrs->svd;
  kv_svd_job job = !attrs->compute_uv ? KV_SVD_VALUES : attrs->full_matrices ? KV_SVD_FULL : KV_SVD_REDUCED;
  kv_matrices s = {.dtype = (kvino_dtype)c->in[0]->dtype, .variant = (int)job, .one = svd, .why = svd_failed};
  memcpy(s.core, attrs->compute_uv ? (int[]){2, 1, 2} : (int[]){1, 0, 0}, sizeof s.core);
  size_t size = size_of(&s);
  if (few) {
    s.space = kv_lapack_svd_space(s.dtype, job, m, n);
    int64_t own = kv_lapack_bytes(s.dtype, s.space);
    s.memory = own < 0 ? -1 : own + kv_part(size, m, n);
    if (own >= 0 && job != KV_SVD_VALUES)
      s.memory += kv_part(size, m, job == KV_SVD_FULL ? m : few) + kv_part(size, job == KV_SVD_FULL ? n : few, n);
  }
  return kv_matrices_run(c, &s, 10.0 * m * n * few);
}

/* ---- EigH ---- */

static kvino_status infer_eigen(kv_call *c, kvino_dtype values, kvino_dtype vectors) {
  const kvino_tensor *x = c->in[0];
  KV_TRY(kv_square_only(c, 0));
  KV_TRY(kv_call_outputs(c, 2));
  kv_matrices_spec(c, 0, values, 1, x->shape + x->rank - 1);
  kv_matrices_spec(c, 1, vectors, 2, x->shape + x->rank - 2);
  return KVINO_OK;
}

kvino_status kv_infer_eigh(kv_call *c) {
  KV_TRY(kv_matrices_only(c));
  kvino_dtype dtype = (kvino_dtype)c->in[0]->dtype;
  return infer_eigen(c, kv_lapack_real(dtype), dtype);
}

static int eigh(const kv_matrices *s, const kv_place *in, char *const *out, char *memory) {
  int n = in->rows;
  if (!n) return 0;
  kv_matrix_load(size_of(s), memory, in);
  if (!finite_matrix(s, in, memory)) return -1;
  int wrong = kv_lapack_eigh(s->dtype, n, memory, out[0], s->space, memory + kv_part(size_of(s), n, n));
  kv_matrix_store(size_of(s), n, n, out[1], memory, n);
  return wrong;
}

static const char *not_converged(int wrong) {
  return wrong == -1 ? "Array must not contain infs or NaNs" : "Eigenvalues did not converge";
}

kvino_status kv_eval_eigh(kv_call *c) {
  int n, same;
  KV_TRY(kv_matrices_sizes(c, 0, &n, &same));
  kv_matrices s = {.dtype = (kvino_dtype)c->in[0]->dtype, .core = {1, 2}, .one = eigh, .why = not_converged};
  s.space = kv_lapack_eigh_space(s.dtype, n);
  int64_t own = kv_lapack_bytes(s.dtype, s.space);
  s.memory = own < 0 ? -1 : own + kv_part(size_of(&s), n, n);
  return kv_matrices_run(c, &s, 9.0 * n * n * n);
}

/* ---- Eig ---- */

static kvino_dtype complex_of(kvino_dtype dtype) {
  return dtype == KVINO_F32 ? KVINO_C64 : dtype == KVINO_F64 ? KVINO_C128 : dtype;
}

kvino_status kv_infer_eig(kv_call *c) {
  KV_TRY(kv_matrices_only(c));
  kvino_dtype dtype = complex_of((kvino_dtype)c->in[0]->dtype);
  return infer_eigen(c, dtype, dtype);
}

static int eig(const kv_matrices *s, const kv_place *in, char *const *out, char *memory) {
  int n = in->rows;
  size_t size = size_of(s);
  if (!n) return 0;
  kv_matrix_load(size, memory, in);
  if (!finite_matrix(s, in, memory)) return -1;
  char *vectors = memory + kv_part(size, n, n), *rest = vectors + kv_part(2 * size, n, n);
  int wrong = kv_lapack_eig(s->dtype, n, memory, out[0], vectors, s->space, rest);
  kv_matrix_store(kvino_dtype_size(complex_of(s->dtype)), n, n, out[1], vectors, n);
  return wrong;
}

kvino_status kv_eval_eig(kv_call *c) {
  int n, same;
  KV_TRY(kv_matrices_sizes(c, 0, &n, &same));
  kv_matrices s = {.dtype = (kvino_dtype)c->in[0]->dtype, .core = {1, 2}, .one = eig, .why = not_converged};
  s.space = kv_lapack_eig_space(s.dtype, n);
  int64_t own = kv_lapack_bytes(s.dtype, s.space);
  s.memory = own < 0 ? -1 : own + kv_part(size_of(&s), n, n) + kv_part(2 * size_of(&s), n, n);
  return kv_matrices_run(c, &s, 25.0 * n * n * n);
}
