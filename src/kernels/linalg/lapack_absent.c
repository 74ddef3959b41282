/* In place of blas.c and lapack.c where kvino is built without OpenBLAS: products are gemm_absent.c's, decompositions
 * are refused before they begin, so that what follows kv_lapack_ready only has to be there. */
#include "base/error.h"
#include "kernels/linalg/blas.h"
#include "kernels/linalg/lapack.h"

kvino_status kv_blas_ready(kvino_error *err) { return (void)err, KVINO_OK; }
void kv_blas_begin(void) {}
void kv_blas_end(void) {}

kvino_status kv_lapack_ready(kvino_error *err) {
  return kv_fail(err, KVINO_UNSUPPORTED, "kvino was built without LAPACK (KVINO_OPENBLAS=OFF)");
}

enum { ABSENT = -1 };
static const kv_lapack_space none;

int64_t kv_lapack_bytes(kvino_dtype dtype, kv_lapack_space space) { return (void)dtype, (void)space, 0; }
kvino_dtype kv_lapack_real(kvino_dtype dtype) {
  return dtype == KVINO_C64 ? KVINO_F32 : dtype == KVINO_C128 ? KVINO_F64 : dtype;
}
int kv_lapack_cholesky(kvino_dtype dtype, bool upper, int n, void *a) {
  return (void)dtype, (void)upper, (void)n, (void)a, ABSENT;
}
int kv_lapack_lu(kvino_dtype dtype, int m, int n, void *a, int *pivots) {
  return (void)dtype, (void)m, (void)n, (void)a, (void)pivots, ABSENT;
}
int kv_lapack_solve(kvino_dtype dtype, int n, int k, void *a, void *b, int *pivots) {
  return (void)dtype, (void)n, (void)k, (void)a, (void)b, (void)pivots, ABSENT;
}
int kv_lapack_solve_triangular(kvino_dtype dtype, bool lower, int n, int k, const void *a, void *b) {
  return (void)dtype, (void)lower, (void)n, (void)k, (void)a, (void)b, ABSENT;
}
kv_lapack_space kv_lapack_qr_space(kvino_dtype dtype, int m, int n, int columns) {
  return (void)dtype, (void)m, (void)n, (void)columns, none;
}
int kv_lapack_qr(kvino_dtype dtype, int m, int n, void *a, void *tau, kv_lapack_space space, void *memory) {
  return (void)dtype, (void)m, (void)n, (void)a, (void)tau, (void)space, (void)memory, ABSENT;
}
int kv_lapack_qr_expand(kvino_dtype dtype, int m, int columns, int reflections, void *q, const void *tau,
                        kv_lapack_space space, void *memory) {
  return (void)dtype, (void)m, (void)columns, (void)reflections, (void)q, (void)tau, (void)space, (void)memory, ABSENT;
}
kv_lapack_space kv_lapack_svd_space(kvino_dtype dtype, kv_svd_job job, int m, int n) {
  return (void)dtype, (void)job, (void)m, (void)n, none;
}
int kv_lapack_svd(kvino_dtype dtype, kv_svd_job job, int m, int n, void *a, void *s, void *u, void *vh,
                  kv_lapack_space space, void *memory) {
  (void)dtype, (void)job, (void)m, (void)n, (void)a, (void)s, (void)u, (void)vh, (void)space, (void)memory;
  return ABSENT;
}
kv_lapack_space kv_lapack_eigh_space(kvino_dtype dtype, int n) { return (void)dtype, (void)n, none; }
int kv_lapack_eigh(kvino_dtype dtype, int n, void *a, void *w, kv_lapack_space space, void *memory) {
  return (void)dtype, (void)n, (void)a, (void)w, (void)space, (void)memory, ABSENT;
}
kv_lapack_space kv_lapack_eig_space(kvino_dtype dtype, int n) { return (void)dtype, (void)n, none; }
int kv_lapack_eig(kvino_dtype dtype, int n, void *a, void *w, void *v, kv_lapack_space space, void *memory) {
  return (void)dtype, (void)n, (void)a, (void)w, (void)v, (void)space, (void)memory, ABSENT;
}
