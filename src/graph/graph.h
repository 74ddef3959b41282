/* The graph that tracing records: nodes in the order of their creation, which is a topological order.
 *
 * A graph owns its nodes; a symbolic tensor (tensor.h) names an output of one and keeps the graph alive. One thread
 * records into a graph at a time; a graph that no longer changes may be read by many. Passes do not edit a graph: they
 * build the next one by calling the primitives again (passes/rewrite.h). */
#ifndef KVINO_GRAPH_GRAPH_H
#define KVINO_GRAPH_GRAPH_H

#include "graph/origin.h"
#include "kvino/graph.h"
#include "vocabulary/call.h"

typedef struct kv_graph kv_graph; /* kvino_graph to users */
typedef struct kv_node kv_node;

typedef struct kv_edge {
  kv_node *node;
  uint32_t output;
} kv_edge;

/* One output of a node. */
typedef struct kv_output {
  kvino_dtype dtype;
  int rank;
  int64_t *shape; /* -1: unknown until run time */
  int64_t *known; /* integer tensors of few elements: each value, or KV_UNKNOWN; NULL where nothing is known */
} kv_output;

struct kv_node {
  kv_graph *graph;
  const kv_prim *prim;
  uint32_t id; /* position in graph->node */
  uint32_t n_in, n_out;
  kv_edge *in;
  kv_output *out;
  kv_attrs attrs;
  kvino_tensor *constant; /* Constant: its value, concrete; otherwise NULL */
  kvino_tensor **value;   /* of a watched graph that is open: each output's value; otherwise NULL */
  char *name;             /* Parameter: given by the user, may be NULL */
  kv_origin *origin;      /* retained; NULL: recorded in no scope */
};

typedef struct kv_result {
  kv_edge value;
  char *name; /* may be NULL */
} kv_result;

/* A Parameter of a body that stands for a value of the graph around it. */
typedef struct kv_capture {
  kv_node *parameter;
  kv_edge value; /* in the parent */
} kv_capture;

struct kv_graph {
  _Atomic uint32_t refs;
  bool watched; /* its inputs have values: what is recorded is computed, too */
  bool closed;  /* a watched one that nothing is recorded in any more */
  size_t n_nodes, n_parameters, n_results;
  kv_node **node;
  kv_node **parameter; /* the inputs: each Parameter once; passes create them in this order */
  kv_result *result;   /* in order: the outputs */
  size_t node_capacity, parameter_capacity, result_capacity;
  kv_node **constant; /* Constants by the address of their tensor: open addressing, NULL is free */
  size_t n_constants, constant_capacity;
  /* A body (of If, Loop) while it is recorded: the graph around it, retained, and what the body takes from there. */
  kv_graph *parent;
  kv_capture *capture;
  size_t n_captures, capture_capacity;
};

kvino_status kv_graph_new(kv_graph **out, kvino_error *err);
kv_graph *kv_graph_retain(kv_graph *g);
void kv_graph_release(kv_graph *g);

/* Appends a node; attributes are copied, the operands' (in) edges too; `spec` gives each output's dtype and shape, with
 * `known` (n_known values, or -1) for output 0. */
kvino_status kv_graph_add(kv_graph *g, const kv_prim *prim, const kv_attrs *attrs, size_t n_in, const kv_edge *in,
                          size_t n_out, const kv_spec *spec, int n_known, const int64_t *known, kv_node **out,
                          kvino_error *err);

/* The edge of an operand: a symbolic tensor of this graph, or a concrete one, which becomes a Constant (the same tensor
 * twice gives one Constant). */
kvino_status kv_graph_edge(kv_graph *g, kvino_tensor *t, kv_edge *out, kvino_error *err);
/* The symbolic tensor of an edge. */
kvino_status kv_graph_tensor(kv_edge edge, kvino_tensor **out, kvino_error *err);

/* A new input. */
kvino_status kv_graph_parameter(kv_graph *g, kvino_dtype dtype, int rank, const int64_t *shape, const char *name,
                                kvino_tensor **out, kvino_error *err);
/* The next output. A concrete tensor becomes a Constant. */
kvino_status kv_graph_result(kv_graph *g, kvino_tensor *value, const char *name, kvino_error *err);

/* A new input with a value. */
kvino_status kv_graph_watch(kv_graph *g, kvino_tensor *value, kvino_tensor **out, kvino_error *err);
/* Gives a new node of a watched graph its outputs' values, which it takes. */
kvino_status kv_node_watch(kv_node *node, kvino_tensor **value, kvino_error *err);
void kv_graph_close(kv_graph *g);
/* The value of a tensor that has one (borrowed); NULL for a symbolic one. */
static inline kvino_tensor *kv_concrete(kvino_tensor *t) {
  return !kv_is_symbolic(t) ? t : kv_is_watched(t) ? t->base : NULL;
}

/* The edge a symbolic tensor stands for. */
static inline kv_edge kv_tensor_edge(const kvino_tensor *t) { return (kv_edge){t->node, t->output}; }
static inline const kv_output *kv_edge_output(kv_edge e) { return &e.node->out[e.output]; }

/* Values of an integer tensor as far as they are known: all of a concrete one's, a symbolic one's `known`. False where
 * nothing is known or there are more than KV_KNOWN_MAX. */
bool kv_known_values(const kvino_tensor *t, int *n, int64_t values[KV_KNOWN_MAX]);
/* True where every value is known. */
bool kv_all_known(const kvino_tensor *t, int *n, int64_t values[KV_KNOWN_MAX]);

/* The rules every node must keep: operands before users, as many as the primitive takes, dtypes and shapes as its infer
 * says, attributes set. For debug builds and tests: an error names the node and the rule. */
kvino_status kv_graph_verify(const kv_graph *g, kvino_error *err);

/* A readable listing, one line per node:  %3: f32[?, 4] = Add(%1, %2)
 * *text is NUL-terminated; free it with kv_free. */
kvino_status kv_graph_dump(const kv_graph *g, char **text, kvino_error *err);

/* Structure, attributes, constants' contents, shapes: two graphs of one hash (128 bits) are the same model. */
void kv_graph_hash(const kv_graph *g, uint64_t hash[2]);
/* Dtype, shape and contents of a concrete tensor, whatever its strides. */
void kv_tensor_hash(const kvino_tensor *t, uint64_t hash[2]);
/* Attributes by value; bodies by structure and contents. */
bool kv_attrs_equal(const kv_attr_field *fields, const kv_attrs *a, const kv_attrs *b);
uint64_t kv_attrs_hash(const kv_attr_field *fields, const kv_attrs *a, uint64_t seed);

#endif
