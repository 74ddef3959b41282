/* What derivatives of determinants and of LU need: the cofactors of a matrix, the order that exchanges of rows lead to.
 */
#include <math.h>
#include <string.h>

#include "base/complex.h"
#include "prim/matrices.h"

/* ---- Cofactors: det(x) inverse(x)^T, also where x is singular ---- */

kvino_status kv_infer_cofactors(kv_call *c) {
  KV_TRY(kv_matrices_only(c));
  KV_TRY(kv_square_only(c, 0));
  kv_call_spec(c, 0, (kvino_dtype)c->in[0]->dtype, c->in[0]->rank, c->in[0]->shape);
  return KVINO_OK;
}

static size_t size_of(const kv_matrices *s) { return kvino_dtype_size(s->dtype); }

static double complex element(kvino_dtype dtype, const void *p, size_t i) {
  const float *f = p;
  const double *d = p;
  switch (dtype) {
  case KVINO_F32:
    return f[i];
  case KVINO_F64:
    return d[i];
  case KVINO_C64:
    return CMPLX(f[2 * i], f[2 * i + 1]);
  default:
    return CMPLX(d[2 * i], d[2 * i + 1]);
  }
}

static void set_element(kvino_dtype dtype, void *p, size_t i, double re, double im) {
  float *f = p;
  double *d = p;
  switch (dtype) {
  case KVINO_F32:
    f[i] = (float)re;
    break;
  case KVINO_F64:
    d[i] = re;
    break;
  case KVINO_C64:
    f[2 * i] = (float)re;
    f[2 * i + 1] = (float)im;
    break;
  default:
    d[2 * i] = re;
    d[2 * i + 1] = im;
  }
}

/* The determinant of a unitary matrix, which is overwritten. */
static double complex unit_determinant(kvino_dtype dtype, int n, void *a, int *pivots) {
  double complex y = 1;
  kv_lapack_lu(dtype, n, n, a, pivots);
  for (int i = 0; i < n; i++) {
    y *= element(dtype, a, (size_t)i * (size_t)n + (size_t)i);
    if (pivots[i] != i) y = -y;
  }
  return y;
}

/* p[i]: the product of all v but v[i]. Exponents apart, so that it neither overflows nor underflows on the way. */
static void products_of_others(int n, const double *v, double *p) {
  double m = 1;
  int64_t e = 0;
  for (int pass = 0; pass < 2; pass++, m = 1, e = 0) /* of those before, then of those behind */
    for (int k = 0; k < n; k++) {
      int i = pass ? n - 1 - k : k, one;
      double *mantissa = p + i, *exponent = p + n + i;
      *mantissa = pass ? *mantissa * m : m;
      *exponent = (double)e + (pass ? *exponent : 0);
      m = frexp(m * v[i], &one);
      e += one;
    }
  for (int i = 0; i < n; i++) {
    double e_i = p[n + i];
    p[i] = ldexp(p[i], e_i > 5000 ? 5000 : e_i < -5000 ? -5000 : (int)e_i);
  }
}

/* row i of the result += factor * row k of vh, as doubles: real parts, then imaginary ones */
static void add_row(int n, double complex factor, const double *row, double *sum, bool complex_too) {
  double a = creal(factor), b = cimag(factor);
  for (int j = 0; j < n; j++) sum[j] += a * row[j];
  if (!complex_too) return;
  for (int j = 0; j < n; j++) sum[j] -= b * row[n + j];
  for (int j = 0; j < n; j++) sum[n + j] += a * row[n + j] + b * row[j];
}

/* Where the parts of the working memory begin, in bytes. */
typedef struct layout {
  int64_t u, vh, copy, values, pivots, products, rows, sum, rest;
} layout;

static layout layout_of(kvino_dtype dtype, int n) {
  size_t size = kvino_dtype_size(dtype);
  layout l = {.u = kv_part(size, n, n)};
  l.vh = l.u + kv_part(size, n, n);
  l.copy = l.vh + kv_part(size, n, n);
  l.values = l.copy + kv_part(size, n, n);
  l.pivots = l.values + kv_part(8, n, 1);
  l.products = l.pivots + kv_part(sizeof(int), n, 1);
  l.rows = l.products + kv_part(8, n, 2);
  l.sum = l.rows + kv_part(16, n, n);
  l.rest = l.sum + kv_part(16, n, 1);
  return l;
}

/* With x = U s V^H: conj(U) diag(p) conj(V^H) times det(U) det(V^H), p the products of the other singular values. */
static void combine(const kv_matrices *s, int n, char *memory, const layout *at, char *out) {
  size_t size = size_of(s), count = (size_t)n * (size_t)n;
  bool wide = kv_lapack_real(s->dtype) == KVINO_F64, parts = kvino_dtype_is_complex(s->dtype);
  char *u = memory + at->u, *vh = memory + at->vh;
  double *p = (double *)(void *)(memory + at->products), *row = (double *)(void *)(memory + at->rows);
  double *sum = (double *)(void *)(memory + at->sum), *v = sum; /* the values, as long as there are no sums */
  int *pivots = (int *)(void *)(memory + at->pivots);
  const void *values = memory + at->values;
  memcpy(memory + at->copy, u, count * size);
  double complex unit = unit_determinant(s->dtype, n, memory + at->copy, pivots);
  memcpy(memory + at->copy, vh, count * size);
  unit *= unit_determinant(s->dtype, n, memory + at->copy, pivots);
  for (int k = 0; k < n; k++) v[k] = wide ? ((const double *)values)[k] : (double)((const float *)values)[k];
  products_of_others(n, v, p);
  for (int k = 0; k < n; k++)
    for (int j = 0; j < n; j++) {
      double complex y = unit * p[k] * conj(element(s->dtype, vh, (size_t)j * (size_t)n + (size_t)k));
      row[2 * (size_t)k * (size_t)n + (size_t)j] = creal(y);
      row[(2 * (size_t)k + 1) * (size_t)n + (size_t)j] = cimag(y);
    }
  for (int i = 0; i < n; i++) {
    memset(sum, 0, 2 * (size_t)n * sizeof *sum);
    for (int k = 0; k < n; k++)
      add_row(n, conj(element(s->dtype, u, (size_t)k * (size_t)n + (size_t)i)), row + 2 * (size_t)k * (size_t)n, sum,
              parts);
    for (int j = 0; j < n; j++) set_element(s->dtype, out, (size_t)i * (size_t)n + (size_t)j, sum[j], sum[n + j]);
  }
}

static int cofactors(const kv_matrices *s, const kv_place *in, char *const *out, char *memory) {
  int n = in->rows;
  if (!n) return 0;
  layout at = layout_of(s->dtype, n);
  bool finite = true;
  kv_matrix_load(size_of(s), memory, in);
  for (size_t i = 0; i < (size_t)n * (size_t)n && finite; i++) {
    double complex x = element(s->dtype, memory, i);
    finite = isfinite(creal(x)) && isfinite(cimag(x));
  }
  if (finite && !kv_lapack_svd(s->dtype, KV_SVD_REDUCED, n, n, memory, memory + at.values, memory + at.u,
                               memory + at.vh, s->space, memory + at.rest))
    combine(s, n, memory, &at, out[0]);
  else
    kv_matrix_set_nan(s->dtype, (int64_t)n * n, out[0]);
  return 0;
}

kvino_status kv_eval_cofactors(kv_call *c) {
  int n, same;
  KV_TRY(kv_matrices_sizes(c, 0, &n, &same));
  kv_matrices s = {.dtype = (kvino_dtype)c->in[0]->dtype, .core = {2}, .one = cofactors};
  if (n) s.space = kv_lapack_svd_space(s.dtype, KV_SVD_REDUCED, n, n);
  int64_t own = n ? kv_lapack_bytes(s.dtype, s.space) : 0;
  s.memory = own < 0 ? -1 : layout_of(s.dtype, n).rest + own;
  return kv_matrices_run(c, &s, 25.0 * n * n * n);
}

/* ---- PivotsToOrder: pivots [..., k] (int32) of n rows: the row that each of them was, [..., n] ---- */

kvino_status kv_infer_pivots_to_order(kv_call *c) {
  const kvino_tensor *pivots = c->in[0], *rows = c->in[1];
  int n;
  int64_t known[KV_KNOWN_MAX], shape[KVINO_MAX_RANK];
  if (pivots->dtype != KVINO_I32 || !pivots->rank || rows->rank || !kvino_dtype_is_integer((kvino_dtype)rows->dtype))
    return kv_fail(c->err, KVINO_TYPE, "PivotsToOrder takes int32 pivots and a number of rows");
  memcpy(shape, pivots->shape, (size_t)pivots->rank * sizeof *shape);
  shape[pivots->rank - 1] = kv_all_known(rows, &n, known) ? known[0] : -1;
  kv_call_spec(c, 0, KVINO_I32, pivots->rank, shape);
  return KVINO_OK;
}

kvino_status kv_eval_pivots_to_order(kv_call *c) {
  kvino_tensor *pivots;
  KV_TRY(kv_call_alloc(c, 0));
  KV_TRY(kvino_tensor_contiguous(c->in[0], &pivots, c->err));
  const int32_t *p = (const int32_t *)pivots->data;
  int32_t *order = (int32_t *)c->out[0]->data;
  int64_t k = pivots->shape[pivots->rank - 1], n = c->out[0]->shape[pivots->rank - 1];
  int64_t lines = n ? c->out[0]->size / n : 0;
  kvino_status status = KVINO_OK;
  for (int64_t line = 0; line < lines && !status; line++, p += k, order += n) {
    for (int64_t i = 0; i < n; i++) order[i] = (int32_t)i;
    for (int64_t i = 0; i < k && !status; i++) {
      if (i >= n || p[i] < 0 || p[i] >= n) {
        status = kv_fail(c->err, KVINO_INVALID, "pivot %d of a matrix of %lld rows", (int)p[i], (long long)n);
        break;
      }
      int32_t row = order[i];
      order[i] = order[p[i]];
      order[p[i]] = row;
    }
  }
  kvino_tensor_release(pivots);
  return status;
}
