/* Bodies: graphs of their own that a node of another one (If, Loop, CustomGradient) has as attributes.
 *
 * While a body is recorded it has a parent, and what is used in it of the parent (or of the parent's parent) becomes a
 * Parameter, its capture. */
#ifndef KVINO_GRAPH_BODY_H
#define KVINO_GRAPH_BODY_H

#include "graph/graph.h"

/* A body inside of `parent`. */
kvino_status kv_body_new(kv_graph *parent, kv_graph **out, kvino_error *err);
/* The edge in a body that stands for `outer`, an edge of its parent: a capture, or a Constant where it is known. */
kvino_status kv_body_capture(kv_graph *body, kv_edge outer, kv_edge *out, kvino_error *err);
/* Ends the recording: no parent, no captures any more. */
void kv_body_close(kv_graph *body);
/* Makes g the graph that this thread records into, wherever operands belong to it or to a graph around it; NULL: none.
 * Returns the one before. */
kv_graph *kv_graph_record_in(kv_graph *g);
/* The graph that an operation on a value of g is recorded in: g, or the body inside of it that is being recorded. */
kv_graph *kv_graph_recording(kv_graph *g);

/* What a body takes and gives, in the order of its Parameters and Results. */
static inline const kv_output *kv_body_parameter(const kv_graph *g, size_t i) { return g->parameter[i]->out; }
static inline const kv_output *kv_body_result(const kv_graph *g, size_t i) {
  return kv_edge_output(g->result[i].value);
}

/* The graphs of a node with bodies: 0, 1 (Loop) or 2 (If: then, else). */
static inline size_t kv_bodies_of(kv_prim_id id, const kv_attrs *attrs, kv_graph *body[2]) {
  if (id == KV_If) {
    body[0] = attrs->branches.then_body;
    body[1] = attrs->branches.else_body;
    return 2;
  }
  if (id == KV_Loop) body[0] = attrs->loop.body;
  return id == KV_Loop;
}

/* What Parameter i of a body stands for: this operand of the node. Loop's Parameter 0 is the number of the iteration.
 */
enum { KV_IF_OPERANDS = 1, KV_LOOP_OPERANDS = 2, KV_LOOP_ITERATION = 1 };
static inline size_t kv_body_operand(kv_prim_id id, size_t parameter) {
  return id == KV_If ? parameter + KV_IF_OPERANDS : parameter - KV_LOOP_ITERATION + KV_LOOP_OPERANDS;
}

#endif
