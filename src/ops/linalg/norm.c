/* keras.ops.linalg: norms of vectors and matrices. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/linalg/linalg.h"

typedef enum order_kind { NO_ORDER, FROBENIUS, NUCLEAR, NUMBER } order_kind;

static bool read_order(kv_scope *s, const char *text, order_kind *kind, double *number) {
  char *end;
  *kind = !text ? NO_ORDER : !strcmp(text, "fro") ? FROBENIUS : !strcmp(text, "nuc") ? NUCLEAR : NUMBER;
  if (*kind != NUMBER) return true;
  *number = strtod(text, &end);
  if (end != text && !*end) return true;
  kv_scope_fail(s, KVINO_INVALID,
                "Invalid `ord` argument. Expected one of {'fro', 'nuc'} when using string. Received: ord=%s", text);
  return false;
}

/* Of numbers that are not negative; of none it is 0. */
static kvino_tensor *largest(kv_scope *s, kvino_tensor *x, kvino_tensor *axes, bool keepdims) {
  int n;
  int64_t axis[KV_KNOWN_MAX];
  if (!x || !axes) return NULL;
  if (x->size > 0 || !kv_all_known(axes, &n, axis))
    return kv_reduce_max(s, x, axes, (kv_keep_dims_attrs){.keep_dims = keepdims});
  return op_max(s, x, (kvino_ints){.n = n, .v = axis}, keepdims, kv_like(s, x, 0));
}

static kvino_tensor *vector_norm(kv_scope *s, kvino_tensor *x, kvino_tensor *axes, double ord, bool keepdims) {
  kv_keep_dims_attrs keep = {.keep_dims = keepdims};
  if (!x) return NULL;
  if (ord == 0) {
    kvino_tensor *counted = kv_not_equal(s, x, kv_like(s, x, 0));
    return kv_reduce_sum(s, kv_cast(s, counted, kv_real_dtype((kvino_dtype)x->dtype)), axes, keep);
  }
  if (kvino_dtype_is_complex((kvino_dtype)x->dtype)) x = kv_abs(s, x);
  if (ord == 2) return kv_reduce_l2(s, x, axes, keep);
  x = kv_abs(s, x);
  if (isinf(ord)) return ord > 0 ? largest(s, x, axes, keepdims) : kv_reduce_min(s, x, axes, keep);
  if (ord == 1) return kv_reduce_sum(s, x, axes, keep);
  kvino_tensor *sum = kv_reduce_sum(s, kv_power(s, x, kv_like(s, x, ord)), axes, keep);
  return kv_power(s, sum, kv_like(s, sum, 1 / ord));
}

/* Sums along one axis of the absolute values, the largest (smallest) of them along the other. */
static kvino_tensor *of_sums(kv_scope *s, kvino_tensor *x, int64_t summed, int64_t other, bool most) {
  kv_keep_dims_attrs keep = {.keep_dims = true};
  x = kv_reduce_sum(s, kv_abs(s, x), KV_VECTOR(s, summed), keep);
  return most ? largest(s, x, KV_VECTOR(s, other), true) : kv_reduce_min(s, x, KV_VECTOR(s, other), keep);
}

/* Of the singular values, which stand on the last axis. */
static kvino_tensor *spectral(kv_scope *s, kvino_tensor *x, const int64_t *axis, order_kind kind, double ord) {
  kvino_tensor *values = kv_singular_values(s, op_moveaxis(s, x, KVINO_INTS(axis[0], axis[1]), KVINO_INTS(-2, -1)));
  if (!values) return NULL;
  kvino_tensor *last = KV_VECTOR(s, values->rank - 1);
  kv_keep_dims_attrs drop = {.keep_dims = false};
  values = kind == NUCLEAR ? kv_reduce_sum(s, values, last, drop)
           : ord > 0       ? largest(s, values, last, false)
                           : kv_reduce_min(s, values, last, drop);
  return kv_unsqueeze(s, values, KV_VECTOR(s, axis[0], axis[1]));
}

static kvino_tensor *matrix_norm(kv_scope *s, kvino_tensor *x, const int64_t *axis, order_kind kind, double ord) {
  if (kind == NUCLEAR || (kind == NUMBER && fabs(ord) == 2)) return spectral(s, x, axis, kind, ord);
  if (kind != NUMBER) return vector_norm(s, x, KV_VECTOR(s, axis[0], axis[1]), 2, true);
  if (fabs(ord) == 1) return of_sums(s, x, axis[0], axis[1], ord > 0);
  if (isinf(ord)) return of_sums(s, x, axis[1], axis[0], ord > 0);
  return kv_scope_fail(s, KVINO_INVALID, "Invalid norm order for matrices.");
}

kvino_tensor *op_norm(kv_scope *s, kvino_tensor *x, const char *order, kvino_ints axis, bool keepdims) {
  order_kind kind;
  double ord = 2;
  int64_t at[KVINO_MAX_RANK];
  int n;
  if (!x || !read_order(s, order, &kind, &ord)) return NULL;
  if (!kv_plain_ints(s, axis, KVINO_MAX_RANK, &n, at)) return NULL;
  if (axis.n < 0) {
    n = x->rank;
    for (int i = 0; i < n; i++) at[i] = i;
  }
  for (int i = 0; i < n; i++) {
    if (!kv_axis_ok(s, &at[i], x->rank)) return NULL;
    for (int j = 0; j < i; j++)
      if (at[i] == at[j]) return kv_scope_fail(s, KVINO_INVALID, "Duplicate axes given.");
  }
  bool of_all = axis.n < 0 && kind == NO_ORDER; /* as one vector */
  if (!of_all && n != 1 && n != 2) return kv_scope_fail(s, KVINO_INVALID, "Improper number of dimensions to norm.");
  if (!of_all && n == 1 && (kind == FROBENIUS || kind == NUCLEAR))
    return kv_scope_fail(s, KVINO_INVALID, "Invalid norm order '%s' for vectors", order);
  if (kind == NUMBER && isnan(ord)) return kv_scope_fail(s, KVINO_INVALID, "Invalid norm order for matrices.");
  kvino_dtype dtype = kv_real_dtype(kv_result_float(s, 1, &x));
  x = kv_cast(s, x, kv_work_dtype_of(x));
  kvino_tensor *axes = kv_vector(s, (size_t)n, at);
  if (of_all || n == 1) return kv_cast(s, vector_norm(s, x, axes, ord, keepdims), dtype);
  kvino_tensor *y = matrix_norm(s, x, at, kind, ord);
  return kv_cast(s, keepdims ? y : kv_squeeze(s, y, axes), dtype);
}
