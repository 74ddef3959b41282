/* keras.ops.nn: convolution and pooling. Keras's data is channels-last, the primitives' channels-first: transposes
 * stand around each window operation here, and the layout pass removes them from a compiled graph. */
#include <string.h>

#include "ops/common.h"

/* What the arguments of Keras say, checked. */
typedef struct window {
  int spatial; /* number of spatial dimensions */
  bool channels_last;
  const char *auto_pad;
  kv_ints size, strides, dilations, zeros;
} window;

static bool read_ints(kv_scope *s, kvino_ints given, int n, const char *name, kv_ints *out) {
  int64_t v[KV_INTS_MAX];
  int m;
  if (!kv_plain_ints(s, given, KV_INTS_MAX, &m, v)) return false;
  if (m != 1 && m != n) {
    kv_scope_fail(s, KVINO_INVALID, "`%s` must be an integer or a list of %d integers", name, n);
    return false;
  }
  out->n = n;
  for (int i = 0; i < n; i++) {
    out->v[i] = v[m == 1 ? 0 : i];
    if (out->v[i] < 1 || out->v[i] > INT32_MAX) {
      kv_scope_fail(s, KVINO_INVALID, "`%s` must be positive%s. Received: %lld", name,
                    out->v[i] < 1 ? "" : " and smaller than 2147483648", (long long)out->v[i]);
      return false;
    }
  }
  return true;
}

static bool read_window(kv_scope *s, const kvino_tensor *x, kvino_ints strides, const char *padding,
                        const char *data_format, kvino_ints dilations, window *w) {
  if (!x) return false;
  memset(w, 0, sizeof *w);
  w->spatial = x->rank - 2;
  if (w->spatial < 1 || w->spatial > 3) {
    kv_scope_fail(s, KVINO_INVALID, "inputs must have 3, 4 or 5 dimensions, found %d", x->rank);
    return false;
  }
  w->channels_last = !data_format || !strcmp(data_format, "channels_last");
  if (!w->channels_last && strcmp(data_format, "channels_first")) {
    kv_scope_fail(s, KVINO_INVALID, "`data_format` must be 'channels_last' or 'channels_first'. Received: '%s'",
                  data_format);
    return false;
  }
  bool same = padding && !strcmp(padding, "same"), valid = padding && !strcmp(padding, "valid");
  if (!same && !valid) {
    kv_scope_fail(s, KVINO_INVALID, "`padding` must be 'valid' or 'same'. Received: '%s'", padding ? padding : "None");
    return false;
  }
  w->auto_pad = same ? "same_upper" : "valid";
  w->zeros.n = w->spatial;
  return read_ints(s, strides, w->spatial, "strides", &w->strides) &&
         read_ints(s, dilations, w->spatial, "dilation_rate", &w->dilations);
}

/* (N, spatial..., C) <-> (N, C, spatial...) */
static kvino_tensor *to_first(kv_scope *s, kvino_tensor *x, const window *w) {
  int64_t perm[5] = {0, w->spatial + 1, 1, 2, 3};
  return w->channels_last ? kv_permute(s, x, perm) : x;
}
static kvino_tensor *to_last(kv_scope *s, kvino_tensor *x, const window *w) {
  int64_t perm[5] = {0};
  for (int i = 0; i < w->spatial; i++) perm[i + 1] = i + 2;
  perm[w->spatial + 1] = 1;
  return w->channels_last ? kv_permute(s, x, perm) : x;
}

/* kernel (spatial..., in, out) -> (out, in, spatial...) */
static kvino_tensor *kernel_first(kv_scope *s, kvino_tensor *kernel, int spatial) {
  int64_t perm[5] = {spatial + 1, spatial, 0, 1, 2};
  return kv_permute(s, kernel, perm);
}

static bool kernel_fits(kv_scope *s, const kvino_tensor *x, const kvino_tensor *kernel) {
  if (!x || !kernel) return false;
  if (kernel->rank != x->rank)
    kv_scope_fail(s, KVINO_INVALID, "kernel must have the %d dimensions of inputs, found %d", x->rank, kernel->rank);
  for (int i = 0; i < kernel->rank; i++)
    if (kernel->shape[i] > INT32_MAX)
      kv_scope_fail(s, KVINO_INVALID, "dimension %d of the kernel is too large: %lld", i, (long long)kernel->shape[i]);
  return !s->status;
}

/* Keras refuses a convolution whose result is empty though its input is not. */
static bool fits(kv_scope *s, const kvino_tensor *x, const kvino_tensor *kernel, const window *w) {
  bool empty = false;
  for (int i = 0; i < w->spatial; i++) {
    int64_t length = x->shape[w->channels_last ? i + 1 : i + 2], reach = (kernel->shape[i] - 1) * w->dilations.v[i] + 1;
    empty = empty || (w->auto_pad[0] == 'v' && length >= 0 && length < reach);
  }
  if (empty && x->size != 0)
    kv_scope_fail(
        s, KVINO_INVALID,
        "The convolution operation resulted in an empty output. This can happen if the input is too small for the "
        "given kernel size, strides, dilation rate, and padding mode. Please check the input shape and convolution "
        "parameters.");
  return !s->status;
}

static kv_conv_attrs conv_attrs(const window *w) {
  return (kv_conv_attrs){.strides = w->strides,
                         .dilations = w->dilations,
                         .pads_begin = w->zeros,
                         .pads_end = w->zeros,
                         .auto_pad = w->auto_pad};
}

/* weights (groups, out, in, spatial...) from (spatial..., in, all outputs). */
static kvino_tensor *grouped_weights(kv_scope *s, kvino_tensor *kernel, int spatial, int64_t groups) {
  kvino_tensor *k = kernel_first(s, kernel, spatial);
  if (!k) return NULL;
  int64_t shape[6] = {groups, k->shape[0] / groups};
  memcpy(shape + 2, k->shape + 1, (size_t)(spatial + 1) * sizeof *shape);
  return kv_reshape_to(s, k, spatial + 3, shape);
}

kvino_tensor *op_conv(kv_scope *s, kvino_tensor *inputs, kvino_tensor *kernel, kvino_ints strides, const char *padding,
                      const char *data_format, kvino_ints dilation_rate) {
  window w;
  kv_align_float(s, &inputs, &kernel);
  if (!kernel_fits(s, inputs, kernel) || !read_window(s, inputs, strides, padding, data_format, dilation_rate, &w))
    return NULL;
  int64_t channels = inputs->shape[w.channels_last ? w.spatial + 1 : 1], in = kernel->shape[w.spatial];
  int64_t out = kernel->shape[w.spatial + 1];
  if (in < 1 || out < 1)
    return kv_scope_fail(s, KVINO_INVALID,
                         "the kernel's numbers of channels must be known and positive, not %lld and %lld",
                         (long long)in, (long long)out);
  if (channels < 0) channels = in; /* one group: other numbers are refused at run time */
  if (!channels || channels % in)
    return kv_scope_fail(
        s, KVINO_INVALID,
        "The number of input channels must be evenly divisible by kernel's in_channels. Received input "
        "channels %lld and kernel in_channels %lld. ",
        (long long)channels, (long long)in);
  int64_t groups = channels / in;
  if (!fits(s, inputs, kernel, &w)) return NULL;
  if (out % groups)
    return kv_scope_fail(s, KVINO_INVALID,
                         "The number of filters, %lld, must be evenly divisible by the number of groups, %lld",
                         (long long)out, (long long)groups);
  kvino_tensor *x = to_first(s, inputs, &w);
  kvino_tensor *y = groups == 1
                        ? kv_convolution(s, x, kernel_first(s, kernel, w.spatial), conv_attrs(&w))
                        : kv_group_convolution(s, x, grouped_weights(s, kernel, w.spatial, groups), conv_attrs(&w));
  return to_last(s, y, &w);
}

kvino_tensor *op_depthwise_conv(kv_scope *s, kvino_tensor *inputs, kvino_tensor *kernel, kvino_ints strides,
                                const char *padding, const char *data_format, kvino_ints dilation_rate) {
  window w;
  kv_align_float(s, &inputs, &kernel);
  if (!kernel_fits(s, inputs, kernel) || !read_window(s, inputs, strides, padding, data_format, dilation_rate, &w) ||
      !fits(s, inputs, kernel, &w))
    return NULL;
  /* kernel (spatial..., in, multiplier) -> (in, multiplier, 1, spatial...) */
  int64_t perm[5] = {w.spatial, w.spatial + 1, 0, 1, 2}, shape[6];
  kvino_tensor *k = kv_permute(s, kernel, perm);
  if (!k) return NULL;
  shape[0] = k->shape[0];
  shape[1] = k->shape[1];
  shape[2] = 1;
  memcpy(shape + 3, k->shape + 2, (size_t)w.spatial * sizeof *shape);
  k = kv_reshape_to(s, k, w.spatial + 3, shape);
  return to_last(s, kv_group_convolution(s, to_first(s, inputs, &w), k, conv_attrs(&w)), &w);
}

kvino_tensor *op_separable_conv(kv_scope *s, kvino_tensor *inputs, kvino_tensor *depthwise_kernel,
                                kvino_tensor *pointwise_kernel, kvino_ints strides, const char *padding,
                                const char *data_format, kvino_ints dilation_rate) {
  kvino_tensor *y = op_depthwise_conv(s, inputs, depthwise_kernel, strides, padding, data_format, dilation_rate);
  return op_conv(s, y, pointwise_kernel, KVINO_INTS(1), "valid", data_format, KVINO_INTS(1));
}

/* How much of the full result, (n - 1) * stride + reach elements, Keras cuts off at its two ends (a negative end adds
 * zeros). The rules are Keras's for JAX: 'valid' keeps at least n * stride elements, 'same' n * stride; a given
 * output_padding counts from the symmetric cut by half the reach for 'same', from no cut for 'valid'. */
static void transpose_cut(bool same, bool given, int64_t output_padding, int64_t reach, int64_t stride, int64_t *begin,
                          int64_t *end) {
  int64_t left, right;
  if (!same) {
    left = reach - 1;
    right = reach - 1 + (given ? output_padding : reach > stride ? 0 : stride - reach);
  } else {
    int64_t total = given ? reach + reach % 2 - 2 + output_padding : stride + reach - 2;
    left = total / 2 + total % 2;
    if (left > reach - 1) left = reach - 1;
    right = total - left;
  }
  *begin = reach - 1 - left;
  *end = reach - 1 - right;
}

kvino_tensor *op_conv_transpose(kv_scope *s, kvino_tensor *inputs, kvino_tensor *kernel, kvino_ints strides,
                                const char *padding, kvino_ints output_padding, const char *data_format,
                                kvino_ints dilation_rate) {
  window w;
  kv_align_float(s, &inputs, &kernel);
  if (!kernel_fits(s, inputs, kernel) || !read_window(s, inputs, strides, padding, data_format, dilation_rate, &w))
    return NULL;
  int64_t extra[KV_INTS_MAX];
  int n;
  if (!kv_plain_ints(s, output_padding, w.spatial, &n, extra)) return NULL;
  for (int i = 0; i < n; i++)
    if (extra[i] < INT32_MIN || extra[i] > INT32_MAX)
      return kv_scope_fail(s, KVINO_INVALID, "`output_padding` is out of range: %lld", (long long)extra[i]);
  bool same = w.auto_pad[0] == 's';
  kv_conv_backprop_attrs a = {.strides = w.strides,
                              .dilations = w.dilations,
                              .pads_begin = w.zeros,
                              .pads_end = w.zeros,
                              .auto_pad = "explicit",
                              .output_padding = w.zeros};
  for (int i = 0; i < w.spatial; i++) {
    int64_t stride = w.strides.v[i], reach = (kernel->shape[i] - 1) * w.dilations.v[i] + 1;
    transpose_cut(same, n > 0, n ? extra[n == 1 ? 0 : i] : 0, reach, stride, &a.pads_begin.v[i], &a.pads_end.v[i]);
    if (a.pads_end.v[i] < 0) {
      a.output_padding.v[i] = -a.pads_end.v[i];
      a.pads_end.v[i] = 0;
    }
  }
  /* kernel (spatial..., out, in) -> (in, out, spatial...) */
  kvino_tensor *y = kv_convolution_backprop_data(s, to_first(s, inputs, &w), kernel_first(s, kernel, w.spatial), a);
  return to_last(s, y, &w);
}

static bool read_pool(kv_scope *s, const kvino_tensor *x, kvino_ints size, kvino_ints strides, const char *padding,
                      const char *data_format, window *w) {
  kv_ints pool;
  if (!x || (x->rank > 2 && x->rank < 6 && !read_ints(s, size, x->rank - 2, "pool_size", &pool)) ||
      !read_window(s, x, strides.n < 0 ? size : strides, padding, data_format, KVINO_INTS(1), w))
    return false;
  w->size = pool;
  return true;
}

kvino_tensor *op_max_pool(kv_scope *s, kvino_tensor *inputs, kvino_ints pool_size, kvino_ints strides,
                          const char *padding, const char *data_format) {
  window w;
  if (!read_pool(s, inputs, pool_size, strides, padding, data_format, &w)) return NULL;
  kv_max_pool_attrs a = {.kernel = w.size,
                         .strides = w.strides,
                         .pads_begin = w.zeros,
                         .pads_end = w.zeros,
                         .rounding_type = "floor",
                         .auto_pad = w.auto_pad};
  return to_last(s, kv_max_pool(s, to_first(s, inputs, &w), a), &w);
}

kvino_tensor *op_average_pool(kv_scope *s, kvino_tensor *inputs, kvino_ints pool_size, kvino_ints strides,
                              const char *padding, const char *data_format) {
  window w;
  inputs = kv_to_float(s, inputs);
  if (!read_pool(s, inputs, pool_size, strides, padding, data_format, &w)) return NULL;
  kv_avg_pool_attrs a = {.kernel = w.size,
                         .strides = w.strides,
                         .pads_begin = w.zeros,
                         .pads_end = w.zeros,
                         .exclude_pad = true,
                         .rounding_type = "floor",
                         .auto_pad = w.auto_pad};
  return to_last(s, kv_avg_pool(s, to_first(s, inputs, &w), a), &w);
}

/* The operands of an adaptive pool: the spatial shape of the output. */
static kvino_tensor *read_adaptive(kv_scope *s, const kvino_tensor *x, kvino_ints output_size, const char *data_format,
                                   window *w) {
  if (!read_window(s, x, KVINO_INTS(1), "valid", data_format, KVINO_INTS(1), w) ||
      !read_ints(s, output_size, w->spatial, "output_size", &w->size))
    return NULL;
  return kv_vector(s, (size_t)w->spatial, w->size.v);
}

kvino_tensor *op_adaptive_average_pool(kv_scope *s, kvino_tensor *inputs, kvino_ints output_size,
                                       const char *data_format) {
  window w;
  inputs = kv_to_float(s, inputs);
  kvino_tensor *shape = read_adaptive(s, inputs, output_size, data_format, &w);
  return shape ? to_last(s, kv_adaptive_avg_pool(s, to_first(s, inputs, &w), shape), &w) : NULL;
}

kvino_tensor *op_adaptive_max_pool(kv_scope *s, kvino_tensor *inputs, kvino_ints output_size, const char *data_format) {
  window w;
  inputs = kv_strong(s, inputs);
  kvino_tensor *shape = read_adaptive(s, inputs, output_size, data_format, &w);
  if (!shape) return NULL;
  kvino_tensors y =
      kv_adaptive_max_pool(s, to_first(s, inputs, &w), shape, (kv_index_type_attrs){.index_element_type = KVINO_I32});
  return y.n ? to_last(s, y.v[0], &w) : NULL;
}
