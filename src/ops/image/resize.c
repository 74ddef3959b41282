/* keras.ops.image: images of other sizes. Each axis is resampled by itself, in f32 or f64. */
#include <string.h>

#include "ops/image/image.h"

/* ---- one axis ---- */

static bool same_length(const kvino_tensor *a, const kvino_tensor *b) {
  int n, m;
  int64_t v[KV_KNOWN_MAX], w[KV_KNOWN_MAX];
  return a && b && kv_all_known(a, &n, v) && kv_all_known(b, &m, w) && n == 1 && m == 1 && v[0] == w[0];
}

static kvino_tensor *resample(kv_scope *s, kvino_tensor *x, int axis, kvino_tensor *out, kvino_tensor *scale,
                              kvino_tensor *translation, const char *filter, bool antialias) {
  if (!x) return NULL;
  kv_resample_weights_attrs how = {.filter = filter, .antialias = antialias, .output_type = (kvino_dtype)x->dtype};
  kvino_tensors w = kv_resample_weights(s, kv_dimension(s, x, axis), out, scale, translation, how);
  return w.n ? kv_resample(s, x, w.v[0], w.v[1], (kv_axis_attrs){.axis = axis}) : NULL;
}

static kvino_tensor *resize_axis(kv_scope *s, kvino_tensor *x, int axis, kvino_tensor *out, const char *filter,
                                 bool antialias) {
  if (!x) return NULL;
  kvino_tensor *in = kv_dimension(s, x, axis);
  if (same_length(in, out)) return x;
  if (strcmp(filter, "nearest")) {
    kvino_tensor *scale = kv_divide(s, kv_cast(s, out, KVINO_F64), kv_cast(s, in, KVINO_F64));
    return resample(s, x, axis, out, scale, kv_number(s, KVINO_F64, 0), filter, antialias);
  }
  /* The place under the middle of each pixel, in whole numbers: floor((2 i + 1) in / (2 out)). */
  kvino_tensor *two = kv_int(s, KVINO_I64, 2), *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *middle = kv_add(s, kv_multiply(s, kv_image_range(s, out, KVINO_I64), two), one);
  kvino_tensor *place = kv_floor_divide(s, kv_multiply(s, middle, in), kv_multiply(s, out, two));
  return kv_gather(s, x, place, kv_int(s, KVINO_I64, axis), (kv_gather_attrs){.batch_dims = 0});
}

/* ---- the same proportions ---- */

/* What one axis would have to be for the proportions of the target: other * target / target_other. */
static kvino_tensor *fitting(kv_scope *s, kvino_tensor *other, kvino_tensor *target, kvino_tensor *target_other) {
  return kv_floor_divide(s, kv_multiply(s, other, target), target_other);
}

static kvino_tensor *half_of(kv_scope *s, kvino_tensor *a, kvino_tensor *b) {
  return kv_floor_divide(s, kv_subtract(s, a, b), kv_int(s, KVINO_I64, 2));
}

static kvino_tensor *pair(kv_scope *s, kvino_tensor *a, kvino_tensor *b) {
  const int64_t one = 1;
  return kv_concat(s, 2, (kvino_tensor *[]){kv_reshape_to(s, a, 1, &one), kv_reshape_to(s, b, 1, &one)},
                   (kv_axis_attrs){.axis = 0});
}

static kvino_tensor *crop(kv_scope *s, kvino_tensor *x, const kv_image_axes *axes, kvino_tensor *const size[2]) {
  kvino_tensor *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *h = kv_dimension(s, x, axes->height), *w = kv_dimension(s, x, axes->width);
  kvino_tensor *high = kv_maximum(s, kv_minimum(s, h, fitting(s, w, size[0], size[1])), one);
  kvino_tensor *wide = kv_maximum(s, kv_minimum(s, w, fitting(s, h, size[1], size[0])), one);
  kvino_tensor *top = half_of(s, h, high), *left = half_of(s, w, wide);
  kvino_tensor *begin = pair(s, top, left), *end = pair(s, kv_add(s, top, high), kv_add(s, left, wide));
  return kv_slice(s, 5, (kvino_tensor *[]){x, begin, end, KV_VECTOR(s, 1, 1), KV_VECTOR(s, axes->height, axes->width)});
}

/* As many places before an axis as after it. */
static kvino_tensor *pad(kv_scope *s, kvino_tensor *x, const kv_image_axes *axes, kvino_tensor *const size[2],
                         double fill_value) {
  kvino_tensor *h = kv_dimension(s, x, axes->height), *w = kv_dimension(s, x, axes->width);
  kvino_tensor *high = kv_maximum(s, h, fitting(s, w, size[0], size[1]));
  kvino_tensor *wide = kv_maximum(s, w, fitting(s, h, size[1], size[0]));
  kvino_tensor *room = pair(s, half_of(s, high, h), half_of(s, wide, w)), *before = KV_VECTOR(s, 0, 0, 0, 0);
  const int64_t rank = x->rank, at = axes->height;
  before =
      kv_concat(s, 3, (kvino_tensor *[]){kv_cut(s, before, 0, 0, at), room, kv_cut(s, before, 0, 0, rank - at - 2)},
                (kv_axis_attrs){.axis = 0});
  return kv_pad(s, 4, (kvino_tensor *[]){x, before, before, kv_like(s, x, fill_value)},
                (kv_pad_attrs){.pad_mode = "constant"});
}

/* ---- the operators ---- */

static const char *filter_of(const char *interpolation) {
  static const char *const names[][2] = {{"bilinear", "linear"},   {"nearest", "nearest"}, {"lanczos3", "lanczos3"},
                                         {"lanczos5", "lanczos5"}, {"bicubic", "cubic"},   {"area", "area"}};
  for (size_t i = 0; interpolation && i < sizeof names / sizeof *names; i++)
    if (!strcmp(names[i][0], interpolation)) return names[i][1];
  return NULL;
}

static bool check_resize(kv_scope *s, kvino_ints size, const char *interpolation, bool crops, bool pads,
                         const char *fill_mode) {
  if (!filter_of(interpolation)) {
    kv_scope_fail(s, KVINO_INVALID,
                  "Invalid value for argument `interpolation`. Expected of one ('bilinear', 'nearest', 'lanczos3', "
                  "'lanczos5', 'bicubic', 'area'). Received: interpolation=%s",
                  interpolation ? interpolation : "None");
  } else if (!fill_mode || strcmp(fill_mode, "constant")) {
    kv_scope_fail(s, KVINO_INVALID,
                  "Invalid value for argument `fill_mode`. Only `'constant'` is supported. Received: fill_mode=%s",
                  fill_mode ? fill_mode : "None");
  } else if (pads && crops) {
    kv_scope_fail(s, KVINO_INVALID, "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`.");
  } else if (size.n != 2) {
    kv_scope_fail(s, KVINO_INVALID,
                  "Argument `size` must be a tuple of two elements (height, width). Received: %lld elements",
                  (long long)(size.n < 0 ? 0 : size.n));
  }
  for (int i = 0; i < 2 && size.n == 2; i++)
    if (!(size.symbolic && size.symbolic[i]) && size.v[i] <= 0)
      kv_scope_fail(s, KVINO_INVALID, "`size` must have positive height and width. Received: size=(%lld, %lld)",
                    (long long)size.v[0], (long long)size.v[1]);
  return !s->status;
}

kvino_tensor *op_resize(kv_scope *s, kvino_tensor *images, kvino_ints size, const char *interpolation, bool antialias,
                        bool crop_to_aspect_ratio, bool pad_to_aspect_ratio, const char *fill_mode, double fill_value,
                        const char *data_format) {
  kv_image_axes axes;
  kvino_tensor *x = kv_strong(s, images);
  if (!check_resize(s, size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio, fill_mode)) return NULL;
  if (!kv_image_axes_of(s, x, data_format, &axes)) return NULL;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  if (kvino_dtype_is_complex(dtype))
    return kv_scope_fail(s, KVINO_TYPE, "images of dtype %s cannot be resized", kvino_dtype_name(dtype));
  kvino_tensor *const to[2] = {kv_image_entry(s, size, 0), kv_image_entry(s, size, 1)};
  const char *filter = filter_of(interpolation);
  bool nearest = !strcmp(filter, "nearest");
  if (crop_to_aspect_ratio) x = crop(s, x, &axes, to);
  if (!nearest || pad_to_aspect_ratio) x = kv_cast(s, x, kv_image_work(x));
  if (x && pad_to_aspect_ratio) x = pad(s, x, &axes, to, fill_value);
  x = resize_axis(s, x, axes.height, to[0], filter, antialias);
  x = resize_axis(s, x, axes.width, to[1], filter, antialias);
  return x && (kvino_dtype)x->dtype != dtype ? kv_image_result(s, x, dtype, "half_to_even") : x;
}

/* Number i of a vector, 0-d f64. */
static kvino_tensor *number_at(kv_scope *s, kvino_tensor *vector, int i) {
  return kv_gather(s, kv_cast(s, vector, KVINO_F64), kv_int(s, KVINO_I64, i), kv_int(s, KVINO_I64, 0),
                   (kv_gather_attrs){.batch_dims = 0});
}

static const char *method_of(kv_scope *s, const char *method) {
  static const char *const names[][2] = {{"linear", "linear"},   {"bilinear", "linear"},   {"trilinear", "linear"},
                                         {"triangle", "linear"}, {"cubic", "cubic"},       {"bicubic", "cubic"},
                                         {"tricubic", "cubic"},  {"lanczos3", "lanczos3"}, {"lanczos5", "lanczos5"}};
  for (size_t i = 0; method && i < sizeof names / sizeof *names; i++)
    if (!strcmp(names[i][0], method)) return names[i][1];
  return kv_scope_fail(s, KVINO_INVALID,
                       "Invalid value for argument `method`. Expected of one linear, bilinear, trilinear, cubic, "
                       "bicubic, tricubic, lanczos3, lanczos5. Received: method=%s",
                       method ? method : "None");
}

static kvino_tensor *vector_of(kv_scope *s, kv_refusal what, kvino_tensor *x, int n) {
  kv_length_pair pair[] = {{{NULL, x->rank}, {NULL, 1}}, {{x, 0}, {NULL, n}}};
  return kv_demand_lengths(s, what, x, x->rank == 1 ? 2 : 1, pair, 1, &(kv_length){NULL, n});
}

kvino_tensor *op_scale_and_translate(kv_scope *s, kvino_tensor *images, kvino_ints output_shape, kvino_tensor *scale,
                                     kvino_tensor *translation, kvino_ints spatial_dims, const char *method,
                                     bool antialias) {
  int n;
  int64_t dim[KVINO_MAX_RANK];
  const char *filter = method_of(s, method);
  kvino_tensor *x = kv_strong(s, images);
  if (!filter || !x || !scale || !translation || !kv_plain_ints(s, spatial_dims, KVINO_MAX_RANK, &n, dim)) return NULL;
  if (output_shape.n != x->rank)
    return kv_scope_fail(s, KVINO_INVALID, "`output_shape` must have %d values, one for each dimension. Received: %lld",
                         x->rank, (long long)(output_shape.n < 0 ? 0 : output_shape.n));
  scale = vector_of(s, KV_REFUSAL_scale, scale, n);
  translation = vector_of(s, KV_REFUSAL_translation, translation, n);
  if (s->status) return NULL;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  if (kvino_dtype_is_complex(dtype))
    return kv_scope_fail(s, KVINO_TYPE, "images of dtype %s cannot be scaled", kvino_dtype_name(dtype));
  x = kv_cast(s, x, kv_image_work(x));
  for (int i = 0; i < n && x; i++) {
    if (!kv_axis_ok(s, &dim[i], x->rank)) return NULL;
    x = resample(s, x, (int)dim[i], kv_image_entry(s, output_shape, dim[i]), number_at(s, scale, i),
                 number_at(s, translation, i), filter, antialias);
  }
  return x && (kvino_dtype)x->dtype != dtype ? kv_image_result(s, x, dtype, "half_to_even") : x;
}
