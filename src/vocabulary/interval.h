/* Which values integers can have: what an interval function of a primitive (INTERVAL in its line) says of an output,
 * given as much of the operands. By these, 64-bit integers are found to be "mere indices" and 32-bit ones to be exact
 * in float32 (openvino/interval.h). */
#ifndef KVINO_VOCABULARY_INTERVAL_H
#define KVINO_VOCABULARY_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "kvino/dtype.h"

/* low <= value <= high, where what is beyond int64 counts as its end. Floats have the whole line. */
typedef struct kv_interval {
  int64_t low, high;
} kv_interval;

/* What an unknown dimension is taken to be at most, and the number of elements of a tensor that has one: whoever relies
 * on it sees to it (openvino/lower.h). The sum of two fits in 32 bits. */
#define KV_DIMENSION_MAX (((int64_t)1 << 30) - 1)

/* What an interval function is given: a node, one of its outputs, and the intervals of the node's operands. */
typedef struct kv_bounds {
  const struct kv_node *node; /* graph/graph.h */
  uint32_t output;
  const kv_interval *in;
} kv_bounds;

typedef __int128 kv_wide; /* sums and differences of 64-bit integers do not overflow */

static inline bool kv_interval_within(kv_interval i, int64_t low, int64_t high) {
  return i.low >= low && i.high <= high;
}
static inline kv_interval kv_interval_union(kv_interval a, kv_interval b) {
  return (kv_interval){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high};
}

/* All values of the dtype; the whole line for floats, complex numbers and strings. */
kv_interval kv_interval_of_dtype(kvino_dtype dtype);
/* The largest value it may stand for: unsigned ones beyond int64 too. */
kv_wide kv_interval_top(kv_interval i);
/* Of a result that lies there before it is wrapped into the dtype: all of this where it may not fit. */
kv_interval kv_interval_fit(kvino_dtype dtype, kv_wide low, kv_wide high);
/* a * b without overflow: a bound far beyond every dtype instead. */
kv_wide kv_wide_product(kv_wide a, kv_wide b);
/* The ends of what a product of a number of each interval may be, before it is wrapped. */
void kv_interval_product(kv_interval a, kv_interval b, kv_wide *low, kv_wide *high);

#endif
