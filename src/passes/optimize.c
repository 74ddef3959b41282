/* The pipeline (kv_optimize in passes.h). */
#include "base/error.h"
#include "passes/passes.h"

typedef kvino_status (*pass)(const kv_graph *, kv_graph **, kvino_error *);

/* Folding first makes shapes and axes known, which everything else reads, bodies among it; Loops become one while their
 * bodies still are as they were recorded, and once more where bodies were found to need less; merging before the layout
 * pass lets one Transpose serve all users; what the layout pass moved is cleaned up and its weights computed; those of
 * few bits are not. */
static const pass pipeline[] = {kv_pass_fold,  kv_pass_loops,   kv_pass_bodies,   kv_pass_simplify, kv_pass_cse,
                                kv_pass_loops, kv_pass_layout,  kv_pass_simplify, kv_pass_fold,     kv_pass_cse,
                                kv_pass_rows,  kv_pass_weights, kv_pass_dce};

kvino_status kv_optimize(const kv_graph *in, kv_graph **out, kvino_error *err) {
  kv_graph *g = NULL;
  for (size_t i = 0; i < sizeof pipeline / sizeof *pipeline; i++) {
    kv_graph *next = NULL;
    kvino_status status = pipeline[i](g ? g : in, &next, err);
    kv_graph_release(g);
    if (status) return status;
    g = next;
  }
  *out = g;
  return KVINO_OK;
}
