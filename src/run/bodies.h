/* Calling and recording bodies. */
#ifndef KVINO_RUN_BODIES_H
#define KVINO_RUN_BODIES_H

#include "graph/body.h"
#include "tensor/scope.h"

/* The values that a body takes while it is recorded (n_captures), as tensors of the graph around it; they belong to the
 * scope. */
void kv_put_captures(kv_scope *s, const kv_graph *body, kvino_tensor **in);

/* y, computed from the n tensors x and traced; its derivatives are what `gradient` makes of x, y and the cotangent d of
 * y, instead of those of the steps between: it gives n tensors of the dtypes and shapes of x, or fails the scope. */
typedef kvino_tensors (*kv_gradient_of)(kv_scope *s, kvino_tensor *const *x, kvino_tensor *y, kvino_tensor *d);
kvino_tensor *kv_with_gradient(kv_scope *s, kvino_tensor *y, size_t n, kvino_tensor *const *x, kv_gradient_of gradient);

#endif
