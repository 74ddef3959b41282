/* Where a node comes from: the names of the scopes that had begun when it was recorded (kvino/profile.h). Passes hand
 * the origin of a node on to those that replace it. It is no part of what a graph is: hashes and comparisons leave it
 * out. */
#ifndef KVINO_GRAPH_ORIGIN_H
#define KVINO_GRAPH_ORIGIN_H

#include "base/text.h"

/* A name inside of another one's scope; reference-counted, never changes. NULL is the outermost. */
typedef struct kv_origin kv_origin;

kv_origin *kv_origin_retain(kv_origin *o);
void kv_origin_release(kv_origin *o);

/* What this thread's nodes are of; borrowed. */
kv_origin *kv_origin_current(void);
/* From here on this thread's nodes are of `o`, which stays the caller's. Returns the one before, to be put back. */
kv_origin *kv_origin_enter(kv_origin *o);

/* "model/block/dense". */
void kv_put_origin(kv_text *t, const kv_origin *o);
bool kv_origin_same(const kv_origin *a, const kv_origin *b); /* by the text */

#endif
