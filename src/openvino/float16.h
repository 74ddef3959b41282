/* float16 on OpenVINO's CPU plugin: it computes float16 in float32 and rounds what leaves the model alone, so that in
 * between 1e6 is not infinite and 2049 is not 2048. Natively each primitive rounds its result: so do models, by
 * arithmetic that no transformation takes out. */
#ifndef KVINO_OPENVINO_FLOAT16_H
#define KVINO_OPENVINO_FLOAT16_H

#include "run/apply.h"

/* Marks (by node id; false beforehand) the nodes whose result must be rounded: float16 that is computed, not picked,
 * and that other nodes of the list use; in a body (outer false) also where none does. */
void kv_float16_results(size_t n_nodes, kv_node *const *node, bool outer, bool *rounded);
/* x of float16 rounded to float16, overflow to infinity with it. */
kvino_tensor *kv_round_float16(kv_scope *s, kvino_tensor *x);

/* x of any dtype in bfloat16, rounded. */
kvino_tensor *kv_round_bfloat16(kv_scope *s, kvino_tensor *x);
/* Whether the node is a conversion to bfloat16 that the plugin makes by cutting bits off: of integers, and where
 * dimensions are unknown of floats. */
bool kv_is_cut(const kv_node *node);

/* x in this dtype. */
kvino_tensor *kv_to(kv_scope *s, kvino_tensor *x, kvino_dtype dtype);

#endif
