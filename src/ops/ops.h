/* Composites: every public operator, written once in terms of primitives. op_<name>(scope, parameters...) is the
 * function that a file of this folder defines; kvino_<name>, the dynamic call and the table follow from the line in
 * include/kvino/ops/. */
#ifndef KVINO_OPS_OPS_H
#define KVINO_OPS_OPS_H

#include "kvino/ops.h"
#include "run/apply.h"

#define OP(space, name, kinds, signature, doc) kvino_tensor *op_##name(kv_scope *s, KVINO_TYPES kinds);
#define OP_LIST(space, name, kinds, signature, doc) kvino_tensors op_##name(kv_scope *s, KVINO_TYPES kinds);
#include "kvino/ops/all.def"
#undef OP
#undef OP_LIST

#endif
