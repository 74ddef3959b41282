/* Division of a graph between OpenVINO and the native kernels. */
#ifndef KVINO_ENGINE_PARTITION_H
#define KVINO_ENGINE_PARTITION_H

#include "graph/graph.h"

/* Nodes that run one after the other on one engine. Edges are the graph's. */
typedef struct kv_segment {
  bool openvino;
  size_t n_nodes, n_in, n_out;
  kv_node **node; /* in the graph's order; neither Parameters nor Constants */
  kv_edge *in;    /* what it takes: outputs of Parameters and of earlier segments */
  kv_edge *out;   /* what it gives to later segments and to the graph's results */
} kv_segment;

typedef struct kv_partition {
  size_t n;
  kv_segment *segment; /* in an order in which they can run */
} kv_partition;

/* `native` holds a flag for each node (by id); conversions and views that only native nodes use may join them. Segments
 * are convex, as few in a row as there must be, and alternate between the engines: a graph without a native node is one
 * segment (none where it only passes Parameters and Constants on). */
kvino_status kv_partition_new(const kv_graph *g, const bool *native, kv_partition **out, kvino_error *err);
void kv_partition_free(kv_partition *p); /* NULL is allowed */

#endif
