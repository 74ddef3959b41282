/* The public names of the graph (include/kvino/graph.h). */
#include "base/memory.h"
#include "graph/graph.h"

kvino_status kvino_graph_new(kvino_graph **out, kvino_error *err) { return kv_graph_new(out, err); }
kvino_graph *kvino_graph_retain(kvino_graph *g) { return kv_graph_retain(g); }
void kvino_graph_release(kvino_graph *g) { kv_graph_release(g); }

kvino_status kvino_graph_parameter(kvino_graph *g, kvino_dtype dtype, int rank, const int64_t *shape, const char *name,
                                   kvino_tensor **out, kvino_error *err) {
  return kv_graph_parameter(g, dtype, rank, shape, name, out, err);
}

kvino_status kvino_graph_result(kvino_graph *g, kvino_tensor *value, const char *name, kvino_error *err) {
  return kv_graph_result(g, value, name, err);
}

void kvino_text_free(char *text) { kv_free(text); }
