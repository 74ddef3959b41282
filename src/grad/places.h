/* What the rules of taking and setting by indices share (places.c). */
#ifndef KVINO_GRAD_PLACES_H
#define KVINO_GRAD_PLACES_H

#include "grad/grad.h"

/* 0, 1, ... n - 1 (int64); n: 0-d int64. */
kvino_tensor *kv_iota(kv_scope *s, kvino_tensor *n);
/* Zeros, or a number, of that shape (1-D int64). */
kvino_tensor *kv_filled(kv_scope *s, kvino_dtype dtype, double value, kvino_tensor *shape);
/* Tuples of indices [batch..., places..., k], with the places of their batches in front: [..., batch + k]. */
kvino_tensor *kv_with_batches(kv_scope *s, kvino_tensor *tuples, int batch);
/* Zeros of that shape, and d added at the places that the tuples name; small floats are summed as f32. */
kvino_tensor *kv_added_at(kv_scope *s, kvino_tensor *shape, kvino_tensor *tuples, kvino_tensor *d);
/* What Gather's cotangent is: for x of which `indices` took d along an axis. */
kvino_tensor *kv_added_along(kv_scope *s, kvino_tensor *x, kvino_tensor *indices, kvino_tensor *d, int axis, int batch);
/* The elements that tuples name. */
kvino_tensor *kv_taken_at(kv_scope *s, kvino_tensor *x, kvino_tensor *tuples);
/* x of which element i along the axis is element i + by; zeros where there is none. by: 1 or -1. */
kvino_tensor *kv_shifted(kv_scope *s, kvino_tensor *x, int64_t axis, int by);
/* An axis that an operand names, normalized; false with the scope failed where it is not known. */
bool kv_axis_of(kv_scope *s, const kvino_tensor *axis, int rank, int64_t *out);

#endif
