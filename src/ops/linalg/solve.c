/* keras.ops.linalg: linear systems, inverses and powers. */
#include <float.h>

#include "ops/linalg/linalg.h"
#include "run/bodies.h"

/* ---- systems ---- */

typedef struct system {
  kvino_tensor *a, *b;
  kvino_dtype dtype;
  bool vectors; /* b has one axis less than a: vectors, which became matrices of one column */
} system_of;

static bool take(kv_scope *s, kvino_tensor *a, kvino_tensor *b, system_of *y) {
  char of_a[KV_SHAPE_TEXT], of_b[KV_SHAPE_TEXT];
  if (!b || !kv_is_matrix(s, a)) return false;
  if (!b->rank) {
    kv_scope_fail(s, KVINO_INVALID, "Expected input to have rank >= 1. Received scalar input.");
    return false;
  }
  y->dtype = kv_result_float(s, 2, (kvino_tensor *[]){a, b});
  kvino_dtype work = kv_work_dtype(y->dtype);
  if (kv_work_dtype_of(a) == KVINO_F64 || kv_work_dtype_of(b) == KVINO_F64) /* or an integer that needs it */
    work = kvino_dtype_is_complex(work) ? KVINO_C128 : KVINO_F64;
  y->vectors = b->rank == a->rank - 1;
  int64_t n = a->shape[a->rank - 2], rows = b->shape[b->rank - (y->vectors ? 1 : 2)];
  if (b->rank > 1 || y->vectors)
    if (n >= 0 && rows >= 0 && n != rows) {
      kv_scope_fail(s, KVINO_INVALID,
                    "Incompatible shapes between `a` and `b`. Expected `a.shape[-2] == b.shape[-%d]`. Received: "
                    "a.shape=%s, b.shape=%s",
                    y->vectors ? 1 : 2, kv_shape_text(a->rank, a->shape, of_a), kv_shape_text(b->rank, b->shape, of_b));
      return false;
    }
  y->a = kv_cast(s, a, work);
  y->b = kv_cast(s, b, work);
  y->vectors = y->vectors || b->rank == 1;
  if (y->vectors) y->b = kv_unsqueeze(s, y->b, KV_VECTOR(s, -1));
  return true;
}

static kvino_tensor *give(kv_scope *s, kvino_tensor *x, const system_of *y) {
  return kv_cast(s, y->vectors ? kv_squeeze(s, x, KV_VECTOR(s, -1)) : x, y->dtype);
}

kvino_tensor *op_solve(kv_scope *s, kvino_tensor *a, kvino_tensor *b) {
  system_of y;
  return take(s, a, b, &y) ? give(s, kv_solve(s, y.a, y.b), &y) : NULL;
}

kvino_tensor *op_solve_triangular(kv_scope *s, kvino_tensor *a, kvino_tensor *b, bool lower) {
  system_of y;
  if (!take(s, a, b, &y)) return NULL;
  return give(s, kv_solve_triangular(s, y.a, y.b, (kv_triangle_attrs){.lower = lower}), &y);
}

/* ---- inverses ---- */

kvino_tensor *op_inv(kv_scope *s, kvino_tensor *x) {
  kvino_dtype dtype;
  x = kv_matrix_operand(s, x, &dtype);
  return kv_cast(s, kv_solve(s, x, kv_identity_like(s, x)), dtype);
}

/* 1 / values, 0 for those up to `rcond` times the largest, NaN for NaN. The largest comes first; there may be none. */
static kvino_tensor *inverted(kv_scope *s, kvino_tensor *values, kvino_tensor *rcond) {
  if (!values) return NULL;
  if (rcond && rcond->rank) rcond = kv_unsqueeze(s, rcond, KV_VECTOR(s, -1)); /* one a matrix */
  kvino_tensor *cutoff = kv_multiply(s, rcond, kv_cut(s, values, values->rank - 1, 0, 1));
  kvino_tensor *small = kv_less_equal(s, values, cutoff), *one = kv_like(s, values, 1);
  return kv_select(s, small, kv_like(s, values, 0), kv_divide(s, one, kv_select(s, small, one, values)));
}

/* The pseudoinverse P of A has the differential (of A of one rank, Golub and Pereyra 1973)
 *   -P dA P + P P* dA* (I - A P) + (I - P A) dA* P* P,
 * which, unlike that of the singular vectors, knows no trouble with equal singular values. */
static kvino_tensor *product(kv_scope *s, kvino_tensor *a, kvino_tensor *b) {
  return kv_mat_mul(s, a, b, (kv_matmul_attrs){.transpose_a = false, .transpose_b = false});
}
static kvino_tensor *transposed(kv_scope *s, kvino_tensor *x) {
  int64_t perm[KVINO_MAX_RANK];
  for (int i = 0; i < x->rank; i++) perm[i] = i;
  perm[x->rank - 1] = x->rank - 2;
  perm[x->rank - 2] = x->rank - 1;
  return kv_permute(s, x, perm);
}
static kvino_tensor *rest(kv_scope *s, kvino_tensor *square) { /* I - square */
  return square ? kv_subtract(s, kv_identity_like(s, square), square) : NULL;
}
static kvino_tensor *pseudoinverse_pulled_back(kv_scope *s, kvino_tensor *a, kvino_tensor *p, kvino_tensor *d) {
  if (s->status) return NULL;
  kvino_tensor *u = transposed(s, d), *pt = u ? transposed(s, p) : NULL, *ph = pt ? op_conj(s, pt) : NULL;
  kvino_tensor *inside = product(s, product(s, pt, d), pt);
  kvino_tensor *rows = product(s, rest(s, product(s, a, p)), product(s, u, product(s, p, ph)));
  kvino_tensor *columns = product(s, product(s, product(s, ph, p), u), rest(s, product(s, p, a)));
  return kv_subtract(s, op_conj(s, kv_add(s, rows, columns)), inside);
}
static kvino_tensors list_of(kv_scope *s, kvino_tensor *a, kvino_tensor *b) {
  kvino_tensors list = {b ? 2 : 1, kv_scope_alloc(s, 2, sizeof *list.v)};
  if (s->status) return KV_NO_TENSORS;
  list.v[0] = a;
  list.v[1] = b;
  return list;
}
static kvino_tensors pseudoinverse_gradient(kv_scope *s, kvino_tensor *const *x, kvino_tensor *p, kvino_tensor *d) {
  return list_of(s, pseudoinverse_pulled_back(s, x[0], p, d), NULL);
}

static kvino_tensor *pseudoinverse(kv_scope *s, kvino_tensor *x, kvino_tensor *rcond) {
  kvino_tensors parts = kv_svd(s, x, (kv_svd_attrs){.full_matrices = false, .compute_uv = true});
  if (!parts.v) return NULL;
  kvino_tensor *scale = kv_cast(s, inverted(s, parts.v[1], rcond), (kvino_dtype)x->dtype);
  kvino_tensor *v = kv_multiply(s, op_conj(s, parts.v[2]), kv_unsqueeze(s, scale, KV_VECTOR(s, -1)));
  return kv_mat_mul(s, v, op_conj(s, parts.v[0]), (kv_matmul_attrs){.transpose_a = true, .transpose_b = true});
}

/* A cutoff that somebody chose may leave singular values out that are not 0: then only the vectors know the derivative.
 */
kvino_tensor *op_pinv(kv_scope *s, kvino_tensor *x, kvino_tensor *rcond) {
  kvino_dtype dtype;
  x = kv_matrix_operand(s, x, &dtype);
  if (!x) return NULL;
  bool smooth = !rcond && kv_is_traced(s, x);
  rcond = rcond ? kv_cast(s, rcond, kv_real_dtype((kvino_dtype)x->dtype)) : kv_rank_tolerance(s, x, 10);
  kvino_tensor *p = pseudoinverse(s, x, rcond);
  return kv_cast(s, smooth && p ? kv_with_gradient(s, p, 1, &x, pseudoinverse_gradient) : p, dtype);
}

/* x = P b. */
static kvino_tensors lstsq_gradient(kv_scope *s, kvino_tensor *const *of, kvino_tensor *x, kvino_tensor *d) {
  (void)x;
  kvino_tensor *a = of[0], *b = of[1], *p = pseudoinverse(s, a, kv_rank_tolerance(s, a, 1));
  if (!p) return KV_NO_TENSORS;
  kvino_tensor *dp = product(s, d, transposed(s, b));
  return list_of(s, pseudoinverse_pulled_back(s, a, p, dp), product(s, transposed(s, p), d));
}

kvino_tensor *op_lstsq(kv_scope *s, kvino_tensor *a, kvino_tensor *b, kvino_tensor *rcond) {
  if (!a || !b) return NULL;
  if (a->rank != 2)
    return kv_scope_fail(s, KVINO_INVALID, "%d-dimensional array given. Array must be two-dimensional", a->rank);
  if (b->rank != 1 && b->rank != 2)
    return kv_scope_fail(s, KVINO_INVALID, "%d-dimensional array given. Array must be one or two-dimensional", b->rank);
  kv_length_pair pair = {{a, 0}, {b, 0}};
  if (!(b = kv_demand_lengths(s, KV_REFUSAL_leading_dimensions, b, 1, &pair, 0, NULL))) return NULL;
  system_of y;
  if (!take(s, a, b, &y)) return NULL;
  kvino_tensor *tolerance = kv_rank_tolerance(s, y.a, 1);
  if (!tolerance) return NULL;
  bool smooth = !rcond && (kv_is_traced(s, y.a) || kv_is_traced(s, y.b));
  if (rcond) { /* a negative one means the precision */
    kvino_dtype real = (kvino_dtype)tolerance->dtype;
    kvino_tensor *eps = kv_number(s, real, real == KVINO_F64 ? DBL_EPSILON : (double)FLT_EPSILON);
    rcond = kv_cast(s, rcond, real);
    rcond = kv_select(s, kv_less(s, rcond, kv_like(s, rcond, 0)), eps, rcond);
  } else {
    rcond = tolerance;
  }
  kvino_tensors parts = kv_svd(s, y.a, (kv_svd_attrs){.full_matrices = false, .compute_uv = true});
  if (!parts.v) return NULL;
  kvino_tensor *scale = kv_cast(s, inverted(s, parts.v[1], rcond), (kvino_dtype)y.a->dtype);
  kvino_tensor *x = kv_mat_mul(s, op_conj(s, parts.v[0]), y.b, (kv_matmul_attrs){.transpose_a = true});
  x = kv_multiply(s, kv_unsqueeze(s, scale, KV_VECTOR(s, -1)), x);
  x = kv_mat_mul(s, op_conj(s, parts.v[2]), x, (kv_matmul_attrs){.transpose_a = true});
  return give(s, smooth && x ? kv_with_gradient(s, x, 2, (kvino_tensor *[]){y.a, y.b}, lstsq_gradient) : x, &y);
}

/* ---- powers ---- */

static kvino_tensor *times(kv_scope *s, kvino_tensor *a, kvino_tensor *b, bool truths) {
  kvino_tensor *y = kv_mat_mul(s, a, b, (kv_matmul_attrs){.transpose_a = false});
  return truths ? kv_cast(s, kv_truth(s, y), KVINO_I32) : y;
}

kvino_tensor *op_matrix_power(kv_scope *s, kvino_tensor *x, int64_t n) {
  if (!kv_is_matrix(s, x)) return NULL;
  if (n == KVINO_NO_INTEGER) return kv_scope_fail(s, KVINO_TYPE, "exponent must be an integer");
  kv_length_pair sides = {{x, x->rank - 2}, {x, x->rank - 1}};
  kv_length shape = {x, KV_ALL_AXES};
  x = kv_demand_lengths(s, KV_REFUSAL_square, x, 1, &sides, 1, &shape);
  if (!x) return NULL;
  if (!n) { /* x gives its shape alone, so that the check must belong to what is given */
    kvino_tensor *size[] = {kv_dimension(s, x, x->rank - 2), kv_dimension(s, x, x->rank - 1), kv_int(s, KVINO_I64, 0)};
    kvino_tensor *one = kv_eye(s, 3, size, (kv_output_type_attrs){.output_type = kv_dtype_of(x)});
    one = kv_broadcast_shape(s, one, kv_dims(s, x));
    return kv_demand_lengths(s, KV_REFUSAL_square, one, 1, &sides, 1, &shape);
  }
  kvino_dtype dtype = n < 0 ? kv_result_float(s, 1, &x) : kv_dtype_of(x);
  bool truths = dtype == KVINO_BOOL; /* sums of products that are not 0 */
  x = kv_cast(s, x, n < 0 ? kv_work_dtype_of(x) : truths ? KVINO_I32 : kv_work_dtype(dtype));
  if (n < 0) x = kv_solve(s, x, kv_identity_like(s, x));
  kvino_tensor *y = NULL;
  for (uint64_t left = n < 0 ? (uint64_t)-n : (uint64_t)n; left && !s->status; left >>= 1) {
    if (left & 1) y = y ? times(s, y, x, truths) : x;
    if (left > 1) x = times(s, x, x, truths);
  }
  return kv_cast(s, y, dtype);
}
