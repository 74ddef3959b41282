/* What OpenVINO makes a reshape of. */
#ifndef KVINO_OPENVINO_RESHAPES_H
#define KVINO_OPENVINO_RESHAPES_H

#include "graph/graph.h"

/* Whether the node gives the elements of its first operand in their order, whatever it is called: the plugin has the
 * result be the operand's memory. */
bool kv_is_reshape(const kv_node *node);

#endif
