/* Axes, shapes and views for the composites. */
#include "ops/common.h"

#include <limits.h>

kvino_tensor *kv_ints_operand(kv_scope *s, kvino_ints values) {
  if (values.n < 0) return kv_scope_fail(s, KVINO_TYPE, "a shape is expected, not None");
  bool plain = true;
  for (int64_t i = 0; values.symbolic && i < values.n; i++) plain = plain && !values.symbolic[i];
  if (plain) return kv_vector(s, (size_t)values.n, values.v);
  kvino_tensor **part = kv_scope_alloc(s, (size_t)values.n, sizeof *part);
  for (int64_t i = 0; part && i < values.n; i++) {
    kvino_tensor *one = values.symbolic[i];
    part[i] = one ? kv_flatten(s, kv_cast(s, one, KVINO_I64)) : kv_vector(s, 1, &values.v[i]);
  }
  return part ? kv_concat(s, (size_t)values.n, part, (kv_axis_attrs){.axis = 0}) : NULL;
}

bool kv_axis_ok(kv_scope *s, int64_t *axis, int rank) {
  if (*axis == KVINO_NO_INTEGER) kv_scope_fail(s, KVINO_TYPE, "'NoneType' object cannot be interpreted as an integer");
  return !s->status && kv_scope_ok(s, kv_normalize_axis(axis, rank, s->err));
}

bool kv_plain_ints(kv_scope *s, kvino_ints values, int most, int *n, int64_t *out) {
  *n = 0;
  if (values.n > most) {
    kv_scope_fail(s, KVINO_INVALID, "expected at most %d integers, found %lld", most, (long long)values.n);
    return false;
  }
  for (int64_t i = 0; i < values.n; i++) {
    int one;
    int64_t known[KV_KNOWN_MAX];
    kvino_tensor *t = values.symbolic ? values.symbolic[i] : NULL;
    if (t && !(kv_all_known(t, &one, known) && one == 1)) {
      kv_scope_fail(s, KVINO_UNSUPPORTED, "this argument must be known when the graph is built, not computed in it");
      return false;
    }
    out[i] = t ? known[0] : values.v[i];
  }
  *n = values.n < 0 ? 0 : (int)values.n;
  return true;
}

bool kv_all_plain_ints(kv_scope *s, kvino_ints values, int *n, int64_t **out) {
  int64_t most = values.n < 0 ? 0 : values.n;
  if (most > INT_MAX) {
    kv_scope_fail(s, KVINO_INVALID, "expected at most %d integers, found %lld", INT_MAX, (long long)most);
    return false;
  }
  *out = kv_scope_alloc(s, (size_t)most, sizeof **out);
  return *out && kv_plain_ints(s, values, (int)most, n, *out);
}

kvino_tensor *kv_axes(kv_scope *s, kvino_ints axes, int rank) {
  int64_t v[KVINO_MAX_RANK];
  int n = rank;
  if (axes.n < 0) {
    for (int i = 0; i < rank; i++) v[i] = i;
  } else if (!kv_plain_ints(s, axes, KVINO_MAX_RANK, &n, v)) {
    return NULL;
  }
  for (int i = 0; i < n; i++)
    if (!kv_axis_ok(s, &v[i], rank)) return NULL;
  return kv_vector(s, (size_t)n, v);
}

kvino_tensor *kv_reshape_to(kv_scope *s, kvino_tensor *x, int rank, const int64_t *shape) {
  return kv_reshape(s, x, kv_vector(s, (size_t)rank, shape), (kv_reshape_attrs){.special_zero = false});
}

kvino_tensor *kv_flatten(kv_scope *s, kvino_tensor *x) {
  if (!x || x->rank == 1) return x;
  return kv_reshape_to(s, x, 1, x->size >= 0 ? &x->size : (int64_t[]){-1}); /* -1 is ambiguous where x is empty */
}

kvino_tensor *kv_permute(kv_scope *s, kvino_tensor *x, const int64_t *perm) {
  if (!x) return NULL;
  bool same = true;
  for (int i = 0; i < x->rank; i++) same = same && perm[i] == i;
  return same ? x : kv_transpose(s, x, kv_vector(s, x->rank, perm));
}

kvino_tensor *kv_dims(kv_scope *s, kvino_tensor *x) {
  if (x && x->size >= 0) return kv_vector(s, x->rank, x->shape);
  return kv_shape_of(s, x, (kv_output_type_attrs){.output_type = KVINO_I64});
}

kvino_tensor *kv_dimension(kv_scope *s, kvino_tensor *x, int64_t axis) {
  if (!x) return NULL;
  if (x->shape[axis] >= 0) return kv_int(s, KVINO_I64, x->shape[axis]);
  return kv_gather(s, kv_dims(s, x), kv_int(s, KVINO_I64, axis), kv_int(s, KVINO_I64, 0),
                   (kv_gather_attrs){.batch_dims = 0});
}

kvino_tensor *kv_broadcast_shape(kv_scope *s, kvino_tensor *x, kvino_tensor *shape) {
  return kv_broadcast(s, x, shape, (kv_broadcast_attrs){.mode = "numpy"});
}

kvino_tensor *kv_cut(kv_scope *s, kvino_tensor *x, int64_t axis, int64_t begin, int64_t end) {
  return kv_slice(s, 5,
                  (kvino_tensor *[]){x, KV_VECTOR(s, begin), KV_VECTOR(s, end), KV_VECTOR(s, 1), KV_VECTOR(s, axis)});
}

kvino_tensors kv_unstack(kv_scope *s, kvino_tensor *x, int64_t axis, int64_t n) {
  if (!x || !n) return (kvino_tensors){0, kv_scope_alloc(s, 1, sizeof(kvino_tensor *))};
  if (kv_is_symbolic(x)) {
    kvino_tensors part = kv_split(s, x, kv_int(s, KVINO_I64, axis), (kv_split_attrs){.num_splits = n});
    kvino_tensor *at = KV_VECTOR(s, axis);
    for (size_t i = 0; i < part.n; i++) part.v[i] = kv_squeeze(s, part.v[i], at);
    return part;
  }
  /* Data in hand: each slice is one view, without the two steps of a graph. */
  int64_t shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
  int rank = 0;
  for (int i = 0; i < x->rank; i++) {
    if (i == axis) continue;
    shape[rank] = x->shape[i];
    strides[rank++] = x->strides[i];
  }
  kvino_tensor **v = kv_scope_alloc(s, (size_t)n, sizeof *v);
  for (int64_t i = 0; v && i < n; i++) {
    v[i] = NULL;
    if (!kv_scope_ok(s, kv_tensor_view(x, (kvino_dtype)x->dtype, rank, shape, strides, x->data + i * x->strides[axis],
                                       &v[i], s->err)))
      return KV_NO_TENSORS;
    v[i] = kv_own(s, v[i]);
  }
  return (kvino_tensors){v ? (size_t)n : 0, v};
}

kvino_tensor *kv_like(kv_scope *s, const kvino_tensor *x, double value) {
  return x ? kv_number(s, (kvino_dtype)x->dtype, value) : NULL;
}

kvino_tensor *kv_truth(kv_scope *s, kvino_tensor *x) { return kv_cast(s, x, KVINO_BOOL); }

kvino_dtype kv_work_dtype(kvino_dtype dtype) {
  bool small = kvino_dtype_is_float(dtype) && kvino_dtype_size(dtype) < 4;
  return small ? KVINO_F32 : dtype;
}

kvino_dtype kv_work_dtype_of(const kvino_tensor *x) {
  kvino_dtype dtype = kv_dtype_of(x);
  if (kv_is_inexact(dtype)) return kv_work_dtype(dtype);
  return kvino_dtype_size(dtype) < 4 ? KVINO_F32 : KVINO_F64;
}
