/* What composites of several files need: axes, shapes, views by name. */
#ifndef KVINO_OPS_COMMON_H
#define KVINO_OPS_COMMON_H

#include "ops/ops.h"
#include "ops/promote.h"
#include "run/deferred.h"
#include "vocabulary/refusals.h"

/* One tensor as a list, or several. */
#define KV_LIST(...)                                                                                                   \
  ((kvino_tensors){sizeof((kvino_tensor *[]){__VA_ARGS__}) / sizeof(kvino_tensor *), (kvino_tensor *[]){__VA_ARGS__}})
#define KV_NO_TENSORS ((kvino_tensors){0, NULL})

/* A shape (or a list of repeats, ...) as a 1-D int64 tensor, entries known at run time only included. */
kvino_tensor *kv_ints_operand(kv_scope *s, kvino_ints values);
/* Axes as a 1-D int64 tensor, normalized for `rank`; None is all of them. */
kvino_tensor *kv_axes(kv_scope *s, kvino_ints axes, int rank);
/* The plain values; false with the scope failed where one is a tensor or there are more than `most`. */
bool kv_plain_ints(kv_scope *s, kvino_ints values, int most, int *n, int64_t *out);
/* The same for any number of values; *out lives as long as the scope. */
bool kv_all_plain_ints(kv_scope *s, kvino_ints values, int *n, int64_t **out);
/* 0 <= *axis < rank afterwards; false with the scope failed otherwise. */
bool kv_axis_ok(kv_scope *s, int64_t *axis, int rank);

kvino_tensor *kv_flatten(kv_scope *s, kvino_tensor *x);                                    /* 1-D */
kvino_tensor *kv_reshape_to(kv_scope *s, kvino_tensor *x, int rank, const int64_t *shape); /* one may be -1 */
kvino_tensor *kv_permute(kv_scope *s, kvino_tensor *x, const int64_t *perm);
kvino_tensor *kv_dims(kv_scope *s, kvino_tensor *x);                                 /* 1-D int64 */
kvino_tensor *kv_dimension(kv_scope *s, kvino_tensor *x, int64_t axis);              /* 0-d int64 */
kvino_tensor *kv_broadcast_shape(kv_scope *s, kvino_tensor *x, kvino_tensor *shape); /* shape: 1-D int64 */
/* x[..., begin:end, ...] on one axis; end INT64_MAX is the end. */
kvino_tensor *kv_cut(kv_scope *s, kvino_tensor *x, int64_t axis, int64_t begin, int64_t end);
/* The n slices along an axis of length n, without it. */
kvino_tensors kv_unstack(kv_scope *s, kvino_tensor *x, int64_t axis, int64_t n);
/* x, where every element of the condition `holds` is true; else the scope fails as vocabulary/refusals.def says, at
 * once or, where that is not known yet, when the graph runs (Require). `number`: n for the text, as Require takes them.
 */
kvino_tensor *kv_demand(kv_scope *s, kv_refusal what, kvino_tensor *x, kvino_tensor *holds, size_t n,
                        kvino_tensor *const *number);
/* The same, told by others than a guard (KV_BY_SHAPES, ...: vocabulary/refusals.h). */
kvino_tensor *kv_demand_by(kv_scope *s, const char *by, kv_refusal what, kvino_tensor *x, kvino_tensor *holds, size_t n,
                           kvino_tensor *const *number);

/* The length of an axis; without a tensor the number `axis` itself. */
typedef struct kv_length {
  kvino_tensor *x;
  int64_t axis;
} kv_length;
enum { KV_ALL_AXES = -1 }; /* the whole shape: to be shown */
typedef struct kv_length_pair {
  kv_length a, b;
} kv_length_pair;
/* x, where the lengths of each pair are equal; else the scope fails as vocabulary/refusals.def says, with those to be
 * shown: at once where lengths that are known differ, or, of lengths that are not known yet, when the graph runs,
 * before anything is computed. What an operator refuses because of lengths goes through here, so that it is refused by
 * compiled functions, too. */
kvino_tensor *kv_demand_lengths(kv_scope *s, kv_refusal what, kvino_tensor *x, size_t n, const kv_length_pair *pair,
                                size_t n_shown, const kv_length *shown);
/* The same for a and b, ranks and all axes; the text shows both shapes. */
kvino_tensor *kv_demand_same_shape(kv_scope *s, kv_refusal what, kvino_tensor *x, kvino_tensor *a, kvino_tensor *b);
/* A 0-d constant of x's dtype. */
kvino_tensor *kv_like(kv_scope *s, const kvino_tensor *x, double value);
/* x != 0; x itself where it is bool. */
kvino_tensor *kv_truth(kv_scope *s, kvino_tensor *x);

/* The dtype that a composite of several steps is computed in, so that its result is rounded once: f32 for the smaller
 * floats, otherwise the dtype itself. */
kvino_dtype kv_work_dtype(kvino_dtype dtype);
/* The same for what integers and bool give as floats: f64 where f32 does not hold them all. */
kvino_dtype kv_work_dtype_of(const kvino_tensor *x);
/* The largest finite value of a float dtype. */
double kv_largest(kvino_dtype dtype);
static inline bool kv_is_inexact(kvino_dtype dtype) {
  return kvino_dtype_is_float(dtype) || kvino_dtype_is_complex(dtype);
}

#endif
