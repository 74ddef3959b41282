/* Tensors of strings, inside: kv_strings_empty of tensor.h, and their elements. */
#ifndef KVINO_TENSOR_STRINGS_H
#define KVINO_TENSOR_STRINGS_H

#include "kvino/strings.h"
#include "tensor/tensor.h"

/* Element i of a contiguous tensor. */
static inline kvino_string *kv_string_at(const kvino_tensor *t, int64_t i) { return (kvino_string *)t->data + i; }

#endif
