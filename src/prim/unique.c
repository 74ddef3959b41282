/* Unique: the distinct elements, or with a second operand the distinct slices along that axis; where each comes first,
 * which each element is, and how often each comes. NaN equals NaN, as in NumPy, unless distinct_nans is asked for. */
#include <math.h>
#include <string.h>

#include "base/convert.h"
#include "base/memory.h"
#include "kernels/order/order.h"
#include "kernels/order/sort.h"
#include "prim/interval.h"
#include "prim/known.h"
#include "tensor/copy.h"

static kvino_status check_types(kv_call *c) {
  const kv_unique_attrs *a = &c->attrs->unique;
  kvino_dtype types[] = {a->index_element_type, a->count_element_type};
  for (int i = 0; i < 2; i++)
    if (types[i] != KVINO_I32 && types[i] != KVINO_I64)
      return kv_fail(c->err, KVINO_TYPE, "indices are int32 or int64, not %s", kvino_dtype_name(types[i]));
  if (c->in[0]->dtype == KVINO_STRING) return kv_fail(c->err, KVINO_TYPE, "Unique does not take dtype string");
  return KVINO_OK;
}

kvino_status kv_infer_unique(kv_call *c) {
  if (c->n_in != 1 && c->n_in != 2)
    return kv_fail(c->err, KVINO_INVALID, "Unique takes 1 or 2 operands, not %zu", c->n_in);
  const kvino_tensor *x = c->in[0];
  const kv_unique_attrs *a = &c->attrs->unique;
  int64_t axis = -1, unknown = -1;
  KV_TRY(check_types(c));
  if (c->n_in == 2) KV_TRY(kv_read_axis(c, 1, x->rank, &axis));
  KV_TRY(kv_call_outputs(c, 4));
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, axis < 0 ? 1 : x->rank, axis < 0 ? &unknown : x->shape);
  if (axis >= 0) c->spec[0].shape[axis] = -1;
  kv_call_spec(c, 1, a->index_element_type, 1, &unknown);
  kv_call_spec(c, 2, a->index_element_type, 1, axis < 0 ? &x->size : &x->shape[axis]);
  kv_call_spec(c, 3, a->count_element_type, 1, &unknown);
  return KVINO_OK;
}

kv_interval kv_interval_unique(const kv_bounds *b) { return b->output ? kv_interval_positions(b) : b->in[0]; }

/* n items of m elements each, contiguous. */
typedef struct items {
  kvino_dtype dtype;
  bool distinct_nans;
  int64_t n, m, size; /* size: bytes of an element */
  const char *data;
} items;

/* Complex numbers with a NaN in either part count as one. */
static kv_wide_key without_nans(kvino_dtype dtype, kv_wide_key key) {
  if (dtype == KVINO_C64 && key.high >> 32 >= UINT32_MAX - 1) return (kv_wide_key){UINT64_MAX, 0};
  if (dtype == KVINO_C128 && key.high >= UINT64_MAX - 1) return (kv_wide_key){UINT64_MAX, 0};
  return key;
}

static int compare(const items *s, int64_t a, int64_t b) {
  const char *p = s->data + a * s->m * s->size, *q = s->data + b * s->m * s->size;
  for (int64_t j = 0; j < s->m; j++) {
    int order = kv_order_compare(without_nans(s->dtype, kv_order_key(s->dtype, p + j * s->size)),
                                 without_nans(s->dtype, kv_order_key(s->dtype, q + j * s->size)));
    if (order) return order;
  }
  return 0;
}

static bool holds_nan(const items *s, int64_t a) {
  bool two = kvino_dtype_is_complex(s->dtype), found = false;
  if (!two && !kvino_dtype_is_float(s->dtype)) return false;
  kvino_dtype part = s->dtype == KVINO_C64 ? KVINO_F32 : s->dtype == KVINO_C128 ? KVINO_F64 : s->dtype;
  const char *p = s->data + a * s->m * s->size;
  for (int64_t j = 0; j < s->m && !found; j++, p += s->size)
    found = isnan(kv_load_f64(part, p)) || (two && isnan(kv_load_f64(part, p + s->size / 2)));
  return found;
}

static bool differ(const items *s, int64_t a, int64_t b) {
  return compare(s, a, b) || (s->distinct_nans && holds_nan(s, a));
}

/* Stable, by merging: order and other have n places each; gives the one that holds the result. */
static int64_t *sort_items(const items *s, int64_t *order, int64_t *other) {
  for (int64_t i = 0; i < s->n; i++) order[i] = i;
  for (int64_t width = 1; width < s->n; width *= 2) {
    for (int64_t i = 0; i < s->n; i += 2 * width) {
      int64_t middle = i + width < s->n ? i + width : s->n, end = middle + width < s->n ? middle + width : s->n;
      for (int64_t p = i, q = middle, o = i; o < end; o++) {
        bool left = p < middle && (q >= end || compare(s, order[p], order[q]) <= 0);
        other[o] = left ? order[p++] : order[q++];
      }
    }
    int64_t *swap = order;
    order = other;
    other = swap;
  }
  return order;
}

/* The groups of equal items: where each starts in `order`, in the sequence in which they are to come. */
typedef struct group {
  int64_t first, start, count; /* first: the item that comes first */
} group;

static kvino_status store(kv_call *c, size_t i, int64_t n) {
  return kv_tensor_empty(c->spec[i].dtype, 1, &n, &c->out[i], c->err);
}

static void set(kvino_tensor *t, int64_t i, int64_t value) {
  if (t->dtype == KVINO_I64)
    ((int64_t *)t->data)[i] = value;
  else
    ((int32_t *)t->data)[i] = (int32_t)value;
}

static int64_t find_groups(const items *s, const int64_t *order, group *g) {
  int64_t n = 0;
  for (int64_t i = 0; i < s->n; i++) {
    if (!i || differ(s, order[i - 1], order[i])) g[n++] = (group){order[i], i, 0};
    g[n - 1].count++;
    if (order[i] < g[n - 1].first) g[n - 1].first = order[i];
  }
  return n;
}

/* Groups in the order in which their first items come: `place` is scratch for n items. */
static void by_appearance(const items *s, group *g, int64_t n, group *sorted, int64_t *place) {
  for (int64_t i = 0; i < s->n; i++) place[i] = -1;
  for (int64_t i = 0; i < n; i++) place[g[i].first] = i;
  int64_t k = 0;
  for (int64_t i = 0; i < s->n; i++)
    if (place[i] >= 0) sorted[k++] = g[place[i]];
}

/* Outputs 1 to 3, and the values as n items one behind the other. */
static kvino_status write_groups(kv_call *c, const items *s, const int64_t *order, const group *g, int64_t n,
                                 char *values) {
  KV_TRY(store(c, 1, n));
  KV_TRY(store(c, 2, s->n));
  KV_TRY(store(c, 3, n));
  for (int64_t i = 0; i < n; i++) {
    memcpy(values + i * s->m * s->size, s->data + g[i].first * s->m * s->size, (size_t)(s->m * s->size));
    set(c->out[1], i, g[i].first);
    set(c->out[3], i, g[i].count);
    for (int64_t j = 0; j < g[i].count; j++) set(c->out[2], order[g[i].start + j], i);
  }
  return KVINO_OK;
}

/* x with `axis` in front, contiguous. */
static kvino_status slices_of(kvino_tensor *x, int axis, kvino_tensor **out, kvino_error *err) {
  int64_t shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
  for (int k = 0; k < x->rank; k++) {
    int from = k == 0 ? axis : k <= axis ? k - 1 : k;
    shape[k] = x->shape[from];
    strides[k] = x->strides[from];
  }
  kvino_tensor *view = NULL;
  KV_TRY(kv_tensor_view(x, (kvino_dtype)x->dtype, x->rank, shape, strides, x->data, &view, err));
  kvino_status status = kvino_tensor_contiguous(view, out, err);
  kvino_tensor_release(view);
  return status;
}

/* Output 0 for n groups: a tensor whose memory has the axis in front, seen with the axis in its place. */
static kvino_status alloc_values(kv_call *c, int64_t n, int axis, char **values) {
  kv_spec *spec = &c->spec[0];
  int64_t shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
  spec->shape[axis] = n;
  for (int k = 0; k < spec->rank; k++) shape[k] = spec->shape[k == 0 ? axis : k <= axis ? k - 1 : k];
  kvino_tensor *y = NULL;
  KV_TRY(kv_tensor_empty(spec->dtype, spec->rank, shape, &y, c->err));
  *values = y->data;
  for (int k = 0; k < spec->rank; k++) strides[k] = y->strides[k == axis ? 0 : k < axis ? k + 1 : k];
  kvino_status status = kv_tensor_view(y, spec->dtype, spec->rank, spec->shape, strides, y->data, &c->out[0], c->err);
  kvino_tensor_release(y);
  return status;
}

static kvino_status unique_items(kv_call *c, const items *s, int axis) {
  size_t n = (size_t)s->n, scratch = kv_sort_places_scratch(s->dtype, s->n);
  if (s->n > UINT32_MAX || (s->n > INT32_MAX && (c->spec[1].dtype == KVINO_I32 || c->spec[3].dtype == KVINO_I32)))
    return kv_fail(c->err, KVINO_OVERFLOW, "%lld elements are too many for Unique", (long long)s->n);
  int64_t *order = kv_malloc(2 * n * sizeof *order);
  group *g = kv_malloc(2 * n * sizeof *g);
  void *keys = s->m == 1 ? kv_malloc(scratch) : NULL;
  kvino_status status = KVINO_OK;
  if (!order || !g || (s->m == 1 && !keys)) {
    status = kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for the order of %zu elements", n);
    goto done;
  }
  int64_t *sorted = order;
  if (s->m == 1)
    kv_sort_places(s->dtype, s->n, s->data, false, s->n, keys, order);
  else
    sorted = sort_items(s, order, order + n);
  group *groups = g;
  int64_t count = find_groups(s, sorted, g);
  if (!c->attrs->unique.sorted) {
    by_appearance(s, g, count, g + n, sorted == order ? order + n : order);
    groups = g + n;
  }
  char *values;
  KV_GOTO(status, alloc_values(c, count, axis, &values), done);
  status = write_groups(c, s, sorted, groups, count, values);
done:
  kv_free(order);
  kv_free(g);
  kv_free(keys);
  return status;
}

kvino_status kv_eval_unique(kv_call *c) {
  kvino_tensor *x = c->in[0], *data = NULL;
  int64_t axis = -1;
  if (c->n_in == 2) KV_TRY(kv_read_axis(c, 1, x->rank, &axis));
  KV_TRY(axis < 0 ? kvino_tensor_contiguous(x, &data, c->err) : slices_of(x, (int)axis, &data, c->err));
  int64_t m = 1;
  for (int k = 1; k < x->rank && axis >= 0; k++) m *= data->shape[k];
  items s = {(kvino_dtype)x->dtype,
             c->attrs->unique.distinct_nans,
             axis < 0 ? x->size : x->shape[axis],
             m,
             (int64_t)kvino_dtype_size((kvino_dtype)x->dtype),
             data->data};
  kvino_status status = unique_items(c, &s, axis < 0 ? 0 : (int)axis);
  kvino_tensor_release(data);
  return status;
}
