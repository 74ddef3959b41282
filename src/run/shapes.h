/* What shapes a graph takes, by inference alone. */
#ifndef KVINO_RUN_SHAPES_H
#define KVINO_RUN_SHAPES_H

#include "graph/graph.h"

/* Infers n_nodes nodes of a graph, in this order, anew: with in[i], an edge into them, of the shape of given[i]. The
 * error of the first node that does not take its operands, in its own words; bodies of both branches and of loops are
 * looked at, too. Nothing is computed, and values are not looked at, so that the answer is the same for any operands of
 * these shapes. */
kvino_status kv_shapes_fit(size_t n_nodes, kv_node *const *node, size_t n_in, const kv_edge *in,
                           kvino_tensor *const *given, kvino_error *err);

#endif
