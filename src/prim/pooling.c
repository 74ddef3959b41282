/* MaxPool, AvgPool, AdaptiveAvgPool and AdaptiveMaxPool. f8, f16 and bf16 are computed as f32 and rounded once. NaN is
 * larger than every number, as in numpy.max. */
#include "kernels/window/pool.h"

#include <string.h>

#include "prim/floats.h"
#include "prim/pooling.h"

static kvino_status check(kv_call *c, bool max) {
  kvino_dtype dtype = (kvino_dtype)c->in[0]->dtype;
  int rank = c->in[0]->rank;
  if (max ? kvino_dtype_is_complex(dtype) || dtype == KVINO_STRING : !kvino_dtype_is_float(dtype))
    return kv_fail(c->err, KVINO_TYPE, "%s does not take dtype %s", c->prim->name, kvino_dtype_name(dtype));
  if (rank < 3 || rank > KV_SPATIAL + 2)
    return kv_fail(c->err, KVINO_INVALID, "%s takes data of 3 to 5 dimensions, found %d", c->prim->name, rank);
  return KVINO_OK;
}

kvino_status kv_pool_windows_set(kv_call *c, bool max, int n, const int64_t *in, kv_windows *w) {
  const kv_max_pool_attrs *m = &c->attrs->max_pool;
  const kv_avg_pool_attrs *a = &c->attrs->avg_pool;
  const kv_ints *kernel = max ? &m->kernel : &a->kernel;
  if (kernel->n != n)
    return kv_fail(c->err, KVINO_INVALID, "%s takes a kernel of %d sizes, found %d", c->prim->name, n, kernel->n);
  for (int i = 0; i < n; i++)
    if (kernel->v[i] < 1) return kv_fail(c->err, KVINO_INVALID, "%s: kernel sizes must be positive", c->prim->name);
  const char *rounding = max ? m->rounding_type : a->rounding_type;
  bool ceil = rounding && !strcmp(rounding, "ceil");
  return max ? kv_windows_set(w, n, in, kernel->v, &m->strides, NULL, &m->pads_begin, &m->pads_end, m->auto_pad, ceil,
                              c)
             : kv_windows_set(w, n, in, kernel->v, &a->strides, NULL, &a->pads_begin, &a->pads_end, a->auto_pad, ceil,
                              c);
}

static kvino_status infer(kv_call *c, bool max) {
  const kvino_tensor *x = c->in[0];
  kv_windows w;
  KV_TRY(check(c, max));
  KV_TRY(kv_pool_windows_set(c, max, x->rank - 2, x->shape + 2, &w));
  int64_t shape[KV_SPATIAL + 2] = {x->shape[0], x->shape[1]};
  memcpy(shape + 2, w.out + KV_SPATIAL - w.n, (size_t)w.n * sizeof *shape);
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, shape);
  return KVINO_OK;
}

kvino_status kv_infer_max_pool(kv_call *c) { return infer(c, true); }
kvino_status kv_infer_avg_pool(kv_call *c) { return infer(c, false); }

/* ---- eval ---- */

/* Rows of fewer channels are not worth a copy that puts channels last. */
enum { FEW_CHANNELS = 8 };

/* Runs p, whose windows are set, on operand 0. */
static kvino_status pool(kv_call *c, kv_scope *s, kv_pool *p) {
  kvino_tensor *x = c->in[0];
  bool last = kv_is_channels_last(x) || x->shape[1] >= FEW_CHANNELS;
  p->dtype = c->spec[0].dtype;
  p->batch = x->shape[0];
  p->channels = x->shape[1];
  x = kv_working_images(s, x, last);
  kvino_tensor *y = kv_new_images(s, c, p->dtype, last);
  if (x && y) {
    p->x = kv_images_of(x);
    p->y = kv_images_of(y);
    if (!last)
      p->x.channel_step = p->x.channel_step == 1 ? 2 : p->x.channel_step; /* planes of one element: still planes */
    kv_scope_ok(s, kv_pool_windows(p, s->err));
  }
  return kv_scope_leave(s, y, &c->out[0]);
}

bool kv_pool_slide(kv_scope *s, const kv_windows *w, int64_t out[], const int64_t *begins[], const int64_t *ends[]) {
  for (int d = 0; d < KV_SPATIAL; d++) {
    int64_t n = out[d] = w->out[d], *from = kv_scope_alloc(s, (size_t)(2 * n) + 1, sizeof *from), *to = from + n;
    if (!from) return false;
    for (int64_t i = 0; i < n; i++) {
      int64_t begin = i * w->stride[d] - w->begin[d], end = begin + w->kernel[d];
      from[i] = begin < 0 ? 0 : begin > w->in[d] ? w->in[d] : begin;
      to[i] = end < from[i] ? from[i] : end > w->in[d] ? w->in[d] : end;
    }
    begins[d] = from;
    ends[d] = to;
  }
  return true;
}

int64_t kv_pool_whole_window(const kv_windows *w) {
  int64_t padding = 0;
  for (int d = 0; d < KV_SPATIAL; d++) padding += w->begin[d] + w->end[d];
  return padding ? w->kernel[0] * w->kernel[1] * w->kernel[2] : 0;
}

static kvino_status slide_and_pool(kv_call *c, bool max) {
  kv_windows w;
  const kvino_tensor *x = c->in[0];
  KV_TRY(kv_pool_windows_set(c, max, x->rank - 2, x->shape + 2, &w));
  kv_pool p = {.op = max ? KV_REDUCE_MAX : KV_REDUCE_MEAN};
  if (!max && !c->attrs->avg_pool.exclude_pad) p.divisor = kv_pool_whole_window(&w);
  kv_scope s;
  kv_scope_enter(&s, c->err);
  kv_pool_slide(&s, &w, p.out, p.from, p.to);
  return s.status ? kv_scope_leave(&s, NULL, NULL) : pool(c, &s, &p);
}

kvino_status kv_eval_max_pool(kv_call *c) { return slide_and_pool(c, true); }
kvino_status kv_eval_avg_pool(kv_call *c) { return slide_and_pool(c, false); }

/* ---- adaptive: as many windows as the result has elements, of nearly one size ---- */

kvino_status kv_infer_adaptive_pool(kv_call *c) {
  const kvino_tensor *x = c->in[0], *t = c->in[1];
  bool max = c->prim->id == KV_AdaptiveMaxPool;
  int count;
  int64_t v[KV_KNOWN_MAX], shape[KV_SPATIAL + 2];
  KV_TRY(check(c, max));
  if (t->rank != 1 || (t->shape[0] >= 0 && t->shape[0] != x->rank - 2))
    return kv_fail(c->err, KVINO_INVALID,
                   "%s: the shape of the output has one value for each of the %d spatial dimensions", c->prim->name,
                   x->rank - 2);
  bool known = kv_known_values(t, &count, v);
  for (int k = 0; k < x->rank; k++) {
    shape[k] = k < 2 ? x->shape[k] : known && v[k - 2] != KV_UNKNOWN ? v[k - 2] : -1;
    if (k >= 2 && known && v[k - 2] != KV_UNKNOWN && v[k - 2] < 0)
      return kv_fail(c->err, KVINO_INVALID, "negative dimensions are not allowed");
  }
  if (max) {
    kvino_dtype dtype = c->attrs->index_type.index_element_type;
    if (dtype != KVINO_I32 && dtype != KVINO_I64)
      return kv_fail(c->err, KVINO_TYPE, "indices are int32 or int64, not %s", kvino_dtype_name(dtype));
    KV_TRY(kv_call_outputs(c, 2));
    kv_call_spec(c, 1, dtype, x->rank, shape);
  }
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, shape);
  return KVINO_OK;
}

bool kv_pool_divide(kv_scope *s, const char *name, int rank, const int64_t *large, const int64_t *small, int64_t out[],
                    const int64_t *begins[], const int64_t *ends[]) {
  for (int d = 0; d < KV_SPATIAL; d++) {
    int k = d - KV_SPATIAL + rank;
    int64_t in = k < 2 ? 1 : large[k], n = out[d] = k < 2 ? 1 : small[k];
    int64_t *from = kv_scope_alloc(s, 2 * (size_t)n + 1, sizeof *from);
    if (!from) return false;
    int64_t *to = from + n;
    for (int64_t i = 0; i < n; i++) from[i] = i * in / n, to[i] = ((i + 1) * in + n - 1) / n;
    begins[d] = from;
    ends[d] = to;
    if (n && !in) return kv_scope_fail(s, KVINO_INVALID, "%s of an empty dimension", name) != NULL;
  }
  return true;
}

/* Of the whole call. */
static bool divide(kv_scope *s, const kv_call *c, kv_pool *p) {
  return kv_pool_divide(s, c->prim->name, c->in[0]->rank, c->in[0]->shape, c->spec[0].shape, p->out, p->from, p->to);
}

kvino_status kv_eval_adaptive_avg_pool(kv_call *c) {
  kv_pool p = {.op = KV_REDUCE_MEAN};
  kv_scope s;
  kv_scope_enter(&s, c->err);
  divide(&s, c, &p);
  return s.status ? kv_scope_leave(&s, NULL, NULL) : pool(c, &s, &p);
}

/* The largest element of one window, and where it stands in its plane. */
static kvino_status largest(kv_call *c, const kv_pool *p, const char *plane, const int64_t at[KV_SPATIAL],
                            int64_t place) {
  const kvino_tensor *x = c->in[0];
  int64_t shape[KV_SPATIAL], strides[KV_SPATIAL], in[KV_SPATIAL], found, index = 0, offset = 0;
  for (int d = 0; d < KV_SPATIAL; d++) {
    int k = d - KV_SPATIAL + x->rank;
    in[d] = k < 2 ? 1 : x->shape[k];
    strides[d] = k < 2 ? 0 : x->strides[k];
    shape[d] = p->to[d][at[d]] - p->from[d][at[d]];
    plane += p->from[d][at[d]] * strides[d];
  }
  kv_view view = {(kvino_dtype)x->dtype, KV_SPATIAL, shape, strides, plane};
  KV_TRY(kv_reduce_arg(true, &view, (bool[]){true, true, true}, KVINO_I64, &found, c->err));
  for (int d = KV_SPATIAL - 1, step = 1; d >= 0; d--) {
    int64_t i = found % shape[d];
    found /= shape[d];
    offset += i * strides[d];
    index += (p->from[d][at[d]] + i) * step;
    step *= (int)in[d];
  }
  size_t size = kvino_dtype_size((kvino_dtype)x->dtype);
  memcpy(c->out[0]->data + (size_t)place * size, plane + offset, size);
  if (c->spec[1].dtype == KVINO_I32)
    ((int32_t *)c->out[1]->data)[place] = (int32_t)index;
  else
    ((int64_t *)c->out[1]->data)[place] = index;
  return KVINO_OK;
}

static kvino_status largest_of_all(kv_call *c, const kv_pool *p) {
  const kvino_tensor *x = c->in[0];
  int64_t place = 0, at[KV_SPATIAL];
  for (int64_t n = 0; n < x->shape[0]; n++)
    for (int64_t channel = 0; channel < x->shape[1]; channel++)
      for (at[0] = 0; at[0] < p->out[0]; at[0]++)
        for (at[1] = 0; at[1] < p->out[1]; at[1]++)
          for (at[2] = 0; at[2] < p->out[2]; at[2]++)
            KV_TRY(largest(c, p, x->data + n * x->strides[0] + channel * x->strides[1], at, place++));
  return KVINO_OK;
}

kvino_status kv_eval_adaptive_max_pool(kv_call *c) {
  kv_pool p = {.op = KV_REDUCE_MAX};
  kv_scope s;
  kv_scope_enter(&s, c->err);
  if (divide(&s, c, &p) && kv_scope_ok(&s, kv_call_alloc(c, 0)) && kv_scope_ok(&s, kv_call_alloc(c, 1)))
    kv_scope_ok(&s, largest_of_all(c, &p));
  kvino_tensor *self = NULL; /* the outputs stand in the call: the scope has nothing to give */
  kvino_status status = kv_scope_leave(&s, c->in[0], &self);
  kvino_tensor_release(self);
  return status;
}
