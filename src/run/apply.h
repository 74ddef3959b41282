/* Calling primitives. Composites (ops/) and passes call the constructors kv_add(s, a, b), ...: on concrete operands
 * they compute now, on a symbolic one they record a node in the operand's graph. */
#ifndef KVINO_RUN_APPLY_H
#define KVINO_RUN_APPLY_H

#include "prim/prim.h"

/* Calls a primitive; `attrs` may be NULL. The outputs belong to the scope. NULL where the scope has failed or the call
 * fails, or where an operand is NULL (an earlier step failed). */
kvino_tensor *kv_apply(kv_scope *s, kv_prim_id id, const kv_attrs *attrs, size_t n, kvino_tensor *const *in);
/* The same with every output. v is NULL on failure; it belongs to the scope, as do the tensors. */
kvino_tensors kv_apply_many(kv_scope *s, kv_prim_id id, const kv_attrs *attrs, size_t n, kvino_tensor *const *in);

#define KV_OPERANDS_0
#define KV_OPERANDS_1 , kvino_tensor *a
#define KV_OPERANDS_2 , kvino_tensor *a, kvino_tensor *b
#define KV_OPERANDS_3 , kvino_tensor *a, kvino_tensor *b, kvino_tensor *c
#define KV_OPERANDS_4 , kvino_tensor *a, kvino_tensor *b, kvino_tensor *c, kvino_tensor *d
#define KV_OPERANDS_5 , kvino_tensor *a, kvino_tensor *b, kvino_tensor *c, kvino_tensor *d, kvino_tensor *e
#define KV_OPERANDS_N , size_t n, kvino_tensor *const *in
#define KV_PASS_0 0, NULL
#define KV_PASS_1                                                                                                      \
  1, (kvino_tensor *[]) { a }
#define KV_PASS_2                                                                                                      \
  2, (kvino_tensor *[]) { a, b }
#define KV_PASS_3                                                                                                      \
  3, (kvino_tensor *[]) { a, b, c }
#define KV_PASS_4                                                                                                      \
  4, (kvino_tensor *[]) { a, b, c, d }
#define KV_PASS_5                                                                                                      \
  5, (kvino_tensor *[]) { a, b, c, d, e }
#define KV_PASS_N n, in
#define KV_TYPE_ONE kvino_tensor *
#define KV_TYPE_MANY kvino_tensors
#define KV_CALL_ONE kv_apply
#define KV_CALL_MANY kv_apply_many

#define KV_PARAMETER_ATTRS(group) , kv_##group##_attrs attrs
#define KV_PARAMETER_NO_ATTRS
#define KV_ARGUMENT_ATTRS(group)                                                                                       \
  &(kv_attrs) { .group = attrs }
#define KV_ARGUMENT_NO_ATTRS NULL

#define PRIM(Name, function, operands, outputs, attributes, ...)                                                       \
  static inline KV_TYPE_##outputs kv_##function(kv_scope *s KV_OPERANDS_##operands KV_PARAMETER_##attributes) {        \
    return KV_CALL_##outputs(s, KV_##Name, KV_ARGUMENT_##attributes, KV_PASS_##operands);                              \
  }
#include "vocabulary/prims.def"
#undef PRIM

#endif
