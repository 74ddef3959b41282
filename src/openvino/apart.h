/* A value kept from what OpenVINO would make of it and its users. */
#ifndef KVINO_OPENVINO_APART_H
#define KVINO_OPENVINO_APART_H

#include "tensor/scope.h"

/* x, which OpenVINO does not merge with what comes after: a power of 1, which is exact (substitute_chain.c). */
kvino_tensor *kv_kept_apart(kv_scope *s, kvino_tensor *x);

#endif
