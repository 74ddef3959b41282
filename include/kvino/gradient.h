/* Derivatives: recorded in the graph of the values, by a rule for each primitive. The results are symbolic tensors as
 * any others: they can be compiled together with the values, and have derivatives themselves. */
#ifndef KVINO_GRADIENT_H
#define KVINO_GRADIENT_H

#include "kvino/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reverse mode: for each of the n_x tensors x, the sum over i of cotangents[i] times the derivative of y[i] with
 * respect to it. `x`: symbolic, of float or complex dtype, any values that y was computed from; where no y depends on
 * one, its gradient is zeros. cotangents[i]: dtype and shape of y[i]; NULL (one or all): ones. y[i] of other dtypes
 * count for nothing. Complex numbers: the transposed derivative, without conjugation. The gradients have dtype and
 * shape of the x. Fails with KVINO_UNSUPPORTED naming the primitive where one on the way has no rule. */
KVINO_API kvino_status kvino_gradients(size_t n_y, kvino_tensor *const *y, kvino_tensor *const *cotangents, size_t n_x,
                                       kvino_tensor *const *x, kvino_tensors *out, kvino_error *err);

/* Forward mode: for each of the n_y tensors y, the sum over i of its derivative with respect to x[i] times tangents[i],
 * of dtype and shape of x[i]. */
KVINO_API kvino_status kvino_jvp(size_t n_y, kvino_tensor *const *y, size_t n_x, kvino_tensor *const *x,
                                 kvino_tensor *const *tangents, kvino_tensors *out, kvino_error *err);

/* The n_y values y themselves, whose derivatives with respect to the n_x values x are what `gradient` says, whatever y
 * was computed from: a body (kvino_body_new) whose parameters are a cotangent for each y and whose results are a
 * gradient for each x. */
KVINO_API kvino_status kvino_custom_gradient(size_t n_y, kvino_tensor *const *y, size_t n_x, kvino_tensor *const *x,
                                             kvino_graph *gradient, kvino_tensors *out, kvino_error *err);

#ifdef __cplusplus
}
#endif
#endif
