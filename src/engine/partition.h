/* Division of a graph between OpenVINO and the native kernels. */
#ifndef KVINO_ENGINE_PARTITION_H
#define KVINO_ENGINE_PARTITION_H

#include "run/plan.h"

typedef struct kv_partition {
  size_t n;
  kv_segment *segment; /* in an order in which they can run; external: OpenVINO's */
} kv_partition;

/* `native` holds a flag for each node (by id); conversions and views that only native nodes use may join them. Segments
 * are convex, as few in a row as there must be, and alternate between the engines: a graph without a native node is one
 * segment (none where it only passes Parameters and Constants on). Segments hold neither Parameters nor Constants; `in`
 * are outputs of Parameters and of earlier segments, `out` what later ones and the graph's results take. */
kvino_status kv_partition_new(const kv_graph *g, const bool *native, kv_partition **out, kvino_error *err);
void kv_partition_free(kv_partition *p); /* NULL is allowed */

#endif
