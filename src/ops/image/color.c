/* keras.ops.image: colours. Small floats are computed in f32 and rounded once. */
#include "ops/image/image.h"

static bool channels_are(kv_scope *s, const kvino_tensor *x, const kv_image_axes *axes, bool or_one) {
  char text[KV_SHAPE_TEXT];
  int64_t n = x->shape[axes->channels];
  if (n < 0 || n == 3 || (or_one && n == 1)) return true;
  kv_scope_fail(s, KVINO_INVALID,
                "Invalid channel size: expected 3 (RGB)%s. Received input with shape: images.shape=%s",
                or_one ? " or 1 (Grayscale)" : "", kv_shape_text(x->rank, x->shape, text));
  return false;
}

/* The three channels, each with an axis of length 1. */
static kvino_tensors channels_of(kv_scope *s, kvino_tensor *x, int axis) {
  return kv_split(s, x, kv_int(s, KVINO_I64, axis), (kv_split_attrs){.num_splits = 3});
}

kvino_tensor *op_rgb_to_grayscale(kv_scope *s, kvino_tensor *images, const char *data_format) {
  static const double weight[3] = {0.2989, 0.5870, 0.1140};
  kv_image_axes axes;
  images = kv_strong(s, images);
  if (!kv_image_axes_of(s, images, data_format, &axes) || !channels_are(s, images, &axes, true)) return NULL;
  if (images->shape[axes.channels] == 1) return images;
  kvino_dtype dtype = (kvino_dtype)images->dtype, work = kv_is_inexact(dtype) ? kv_work_dtype(dtype) : KVINO_F32;
  kvino_tensors part = channels_of(s, images, axes.channels);
  if (!part.n) return NULL;
  kvino_tensor *y = NULL;
  for (int i = 0; i < 3; i++) {
    kvino_tensor *term = kv_cast(s, part.v[i], work);
    term = kv_multiply(s, term, kv_like(s, term, weight[i]));
    y = y ? kv_add(s, y, term) : term;
  }
  return kv_cast(s, y, dtype);
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
  if (!channels_are(s, x, &axes, false)) return NULL;
  kv_convert_color_attrs how = {.axis = axes.channels, .to = to, .epsilon = epsilon_of(dtype)};
  return kv_cast(s, kv_convert_color(s, kv_cast(s, x, kv_work_dtype(dtype)), how), dtype);
}

kvino_tensor *op_rgb_to_hsv(kv_scope *s, kvino_tensor *images, const char *data_format) {
  return converted(s, images, data_format, "hsv");
}

kvino_tensor *op_hsv_to_rgb(kv_scope *s, kvino_tensor *images, const char *data_format) {
  return converted(s, images, data_format, "rgb");
}
