/* keras.ops.image: convolutions whose kernels are products of a row and a column. */
#include <string.h>

#include "ops/image/image.h"

/* x along an axis with the weights [taps], `before` of them in front of each place. */
static kvino_tensor *slide(kv_scope *s, kvino_tensor *x, int axis, kvino_tensor *weights, kvino_tensor *before) {
  if (!x || !weights) return NULL;
  kvino_tensor *start = kv_subtract(s, kv_image_range(s, kv_dimension(s, x, axis), KVINO_I64), before);
  kvino_tensor *row = kv_unsqueeze(s, kv_cast(s, weights, (kvino_dtype)x->dtype), KV_VECTOR(s, 0));
  return kv_resample(s, x, kv_cast(s, start, KVINO_I32), row, (kv_axis_attrs){.axis = axis});
}

kvino_tensor *kv_image_blur(kv_scope *s, kvino_tensor *x, int axis, kvino_tensor *size, kvino_tensor *sigma) {
  kvino_tensor *one = kv_int(s, KVINO_I64, 1), *two = kv_int(s, KVINO_I64, 2), *half = kv_number(s, KVINO_F64, 0.5);
  kvino_tensor *margin = kv_subtract(s, size, one);
  kvino_tensor *centre = kv_multiply(s, kv_cast(s, margin, KVINO_F64), half);
  kvino_tensor *d = kv_subtract(s, kv_image_range(s, size, KVINO_F64), centre);
  d = kv_divide(s, d, kv_cast(s, sigma, KVINO_F64));
  kvino_tensor *w = kv_exp(s, kv_negative(s, kv_multiply(s, half, kv_multiply(s, d, d))));
  w = kv_divide(s, w, kv_reduce_sum(s, w, KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = true}));
  return slide(s, x, axis, w, kv_floor_divide(s, margin, two));
}

kvino_tensor *op_gaussian_blur(kv_scope *s, kvino_tensor *images, kvino_ints kernel_size, kvino_tensor *sigma,
                               const char *data_format) {
  kv_image_axes axes;
  kvino_tensor *x = kv_strong(s, images);
  if (!kv_image_axes_of(s, x, data_format, &axes) || !sigma) return NULL;
  if (kernel_size.n != 1 && kernel_size.n != 2)
    return kv_scope_fail(s, KVINO_INVALID, "`kernel_size` must be two integers. Received: %lld",
                         (long long)(kernel_size.n < 0 ? 0 : kernel_size.n));
  for (int i = 0; i < kernel_size.n; i++)
    if (!(kernel_size.symbolic && kernel_size.symbolic[i]) && kernel_size.v[i] < 1)
      return kv_scope_fail(s, KVINO_INVALID, "`kernel_size` must be positive. Received: %lld",
                           (long long)kernel_size.v[i]);
  kv_length_pair two[] = {{{NULL, sigma->rank > 1}, {NULL, 0}}, {{sigma, 0}, {NULL, 2}}};
  if (!(sigma = kv_demand_lengths(s, KV_REFUSAL_sigma, sigma, sigma->rank == 1 ? 2 : 1, two, 0, NULL))) return NULL;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  if (kvino_dtype_is_complex(dtype))
    return kv_scope_fail(s, KVINO_TYPE, "images of dtype %s cannot be blurred", kvino_dtype_name(dtype));
  x = kv_cast(s, x, kv_image_work(x));
  const int axis[2] = {axes.width, axes.height};
  for (int i = 1; i >= 0; i--) { /* the height first: long rows */
    kvino_tensor *deviation = sigma->rank ? kv_squeeze(s, kv_cut(s, sigma, 0, i, i + 1), KV_VECTOR(s, 0)) : sigma;
    x = kv_image_blur(s, x, axis[i], kv_image_entry(s, kernel_size, kernel_size.n == 2 ? i : 0), deviation);
  }
  return kv_image_result(s, x, dtype, "half_to_even");
}

kvino_tensor *op_sobel_edges(kv_scope *s, kvino_tensor *images, const char *data_format) {
  char text[KV_SHAPE_TEXT];
  kv_image_axes axes;
  kvino_tensor *x = kv_strong(s, images);
  if (!kv_image_axes_of(s, x, data_format, &axes)) return NULL;
  if (x->rank != 4)
    return kv_scope_fail(s, KVINO_INVALID,
                         "Invalid images rank: expected rank 4 (batch of images). Received: images.shape=%s",
                         kv_shape_text(x->rank, x->shape, text));
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  if (kvino_dtype_is_complex(dtype))
    return kv_scope_fail(s, KVINO_TYPE, "sobel_edges of dtype %s", kvino_dtype_name(dtype));
  x = kv_cast(s, x, kv_image_work(x));
  kvino_tensor *smooth = KV_VECTOR(s, 1, 2, 1), *difference = KV_VECTOR(s, -1, 0, 1), *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *dy = slide(s, slide(s, x, axes.height, difference, one), axes.width, smooth, one);
  kvino_tensor *dx = slide(s, slide(s, x, axes.height, smooth, one), axes.width, difference, one);
  kvino_tensor *at = KV_VECTOR(s, 4);
  kvino_tensor *y =
      kv_concat(s, 2, (kvino_tensor *[]){kv_unsqueeze(s, dy, at), kv_unsqueeze(s, dx, at)}, (kv_axis_attrs){.axis = 4});
  /* Integers wrap. */
  return kv_cast(s, kv_is_inexact(dtype) ? y : kv_cast(s, y, KVINO_I64), dtype);
}
