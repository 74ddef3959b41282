/* Sorting along one axis: TopK, and Sort and ArgSort, which OpenVINO lacks. Stable always; NaN counts as the largest
 * value. */
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/reduce/extreme.h"
#include "kernels/access/positions.h"
#include "kernels/order/radix.h"
#include "kernels/order/sort.h"
#include "prim/interval.h"
#include "prim/known.h"

static kvino_status check_index_dtype(kv_call *c, kvino_dtype dtype) {
  if (dtype == KVINO_I32 || dtype == KVINO_I64) return KVINO_OK;
  return kv_fail(c->err, KVINO_TYPE, "indices are int32 or int64, not %s", kvino_dtype_name(dtype));
}

static kvino_status check_axis(kv_call *c, int64_t *axis) {
  if (c->in[0]->dtype == KVINO_STRING)
    return kv_fail(c->err, KVINO_TYPE, "%s does not take dtype string", c->prim->name);
  return kv_normalize_axis(axis, c->in[0]->rank, c->err);
}

/* One sort of every line along an axis. Outputs that are not wanted are NULL. */
typedef struct lines {
  kvino_tensor *x; /* contiguous, the axis last */
  int64_t n, k;
  bool descending, by_index; /* by_index: the k that are found stand in their original order */
  kvino_dtype index_dtype;
  char *values, *indices;
  _Atomic bool failed;
} lines;

static void by_place(int64_t *index, int64_t k) {
  /* As sorting int64 is what the sort does: positions are distinct, their order is theirs. */
  for (int64_t i = 1; i < k; i++) {
    int64_t v = index[i], j = i;
    for (; j > 0 && index[j - 1] > v; j--) index[j] = index[j - 1];
    index[j] = v;
  }
}

static void place_sort(int64_t *index, int64_t k, void *scratch, int64_t *order) {
  if (k <= 64) {
    by_place(index, k);
    return;
  }
  kv_sort_places(KVINO_I64, k, (const char *)index, false, k, scratch, order);
  for (int64_t i = 0; i < k; i++) order[i] = index[order[i]];
  memcpy(index, order, (size_t)k * sizeof *index);
}

static void sort_line(const lines *s, int64_t line, void *scratch, int64_t *index) {
  kvino_dtype dtype = (kvino_dtype)s->x->dtype;
  int64_t size = (int64_t)kvino_dtype_size(dtype), k = s->k;
  const char *from = s->x->data + line * s->n * size;
  kv_sort_places(dtype, s->n, from, s->descending, k, scratch, index);
  if (s->by_index) place_sort(index, k, scratch, index + k);
  if (s->values) kv_gather_runs(size, k, s->values + line * k * size, from, index, size);
  if (s->indices && s->index_dtype == KVINO_I64) memcpy(s->indices + line * k * 8, index, (size_t)k * 8);
  if (s->indices && s->index_dtype == KVINO_I32)
    for (int64_t i = 0; i < k; i++) ((int32_t *)s->indices)[line * k + i] = (int32_t)index[i];
}

static void sort_range(void *context, size_t begin, size_t end) {
  enum { FEW = 64 };
  lines *s = context;
  uint64_t few[FEW * (6 + 2)]; /* scratch takes up to 6 words an element, the indices two */
  /* place_sort needs scratch for k indices of 8 bytes. */
  size_t bytes = kv_sort_places_scratch((kvino_dtype)s->x->dtype, s->n),
         other = s->by_index ? kv_sort_places_scratch(KVINO_I64, s->k) : 0;
  if (other > bytes) bytes = other;
  size_t total = bytes + 2 * (size_t)s->k * sizeof(int64_t);
  char *scratch = total <= sizeof few ? (char *)few : kv_malloc(total);
  if (!scratch) {
    s->failed = true;
    return;
  }
  for (size_t line = begin; line < end; line++) sort_line(s, (int64_t)line, scratch, (int64_t *)(scratch + bytes));
  if (scratch != (char *)few) kv_free(scratch);
}

/* x with `axis` last, contiguous. */
static kvino_status lines_of(kvino_tensor *x, int axis, kvino_tensor **out, kvino_error *err) {
  int64_t shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
  int n = 0;
  if (axis == x->rank - 1) return kvino_tensor_contiguous(x, out, err);
  for (int k = 0; k < x->rank; k++) {
    if (k == axis) continue;
    shape[n] = x->shape[k];
    strides[n++] = x->strides[k];
  }
  shape[n] = x->shape[axis];
  strides[n] = x->strides[axis];
  kvino_tensor *view = NULL;
  KV_TRY(kv_tensor_view(x, (kvino_dtype)x->dtype, x->rank, shape, strides, x->data, &view, err));
  kvino_status status = kvino_tensor_contiguous(view, out, err);
  kvino_tensor_release(view);
  return status;
}

/* A new tensor of the shape of spec i; in memory its axis is the last one. */
static kvino_status alloc_lines(kv_call *c, size_t i, int axis) {
  const kv_spec *spec = &c->spec[i];
  if (axis == spec->rank - 1) return kv_call_alloc(c, i);
  int64_t shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
  int n = 0;
  for (int k = 0; k < spec->rank; k++)
    if (k != axis) shape[n++] = spec->shape[k];
  shape[n] = spec->shape[axis];
  kvino_tensor *y = NULL;
  KV_TRY(kv_tensor_empty(spec->dtype, spec->rank, shape, &y, c->err));
  n = 0;
  for (int k = 0; k < spec->rank; k++) strides[k] = k == axis ? y->strides[spec->rank - 1] : y->strides[n++];
  kvino_status status = kv_tensor_view(y, spec->dtype, spec->rank, spec->shape, strides, y->data, &c->out[i], c->err);
  kvino_tensor_release(y);
  return status;
}

/* Values alone, which need not carry their places. */
static void sort_values(void *context, size_t begin, size_t end) {
  lines *s = context;
  kvino_dtype dtype = (kvino_dtype)s->x->dtype;
  size_t bytes = (size_t)s->n * kvino_dtype_size(dtype);
  uint64_t few[512];
  char *scratch = bytes <= sizeof few ? (char *)few : kv_malloc(bytes);
  for (size_t i = begin; scratch && i < end && !s->failed; i++)
    if (!kv_radix_sort(dtype, s->n, s->x->data + i * bytes, s->descending, s->values + i * bytes, scratch))
      s->failed = true;
  if (!scratch) s->failed = true;
  if (scratch != (char *)few) kv_free(scratch);
}

/* Places alone, of lines that are worth dividing. */
static void sort_places(lines *s, size_t n_lines) {
  kvino_dtype dtype = (kvino_dtype)s->x->dtype;
  bool narrow = s->index_dtype == KVINO_I32;
  for (size_t i = 0; i < n_lines && !s->failed; i++)
    if (!kv_radix_order(dtype, s->n, s->x->data + i * (size_t)s->n * kvino_dtype_size(dtype), s->descending, narrow,
                        s->indices + i * (size_t)s->n * (narrow ? 4 : 8)))
      s->failed = true;
}

static kvino_status sort_lines(kv_call *c, lines *s, int axis) {
  kvino_tensor *x = c->in[0];
  if (!x->size || !s->k) return KVINO_OK;
  s->n = x->shape[axis];
  if (s->n > UINT32_MAX || (s->indices && s->index_dtype == KVINO_I32 && s->n > INT32_MAX))
    return kv_fail(c->err, KVINO_OVERFLOW, "axis %d of size %lld is too long for %s", axis, (long long)s->n,
                   c->prim->name);
  KV_TRY(lines_of(x, axis, &s->x, c->err));
  size_t n_lines = (size_t)(x->size / s->n), grain = (size_t)((64 << 10) / s->n + 1);
  bool whole = s->k == s->n && s->k > 1 && kv_radix_sorts((kvino_dtype)x->dtype);
  if (whole && !s->indices)
    kv_parallel_ranges(n_lines, grain, sort_values, s);
  else if (whole && !s->values && s->n >= 1 << 16 && n_lines < (size_t)kv_threads() * 2)
    sort_places(s, n_lines);
  else
    kv_parallel_ranges(n_lines, grain, sort_range, s);
  kvino_tensor_release(s->x);
  return s->failed ? kv_fail(c->err, KVINO_NO_MEMORY, "out of memory to sort %lld elements", (long long)s->n)
                   : KVINO_OK;
}

/* ---- one of a line that does not run along memory: without moving the axis ---- */

struct extremes {
  const kvino_tensor *x; /* contiguous */
  int64_t n, inner, blocks;
  bool greatest;
  char *values, *indices;
  kvino_dtype index_dtype;
};

static void find_extremes(void *context, size_t begin, size_t end) {
  const struct extremes *s = context;
  int64_t size = (int64_t)kvino_dtype_size((kvino_dtype)s->x->dtype), step = s->inner * size, index[KV_EXTREME_COLUMNS];
  for (int64_t unit = (int64_t)begin; unit < (int64_t)end; unit++) {
    int64_t outer = unit / s->blocks, first = (unit - outer * s->blocks) * KV_EXTREME_COLUMNS;
    int64_t columns = s->inner - first < KV_EXTREME_COLUMNS ? s->inner - first : KV_EXTREME_COLUMNS;
    int64_t place = outer * s->inner + first;
    const char *from = s->x->data + outer * s->n * step + first * size;
    kv_extreme((kvino_dtype)s->x->dtype, s->n, columns, step, from, s->greatest, index);
    kv_gather_lanes(size, columns, s->values + place * size, from, index, step);
    for (int64_t j = 0; j < columns; j++) {
      if (s->index_dtype == KVINO_I64)
        ((int64_t *)s->indices)[place + j] = index[j];
      else
        ((int32_t *)s->indices)[place + j] = (int32_t)index[j];
    }
  }
}

/* ---- TopK: x, k; outputs values and indices ---- */

kvino_status kv_infer_topk(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  const kv_topk_attrs *a = &c->attrs->topk;
  int64_t axis = a->axis, k;
  bool known;
  KV_TRY(check_axis(c, &axis));
  KV_TRY(check_index_dtype(c, a->index_element_type));
  if (a->mode && strcmp(a->mode, "max") && strcmp(a->mode, "min"))
    return kv_fail(c->err, KVINO_INVALID, "the mode of TopK is max or min, not '%s'", a->mode);
  if (a->sort && strcmp(a->sort, "none") && strcmp(a->sort, "value") && strcmp(a->sort, "index"))
    return kv_fail(c->err, KVINO_INVALID, "the sort of TopK is none, value or index, not '%s'", a->sort);
  KV_TRY(kv_read_one(c, 1, "k", &k, &known));
  if (known && k < 0) return kv_fail(c->err, KVINO_INVALID, "k must not be negative, found %lld", (long long)k);
  if (known && x->shape[axis] >= 0 && k > x->shape[axis])
    return kv_fail(c->err, KVINO_INVALID, "k = %lld is not within 0 and the %lld elements of axis %lld", (long long)k,
                   (long long)x->shape[axis], (long long)axis);
  KV_TRY(kv_call_outputs(c, 2));
  for (size_t i = 0; i < 2; i++) {
    kv_call_spec(c, i, i ? a->index_element_type : (kvino_dtype)x->dtype, x->rank, x->shape);
    c->spec[i].shape[axis] = known ? k : -1;
  }
  return KVINO_OK;
}

kv_interval kv_interval_top_k(const kv_bounds *b) { return b->output ? kv_interval_places(b) : b->in[0]; }

static bool is_max(const kv_call *c) { return !c->attrs->topk.mode || !strcmp(c->attrs->topk.mode, "max"); }

/* k = 1 along an axis that is not the last one of a contiguous array. */
static kvino_status eval_extremes(kv_call *c, int axis) {
  const kvino_tensor *x = c->in[0];
  KV_TRY(kv_call_alloc(c, 0));
  KV_TRY(kv_call_alloc(c, 1));
  struct extremes s = {.x = x,
                       .n = x->shape[axis],
                       .inner = 1,
                       .greatest = is_max(c),
                       .values = c->out[0]->data,
                       .indices = c->out[1]->data,
                       .index_dtype = c->attrs->topk.index_element_type};
  for (int k = axis + 1; k < x->rank; k++) s.inner *= x->shape[k];
  s.blocks = (s.inner + KV_EXTREME_COLUMNS - 1) / KV_EXTREME_COLUMNS;
  int64_t columns = s.inner < KV_EXTREME_COLUMNS ? s.inner : KV_EXTREME_COLUMNS;
  kv_parallel_ranges((size_t)(x->size / (s.n * s.inner) * s.blocks), (size_t)((256 << 10) / (s.n * columns) + 1),
                     find_extremes, &s);
  return KVINO_OK;
}

kvino_status kv_eval_topk(kv_call *c) {
  const kv_topk_attrs *a = &c->attrs->topk;
  const kvino_tensor *x = c->in[0];
  int axis = (int)(a->axis < 0 ? a->axis + x->rank : a->axis);
  if (c->spec[0].shape[axis] == 1 && axis < x->rank - 1 && x->contiguous && x->size && x->shape[axis] <= INT32_MAX)
    return eval_extremes(c, axis);
  KV_TRY(alloc_lines(c, 0, axis));
  KV_TRY(alloc_lines(c, 1, axis));
  lines s = {.k = c->spec[0].shape[axis],
             .descending = is_max(c),
             .by_index = a->sort && !strcmp(a->sort, "index"),
             .index_dtype = a->index_element_type,
             .values = c->out[0]->data,
             .indices = c->out[1]->data};
  return sort_lines(c, &s, axis);
}

/* ---- Sort and ArgSort: x ---- */

kvino_status kv_infer_sort(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int64_t axis = c->attrs->sort.axis;
  KV_TRY(check_axis(c, &axis));
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  return KVINO_OK;
}

kvino_status kv_eval_sort(kv_call *c) {
  int64_t axis = c->attrs->sort.axis;
  KV_TRY(check_axis(c, &axis));
  KV_TRY(alloc_lines(c, 0, (int)axis));
  lines s = {.k = c->in[0]->shape[axis], .descending = c->attrs->sort.descending, .values = c->out[0]->data};
  return sort_lines(c, &s, (int)axis);
}

kvino_status kv_infer_arg_sort(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int64_t axis = c->attrs->arg_sort.axis;
  KV_TRY(check_axis(c, &axis));
  KV_TRY(check_index_dtype(c, c->attrs->arg_sort.output_type));
  kv_call_spec(c, 0, c->attrs->arg_sort.output_type, x->rank, x->shape);
  return KVINO_OK;
}

kvino_status kv_eval_arg_sort(kv_call *c) {
  int64_t axis = c->attrs->arg_sort.axis;
  KV_TRY(check_axis(c, &axis));
  KV_TRY(alloc_lines(c, 0, (int)axis));
  lines s = {.k = c->in[0]->shape[axis],
             .descending = c->attrs->arg_sort.descending,
             .index_dtype = c->attrs->arg_sort.output_type,
             .indices = c->out[0]->data};
  return sort_lines(c, &s, (int)axis);
}
