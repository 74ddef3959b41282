/* Large values of a composite, computed late (deferred.c).
 *
 * With may_defer set after kv_scope_enter, large values are recorded in s->deferred. Where that is not NULL when the
 * formula is done, kv_scope_finish computes the n results in v. */
#ifndef KVINO_RUN_DEFERRED_H
#define KVINO_RUN_DEFERRED_H

#include "graph/graph.h"
#include "tensor/scope.h"

/* Whether n results are so large that they are better computed late. */
bool kv_is_large(size_t n, const kv_spec *spec);
/* False: the formula must be called again; the scope is as entered anew and computes everything at once. */
bool kv_scope_finish(kv_scope *s, size_t n, kvino_tensor **v);
/* Whether t was deferred: symbolic, but not for a graph of the caller's. */
bool kv_is_deferred(const kv_scope *s, const kvino_tensor *t);
/* Whether t is symbolic: what a composite asks that will read its values otherwise. Of a deferred one they are needed
 * now, so that the scope fails, and the formula is called again. */
bool kv_unreadable(kv_scope *s, const kvino_tensor *t);
/* Whether t is of a graph of the caller's: what a composite asks that will not read values, but call other primitives.
 */
static inline bool kv_is_traced(const kv_scope *s, const kvino_tensor *t) {
  return kvino_tensor_is_symbolic(t) && !kv_is_deferred(s, t);
}

#endif
