/* Convolution, GroupConvolution and their transposes (ConvolutionBackpropData). f8, f16 and bf16 are computed as f32
 * and rounded once. The result keeps the order of the data in memory: channels last stays channels last. */
#include <string.h>

#include "kernels/linalg/blas.h"
#include "prim/floats.h"
#include "prim/window.h"

static bool grouped(const kv_call *c) {
  return c->prim->id == KV_GroupConvolution || c->prim->id == KV_GroupConvolutionBackpropData;
}

static kvino_status check(kv_call *c, int *n) {
  const kvino_tensor *x = c->in[0], *k = c->in[1];
  KV_TRY(kv_floats_only(c));
  KV_TRY(kv_same_dtype(c, 0, 1));
  *n = x->rank - 2;
  if (*n < 1 || *n > KV_SPATIAL)
    return kv_fail(c->err, KVINO_INVALID, "%s takes data of 3 to 5 dimensions, found %d", c->prim->name, x->rank);
  if (k->rank != x->rank + grouped(c))
    return kv_fail(c->err, KVINO_INVALID, "%s takes a kernel of %d dimensions, found %d", c->prim->name,
                   x->rank + grouped(c), k->rank);
  for (int i = 0; i < k->rank; i++)
    if (k->shape[i] < 0) return kv_fail(c->err, KVINO_UNSUPPORTED, "%s needs the shape of its kernel", c->prim->name);
  return KVINO_OK;
}

/* Data of `in` channels in each of the kernel's groups. */
static kvino_status check_channels(kv_call *c, int64_t in) {
  int64_t groups = grouped(c) ? c->in[1]->shape[0] : 1, channels = c->in[0]->shape[1];
  if (channels < 0 || channels == in * groups) return KVINO_OK;
  return kv_fail(c->err, KVINO_INVALID, "%s: the data has %lld channels, the kernel takes %lld", c->prim->name,
                 (long long)channels, (long long)(in * groups));
}

static void spec(kv_call *c, int64_t channels, const int64_t *spatial, int n) {
  int64_t shape[KV_SPATIAL + 2] = {c->in[0]->shape[0], channels * (grouped(c) ? c->in[1]->shape[0] : 1)};
  memcpy(shape + 2, spatial + KV_SPATIAL - n, (size_t)n * sizeof *shape);
  kv_call_spec(c, 0, (kvino_dtype)c->in[0]->dtype, n + 2, shape);
}

static kvino_status forward_windows(kv_call *c, kv_windows *w) {
  const kvino_tensor *x = c->in[0], *k = c->in[1];
  const kv_conv_attrs *a = &c->attrs->conv;
  int n = x->rank - 2;
  return kv_windows_set(w, n, x->shape + 2, k->shape + k->rank - n, &a->strides, &a->dilations, &a->pads_begin,
                        &a->pads_end, a->auto_pad, false, c);
}

kvino_status kv_infer_conv(kv_call *c) {
  int n, g = grouped(c);
  kv_windows w;
  KV_TRY(check(c, &n));
  KV_TRY(check_channels(c, c->in[1]->shape[g + 1]));
  KV_TRY(forward_windows(c, &w));
  spec(c, c->in[1]->shape[g], w.out, n);
  return KVINO_OK;
}

/* ---- the transpose: from w->out (the data) to w->in ---- */

static int64_t entry(const kv_ints *v, int i, int64_t otherwise) { return i < v->n ? v->v[i] : otherwise; }

/* auto_pad other than "explicit" cuts nothing off: it would only divide what a given shape of the output leaves over.
 */
static kvino_status backprop_windows(kv_call *c, int n, kv_windows *w) {
  const kvino_tensor *x = c->in[0], *k = c->in[1];
  const kv_conv_backprop_attrs *a = &c->attrs->conv_backprop;
  bool automatic = a->auto_pad && strcmp(a->auto_pad, "explicit");
  *w = (kv_windows){.n = n};
  for (int d = 0; d < KV_SPATIAL; d++) {
    int i = d - (KV_SPATIAL - n);
    w->in[d] = w->out[d] = w->kernel[d] = w->stride[d] = w->dilation[d] = 1;
    if (i < 0) continue;
    w->kernel[d] = k->shape[k->rank - n + i];
    w->stride[d] = entry(&a->strides, i, 1);
    w->dilation[d] = entry(&a->dilations, i, 1);
    w->out[d] = x->shape[2 + i];
    w->begin[d] = automatic ? 0 : entry(&a->pads_begin, i, 0);
    w->end[d] = automatic ? 0 : entry(&a->pads_end, i, 0);
    KV_TRY(kv_windows_check(w, d, c));
    int64_t last, rest = (w->kernel[d] - 1) * w->dilation[d] + 1 - w->begin[d] - w->end[d], full;
    if (w->kernel[d] < 1 || __builtin_mul_overflow(w->stride[d], w->out[d] - 1, &last) ||
        __builtin_add_overflow(rest, entry(&a->output_padding, i, 0), &rest) ||
        __builtin_add_overflow(last, rest, &full))
      return kv_fail(c->err, KVINO_INVALID, "%s: dimension %d of the result is empty or too large", c->prim->name, i);
    w->in[d] = w->out[d] <= 0 ? w->out[d] : full;
    if (w->out[d] > 0 && w->in[d] < 0)
      return kv_fail(c->err, KVINO_INVALID, "%s: the padding of dimension %d is larger than the result", c->prim->name,
                     i);
  }
  return KVINO_OK;
}

kvino_status kv_infer_conv_backprop(kv_call *c) {
  int n, g = grouped(c);
  kv_windows w;
  KV_TRY(check(c, &n));
  KV_TRY(check_channels(c, c->in[1]->shape[g]));
  KV_TRY(backprop_windows(c, n, &w));
  spec(c, c->in[1]->shape[g + 1], w.in, n);
  return KVINO_OK;
}

/* ---- eval ---- */

/* The kernel in the order that kernels/window/conv.h asks for, from its axes [groups?], a, b, spatial. */
static kvino_tensor *arrange(kv_scope *s, kvino_tensor *k, bool with_groups, bool last, bool transposed,
                             bool depthwise) {
  int g = with_groups, n = k->rank - 2 - g, order[KV_SPATIAL + 3], at = 0;
  int64_t shape[KV_SPATIAL + 3], strides[KV_SPATIAL + 3];
  kvino_tensor *view;
  if (!last) return kv_working(s, k);
  if (g && !depthwise) order[at++] = 0;
  if (transposed) order[at++] = g; /* in, taps, out */
  for (int i = 0; i < n; i++) order[at++] = g + 2 + i;
  if (g && depthwise) order[at++] = 0;
  if (!transposed) order[at++] = g + 1; /* taps, in, out */
  order[at++] = transposed ? g + 1 : g;
  for (int i = 0; i < at; i++) shape[i] = k->shape[order[i]], strides[i] = k->strides[order[i]];
  if (s->status ||
      !kv_scope_ok(s, kv_tensor_view(k, (kvino_dtype)k->dtype, at, shape, strides, k->data, &view, s->err)))
    return NULL;
  return kv_working(s, kv_own(s, view));
}

/* Whether a convolution can read x where it is. */
static bool readable(const kvino_tensor *x) {
  int64_t size = (int64_t)kvino_dtype_size((kvino_dtype)x->dtype);
  if (kv_working_dtype((kvino_dtype)x->dtype) != (kvino_dtype)x->dtype || (uintptr_t)x->data % (uint64_t)size)
    return false;
  for (int k = 0; k < x->rank; k++)
    if (x->strides[k] % size) return false;
  return true;
}

static kvino_status evaluate(kv_call *c, const kv_windows *w, bool transposed) {
  kvino_tensor *k = c->in[1];
  int g = grouped(c);
  kv_conv v = {.dtype = kv_working_dtype(c->spec[0].dtype), .channels_last = kv_is_channels_last(c->in[0])};
  v.batch = c->in[0]->shape[0];
  v.groups = g ? k->shape[0] : 1;
  v.in = k->shape[transposed ? g : g + 1];
  v.out = k->shape[transposed ? g + 1 : g];
  memcpy(v.large, w->in, sizeof v.large);
  memcpy(v.small, w->out, sizeof v.small);
  memcpy(v.kernel, w->kernel, sizeof v.kernel);
  memcpy(v.stride, w->stride, sizeof v.stride);
  memcpy(v.dilation, w->dilation, sizeof v.dilation);
  memcpy(v.begin, w->begin, sizeof v.begin);
  kv_scope s;
  kv_scope_enter(&s, c->err);
  kvino_tensor *x = !transposed && readable(c->in[0]) ? c->in[0] : kv_working_images(&s, c->in[0], v.channels_last);
  bool depthwise = !transposed && v.in == 1 && v.groups > 1;
  kvino_tensor *weights = arrange(&s, k, g, v.channels_last, transposed, depthwise);
  kvino_tensor *y = kv_new_images(&s, c, v.dtype, v.channels_last);
  if (x && weights && y) {
    v.x = kv_images_of(x);
    v.y = kv_images_of(y);
    v.weights = weights->data;
    kv_scope_ok(&s, transposed ? kv_convolve_transposed(&v, c->err) : kv_convolve(&v, c->err));
  }
  return kv_scope_leave(&s, kv_rounded(&s, y, c), &c->out[0]);
}

kvino_status kv_eval_conv(kv_call *c) {
  kv_windows w;
  KV_TRY(forward_windows(c, &w));
  KV_TRY(kv_blas_ready(c->err));
  return evaluate(c, &w, false);
}

kvino_status kv_eval_conv_backprop(kv_call *c) {
  kv_windows w;
  KV_TRY(backprop_windows(c, c->in[0]->rank - 2, &w));
  KV_TRY(kv_blas_ready(c->err));
  return evaluate(c, &w, true);
}
