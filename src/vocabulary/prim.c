/* The table of primitives. */
#include <string.h>

#include "vocabulary/call.h"

static const kv_prim registry[KV_PRIM_COUNT] = {
#define COUNT_0 0
#define COUNT_1 1
#define COUNT_2 2
#define COUNT_3 3
#define COUNT_4 4
#define COUNT_5 5
#define COUNT_N -1
#define MANY_ONE false
#define MANY_MANY true
#define PRIM(operands, outputs, Name, function, opset, infer, eval, traits)                                            \
  PRIM_A(operands, outputs, Name, function, opset, none, infer, eval, traits)
#define PRIM_A(operands, outputs, Name, function, opset, group, infer, eval, traits)                                   \
  [KV_##                                                                                                               \
      Name] = {KV_##Name,        #Name,         opset, COUNT_##operands, MANY_##outputs, traits, kv_##group##_fields,  \
               kv_infer_##infer, kv_eval_##eval},
#include "vocabulary/prims.def"
#undef PRIM
#undef PRIM_A
};

const kv_prim *kv_prim_get(kv_prim_id id) { return &registry[id]; }

const kv_prim *kv_prim_find(const char *name) {
  for (int i = 0; i < KV_PRIM_COUNT; i++)
    if (!strcmp(registry[i].name, name)) return &registry[i];
  return NULL;
}

kvino_status kv_infer_none(kv_call *c) {
  return kv_fail(c->err, KVINO_INVALID, "%s cannot be called: it stands for data of a graph", c->prim->name);
}
kvino_status kv_eval_none(kv_call *c) { return kv_infer_none(c); }
