/* Indexing. The basic part (integers, slices, new axes) is one view of a concrete tensor, or Slice, Gather and
 * Unsqueeze of a symbolic one; it leaves the axes that tensors index whole. The advanced part is one Gather where a
 * single axis is indexed, else one GatherND over tuples. */
#include "kvino/index.h"

#include <string.h>

#include "ops/common.h"
#include "tensor/tensor.h"

enum { ITEMS_MAX = 2 * KVINO_MAX_RANK + 1 };

/* One vector of indices, for one axis. */
typedef struct pick {
  kvino_tensor *index;
  int axis;        /* in the result of the basic part */
  int source_axis; /* in the indexed tensor; -1: from a mask, in bounds by itself */
} pick;

typedef struct plan {
  kv_scope *s;
  kvino_tensor *x;
  size_t n;
  kvino_item item[ITEMS_MAX]; /* every axis of x has one; no ellipsis, its slices */
  bool separator[ITEMS_MAX];  /* the item stands for no axis that tensors index: it parts them */
  int axes[ITEMS_MAX];        /* axes of x that the item takes */
  bool advanced;
  int n_picks;
  pick picks[KVINO_MAX_RANK];
  bool together; /* tensors and integers are neighbours */
  int place;     /* where the picked dimensions go then, in the result */
} plan;

static const kvino_item whole = {.kind = KVINO_ITEM_SLICE,
                                 .start = {KVINO_NO_INTEGER, NULL},
                                 .stop = {KVINO_NO_INTEGER, NULL},
                                 .step = {KVINO_NO_INTEGER, NULL}};

/* ---- reading the items ---- */

static bool is_mask(const kvino_item *item) {
  return item->kind == KVINO_ITEM_TENSOR && item->tensor->dtype == KVINO_BOOL;
}

static int axes_taken(const kvino_item *item) {
  if (item->kind == KVINO_ITEM_NEWAXIS || item->kind == KVINO_ITEM_ELLIPSIS) return 0;
  return is_mask(item) ? item->tensor->rank : 1;
}

/* A 0-d integer tensor is an integer; a symbolic one stays a tensor. */
static kvino_item simplified(const kvino_item *item) {
  kvino_item r = *item;
  if (r.kind == KVINO_ITEM_TENSOR && !r.tensor->rank && !is_mask(&r) && !kv_is_symbolic(r.tensor)) {
    r.integer = kv_tensor_get_int(r.tensor, 0);
    if (r.tensor->dtype == KVINO_U64 && r.integer < 0) r.integer = INT64_MAX; /* out of bounds in any case */
    r.kind = KVINO_ITEM_INTEGER;
  }
  return r;
}

static void push(plan *p, kvino_item item, bool separator) {
  p->item[p->n] = item;
  p->axes[p->n] = axes_taken(&item);
  p->separator[p->n++] = separator;
}

static void read_items(plan *p, size_t n, const kvino_item *items) {
  int taken = 0, ellipses = 0;
  for (size_t i = 0; i < n; i++) {
    const kvino_item *item = &items[i];
    if (item->kind == KVINO_ITEM_TENSOR && item->tensor->dtype != KVINO_BOOL &&
        !kvino_dtype_is_integer((kvino_dtype)item->tensor->dtype)) {
      kv_scope_fail(p->s, KVINO_INDEX, "arrays used as indices must be of integer (or boolean) type");
      return;
    }
    taken += axes_taken(item);
    ellipses += item->kind == KVINO_ITEM_ELLIPSIS;
    if (item->kind == KVINO_ITEM_TENSOR && (item->tensor->rank || is_mask(item))) p->advanced = true;
  }
  if (ellipses > 1) kv_scope_fail(p->s, KVINO_INDEX, "an index can only have a single ellipsis ('...')");
  if (taken > p->x->rank || n > KVINO_MAX_RANK)
    kv_scope_fail(p->s, KVINO_INDEX, "too many indices for array: array is %d-dimensional, but %d were indexed",
                  p->x->rank, taken);
  if (p->s->status) return;
  int rest = p->x->rank - taken;
  for (size_t i = 0; i < n; i++) {
    if (items[i].kind != KVINO_ITEM_ELLIPSIS) {
      bool separator = items[i].kind == KVINO_ITEM_SLICE || items[i].kind == KVINO_ITEM_NEWAXIS;
      push(p, simplified(&items[i]), separator);
      continue;
    }
    for (; rest > 0; rest--) push(p, whole, true);
  }
  for (; rest > 0; rest--) push(p, whole, true);
}

/* NumPy puts the dimensions of the tensors where the first of them stood, if nothing parts them: integers are among
 * them, and an ellipsis parts even where it stands for no axis. */
static void find_place(plan *p, size_t n, const kvino_item *items) {
  int state = 0; /* before, in, after the tensors */
  p->together = true;
  for (size_t i = 0; i < n; i++) {
    bool one_of_them = items[i].kind == KVINO_ITEM_INTEGER || items[i].kind == KVINO_ITEM_TENSOR;
    if (one_of_them && state == 2) p->together = false;
    if (one_of_them)
      state = 1;
    else if (state == 1)
      state = 2;
  }
  p->place = 0;
  for (size_t i = 0; i < p->n && p->separator[i]; i++) p->place++;
}

/* ---- slices ---- */

typedef struct range {
  int64_t start, stop, step, length;
} range;

/* slice.indices(n) for a known n. */
static range clamp_slice(const kvino_item *item, int64_t n) {
  int64_t step = item->step.value == KVINO_NO_INTEGER ? 1 : item->step.value;
  int64_t low = step < 0 ? -1 : 0, high = step < 0 ? n - 1 : n;
  int64_t start = item->start.value, stop = item->stop.value;
  if (start == KVINO_NO_INTEGER)
    start = step < 0 ? high : low;
  else if (start < 0)
    start = start < low - n ? low : start + n;
  if (stop == KVINO_NO_INTEGER)
    stop = step < 0 ? low : high;
  else if (stop < 0)
    stop = stop < low - n ? low : stop + n;
  start = start < low ? low : start > high ? high : start;
  stop = stop < low ? low : stop > high ? high : stop;
  uint64_t stride = step < 0 ? -(uint64_t)step : (uint64_t)step,
           span = (uint64_t)(step < 0 ? start - stop : stop - start);
  int64_t length = (int64_t)span <= 0 ? 0 : (int64_t)((span - 1) / stride + 1);
  return (range){start, stop, step, length};
}

static bool check_slice(plan *p, const kvino_item *item) {
  if (item->step.tensor || item->step.value) return true;
  kv_scope_fail(p->s, KVINO_INVALID, "slice step cannot be zero");
  return false;
}

static bool check_integer(plan *p, int64_t *i, int axis) {
  int64_t n = p->x->shape[axis];
  if (n < 0) return true;
  if (*i < -n || *i >= n) {
    kv_scope_fail(p->s, KVINO_INDEX, "index %lld is out of bounds for axis %d with size %lld", (long long)*i, axis,
                  (long long)n);
    return false;
  }
  if (*i < 0) *i += n;
  return true;
}

/* ---- the basic part of a concrete tensor: one view ---- */

static kvino_tensor *basic_view(plan *p) {
  const kvino_tensor *x = p->x;
  int64_t shape[ITEMS_MAX + 1], strides[ITEMS_MAX + 1];
  char *data = x->data;
  int rank = 0, axis = 0;
  for (size_t k = 0; k < p->n; k++) {
    kvino_item *item = &p->item[k];
    switch (item->kind) {
    case KVINO_ITEM_INTEGER:
      if (!check_integer(p, &item->integer, axis)) return NULL;
      data += item->integer * x->strides[axis];
      break;
    case KVINO_ITEM_SLICE: {
      if (!check_slice(p, item)) return NULL;
      range r = clamp_slice(item, x->shape[axis]);
      if (r.length) data += r.start * x->strides[axis];
      shape[rank] = r.length;
      strides[rank++] = r.length > 1 ? r.step * x->strides[axis] : x->strides[axis];
      break;
    }
    case KVINO_ITEM_NEWAXIS:
    case KVINO_ITEM_ELLIPSIS:
      shape[rank] = 1;
      strides[rank++] = 0;
      break;
    case KVINO_ITEM_TENSOR:
      for (int i = 0; i < p->axes[k]; i++) {
        shape[rank] = x->shape[axis + i];
        strides[rank++] = x->strides[axis + i];
      }
      if (!p->axes[k]) {
        shape[rank] = 1;
        strides[rank++] = 0;
      }
    }
    axis += p->axes[k];
  }
  kvino_tensor *view;
  if (rank > KVINO_MAX_RANK) {
    kv_scope_fail(p->s, KVINO_INDEX, "number of dimensions must be within [0, %d], indexing result would have %d",
                  KVINO_MAX_RANK, rank);
    return NULL;
  }
  bool ok =
      kv_scope_ok(p->s, kv_tensor_view(p->x, (kvino_dtype)x->dtype, rank, shape, strides, data, &view, p->s->err));
  return ok ? kv_own(p->s, view) : NULL;
}

/* ---- the basic part of a symbolic tensor ---- */

/* A bound as a vector of one. */
static kvino_tensor *bound_vector(plan *p, const kvino_bound *b, int64_t value) {
  if (!b->tensor) return kv_vector(p->s, 1, &value);
  kvino_tensor *t = kv_convert(p->s, b->tensor, (kv_convert_attrs){.destination_type = KVINO_I64});
  return kv_unsqueeze(p->s, t, KV_VECTOR(p->s, 0));
}

static bool is_whole(const kvino_item *item) {
  return !item->start.tensor && !item->stop.tensor && !item->step.tensor && item->start.value == KVINO_NO_INTEGER &&
         item->stop.value == KVINO_NO_INTEGER && (item->step.value == KVINO_NO_INTEGER || item->step.value == 1);
}

/* Bounds for Slice, which has no None: the numbers beyond any dimension mean the same. */
static range open_range(const kvino_item *item, int64_t n) {
  bool known = !item->start.tensor && !item->stop.tensor && !item->step.tensor;
  if (n >= 0 && known) {
    range r = clamp_slice(item, n);
    if (!r.length) return (range){0, 0, 1, 0};
    if (r.stop < 0) r.stop = -n - 1; /* before the first */
    return r;
  }
  range r = {item->start.value, item->stop.value, item->step.value == KVINO_NO_INTEGER ? 1 : item->step.value, -1};
  if (r.start == KVINO_NO_INTEGER) r.start = r.step < 0 ? INT64_MAX : 0;
  if (r.stop == KVINO_NO_INTEGER) r.stop = r.step < 0 ? INT64_MIN : INT64_MAX;
  return r;
}

static kvino_tensor *sliced(plan *p, kvino_tensor *y) {
  kv_scope *s = p->s;
  kvino_tensor *start[KVINO_MAX_RANK], *stop[KVINO_MAX_RANK], *step[KVINO_MAX_RANK];
  int64_t axes[KVINO_MAX_RANK], n = 0;
  int axis = 0;
  for (size_t k = 0; k < p->n; axis += p->axes[k++]) {
    const kvino_item *item = &p->item[k];
    if (item->kind != KVINO_ITEM_SLICE || is_whole(item)) continue;
    if (!check_slice(p, item)) return NULL;
    range r = open_range(item, p->x->shape[axis]);
    if (r.length == p->x->shape[axis] && r.length >= 0 && r.step == 1) continue;
    start[n] = bound_vector(p, &item->start, r.start);
    stop[n] = bound_vector(p, &item->stop, r.stop);
    step[n] = bound_vector(p, &item->step, r.step);
    axes[n++] = axis;
  }
  if (!n) return y;
  kv_axis_attrs first = {.axis = 0};
  kvino_tensor *in[5] = {y, start[0], stop[0], step[0], kv_vector(s, (size_t)n, axes)};
  if (n > 1) {
    in[1] = kv_concat(s, (size_t)n, start, first);
    in[2] = kv_concat(s, (size_t)n, stop, first);
    in[3] = kv_concat(s, (size_t)n, step, first);
  }
  return kv_slice(s, 5, in);
}

static kvino_tensor *gather_one(plan *p, kvino_tensor *y, kvino_tensor *index, int axis) {
  return kv_gather(p->s, y, index, kv_int(p->s, KVINO_I64, axis), (kv_gather_attrs){.batch_dims = 0});
}

static kvino_tensor *basic_nodes(plan *p) {
  kvino_tensor *y = sliced(p, p->x);
  int axis = p->x->rank;
  for (size_t k = p->n; k-- > 0;) { /* from the end: the axes before keep their numbers */
    kvino_item *item = &p->item[k];
    axis -= p->axes[k];
    if (item->kind == KVINO_ITEM_INTEGER) {
      if (!check_integer(p, &item->integer, axis)) return NULL;
      y = gather_one(p, y, kv_int(p->s, KVINO_I64, item->integer), axis);
    } else if (item->kind == KVINO_ITEM_TENSOR && !item->tensor->rank && !is_mask(item) && !p->advanced) {
      y = gather_one(p, y, item->tensor, axis);
    }
  }
  int64_t fresh[ITEMS_MAX], n = 0, at = 0;
  for (size_t k = 0; k < p->n; k++) {
    const kvino_item *item = &p->item[k];
    bool gone = item->kind == KVINO_ITEM_INTEGER || (item->kind == KVINO_ITEM_TENSOR && !p->advanced);
    if (gone) continue;
    if (!p->axes[k])
      fresh[n++] = at++;
    else
      at += p->axes[k];
  }
  return n ? kv_unsqueeze(p->s, y, kv_vector(p->s, (size_t)n, fresh)) : y;
}

/* ---- the advanced part ---- */

/* The mask, of the lengths of the axes that it takes. */
static kvino_tensor *fitting_mask(plan *p, kvino_tensor *mask, int axis) {
  kv_scope *s = p->s;
  for (int i = 0; mask && i < mask->rank; i++) {
    int64_t n = p->x->shape[axis + i], m = mask->shape[i];
    if (!m || (n == m && n >= 0)) continue; /* NumPy lets an empty mask pass for any axis */
    kvino_tensor *size = kv_dimension(s, p->x, axis + i), *length = kv_dimension(s, mask, i);
    kvino_tensor *fits = kv_equal(s, size, length), *at = kv_int(s, KVINO_I64, axis + i);
    if (m < 0) fits = kv_logical_or(s, fits, kv_equal(s, length, kv_int(s, KVINO_I64, 0)));
    mask = kv_demand(s, KV_REFUSAL_mask_length, mask, fits, 3, (kvino_tensor *[]){at, size, length});
  }
  return mask;
}

static void add_pick(plan *p, kvino_tensor *index, int axis, int source_axis) {
  p->picks[p->n_picks++] = (pick){index, axis, source_axis};
}

/* Where the mask is true, one vector for each of its axes. */
static void pick_mask(plan *p, kvino_tensor *mask, int axis, int source_axis) {
  kv_scope *s = p->s;
  if (!(mask = fitting_mask(p, mask, source_axis))) return;
  if (!mask->rank) mask = kv_unsqueeze(s, mask, KV_VECTOR(s, 0));
  kvino_tensor *found = kv_non_zero(s, mask, (kv_output_type_attrs){.output_type = KVINO_I64});
  if (!found) return;
  if (mask->rank == 1) {
    add_pick(p, kv_squeeze(s, found, KV_VECTOR(s, 0)), axis, -1);
    return;
  }
  kvino_tensors rows = kv_split(s, found, kv_int(s, KVINO_I64, 0), (kv_split_attrs){.num_splits = mask->rank});
  for (size_t i = 0; i < rows.n; i++) add_pick(p, kv_squeeze(s, rows.v[i], KV_VECTOR(s, 0)), axis + (int)i, -1);
}

static bool known_shape(const kvino_tensor *t) {
  for (int i = 0; i < t->rank; i++)
    if (t->shape[i] < 0) return false;
  return true;
}

/* A single mask of several axes: those axes as one, so that one vector does. Gives the new y. */
static kvino_tensor *pick_merged(plan *p, kvino_tensor *y, kvino_tensor *mask, int axis, int source_axis) {
  kv_scope *s = p->s;
  int64_t shape[KVINO_MAX_RANK];
  if (!(mask = fitting_mask(p, mask, source_axis))) return NULL;
  int rank = 0;
  for (int i = 0; i < axis; i++) shape[rank++] = y->shape[i];
  shape[rank++] = mask->size;
  for (int i = axis + mask->rank; i < y->rank; i++) shape[rank++] = y->shape[i];
  kvino_tensor *flat = kv_reshape(s, mask, KV_VECTOR(s, -1), (kv_reshape_attrs){.special_zero = false});
  kvino_tensor *found = kv_non_zero(s, flat, (kv_output_type_attrs){.output_type = KVINO_I64});
  add_pick(p, kv_squeeze(s, found, KV_VECTOR(s, 0)), axis, -1);
  return kv_reshape(s, y, kv_vector(s, (size_t)rank, shape), (kv_reshape_attrs){.special_zero = false});
}

/* Collects the vectors of indices. Gives y, or y with merged axes. */
static kvino_tensor *collect_picks(plan *p, kvino_tensor *y) {
  int axis = 0, source_axis = 0, tensors = 0;
  for (size_t k = 0; k < p->n; k++) tensors += p->item[k].kind == KVINO_ITEM_TENSOR;
  for (size_t k = 0; k < p->n && y && !p->s->status; k++) {
    kvino_item *item = &p->item[k];
    if (item->kind == KVINO_ITEM_TENSOR) {
      kvino_tensor *t = item->tensor;
      bool merge = tensors == 1 && is_mask(item) && t->rank > 1 && t->size > 0 && known_shape(y);
      if (merge)
        y = pick_merged(p, y, t, axis, source_axis);
      else if (is_mask(item))
        pick_mask(p, t, axis, source_axis);
      else
        add_pick(p, t, axis, source_axis);
      axis += p->axes[k] ? p->axes[k] : 1;
    } else if (item->kind != KVINO_ITEM_INTEGER) {
      axis++;
    }
    source_axis += p->axes[k];
  }
  return y;
}

/* The dimensions of `count` axes from `from` on moved to `to`. */
static kvino_tensor *move_axes(kv_scope *s, kvino_tensor *y, int count, int from, int to) {
  int64_t order[KVINO_MAX_RANK];
  int n = 0, rest = 0;
  if (!y || from == to || !count) return y;
  for (int i = 0; i < y->rank; i++) {
    if (i == to) {
      for (int k = 0; k < count; k++) order[n++] = from + k;
      i += count - 1;
      continue;
    }
    while (rest >= from && rest < from + count) rest++;
    order[n++] = rest++;
  }
  return kv_transpose(s, y, kv_vector(s, (size_t)n, order));
}

static void cannot_broadcast(plan *p) {
  kvino_error why;
  kvino_tensor *t[KVINO_MAX_RANK];
  int rank;
  int64_t shape[KVINO_MAX_RANK];
  for (int i = 0; i < p->n_picks; i++) t[i] = p->picks[i].index;
  if (!kv_broadcast_shapes((size_t)p->n_picks, t, &rank, shape, &why)) return;
  const char *shapes = strstr(why.text, "with shapes ");
  kv_scope_fail(p->s, KVINO_INDEX, "shape mismatch: indexing arrays could not be broadcast together %s",
                shapes ? shapes : why.text);
}

/* Where only a run knows the lengths (how many elements of a mask are true): the first vector, if all broadcast. */
static kvino_tensor *broadcasting(plan *p) {
  static const kv_refusal what[] = {KV_REFUSAL_index_shapes_2, KV_REFUSAL_index_shapes_3, KV_REFUSAL_index_shapes_4};
  kv_scope *s = p->s;
  kvino_tensor *holds = NULL, *shape[KV_REFUSAL_NUMBERS], *one = kv_int(s, KVINO_I64, 1);
  int n = p->n_picks;
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < i; j++) {
      kvino_tensor *a = p->picks[i].index, *b = p->picks[j].index;
      for (int k = 1; k <= a->rank && k <= b->rank; k++) {
        int64_t l = a->shape[a->rank - k], m = b->shape[b->rank - k];
        if (l == 1 || m == 1 || (l >= 0 && m >= 0)) continue;
        kvino_tensor *x = kv_dimension(s, a, a->rank - k), *y = kv_dimension(s, b, b->rank - k);
        kvino_tensor *fits =
            kv_logical_or(s, kv_equal(s, x, y), kv_logical_or(s, kv_equal(s, x, one), kv_equal(s, y, one)));
        holds = holds ? kv_logical_and(s, holds, fits) : fits;
      }
    }
  }
  if (!holds || n > KV_REFUSAL_NUMBERS) return p->picks[0].index;
  for (int i = 0; i < n; i++) shape[i] = kv_dims(s, p->picks[i].index);
  return kv_demand(s, what[n - 2], p->picks[0].index, holds, (size_t)n, shape);
}

/* All vectors with one shape: those that differ are broadcast. Gives the rank. */
static int align_picks(plan *p) {
  kv_scope *s = p->s;
  kvino_tensor *t[KVINO_MAX_RANK], *sum = NULL;
  int rank = 0;
  int64_t shape[KVINO_MAX_RANK];
  bool same = true;
  for (int i = 0; i < p->n_picks; i++) {
    pick *q = &p->picks[i];
    if (q->index && q->index->dtype != KVINO_I64)
      q->index = kv_convert(s, q->index, (kv_convert_attrs){.destination_type = KVINO_I64});
    if (!(t[i] = q->index)) return 0;
  }
  cannot_broadcast(p);
  if (s->status || kv_broadcast_shapes((size_t)p->n_picks, t, &rank, shape, NULL)) return 0;
  if (!(t[0] = p->picks[0].index = broadcasting(p))) return 0;
  for (int i = 0; i < p->n_picks && same; i++)
    same = t[i]->rank == rank && (!rank || !memcmp(t[i]->shape, shape, (size_t)rank * sizeof *shape));
  bool known = true;
  for (int i = 0; i < rank; i++) known = known && shape[i] >= 0;
  if (same && known) return rank;
  kvino_tensor *target = known ? kv_vector(s, (size_t)rank, shape) : NULL;
  if (!known) { /* the shape that adding them would have */
    sum = t[0];
    for (int i = 1; i < p->n_picks; i++) sum = kv_add(s, sum, t[i]);
    target = kv_shape_of(s, sum, (kv_output_type_attrs){.output_type = KVINO_I64});
  }
  for (int i = 0; i < p->n_picks; i++)
    p->picks[i].index = kv_broadcast(s, t[i], target, (kv_broadcast_attrs){.mode = "numpy"});
  return rank;
}

/* NumPy looks at every index, also where nothing is taken, and names the axis of the indexed tensor. */
static bool check_picks(plan *p) {
  for (int i = 0; i < p->n_picks; i++) {
    const pick *q = &p->picks[i];
    if (!q->index || q->source_axis < 0 || kv_is_symbolic(q->index)) continue;
    int64_t n = p->x->shape[q->source_axis];
    for (int64_t k = 0; n >= 0 && k < q->index->size; k++) {
      int64_t v = kv_tensor_get_int(q->index, k);
      if (v >= -n && v < n) continue;
      kv_fail(p->s->err, KVINO_INDEX, "index %lld is out of bounds for axis %d with size %lld", (long long)v,
              q->source_axis, (long long)n);
      return false;
    }
  }
  return true;
}

/* The primitives need not look where there is nothing to take. */
static bool check_empty(plan *p, const kvino_tensor *y) {
  if (y->size || check_picks(p)) return true;
  p->s->status = KVINO_INDEX;
  return false;
}

/* Several axes: the picked ones in front, and tuples of indices. */
static kvino_tensor *gather_tuples(plan *p, kvino_tensor *y, int *rank) {
  kv_scope *s = p->s;
  int64_t order[KVINO_MAX_RANK];
  kvino_tensor *column[KVINO_MAX_RANK];
  bool picked[KVINO_MAX_RANK] = {false};
  int n = 0;
  *rank = align_picks(p);
  if (s->status || !check_empty(p, y)) return NULL;
  for (int i = 0; i < p->n_picks; i++) {
    column[i] = kv_unsqueeze(s, p->picks[i].index, KV_VECTOR(s, -1));
    order[n++] = p->picks[i].axis;
    picked[p->picks[i].axis] = true;
  }
  for (int i = 0; i < y->rank; i++)
    if (!picked[i]) order[n++] = i;
  bool sorted = true;
  for (int i = 0; i < n; i++) sorted = sorted && order[i] == i;
  if (!sorted) y = kv_transpose(s, y, kv_vector(s, (size_t)n, order));
  kvino_tensor *tuples = kv_concat(s, (size_t)p->n_picks, column, (kv_axis_attrs){.axis = -1});
  y = kv_gather_nd(s, y, tuples, (kv_gather_attrs){.batch_dims = 0});
  if (s->status == KVINO_INDEX) check_picks(p); /* the primitive named the axis that it saw */
  return y;
}

static kvino_tensor *advanced(plan *p, kvino_tensor *y) {
  kvino_tensor *r = NULL;
  y = collect_picks(p, y);
  if (!y || p->s->status) return NULL;
  if (p->n_picks == 1) {
    const pick *q = &p->picks[0];
    if (!q->index || !check_empty(p, y)) return NULL;
    r = gather_one(p, y, q->index, q->axis);
    if (p->s->status == KVINO_INDEX) check_picks(p);
    if (r) r = move_axes(p->s, r, q->index->rank, q->axis, p->together ? p->place : 0);
  } else {
    int rank;
    r = gather_tuples(p, y, &rank);
    if (r && p->together) r = move_axes(p->s, r, rank, 0, p->place);
  }
  return r;
}

/* ---- the call ---- */

static bool all_concrete(const plan *p) {
  if (kv_is_symbolic(p->x)) return false;
  for (size_t k = 0; k < p->n; k++) {
    const kvino_item *item = &p->item[k];
    if (item->kind == KVINO_ITEM_SLICE && (item->start.tensor || item->stop.tensor || item->step.tensor)) return false;
    if (item->kind == KVINO_ITEM_TENSOR && !item->tensor->rank && !is_mask(item) && !p->advanced) return false;
  }
  return true;
}

kvino_status kvino_tensor_index(kvino_tensor *t, size_t n_items, const kvino_item *items, kvino_tensor **out,
                                kvino_error *err) {
  KV_NOT_NULL(err, t && out && (items || !n_items));
  kv_scope s;
  plan p;
  kvino_tensor *y = NULL;
  kv_scope_enter(&s, err);
  p.s = &s;
  p.x = t;
  p.n = 0;
  p.advanced = false;
  p.n_picks = 0;
  read_items(&p, n_items, items);
  if (!s.status) {
    y = all_concrete(&p) ? basic_view(&p) : basic_nodes(&p);
    if (y && p.advanced) {
      find_place(&p, n_items, items);
      y = advanced(&p, y);
    }
  }
  return kv_scope_leave(&s, y, out);
}
