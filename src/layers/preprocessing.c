/* Layers: preprocessing. Those that draw random changes do so in training alone. */
#include <string.h>

#include "layers/layer.h"
#include "ops/common.h"

kv_value kv_layer_rescaling(kv_invocation *c) {
  kvino_dtype dtype = c->layer->compute;
  kvino_tensor *x = kv_arg(c, "inputs");
  x = x ? kv_cast(c->s, x, dtype) : NULL;
  x = op_multiply(c->s, x, kv_field_tensor(c, "scale", dtype));
  return kv_of(op_add(c->s, x, kv_field_tensor(c, "offset", dtype)));
}

/* The mean and variance that it was given, or those that it learned. */
kv_value kv_layer_normalization(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_dtype dtype = c->layer->compute;
  kvino_tensor *x = kv_arg(c, "inputs");
  bool given = !json_is_null(kv_field(c, "mean"));
  kvino_ints axes = kv_field_ints(c, "axis", 0);
  if (!(x = x ? kv_cast(s, x, dtype) : NULL)) return KV_NOTHING;
  kvino_tensor *mean = given ? kv_field_tensor(c, "mean", dtype) : kv_weight(c, "adapt_mean");
  kvino_tensor *variance = given ? kv_field_tensor(c, "variance", dtype) : kv_weight(c, "adapt_variance");
  mean = kv_along(c, mean, x, axes);
  variance = kv_along(c, variance, x, axes);
  if (!mean || !variance) return KV_NOTHING;
  kvino_tensor *deviation = op_maximum(s, kv_sqrt(s, variance), kv_like(s, variance, 1e-7));
  if (kv_field_flag(c, "invert")) return kv_of(op_add(s, mean, op_multiply(s, x, deviation)));
  return kv_of(op_divide(s, op_subtract(s, x, mean), deviation));
}

/* ---- images ---- */

kv_value kv_layer_resizing(kv_invocation *c) {
  int64_t size[] = {kv_field_integer(c, "height"), kv_field_integer(c, "width")};
  return kv_of(op_resize(c->s, kv_arg(c, "inputs"), (kvino_ints){2, size, NULL, true},
                         kv_field_text(c, "interpolation"), kv_field_flag(c, "antialias"),
                         kv_field_flag(c, "crop_to_aspect_ratio"), kv_field_flag(c, "pad_to_aspect_ratio"),
                         kv_field_text(c, "fill_mode"), kv_field_number(c, "fill_value"), kv_data_format(c)));
}

/* The middle; an image that is too small is cut to the ratio and made larger. */
kv_value kv_layer_center_crop(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = kv_arg(c, "inputs");
  const char *format = kv_data_format(c);
  int64_t size[] = {kv_field_integer(c, "height"), kv_field_integer(c, "width")};
  if (!x || (x->rank != 3 && x->rank != 4))
    return kv_scope_fail(s, KVINO_INVALID, "its input must be images"), KV_NOTHING;
  int first = x->rank - (strcmp(format, "channels_first") ? 3 : 2);
  x = kv_cast(s, x, c->layer->compute);
  for (int i = 0; i < 2 && x; i++) {
    if (x->shape[first + i] < 0) return kv_layer_refuse(c, "images of unknown size"), KV_NOTHING;
    if (x->shape[first + i] < size[i])
      return kv_of(
          op_resize(s, x, (kvino_ints){2, size, NULL, true}, "bilinear", false, true, false, "constant", 0, format));
  }
  for (int i = 0; i < 2 && x; i++) {
    int64_t start = (x->shape[first + i] - size[i]) / 2;
    x = kv_cut(s, x, first + i, start, start + size[i]);
  }
  return kv_of(x);
}

/* What it gives outside of training is of the compute dtype. */
kv_value kv_layer_random_color(kv_invocation *c) {
  return kv_refuse_training(c, "a random change of images") ? KV_NOTHING : kv_layer_identity(c);
}

/* Until Keras 2, predict made the image as large as a crop. */
kv_value kv_layer_random_crop(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  int64_t size[] = {kv_field_integer(c, "height"), kv_field_integer(c, "width")};
  if (c->layer->major >= 3) return kv_layer_random_color(c);
  if (kv_refuse_training(c, "a random change of images") || !x) return KV_NOTHING;
  x = kv_cast(c->s, x, KVINO_F32);
  x = op_resize(c->s, x, (kvino_ints){2, size, NULL, true}, "bilinear", false, true, false, "constant", 0,
                kv_data_format(c));
  return kv_of(x ? kv_cast(c->s, x, c->layer->compute) : NULL);
}

kv_value kv_layer_augmentation(kv_invocation *c) {
  if (kv_refuse_training(c, "a random change of images")) return KV_NOTHING;
  kvino_tensor *x = kv_arg(c, "inputs");
  return kv_of(x ? kv_cast(c->s, x, c->layer->compute) : NULL);
}

/* ---- categories ---- */

kvino_tensor *kv_encode_categories(kv_invocation *c, kvino_tensor *x, const char *mode, int64_t depth,
                                   kvino_dtype dtype, kvino_tensor *weights) {
  kv_scope *s = c->s;
  kv_only_default(c, "sparse");
  if (!x || !mode) return NULL;
  if (!strcmp(mode, "int")) return kv_cast(s, x, dtype);
  if (!x->rank) x = kv_unsqueeze(s, x, KV_VECTOR(s, 0));
  if (!x) return NULL;
  if (!strcmp(mode, "multi_hot")) return op_multi_hot(s, x, depth, -1, dtype);
  if (!strcmp(mode, "one_hot")) {
    if (x->rank > 1 && x->shape[x->rank - 1] == 1) x = kv_squeeze(s, x, KV_VECTOR(s, x->rank - 1));
    return op_one_hot(s, x, depth, -1, dtype);
  }
  if (strcmp(mode, "count")) return kv_layer_refuse(c, "output_mode '%s' is unknown", mode);
  kvino_tensor *hot = op_one_hot(s, x, depth, -1, weights ? (kvino_dtype)weights->dtype : dtype);
  if (weights) hot = op_multiply(s, hot, kv_unsqueeze(s, weights, KV_VECTOR(s, weights->rank)));
  return op_sum(s, hot, KVINO_INTS(x->rank > 1), false);
}

kv_value kv_layer_category_encoding(kv_invocation *c) {
  kvino_tensor *weights = kv_maybe_arg(c, "count_weights");
  if (weights) weights = kv_cast(c->s, weights, c->layer->compute);
  const char *mode = kv_field_text(c, "output_mode");
  int64_t n = kv_field_integer(c, "num_tokens");
  return kv_of(kv_encode_categories(c, kv_arg(c, "inputs"), mode, n, c->layer->compute, weights));
}

kv_value kv_layer_discretization(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs"), *edges = kv_field_tensor(c, "bin_boundaries", KVINO_F32);
  const char *mode = kv_field_text(c, "output_mode");
  if (!edges) return kv_layer_refuse(c, "it has no bin_boundaries"), KV_NOTHING;
  if (!x || !mode) return KV_NOTHING;
  kvino_dtype integer = c->layer->major < 3 ? KVINO_I64 : KVINO_I32;
  kvino_dtype dtype = strcmp(mode, "int") ? c->layer->compute : integer;
  return kv_of(kv_encode_categories(c, op_digitize(c->s, x, edges), mode, edges->shape[0] + 1, dtype, NULL));
}
