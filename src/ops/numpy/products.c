/* keras.ops.numpy: matrix and tensor products. */
#include "ops/numpy/einsum.h"

/* MatMul; bool is summed as int32 and is then whether the sum is not 0. */
static kvino_tensor *product(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  kv_align(s, &x1, &x2);
  if (!x1 || !x2) return NULL;
  if (x1->dtype != KVINO_BOOL) return kv_mat_mul(s, x1, x2, (kv_matmul_attrs){.transpose_a = false});
  return kv_truth(
      s, kv_mat_mul(s, kv_cast(s, x1, KVINO_I32), kv_cast(s, x2, KVINO_I32), (kv_matmul_attrs){.transpose_a = false}));
}

/* int8 by int8 is summed as int32, as in Keras; in the other products it is not. */
kvino_tensor *op_matmul(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  bool bytes = x1 && x2 && x1->dtype == KVINO_I8 && x2->dtype == KVINO_I8;
  return bytes ? kv_mat_mul_integer(s, x1, x2, (kv_matmul_attrs){.transpose_a = false}) : product(s, x1, x2);
}

/* The axes that are summed, in pairs: those of x1 in v[0 ... n), those of x2 in v[n ... 2 n). */
static kvino_tensor *summed_axes(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2, kvino_ints axes, int *n, int64_t *v) {
  int given;
  kv_length_pair pair[KVINO_MAX_RANK];
  if (!kv_plain_ints(s, axes, 2 * KVINO_MAX_RANK, &given, v)) return NULL;
  bool odd = axes.list && given % 2;
  *n = axes.list ? given / 2 : given && v[0] >= 0 && v[0] <= KVINO_MAX_RANK ? (int)v[0] : -1;
  bool fits = !odd && *n >= 0 && *n <= x1->rank && *n <= x2->rank;
  for (int i = 0; fits && !axes.list && i < *n; i++) { /* a number: the last of x1, the first of x2 */
    v[i] = x1->rank - *n + i;
    v[*n + i] = i;
  }
  for (int i = 0; fits && i < *n; i++) {
    if (!kv_axis_ok(s, &v[i], x1->rank) || !kv_axis_ok(s, &v[*n + i], x2->rank)) return NULL;
    pair[i] = (kv_length_pair){{x1, v[i]}, {x2, v[*n + i]}};
    for (int j = 0; j < i; j++) fits = fits && v[i] != v[j] && v[*n + i] != v[*n + j];
  }
  if (!fits) return kv_scope_fail(s, KVINO_INVALID, "shape-mismatch for sum");
  return kv_demand_lengths(s, KV_REFUSAL_contraction, x1, (size_t)*n, pair, 0, NULL);
}

/* As an einsum: axis i of x1 is label i, axis j of x2 has a label behind them or that of the axis it is summed with. */
kvino_tensor *op_tensordot(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2, kvino_ints axes) {
  kv_align(s, &x1, &x2);
  if (!x1 || !x2) return NULL;
  int64_t v[2 * KVINO_MAX_RANK];
  int n;
  if (!(x1 = summed_axes(s, x1, x2, axes, &n, v))) return NULL;
  bool truths = x1->dtype == KVINO_BOOL;
  kv_term given[2] = {{x1, {x1->rank, {0}}}, {x2, {x2->rank, {0}}}}, term[2];
  kv_einsum e = {.n = 2, .term = term, .output = {0, {0}}};
  bool summed[KV_MOST_LABELS] = {false};
  for (int i = 0; i < x1->rank; i++) given[0].labels.v[i] = (uint8_t)i;
  for (int i = 0; i < x2->rank; i++) given[1].labels.v[i] = (uint8_t)(KVINO_MAX_RANK + i);
  for (int i = 0; i < n; i++) {
    given[1].labels.v[v[n + i]] = (uint8_t)v[i];
    summed[v[i]] = true;
  }
  if (x1->rank + x2->rank - 2 * n > KVINO_MAX_RANK)
    return kv_scope_fail(s, KVINO_INVALID, "maximum supported dimension for an ndarray is %d, found %d", KVINO_MAX_RANK,
                         x1->rank + x2->rank - 2 * n);
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < given[k].x->rank; i++) {
      int label = given[k].labels.v[i];
      int64_t d = given[k].x->shape[i];
      if (!summed[label]) e.output.v[e.output.n++] = (uint8_t)label;
      if (d >= 0 || !k || !summed[label]) e.length[label] = d;
      if (d < 0) e.unknown[label] = &given[k], e.unknown_axis[label] = i;
    }
  for (int k = 0; k < 2; k++)
    term[k] = (kv_term){truths ? kv_cast(s, given[k].x, KVINO_I32) : given[k].x, given[k].labels};
  kvino_tensor *y = kv_einsum_of_two(s, &e);
  return truths ? kv_truth(s, y) : y;
}

kvino_tensor *op_dot(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  if (!x1 || !x2) return NULL;
  if (!x1->rank || !x2->rank) {
    kv_align(s, &x1, &x2);
    return kv_multiply(s, x1, x2);
  }
  if (x1->rank == 1 || x2->rank <= 2) return product(s, x1, x2); /* what a matrix product is, too */
  int64_t axes[2] = {x1->rank - 1, x2->rank - 2};
  return op_tensordot(s, x1, x2, (kvino_ints){.n = 2, .v = axes, .list = true});
}

kvino_tensor *op_outer(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  x1 = kv_unsqueeze(s, kv_flatten(s, kv_strong(s, x1)), KV_VECTOR(s, 1));
  return op_multiply(s, x1, kv_flatten(s, kv_strong(s, x2)));
}

kvino_tensor *op_inner(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  if (!x1 || !x2) return NULL;
  if (!x1->rank || !x2->rank) {
    kv_align(s, &x1, &x2);
    return kv_multiply(s, x1, x2);
  }
  int64_t axes[2] = {-1, -1};
  return op_tensordot(s, x1, x2, (kvino_ints){.n = 2, .v = axes, .list = true});
}

kvino_tensor *op_vdot(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  return op_dot(s, kv_flatten(s, op_conj(s, x1)), kv_flatten(s, kv_strong(s, x2)));
}

/* ---- cross ---- */

/* The two or three components along an axis; n becomes how many. */
static kvino_tensor *const *components(kv_scope *s, kvino_tensor *x, int64_t axis, int64_t *n) {
  if (!x || !kv_axis_ok(s, &axis, x->rank)) return NULL;
  *n = x->shape[axis];
  if (*n != 2 && *n != 3)
    return kv_scope_fail(s, *n < 0 ? KVINO_UNSUPPORTED : KVINO_INVALID,
                         *n < 0 ? "cross needs the lengths of its vectors when the graph is built"
                                : "incompatible dimensions for cross product\n(dimension must be 2 or 3)");
  return kv_unstack(s, x, axis, *n).v;
}

/* a[i] b[j] - a[j] b[i], where a component that is not there is 0. */
static kvino_tensor *minor_of(kv_scope *s, kvino_tensor *const *a, kvino_tensor *const *b, int64_t n, int64_t m, int i,
                              int j) {
  kvino_tensor *first = i < n && j < m ? kv_multiply(s, a[i], b[j]) : NULL;
  kvino_tensor *second = j < n && i < m ? kv_multiply(s, a[j], b[i]) : NULL;
  return !second ? first : !first ? kv_negative(s, second) : kv_subtract(s, first, second);
}

kvino_tensor *op_cross(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2, int64_t axisa, int64_t axisb, int64_t axisc,
                       int64_t axis) {
  int64_t n = 0, m = 0;
  if (axis != KVINO_NO_INTEGER) axisa = axisb = axisc = axis;
  kvino_dtype dtype = kv_result_type(s, 2, (kvino_tensor *[]){x1, x2});
  if (dtype == KVINO_BOOL) return kv_scope_fail(s, KVINO_TYPE, "cross is not defined for bool");
  kvino_tensor *const *a = components(s, kv_cast(s, x1, kv_work_dtype(dtype)), axisa, &n);
  kvino_tensor *const *b = components(s, kv_cast(s, x2, kv_work_dtype(dtype)), axisb, &m);
  if (!a || !b) return NULL;
  kvino_tensor *last = kv_cast(s, minor_of(s, a, b, n, m, 0, 1), dtype);
  if (n == 2 && m == 2) return last;
  kvino_tensor *y[3] = {kv_cast(s, minor_of(s, a, b, n, m, 1, 2), dtype),
                        kv_cast(s, minor_of(s, a, b, n, m, 2, 0), dtype), last};
  return op_stack(s, KV_LIST(y[0], y[1], y[2]), axisc);
}

kvino_tensor *op_kron(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2) {
  kv_align(s, &x1, &x2);
  if (!x1 || !x2) return NULL;
  int rank = x1->rank > x2->rank ? x1->rank : x2->rank;
  int64_t front[KVINO_MAX_RANK], odd[KVINO_MAX_RANK], even[KVINO_MAX_RANK];
  if (2 * rank > KVINO_MAX_RANK)
    return kv_scope_fail(s, KVINO_INVALID, "maximum supported dimension for an ndarray is currently %d, found %d",
                         KVINO_MAX_RANK, 2 * rank);
  for (int i = 0; i < rank; i++) {
    front[i] = i;
    even[i] = 2 * i;
    odd[i] = 2 * i + 1;
  }
  if (x1->rank < rank) x1 = kv_unsqueeze(s, x1, kv_vector(s, (size_t)(rank - x1->rank), front));
  if (x2->rank < rank) x2 = kv_unsqueeze(s, x2, kv_vector(s, (size_t)(rank - x2->rank), front));
  kvino_tensor *shape = kv_multiply(s, kv_dims(s, x1), kv_dims(s, x2));
  x1 = kv_unsqueeze(s, x1, kv_vector(s, (size_t)rank, odd));
  x2 = kv_unsqueeze(s, x2, kv_vector(s, (size_t)rank, even));
  return kv_reshape(s, kv_multiply(s, x1, x2), shape, (kv_reshape_attrs){.special_zero = false});
}
