/* Nodes, and pairs of them, that OpenVINO's own transformations make something else of. */
#ifndef KVINO_OPENVINO_AVOID_H
#define KVINO_OPENVINO_AVOID_H

#include "graph/graph.h"

/* A lowered graph, or body, is written so that none of those stands in it: *g, which the caller owns, is replaced where
 * it has one. `widened`: bfloat16 will be float32 and the hint rounds (bfloat16.h), where arithmetic would be made in
 * bfloat16 itself. */
kvino_status kv_avoid(kv_graph **g, bool widened, kvino_error *err);

#endif
