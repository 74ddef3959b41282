/* Calls of operators whose arguments come from a file. */
#ifndef KVINO_LAYERS_OPERATION_H
#define KVINO_LAYERS_OPERATION_H

#include "layers/layer.h"

/* A value for a parameter. */
typedef struct kv_bound {
  bool given;
  kv_value value;
} kv_bound;

/* to: one for each parameter of the operator; what is not given has its default. */
kv_value kv_call_operator(kv_invocation *c, const kvino_op *op, const kv_bound *to);

/* A value as the operators take them: numbers, lists of numbers and tensors become a tensor, integers (or tensors of
 * one) a list. */
kvino_tensor *kv_value_tensor(kv_invocation *c, const kv_value *v);
kvino_ints kv_value_ints(kv_invocation *c, const kv_value *v);
kvino_tensors kv_value_list_of_tensors(kv_invocation *c, const kv_value *v);

#endif
