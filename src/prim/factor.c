/* Cholesky, LU, QR, and the determinants that follow from LU. */
#include <math.h>
#include <string.h>

#include "base/complex.h"
#include "prim/matrices.h"

static size_t size_of(const kv_matrices *s) { return kvino_dtype_size(s->dtype); }

/* y [rows, columns], in C order, loses what stands below (above) its diagonal. */
static void clear_triangle(size_t size, int rows, int columns, char *y, bool below) {
  size_t row = (size_t)columns * size;
  for (int i = 0; i < rows; i++, y += row) {
    size_t diagonal = (size_t)(i < columns ? i : columns) * size;
    if (below)
      memset(y, 0, diagonal);
    else if (i < columns)
      memset(y + diagonal + size, 0, row - diagonal - size);
  }
}

/* ---- Cholesky ---- */

kvino_status kv_infer_cholesky(kv_call *c) {
  KV_TRY(kv_matrices_only(c));
  KV_TRY(kv_square_only(c, 0));
  kv_call_spec(c, 0, (kvino_dtype)c->in[0]->dtype, c->in[0]->rank, c->in[0]->shape);
  return KVINO_OK;
}

static int cholesky(const kv_matrices *s, const kv_place *in, char *const *out, char *memory) {
  int n = in->rows;
  size_t size = size_of(s);
  int wrong = 0;
  bool nan = false;
  kv_matrix_load(size, memory, in);
  for (int j = 0; j < n; j++) /* column j of the triangle */
    nan |= kv_matrix_has_nan(s->dtype, s->variant ? j + 1 : n - j,
                             memory + ((size_t)j * (size_t)n + (size_t)(s->variant ? 0 : j)) * size);
  if (!nan) wrong = kv_lapack_cholesky(s->dtype, s->variant, n, memory);
  kv_matrix_store(size, n, n, out[0], memory, n);
  if (nan) kv_matrix_set_nan(s->dtype, (int64_t)n * n, out[0]);
  clear_triangle(size, n, n, out[0], s->variant);
  return wrong;
}

static const char *not_positive(int wrong) {
  (void)wrong;
  return "Matrix is not positive definite";
}

kvino_status kv_eval_cholesky(kv_call *c) {
  int n, same;
  KV_TRY(kv_matrices_sizes(c, 0, &n, &same));
  kv_matrices s = {.dtype = (kvino_dtype)c->in[0]->dtype,
                   .core = {2},
                   .variant = !c->attrs->triangle.lower,
                   .one = cholesky,
                   .why = not_positive};
  s.memory = kv_part(size_of(&s), n, n);
  return kv_matrices_run(c, &s, (double)n * n * n);
}

/* ---- LU ---- */

kvino_status kv_infer_lu(kv_call *c) {
  KV_TRY(kv_matrices_only(c));
  const kvino_tensor *x = c->in[0];
  const int64_t *core = x->shape + x->rank - 2;
  int64_t pivots = kv_smaller(core[0], core[1]);
  KV_TRY(kv_call_outputs(c, 2));
  kv_matrices_spec(c, 0, (kvino_dtype)x->dtype, 2, core);
  kv_matrices_spec(c, 1, KVINO_I32, 1, &pivots);
  return KVINO_OK;
}

static int lu(const kv_matrices *s, const kv_place *in, char *const *out, char *memory) {
  kv_matrix_load(size_of(s), memory, in);
  int64_t n = (int64_t)in->rows * in->columns;
  bool nan = kv_matrix_has_nan(s->dtype, n, memory);
  kv_lapack_lu(s->dtype, in->rows, in->columns, memory, (int *)(void *)out[1]); /* a singular U is a result, too */
  if (nan) kv_matrix_set_nan(s->dtype, n, memory);
  kv_matrix_store(size_of(s), in->rows, in->columns, out[0], memory, in->rows);
  return 0;
}

kvino_status kv_eval_lu(kv_call *c) {
  int m, n;
  KV_TRY(kv_matrices_sizes(c, 0, &m, &n));
  kv_matrices s = {.dtype = (kvino_dtype)c->in[0]->dtype, .core = {2, 1}, .one = lu};
  s.memory = kv_part(size_of(&s), m, n);
  return kv_matrices_run(c, &s, (double)m * n * (m < n ? m : n));
}

/* ---- determinants ---- */

static kvino_status infer_determinant(kv_call *c, size_t outputs) {
  KV_TRY(kv_matrices_only(c));
  KV_TRY(kv_square_only(c, 0));
  KV_TRY(kv_call_outputs(c, outputs));
  kvino_dtype dtype = (kvino_dtype)c->in[0]->dtype;
  kv_matrices_spec(c, 0, dtype, 0, NULL);
  if (outputs > 1) kv_matrices_spec(c, 1, kv_lapack_real(dtype), 0, NULL);
  return KVINO_OK;
}

kvino_status kv_infer_determinant(kv_call *c) { return infer_determinant(c, 1); }
kvino_status kv_infer_sign_log_determinant(kv_call *c) { return infer_determinant(c, 2); }

static double complex element(kvino_dtype dtype, const char *p) {
  const float *f = (const float *)(const void *)p;
  const double *d = (const double *)(const void *)p;
  switch (dtype) {
  case KVINO_F32:
    return *f;
  case KVINO_F64:
    return *d;
  case KVINO_C64:
    return CMPLX(f[0], f[1]);
  default:
    return CMPLX(d[0], d[1]);
  }
}

static void set_element(kvino_dtype dtype, char *p, double complex value) {
  float *f = (float *)(void *)p;
  double *d = (double *)(void *)p;
  bool wide = dtype == KVINO_F64 || dtype == KVINO_C128;
  if (wide)
    d[0] = creal(value);
  else
    f[0] = (float)creal(value);
  if (!kvino_dtype_is_complex(dtype)) return;
  if (wide)
    d[1] = cimag(value);
  else
    f[1] = (float)cimag(value);
}

/* The determinant as mantissa * 2^exponent: the product neither overflows nor underflows on the way. */
static double complex product_of_diagonal(const kv_matrices *s, int n, const char *a, const int *pivots,
                                          int64_t *exponent) {
  double complex y = 1;
  *exponent = 0;
  for (int i = 0; i < n; i++) {
    double complex d = element(s->dtype, a + ((size_t)i * (size_t)n + (size_t)i) * size_of(s));
    if (pivots[i] != i) d = -d;
    double re = creal(y) * creal(d) - cimag(y) * cimag(d), im = creal(y) * cimag(d) + cimag(y) * creal(d);
    if (!kvino_dtype_is_complex(s->dtype)) re = creal(y) * creal(d), im = 0; /* inf * 0 is none of its parts */
    int e = 0;
    double largest = fmax(fabs(re), fabs(im));
    if (isfinite(largest) && largest > 0) frexp(largest, &e);
    *exponent += e;
    y = CMPLX(ldexp(re, -e), ldexp(im, -e));
  }
  return y;
}

static int determinant(const kv_matrices *s, const kv_place *in, char *const *out, char *memory) {
  int n = in->rows, *pivots = (int *)(void *)(memory + kv_part(size_of(s), n, n));
  int64_t exponent;
  kv_matrix_load(size_of(s), memory, in);
  bool nan = kv_matrix_has_nan(s->dtype, (int64_t)n * n, memory);
  bool singular = kv_lapack_lu(s->dtype, n, n, memory, pivots) > 0;
  double complex y = product_of_diagonal(s, n, memory, pivots, &exponent);
  if (nan)
    y = NAN;
  else if (singular)
    y = 0;
  if (s->variant) { /* sign and logarithm */
    double re = creal(y), size = hypot(re, cimag(y));
    bool real = !kvino_dtype_is_complex(s->dtype), zero = size == 0;
    set_element(s->dtype, out[0],
                real   ? (re > 0) - (re < 0) + (nan ? NAN : 0)
                : zero ? 0
                       : CMPLX(re / size, cimag(y) / size));
    set_element(kv_lapack_real(s->dtype), out[1], log(size) + (double)exponent * M_LN2);
  } else {
    int e = exponent > 100000 ? 100000 : exponent < -100000 ? -100000 : (int)exponent;
    set_element(s->dtype, out[0], CMPLX(ldexp(creal(y), e), ldexp(cimag(y), e)));
  }
  return 0;
}

static kvino_status eval_determinant(kv_call *c, bool logarithm) {
  int n, same;
  KV_TRY(kv_matrices_sizes(c, 0, &n, &same));
  kv_matrices s = {.dtype = (kvino_dtype)c->in[0]->dtype, .variant = logarithm, .one = determinant};
  s.memory = kv_part(size_of(&s), n, n) + kv_part(sizeof(int), n, 1);
  return kv_matrices_run(c, &s, (double)n * n * n);
}

kvino_status kv_eval_determinant(kv_call *c) { return eval_determinant(c, false); }
kvino_status kv_eval_sign_log_determinant(kv_call *c) { return eval_determinant(c, true); }

/* ---- QR ---- */

kvino_status kv_infer_qr(kv_call *c) {
  KV_TRY(kv_matrices_only(c));
  const kvino_tensor *x = c->in[0];
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  int64_t m = x->shape[x->rank - 2], n = x->shape[x->rank - 1];
  int64_t columns = c->attrs->qr.complete ? m : kv_smaller(m, n);
  KV_TRY(kv_call_outputs(c, 2));
  kv_matrices_spec(c, 0, dtype, 2, (int64_t[]){m, columns});
  kv_matrices_spec(c, 1, dtype, 2, (int64_t[]){columns, n});
  return KVINO_OK;
}

static int qr(const kv_matrices *s, const kv_place *in, char *const *out, char *memory) {
  int m = in->rows, n = in->columns, columns = s->variant, k = m < n ? m : n;
  size_t size = size_of(s);
  char *q = memory + kv_part(size, m, n), *tau = q + kv_part(size, m, columns), *rest = tau + kv_part(size, k, 1);
  kv_matrix_load(size, memory, in);
  if (kv_matrix_has_nan(s->dtype, (int64_t)m * n, memory)) {
    kv_matrix_set_nan(s->dtype, (int64_t)m * columns, out[0]);
    kv_matrix_set_nan(s->dtype, (int64_t)columns * n, out[1]);
    clear_triangle(size, columns, n, out[1], true);
    return 0;
  }
  int wrong = kv_lapack_qr(s->dtype, m, n, memory, tau, s->space, rest);
  kv_matrix_store(size, columns, n, out[1], memory, m);
  clear_triangle(size, columns, n, out[1], true);
  memcpy(q, memory, (size_t)m * (size_t)k * size);
  if (!wrong) wrong = kv_lapack_qr_expand(s->dtype, m, columns, k, q, tau, s->space, rest);
  kv_matrix_store(size, m, columns, out[0], q, m);
  return wrong;
}

static const char *qr_failed(int wrong) {
  (void)wrong;
  return "Incorrect argument found while performing QR factorization";
}

kvino_status kv_eval_qr(kv_call *c) {
  int m, n;
  KV_TRY(kv_matrices_sizes(c, 0, &m, &n));
  int k = m < n ? m : n, columns = c->attrs->qr.complete ? m : k;
  kv_matrices s = {
      .dtype = (kvino_dtype)c->in[0]->dtype, .core = {2, 2}, .variant = columns, .one = qr, .why = qr_failed};
  size_t size = size_of(&s);
  s.space = kv_lapack_qr_space(s.dtype, m, n, columns);
  int64_t own = kv_lapack_bytes(s.dtype, s.space);
  s.memory = own < 0 ? -1 : kv_part(size, m, n) + kv_part(size, m, columns) + kv_part(size, k, 1) + own;
  return kv_matrices_run(c, &s, 4.0 * m * n * k + 2.0 * m * m * columns);
}
