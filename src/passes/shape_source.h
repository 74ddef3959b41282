/* Where a dimension that is computed in the graph comes from. */
#ifndef KVINO_PASSES_SHAPE_SOURCE_H
#define KVINO_PASSES_SHAPE_SOURCE_H

#include "passes/rewrite.h"

/* Element i of the integer tensor e is dimension *axis of *of: it was taken from a ShapeOf by gathering, slicing,
 * splitting, joining and reshaping. False where it was not, or not visibly. */
bool kv_dimension_source(kv_edge e, int64_t i, kv_edge *of, int *axis);

/* Reshape(x, shape) with a constant shape, where every unknown element of `shape` is a dimension of x itself: those
 * stand for themselves (special_zero), or for the one that the others determine (-1). NULL where that is not so. */
kvino_tensor *kv_reshape_by_source(kv_scope *s, kvino_tensor *x, const kvino_tensor *shape);

#endif
