/* keras.ops.numpy: pad, with all of NumPy's modes. */
#include <string.h>

#include "ops/common.h"

enum mode { CONSTANT, EDGE, REFLECT, SYMMETRIC, EMPTY, WRAP, CIRCULAR, RAMP, MAXIMUM, MEAN, MEDIAN, MINIMUM, N_MODES };
static const char *const names[N_MODES] = {"constant", "edge",        "reflect", "symmetric", "empty",  "wrap",
                                           "circular", "linear_ramp", "maximum", "mean",      "median", "minimum"};

static enum mode mode_of(kv_scope *s, const char *name) {
  for (int i = 0; name && i < N_MODES; i++)
    if (!strcmp(name, names[i])) return (enum mode)i;
  kv_scope_fail(s, KVINO_INVALID, "mode '%s' is not supported", name ? name : "None");
  return N_MODES;
}

/* ---- modes that fill axis by axis; an axis sees what earlier ones have been filled with, as in NumPy ---- */

static kvino_tensor *integer(kv_scope *s, int64_t value) { return kv_int(s, KVINO_I64, value); }

/* The axis repeated to both sides. */
static kvino_tensor *wrap(kv_scope *s, kvino_tensor *x, int64_t axis, int64_t begin, int64_t end) {
  kvino_tensor *n = kv_dimension(s, x, axis);
  kvino_tensor *place = kv_range(s, integer(s, -begin), kv_add(s, n, integer(s, end)), integer(s, 1),
                                 (kv_output_type_attrs){.output_type = KVINO_I64});
  return kv_gather(s, x, kv_floor_mod(s, place, n), integer(s, axis), (kv_gather_attrs){.batch_dims = 0});
}

/* What stands on both sides: one slice along the axis. Integers are rounded to even, as NumPy does. */
static kvino_tensor *statistic(kv_scope *s, kvino_tensor *x, int64_t axis, enum mode mode) {
  kv_keep_dims_attrs keep = {.keep_dims = true};
  kvino_tensor *at = KV_VECTOR(s, axis), *y = NULL;
  if (!x) return NULL;
  kvino_dtype dtype = (kvino_dtype)x->dtype, work = kv_work_dtype_of(x);
  if (mode == MAXIMUM) return kv_reduce_max(s, x, at, keep);
  if (mode == MINIMUM) return kv_reduce_min(s, x, at, keep);
  x = kv_cast(s, x, work);
  y = mode == MEAN ? kv_reduce_mean(s, x, at, keep) : op_median(s, x, KVINO_INTS(axis), true);
  if (!kv_is_inexact(dtype)) y = kv_round(s, y, (kv_round_attrs){.mode = "half_to_even"});
  return kv_cast(s, y, dtype);
}

/* `n` copies of a slice of length 1. */
static kvino_tensor *copies(kv_scope *s, kvino_tensor *slice, int64_t axis, int64_t n) {
  if (!slice) return NULL;
  int64_t repeats[KVINO_MAX_RANK];
  for (int i = 0; i < slice->rank; i++) repeats[i] = i == axis ? n : 1;
  return kv_tile(s, slice, kv_vector(s, (size_t)slice->rank, repeats));
}

/* n values from 0 to the edge, which is not among them; from the edge to 0 where it is on the right. */
static kvino_tensor *ramp(kv_scope *s, kvino_tensor *x, int64_t axis, int64_t n, bool right) {
  kvino_tensor *edge = right ? kv_cut(s, x, axis, -1, INT64_MAX) : kv_cut(s, x, axis, 0, 1);
  edge = kv_squeeze(s, edge, KV_VECTOR(s, axis));
  kvino_tensor *y = edge ? op_linspace(s, kv_like(s, edge, 0), edge, n, false, (kvino_dtype)edge->dtype, axis) : NULL;
  return right ? op_flip(s, y, KVINO_INTS(axis)) : y;
}

static kvino_tensor *fill_axis(kv_scope *s, kvino_tensor *x, int64_t axis, int64_t begin, int64_t end, enum mode mode) {
  if (!x || (!begin && !end)) return x;
  if (!x->shape[axis])
    return kv_scope_fail(s, KVINO_INVALID, "can't extend empty axis %lld using modes other than 'constant' or 'empty'",
                         (long long)axis);
  if (mode == WRAP || mode == CIRCULAR) return wrap(s, x, axis, begin, end);
  kvino_tensor *part[3] = {NULL, x, NULL};
  if (mode == RAMP) {
    part[0] = ramp(s, x, axis, begin, false);
    part[2] = ramp(s, x, axis, end, true);
  } else {
    kvino_tensor *slice = statistic(s, x, axis, mode);
    part[0] = copies(s, slice, axis, begin);
    part[2] = copies(s, slice, axis, end);
  }
  return kv_concat(s, 3, part, (kv_axis_attrs){.axis = axis});
}

/* ---- the widths ---- */

/* Entry (axis, side) of pad_width: one number for all, one pair for all, or one pair for each axis. */
static int64_t entry(kvino_ints width, int axis, int side) {
  return width.n == 1 ? 0 : width.n == 2 ? side : 2 * axis + side;
}

/* The widths on one side of every axis, known or computed. */
static kvino_tensor *side_of(kv_scope *s, kvino_ints width, int rank, int side) {
  int64_t v[KVINO_MAX_RANK];
  kvino_tensor *computed[KVINO_MAX_RANK];
  for (int i = 0; i < rank; i++) {
    int64_t at = entry(width, i, side);
    v[i] = width.v[at];
    computed[i] = width.symbolic ? width.symbolic[at] : NULL;
  }
  return kv_ints_operand(s, (kvino_ints){rank, v, computed, true});
}

static bool widths_ok(kv_scope *s, kvino_ints width, int rank) {
  if (width.n != 1 && width.n != 2 && width.n != 2 * rank)
    kv_scope_fail(s, KVINO_INVALID, "pad_width must hold one pair for each of the %d dimensions", rank);
  for (int64_t i = 0; i < width.n; i++)
    if (width.v[i] < 0 && !(width.symbolic && width.symbolic[i]))
      kv_scope_fail(s, KVINO_INVALID, "index can't contain negative values");
  return !s->status;
}

kvino_tensor *op_pad(kv_scope *s, kvino_tensor *x, kvino_ints pad_width, const char *mode,
                     kvino_tensor *constant_values) {
  x = kv_strong(s, x);
  enum mode how = mode_of(s, mode);
  if (!x || how == N_MODES || !widths_ok(s, pad_width, x->rank)) return NULL;
  if (constant_values && how != CONSTANT)
    return kv_scope_fail(s, KVINO_INVALID,
                         "Argument `constant_values` can only be provided when `mode == 'constant'`. Received: mode=%s",
                         mode);
  if (how <= EMPTY) {
    kvino_tensor *begin = side_of(s, pad_width, x->rank, 0), *end = side_of(s, pad_width, x->rank, 1);
    kvino_tensor *value = constant_values ? kv_cast(s, constant_values, kv_dtype_of(x)) : kv_like(s, x, 0);
    bool constant = how == CONSTANT || how == EMPTY;
    return kv_pad(s, constant ? 4 : 3, (kvino_tensor *[]){x, begin, end, value},
                  (kv_pad_attrs){.pad_mode = constant ? "constant" : names[how]});
  }
  int64_t v[2 * KVINO_MAX_RANK];
  int n, rank = x->rank;
  if (!kv_plain_ints(s, pad_width, 2 * KVINO_MAX_RANK, &n, v)) return NULL;
  for (int i = 0; i < n; i++)
    if (v[i] > INT64_MAX / 4) /* no sum of an axis and its pads overflows */
      return kv_scope_fail(s, KVINO_INVALID,
                           "array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible "
                           "size.");
  for (int i = 0; i < rank; i++) x = fill_axis(s, x, i, v[entry(pad_width, i, 0)], v[entry(pad_width, i, 1)], how);
  return x;
}
