/* keras.ops.numpy: shapes, joining, repeating, turning. */
#include "ops/common.h"

kvino_tensor *op_reshape(kv_scope *s, kvino_tensor *x, kvino_ints newshape) {
  return kv_reshape(s, kv_strong(s, x), kv_ints_operand(s, newshape), (kv_reshape_attrs){.special_zero = false});
}
kvino_tensor *op_ravel(kv_scope *s, kvino_tensor *x) { return kv_flatten(s, kv_strong(s, x)); }
kvino_tensor *op_copy(kv_scope *s, kvino_tensor *x) {
  if (s->status) return NULL;
  x = kv_strong(s, x);
  return x && kv_is_symbolic(x) ? kv_identity(s, x) : x; /* a value of its own: derivatives tell it from x */
}

kvino_tensor *op_view(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  x = kv_strong(s, x);
  if (!x || dtype == KVINO_NO_DTYPE || dtype == (kvino_dtype)x->dtype) return x;
  return kv_bitcast(s, x, (kv_convert_attrs){.destination_type = dtype});
}

kvino_tensor *op_transpose(kv_scope *s, kvino_tensor *x, kvino_ints axes) {
  x = kv_strong(s, x);
  if (!x || axes.n < 0) return kv_transpose(s, x, kv_vector(s, 0, NULL));
  if (axes.n != x->rank) return kv_scope_fail(s, KVINO_INVALID, "axes don't match array");
  return x->rank ? kv_transpose(s, x, kv_axes(s, axes, x->rank)) : x;
}

kvino_tensor *op_swapaxes(kv_scope *s, kvino_tensor *x, int64_t axis1, int64_t axis2) {
  int64_t perm[KVINO_MAX_RANK];
  x = kv_strong(s, x);
  if (!x || !kv_axis_ok(s, &axis1, x->rank) || !kv_axis_ok(s, &axis2, x->rank)) return NULL;
  for (int i = 0; i < x->rank; i++) perm[i] = i == axis1 ? axis2 : i == axis2 ? axis1 : i;
  return kv_permute(s, x, perm);
}

kvino_tensor *op_moveaxis(kv_scope *s, kvino_tensor *x, kvino_ints source, kvino_ints destination) {
  int64_t from[KVINO_MAX_RANK], to[KVINO_MAX_RANK], perm[KVINO_MAX_RANK];
  int n, m;
  x = kv_strong(s, x);
  if (!x || !kv_plain_ints(s, source, KVINO_MAX_RANK, &n, from) ||
      !kv_plain_ints(s, destination, KVINO_MAX_RANK, &m, to))
    return NULL;
  if (n != m)
    return kv_scope_fail(s, KVINO_INVALID,
                         "`source` and `destination` arguments must have the same number of elements");
  bool taken[KVINO_MAX_RANK] = {false};
  for (int i = 0; i < x->rank; i++) perm[i] = -1;
  for (int i = 0; i < n; i++) {
    if (!kv_axis_ok(s, &from[i], x->rank) || !kv_axis_ok(s, &to[i], x->rank)) return NULL;
    if (taken[from[i]]) return kv_scope_fail(s, KVINO_INVALID, "repeated axis in `source` argument");
    if (perm[to[i]] >= 0) return kv_scope_fail(s, KVINO_INVALID, "repeated axis in `destination` argument");
    perm[to[i]] = from[i];
    taken[from[i]] = true;
  }
  for (int i = 0, next = 0; i < x->rank; i++) {
    if (perm[i] >= 0) continue;
    while (taken[next]) next++;
    perm[i] = next++;
  }
  return kv_permute(s, x, perm);
}

kvino_tensor *op_squeeze(kv_scope *s, kvino_tensor *x, kvino_ints axis) {
  x = kv_strong(s, x);
  if (!x || axis.n == 0) return x; /* to the primitive an empty list means every axis of length 1 */
  if (axis.n > 0) return kv_squeeze(s, x, kv_axes(s, axis, x->rank));
  int64_t ones[KVINO_MAX_RANK];
  size_t n = 0;
  kvino_tensor *longer = NULL, *one = kv_int(s, KVINO_I64, 1);
  for (int i = 0; i < x->rank; i++) {
    if (x->shape[i] == 1) ones[n++] = i;
    if (x->shape[i] >= 0) continue;
    kvino_tensor *fits = kv_not_equal(s, kv_dimension(s, x, i), one);
    longer = longer ? kv_logical_and(s, longer, fits) : fits;
  }
  if (longer) x = kv_demand_by(s, KV_BY_SHAPES, KV_REFUSAL_squeeze, x, longer, 0, NULL);
  return n ? kv_squeeze(s, x, kv_vector(s, n, ones)) : x;
}

kvino_tensor *op_expand_dims(kv_scope *s, kvino_tensor *x, kvino_ints axis) {
  x = kv_strong(s, x);
  if (!x || axis.n == 0) return x;
  if (axis.n < 0) return kv_scope_fail(s, KVINO_TYPE, "axis must be an integer or a list of integers, not None");
  return kv_unsqueeze(s, x, kv_axes(s, axis, x->rank + (int)axis.n));
}

kvino_tensor *op_broadcast_to(kv_scope *s, kvino_tensor *x, kvino_ints shape) {
  return kv_broadcast_shape(s, kv_strong(s, x), kv_ints_operand(s, shape));
}

/* ---- joining ---- */

/* The tensors in their common dtype, transformed by `each` where it is given. */
static kvino_tensor **aligned(kv_scope *s, kvino_tensors xs, kvino_tensor *(*each)(kv_scope *, kvino_tensor *)) {
  kvino_tensor **v = kv_scope_alloc(s, xs.n, sizeof *v);
  kvino_dtype dtype = kv_result_type(s, xs.n, xs.v);
  for (size_t i = 0; v && i < xs.n; i++) {
    v[i] = kv_cast(s, xs.v[i], dtype);
    if (each) v[i] = each(s, v[i]);
  }
  return v;
}

static kvino_tensor *join(kv_scope *s, kvino_tensors xs, int64_t axis,
                          kvino_tensor *(*each)(kv_scope *, kvino_tensor *)) {
  if (!xs.n) return kv_scope_fail(s, KVINO_INVALID, "need at least one array to concatenate");
  kvino_tensor **v = aligned(s, xs, each);
  return v ? kv_concat(s, xs.n, v, (kv_axis_attrs){.axis = axis}) : NULL;
}

kvino_tensor *op_concatenate(kv_scope *s, kvino_tensors xs, int64_t axis) {
  return axis == KVINO_NO_INTEGER ? join(s, xs, 0, kv_flatten) : join(s, xs, axis, NULL);
}

kvino_tensor *op_stack(kv_scope *s, kvino_tensors xs, int64_t axis) {
  if (!xs.n) return kv_scope_fail(s, KVINO_INVALID, "need at least one array to stack");
  kvino_tensor **v = aligned(s, xs, NULL);
  if (!v || !v[0] || !kv_axis_ok(s, &axis, v[0]->rank + 1)) return NULL;
  for (size_t i = 1; i < xs.n; i++) {
    bool same = v[i] && v[i]->rank == v[0]->rank;
    for (int k = 0; same && k < v[0]->rank; k++)
      same = v[i]->shape[k] == v[0]->shape[k] || v[i]->shape[k] < 0 || v[0]->shape[k] < 0;
    if (v[i] && !same) return kv_scope_fail(s, KVINO_INVALID, "all input arrays must have the same shape");
  }
  kvino_tensor *at = KV_VECTOR(s, axis);
  for (size_t i = 0; i < xs.n; i++) v[i] = kv_unsqueeze(s, v[i], at);
  return kv_concat(s, xs.n, v, (kv_axis_attrs){.axis = axis});
}

static kvino_tensor *at_least_1d(kv_scope *s, kvino_tensor *x) { return x && !x->rank ? kv_flatten(s, x) : x; }
static kvino_tensor *at_least_2d(kv_scope *s, kvino_tensor *x) {
  x = at_least_1d(s, x);
  return x && x->rank == 1 ? kv_unsqueeze(s, x, KV_VECTOR(s, 0)) : x;
}
kvino_tensor *op_hstack(kv_scope *s, kvino_tensors xs) {
  return join(s, xs, xs.n && xs.v[0] && xs.v[0]->rank > 1 ? 1 : 0, at_least_1d);
}
kvino_tensor *op_vstack(kv_scope *s, kvino_tensors xs) { return join(s, xs, 0, at_least_2d); }

static kvino_tensor *at_least_3d(kv_scope *s, kvino_tensor *x) {
  x = at_least_2d(s, x);
  return x && x->rank == 2 ? kv_unsqueeze(s, x, KV_VECTOR(s, 2)) : x;
}
kvino_tensor *op_dstack(kv_scope *s, kvino_tensors xs) { return join(s, xs, 2, at_least_3d); }

/* Vectors become columns. */
static kvino_tensor *as_columns(kv_scope *s, kvino_tensor *x) {
  x = at_least_1d(s, x);
  return x && x->rank == 1 ? kv_unsqueeze(s, x, KV_VECTOR(s, 1)) : x;
}
kvino_tensor *op_column_stack(kv_scope *s, kvino_tensors xs) { return join(s, xs, 1, as_columns); }

kvino_tensor *op_append(kv_scope *s, kvino_tensor *x1, kvino_tensor *x2, int64_t axis) {
  return op_concatenate(s, KV_LIST(x1, x2), axis);
}

/* ---- repeating ---- */

kvino_tensor *op_tile(kv_scope *s, kvino_tensor *x, kvino_ints repeats) {
  return kv_tile(s, kv_strong(s, x), kv_ints_operand(s, repeats));
}

kvino_tensor *op_repeat(kv_scope *s, kvino_tensor *x, kvino_ints repeats, int64_t axis) {
  int64_t *times;
  int n;
  x = kv_strong(s, x);
  if (axis == KVINO_NO_INTEGER) {
    x = kv_flatten(s, x);
    axis = 0;
  }
  if (!x || !kv_axis_ok(s, &axis, x->rank) || !kv_all_plain_ints(s, repeats, &n, &times)) return NULL;
  for (int i = 0; i < n; i++)
    if (times[i] < 0) return kv_scope_fail(s, KVINO_INVALID, "repeats may not contain negative values.");
  kvino_tensor *count = kv_dimension(s, x, axis), *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1);
  kv_output_type_attrs as = {.output_type = KVINO_I64};
  kvino_tensor *index; /* which element stands at each place of the result */
  if (n == 1) {
    index = kv_unsqueeze(s, kv_range(s, zero, count, one, as), KV_VECTOR(s, 1));
    index = kv_flatten(s, kv_tile(s, index, KV_VECTOR(s, 1, times[0])));
  } else {
    kv_length_pair pair = {{x, axis}, {NULL, n}};
    if (!(x = kv_demand_lengths(s, KV_REFUSAL_repeats, x, 1, &pair, 2, (kv_length[]){{x, axis}, {NULL, n}})))
      return NULL;
    kvino_tensor **part = kv_scope_alloc(s, (size_t)n + 1, sizeof *part);
    if (!part) return NULL;
    for (int i = 0; i < n; i++) part[i] = kv_broadcast_shape(s, kv_int(s, KVINO_I64, i), KV_VECTOR(s, times[i]));
    part[n] = kv_vector(s, 0, NULL);
    index = kv_concat(s, (size_t)n + 1, part, (kv_axis_attrs){.axis = 0});
  }
  return kv_gather(s, x, index, kv_int(s, KVINO_I64, axis), (kv_gather_attrs){.batch_dims = 0});
}

kvino_tensor *op_flip(kv_scope *s, kvino_tensor *x, kvino_ints axis) {
  int64_t axes[KVINO_MAX_RANK], start[KVINO_MAX_RANK], stop[KVINO_MAX_RANK], step[KVINO_MAX_RANK];
  int n;
  x = kv_strong(s, x);
  if (!x || !kv_plain_ints(s, axis, KVINO_MAX_RANK, &n, axes)) return NULL;
  if (axis.n < 0)
    for (n = 0; n < x->rank; n++) axes[n] = n;
  for (int i = 0; i < n; i++) {
    if (!kv_axis_ok(s, &axes[i], x->rank)) return NULL;
    for (int k = 0; k < i; k++)
      if (axes[k] == axes[i]) return kv_scope_fail(s, KVINO_INVALID, "repeated axis");
    start[i] = INT64_MAX;
    stop[i] = INT64_MIN;
    step[i] = -1;
  }
  if (!n) return x;
  return kv_slice(s, 5,
                  (kvino_tensor *[]){x, kv_vector(s, n, start), kv_vector(s, n, stop), kv_vector(s, n, step),
                                     kv_vector(s, n, axes)});
}

kvino_tensor *op_fliplr(kv_scope *s, kvino_tensor *x) {
  if (x && x->rank < 2) return kv_scope_fail(s, KVINO_INVALID, "Input must be >= 2-d.");
  return op_flip(s, x, KVINO_INTS(1));
}
kvino_tensor *op_flipud(kv_scope *s, kvino_tensor *x) {
  if (x && x->rank < 1) return kv_scope_fail(s, KVINO_INVALID, "Input must be >= 1-d.");
  return op_flip(s, x, KVINO_INTS(0));
}

kvino_tensor *op_rot90(kv_scope *s, kvino_tensor *array, int64_t k, kvino_ints axes) {
  int64_t v[KVINO_MAX_RANK];
  int n;
  if (!array || !kv_plain_ints(s, axes, KVINO_MAX_RANK, &n, v)) return NULL;
  if (array->rank < 2)
    return kv_scope_fail(s, KVINO_INVALID, "Input array must have at least 2 dimensions. Received: array.ndim=%d",
                         array->rank);
  bool pair = n == 2;
  for (int i = 0; pair && i < 2; i++)
    if (!kv_axis_ok(s, &v[i], array->rank)) return NULL;
  if (!pair || v[0] == v[1])
    return kv_scope_fail(s, KVINO_INVALID, "Invalid axes. Axes must be a tuple of two different dimensions.");
  int64_t turns = k & 3; /* the two last bits of a negative number say the same */
  if (turns == 2) return op_flip(s, array, KVINO_INTS(v[0], v[1]));
  if (turns) array = op_swapaxes(s, array, v[0], v[1]);
  /* A quarter is the transpose upside down, three are its mirror image. */
  return turns ? op_flip(s, array, KVINO_INTS(v[turns == 1 ? 0 : 1])) : kv_strong(s, array);
}

kvino_tensor *op_roll(kv_scope *s, kvino_tensor *x, kvino_ints shift, kvino_ints axis) {
  x = kv_strong(s, x);
  if (!x) return NULL;
  bool flat = axis.n < 0;
  kvino_tensor *y = flat ? kv_flatten(s, x) : x, *shifts = kv_ints_operand(s, shift);
  kvino_tensor *axes = flat ? KV_VECTOR(s, 0) : kv_axes(s, axis, x->rank);
  int64_t n = flat ? 1 : axis.n;
  if (shift.n != n && shift.n != 1 && n != 1)
    return kv_scope_fail(
        s, KVINO_INVALID,
        "shape mismatch: objects cannot be broadcast to a single shape.  Mismatch is between arg 0 with "
        "shape (%lld,) and arg 1 with shape (%lld,).",
        (long long)shift.n, (long long)n);
  /* One shift for several axes; several shifts of one axis add up. */
  if (shift.n == 1 && n > 1) shifts = kv_broadcast_shape(s, shifts, KV_VECTOR(s, n));
  if (n == 1 && shift.n != 1)
    shifts = kv_reduce_sum(s, shifts, KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = true});
  y = kv_roll(s, y, shifts, axes);
  return flat ? kv_reshape(s, y, kv_dims(s, x), (kv_reshape_attrs){.special_zero = false}) : y;
}
