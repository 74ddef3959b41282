/* Nodes, and pairs of them, that OpenVINO's own transformations make something else of. */
#ifndef KVINO_OPENVINO_AVOID_H
#define KVINO_OPENVINO_AVOID_H

#include "openvino/bfloat16.h"

/* A lowered graph, or body, is written so that none of those stands in it: *g, which the caller owns, is replaced where
 * it has one. With bfloat16 by the hint, which rounds (bfloat16.h), arithmetic to cut it would be made in bfloat16
 * itself, and what stays float32 is kept from transformations that forget it. */
kvino_status kv_avoid(kv_graph **g, kv_bfloat16 bfloat16, kvino_error *err);

#endif
