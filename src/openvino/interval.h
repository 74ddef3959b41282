/* Which values integers of a graph can have: interval analysis, by which 64-bit integers are found to be "mere indices"
 * and 32-bit ones to be exact in float32. */
#ifndef KVINO_OPENVINO_INTERVAL_H
#define KVINO_OPENVINO_INTERVAL_H

#include "graph/graph.h"

/* low <= value <= high, saturated at the ends of int64. Floats have the whole line.
 *
 * `dimension`: a product of dimensions of tensors. These are taken to be at most KV_DIMENSION_MAX: a product is the
 * size of a tensor that exists or is about to be made, and no segment of OpenVINO's is given tensors of more elements.
 */
typedef struct kv_interval {
  int64_t low, high;
  bool dimension;
} kv_interval;

#define KV_DIMENSION_MAX (((int64_t)1 << 30) - 1) /* so that the sum of two fits in 32 bits */
#define KV_INDEX_MIN (-KV_INDEX_MAX)              /* what integers of unknown origin are assumed to be between */
#define KV_INDEX_MAX KV_DIMENSION_MAX
#define KV_F32_EXACT ((int64_t)1 << 24) /* float32 has every integer up to this */

static inline bool kv_interval_within(kv_interval i, int64_t low, int64_t high) {
  return i.low >= low && i.high <= high;
}
static inline kv_interval kv_interval_union(kv_interval a, kv_interval b) {
  return (kv_interval){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high, a.dimension && b.dimension};
}

/* All values of the dtype; the whole line for floats, complex numbers and strings. */
kv_interval kv_interval_of_dtype(kvino_dtype dtype);
/* Of a concrete tensor. */
kv_interval kv_interval_of_tensor(const kvino_tensor *t);
/* Of one output of a node, from those of its operands. */
kv_interval kv_interval_of_output(const kv_node *node, uint32_t output, const kv_interval *in);

#endif
