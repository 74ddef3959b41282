/* The table of primitives. */
#include <string.h>

#include "vocabulary/prim.h"

const kv_prim kv_prims[KV_PRIM_COUNT] = {
#define COUNT_0 0
#define COUNT_1 1
#define COUNT_2 2
#define COUNT_3 3
#define COUNT_4 4
#define COUNT_5 5
#define COUNT_N -1
#define MANY_ONE false
#define MANY_MANY true
#define FIELDS_ATTRS(group) kv_##group##_fields
#define FIELDS_NO_ATTRS kv_none_fields
#define OPSET_OPENVINO(opset, ...) opset
#define OPSET_EXPORTED(opset, ...) opset
#define OPSET_LOWERED(opset, ...) opset
#define OPSET_COMPOSED(...) NULL
#define OPSET_NATIVE(opset, ...) opset
#define OPSET_ABSENT NULL
#define INTERVAL_INTERVAL(function) kv_interval_##function
#define INTERVAL_ANY NULL
#define PRIM(Name, function, operands, outputs, attributes, infer, eval, openvino, interval, layout, gradient, traits) \
  [KV_##Name] = {KV_##Name,           #Name,                                                                           \
                 OPSET_##openvino,    COUNT_##operands,                                                                \
                 MANY_##outputs,      traits,                                                                          \
                 FIELDS_##attributes, kv_infer_##infer,                                                                \
                 kv_eval_##eval,      INTERVAL_##interval},
#include "vocabulary/prims.def"
#undef PRIM
};

const kv_prim *kv_prim_find(const char *name) {
  for (int i = 0; i < KV_PRIM_COUNT; i++)
    if (!strcmp(kv_prims[i].name, name)) return &kv_prims[i];
  return NULL;
}
