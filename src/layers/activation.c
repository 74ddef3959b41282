/* Layers: activation; and the functions that other layers name in their field "activation". */
#include <string.h>

#include "layers/config.h"
#include "layers/custom.h"
#include "ops/common.h"

/* ---- by name ---- */

/* Keras 3 changed hard_sigmoid: 0.2 x + 0.5 before, (x + 3) / 6 since. */
static kvino_tensor *activate(kv_scope *s, const char *name, bool old_hard_sigmoid, kvino_tensor *x) {
#define ACTIVATION(function, value)                                                                                    \
  if (!strcmp(name, #function)) return value;
#include "layers/activations.def"
#undef ACTIVATION
  return kv_scope_fail(s, KVINO_UNSUPPORTED, "activation '%s' is not one of Keras's", name);
}

const char *kv_activation_name(kv_invocation *c, const char *field) {
  const json_t *value = kv_field(c, field);
  if (json_is_null(value)) return "linear";
  if (json_is_string(value)) return json_string_value(value);
  const char *class = json_string_value(json_object_get(value, "class_name"));
  const json_t *config = json_object_get(value, "config"); /* of a serialized function: its name */
  return class && !strcmp(class, "function") ? json_string_value(config) : NULL;
}

/* An activation that is a layer of its own: its configuration stands in the field. */
static kvino_tensor *activate_by_layer(kv_invocation *c, const char *field, kvino_tensor *x) {
  const json_t *object = kv_field(c, field);
  const char *class = json_string_value(json_object_get(object, "class_name"));
  const kv_layer_kind *kind = class ? kv_layer_kind_find(class) : NULL;
  if (!kind || *kind->weights || *kind->children || (kind->traits & (KV_MODEL | KV_INPUT)))
    return kv_layer_refuse(c, "'%s' is neither the name of an activation nor a layer without weights", field);
  kv_layer inner = *c->layer;
  inner.kind = kind;
  inner.object = object;
  inner.config = json_object_get(object, "config");
  inner.n_weights = inner.n_children = 0;
  inner.defaults = NULL;
  kv_value in = kv_of(x), out = KV_NOTHING;
  if (kv_scope_ok(c->s, kv_layer_fields(&inner, c->s->err)))
    out = kv_layer_call(c->s, &inner, 1, &in, 0, NULL, NULL, c);
  json_decref(inner.defaults);
  return out.tensor;
}

kvino_tensor *kv_activate(kv_invocation *c, const char *field, kvino_tensor *x) {
  const char *name = kv_activation_name(c, field);
  const kvino_custom *custom = name ? kv_custom_find(c->layer->customs, name) : NULL;
  if (!x) return NULL;
  if (custom) return kv_custom_call(c->s, custom, NULL, NULL, 1, &x);
  return name ? activate(c->s, name, c->layer->major < 3, x) : activate_by_layer(c, field, x);
}

/* ---- layers ---- */

kv_value kv_layer_relu(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = kv_arg(c, "inputs");
  double slope = json_is_null(kv_field(c, "negative_slope")) ? 0 : kv_field_number(c, "negative_slope");
  double threshold = json_is_null(kv_field(c, "threshold")) ? 0 : kv_field_number(c, "threshold");
  bool capped = !json_is_null(kv_field(c, "max_value"));
  if (!x) return KV_NOTHING;
  kvino_tensor *y;
  if (threshold != 0)
    y = kv_select(s, kv_greater(s, x, kv_like(s, x, threshold)), x, kv_like(s, x, 0));
  else
    y = op_relu(s, x);
  if (capped) {
    double most = kv_field_number(c, "max_value");
    y = most == 6 && threshold == 0 ? op_relu6(s, x) : op_minimum(s, y, kv_like(s, x, most));
  }
  if (slope != 0) { /* below the threshold: slope * (x - threshold) */
    kvino_tensor *below = op_minimum(s, kv_subtract(s, x, kv_like(s, x, threshold)), kv_like(s, x, 0));
    y = kv_add(s, y, kv_multiply(s, below, kv_like(s, x, slope)));
  }
  return kv_of(y);
}

kv_value kv_layer_leaky_relu(kv_invocation *c) { /* alpha: of Keras 2 */
  const char *field = json_is_null(kv_field(c, "alpha")) ? "negative_slope" : "alpha";
  return kv_of(op_leaky_relu(c->s, kv_arg(c, "inputs"), kv_field_number(c, field)));
}

kv_value kv_layer_prelu(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs"), *alpha = kv_weight(c, "alpha");
  kvino_tensor *below = x ? op_minimum(c->s, x, kv_like(c->s, x, 0)) : NULL;
  return kv_of(op_add(c->s, op_relu(c->s, x), op_multiply(c->s, below, alpha)));
}

kv_value kv_layer_elu(kv_invocation *c) {
  return kv_of(op_elu(c->s, kv_arg(c, "inputs"), kv_field_number(c, "alpha")));
}

kv_value kv_layer_thresholded_relu(kv_invocation *c) { /* until Keras 2 */
  return kv_of(op_threshold(c->s, kv_arg(c, "inputs"), kv_field_number(c, "theta"), 0));
}

kvino_tensor *kv_masked_softmax(kv_scope *s, kvino_tensor *x, kvino_tensor *mask, kvino_ints axes, bool zero) {
  if (!x || !mask) return x ? op_softmax(s, x, axes) : NULL;
  x = kv_select(s, mask, x, kv_like(s, x, x->dtype == KVINO_F16 ? -3e4 : -1e9));
  kvino_tensor *y = op_softmax(s, x, axes);
  return y && zero ? kv_select(s, mask, y, kv_like(s, y, 0)) : y;
}

/* A row of which nothing is left is 0 since Keras 3. */
kv_value kv_layer_softmax(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = kv_arg(c, "inputs"), *mask = kv_mask(c, "inputs");
  kvino_ints axis = kv_field_ints(c, "axis", 0);
  if (!mask || !x) return kv_of(op_softmax(s, x, axis));
  bool fits = mask->rank <= x->rank;
  for (int i = 1; fits && i <= mask->rank; i++) {
    int64_t m = mask->shape[mask->rank - i], n = x->shape[x->rank - i];
    fits = m < 0 || n < 0 || m == 1 || m == n;
  }
  if (!fits)
    return kv_scope_fail(s, KVINO_INVALID,
                         "The `mask` must be broadcastable to `inputs`. Each mask dimension must be 1 or match the "
                         "corresponding input dimension."),
           KV_NOTHING;
  if (mask->dtype != KVINO_BOOL) mask = kv_greater(s, mask, kv_like(s, mask, 0.5));
  return kv_of(kv_masked_softmax(s, x, mask, axis, c->layer->major >= 3));
}
