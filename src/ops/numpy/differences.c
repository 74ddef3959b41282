/* keras.ops.numpy: differences, and the integral by trapezoids. */
#include "ops/common.h"

/* Neighbours along an axis: all but the first, all but the last. */
static void neighbours(kv_scope *s, kvino_tensor *x, int64_t axis, kvino_tensor **after, kvino_tensor **before) {
  *after = kv_cut(s, x, axis, 1, INT64_MAX);
  *before = kv_cut(s, x, axis, 0, -1);
}

enum { MOST_ORDERS = 1000 };

kvino_tensor *op_diff(kv_scope *s, kvino_tensor *a, int64_t n, int64_t axis) {
  a = kv_strong(s, a);
  if (!a) return NULL;
  if (n == KVINO_NO_INTEGER)
    return kv_scope_fail(s, KVINO_TYPE, "'NoneType' object cannot be interpreted as an integer");
  if (n < 0) return kv_scope_fail(s, KVINO_INVALID, "order must be non-negative but got %lld", (long long)n);
  if (!n) return a;
  if (!a->rank) return kv_scope_fail(s, KVINO_INVALID, "diff requires input that is at least one dimensional");
  if (!kv_axis_ok(s, &axis, a->rank)) return NULL;
  if (a->shape[axis] >= 0 && n > a->shape[axis]) n = a->shape[axis]; /* nothing is left */
  if (a->shape[axis] < 0 && n > MOST_ORDERS)                         /* each is a step of the graph */
    return kv_scope_fail(s, KVINO_UNSUPPORTED, "differences of order %lld of an axis whose length is not known",
                         (long long)n);
  for (int64_t i = 0; a && i < n; i++) {
    kvino_tensor *after, *before;
    neighbours(s, a, axis, &after, &before);
    a = a->dtype == KVINO_BOOL ? kv_not_equal(s, after, before) : kv_subtract(s, after, before);
  }
  return a;
}

kvino_tensor *op_trapezoid(kv_scope *s, kvino_tensor *y, kvino_tensor *x, kvino_tensor *dx, int64_t axis) {
  if (!y || !kv_axis_ok(s, &axis, y->rank)) return NULL;
  kvino_tensor *step = x ? x : dx;
  if (!step) return kv_scope_fail(s, KVINO_TYPE, "dx must be a number, not None");
  bool complex = x && kvino_dtype_is_complex((kvino_dtype)x->dtype);
  kvino_dtype dtype = kv_result_float(s, complex ? 2 : 1, (kvino_tensor *[]){y, x}), work = kv_work_dtype_of(y);
  if (x && kv_is_inexact(kv_dtype_of(x))) work = kv_result_float(s, 2, (kvino_tensor *[]){kv_cast(s, y, work), x});
  step = kv_cast(s, step, work);
  if (x && x->rank == 1) { /* one sequence of points for all of y */
    int64_t shape[KVINO_MAX_RANK];
    step = op_diff(s, step, 1, 0);
    for (int i = 0; i < y->rank; i++) shape[i] = i == axis ? (step ? step->size : -1) : 1;
    step = kv_reshape_to(s, step, y->rank, shape);
  } else if (x) {
    step = op_diff(s, step, 1, axis - y->rank + x->rank);
  }
  kvino_tensor *after, *before;
  neighbours(s, kv_cast(s, y, work), axis, &after, &before);
  kvino_tensor *area = kv_multiply(s, kv_multiply(s, step, kv_add(s, after, before)), kv_number(s, work, 0.5));
  area = kv_reduce_sum(s, area, KV_VECTOR(s, axis - y->rank), (kv_keep_dims_attrs){.keep_dims = false});
  return kv_cast(s, area, dtype);
}
