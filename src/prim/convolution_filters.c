/* ConvolutionBackpropFilters: the cotangent of a convolution's filters. f8, f16 and bf16 are computed as f32 and
 * rounded once. In memory the result stands as Keras's kernels do, [spatial..., in, groups * out]. */
#include "kernels/linalg/blas.h"
#include "kernels/window/conv_filters.h"

#include <string.h>

#include "prim/floats.h"
#include "prim/window.h"

kvino_status kv_infer_conv_filters(kv_call *c) {
  const kvino_tensor *x = c->in[0], *d = c->in[1];
  const kv_ints *f = &c->attrs->conv_filters.filters;
  int n = x->rank - 2, g = f->n == x->rank + 1;
  KV_TRY(kv_floats_only(c));
  KV_TRY(kv_same_dtype(c, 0, 1));
  if (n < 1 || n > KV_SPATIAL || d->rank != x->rank)
    return kv_fail(c->err, KVINO_INVALID, "%s takes data of 3 to 5 dimensions, and as many of results; found %d and %d",
                   c->prim->name, x->rank, d->rank);
  if (f->n != x->rank + g)
    return kv_fail(c->err, KVINO_INVALID, "%s: filters of %d dimensions for data of %d", c->prim->name, f->n, x->rank);
  for (int i = 0; i < f->n; i++)
    if (f->v[i] < 0) return kv_fail(c->err, KVINO_INVALID, "%s: filters of a negative size", c->prim->name);
  int64_t groups = g ? f->v[0] : 1;
  if ((d->shape[1] >= 0 && d->shape[1] != groups * f->v[g]) ||
      (x->shape[1] >= 0 && x->shape[1] != groups * f->v[g + 1]))
    return kv_fail(c->err, KVINO_INVALID, "%s: %lld and %lld channels do not fit the filters", c->prim->name,
                   (long long)x->shape[1], (long long)d->shape[1]);
  if (x->shape[0] >= 0 && d->shape[0] >= 0 && x->shape[0] != d->shape[0])
    return kv_fail(c->err, KVINO_INVALID, "%s: batches of %lld and %lld", c->prim->name, (long long)x->shape[0],
                   (long long)d->shape[0]);
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, f->n, f->v);
  return KVINO_OK;
}

/* x where it is, if it is of the working dtype and its steps are whole elements. */
static kvino_tensor *readable(kv_scope *s, kvino_tensor *x) {
  int64_t size = (int64_t)kvino_dtype_size((kvino_dtype)x->dtype);
  bool fits =
      kv_working_dtype((kvino_dtype)x->dtype) == (kvino_dtype)x->dtype && !((uintptr_t)x->data % (uint64_t)size);
  for (int k = 0; fits && k < x->rank; k++) fits = x->strides[k] % size == 0;
  return fits ? x : kv_working_images(s, x, kv_is_channels_last(x));
}

/* A new tensor of shape [groups?, out, in, spatial...] whose memory is [spatial..., in, groups, out]. */
static kvino_tensor *new_filters(kv_scope *s, kvino_dtype dtype, int n, bool grouped, const int64_t *shape,
                                 char **data) {
  int64_t memory[KV_SPATIAL + 3], strides[KV_SPATIAL + 3];
  kvino_tensor *y, *view;
  for (int i = 0; i < n; i++) memory[i] = shape[2 + grouped + i];
  memory[n] = shape[grouped + 1];
  memory[n + 1] = grouped ? shape[0] : 1;
  memory[n + 2] = shape[grouped];
  if (s->status || !kv_scope_ok(s, kv_tensor_empty(dtype, n + 3, memory, &y, s->err))) return NULL;
  y = kv_own(s, y);
  *data = y->data;
  for (int i = 0; i < n; i++) strides[2 + grouped + i] = y->strides[i];
  strides[grouped + 1] = y->strides[n];
  strides[grouped] = y->strides[n + 2];
  if (grouped) strides[0] = y->strides[n + 1];
  if (!kv_scope_ok(s, kv_tensor_view(y, dtype, n + 2 + grouped, shape, strides, y->data, &view, s->err))) return NULL;
  return kv_own(s, view);
}

kvino_status kv_eval_conv_filters(kv_call *c) {
  const kv_conv_filters_attrs *a = &c->attrs->conv_filters;
  const kvino_tensor *d = c->in[1];
  int n = d->rank - 2, g = a->filters.n == d->rank + 1;
  kv_windows w;
  KV_TRY(kv_blas_ready(c->err));
  KV_TRY(kv_windows_set(&w, n, c->in[0]->shape + 2, a->filters.v + 2 + g, &a->strides, &a->dilations, &a->pads_begin,
                        &a->pads_end, a->auto_pad, false, c));
  kv_conv v = {.dtype = kv_working_dtype(c->spec[0].dtype), .batch = d->shape[0]};
  v.groups = g ? a->filters.v[0] : 1;
  v.out = a->filters.v[g];
  v.in = a->filters.v[g + 1];
  memcpy(v.large, w.in, sizeof v.large);
  for (int i = 0; i < KV_SPATIAL; i++) v.small[i] = i < KV_SPATIAL - n ? 1 : d->shape[i - KV_SPATIAL + n + 2];
  memcpy(v.kernel, w.kernel, sizeof v.kernel);
  memcpy(v.stride, w.stride, sizeof v.stride);
  memcpy(v.dilation, w.dilation, sizeof v.dilation);
  memcpy(v.begin, w.begin, sizeof v.begin);
  char *filters = NULL;
  kv_scope s;
  kv_scope_enter(&s, c->err);
  kvino_tensor *x = readable(&s, c->in[0]), *r = s.status ? NULL : readable(&s, c->in[1]);
  kvino_tensor *y = new_filters(&s, v.dtype, n, g, a->filters.v, &filters);
  if (x && r && y) {
    v.x = kv_images_of(x);
    v.y = kv_images_of(r);
    kv_scope_ok(&s, kv_convolve_filters(&v, filters, c->err));
  }
  return kv_scope_leave(&s, kv_rounded(&s, y, c), &c->out[0]);
}
