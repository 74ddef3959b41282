/* How much a graph has to compute, and of what. */
#ifndef KVINO_ENGINE_WORK_H
#define KVINO_ENGINE_WORK_H

#include "graph/graph.h"
#include "openvino/config.h"

/* Whether one run of the graph takes one thread less time than waking the others would save: some 50 us. */
bool kv_is_small_work(const kv_graph *g);
/* Whether bfloat16 would be several times as fast and nothing that was asked for says a precision: a run takes some
 * milliseconds at least, most of it are products and convolutions of float32, and the processor has tiles of bf16. */
bool kv_is_slow_precision(const kv_graph *g, const kv_ov_config *asked);

#endif
