/* bfloat16 as the precision of inference. A segment whose products are of bfloat16 (Keras's policies mixed_bfloat16 and
 * bfloat16) is written to OpenVINO in float32 and compiled with the hint bf16: the CPU plugin then puts scales into
 * weights, keeps sequences and pools in bfloat16, and converts where it must, which it does not for types that are
 * written. Values between two products have bfloat16's precision or a better one; products add in float32.
 *
 * What the graph computes in float32 is kept in it by a mark on the layer. Only what lies between a conversion from
 * bfloat16 and one back (normalizations, recurrent cells) is left to the hint. */
#ifndef KVINO_OPENVINO_BFLOAT16_H
#define KVINO_OPENVINO_BFLOAT16_H

#include "graph/graph.h"

typedef enum kv_bfloat16 {
  KV_BFLOAT16_AS_WRITTEN, /* (0) bfloat16 in the model, conversions rounded here */
  KV_BFLOAT16_BY_POLICY,  /* by the hint, and what is float32 in the graph stays so */
  KV_BFLOAT16_BY_HINT     /* by the hint, for all of the graph: the user has asked for it */
} kv_bfloat16;

/* Whether among the nodes or in their bodies is a product of the dtype, or a sequence of cells over it. */
bool kv_has_products(size_t n_nodes, kv_node *const *node, kvino_dtype dtype);
/* Whether a transposed convolution of bfloat16 is the last product on its way to the results, as derivatives by an
 * input are. OpenVINO's hint is not for what follows a model's last convolutions and matrix products, and a transposed
 * one is none of these to it: it would be computed in float32. */
bool kv_ends_transposed(size_t n_nodes, kv_node *const *node);
/* Marks (by node id; false beforehand) the layers of a graph or body that stay float32 under the hint. */
kvino_status kv_keep_float32(const kv_graph *g, bool *kept, kvino_error *err);
/* Marks (by node id; false beforehand) what computes with more than bfloat16 has had. What is converted from bfloat16
 * alone, as attention is, loses no more by rounding than it has lost. */
void kv_find_precise(const kv_graph *g, bool *precise);
/* Whether these layers keep the mark until the plugin reads it, or come after the last product, where it computes in
 * float32 anyway. Trap: a transformation that writes a layer as others (Subtract, SoftMax) drops it. */
kvino_status kv_float32_is_kept(const kv_graph *g, bool *kept, kvino_error *err);
/* Writes the matrix products among them so that they keep the mark (float32_products.c). *g, which the caller owns, is
 * replaced where it has one. */
kvino_status kv_float32_products(kv_graph **g, kvino_error *err);

#endif
