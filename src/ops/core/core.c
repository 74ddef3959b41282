/* keras.ops.core: casts, slices, scatters. Control flow is with the callers that have functions to trace. */
#include <math.h>
#include <string.h>

#include "ops/common.h"

kvino_tensor *op_cast(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  if (dtype == KVINO_NO_DTYPE) return kv_scope_fail(s, KVINO_TYPE, "dtype must be given");
  return kv_cast(s, x, dtype);
}

/* ---- casts that saturate ---- */

static int value_bits(kvino_dtype dtype) { return 8 * (int)kvino_dtype_size(dtype) - kvino_dtype_is_signed(dtype); }

/* The largest value of an integer dtype with that many bits, as one of `dtype`. */
static kvino_tensor *largest_of(kv_scope *s, kvino_dtype dtype, int bits) {
  return kv_int(s, dtype, (int64_t)(UINT64_MAX >> (64 - bits)));
}

static kvino_tensor *saturate_integer(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  kvino_dtype from = (kvino_dtype)x->dtype;
  bool is_signed = kvino_dtype_is_signed(dtype);
  int bits = value_bits(dtype);
  if (value_bits(from) > bits) x = kv_minimum(s, x, largest_of(s, from, bits));
  if (kvino_dtype_is_signed(from) && (!is_signed || value_bits(from) > bits))
    x = kv_maximum(s, x, kv_int(s, from, is_signed ? -(INT64_C(1) << bits) : 0));
  return kv_cast(s, x, dtype);
}

static int digits_of(kvino_dtype dtype) {
  switch (dtype) {
  case KVINO_F8E4M3:
    return 4;
  case KVINO_F8E5M2:
    return 3;
  case KVINO_F16:
    return 11;
  case KVINO_BF16:
    return 8;
  case KVINO_F32:
    return 24;
  default:
    return 53;
  }
}

/* Where the largest integer has more digits than a float, the next one, 2^bits, is the first out of range. */
static kvino_tensor *saturate_float(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  kvino_dtype from = (kvino_dtype)x->dtype;
  int bits = value_bits(dtype);
  double end = ldexp(1, bits), most = kv_largest(from), least = kvino_dtype_is_signed(dtype) ? -end : 0;
  kv_clamp_attrs range = {.min = fmax(least, -most), .max = fmin(bits <= digits_of(from) ? end - 1 : end, most)};
  kvino_tensor *y = kv_cast(s, kv_clamp(s, x, range), dtype);
  if (range.max < end) return y;
  return kv_select(s, kv_greater_equal(s, x, kv_like(s, x, end)), largest_of(s, dtype, bits), y);
}

kvino_tensor *op_saturate_cast(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  if (dtype == KVINO_NO_DTYPE) return kv_scope_fail(s, KVINO_TYPE, "dtype must be given");
  if (!x || s->status) return NULL;
  kvino_dtype from = (kvino_dtype)x->dtype;
  if (from == KVINO_BOOL || dtype == KVINO_BOOL || kvino_dtype_is_complex(from) || kvino_dtype_is_complex(dtype))
    return kv_cast(s, x, dtype);
  if (kvino_dtype_is_integer(dtype))
    return kvino_dtype_is_integer(from) ? saturate_integer(s, x, dtype) : saturate_float(s, x, dtype);
  double most = kv_largest(dtype);
  if (kvino_dtype_is_integer(from) && ldexp(1, value_bits(from)) <= most) return kv_cast(s, x, dtype);
  if (kvino_dtype_is_float(from)) {
    most = fmin(most, kv_largest(from));    /* infinity is out of range */
    x = kv_cast(s, x, kv_work_dtype(from)); /* bf16 does not have f16's largest value */
  }
  return kv_cast(s, kv_clamp(s, x, (kv_clamp_attrs){.min = -most, .max = most}), dtype);
}

kvino_tensor *op_stop_gradient(kv_scope *s, kvino_tensor *x) {
  if (s->status) return NULL;
  x = kv_strong(s, x);
  return x && kv_is_symbolic(x) ? kv_stop_gradient(s, x) : x;
}

kvino_tensor *op_shape_tensor(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  return kv_cast(s, kv_dims(s, x), dtype == KVINO_NO_DTYPE ? KVINO_I32 : dtype);
}

/* ---- boxes: a start and a length on each axis ---- */

typedef struct box {
  int64_t start[KVINO_MAX_RANK],
      length[KVINO_MAX_RANK]; /* KV_UNKNOWN: computed in the graph; a length of -1: the rest */
  bool known;                 /* every start and every length is */
} box;

static int64_t known_entry(kvino_ints values, int i) {
  int n;
  int64_t known[KV_KNOWN_MAX];
  kvino_tensor *t = values.symbolic ? values.symbolic[i] : NULL;
  return !t ? values.v[i] : kv_all_known(t, &n, known) && n == 1 ? known[0] : KV_UNKNOWN;
}

/* What is known is checked, and counts from 0 where the axis' length is known as well. */
static bool read_box(kv_scope *s, const kvino_tensor *x, kvino_ints starts, kvino_ints lengths, box *b) {
  b->known = true;
  for (int i = 0; i < x->rank; i++) {
    int64_t start = known_entry(starts, i), length = known_entry(lengths, i), given = start, dimension = x->shape[i];
    if (start != KV_UNKNOWN && dimension >= 0) {
      if (start < 0) start += dimension;
      if (length == -1) length = dimension - start;
      if (start < 0 || start > dimension || (length != KV_UNKNOWN && (length < 0 || length > dimension - start))) {
        kv_refusal_word word[KV_REFUSAL_NUMBERS] = {
            {.integer = length == KV_UNKNOWN ? 0 : length}, {.integer = given}, {.integer = i}, {.integer = dimension}};
        kv_scope_ok(s, kv_refuse(KV_REFUSAL_box, word, s->err));
        return false;
      }
    }
    b->start[i] = start;
    b->length[i] = length;
    b->known = b->known && start >= 0 && length >= 0; /* KV_UNKNOWN is negative */
  }
  return true;
}

/* x[start:stop] on every axis. */
static kvino_tensor *cut(kv_scope *s, kvino_tensor *x, kvino_tensor *start, kvino_tensor *stop) {
  int64_t axes[KVINO_MAX_RANK], ones[KVINO_MAX_RANK];
  for (int i = 0; i < x->rank; i++) {
    axes[i] = i;
    ones[i] = 1;
  }
  size_t n = (size_t)x->rank;
  return kv_slice(s, 5, (kvino_tensor *[]){x, start, stop, kv_vector(s, n, ones), kv_vector(s, n, axes)});
}

/* An entry as a 0-d int64 tensor. */
static kvino_tensor *entry(kv_scope *s, kvino_ints values, int i) {
  kvino_tensor *t = values.symbolic ? values.symbolic[i] : NULL;
  return t ? kv_reshape_to(s, kv_cast(s, t, KVINO_I64), 0, NULL) : kv_int(s, KVINO_I64, values.v[i]);
}

/* x, where the box lies in it on every axis on which that is not known yet. */
static kvino_tensor *demand_box(kv_scope *s, kvino_tensor *x, kvino_ints starts, kvino_ints lengths, const box *b,
                                const char *by) {
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *y = x;
  for (int i = 0; y && i < x->rank; i++) {
    bool checked = x->shape[i] >= 0 && b->start[i] != KV_UNKNOWN && b->length[i] != KV_UNKNOWN;
    if (checked) continue;
    kvino_tensor *size = kv_dimension(s, x, i), *given = entry(s, starts, i), *start = given;
    if (b->start[i] < 0) start = kv_select(s, kv_less(s, given, zero), kv_add(s, given, size), given);
    kvino_tensor *rest = kv_subtract(s, size, start), *length = b->length[i] == -1 ? rest : entry(s, lengths, i);
    /* the least of what must not be negative: the start, the length, and what is left of the axis */
    kvino_tensor *room = kv_minimum(s, kv_minimum(s, start, length), kv_subtract(s, rest, length));
    kvino_tensor *in[] = {y, kv_greater_equal(s, room, zero), length, given, kv_int(s, KVINO_I64, i), size};
    y = kv_require(s, 6, in, (kv_refusal_attrs){.refusal = KV_REFUSAL_box, .by = by});
  }
  return y;
}

/* OpenVINO takes what lies before the first element for that: its run does not fail of it. */
static kvino_tensor *demand_starts(kv_scope *s, kvino_tensor *x, kvino_ints starts, const box *b) {
  bool may_lie_before = false;
  for (int i = 0; i < x->rank; i++) may_lie_before |= b->start[i] < 0; /* KV_UNKNOWN, too */
  if (!may_lie_before) return x;
  kvino_tensor *least = kv_subtract(s, kv_int(s, KVINO_I64, 0), kv_dims(s, x)), *axis = kv_int(s, KVINO_I64, 0);
  kvino_tensor *inside = kv_greater_equal(s, kv_ints_operand(s, starts), least);
  kvino_tensor *in[] = {x, inside, axis, entry(s, starts, 0), axis, kv_dimension(s, x, 0)};
  return kv_require(s, 6, in, (kv_refusal_attrs){.refusal = KV_REFUSAL_box, .by = KV_BY_GUARD});
}

/* From a start that is computed: all that follows, then the first `length` of it, without arithmetic on bounds. Where
 * every length is known, the result has them, and a box that leaves x is refused at run time. */
static kvino_tensor *computed_slice(kv_scope *s, kvino_tensor *x, kvino_ints starts, kvino_ints lengths, const box *b) {
  int64_t zeros[KVINO_MAX_RANK] = {0}, ends[KVINO_MAX_RANK], ask[KVINO_MAX_RANK];
  size_t n = (size_t)x->rank;
  bool sized = true;
  for (int i = 0; i < x->rank; i++) {
    ends[i] = INT64_MAX;
    ask[i] = b->length[i] < 0 && b->length[i] != KV_UNKNOWN ? INT64_MAX : b->length[i]; /* -1: the rest */
    sized = sized && b->length[i] >= 0;
  }
  x = demand_box(s, x, starts, lengths, b, sized ? KV_BY_FAILURE : KV_BY_GUARD);
  if (x && sized) x = demand_starts(s, x, starts, b);
  if (!x) return NULL;
  kvino_tensor *tail = cut(s, x, kv_ints_operand(s, starts), kv_vector(s, n, ends));
  kvino_tensor *stop = kv_ints_operand(s, (kvino_ints){lengths.n, ask, lengths.symbolic, true});
  kvino_tensor *y = tail ? cut(s, tail, kv_vector(s, n, zeros), stop) : NULL;
  return sized ? kv_reshape_to(s, y, x->rank, b->length) : y;
}

kvino_tensor *op_slice(kv_scope *s, kvino_tensor *x, kvino_ints start_indices, kvino_ints shape) {
  box b;
  int64_t stop[KVINO_MAX_RANK];
  x = kv_strong(s, x);
  if (!x) return NULL;
  if (start_indices.n != x->rank || shape.n != x->rank)
    return kv_scope_fail(s, KVINO_INVALID, "start_indices and shape must have one entry for each of the %d dimensions",
                         x->rank);
  if (!x->rank || !read_box(s, x, start_indices, shape, &b)) return x;
  if (!b.known) return computed_slice(s, x, start_indices, shape, &b);
  for (int i = 0; i < x->rank; i++) stop[i] = b.start[i] + b.length[i];
  x = demand_box(s, x, start_indices, shape, &b, KV_BY_GUARD);
  if (!x) return NULL;
  return cut(s, x, kv_vector(s, (size_t)x->rank, b.start), kv_vector(s, (size_t)x->rank, stop));
}

kvino_tensor *op_slice_update(kv_scope *s, kvino_tensor *x, kvino_ints start_indices, kvino_tensor *updates) {
  box b;
  int64_t axes[KVINO_MAX_RANK], ones[KVINO_MAX_RANK];
  x = kv_strong(s, x);
  if (!x || !updates) return NULL;
  if (start_indices.n != x->rank || updates->rank != x->rank)
    return kv_scope_fail(s, KVINO_INVALID, "start_indices and updates must have the %d dimensions of inputs", x->rank);
  updates = kv_cast(s, updates, (kvino_dtype)x->dtype);
  if (!x->rank || !updates) return updates;
  kvino_tensor *unknown[KVINO_MAX_RANK] = {NULL};
  for (int i = 0; i < x->rank; i++) {
    if (updates->shape[i] < 0) unknown[i] = kv_dimension(s, updates, i);
    axes[i] = i;
    ones[i] = 1;
  }
  kvino_ints lengths = {x->rank, updates->shape, unknown, true};
  if (!read_box(s, x, start_indices, lengths, &b) || !(x = demand_box(s, x, start_indices, lengths, &b, KV_BY_GUARD)))
    return NULL;
  size_t n = (size_t)x->rank;
  kvino_tensor *start = kv_ints_operand(s, start_indices), *zero = kv_int(s, KVINO_I64, 0);
  if (b.known)
    start = kv_vector(s, n, b.start);
  else
    start = kv_select(s, kv_less(s, start, zero), kv_add(s, start, kv_dims(s, x)), start);
  kvino_tensor *stop = kv_add(s, start, kv_dims(s, updates));
  return kv_slice_scatter(s, 6,
                          (kvino_tensor *[]){x, updates, start, stop, kv_vector(s, n, ones), kv_vector(s, n, axes)});
}

/* ---- scatters ---- */

/* A fraction is no index. */
static kvino_tensor *whole(kv_scope *s, kvino_tensor *indices) {
  if (indices && kv_is_inexact((kvino_dtype)indices->dtype))
    return kv_scope_fail(s, KVINO_TYPE, "indices must be integers, not %s",
                         kvino_dtype_name((kvino_dtype)indices->dtype));
  return kv_cast(s, indices, KVINO_I64);
}

kvino_tensor *op_scatter(kv_scope *s, kvino_tensor *indices, kvino_tensor *values, kvino_ints shape) {
  values = kv_strong(s, values);
  if (!indices || !values) return NULL;
  kvino_tensor *zeros = kv_broadcast_shape(s, kv_like(s, values, 0), kv_ints_operand(s, shape));
  return kv_scatter_nd_update(s, zeros, whole(s, indices), values, (kv_scatter_nd_attrs){.reduction = "sum"});
}

kvino_tensor *op_scatter_update(kv_scope *s, kvino_tensor *x, kvino_tensor *indices, kvino_tensor *updates,
                                const char *reduction) {
  static const char *const names[][2] = {{"add", "sum"}, {"mul", "prod"}, {"max", "max"}, {"min", "min"}};
  const char *how = reduction ? NULL : "none";
  for (int i = 0; reduction && i < 4; i++)
    if (!strcmp(reduction, names[i][0])) how = names[i][1];
  if (!how)
    return kv_scope_fail(
        s, KVINO_INVALID,
        "Invalid value for argument `reduction`: '%s'. Expected one of None, 'add', 'max', 'min', 'mul'.", reduction);
  x = kv_strong(s, x);
  if (!x) return NULL;
  return kv_scatter_nd_update(s, x, whole(s, indices), kv_cast(s, updates, kv_dtype_of(x)),
                              (kv_scatter_nd_attrs){.reduction = how});
}

kvino_tensors op_unstack(kv_scope *s, kvino_tensor *x, int64_t num, int64_t axis) {
  x = kv_strong(s, x);
  if (!x || !kv_axis_ok(s, &axis, x->rank)) return KV_NO_TENSORS;
  int64_t n = num != KVINO_NO_INTEGER ? num : x->shape[axis];
  if (n < 0) {
    kv_scope_fail(s, KVINO_INVALID, "Cannot infer argument `num` from shape: axis %lld is unknown", (long long)axis);
    return KV_NO_TENSORS;
  }
  if (x->shape[axis] >= 0 && n != x->shape[axis]) {
    kv_scope_fail(s, KVINO_INVALID, "axis %lld has %lld slices, not %lld", (long long)axis, (long long)x->shape[axis],
                  (long long)n);
    return KV_NO_TENSORS;
  }
  return kv_unstack(s, x, axis, n);
}
