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

/* ---- kernels that are other ones at each place (until Keras 2) ---- */

/* Along an axis, the places of each window: (..., n, ...) becomes (..., windows, length, ...). *count: how many. */
static kvino_tensor *windows(kv_invocation *c, kvino_tensor *x, int axis, int64_t length, int64_t stride,
                             int64_t *count) {
  kv_scope *s = c->s;
  int64_t n = x->shape[axis];
  if (n < 0) return kv_layer_refuse(c, "inputs of unknown lengths");
  if (length < 1 || stride < 1 || n < length) return kv_layer_refuse(c, "a window that is larger than the input");
  *count = (n - length) / stride + 1;
  int64_t *at = kv_scope_alloc(s, (size_t)(*count * length), sizeof *at);
  for (int64_t i = 0; at && i < *count * length; i++) at[i] = i / length * stride + i % length;
  kvino_tensor *places = at ? kv_vector(s, (size_t)(*count * length), at) : NULL;
  places = kv_reshape_to(s, places, 2, (int64_t[]){*count, length});
  return kv_gather(s, x, places, kv_int(s, KVINO_I64, axis), (kv_gather_attrs){.batch_dims = 0});
}

/* The kernel is (places, elements of a window, filters), the bias one number for each place and filter. */
kv_value kv_layer_locally_connected(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = kv_arg(c, "inputs"), *kernel = kv_weight(c, "kernel"), *bias = kv_weight(c, "bias");
  int rank = x ? x->rank - 2 : 0;
  kv_only_default(c, "padding");
  kv_only_default(c, "implementation");
  if (!strcmp(kv_data_format(c), "channels_first")) return kv_layer_refuse(c, "channels first"), KV_NOTHING;
  kvino_ints size = kv_field_ints(c, "kernel_size", rank), step = kv_field_ints(c, "strides", rank);
  if (!x || !kernel || kernel->rank != 3 || rank < 1 || rank > 2 || size.n != rank || step.n != rank) return KV_NOTHING;
  int64_t count[2] = {1, 1}, filters = kernel->shape[2], channels = x->shape[rank + 1];
  for (int i = rank - 1; i >= 0 && x; i--) x = windows(c, x, 1 + i, size.v[i], step.v[i], &count[i]);
  if (x && rank == 2) x = kv_permute(s, x, (int64_t[]){0, 1, 3, 2, 4, 5});
  int64_t elements = size.v[0] * (rank == 2 ? size.v[1] : 1) * channels, places = count[0] * count[1];
  x = kv_reshape_to(s, x, 3, (int64_t[]){-1, places, elements});
  kvino_tensor *y = op_einsum(s, "bpe,pef->bpf", KV_LIST(x, kernel));
  y = kv_reshape_to(s, y, rank + 2,
                    rank == 2 ? (int64_t[]){-1, count[0], count[1], filters} : (int64_t[]){-1, places, filters});
  return kv_of(kv_activate(c, "activation", bias ? op_add(s, y, bias) : y));
}
