/* Operands that stand for shapes, axes and bounds: reading them as far as they are known, and handing known values on,
 * so that shape arithmetic in a traced function keeps shapes known. */
#ifndef KVINO_PRIM_KNOWN_H
#define KVINO_PRIM_KNOWN_H

#include "prim/prim.h"

typedef struct kv_values {
  int n;         /* length of the operand; 1 for a 0-d one */
  uint64_t mask; /* bit i: v[i] is its value; otherwise it is computed in the graph, and v[i] is KV_UNKNOWN */
  int64_t v[KV_KNOWN_MAX];
} kv_values;

static inline bool kv_is_known(const kv_values *values, int i) { return values->mask >> i & 1; }

/* Operand i as a list of integers; `what` names it in errors ("shape"). Fails unless it is an integer tensor, 0-d or
 * 1-d, of a known length up to KV_KNOWN_MAX. Unlike kv_known_values it tells INT64_MIN, a legal bound of a slice, from
 * an unknown value. */
kvino_status kv_read_values(const kv_call *c, size_t i, const char *what, kv_values *out);
/* The same, where every value must be known. */
kvino_status kv_read_all(const kv_call *c, size_t i, const char *what, kv_values *out);
/* Operand i as one axis, normalized. */
kvino_status kv_read_axis(const kv_call *c, size_t i, int rank, int64_t *axis);
/* Operand i as one integer; false where it is not known. Fails as kv_read_values, and where it is not one value. */
kvino_status kv_read_one(const kv_call *c, size_t i, const char *what, int64_t *value, bool *known);

/* The failure of an eval that reads other values than infer did: another thread has written them meanwhile, and the
 * result has no room for what they say now. */
kvino_status kv_operand_changed(const kv_call *c);

/* At the end of infer: the known values of output 0 (as spec[0] says) ... */
void kv_known_same(kv_call *c); /* ... are those of operand 0: reshapes and the like */
void kv_known_wrap(kv_call *c); /* ... are c->known, wrapped to the output's dtype */

#endif
