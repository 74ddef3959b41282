/* Passes: each builds a new graph from `in`, which it only reads. The caller owns *out; it is left alone on failure.
 * Parameters and Results keep their order, names, dtypes and (where known) shapes. */
#ifndef KVINO_PASSES_PASSES_H
#define KVINO_PASSES_PASSES_H

#include "graph/graph.h"

/* Computes what constants and known shapes determine (bounded: kv_clone in passes/rewrite.h). */
kvino_status kv_pass_fold(const kv_graph *in, kv_graph **out, kvino_error *err);
/* The pipeline inside of the bodies of If and Loop, which are given the constants and shapes that they take; a branch
 * that is known to be taken replaces its If. */
kvino_status kv_pass_bodies(const kv_graph *in, kv_graph **out, kvino_error *err);
/* One Loop for those that differ only in what they stack besides; what is stacked for nobody is left out. */
kvino_status kv_pass_loops(const kv_graph *in, kv_graph **out, kvino_error *err);
/* Merges nodes that compute the same: one primitive, equal attributes and operands; constants of equal contents. */
kvino_status kv_pass_cse(const kv_graph *in, kv_graph **out, kvino_error *err);
/* Leaves out the nodes that no Result needs; Parameters stay. Constants come out C-contiguous, and large ones that
 * repeat their elements as a Broadcast. */
kvino_status kv_pass_dce(const kv_graph *in, kv_graph **out, kvino_error *err);
/* Removes and joins nodes without changing any element: identities, chains of reshapes and transposes, ... */
kvino_status kv_pass_simplify(const kv_graph *in, kv_graph **out, kvino_error *err);
/* Numbers of 4 bits that a formula takes out of bytes: UnpackInt4. */
kvino_status kv_pass_unpack(const kv_graph *in, kv_graph **out, kvino_error *err);
/* Products with weights of few bits in the form in which engines keep these as they are. */
kvino_status kv_pass_weights(const kv_graph *in, kv_graph **out, kvino_error *err);
/* Sums of few rows of a large table in place of arrays of zeros with rows: rows.c. */
kvino_status kv_pass_rows(const kv_graph *in, kv_graph **out, kvino_error *err);
/* Whether so few rows are added to so large a table that this pays, and whether a node is such a sum. */
bool kv_adds_few_rows(const kv_output *table, const kv_output *rows);
bool kv_is_sum(const kv_node *node);
/* Moves transposes between channels-last and channels-first to where the fewest are needed (layout.c). */
kvino_status kv_pass_layout(const kv_graph *in, kv_graph **out, kvino_error *err);

/* A body of a Loop of so many carried values, in which a value that is taken apart, updated and put together again is
 * updated as a whole: for a Loop that runs natively, in place. Not one of kv_optimize's: OpenVINO copies the whole. */
kvino_status kv_pass_updates(const kv_graph *body, size_t carried, kv_graph **out, kvino_error *err);

/* All the others in the order that pays: what an engine is given. */
kvino_status kv_optimize(const kv_graph *in, kv_graph **out, kvino_error *err);

#endif
