/* Interval analysis of a graph's nodes (vocabulary/interval.h). */
#ifndef KVINO_OPENVINO_INTERVAL_H
#define KVINO_OPENVINO_INTERVAL_H

#include "graph/graph.h"

#define KV_INDEX_MIN (-KV_INDEX_MAX) /* what integers of unknown origin are assumed to be between */
#define KV_INDEX_MAX KV_DIMENSION_MAX
#define KV_F32_EXACT ((int64_t)1 << 24) /* float32 has every integer up to this */

/* Of a concrete tensor. */
kv_interval kv_interval_of_tensor(const kvino_tensor *t);
/* Of one output of a node, from those of its operands. */
kv_interval kv_interval_of_output(const kv_node *node, uint32_t output, const kv_interval *in);
/* Whether every element is a dimension of some tensor. */
bool kv_is_dimension(kv_edge e);

#endif
