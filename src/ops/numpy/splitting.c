/* keras.ops.numpy: splitting arrays. */
#include "ops/common.h"

static kvino_tensors no_sections(kv_scope *s) {
  kv_scope_fail(s, KVINO_INVALID, "number sections must be larger than 0.");
  return KV_NO_TENSORS;
}

/* Cut at indices, as Python's slices understand them. */
static kvino_tensors cut_at(kv_scope *s, kvino_tensor *x, int n, const int64_t *at, int64_t axis) {
  kvino_tensor **part = kv_scope_alloc(s, (size_t)n + 1, sizeof *part);
  if (!part) return KV_NO_TENSORS;
  for (int i = 0; i <= n; i++) part[i] = kv_cut(s, x, axis, i ? at[i - 1] : 0, i < n ? at[i] : INT64_MAX);
  return (kvino_tensors){(size_t)n + 1, part};
}

kvino_tensors op_split(kv_scope *s, kvino_tensor *x, kvino_ints indices_or_sections, int64_t axis) {
  int64_t *v;
  int n;
  x = kv_strong(s, x);
  if (!x || !kv_axis_ok(s, &axis, x->rank) || !kv_all_plain_ints(s, indices_or_sections, &n, &v)) return KV_NO_TENSORS;
  if (indices_or_sections.list) return cut_at(s, x, n, v, axis);
  if (!n || v[0] <= 0) return no_sections(s);
  return kv_split(s, x, kv_int(s, KVINO_I64, axis), (kv_split_attrs){.num_splits = v[0]});
}

/* Part i of `sections` of an axis whose length is computed in the graph: the first length % sections are one longer. */
static kvino_tensor *computed_part(kv_scope *s, kvino_tensor *x, int64_t axis, int64_t i, int64_t sections,
                                   kvino_tensor *length) {
  kvino_tensor *n = kv_int(s, KVINO_I64, sections), *bound[2];
  kvino_tensor *each = kv_floor_divide(s, length, n), *longer = kv_floor_mod(s, length, n);
  for (int64_t k = 0; k < 2; k++) {
    kvino_tensor *index = kv_int(s, KVINO_I64, i + k);
    bound[k] = kv_add(s, kv_multiply(s, index, each), kv_minimum(s, index, longer));
    bound[k] = kv_unsqueeze(s, bound[k], KV_VECTOR(s, 0));
  }
  return kv_slice(s, 5, (kvino_tensor *[]){x, bound[0], bound[1], KV_VECTOR(s, 1), KV_VECTOR(s, axis)});
}

kvino_tensors op_array_split(kv_scope *s, kvino_tensor *x, kvino_ints indices_or_sections, int64_t axis) {
  int64_t *v;
  int n;
  x = kv_strong(s, x);
  if (!x || !kv_axis_ok(s, &axis, x->rank) || !kv_all_plain_ints(s, indices_or_sections, &n, &v)) return KV_NO_TENSORS;
  if (indices_or_sections.list) return cut_at(s, x, n, v, axis);
  if (!n || v[0] <= 0) return no_sections(s);
  if (v[0] > INT32_MAX) {
    kv_scope_fail(s, KVINO_INVALID, "%lld sections are too many", (long long)v[0]);
    return KV_NO_TENSORS;
  }
  int64_t sections = v[0], length = x->shape[axis];
  kvino_tensor **part = kv_scope_alloc(s, (size_t)sections, sizeof *part), *computed = NULL;
  if (!part) return KV_NO_TENSORS;
  if (length < 0) computed = kv_dimension(s, x, axis);
  for (int64_t i = 0, begin = 0; i < sections && !s->status; i++) {
    int64_t end = begin + length / sections + (i < length % sections);
    part[i] = computed ? computed_part(s, x, axis, i, sections, computed) : kv_cut(s, x, axis, begin, end);
    begin = end;
  }
  return (kvino_tensors){(size_t)sections, part};
}

/* hsplit, vsplit, dsplit: split along an axis that the name tells; x needs `least` dimensions. */
static kvino_tensors split_along(kv_scope *s, kvino_tensor *x, kvino_ints indices_or_sections, const char *name,
                                 int least, int64_t axis) {
  if (!x) return KV_NO_TENSORS;
  if (x->rank < least) {
    kv_scope_fail(s, KVINO_INVALID, "%s only works on arrays of %d or more dimensions", name, least);
    return KV_NO_TENSORS;
  }
  return op_split(s, x, indices_or_sections, axis);
}
kvino_tensors op_hsplit(kv_scope *s, kvino_tensor *x, kvino_ints indices_or_sections) {
  return split_along(s, x, indices_or_sections, "hsplit", 1, x && x->rank > 1 ? 1 : 0);
}
kvino_tensors op_vsplit(kv_scope *s, kvino_tensor *x, kvino_ints indices_or_sections) {
  return split_along(s, x, indices_or_sections, "vsplit", 2, 0);
}
kvino_tensors op_dsplit(kv_scope *s, kvino_tensor *x, kvino_ints indices_or_sections) {
  return split_along(s, x, indices_or_sections, "dsplit", 3, 2);
}
