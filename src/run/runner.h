/* The native runner: steps of a plan, one after the other, each value released after its last use. Bodies of loops and
 * branches, large values of composites, native segments and whole graphs all run here.
 *
 * Who runs brings an array with a place for each of the plan's values: one reference each, or NULL. */
#ifndef KVINO_RUN_RUNNER_H
#define KVINO_RUN_RUNNER_H

#include "run/plan.h"

/* Runs an external segment: puts what it gives into `value`. */
typedef kvino_status (*kv_external)(void *context, const kv_segment *segment, kvino_tensor **value, kvino_error *err);

/* The value of an edge, borrowed. */
static inline kvino_tensor *kv_value_of(const kv_plan *p, kvino_tensor *const *value, kv_edge e) {
  return e.node->constant ? e.node->constant : value[kv_value_at(p, e)];
}

/* Who wants to know what the steps take. */
typedef struct kv_watch {
  /* A node was computed here: its outputs, still there. */
  void (*node)(void *context, const kv_node *node, kvino_tensor *const *out, double microseconds);
  /* An external segment was run, and its results count. */
  void (*segment)(void *context, const kv_segment *segment, double microseconds);
  void *context;
} kv_watch;

/* Runs the plan; `watch` may be NULL. Beforehand `value` holds what the steps take, afterwards what the plan keeps; on
 * failure, some of both. All of it is the caller's to release. */
kvino_status kv_plan_run(const kv_plan *p, kvino_tensor **value, kv_external external, void *context,
                         const kv_watch *watch, kvino_error *err);

/* ---- a graph, by native kernels, many times ---- */

typedef struct kv_body_run {
  kv_plan plan;
  kvino_tensor **value;
} kv_body_run;

kvino_status kv_body_run_begin(kv_body_run *r, const kv_graph *g, kvino_error *err);
void kv_body_run_end(kv_body_run *r);
/* One run, of a concrete tensor for each Parameter: n_given ones, then those of `in`. n_results new references in
 * `out`, which is left alone on failure. The references of `given` pass to the run, also on failure, and NULL is left
 * in their places: where nobody else has them, they go after their last use, and results may take their memory. */
kvino_status kv_body_run_once(kv_body_run *r, size_t n_given, kvino_tensor **given, kvino_tensor *const *in,
                              kvino_tensor **out, kvino_error *err);

#endif
