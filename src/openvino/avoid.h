/* Pairs of nodes that OpenVINO's own transformations make something else of. */
#ifndef KVINO_OPENVINO_AVOID_H
#define KVINO_OPENVINO_AVOID_H

#include "graph/graph.h"

/* A lowered graph, or body, is written so that none of those pairs stands in it: *g, which the caller owns, is replaced
 * where it has one. */
kvino_status kv_avoid(kv_graph **g, kvino_error *err);

#endif
