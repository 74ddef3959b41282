/* What runs after what, and how long each value lives.
 *
 * A plan is made once, before anything runs, and never changes: any number of threads may run one. It says what can be
 * said from the graph alone: after which step nobody names a value any more. Whether somebody else still holds the same
 * memory, by a view or from outside, only references can say; they are asked when it is to be overwritten
 * (kv_call_alloc_over). */
#ifndef KVINO_RUN_PLAN_H
#define KVINO_RUN_PLAN_H

#include "graph/graph.h"

/* Nodes of a graph that run one after the other. */
typedef struct kv_segment {
  bool external; /* one step, run by who runs the plan (as OpenVINO's); otherwise a step for each node, run here */
  size_t n_nodes, n_in, n_out;
  kv_node **node; /* in the graph's order */
  kv_edge *in;    /* external: what it takes of others; nothing else of theirs is read */
  kv_edge *out;   /* external: what it gives; nothing else is given */
} kv_segment;

typedef struct kv_step {
  const kv_node *node;       /* computed here; or NULL and */
  const kv_segment *segment; /* run by another */
  uint32_t spare;            /* bit k: operand k is this plan's own to drop, and no later step takes it */
  uint32_t dropped;          /* values in `drop` that go when this step is done, and before */
} kv_step;

/* Values are numbered: output k of a node is value first[node id] + k, in every plan of a graph. */
typedef struct kv_plan {
  const kv_graph *g; /* borrowed, as are the segments */
  uint32_t *first;
  kv_step *step; /* of nodes that nobody needs there is none */
  uint32_t *drop;
  uint32_t n_values, n_steps, most_operands;
} kv_plan;

/* A run of the segments, one after the other: from the graph's Parameters to its results, which stay. */
kvino_status kv_plan_new(kv_plan *p, const kv_graph *g, size_t n, const kv_segment *segment, kvino_error *err);
/* A run of the whole graph here. */
kvino_status kv_plan_graph(kv_plan *p, const kv_graph *g, kvino_error *err);
/* A run of one segment here, in the middle of another plan's: what it takes of others stays, as does what it gives. */
kvino_status kv_plan_part(kv_plan *p, const kv_graph *g, const kv_segment *segment, kvino_error *err);
void kv_plan_free(kv_plan *p);

static inline uint32_t kv_value_at(const kv_plan *p, kv_edge e) { return p->first[e.node->id] + e.output; }

#endif
