#include "kernels/linalg/lapack.h"

#include <limits.h>
#include <string.h>

#include "kernels/linalg/blas.h"

/* ---- LAPACK's routines, as Fortran names and calls them: everything by address, and behind the arguments the lengths
 * of the strings. Their names say the dtype: s, d, c, z. Neither OpenBLAS nor the standard has a header for them. ----
 */

typedef const char *text;
typedef const int *in;
typedef size_t length;
typedef void potrf_routine(text uplo, in n, void *a, in lda, int *info, length);
typedef void getrf_routine(in m, in n, void *a, in lda, int *pivots, int *info);
typedef void gesv_routine(in n, in k, void *a, in lda, int *pivots, void *b, in ldb, int *info);
typedef void trtrs_routine(text uplo, text trans, text diagonal, in n, in k, const void *a, in lda, void *b, in ldb,
                           int *info, length, length, length);
typedef void geqrf_routine(in m, in n, void *a, in lda, void *tau, void *work, in lwork, int *info);
typedef void orgqr_routine(in m, in n, in k, void *a, in lda, const void *tau, void *work, in lwork, int *info);
typedef void gesdd_real(text job, in m, in n, void *a, in lda, void *s, void *u, in ldu, void *vh, in ldvh, void *work,
                        in lwork, int *iwork, int *info, length);
typedef void gesdd_complex(text job, in m, in n, void *a, in lda, void *s, void *u, in ldu, void *vh, in ldvh,
                           void *work, in lwork, void *rwork, int *iwork, int *info, length);
typedef void syevd_routine(text job, text uplo, in n, void *a, in lda, void *w, void *work, in lwork, int *iwork,
                           in liwork, int *info, length, length);
typedef void heevd_routine(text job, text uplo, in n, void *a, in lda, void *w, void *work, in lwork, void *rwork,
                           in lrwork, int *iwork, in liwork, int *info, length, length);
typedef void geev_real(text left, text right, in n, void *a, in lda, void *wr, void *wi, void *vl, in ldvl, void *vr,
                       in ldvr, void *work, in lwork, int *info, length, length);
typedef void geev_complex(text left, text right, in n, void *a, in lda, void *w, void *vl, in ldvl, void *vr, in ldvr,
                          void *work, in lwork, void *rwork, int *info, length, length);

extern potrf_routine spotrf_, dpotrf_, cpotrf_, zpotrf_;
extern getrf_routine sgetrf_, dgetrf_, cgetrf_, zgetrf_;
extern gesv_routine sgesv_, dgesv_, cgesv_, zgesv_;
extern trtrs_routine strtrs_, dtrtrs_, ctrtrs_, ztrtrs_;
extern geqrf_routine sgeqrf_, dgeqrf_, cgeqrf_, zgeqrf_;
extern orgqr_routine sorgqr_, dorgqr_, cungqr_, zungqr_;
extern gesdd_real sgesdd_, dgesdd_;
extern gesdd_complex cgesdd_, zgesdd_;
extern syevd_routine ssyevd_, dsyevd_;
extern heevd_routine cheevd_, zheevd_;
extern geev_real sgeev_, dgeev_;
extern geev_complex cgeev_, zgeev_;

static int kind(kvino_dtype dtype) {
  return dtype == KVINO_F32 ? 0 : dtype == KVINO_F64 ? 1 : dtype == KVINO_C64 ? 2 : 3;
}

kvino_status kv_lapack_ready(kvino_error *err) { return kv_blas_ready(err); }

static int leading(int rows) { return rows > 1 ? rows : 1; }
static int least(int a, int b) { return a < b ? a : b; }
static int most(int a, int b) { return a > b ? a : b; }

kvino_dtype kv_lapack_real(kvino_dtype dtype) {
  return dtype == KVINO_C64 ? KVINO_F32 : dtype == KVINO_C128 ? KVINO_F64 : dtype;
}

/* ---- working memory ---- */

static int64_t whole(int64_t bytes) { return (bytes + 15) & ~(int64_t)15; }

int64_t kv_lapack_bytes(kvino_dtype dtype, kv_lapack_space space) {
  if (space.numbers < 0 || space.numbers > INT_MAX || space.integers > INT_MAX) return -1;
  return whole(space.numbers * (int64_t)kvino_dtype_size(dtype)) +
         whole(space.reals * (int64_t)kvino_dtype_size(kv_lapack_real(dtype))) +
         whole(space.integers * (int64_t)sizeof(int));
}

typedef struct parts {
  void *work, *rwork;
  int *iwork;
  int lwork, lrwork, liwork;
} parts;

static parts divide(kvino_dtype dtype, kv_lapack_space space, void *memory) {
  char *work = memory, *rwork = work + whole(space.numbers * (int64_t)kvino_dtype_size(dtype));
  char *iwork = rwork + whole(space.reals * (int64_t)kvino_dtype_size(kv_lapack_real(dtype)));
  return (parts){work,
                 rwork,
                 (int *)(void *)iwork,
                 (int)space.numbers,
                 space.reals > INT_MAX ? INT_MAX : (int)space.reals,
                 (int)space.integers};
}

/* What a query left in work[0]: a number in the dtype's precision, rounded up where that does not hold every integer.
 */
static int64_t queried(kvino_dtype dtype, const void *work) {
  float f;
  double d;
  memcpy(&f, work, sizeof f);
  memcpy(&d, work, sizeof d);
  if (kv_lapack_real(dtype) == KVINO_F32) d = (double)f < 0x1p23 ? (double)f : (double)f * (1 + 0x1p-22);
  return d >= 0 && d < 0x1p40 ? (int64_t)d + 1 : -1;
}

/* ---- factors and solutions ---- */

int kv_lapack_cholesky(kvino_dtype dtype, bool upper, int n, void *a) {
  static potrf_routine *const potrf[] = {spotrf_, dpotrf_, cpotrf_, zpotrf_};
  int info = 0, lda = leading(n);
  kv_blas_begin();
  potrf[kind(dtype)](upper ? "U" : "L", &n, a, &lda, &info, 1);
  kv_blas_end();
  return info;
}

int kv_lapack_lu(kvino_dtype dtype, int m, int n, void *a, int *pivots) {
  static getrf_routine *const getrf[] = {sgetrf_, dgetrf_, cgetrf_, zgetrf_};
  int info = 0, lda = leading(m);
  kv_blas_begin();
  getrf[kind(dtype)](&m, &n, a, &lda, pivots, &info);
  kv_blas_end();
  for (int i = 0; i < least(m, n); i++) pivots[i]--;
  return info;
}

int kv_lapack_solve(kvino_dtype dtype, int n, int k, void *a, void *b, int *pivots) {
  static gesv_routine *const gesv[] = {sgesv_, dgesv_, cgesv_, zgesv_};
  int info = 0, ld = leading(n);
  kv_blas_begin();
  gesv[kind(dtype)](&n, &k, a, &ld, pivots, b, &ld, &info);
  kv_blas_end();
  return info;
}

int kv_lapack_solve_triangular(kvino_dtype dtype, bool lower, int n, int k, const void *a, void *b) {
  static trtrs_routine *const trtrs[] = {strtrs_, dtrtrs_, ctrtrs_, ztrtrs_};
  int info = 0, ld = leading(n);
  kv_blas_begin();
  trtrs[kind(dtype)](lower ? "L" : "U", "N", "N", &n, &k, a, &ld, b, &ld, &info, 1, 1, 1);
  kv_blas_end();
  return info;
}

/* ---- QR ---- */

static geqrf_routine *const geqrf[] = {sgeqrf_, dgeqrf_, cgeqrf_, zgeqrf_};
static orgqr_routine *const orgqr[] = {sorgqr_, dorgqr_, cungqr_, zungqr_};

kv_lapack_space kv_lapack_qr_space(kvino_dtype dtype, int m, int n, int columns) {
  int info = 0, lda = leading(m), query = -1, k = least(m, n);
  double first[2] = {0}, second[2] = {0};
  kv_blas_begin();
  geqrf[kind(dtype)](&m, &n, NULL, &lda, NULL, first, &query, &info);
  orgqr[kind(dtype)](&m, &columns, &k, NULL, &lda, NULL, second, &query, &info);
  kv_blas_end();
  int64_t p = queried(dtype, first), q = queried(dtype, second);
  return (kv_lapack_space){p < 0 || q < 0 ? -1 : p > q ? p : q, 0, 0};
}

int kv_lapack_qr(kvino_dtype dtype, int m, int n, void *a, void *tau, kv_lapack_space space, void *memory) {
  int info = 0, lda = leading(m);
  parts p = divide(dtype, space, memory);
  kv_blas_begin();
  geqrf[kind(dtype)](&m, &n, a, &lda, tau, p.work, &p.lwork, &info);
  kv_blas_end();
  return info;
}

int kv_lapack_qr_expand(kvino_dtype dtype, int m, int columns, int reflections, void *q, const void *tau,
                        kv_lapack_space space, void *memory) {
  int info = 0, lda = leading(m);
  parts p = divide(dtype, space, memory);
  kv_blas_begin();
  orgqr[kind(dtype)](&m, &columns, &reflections, q, &lda, tau, p.work, &p.lwork, &info);
  kv_blas_end();
  return info;
}

/* ---- singular values ---- */

static int svd(kvino_dtype dtype, kv_svd_job job, int m, int n, void *a, void *s, void *u, void *vh, const parts *p) {
  char letter[2] = {(char)job, 0};
  int info = 0, lda = leading(m), ldu = lda, ldvh = leading(job == KV_SVD_FULL ? n : least(m, n));
  kv_blas_begin();
  if (kind(dtype) < 2)
    (kind(dtype) ? dgesdd_ : sgesdd_)(letter, &m, &n, a, &lda, s, u, &ldu, vh, &ldvh, p->work, &p->lwork, p->iwork,
                                      &info, 1);
  else
    (kind(dtype) == 3 ? zgesdd_ : cgesdd_)(letter, &m, &n, a, &lda, s, u, &ldu, vh, &ldvh, p->work, &p->lwork, p->rwork,
                                           p->iwork, &info, 1);
  kv_blas_end();
  return info;
}

kv_lapack_space kv_lapack_svd_space(kvino_dtype dtype, kv_svd_job job, int m, int n) {
  double work[2] = {0};
  int unused = 0;
  svd(dtype, job, m, n, NULL, NULL, NULL, NULL, &(parts){work, work, &unused, -1, 0, 0});
  int64_t few = least(m, n), many = most(m, n);
  kv_lapack_space space = {queried(dtype, work), 0, 8 * few};
  if (kvino_dtype_is_complex(dtype)) { /* as the documentation of gesdd says: there is no query for it */
    int64_t one = 5 * few * few + 7 * few, other = 2 * many * few + 2 * few * few + few;
    space.reals = job == KV_SVD_VALUES ? 7 * few : one > other ? one : other;
  }
  return space;
}

int kv_lapack_svd(kvino_dtype dtype, kv_svd_job job, int m, int n, void *a, void *s, void *u, void *vh,
                  kv_lapack_space space, void *memory) {
  parts p = divide(dtype, space, memory);
  return svd(dtype, job, m, n, a, s, u, vh, &p);
}

/* ---- eigenvalues ---- */

static int eigh(kvino_dtype dtype, int n, void *a, void *w, const parts *p) {
  int info = 0, lda = leading(n);
  kv_blas_begin();
  if (kind(dtype) < 2)
    (kind(dtype) ? dsyevd_ : ssyevd_)("V", "L", &n, a, &lda, w, p->work, &p->lwork, p->iwork, &p->liwork, &info, 1, 1);
  else
    (kind(dtype) == 3 ? zheevd_ : cheevd_)("V", "L", &n, a, &lda, w, p->work, &p->lwork, p->rwork, &p->lrwork, p->iwork,
                                           &p->liwork, &info, 1, 1);
  kv_blas_end();
  return info;
}

kv_lapack_space kv_lapack_eigh_space(kvino_dtype dtype, int n) {
  double work[2] = {0}, rwork[2] = {0};
  int iwork = 0;
  eigh(dtype, n, NULL, NULL, &(parts){work, rwork, &iwork, -1, -1, -1});
  return (kv_lapack_space){queried(dtype, work),
                           kvino_dtype_is_complex(dtype) ? queried(kv_lapack_real(dtype), rwork) : 0, iwork};
}

int kv_lapack_eigh(kvino_dtype dtype, int n, void *a, void *w, kv_lapack_space space, void *memory) {
  parts p = divide(dtype, space, memory);
  return eigh(dtype, n, a, w, &p);
}

/* A real matrix: the parts of the eigenvalues and the packed eigenvectors stand in front of LAPACK's own memory. */
static int64_t packed(kvino_dtype dtype, int n) {
  return kvino_dtype_is_complex(dtype) ? 0 : ((int64_t)n * n + 2 * (int64_t)n + 1) / 2 * 2;
}

kv_lapack_space kv_lapack_eig_space(kvino_dtype dtype, int n) {
  double work[2] = {0}, rwork[2] = {0}; /* the query writes to both */
  int info = 0, query = -1, lda = leading(n), one = 1;
  kv_blas_begin();
  if (kind(dtype) < 2)
    (kind(dtype) ? dgeev_ : sgeev_)("N", "V", &n, NULL, &lda, NULL, NULL, NULL, &one, NULL, &lda, work, &query, &info,
                                    1, 1);
  else
    (kind(dtype) == 3 ? zgeev_ : cgeev_)("N", "V", &n, NULL, &lda, NULL, NULL, &one, NULL, &lda, work, &query, rwork,
                                         &info, 1, 1);
  kv_blas_end();
  int64_t own = queried(dtype, work);
  return (kv_lapack_space){own < 0 ? -1 : own + packed(dtype, n), 2 * (int64_t)n, 0};
}

/* A complex pair of a real matrix: columns j and j + 1 hold the real and the imaginary part of the first vector, whose
 * conjugate is the second. */
#define UNPACK(name, type)                                                                                             \
  static void name(int n, const type *wr, const type *wi, const type *from, type *w, type *v) {                        \
    for (int j = 0; j < n; j++) {                                                                                      \
      bool pair = wi[j] != 0 && j + 1 < n;                                                                             \
      const type *re = from + (size_t)j * (size_t)n, *im = re + n;                                                     \
      type *first = v + 2 * (size_t)j * (size_t)n, *second = first + 2 * (size_t)n;                                    \
      w[2 * j] = wr[j], w[2 * j + 1] = wi[j];                                                                          \
      for (int i = 0; i < n; i++) first[2 * i] = re[i], first[2 * i + 1] = pair ? im[i] : 0;                           \
      if (!pair) continue;                                                                                             \
      for (int i = 0; i < n; i++) second[2 * i] = re[i], second[2 * i + 1] = -im[i];                                   \
      j++;                                                                                                             \
      w[2 * j] = wr[j], w[2 * j + 1] = wi[j];                                                                          \
    }                                                                                                                  \
  }
UNPACK(unpack_f32, float)
UNPACK(unpack_f64, double)

int kv_lapack_eig(kvino_dtype dtype, int n, void *a, void *w, void *v, kv_lapack_space space, void *memory) {
  int info = 0, lda = leading(n), one = 1;
  size_t size = kvino_dtype_size(dtype), count = (size_t)n;
  parts p = divide(dtype, space, memory);
  kv_blas_begin();
  if (kvino_dtype_is_complex(dtype)) {
    (kind(dtype) == 3 ? zgeev_ : cgeev_)("N", "V", &n, a, &lda, w, NULL, &one, v, &lda, p.work, &p.lwork, p.rwork,
                                         &info, 1, 1);
    kv_blas_end();
    return info;
  }
  char *vectors = p.work, *wr = vectors + count * count * size, *wi = wr + count * size;
  char *work = vectors + (size_t)packed(dtype, n) * size;
  int lwork = p.lwork - (int)packed(dtype, n);
  (kind(dtype) ? dgeev_ : sgeev_)("N", "V", &n, a, &lda, wr, wi, NULL, &one, vectors, &lda, work, &lwork, &info, 1, 1);
  kv_blas_end();
  if (info) return info;
  if (dtype == KVINO_F64)
    unpack_f64(n, (double *)(void *)wr, (double *)(void *)wi, (double *)(void *)vectors, w, v);
  else
    unpack_f32(n, (float *)(void *)wr, (float *)(void *)wi, (float *)(void *)vectors, w, v);
  return 0;
}
