/* Interval functions that several primitives have; the others stand beside infer and eval of theirs. */
#include "prim/interval.h"

#include "prim/prim.h"

/* Elements of operand 0, all or some, once or more. */
kv_interval kv_interval_same(const kv_bounds *b) { return b->in[0]; }

/* Up to the largest dimension of x, or up to its number of elements. */
static kv_interval up_to(const kv_output *x, bool elements) {
  int64_t n = elements;
  for (int k = 0; k < x->rank; k++) {
    int64_t d = x->shape[k];
    if (d < 0 || (elements && __builtin_mul_overflow(n, d, &n))) return (kv_interval){0, KV_DIMENSION_MAX};
    if (!elements && d > n) n = d;
  }
  return (kv_interval){0, n};
}

/* Along axes of operand 0; among all its elements; among those of operand 1. */
kv_interval kv_interval_places(const kv_bounds *b) { return up_to(kv_bounds_operand(b, 0), false); }
kv_interval kv_interval_positions(const kv_bounds *b) { return up_to(kv_bounds_operand(b, 0), true); }
kv_interval kv_interval_buckets(const kv_bounds *b) { return up_to(kv_bounds_operand(b, 1), true); }

int64_t kv_bounds_along(const kv_bounds *b, size_t axes) {
  const kv_output *x = kv_bounds_operand(b, 0);
  const kvino_tensor *list = b->node->in[axes].node->constant;
  int64_t n = 1;
  for (int64_t i = 0; i < (list ? list->size : x->rank); i++) {
    int64_t axis = list ? kv_tensor_get_int(list, i) : i;
    int64_t d = x->shape[axis < 0 ? axis + x->rank : axis];
    if (d < 0 || __builtin_mul_overflow(n, d, &n)) return -1;
  }
  return n;
}

kv_interval kv_bounds_sum(const kv_bounds *b, int64_t n, kv_wide low, kv_wide high) {
  if (n < 0) return kv_interval_of_dtype(kv_bounds_dtype(b));
  low = kv_wide_product(low, n);
  high = kv_wide_product(high, n);
  return kv_interval_fit(kv_bounds_dtype(b), low < 0 ? low : 0, high > 0 ? high : 0);
}
