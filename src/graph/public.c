/* The public names of the graph (include/kvino/graph.h). */
#include "base/error.h"
#include "base/memory.h"
#include "graph/body.h"

kvino_status kvino_graph_new(kvino_graph **out, kvino_error *err) {
  KV_NOT_NULL(err, out);
  return kv_graph_new(out, err);
}
kvino_graph *kvino_graph_retain(kvino_graph *g) { return kv_graph_retain(g); }
void kvino_graph_release(kvino_graph *g) { kv_graph_release(g); }

kvino_status kvino_graph_parameter(kvino_graph *g, kvino_dtype dtype, int rank, const int64_t *shape, const char *name,
                                   kvino_tensor **out, kvino_error *err) {
  KV_NOT_NULL(err, g && out && (shape || rank <= 0));
  return kv_graph_parameter(g, dtype, rank, shape, name, out, err);
}

kvino_status kvino_graph_watch(kvino_graph *g, kvino_tensor *value, kvino_tensor **out, kvino_error *err) {
  KV_NOT_NULL(err, g && value && out);
  return kv_graph_watch(g, value, out, err);
}

kvino_status kvino_graph_close(kvino_graph *g, kvino_error *err) {
  KV_NOT_NULL(err, g);
  if (!g->watched) return kv_fail(err, KVINO_INVALID, "only a graph with watched inputs is closed");
  kv_graph_close(g);
  return KVINO_OK;
}

kvino_status kvino_graph_result(kvino_graph *g, kvino_tensor *value, const char *name, kvino_error *err) {
  KV_NOT_NULL(err, g && value);
  return kv_graph_result(g, value, name, err);
}

kvino_status kvino_graph_constant(kvino_tensor *beside, kvino_tensor *value, kvino_tensor **out, kvino_error *err) {
  kv_edge edge;
  if (!beside || !value || !out || !kv_is_symbolic(beside) || kv_is_symbolic(value))
    return kv_fail(err, KVINO_INVALID, "a constant is a concrete tensor, recorded beside a symbolic one");
  KV_TRY(kv_graph_edge(kv_graph_recording(beside->node->graph), value, &edge, err));
  return kv_graph_tensor(edge, out, err);
}

bool kvino_tensor_is_recorded(const kvino_tensor *t) { return t && kv_is_symbolic(t) && !t->node->graph->closed; }

void kvino_text_free(char *text) { kv_free(text); }
