/* What shapes a graph takes, by inference alone. */
#ifndef KVINO_RUN_SHAPES_H
#define KVINO_RUN_SHAPES_H

#include "graph/body.h"

/* Infers n_nodes nodes of a graph, in this order, anew: with in[i], an edge into them, of the shape of given[i]. The
 * error of the first node that does not take its operands, in its own words; bodies of both branches and of loops are
 * looked at, too. Nothing is computed, and values are not looked at, so that the answer is the same for any operands of
 * these shapes. */
kvino_status kv_shapes_fit(size_t n_nodes, kv_node *const *node, size_t n_in, const kv_edge *in,
                           kvino_tensor *const *given, kvino_error *err);

/* What a body's results would be, of the values that it takes (NULL: nothing is known but what was recorded): of small
 * integers, which may be shapes, the values; of the rest the shapes alone. -1 where a dimension depends on more. `out`
 * has room for n_results. */
kvino_status kv_body_shapes(const kv_graph *body, kvino_tensor *const *in, kv_spec *out, kvino_error *err);

#endif
