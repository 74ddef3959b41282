/* The native engine: one node at a time. */
#ifndef KVINO_ENGINE_NATIVE_H
#define KVINO_ENGINE_NATIVE_H

#include "graph/graph.h"

/* Computes a node on concrete operands: n_out new references in `out`, which is left alone on failure. */
kvino_status kv_native_run(const kv_node *node, kvino_tensor *const *in, kvino_tensor **out, kvino_error *err);

#endif
