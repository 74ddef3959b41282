/* Layers: recurrent. */
#include <string.h>

#include "layers/layer.h"
#include "ops/common.h"

/* The first state where none is given: zeros (batch, units). */
static kvino_tensor *zero_state(kv_invocation *c, kvino_tensor *x, int64_t units) {
  kvino_tensor *batch = kv_dimension(c->s, x, 0);
  if (!batch) return NULL;
  kvino_tensor *shape =
      kv_concat(c->s, 2, (kvino_tensor *[]){kv_unsqueeze(c->s, batch, KV_VECTOR(c->s, 0)), KV_VECTOR(c->s, units)},
                (kv_axis_attrs){.axis = 0});
  return kv_broadcast_shape(c->s, kv_like(c->s, x, 0), shape);
}

/* State number i: the one that the call was given, or zeros. */
static kvino_tensor *first_state(kv_invocation *c, kvino_tensor *x, size_t i, int64_t units) {
  kv_value given = kv_arg_value(c, "initial_state");
  if (given.kind == KV_VALUE_TENSOR && !i) return given.tensor;
  if (given.kind == KV_VALUE_LIST && i < given.n) return given.item[i].tensor;
  return given.kind == KV_VALUE_NONE ? zero_state(c, x, units) : NULL;
}

/* What the layer gives of the outputs of all steps and the last states. */
static kv_value outputs(kv_invocation *c, kvino_tensors v, kvino_tensor *mask) {
  if (!v.v) return KV_NOTHING;
  bool all = kv_field_flag(c, "return_sequences"), states = kv_field_flag(c, "return_state");
  kvino_tensor *y = all ? v.v[0] : v.v[1];
  if (all && kv_field_flag(c, "go_backwards")) y = op_flip(c->s, y, KVINO_INTS(1)); /* in the order of computing */
  kv_value first = kv_of_masked(y, all ? mask : NULL);
  if (!states) return first;
  kv_value list = kv_value_list(c->s, v.n);
  for (size_t i = 0; i < list.n; i++) list.item[i] = i ? kv_of(v.v[i]) : first;
  return list;
}

static bool names_are(kv_invocation *c, const char *activation, const char *recurrent) {
  const char *a = kv_activation_name(c, "activation"), *r = kv_activation_name(c, "recurrent_activation");
  return a && r && !strcmp(a, activation) && !strcmp(r, recurrent);
}

kv_value kv_layer_lstm(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "sequences"), *mask = kv_mask(c, "sequences");
  int64_t units = kv_field_integer(c, "units");
  kv_only_default(c, "stateful");
  kv_only_default(c, "time_major");
  if (!names_are(c, "tanh", "sigmoid"))
    return kv_layer_refuse(c, "activations other than tanh and sigmoid are not read from a file"), KV_NOTHING;
  if (!x) return KV_NOTHING;
  kvino_tensors v =
      op_lstm_sequence(c->s, x, first_state(c, x, 0, units), first_state(c, x, 1, units), kv_weight(c, "cell/kernel"),
                       kv_weight(c, "cell/recurrent_kernel"), kv_weight(c, "cell/bias"),
                       kv_field_flag(c, "go_backwards"), mask, kv_field_flag(c, "zero_output_for_mask"));
  return outputs(c, v, mask);
}
