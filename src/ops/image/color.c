/* keras.ops.image: colours. Small floats are computed in f32 and rounded once. */
#include "ops/image/image.h"

/* Where there are three; for an unknown number where there are one or three. */
static kvino_tensor *in_colour(kv_scope *s, kvino_tensor *x, int axis, bool or_one) {
  if (!or_one || x->shape[axis] >= 0)
    return kv_demand_lengths(s, or_one ? KV_REFUSAL_rgb_or_gray : KV_REFUSAL_rgb, x, 1,
                             &(kv_length_pair){{x, axis}, {NULL, 3}}, 1, &(kv_length){x, KV_ALL_AXES});
  kvino_tensor *n = kv_dimension(s, x, axis), *one = kv_int(s, KVINO_I64, 1), *three = kv_int(s, KVINO_I64, 3);
  kvino_tensor *holds = kv_logical_or(s, kv_equal(s, n, one), kv_equal(s, n, three)), *dims = kv_dims(s, x);
  return kv_demand_by(s, KV_BY_SHAPES, KV_REFUSAL_rgb_or_gray, x, holds, 1, &dims);
}

/* The three channels, each with an axis of length 1. */
static kvino_tensors channels_of(kv_scope *s, kvino_tensor *x, int axis) {
  return kv_split(s, x, kv_int(s, KVINO_I64, axis), (kv_split_attrs){.num_splits = 3});
}

/* Channel i, with an axis of length 1; of a single one that one. */
static kvino_tensor *channel(kv_scope *s, kvino_tensor *x, int axis, int i) {
  kvino_tensor *at = KV_VECTOR(s, i);
  if (x && x->shape[axis] < 0) {
    kvino_tensor *last = kv_subtract(s, kv_dimension(s, x, axis), kv_int(s, KVINO_I64, 1));
    at = kv_minimum(s, at, last);
  }
  return kv_gather(s, x, at, kv_int(s, KVINO_I64, axis), (kv_gather_attrs){.batch_dims = 0});
}

kvino_tensor *op_rgb_to_grayscale(kv_scope *s, kvino_tensor *images, const char *data_format) {
  static const double weight[3] = {0.2989, 0.5870, 0.1140};
  kv_image_axes axes;
  images = kv_strong(s, images);
  if (!kv_image_axes_of(s, images, data_format, &axes) || images->shape[axes.channels] == 1) return images;
  if (!(images = in_colour(s, images, axes.channels, true))) return NULL;
  kvino_dtype dtype = (kvino_dtype)images->dtype, work = kv_is_inexact(dtype) ? kv_work_dtype(dtype) : KVINO_F32;
  bool known = images->shape[axes.channels] >= 0;
  kvino_tensors part = known ? channels_of(s, images, axes.channels) : KV_NO_TENSORS;
  if (known && !part.n) return NULL;
  kvino_tensor *y = NULL;
  for (int i = 0; i < 3; i++) {
    kvino_tensor *term = kv_cast(s, known ? part.v[i] : channel(s, images, axes.channels, i), work);
    term = kv_multiply(s, term, kv_like(s, term, weight[i]));
    y = y ? kv_add(s, y, term) : term;
  }
  y = kv_cast(s, y, dtype);
  if (known) return y;
  kvino_tensor *single = kv_equal(s, kv_dimension(s, images, axes.channels), kv_int(s, KVINO_I64, 1));
  return kv_select(s, single, channel(s, images, axes.channels, 0), y);
}

/* The distance of 1 to the next number. */
static double epsilon_of(kvino_dtype dtype) {
  switch (dtype) {
  case KVINO_F64:
    return 0x1p-52;
  case KVINO_F32:
    return 0x1p-23;
  case KVINO_F16:
    return 0x1p-10;
  case KVINO_BF16:
    return 0x1p-7;
  case KVINO_F8E4M3:
    return 0x1p-3;
  default:
    return 0x1p-2;
  }
}

static kvino_tensor *converted(kv_scope *s, kvino_tensor *x, const char *data_format, const char *to) {
  kv_image_axes axes;
  x = kv_strong(s, x);
  if (!kv_image_axes_of(s, x, data_format, &axes)) return NULL;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  if (!kvino_dtype_is_float(dtype))
    return kv_scope_fail(s, KVINO_INVALID, "Invalid images dtype: expected float dtype. Received: images.dtype=%s",
                         kvino_dtype_name(dtype));
  if (!(x = in_colour(s, x, axes.channels, false))) return NULL;
  kv_convert_color_attrs how = {.axis = axes.channels, .to = to, .epsilon = epsilon_of(dtype)};
  return kv_cast(s, kv_convert_color(s, kv_cast(s, x, kv_work_dtype(dtype)), how), dtype);
}

kvino_tensor *op_rgb_to_hsv(kv_scope *s, kvino_tensor *images, const char *data_format) {
  return converted(s, images, data_format, "hsv");
}

kvino_tensor *op_hsv_to_rgb(kv_scope *s, kvino_tensor *images, const char *data_format) {
  return converted(s, images, data_format, "rgb");
}
