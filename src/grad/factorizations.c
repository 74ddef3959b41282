/* Derivatives of decompositions of matrices, determinants, and solutions of linear equations.
 *
 * The pairing of cotangents has no conjugation: the cotangent of x is the conjugate of what linear algebra calls the
 * gradient, and matrices are transposed where it takes adjoints. A decomposition of several parts is differentiated
 * forward (dx gives the differentials of the parts), and that linear map is transposed by the walk itself. */
#include "grad/grad.h"
#include "ops/linalg/linalg.h"

/* ---- matrices ---- */

static kvino_tensor *product(kv_scope *s, kvino_tensor *a, kvino_tensor *b) {
  return kv_mat_mul(s, a, b, (kv_matmul_attrs){.transpose_a = false});
}
static kvino_tensor *transposed(kv_scope *s, kvino_tensor *x) { return s->status ? NULL : op_swapaxes(s, x, -2, -1); }
static kvino_tensor *adjoint(kv_scope *s, kvino_tensor *x) { return op_conj(s, transposed(s, x)); }

/* inverse(a) b, and b inverse(a); the same for triangular a. */
static kvino_tensor *left_solve(kv_scope *s, kvino_tensor *a, kvino_tensor *b, bool lower) {
  return kv_solve_triangular(s, a, b, (kv_triangle_attrs){.lower = lower});
}
static kvino_tensor *right_solve(kv_scope *s, kvino_tensor *a, kvino_tensor *b, bool lower) {
  return transposed(s, left_solve(s, transposed(s, a), transposed(s, b), !lower));
}

/* A vector for each row (a number for each column), and one for each column. */
static kvino_tensor *as_row(kv_scope *s, kvino_tensor *x) { return x ? kv_unsqueeze(s, x, KV_VECTOR(s, -2)) : NULL; }
static kvino_tensor *as_column(kv_scope *s, kvino_tensor *x) { return x ? kv_unsqueeze(s, x, KV_VECTOR(s, -1)) : NULL; }
static kvino_tensor *as_matrix(kv_scope *s, kvino_tensor *x) { return as_column(s, as_column(s, x)); }

static kvino_tensor *sum_along(kv_scope *s, kvino_tensor *x, int axis) {
  if (s->status) return NULL;
  return kv_reduce_sum(s, x, KV_VECTOR(s, x->rank + axis), (kv_keep_dims_attrs){.keep_dims = false});
}

/* The diagonal of a square matrix, as a vector and as a matrix. */
static kvino_tensor *only_diagonal(kv_scope *s, kvino_tensor *x) {
  return s->status ? NULL : kv_multiply(s, x, kv_identity_like(s, x));
}
static kvino_tensor *diagonal(kv_scope *s, kvino_tensor *x) { return sum_along(s, only_diagonal(s, x), -1); }

static kvino_tensor *real_part(kv_scope *s, kvino_tensor *x) { return s->status ? NULL : op_real(s, x); }
/* i times the imaginary part: 0 of real numbers. */
static kvino_tensor *imaginary_part(kv_scope *s, kvino_tensor *x) {
  return s->status ? NULL : kv_scaled(s, kv_subtract(s, x, op_conj(s, x)), 0.5);
}
static kvino_tensor *in_dtype_of(kv_scope *s, kvino_tensor *x, const kvino_tensor *like) {
  return s->status ? NULL : kv_cast(s, x, (kvino_dtype)like->dtype);
}

/* 1 / x; 0 where x is 0. */
static kvino_tensor *inverse_or_zero(kv_scope *s, kvino_tensor *x) {
  if (s->status) return NULL;
  kvino_tensor *zero = kv_like(s, x, 0), *one = kv_like(s, x, 1), *none = kv_equal(s, x, zero);
  return kv_select(s, none, zero, kv_divide(s, one, kv_select(s, none, one, x)));
}

/* 1 / (v[j] - v[i]) at (i, j), 0 on the diagonal. Equal values give inf: what they belong to is not differentiable. */
static kvino_tensor *gaps(kv_scope *s, kvino_tensor *v) {
  if (s->status) return NULL;
  kvino_tensor *differences = kv_subtract(s, as_row(s, v), as_column(s, v));
  if (s->status) return NULL;
  kvino_tensor *eye = kv_identity_like(s, differences), *one = kv_like(s, v, 1);
  return kv_subtract(s, kv_divide(s, one, kv_add(s, differences, eye)), eye);
}

/* The cotangent of x where a Hermitian matrix with the cotangent d was read from its lower (upper) triangle. */
static kvino_tensor *to_triangle(kv_scope *s, kvino_tensor *d, bool lower) {
  if (s->status) return NULL;
  kvino_tensor *other = adjoint(s, d);
  if (s->status) return NULL;
  kvino_tensor *beside =
      lower ? kv_add(s, op_tril(s, d, -1), op_tril(s, other, -1)) : kv_add(s, op_triu(s, d, 1), op_triu(s, other, 1));
  kvino_tensor *real = kv_scaled(s, kv_add(s, d, op_conj(s, d)), 0.5); /* imaginary parts there are not read */
  return kv_add(s, beside, only_diagonal(s, real));
}

/* ---- transposed differentials ---- */

/* A differential of x: zeros that are a node of their own. */
static kvino_tensor *differential(kv_grad *g) {
  kv_scope *s = g->s;
  kv_edge e;
  kvino_tensor *zero = s->status ? NULL : kv_zeros_like(s, g->in[0]), *t = NULL;
  if (s->status || !kv_scope_ok(s, kv_graph_edge(g->g, zero, &e, s->err))) return NULL;
  if (!kv_scope_ok(s, kv_graph_tensor(e, &t, s->err))) return NULL;
  return kv_identity(s, kv_own(s, t));
}

/* The differentials dy of the outputs as they follow from dx, transposed. */
static void transpose(kv_grad *g, kvino_tensor *dx, kvino_tensor *const *dy) {
  if (!g->s->status) kv_pull_back(g->s, g->n_out, dy, g->d_out, 1, &dx, g->d_in);
}

/* ---- equations ---- */

/* x = inverse(a) b: db = inverse(a)^T d, da = -db x^T. */
static void solution(kv_grad *g, kvino_tensor *db) {
  kv_scope *s = g->s;
  if (s->status) return;
  kvino_tensor *a = g->in[0], *da = NULL;
  if (g->wanted[1]) g->d_in[1] = kv_sum_to(s, db, g->in[1]);
  if (!g->wanted[0]) return;
  da = kv_negative(s, product(s, db, transposed(s, g->out[0])));
  if (g->prim->id == KV_SolveTriangular && da) da = g->attrs->triangle.lower ? op_tril(s, da, 0) : op_triu(s, da, 0);
  g->d_in[0] = kv_sum_to(s, da, a);
}

void kv_grad_solve(kv_grad *g) {
  kv_scope *s = g->s;
  solution(g, kv_solve(s, transposed(s, g->in[0]), g->d_out[0]));
}

void kv_grad_solve_triangular(kv_grad *g) {
  kv_scope *s = g->s;
  solution(g, left_solve(s, transposed(s, g->in[0]), g->d_out[0], !g->attrs->triangle.lower));
}

/* ---- Cholesky ---- */

/* dL = L half(inverse(L) dA inverse(L)^H), where half() takes the lower triangle and half of the diagonal. */
void kv_grad_cholesky(kv_grad *g) {
  kv_scope *s = g->s;
  bool lower = g->attrs->triangle.lower;
  kvino_tensor *l = lower ? g->out[0] : adjoint(s, g->out[0]);
  kvino_tensor *d = lower ? op_conj(s, g->d_out[0]) : transposed(s, g->d_out[0]);
  kvino_tensor *lh = adjoint(s, l), *p = product(s, lh, d);
  if (s->status) return;
  p = kv_subtract(s, op_tril(s, p, 0), kv_scaled(s, only_diagonal(s, p), 0.5));
  p = right_solve(s, l, left_solve(s, lh, p, false), true);
  g->d_in[0] = to_triangle(s, op_conj(s, p), lower);
}

/* ---- determinants ---- */

void kv_grad_determinant(kv_grad *g) {
  kv_scope *s = g->s;
  g->d_in[0] = kv_multiply(s, as_matrix(s, g->d_out[0]), kv_cofactors(s, g->in[0]));
}

static kvino_tensor *inverse_transposed(kv_scope *s, kvino_tensor *x) {
  return s->status ? NULL : transposed(s, kv_solve(s, x, kv_identity_like(s, x)));
}

/* det(x) inverse(x)^T, where x is not singular. */
void kv_grad_cofactors(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0];
  kv_grad_through(g, kv_multiply(s, as_matrix(s, kv_determinant(s, x)), inverse_transposed(s, x)));
}

/* The logarithm follows the real part of trace(inverse(x) dx), the sign of complex determinants the imaginary one. */
void kv_grad_sign_log_determinant(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *d = g->d_out[1] ? kv_cast(s, g->d_out[1], (kvino_dtype)x->dtype) : NULL;
  if (g->d_out[0] && kvino_dtype_is_complex((kvino_dtype)x->dtype)) {
    kvino_tensor *turn = imaginary_part(s, kv_multiply(s, g->d_out[0], g->out[0]));
    d = d ? kv_add(s, d, turn) : turn;
  }
  if (d) g->d_in[0] = kv_multiply(s, as_matrix(s, d), inverse_transposed(s, x));
}

/* ---- LU ---- */

/* x [..., m, n] with zeros around it, as [..., rows, columns]. */
static kvino_tensor *padded(kv_scope *s, kvino_tensor *x, int64_t rows, int64_t columns) {
  if (s->status) return NULL;
  int64_t end[KVINO_MAX_RANK] = {0}, begin[KVINO_MAX_RANK] = {0};
  end[x->rank - 2] = rows - x->shape[x->rank - 2];
  end[x->rank - 1] = columns - x->shape[x->rank - 1];
  if (!end[x->rank - 2] && !end[x->rank - 1]) return x;
  size_t n = (size_t)x->rank;
  return kv_pad(s, 4, (kvino_tensor *[]){x, kv_vector(s, n, begin), kv_vector(s, n, end), kv_like(s, x, 0)},
                (kv_pad_attrs){.pad_mode = "constant"});
}

/* The part of x's identity from row and column k on. */
static kvino_tensor *identity_from(kv_scope *s, kvino_tensor *x, int64_t k) {
  if (s->status) return NULL;
  kvino_tensor *eye = kv_identity_like(s, x);
  kvino_tensor *place = kv_range(s, kv_int(s, KVINO_I64, 0), kv_dimension(s, x, x->rank - 1), kv_int(s, KVINO_I64, 1),
                                 (kv_output_type_attrs){.output_type = KVINO_I64});
  return kv_select(s, kv_less(s, place, kv_int(s, KVINO_I64, k)), kv_like(s, x, 0), eye);
}

/* The matrix P of P x = L U. */
static kvino_tensor *row_exchanges(kv_scope *s, kvino_tensor *pivots, kvino_tensor *x) {
  kvino_tensor *order = as_column(s, kv_pivots_to_order(s, pivots, kv_dimension(s, x, x->rank - 2)));
  if (s->status) return NULL;
  kvino_tensor *n = kv_dimension(s, x, x->rank - 2);
  kvino_tensor *place = kv_range(s, kv_int(s, KVINO_I32, 0), kv_cast(s, n, KVINO_I32), kv_int(s, KVINO_I32, 1),
                                 (kv_output_type_attrs){.output_type = KVINO_I32});
  return kv_cast(s, kv_equal(s, order, place), (kvino_dtype)x->dtype);
}

/* With W = inverse(L) P dx inverse(U), and L and U completed to square matrices: dL = L lower(W), dU = upper(W) U. */
void kv_grad_lu(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *lu = g->out[0], *dx = differential(g);
  int64_t m = lu->shape[lu->rank - 2], n = lu->shape[lu->rank - 1], k = m < n ? m : n;
  if (m < 0 || n < 0) {
    kv_scope_fail(s, KVINO_UNSUPPORTED, "the derivative of LU needs known numbers of rows and columns");
    return;
  }
  kvino_tensor *l = op_tril(s, n > k ? kv_cut(s, lu, lu->rank - 1, 0, k) : lu, -1);
  kvino_tensor *u = op_triu(s, m > k ? kv_cut(s, lu, lu->rank - 2, 0, k) : lu, 0);
  l = padded(s, l, m, m);
  u = padded(s, u, n, n);
  if (s->status) return;
  l = kv_add(s, l, kv_identity_like(s, l));
  if (n > k) u = kv_add(s, u, identity_from(s, u, k));
  kvino_tensor *w = right_solve(s, u, left_solve(s, l, product(s, row_exchanges(s, g->out[1], x), dx), true), false);
  if (s->status) return;
  kvino_tensor *dlu = kv_add(s, product(s, l, op_tril(s, w, -1)), product(s, op_triu(s, w, 0), u));
  transpose(g, dx, (kvino_tensor *[]){dlu, g->out[1]});
}

/* ---- QR ---- */

/* With W = Q^H dx inverse(R), and O antihermitian such that W - O is upper triangular with a real diagonal:
 *   dQ = dx inverse(R) + Q (O - W), dR = (W - O) R. */
static void tall_qr(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *q = g->out[0], *r = g->out[1], *dx = differential(g);
  kvino_tensor *right = right_solve(s, r, dx, false), *w = product(s, adjoint(s, q), right);
  if (s->status) return;
  kvino_tensor *lower = op_tril(s, w, -1), *o = kv_subtract(s, lower, adjoint(s, lower));
  if (w && kvino_dtype_is_complex((kvino_dtype)w->dtype)) o = kv_add(s, o, only_diagonal(s, imaginary_part(s, w)));
  kvino_tensor *upper = kv_subtract(s, w, o);
  transpose(g, dx, (kvino_tensor *[]){kv_subtract(s, right, product(s, q, upper)), product(s, upper, r)});
}

/* Of fewer rows than columns: the first columns give Q, the others are turned by it. */
static void wide_qr(kv_grad *g, int64_t rows) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0];
  int axis = x->rank - 1;
  kvino_tensors first = kv_qr(s, kv_cut(s, x, axis, 0, rows), (kv_qr_attrs){.complete = false});
  if (s->status) return;
  kvino_tensor *rest = product(s, adjoint(s, first.v[0]), kv_cut(s, x, axis, rows, INT64_MAX));
  kvino_tensor *r = kv_concat(s, 2, (kvino_tensor *[]){first.v[1], rest}, (kv_axis_attrs){.axis = axis});
  if (!s->status) kv_pull_back(s, 2, (kvino_tensor *[]){first.v[0], r}, g->d_out, 1, &x, g->d_in);
}

void kv_grad_qr(kv_grad *g) {
  kv_scope *s = g->s;
  const kvino_tensor *x = g->in[0];
  int64_t m = x->shape[x->rank - 2], n = x->shape[x->rank - 1];
  if (m < 0 || n < 0)
    kv_scope_fail(s, KVINO_UNSUPPORTED, "the derivative of QR needs known numbers of rows and columns");
  else if (m > n && g->attrs->qr.complete)
    kv_scope_fail(s, KVINO_UNSUPPORTED,
                  "the derivative of QR is not defined for mode 'complete' with more rows (%lld) than columns (%lld)",
                  (long long)m, (long long)n);
  else if (m < n)
    wide_qr(g, m);
  else
    tall_qr(g);
}

/* ---- singular values ---- */

/* d - y (y^H d), over the singular values: what is orthogonal to the vectors y. */
static kvino_tensor *beyond(kv_scope *s, kvino_tensor *y, kvino_tensor *d, kvino_tensor *values) {
  return kv_divide(s, kv_subtract(s, d, product(s, y, product(s, adjoint(s, y), d))), as_row(s, values));
}

/* With P = U^H dx V and F(i, j) = 1 / (s_j^2 - s_i^2):
 *   ds = re diag P, dU = U (F (P s + s P^H) + what is imaginary in P's diagonal over s), dV = V (F (s P + P^H s)). */
static void vectors(kv_grad *g, kvino_tensor *u, kvino_tensor *values, kvino_tensor *vh, bool tall, bool wide) {
  kv_scope *s = g->s;
  kvino_tensor *dx = differential(g), *v = adjoint(s, vh), *p = product(s, product(s, adjoint(s, u), dx), v);
  kvino_tensor *sv = in_dtype_of(s, values, u), *row = as_row(s, sv), *column = as_column(s, sv);
  kvino_tensor *f = in_dtype_of(s, gaps(s, kv_multiply(s, values, values)), u);
  kvino_tensor *ps = kv_multiply(s, p, row), *sp = kv_multiply(s, column, p);
  kvino_tensor *turn = kv_multiply(s, f, kv_add(s, ps, adjoint(s, ps)));
  if (s->status) return;
  if (kvino_dtype_is_complex((kvino_dtype)u->dtype))
    turn = kv_add(s, turn, kv_multiply(s, only_diagonal(s, imaginary_part(s, p)), inverse_or_zero(s, row)));
  kvino_tensor *du = product(s, u, turn);
  kvino_tensor *dv = product(s, v, kv_multiply(s, f, kv_add(s, sp, adjoint(s, sp))));
  if (tall) du = kv_add(s, du, beyond(s, u, product(s, dx, v), sv));
  if (wide) dv = kv_add(s, dv, beyond(s, v, product(s, adjoint(s, dx), u), sv));
  transpose(g, dx, (kvino_tensor *[]){du, real_part(s, diagonal(s, p)), adjoint(s, dv)});
}

/* ds = re diag(U^H dx V), without the product's other elements. */
static void values_alone(kv_grad *g, kvino_tensor *u, kvino_tensor *d, kvino_tensor *vh) {
  kv_scope *s = g->s;
  kvino_tensor *scaled = kv_multiply(s, op_conj(s, u), as_row(s, in_dtype_of(s, d, u)));
  g->d_in[0] = product(s, scaled, op_conj(s, vh));
}

void kv_grad_svd(kv_grad *g) {
  kv_scope *s = g->s;
  const kvino_tensor *x = g->in[0];
  const kv_svd_attrs *attrs = &g->attrs->svd;
  int64_t m = x->shape[x->rank - 2], n = x->shape[x->rank - 1];
  bool only_values = !attrs->compute_uv || (!g->d_out[0] && !g->d_out[2]), full = attrs->full_matrices && m != n;
  kvino_tensors y = {g->n_out, (kvino_tensor **)g->out};
  if (!attrs->compute_uv || (full && only_values))
    y = kv_svd(s, g->in[0], (kv_svd_attrs){.full_matrices = false, .compute_uv = true});
  if (s->status) return;
  if (only_values)
    values_alone(g, y.v[0], g->d_out[attrs->compute_uv], y.v[2]);
  else if (full)
    kv_scope_fail(s, KVINO_UNSUPPORTED,
                  "the derivative of SVD with full_matrices=True is not defined for vectors of matrices that are not "
                  "square: use full_matrices=False");
  else if (m < 0 || n < 0)
    kv_scope_fail(s, KVINO_UNSUPPORTED, "the derivative of SVD needs known numbers of rows and columns");
  else
    vectors(g, y.v[0], y.v[1], y.v[2], m > n, m < n);
}

/* ---- eigenvalues ---- */

/* With P = V^H dx V: dw = re diag P, dV = V (F P). */
void kv_grad_eigh(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *v = g->out[1], *vh = adjoint(s, v), *p = NULL;
  if (g->d_out[0]) /* the diagonal as a matrix */
    p = kv_multiply(s, as_row(s, in_dtype_of(s, g->d_out[0], v)), s->status ? NULL : kv_identity_like(s, v));
  if (g->d_out[1]) {
    kvino_tensor *f = in_dtype_of(s, gaps(s, g->out[0]), v);
    kvino_tensor *turn = kv_multiply(s, f, product(s, vh, op_conj(s, g->d_out[1])));
    p = p ? kv_add(s, p, turn) : turn;
  }
  g->d_in[0] = to_triangle(s, op_conj(s, product(s, product(s, v, p), vh)), true);
}

/* The component of each vector that was made real: the largest one. 1 there, 0 elsewhere. */
static kvino_tensor *largest_component(kv_scope *s, kvino_tensor *v) {
  if (s->status) return NULL;
  int axis = v->rank - 2;
  kvino_tensor *at = kv_reduce_arg_max(s, kv_abs(s, v), KV_VECTOR(s, axis),
                                       (kv_reduce_index_attrs){.keep_dims = true, .output_type = KVINO_I32});
  kvino_tensor *n = kv_cast(s, kv_dimension(s, v, axis), KVINO_I32);
  kvino_tensor *place = kv_range(s, kv_int(s, KVINO_I32, 0), n, kv_int(s, KVINO_I32, 1),
                                 (kv_output_type_attrs){.output_type = KVINO_I32});
  return kv_cast(s, kv_equal(s, as_column(s, place), at), (kvino_dtype)v->dtype);
}

/* With P = inverse(V) dx V: dw = diag P, dV = V (F P) + V c, where the numbers c keep every vector at length 1, and its
 * largest component real. */
void kv_grad_eig(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *w = g->out[0], *v = g->out[1], *dx = differential(g);
  kvino_tensor *p = kv_solve(s, v, product(s, in_dtype_of(s, dx, v), v));
  kvino_tensor *dv = product(s, v, kv_multiply(s, gaps(s, w), p));
  kvino_tensor *longer = in_dtype_of(s, real_part(s, sum_along(s, kv_multiply(s, op_conj(s, v), dv), -2)), v);
  kvino_tensor *here = largest_component(s, v);
  kvino_tensor *turned = imaginary_part(
      s, kv_divide(s, sum_along(s, kv_multiply(s, here, dv), -2), sum_along(s, kv_multiply(s, here, v), -2)));
  kvino_tensor *c = as_row(s, kv_add(s, longer, turned));
  transpose(g, dx, (kvino_tensor *[]){diagonal(s, p), kv_subtract(s, dv, kv_multiply(s, v, c))});
}
