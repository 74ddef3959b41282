#include "prim/window.h"

#include <stdlib.h>
#include <string.h>

#include "prim/floats.h"

static int64_t entry(const kv_ints *v, int i, int64_t otherwise) { return v && i < v->n ? v->v[i] : otherwise; }

/* The length of the result along dimension d, and the padding where auto_pad decides it. */
static int64_t place(kv_windows *w, int d, const char *auto_pad, bool ceil) {
  int64_t reach = (w->kernel[d] - 1) * w->dilation[d] + 1, stride = w->stride[d];
  bool upper = auto_pad && !strcmp(auto_pad, "same_upper"), lower = auto_pad && !strcmp(auto_pad, "same_lower");
  if (auto_pad && !strcmp(auto_pad, "valid")) w->begin[d] = w->end[d] = 0;
  if (w->in[d] < 0) return -1;
  if (upper || lower) {
    int64_t out = (w->in[d] + stride - 1) / stride, total = (out - 1) * stride + reach - w->in[d];
    if (total < 0) total = 0;
    w->begin[d] = upper ? total / 2 : total - total / 2;
    w->end[d] = total - w->begin[d];
    return out;
  }
  int64_t room = w->in[d] + w->begin[d] + w->end[d] - reach;
  if (room < 0) return 0;
  int64_t out = room / stride + 1;
  if (ceil && room % stride) out++; /* even if it lies in the padding alone: as OpenVINO counts */
  return out;
}

/* Whether dimension d is one that can be computed with: no sum or product of these numbers overflows. */
static bool is_small(const kv_windows *w, int d) {
  return w->kernel[d] <= INT32_MAX && w->stride[d] <= INT32_MAX && w->dilation[d] <= INT32_MAX &&
         w->in[d] <= INT64_MAX / 4 && llabs(w->begin[d]) <= INT32_MAX && llabs(w->end[d]) <= INT32_MAX;
}

kvino_status kv_windows_check(const kv_windows *w, int d, kv_call *c) {
  if (w->stride[d] < 1 || w->dilation[d] < 1 || w->kernel[d] < 0)
    return kv_fail(c->err, KVINO_INVALID, "%s: strides, dilations and kernel sizes must be positive", c->prim->name);
  if (!is_small(w, d))
    return kv_fail(c->err, KVINO_INVALID,
                   "%s: strides, dilations, kernel sizes and padding must be smaller than 2147483648", c->prim->name);
  return KVINO_OK;
}

kvino_status kv_windows_set(kv_windows *w, int n, const int64_t *in, const int64_t *kernel, const kv_ints *strides,
                            const kv_ints *dilations, const kv_ints *begin, const kv_ints *end, const char *auto_pad,
                            bool ceil, kv_call *c) {
  w->n = n;
  for (int d = 0; d < KV_SPATIAL; d++) {
    int i = d - (KV_SPATIAL - n);
    w->in[d] = i < 0 ? 1 : in[i];
    w->kernel[d] = i < 0 ? 1 : kernel[i];
    w->stride[d] = i < 0 ? 1 : entry(strides, i, 1);
    w->dilation[d] = i < 0 ? 1 : entry(dilations, i, 1);
    w->begin[d] = i < 0 ? 0 : entry(begin, i, 0);
    w->end[d] = i < 0 ? 0 : entry(end, i, 0);
    KV_TRY(kv_windows_check(w, d, c));
    w->out[d] = place(w, d, i < 0 ? NULL : auto_pad, ceil);
    if (w->out[d] == 0 && w->in[d] > 0)
      return kv_fail(c->err, KVINO_INVALID, "%s: the window of %lld does not fit in dimension %d of %lld elements",
                     c->prim->name, (long long)((w->kernel[d] - 1) * w->dilation[d] + 1), i, (long long)w->in[d]);
  }
  return KVINO_OK;
}

/* ---- memory layout ---- */

bool kv_is_channels_last(const kvino_tensor *x) {
  int64_t step = (int64_t)kvino_dtype_size((kvino_dtype)x->dtype);
  if (x->shape[1] < 2 || x->strides[1] != step) return false;
  for (int k = 2; k < x->rank; k++)
    if (x->shape[k] > 1 && (x->strides[k] < 0 || x->strides[k] / step < x->shape[1])) return false;
  return true;
}

/* A view whose axis i is axis order[i] of x. */
static kvino_tensor *permuted(kv_scope *s, kvino_tensor *x, const int *order) {
  int64_t shape[KV_SPATIAL + 2], strides[KV_SPATIAL + 2];
  kvino_tensor *view;
  if (!x) return NULL;
  for (int k = 0; k < x->rank; k++) shape[k] = x->shape[order[k]], strides[k] = x->strides[order[k]];
  if (!kv_scope_ok(s, kv_tensor_view(x, (kvino_dtype)x->dtype, x->rank, shape, strides, x->data, &view, s->err)))
    return NULL;
  return kv_own(s, view);
}

/* [N, C, spatial...] to [N, spatial..., C], and back. */
static kvino_tensor *to_last(kv_scope *s, kvino_tensor *x) {
  int order[] = {0, 2, 3, 4, 0};
  if (x) order[x->rank - 1] = 1;
  return permuted(s, x, order);
}
static kvino_tensor *to_first(kv_scope *s, kvino_tensor *x) {
  return permuted(s, x, (int[]){0, x ? x->rank - 1 : 0, 1, 2, 3});
}

kvino_tensor *kv_working_images(kv_scope *s, kvino_tensor *x, bool last) {
  return last ? to_first(s, kv_working(s, to_last(s, x))) : kv_working(s, x);
}

kvino_tensor *kv_new_images(kv_scope *s, kv_call *c, kvino_dtype dtype, bool last) {
  const kv_spec *spec = &c->spec[0];
  int64_t shape[KV_SPATIAL + 2];
  kvino_tensor *y;
  for (int k = 0; k < spec->rank; k++)
    shape[k] = !last || !k ? spec->shape[k] : k < spec->rank - 1 ? spec->shape[k + 1] : spec->shape[1];
  if (s->status || !kv_scope_ok(s, kv_tensor_empty(dtype, spec->rank, shape, &y, s->err))) return NULL;
  y = kv_own(s, y);
  return last ? to_first(s, y) : y;
}

kv_images kv_images_of(const kvino_tensor *x) {
  int64_t size = (int64_t)kvino_dtype_size((kvino_dtype)x->dtype);
  int n = x->rank - 2;
  kv_images v = {x->data, x->strides[0] / size, x->strides[1] / size, {0}};
  for (int d = KV_SPATIAL - 1, k = n - 1; d >= 0; d--, k--)
    v.step[d] = k >= 0 ? x->strides[2 + k] / size : v.step[d + 1] * x->shape[2]; /* of the axes of length 1 in front */
  return v;
}
