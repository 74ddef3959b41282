/* Running graphs by the native kernels. */
#ifndef KVINO_RUN_RUNNER_H
#define KVINO_RUN_RUNNER_H

#include "graph/graph.h"

/* A graph, ready to be computed by the native kernels many times. */
typedef struct kv_body_run {
  const kv_graph *g;
  size_t n_values;
  size_t *first;        /* by node: its first value */
  uint32_t *uses;       /* by node: how often its outputs are used, results included; 0: not needed */
  uint32_t *left;       /* the same, counted down */
  kvino_tensor **value; /* one reference each, or NULL */
  kvino_tensor **in;    /* room for the operands of any node */
} kv_body_run;

kvino_status kv_body_run_begin(kv_body_run *r, const kv_graph *g, kvino_error *err);
void kv_body_run_end(kv_body_run *r);
/* One run: a concrete tensor for each Parameter; n_results new references in `out`, which is left alone on failure. */
kvino_status kv_body_run_once(kv_body_run *r, kvino_tensor *const *in, kvino_tensor **out, kvino_error *err);

#endif
