/* Layers: convolution. */
#include <string.h>

#include "layers/layer.h"
#include "ops/common.h"

kv_value kv_layer_conv(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs"), *kernel = kv_weight(c, "kernel");
  const char *format = kv_data_format(c), *padding = kv_field_text(c, "padding");
  if (!x || !kernel || !padding) return KV_NOTHING;
  int rank = kernel->rank - 2;
  kvino_ints dilation = kv_field_ints(c, "dilation_rate", rank), strides = kv_field_ints(c, "strides", rank);
  if (!strcmp(padding, "causal")) {
    int axis = strcmp(format, "channels_first") ? 1 : 2;
    int64_t pads[6] = {0};
    if (rank != 1 || x->rank != 3 || dilation.n != 1)
      return kv_layer_refuse(c, "causal padding is one of Conv1D"), KV_NOTHING;
    pads[2 * axis] = dilation.v[0] * (kernel->shape[0] - 1);
    x = op_pad(c->s, x, (kvino_ints){6, pads, NULL, true}, "constant", NULL);
    padding = "valid";
  }
  kvino_tensor *y = op_conv(c->s, x, kernel, strides, padding, format, dilation);
  return kv_of(kv_activate(c, "activation", kv_add_bias(c, y, kv_weight(c, "bias"), format)));
}

kv_value kv_layer_depthwise_conv(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs"), *kernel = kv_weight(c, "kernel");
  const char *format = kv_data_format(c);
  if (!x || !kernel) return KV_NOTHING;
  int rank = kernel->rank - 2;
  kvino_tensor *y = op_depthwise_conv(c->s, x, kernel, kv_field_ints(c, "strides", rank), kv_field_text(c, "padding"),
                                      format, kv_field_ints(c, "dilation_rate", rank));
  return kv_of(kv_activate(c, "activation", kv_add_bias(c, y, kv_weight(c, "bias"), format)));
}
