/* For interval functions (vocabulary/interval.h). */
#ifndef KVINO_PRIM_INTERVAL_H
#define KVINO_PRIM_INTERVAL_H

#include "graph/graph.h"

static inline kvino_dtype kv_bounds_dtype(const kv_bounds *b) { return b->node->out[b->output].dtype; }
static inline const kv_output *kv_bounds_operand(const kv_bounds *b, size_t i) {
  return kv_edge_output(b->node->in[i]);
}
/* The number of elements of operand 0 along the axes in operand `axes`; along all where these are not known. -1:
 * unknown. */
int64_t kv_bounds_along(const kv_bounds *b, size_t axes);
/* Sums of up to n numbers of [low, high]; -1: of any number. */
kv_interval kv_bounds_sum(const kv_bounds *b, int64_t n, kv_wide low, kv_wide high);

#endif
