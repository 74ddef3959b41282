/* How much a graph has to compute. */
#ifndef KVINO_ENGINE_WORK_H
#define KVINO_ENGINE_WORK_H

#include "graph/graph.h"

/* Whether one run of the graph takes one thread less time than waking the others would save: some 50 us. */
bool kv_is_small_work(const kv_graph *g);

#endif
