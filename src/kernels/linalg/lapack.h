/* Decompositions of one matrix by LAPACK (which OpenBLAS brings), for f32, f64, c64 and c128. Matrices are column-major
 * and dense: their leading dimension is the number of their rows.
 *
 * Each call works in the calling thread, in memory that the caller gives: kv_lapack_..._space tells how much. The sizes
 * are those of LAPACK, below 2^31. A result other than 0 says that it did not work out: what LAPACK calls info. */
#ifndef KVINO_KERNELS_LINALG_LAPACK_H
#define KVINO_KERNELS_LINALG_LAPACK_H

#include "kvino/common.h"
#include "kvino/dtype.h"

/* Before anything of the following computes. Where kvino was built without LAPACK: KVINO_UNSUPPORTED. */
kvino_status kv_lapack_ready(kvino_error *err);

/* Working memory of a call: numbers of the dtype, of its real dtype, and integers. */
typedef struct kv_lapack_space {
  int64_t numbers, reals, integers;
} kv_lapack_space;

/* Bytes for it, a multiple of 16; -1 where LAPACK's integers do not hold its size. */
int64_t kv_lapack_bytes(kvino_dtype dtype, kv_lapack_space space);
/* f32 for c64, f64 for c128, otherwise the dtype itself. */
kvino_dtype kv_lapack_real(kvino_dtype dtype);

/* a [n, n] becomes its factor in its lower (upper) triangle; the other one is left. Result k: the leading minor of
 * order k is not positive. */
int kv_lapack_cholesky(kvino_dtype dtype, bool upper, int n, void *a);

/* a [m, n] becomes L and U; pivots [min(m, n)], from 0. Result k: U(k, k), counted from 1, is zero. */
int kv_lapack_lu(kvino_dtype dtype, int m, int n, void *a, int *pivots);
/* b [n, k] becomes inverse(a) b; a [n, n] is overwritten. Result: as kv_lapack_lu. */
int kv_lapack_solve(kvino_dtype dtype, int n, int k, void *a, void *b, int *pivots);
/* b [n, k] becomes inverse(a) b for a triangular a [n, n]. Result: as kv_lapack_lu. */
int kv_lapack_solve_triangular(kvino_dtype dtype, bool lower, int n, int k, const void *a, void *b);

/* a [m, n] becomes R in its upper triangle and the reflections below; tau [min(m, n)]. */
kv_lapack_space kv_lapack_qr_space(kvino_dtype dtype, int m, int n, int columns);
int kv_lapack_qr(kvino_dtype dtype, int m, int n, void *a, void *tau, kv_lapack_space space, void *memory);
/* q [m, columns], whose first min(m, n) columns are the reflections, becomes Q. */
int kv_lapack_qr_expand(kvino_dtype dtype, int m, int columns, int reflections, void *q, const void *tau,
                        kv_lapack_space space, void *memory);

typedef enum kv_svd_job { KV_SVD_VALUES = 'N', KV_SVD_REDUCED = 'S', KV_SVD_FULL = 'A' } kv_svd_job;
/* u s vh = a [m, n], which is overwritten; the singular values s (real) descend. */
kv_lapack_space kv_lapack_svd_space(kvino_dtype dtype, kv_svd_job job, int m, int n);
int kv_lapack_svd(kvino_dtype dtype, kv_svd_job job, int m, int n, void *a, void *s, void *u, void *vh,
                  kv_lapack_space space, void *memory);

/* The lower triangle of a symmetric (Hermitian) a [n, n] becomes its eigenvectors; the eigenvalues w (real) ascend. */
kv_lapack_space kv_lapack_eigh_space(kvino_dtype dtype, int n);
int kv_lapack_eigh(kvino_dtype dtype, int n, void *a, void *w, kv_lapack_space space, void *memory);

/* Eigenvalues w and right eigenvectors v of a [n, n], which is overwritten. Both are complex also where `dtype`, that
 * of a, is real. */
kv_lapack_space kv_lapack_eig_space(kvino_dtype dtype, int n);
int kv_lapack_eig(kvino_dtype dtype, int n, void *a, void *w, void *v, kv_lapack_space space, void *memory);

#endif
