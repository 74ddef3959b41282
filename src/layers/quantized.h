/* Quantized weights, and those that LoRA adds: the products of Dense, EinsumDense and the embeddings. */
#ifndef KVINO_LAYERS_QUANTIZED_H
#define KVINO_LAYERS_QUANTIZED_H

#include "layers/layer.h"

/* Marks that stand among a layer's defaults, for the conditions in the tables ("-kernel?frozen"), where its kind has a
 * field quantization_config or lora_rank:
 *
 *   int8, int4, float8    the mode of its policy
 *   packed                GPTQ or AWQ; awq: the latter; few_bits: two numbers in a byte
 *   grouped               int4 with a scale for each group
 *   lora                  the file has the factors beside the kernel; plain, frozen: the kernel is trained, or is not;
 *                         float: it is not quantized */
kvino_status kv_mark_quantization(kv_layer *layer, const char *mode, bool lora, kvino_error *err);

/* What the layer multiplies x by, and the product: einsum with the equation, or (NULL) matmul. Weights: kernel, ... */
kvino_tensor *kv_product(kv_invocation *c, kvino_tensor *x, const char *equation);
/* The bias in the form in which it is added. */
kvino_tensor *kv_quantized_bias(kv_invocation *c);
/* `kernel`, and what LoRA has learned. */
kvino_tensor *kv_adapted(kv_invocation *c, const char *kernel, const char *a, const char *b);
/* Rows of the embeddings. */
kvino_tensor *kv_embed(kv_invocation *c, kvino_tensor *indices);
/* x by the quantized embeddings, transposed, or by the layer's own reverse_embeddings; NULL where neither is. */
kvino_tensor *kv_unembed(kv_invocation *c, kvino_tensor *x);

#endif
