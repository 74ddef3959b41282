/* What the CPU plugin silently gets wrong for some values of operands: indices out of range, which natively are an
 * error (its Gather takes 0 for them, its GatherND reads other memory), lengths of sequences, which it does not heed,
 * and counts. Where intervals do not prove that there are none, the model computes beside its outputs a number by which
 * a run is known not to count: the segment is then run natively. */
#ifndef KVINO_OPENVINO_GUARD_H
#define KVINO_OPENVINO_GUARD_H

#include "openvino/exactness.h"

/* Whether the node may be given such values. */
bool kv_may_miss(const kv_case *c);
/* Whether the node takes or sets by such indices and the plugin raises an error of its own for them. */
bool kv_refuses(const kv_case *c);
/* Why such a node cannot be guarded; NULL where it can, or need not be. Static. */
const char *kv_unguarded(const kv_case *c);
/* For a node that may miss, its operands given as in rewrite.h: a float32 number, not negative where it is given
 * them. NULL where the plugin itself refuses those, or on failure. */
kvino_tensor *kv_guard(kv_scope *s, const kv_case *c, kvino_tensor *const *in);
/* By node: the interval in which the first output must lie, as far as it is known to be used as indices of axes of
 * known length; for the rest the whole line. demand has g->n_nodes places. */
void kv_index_demands(const kv_graph *g, kv_interval *demand);
/* GatherND whose indices stay in range, whatever they are. */
/* The larger of two guards; either may be NULL. */
kvino_tensor *kv_guard_both(kv_scope *s, kvino_tensor *a, kvino_tensor *b);

#endif
