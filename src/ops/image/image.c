/* What the operators on images share: axes, dtypes, grids. */
#include "ops/image/image.h"

#include <string.h>

bool kv_image_axes_of(kv_scope *s, const kvino_tensor *x, const char *data_format, kv_image_axes *axes) {
  char text[KV_SHAPE_TEXT];
  if (!x) return false;
  axes->last = !data_format || !strcmp(data_format, "channels_last");
  if (!axes->last && strcmp(data_format, "channels_first")) {
    kv_scope_fail(s, KVINO_INVALID, "`data_format` must be 'channels_last' or 'channels_first'. Received: '%s'",
                  data_format);
    return false;
  }
  if (x->rank != 3 && x->rank != 4) {
    kv_scope_fail(s, KVINO_INVALID,
                  "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). Received input "
                  "with shape: images.shape=%s",
                  kv_shape_text(x->rank, x->shape, text));
    return false;
  }
  axes->height = x->rank - (axes->last ? 3 : 2);
  axes->width = axes->height + 1;
  axes->channels = axes->last ? x->rank - 1 : x->rank - 3;
  return true;
}

kvino_dtype kv_image_work(const kvino_tensor *x) {
  kvino_dtype dtype = kv_dtype_of(x);
  if (kvino_dtype_is_float(dtype)) return kv_work_dtype(dtype);
  return kvino_dtype_size(dtype) == 1 ? KVINO_F32 : KVINO_F64; /* sums of 16 bits would round twice in f32 */
}

/* The largest and the smallest value of an integer dtype that f64 holds. */
static kv_clamp_attrs range_of(kvino_dtype dtype) {
  int bits = 8 * (int)kvino_dtype_size(dtype);
  bool is_signed = dtype == KVINO_I8 || dtype == KVINO_I16 || dtype == KVINO_I32 || dtype == KVINO_I64;
  double above = 1;
  for (int i = is_signed; i < bits; i++) above *= 2;
  double max = bits < 64 ? above - 1 : above * (1 - 0x1p-53);
  return (kv_clamp_attrs){.min = is_signed ? -above : 0, .max = max};
}

kvino_tensor *kv_image_result(kv_scope *s, kvino_tensor *y, kvino_dtype dtype, const char *mode) {
  if (kv_is_inexact(dtype)) return kv_cast(s, y, dtype);
  y = kv_round(s, y, (kv_round_attrs){.mode = mode});
  return kv_cast(s, dtype == KVINO_BOOL ? y : kv_clamp(s, y, range_of(dtype)), dtype);
}

kvino_tensor *kv_image_entry(kv_scope *s, kvino_ints list, int64_t i) {
  kvino_tensor *t = list.symbolic ? list.symbolic[i] : NULL;
  return t ? kv_reshape_to(s, kv_cast(s, t, KVINO_I64), 0, NULL) : kv_int(s, KVINO_I64, list.v[i]);
}

kvino_tensor *kv_image_range(kv_scope *s, kvino_tensor *n, kvino_dtype dtype) {
  kvino_tensor *i = kv_range(s, kv_int(s, KVINO_I64, 0), n, kv_int(s, KVINO_I64, 1),
                             (kv_output_type_attrs){.output_type = KVINO_I64});
  return kv_cast(s, i, dtype);
}
