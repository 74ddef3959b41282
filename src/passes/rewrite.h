/* Functional rewriting: passes do not edit a graph, they build the next one by calling the primitives again on mapped
 * operands. Inference therefore runs again on what an earlier replacement made known, and a node whose operands have
 * all become concrete computes at once (bounded: see kv_clone). */
#ifndef KVINO_PASSES_REWRITE_H
#define KVINO_PASSES_REWRITE_H

#include "run/apply.h"

/* Given to every call of a rule. */
typedef struct kv_rewriter {
  kv_graph *out; /* the graph that is being built */
  void *context; /* the pass's own */
} kv_rewriter;

/* What becomes of `node` (of the old graph; never a Parameter), whose operands are now in[0 .. node->n_in): symbolic
 * tensors of w->out, or concrete ones. Either the new values, one for each output of the node, of its dtypes and shapes
 * (they may be operands, concrete, or owned by the scope), or KV_KEEP: the same primitive on the new operands. A
 * Constant has no operands; it is kept as its concrete tensor. A failed scope fails the rewrite. */
typedef kvino_tensors (*kv_rule)(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in);
#define KV_KEEP ((kvino_tensors){0, NULL})

/* A list of one for a rule to return; KV_KEEP where t is NULL. The array belongs to the scope. */
kvino_tensors kv_one(kv_scope *s, kvino_tensor *t);

/* A new graph with the same Parameters and Results, in order and by name, in which each node that a Result needs was
 * given to `rule` (NULL: keep all). Nodes that no Result needs are left out. *out belongs to the caller; `in` is only
 * read. An intermediate value lives as long as a later node uses it. */
kvino_status kv_rewrite(const kv_graph *in, kv_rule rule, void *context, kv_graph **out, kvino_error *err);

/* The same for a body, every node kept, whose Parameters change with what they stand for: Parameter i becomes given[i]
 * where that is concrete, and takes over the dimensions that it knows where it is symbolic; NULL leaves it as it is.
 * Where keep[i] is false it is left out: no node that a Result needs may use it. keep NULL: all are kept. */
kvino_status kv_rewrite_body(const kv_graph *in, kvino_tensor *const *given, const bool *keep, kv_graph **out,
                             kvino_error *err);

/* `node`'s primitive on other operands, recorded in `g` or, where every operand is concrete, computed now. It is
 * recorded even then where the result would be much larger than the operands (a Broadcast of a scalar to a huge
 * constant), or where the native kernel refuses: an error that depends on data belongs to the run. Gives a list of
 * node->n_out values that belong to the scope. A Constant gives its tensor. Not for Parameters. */
kvino_tensors kv_clone(kv_scope *s, kv_graph *g, const kv_node *node, kvino_tensor *const *in);

/* The nodes of a body, recorded in g; in[i]: what its Parameter i stands for. Gives its results, which belong to the
 * scope. */
kvino_tensors kv_inline_body(kv_scope *s, kv_graph *g, const kv_graph *body, kvino_tensor *const *in);
/* The same for the nodes that are marked as live. Gives the value of every output o of a node n that is live, at
 * first[n]
 * + o (kv_first_values); NULL where the scope has failed. */
kvino_tensor **kv_inline_nodes(kv_scope *s, kv_graph *g, const kv_graph *body, const size_t *first, const bool *live,
                               kvino_tensor *const *in);
/* By node: how many outputs those before it have; then, how many all have. */
size_t *kv_first_values(kv_scope *s, const kv_graph *g);

/* The symbolic tensor that stands for a concrete one as a Constant of g; a symbolic one gives itself. */
kvino_tensor *kv_as_symbolic(kv_scope *s, kv_graph *g, kvino_tensor *t);

/* The node of the new graph that makes t, where it is of that primitive; NULL. */
const kv_node *kv_made_by(const kvino_tensor *t, kv_prim_id id);
/* Operand k of a node of the new graph; it belongs to the scope. */
kvino_tensor *kv_operand(kv_scope *s, const kv_node *node, uint32_t k);

/* Marks the nodes (by id) that a Result needs. `live` holds g->n_nodes flags. */
void kv_mark_live(const kv_graph *g, bool *live);

#endif
