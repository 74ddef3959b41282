/* What the primitives share: each has, side by side in one file of this folder, `infer` and `eval`. */
#ifndef KVINO_PRIM_PRIM_H
#define KVINO_PRIM_PRIM_H

#include "graph/graph.h"
#include "tensor/scope.h"

/* Fails unless operands a and b have one dtype. */
kvino_status kv_same_dtype(kv_call *c, size_t a, size_t b);
/* NumPy's broadcasting of operands' shapes into *rank and shape; -1 is unknown. */
kvino_status kv_broadcast_shapes(size_t n, kvino_tensor *const *t, int *rank, int64_t shape[KVINO_MAX_RANK],
                                 kvino_error *err);
/* 0 <= *axis < rank afterwards, or NumPy's "axis 3 is out of bounds for array of dimension 2". */
kvino_status kv_normalize_axis(int64_t *axis, int rank, kvino_error *err);
/* Normalized, distinct axes from an integer tensor (operand), as flags per dimension. All values must be known. */
kvino_status kv_axes_operand(const kvino_tensor *axes, int rank, bool selected[KVINO_MAX_RANK], kvino_error *err);

/* Whether PReLU's slope is one number for each channel: along axis 1, not along the last. */
bool kv_prelu_by_channel(const kvino_tensor *x, const kvino_tensor *slope);

#endif
