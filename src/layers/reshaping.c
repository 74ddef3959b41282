/* Layers: reshaping. */
#include <string.h>

#include "layers/layer.h"
#include "ops/common.h"

kv_value kv_layer_reshape(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  kvino_ints target = kv_field_ints(c, "target_shape", 0);
  int64_t *shape = kv_scope_alloc(c->s, (size_t)target.n + 1, sizeof *shape);
  kvino_tensor **symbolic = kv_scope_alloc(c->s, (size_t)target.n + 1, sizeof *symbolic);
  if (!x || !shape || !symbolic) return KV_NOTHING;
  bool known = x->shape[0] >= 0;
  shape[0] = known ? x->shape[0] : 0;
  symbolic[0] = known ? NULL : kv_dimension(c->s, x, 0);
  for (int64_t i = 0; i < target.n; i++) shape[i + 1] = target.v[i], symbolic[i + 1] = NULL;
  return kv_of(op_reshape(c->s, x, (kvino_ints){target.n + 1, shape, symbolic, true}));
}

kv_value kv_layer_permute(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  kvino_ints dims = kv_field_ints(c, "dims", 0);
  int64_t axes[KVINO_MAX_RANK] = {0};
  if (!x || dims.n != x->rank - 1)
    return kv_scope_fail(c->s, KVINO_INVALID, "'dims' has %lld entries for an input of %d dimensions",
                         (long long)dims.n, x ? x->rank : 0),
           KV_NOTHING;
  for (int64_t i = 0; i < dims.n; i++) axes[i + 1] = dims.v[i];
  return kv_of(op_transpose(c->s, x, (kvino_ints){dims.n + 1, axes, NULL, true}));
}

kv_value kv_layer_repeat_vector(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = kv_arg(c, "inputs");
  int64_t n = kv_field_integer(c, "n");
  if (x && (x->rank != 2 || n < 1))
    return kv_scope_fail(s, KVINO_INVALID, "it takes an input of 2 dimensions and a positive n"), KV_NOTHING;
  return kv_of(kv_tile(s, kv_unsqueeze(s, x, KV_VECTOR(s, 1)), KV_VECTOR(s, 1, n, 1)));
}

/* ---- along the axes between batch and channels ---- */

static int first_axis(kv_invocation *c) { return strcmp(kv_data_format(c), "channels_first") ? 1 : 2; }

/* Two numbers, before and after, for each of these axes, from ((top, bottom), (left, right)), (height, width) or one
 * number; over time alone the pair is (before, after). */
static bool read_pairs(kv_invocation *c, const char *name, const kvino_tensor *x, int64_t *pairs) {
  const json_t *field = kv_field(c, name);
  int n = x->rank - 2;
  for (int i = 0; i < 2 * n; i++) {
    const json_t *v = json_is_array(field) ? json_array_get(field, (size_t)(n == 1 ? i : i / 2)) : field;
    if (json_is_array(v)) v = json_array_get(v, (size_t)i % 2);
    if (!json_is_integer(v) || json_integer_value(v) < 0)
      return kv_scope_fail(c->s, KVINO_IO, "field '%s' of the configuration is not one of pairs of numbers", name) !=
             NULL;
    pairs[i] = json_integer_value(v);
  }
  return true;
}

kv_value kv_layer_zero_padding(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  int64_t pads[2 * KVINO_MAX_RANK] = {0};
  if (!x || x->rank < 3 || !read_pairs(c, "padding", x, &pads[2 * first_axis(c)])) return KV_NOTHING;
  return kv_of(op_pad(c->s, x, (kvino_ints){2 * x->rank, pads, NULL, true}, "constant", NULL));
}

kv_value kv_layer_cropping(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  int64_t pairs[2 * KVINO_MAX_RANK] = {0};
  if (!x || x->rank < 3 || !read_pairs(c, "cropping", x, pairs)) return KV_NOTHING;
  for (int i = 0, axis = first_axis(c), n = x->rank - 2; x && i < n; i++, axis++) {
    int64_t before = pairs[2 * i], after = pairs[2 * i + 1];
    if (x->shape[axis] >= 0 && before + after >= x->shape[axis])
      return kv_scope_fail(c->s, KVINO_INVALID,
                           "Values in `cropping` argument should be smaller than the corresponding spatial dimension "
                           "of the input. Received: cropping=(%lld, %lld) of %lld",
                           (long long)before, (long long)after, (long long)x->shape[axis]),
             KV_NOTHING;
    if (before || after) x = kv_cut(c->s, x, axis, before, after ? -after : INT64_MAX);
  }
  return kv_of(x);
}

/* An image of `times` the height and width, by one of the interpolations of keras.ops.image.resize. */
static kvino_tensor *interpolate(kv_invocation *c, kvino_tensor *x, kvino_ints times, const char *interpolation) {
  kv_scope *s = c->s;
  int64_t size[2];
  kvino_tensor *unknown[2] = {NULL, NULL};
  for (int i = 0; i < 2; i++) {
    int axis = first_axis(c) + i;
    bool known = x->shape[axis] >= 0;
    size[i] = known ? x->shape[axis] * times.v[i] : 0;
    if (!known) unknown[i] = kv_multiply(s, kv_dimension(s, x, axis), kv_int(s, KVINO_I64, times.v[i]));
  }
  return op_resize(s, x, (kvino_ints){2, size, unknown, true}, interpolation, false, false, false, "constant", 0,
                   kv_data_format(c));
}

kv_value kv_layer_up_sampling(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  const char *interpolation = kv_field_text(c, "interpolation");
  if (!x || x->rank < 3 || !interpolation) return KV_NOTHING;
  kvino_ints times = kv_field_ints(c, "size", x->rank - 2);
  if (times.n != x->rank - 2) return kv_scope_fail(c->s, KVINO_IO, "field 'size' is not one of its rank"), KV_NOTHING;
  if (strcmp(interpolation, "nearest") != 0)
    return x->rank == 4 ? kv_of(interpolate(c, x, times, interpolation))
                        : (kv_only_default(c, "interpolation"), KV_NOTHING);
  for (int i = 0; i < times.n; i++) x = op_repeat(c->s, x, KVINO_INTS(times.v[i]), first_axis(c) + i);
  return kv_of(x);
}
