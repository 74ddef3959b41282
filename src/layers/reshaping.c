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

/* ((top, bottom), (left, right)), (height, width), or one number for all four. */
static bool read_padding(kv_invocation *c, int64_t padding[4]) {
  const json_t *field = kv_field(c, "padding");
  for (size_t i = 0; i < 4; i++) {
    const json_t *v = json_is_array(field) ? json_array_get(field, i / 2) : field;
    if (json_is_array(v)) v = json_array_get(v, i % 2);
    if (!json_is_integer(v))
      return kv_scope_fail(c->s, KVINO_IO, "field 'padding' of the configuration is not a padding") != NULL;
    padding[i] = json_integer_value(v);
  }
  return true;
}

kv_value kv_layer_zero_padding_2d(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  int64_t pads[8] = {0}, first = strcmp(kv_data_format(c), "channels_first") ? 1 : 2;
  if (!x || !read_padding(c, &pads[2 * first])) return KV_NOTHING;
  return kv_of(op_pad(c->s, x, (kvino_ints){8, pads, NULL, true}, "constant", NULL));
}
