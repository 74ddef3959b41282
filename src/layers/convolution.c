/* Layers: convolution. */
#include <string.h>

#include "layers/quantized.h"
#include "ops/common.h"

/* What each of them begins and ends with. */
typedef struct window {
  int rank; /* of the space */
  const char *format, *padding;
  kvino_ints strides, dilation;
} window;

/* Reads the fields; causal padding is written as zeros in front of x. `kernel` begins with the window's lengths. */
static kvino_tensor *begin(kv_invocation *c, const kvino_tensor *kernel, window *w) {
  kvino_tensor *x = kv_arg(c, "inputs");
  w->format = kv_data_format(c);
  w->padding = kv_field_text(c, "padding");
  if (!x || !kernel || !w->padding || kernel->rank < 3) return NULL;
  w->rank = kernel->rank - 2;
  w->dilation = kv_field_ints(c, "dilation_rate", w->rank);
  w->strides = kv_field_ints(c, "strides", w->rank);
  if (strcmp(w->padding, "causal") != 0) return x;
  if (w->rank != 1 || x->rank != 3 || w->dilation.n != 1)
    return kv_layer_refuse(c, "causal padding is one of convolutions over time");
  int64_t pads[6] = {0};
  pads[strcmp(w->format, "channels_first") ? 2 : 4] = w->dilation.v[0] * (kernel->shape[0] - 1);
  w->padding = "valid";
  return op_pad(c->s, x, (kvino_ints){6, pads, NULL, true}, "constant", NULL);
}

static kv_value end(kv_invocation *c, kvino_tensor *y, const window *w) {
  return kv_of(kv_activate(c, "activation", kv_add_bias(c, y, kv_weight(c, "bias"), w->format)));
}

kv_value kv_layer_conv(kv_invocation *c) {
  window w;
  kvino_tensor *kernel = kv_adapted(c, "kernel", "lora_kernel_a", "lora_kernel_b"), *x = begin(c, kernel, &w);
  return x ? end(c, op_conv(c->s, x, kernel, w.strides, w.padding, w.format, w.dilation), &w) : KV_NOTHING;
}

kv_value kv_layer_depthwise_conv(kv_invocation *c) {
  window w;
  kvino_tensor *kernel = kv_weight(c, "kernel"), *x = begin(c, kernel, &w);
  return x ? end(c, op_depthwise_conv(c->s, x, kernel, w.strides, w.padding, w.format, w.dilation), &w) : KV_NOTHING;
}

kv_value kv_layer_separable_conv(kv_invocation *c) {
  window w;
  kvino_tensor *kernel = kv_weight(c, "depthwise_kernel"), *x = begin(c, kernel, &w);
  if (!x) return KV_NOTHING;
  kvino_tensor *y =
      op_separable_conv(c->s, x, kernel, kv_weight(c, "pointwise_kernel"), w.strides, w.padding, w.format, w.dilation);
  return end(c, y, &w);
}

kv_value kv_layer_conv_transpose(kv_invocation *c) {
  window w;
  kvino_tensor *kernel = kv_weight(c, "kernel"), *x = begin(c, kernel, &w);
  if (!x) return KV_NOTHING;
  kvino_tensor *y = op_conv_transpose(c->s, x, kernel, w.strides, w.padding, kv_field_ints(c, "output_padding", w.rank),
                                      w.format, w.dilation);
  return end(c, y, &w);
}
