/* Slice (a view, of any step) and SliceScatter, which writes into such a slice of a copy. Bounds are Python's: negative
 * ones count from the end, those outside are clamped. */
#include "prim/interval.h"
#include "prim/known.h"
#include "tensor/copy.h"

typedef struct bounds {
  int64_t start, step, length; /* start: the first element taken */
} bounds;

/* slice(start, stop, step).indices(n) */
static bounds clamp_bounds(int64_t start, int64_t stop, int64_t step, int64_t n) {
  int64_t low = step < 0 ? -1 : 0, high = step < 0 ? n - 1 : n;
  if (start < 0) start = start < -n ? low : start + n; /* no overflow: n is not negative */
  if (start < low) start = low;
  if (start > high) start = high;
  if (stop < 0) stop = stop < -n ? low : stop + n;
  if (stop < low) stop = low;
  if (stop > high) stop = high;
  uint64_t stride = step < 0 ? -(uint64_t)step : (uint64_t)step;
  int64_t span = step < 0 ? start - stop : stop - start;
  int64_t length = span <= 0 ? 0 : (int64_t)(((uint64_t)span - 1) / stride + 1);
  return (bounds){start, step, length};
}

/* Whether these bounds take nothing from an axis of any length. */
static bool takes_nothing(int64_t start, int64_t stop, int64_t step) {
  bool one_end = (start < 0) == (stop < 0);
  return step < 0 ? stop == -1 || (one_end && stop >= start) : !stop || (one_end && stop <= start);
}

/* Bounds for each axis of operand 0 from operands `first` (start, stop, step and optionally axes); the length is -1 and
 * the rest undefined where it is not known. */
static kvino_status read_bounds(kv_call *c, size_t first, bounds b[KVINO_MAX_RANK]) {
  const kvino_tensor *x = c->in[0];
  kv_values start, stop, step, axes;
  if (c->n_in != first + 3 && c->n_in != first + 4)
    return kv_fail(c->err, KVINO_INVALID, "%s takes %zu or %zu operands, not %zu", c->prim->name, first + 3, first + 4,
                   c->n_in);
  KV_TRY(kv_read_values(c, first, "start", &start));
  KV_TRY(kv_read_values(c, first + 1, "stop", &stop));
  KV_TRY(kv_read_values(c, first + 2, "step", &step));
  if (c->n_in > first + 3) {
    KV_TRY(kv_read_all(c, first + 3, "axes", &axes));
  } else {
    for (axes.n = 0; axes.n < start.n; axes.n++) axes.v[axes.n] = axes.n;
  }
  if (stop.n != start.n || step.n != start.n || axes.n != start.n)
    return kv_fail(c->err, KVINO_INVALID,
                   "start, stop, step and axes of %s must be of one length, not %d, %d, %d and %d", c->prim->name,
                   start.n, stop.n, step.n, axes.n);
  bool taken[KVINO_MAX_RANK] = {false};
  for (int k = 0; k < x->rank; k++) b[k] = (bounds){0, 1, x->shape[k]};
  for (int i = 0; i < start.n; i++) {
    KV_TRY(kv_normalize_axis(&axes.v[i], x->rank, c->err));
    int64_t axis = axes.v[i], n = x->shape[axis];
    if (taken[axis]) return kv_fail(c->err, KVINO_INVALID, "repeated axis");
    taken[axis] = true;
    if (kv_is_known(&step, i) && !step.v[i]) return kv_fail(c->err, KVINO_INVALID, "slice step cannot be zero");
    bool known = kv_is_known(&start, i) && kv_is_known(&stop, i) && kv_is_known(&step, i);
    if (n < 0 && known && takes_nothing(start.v[i], stop.v[i], step.v[i]))
      b[axis] = (bounds){0, 1, 0};
    else if (n < 0 || !known)
      b[axis].length = -1;
    else
      b[axis] = clamp_bounds(start.v[i], stop.v[i], step.v[i], n);
  }
  return KVINO_OK;
}

static kvino_status view_of_slice(kvino_tensor *x, const bounds *b, const int64_t *shape, kvino_tensor **out,
                                  kvino_error *err) {
  int64_t strides[KVINO_MAX_RANK];
  char *data = x->data;
  for (int k = 0; k < x->rank; k++) {
    strides[k] = b[k].length <= 1 ? x->strides[k] : b[k].step * x->strides[k]; /* a huge step would overflow */
    if (b[k].length) data += b[k].start * x->strides[k];
  }
  return kv_tensor_view(x, (kvino_dtype)x->dtype, x->rank, shape, strides, data, out, err);
}

/* ---- Slice: x, start, stop, step [, axes] ---- */

kvino_status kv_infer_slice(kv_call *c) {
  bounds b[KVINO_MAX_RANK];
  if (!c->n_in) return kv_fail(c->err, KVINO_INVALID, "Slice takes 4 or 5 operands, not 0");
  const kvino_tensor *x = c->in[0];
  KV_TRY(read_bounds(c, 1, b));
  kv_spec *spec = &c->spec[0];
  spec->dtype = (kvino_dtype)x->dtype;
  spec->rank = x->rank;
  for (int k = 0; k < x->rank; k++) spec->shape[k] = b[k].length;
  int n;
  int64_t value[KV_KNOWN_MAX];
  if (!c->tracing || x->rank != 1 || b[0].length < 0 || !kv_known_values(x, &n, value)) return KVINO_OK;
  c->n_known = (int)b[0].length;
  for (int i = 0; i < c->n_known; i++) c->known[i] = value[b[0].start + i * b[0].step];
  return KVINO_OK;
}

kvino_status kv_eval_slice(kv_call *c) {
  bounds b[KVINO_MAX_RANK];
  KV_TRY(read_bounds(c, 1, b));
  for (int k = 0; k < c->in[0]->rank; k++)
    if (b[k].length != c->spec[0].shape[k]) return kv_operand_changed(c);
  return view_of_slice(c->in[0], b, c->spec[0].shape, &c->out[0], c->err);
}

/* ---- SliceScatter: x, updates, start, stop, step [, axes]: a copy of x whose slice holds the updates ---- */

kvino_status kv_infer_slice_scatter(kv_call *c) {
  bounds b[KVINO_MAX_RANK];
  if (c->n_in < 2) return kv_fail(c->err, KVINO_INVALID, "SliceScatter takes 5 or 6 operands, not %zu", c->n_in);
  const kvino_tensor *x = c->in[0], *u = c->in[1];
  KV_TRY(kv_same_dtype(c, 0, 1));
  KV_TRY(read_bounds(c, 2, b));
  int64_t shape[KVINO_MAX_RANK];
  bool fits = u->rank == x->rank;
  for (int k = 0; k < x->rank; k++) {
    shape[k] = b[k].length;
    if (fits && b[k].length >= 0 && u->shape[k] >= 0 && u->shape[k] != b[k].length) fits = false;
  }
  if (!fits) {
    char have[KV_SHAPE_TEXT], want[KV_SHAPE_TEXT];
    return kv_fail(c->err, KVINO_INVALID, "the updates of SliceScatter have shape %s, but the slice has shape %s",
                   kv_shape_text(u->rank, u->shape, have), kv_shape_text(x->rank, shape, want));
  }
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  return KVINO_OK;
}

kvino_status kv_eval_slice_scatter(kv_call *c) {
  bounds b[KVINO_MAX_RANK];
  int64_t strides[KVINO_MAX_RANK];
  const kvino_tensor *u = c->in[1];
  KV_TRY(read_bounds(c, 2, b));
  for (int k = 0; k < u->rank; k++)
    if (b[k].length != u->shape[k]) return kv_operand_changed(c);
  c->spare &= 1; /* the updates are read after the rest is there */
  KV_TRY(kv_call_alloc_over(c));
  kvino_tensor *y = c->out[0];
  if (y != c->in[0]) kv_tensor_copy_to(c->in[0], y->data);
  char *to = y->data;
  for (int k = 0; k < y->rank; k++) {
    strides[k] = b[k].length <= 1 ? y->strides[k] : b[k].step * y->strides[k];
    if (b[k].length) to += b[k].start * y->strides[k];
  }
  kv_copy_strided(kvino_dtype_size((kvino_dtype)y->dtype), u->rank, u->shape, to, strides, u->data, u->strides);
  return KVINO_OK;
}

kv_interval kv_interval_slice_scatter(const kv_bounds *b) { return kv_interval_union(b->in[0], b->in[1]); }
