/* Rules that record bodies (control.c, loop.c, sequence.c). */
#ifndef KVINO_GRAD_BODIES_H
#define KVINO_GRAD_BODIES_H

#include "grad/grad.h"
#include "run/bodies.h"

/* A new body inside of the graph that the rule records into; what follows is recorded in it, until
 * kv_graph_record_in(*before). What it uses from around it becomes an operand of its node. The caller closes and
 * releases it. NULL where the scope has failed: *before is not set then. */
kv_graph *kv_body_begin(kv_grad *g, kv_graph **before);
/* The next result of a body. */
void kv_body_give(kv_scope *s, kv_graph *body, kvino_tensor *t);
/* A Loop of a body whose own Parameters are the iteration and those of the carried values; closes and releases the
 * body, which may be NULL (the scope has failed then). */
kvino_tensors kv_loop_of(kv_scope *s, kvino_tensor *trip_count, size_t n, kvino_tensor *const *carried, kv_graph *body);
/* A Parameter of a body. */
kvino_tensor *kv_body_take(kv_scope *s, kv_graph *body, kvino_dtype dtype, int rank, const int64_t *shape);
/* x[at]: one slice along the first axis; at: 0-d, or of length 1 where the axis stays. */
kvino_tensor *kv_slice_at(kv_scope *s, kvino_tensor *x, kvino_tensor *at);
/* The scope owns the tensors; the array is freed. */
kvino_tensors kv_own_list(kv_scope *s, kvino_tensors list);
bool kv_same_value(const kvino_tensor *a, const kvino_tensor *b);
/* Whether the cotangent of operand k is wanted, and no operand from `from` on before it is the same value, which has
 * the cotangent of both: a body takes a value from around it only once. */
bool kv_wanted_first(const kv_grad *g, size_t from, size_t k);

#endif
